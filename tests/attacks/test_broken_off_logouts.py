"""A store that fails at any call of a logout: what comes of it for the visitor.

Nobody is signed in silently afterwards at the site that they left, and no page says
"everywhere" while they are signed in somewhere.
"""

import re

import pytest

from eilogin.errors import StoreUnavailable

UWV, STAD = "https://uwv.test/mijn", "https://stad.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
#: All that a store is asked.
VERBS = (
    *("read", "end", "add", "get", "take", "swap"),
    *("create", "append", "find", "items", "touch"),
)
#: Seconds after which the retry queues have tried everything.
SOON = 65


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


@pytest.fixture(params=["redirect", "soap"])
def federation(request, clock, eilogin_federation):
    return eilogin_federation(
        dict.fromkeys(("uwv.test", "stad.test"), show_visitor),
        options={"uwv.test": {"logout_binding": request.param}},
    )


@pytest.fixture
def log_in(federation):
    def log_in():
        browser = federation.browser()
        browser.visit(UWV)
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert is_in(browser, STAD)
        return browser

    return log_in


@pytest.fixture
def break_off(federation, monkeypatch):
    """Log out while the store of a host fails at one call and later; what is read."""

    def break_off(browser, host, call):
        store, calls = federation.apps[host].sessions.store, 0

        def failing(real):
            def ask(*what, **which):
                nonlocal calls
                calls += 1
                if calls >= call:
                    raise StoreUnavailable("the store does not answer")
                return real(*what, **which)

            return ask

        with monkeypatch.context() as patch:
            for verb in VERBS:
                patch.setattr(store, verb, failing(getattr(store, verb)))
            browser.visit(LOG_OUT)
        assert browser.page.status_int in {200, 503}
        return browser.text

    return break_off


@pytest.fixture
def deliver(federation, clock):
    """Let all servers deliver what they have queued."""

    def deliver():
        for _ in range(2):
            clock.shift(SOON)
            federation.work()
            federation.deliver("uwv.test")

    return deliver


def is_in(browser, url):
    browser.visit(url)
    return bool(re.search(r"user=\[.+\]", browser.text))


@pytest.mark.parametrize(
    ("host", "calls"),
    [("uwv.test", range(1, 13, 2)), ("inloggen.test", range(1, 30, 4))],
)
def test_leaves_nobody_signed_in_unawares(log_in, break_off, deliver, host, calls):
    for call in calls:
        browser = log_in()
        said = break_off(browser, host, call)
        deliver()
        # The first page may be that of the logout.
        browser.visit(UWV)
        assert not is_in(browser, UWV), call
        assert not ("overal uitgelogd" in said and is_in(browser, STAD)), call
