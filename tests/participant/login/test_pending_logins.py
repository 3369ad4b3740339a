"""A login under way lives in its browser, sealed; the store learns of it at its end."""

import json
import re
from types import SimpleNamespace

import pytest
import time_machine

from eilogin import clock as instants
from eilogin.errors import CookiesRefused, LoginLost, StoreUnavailable
from eilogin.participant.login import pending_logins
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.sessions import Sessions
from eilogin.stores import open_store
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer, as_text
from eilogin.web.visit import Visit

MINUTE = 60


HUB = "https://hub.test/"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


class Site:
    """A participant, and a browser that holds its cookies."""

    def __init__(self, store=None, secrets=(b"of this site",)):
        self.store = store or open_store("memory:")
        self.sessions = Sessions(self.store, idle=900.0, max_session=7200.0)
        own = SimpleNamespace(
            entity_id="https://uwv.test/metadata",
            public_url="https://uwv.test",
            sealing_secrets=secrets,
        )
        self.trust = SimpleNamespace(own=own, hub_ids=(HUB,))
        self.jar = {}

    @property
    def environ(self):
        return {
            "HTTP_COOKIE": "; ".join(f"{name}={v}" for name, v in self.jar.items()),
            env.SESSIONS: self.sessions,
            env.TRUST: self.trust,
            env.COOKIE: Cookie("eilogin"),
        }

    def takes(self, *headers):
        for _, header in headers:
            name, value = re.match("([^=]+)=([^;]*);", header).groups()
            self.jar.pop(name, None)
            if "Max-Age=0;" not in header:
                self.jar[name] = value

    def begin(self, target="/mijn?a=b", level="basis", **how):
        pending = PendingLogin(target, level, HUB, **how)
        self.takes(*pending_logins.cookie_headers(Visit(self.environ), pending))
        return pending

    def find(self, pending):
        return pending_logins.of_browser(Visit(self.environ), pending.handle)

    def has(self, pending):
        return f"__Host-eilogin-login-{pending.handle}" in self.jar


@pytest.fixture
def site():
    return Site()


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"is_passive": True},
        {"is_forced": True},
        {"began": "/nieuws?x=1"},
        {"begun_as": "a login"},
    ],
)
def test_is_found_by_the_browser_that_began_it(site, how):
    pending = site.begin(level="midden", **how)
    assert site.find(pending) == pending
    assert pending.requested_at == instants.now()


def test_leaves_nothing_in_the_store(site, monkeypatch):
    written = []
    monkeypatch.setattr(site.store, "add", lambda *args, **_: written.append(args))
    pending = site.begin()
    site.find(pending)
    assert written == []


def test_is_not_to_be_read_in_the_cookie(site):
    site.begin("/mijn/bezwaar")
    assert "bezwaar" not in str(site.jar)


def test_is_found_after_a_restart_and_by_another_process(site):
    pending = site.begin()
    other = Site(site.store)
    other.jar = site.jar
    assert other.find(pending) == pending


@pytest.mark.parametrize(
    "rest", [[], [""], ["", ""], ["", "", False, "of a later version"]]
)
def test_is_found_that_another_version_has_begun(site, rest):
    pending = site.begin()
    fields = json.dumps(["/mijn?a=b", "basis", HUB, False, False, *rest]).encode()
    bound = (site.trust.own.entity_id, pending.handle)
    sealed = Sealer(site.trust.own.sealing_secrets, "login").seal(fields, *bound)
    site.jar[f"__Host-eilogin-login-{pending.handle}"] = as_text(sealed)
    assert site.find(pending) == pending


def test_is_dropped_from_the_browser(site):
    pending = site.begin()
    site.takes(pending_logins.drop(pending.handle))
    assert not site.has(pending)


def test_is_found_while_a_secret_is_being_replaced(site):
    pending = site.begin()
    other = Site(secrets=(b"the new one", b"of this site"))
    other.jar = site.jar
    assert other.find(pending) == pending
    newest = other.begin()
    assert other.find(newest) == newest


def test_is_lost_elsewhere(site):
    pending = site.begin()
    elsewhere = Site(secrets=(b"of another site",))
    elsewhere.jar = site.jar
    with pytest.raises(LoginLost):
        elsewhere.find(pending)


def test_is_not_taken_for_another_one(site):
    first, second = site.begin("/a"), site.begin("/b")
    names = [f"__Host-eilogin-login-{p.handle}" for p in (first, second)]
    site.jar[names[0]] = site.jar[names[1]]
    with pytest.raises(LoginLost):
        site.find(first)
    assert site.find(second).target == "/b"


@pytest.mark.parametrize("text", ["x", "AAAA", "!", "A" * 4000, "=" * 20])
def test_that_somebody_invents_is_lost(site, text):
    pending = site.begin()
    site.jar[f"__Host-eilogin-login-{pending.handle}"] = text
    with pytest.raises(LoginLost):
        site.find(pending)


def test_that_was_changed_on_the_way_is_lost(site):
    pending = site.begin()
    name = f"__Host-eilogin-login-{pending.handle}"
    whole = site.jar[name]
    for position in range(0, len(whole), 7):
        changed = "A" if whole[position] != "A" else "B"
        site.jar[name] = whole[:position] + changed + whole[position + 1 :]
        with pytest.raises(LoginLost):
            site.find(pending)
    for length in range(len(whole) - 1):
        site.jar[name] = whole[:length]
        with pytest.raises(LoginLost):
            site.find(pending)


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "x",
        "0-x",
        "a b",
        "6b055210-",
        "1a2-" + "A" * 23,
        "g" * 34,
        "1" * 400,
    ],
)
def test_an_invented_handle_is_nothing(site, handle):
    with pytest.raises(LoginLost):
        pending_logins.request_id_of(handle)
    with pytest.raises(LoginLost):
        pending_logins.of_browser(Visit(site.environ), handle)


