"""What must happen once is on the disk before anybody is answered.

A power failure may undo what is not, and then it could happen once more.
"""

import re
from collections import defaultdict

import pytest

UWV = "https://uwv.test/percelen"
PAGE = b'<form method="post"><input name="waarom"><button>Versturen</button></form>'
#: By the first word of their keys in the store: an assertion and a kept form that were
#: used, a code that was (at the hub), and a logout that was executed (at all).
ONCE = {"used", "kept-sent", "code", "logout-request"}


def show_form(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [PAGE, f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


@pytest.fixture
def federation(eilogin_federation):
    return eilogin_federation(
        {"uwv.test": show_form, "stad.test": show_form},
        options={"uwv.test": {"protect": "/percelen midden"}},
    )


@pytest.fixture
def durable(federation, monkeypatch):
    """Whether the values that anybody writes are durable, by the words of their keys.

    It is a set for each word: all that was said of it.
    """
    said = defaultdict(set)

    def listen(store, verb):
        write = getattr(store, verb)

        def listening(key, *values, durable=True, **more):
            # What one party keeps begins with a hash of its name.
            word = re.sub("^[0-9a-f]{16}:", "", key).partition(":")[0]
            said[word].add(durable)
            return write(key, *values, durable=durable, **more)

        monkeypatch.setattr(store, verb, listening)

    for app in federation.apps.values():
        listen(app.sessions.store, "add")
        listen(app.sessions.store, "swap")
    return said


def test_only_one_time_records_are_written_durably(anna, clock, durable):
    anna.visit(UWV)
    anna.type_password(anna.code)
    clock.shift(16 * 60)
    anna.browser.press("Versturen", waarom="Het klopt niet")
    anna.browser.click("Opnieuw inloggen")
    anna.type_password(anna.code)
    anna.browser.press("Verstuur opnieuw")
    assert anna.user
    assert anna.is_let_in("https://stad.test/mijn")
    anna.visit("https://stad.test/eilogin/logout")
    assert "U bent overal uitgelogd" in anna.browser.text
    assert {word: durable[word] for word in ONCE} == {word: {True} for word in ONCE}
    assert {word for word in durable if True in durable[word]} == ONCE
