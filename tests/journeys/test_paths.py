"""What a path needs: other methods, stricter limits, Zope's paths, and where from."""

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from webob import Request

from eilogin.participant.policy import path_limits
from eilogin.testing import Browser, File
from eilogin.web.visit import Visit

MINUTE = 60
HOME, AT_WORK = "192.0.2.7", "198.51.100.9"
ZOPE = "/VirtualHostBase/https/zope.test:443/site/VirtualHostRoot"


@pytest.fixture(autouse=True)
def standing_clock(clock):
    return clock


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    return [f"<p>{method} {path} user=[{environ.get('REMOTE_USER', '')}]</p>".encode()]


def sites(eilogin_federation, **options):
    """A federation of participants by host, each with these options."""
    options = {f"{name}.test": said for name, said in options.items()}
    return eilogin_federation(dict.fromkeys(options, show_visitor), options=options)


class Way:
    """What is between a browser and the sites: a network, and a proxy before Zope."""

    def __init__(self, federation):
        self.federation = federation
        #: Address that the browser comes from, and what it says of others.
        self.address, self.forwarded = HOME, ""

    def __call__(self, environ, start_response):
        environ = {**environ, "REMOTE_ADDR": self.address}
        if self.forwarded:
            environ["HTTP_X_FORWARDED_FOR"] = self.forwarded
        if environ["HTTP_HOST"].startswith("zope.test"):
            environ["REMOTE_ADDR"] = "127.0.0.1"
            environ["PATH_INFO"] = ZOPE + environ["PATH_INFO"]
        return self.federation(environ, start_response)

    def browser(self):
        return Browser(self)


# --- methods ----------------------------------------------------------------------

API = "https://api.test/api"


@pytest.fixture
def api(eilogin_federation):
    lines = "/ optional\n/api basis\n/api off methods=OPTIONS\n/api midden methods=PUT"
    return sites(eilogin_federation, api={"protect": lines})


def sent(federation, method, url, **headers):
    request = Request.blank(url, method=method, headers=headers)
    return request.get_response(federation)


def test_a_preflight_passes_where_a_line_says_so(api):
    assert sent(api, "OPTIONS", API).text == "<p>OPTIONS /api user=[]</p>"
    assert sent(api, "OPTIONS", "https://api.test/api/x").status_int == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "options"])
def test_no_other_method_does(api, method):
    answer = sent(api, method, API, **{"Sec-Fetch-Mode": "cors"})
    assert answer.status_int == 401


def test_another_method_can_need_a_higher_level(api):
    answer = sent(api, "PUT", API, **{"Sec-Fetch-Mode": "cors"})
    assert answer.json["level"] == "midden"
    override = {"X-HTTP-Method-Override": "PUT", "Sec-Fetch-Mode": "cors"}
    assert sent(api, "POST", API, **override).json["level"] == "midden"


# --- other paths than that of the request -----------------------------------------


@pytest.fixture
def led(eilogin_federation):
    lines = "/ optional\n/static off\n/mijn midden"
    in_zope = {"path_style": "zope", "protect": lines}
    return sites(eilogin_federation, led={"protect": lines}, dav=in_zope)


def needs_login(answer):
    return answer.status_int == 401 and answer.json["level"] == "midden"


def in_background(**headers):
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Sec-Fetch-Mode": "cors", **said}


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/x", {"X_Vhm_Root": "/mijn"}),
        ("/static/mijn", {"X_Script_Name": "/static"}),
        ("/static/mijn", {"X_Forwarded_Prefix": "/static"}),
        ("/static", {"X_Original_URL": "/mijn"}),
        ("/static", {"X_Rewrite_URL": "/mijn?x=1"}),
    ],
)
@pytest.mark.parametrize("host", ["led.test", "dav.test"])
def test_no_header_leads_to_a_page_without_what_it_needs(led, host, path, header):
    url = f"https://{host}{path}"
    assert needs_login(sent(led, "GET", url, **in_background(**header)))
    refused = in_background(**dict.fromkeys(header, "/../mijn"))
    assert sent(led, "GET", url, **refused).status_int == 400
    harmless = in_background(**dict.fromkeys(header, "/nieuws"))
    assert sent(led, "GET", "https://led.test/", **harmless).status_int == 200


