"""A visit as it really goes: several tabs, the back button, scripts, odd cookies."""

import itertools
import re
import secrets
import sqlite3
from contextlib import closing
from urllib.parse import urljoin, urlsplit

import pytest
from lxml import html
from webob import Request

from eilogin.errors import StoreUnavailable
from eilogin.testing import Browser, Federation
from eilogin.web.limits.login_loops import MOST

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
HUB = "https://inloggen.test"
MINUTE = 60


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


def host_of(url):
    return urlsplit(url).hostname


def session_of(anna, url):
    """The value of her session cookie at a site."""
    return anna.browser.cookie(host_of(url), "__Host-eilogin")


def way_back(anna):
    """The address at which the answer of the hub was received last."""
    return next(u for u in anna.browser.trail if re.search("SAMLart=|answer=", u))


# --- tabs and the back button ---------------------------------------------------------


class Tab:
    """One tab of a browser, which shows what it showed when it was left."""

    def __init__(self, citizen, url):
        self.citizen, self.url = citizen, url
        citizen.visit(url)
        assert citizen.is_asked_for_password
        self.shown = citizen.browser.url, citizen.browser.page

    def log_in(self):
        self.citizen.browser.url, self.citizen.browser.page = self.shown
        self.citizen.type_password()
        assert self.citizen.browser.url == self.url
        assert self.citizen.user


@pytest.mark.parametrize("site", ["https://uwv.test", "https://stad.test"])
@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
def test_three_tabs_log_in_in_any_order_and_each_is_where_it_wanted(anna, site, order):
    tabs = {name: Tab(anna, f"{site}/{name}?tab={name}") for name in "abc"}
    for name in order:
        tabs[name].log_in()
    assert all(anna.is_let_in(tab.url) for tab in tabs.values())


class TestATabWhoseLoginIsForgotten:
    """More tabs were opened at once than a browser keeps logins for."""

    @pytest.fixture(params=["https://uwv.test", "https://stad.test"])
    def tabs(self, request, anna, clock):
        tabs = []
        for number in range(6):
            tabs.append(Tab(anna, f"{request.param}/{number}"))
            clock.shift(0.01)
        return tabs

    def try_it(self, anna, tab):
        anna.browser.url, anna.browser.page = tab.shown
        anna.type_password()

    def test_is_the_one_that_was_opened_first(self, tabs):
        for tab in tabs[1:]:
            tab.log_in()

    def test_tells_calmly_who_is_logged_in_by_then(self, anna, tabs, caplog):
        tabs[-1].log_in()
        self.try_it(anna, tabs[0])
        assert anna.browser.page.status_int == 409
        assert anna.browser.title.startswith("U bent ingelogd bij")
        assert "(login-lost)" in caplog.text
        anna.browser.language = "en"
        anna.browser.reload()
        assert anna.browser.title.startswith("You are logged in to")
        anna.browser.click(f"Go to the website of {urlsplit(tabs[0].url).hostname}")
        assert anna.browser.url == urljoin(tabs[0].url, "/")
        assert anna.user

    def test_leads_who_is_not_to_the_first_page(self, anna, tabs):
        self.try_it(anna, tabs[0])
        assert anna.browser.url == urljoin(tabs[0].url, "/")
        assert anna.user


@pytest.mark.parametrize("url", [UWV, STAD])
def test_the_back_button_leads_to_the_page_after_a_step_up_too(anna, url):
    anna.log_in(url)
    back, old = way_back(anna), session_of(anna, url)
    anna.visit(f"https://{host_of(url)}/eilogin/login?level=midden")
    anna.type_password(anna.code)
    assert session_of(anna, url) != old
    anna.visit(back)
    assert anna.browser.url == url
    assert anna.user


@pytest.mark.parametrize("url", [UWV, STAD])
def test_the_back_button_after_a_logout_logs_nobody_in(anna, url):
    anna.log_in(url)
    back, old = way_back(anna), session_of(anna, url)
    anna.visit(f"https://{host_of(url)}/eilogin/logout")
    anna.visit(back)
    assert anna.browser.page.status_int == 400
    assert session_of(anna, url) is None
    anna.browser.click("Probeer het opnieuw")
    assert anna.is_asked_for_password
    anna.browser.set_cookie(host_of(url), "__Host-eilogin", old)
    anna.visit(url)
    assert anna.is_asked_for_password


