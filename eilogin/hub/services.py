"""The services that a citizen is logged in at, as pages of the hub name them."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.sessions import Participant


class Service(NamedTuple):
    """One service: its name, its page for visitors, and since when she is in."""

    name: str
    link: str | None
    since: float


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
            name_of(trust, entity_id, language),
            federation.link_of(entity_id, language) or None,
            instant,
        )
        for entity_id, instant in since.items()
    ]


def name_of(trust: Trust, entity_id: str, language: str) -> str:
    """What people call a party, or else the host of its site, or else its entityID.

    Some metadata has no names for people: that of Shibboleth, as it comes.
    """
    name = trust.federation.name_of(entity_id, language)
    if name != entity_id:
        return name
    return _host(entity_id) or _host(_site(trust, entity_id)) or entity_id


def _site(trust: Trust, entity_id: str) -> str:
    """An address of a participant, or ""."""
    try:
        _, role = trust.participant(entity_id)
    except UnknownPeer:
        return ""
    return next((endpoint.location for endpoint in role.assertion_consumers), "")


def _host(url: str) -> str:
    """The host of an address; "" of what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
