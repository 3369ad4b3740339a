# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments
"""A peer that hangs, and somebody who makes use of it: the threads are not all held.

Real servers of few threads, as many requests as somebody likes; in between somebody
else asks for a page, which must come while the peer still hangs. What found no place is
told so at once, and nothing of it is lost.
"""

import contextlib
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from io import BytesIO
from urllib.parse import urlencode, urlsplit

import pytest
import waitress
from hub_speaker import Citizen
from waitress import wasyncore

from eilogin.saml import bindings, messages

HUB = "https://inloggen.test/metadata"
SLO = "https://inloggen.test/slo"
LOGIN = "https://inloggen.test/login"
SITES = ("uwv.test", "stad.test")
THREADS = 4
#: Requests that come at the same time.
MANY = 12
#: Longer than anything takes that does come.
PATIENCE = 30
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def hangs_soon(monkeypatch):
    """A slot that is held for a fifth of a second hangs: nobody waits for it longer."""
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 0.2)


@pytest.fixture
def federation(clock, witness, eilogin_federation):
    """Two participants in one process, which log out over SOAP, and the hub."""
    return eilogin_federation(
        dict.fromkeys(SITES, witness),
        options={host: {"logout_binding": "soap"} for host in SITES},
    )


@pytest.fixture
def served(federation):
    """Ask a real server, as (method, URL), from an address of this machine."""
    channels, is_over = {}, threading.Event()
    server = waitress.create_server(
        federation, map=channels, host="127.0.0.1", port=0, threads=THREADS
    )

    def run():
        while not is_over.is_set():
            wasyncore.loop(timeout=0.1, map=channels, count=1)

    runs = threading.Thread(target=run, daemon=True)
    runs.start()

    def ask(method, url, body=None, *, kind=FORM, cookies=(), address="127.0.0.1"):
        parts = urlsplit(url)
        connection = HTTPConnection(
            "127.0.0.1",
            server.effective_port,
            timeout=PATIENCE,
            source_address=(address, 0),
        )
        headers = {
            "Host": parts.netloc,
            "Accept": "text/html",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies),
            "Sec-Fetch-Site": "same-origin",
        }
        if body is not None:
            headers["Content-Type"] = kind
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    yield ask
    # Not from outside: it would look at what is closed.
    is_over.set()
    runs.join(PATIENCE)
    server.close()


class Hanging:
    """A peer that takes a question and says nothing until it is let go."""

    def __init__(self, app):
        self._app = app
        self._asked, self._goes_on = threading.Semaphore(0), threading.Event()

    def __call__(self, environ, start_response):
        self._asked.release()
        assert self._goes_on.wait(PATIENCE)
        return self._app(environ, start_response)

    def has(self, questions):
        """Whether so many are there, now or soon."""
        return all(self._asked.acquire(timeout=PATIENCE) for _ in range(questions))

    def has_more(self):
        return self._asked.acquire(blocking=False)

    def let_go(self):
        self._goes_on.set()


class KnowsOne:
    """A hub that has an answer for one artifact, whoever asks at the same time."""

    def __init__(self, hub, artifact, answer):
        self._hub, self._artifact, self._answer = hub, artifact, answer
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        resolve = messages.read_artifact_resolve(bindings.unwrap_soap(body))
        again = {**environ, "wsgi.input": BytesIO(body)}
        with self._lock:
            is_it = resolve.artifact == self._artifact
            self._hub.carried = self._answer if is_it else None
            return self._hub(again, start_response)


class KnowsAll:
    """A hub that takes a moment for each artifact, and knows them all."""

    def __init__(self, hub, answers):
        self._hub, self._answers = hub, answers
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        resolve = messages.read_artifact_resolve(bindings.unwrap_soap(body))
        again = {**environ, "wsgi.input": BytesIO(body)}
        time.sleep(0.03)
        with self._lock:
            self._hub.carried = self._answers[resolve.artifact]
            return self._hub(again, start_response)


