"""Forged answers to a login that is under way, a few to each; see :mod:`arena`.

After every few of them the good answer to that same login is brought, and taken (I8):
what attackers try locks nobody out.
"""

import base64
from itertools import count
from urllib.parse import urlsplit

import pytest
from arena import HUB, KADASTER, SVB, UWV, Arena, UnderWay
from forging import INSIDE, ROOT, Family, Forgery
from forging.answers import Asked
from lxml import etree
from parties import HubParty

from eilogin.saml.safe_xml import q

#: Whom an attacker would like to be: no page may show it.
WANTED = "koningin"
#: Forgeries for one login under way.
_MOST = 10
_numbers = count(1)


def somebody() -> str:
    """Somebody new: a store counts the sessions of one subject."""
    return f"mallory-{next(_numbers)}"


def asked(arena: Arena, under_way: UnderWay, place: str, **more: object) -> Asked:
    """Who answers a login that is under way, and all that an attacker knows."""
    here = urlsplit(under_way.page).hostname
    other = arena.federation.trusts[UWV if here == SVB else SVB].own
    said = {
        "hub": HubParty(arena.federation.trusts[HUB]),
        "request": under_way.request,
        "relay_state": under_way.relay_state,
        "name": somebody(),
        "place": place,
        "other": (other.entity_id, other.url("acs")),
        "stranger": arena.stranger,
        "member": arena.member,
        "reader": arena.federation.trusts[KADASTER].own.key.public,
        "old_reader": arena.old_key.public,
        "outside": arena.outside.url,
    }
    return Asked(**(said | more))


class Attempts:
    """Logins under way at one participant, at each of which a few things are tried."""

    def __init__(self, arena: Arena, host: str) -> None:
        self._arena, self._host = arena, host
        self._another = arena.begin(host)
        self._tried: list[str] = []
        self.begin()

    def begin(self) -> None:
        """A new login, of somebody whom nobody knows yet."""
        self.under_way = self._arena.begin(self._host)
        self._name = somebody()
        self._tried.clear()

    def asked(self, place: str) -> Asked:
        another = (self._another.request.id, self._another.relay_state)
        return asked(
            self._arena, self.under_way, place, name=self._name, another=another
        )

    def refuses(self, forgery: Forgery, made: object) -> None:
        """It is refused for its trick, and nothing has changed."""
        self._tried.append(str(forgery))
        try:
            told = self._arena.refuses_answer(self.under_way, made, sent=[WANTED])
            forgery.expects(told["reason"])
        except AssertionError:
            self.begin()
            raise
        if len(self._tried) >= _MOST:
            self.close()

    def takes(self, made: object, name: str = "") -> None:
        """It is taken, as it was signed; and on to a new login.

        ``name`` is whom it names, where that cannot be seen.
        """
        try:
            self._arena.takes_answer(self.under_way, made, name or name_in(made))
        finally:
            self.begin()

    def close(self) -> None:
        """The good answer is taken, after all that was tried in the same login."""
        tried = ", ".join(self._tried)
        try:
            self.takes(self.asked(INSIDE).answer())
        except AssertionError as error:
            error.add_note(f"I8: after {tried}")
            raise
        self._arena.others_stay()


def name_in(made: object) -> str:
    """Whom an answer names, as its signature has it."""
    octets = made if isinstance(made, bytes) else base64.b64decode(made["SAMLResponse"])
    # Whatever stands between the characters is not part of the name.
    parser = etree.XMLParser(remove_comments=True)
    name = etree.fromstring(octets, parser).find(f".//{q('saml:NameID')}")
    return name.text


def each_of(*families: Family) -> list[object]:
    """Forgeries with the place of the signature: each in all that it has."""
    return [_case(each, place) for f in families for each in f for place in each.places]


def once_each(*families: Family) -> list[object]:
    """The same, each in one of the places that it has, by turns."""
    every = [forgery for family in families for forgery in family]
    return [_case(f, f.places[n % len(f.places)]) for n, f in enumerate(every)]


def _case(forgery: Forgery, place: str) -> object:
    assert place in (INSIDE, ROOT)
    return pytest.param(forgery, place, id=f"{forgery}-{place}")
