"""Forged login answers, brought over HTTP to a participant; see :mod:`arena`."""

import pytest
from arena import UWV
from forging import Message
from forging.shapes import SHAPES
from parties import HubParty

ACS = "/eilogin/acs"
WANTED = "admin"


@pytest.fixture(scope="session")
def hub_says(arena):
    return HubParty(arena.federation.trusts["inloggen.localhost"])


def message_of(arena, hub, under_way, signed):
    request = under_way.request
    assertion = hub.assertion(request, "mallory")
    if signed == "assertion":
        hub.signed(assertion)
    root = hub.response(request, assertion)
    if signed == "response":
        hub.signed(root)

    def evil():
        evil = hub.assertion(request, WANTED)
        return evil if signed == "assertion" else hub.response(request, evil)

    return Message(
        root=root,
        covered=assertion if signed == "assertion" else root,
        key=hub.key,
        stranger=arena.stranger,
        member=arena.member,
        evil=evil,
        outside=arena.outside.url,
    )


@pytest.mark.parametrize("signed", ["assertion", "response"])
@pytest.mark.parametrize("forgery", [*SHAPES], ids=str)
def test_a_forged_answer_by_post(arena, hub_says, forgery, signed):
    under_way = arena.begin(UWV)
    message = message_of(arena, hub_says, under_way, signed)
    good = message.octets
    arena.refuses_answer(under_way, forgery.make(message), sent=[WANTED])
    arena.takes_answer(under_way, good, "mallory")
