"""Put a filter around an existing application of an ini file.

The application's own section gets one new word (``filter-with``, or the first name of a
pipeline), and the filter's section goes to the end. No line moves, no comment is lost,
and scripts that read ``[app:main]`` find it in its place.
"""

import difflib
import locale
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paste.deploy.loadwsgi import APP, loadcontext

from eilogin.cli.inifiles.ini_members import is_member
from eilogin.cli.inifiles.ini_pipelines import APPS, Part, Pipelines
from eilogin.cli.inifiles.ini_sections import IniFile, Section
from eilogin.errors import ConfigurationError, Fault, InvalidOptions

#: A heading begins its line: an indented line belongs to a value.
_HEADING = re.compile(rb"\[(.+)\]")

_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Host:
    """An application in its file, around which a filter goes."""

    file: IniFile
    octets: bytes
    section: Section

    @classmethod
    def read(cls, path: Path, title: str = "") -> "Host":
        """The application in the section ``title``, or the served one.

        Raises :class:`eilogin.errors.ConfigurationError` if the file cannot be read
        whole, or has no such application.
        """
        octets = _octets(path)
        file = IniFile.read(path)
        section = None if file.faults else _chosen(file, title)
        if section is None:
            raise InvalidOptions(file.faults)
        return cls(file, octets, section)

    @property
    def guards(self) -> list[Part]:
        """The filters of ours that are around it already, on any path through it."""
        stacks = Pipelines(self.file).around(self.section)
        found = {
            part.title: part
            for stack in stacks
            for part in stack.parts
            if is_member(part)
        }
        return list(found.values())

    @property
    def applications(self) -> list[Part]:
        """The applications that it serves, without their filters."""
        stacks = Pipelines(self.file).around(self.section)
        found = {part.title: part for stack in stacks for part in stack.parts[-1:]}
        return list(found.values())

    @property
    def is_zope(self) -> bool:
        """Whether it serves Zope, also as one of several applications."""
        return any(part.is_zope for part in self.applications)

    @property
    def servers(self) -> list[Part]:
        """The servers of its file."""
        pipelines = Pipelines(self.file)
        return [pipelines.part(section) for section in self.file.of_kind("server")]

    @property
    def outer(self) -> str:
        """The filter of its `filter-with`, or ""."""
        return self.section.values.get("filter-with", "")

    def free_name(self, wanted: str) -> str:
        """A name for a filter that no section has yet."""
        taken = {section.name for section in self.file.of_kind("filter", *APPS)}
        names = [wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name not in taken)

    def wrapped(self, name: str, lines: Sequence[str]) -> bytes:
        """The file with the filter ``name`` around it, whose section is ``lines``.

        Raises :class:`eilogin.errors.ConfigurationError` if PasteDeploy would read the
        new file in another way.
        """
        found = self.octets.splitlines(keepends=True)
        newline = b"\r\n" if found[0].endswith(b"\r\n") else b"\n"
        if not found[-1].endswith((b"\n", b"\r")):
            found[-1] += newline
        self._name_it(found, name.encode(), newline)
        found += [encoded(line) + newline for line in ("", *lines)]
        octets = b"".join(found)
        self._check(octets, name)
        return octets

    def _name_it(self, lines: list[bytes], name: bytes, newline: bytes) -> None:
        """Name the filter in the application's own section.

        A pipeline gets it as its first name, any other section as ``filter-with``.
        """
        heading, end = self._place_in(lines, name)
        option = b"pipeline" if self.section.kind == "pipeline" else b"filter-with"
        if option.decode() not in self.section.values:
            if not self._takes_filter():
                raise self._by_hand(name)
            lines.insert(heading + 1, b"filter-with = " + name + newline)
            return
        said = re.compile(option + rb"[ \t]*[=:][ \t]*")
        for index in range(heading + 1, end):
            if match := said.match(lines[index]):
                self._say(lines, index, match.end(), name)
                return
        raise self._by_hand(name)

    def _say(self, lines: list[bytes], index: int, at: int, name: bytes) -> None:
        """Put the name into an existing option, at the place ``at`` of its line."""
        said, rest = lines[index][:at], lines[index][at:]
        if self.section.kind != "pipeline":
            if rest.split() != [self.outer.encode()]:
                raise self._by_hand(name)
            lines[index] = said + name + rest[len(self.outer) :]
        elif rest.strip():
            lines[index] = said + name + b" " + rest
        else:
            # Its value is on the lines below, indented like the first of them.
            first = next(
                line
                for line in lines[index + 1 :]
                if line.strip() and not line.lstrip().startswith((b"#", b";"))
            )
            lines.insert(index + 1, first.replace(first.strip(), name, 1))

    def _place_in(self, lines: Sequence[bytes], name: bytes) -> tuple[int, int]:
        """The first and last line of the section; the first is its heading."""
        title = encoded(self.section.title)
        headings = [
            (i, m[1]) for i, line in enumerate(lines) if (m := _HEADING.match(line))
        ]
        found = [i for i, text in headings if text == title]
        if len(found) != 1:
            raise self._by_hand(name)
        ends = [i for i, _ in headings if i > found[0]]
        return found[0], min(ends, default=len(lines))

    def _takes_filter(self) -> bool:
        use = self.section.values.get("use", "")
        if not use.startswith("config:"):
            return Pipelines(self.file).takes_filter(self.section)
        try:
            context = loadcontext(
                APP, use, relative_to=str(self.file.path.parent.absolute())
            )
        except Exception:  # noqa: BLE001 - whatever the code there may raise
            return False
        return context.object_type is APP

    def _by_hand(self, name: bytes) -> ConfigurationError:
        title = self.section.title
        return ConfigurationError(
            f"{self.file.path}: eilogin cannot change [{title}] by itself. Change "
            f"it by hand: rename it, such as to [{title.partition(':')[0]}:site], "
            f"and add a section [pipeline:main] with 'pipeline = {name.decode()} "
            "site'. Or name the section inside it with --section"
        )

    def _check(self, octets: bytes, name: str) -> None:
        """Check that PasteDeploy reads the same from the new file, and the filter."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, self.file.path.name)
            path.write_bytes(octets)
            after = IniFile.read(path)
        section = after.sections.get(self.section.title)
        if section is not None and not after.faults:
            stacks = Pipelines(after).around(section)
            if all(_has(stack.parts, name) for stack in stacks):
                return
        told = f"the filter '{name}' would not be in front of it"
        place = str(self.file.path)
        faults = [replace(fault, file=place) for fault in after.faults]
        raise InvalidOptions(faults or [Fault(place, self.section.title, "", "", told)])


def difference(path: Path, before: bytes, after: bytes) -> list[str]:
    """The changes in a file, in the form of ``diff -u``."""
    was, will_be = (
        octets.decode(_encoding(), "replace").splitlines() for octets in (before, after)
    )
    names = f"{path} (as it is)", f"{path} (with eilogin)"
    return list(difflib.unified_diff(was, will_be, *names, lineterm=""))


def _chosen(file: IniFile, title: str) -> Section | None:
    """The section, or None after noting a fault."""
    apps = file.of_kind(*APPS)
    found = [
        section
        for section in apps
        if (section.title == title if title else section.name == _MAIN)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"--section {section.title}" for section in apps) or "none"
    wanted = f"[{title}]" if title else "one with the name 'main'"
    told = "more than one" if found else "no application"
    file.note("", "", "", f"found {told}: expected {wanted}; there are: {known}")
    return None


def _has(parts: Sequence[Part], name: str) -> bool:
    return any(part.title == f"filter:{name}" for part in parts)


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot read it: {error.strerror}") from error


def _encoding() -> str:
    # PasteDeploy reads the file in this encoding.
    return locale.getpreferredencoding(do_setlocale=False)


def encoded(text: str) -> bytes:
    """Text as PasteDeploy will read it, or ConfigurationError."""
    try:
        return text.encode(_encoding())
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"cannot write {text!r} in {_encoding()}, the encoding of the locale "
            "in which eilogin reads ini files"
        ) from error
