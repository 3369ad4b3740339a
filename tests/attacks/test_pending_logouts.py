"""Cookies that name a session to log out, made or planted by an attacker."""

import base64

import pytest

from eilogin.errors import StoreUnavailable

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
SESSION, PENDING = "__Host-eilogin", "__Host-eilogin-out"
HINT = "__Host-eilogin-logout-hint"


@pytest.fixture
def log_in(federation):
    """Log somebody in at uwv.test, at a browser of their own."""

    def at(name):
        browser = federation.browser()
        browser.visit(UWV)
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert is_in(browser)
        return browser

    return at


@pytest.fixture
def log_out_in_vain(federation, monkeypatch):
    """Log a browser out while the store is down; the cookie that it keeps."""

    def at(browser, url=LOG_OUT):
        def failing(*args, **kwargs):
            raise StoreUnavailable("the store does not answer")

        host = url.split("/")[2]
        with monkeypatch.context() as patch:
            store = federation.apps[host].sessions.store
            patch.setattr(store, "read", failing)
            browser.visit(url)
        assert browser.page.status_int == 503
        return browser.cookie(host, PENDING)

    return at


def is_in(browser, url=UWV):
    browser.visit(url)
    return browser.url == url and "user=[]" not in browser.text


def test_one_that_is_planted_logs_nobody_else_out(log_in, log_out_in_vain) -> None:
    mallory, victim = log_in("bram"), log_in("anna")
    own = mallory.cookie("uwv.test", SESSION)
    planted = log_out_in_vain(mallory)
    victim.set_cookie("uwv.test", PENDING, planted)
    assert is_in(victim)
    assert victim.cookie("uwv.test", PENDING) is None, "spent"
    assert is_in(victim)
    assert is_in(victim, STAD)
    mallory.forget("uwv.test")
    mallory.set_cookie("uwv.test", SESSION, own)
    mallory.stops_before = "/sso"
    assert not is_in(mallory), "the session that it names has ended"


def test_one_that_is_planted_while_the_store_is_down_logs_nobody_else_out(
    federation, log_in, log_out_in_vain, monkeypatch
) -> None:
    mallory, victim = log_in("bram"), log_in("anna")
    planted = log_out_in_vain(mallory)
    victim.set_cookie("uwv.test", PENDING, planted)

    def failing(*args, **kwargs):
        raise StoreUnavailable("the store does not answer")

    with monkeypatch.context() as patch:
        store = federation.apps["uwv.test"].sessions.store
        patch.setattr(store, "end", failing)
        assert is_in(victim)
    assert is_in(victim)


def test_one_that_is_planted_uses_no_logout_hint_of_the_browser(
    log_in, log_out_in_vain
) -> None:
    """The victim has no session cookie here at that moment, and is in elsewhere."""
    mallory, victim = log_in("bram"), log_in("anna")
    assert is_in(victim, STAD)
    planted = log_out_in_vain(mallory)
    mallory.visit(UWV)
    hint = victim.cookie("uwv.test", HINT)
    victim.forget("uwv.test")
    victim.set_cookie("uwv.test", HINT, hint)
    victim.set_cookie("uwv.test", PENDING, planted)
    assert is_in(victim), "by the hub, for nobody has logged out"
    assert is_in(victim, STAD)


def test_one_that_is_replayed_does_not_end_a_later_session(
    log_in, log_out_in_vain
) -> None:
    anna = log_in("anna")
    kept = log_out_in_vain(anna)
    anna.visit(UWV)
    assert "U bent overal uitgelogd" in anna.text
    anna.visit(UWV)
    anna.press("Inloggen", username="anna", password="demo-anna")
    assert is_in(anna)
    for _ in range(3):
        anna.set_cookie("uwv.test", PENDING, kept)
        assert is_in(anna)


@pytest.mark.parametrize("kind", ["changed", "shorter", "rubbish", "empty", "clear"])
def test_one_that_is_forged_does_nothing(log_in, log_out_in_vain, kind) -> None:
    mallory, victim = log_in("bram"), log_in("anna")
    sealed = base64.urlsafe_b64decode(log_out_in_vain(mallory))
    token = victim.cookie("uwv.test", SESSION)
    octets = {
        "changed": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "shorter": sealed[: len(sealed) // 2],
        "rubbish": b"\0" * 100,
        "empty": b"",
        "clear": token.encode(),
    }[kind]
    forged = base64.urlsafe_b64encode(octets).decode()
    victim.set_cookie("uwv.test", PENDING, forged)
    assert is_in(victim)
    anonymous = log_in("chaima")
    anonymous.set_cookie("uwv.test", PENDING, forged)
    assert is_in(anonymous)
    assert is_in(victim)


def test_one_of_another_site_does_nothing(log_in, log_out_in_vain) -> None:
    anna = log_in("anna")
    assert is_in(anna, STAD)
    elsewhere = log_out_in_vain(anna, "https://stad.test/eilogin/logout")
    anna.forget("stad.test")
    anna.set_cookie("uwv.test", PENDING, elsewhere)
    assert is_in(anna)


def test_it_tells_nobody_which_session_it_names(log_in, log_out_in_vain) -> None:
    anna = log_in("anna")
    token = anna.cookie("uwv.test", SESSION)
    kept = log_out_in_vain(anna)
    assert token not in kept
    assert token.encode() not in base64.urlsafe_b64decode(kept)
    assert kept != log_out_in_vain(anna)


def test_one_that_is_planted_at_the_hub_logs_nobody_else_out(
    federation, log_in, monkeypatch
) -> None:
    mallory, victim = log_in("bram"), log_in("anna")

    def failing(*args, **kwargs):
        raise StoreUnavailable("the store does not answer")

    mallory.visit("https://inloggen.test/")
    with monkeypatch.context() as patch:
        patch.setattr(federation.apps["inloggen.test"].sessions.store, "end", failing)
        mallory.press("Overal uitloggen")
    planted = mallory.cookie("inloggen.test", PENDING)
    victim.set_cookie("inloggen.test", PENDING, planted)
    assert is_in(victim, STAD)
    assert victim.cookie("inloggen.test", PENDING) is None, "spent"
    victim.visit("https://inloggen.test/")
    assert "Overal uitloggen" in victim.text
