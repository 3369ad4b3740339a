"""The content of the accessibility statement, from the options.

Each website of a Dutch public body must have it (Besluit digitale toegankelijkheid
overheid), by the model of the European Commission (2018/1523). It states how far the
pages meet EN 301 549, the gaps, a contact, and the way to appeal.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator

from eilogin import clock
from eilogin.config import OptionNote, Topic, lines_of, read_lines, web_address

#: With the letter of the Dutch model.
STATUSES = {"full": "A", "partly": "B", "first": "C", "none": "D"}
#: Statuses after an examination, and those with gaps.
EXAMINED, INCOMPLETE = ("full", "partly"), ("partly", "first")

_MOST_GAPS, _LONGEST_GAP = 30, 500
#: Days.
_YEAR = 366
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)


@dataclass(frozen=True)
class Accessibility:
    """The statement of a site."""

    status: str
    #: For reports of visitors: a web address or ``mailto:``.
    contact: str
    date: date
    #: Address of the examination report, or "".
    report: str = ""
    gaps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Address for an appeal, or "" for the national ombudsman.
    appeal: str = ""


def require_whole(status: str, names: Collection[str], *, has_email: bool) -> None:
    """Raise ValueError for an incomplete statement; ``names``: options with a value."""
    if names and not status:
        raise ValueError(f"accessibility_status: is required beside {min(names)!r}")
    required = {
        "accessibility_date": bool(status),
        "accessibility_contact": bool(status) and not has_email,
        "accessibility_report": status in EXAMINED,
        "accessibility_gaps": status in INCOMPLETE,
    }
    for name, is_required in required.items():
        if is_required and name not in names:
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
    # Elsewhere it is tomorrow already.
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
ContactAddress = Annotated[str, BeforeValidator(_contact)]
Day = Annotated[date | None, BeforeValidator(_day)]
Gaps = Annotated[tuple[str, ...], BeforeValidator(_gaps)]