@pytest.mark.parametrize("url", [UWV, STAD])
def test_of_who_clicks_twice_the_lost_cookie_does_no_harm(federation, anna, url):
    """The browser drops the first answer, and with it the cookie of the session."""
    anna.browser.stops_before = "SAMLart=" if url == UWV else "answer="
    anna.visit(url)
    anna.type_password()
    anna.browser.stops_before = None
    address = anna.browser.url
    twin = Browser(federation)
    for name, value in anna.browser.cookies(host_of(url)).items():
        twin.set_cookie(host_of(url), name, value)
    twin.visit(address)
    assert twin.url == url
    anna.visit(address)
    assert anna.browser.url == url
    assert anna.user


def test_an_id_that_a_client_invented_is_never_taken_over(federation, anna):
    invented = "a0" + secrets.token_urlsafe(32)
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", invented)
    anna.log_in(UWV)
    assert session_of(anna, UWV) != invented
    assert federation.apps["uwv.test"].sessions.find(invented) is None


def test_a_new_login_and_a_step_up_leave_no_old_id_alive(federation, anna):
    sessions = federation.apps["land.test"].sessions
    anna.log_in(LAND)
    ids = [session_of(anna, LAND)]
    anna.visit("https://land.test/percelen")
    anna.type_password(anna.code)
    ids.append(session_of(anna, LAND))
    anna.visit("https://land.test/eilogin/logout")
    anna.log_in(LAND)
    ids.append(session_of(anna, LAND))
    assert len(set(ids)) == 3
    assert [sessions.find(token) is not None for token in ids] == [False, False, True]


@pytest.mark.parametrize("acs", ["artifact", "post"])
def test_a_login_under_way_survives_a_restart(tmp_path, citizen_at, acs):
    """Of the participant and the hub, each with what its store has kept."""

    def start():
        store = {"store": f"sqlite:///{tmp_path}/eilogin.db"}
        options = {"uwv.test": {"acs": acs, **store}}
        return Federation(
            tmp_path, {"uwv.test": show_visitor}, options=options, hub_options=store
        )

    anna = citizen_at(start().browser())
    anna.visit(UWV)
    assert anna.is_asked_for_password
    anna.browser.app = start()
    anna.type_password()
    assert anna.browser.url == UWV
    anna.browser.app = start()
    assert anna.is_let_in(UWV)


# --- what a script gets ---------------------------------------------------------------


