"""The sections of a paste ini file as PasteDeploy reads them, with nothing built.

PasteDeploy stops at the first fault and says little about it; this module keeps every
fault, with its place. :mod:`eilogin.cli.inifiles.ini_pipelines` joins the sections.
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

#: Options that replace those of the file, by the title of their section.
Changes = Mapping[str, Mapping[str, str]]
NO_CHANGES: Changes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Section:
    """One section, its values interpolated."""

    #: As it stands between the brackets.
    title: str
    #: ``app``, ``composite``, ``pipeline``, ``filter-app``, ``filter``, ``server``,
    #: or "" for one that is not PasteDeploy's.
    kind: str
    name: str
    values: Mapping[str, str]


@dataclass
class IniFile:
    """The sections of one file, and all of its faults."""

    path: Path
    sections: Mapping[str, Section] = field(default_factory=dict)
    #: The values of ``[DEFAULT]``, with ``here`` and ``__file__``.
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: The names of ``[DEFAULT]`` to which nothing in the file refers.
    unused: Sequence[str] = ()
    #: The faults by their text, so that each is reported once.
    _faults: dict[str, Fault] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        path: Path,
        variables: Mapping[str, str] = _NOTHING,
        changes: Changes = NO_CHANGES,
    ) -> "IniFile":
        """Read a file; ``variables`` set names that ``[DEFAULT]`` does not set.

        The ``changes`` happen in memory only. An unreadable file has no sections and
        one fault.
        """
        found = cls(path)
        try:
            loader = loader_of(path, variables, changes)
            found.defaults = dict(loader.parser.defaults())
        except OSError as error:
            found.note("", "", "", f"cannot read it: {error.strerror}")
        except UnicodeDecodeError as error:
            expected = f"cannot read it: it is not {error.encoding.upper()}"
            found.note("", "", "", f"{expected}, the encoding of the locale")
        except configparser.Error as error:
            told = " ".join(str(error).split())
            found.note("", "", "", f"{told}{_cure_of(error)}")
        else:
            own = _own_options(path)
            found.sections = {
                title: found._section(
                    loader.parser,
                    title,
                    {**own.get(title, {}), **changes.get(title, {})},
                )
                for title in loader.parser.sections()
            }
            found.unused = _unused(own)
        return found

    @property
    def faults(self) -> list[Fault]:
        """The faults so far, in the order of their discovery."""
        return list(self._faults.values())

    def note(
        self,
        title: str,
        option: str,
        found: str,
        expected: str,
        code: str = InvalidOptions.code,
    ) -> None:
        """Keep one fault."""
        self.keep([Fault(str(self.path), title, option, found, expected, code)])

    def keep(self, faults: Sequence[Fault]) -> None:
        """Keep faults of another check."""
        for fault in faults:
            self._faults.setdefault(str(fault), fault)

    def of_kind(self, *kinds: str) -> list[Section]:
        """The sections of some kinds, in the order of the file."""
        return [s for s in self.sections.values() if s.kind in kinds]

    # --- reading ---

    def _section(
        self, parser: configparser.ConfigParser, title: str, own: Iterable[str]
    ) -> Section:
        prefix, colon, name = title.partition(":")
        kind = _KINDS.get(prefix, "") if colon else ""
        values: dict[str, str] = {}
        # Other sections (logging) have rules of their own about "%".
        for option in own if kind else ():
            self._take(parser, title, option, values)
        return Section(title, kind, name.strip(), values)

    def _take(
        self,
        parser: configparser.ConfigParser,
        title: str,
        option: str,
        values: dict[str, str],
    ) -> None:
        """Put the value of one option into its place, as PasteDeploy does."""
        if option in self.defaults:
            expected = (
                "is in [DEFAULT] too, so PasteDeploy ignores this one; expected it "
                "in one of them"
            )
            self.note(title, option, "", expected)
            return
        try:
            value = parser.get(title, option)
        except configparser.InterpolationError as error:
            self.note(title, option, *self._told(error))
            return
        word, _, name = option.partition(" ")
        if word == "get" and name:
            if value in self.defaults:
                values[name.strip()] = self.defaults[value]
            else:
                self.note(
                    title,
                    option,
                    repr(value),
                    "is not in [DEFAULT]; expected a variable from there",
                )
        elif word != "set" or not name:  # "set" changes the sections that this one uses
            values[option] = value

    def _told(self, error: configparser.InterpolationError) -> tuple[str, str]:
        """The faulty part of a value that may be a secret, and the expected form."""
        expected = "expected '%%' for a percent sign, or '%(NAME)s' of a known NAME"
        if not isinstance(error, configparser.InterpolationMissingOptionError):
            return "", expected
        hint = did_you_mean(error.reference, self.defaults)
        names = ", ".join(self.defaults)
        return repr(f"%({error.reference})s"), f"{expected} ({names}){hint}"


def loader_of(
    path: Path, variables: Mapping[str, str], changes: Changes
) -> ConfigLoader:
    """PasteDeploy's reader of a file, with variables and changes as for ``IniFile``.

    Raises PasteDeploy's own errors for an unreadable file.
    """
    loader = ConfigLoader(str(path))
    loader.update_defaults(dict(variables), overwrite=False)
    for title, options in changes.items():
        for option, value in options.items():
            loader.parser.set(title, option, value)
    return loader


#: Some editors begin a file in UTF-8 with it.
_MARK = "\ufeff"


def _cure_of(error: configparser.Error) -> str:
    """The usual cure for a line that is no option."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        is_marked = error.line.startswith(_MARK)
        return "; expected a file without a byte order mark (BOM)" if is_marked else ""
    if not isinstance(error, configparser.ParsingError):
        return ""
    return "; expected 'NAME = VALUE': indent the further lines of a value"


_Raw = Mapping[str, Mapping[str, str]]


def _own_options(path: Path) -> _Raw:
    """The raw options of each section itself, with ``[DEFAULT]`` as one of them."""
    parser = configparser.RawConfigParser(strict=False, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    # In the encoding of the locale, as PasteDeploy does.
    parser.read(path)
    return {title: dict(parser.items(title)) for title in parser.sections()}


def _unused(own: _Raw) -> list[str]:
    """The names in ``[DEFAULT]`` that no section repeats and no value refers to."""
    default = own.get(_DEFAULT, {})
    used = _used_in(section for title, section in own.items() if title != _DEFAULT)
    values = [value for section in own.values() for value in section.values()]
    return [
        name
        for name in default
        if name not in used and not any(f"%({name})s" in value for value in values)
    ]


def _used_in(sections: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the options of sections, and the variables that ``get`` lines read."""
    lines = [line for section in sections for line in section.items()]
    fetched = {value for option, value in lines if option.startswith("get ")}
    return fetched | {option for option, _ in lines}


_DEFAULT = "DEFAULT"
