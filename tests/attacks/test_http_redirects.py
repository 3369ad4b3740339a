"""No address of ours is an open redirect, through sockets of our own.

Wherever a request may say where to go on, it says so in every way that some browser or
proxy has taken for another site. Each Location, Refresh and form action is then at this
site, at the hub, or where the federation's metadata says that a participant takes
answers.
"""

import re
from html import unescape
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hub_speaker import SECOND_HUB, add_hub, changes
from raw_http import HUB, LAND, MIJN, STAD, UWV, cookies_of, request

from eilogin import clock
from eilogin.saml import bindings, messages

TEXT = "Accept: text/html"
FORM = "Content-Type: application/x-www-form-urlencoded"
OWN_PAGE = "Sec-Fetch-Site: same-origin"
SIGN_IN = "Cookie: __Host-eilogin-sign-in=yes"

#: Paths of this site that look like addresses of others, and ways to say those.
EVIL = [
    "https://evil.test/",
    "http://evil.test",
    "HTTPS://EVIL.TEST/",
    "//evil.test/",
    "///evil.test/",
    "////evil.test/",
    "/\\evil.test/",
    "\\\\evil.test/",
    "\\/evil.test/",
    "/\\/evil.test/",
    "//\\evil.test/",
    "\\evil.test",
    "https:evil.test",
    "https:/evil.test",
    "https:///evil.test",
    "https:\\\\evil.test",
    "https://uwv.test@evil.test/",
    "https://uwv.test:443@evil.test/",
    "https://uwv.test.evil.test/",
    "https://uwv.testevil.test/",
    "https://evil.test/https://uwv.test/",
    "https://evil.test#https://uwv.test/",
    "https://evil.test\\@uwv.test/",
    "https://uwv.test\\.evil.test/",
    "https://uwv.test%2f@evil.test/",
    "https://[::1]/",
    "https://3232235777/",
    "https://xn--80ak6aa92e.test/",
    "https://\u0435vil.test/",
    "https://evil\u3002test/",
    "//evil\uff0etest",
    "\uff0f\uff0fevil.test",
    "/\uff0fevil.test",
    "/\u2215evil.test",
    "\u2044\u2044evil.test",
    "https\uff1a//evil.test",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    " javascript:alert(1)",
    "javascript://uwv.test/%0aalert(1)",
    "javascript&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "blob:https://evil.test/x",
    "file:///etc/passwd",
    "mailto:x@evil.test",
    "ws://evil.test",
    "/\t/evil.test",
    "\t//evil.test",
    "/\n/evil.test",
    "/\r/evil.test",
    "/\x00/evil.test",
    "/\x0b/evil.test",
    "/\x85/evil.test",
    "/\u2028/evil.test",
    "/\u00a0/evil.test",
    "/\u00ad/evil.test",
    "/\u200b/evil.test",
    "/\ufeff/evil.test",
    " //evil.test",
    "//evil.test ",
    "\u3000//evil.test",
    "/%2fevil.test",
    "/%2Fevil.test/",
    "/%5cevil.test",
    "/%09/evil.test",
    "/%0d%0aLocation:%20https://evil.test",
    "/%252fevil.test",
    "/%25252fevil.test",
    "/%c0%afevil.test",
    "/%u002fevil.test",
    "%2f%2fevil.test",
    "%68ttps://evil.test",
    "/./evil.test//",
    "/.//evil.test",
    "/..//evil.test",
    "/x/..//evil.test",
    "/;/../../evil.test//",
    "/.evil.test",
    ".evil.test",
    "@evil.test",
    ":443@evil.test",
    ":80",
    "evil.test",
    "/?next=//evil.test\r\nLocation: https://evil.test",
    "/x\r\nSet-Cookie: __Host-eilogin=evil",
    '/"><script src=//evil.test>',
    "/'onmouseover=alert(1)//",
    "?//evil.test",
    "#//evil.test",
    "*",
    "/" + "a" * 5000,
]
#: And those that are taken, as they are or encoded.
GOOD = {
    "/": "/",
    "/mijn": "/mijn",
    "/mijn?a=b&c=//d#e": "/mijn?a=b&c=//d#e",
    "/caf\xe9/a b": "/caf%C3%A9/a%20b",
    "/@evil.test/": "/@evil.test/",
    "/https:evil.test": "/https:evil.test",
}


