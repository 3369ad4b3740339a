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
    """Check a name such as ``mysite.wsgi:application``, or raise ValueError."""
    module, _, attribute = name.strip().partition(":")
    if not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise ValueError("'module:attribute', such as 'mysite.wsgi:application'")
    return name.strip()


Name = Annotated[str, AfterValidator(is_name)]


class _Unloadable(Exception):
    """The reason why an object cannot be loaded, as the text of a fault."""


def load(name: str, option: str) -> Any:
    """Import the callable with this name, from the option ``option``.

    Raise InvalidOptions if there is none (:func:`eilogin.config.placing` adds the
    section). Errors inside the module keep their traceback.
    """
    try:
        return _import_object(name)
    except _Unloadable as reason:
        raise InvalidOptions([Fault("", "", option, repr(name), str(reason))]) from None


def _import_object(name: str) -> Any:
    module, _, attribute = name.partition(":")
    target: Any = _import_module(module)
    for step in attribute.split("."):
        if not hasattr(target, step):
            hint = did_you_mean(step, dir(target))
            reason = f"expected the module {module!r} to have {attribute!r}{hint}"
            raise _Unloadable(reason)
        target = getattr(target, step)
    if not callable(target):
        raise _Unloadable(
            f"expected a function, or another callable, not {_kind_of(target)}"
        )
    return target


def _import_module(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise
        parent, _, child = missing.rpartition(".")
        # The import has loaded the parent of the missing module.
        search_path = getattr(sys.modules[parent], "__path__", ()) if parent else None
        hint = _suggestion(child, search_path)
        raise _Unloadable(f"{_no_module(missing)}{hint}") from None


def _no_module(missing: str) -> str:
    return (
        "expected a module that can be imported; no folder of 'path' and no "
        f"installed package has {missing!r}"
    )


def _suggestion(name: str, folders: Iterable[str] | None) -> str:
    """Suggest a module with a similar name in these folders; None for all folders."""
    return did_you_mean(name, [module.name for module in pkgutil.iter_modules(folders)])


def folder_of(name: str, folders: Iterable[str]) -> str | None:
    """Return the first folder with the module of ``name``, or None.

    Folders may share a package, so the module counts. Runs no code of it.
    """
    importlib.invalidate_caches()
    return next((folder for folder in folders if _has_module(folder, name)), None)


def _has_module(folder: str, name: str) -> bool:
    search_path: Sequence[str] = [folder]
    path = ""
    for step in name.partition(":")[0].split("."):
        path = f"{path}.{step}" if path else step
        spec = PathFinder.find_spec(path, search_path)
        if spec is None:
            return False
        search_path = [*(spec.submodule_search_locations or ())]
    return True


def fault_of_name(name: str, folders: Sequence[str]) -> str:
    """Return the reason why ``name`` cannot be loaded, or "", without importing it.

    As no code runs, "" may also mean that the name is made at runtime. ``folders`` come
    first.
    """
    module, _, attribute = name.partition(":")
    # Files may be newer than the last search.
    importlib.invalidate_caches()
    spec, search_path = None, [*folders, *sys.path]
    path: list[str] = []
    for step in module.split("."):
        path.append(step)
        spec = _spec_of(".".join(path), search_path, is_top=len(path) == 1)
        if spec is None:
            return f"{_no_module('.'.join(path))}{_suggestion(step, search_path)}"
        source = _source_of(spec)
        if source is None or (
            len(path) < module.count(".") + 1 and _is_dynamic(source)
        ):
            return ""
        search_path = [*(spec.submodule_search_locations or ())]
    source = _source_of(spec) if spec is not None else None
    return "" if source is None else _fault_in(source, module, attribute, search_path)


def _spec_of(module: str, folders: Sequence[str], *, is_top: bool) -> ModuleSpec | None:
    spec = PathFinder.find_spec(module, folders)
    if spec is None and is_top:
        # Built in, frozen, or from another importer.
        with suppress(ValueError, ImportError):
            return importlib.util.find_spec(module)
    return spec


def _source_of(spec: ModuleSpec) -> str | None:
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None if spec.submodule_search_locations is None else ""
    try:
        with tokenize.open(spec.origin) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


#: Code that makes names or submodules that the source does not show.
_DYNAMIC = re.compile(
    r"import \*|__getattr__|__path__|sys\.modules"
    r"|\b(globals|locals|vars|exec|setattr|eval)\("
)


def _is_dynamic(source: str) -> bool:
    return _DYNAMIC.search(source) is not None


def _fault_in(
    source: str, module: str, attribute: str, search_path: Sequence[str]
) -> str:
    if _is_dynamic(source):
        return ""
    try:
        names = set(_bound_in(ast.parse(source).body))
    except (SyntaxError, ValueError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        return (
            f"expected a module that can be imported; {module!r} is not valid "
            f"Python{line}"
        )
    step = attribute.partition(".")[0]
    names.update(submodule.name for submodule in pkgutil.iter_modules([*search_path]))
    if step in names or step.startswith("__"):
        return ""
    hint = did_you_mean(step, names)
    return f"expected the module {module!r} to have {step!r}{hint}"


def _bound_in(statements: Iterable[ast.AST]) -> Iterator[str]:
    """Yield every name that statements of a module bind, in any branch."""
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
    """Yield the names of the module that a function or class declares ``global``."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Global):
            yield from node.names


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
