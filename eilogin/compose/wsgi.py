"""A plain WSGI callable as an app of PasteDeploy: ``egg:eilogin#wsgi``.

It *changes* ``sys.path``: the folders of ``path`` come first, because a console script
has neither the working folder nor that of the ini file there.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from eilogin import object_references
from eilogin.config import Lines, Options, is_there, option, placing, read
from eilogin.errors import Fault
from eilogin.object_references import Name

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def _are_folders(lines: tuple[str, ...]) -> tuple[str, ...]:
    for line in lines:
        if not is_there(Path(line).is_dir):
            raise ValueError(f"existing folders, one a line; {line!r} is none")
    return lines


class CodeOptions(Options):
    """The folders to import the app from."""

    path: Annotated[Lines, AfterValidator(_are_folders)] = option(
        "Lists folders to import from, one on each line, such as ``%(here)s``.",
        default=(),
    )

    def code_faults(self, folders: Sequence[str]) -> Iterator[Fault]:
        """Yield the faults of ``app`` and ``factory``, with this section's ``path``."""
        yield from super().code_faults(folders)
        for option_name in ("app", "factory"):
            name = getattr(self, option_name, None)
            fault = name and object_references.fault_of_name(name, self.path)
            if fault:
                yield Fault("", "", option_name, repr(name), fault)


class WsgiOptions(CodeOptions, name="wsgi"):
    """Options of ``[app:…] use = egg:eilogin#wsgi``."""

    app: Name = option(
        "Names the application as ``module:attribute``. Dots reach further inside."
    )


def make_wsgi(global_conf: Mapping[str, str], **local_conf: str) -> "WSGIApplication":
    """Make ``egg:eilogin#wsgi`` for PasteDeploy, or raise InvalidOptions."""
    options = read(WsgiOptions, global_conf, local_conf)
    application: WSGIApplication = load(
        options, options.app, "app", global_conf, local_conf
    )
    return application


def load(
    options: CodeOptions,
    name: str,
    option_name: str,
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> Any:
    """Return the callable ``name``, which the option ``option_name`` gives."""
    sys.path[:0] = [folder for folder in options.path if folder not in sys.path]
    with placing(type(options), global_conf, local_conf):
        return object_references.load(name, option_name)