def leads_to(answer):
    """Every address that an answer leads to: those of its head and of its page."""
    found = answer.all("Location")
    found += [r.partition("url=")[2] for r in answer.all("Refresh") if "url=" in r]
    page = answer.body.decode()
    found += map(unescape, re.findall(r'\b(?:action|href|formaction)="([^"]*)"', page))
    return found


def resolved(url, here):
    """Scheme and host of an address as browsers resolve it (URL standard, 4.4)."""
    text = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(33)))))
    if match := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text):
        if match[1].lower() not in ("http", "https"):
            return match[1].lower(), ""
        text = text[match.end() :].lstrip("/\\")
        host = re.split(r"[/\\?#]", text)[0]
        return match[1].lower(), host.rpartition("@")[2]
    if re.match(r"[/\\]{2}", text):
        host = re.split(r"[/\\?#]", text.lstrip("/\\"))[0]
        return "https", host.rpartition("@")[2]
    return "https", here


SITES = {("https", host) for host in (HUB, UWV, LAND)}


def stays(answer, here):
    """Whether an answer leads to members alone, in one line each."""
    assert answer.status < 500, answer
    for url in leads_to(answer):
        assert url.isprintable()
        assert url.isascii()
        where = resolved(url, here)
        assert where in SITES or url.startswith("data:image/svg"), url
    for _, value in answer.headers:
        assert "\r" not in value
        assert "\n" not in value
    for cookie in answer.all("Set-Cookie"):
        assert "__Host-eilogin=evil" not in cookie
    assert b"<script src=//evil" not in answer.body
    assert b"'onmouseover" not in answer.body.replace(b"&#39;onmouseover", b"")
    return True


def evil_at(served):
    """All of them at one server, and some at the others, which hand on the same."""
    return EVIL if served.kind == "waitress" else EVIL[::5]


def queries(served, name):
    """These in a query: encoded, and as they are where that is a query at all."""
    for value in evil_at(served):
        yield f"{name}={quote(value, safe='')}".encode()
        yield f"{name}={quote(quote(value, safe=''), safe='')}".encode()
        raw = value.encode()
        if not re.search(rb"[\x00-\x20\x7f-\xff#]", raw):
            yield f"{name}=".encode() + raw


def lands_at(answer, host):
    """Where an answer redirects to: the target, at this very site."""
    assert answer.status == 303, answer
    url = answer.one("Location")
    assert url.startswith(f"https://{host}/"), url
    return url.removeprefix(f"https://{host}")


@pytest.fixture(scope="module")
def anna(served):
    """Cookies of who is logged in: at the participant, and at the hub."""
    browser = served.signed_in()
    return {host: cookies_of(browser, host) for host in (UWV, HUB)}


# --- the participant's --------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "name"),
    [
        *(("login", "next"), ("discovery", "next"), ("logout", "next")),
        *(("login", "came_from"), ("language", "next")),
    ],
)
def test_no_next_leads_away(served, anna, address, name):
    """She who is logged in goes on at once, and at the logout so does who is not."""
    cookies = () if address == "logout" else (anna[UWV],)
    for query in queries(served, name):
        target = b"/eilogin/" + address.encode() + b"?" + query
        answer = served.ask(request("GET", target, TEXT, *cookies))
        if answer.status in (400, 414):
            continue
        assert lands_at(answer, UWV)
        assert stays(answer, UWV)


