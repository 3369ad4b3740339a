"""The silent question on public pages: once, without a prompt, and never for ever."""

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from hub_speaker import Citizen, hub_changes
from hypothesis import given, settings
from hypothesis import strategies as st

from eilogin.errors import StoreUnavailable
from eilogin.participant.login import passive_login
from eilogin.saml import bindings, messages, safe_xml
from eilogin.testing import Federation
from eilogin.testing.strict_browser import Browser

PAGE = "https://uwv.test/nieuws?a=b"
UWV_ACS = "https://uwv.test/eilogin/acs"
HOUR = 3600
MARKED = "eilogin=asked"
OPTIONS = {"protect": "/mijn basis\n/ optional\n/static off", "silent": "true"}


def greet(environ, start_response):
    """A public page that greets who is known, and says which query it saw."""
    name = environ.get("REMOTE_USER") or "stranger"
    text = f"hello {'you' if name != 'stranger' else name} [{environ['QUERY_STRING']}]"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


@pytest.fixture
def federation(clock, eilogin_federation):
    apps = {"uwv.test": greet, "stad.test": greet}
    return eilogin_federation(apps, options={"uwv.test": OPTIONS})


@pytest.fixture
def browser(federation):
    return federation.browser()


def was_asked(browser):
    return any("SAMLRequest=" in url for url in browser.trail)


def log_in(browser, url="https://stad.test/mijn"):
    browser.visit(url)
    browser.press("Inloggen", username="anna", password="demo-anna")


# --- what a visitor sees --------------------------------------------------------


def test_passive_login_signs_in_visitor_with_hub_session(browser):
    log_in(browser)
    browser.visit(PAGE)
    assert browser.url == PAGE
    assert browser.page.text == "hello you [a=b]"


def test_a_stranger_sees_the_page_and_no_prompt(browser):
    browser.visit(PAGE)
    assert was_asked(browser)
    assert browser.url == PAGE
    assert browser.page.text == "hello stranger [a=b]"


def test_the_question_asks_for_no_prompt_and_for_the_lowest_level(federation, hub):
    citizen = Citizen(federation, hub)
    request, _ = citizen.begin(PAGE)
    assert request.is_passive
    assert not request.force_authn
    assert len(request.level_classes) == 1


def test_it_is_asked_once_and_after_an_hour_again(browser, clock):
    browser.visit(PAGE)
    browser.visit("https://uwv.test/ander")
    assert not was_asked(browser)
    clock.shift(HOUR - 1)
    browser.visit(PAGE)
    assert not was_asked(browser)
    clock.shift(1)
    browser.visit(PAGE)
    assert was_asked(browser)


def test_the_address_that_asks_does_so_once_too(browser, clock):
    address = "https://uwv.test/eilogin/login?silent=yes&next=/nieuws"
    browser.visit(PAGE)
    assert was_asked(browser)
    browser.visit(address)
    assert browser.trail == [address, f"https://uwv.test/nieuws?{MARKED}"]
    # A page that was asked for in a second tab just before the hour was over.
    clock.shift(HOUR - 1)
    browser.set_cookie("uwv.test", "__Host-eilogin-probe", "1")
    browser.visit(address)
    assert not was_asked(browser)
    clock.shift(1)
    browser.set_cookie("uwv.test", "__Host-eilogin-probe", "1")
    browser.visit(address)
    assert was_asked(browser)


def test_after_a_logout_nobody_is_logged_in_again_unasked(browser, federation):
    """Where the hub could not be reached she is still known there."""
    log_in(browser, "https://uwv.test/mijn")
    federation.down.add("inloggen.test")
    browser.stops_before = "inloggen.test"
    browser.visit("https://uwv.test/eilogin/logout")
    browser.stops_before = None
    federation.down.clear()
    browser.visit(PAGE)
    assert browser.page.text == "hello stranger [a=b]"
    assert not was_asked(browser)


