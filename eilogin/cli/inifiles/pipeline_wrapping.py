"""Put a filter around an existing application of an ini file.

The application's section gets one new word (``filter-with``, or the first name of a
pipeline), and the filter's section goes to the end. All other lines stay, with their
comments. Scripts that read ``[app:main]`` still work.
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

#: A heading is not indented: an indented line belongs to a value.
_HEADING = re.compile(rb"\[(.+)\]")

_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Host:
    """An application in an ini file, around which a filter goes."""

    file: IniFile
    octets: bytes
    section: Section

    @classmethod
    def read(cls, path: Path, title: str = "") -> "Host":
        """Find the application in the section ``title``, or else the served one.

        Raises ``ConfigurationError`` for a faulty file, or without such an application.
        """
        octets = _octets(path)
        file = IniFile.read(path)
        section = None if file.faults else _chosen(file, title)
        if section is None:
            raise InvalidOptions(file.faults)
        return cls(file, octets, section)

    @property
    def guards(self) -> list[Part]:
        """The filters of eilogin that are around it already, on any path through it."""
        stacks = Pipelines(self.file).around(self.section)
        parts = {
            part.title: part
            for stack in stacks
            for part in stack.parts
            if is_member(part)
        }
        return list(parts.values())

    @property
    def applications(self) -> list[Part]:
        """The applications that it leads to, without their filters."""
        stacks = Pipelines(self.file).around(self.section)
        parts = {part.title: part for stack in stacks for part in stack.parts[-1:]}
        return list(parts.values())

    @property
    def is_zope(self) -> bool:
        """Whether one of its applications is Zope."""
        return any(part.is_zope for part in self.applications)

    @property
    def servers(self) -> list[Part]:
        """The servers of the file."""
        pipelines = Pipelines(self.file)
        return [pipelines.part(section) for section in self.file.of_kind("server")]

    @property
    def outer(self) -> str:
        """The filter of its ``filter-with``, or ""."""
        return self.section.values.get("filter-with", "")

    def free_name(self, preferred: str) -> str:
        """Return a name that no section has yet."""
        used_names = {section.name for section in self.file.of_kind("filter", *APPS)}
        candidates = [
            preferred,
            *(f"{preferred}-{number}" for number in range(2, len(used_names) + 3)),
        ]
        return next(name for name in candidates if name not in used_names)

    def wrapped(self, name: str, lines: Sequence[str]) -> bytes:
        """Put the filter ``name``, with the section ``lines``, around it in the file.

        Raises ``ConfigurationError`` if PasteDeploy would read the file otherwise.
        """
        file_lines = self.octets.splitlines(keepends=True)
        newline = b"\r\n" if file_lines[0].endswith(b"\r\n") else b"\n"
        if not file_lines[-1].endswith((b"\n", b"\r")):
            file_lines[-1] += newline
        self._put_name(file_lines, name.encode(), newline)
        file_lines += [encoded(line) + newline for line in ("", *lines)]
        octets = b"".join(file_lines)
        self._check(octets, name)
        return octets

    def _put_name(self, lines: list[bytes], name: bytes, newline: bytes) -> None:
        """Put the name first into a pipeline, or as ``filter-with`` into a section."""
        heading, end = self._section_lines(lines, name)
        option = b"pipeline" if self.section.kind == "pipeline" else b"filter-with"
        if option.decode() not in self.section.values:
            if not self._takes_filter():
                raise self._by_hand(name)
            lines.insert(heading + 1, b"filter-with = " + name + newline)
            return
        option_pattern = re.compile(option + rb"[ \t]*[=:][ \t]*")
        for index in range(heading + 1, end):
            if match := option_pattern.match(lines[index]):
                self._put_name_into_line(lines, index, match.end(), name)
                return
        raise self._by_hand(name)

    def _put_name_into_line(
        self, lines: list[bytes], index: int, column: int, name: bytes
    ) -> None:
        head, value = lines[index][:column], lines[index][column:]
        if self.section.kind != "pipeline":
            if value.split() != [self.outer.encode()]:
                raise self._by_hand(name)
            lines[index] = head + name + value[len(self.outer) :]
        elif value.strip():
            lines[index] = head + name + b" " + value
        else:
            # The value is on the lines below. The name is indented like the first one.
            first = next(
                line
                for line in lines[index + 1 :]
                if line.strip() and not line.lstrip().startswith((b"#", b";"))
            )
            lines.insert(index + 1, first.replace(first.strip(), name, 1))

    def _section_lines(self, lines: Sequence[bytes], name: bytes) -> tuple[int, int]:
        """Return the indexes of the section's heading and of the line after it."""
        title = encoded(self.section.title)
        headings = [
            (i, m[1]) for i, line in enumerate(lines) if (m := _HEADING.match(line))
        ]
        indexes = [i for i, heading in headings if heading == title]
        if len(indexes) != 1:
            raise self._by_hand(name)
        ends = [i for i, _ in headings if i > indexes[0]]
        return indexes[0], min(ends, default=len(lines))

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
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, self.file.path.name)
            path.write_bytes(octets)
            new_file = IniFile.read(path)
        section = new_file.sections.get(self.section.title)
        if section is not None and not new_file.faults:
            stacks = Pipelines(new_file).around(section)
            if all(_has(stack.parts, name) for stack in stacks):
                return
        expected = f"the filter '{name}' would not be in front of it"
        path_text = str(self.file.path)
        faults = [replace(fault, file=path_text) for fault in new_file.faults]
        raise InvalidOptions(
            faults or [Fault(path_text, self.section.title, "", "", expected)]
        )


def difference(path: Path, before: bytes, after: bytes) -> list[str]:
    """Return the changes in a file, in the form of ``diff -u``."""
    old_lines, new_lines = (
        octets.decode(_encoding(), "replace").splitlines() for octets in (before, after)
    )
    names = f"{path} (as it is)", f"{path} (with eilogin)"
    return list(difflib.unified_diff(old_lines, new_lines, *names, lineterm=""))


def _chosen(file: IniFile, title: str) -> Section | None:
    apps = file.of_kind(*APPS)
    sections = [
        section
        for section in apps
        if (section.title == title if title else section.name == _MAIN)
    ]
    if len(sections) == 1:
        return sections[0]
    options = ", ".join(f"--section {section.title}" for section in apps) or "none"
    expected = f"[{title}]" if title else "one with the name 'main'"
    problem = "more than one" if sections else "no application"
    file.add_fault(
        "", "", "", f"found {problem}: expected {expected}; there are: {options}"
    )
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
    """Encode text as PasteDeploy reads it, or raise ConfigurationError."""
    try:
        return text.encode(_encoding())
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"cannot write {text!r} in {_encoding()}, the encoding of the locale "
            "in which eilogin reads ini files"
        ) from error
