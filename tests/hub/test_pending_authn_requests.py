"""Pending logins at the hub: what a browser keeps of an AuthnRequest."""

import json
import zlib
from dataclasses import astuple, replace

import pytest

from eilogin.errors import CookiesRefused, LoginLost
from eilogin.hub import pending_authn_requests
from eilogin.hub.pending_authn_requests import PARAMETER, PendingAuthnRequest
from eilogin.saml import bindings
from eilogin.web.browser.sealing import as_text
from eilogin.web.visit import Visit

MINUTE = 60
HUB = "inloggen.test"
UWV = "https://uwv.test/eilogin/metadata"
QUESTION = PendingAuthnRequest(
    request_id="_1",
    issuer=UWV,
    acs_url="https://uwv.test/eilogin/acs",
    binding=bindings.POST,
    relay_state="handle",
    level="basis",
    levels=("basis", "midden"),
    classes=("urn:basis",),
    name_id_format="",
    force=False,
    passive=False,
    received=1_795_510_800.0,
)


class Kept:
    """A browser at the hub, as its requests look to the hub."""

    def __init__(self, environ):
        self.environ = environ
        self.cookies = {}

    def request(self):
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**self.environ, "HTTP_COOKIE": header}

    def keep(self, question):
        for _, header in pending_authn_requests.remember(
            Visit(self.request()), question
        ):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]

    def find(self, handle=QUESTION.handle):
        return pending_authn_requests.find(Visit(self.request()), handle)


@pytest.fixture
def environ(federation):
    """A request at the hub, behind its filters."""
    seen = {}
    hub = federation.apps[HUB].app
    application, hub.app = hub.app, lambda e, s: seen.update(e) or application(e, s)
    federation.browser().visit(f"https://{HUB}/")
    hub.app = application
    return seen


@pytest.fixture
def browser(environ):
    return Kept(environ)


@pytest.fixture
def store_size(federation):
    store = federation.apps[HUB].sessions.store
    return lambda: len(store._values)  # noqa: SLF001


def test_a_question_is_found_by_its_handle_as_it_was(browser, store_size):
    before = store_size()
    browser.keep(QUESTION)
    assert browser.find() == QUESTION
    assert store_size() == before


def test_one_with_a_long_relay_state_is_kept_in_the_store(browser, store_size):
    before, long = (
        store_size(),
        replace(QUESTION, relay_state="".join(map(chr, range(200, 1224)))),
    )
    browser.keep(long)
    assert browser.find() == long
    # And what counts the room of its network, and of all.
    assert store_size() == before + 3
    assert max(map(len, browser.cookies.values())) < 200


@pytest.mark.parametrize(
    "changes",
    [{"request_id": "_2"}, {"issuer": "https://stad.test/"}, {"received": 1.0}],
)
def test_another_question_has_another_handle(changes):
    assert replace(QUESTION, **changes).handle != QUESTION.handle


def test_a_repetition_has_the_name_of_the_first(browser):
    assert replace(QUESTION, received=1.0).name == QUESTION.name


def test_the_browser_cannot_read_its_cookie(browser):
    browser.keep(QUESTION)
    [value] = browser.cookies.values()
    assert "uwv" not in QUESTION.handle
    assert as_text(b"uwv")[:3] not in value


def test_a_question_can_be_answered_for_half_an_hour(browser, clock):
    browser.keep(QUESTION)
    clock.shift(30 * MINUTE - 1)
    assert not browser.find().is_over
    clock.shift(1)
    assert browser.find().is_over


@pytest.mark.parametrize(
    "handle", ["", "made-up", "a" * 5000, "19e1a2b3c4d-" + "a" * 22]
)
def test_an_unknown_handle_is_lost(browser, handle):
    browser.cookies["__Host-eilogin-sign-in"] = "yes"
    with pytest.raises(LoginLost, match="another browser"):
        browser.find(handle)


def test_a_browser_without_cookies_is_told_apart(browser):
    with pytest.raises(CookiesRefused, match="none of the cookies"):
        browser.find()


def test_the_cookie_of_another_login_opens_nothing(browser):
    browser.keep(QUESTION)
    [value] = browser.cookies.values()
    other = replace(QUESTION, request_id="_2").handle
    browser.cookies[f"__Host-eilogin-asked-{other}"] = value
    with pytest.raises(LoginLost, match="cookie of this login"):
        browser.find(other)


def test_a_browser_keeps_the_newest_eight(browser):
    asked = [replace(QUESTION, received=QUESTION.received + n) for n in range(10)]
    for question in asked:
        browser.keep(question)
    assert len(browser.cookies) == 8
    for question in asked[2:]:
        assert browser.find(question.handle) == question
    assert sum(map(len, browser.cookies.values())) < 4000


class TestBehindAnAddress:
    def test_is_the_question_that_it_goes_on_with(self, browser):
        browser.keep(QUESTION)
        address = pending_authn_requests.address_of(Visit(browser.environ), QUESTION)
        assert address.startswith(f"https://{HUB}/sso?{PARAMETER}=")
        assert (
            pending_authn_requests.behind(Visit(browser.request()), address) == QUESTION
        )

    @pytest.mark.parametrize("target", ["/", "/?x=y", "/sso", f"/sso?{PARAMETER}="])
    def test_is_none_where_it_names_none(self, browser, target):
        assert pending_authn_requests.behind(Visit(browser.environ), target) is None

    @pytest.mark.parametrize(
        ("named", "peer"), [(UWV, UWV), ("https://evil.test/", ""), ("", "")]
    )
    def test_is_lost_in_the_name_of_a_member_alone(self, browser, named, peer):
        browser.cookies["__Host-eilogin-sign-in"] = "yes"
        target = f"/sso?{PARAMETER}={QUESTION.handle}&of={named}"
        with pytest.raises(LoginLost) as caught:
            pending_authn_requests.behind(Visit(browser.request()), target)
        assert caught.value.peer == peer

    def test_names_nobody_whose_name_is_too_long(self, browser):
        long = replace(QUESTION, issuer="https://uwv.test/" + "a" * 300)
        assert "uwv" not in pending_authn_requests.address_of(
            Visit(browser.environ), long
        )


@pytest.mark.parametrize("change", [lambda v: v[:3], lambda v: [*v, 1], lambda v: {}])
def test_one_that_another_version_kept_is_lost(browser, change):
    sealer = pending_authn_requests._sealer(Visit(browser.environ))  # noqa: SLF001
    octets = zlib.compress(json.dumps(change(astuple(QUESTION))).encode())
    text = as_text(sealer.seal(octets, QUESTION.handle))
    browser.cookies[f"__Host-eilogin-asked-{QUESTION.handle}"] = text
    with pytest.raises(LoginLost, match="another version"):
        browser.find()
