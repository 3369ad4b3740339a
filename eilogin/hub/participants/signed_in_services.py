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
    """A service: its name, its page for visitors, and the time of the sign-in."""

    name: str
    link: str | None
    since: float


def where_in(visit: Visit, login: Login) -> list[Participant]:
    """Return where a visitor is signed in, unless logged out there alone."""
    values = visit.values
    return [
        told
        for told in visit.sessions.participants(login)
        if not (left := values.get(_left(told)))
        or answered_at(visit, told) > float(left)
    ]


def is_answered(visit: Visit, login: Login, entity_id: str) -> bool:
    """Whether the hub would sign the visitor in at a participant without a question.

    Not if idle, of another SSO domain, or too low. A departed participant counts.
    """
    if visit.sessions.is_idle(login):
        return False
    try:
        entity, _ = visit.trust.participant(entity_id)
    except UnknownPeer:
        return True
    known = proven_for(login, entity.sso_domain)
    required = entity.required_level
    return known is not None and (not required or reaches(known.level, required))


def note_left(visit: Visit, login: Login, entity_id: str, instant: float) -> None:
    """Record a logout at one participant alone."""
    for told in visit.sessions.participants(login):
        if told.entity_id == entity_id:
            _put(visit.values, _left(told), str(instant), login.ends)


def note_answered(
    visit: Visit, login: Login, participant: Participant, asked: float
) -> None:
    """Record a Response with a login; ``asked`` is the request's IssueInstant."""
    text = f"{clock.now()} {asked}"
    _put(visit.values, _answered(participant), text, login.ends)


def answered_at(visit: Visit, participant: Participant) -> float:
    """Return the last Response with a login, or 0."""
    return _last(visit, participant)[0]


def asked_at(visit: Visit, participant: Participant) -> float:
    """Return the IssueInstant of its request, or 0."""
    return _last(visit, participant)[1]


def _last(visit: Visit, told: Participant) -> tuple[float, float]:
    answered, _, asked = (visit.values.get(_answered(told)) or "").partition(" ")
    return float(answered or 0.0), float(asked or 0.0)


def _put(values: Values, name: str, text: str, until: float) -> None:
    known = values.get(name)
    if known is None:
        values.add(name, text, until, durable=False)
    else:
        values.swap(name, known, text, until, durable=False)


def _left(told: Participant) -> str:
    return f"left-alone:{_label(told)}"


def _answered(told: Participant) -> str:
    return f"answered:{_label(told)}"


def _label(told: Participant) -> str:
    return told.subject.told_label(told.session_index)


def services_of(
    trust: Trust, participants: Iterable[Participant], language: str
) -> list[SignedInService]:
    """List the participants, each once."""
    federation = trust.federation
    since: dict[str, float] = {}
    for told in participants:
        since.setdefault(told.entity_id, told.since)
    return [
        SignedInService(
            federation.name_of(entity_id, language),
            federation.link_of(entity_id, language) or None,
            instant,
        )
        for entity_id, instant in since.items()
    ]
