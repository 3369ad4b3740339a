"""The sections of a paste ini file as PasteDeploy reads them; eilogin builds nothing.

PasteDeploy stops at the first fault; this module finds all, each with its place.
"""

import configparser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from paste.deploy.loadwsgi import ConfigLoader

from eilogin.config import did_you_mean
from eilogin.errors import Fault, InvalidOptions

#: The prefixes of sections, and the kind that PasteDeploy gives them.
_KINDS = {
    "app": "app",
    "application": "app",
    "composite": "composite",
    "composit": "composite",
    "pipeline": "pipeline",
    "filter-app": "filter-app",
    "filter": "filter",
    "server": "server",
}

_NOTHING: Mapping[str, str] = MappingProxyType({})

#: Options that replace those of the file, by title and name.
Changes = Mapping[str, Mapping[str, str]]
NO_CHANGES: Changes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Section:
    """A section with interpolated values."""

    #: The text in brackets.
    title: str
    #: PasteDeploy's kind, such as ``filter-app``; "" for any other section.
    kind: str
    name: str
    values: Mapping[str, str]


@dataclass
class IniFile:
    """The sections of a file, and all of its faults."""

    path: Path
    sections: Mapping[str, Section] = field(default_factory=dict)
    #: The values of ``[DEFAULT]``, with ``here`` and ``__file__``.
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: The names of ``[DEFAULT]`` that nothing in the file uses.
    unused: Sequence[str] = ()
    #: By its text, so that each fault counts once.
    _faults: dict[str, Fault] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        path: Path,
        variables: Mapping[str, str] = _NOTHING,
        changes: Changes = NO_CHANGES,
    ) -> "IniFile":
        """Read a file, with ``changes`` in memory only.

        ``variables`` set names that ``[DEFAULT]`` does not set. An unreadable file has
        no sections and one fault.
        """
        file = cls(path)
        try:
            loader = loader_of(path, variables, changes)
            file.defaults = dict(loader.parser.defaults())
        except OSError as error:
            file.add_fault("", "", "", f"cannot read it: {error.strerror}")
        except UnicodeDecodeError as error:
            expected = f"cannot read it: it is not {error.encoding.upper()}"
            file.add_fault("", "", "", f"{expected}, the encoding of the locale")
        except configparser.Error as error:
            message = " ".join(str(error).split())
            file.add_fault("", "", "", f"{message}{_cure_for(error)}")
        else:
            raw_options = _raw_options(path)
            file.sections = {
                title: file._section(
                    loader.parser,
                    title,
                    {**raw_options.get(title, {}), **changes.get(title, {})},
                )
                for title in loader.parser.sections()
            }
            file.unused = _unused(raw_options)
        return file

    @property
    def faults(self) -> list[Fault]:
        """The faults so far, in order."""
        return list(self._faults.values())

    def add_fault(
        self,
        title: str,
        option: str,
        found: str,
        expected: str,
        code: str = InvalidOptions.code,
    ) -> None:
        """Add a fault."""
        self.add_faults([Fault(str(self.path), title, option, found, expected, code)])

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Add faults."""
        for fault in faults:
            self._faults.setdefault(str(fault), fault)

    def of_kind(self, *kinds: str) -> list[Section]:
        """Return the sections of these kinds, in the order of the file."""
        return [s for s in self.sections.values() if s.kind in kinds]

    def _section(
        self, parser: configparser.ConfigParser, title: str, options: Iterable[str]
    ) -> Section:
        prefix, colon, name = title.partition(":")
        kind = _KINDS.get(prefix, "") if colon else ""
        values: dict[str, str] = {}
        # Sections of other kinds, such as logging, have other rules about "%".
        for option in options if kind else ():
            self._put_option(parser, title, option, values)
        return Section(title, kind, name.strip(), values)

    def _put_option(
        self,
        parser: configparser.ConfigParser,
        title: str,
        option: str,
        values: dict[str, str],
    ) -> None:
        if option in self.defaults:
            expected = (
                "is in [DEFAULT] too, so PasteDeploy ignores this one; expected it "
                "in one of them"
            )
            self.add_fault(title, option, "", expected)
            return
        try:
            value = parser.get(title, option)
        except configparser.InterpolationError as error:
            self.add_fault(title, option, *self._fault_of(error))
            return
        verb, _, name = option.partition(" ")
        if verb == "get" and name:
            if value in self.defaults:
                values[name.strip()] = self.defaults[value]
            else:
                self.add_fault(
                    title,
                    option,
                    repr(value),
                    "is not in [DEFAULT]; expected a variable from there",
                )
        elif verb != "set" or not name:  # "set" changes the sections that this one uses
            values[option] = value

    def _fault_of(self, error: configparser.InterpolationError) -> tuple[str, str]:
        """Return the faulty part of a value, which may be a secret, and the cure."""
        expected = "expected '%%' for a percent sign, or '%(NAME)s' of a known NAME"
        if not isinstance(error, configparser.InterpolationMissingOptionError):
            return "", expected
        hint = did_you_mean(error.reference, self.defaults)
        names = ", ".join(self.defaults)
        return repr(f"%({error.reference})s"), f"{expected} ({names}){hint}"


def loader_of(
    path: Path, variables: Mapping[str, str], changes: Changes
) -> ConfigLoader:
    """Return PasteDeploy's loader of a file; raise its errors if it cannot read it."""
    loader = ConfigLoader(str(path))
    loader.update_defaults(dict(variables), overwrite=False)
    for title, options in changes.items():
        for option, value in options.items():
            loader.parser.set(title, option, value)
    return loader


_MARK = "\ufeff"


def _cure_for(error: configparser.Error) -> str:
    if isinstance(error, configparser.MissingSectionHeaderError):
        is_marked = error.line.startswith(_MARK)
        return "; expected a file without a byte order mark (BOM)" if is_marked else ""
    if not isinstance(error, configparser.ParsingError):
        return ""
    return "; expected 'NAME = VALUE': indent the further lines of a value"


_Raw = Mapping[str, Mapping[str, str]]


def _raw_options(path: Path) -> _Raw:
    """Return the options that each section itself has, also ``[DEFAULT]``."""
    parser = configparser.RawConfigParser(strict=False, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    # In the encoding of the locale, as PasteDeploy does.
    parser.read(path)
    return {title: dict(parser.items(title)) for title in parser.sections()}


def _unused(raw: _Raw) -> list[str]:
    """Return names in ``[DEFAULT]`` that no section repeats and no value refers to."""
    default = raw.get(_DEFAULT, {})
    references = _references_in(
        section for title, section in raw.items() if title != _DEFAULT
    )
    values = [value for section in raw.values() for value in section.values()]
    return [
        name
        for name in default
        if name not in references
        and not any(f"%({name})s" in value for value in values)
    ]


def _references_in(sections: Iterable[Mapping[str, str]]) -> set[str]:
    lines = [line for section in sections for line in section.items()]
    fetched = {value for option, value in lines if option.startswith("get ")}
    return fetched | {option for option, _ in lines}


_DEFAULT = "DEFAULT"
