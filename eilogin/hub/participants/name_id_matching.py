"""Match the NameID of a LogoutRequest with the NameIDs that the hub sent to its issuer.

saml2-js and python3-saml repeat only the value. That suffices: only NameIDs that this
hub sent to the signing issuer count. A Format or qualifier that differs is another name
(SAML core 2.2.2).
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


def match(sessions: Sessions, who: Subject, indexes: Sequence[str]) -> MatchedSessions:
    """Find the sessions of a NameID from ``who.audience``.

    The exact name first; without a Format, the same value in another one too. Without a
    SessionIndex, only if all are of one citizen.
    """
    found = _told(sessions, who, indexes)
    if found or who.format != UNSPECIFIED or not _has_our_qualifiers(who):
        return MatchedSessions([who], found)
    found, names = _told_in_any_format(sessions, who, indexes)
    if not indexes and len({login.who for login in found}) > 1:
        return MatchedSessions([who], [])
    return MatchedSessions(names or [who], found)


def note_miss(sessions: Sessions, who: Subject, indexes: Sequence[str]) -> None:
    """Log a LogoutRequest that names no session, without the value."""
    known = sorted(
        short(one.format)
        for one in {who, *_in_any_format(who)}
        if sessions.find_told(one)
    )
    told = (
        f"the same value with Format {' or '.join(known)}, or in another session"
        if known
        else "no live session with this value: it has ended, or the value is wrong"
    )
    _log.warning(
        "logout: a LogoutRequest of %s matches no session, answered"
        " UnknownPrincipal; its NameID has Format %s, NameQualifier %s,"
        " SPNameQualifier %s, and it has %d SessionIndex; the hub sent that"
        " participant %s",
        who.audience,
        short(who.format)[:_MOST_SHOWN],
        _shown(who.name_qualifier, who.issuer),
        _shown(who.sp_name_qualifier, who.audience),
        len(indexes),
        told,
    )


def _told(sessions: Sessions, who: Subject, indexes: Sequence[str]) -> list[Login]:
    found = {
        login.key: login
        for index in indexes or (None,)
        for login in sessions.find_told(who, index)
    }
    return list(found.values())


def _told_in_any_format(
    sessions: Sessions, who: Subject, indexes: Sequence[str]
) -> tuple[list[Login], list[Subject]]:
    by_name = {one: _told(sessions, one, indexes) for one in _in_any_format(who)}
    logins = {login.key: login for found in by_name.values() for login in found}
    return list(logins.values()), [one for one, found in by_name.items() if found]


def _in_any_format(who: Subject) -> Iterator[Subject]:
    for name_id_format in FORMATS.values():
        if name_id_format != who.format:
            yield Subject(who.issuer, who.audience, who.name_id, name_id_format)


def _has_our_qualifiers(who: Subject) -> bool:
    """Whether its qualifiers are absent, or say what their absence means."""
    return _is_usual(who.name_qualifier, who.issuer) and _is_usual(
        who.sp_name_qualifier, who.audience
    )


def _is_usual(qualifier: str, usual: str) -> bool:
    return qualifier in {"", usual}


def _shown(qualifier: str, usual: str) -> str:
    return "absent or as usual" if _is_usual(qualifier, usual) else "of another"
