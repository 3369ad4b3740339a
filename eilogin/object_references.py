"""Import the object that an ini file names: ``module:attribute``."""

import ast
import importlib.util
import pkgutil
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from typing import Annotated, Any

from pydantic import AfterValidator

from eilogin.config import did_you_mean
from eilogin.errors import Fault, InvalidOptions


def is_name(name: str) -> str:
    """Check a name such as ``mysite.wsgi:application``; raises ValueError."""
    module, _, attribute = name.strip().partition(":")
    if not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise ValueError("'module:attribute', such as 'mysite.wsgi:application'")
    return name.strip()


#: Option type for an object in a module; dots lead to attributes.
Name = Annotated[str, AfterValidator(is_name)]


class _NotThere(Exception):
    """The reason why an object cannot be loaded, as the text of a fault."""


def load(name: str, option: str) -> Any:
    """Import the callable with this name, from the option ``option``.

    Raises :class:`eilogin.errors.InvalidOptions` if there is none
    (:func:`eilogin.config.placing` adds the section). Errors inside the module keep
    their traceback.
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
        raise _NotThere(
            f"expected a function, or another callable, not {_kind_of(found)}"
        )
    return found


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise
        parent, _, last = missing.rpartition(".")
        # The import has loaded the parent of the missing module.
        beside = getattr(sys.modules[parent], "__path__", ()) if parent else None
        hint = _near(last, beside)
        raise _NotThere(f"{_no_module(missing)}{hint}") from None


def _no_module(missing: str) -> str:
    return (
        "expected a module that can be imported; no folder of 'path' and no "
        f"installed package has {missing!r}"
    )


def _near(name: str, folders: Iterable[str] | None) -> str:
    """A hint at a module with a similar name, in these folders or in all."""
    return did_you_mean(name, [module.name for module in pkgutil.iter_modules(folders)])


def folder_of(name: str, folders: Iterable[str]) -> str | None:
    """Return the first folder that has the module of ``name``, or None.

    Folders may share a package, so the module counts. Runs no code of it.
    """
    importlib.invalidate_caches()
    return next((one for one in folders if _is_below(one, name)), None)


def _is_below(folder: str, name: str) -> bool:
    here: Sequence[str] = [folder]
    path = ""
    for step in name.partition(":")[0].split("."):
        path = f"{path}.{step}" if path else step
        spec = PathFinder.find_spec(path, here)
        if spec is None:
            return False
        here = [*(spec.submodule_search_locations or ())]
    return True


def fault_of_name(name: str, folders: Sequence[str]) -> str:
    """The reason why ``name`` cannot be loaded, without importing it.

    Runs no code: a name made at runtime is no fault, so "" may mean unknown.
    ``folders`` are searched first.
    """
    module, _, attribute = name.partition(":")
    # Files may be newer than the last search.
    importlib.invalidate_caches()
    spec, here = None, [*folders, *sys.path]
    path: list[str] = []
    for step in module.split("."):
        path.append(step)
        spec = _spec_of(".".join(path), here, is_top=len(path) == 1)
        if spec is None:
            return f"{_no_module('.'.join(path))}{_near(step, here)}"
        source = _source_of(spec)
        if source is None or (len(path) < module.count(".") + 1 and _is_odd(source)):
            return ""
        here = [*(spec.submodule_search_locations or ())]
    source = _source_of(spec) if spec is not None else None
    return "" if source is None else _fault_in(source, module, attribute, here)


def _spec_of(module: str, folders: Sequence[str], *, is_top: bool) -> ModuleSpec | None:
    found = PathFinder.find_spec(module, folders)
    if found is None and is_top:
        # Built in, frozen, or from an importer of its own.
        with suppress(ValueError, ImportError):
            return importlib.util.find_spec(module)
    return found


def _source_of(spec: ModuleSpec) -> str | None:
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None if spec.submodule_search_locations is None else ""
    try:
        with tokenize.open(spec.origin) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


#: Code that makes names or submodules that the source does not show.
_ODD = re.compile(
    r"import \*|__getattr__|__path__|sys\.modules"
    r"|\b(globals|locals|vars|exec|setattr|eval)\("
)


def _is_odd(source: str) -> bool:
    return _ODD.search(source) is not None


def _fault_in(source: str, module: str, attribute: str, beside: Sequence[str]) -> str:
    """Why a module cannot have an attribute; "" if it can."""
    if _is_odd(source):
        return ""
    try:
        known = set(_bound_in(ast.parse(source).body))
    except (SyntaxError, ValueError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        return (
            f"expected a module that can be imported; {module!r} is not valid "
            f"Python{line}"
        )
    step = attribute.partition(".")[0]
    known.update(one.name for one in pkgutil.iter_modules([*beside]))
    if step in known or step.startswith("__"):
        return ""
    hint = did_you_mean(step, known)
    return f"expected the module {module!r} to have {step!r}{hint}"


def _bound_in(statements: Iterable[ast.AST]) -> Iterator[str]:
    """Every name that statements of a module bind, in any branch."""
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
                yield from _declared_global(statement)
            case ast.Import() | ast.ImportFrom():
                names = (alias.asname or alias.name for alias in statement.names)
                yield from (name.partition(".")[0] for name in names)
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield name
            case _:
                yield from _bound_in(ast.iter_child_nodes(statement))


def _declared_global(definition: ast.AST) -> Iterator[str]:
    """Names of the module that a function or class declares ``global``."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):
            yield from node.names


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
