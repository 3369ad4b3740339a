"""A logout that comes back to who began it, or sets off others, comes to an end."""

from urllib.parse import urlsplit

import pytest
from parties import Party

from eilogin.saml import bindings, messages, safe_xml

HUB = "https://inloggen.test"
UWV, STAD, LAND = (f"https://{name}.test/mijn" for name in ("uwv", "stad", "land"))


def show_visitor(environ, start_response):
    """An app that says who it sees."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<p>user=[{environ.get('REMOTE_USER', '')}]</p>".encode()]


def told(*federations):
    """Which hosts were told of a logout over SOAP, as often as they were."""
    log = [url for one in federations for url, _ in one.back_channel_log]
    return sorted(
        urlsplit(url).hostname
        for url in log
        if urlsplit(url).path.endswith("/slo/soap")
    )


# --- two hubs, each a participant of the other ----------------------------------------


@pytest.fixture
def tells():
    """Options of both hubs that say how they tell of a logout."""
    return {}


@pytest.fixture
def circle(eilogin_federation, clock, tells):
    """Each of two hubs behind filters of which the other is the hub."""
    inner = {}
    filters = {"cookie": "eilogin-above", "protect": "/ optional", "hub_inside": "/"}

    def first(environ, start_response):
        return inner["inloggen.test"](environ, start_response)

    entity_ids = [f"https://{h}.test/eilogin/metadata" for h in ("zorg", "inloggen")]
    below = eilogin_federation(
        {"zorg.test": show_visitor, "inloggen.test": first},
        options={"inloggen.test": filters},
        hub="gemeente.test",
        hub_options={
            "sign_in": "above",
            "passed_on_to": " ".join(entity_ids),
            **tells,
        },
    )
    above = eilogin_federation(
        {"gemeente.test": below.apps["gemeente.test"], "uwv.test": show_visitor},
        options={"gemeente.test": filters},
        hub_options=tells,
    )
    inner["inloggen.test"] = above.apps["inloggen.test"]
    below.apps["gemeente.test"] = above.apps["gemeente.test"]
    below.apps["uwv.test"] = above.apps["uwv.test"]
    above.apps.update(below.apps)
    below.above = above
    return below


@pytest.fixture
def around(circle, citizen_at):
    """Anna, whom each hub knows by the word of the other."""
    anna = citizen_at(circle.browser())
    anna.log_in("https://zorg.test/mijn")
    assert anna.is_let_in(UWV)
    anna.visit(f"{HUB}/eilogin/login?next=/")
    assert anna.browser.cookie("inloggen.test", "__Host-eilogin-above")
    assert anna.browser.cookie("gemeente.test", "__Host-eilogin-above")
    circle.back_channel_log.clear()
    circle.above.back_channel_log.clear()
    return anna


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("uwv.test", ["gemeente.test", "inloggen.test", "zorg.test"]),
        # Whose hub goes up in her browser, as she does.
        ("zorg.test", ["inloggen.test", "uwv.test"]),
    ],
)
def test_two_hubs_that_tell_each_other_come_to_an_end(around, circle, at, expected):
    around.visit(f"https://{at}/eilogin/logout")
    assert "U bent overal uitgelogd" in around.browser.text
    assert told(circle, circle.above) == expected, "each of them once"
    for url in (UWV, "https://zorg.test/mijn"):
        around.visit(url)
        assert around.is_asked_for_password, url


#: All of it in her browser, which is led along them.
ALONG_THEM = {"logout_in_browser": "one-by-one", "logout_binding": "* browser"}


@pytest.mark.parametrize("tells", [ALONG_THEM])
@pytest.mark.parametrize(
    ("at", "title"),
    [
        ("uwv.test", "Let op: u bent nog niet overal uitgelogd"),
        ("zorg.test", "U bent overal uitgelogd"),
    ],
)
def test_two_hubs_that_lead_her_to_each_other_come_to_an_end(around, at, title):
    around.visit(f"https://{at}/eilogin/logout")
    if "U wordt uitgelogd" in around.browser.title:
        # The hub that the other one led to has frames; this browser loads none.
        around.browser.click("Ga verder")
    assert around.browser.title.startswith(title)
    around.visit(f"https://{at}/mijn")
    assert around.is_asked_for_password


# --- a participant that begins one itself when it is told -----------------------------


class Echo:
    """Tells the hub of a logout of its own as soon as it has been told of one."""

    def __init__(self, federation, host, login):
        self._app = federation.apps[host]
        self._trust = federation.trusts[host]
        self._login = login
        self.answers = []
        federation.apps[host] = self

    def __call__(self, environ, start_response):
        answer = self._app(environ, start_response)
        if environ["PATH_INFO"] == "/eilogin/slo/soap":
            request = Party(self._trust).logout_request(
                self._login.who.as_name_id(),
                f"{HUB}/slo/soap",
                self._login.session_index,
            )
            octets = self._trust.back_channel.post(
                f"{HUB}/slo/soap", Party(self._trust).by_soap(request)
            )
            response = messages.read_logout_response(bindings.unwrap_soap(octets))
            self.answers.append(response.status.codes)
        return answer


@pytest.fixture
def echoes(federation, clock, anna):
    """Two participants that do so, at which she is logged in, and a third one."""
    anna.log_in(UWV)
    found = []
    for url in (STAD, LAND):
        assert anna.is_let_in(url)
        host = urlsplit(url).hostname
        cookie = anna.browser.cookie(host, "__Host-eilogin")
        login = federation.apps[host].sessions.find(cookie)
        found.append(Echo(federation, host, login))
    federation.back_channel_log.clear()
    return found


def test_participants_that_tell_the_hub_in_turn_come_to_an_end(
    echoes, federation, anna
):
    anna.visit("https://uwv.test/eilogin/logout")
    assert "U bent overal uitgelogd" in anna.browser.text
    # The hub has nobody to tell of what the two told it.
    others = ["inloggen.test", "inloggen.test", "land.test", "stad.test"]
    assert told(federation) == others
    unknown = (messages.RESPONDER, messages.UNKNOWN_PRINCIPAL)
    assert [echo.answers for echo in echoes] == [[unknown], [unknown]]
    for url in (UWV, STAD, LAND):
        anna.visit(url)
        assert anna.is_asked_for_password, url


class EchoInBrowser:
    """Sends her back with a LogoutRequest of its own, and then with the answer."""

    def __init__(self, federation, host, login):
        self._app = federation.apps[host]
        self._party = Party(federation.trusts[host])
        self._login = login
        self._left = []
        self.sent = 0
        federation.apps[host] = self

    def __call__(self, environ, start_response):
        query = environ.get("QUERY_STRING", "")
        if environ["PATH_INFO"] != "/eilogin/slo":
            return self._app(environ, start_response)
        if "SAMLRequest=" in query:
            octets = bindings.read_redirect(query).octets
            self._left.append(messages.read_logout_request(safe_xml.parse(octets)))
            own = self._party.logout_request(
                self._login.who.as_name_id(), f"{HUB}/slo", self._login.session_index
            )
            url = self._party.by_redirect(f"{HUB}/slo", "SAMLRequest", own)
        else:
            answer = self._party.logout_response(
                self._left.pop(), destination=f"{HUB}/slo"
            )
            url = self._party.by_redirect(f"{HUB}/slo", "SAMLResponse", answer)
        self.sent += 1
        start_response("302 Found", [("Location", url), ("Content-Type", "text/plain")])
        return [b""]


@pytest.mark.parametrize("hub_options", [ALONG_THEM])
def test_participants_that_begin_one_in_her_browser_come_to_an_end(
    eilogin_federation, clock, citizen_at, hub_options
):
    hosts = ("uwv.test", "stad.test", "land.test")
    federation = eilogin_federation(
        dict.fromkeys(hosts, show_visitor), hub_options=hub_options
    )
    anna = citizen_at(federation.browser())
    anna.log_in(UWV)
    echoes = []
    for url in (STAD, LAND):
        assert anna.is_let_in(url)
        host = urlsplit(url).hostname
        cookie = anna.browser.cookie(host, "__Host-eilogin")
        login = federation.apps[host].sessions.find(cookie)
        echoes.append(EchoInBrowser(federation, host, login))
    anna.visit("https://uwv.test/eilogin/logout")
    assert anna.browser.url.startswith("https://uwv.test/eilogin/slo")
    assert "U bent overal uitgelogd" in anna.browser.text
    assert [echo.sent for echo in echoes] == [2, 2]
