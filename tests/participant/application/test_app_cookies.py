"""The application's own cookies are worth what the login is in which they were set."""

import re
import threading
import time
from types import SimpleNamespace
from wsgiref.util import setup_testing_defaults

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from eilogin.config import read
from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.logout import make_logout
from eilogin.filters.logout_options import LogoutOptions
from eilogin.participant.application import app_cookie_reading, app_cookies
from eilogin.participant.application.app_cookie_choice import (
    AppCookieChoice,
    CookieNamePatterns,
    read_app_cookies,
)
from eilogin.participant.application.app_cookie_names import READ_EVERY
from eilogin.participant.application.app_cookies import AppCookies
from eilogin.participant.application.sealed_cookies import MARK, CookieSealer
from eilogin.sessions import Sessions, bounded_cache
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie

ANNA, BRAM = "family of anna", "family of bram"
GONE = "sessionid=; Max-Age=0; Path=/"
#: The same of what was set in a login.
HERS_GONE = "sessionid~eil=; Max-Age=0; Path=/"


class Site:
    """An application with cookies, its filter, and one browser or several."""

    def __init__(self, which="auto"):
        self.store = MemoryStore()
        self.sessions = Sessions(self.store, idle=900, max_session=7200)
        own = SimpleNamespace(
            entity_id="https://uwv.test/eilogin/metadata",
            public_url="https://uwv.test",
            sealing_secrets=[b"a secret of this site"],
            hub_inside=None,
            mount="",
        )
        self.trust = SimpleNamespace(own=own)
        self.cookie = Cookie("eilogin")
        self.sets, self.seen, self.status = [], None, "200 OK"
        #: Another worker of the same site.
        self.filter = AppCookies(self.app, read_app_cookies(which))

    def restart(self, which="auto"):
        self.filter = AppCookies(self.app, read_app_cookies(which))

    def app(self, environ, start_response):
        self.seen = environ.get("HTTP_COOKIE")
        start_response(self.status, [("Content-Type", "text/plain"), *self.sets])
        return [b"a page"]

    def environ(self, family, cookies, **more):
        """The environ of a request behind the filters ``session`` and ``trust``."""
        environ = dict(more)
        setup_testing_defaults(environ)
        login = None if family is None else SimpleNamespace(family=family)
        environ |= {
            env.SESSIONS: self.sessions,
            env.TRUST: self.trust,
            env.COOKIE: self.cookie,
            env.SESSION: login,
        }
        if cookies is not None:
            environ["HTTP_COOKIE"] = cookies
        return environ

    def ask(self, cookies=None, family=None, *, off=False, path="/", sets=(), **more):
        """The Set-Cookie headers of the answer; ``seen`` is what came to the app."""
        environ = self.environ(family, cookies, PATH_INFO=path, **more)
        if off:
            environ[env.OFF] = True
        self.sets = [
            one if isinstance(one, tuple) else ("Set-Cookie", one) for one in sets
        ]
        told = []

        def start_response(status, headers, *exc_info):
            told.extend(headers)

        asked = environ.copy()
        assert b"".join(self.filter(environ, start_response)) == b"a page"
        assert environ == asked, "who stands outside sees what came"
        return [text for name, text in told if name.lower() == "set-cookie"]

    def set(self, text, family=None, **more):
        """What a browser sends back of a cookie that the application sets."""
        [told] = self.ask(family=family, sets=[text], **more)
        return told.partition(";")[0]


@pytest.fixture
def site():
    return Site()


SESSION = "sessionid=the-k3y; HttpOnly; Path=/; SameSite=Lax"


def test_the_application_sees_what_it_set_and_the_browser_does_not(site):
    [told] = site.ask(family=ANNA, sets=[SESSION])
    assert "the-k3y" not in told
    pair, _, attributes = told.partition(";")
    assert attributes == " HttpOnly; Path=/; SameSite=Lax"
    assert site.ask(f"taal=nl; {pair}; x", ANNA) == []
    assert site.seen == "taal=nl; sessionid=the-k3y; x"


