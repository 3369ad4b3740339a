"""Cookies of the application that somebody copied, planted, changed or opened.

The application here is the worst of its kind: it believes whatever session its cookie
names, takes one over at a login without giving it another name, and tells everybody who
asks whose it is.
"""

import contextlib
import itertools
import threading
from http.cookies import CookieError, SimpleCookie
from queue import Queue
from types import SimpleNamespace

import pytest
from cpu_time import cpu_seconds
from django.core.handlers.wsgi import get_str_from_wsgi
from django.http.cookie import parse_cookie as django_cookies
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
)
from webob.cookies import RequestCookies
from werkzeug.http import parse_cookie as werkzeug_cookies

from eilogin.errors import StoreUnavailable
from eilogin.participant.application import app_cookie_reading
from eilogin.participant.application.app_cookie_choice import (
    AppCookieChoice,
    read_app_cookies,
)
from eilogin.participant.application.app_cookies import AppCookies
from eilogin.participant.application.sealed_cookies import MARK
from eilogin.sessions import Sessions
from eilogin.stores.memory_store import MemoryStore
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import as_text

UWV, STAD = "https://uwv.test", "https://stad.test"
HOST, NAME = "uwv.test", "sid"
#: Of a site without its federation.
OWN = SimpleNamespace(
    entity_id="x",
    public_url="https://x.test",
    sealing_secrets=[b"secret"],
    hub_inside=None,
)
#: The name of what was set in a login, in the browser.
HERS = "sid~eil"


class Gullible:
    """An application whose sessions are what their cookie says."""

    def __init__(self):
        self.sessions, self._numbers = {}, itertools.count()
        #: Where its page waits, once.
        self.waits = None

    def __call__(self, environ, start_response):
        user = environ.get("REMOTE_USER")
        sid = self._named(environ)
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if sid not in self.sessions:
            sid = f"session-{next(self._numbers)}"
            self.sessions[sid] = "nobody"
            attributes = "HttpOnly; Secure; Path=/; Max-Age=31536000"
            headers.append(("Set-Cookie", f"{NAME}={sid}; {attributes}"))
        if user and self.sessions[sid] == "nobody":
            self.sessions[sid] = user
        if environ["PATH_INFO"] == "/slow":
            self.waits[0].put(sid)
            self.waits[1].get(timeout=60)
        start_response("200 OK", headers)
        return [f"session of [{self.sessions[sid]}]".encode()]

    @staticmethod
    def _named(environ):
        for pair in environ.get("HTTP_COOKIE", "").split("; "):
            name, _, value = pair.partition("=")
            if name == NAME:
                return value
        return None


@pytest.fixture
def application():
    return Gullible()


@pytest.fixture
def federation(eilogin_federation, application):
    said = {"protect": "=/ optional\n/desk off", "secret": "the same for both sites"}
    return eilogin_federation(
        {HOST: application, "stad.test": Gullible()},
        options={HOST: said, "stad.test": said},
    )


@pytest.fixture
def log_in(federation):
    def log_in(name="anna", browser=None):
        browser = browser or federation.browser()
        browser.visit(f"{UWV}/mijn")
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert browser.url == f"{UWV}/mijn", browser.text
        return browser

    return log_in


@pytest.fixture
def anna(log_in):
    return log_in()


@pytest.fixture
def attacker(federation):
    """Somebody at a browser who is not logged in."""
    return federation.browser()


def whose(browser, path="/"):
    browser.visit(f"{UWV}{path}")
    return browser.text.partition("[")[2].partition("]")[0]


def planted(browser, value):
    """What the application makes of somebody who has this cookie, by either name."""
    browser.set_cookie(HOST, NAME, value)
    browser.set_cookie(HOST, HERS, value)
    return whose(browser)


def test_a_copy_of_hers_is_of_no_use_to_a_stranger(anna, attacker):
    assert whose(anna) != "nobody"
    assert planted(attacker, anna.cookie(HOST, HERS)) == "nobody"
    assert whose(attacker, "/desk") == "nobody"


def test_a_copy_of_hers_is_of_no_use_to_another_citizen(anna, log_in):
    bram = log_in("bram")
    his = whose(bram)
    assert planted(bram, anna.cookie(HOST, HERS)) == his


