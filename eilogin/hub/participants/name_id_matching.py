"""Find the sessions that the NameID of a LogoutRequest names.

saml2-js and python3-saml repeat only its value. That suffices, because only NameIDs
that the hub sent to the signing issuer count. With another Format or qualifier it is
another NameID (SAML core 2.2.2).
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from eilogin.hub.participants.name_ids import FORMATS
from eilogin.saml.messages import UNSPECIFIED
from eilogin.saml.printable_text import short
from eilogin.sessions import Login, Sessions, Subject

_log = logging.getLogger("eilogin")

#: Characters of a Format that the log shows.
_MOST_SHOWN = 100


class MatchedSessions(NamedTuple):
    """The sessions that a LogoutRequest names."""

    #: Subjects that the hub sent for them.
    subjects: Collection[Subject]
    logins: Sequence[Login]


def match(
    sessions: Sessions, subject: Subject, indexes: Sequence[str]
) -> MatchedSessions:
    """Find the sessions of a NameID that the hub sent to ``subject.audience``.

    Without a Format, the same value in another format counts too; without a
    SessionIndex then, only if all sessions are of one citizen.
    """
    logins = _sessions_of(sessions, subject, indexes)
    if logins or subject.format != UNSPECIFIED or not _has_our_qualifiers(subject):
        return MatchedSessions([subject], logins)
    logins, names = _sessions_in_any_format(sessions, subject, indexes)
    if not indexes and len({login.who for login in logins}) > 1:
        return MatchedSessions([subject], [])
    return MatchedSessions(names or [subject], logins)


def note_miss(sessions: Sessions, subject: Subject, indexes: Sequence[str]) -> None:
    """Log a LogoutRequest that names no session, without the value."""
    formats = sorted(
        short(candidate.format)
        for candidate in {subject, *_in_any_format(subject)}
        if sessions.find_with_participant(candidate)
    )
    finding = (
        f"the same value with Format {' or '.join(formats)}, or in another session"
        if formats
        else "no live session with this value: it has ended, or the value is wrong"
    )
    _log.warning(
        "logout: a LogoutRequest of %s matches no session, answered"
        " UnknownPrincipal; its NameID has Format %s, NameQualifier %s,"
        " SPNameQualifier %s, and it has %d SessionIndex; the hub sent that"
        " participant %s",
        subject.audience,
        short(subject.format)[:_MOST_SHOWN],
        _shown(subject.name_qualifier, subject.issuer),
        _shown(subject.sp_name_qualifier, subject.audience),
        len(indexes),
        finding,
    )


def _sessions_of(
    sessions: Sessions, subject: Subject, indexes: Sequence[str]
) -> list[Login]:
    logins = {
        login.key: login
        for index in indexes or (None,)
        for login in sessions.find_with_participant(subject, index)
    }
    return list(logins.values())


def _sessions_in_any_format(
    sessions: Sessions, subject: Subject, indexes: Sequence[str]
) -> tuple[list[Login], list[Subject]]:
    by_name = {
        candidate: _sessions_of(sessions, candidate, indexes)
        for candidate in _in_any_format(subject)
    }
    logins = {login.key: login for matches in by_name.values() for login in matches}
    return list(logins.values()), [
        candidate for candidate, matches in by_name.items() if matches
    ]


def _in_any_format(subject: Subject) -> Iterator[Subject]:
    for name_id_format in FORMATS.values():
        if name_id_format != subject.format:
            yield Subject(
                subject.issuer, subject.audience, subject.name_id, name_id_format
            )


def _has_our_qualifiers(subject: Subject) -> bool:
    return _is_usual(subject.name_qualifier, subject.issuer) and _is_usual(
        subject.sp_name_qualifier, subject.audience
    )


def _is_usual(qualifier: str, usual: str) -> bool:
    return qualifier in {"", usual}


def _shown(qualifier: str, usual: str) -> str:
    return "absent or as usual" if _is_usual(qualifier, usual) else "of another"