@pytest.fixture
def flood():
    """Do many things at a time; all but those that wait have an outcome by then."""
    with ThreadPoolExecutor(MANY) as threads, contextlib.ExitStack() as stack:

        def begin(peer, things, waiting):
            stack.callback(peer.let_go)
            tasks = [threads.submit(thing) for thing in things]
            done = threading.Semaphore(0)
            for task in tasks:
                task.add_done_callback(lambda _: done.release())
            at_once = len(tasks) - waiting
            assert all(done.acquire(timeout=PATIENCE) for _ in range(at_once))
            return tasks

        yield begin


def statuses(tasks):
    return Counter(task.result(PATIENCE).status for task in tasks)


# --- artifacts ------------------------------------------------------------------------


class Visitor:
    """Somebody with a login under way, who brings artifacts to a real server."""

    def __init__(self, federation, hub, served, number, address=""):
        self.host = SITES[number % 2]
        begun = Citizen(federation, hub)
        self.request, self.handle = begun.begin(f"https://{self.host}/mijn")
        self._cookies = begun.browser.cookies(self.host).items()
        self._address = address or f"127.0.0.{1 + number % 5}"
        self._served = served

    def bring(self, artifact):
        acs = f"https://{self.host}/eilogin/acs"
        url = bindings.artifact_url(acs, artifact, self.handle)
        return self._served("GET", url, cookies=self._cookies, address=self._address)


def test_artifacts_at_a_hub_that_hangs(federation, hub, served, flood):
    """Of both sites together, and from many networks."""
    visitors = [Visitor(federation, hub, served, number) for number in range(MANY)]
    peer = federation.apps["inloggen.test"] = Hanging(hub)
    tasks = flood(
        peer,
        [lambda one=one: one.bring(hub.artifact()) for one in visitors],
        waiting=3,
    )
    assert peer.has(3)
    assert not peer.has_more()
    for host in SITES:
        assert served("GET", f"https://{host}/mijn").status == 302
    peer.let_go()
    # The hub knows none of those.
    assert statuses(tasks) == {503: MANY - 3, 400: 3}
    answers = [task.result(PATIENCE) for task in tasks]
    assert {a.headers["Refresh"] for a in answers if a.status == 503} == {"3"}
    # Whoever was told to come again is logged in when she does.
    for visitor, answer in zip(visitors, answers, strict=True):
        hub.carried = hub.answer(visitor.request)
        again = visitor.bring(hub.artifact())
        assert again.status == 303, (answer.status, again.text)


@pytest.fixture
def nobody_hangs(monkeypatch):
    """However slow this machine is."""
    monkeypatch.setattr(
        "eilogin.participant.response.artifact_resolution._PATIENCE", 20.0
    )
    monkeypatch.setattr("eilogin.hub.logout.logout_slots._PATIENCE", 20.0)
    monkeypatch.setattr("eilogin.web.limits.slots._LONGEST_HELD", 20.0)


@pytest.mark.usefixtures("nobody_hangs")
def test_visitors_of_one_network_who_log_in_at_once(federation, hub, served, flood):
    """The hub is well: whoever finds no slot waits for one, and sees no page."""
    visitors = [Visitor(federation, hub, served, n, "127.0.0.1") for n in range(MANY)]
    theirs = [(one, hub.artifact()) for one in visitors]
    answers = {artifact: hub.answer(one.request) for one, artifact in theirs}
    peer = federation.apps["inloggen.test"] = Hanging(KnowsAll(hub, answers))
    peer.let_go()
    tasks = flood(peer, [lambda o=o, a=a: o.bring(a) for o, a in theirs], waiting=0)
    assert statuses(tasks) == {303: MANY}


def test_invented_artifacts_leave_a_slot_for_other_visitors(
    federation, hub, served, flood
):
    """From however many networks; she comes again at once, and they after seconds."""

    def stranger(number):
        return Visitor(federation, hub, served, 0, f"127.0.1.{1 + number}")

    for number in range(4):
        one = stranger(number)
        assert [one.bring(hub.artifact()).status for _ in range(3)] == [400] * 3
    strangers = [stranger(number) for number in range(4)]
    visitor = Visitor(federation, hub, served, 0, "127.0.2.1")
    hers = hub.artifact()
    knows_hers = KnowsOne(hub, hers, hub.answer(visitor.request))
    peer = federation.apps["inloggen.test"] = Hanging(knows_hers)
    inventing = flood(
        peer, [lambda one=one: one.bring(hub.artifact()) for one in strangers], 2
    )
    assert peer.has(2)
    [logging_in] = flood(peer, [lambda: visitor.bring(hers)], 1)
    assert peer.has(1)
    assert not peer.has_more()
    peer.let_go()
    assert logging_in.result(PATIENCE).status == 303
    assert statuses(inventing) == {503: 2, 400: 2}


