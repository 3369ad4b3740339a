"""The services that a citizen is logged in at, as pages of the hub name them."""

from collections.abc import Iterable
from typing import NamedTuple

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
            federation.name_of(entity_id, language),
            federation.link_of(entity_id, language) or None,
            instant,
        )
        for entity_id, instant in since.items()
    ]