class TestABackgroundCall:
    def told(self, anna, url, status=401, **headers):
        before = anna.browser.cookies(host_of(url))
        answer = anna.browser.fetch(url, **headers)
        assert answer.status_int == status
        assert answer.content_type == "application/json"
        assert anna.browser.cookies(host_of(url)) == before, "no login under way"
        return answer

    def test_of_a_stranger_is_told_where_to_log_in(self, anna):
        told = self.told(anna, "https://uwv.test/api/zaken").json
        address = told.pop("login_url")
        assert told == {"reason": "login-needed", "level": "basis"}
        anna.visit(address)
        assert anna.is_asked_for_password

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
            {"Sec-Fetch-Mode": "navigate", "X-Requested-With": "XMLHttpRequest"},
        ],
        ids=["fetch", "image", "old script"],
    )
    @pytest.mark.parametrize("cookies", ["stranger", "known"])
    def test_to_the_login_address_begins_no_login(self, anna, headers, cookies):
        """A page of any site can ask for it, by an image too, as often as it likes."""
        if cookies == "known":
            anna.log_in(UWV)
        address = "https://uwv.test/eilogin/login?next=/mijn%3Fa&level=midden"
        told = self.told(anna, address, **headers).json
        assert told == {
            "reason": "login-needed" if cookies == "stranger" else "level-too-low",
            "level": "midden",
            "login_url": "https://uwv.test/eilogin/login?next=%2Fmijn%3Fa&level=midden",
        }

    def test_to_the_login_address_for_a_fresh_proof_begins_none_either(self, anna):
        anna.log_in(UWV)
        address = "https://uwv.test/eilogin/login?next=%2F&level=basis&fresh=yes"
        told = self.told(anna, address).json
        assert (told["reason"], told["login_url"]) == ("proof-needed", address)

    def test_to_the_login_address_of_who_is_logged_in_is_no_round(self, anna):
        anna.log_in(UWV)
        before = anna.browser.cookies("uwv.test")
        for _ in range(MOST + 1):
            answer = anna.browser.fetch("https://uwv.test/eilogin/login?next=/mijn")
            assert answer.location == UWV
        assert anna.browser.cookies("uwv.test") == before

    def test_of_whose_session_is_over_is_told_so(self, anna, clock):
        anna.log_in(UWV)
        clock.shift(16 * MINUTE)
        assert self.told(anna, UWV).json["reason"] == "session-expired"

    def test_of_who_needs_more_is_told_so(self, anna):
        anna.log_in(LAND)
        told = self.told(anna, "https://land.test/percelen").json
        assert (told["reason"], told["level"]) == ("level-too-low", "midden")
        anna.visit(told["login_url"])
        assert anna.is_asked_for_password

    def test_while_the_store_is_down_is_told_so(self, federation, anna, monkeypatch):
        anna.log_in(UWV)
        break_store(federation, "uwv.test", monkeypatch)
        answer = self.told(anna, UWV, status=503)
        assert answer.json["reason"] == "store-unavailable"
        assert int(answer.headers["Retry-After"]) > 0

    @pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE"])
    def test_is_what_no_link_or_form_can_send(self, federation, method):
        """A preflight too, which comes without cookies and takes no redirect."""
        request = Request.blank(UWV, method=method)
        request.headers["Origin"] = "https://elders.example"
        answer = request.get_response(federation)
        assert answer.status_int == 401
        assert answer.json["reason"] == "login-needed"
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_without_a_body_says_no_more_than_with_one(self, federation):
        request = Request.blank(UWV, method="HEAD")
        request.headers["Sec-Fetch-Mode"] = "cors"
        answer = request.get_response(federation)
        assert answer.status_int == 401
        assert answer.body == b""


# --- what nobody looks at -------------------------------------------------------------


IN_ADVANCE = {
    "prefetch": {"Sec-Purpose": "prefetch"},
    "prerender": {"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Site": "none"},
    "old prefetch": {"Purpose": "prefetch"},
}
IN_A_FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}


class TestAPageInAdvanceOrInAForeignFrame:
    @pytest.fixture
    def ask(self, anna):
        """Ask for a page as a browser does whose citizen does not look at it."""
        headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

        def ask(url, **changes):
            said = {**headers, **changes}
            return anna.browser.fetch(url, **said, Accept="text/html")

        return ask

    @pytest.fixture(params=IN_ADVANCE.values(), ids=IN_ADVANCE)
    def in_advance(self, request, ask):
        return lambda url, **changes: ask(url, **{**request.param, **changes})

    @pytest.fixture(
        params=[*IN_ADVANCE.values(), IN_A_FRAME], ids=[*IN_ADVANCE, "frame"]
    )
    def unseen(self, request, ask):
        return lambda url: ask(url, **request.param)

    @pytest.mark.parametrize(
        "url", [UWV, "https://uwv.test/eilogin/login?next=/mijn"], ids=["page", "login"]
    )
    def test_begins_no_login(self, anna, unseen, url):
        answer = unseen(url)
        assert answer.status_int == 401
        assert answer.json["reason"] == "login-needed"
        assert answer.headers["Cache-Control"] == "no-store"
        assert anna.browser.cookies("uwv.test") == {}
        anna.visit(url)
        assert anna.is_asked_for_password, "at the click"

    @pytest.mark.parametrize("url", [UWV, "https://land.test/"], ids=["hers", "public"])
    def test_of_who_is_logged_in_is_made_at_the_click(self, anna, in_advance, url):
        """Her browser would show it after a logout elsewhere too, and ask nobody."""
        anna.log_in(urljoin(url, "/mijn"))
        anna.visit(url)
        hers = anna.browser.page.text
        answer = in_advance(url)
        assert (answer.status_int, answer.text) == (503, "")
        assert answer.headers["Cache-Control"] == "no-store"
        anna.visit(url)
        assert anna.browser.page.text == hers

    def test_of_a_stranger_may_be_had_where_it_is_public(self, in_advance):
        assert in_advance("https://land.test/").status_int == 200

    def test_may_have_its_parts_in_advance(self, anna, in_advance):
        anna.log_in(UWV)
        part = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}
        assert in_advance(UWV, **part).status_int == 200

    def test_in_a_frame_is_served_to_who_is_logged_in(self, anna, ask):
        anna.log_in(UWV)
        answer = ask(UWV, **IN_A_FRAME)
        assert (answer.status_int, answer.text) == (200, anna.browser.page.text)

    def test_keeps_no_session_alive(self, anna, unseen, clock):
        anna.log_in(UWV)
        for _ in range(2):
            clock.shift(5 * MINUTE)
            assert unseen(UWV).status_int in (200, 503)
        clock.shift(5 * MINUTE + 1)
        anna.visit(UWV)
        assert anna.is_asked_for_password

    def test_goes_by_no_hub_however_long_ago_that_confirmed_her(
        self, federation, anna, unseen, clock
    ):
        anna.log_in(UWV)
        clock.shift(11 * MINUTE)
        before = anna.browser.cookies("uwv.test")
        assert unseen(UWV).status_int in (200, 503)
        assert anna.browser.cookies("uwv.test") == before
        anna.visit(UWV)
        assert any("SAMLRequest=" in url for url in anna.browser.trail)

    def test_does_not_hide_a_pause(self, eilogin_federation, citizen_at, clock):
        federation = eilogin_federation(
            {"uwv.test": show_visitor},
            options={"uwv.test": {"protect": "/ basis\n/strikt basis idle=5m"}},
        )
        anna = citizen_at(federation.browser())
        anna.log_in(UWV)
        for _ in range(2):
            clock.shift(4 * MINUTE)
            anna.browser.fetch(
                UWV, **{"Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch"}
            )
        anna.visit("https://uwv.test/strikt")
        assert anna.is_asked_for_password


