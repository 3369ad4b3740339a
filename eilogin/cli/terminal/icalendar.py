"""Write events as an iCalendar (RFC 5545)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eilogin import clock

#: Octets of a line (RFC 5545 3.1).
_LINE = 75


@dataclass(frozen=True)
class Event:
    """An event with its reminders."""

    at: float
    name: str
    text: str
    #: Days before the event with a reminder.
    reminders: tuple[int, ...] = ()


def as_ical(name: str, host: str, events: Sequence[Event]) -> str:
    """Write the calendar ``name``; the summary of each event begins with ``host``."""
    stamp = _instant(clock.now())
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//eilogin//keys//EN"]
    for event in events:
        # An event has the same UID in each calendar, so an import replaces it.
        uid = re.sub(r"[^A-Za-z0-9]+", "-", f"{name} {event.name}")
        domain = re.sub(r"[^A-Za-z0-9.-]+", "-", host)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}@{domain}",
            f"DTSTAMP:{stamp}",
            f"DTSTART:{_instant(event.at)}",
            f"SUMMARY:{_text(f'{host}: {event.text}')}",
        ]
        for days in event.reminders:
            lines += [
                "BEGIN:VALARM",
                "ACTION:DISPLAY",
                f"TRIGGER:-P{days}D",
                f"DESCRIPTION:{_text(f'{host}: {event.text}')}",
                "END:VALARM",
            ]
        lines.append("END:VEVENT")
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _instant(instant: float) -> str:
    return f"{clock.utc(instant):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", " ".join(text.split()))


def _folded(line: str) -> Iterator[str]:
    """Fold a long line without cutting a character in two (RFC 5545 3.1)."""
    part, size = "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _LINE:
            yield part
            part, size = " ", 1
        part, size = part + character, size + octets
    yield part