@pytest.mark.parametrize("family", [None, BRAM], ids=["nobody", "another login"])
def test_outside_of_its_login_it_is_withheld_and_forgotten(site, family):
    hers = site.set(SESSION, ANNA)
    assert site.ask(f"taal=nl; {hers}; x=y", family) == [HERS_GONE]
    assert site.seen == "taal=nl; x=y"
    assert site.ask(hers, family) == [HERS_GONE], "the same once more"
    assert site.seen is None


def test_nothing_is_forgotten_while_nobody_can_tell_whether_she_is_only_idle(
    site, monkeypatch
):
    def down(*_):
        raise StoreUnavailable("somebody has pulled the plug")

    hers = site.set(SESSION, ANNA)
    monkeypatch.setattr(Sessions, "find_beyond_idle", down)
    assert site.ask(f"{hers}; __Host-eilogin=of-before") == []
    assert "sessionid" not in site.seen


@pytest.mark.parametrize(
    ("hub", "path", "is_sealed"),
    [("", "/login", False), ("/idp", "/idp/login", False), ("/idp", "/idpx", True)],
)
def test_a_hub_inside_keeps_its_own_whoever_is_logged_in(site, hub, path, is_sealed):
    site.trust.own.hub_inside = hub
    pair = site.set("hub=the-k3y; HttpOnly; Path=/", ANNA, path=path)
    assert ("the-k3y" not in pair) == is_sealed
    site.ask(pair, BRAM, path=path)
    assert site.seen == (None if is_sealed else "hub=the-k3y")


def test_the_next_day_and_in_another_worker_too(site):
    hers = site.set(SESSION, ANNA)
    site.restart()
    assert site.ask(hers, ANNA) == []
    assert site.seen == "sessionid=the-k3y"
    site.restart()
    assert site.ask(hers) == [HERS_GONE]
    assert site.seen is None


def test_login_deletes_cookie_set_before_it(site):
    basket = site.set(SESSION)
    assert site.ask(basket) == []
    assert site.seen == "sessionid=the-k3y"
    assert site.ask(basket, ANNA) == [GONE]
    assert site.seen is None


@pytest.mark.parametrize(
    "text",
    [
        "csrftoken=abc; Path=/",
        "taal=nl",
        "taal=; Max-Age=0",
        "nameless; HttpOnly",
        "__Host-eilogin-hub=abc; HttpOnly; Secure; Path=/",
    ],
)
def test_cookies_for_scripts_without_name_or_of_eilogin_stay_unchanged(site, text):
    assert site.ask(family=ANNA, sets=[text]) == [text]
    pair = text.partition(";")[0]
    assert site.ask(pair, BRAM) == []
    assert site.seen == pair


@pytest.mark.parametrize(
    "behind", ["; Max-Age=0; Path=/", '""; expires=Thu, 01 Jan 1970 00:00:00 GMT']
)
def test_cookie_is_deleted_only_in_the_context_that_set_it(site, behind):
    """And from no other one: an ``off`` path that lets an editor out, say."""
    hers = site.set(SESSION, ANNA).partition("=")[0]
    for family, off, name in (
        (ANNA, False, hers),
        (None, False, "sessionid"),
        (None, True, "sessionid"),
    ):
        told = site.ask(family=family, off=off, sets=[f"sessionid={behind}"])
        assert told == [f"{name}={behind}"]


def test_deletion_in_new_worker_deletes_sealed_cookie(site):
    hers = site.set(SESSION, ANNA)
    site.store = MemoryStore()
    site.sessions = Sessions(site.store, idle=900, max_session=7200)
    site.restart()
    assert site.ask(hers, ANNA, sets=["sessionid=; Max-Age=0; Path=/"]) == [HERS_GONE]


def test_many_in_many_headers_each_by_itself(site):
    sets = [
        "a=1; httponly",
        ("set-cookie", "b=2; Path=/b; HTTPONLY=x"),
        ("SET-COOKIE", "c=3"),
        ("X-Other", "a=1; HttpOnly"),
    ]
    told = site.ask(family=ANNA, sets=sets)
    assert [MARK in one for one in told] == [True, True, False]
    header = "; ".join(one.partition(";")[0] for one in told)
    site.ask(header, ANNA)
    assert site.seen == "a=1; b=2; c=3"