class TestAFrameOfTheSiteItself:
    """The hub shows nothing there, and may find none of its cookies."""

    @pytest.fixture(params=["iframe", "object"])
    def framed(self, request, anna):
        """Ask for a page as a browser does for a frame."""

        def ask(url, **more):
            headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": request.param}
            return anna.browser.fetch(url, **more, **headers)

        return ask

    @pytest.mark.parametrize("url", [UWV, STAD], ids=["artifact", "post"])
    def test_is_looked_at_and_goes_by_no_hub(self, anna, framed, clock, url):
        anna.log_in(url)
        before = anna.browser.cookies(host_of(url))
        for _ in range(2):
            clock.shift(11 * MINUTE)
            answer = framed(url)
            assert answer.status_int == 200
            assert "user=[" in answer.text
        after = anna.browser.cookies(host_of(url))
        assert after.items() <= before.items(), "none was set"
        assert anna.is_let_in(url)
        assert len(anna.browser.trail) > 1, "her next page goes by it"

    @pytest.mark.parametrize("page", ["/mijn", "/eilogin/login?next=/mijn"])
    @pytest.mark.parametrize("url", [UWV, STAD], ids=["artifact", "post"])
    def test_tells_a_stranger_where_to_log_in(self, anna, framed, url, page):
        answer = framed(urljoin(url, page))
        assert answer.status_int == 403
        assert "om dit deel van de pagina te zien" in answer.text
        assert "verstuurd" not in answer.text
        assert "autofocus" not in answer.text
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert framed(urljoin(url, page), method="HEAD").status_int == 403
        assert anna.browser.cookies(host_of(url)) == {}
        [link] = html.document_fromstring(answer.text).find(".//main").iter("a")
        assert link.get("target") == "_top"
        anna.visit(link.get("href"))
        assert anna.is_asked_for_password

    def test_tells_who_needs_more_so_too(self, anna, framed):
        anna.log_in(LAND)
        answer = framed("https://land.test/percelen")
        assert answer.status_int == 403
        [link] = html.document_fromstring(answer.text).find(".//main").iter("a")
        anna.visit(link.get("href")).type_password(anna.code)
        assert framed("https://land.test/percelen").status_int == 200

    def test_tells_it_to_who_sends_a_form_there(self, anna):
        anna.browser.post(UWV, site="same-origin", text="bezwaar")
        policy = anna.browser.page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, "it is in no frame"
        assert 'target="_blank"' in anna.browser.page.text
        assert "Uw formulier is niet verstuurd" in anna.browser.text