def test_a_handle_fits_in_a_relay_state_and_names_one_request(site):
    first, second = site.begin(), site.begin()
    assert len(first.handle.encode()) <= 80
    assert re.fullmatch("_[0-9a-f]{40}", first.request_id)
    assert first.request_id != second.request_id
    assert first.request_id == pending_logins.request_id_of(first.handle)


def test_is_over_after_half_an_hour(site, clock):
    pending = site.begin()
    clock.shift(30 * MINUTE - 1)
    assert site.find(pending)
    clock.shift(1)
    with pytest.raises(LoginLost, match="pending login has expired"):
        site.find(pending)


# --- whose it is ----------------------------------------------------------------------


def test_is_no_other_browsers(site):
    pending = site.begin()
    site.jar = {"__Host-eilogin": "x"}
    with pytest.raises(LoginLost, match="another browser"):
        site.find(pending)


@pytest.mark.parametrize(
    ("jar", "said"),
    [({}, "no other cookies came"), ({"theme": "dark"}, r"\(other cookies came")],
)
def test_of_a_browser_that_brings_no_cookie_of_ours_the_cookies_are_missed(
    site, jar, said
):
    pending = site.begin()
    site.jar = jar
    with pytest.raises(CookiesRefused, match=said):
        site.find(pending)


def test_one_that_is_spent_is_not_a_matter_of_cookies(site):
    pending = site.begin()
    pending_logins.claim(Visit(site.environ), pending)
    site.jar = {}
    with pytest.raises(LoginLost):
        site.find(pending)


# --- how many -------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [1, 0.01], ids=["by and by", "all at once"])
def test_a_browser_has_five_and_the_oldest_gives_way(site, clock, pause):
    begun = []
    for _ in range(7):
        begun.append(site.begin())
        clock.shift(pause)
    assert [site.has(pending) for pending in begun] == [False] * 2 + [True] * 5


def test_long_addresses_give_way_sooner_than_a_proxy_refuses_the_cookies(site, clock):
    begun = []
    for number in range(5):
        begun.append(site.begin(f"/{number}{'x' * 2000}"))
        clock.shift(1)
    assert site.has(begun[-1])
    assert site.find(begun[-1]).target.startswith("/4xx")
    assert len(site.environ["HTTP_COOKIE"]) < 4500
    assert all(len(value) < 4000 for value in site.jar.values())


def test_response_stays_small_with_many_invented_cookies(site):
    for number in range(2000):
        site.jar[f"__Host-eilogin-login-{number}"] = "x"
    headers = list(
        pending_logins.cookie_headers(
            Visit(site.environ), PendingLogin("/", "basis", HUB)
        )
    )
    assert len(headers) < 30


# --- its end --------------------------------------------------------------------------


def test_is_claimed_by_one_answer(site):
    pending = site.begin()
    assert pending_logins.claim(Visit(site.environ), pending)
    assert not pending_logins.claim(Visit(site.environ), pending)
    assert site.find(pending).spent_by == pending_logins.CLAIMED


def test_is_spent_once(site):
    pending = site.begin()
    pending_logins.claim(Visit(site.environ), pending)
    pending_logins.spend(Visit(site.environ), pending, "first")
    pending_logins.spend(Visit(site.environ), pending, "second")
    assert site.find(pending).spent_by == "first"


def test_is_taken_for_as_long_as_the_cookie_could_be_used(site, clock):
    pending = site.begin()
    pending_logins.claim(Visit(site.environ), pending)
    clock.shift(30 * MINUTE - 1)
    assert not pending_logins.claim(Visit(site.environ), pending)
    clock.shift(5 * MINUTE)
    assert Visit(site.environ).values.get(f"login:{pending.handle}") is None


def test_once_spent_stays_in_the_browser_for_two_minutes(site):
    pending = site.begin()
    before = site.jar[f"__Host-eilogin-login-{pending.handle}"]
    ((_, header),) = pending_logins.spent_cookie(Visit(site.environ), pending)
    assert f"={before}; Max-Age=120; " in header


def test_nobody_is_sent_to_log_in_while_the_store_does_not_answer(site, monkeypatch):
    def fail(*_):
        raise StoreUnavailable("gone")

    pending_logins.require_store(Visit(site.environ))
    monkeypatch.setattr(site.store, "get", fail)
    with pytest.raises(StoreUnavailable):
        pending_logins.require_store(Visit(site.environ))


# --- for which nobody asked -----------------------------------------------------------


def test_that_nobody_asked_for_lives_in_no_cookie_and_is_spent_all_the_same(site):
    handle = PendingLogin("/mijn", "basis", HUB).handle
    pending = pending_logins.unsolicited(Visit(site.environ), "/mijn", HUB, handle)
    assert (pending.target, pending.level, pending.spent_by) == ("/mijn", "basis", "")
    assert list(pending_logins.spent_cookie(Visit(site.environ), pending)) == []
    assert pending_logins.claim(Visit(site.environ), pending)
    assert (
        pending_logins.again(Visit(site.environ), pending).spent_by
        == pending_logins.CLAIMED
    )
    assert not pending_logins.claim(Visit(site.environ), pending)
    pending_logins.spend(Visit(site.environ), pending, "key")
    assert pending_logins.again(Visit(site.environ), pending).spent_by == "key"


def test_that_somebody_asked_for_is_found_again_as_it_is_by_now(site):
    pending = site.begin()
    pending_logins.claim(Visit(site.environ), pending)
    assert (
        pending_logins.again(Visit(site.environ), pending).spent_by
        == pending_logins.CLAIMED
    )