def test_one_that_was_set_http_only_once_is_guarded_however_it_is_set(site):
    site.set(SESSION, ANNA)
    hers = site.set("sessionid=anew; Path=/", ANNA)
    assert site.ask(hers, ANNA) == []
    assert site.seen == "sessionid=anew"
    editor = site.set("sessionid=w; Path=/", off=True)
    assert site.ask(editor) == []
    assert site.seen == "sessionid=w"


def test_two_of_one_name_keep_their_order(site):
    near, far = site.set("a=near; HttpOnly", ANNA), site.set("a=far; HttpOnly", ANNA)
    assert site.ask(f"{near}; {far}", ANNA) == []
    assert site.seen == "a=near; a=far"


def test_beside_a_good_one_nothing_is_forgotten(site):
    """Or a neighbour could have a good one forgotten, by one that looks like it."""
    hers, his = site.set(SESSION, ANNA), site.set(SESSION, BRAM)
    assert site.ask(f"{his}; {hers}", ANNA) == []
    assert site.seen == "sessionid=the-k3y"
    before = site.set(SESSION)
    assert site.ask(f"sessionid=planted; {before}") == []
    assert site.seen == "sessionid=the-k3y"


@pytest.mark.parametrize(
    ("text", "path", "gone"),
    [
        ("a=1; HttpOnly; Path=/mijn", "/mijn", "a~eil=; Max-Age=0; Path=/mijn"),
        ("a=1; HttpOnly; Path=/mijn/", "/mijn/x", "a~eil=; Max-Age=0; Path=/mijn/"),
        ("a=1; HttpOnly", "/mijn/zaken/x", "a~eil=; Max-Age=0; Path=/mijn/zaken"),
        ("a=1; HttpOnly", "/b c/x", "a~eil=; Max-Age=0; Path=/b%20c"),
        ("a=1; HttpOnly; Path=x", "/mijn", "a~eil=; Max-Age=0; Path=/"),
        (
            "a=1; HttpOnly; Path=/x; path=/y; Domain=.Test",
            "/y/z",
            "a~eil=; Max-Age=0; Path=/y; Domain=Test",
        ),
        (
            "__Secure-a=1; HttpOnly; Secure; Path=/b%20c",
            "/b c",
            "__Secure-a~eil=; Max-Age=0; Path=/b%20c; Secure",
        ),
        (
            "__Host-a=1; HttpOnly; Secure; Path=/",
            "/",
            "__Host-a~eil=; Max-Age=0; Path=/; Secure",
        ),
    ],
)
def test_it_is_forgotten_where_it_was_set(site, text, path, gone):
    hers = site.set(text, ANNA, path=path)
    site.ask(hers, ANNA, path=path)
    assert site.seen == text.partition(";")[0]
    assert site.ask(hers, path=path) == [gone]


@pytest.mark.parametrize(
    ("came_from", "is_forgotten"),
    [("cross-site", False), ("same-site", True), ("same-origin", True), ("none", True)],
)
def test_cross_site_request_without_own_cookie_deletes_no_cookie(
    site, came_from, is_forgotten
):
    """A neighbour's, SameSite=None, comes with another site's form, and hers does not.

    It is of his own login, and so looks like one that is over.
    """
    his, hers = site.set(SESSION, BRAM), site.set(SESSION, ANNA)
    said = {"HTTP_SEC_FETCH_SITE": came_from}
    assert site.ask(his, **said) == ([HERS_GONE] if is_forgotten else [])
    assert site.seen is None
    assert site.ask(f"{his}; {hers}", ANNA) == []
    assert site.seen == "sessionid=the-k3y"


def test_deletion_of_old_cookie_precedes_new_cookie(site):
    hers = site.set(SESSION, ANNA)
    gone, anew = site.ask(hers, sets=[SESSION])
    assert gone == HERS_GONE
    site.ask(anew.partition(";")[0])
    assert site.seen == "sessionid=the-k3y"