@pytest.mark.parametrize("path", ["/", "/desk"])
def test_a_copy_from_which_the_seal_is_taken_names_no_session(
    anna, attacker, application, path
):
    """The value is nowhere in it, so nobody can bring it without the seal."""
    copied = anna.cookie(HOST, HERS)
    assert not any(sid in copied for sid in application.sessions)
    sealed = copied.partition("~")[2]
    for value in (sealed, f"~{sealed}", copied.upper(), f'"{copied}"', f" {copied}"):
        for name in (NAME, HERS):
            attacker.set_cookie(HOST, name, value)
        assert whose(attacker, path) == "nobody"


def test_no_copy_with_another_character_opens(anna, application):
    hers, good = whose(anna), anna.cookie(HOST, HERS)
    for place in range(0, len(good) - 3, 4):
        other = "A" if good[place] != "A" else "B"
        known = len(application.sessions)
        anna.set_cookie(HOST, HERS, good[:place] + other + good[place + 1 :])
        assert whose(anna) == hers
        assert len(application.sessions) == known + 1, "a new one was made for her"


def test_under_another_name_it_does_not_open(anna):
    for name in ("sid2~eil", "sid2", NAME):
        anna.set_cookie(HOST, name, anna.cookie(HOST, HERS))
        anna.visit(f"{UWV}/")
        assert anna.cookie(HOST, name) is None, "it is withheld, and forgotten"


def test_a_session_prepared_before_her_login_is_not_taken_over(
    attacker, log_in, federation
):
    """Session fixation, with a cookie that the site itself made for a stranger."""
    whose(attacker)
    prepared = attacker.cookie(HOST, NAME)
    victim = federation.browser()
    victim.set_cookie(HOST, NAME, prepared)
    log_in(browser=victim)
    assert whose(victim) != "nobody"
    assert planted(attacker, prepared) == "nobody"


def test_nor_one_that_is_bare(attacker, log_in, federation):
    """From an ``off`` path, where the application sets its cookies as they are."""
    log_in("bram")
    attacker.visit(f"{UWV}/desk")
    bare = attacker.cookie(HOST, NAME)
    assert bare.startswith("session-")
    victim = federation.browser()
    victim.set_cookie(HOST, NAME, bare)
    log_in(browser=victim)
    assert whose(victim) != "nobody"
    attacker.visit(f"{UWV}/desk")
    assert "[nobody]" in attacker.text


def by_python(header):
    found = SimpleCookie()
    with contextlib.suppress(CookieError):
        found.load(header)
    return [(name, morsel.value) for name, morsel in found.items()]


def by_django(header):
    """As a request of its own does (:class:`django.core.handlers.wsgi.WSGIRequest`)."""
    text = get_str_from_wsgi({"HTTP_COOKIE": header}, "HTTP_COOKIE", "")
    return django_cookies(text).items()


READERS = {
    "Python": by_python,
    "Django": by_django,
    "Werkzeug": lambda header: werkzeug_cookies(header).items(multi=True),
    "WebOb": lambda header: RequestCookies({"HTTP_COOKIE": header}).items(),
}
#: Blanks of Unicode, and what is none, as a server gives what a browser sends.
FAR = [sign.encode().decode("latin-1") for sign in "\x85\xa0\u2003\u3000\u2028\ufeff"]
ODD = [*"= ,;\"\\\t&()<>@[]{}?/:$%'\x0b\x85\xa0\xe9", "; ", "a", "a=b", "$Version=1"]


@given(st.lists(st.sampled_from([*ODD, *FAR, "sid=planted", "sid", "planted", "good"])))
@example(["good", "; ", "sid", FAR[2], "=", "planted"])
@example(["sid", FAR[3], "= ", "planted"])
@settings(max_examples=300)
def test_no_reader_finds_a_session_in_the_value_of_another_cookie(site, pieces):
    """Python's own begins a new cookie at a blank, where browsers and we do not."""
    filtered, good = site
    header = "".join(good if piece == "good" else piece for piece in pieces)
    seen = filtered(header)
    for reader, read in READERS.items():
        # Some cannot read at all what is not UTF-8.
        with contextlib.suppress(UnicodeDecodeError):
            for name, value in read(seen):
                assert name.strip() != "sid" or "planted" not in value, (reader, seen)


