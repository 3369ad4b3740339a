"""The recipients of a logout: each subject at each participant."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from eilogin.sessions import Participant, Subject

#: Sessions that a message names; older ones have expired.
_MOST_NAMED = 200


class Principal(NamedTuple):
    """A subject at one participant."""

    entity_id: str
    subject: Subject


@dataclass(frozen=True, slots=True)
class Recipient:
    """One subject at one participant, to which the hub sends a LogoutRequest."""

    entity_id: str
    subject: Subject
    #: The oldest first.
    session_indexes: tuple[str, ...]
    #: It answered PartialLogout: a hub that notifies the rest, and needs no more.
    is_partial: bool = False
    #: SOAP got an HTML page, so only the browser can bring the message.
    by_browser: bool = False

    @property
    def principal(self) -> Principal:
        """The participant and the subject."""
        return Principal(self.entity_id, self.subject)

    def as_json(self) -> dict[str, Any]:
        """Return the parts for JSON."""
        return {**asdict(self), "subject": self.subject.as_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Recipient":
        """Read :meth:`as_json`; raises an error of UNREADABLE."""
        entity_id, indexes = stored["entity_id"], tuple(stored["session_indexes"])
        if not all(isinstance(text, str) for text in (entity_id, *indexes)):
            raise TypeError("expected a text")
        subject = Subject.from_parts(stored["subject"])
        return cls(
            entity_id,
            subject,
            indexes,
            bool(stored["is_partial"]),
            # Absent if an older version wrote it.
            bool(stored.get("by_browser")),
        )


def recipients_of(participants: Iterable[Participant]) -> list[Recipient]:
    """Return one recipient for each subject, the oldest session first."""
    indexes: dict[Principal, list[str]] = {}
    for participant in sorted(participants, key=lambda session: session.since):
        principal = Principal(participant.entity_id, participant.subject)
        indexes.setdefault(principal, []).append(participant.session_index)
    return [
        Recipient(*principal, tuple(session_indexes))
        for principal, session_indexes in indexes.items()
    ]


def merged(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Return one recipient for each participant and subject."""
    indexes: dict[Principal, dict[str, None]] = {}
    by_browser = set()
    for recipient in recipients:
        known_indexes = indexes.setdefault(recipient.principal, {})
        known_indexes |= dict.fromkeys(recipient.session_indexes)
        if recipient.by_browser:
            by_browser.add(recipient.principal)
    return [
        Recipient(
            *principal,
            tuple(session_indexes)[-_MOST_NAMED:],
            by_browser=principal in by_browser,
        )
        for principal, session_indexes in indexes.items()
    ]