PUBLIC, PRIVATE = "max-age=60, public", "private, max-age=60"
OVER, TO_COME = "Fri, 01 Jan 1999 00:00:00 GMT", "Wed, 21 Oct 2115 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "is_for_all"),
    [
        ([("Cache-Control", PUBLIC)], True),
        ([("cache-control", "S-MaxAge=60")], True),
        ([("Cache-Control", "max-age=600")], True),
        ([("Expires", TO_COME)], True),
        ([("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")], True),
        ([("ETag", '"1"'), ("Cache-Control", "no-cache")], True),
        ([("Cache-Control", PRIVATE), ("Cache-Control", PUBLIC)], True),
        ([("ETag", '"1"'), ("Cache-Control", PRIVATE)], False),
        ([("Expires", "0"), ("Cache-Control", "no-store")], False),
        ([("Cache-Control", "no-cache")], False),
        ([("Expires", OVER)], True),
        ([("Expires", OVER), ("Cache-Control", "must-revalidate")], False),
        ([("Expires", "0"), ("Cache-Control", "no-cache")], False),
        ([("Expires", TO_COME), ("Cache-Control", "must-revalidate")], True),
        ([("Expires", OVER), ("ETag", "1"), ("Cache-Control", "no-cache")], True),
    ],
)
def test_a_page_that_a_cache_gives_to_others_forgets_nothing(site, headers, is_for_all):
    """Or a stranger could have it tell everybody to forget what he names."""
    hers = site.set(SESSION, ANNA)
    assert site.ask(hers, sets=headers) == ([] if is_for_all else [HERS_GONE])
    assert site.seen is None


def test_while_nobody_can_tell_it_is_withheld_and_kept(site):
    hers = site.set(SESSION, ANNA)
    fault = {env.SESSION_FAULT: StoreUnavailable("the store is away")}
    assert site.ask(hers, **fault) == []
    assert site.seen is None


def test_an_answer_that_is_begun_anew_after_a_fault(site):
    """PEP 3333: start_response may be called once more, with exc_info."""
    told = []

    def app(environ, start_response):
        start_response("200 OK", [])
        error = OSError("no template")
        fault = (OSError, error, error.__traceback__)
        start_response("500 Oh", [("Set-Cookie", SESSION)], fault)
        return []

    environ = {
        env.COOKIE: site.cookie,
        env.SESSION: None,
        env.SESSIONS: site.sessions,
        env.TRUST: site.trust,
    }
    AppCookies(app, AppCookieChoice(is_auto=True))(
        environ, lambda *said: told.append(said)
    )
    assert [len(said) for said in told] == [2, 3]
    [(_, text)] = told[1][1]
    assert "the-k3y" not in text


@pytest.mark.parametrize("name", ["sid:1", "sid[0]", "s/id", "sid@x", '"s,id"'])
def test_a_name_with_signs_that_a_header_can_have_is_a_name(site, name):
    """Python's own lets an application set most of these."""
    hers = site.set(f"{name}=the-k3y; HttpOnly; Path=/", ANNA)
    assert site.ask(hers, ANNA) == []
    assert site.seen == f"{name}=the-k3y"
    for planted in (f"{name}=planted", f"a=b {name} = planted"):
        assert site.ask(planted, ANNA) == [f"{name}=; Max-Age=0; Path=/"]
        assert site.seen is None
    assert site.ask(hers, BRAM) == [f"{name}~eil=; Max-Age=0; Path=/"]


def test_one_that_does_not_come_back_by_its_name_is_told_of(site, caplog):
    hers = site.set("s\xe9=the-k3y; HttpOnly", ANNA)
    [told] = caplog.messages
    assert "sets the cookie 's\xe9', whose name is not valid" in told
    site.ask(hers, ANNA)
    assert site.seen is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a=1; HttpOnly; Path=/caf\xe9", "/"),
        ("a=1; HttpOnly; Domain=my_host.example.nl", "/"),
        ("a=1; HttpOnly", "/a;b/x"),
    ],
)
def test_one_whose_place_cannot_be_told_comes_back(site, text, path):
    site.ask(site.set(text, ANNA, path=path), ANNA, path=path)
    assert site.seen == "a=1"


