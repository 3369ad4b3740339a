"""The application's own logout is called when a login has ended, wherever that was."""

import itertools
import threading
import time
from queue import Queue
from types import SimpleNamespace
from wsgiref.validate import validator

import pytest
from hub_speaker import Citizen

from eilogin.config import read
from eilogin.errors import InvalidOptions, StoreUnavailable
from eilogin.filters.logout import make_logout
from eilogin.filters.logout_options import LogoutOptions
from eilogin.participant.application import app_logout_call
from eilogin.participant.application.app_logout_call import (
    AppLogoutCall,
    AppLogoutRequest,
    HooksWithAppLogout,
)
from eilogin.participant.logout import logout_hooks
from eilogin.sessions import Sessions
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env
from eilogin.web.visit import Visit

UWV, STAD = "https://uwv.test", "https://stad.test"


class Application:
    """Its sessions are on the server; its logout wants a form with a token."""

    def __init__(self):
        self.sessions, self._numbers = {}, itertools.count()
        #: What its logout was asked, and how that answers.
        self.asked, self.status, self.body = [], "302 Found", [b"bye"]
        self.sets, self.hangs, self.is_faulty = [], None, False

    def __call__(self, environ, start_response):
        headers = [("Content-Type", "text/plain"), *self._told(environ)]
        if environ["PATH_INFO"].endswith("/uit"):
            return self._log_out(environ, start_response, headers)
        start_response("200 OK", headers)
        return [b"a page"]

    def _told(self, environ):
        if self.sets:
            return [("Set-Cookie", text) for text in self.sets]
        if cookies_in(environ).get("sid") in self.sessions:
            return []
        sid, token = (f"{name}{next(self._numbers)}" for name in ("sid", "token"))
        self.sessions[sid] = environ.get("REMOTE_USER")
        return [
            ("Set-Cookie", f"sid={sid}; HttpOnly; Path=/"),
            ("Set-Cookie", f"token={token}; Path=/"),
        ]

    def _log_out(self, environ, start_response, headers):
        size = int(environ.get("CONTENT_LENGTH") or 0)
        form = environ["wsgi.input"].read(size).decode()
        self.asked.append((environ, form))
        if self.hangs is not None:
            self.hangs.wait(120)
        cookies = cookies_in(environ)
        if form == f"csrf={cookies.get('token')}":
            self.sessions.pop(cookies.get("sid"), None)
        if self.is_faulty:
            error = OSError("no database")
            fault = (OSError, error, error.__traceback__)
            start_response("500 Oh", headers, fault)
        else:
            start_response(self.status, headers)
        return self.body


def cookies_in(environ):
    pairs = environ.get("HTTP_COOKIE", "").split("; ")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def said():
    return {"app_logout_call": "POST /uit csrf=token", "on_logout_timeout": "5s"}


@pytest.fixture
def federation(eilogin_federation, application, said):
    said = {"protect": "/ optional\n/mijn basis\n/desk off", **said}
    return eilogin_federation(
        {"uwv.test": application, "stad.test": Application()},
        options={"uwv.test": said, "stad.test": {"protect": said["protect"]}},
    )