# --- logouts --------------------------------------------------------------------------


@pytest.fixture
def log_in(federation):
    """Somebody who is logged in at both sites; her cookies, and her login at uwv's."""

    def log_in(name="anna"):
        browser = federation.browser()
        browser.visit("https://uwv.test/mijn")
        browser.press("Inloggen", username=name, password=f"demo-{name}")
        browser.visit("https://stad.test/mijn")
        assert browser.url == "https://stad.test/mijn"
        cookie = browser.cookie("uwv.test", "__Host-eilogin")
        return browser, federation.apps["uwv.test"].sessions.find(cookie)

    return log_in


@pytest.fixture
def is_at_hub(federation):
    def is_at_hub(browser):
        cookie = browser.cookie("inloggen.test", "__Host-eilogin")
        return federation.apps["inloggen.test"].sessions.find(cookie) is not None

    return is_at_hub


def request_of(login, uwv, destination):
    """A good LogoutRequest of uwv's."""
    return uwv.logout_request(login.who.as_name_id(), destination, login.session_index)


@pytest.fixture
def slow(federation):
    """The other participant confirms no logout until it is let go."""
    app = federation.apps["stad.test"]
    peer = Hanging(app)

    def at_logouts(environ, start_response):
        asks = environ["PATH_INFO"] == "/eilogin/slo/soap"
        return (peer if asks else app)(environ, start_response)

    federation.apps["stad.test"] = at_logouts
    return peer


def test_one_logout_request_over_and_over(
    federation, served, flood, log_in, is_at_hub, party, slow
):
    """One executes it, and one waits for that; the others hold no thread."""
    browser, login = log_in()
    uwv = party("uwv.test")
    url = uwv.by_redirect(SLO, "SAMLRequest", request_of(login, uwv, SLO))
    tasks = flood(slow, [lambda: served("GET", url)] * MANY, waiting=2)
    assert slow.has(1)
    assert served("GET", "https://inloggen.test/health").status == 200
    assert served("GET", "https://inloggen.test/login").status == 200
    slow.let_go()
    assert statuses(tasks) == {503: MANY - 2, 302: 2}
    answers = [task.result(PATIENCE) for task in tasks]
    assert {a.headers["Retry-After"] for a in answers if a.status == 503} == {"10"}
    assert not is_at_hub(browser)
    assert served("GET", url).status == 302, "and it has the outcome that it had"
    assert not slow.has_more()


def test_one_logout_request_over_and_over_from_server_to_server(
    served, flood, log_in, is_at_hub, party, slow
):
    browser, login = log_in()
    uwv = party("uwv.test")
    body = uwv.by_soap(request_of(login, uwv, f"{SLO}/soap"))

    def send():
        return served("POST", f"{SLO}/soap", body, kind="text/xml")

    tasks = flood(slow, [send] * MANY, waiting=2)
    assert slow.has(1)
    assert served("GET", "https://inloggen.test/health").status == 200
    slow.let_go()
    assert statuses(tasks) == {500: MANY - 2, 200: 2}
    for task in tasks:
        answer = task.result(PATIENCE)
        wanted = "Success" if answer.status == 200 else "soap-env:Server"
        assert wanted in answer.text
    assert not is_at_hub(browser)
    assert send().status == 200