# --- paths that are off ---------------------------------------------------------------


def test_on_an_off_path_what_is_set_stays_as_it_is(site):
    assert site.ask(off=True, sets=[SESSION]) == [SESSION]
    assert site.ask("sessionid=the-k3y", off=True) == []
    assert site.seen == "sessionid=the-k3y"


def test_an_off_path_gets_nothing_of_a_login_and_has_nothing_forgotten(site):
    hers = site.set(SESSION, ANNA)
    assert site.ask(f"taal=nl; {hers}", off=True) == []
    assert site.seen == "taal=nl"


def test_neither_of_an_off_page_and_of_a_login_takes_the_others_place(site):
    editor, hers = site.set("sessionid=w; HttpOnly", off=True), site.set(SESSION, ANNA)
    assert {pair.partition("=")[0] for pair in (editor, hers)} == {
        "sessionid",
        "sessionid~eil",
    }
    both = f"{editor}; {hers}"
    for family, off, seen in (
        (ANNA, False, "sessionid=the-k3y"),
        (None, True, "sessionid=w"),
        (ANNA, False, "sessionid=the-k3y"),
    ):
        assert site.ask(both, family, off=off) == []
        assert site.seen == seen


@pytest.mark.parametrize("value", ["planted", "", '""', '"eil~AAAA"'])
def test_unsealed_cookie_with_sealed_name_is_withheld(site, value):
    for family, off in ((ANNA, False), (None, False), (None, True)):
        assert site.ask(f"a=b; sessionid~eil={value}", family, off=off) == []
        assert site.seen == "a=b"


@pytest.mark.parametrize("is_set_elsewhere", [False, True])
def test_editor_is_known_on_public_pages_and_not_in_a_session(site, is_set_elsewhere):
    if is_set_elsewhere:
        site.set(SESSION, ANNA)
    editor = site.set("sessionid=w; HttpOnly; Path=/", off=True)
    assert site.ask(editor) == []
    assert site.seen == "sessionid=w"
    assert site.ask(editor, ANNA) == [], "it is not hers, and let be"
    assert site.seen is None


def test_cookie_renewed_on_public_page_works_on_off_paths(site):
    editor = site.set(SESSION, off=True)
    [anew] = site.ask(editor, sets=[SESSION])
    assert site.ask(anew.partition(";")[0], off=True) == []
    assert site.seen == "sessionid=the-k3y"


def test_editor_of_one_worker_is_known_in_another(site):
    """The public page was never asked for by who edits, in this process."""
    site.set(SESSION, ANNA)
    other = AppCookies(site.app, AppCookieChoice(is_auto=True))
    site.filter, first = other, site.filter
    site.ask("sessionid=before")
    site.filter = first
    editor = site.set("sessionid=w; HttpOnly; Path=/", off=True)
    site.filter = other
    assert site.ask(editor) == []
    assert site.seen == "sessionid=w"


# --- bare ones ------------------------------------------------------------------------


@pytest.mark.parametrize("family", [None, ANNA])
def test_one_that_was_planted_or_set_long_ago_is_withheld(site, family):
    site.set(SESSION, BRAM)
    site.restart()
    assert site.ask("a=b; sessionid=planted", family) == [GONE]
    assert site.seen == "a=b"


def test_a_process_looks_now_and_then_what_another_has_noted(site, monkeypatch):
    """It has remembered a header in which nothing was wrong when it was read."""
    other = AppCookies(site.app, AppCookieChoice(is_auto=True))
    mine, site.filter = site.filter, other
    site.ask("sessionid=planted", ANNA)
    assert site.seen == "sessionid=planted", "no process has seen it set"
    site.filter = mine
    site.set(SESSION, BRAM)
    site.filter = other
    later = time.monotonic() + READ_EVERY
    monkeypatch.setattr(app_cookies, "monotonic", lambda: later)
    site.ask("sessionid=planted", ANNA)
    assert site.seen is None