@pytest.mark.parametrize(
    "piece", ["x", "=", '"', " ", "a=", "a ", ",a", "a;", "\x0b", "\xe2"]
)
def test_a_header_of_64_kb_holds_up_nobody(site, piece):
    filtered, _ = site
    header = "a=" + 64 * 1024 // len(piece) * piece
    # Work that is quadratic takes a minute.
    assert cpu_seconds(lambda: filtered(header)) < 1


@pytest.fixture(scope="module")
def site():
    """What the application gets of a header, and a good cookie of who is logged in."""
    seen, told = [], []

    def app(environ, start_response):
        seen.append(environ.get("HTTP_COOKIE", ""))
        start_response("200 OK", [("Set-Cookie", "sid=k3y; HttpOnly; Path=/")])
        return []

    filter_ = AppCookies(app, AppCookieChoice(is_auto=True))
    known = {
        env.SESSION: SimpleNamespace(family="family"),
        env.SESSIONS: Sessions(MemoryStore(), idle=900, max_session=7200),
        env.TRUST: SimpleNamespace(own=OWN),
        env.COOKIE: Cookie("eilogin"),
    }

    def filtered(header):
        filter_({**known, "HTTP_COOKIE": header}, lambda _, told_: told.extend(told_))
        return seen[-1]

    filtered("a=b")
    return filtered, told[-1][1].partition(";")[0]


def test_one_that_is_planted_does_not_have_hers_withheld(site):
    """A neighbour's, whose value looks like many that are sealed."""
    filtered, good = site
    assert filtered(f"x={'eil~' * 201}; {good}") == "sid=k3y"


class Workers:
    """Workers of a site whose application sets ``sid``, which their store knows."""

    def __init__(self):
        self.store = MemoryStore()
        self.known = {
            env.SESSIONS: Sessions(self.store, idle=900, max_session=7200),
            env.TRUST: SimpleNamespace(own=OWN),
            env.COOKIE: Cookie("eilogin"),
        }
        self.seen, self.told = None, []
        self.sets = [("Set-Cookie", "sid=k3y; HttpOnly")]
        self.brought(self.new(), "a=b")
        #: Of nobody's cookie, as whoever asks gets it.
        self.octets = self.told[-1][1].partition(f"={MARK}")[2].partition(";")[0]
        self.sets = []

    def new(self, which="auto"):
        return AppCookies(self._app, read_app_cookies(which))

    def _app(self, environ, start_response):
        self.seen = environ.get("HTTP_COOKIE")
        start_response("200 OK", self.sets)
        return []

    def brought(self, worker, cookies, family="anna", path="/"):
        """What the application gets; ``told`` is what the browser does."""
        login = family and SimpleNamespace(family=family)
        environ = {**self.known, env.SESSION: login, "HTTP_COOKIE": cookies}
        environ["PATH_INFO"] = path
        self.told = []
        worker(environ, lambda _, headers: self.told.extend(headers))
        return self.seen


@pytest.fixture
def workers():
    return Workers()


def test_nothing_that_is_planted_passes_while_a_new_worker_begins(workers, monkeypatch):
    """Another request has the first look at the store, and is still at it."""
    worker, get = workers.new(), workers.store.get
    looks, goes_on = Queue(), Queue()

    def slow(*said):
        looks.put("looks")
        goes_on.get(timeout=60)
        return get(*said)

    with monkeypatch.context() as patch:
        patch.setattr(workers.store, "get", slow)
        threads = []
        for header in ("x=y", "sid=planted"):
            thread = threading.Thread(target=workers.brought, args=(worker, header))
            threads.append(thread)
            thread.start()
            if header == "x=y":
                looks.get(timeout=60)
            else:
                thread.join(timeout=0.05)
        assert threads[1].is_alive(), "it waits"
        goes_on.put("go on")
        threads[0].join(timeout=60)
        workers.seen = "nothing yet"
        goes_on.put("go on")
        threads[1].join(timeout=60)
    assert workers.seen is None