@pytest.mark.parametrize("host", ["led.test", "dav.test"])
def test_no_split_of_a_path_leads_to_a_page_without_what_it_needs(led, host, caplog):
    """The site answers no address but below the path of its public_url."""

    def at(script, path):
        request = Request.blank(path, base_url=f"https://{host}{script}")
        assert (request.script_name, request.path_info) == (script, path)
        request.headers.update(in_background())
        return request.get_response(led)

    for path in ("/mijn", "/x", "/eilogin/session", "/eilogin/x"):
        assert at("/static", path).status_int == 500
    assert "path failed (mount-mismatch)" in caplog.text


@pytest.mark.parametrize(
    ("method", "more", "query"),
    [
        ("MOVE", {}, ""),
        ("move", {}, ""),
        ("Copy", {}, ""),
        ("POST", {"X_HTTP_Method_Override": "MOVE"}, ""),
        ("POST", {}, "?_method=MOVE"),
    ],
)
def test_nothing_is_moved_to_where_she_may_not_come(led, method, more, query):
    for host, paths in {
        "led.test": ["/mijn/x"],
        "dav.test": ["/mijn/x", "/nieuws/mijn/x"],
    }.items():
        for path in paths:
            destination = {"Destination": f"https://{host}{path}"}
            headers = in_background(**destination, **more)
            url = f"https://{host}/a{query}"
            assert needs_login(sent(led, method, url, **headers))


# --- limits -----------------------------------------------------------------------

MIJN = "https://mijn.test/mijn"
BEZWAAR = "https://mijn.test/bezwaar"
GELD = "https://mijn.test/geld"


@pytest.fixture
def limited(eilogin_federation):
    said = {"protect": "/bezwaar basis idle=5m\n/geld basis max_age=10m\n=/ optional"}
    return sites(eilogin_federation, mijn=said, uwv={})


@pytest.fixture
def anna(limited, citizen_at):
    return citizen_at(limited.browser())


def has_to_prove(anna, url):
    anna.visit(url)
    return anna.is_asked_for_password


