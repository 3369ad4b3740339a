"""A note on an ini file, and the JSON form of a check."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.errors import Fault
from eilogin.federation.members.hub_requirements import Remark

#: Machines read these keys of a record, so they stay.
KEYS = ("file", "section", "option", "kind", "code", "text")


@dataclass(frozen=True, slots=True)
class Note:
    """A note on an ini file."""

    #: Section without brackets, or "" for the whole file.
    section: str
    #: Name of the option, or "" for the whole section.
    option: str
    text: str
    #: The stable name of its cause.
    code: str = "note"

    @classmethod
    def of(cls, remark: Remark, section: str = "") -> "Note":
        """Make a note of a remark, in its own section or else in ``section``."""
        return cls(
            remark.section or section, remark.option, remark.text_with_code, remark.code
        )

    @classmethod
    def at(cls, part: Part, option: str, text: str, code: str = "note") -> "Note":
        """Make a note on an option, in its own section."""
        return cls(part.stands_in.get(option, part.title), option, text, code)

    def __str__(self) -> str:
        if not self.section:
            return self.text
        option = f" {self.option}" if self.option else ""
        return f"[{self.section}]{option}: {self.text}"


def records(
    file: str, faults: Iterable[Fault], notes: Iterable[Note], steps: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Yield a record for each fault, note and remaining step."""
    for fault in faults:
        yield _record(
            file, fault.section, fault.option, "fault", fault.code, fault.told
        )
    for note in notes:
        yield _record(file, note.section, note.option, "note", note.code, note.text)
    for step in steps:
        yield _record(file, "", "", "step", "not-a-member", step)


def _record(*values: str) -> dict[str, str]:
    return dict(zip(KEYS, values, strict=True))