def test_nor_while_the_store_does_not_answer_a_new_worker(workers, monkeypatch):
    worker = workers.new()

    def away(*_):
        raise StoreUnavailable("a blip")

    with monkeypatch.context() as patch:
        patch.setattr(workers.store, "get", away)
        for family in (None, "anna"):
            workers.brought(worker, "taal=nl", family)
        assert workers.brought(worker, "sid=planted; taal=nl") is None
    assert workers.brought(worker, "sid=planted; taal=nl") == "taal=nl"


def test_reading_before_a_cookie_name_is_guarded_is_not_cached(workers, monkeypatch):
    """Another request hears of the name while this one is between two steps."""
    worker = workers.new()
    workers.brought(worker, "x=y")
    names = worker._names  # noqa: SLF001
    names.guarded.clear()
    read = app_cookie_reading.HeaderReader.read

    def then_news(reading, visit, family):
        found = read(reading, visit, family)
        names.note(visit, names.guarded, "sid")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(app_cookie_reading.HeaderReader, "read", then_news)
        workers.brought(worker, "sid=planted")
    assert workers.brought(worker, "sid=planted") is None


@pytest.mark.parametrize("family", [None, "anna"])
def test_planted_cookie_does_not_delete_other_cookies(workers, family):
    """Who cannot take away a cookie that is Secure, or of this host, gets no help."""
    planted = f"{MARK}{workers.octets}"
    elsewhere = f"{planted}.{as_text(b'/mijn' + bytes(1) + b'example.nl')}"
    worker = workers.new("auto -consent")
    for cookies, path, gone in (
        (f"csrftoken=hers; csrftoken={planted}", "/", []),
        (f"csrftoken={planted}; csrftoken=hers", "/", []),
        (f"consent={planted}", "/", []),
        (f"consent={elsewhere}", "/mijn", []),
        (f"basket={elsewhere}", "/", []),
        (f"basket={elsewhere}", "/mijnen", []),
        (f"basket={elsewhere}", "/mijn/x", ["/mijn; Domain=example.nl"]),
    ):
        seen = workers.brought(worker, cookies, family, path)
        told = [text.rpartition("Path=")[2] for _, text in workers.told]
        # Nobody's own opens for who is not logged in.
        assert MARK not in (seen or ""), seen
        assert told == gone, cookies


def test_a_header_full_of_planted_ones_asks_the_store_once(workers, monkeypatch):
    worker, get, asked = workers.new(), workers.store.get, []

    def counted(*said):
        asked.append(said)
        return get(*said)

    workers.brought(worker, "a=b")
    monkeypatch.setattr(workers.store, "get", counted)
    assert workers.brought(worker, "; ".join(["sid=planted"] * 1000), None) is None
    assert len(asked) == 1


def test_his_own_session_is_not_put_upon_her(anna, log_in):
    """What she then typed he would read."""
    bram = log_in("bram")
    hers, his = whose(anna), whose(bram)
    good = anna.cookie(HOST, HERS)
    for both in ("{his}; sid~eil={good}", "{good}; sid~eil={his}"):
        value = both.format(his=bram.cookie(HOST, HERS), good=good)
        anna.set_cookie(HOST, HERS, value)
        assert whose(anna) == hers != his
        assert anna.cookie(HOST, HERS) == value, "and hers is not forgotten for it"


def test_one_of_another_site_with_the_same_secrets_does_not_open(anna, attacker):
    """A site of the same organisation may set a cookie for all of its domain."""
    attacker.visit(f"{STAD}/")
    assert planted(attacker, attacker.cookie("stad.test", NAME)) == "nobody"
    attacker.forget(HOST)
    there = attacker.cookie("stad.test", NAME)
    attacker.set_cookie(HOST, NAME, there)
    answer = attacker.fetch(f"{UWV}/")
    told = answer.headers.getall("Set-Cookie")
    assert not any("Max-Age=0" in text for text in told), "it may be good there"