@pytest.mark.parametrize("value", GOOD)
def test_a_next_of_this_site_is_gone_on_to(served, anna, value):
    query = urlencode({"next": value})
    answer = served.ask(request("GET", f"/eilogin/login?{query}", TEXT, anna[UWV]))
    assert lands_at(answer, UWV) == GOOD[value]
    for address in ("logout", "language"):
        answer = served.ask(request("GET", f"/eilogin/{address}?{query}", TEXT))
        assert lands_at(answer, UWV) == GOOD[value]


def test_no_address_behind_our_own_origin_leads_away(served, anna):
    for value in evil_at(served):
        query = urlencode({"came_from": f"https://{UWV}{value}"})
        octets = request("GET", f"/eilogin/login?{query}", TEXT, anna[UWV])
        answer = served.ask(octets)
        assert answer.status in (400, 414) or lands_at(answer, UWV)
        assert stays(answer, UWV)


@pytest.mark.parametrize("value", GOOD)
def test_where_somebody_came_from_is_gone_on_to(served, anna, value):
    for said in (value, f"https://{UWV}{value}"):
        query = urlencode({"came_from": said})
        answer = served.ask(request("GET", f"/eilogin/login?{query}", TEXT, anna[UWV]))
        assert lands_at(answer, UWV) == GOOD[value]


def test_no_next_of_a_stranger_is_carried_along(served):
    """To the hub goes a handle; what she wanted stays here."""
    for query in queries(served, "next"):
        answer = served.ask(request("GET", b"/eilogin/login?" + query, TEXT))
        if answer.status in (400, 414):
            continue
        assert answer.status == 302
        assert stays(answer, UWV)
        came = bindings.read_redirect(urlsplit(answer.one("Location")).query)
        assert b"evil.test" not in came.octets
        assert "evil.test" not in came.relay_state


def test_no_form_to_log_out_leads_away(served):
    for value in evil_at(served):
        body = urlencode({"next": value}).encode()
        octets = request("POST", "/eilogin/logout", TEXT, FORM, OWN_PAGE, body=body)
        answer = served.ask(octets)
        assert lands_at(answer, UWV)
        assert stays(answer, UWV)


def test_no_hub_that_a_link_names_is_gone_to(served):
    for query in queries(served, "hub"):
        target = b"/eilogin/discovery?next=%2Fopen&" + query
        answer = served.ask(request("GET", target, TEXT, "Sec-Fetch-Site: cross-site"))
        assert answer.status in (302, 303, 400, 414), answer
        assert stays(answer, UWV)


@pytest.mark.parametrize(
    "name", ["form", "answer", "failure", "unusable", "RelayState"]
)
@pytest.mark.parametrize("address", ["acs", "again", "slo", "login", "warning.js"])
def test_no_other_parameter_is_an_address(served, anna, address, name):
    for value in EVIL[::12]:
        query = f"{name}={quote(value, safe='')}"
        target = f"/eilogin/{address}?{query}"
        answer = served.ask(request("GET", target, TEXT, anna[UWV]))
        assert stays(answer, UWV)
        octets = request("POST", target, TEXT, FORM, OWN_PAGE, body=query.encode())
        assert stays(served.ask(octets), UWV)


# --- RelayState ---------------------------------------------------------------------


@pytest.fixture
def unasked(served, hub_of):
    """An answer that nobody asked for, with a RelayState."""
    hub = hub_of(served.trusts())
    question = messages.AuthnRequest(
        id="",
        issued=0.0,
        issuer=f"https://{LAND}/eilogin/metadata",
        acs_url=f"https://{LAND}/eilogin/acs",
    )

    def deliver(relay_state):
        fields = hub.by_post("SAMLResponse", hub.answer(question), relay_state)
        body = urlencode(fields).encode()
        octets = request("POST", "/eilogin/acs", TEXT, FORM, host=LAND, body=body)
        answer = served.ask(octets, LAND)
        if answer.status != 303:
            return answer
        url = urlsplit(lands_at(answer, LAND))
        pairs = [each.partition(";")[0] for each in answer.all("Set-Cookie")]
        cookie = f"Cookie: {'; '.join(pairs) or 'a=b'}"
        target = f"{url.path}?{url.query}"
        page = served.ask(request("GET", target, TEXT, cookie, host=LAND), LAND)
        assert page.status == 200, page
        assert stays(page, LAND)
        [key] = re.findall(r'name="answer" value="([0-9a-f]{64})"', page.text)
        octets = request(
            "POST",
            "/eilogin/acs",
            *(TEXT, FORM, OWN_PAGE, cookie),
            host=LAND,
            body=f"answer={key}".encode(),
        )
        return served.ask(octets, LAND)

    return deliver