@pytest.fixture
def anna(federation):
    browser = federation.browser()
    browser.visit(f"{UWV}/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == f"{UWV}/mijn", browser.text
    return browser


def log_out(browser, site=STAD):
    browser.visit(f"{site}/mijn")
    browser.visit(f"{site}/eilogin/logout?next=/")
    assert browser.url.startswith(site), browser.text


def kept(federation):
    """The values in the store that were kept for a call."""
    store = federation.apps["uwv.test"].sessions.store
    return [key for key in store._values if "app-logout-call" in key]  # noqa: SLF001


@pytest.mark.parametrize("site", [STAD, UWV], ids=["elsewhere", "here"])
def test_its_session_on_the_server_ends_now(anna, application, federation, site):
    [(sid, user)] = application.sessions.items()
    assert user
    log_out(anna, site)
    assert sid not in application.sessions
    [(environ, form)] = application.asked
    assert form == "csrf=token1"
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["REMOTE_USER"] == user, "it knows who leaves"
    assert environ["HTTP_HOST"] == "uwv.test"
    assert environ["HTTP_REFERER"] == f"{UWV}/", "of the same host, for Django"
    hers = environ[env.LOGIN]
    assert hers.login.subject == user, "not of who brought the message"
    assert hers.require("basis") is None, "her logout may need a login"
    assert hers.require("midden").status_int == 403
    assert hers.require("basis", force=True).status_int == 403
    assert hers.require("midden", passive=True) is None
    assert not hers.tells_proof
    assert not hers.take_proof()
    assert kept(federation) == []


def test_a_login_that_was_stepped_up_is_the_same(anna, application):
    anna.visit(f"{UWV}/eilogin/login?next=/mijn&level=midden")
    code = anna.text.partition("demo-anna Code: ")[2][:6]
    anna.press("Inloggen", username="anna", password="demo-anna", code=code)
    log_out(anna)
    assert len(application.asked) == 1


def test_each_browser_of_hers_by_its_own_cookies(anna, application, federation):
    other = federation.browser()
    other.visit(f"{UWV}/mijn")
    other.press("Inloggen", username="anna", password="demo-anna")
    assert len(application.sessions) == 2
    log_out(anna)
    forms = {form for _, form in application.asked}
    assert forms == {"csrf=token1", "csrf=token3"}
    assert not application.sessions


@pytest.mark.parametrize("path", ["/", "/desk"], ids=["a stranger", "an off path"])
def test_without_a_login_nothing_is_kept(federation, application, path):
    browser = federation.browser()
    browser.visit(f"{UWV}{path}")
    assert application.sessions
    assert kept(federation) == []


def test_stored_cookies_are_encrypted(anna, application, federation):
    store = federation.apps["uwv.test"].sessions.store
    text = repr(vars(store))
    assert "app-logout-call" in text
    assert not any(sid in text for sid in application.sessions)


def set_and_sent(browser, application, *answers):
    """The Cookie header of the call, after answers that set these."""
    for path, sets in answers:
        application.sets = sets
        browser.visit(f"{UWV}{path}")
    application.sets = []
    log_out(browser)
    [(environ, _)] = application.asked
    return environ["HTTP_COOKIE"]


def test_it_brings_what_a_browser_would_bring(anna, application):
    cookies = set_and_sent(
        anna,
        application,
        ("/mijn", ["a=1", "b=old", "c=3; Path=/uit", "gone=1", "gone2=1; Path=/"]),
        ("/mijn", ["b=new; Path=/; Domain=uwv.test", "c=4; Path=/", "gone=; Path=/"]),
        ("/mijn/x", ["d=5", "gone2=x; Path=/; Max-Age=0", "e=5; Path=/; Max-Age=-1"]),
        ("/mijn", ['q="a b"; Path=/; Expires=x', "sid=mine; Path=/uit; Max-Age=60"]),
    )
    assert cookies == (
        'c=3; sid=mine; sid=sid0; token=token1; a=1; b=new; c=4; q="a b"'
    )


def test_it_brings_the_newest_of_very_many(anna, application):
    many = [f"c{number}={number}; Path=/" for number in range(30)]
    cookies = set_and_sent(anna, application, ("/mijn", many))
    assert cookies == "; ".join(f"c{number}={number}" for number in range(10, 30))


def test_and_those_for_which_there_is_room(anna, application):
    large = [f"c{number}={'x' * 4000}; Path=/" for number in range(6)]
    cookies = set_and_sent(anna, application, ("/mijn", large))
    assert cookies.startswith("c2=x")
    assert len(cookies) < 17_000


def test_repeated_cookie_is_stored_once(anna, application, federation, monkeypatch):
    store = federation.apps["uwv.test"].sessions.store
    written = []
    swap = store.swap
    monkeypatch.setattr(
        store, "swap", lambda *a, **k: written.append(a[0]) or swap(*a, **k)
    )
    application.sets = ["a=1; Path=/"]
    for _ in range(3):
        anna.visit(f"{UWV}/mijn")
    assert len([key for key in written if "app-logout-call" in key]) == 1


def test_two_requests_that_set_cookies_lose_none(
    anna, application, federation, monkeypatch
):
    """Another one of hers comes in between reading and writing."""
    store = federation.apps["uwv.test"].sessions.store
    swap, other = store.swap, federation.browser()
    for name, value in anna.cookies("uwv.test").items():
        other.set_cookie("uwv.test", name, value)

    def between(*said, **more):
        monkeypatch.undo()
        application.sets = ["b=2; Path=/"]
        other.visit(f"{UWV}/mijn")
        return swap(*said, **more)

    monkeypatch.setattr(store, "swap", between)
    application.sets = ["a=1; Path=/"]
    anna.visit(f"{UWV}/mijn")
    application.sets = []
    log_out(anna)
    [(environ, _)] = application.asked
    assert {"a", "b"} <= cookies_in(environ).keys()


def test_request_that_loses_every_race_still_succeeds(
    anna, application, federation, monkeypatch
):
    store = federation.apps["uwv.test"].sessions.store
    monkeypatch.setattr(store, "swap", lambda *_, **__: False)
    application.sets = ["a=1; Path=/"]
    anna.visit(f"{UWV}/mijn")
    assert anna.page.status_int == 200


def test_an_answer_that_is_begun_anew_after_a_fault():
    """PEP 3333: start_response may be called once more, with exc_info."""
    told = []

    def app(environ, start_response):
        error = OSError("no template")
        start_response("500 Oh", [], (OSError, error, error.__traceback__))
        return []

    login = SimpleNamespace(name="name", family="family")
    called = AppLogoutCall(app, AppLogoutRequest("/uit"))
    called({env.SESSION: login}, lambda *said: told.append(said))
    assert [len(said) for said in told] == [3]


# --- what can go wrong ----------------------------------------------------------------


def test_log_contains_status_of_answer_and_no_cookies(anna, application, caplog):
    caplog.set_level("INFO")
    log_out(anna)
    assert "app_logout_call: the application answered 302" in caplog.text
    assert "sid0" not in caplog.text
    assert "token1" not in caplog.text


def test_one_that_refuses_is_told_of(anna, application, caplog):
    application.status = "403 Forbidden"
    log_out(anna)
    assert "the application answered 403 to POST /uit" in caplog.text
    assert anna.text.count("Er ging iets mis") == 0


def test_one_that_fails_stops_nothing(anna, application, caplog):
    application.status = None
    log_out(anna)
    assert "on_logout: app_logout_call raised an exception" in caplog.text
    anna.visit(f"{UWV}/mijn")
    assert "Wachtwoord" in anna.text


def test_one_that_makes_a_page_of_its_fault_is_told_of(anna, application, caplog):
    """PEP 3333: the page comes with exc_info, as error middleware has it."""
    application.is_faulty = True
    log_out(anna)
    assert "the application answered 500 to POST /uit" in caplog.text


class TestThatHangs:
    @pytest.fixture
    def said(self):
        return {"app_logout_call": "/uit", "on_logout_timeout": "1s"}

    def test_the_logout_does_not_wait_for_it(self, anna, application, caplog):
        application.hangs = threading.Event()
        began = time.monotonic()
        log_out(anna)
        took = time.monotonic() - began
        application.hangs.set()
        assert took < 30
        assert "app_logout_call did not end within 1 s" in caplog.text


class Body:
    def __init__(self, part):
        self.part, self.read, self.is_closed = part, 0, False

    def __iter__(self):
        while True:
            self.read += 1
            yield self.part

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(("part", "most"), [(b"x" * 65536, 16), (b"", 1024 * 1024)])
def test_a_page_without_an_end_is_not_read_for_ever(anna, application, part, most):
    application.body = Body(part)
    log_out(anna)
    assert application.body.read == most
    assert application.body.is_closed


def away(*_, **__):
    raise StoreUnavailable("the store is away")


def test_while_the_store_is_away_the_application_goes_on(
    anna, application, federation, monkeypatch, caplog
):
    store = federation.apps["uwv.test"].sessions.store
    application.sets = ["a=1; Path=/"]
    monkeypatch.setattr(store, "swap", away)
    anna.visit(f"{UWV}/mijn")
    assert anna.page.status_int == 200
    assert "cannot keep the application's cookies for its logout" in caplog.text


def test_and_a_logout_without_the_call(
    anna, application, federation, monkeypatch, caplog
):
    store = federation.apps["uwv.test"].sessions.store
    take = store.take
    monkeypatch.setattr(
        store, "take", lambda key: away() if "app-logout-call" in key else take(key)
    )
    log_out(anna)
    assert "cannot call the application's logout: the store is away" in caplog.text
    assert application.asked == []


@pytest.mark.parametrize("text", ["", "nothing", "AAAA"])
def test_unreadable_record_calls_no_application(anna, application, federation, text):
    [key] = kept(federation)
    store = federation.apps["uwv.test"].sessions.store
    assert store.swap(key, store.get(key), text, 1e12)
    log_out(anna)
    assert application.asked == []


class Hanging:
    """An application whose logout hangs for some, until it is let go on."""

    def __init__(self, *names):
        self.called, self.goes_on, self.names = Queue(), threading.Event(), names

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/uit":
            self.called.put(environ[env.SESSION].name)
            if environ[env.SESSION].name in self.names:
                assert self.goes_on.wait(120)
        start_response("200 OK", [("Set-Cookie", "sid=1; Path=/")])
        return []


class Logouts:
    """Of who has cookies of an application, or has none."""

    def __init__(self, application, timeout):
        self.called = AppLogoutCall(application, AppLogoutRequest("/uit"))
        self.told = HooksWithAppLogout({}, timeout, self.called)
        own = SimpleNamespace(entity_id="x", public_url=UWV, sealing_secrets=[b"one"])
        self.environ = {
            env.SESSIONS: Sessions(MemoryStore(), idle=900, max_session=7200),
            env.TRUST: SimpleNamespace(own=own),
        }

    def of(self, *names, has_cookies=True):
        logins = [
            SimpleNamespace(
                name=name,
                family=name,
                subject="s",
                who=SimpleNamespace(issuer="hub"),
            )
            for name in names
        ]
        for login in logins if has_cookies else ():
            of_her = {**self.environ, env.SESSION: login, "PATH_INFO": "/"}
            self.called(of_her, lambda *_: None)
        self.told.tell(Visit(self.environ), logins, "here")


def test_calls_over_queue_limit_are_dropped_and_later_ones_made(monkeypatch, caplog):
    """Logins without cookies do not wait for it."""
    monkeypatch.setattr(logout_hooks, "_MOST_WAITING", 2)
    monkeypatch.setattr(app_logout_call, "MOST_AT_ONCE", 1)
    application = Hanging("hangs")
    logouts = Logouts(application, 0.01)
    logouts.of("hangs")
    assert application.called.get(timeout=60) == "hangs"
    for number in range(5):
        logouts.of(f"without {number}", has_cookies=False)
    for name in ("waits", "waits too", "too many"):
        logouts.of(name)
    assert "app_logout_call hangs: eilogin does not call it" in caplog.text
    application.goes_on.set()
    for name in ("waits", "waits too"):
        assert application.called.get(timeout=60) == name
    logouts.of("later")
    assert application.called.get(timeout=60) == "later"
    assert application.called.empty()


def test_one_that_hangs_holds_up_nobody_else():
    """A session that is locked, because a request of it is still answered."""
    application = Hanging("mallory", "of mallory")
    logouts = Logouts(application, 0.05)
    logouts.of("mallory", "behind her")
    logouts.of("of mallory", "anna", "bram")
    called = {application.called.get(timeout=60) for _ in range(5)}
    assert called == {"mallory", "behind her", "of mallory", "anna", "bram"}
    assert not application.goes_on.is_set()
    application.goes_on.set()


def test_call_behind_hanging_call_starts_after_timeout():
    """Also where nobody else logs out after that."""
    application = Hanging("mallory")
    Logouts(application, 0.05).of("mallory", "behind her")
    # Sooner than the first one gives up.
    called = {application.called.get(timeout=60) for _ in "12"}
    assert called == {"mallory", "behind her"}
    application.goes_on.set()


def test_so_many_at_a_time_and_no_more(monkeypatch):
    monkeypatch.setattr(app_logout_call, "MOST_AT_ONCE", 2)
    application = Hanging("one", "two")
    logouts = Logouts(application, 0.05)
    for name in ("one", "two", "three", "four"):
        logouts.of(name)
    assert {application.called.get(timeout=60) for _ in "12"} == {"one", "two"}
    assert application.called.empty()
    application.goes_on.set()
    assert {application.called.get(timeout=60) for _ in "34"} == {"three", "four"}


class TestAtItsOwnLogout:
    @pytest.fixture
    def said(self):
        return {"app_logout_call": "/uit", "app_logout": "/uit", "acs": "post"}

    def test_it_has_done_its_part(self, anna, application, federation):
        anna.visit(f"{UWV}/uit")
        assert len(application.asked) == 1, "by her browser"
        assert kept(federation) == []

    @pytest.mark.parametrize("index", ["_s", None], ids=["index", "no index"])
    def test_it_has_not_for_her_other_browser(
        self, federation, application, hub_of, index
    ):
        """A hub that tells no SessionIndex means all of them."""
        hub = hub_of(federation)
        anna, at_work = (Citizen(federation, hub) for _ in range(2))
        for number, citizen in enumerate((anna, at_work)):
            told = index and f"{index}{number}"
            citizen.log_in(f"{UWV}/mijn", session_index=told)
        anna.browser.visit(f"{UWV}/uit")
        at_work.browser.visit(f"{UWV}/mijn")
        is_out = at_work.was_asked()
        assert is_out == (index is None)
        came = [cookies_in(asked)["sid"] for asked, _ in application.asked]
        assert came == (["sid0", "sid2"] if is_out else ["sid0"])


class TestAtALoginThatGrowsLonger:
    """Each answer of the hub says that it ends in half an hour."""

    @pytest.fixture
    def said(self):
        return {"app_logout_call": "/uit", "on_logout_timeout": "5s", "acs": "post"}

    def test_its_cookies_are_kept_until_it_is_over(
        self, federation, application, hub_of, clock
    ):
        anna = Citizen(federation, hub_of(federation))
        for _ in range(4):
            anna.log_in(f"{UWV}/mijn", session_ends=time.time() + 30 * 60)
            clock.shift(11 * 60)
        anna.browser.visit(f"{UWV}/eilogin/logout")
        [(asked, _)] = application.asked
        assert cookies_in(asked)["sid"] == "sid0"


@pytest.mark.parametrize(
    ("mount", "path", "script", "below"),
    [
        ("/loket", "/loket/uit", "/loket", "/uit"),
        ("/loket", "/uit", "", "/uit"),
        ("", "/caf%C3%A9/uit", "", "/caf\xc3\xa9/uit"),
    ],
)
def test_the_path_is_as_the_browser_has_it(application, mount, path, script, below):
    own = SimpleNamespace(
        entity_id="x", public_url=f"{UWV}{mount}", sealing_secrets=[b"one"]
    )
    login = SimpleNamespace(name="name", family="family")
    store = MemoryStore()
    environ = {
        "SCRIPT_NAME": mount,
        env.SESSION: login,
        env.SESSIONS: Sessions(store, idle=900, max_session=7200),
        env.TRUST: SimpleNamespace(own=own),
        "PATH_INFO": "/",
        "REQUEST_METHOD": "GET",
    }
    AppLogoutCall(application, AppLogoutRequest(path))(environ, lambda *_: None)
    called = AppLogoutCall(validator(application), AppLogoutRequest(path))
    [(name, call_it)] = called.prepare(Visit(environ), [login], None).items()
    assert name == "name"
    call_it(SimpleNamespace(session="name"))
    [(asked, _)] = application.asked
    assert (asked["SCRIPT_NAME"], asked["PATH_INFO"]) == (script, below)
    assert called.prepare(Visit(environ), [login], None) == {}, "it is no more kept"


# --- the option -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/uit", AppLogoutRequest("/uit")),
        ("GET /uit", AppLogoutRequest("/uit")),
        ("POST /caf\u00e9", AppLogoutRequest("/caf%C3%A9", "POST")),
        (
            "POST /uit __FORM_TOKEN=trac_form_token a=b",
            AppLogoutRequest(
                "/uit", "POST", (("__FORM_TOKEN", "trac_form_token"), ("a", "b"))
            ),
        ),
    ],
)
def test_the_option_says_how_it_logs_out(text, found):
    options = read(LogoutOptions, {}, {"app_logout_call": text})
    assert options.app_logout_call == found


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "uit",
        "POST",
        "PUT /uit",
        "/uit a=b",
        "POST /uit b",
        "POST /uit /uit",
        "/uit?a=b",
        "POST GET /uit",
        "POST /uit a=b c",
    ],
)
def test_other_words_are_none(witness, wrong):
    with pytest.raises(InvalidOptions, match="app_logout_call"):
        make_logout(witness, {}, app_logout_call=wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("PUT /uit", "one path of this site"),
        ("/uit a=b", "'POST /uit a=b'"),
        ("/eilogin/logout", "below /eilogin/ belong to eilogin"),
    ],
)
def test_error_names_invalid_app_logout_call(witness, wrong, told):
    with pytest.raises(InvalidOptions, match=told):
        make_logout(witness, {}, app_logout_call=wrong)
