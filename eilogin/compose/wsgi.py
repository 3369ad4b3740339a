"""A plain WSGI callable as an app of PasteDeploy: ``egg:eilogin#wsgi``.

A Flask or Django application is a callable with no paste factory of its own; this one
finds it by its name::

    [app:myapp]
    use = egg:eilogin#wsgi
    app = mysite.wsgi:application
    path = %(here)s

*Changes* ``sys.path``: the folders of ``path`` are put before all others, because a
console script has neither the working folder nor that of the ini file on it.
"""

import importlib.util
import pkgutil
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from eilogin.errors import Fault, InvalidOptions
from eilogin.settings import (
    Lines,
    Options,
    did_you_mean,
    is_there,
    option,
    read,
    section_of,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def _is_module_and_attribute(name: str) -> str:
    module, _, attribute = name.strip().partition(":")
    if not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise ValueError("'module:attribute', such as 'mysite.wsgi:application'")
    return name.strip()


def _are_folders(lines: tuple[str, ...]) -> tuple[str, ...]:
    for line in lines:
        if not is_there(Path(line).is_dir):
            raise ValueError(f"existing folders, one a line; {line!r} is none")
    return lines


#: The type of an option that names something in a module.
Name = Annotated[str, AfterValidator(_is_module_and_attribute)]


class CodeOptions(Options):
    """Where code of others is imported from."""

    path: Annotated[Lines, AfterValidator(_are_folders)] = option(
        "folders to import from, one a line, such as ``%(here)s``", default=()
    )


class WsgiOptions(CodeOptions, name="wsgi"):
    """What ``[app:…] use = egg:eilogin#wsgi`` understands."""

    app: Name = option(
        "the application, as ``module:attribute``; dots reach further inside"
    )


class _NotThere(Exception):
    """Why an application cannot be taken, in the words of a fault."""


def make_wsgi(global_conf: Mapping[str, str], **local_conf: str) -> "WSGIApplication":
    """PasteDeploy's factory for ``egg:eilogin#wsgi``.

    Raises :class:`eilogin.errors.InvalidOptions` where nothing callable goes by that
    name; an error inside of the module comes through with its own traceback.
    """
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
    """The callable that goes by ``name``, which ``option_name`` says."""
    sys.path[:0] = [folder for folder in options.path if folder not in sys.path]
    try:
        return _loaded(name)
    except _NotThere as reason:
        file = global_conf.get("__file__", "")
        section = section_of(type(options), file, local_conf)
        fault = Fault(file, section, option_name, repr(name), str(reason))
        raise InvalidOptions([fault]) from None


def _loaded(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found: Any = _imported(module)
    for step in attribute.split("."):
        if not hasattr(found, step):
            raise _NotThere(f"expected the module {module!r} to have {attribute!r}")
        found = getattr(found, step)
    if not callable(found):
        raise _NotThere(f"expected something that can be called, not {_kind_of(found)}")
    return found


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Another module that this one fails to import is a fault of its own.
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise
        raise _NotThere(_no_module(missing)) from None


def _no_module(missing: str) -> str:
    return (
        f"expected a module that can be imported; there is no {missing!r} in the "
        "folders of 'path', nor among what is installed"
    )


def fault_of_module(options: CodeOptions, name: str) -> str:
    """Why ``name`` cannot be imported, as far as that is seen without importing it.

    "" where nothing is known: only the first part of its module is looked for, because
    to look further inside is to import it.
    """
    top = name.partition(":")[0].partition(".")[0]
    # Files may have been written since somebody looked.
    importlib.invalidate_caches()
    if top in sys.modules or PathFinder.find_spec(top, options.path):
        return ""
    if importlib.util.find_spec(top) is not None:
        return ""
    near = [module.name for module in pkgutil.iter_modules(options.path)]
    return f"{_no_module(top)}{did_you_mean(top, near)}"


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