def test_a_slow_request_that_a_logout_overtakes_leaves_a_dead_cookie(
    anna, application, federation
):
    anna.set_cookie(HOST, HERS, "none")
    application.waits = Queue(), Queue()
    slow = federation.browser()
    for name, value in anna.cookies(HOST).items():
        slow.set_cookie(HOST, name, value)
    thread = threading.Thread(target=slow.visit, args=(f"{UWV}/slow",))
    thread.start()
    sid = application.waits[0].get(timeout=60)
    anna.visit(f"{UWV}/eilogin/logout?next=/")
    application.waits[1].put("go on")
    thread.join(timeout=60)
    assert "[nobody]" not in slow.text, "its answer goes out"
    assert application.sessions[sid] != "nobody", "and the session is there"
    assert whose(slow) == "nobody"


def test_neither_values_nor_seals_are_in_the_log(anna, attacker, application, caplog):
    caplog.set_level(0)
    copied = anna.cookie(HOST, HERS)
    planted(attacker, copied)
    planted(attacker, copied[:-4])
    anna.visit(f"{UWV}/eilogin/logout?next=/")
    for secret in (copied, copied[:-4], *application.sessions):
        assert secret not in caplog.text


class Exchange(RuleBasedStateMachine):
    """Whoever has whatever cookies, and brings them wherever.

    The application sets a value of its own each time, or what it has just been brought
    once more. A value that was set in a login is seen in that login alone.
    """

    values = Bundle("values")
    STATES = ("off", "nobody", "anna", "bram")
    #: Those in which one sees what was set in the other.
    NO_LOGIN = ("off", "nobody")

    def __init__(self):
        super().__init__()
        self.numbers = itertools.count()
        #: In which state each value was set.
        self.made = {}
        self.state, self.seen = None, []
        self.known = {
            env.SESSIONS: Sessions(MemoryStore(), idle=900, max_session=7200),
            env.TRUST: SimpleNamespace(own=OWN),
            env.COOKIE: Cookie("eilogin"),
        }
        self.workers = [
            AppCookies(self.app, AppCookieChoice(is_auto=True)) for _ in range(2)
        ]

    def app(self, environ, start_response):
        pairs = [pair for pair in environ.get("HTTP_COOKIE", "").split("; ") if pair]
        self.seen = [pair.removeprefix("sid=") for pair in pairs]
        if self.seen and self.sets_it_once_more:
            value = self.seen[0]
        else:
            value = f"v{next(self.numbers)}"
            self.made[value] = self.state
        start_response("200 OK", [("Set-Cookie", f"sid={value}; HttpOnly; Path=/")])
        return []

    @initialize(target=values)
    def somebody_was_here(self):
        """Once the name is known; before that, nothing was ever sealed."""
        first, last = (self._ask(worker, "anna", []) for worker in self.workers)
        return multiple(first, last)

    @rule(
        target=values,
        worker=st.integers(0, 1),
        state=st.sampled_from(STATES),
        brought=st.lists(values, max_size=3),
        again=st.booleans(),
    )
    def ask(self, worker, state, brought, again):
        return self._ask(self.workers[worker], state, brought, again=again)

    @rule(target=values, one=values, other=values, at=st.integers(0, 140))
    def splice(self, one, other, at):
        """Under the name of the one, which has another one in a login."""
        name, _, value = one.partition("=")
        return f"{name}={value[:at]}{other.partition('=')[2][at:]}"

    def _ask(self, worker, state, brought, *, again=False):
        self.state, self.sets_it_once_more = state, again
        is_login = state in ("anna", "bram")
        login = SimpleNamespace(family=state) if is_login else None
        environ = {**self.known, env.SESSION: login}
        if state == "off":
            environ[env.OFF] = True
        if brought:
            environ["HTTP_COOKIE"] = "; ".join(brought)
        told = []
        worker(environ, lambda _, headers: told.extend(headers))
        for value in self.seen:
            made = self.made.get(value)
            alike = self.NO_LOGIN if made in self.NO_LOGIN else (made,)
            assert made is None or state in alike, (value, made)
            assert made is not None or not is_login, "made up"
        return told[-1][1].partition(";")[0]


TestExchange = Exchange.TestCase
TestExchange.settings = settings(max_examples=60, stateful_step_count=30)