@pytest.mark.parametrize("cookies", ["__Host-eilogin=abc", "__Host-eilogin-hub=a=b"])
def test_store_is_not_read_for_known_cookies(site, monkeypatch, cookies):
    monkeypatch.setattr(site.store, "get", None)
    for family in (None, ANNA):
        site.ask(cookies, family)
        assert site.seen == cookies
    site.ask(f"{cookies}; taal=nl", off=True)


def test_strangers_do_not_wait_for_the_store_where_nothing_is_guarded(
    site, monkeypatch
):
    site.ask("taal=nl")
    later = time.monotonic() + READ_EVERY
    monkeypatch.setattr(app_cookies, "monotonic", lambda: later)
    monkeypatch.setattr(site.store, "get", None)
    site.ask("taal=nl")
    assert site.seen == "taal=nl"


def test_while_the_store_is_away_one_is_withheld_and_kept(site, monkeypatch):
    site.set(SESSION, BRAM)

    def away(*_):
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(site.store, "get", away)
    assert site.ask("sessionid=planted") == []
    assert site.seen is None


def test_a_name_that_no_header_can_have_is_not_repeated():
    site = Site("remember_*")
    assert site.ask("remember_\x07=x; remember_a=x") == [
        "remember_a=; Max-Age=0; Path=/"
    ]
    assert site.seen is None


# --- the option -----------------------------------------------------------------------


def test_names_are_guarded_whoever_may_read_them():
    site = Site("token remember_*")
    for pair in ("token=1", "remember_me=1", "sessionid=1"):
        sent = site.set(f"{pair}; HttpOnly", ANNA)
        assert (MARK in sent) is (pair != "sessionid=1")
        sent = site.set(pair, ANNA)
        site.ask(sent, ANNA)
        assert site.seen == pair


def test_names_that_the_option_has_take_no_room_of_others():
    """An application makes a name of its own for each stranger (OpenID Connect)."""
    site = Site("auto state_*")
    for number in range(120):
        site.set(f"state_{number}=1; HttpOnly")
    site.set(SESSION)
    site.ask("sessionid=planted; state_7=planted; state_130=planted", ANNA)
    assert site.seen is None


def test_the_one_by_which_she_is_logged_in_is_let_be_whatever_its_name_is():
    site = Site("auto __Host-*")
    site.cookie = Cookie("mijn")
    assert site.ask("__Host-mijn=token", ANNA) == []
    assert site.seen == "__Host-mijn=token"
    assert site.ask("__Host-another=planted", ANNA)
    assert site.seen is None


def test_exempt_cookies_survive_login():
    site = Site("auto -taal -consent*")
    for pair in ("taal=nl", "consent_all=1"):
        assert site.set(f"{pair}; HttpOnly", ANNA) == pair
        site.ask(pair, BRAM)
        assert site.seen == pair


def test_newly_exempt_cookie_passes_beside_sealed_one(site):
    hers = site.set(SESSION, ANNA)
    site.restart("auto -sessionid")
    site.ask(f"{hers}; sessionid=bare", ANNA)
    assert site.seen == "sessionid=the-k3y; sessionid=bare"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("auto", AppCookieChoice(is_auto=True)),
        ("off", None),
        (
            "sessionid",
            AppCookieChoice(also=CookieNamePatterns(frozenset(["sessionid"]))),
        ),
        (
            "auto a* b -c -d*",
            AppCookieChoice(
                True,
                CookieNamePatterns(frozenset("b"), ("a",)),
                CookieNamePatterns(frozenset("c"), ("d",)),
            ),
        ),
    ],
)
def test_the_option_says_which(text, found):
    options = read(LogoutOptions, {}, {"app_cookies": text})
    assert options.app_cookies == found


def test_it_is_on_where_nothing_is_said():
    assert read(LogoutOptions, {}, {}).app_cookies == AppCookieChoice(is_auto=True)


