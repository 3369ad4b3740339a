"""Declare the options of an ini section, and describe them for the documentation.

The check at start, the errors, ``eilogin options NAME`` and
contrib/manual/reference/options.rst all use the same declaration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
)
from pydantic_core import PydanticUndefined

from eilogin.config.option_findings import OptionNote
from eilogin.config.option_lines import split
from eilogin.config.redaction import is_secret
from eilogin.errors import Fault

#: The declared options by the name of their filter or app, as in ``egg:eilogin#NAME``.
REGISTRY: "dict[str, type[Options]]" = {}


class Options(BaseModel):
    """The options of one ini section; frozen after reading."""

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )

    #: The entry point that takes these options, as in ``egg:eilogin#NAME``.
    entry_point: ClassVar[str] = ""
    #: The ini file, and the values of its section.
    _file: str = PrivateAttr("")
    _values: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def remember_source(self, file: str, values: Mapping[str, str]) -> None:
        """Remember the ini file, and the values in its section."""
        self._file = file and str(Path(file).absolute())
        self._values = dict(values)

    def values_for(self, declared: "type[Options]") -> tuple[str, dict[str, str]]:
        """Return the ini file, and its values for ``declared`` without secrets."""
        # Another process can then read them in the same way.
        fields = declared.model_fields
        return self._file, {
            name: value
            for name, value in self._values.items()
            if name in fields and not is_secret(fields[name].annotation)
        }

    @property
    def ini_file(self) -> str:
        """The absolute path of the ini file, or ""."""
        return self._file

    def written(self, name: str) -> str:
        """Return the value of an option as it stands in the section, or ""."""
        return self._values.get(name, "").strip()

    def named_files(self, name: str) -> Iterator[Path]:
        """Yield the files that the lines ``file:PATH`` of an option name."""
        for line in split(self.written(name)):
            if line.startswith("file:"):
                yield Path(self._file).parent / line.removeprefix("file:").strip()

    # --- findings for 'eilogin check'; a subclass adds to those of its bases ---

    def faults(self) -> Iterator[Fault]:
        """Yield faults of values that do not work; the caller adds file and section."""
        yield from ()

    def code_faults(self, folders: Sequence[str]) -> Iterator[Fault]:
        """Yield the names of objects that cannot be imported from ``folders``."""
        _ = folders
        yield from ()

    def store_faults(self) -> Iterator[Fault]:
        """Yield the reasons why a store is unusable, or does not answer."""
        yield from ()

    def profile_faults(self) -> Iterator[Fault]:
        """Yield values that a profile with ``restricts_filters`` excludes."""
        yield from ()

    @classmethod
    def hidden_faults(cls, file: str, values: Mapping[str, str]) -> Iterator[Fault]:
        """Yield faults of a section that cannot be read, because of other options."""
        _ = file, values
        yield from ()

    def notes(self) -> Iterator[OptionNote]:
        """Yield notes on settings that are no faults, but hardly intended."""
        yield from ()

    def options_in_one_process(self) -> Iterator[str]:
        """Yield the options that keep data in the memory of one process."""
        yield from ()

    def options_with_thread_limits(self) -> Iterator[str]:
        """Yield the options that limit how many threads wait for a peer."""
        yield from ()

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.entry_point = name
            REGISTRY[name] = cls


OptionsT = TypeVar("OptionsT", bound=Options)


def option(
    meaning: str, default: Any = PydanticUndefined, *, shown: str | None = None
) -> Any:
    """Declare one option; ``meaning`` is its line in the documentation.

    Without a ``default``, the option is required. The default "" means "not given",
    and is valid for every type. The documentation prints ``shown`` as the default, such
    as "none", if the value itself would tell nothing.
    """
    return Field(
        default,
        validate_default=False if default == "" else None,
        description=meaning,
        json_schema_extra=None if shown is None else {"shown": shown},
    )


def plain(text: str | None) -> str:
    """Return a text of the documentation for a terminal."""
    return (text or "").replace("``", "")


@dataclass(frozen=True, slots=True)
class OptionDescription:
    """One option as the documentation shows it."""

    name: str
    #: The default in the notation of an ini file, its description, or "required".
    default: str
    meaning: str
    #: Whether ``default`` is valid in an ini file as it is.
    is_literal: bool


def describe(declared: type[Options]) -> list[OptionDescription]:
    """Return the options of a filter or app, in the order of their declaration."""
    rows = []
    for name, field in declared.model_fields.items():
        extra = field.json_schema_extra
        shown = extra.get("shown") if isinstance(extra, dict) else None
        if field.is_required():
            default = "required"
        elif shown is not None:
            default = str(shown)
        else:
            default = _as_ini(field.default)
        is_literal = shown is None and not field.is_required() and default != ""
        rows.append(
            OptionDescription(name, default, field.description or "", is_literal)
        )
    return rows


def _as_ini(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return " ".join(map(str, value))
        case float():
            return _duration(value)
        case _:
            return str(value)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"