# --- round and round ------------------------------------------------------------------


class Between:
    """A proxy before one site, which changes what goes through it."""

    def __init__(self, federation, host):
        self.inner = federation.apps[host]
        federation.apps[host] = self

    def __call__(self, environ, start_response):
        self.change_request(environ)

        def start(status, headers, exc_info=None):
            kept = [pair for pair in headers if self.lets_through(*pair)]
            return start_response(status, kept, exc_info)

        return self.inner(environ, start)

    def change_request(self, environ):
        pass

    def lets_through(self, name, value):
        return True


class WithoutSession(Between):
    def lets_through(self, name, value):
        return not value.startswith("__Host-eilogin=")


class WithAnotherOfThatName(Between):
    def change_request(self, environ):
        environ["HTTP_COOKIE"] = f"{environ.get('HTTP_COOKIE', '')}; __Host-eilogin=x"


class WithoutCookies(Between):
    requests = 0

    def change_request(self, environ):
        environ.pop("HTTP_COOKIE", None)
        self.requests += 1


class ToTwoServers(Between):
    """Every other request goes to a server that has a store of its own."""

    def __init__(self, federation, host, other):
        super().__init__(federation, host)
        self.servers = itertools.cycle([self.inner, other])

    def __call__(self, environ, start_response):
        return next(self.servers)(environ, start_response)


def sends_to_login(environ, start_response):
    """An application that has everybody log in, whoever she is."""
    address = "https://uwv.test/eilogin/login?next=/mijn"
    plain = ("Content-Type", "text/plain")
    start_response("302 Found", [("Location", address), plain])
    return [b""]