def test_no_relay_state_leads_away(served, unasked):
    for relay_state in evil_at(served)[::2]:
        answer = unasked(relay_state)
        if answer.status != 400:
            assert lands_at(answer, LAND), relay_state
        assert stays(answer, LAND)


@pytest.mark.parametrize("relay_state", ["/mijn?a=b", f"https://{LAND}/mijn?a=b"])
def test_a_relay_state_of_this_site_is_gone_on_to(unasked, relay_state):
    assert lands_at(unasked(relay_state), LAND) == "/mijn?a=b"


# --- a discovery service --------------------------------------------------------------


def test_no_discovery_service_is_told_to_answer_elsewhere(
    federation, attacker_key, call
):
    """Nor does it choose a hub that is none of ours, or lead on to another site."""
    service = "https://kies.test/ds"
    add_hub(federation, "stad.test", "Ander loket", attacker_key, SECOND_HUB)
    changes(federation, "stad.test", discovery=service)
    for value in EVIL:
        query = urlencode({"next": value, "return": value, "returnIDParam": value})
        answer = call("GET", f"https://stad.test/eilogin/login?{query}")
        url = answer.headers["Location"]
        assert url.startswith(f"{service}?")
        said = parse_qs(urlsplit(url).query)
        assert said["returnIDParam"] == ["hub"]
        [back] = said["return"]
        assert back.startswith("https://stad.test/eilogin/discovery?")
        [target] = parse_qs(urlsplit(back).query)["next"]
        assert resolved(target, "stad.test") == ("https", "stad.test")
        answer = call("GET", f"{back}&{urlencode({'hub': value})}")
        assert answer.status_int == 200
        assert "Location" not in answer.headers
        for link in re.findall(r'href="(http[^"]*)"', answer.text):
            assert link.startswith("https://stad.test/eilogin/login?")


# --- the hub's ----------------------------------------------------------------------


def test_no_next_leads_away_from_the_hub(served):
    for query in queries(served, "next"):
        octets = request("GET", b"/language?to=en&" + query, TEXT, host=HUB)
        answer = served.ask(octets, HUB)
        assert answer.status in (400, 414) or lands_at(answer, HUB)
        assert stays(answer, HUB)
        target = b"/login?" + query
        page = served.ask(request("GET", target, TEXT, host=HUB), HUB)
        if page.status in (400, 414):
            continue
        assert page.status == 200
        assert stays(page, HUB)
        lines = (TEXT, FORM, OWN_PAGE, SIGN_IN)
        octets = request("POST", target, *lines, host=HUB, body=b"cancel=1")
        answer = served.ask(octets, HUB)
        assert lands_at(answer, HUB)
        assert stays(answer, HUB)


@pytest.mark.parametrize("value", [*EVIL[3:8], "javascript:alert(1)", "/%2fevil.test"])
def test_hub_sign_in_does_not_redirect_to_another_host(served, value):
    target = f"/login?next={quote(value, safe='')}"
    lines = (TEXT, FORM, OWN_PAGE, SIGN_IN)
    body = b"username=anna&password=demo-anna"
    answer = served.ask(request("POST", target, *lines, host=HUB, body=body), HUB)
    assert lands_at(answer, HUB) == "/"
    assert answer.all("Set-Cookie")