class TestAStricterIdleLimit:
    def test_lets_in_who_is_active(self, anna, clock):
        anna.log_in(MIJN)
        for _ in range(5):
            clock.shift(4 * MINUTE)
            assert anna.is_let_in(BEZWAAR)

    def test_asks_who_was_away_for_a_fresh_proof_there_and_there_only(
        self, anna, clock
    ):
        anna.log_in(MIJN)
        clock.shift(6 * MINUTE)
        assert has_to_prove(anna, BEZWAAR)
        assert anna.is_let_in(MIJN), "elsewhere she is logged in"

    def test_is_not_met_by_a_visit_elsewhere_first(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(6 * MINUTE)
        assert anna.is_let_in(MIJN)
        assert has_to_prove(anna, BEZWAAR)
        clock.shift(6 * MINUTE)
        assert anna.is_let_in(MIJN), "with another pause noted"
        assert has_to_prove(anna, BEZWAAR)

    @pytest.mark.parametrize("garbage", ["abc", "nan", "inf", ""])
    def test_takes_what_it_cannot_read_for_a_pause(
        self, eilogin_federation, citizen_at, clock, garbage
    ):
        seen = []

        def remember_what_is_seen(environ, start_response):
            seen.append(environ)
            return show_visitor(environ, start_response)

        said = {"mijn.test": {"protect": "/bezwaar basis idle=5m"}}
        apps = {"mijn.test": remember_what_is_seen}
        anna = citizen_at(eilogin_federation(apps, options=said).browser())
        anna.log_in(MIJN)
        login = Visit(seen[-1]).session
        key = path_limits._key(login, 300.0)  # noqa: SLF001 - the key in the store
        Visit(seen[-1]).values.add(key, garbage, login.ends)
        clock.shift(MINUTE)
        assert has_to_prove(anna, BEZWAAR)
        anna.type_password()
        assert anna.browser.url == BEZWAAR
        assert anna.is_let_in(BEZWAAR)

    def test_is_not_met_by_saying_that_she_is_there(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(6 * MINUTE)
        answer = anna.browser.post(
            "https://mijn.test/eilogin/session", site="same-origin"
        )
        assert answer.json["logged_in"]
        assert has_to_prove(anna, BEZWAAR)

    def test_is_not_met_by_a_silent_question_to_the_hub(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(11 * MINUTE)
        assert anna.is_let_in(MIJN)
        assert len(anna.browser.trail) > 1, "the hub was asked, and knows her"
        assert has_to_prove(anna, BEZWAAR)

    def test_is_not_met_by_the_hub_s_answer_to_one_that_was_late(
        self, eilogin_federation, citizen_at, clock
    ):
        said = {"protect": "/bezwaar basis idle=2m", "keep_alive": "5m"}
        anna = citizen_at(sites(eilogin_federation, mijn=said).browser()).log_in(MIJN)
        for _ in range(2):
            clock.shift(110)
            assert anna.is_let_in(BEZWAAR)
        clock.shift(110)
        anna.browser.stops_before = "inloggen.test"
        anna.visit(MIJN)
        assert "SAMLRequest=" in anna.browser.url
        clock.shift(130)
        anna.browser.stops_before = None
        anna.browser.follow(anna.browser.url)
        assert anna.browser.url == MIJN
        assert has_to_prove(anna, BEZWAAR)

    def test_is_not_met_by_forgetting_the_session(self, limited, anna, clock):
        anna.log_in(MIJN)
        clock.shift(6 * MINUTE)
        anna.browser.set_cookie("mijn.test", "__Host-eilogin", "")
        assert has_to_prove(anna, BEZWAAR), "what she did meanwhile nobody knows"

    def test_is_met_by_the_proof(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(6 * MINUTE)
        anna.visit(BEZWAAR)
        anna.type_password()
        assert anna.browser.url == BEZWAAR
        assert anna.user
        clock.shift(4 * MINUTE)
        assert anna.is_let_in(BEZWAAR)

    def test_does_not_ask_who_comes_from_another_site_at_once(self, anna, clock):
        anna.log_in("https://uwv.test/mijn")
        clock.shift(4 * MINUTE)
        assert anna.is_let_in(BEZWAAR)


class TestAnAgeOfTheProof:
    def test_asks_for_a_fresh_one_when_it_is_older(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(9 * MINUTE)
        assert anna.is_let_in(GELD)
        clock.shift(2 * MINUTE)
        assert has_to_prove(anna, GELD)
        assert anna.is_let_in(MIJN)
        anna.visit(GELD)
        anna.type_password()
        assert anna.browser.url == GELD
        clock.shift(9 * MINUTE)
        assert anna.is_let_in(GELD)

    def test_is_that_of_the_proof_at_the_hub(self, anna, clock):
        anna.log_in("https://uwv.test/mijn")
        clock.shift(11 * MINUTE)
        assert has_to_prove(anna, GELD), "though she is new here"

    def test_tells_a_script_where_a_fresh_one_is_given(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(11 * MINUTE)
        answer = anna.browser.fetch(GELD)
        assert answer.status_int == 401
        assert answer.json["reason"] == "proof-needed"
        query = parse_qs(urlsplit(answer.json["login_url"]).query)
        assert query["fresh"] == ["yes"]
        anna.visit(answer.json["login_url"])
        assert anna.is_asked_for_password
        anna.type_password()
        assert anna.browser.fetch(GELD).status_int == 200

    def test_keeps_a_form_and_leads_to_a_proof(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(11 * MINUTE)
        anna.browser.post(GELD, site="same-origin", bedrag="10")
        assert anna.user is None
        anna.browser.click("Opnieuw inloggen")
        assert anna.is_asked_for_password
        anna.type_password()
        anna.browser.press()
        assert "POST /geld" in anna.browser.text

    def test_leaves_who_cancels_where_it_is_open_to_her(self, anna, clock):
        anna.log_in(MIJN)
        clock.shift(11 * MINUTE)
        anna.visit(GELD)
        anna.browser.press("Annuleren")
        assert "mijn.test" in anna.browser.url
        assert GELD not in anna.browser.page.text


def test_cancelled_login_does_not_link_to_refused_path(anna):
    anna.visit("https://mijn.test/eilogin/login?next=/x%2525u0041")
    anna.browser.press("Annuleren")
    assert 'href="/"' in anna.browser.page.text
    assert "u0041" in anna.browser.page.text, "in the link that begins anew"


# --- Zope -------------------------------------------------------------------------


@pytest.fixture
def zope(eilogin_federation):
    lines = "/ optional\n/mijn basis\n/mijn/bezwaar midden"
    return Way(sites(eilogin_federation, zope={"path_style": "zope", "protect": lines}))


class TestInZope:
    def test_she_logs_in_and_arrives_at_the_page_that_she_saw(self, zope, citizen_at):
        anna = citizen_at(zope.browser()).log_in("https://zope.test/mijn/zaken?a=b")
        assert f"{ZOPE}/mijn/zaken" in anna.browser.text
        assert anna.browser.visit("https://zope.test/eilogin/session").json["logged_in"]
        metadata = anna.browser.visit("https://zope.test/eilogin/metadata")
        assert metadata.content_type == "application/samlmetadata+xml"

    @pytest.mark.parametrize(
        "path", ["/mijn/bezwaar", "/nieuws/mijn/bezwaar", "/mijn/nieuws/bezwaar/x"]
    )
    def test_a_page_keeps_its_level_by_whatever_way(self, zope, citizen_at, path):
        anna = citizen_at(zope.browser()).log_in("https://zope.test/mijn")
        anna.visit(f"https://zope.test{path}")
        assert anna.user is None

    @pytest.mark.parametrize(
        "path",
        [
            ZOPE + "/mijn",
            "/nieuws/VirtualHostRoot/mijn",
            "/_vh_nieuws/mijn",
            "/*/zaken",
            "/nieuws?mijn:method=1",
            "/nieuws?%3Amethod=mijn",
        ],
    )
    def test_rejects_virtual_host_path_elements_from_clients(self, zope, path):
        browser = zope.browser()
        assert browser.visit(f"https://zope.test{path}").status_int == 400

    def test_a_form_needs_what_it_calls(self, zope):
        browser = zope.browser()
        assert browser.post("https://zope.test/", tekst="x").status_int == 200
        answer = browser.post("https://zope.test/", **{"mijn:method": "x"})
        assert answer.status_int == 403

    def test_a_form_with_files_may_hold_any_text(self, zope):
        browser = zope.browser()
        mail = File("bericht.eml", b"x; name*=utf-8''x.pdf\r\n<wsa:Action>")
        fields = {"tekst": "sociaal:action en HTTP:method.", "bijlage": mail}
        assert browser.post("https://zope.test/", **fields).status_int == 200
        assert "POST" in browser.text

    def test_one_that_makes_zope_call_is_refused_with_a_page(self, zope, events):
        browser = zope.browser()
        fields = {"mijn:method": "x", "bijlage": File("x.txt", b"x")}
        assert browser.post("https://zope.test/", **fields).status_int == 400
        assert "Ga terug in uw browser" in browser.text
        (event,) = [e for e in events("login") if e["reason"] == "form-refused"]
        assert event["reference"] in browser.text

    def test_rejects_request_that_bypasses_the_proxy(self, zope):
        browser = zope.federation.browser()
        answer = browser.visit(f"https://zope.test{ZOPE}/nieuws")
        assert answer.status_int == 400


# --- where from -------------------------------------------------------------------


def bound(eilogin_federation, mode):
    said = {
        "bind_address": mode,
        "protect": "=/ optional\n/zaken midden",
        "trusted_proxies": "10.0.0.1",
    }
    return Way(sites(eilogin_federation, stad=said))


STAD = "https://stad.test/mijn"
ZAKEN = "https://stad.test/zaken"


@pytest.fixture
def seen_elsewhere(caplog):
    caplog.set_level(logging.INFO, "eilogin")
    return lambda: caplog.text.count('"code": "address-changed"')


class TestASessionFromAnotherNetwork:
    def test_is_let_in_by_default(self, eilogin_federation, citizen_at, seen_elsewhere):
        way = bound(eilogin_federation, "off")
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address = AT_WORK
        assert anna.is_let_in(STAD)
        assert not seen_elsewhere()

    def test_is_told_of_once(
        self, eilogin_federation, citizen_at, seen_elsewhere, caplog
    ):
        way = bound(eilogin_federation, "warn")
        anna = citizen_at(way.browser()).log_in(STAD)
        assert anna.is_let_in(STAD)
        assert not seen_elsewhere()
        for address in (AT_WORK, HOME, AT_WORK, AT_WORK):
            way.address = address
            assert anna.is_let_in(STAD)
        assert seen_elsewhere() == 1
        way.address = "203.0.113.5"
        assert anna.is_let_in(STAD)
        assert seen_elsewhere() == 2
        assert HOME not in caplog.text
        assert AT_WORK not in caplog.text

    def test_is_a_stranger_s_where_that_is_enforced(
        self, eilogin_federation, citizen_at, seen_elsewhere
    ):
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address = AT_WORK
        anna.browser.stops_before = "inloggen.test"
        anna.visit(STAD)
        assert "inloggen.test" in anna.browser.url
        anna.visit("https://stad.test/")
        assert anna.user is None
        told = anna.browser.fetch("https://stad.test/eilogin/session")
        assert told.json == {"logged_in": False}
        assert seen_elsewhere() == 1
        way.address = HOME
        assert anna.is_let_in(STAD), "her session was not ended"

    def test_is_bound_anew_by_a_login(self, eilogin_federation, citizen_at):
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address = AT_WORK
        assert anna.is_let_in(STAD), "by single sign-on: the hub knows her"
        assert len(anna.browser.trail) > 1
        assert anna.is_let_in(STAD)
        assert len(anna.browser.trail) == 1

    def test_is_not_ended_by_the_login_of_a_thief(self, eilogin_federation, citizen_at):
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).log_in(STAD)
        thief = citizen_at(way.browser(), "bram")
        stolen = anna.browser.cookie("stad.test", "__Host-eilogin")
        thief.browser.set_cookie("stad.test", "__Host-eilogin", stolen)
        way.address = AT_WORK
        thief.log_in(STAD)
        way.address = HOME
        assert anna.is_let_in(STAD)
        assert anna.browser.trail == [STAD]

    def test_gives_its_level_to_no_login_from_elsewhere(
        self, eilogin_federation, citizen_at
    ):
        """Who has her cookie and her password has not her telephone too."""
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).visit(ZAKEN)
        anna.type_password(anna.code)
        assert anna.browser.url == ZAKEN
        stolen = anna.browser.cookie("stad.test", "__Host-eilogin")
        thief = citizen_at(way.browser())
        thief.browser.set_cookie("stad.test", "__Host-eilogin", stolen)
        way.address = AT_WORK
        thief.log_in(STAD)
        assert thief.user, "with the password she is anna, at basis"
        assert not thief.is_let_in(ZAKEN)
        way.address = HOME
        assert anna.is_let_in(ZAKEN)
        assert anna.browser.trail == [ZAKEN], "her session was not ended"

    def test_is_told_apart_on_a_dual_stack_socket(self, eilogin_federation, citizen_at):
        way = bound(eilogin_federation, "enforce")
        way.address = f"::ffff:{HOME}"
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address = HOME
        assert anna.is_let_in(STAD)
        assert anna.browser.trail == [STAD]
        way.address = f"::ffff:{AT_WORK}"
        anna.visit(STAD)
        assert len(anna.browser.trail) > 1

    def test_can_be_logged_out_all_the_same(
        self, eilogin_federation, citizen_at, seen_elsewhere
    ):
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address = AT_WORK
        anna.visit("https://stad.test/eilogin/logout")
        assert not seen_elsewhere(), "nobody is told that it was refused"
        way.address = HOME
        anna.visit(STAD)
        assert anna.is_asked_for_password

    def test_may_come_by_a_proxy_of_ours(self, eilogin_federation, citizen_at):
        way = bound(eilogin_federation, "enforce")
        way.forwarded = "2001:db8:1:2:aaaa::1"
        way.address = "10.0.0.1"
        anna = citizen_at(way.browser()).log_in(STAD)
        way.forwarded = "2001:db8:1:2:bbbb::2"
        assert anna.is_let_in(STAD), "the same household"
        assert anna.browser.trail == [STAD]
        way.forwarded = "2001:db8:1:3:aaaa::1"
        anna.visit(STAD)
        assert len(anna.browser.trail) > 1

    def test_is_not_believed_to_come_from_where_it_says(
        self, eilogin_federation, citizen_at
    ):
        way = bound(eilogin_federation, "enforce")
        anna = citizen_at(way.browser()).log_in(STAD)
        way.address, way.forwarded = AT_WORK, HOME
        anna.visit(STAD)
        assert len(anna.browser.trail) > 1