@pytest.fixture
def is_stopped(anna, caplog):
    """Log in at a page; it stops, with a calm page and facts in the log."""

    def stop(url, cause, said, title="Het inloggen begint steeds opnieuw"):
        anna.visit(url)
        anna.type_password()
        assert anna.browser.page.status_int == 403
        assert title in anna.browser.title
        assert said in anna.browser.text
        reference = re.search(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b", anna.browser.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert f"(login-loops): {MOST} logins in" in line
        assert f"({cause})" in line
        return line

    return stop


class TestALoginThatComesRound:
    @pytest.mark.parametrize("url", [UWV, STAD])
    def test_because_the_session_cookie_is_not_kept(self, federation, is_stopped, url):
        WithoutSession(federation, host_of(url))
        line = is_stopped(url, "not-kept", "bewaart uw browser onze cookie niet")
        assert "Does a proxy remove Set-Cookie" in line

    def test_because_another_cookie_has_its_name(self, federation, is_stopped):
        WithAnotherOfThatName(federation, "uwv.test")
        is_stopped(UWV, "twice", "twee cookies met dezelfde naam")

    def test_because_two_servers_do_not_share_a_store(
        self, federation, eilogin_federation, is_stopped
    ):
        other = eilogin_federation({"uwv.test": federation.apps["uwv.test"]})
        server = other.apps["uwv.test"]
        # Another server of the same site: the same metadata, another store.
        server.app.trust = federation.trusts["uwv.test"]
        ToTwoServers(federation, "uwv.test", server)
        is_stopped(UWV, "unknown", "een fout in deze website")

    def test_because_the_application_overlooks_who_she_is(
        self, eilogin_federation, citizen_at
    ):
        federation = eilogin_federation({"uwv.test": sends_to_login})
        anna = citizen_at(federation.browser())
        anna.visit(UWV)
        anna.type_password()
        assert anna.browser.page.status_int == 403
        assert "een fout in deze website" in anna.browser.text

    def test_because_the_application_sends_her_and_no_cookie_is_kept(
        self, eilogin_federation, citizen_at
    ):
        federation = eilogin_federation(
            {"uwv.test": sends_to_login},
            options={"uwv.test": {"protect": "/ optional"}},
        )
        WithoutSession(federation, "uwv.test")
        anna = citizen_at(federation.browser())
        anna.visit(UWV)
        anna.type_password()
        assert anna.browser.page.status_int == 403
        assert "bewaart uw browser onze cookie niet" in anna.browser.text

    def test_not_because_she_logs_out_and_in_again_herself(self, anna):
        for _ in range(MOST + 1):
            anna.visit(UWV)
            anna.type_password()
            assert anna.browser.url == UWV
            anna.visit("https://uwv.test/eilogin/logout")

    def test_is_told_in_english_too(self, federation, anna, is_stopped):
        WithoutSession(federation, "uwv.test")
        anna.visit("https://inloggen.test/login")
        anna.type_password()
        anna.browser.language = "en"
        anna.visit(UWV)
        assert "Logging in keeps starting again" in anna.browser.title
        assert "Your browser probably does not keep our cookie" in anna.browser.text

    def test_can_be_tried_again_from_that_page(self, federation, anna, is_stopped):
        proxy = WithoutSession(federation, "uwv.test")
        is_stopped(UWV, "not-kept", "Probeer het daarna opnieuw")
        federation.apps["uwv.test"] = proxy.inner
        anna.browser.click("Probeer het opnieuw")
        assert anna.browser.url == UWV
        assert anna.user


def test_ten_tabs_that_open_again_are_no_loop(anna):
    tabs = [Tab(anna, f"https://uwv.test/zaak/{n}") for n in range(5)]
    for tab in tabs:
        tab.log_in()
    for number in range(5, 10):
        assert anna.is_let_in(f"https://uwv.test/zaak/{number}")
    anna.visit("https://uwv.test/eilogin/logout")
    anna.visit("https://uwv.test/zaak/1")
    assert anna.is_asked_for_password


def test_silent_confirmations_are_no_loop(eilogin_federation, citizen_at, clock):
    federation = eilogin_federation(
        {"uwv.test": show_visitor}, options={"uwv.test": {"keep_alive": "2s"}}
    )
    anna = citizen_at(federation.browser())
    anna.log_in(UWV)
    for _ in range(10):
        clock.shift(2)
        assert anna.is_let_in(UWV)
        assert any("SAMLRequest=" in url for url in anna.browser.trail)
    anna.visit("https://uwv.test/eilogin/logout")
    anna.log_in(UWV)


# --- a browser that takes no cookies --------------------------------------------------


@pytest.mark.parametrize("url", [UWV, STAD])
@pytest.mark.parametrize(
    "said",
    [
        ("nl", "Uw browser bewaart onze cookie niet", "Sta in de instellingen van uw"),
        ("en", "Your browser does not keep our cookie", "Allow cookies for this"),
    ],
    ids=["dutch", "english"],
)
def test_a_browser_that_takes_no_cookies_is_told_so(
    federation, anna, caplog, url, said
):
    language, title, do = said
    site = WithoutCookies(federation, host_of(url))
    anna.visit("https://inloggen.test/login")
    anna.type_password()
    anna.browser.language = language
    anna.visit(url)
    assert anna.browser.page.status_int == 400
    assert title in anna.browser.title
    assert do in anna.browser.text
    assert session_of(anna, url) is None
    # The page and the answer, by POST once more, and all of that anew: no loop.
    assert site.requests <= 6
    assert "(cookies-refused): the browser sends none" in caplog.text


@pytest.fixture
def forgetful(federation, anna):
    """Her browser, which brings no cookie back to the hub until it is told to."""
    hub = federation.apps["inloggen.test"]
    WithoutCookies(federation, "inloggen.test")

    def allow_cookies():
        federation.apps["inloggen.test"] = hub

    anna.allow_cookies = allow_cookies
    return anna


def test_it_is_told_so_by_the_hub_too_and_can_go_on_when_it_takes_them(
    forgetful, caplog, events
):
    forgetful.visit(f"{HUB}/login")
    forgetful.type_password()
    assert forgetful.browser.page.status_int == 400
    assert "Uw browser bewaart onze cookie niet" in forgetful.browser.title
    assert "(cookies-refused): the browser sent none" in caplog.text
    assert events("sign-in") == [], "no session that nobody can use"
    forgetful.browser.click("Probeer het opnieuw")
    forgetful.type_password()
    assert forgetful.browser.page.status_int == 400, "and so on, as long as that is so"
    forgetful.allow_cookies()
    forgetful.browser.click("Probeer het opnieuw")
    forgetful.type_password()
    assert forgetful.browser.url == f"{HUB}/"
    assert forgetful.is_let_in(UWV)


@pytest.mark.parametrize("url", [UWV, STAD], ids=["artifact", "post"])
def test_it_is_told_so_on_the_way_to_a_site_before_a_password(
    forgetful, caplog, events, url
):
    forgetful.visit(url)
    assert not forgetful.is_asked_for_password
    assert forgetful.browser.page.status_int == 400
    assert "Uw browser bewaart onze cookie niet" in forgetful.browser.title
    assert "(cookies-refused): the browser sent none" in caplog.text
    forgetful.allow_cookies()
    forgetful.log_in(url)


def test_its_code_is_not_spent_for_nothing(forgetful):
    forgetful.visit(f"{HUB}/login?level=midden")
    code = forgetful.code
    forgetful.type_password(code)
    forgetful.allow_cookies()
    forgetful.browser.click("Probeer het opnieuw")
    forgetful.type_password(code)
    assert forgetful.browser.url == f"{HUB}/"


# --- cookies of others, and cookies that are invented ---------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "null; {}",
        "x[y]=1; {}",
        'a={{"b":1,"c":"d;e"}}; {}',
        "{}; null; =; ; x",
        '"; {}; "',
        "a=\xff\xe9; {}",
        "$Version=1; {}; $Path=/",
        "x=" + "y" * 65536 + "; {}",
        "; ".join(f"c{n}={'z' * 50}" for n in range(1200)) + "; {}",
    ],
    ids=["null", "brackets", "json", "behind", "quotes", "latin", "dollars", "64 KB",
         "1200 cookies"],
)  # fmt: skip
def test_odd_cookies_do_not_lose_the_session(federation, anna, header):
    anna.log_in(UWV)
    request = Request.blank(UWV)
    cookie = f"__Host-eilogin={session_of(anna, UWV)}"
    request.environ["HTTP_COOKIE"] = header.format(cookie)
    answer = request.get_response(federation)
    assert answer.status_int == 200
    assert anna.user in answer.text