def test_logouts_of_many_at_a_hub(
    served, flood, log_in, is_at_hub, party, slow, monkeypatch
):
    """Whose turn it is not is logged in still, and comes again."""
    uwv, citizens = party("uwv.test"), []
    for name in ("anna", "bram", "chaima"):
        browser, login = log_in(name)
        url = uwv.by_redirect(SLO, "SAMLRequest", request_of(login, uwv, SLO))
        address = f"127.0.0.{1 + len(citizens)}"
        citizens.append(
            (browser, lambda url=url, at=address: served("GET", url, address=at))
        )
    (_, of_anna), (_, of_bram), (chaima, of_chaima) = citizens
    waits, pause = threading.Event(), time.sleep
    monkeypatch.setattr(
        "eilogin.hub.logout.logout_slots.time.sleep",
        lambda s: waits.set() or pause(s),
    )
    # One of the first two waits for the other.
    tasks = flood(slow, [of_anna, of_anna, of_bram], waiting=3)
    assert slow.has(2)
    assert waits.wait(PATIENCE)
    assert of_chaima().status == 503
    assert is_at_hub(chaima)
    assert served("GET", "https://inloggen.test/health").status == 200
    slow.let_go()
    assert statuses(tasks) == {302: 3}
    assert of_chaima().status == 302
    assert not any(is_at_hub(browser) for browser, _ in citizens)


def test_logouts_of_one_network_leave_room_for_another(
    served, flood, log_in, is_at_hub, party, slow
):
    """Somebody has accounts, and logs in and out as often as he likes."""
    uwv, urls = party("uwv.test"), {}
    for name in ("bram", "chaima", "anna"):
        browser, login = log_in(name)
        request = request_of(login, uwv, SLO)
        urls[name] = uwv.by_redirect(SLO, "SAMLRequest", request)
    his = [lambda url=urls[name]: served("GET", url) for name in ("bram", "chaima")]
    begun = flood(slow, his, waiting=2)
    assert slow.has(2)
    assert served("GET", urls["anna"]).status == 503, "from the same network"
    assert is_at_hub(browser)
    hers = [lambda: served("GET", urls["anna"], address="127.0.0.2")]
    begun += flood(slow, hers, waiting=1)
    assert slow.has(1)
    assert not is_at_hub(browser)
    assert served("GET", "https://inloggen.test/health").status == 200
    slow.let_go()
    assert statuses(begun) == {302: 3}


def test_sign_ins_in_the_place_of_others(served, flood, log_in, is_at_hub, slow, clock):
    """Who was there before is logged out everywhere, which takes its time too."""
    names = {"anna": "chaima", "bram": "chaima", "chaima": "anna"}
    browsers = {before: log_in(before)[0] for before in names}
    for browser in browsers.values():
        browser.visit(LOGIN)

    def sign_in(before):
        name = names[before]
        form = urlencode({"username": name, "password": f"demo-{name}"})
        cookies = browsers[before].cookies("inloggen.test").items()
        return served("POST", LOGIN, form, cookies=cookies)

    tasks = flood(slow, [lambda: sign_in("anna"), lambda: sign_in("bram")], waiting=2)
    assert slow.has(2)
    others = flood(slow, [lambda: sign_in("chaima")] * MANY, waiting=0)
    assert statuses(others) == {503: MANY}
    assert is_at_hub(browsers["chaima"])
    again = link_of(others[0].result().text, "Probeer het opnieuw")
    assert again == "/login"
    assert served("GET", "https://inloggen.test/health").status == 200
    assert served("GET", LOGIN).status == 200
    slow.let_go()
    assert statuses(tasks) == {303: 2}
    # Nothing of that is lost.
    clock.shift(60)
    assert sign_in("chaima").status == 303
    assert not any(map(is_at_hub, browsers.values()))


def link_of(page, text):
    """Where the link with a text on a page leads."""
    [link] = re.findall(rf'<a [^>]*href="([^"]*)">\s*{text}\s*</a>', page)
    return link