def test_her_own_login_goes_on_to_work(browser):
    browser.visit(PAGE)
    log_in(browser, "https://uwv.test/mijn")
    assert browser.url == "https://uwv.test/mijn"
    browser.visit(PAGE)
    assert browser.page.text == "hello you [a=b]"


def test_it_is_off_unless_it_is_asked_for(federation):
    browser = federation.browser()
    browser.visit("https://stad.test/eilogin/login?silent=yes&next=/x")
    assert browser.trail[1] == f"https://stad.test/x?{MARKED}"


# --- answers that are not taken -------------------------------------------------


def of_an_attacker(hub, request, key):
    hub.key = key
    return hub.answer(request)


def of_nobody(hub, request, key):
    return hub.response(request, hub.assertion(request))


def too_old(hub, request, key):
    return hub.answer(request, confirmation_ends=request.issued - 100)


def to_another(hub, request, key):
    return hub.answer(request, in_response_to="_other")


def of_no_form(hub, request, key):
    answer = hub.answer(request)
    answer.remove(answer.find(safe_xml.q("samlp:Status")))
    return answer


def used(hub, request, key):
    return hub.answer(request, id="_used")


BAD = {
    of_an_attacker: "signature-untrusted",
    of_nobody: "signature-untrusted",
    too_old: "message-expired",
    to_another: "message-unexpected",
    of_no_form: "message-malformed",
    used: "message-replayed",
}


@pytest.fixture
def stranger_by(clock, eilogin_federation, hub_of):
    """Who is asked about silently; her hub answers what the test says."""

    def make(acs):
        said = {**OPTIONS, "acs": acs}
        apps = {"uwv.test": greet, "stad.test": greet}
        federation = eilogin_federation(apps, options={"uwv.test": said})
        citizen = Citizen(federation, hub_of(federation))
        citizen.is_by_artifact = acs == "artifact"
        return citizen

    return make


@pytest.fixture(params=["post", "artifact"])
def stranger(request, stranger_by):
    return stranger_by(request.param)


def bring(citizen, element, question):
    """Bring an answer in the way that is asked for."""
    if not citizen.is_by_artifact:
        citizen.bring(element, question)
        return
    _, handle = question
    citizen.federation.apps["inloggen.test"] = citizen.hub
    # What is wrong is inside.
    citizen.hub.signs_envelope = False
    citizen.hub.carried = element
    citizen.browser.visit(
        bindings.artifact_url(UWV_ACS, citizen.hub.artifact(), handle)
    )
    citizen.federation.apps["inloggen.test"] = citizen.waiting


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_an_answer_that_is_not_taken_leaves_the_page_open(
    stranger, caplog, attacker_key, bad
):
    if bad is used:
        first = Citizen(stranger.federation, stranger.hub)
        question = first.begin("https://uwv.test/mijn")
        first.is_by_artifact = stranger.is_by_artifact
        bring(first, used(first.hub, question[0], None), question)
        assert first.browser.url == "https://uwv.test/mijn"
    question = stranger.begin(PAGE)
    bring(stranger, bad(stranger.hub, question[0], attacker_key), question)
    assert stranger.browser.page.status_int == 200
    assert stranger.browser.page.text == "hello stranger [a=b]"
    assert f"login refused ({BAD[bad]})" in caplog.text
    assert stranger.browser.cookie("uwv.test", "__Host-eilogin") is None
    stranger.browser.visit(PAGE)
    assert stranger.browser.trail == [PAGE], "once is enough"


def test_a_hub_that_does_not_tell_its_answer_leaves_the_page_open(stranger_by, caplog):
    stranger = stranger_by("artifact")
    _, handle = stranger.begin(PAGE)
    stranger.federation.down.add("inloggen.test")
    artifact = stranger.hub.artifact()
    stranger.browser.visit(bindings.artifact_url(UWV_ACS, artifact, handle))
    assert stranger.browser.page.text == "hello stranger [a=b]"
    assert "login failed (peer-unavailable)" in caplog.text


