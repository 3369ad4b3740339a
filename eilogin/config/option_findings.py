"""Notes that options make on themselves, and their order in a report."""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum, auto
from pathlib import Path


class Topic(IntEnum):
    """The subject of a note; a report has the notes of a section in this order."""

    VALUE = auto()
    PAGES = auto()
    LOGOUT = auto()
    KEY_FILE = auto()
    SECRET_FILE = auto()
    STORE_FILE = auto()
    ACCESS = auto()
    STORE = auto()


@dataclass(frozen=True, slots=True)
class OptionNote:
    """A note on an option: it stops nothing, but its cause is hardly intended."""

    option: str
    text: str
    #: The stable name of its cause.
    code: str = "note"
    topic: Topic = Topic.VALUE


def exposed_files(
    option: str, paths: Iterable[Path], topic: Topic
) -> Iterator[OptionNote]:
    """Note files with secrets that others than their owner may read or write."""
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            text = (
                f"users other than the owner can read or write {path} (mode "
                f"{mode:04o}): chmod 600"
            )
            yield OptionNote(option, text, "open-file", topic)
