"""What goes wrong beside her, and must not stand between her and the page."""

import sqlite3

import pytest
from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.participant.login import pending_logins

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
MINUTE = 60


def sessions_of(federation, host):
    return federation.apps[host].sessions


@pytest.fixture
def full_disk(federation, monkeypatch):
    """The store of uwv can be read, and not written any more."""

    def fail(*args, **kwargs):
        raise StoreUnavailable("database or disk is full") from sqlite3.Error()

    def begin():
        store = sessions_of(federation, "uwv.test").store
        for verb in ("touch", "add"):
            monkeypatch.setattr(store, verb, fail)

    return begin


def test_a_disk_that_is_full_lets_her_read_on(anna, clock, full_disk):
    anna.log_in(UWV)
    clock.shift(11 * MINUTE)
    full_disk()
    assert anna.is_let_in(UWV)
    assert anna.browser.trail == [UWV]


def test_metadata_that_has_expired_lets_her_read_on(federation, anna, clock):
    anna.log_in(UWV)
    clock.shift(11 * MINUTE)
    members = federation.trusts["uwv.test"].federation
    members._entities = {}  # noqa: SLF001 - as if all of it had expired
    assert anna.is_let_in(UWV)
    assert anna.browser.trail == [UWV]


def test_a_look_at_the_headers_of_a_page_leaves_nothing_behind(federation):
    store = sessions_of(federation, "uwv.test").store
    added = []
    store.add = lambda *args, **kwargs: added.append(args)
    request = Request.blank(UWV, method="HEAD")
    response = request.get_response(federation)
    assert response.status_int == 302
    assert response.location.startswith("https://uwv.test/eilogin/login?next=")
    assert "Set-Cookie" not in response.headers
    assert added == []


def test_nor_does_one_at_those_of_the_login_address(federation):
    store = sessions_of(federation, "uwv.test").store
    added = []
    store.add = lambda *args, **kwargs: added.append(args)
    address = "https://uwv.test/eilogin/login?next=/"
    response = Request.blank(address, method="HEAD").get_response(federation)
    assert response.status_int == 302
    assert response.location == "https://inloggen.test/sso", "and asks nothing there"
    assert "Set-Cookie" not in response.headers
    assert added == []


def test_of_two_answers_to_one_question_the_second_is_refused(federation, anna):
    """The hub answers the same question twice, in two windows."""
    anna.visit(STAD)
    question = anna.browser.trail[-1]
    anna.browser.stops_before = "answer="
    anna.type_password()
    first = anna.browser.url
    anna.visit(question)
    second = anna.browser.url
    anna.browser.stops_before = None
    assert first != second
    anna.browser.follow(first)
    assert anna.browser.url == STAD
    assert anna.user
    anna.browser.follow(second)
    assert anna.browser.url == STAD, "spent: it leads to the page, and makes no session"


def test_an_answer_that_another_one_has_overtaken_makes_no_session(anna, monkeypatch):
    """It leads to the page, which knows her as soon as the other one's cookie is there.

    Here it never comes, and she is not led around for ever.
    """
    claim = pending_logins.claim
    monkeypatch.setattr(pending_logins, "claim", lambda *login: claim(*login) and False)
    anna.visit(UWV)
    anna.type_password()
    assert anna.browser.cookie("uwv.test", "__Host-eilogin") is None
    assert anna.browser.page.status_int == 403
    assert "Het inloggen begint steeds opnieuw" in anna.browser.text


def test_a_demo_is_refused_where_somebody_in_earnest_can_be(eilogin_federation):
    hub = {"public_url": "https://inloggen.example.nl"}
    federation = eilogin_federation({}, hub_options=hub)
    federation.apps["inloggen.example.nl"] = federation.apps["inloggen.test"]
    browser = federation.browser()
    browser.visit("https://inloggen.example.nl/login")
    assert browser.page.status_int == 500
    assert "demo-anna" not in browser.text


def test_a_memory_store_is_refused_where_several_processes_serve(federation, anna):
    anna.log_in(UWV)
    request = Request.blank(UWV)
    request.environ["wsgi.multiprocess"] = True
    assert request.get_response(federation).status_int == 500


def test_the_answer_to_a_failed_login_leads_to_a_new_one(anna):
    anna.visit("https://uwv.test/eilogin/acs?answer=made-up")
    assert anna.browser.page.status_int == 400
    anna.browser.click("Probeer het opnieuw")
    assert anna.is_asked_for_password