@pytest.mark.parametrize("artifact", ["garbage", "of another hub"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_artifact_leaves_the_page_open(stranger_by, method, artifact):
    stranger = stranger_by("artifact")
    _, handle = stranger.begin(PAGE)
    if artifact != "garbage":
        artifact = bindings.new_artifact("https://evil.test/")
    if method == "POST":
        fields = {"SAMLart": artifact, "RelayState": handle}
        stranger.browser.post(UWV_ACS, site="cross-site", **fields)
    else:
        stranger.browser.visit(bindings.artifact_url(UWV_ACS, artifact, handle))
    assert stranger.browser.page.status_int == 200
    assert stranger.browser.page.text == "hello stranger [a=b]"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_to_who_wanted_to_log_in_a_bad_artifact_is_an_error(stranger_by, method):
    stranger = stranger_by("artifact")
    _, handle = stranger.begin("https://uwv.test/mijn")
    if method == "POST":
        fields = {"SAMLart": "garbage", "RelayState": handle}
        stranger.browser.post(UWV_ACS, site="cross-site", **fields)
    else:
        stranger.browser.visit(bindings.artifact_url(UWV_ACS, "garbage", handle))
    assert stranger.browser.page.status_int == 400
    assert "Inloggen is niet gelukt" in stranger.browser.text


def test_to_who_wanted_to_log_in_a_bad_answer_is_an_error(stranger, attacker_key):
    question = stranger.begin("https://uwv.test/mijn")
    bring(stranger, of_an_attacker(stranger.hub, question[0], attacker_key), question)
    assert stranger.browser.page.status_int == 400
    assert "Inloggen is niet gelukt" in stranger.browser.text


def test_the_way_back_of_a_bad_answer_is_for_silent_questions_alone(stranger):
    for url, title in [
        ("https://uwv.test/mijn", "Inloggen is niet gelukt"),
        (PAGE, "hello stranger"),
    ]:
        _, handle = stranger.begin(url)
        stranger.browser.visit(f"{UWV_ACS}?unusable={handle}")
        assert title in stranger.browser.page.text
    thief = stranger.federation.browser()
    thief.visit(f"{UWV_ACS}?unusable={handle}")
    assert thief.page.status_int == 400


def test_a_bad_answer_ends_no_session_and_is_not_asked_for_again_at_once(
    stranger, clock, attacker_key
):
    """The silent question to keep alive whom the hub knows."""
    question = stranger.begin("https://uwv.test/mijn")
    bring(stranger, stranger.hub.answer(question[0]), question)
    session = stranger.browser.cookie("uwv.test", "__Host-eilogin")
    clock.shift(11 * 60)
    question = stranger.begin(PAGE)
    assert question[0].is_passive
    bring(stranger, of_an_attacker(stranger.hub, question[0], attacker_key), question)
    assert stranger.browser.page.text == "hello you [a=b]"
    assert stranger.browser.cookie("uwv.test", "__Host-eilogin") == session
    stranger.browser.visit(PAGE)
    assert stranger.browser.trail == [PAGE]


def test_a_silent_login_that_came_of_it_is_not_undone_by_a_bad_answer(stranger):
    question = stranger.begin(PAGE)
    bring(stranger, stranger.hub.answer(question[0]), question)
    stranger.browser.visit(f"{UWV_ACS}?unusable={question[1]}")
    assert stranger.browser.page.text == "hello you [a=b]"


# --- who is not asked -----------------------------------------------------------


NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
NOT_ASKED = {
    "a search engine": {},
    "a script": {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "an image": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "a frame": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "a prefetch": {**NAVIGATES, "Sec-Purpose": "prefetch"},
    "a prerender": {**NAVIGATES, "Sec-Purpose": "prefetch;prerender"},
}


@pytest.mark.parametrize("headers", NOT_ASKED.values(), ids=NOT_ASKED)
def test_only_a_person_in_a_browser_is_asked(call, headers):
    answer = call("GET", PAGE, **headers)
    assert answer.status_int == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_for_a_page_that_is_opened(call, method):
    assert call(method, PAGE, **NAVIGATES).status_int == 200


def test_a_browser_is_asked(call):
    answer = call("GET", PAGE, **NAVIGATES)
    assert answer.status_int == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert urlsplit(answer.location).path == "/eilogin/login"


@pytest.mark.parametrize("path", ["/static/x", "/mijn"])
def test_other_paths_do_what_they_always_do(browser, path):
    browser.visit(f"https://uwv.test{path}")
    assert not any("silent=yes" in url for url in browser.trail)


def test_nobody_is_asked_while_the_hub_does_not_answer(browser, federation):
    federation.down.add("inloggen.test")
    browser.visit(PAGE)
    assert browser.trail == [PAGE]


def test_nobody_is_asked_where_the_hub_takes_no_question(browser, federation):
    hub_changes(federation, "uwv.test", single_sign_ons=(), artifact_resolutions=())
    browser.visit(PAGE)
    assert browser.trail == [PAGE]


def test_an_address_that_is_too_long_to_come_back_to_is_let_be(browser):
    url = f"{PAGE}&{'x' * 2100}"
    browser.visit(url)
    assert browser.trail == [url]


def test_a_store_that_fails_on_the_way_leads_back_to_the_page(
    browser, federation, monkeypatch
):
    def fails(*_):
        raise StoreUnavailable("gone")

    store = federation.apps["uwv.test"].sessions.store
    monkeypatch.setattr(store, "get", fails)
    browser.visit(PAGE)
    assert browser.page.status_int == 200
    assert not was_asked(browser)


# --- the mark -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        (MARKED, ""),
        (f"a=b&{MARKED}", "a=b"),
        (f"{MARKED}&a=b&{MARKED}", "a=b"),
        (f"a=b;c&{MARKED}&d", "a=b;c&d"),
        (f"a{MARKED}", f"a{MARKED}"),
    ],
)
def test_the_application_never_sees_the_mark(call, query, seen):
    answer = call("GET", f"https://uwv.test/x?{query}")
    assert answer.text == f"hello stranger [{seen}]"


def test_on_a_marked_page_nothing_is_asked(browser):
    browser.visit(f"{PAGE}&{MARKED}")
    assert not was_asked(browser)
    assert browser.page.text == "hello stranger [a=b]"


def test_a_browser_without_cookies_is_back_at_its_page_after_two_steps(federation):
    browser = Forgetful(federation, lambda *_: True)
    browser.visit(PAGE)
    assert len(browser.trail) == 3
    assert browser.url == f"{PAGE}&{MARKED}"
    assert browser.page.text == "hello stranger [a=b]"


# --- loops are impossible -------------------------------------------------------


def test_an_application_that_asks_silently_asks_once_though_her_session_is_lost(
    clock, eilogin_federation
):
    def app(environ, start_response):
        answer = environ["eilogin.login"].require("basis", passive=True)
        return (answer or greet)(environ, start_response)

    federation = eilogin_federation(
        {"uwv.test": app, "stad.test": greet},
        options={"uwv.test": {"protect": "/ optional"}},
    )
    browser = Forgetful(federation, lambda _, kind: kind == "session")
    log_in(browser)
    browser.visit(PAGE)
    assert was_asked(browser)
    assert browser.page.text == "hello stranger [a=b]"


class Forgetful(Browser):
    """A browser, or a proxy before the site, that does something to cookies.

    ``loses`` says of an address (``page``, or ``own`` for eilogin's) and the kind of a
    cookie whether it does not come along there.
    """

    def __init__(self, app, loses, takes_none_at=()):
        super().__init__(app)
        self.loses, self.takes_none_at = loses, takes_none_at

    def _request(self, *asked):
        request = super()._request(*asked)
        if request.host.startswith("uwv.test"):
            where = place(request.path)
            pairs = [p for p in request.headers.pop("Cookie", "").split("; ") if p]
            kept = [pair for pair in pairs if not self.loses(where, kind(pair))]
            if kept:
                request.headers["Cookie"] = "; ".join(kept)
        return request

    def _send(self, request):
        is_there = request.host == "uwv.test"
        takes_none = is_there and place(request.path) in self.takes_none_at
        return super()._send(request, keeps_cookies=not takes_none)


def place(path):
    return "own" if path.startswith("/eilogin/") else "page"


KINDS = ("probe", "silent", "asked", "login", "session", "rounds")


def kind(pair):
    name = pair.partition("=")[0].removeprefix("__Host-")
    if name == "eilogin":
        return "session"
    return name.removeprefix("eilogin-").partition("-")[0]


PLACES = ("page", "own")
HOURS = itertools.count()


@pytest.fixture(scope="module")
def one_federation(tmp_path_factory):
    """One for all examples: each has a browser of its own."""
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False):
        yield Federation(
            tmp_path_factory.mktemp("silence"),
            {"uwv.test": greet, "stad.test": greet},
            options={"uwv.test": OPTIONS},
        )


