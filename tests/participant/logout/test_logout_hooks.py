# ruff: noqa: SLF001 - a hook that is there in this test alone
"""Functions of developers that are called when a logout has ended a login here."""

import importlib
import os
import re
import sys
import threading
from datetime import UTC, datetime
from importlib.metadata import EntryPoint

import pytest
from webob import Request

from eilogin.errors import InvalidOptions
from eilogin.filters.logout import LogoutEvent, make_logout
from eilogin.filters.participant import make_participant
from eilogin.participant.inner_logout import InnerLogout
from eilogin.participant.logout import logout_hooks as module
from eilogin.participant.logout.logout_hooks import LogoutHooks, load_hooks
from eilogin.sessions import Sessions
from eilogin.web.visit import Visit

STAD = "https://stad.test"
LOGOUT = f"{STAD}/eilogin/logout"
SOAP = f"{STAD}/eilogin/slo/soap"
SLO = f"{STAD}/eilogin/slo"
ENTITY = f"{STAD}/eilogin/metadata"
HUB = "https://inloggen.test/metadata"
START = datetime(2026, 11, 24, 9, tzinfo=UTC)

#: What a hook has in this test, whatever it is given.
PATIENCE = 30.0


@pytest.fixture
def new_module(tmp_path, monkeypatch):
    """Write a module that an ini file can name, and forget it afterwards."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    written = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        written.append(name)
        return tmp_path

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def no_packages_are_remembered():
    module._hooks_of_packages.cache_clear()
    yield
    module._hooks_of_packages.cache_clear()


@pytest.fixture
def told(new_module):
    """What the hook ``stad_hooks:note`` is told."""
    new_module("stad_hooks", "told = []\nnote = told.append\nnumber = 3\n")
    load_hooks(["stad_hooks:note"])
    return sys.modules["stad_hooks"].told


@pytest.fixture
def site(told, eilogin_federation, clock):
    """Two participants, of which the first has that hook."""
    seen = []

    def app(environ, start_response):
        seen.append(environ["eilogin.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"here"]

    said = {"on_logout": "stad_hooks:note", "acs": "post", "app_logout": "/weg"}
    federation = eilogin_federation(
        {"stad.test": app, "uwv.test": app}, options={"stad.test": said}
    )
    federation.seen = seen
    return federation


@pytest.fixture
def log_in(site):
    def log_in(name="anna", browser=None):
        browser = browser or site.browser()
        browser.visit(f"{STAD}/mijn")
        if "/sso" in browser.url or "inloggen.test" in browser.url:
            browser.press("Inloggen", username=name, password=f"demo-{name}")
        assert browser.url == f"{STAD}/mijn"
        return browser

    return log_in


def post(site, url, octets):
    request = Request.blank(url, method="POST", body=octets)
    request.content_type = "text/xml"
    return request.get_response(site)


class TestTheEvent:
    def test_of_a_logout_here_says_who_and_when_and_nothing_secret(
        self, site, log_in, told
    ):
        anna = log_in()
        login = site.seen[-1]
        anna.visit(LOGOUT)
        [event] = told
        assert event == LogoutEvent(
            session=login.name,
            subject=login.subject,
            cause="here",
            at=START,
            participant=ENTITY,
            hub=HUB,
        )
        assert login.subject not in repr(event)
        assert login.family not in event.session

    def test_names_the_login_as_it_was_before_a_step_up(self, site, log_in, told):
        bram = log_in("bram")
        name = site.seen[-1].name
        bram.visit(f"{STAD}/eilogin/login?level=midden&next=/mijn")
        code = re.search(r"demo-bram Code: ([0-9]{6})", bram.text)[1]
        bram.press("Inloggen", username="bram", password="demo-bram", code=code)
        assert bram.url == f"{STAD}/mijn"
        assert told == [], "a step-up ends nothing"
        assert site.seen[-1].level == "midden"
        bram.visit(LOGOUT)
        assert [event.session for event in told] == [name]

    def test_of_the_applications_own_logout_says_so(self, log_in, told):
        log_in().visit(f"{STAD}/weg")
        assert [event.cause for event in told] == ["application"]

    def test_of_a_script_that_logs_out_too(self, log_in, told):
        log_in().fetch(f"{STAD}/weg")
        assert [event.cause for event in told] == ["application"]

    def test_of_a_logout_at_another_participant_says_elsewhere(
        self, log_in, told, site
    ):
        anna = log_in()
        anna.visit("https://uwv.test/mijn")
        anna.visit("https://uwv.test/eilogin/logout")
        assert "U bent overal uitgelogd" in anna.text
        assert [event.cause for event in told] == ["elsewhere"]

    @pytest.mark.parametrize("how", ["soap", "redirect", "post"])
    def test_comes_once_whichever_way_the_hub_says_it(
        self, site, log_in, told, hub_of, how
    ):
        log_in()
        hub = hub_of(site)
        name_id = site.seen[-1].who.as_name_id()
        address = SOAP if how == "soap" else SLO
        request = hub.logout_request(name_id, address)
        for _ in "12":
            if how == "soap":
                post(site, SOAP, hub.by_soap(request))
            elif how == "redirect":
                url = hub.by_redirect(SLO, "SAMLRequest", request)
                Request.blank(url).get_response(site)
            else:
                fields = hub.by_post("SAMLRequest", request)
                Request.blank(SLO, POST=fields).get_response(site)
        assert [event.cause for event in told] == ["elsewhere"]

    def test_comes_for_each_login_that_ends(self, site, log_in, told, hub_of):
        names = set()
        for _ in "12":
            log_in()
            names.add(site.seen[-1].name)
        log_in("bram")
        hub = hub_of(site)
        name_id = next(one for one in site.seen if one.name in names).who.as_name_id()
        post(site, SOAP, hub.by_soap(hub.logout_request(name_id, SOAP)))
        assert len(told) == 2
        assert {event.session for event in told} == names

    def test_comes_when_the_session_has_ended(self, site, log_in, told, monkeypatch):
        anna = log_in()
        sessions, cookie = site.apps["stad.test"].sessions, "__Host-eilogin"
        token = anna.cookie("stad.test", cookie)
        assert sessions.find(token) is not None
        found = []
        stad = site.apps["stad.test"].app.app.app
        monkeypatch.setitem(
            stad._logout._hooks._hooks,
            "stad_hooks:note",
            lambda event: found.append(sessions.find(token)),
        )
        anna.visit(LOGOUT)
        assert found == [None]

    def test_comes_where_the_hub_could_not_tell_it_and_is_asked(
        self, site, log_in, told, clock
    ):
        """She has logged out elsewhere, and this site was down."""
        anna = log_in()
        name = site.seen[-1].name
        hub = site.apps["inloggen.test"].sessions
        for one in hub.find_with_participant(site.seen[-1].who):
            hub.end_citizen(one)
        clock.shift(11 * 60)
        anna.visit(f"{STAD}/mijn")
        assert "inloggen.test" in anna.url
        assert [(event.session, event.cause) for event in told] == [(name, "gone")]

    def test_comes_once_where_the_hub_tells_it_in_the_same_moment(  # noqa: PLR0913, PLR0917
        self, site, log_in, told, clock, hub_of, monkeypatch, events
    ):
        """And is in the audit log once."""
        anna, sessions = log_in(), site.apps["stad.test"].sessions
        who, hub = site.seen[-1].who, hub_of(site)
        above, drop = site.apps["inloggen.test"].sessions, Sessions.drop
        for one in above.find_with_participant(who):
            above.end_citizen(one)

        def overtaken(self, login):
            if self is sessions:
                request = hub.logout_request(who.as_name_id(), SOAP)
                post(site, SOAP, hub.by_soap(request))
            return drop(self, login)

        monkeypatch.setattr(Sessions, "drop", overtaken)
        clock.shift(11 * 60)
        anna.visit(f"{STAD}/mijn")
        assert "inloggen.test" in anna.url
        assert [event.cause for event in told] == ["elsewhere"]
        assert len(events("logout.received")) == 1
        assert events("session.ended") == []

    def test_sends_the_application_no_request(self, witness):
        with pytest.raises(LookupError, match="LogoutForLogin"):
            InnerLogout(witness).call_hooks(Visit({}), None)
        assert witness.seen == []

    def test_is_not_for_who_was_not_logged_in(self, site, told):
        site.browser().visit(LOGOUT)
        assert told == []

    def test_is_not_for_who_is_idle_or_logs_in_again(self, log_in, told, clock):
        """Nothing happens at that instant; her next logout is one of the new login."""
        anna = log_in()
        clock.shift(16 * 60)
        log_in(browser=anna)
        assert told == []


# --- hooks that are no good -----------------------------------------------------------


def fail(event):
    raise KeyError("no such session")


def leave(event):
    raise SystemExit


@pytest.fixture
def environ(site):
    return {"eilogin.trust": site.trusts["stad.test"]}


@pytest.fixture
def login(site, log_in):
    log_in()
    return site.seen[-1]


class Gate:
    """A hook that hangs until the test opens it; and what it was told."""

    def __init__(self):
        self.told, self.opened = [], threading.Event()
        self.is_reached, self.is_done = threading.Event(), threading.Event()

    def __call__(self, event):
        self.is_reached.set()
        assert self.opened.wait(PATIENCE)
        self.told.append(event)
        self.is_done.set()


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def make_late(turns):
    """As if each thread had been at one event for longer than anybody waits."""
    for thread in turns._since:
        turns._since[thread] -= PATIENCE + 1


@pytest.fixture
def hanging(environ, login, gate):
    """Hooks of which one hangs, its turns, and what lets it go on."""
    hooks = LogoutHooks({"a:gate": gate}, PATIENCE)
    first = threading.Thread(target=hooks.tell, args=(Visit(environ), [login], "here"))
    first.start()
    assert gate.is_reached.wait(PATIENCE)
    [turns] = hooks._queues.values()
    make_late(turns)

    def let_go():
        gate.opened.set()
        first.join(PATIENCE)

    yield hooks, turns, let_go
    let_go()


class TestOneThatIsNoGood:
    @pytest.mark.parametrize("bad", [fail, leave])
    def test_that_raises_is_named_in_the_log_and_stops_nobody(
        self, environ, login, caplog, bad
    ):
        told = []
        hooks = LogoutHooks({"a:bad": bad, "b:good": told.append}, PATIENCE)
        for _ in "12":
            hooks.tell(Visit(environ), [login, login], "here")
        assert len(told) == 4
        assert caplog.text.count("on_logout: a:bad raised an exception") == 4
        assert login.subject not in caplog.text

    def test_that_raises_leaves_the_logout_as_it_is(
        self, site, log_in, caplog, monkeypatch
    ):
        anna = log_in()
        stad = site.apps["stad.test"].app.app.app
        monkeypatch.setitem(stad._logout._hooks._hooks, "stad_hooks:note", fail)
        anna.visit(LOGOUT)
        assert "U bent overal uitgelogd" in anna.text
        assert "on_logout: stad_hooks:note raised an exception" in caplog.text

    def test_that_hangs_is_waited_for_as_long_as_the_option_says(
        self, environ, login, caplog, gate
    ):
        told = []
        hooks = LogoutHooks({"a:gate": gate, "b:good": told.append}, 0.05)
        hooks.tell(Visit(environ), [login], "here")
        assert len(told) == 1
        [late] = [m for m in caplog.messages if "did not end within 0.05 s" in m]
        assert "a:gate" in late
        gate.opened.set()
        assert gate.is_done.wait(PATIENCE), "it goes on"
        assert len(gate.told) == 1

    def test_that_hangs_holds_up_nobody_more_and_misses_nothing(
        self, environ, login, gate, hanging, caplog
    ):
        hooks, turns, let_go = hanging
        hooks.tell(Visit(environ), [login], "elsewhere")
        assert "on_logout: a:gate hangs: 1 logouts wait for it" in caplog.text
        assert gate.told == []
        let_go()
        assert turns.add(gate, gate.told[0]).wait(PATIENCE)
        assert [event.cause for event in gate.told[:2]] == ["here", "elsewhere"]

    def test_that_hangs_for_ever_fills_no_memory(
        self, environ, login, hanging, caplog, monkeypatch
    ):
        monkeypatch.setattr(module, "_MOST_WAITING", 3)
        hooks, turns, _ = hanging
        hooks.tell(Visit(environ), [login] * 5, "here")
        assert caplog.text.count("a:gate hangs: eilogin does not call it") == 2
        assert len(turns._waiting) == 3

    def test_that_hangs_for_long_is_told_of_once_a_minute(
        self, environ, login, hanging, caplog
    ):
        """With how many wait by then: nobody hears of their logouts so far."""
        hooks, turns, _ = hanging
        for _ in range(3):
            hooks.tell(Visit(environ), [login] * 4, "elsewhere")
            turns._next_log_at -= 40
        waiting = re.findall("on_logout: a:gate hangs: ([0-9]+) logouts", caplog.text)
        assert waiting == ["1", "9"]

    def test_for_which_there_is_no_thread_is_named(
        self, environ, login, caplog, monkeypatch
    ):
        def no_more(thread):
            raise RuntimeError("can't start new thread")

        told = []
        hooks = LogoutHooks({"a:hook": told.append}, PATIENCE)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more)
            hooks.tell(Visit(environ), [login], "here")
        said = "on_logout: cannot start a thread for a:hook: can't start new thread"
        assert said in caplog.text
        assert told == []
        hooks.tell(Visit(environ), [login], "here")
        assert len(told) == 1


class TestThreads:
    def test_are_there_while_there_is_something_to_tell(self, environ, login, gate):
        def of_hooks():
            return [t for t in threading.enumerate() if t.name == "eilogin-a:gate"]

        hooks = LogoutHooks({"a:gate": gate}, PATIENCE)
        assert of_hooks() == [], "servers fork when all is built"
        waits = threading.Thread(
            target=hooks.tell, args=(Visit(environ), [login], "here")
        )
        waits.start()
        assert gate.is_reached.wait(PATIENCE)
        [thread] = of_hooks()
        assert thread.daemon, "a server that stops does not wait for it"
        gate.opened.set()
        thread.join(PATIENCE)
        waits.join(PATIENCE)
        assert of_hooks() == []

    def test_of_a_process_are_not_those_of_its_children(
        self, environ, login, monkeypatch
    ):
        told = []
        hooks = LogoutHooks({"a:hook": told.append}, PATIENCE)
        hooks.tell(Visit(environ), [login], "here")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        hooks.tell(Visit(environ), [login], "here")
        assert len(told) == 2
        assert len(hooks._queues) == 2


# --- which there are ------------------------------------------------------------------


class TestNames:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("stad_hoks:note", "no installed package has 'stad_hoks'"),
            ("stad_hooks:noot", "to have 'noot'; did you mean 'note'?"),
            ("stad_hooks:number", "a function, or another callable, not an int"),
            ("stad_hooks.deep:note", "no installed package has 'stad_hooks.deep'"),
            ("stad_hooks", "'module:attribute', such as"),
            ("/stad/hooks.py:note", "'module:attribute', such as"),
        ],
    )
    @pytest.mark.usefixtures("told")
    def test_that_are_wrong_stop_the_start_and_say_where(
        self, tmp_path, witness, name, reason
    ):
        ini = tmp_path / "site.ini"
        ini.write_text(f"[filter:uit]\nuse = egg:eilogin#logout\non_logout = {name}\n")
        with pytest.raises(InvalidOptions) as raised:
            make_logout(witness, {"__file__": str(ini)}, on_logout=name)
        [fault] = raised.value.faults
        assert reason in fault.expected
        place = (fault.file, fault.section, fault.option)
        assert place == (str(ini), "filter:uit", "on_logout")
        assert name in fault.found

    def test_that_are_wrong_in_the_one_section_are_told_there(self, site, witness):
        said = {**site._trusting("stad.test"), "store": "memory:"}
        with pytest.raises(InvalidOptions) as raised:
            make_participant(witness, {}, on_logout="stad_hooks:noot", **said)
        [fault] = raised.value.faults
        assert (fault.option, fault.found) == ("on_logout", "'stad_hooks:noot'")

    def test_that_are_nearly_right_are_told(self, new_module):
        new_module("stad_hooks_2", "")
        with pytest.raises(InvalidOptions, match="did you mean 'stad_hooks_2'"):
            load_hooks(["stad_hooks2:note"])

    def test_an_error_inside_of_the_module_comes_through(self, new_module):
        new_module("stad_hooks_3", "1 / 0\n")
        with pytest.raises(ZeroDivisionError):
            load_hooks(["stad_hooks_3:note"])

    def test_are_told_apart_by_blanks_and_called_once_each(self, new_module, witness):
        new_module("stad_hooks_4", "def one(event): ...\ndef two(event): ...\n")
        names = "stad_hooks_4:one\n stad_hooks_4:two stad_hooks_4:one"
        logout = make_logout(witness, {}, on_logout=names)
        assert list(logout._logout._hooks._hooks) == [
            "stad_hooks_4:one",
            "stad_hooks_4:two",
        ]


class TestPackages:
    @pytest.fixture
    def installed(self, new_module, tmp_path):
        """Install a package with one hook, as pip would have it."""

        def install(name, text, point):
            new_module(name, text)
            info = tmp_path / f"{name}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            )
            (info / "entry_points.txt").write_text(f"[eilogin.logout]\n{point}\n")

        return install

    @pytest.mark.usefixtures("clock")
    def test_that_are_installed_are_told_without_an_option(
        self, installed, eilogin_federation, witness
    ):
        text = "told = []\nnote = told.append\n"
        installed("stad_package", text, "mine = stad_package:note")
        site = eilogin_federation({"stad.test": witness})
        anna = site.browser()
        anna.visit(f"{STAD}/mijn")
        anna.press("Inloggen", username="anna", password="demo-anna")
        anna.visit(LOGOUT)
        assert len(sys.modules["stad_package"].told) == 1

    @pytest.mark.parametrize(
        ("point", "reason"),
        [
            ("mine = stad_broken:nothing", "eilogin cannot load it"),
            ("mine = stad_absent:note", "eilogin cannot load it"),
            ("mine = stad_broken:number", "expected a function"),
        ],
    )
    def test_that_are_broken_stop_the_start(self, installed, witness, point, reason):
        installed("stad_broken", "number = 3\n", point)
        with pytest.raises(InvalidOptions) as raised:
            make_logout(witness, {})
        [fault] = raised.value.faults
        told = f"stad_broken has an entry point eilogin.logout: {point}; {reason}"
        assert told in fault.expected

    def test_of_no_package_are_told_by_what_they_are(self, monkeypatch):
        point = EntryPoint("mine", "stad_absent:note", "eilogin.logout")
        monkeypatch.setattr(module, "entry_points", lambda group: [point])
        with pytest.raises(InvalidOptions, match="a package has an entry point"):
            load_hooks([])