def test_the_button_of_the_hub_while_all_wait(served, flood, log_in, is_at_hub, slow):
    """Who has pressed it is still logged in, and finds it again."""
    browsers = [log_in(name)[0] for name in ("anna", "bram", "chaima")]

    def log_out(browser):
        cookies = browser.cookies("inloggen.test").items()
        return served("POST", "https://inloggen.test/logout", "", cookies=cookies)

    first, second, hers = browsers
    tasks = flood(slow, [lambda: log_out(first), lambda: log_out(second)], waiting=2)
    assert slow.has(2)
    waits = log_out(hers)
    assert waits.status == 303
    cookies = hers.cookies("inloggen.test").items()
    busy = served("GET", waits.headers["Location"], cookies=cookies)
    assert busy.status == 503
    assert busy.headers["Refresh"] == "3"
    assert "Deze pagina probeert het zo vanzelf opnieuw" in busy.text
    assert is_at_hub(hers)
    home = link_of(busy.text, "Naar inloggen.test")
    assert "Overal uitloggen" in served("GET", home, cookies=cookies).text
    slow.let_go()
    assert statuses(tasks) == {200: 2}
    # In no other browser, though somebody is logged in there too.
    stranger, _ = log_in("anna")
    his = stranger.cookies("inloggen.test").items()
    for other in ((), his):
        answer = served("GET", waits.headers["Location"], cookies=other)
        assert answer.headers["Location"] == "https://inloggen.test/logout"
    assert is_at_hub(hers)
    assert is_at_hub(stranger)
    assert served("GET", waits.headers["Location"], cookies=cookies).status == 200
    assert not is_at_hub(hers)


def test_a_message_by_post_while_all_wait(
    served, flood, log_in, is_at_hub, party, slow
):
    """Its page reloads itself, at an address that still has the message."""
    uwv, forms = party("uwv.test"), []
    for name in ("bram", "chaima", "anna"):
        browser, login = log_in(name)
        forms.append(urlencode(uwv.by_post("SAMLRequest", request_of(login, uwv, SLO))))
    tasks = flood(
        slow, [lambda form=form: served("POST", SLO, form) for form in forms[:2]], 2
    )
    assert slow.has(2)
    waits = served("POST", SLO, forms[2])
    assert waits.status == 303
    busy = served("GET", waits.headers["Location"])
    assert (busy.status, busy.headers["Refresh"]) == (503, "3")
    assert is_at_hub(browser)
    slow.let_go()
    statuses(tasks)
    # And brings the answer to who asked.
    again = served("GET", waits.headers["Location"])
    assert again.status == 302
    assert "SAMLResponse=" in again.headers["Location"]
    assert not is_at_hub(browser)


@pytest.mark.usefixtures("nobody_hangs")
def test_a_crowd_that_logs_out_at_once(served, flood, log_in, is_at_hub, party, slow):
    """Every participant is well: each waits for its turn, and none is refused."""
    uwv, browsers, urls = party("uwv.test"), [], []
    slow.let_go()
    for name in ("bram", "chaima", "anna"):
        browser, login = log_in(name)
        browsers.append(browser)
        # Of each the first ends it, and takes as long as any.
        for _ in range(MANY // 3):
            request = request_of(login, uwv, SLO)
            urls.append(uwv.by_redirect(SLO, "SAMLRequest", request))
    tasks = flood(slow, [lambda url=url: served("GET", url) for url in urls], 0)
    assert statuses(tasks) == {302: MANY}
    assert not any(map(is_at_hub, browsers))


# --- a participant that tells the hub -------------------------------------------------


def test_logouts_at_a_participant_whose_hub_hangs(
    federation, hub, served, flood, log_in
):
    """All of them are logged out here; what the hub does not hear, they read.

    They come from many networks: of one there are two at the hub (test_waits_by_soap).
    """
    citizens = [log_in()[0] for _ in range(MANY // 2)]
    peer = federation.apps["inloggen.test"] = Hanging(no_answer)
    body = urlencode({"next": "/"})
    tasks = flood(
        peer,
        [
            lambda number=number, one=one: served(
                "POST",
                "https://uwv.test/eilogin/logout",
                body,
                cookies=one.cookies("uwv.test").items(),
                address=f"127.0.0.{1 + number}",
            )
            for number, one in enumerate(citizens)
        ],
        waiting=3,
    )
    assert peer.has(3)
    assert not peer.has_more()
    assert served("GET", "https://uwv.test/mijn").status == 302
    sessions = federation.apps["uwv.test"].sessions
    cookies = [one.cookie("uwv.test", "__Host-eilogin") for one in citizens]
    assert not any(map(sessions.find, cookies))
    peer.let_go()
    assert statuses(tasks) == {200: len(citizens)}
    for task in tasks:
        assert "Wij blijven proberen u ook bij de andere" in task.result().text


def no_answer(environ, start_response):
    start_response("500 Oh", [("Content-Type", "text/plain")])
    return [b""]