def rows(path):
    """How many rows there are in the tables of a store."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for (name,) in names.fetchall()
        }


def invented():
    """Requests of who holds nothing of ours, without end."""
    for number in itertools.count():
        token = f"{number % 256:02x}{secrets.token_urlsafe(32)}"
        handle = f"6b055210-{secrets.token_urlsafe(16)}"
        login = f"__Host-eilogin-login-{handle}={secrets.token_urlsafe(90)}"
        page = {"Sec-Fetch-Mode": "navigate"}
        yield "GET", "/mijn", {"Cookie": f"__Host-eilogin={token}", **page}
        yield "GET", "/api", {"Cookie": f"__Host-eilogin={token}; {login}"}
        yield "POST", "/mijn", {"Cookie": f"__Host-eilogin={token}", **page}
        acs = f"/eilogin/acs?SAMLart=AAQAAA&RelayState={handle}"
        yield "GET", acs, {"Cookie": login, **page}
        yield "GET", f"/eilogin/acs?answer={token}", {"Cookie": login, **page}


def test_a_thousand_requests_with_invented_cookies_leave_nothing(
    eilogin_federation, tmp_path, caplog
):
    def app(environ, start_response):
        raise AssertionError("nobody gets here")

    path = tmp_path / "uwv.db"
    federation = eilogin_federation(
        {"uwv.test": app}, options={"uwv.test": {"store": f"sqlite:///{path}"}}
    )
    caplog.set_level("CRITICAL", "eilogin")
    before = rows(path)
    for method, target, headers in itertools.islice(invented(), 1_000):
        request = Request.blank(
            f"https://uwv.test{target}", method=method, headers=headers
        )
        answer = request.get_response(federation.apps["uwv.test"])
        assert answer.status_int in (302, 400, 401, 403), target
    assert rows(path) == before


# --- while the store is down ----------------------------------------------------------


def break_store(federation, host, monkeypatch):
    def fail(*_, **__):
        raise StoreUnavailable("it does not answer")

    store = federation.apps[host].sessions.store
    for verb in ("read", "touch", "create", "end", "find", "add", "get", "swap"):
        monkeypatch.setattr(store, verb, fail)


class TestWhileTheStoreIsDown:
    @pytest.fixture
    def anna(self, federation, anna, monkeypatch):
        anna.log_in(LAND)
        with monkeypatch.context() as patch:
            break_store(federation, "land.test", patch)
            yield anna

    @pytest.mark.parametrize("path", ["/mijn", "/", "/percelen?x=y"])
    def test_visitor_with_session_can_retry_while_store_is_down(
        self, anna, monkeypatch, path
    ):
        anna.visit(f"https://land.test{path}")
        assert anna.browser.trail == [f"https://land.test{path}"]
        assert anna.browser.page.status_int == 503
        assert anna.browser.page.headers["Retry-After"] == "10"
        assert "Wij kunnen deze pagina nu niet tonen" in anna.browser.title
        assert "Dat ligt niet aan u" in anna.browser.text
        monkeypatch.undo()
        anna.browser.click("Probeer het opnieuw")
        assert anna.browser.url == f"https://land.test{path}"

    def test_pages_that_are_off_go_on(self, anna):
        anna.visit("https://land.test/static/style.css")
        assert anna.browser.page.status_int == 200

    def test_a_load_balancer_still_gets_the_metadata(self, federation):
        browser = federation.browser()
        browser.visit("https://land.test/eilogin/metadata")
        assert browser.page.status_int == 200

    def test_a_stranger_sees_open_pages_and_is_not_sent_to_log_in(
        self, anna, citizen_of
    ):
        stranger = citizen_of("bram")
        stranger.visit("https://land.test/")
        assert stranger.browser.page.status_int == 200
        stranger.visit(LAND)
        assert stranger.browser.trail == [LAND]
        assert stranger.browser.page.status_int == 503


def test_open_pages_can_go_on_while_the_store_is_down(
    eilogin_federation, citizen_at, monkeypatch
):
    options = {"protect": "=/ optional", "store_down": "optional"}
    federation = eilogin_federation(
        {"uwv.test": show_visitor}, options={"uwv.test": options}
    )
    anna = citizen_at(federation.browser())
    anna.log_in(UWV)
    break_store(federation, "uwv.test", monkeypatch)
    anna.visit("https://uwv.test/")
    assert anna.browser.page.status_int == 200
    assert anna.user is None
    anna.visit(UWV)
    assert anna.browser.page.status_int == 503


# --- answers that take their time -----------------------------------------------------


class Stream:
    """An answer that notes how far it was asked for, and that it was closed."""

    def __init__(self, fails_at=None):
        self.asked, self.closed, self.fails_at = 0, False, fails_at

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self.asked == self.fails_at:
            raise RuntimeError("in the middle of it")
        if self.asked == 3:
            raise StopIteration
        self.asked += 1
        return b"part"

    def close(self):
        self.closed = True


def answer_of(federation, anna, url):
    request = Request.blank(url)
    request.headers["Cookie"] = f"__Host-eilogin={session_of(anna, url)}"
    return request.call_application(federation.apps["uwv.test"])


@pytest.fixture
def streamed(eilogin_federation, citizen_at):
    """What a site around an application answers to who is logged in there."""

    def ask(stream):
        federation = eilogin_federation({"uwv.test": show_visitor})
        anna = citizen_at(federation.browser())
        anna.log_in(UWV)
        replace_innermost(federation.apps["uwv.test"], stream)
        return answer_of(federation, anna, UWV)

    return ask


def replace_innermost(filter_, app):
    while hasattr(filter_.app, "app"):
        filter_ = filter_.app
    filter_.app = app


def test_an_answer_is_passed_on_part_by_part_and_closed(streamed):
    stream = Stream()
    _, _, parts = streamed(stream)
    assert stream.asked == 0
    for number, part in enumerate(parts, 1):
        assert (part, stream.asked) == (b"part", number)
    assert not stream.closed
    parts.close()
    assert stream.closed


def test_server_sees_application_error_during_streaming(streamed):
    stream = Stream(fails_at=1)
    _, _, parts = streamed(stream)
    parts = iter(parts)
    assert next(parts) == b"part"
    with pytest.raises(RuntimeError, match="in the middle"):
        next(parts)