@pytest.mark.parametrize(
    "name", ["question", "look", "continue", "tell", "here", "next"]
)
@pytest.mark.parametrize("path", ["/", "/sso", "/slo", "/logout", "/health"])
def test_no_other_parameter_of_the_hub_is_an_address(served, anna, path, name):
    for value in EVIL[::12]:
        target = f"{path}?{name}={quote(value, safe='')}"
        lines = (TEXT, anna[HUB])
        answer = served.ask(request("GET", target, *lines, host=HUB), HUB)
        assert stays(answer, HUB)
        lines = (TEXT, FORM, OWN_PAGE)
        answer = served.ask(request("POST", target, *lines, host=HUB), HUB)
        assert stays(answer, HUB)


@pytest.mark.parametrize("relay_state", EVIL[:40:3])
def test_a_relay_state_of_a_question_is_given_back_and_not_followed(
    served, anna, hub_of, relay_state
):
    """In a field of the form, to where the participant takes answers."""
    member = hub_of(served.trusts())
    member.entity_id = f"https://{UWV}/eilogin/metadata"
    member.key = served.trusts().trusts[UWV].own.key
    question = messages.AuthnRequest(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=member.entity_id,
        destination=f"https://{HUB}/sso",
        acs_url=f"https://{UWV}/eilogin/acs",
    )
    element = messages.write_authn_request(question)
    url = member.by_redirect(f"https://{HUB}/sso", "SAMLRequest", element, relay_state)
    target = url.removeprefix(f"https://{HUB}")
    answer = served.ask(request("GET", target, TEXT, anna[HUB], host=HUB), HUB)
    assert stays(answer, HUB)
    if re.search(r"[\x00-\x1f]", relay_state):
        assert answer.status == 400
        return
    assert answer.status == 200
    [action] = re.findall(r'<form[^>]*action="([^"]*)"', answer.text)
    assert action == question.acs_url
    assert f'name="RelayState" value="{_escaped(relay_state)}"' in answer.text


def _escaped(text):
    for plain, written in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&#34;"),
    ):
        text = text.replace(plain, written)
    return text.replace("'", "&#39;")


# --- the portal's -------------------------------------------------------------------


def without_switch(text):
    """A page but the switch between languages, which leads back to its address."""
    return re.sub(r'(?s)<nav class="languages".*?</nav>', "", text)


def test_the_portal_leads_nowhere_that_a_link_says(served):
    plain = served.ask(request("GET", "/", TEXT, host=MIJN), MIJN)
    for name in ("next", "login_url", "logout_url", "url", "return"):
        target = f"/?{name}={quote('//evil.test', safe='')}"
        answer = served.ask(request("GET", target, TEXT, host=MIJN), MIJN)
        assert without_switch(answer.text) == without_switch(plain.text)


def test_the_portal_leads_to_addresses_in_the_metadata_only(served):
    """Of a service by its name: no address that a link says leads anywhere."""
    page = served.ask(request("GET", "/", TEXT, host=MIJN), MIJN)
    links = [unescape(link) for link in re.findall(r'href="(/go[^"]*)"', page.text)]
    assert len(links) >= 2
    for link in links:
        answer = served.ask(request("GET", link, TEXT, host=MIJN), MIJN)
        assert answer.status == 303
        assert urlsplit(answer.one("Location")).netloc in (UWV, STAD, LAND)
    for target in (
        *("https://evil.test/", "//evil.test", "/\\evil.test", "javascript:x"),
        *(f"https://{UWV}/", f"https://{UWV}/eilogin/metadata", UWV, "/", "", "\r\n"),
    ):
        told = quote(target, safe="")
        for query in (f"to={told}", f"{links[0].partition('?')[2]}&to={told}"):
            octets = request("GET", f"/go?{query}", TEXT, host=MIJN)
            answer = served.ask(octets, MIJN)
            if target:
                assert answer.status == 404, query
                assert not answer.all("Location")
                assert "evil" not in without_switch(answer.text)
