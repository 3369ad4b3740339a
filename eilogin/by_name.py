"""Code of others by its name in an ini file: ``module:attribute``.

What belongs here: how such a name is written, and what goes by it. What does not: what
the code is for, which the option says that names it.
"""

import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from typing import Annotated, Any

from pydantic import AfterValidator

from eilogin.errors import Fault, InvalidOptions
from eilogin.settings import did_you_mean


def is_name(name: str) -> str:
    """A name such as ``mysite.wsgi:application``; ValueError for what is none."""
    module, _, attribute = name.strip().partition(":")
    if not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise ValueError("'module:attribute', such as 'mysite.wsgi:application'")
    return name.strip()


#: The type of an option that names something in a module; dots reach further inside.
Name = Annotated[str, AfterValidator(is_name)]


class _NotThere(Exception):
    """Why something cannot be taken, in the words of a fault."""


def load(name: str, option: str) -> Any:
    """What can be called by ``name``, which ``option`` says.

    Raises :class:`eilogin.errors.InvalidOptions` where nothing goes by that name
    (:func:`eilogin.settings.placing` adds where it stands); an error inside of the
    module comes through with its own traceback.
    """
    try:
        return _loaded(name)
    except _NotThere as reason:
        raise InvalidOptions([Fault("", "", option, repr(name), str(reason))]) from None


def _loaded(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found: Any = _imported(module)
    for step in attribute.split("."):
        if not hasattr(found, step):
            hint = did_you_mean(step, dir(found))
            reason = f"expected the module {module!r} to have {attribute!r}{hint}"
            raise _NotThere(reason)
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
        parent, _, last = missing.rpartition(".")
        # What holds the missing one was imported on the way to it.
        beside = getattr(sys.modules[parent], "__path__", ()) if parent else None
        hint = _near(last, beside)
        raise _NotThere(f"{_no_module(missing)}{hint}") from None


def _no_module(missing: str) -> str:
    return (
        f"expected a module that can be imported; there is no {missing!r} in the "
        "folders of 'path', nor among what is installed"
    )


def _near(name: str, folders: Iterable[str] | None) -> str:
    """A hint at a module of nearly that name in these folders, or in all there are."""
    return did_you_mean(name, [module.name for module in pkgutil.iter_modules(folders)])


def fault_of_module(name: str, folders: Sequence[str]) -> str:
    """Why ``name`` cannot be imported, as far as that is seen without importing it.

    "" where nothing is known: only the first part of its module is looked for, because
    to look further inside is to import it. ``folders`` are looked at before others.
    """
    top = name.partition(":")[0].partition(".")[0]
    # Files may have been written since somebody looked.
    importlib.invalidate_caches()
    if top in sys.modules or PathFinder.find_spec(top, folders):
        return ""
    if importlib.util.find_spec(top) is not None:
        return ""
    return f"{_no_module(top)}{_near(top, folders)}"


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
