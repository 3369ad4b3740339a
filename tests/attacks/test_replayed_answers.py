"""A good login answer, brought again over HTTP: in other words, elsewhere, later.

Of one assertion comes one session (I4), and only in the browser that asked.
"""

from concurrent.futures import ThreadPoolExecutor
from copy import copy

import pytest
from arena import KADASTER, UWV, Visitor
from attempts import asked, somebody
from forging import INSIDE, ROOT
from lxml import etree

from eilogin.saml import bindings, messages, safe_xml

#: Requests at a time with the same answer.
_AT_ONCE = 6


@pytest.fixture
def name():
    return somebody()


@pytest.fixture
def under_way(arena):
    return arena.begin(UWV)


def fields(under_way, octets, relay_state=""):
    state = relay_state or under_way.relay_state
    return bindings.post_fields("SAMLResponse", octets, state)


def other_base64(under_way, octets):
    form = fields(under_way, octets)
    text = form["SAMLResponse"]
    return form | {"SAMLResponse": f"{text[:64]}\r\n{text[64:]}\n"}


def other_document(under_way, octets):
    """The same with a declaration and a comment, which no signature covers."""
    return fields(under_way, b'<?xml version="1.0"?><!-- -->' + octets + b"\n")


def new_response(under_way, octets):
    """Another envelope around the same assertion: nobody has signed that one."""
    root = etree.fromstring(octets)
    root.set("ID", messages.new_id())
    return fields(under_way, safe_xml.serialize(root))


AGAIN = [other_base64, other_document, new_response]


def once_only(element):
    conditions = element.find(safe_xml.q("saml:Conditions"))
    safe_xml.add(conditions, "saml:OneTimeUse")


@pytest.mark.parametrize("edit", [None, once_only], ids=["usual", "onetimeuse"])
@pytest.mark.parametrize("again", AGAIN)
def test_brought_in_other_words_it_is_the_same(arena, under_way, name, again, edit):
    octets = asked(arena, under_way, INSIDE, name=name).answer(edit)
    arena.takes_answer(under_way, octets, name)
    with arena.unchanged():
        answer = arena.brings(under_way, again(under_way, octets))
        page = arena.arrive(under_way.visitor, answer.location)
    # She was logged in before, and is so still.
    assert arena.user(page) == name


@pytest.mark.parametrize("again", AGAIN)
def test_after_a_logout_it_logs_nobody_in(arena, under_way, name, again):
    octets = asked(arena, under_way, INSIDE, name=name).answer()
    arena.takes_answer(under_way, octets, name)
    log_out(arena, under_way)
    answer = arena.brings(under_way, again(under_way, octets))
    told = arena.refuses(under_way.visitor.get(answer.location))
    assert told["reason"] == "login-lost"
    assert not arena.is_logged_in(under_way)


def log_out(arena, under_way):
    """At the participant alone: the hub knows nobody of that name."""
    url = arena.url(UWV, "/eilogin/logout?next=/")
    under_way.visitor.get(url, Sec_Fetch_Site="same-origin")
    assert not arena.is_logged_in(under_way)


@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_in_another_browser_it_logs_nobody_in(arena, under_way, name, place):
    """Login CSRF: the attacker has the victim's browser bring her own answer."""
    octets = asked(arena, under_way, place, name=name).answer()
    other = arena.begin(UWV)
    form = fields(under_way, octets)
    answer = other.visitor.post(under_way.request.acs_url, form)
    anew = other.visitor.get(answer.location)
    assert "/eilogin/login?next=%2F&" in anew.location
    assert not arena.is_logged_in(other)
    # What was brought there is lost to nobody.
    arena.takes_answer(under_way, octets, name)
    assert not arena.is_logged_in(other)


@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_for_another_login_it_is_refused(arena, under_way, name, place):
    octets = asked(arena, under_way, place, name=name).answer()
    arena.takes_answer(under_way, octets, name)
    other = arena.begin(UWV)
    told = arena.refuses_answer(other, octets)
    assert told["reason"] == "message-unexpected"
    # With the RelayState of before it is for the browser of before.
    answer = other.visitor.post(other.request.acs_url, fields(under_way, octets))
    arena.refuses(other.visitor.get(answer.location))
    assert not arena.is_logged_in(other)


@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_an_id_that_was_used_is_used_for_whatever_it_says_now(arena, place):
    """Not what the assertion says is remembered, but which one it was."""
    identifier = messages.new_id()
    first, second = arena.begin(UWV), arena.begin(UWV)
    name, other = somebody(), somebody()
    good = asked(arena, first, place, name=name).answer(id=identifier)
    again = asked(arena, second, place, name=other).answer(id=identifier)
    arena.takes_answer(first, good, name)
    answer = arena.brings(second, again)
    told = arena.refuses(second.visitor.get(answer.location))
    assert told["reason"] == "message-replayed"
    assert not arena.is_logged_in(second)


def test_at_another_participant_it_is_refused(arena, under_way, name):
    octets = asked(arena, under_way, INSIDE, name=name).answer()
    other = arena.begin(KADASTER)
    told = arena.refuses_answer(other, octets)
    assert told["reason"] == "message-unexpected"
    arena.takes_answer(under_way, octets, name)


def test_of_many_at_once_one_gets_a_session(arena, under_way, name):
    octets = asked(arena, under_way, INSIDE, name=name).answer()
    answer = arena.brings(under_way, octets)
    cookies = under_way.visitor.cookies

    def come(_):
        """In a tab of the same browser: what cookie of a session it gets."""
        tab = Visitor(arena)
        tab.cookies = {host: copy(jar) for host, jar in cookies.items()}
        tab.get(answer.location)
        return tab.cookies[UWV].get("__Host-eilogin")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(come, range(_AT_ONCE)))
    assert len({session for session in found if session}) == 1