@settings(max_examples=60)
@given(
    lost=st.sets(st.tuples(st.sampled_from(PLACES), st.sampled_from(KINDS))),
    takes_none_at=st.sets(st.sampled_from(PLACES)),
    is_known=st.booleans(),
    visits=st.integers(1, 3),
)
def test_passive_login_ends_without_loop_if_cookies_are_lost(
    one_federation, lost, takes_none_at, is_known, visits
):
    """The browser follows twenty redirects, and then the test fails."""
    where_lost = lost.__contains__
    # Each in a time of its own, when the sessions of others are over.
    start = datetime(2026, 11, 24, tzinfo=UTC) + next(HOURS) * timedelta(hours=3)
    with time_machine.travel(start, tick=False):
        browser = Forgetful(
            one_federation, lambda *which: where_lost(which), takes_none_at
        )
        if is_known:
            log_in(browser)
        for _ in range(visits):
            browser.visit(PAGE)
            assert len(browser.trail) < 16
            browser.visit(browser.url)
            ends_at_the_page = urlsplit(browser.url).path == "/nieuws"
            # Or at a page of ours that says that cookies do not come along.
            assert ends_at_the_page or browser.page.status_int == 400


REFUSALS = (messages.NO_PASSIVE, messages.AUTHN_FAILED, messages.REQUEST_DENIED, "x")


