"""The services at which a visitor is signed in, for pages of the hub."""

from collections.abc import Iterable
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.participants.sso_domains import proven_for
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions import Login, Participant
from eilogin.stores import Values
from eilogin.web.visit import Visit


class SignedInService(NamedTuple):
    """A service: name, page for visitors, and instant of the sign-in."""

    name: str
    link: str | None
    since: float


def where_in(visit: Visit, login: Login) -> list[Participant]:
    """Return where a visitor is signed in, unless logged out there alone."""
    values = visit.values
    return [
        participant
        for participant in visit.sessions.participants(login)
        if not (left_at := values.get(_left_key(participant)))
        or answered_at(visit, participant) > float(left_at)
    ]


def is_answered(visit: Visit, login: Login, entity_id: str) -> bool:
    """Whether the visitor needs no new sign-in; a departed participant counts."""
    if visit.sessions.is_idle(login):
        return False
    try:
        entity, _ = visit.trust.participant(entity_id)
    except UnknownPeer:
        return True
    proven = proven_for(login, entity.sso_domain)
    required = entity.required_level
    return proven is not None and (not required or reaches(proven.level, required))


def note_left(visit: Visit, login: Login, entity_id: str, instant: float) -> None:
    """Record a logout at one participant alone."""
    for participant in visit.sessions.participants(login):
        if participant.entity_id == entity_id:
            _put(visit.values, _left_key(participant), str(instant), login.ends)


def note_answered(
    visit: Visit,
    login: Login,
    participant: Participant,
    issued: float,
    *,
    is_first: bool = False,
) -> None:
    """Record a Response with a login; ``issued`` is the request's IssueInstant.

    ``is_first`` spares a read: the session probably has no earlier one.
    """
    values, key = visit.values, _answered_key(participant)
    instants = f"{clock.now()} {issued}"
    if is_first and values.add(key, instants, login.ends, durable=False):
        return
    _put(values, key, instants, login.ends)


def answered_at(visit: Visit, participant: Participant) -> float:
    """Return the last Response with a login, or 0."""
    return _last_response(visit, participant)[0]


def asked_at(visit: Visit, participant: Participant) -> float:
    """Return the IssueInstant of its request, or 0."""
    return _last_response(visit, participant)[1]


def _last_response(visit: Visit, participant: Participant) -> tuple[float, float]:
    answered, _, issued = (
        visit.values.get(_answered_key(participant)) or ""
    ).partition(" ")
    return float(answered or 0.0), float(issued or 0.0)


def _put(values: Values, name: str, text: str, until: float) -> None:
    stored = values.get(name)
    if stored is None:
        values.add(name, text, until, durable=False)
    else:
        values.swap(name, stored, text, until, durable=False)


def _left_key(participant: Participant) -> str:
    return f"left-alone:{_label(participant)}"


def _answered_key(participant: Participant) -> str:
    return f"answered:{_label(participant)}"


def _label(participant: Participant) -> str:
    return participant.subject.hub_label(participant.session_index)


def services_of(
    trust: Trust, participants: Iterable[Participant], language: str
) -> list[SignedInService]:
    """List the participants, each once."""
    federation = trust.federation
    since: dict[str, float] = {}
    for participant in participants:
        since.setdefault(participant.entity_id, participant.since)
    return [
        SignedInService(
            federation.name_of(entity_id, language),
            federation.link_of(entity_id, language) or None,
            instant,
        )
        for entity_id, instant in since.items()
    ]