@pytest.mark.parametrize(
    "wrong", ["", "-taal", "off auto", "a,b", "a;b", "a=b", "*", "a*b", "-"]
)
def test_other_words_are_refused(witness, wrong):
    with pytest.raises(InvalidOptions, match="app_cookies"):
        make_logout(witness, {}, app_cookies=wrong)


# --- bounds ---------------------------------------------------------------------------


def test_one_that_a_browser_would_drop_is_told_of(site, caplog):
    site.set(f"big={'x%' * 1500}; HttpOnly", ANNA)
    assert not caplog.messages, "there is room for what says little"
    value = "".join(map(chr, range(0x21, 0x7F))).replace(";", "")
    site.set(f"big={value * 44}; HttpOnly", ANNA)
    [told] = caplog.messages
    assert "'big', which is too long" in told
    assert value not in told


def test_of_a_flood_the_first_ones_are_opened_and_nothing_is_forgotten(site, caplog):
    hers, his = site.set(SESSION, ANNA), site.set("a=1; HttpOnly", BRAM)
    others = [f"b{number}={MARK}AAAA" for number in range(198)]
    gone = ["a~eil=; Max-Age=0; Path=/"]
    assert site.ask("; ".join([his, *others, hers]), ANNA) == gone
    assert site.seen == "sessionid=the-k3y"
    assert not caplog.messages
    assert site.ask("; ".join([his, hers, *others, hers]), ANNA) == []
    assert site.seen == "sessionid=the-k3y"
    [told] = caplog.messages
    assert "more than 200 sealed cookies of the application" in told
    assert hers.partition("=")[2] not in told
    site.ask("; ".join([*others, his, hers, hers]))
    assert caplog.messages == [told], "not at each request"


def test_of_more_than_any_browser_brings_the_application_gets_none(site):
    hers = site.set(SESSION, ANNA)
    assert site.ask("; ".join([hers, *["a=1"] * 5000]), ANNA) == []
    assert site.seen is None
    site.ask("; ".join([hers, *["a=1"] * 4999]), ANNA)
    assert site.seen.startswith("sessionid=the-k3y; a=1")


def test_caches_latest_header_of_each_login(site):
    hers = site.set(SESSION, ANNA)
    for number in range(20):
        site.ask(f"{hers}; a={number}", ANNA)
        assert site.seen == f"sessionid=the-k3y; a={number}"
    site.ask("a=1", BRAM)
    assert len(site.filter.cache) == 2
    long = f"{hers}; a={'b' * 9000}"
    for _ in range(2):
        site.ask(long, ANNA)
        assert site.seen.startswith("sessionid=the-k3y; a=bbb")
    assert "bbb" not in site.filter.cache.get(ANNA).source


def test_cache_of_invented_cookies_is_limited(site, monkeypatch):
    monkeypatch.setattr(bounded_cache, "MOST_OCTETS", 200_000)
    for number in range(200):
        site.ask(f"a{number}=1;" * 500)
        site.ask(f"a{number}={'b' * 8000}")
    assert len(site.filter.cache) < 40


@pytest.mark.parametrize("family", [None, ANNA])
def test_opens_each_cookie_once_while_others_change(site, monkeypatch, family):
    pairs = [site.set(f"{name}=1; HttpOnly", family) for name in "abc"]
    opened = []
    real = CookieSealer.open

    def count(self, cookie, family):
        opened.append(cookie.own_name)
        return real(self, cookie, family)

    monkeypatch.setattr(CookieSealer, "open", count)
    for number in range(5):
        site.ask("; ".join([f"_ga={number}", *pairs, f"_pk={number}"]), family)
        assert site.seen == f"_ga={number}; a=1; b=1; c=1; _pk={number}"
    assert opened == ["a", "b", "c"]


def test_login_gets_no_cached_cookie_of_another_login(site):
    hers = site.set(SESSION, ANNA)
    for family, seen in ((ANNA, "sessionid=the-k3y"), (BRAM, None), (None, None)):
        for header in (hers, f"{hers}; a=1"):
            site.ask(header, family)
            assert (site.seen or "").startswith("sessionid=") is (seen is not None)


