"""The services that a citizen is logged in at, as pages of the hub name them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.participants.sso_domains import proven_for
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions import Login, Participant
from eilogin.stores import Values
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Service(NamedTuple):
    """One service: its name, its page for visitors, and since when she is in."""

    name: str
    link: str | None
    since: float


def where_in(environ: "WSGIEnvironment", login: Login) -> list[Participant]:
    """The participants at which somebody is in by a login, as far as is known.

    Not where she has logged out since, and there alone (``confirm_logout``).
    """
    values = env.values(environ)
    return [
        told
        for told in env.sessions(environ).participants(login)
        if not (left := values.get(_left(told)))
        or answered_at(environ, told) > float(left)
    ]


def is_answered(environ: "WSGIEnvironment", login: Login, entity_id: str) -> bool:
    """Whether the hub would sign the visitor in at a participant without a question.

    Not where the login is idle, was proven for another SSO domain, or is below the
    level that the operator requires. A participant that has left the federation counts
    as it did before: it is told to end its sessions.
    """
    if env.sessions(environ).is_idle(login):
        return False
    try:
        entity, _ = env.trust(environ).participant(entity_id)
    except UnknownPeer:
        return True
    known = proven_for(login, entity.sso_domain)
    required = entity.required_level
    return known is not None and (not required or reaches(known.level, required))


def note_left(
    environ: "WSGIEnvironment", login: Login, entity_id: str, instant: float
) -> None:
    """She has logged out at a participant; whether everywhere is to be seen."""
    for told in env.sessions(environ).participants(login):
        if told.entity_id == entity_id:
            _put(env.values(environ), _left(told), str(instant), login.ends)


def note_answered(
    environ: "WSGIEnvironment", login: Login, participant: Participant, asked: float
) -> None:
    """A participant is answered now that she is logged in.

    It has ``asked`` that at some instant of its own clock.
    """
    text = f"{clock.now()} {asked}"
    _put(env.values(environ), _answered(participant), text, login.ends)


def answered_at(environ: "WSGIEnvironment", participant: Participant) -> float:
    """When a participant was last answered that she is logged in; 0 if not known."""
    return _last(environ, participant)[0]


def asked_at(environ: "WSGIEnvironment", participant: Participant) -> float:
    """When it had asked that, by its own clock; 0 if not known."""
    return _last(environ, participant)[1]


def _last(environ: "WSGIEnvironment", told: Participant) -> tuple[float, float]:
    answered, _, asked = (env.values(environ).get(_answered(told)) or "").partition(" ")
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
) -> list[Service]:
    """Every participant that is a member still or was, each once."""
    federation = trust.federation
    since: dict[str, float] = {}
    for told in participants:
        since.setdefault(told.entity_id, told.since)
    return [
        Service(
            federation.name_of(entity_id, language),
            federation.link_of(entity_id, language) or None,
            instant,
        )
        for entity_id, instant in since.items()
    ]
