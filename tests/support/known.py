"""Sessions of citizens in an :mod:`arena`, by the names that their parties call them.

A logout names somebody as its sender knows her. At a participant she is who the hub
says, so a test says it for the hub; at the hub she is who signs in there, and what a
participant has heard of her stands in what its application saw.
"""

import secrets
from dataclasses import dataclass

from arena import HUB, Arena, Visitor
from parties import HubParty

from eilogin.saml import safe_xml
from eilogin.saml.messages import NameID
from eilogin.web import environ as env

#: By what DigiD calls them, which no application is told.
NUMBERED = {
    "bram": NameID("s00000000:900000028"),
    "chaima": NameID("s00000000:900000041"),
}


@dataclass(frozen=True)
class Known:
    """Somebody who is logged in at ``hosts``, with a name and session of the first."""

    arena: Arena
    visitor: Visitor
    hosts: tuple[str, ...]
    name_id: NameID
    index: str

    @property
    def is_everywhere(self) -> bool:
        return self.is_in == [*self.hosts]

    @property
    def is_in(self) -> list[str]:
        """The hosts at which she is logged in now."""
        page = self.arena.url
        return [
            host
            for host in self.hosts
            if self.arena.user(self.visitor.get(page(host, "/mijn")))
        ]


def at_participant(
    arena: Arena, hub: HubParty, host: str, name: str = "", *, acs: str = "/eilogin/acs"
) -> Known:
    """Somebody whom the hub, as a test has it speak, has logged in at a participant."""
    name = name or f"Citizen-{secrets.token_hex(4)}"
    index = f"_Index-{secrets.token_hex(4)}"
    under_way = arena.begin(host)
    assertion = hub.assertion(under_way.request, name, session_index=index)
    response = hub.response(under_way.request, hub.signed(assertion))
    answer = arena.brings(under_way, safe_xml.serialize(response))
    page = arena.arrive(under_way.visitor, answer.location or "")
    assert arena.user(page) == name, (page, page.text)
    return Known(arena, under_way.visitor, (host,), NameID(name), index)


def at_hub(arena: Arena, username: str, *hosts: str) -> Known:
    """Somebody who has signed in at the hub and is known to participants by it."""
    visitor = Visitor(arena)
    arena.log_in(visitor, username, *reversed(hosts))
    # The last one is the first: whose application saw her last.
    login = arena.witness.seen[-1][env.SESSION]
    assert login is not None
    profile = arena.federation.trusts[HUB].own.profile
    name_id = (
        NUMBERED[username] if profile.has_sector_numbers else login.who.as_name_id()
    )
    return Known(arena, visitor, hosts, name_id, login.session_index or "")