def test_forgets_cookies_of_a_visitor_who_left(site):
    with time_machine.travel(0, tick=False) as traveller:
        hers = site.set(SESSION, ANNA)
        site.ask(hers, ANNA)
        for _ in range(3):
            traveller.shift(bounded_cache.KEPT_FOR)
            site.ask("a=1", BRAM)
        assert len(site.filter.cache) == 1
        assert site.filter.cache.get(ANNA) is None


def test_two_threads_of_one_visitor_get_their_own_cookies(site):
    family_of = {ANNA: site.set("sid=a; HttpOnly", ANNA)}
    family_of[BRAM] = site.set("sid=b; HttpOnly", BRAM)
    expected = {ANNA: "sid=a", BRAM: "sid=b"}
    app = AppCookies(seen_cookies, AppCookieChoice(is_auto=True))
    wrong = []

    def ask(number):
        for turn in range(300):
            family = (ANNA, BRAM)[(turn + number) % 2]
            header = f"{family_of[family]}; n={turn % 7}"
            environ = site.environ(family, header)
            seen = b"".join(app(environ, lambda *_: None)).decode()
            if seen != f"{expected[family]}; n={turn % 7}":
                wrong.append((family, seen))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def seen_cookies(environ, start_response):
    start_response("200 OK", [])
    return [environ.get("HTTP_COOKIE", "").encode()]


# --- whatever octets ------------------------------------------------------------------

NAME = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True)
OCTETS = st.characters(max_codepoint=255, exclude_characters=";\r\n\0")
VALUE = st.text(OCTETS, min_size=1).map(lambda text: text.strip(" \t"))
VALUE = VALUE.filter(lambda text: text not in ("", '""'))
PAIR = st.text(OCTETS).filter(lambda text: MARK not in text)


@given(NAME, VALUE, PAIR, PAIR)
def test_any_value_comes_back_and_all_around_it_as_it_was(name, value, before, after):
    if name.startswith("__Host-eilogin"):
        return
    site = Site()
    sent = site.set(f" {name} = {value} ; HttpOnly", ANNA)
    assert re.fullmatch(r"[!-:<-~]+", sent)
    # Another one of the same name is another matter.
    around = [
        one for one in (before, after) if one.partition("=")[0].strip(" \t") != name
    ]
    site.ask(";".join([*around[:1], sent, *around[1:]]), ANNA)
    assert site.seen == ";".join([*around[:1], f"{name}={value}", *around[1:]])


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=5))
def test_no_header_is_too_odd(pieces):
    site = Site()
    hers = site.set(SESSION, BRAM)
    header = "".join([piece + f"; sessionid={MARK}{piece}" for piece in pieces])
    for cookies in (header, header + hers, hers[:-3] + header):
        told = site.ask(cookies, ANNA)
        assert all(re.fullmatch(r"[!-~]+=; Max-Age=0; Path=/", one) for one in told)
        assert "the-k3y" not in (site.seen or "")


def test_malformed_sealed_cookies_are_withheld(site):
    good = site.set("a=1; HttpOnly; Path=/x", ANNA)
    start = good.rpartition(".")[0]
    for sent in (
        f"a={MARK}",
        f"a={MARK}AAAA",
        f"{start}.!",
        f"{start}.{'w6k='}",
        f"{start}.eA==",
        good.replace("a=", "b=", 1),
        good[:-1],
    ):
        site.ask(f"x=y; {sent}", BRAM)
        assert site.seen == "x=y"


@given(st.text(st.sampled_from('aB-~=;: \t\x07\xa0,"')).filter(lambda x: ";" not in x))
def test_quick_search_finds_the_names_of_the_thorough_one(pair):
    name = pair.partition("=")[0].strip(" \t")
    module = app_cookie_reading
    thorough = (name, *module._tokens_in(pair), *module._words_in(pair))  # noqa: SLF001
    assert {*module._names_in(pair, name)} == {*thorough}  # noqa: SLF001