@pytest.mark.parametrize("reason", REFUSALS)
def test_passive_login_asks_hub_once_after_any_refusal(federation, hub, reason, asked):
    federation.apps["inloggen.test"] = hub
    browser = federation.browser()
    browser.stops_before = "https://inloggen.test/"
    browser.visit(PAGE)
    request, handle = asked(browser.url)
    hub.carried = hub.refusal(request, reason)
    browser.stops_before = None
    browser.visit(bindings.artifact_url(request.acs_url, hub.artifact(), handle))
    assert browser.url == PAGE
    browser.visit(PAGE)
    assert not was_asked(browser)


@pytest.mark.parametrize(
    "said", [{"level_class": "urn:odd"}, {"attributes": {}}], ids=["level", "attribute"]
)
def test_a_login_that_cannot_be_used_leaves_her_a_stranger(
    clock, eilogin_federation, hub_of, said, caplog
):
    """The page is open to everybody: no page of ours stands in its place."""
    options = {**OPTIONS, "acs": "post", "require_attributes": "name"}
    federation = eilogin_federation({"uwv.test": greet}, options={"uwv.test": options})
    citizen = Citizen(federation, hub_of(federation))
    question = citizen.begin(PAGE)
    citizen.bring(citizen.hub.answer(question[0], **said), question)
    assert citizen.browser.url == PAGE
    assert citizen.browser.page.text == "hello stranger [a=b]"
    assert "login refused (" in caplog.text


def test_the_words_in_addresses_do_not_change():
    """They stand in bookmarks and in links of pages."""
    assert (passive_login.PARAMETER, passive_login.MARK) == ("silent", MARKED)
