"""Call a function with the options of a section, and use the app that it returns.

``egg:eilogin#factory`` calls ``factory`` with all other options of the section as
keyword arguments, unchanged. It *changes* ``sys.path``, as ``egg:eilogin#wsgi`` does.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from eilogin.compose.wsgi import CodeOptions, load
from eilogin.config import option, read
from eilogin.object_references import Name

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class FactoryOptions(CodeOptions, name="factory"):
    """Options of ``[app:…] use = egg:eilogin#factory``, with any others for the app."""

    model_config = ConfigDict(extra="allow")

    factory: Name = option(
        "Names the function that makes the application, as "
        "``module:attribute``. It gets all other options of the section as "
        "keyword arguments, and returns the application."
    )


def make_by_factory(
    global_conf: Mapping[str, str], **local_conf: str
) -> "WSGIApplication":
    """Make ``egg:eilogin#factory`` for PasteDeploy, or raise InvalidOptions."""
    options = read(FactoryOptions, global_conf, local_conf)
    factory = load(options, options.factory, "factory", global_conf, local_conf)
    application: WSGIApplication = factory(**(options.model_extra or {}))
    return application
