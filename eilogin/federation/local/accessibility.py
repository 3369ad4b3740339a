"""The content of the accessibility statement, from the options.

Dutch law asks public bodies for such a statement on each website (Besluit digitale
toegankelijkheid overheid), by the model of the European Commission (2018/1523). It says
how far the pages meet EN 301 549, what does not work yet, whom to tell, and who decides
if that does not help.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator

from eilogin import clock
from eilogin.config import OptionNote, Topic, lines_of, read_lines, web_address

#: How far pages meet the requirements, and the letter of the Dutch model for that.
STATUSES = {"full": "A", "partly": "B", "first": "C", "none": "D"}
#: Those that an examination has to have shown, and those that leave something to do.
EXAMINED, INCOMPLETE = ("full", "partly"), ("partly", "first")

_MOST_GAPS, _LONGEST_GAP = 30, 500
#: Days after which a statement is old.
_YEAR = 366
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)


@dataclass(frozen=True)
class Accessibility:
    """The statement of a site."""

    #: One of :data:`STATUSES`.
    status: str
    #: Where visitors tell that something does not work: an address of the web, or
    #: ``mailto:`` with one of e-mail.
    contact: str
    #: When it was drawn up.
    date: date
    #: The address of the report of an examination, or "".
    report: str = ""
    #: The parts that do not work yet, by language.
    gaps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Where they go whom we do not help, or "" for the national ombudsman.
    appeal: str = ""


def require_whole(status: str, said: Collection[str], *, has_email: bool) -> None:
    """Raise ValueError, with an option, if a statement is incomplete.

    ``said`` are the names of the options ``accessibility_…`` with a value.
    """
    if said and not status:
        raise ValueError(f"accessibility_status: is required beside {min(said)!r}")
    required = {
        "accessibility_date": bool(status),
        "accessibility_contact": bool(status) and not has_email,
        "accessibility_report": status in EXAMINED,
        "accessibility_gaps": status in INCOMPLETE,
    }
    for name, is_required in required.items():
        if is_required and name not in said:
            raise ValueError(
                f"{name}: is required with accessibility_status = {status}"
            )


def notes_on_age(day: date | None) -> Iterator[OptionNote]:
    """Note a statement that is more than a year old."""
    if day is not None and (clock.utc(clock.now()).date() - day).days > _YEAR:
        text = "is more than a year ago; review the accessibility statement"
        yield OptionNote("accessibility_date", text, topic=Topic.PAGES)


def _contact(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix("mailto:")
    if _MAIL.fullmatch(text):
        return f"mailto:{text}"
    try:
        return web_address(text)
    except ValueError:
        raise ValueError("an e-mail address, or an https address of a page") from None


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("a date such as '2026-12-01'") from None
    # It is tomorrow already in another part of the world.
    if (day - datetime.fromtimestamp(clock.now(), UTC).date()).days > 1:
        raise ValueError("a date that is not in the future")
    return day


def _gaps(value: object) -> object:
    lines = lines_of(value)
    if not isinstance(value, str) or not isinstance(lines, tuple):
        return value
    if len(lines) > _MOST_GAPS:
        raise ValueError(f"at most {_MOST_GAPS} lines")
    return read_lines(lines, _gap)


def _gap(line: str) -> str:
    text = " ".join(line.split())
    if not text.isprintable() or len(text) > _LONGEST_GAP:
        raise ValueError(f"a sentence of at most {_LONGEST_GAP} characters")
    return text


Status = Literal["", "full", "partly", "first", "none"]
#: An address of the web, or ``mailto:`` with one of e-mail.
ContactAddress = Annotated[str, BeforeValidator(_contact)]
#: A day that has come.
Day = Annotated[date | None, BeforeValidator(_day)]
#: Sentences, one a line.
Gaps = Annotated[tuple[str, ...], BeforeValidator(_gaps)]
