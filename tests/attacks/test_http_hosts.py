"""No address, page, message or cookie of ours follows what a request calls us.

Each site has a port of its own here, as behind a server that lets every host through;
at one more port the host of a request decides which site it is for.
"""

import re
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from raw_http import HUB, LAND, MIJN, STAD, UWV, ask, cookies_of, request

from eilogin.saml import bindings

SITES = (HUB, UWV, STAD, MIJN, LAND)
TEXT = "Accept: text/html"

#: What a client may say of the host besides, or in the place, of its name.
FORGED = {
    "no host": (None, ()),
    "another host": ("attacker.test", ()),
    "another host with a port": ("attacker.test:443", ()),
    "a port": ("uwv.test:8443", ()),
    "a port that is none": ("uwv.test:attacker", ()),
    "userinfo": ("uwv.test@attacker.test", ()),
    "userinfo with a port": ("uwv.test:443@attacker.test", ()),
    "a list": ("uwv.test, attacker.test", ()),
    "a path": ("uwv.test/attacker.test/", ()),
    "a path of another host": ("attacker.test/uwv.test", ()),
    "a query": ("attacker.test?uwv.test", ()),
    "a fragment": ("attacker.test#uwv.test", ()),
    "a backslash": ("attacker.test\\uwv.test", ()),
    "a blank": ("uwv.test attacker.test", ()),
    "NUL": ("uwv.test\0attacker.test", ()),
    "markup": ('uwv.test"><script src=//attacker.test>', ()),
    "beyond ASCII": ("uwv\xb7test.attacker.test", ()),
    "an address": ("[::1]", ()),
    "nothing": ("", ()),
    "a second host": ("uwv.test", ("Host: attacker.test",)),
    "a first host": ("attacker.test", ("Host: uwv.test",)),
    "a host in a line of its own": ("uwv.test\r\n attacker.test", ()),
    "X-Forwarded": (
        "uwv.test",
        (
            "X-Forwarded-Host: attacker.test",
            "X-Forwarded-Server: attacker.test",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Scheme: http",
            "X-Forwarded-Port: 8080",
            "X-Forwarded-Ssl: off",
            "X-Forwarded-For: 192.0.2.9",
        ),
    ),
    "X-Forwarded, a list": (
        "uwv.test",
        ("X-Forwarded-Host: uwv.test, attacker.test", "X-Forwarded-Proto: https,http"),
    ),
    "Forwarded": ("uwv.test", ('Forwarded: host="attacker.test";proto=http;for=x',)),
    "other headers": (
        "uwv.test",
        (
            "X-Host: attacker.test",
            "X-HTTP-Host-Override: attacker.test",
            "X-Original-Host: attacker.test",
            "X-Forwarded-Url: https://attacker.test/",
            "X-Url-Scheme: http",
            "X-ProxyUser-Ip: 192.0.2.9",
            "Front-End-Https: off",
            "Base-Url: https://attacker.test/",
            "Destination: https://attacker.test/",
            "Via: 1.1 attacker.test",
        ),
    ),
    "X-Original-URL": (
        "uwv.test",
        (
            "X-Original-URL: https://attacker.test/mijn",
            "X-Rewrite-URL: //attacker.test/mijn",
        ),
    ),
    "a prefix": ("uwv.test", ("X-Forwarded-Prefix: //attacker.test",)),
    "a script": ("uwv.test", ("X-Script-Name: /attacker.test",)),
    "gunicorn's script": ("uwv.test", ("SCRIPT_NAME: //attacker.test",)),
    "another method": ("uwv.test", ("X-HTTP-Method-Override: DELETE",)),
}

#: Addresses at each of which something of ours names an address.
ASKED = [
    (UWV, "/mijn"),
    (UWV, "/midden"),
    (UWV, "/eilogin/login?next=/open"),
    (UWV, "/eilogin/logout?next=/open"),
    (UWV, "/eilogin/metadata"),
    (UWV, "/eilogin/acs"),
    (UWV, "/eilogin/nothing"),
    (STAD, "/open"),
    (STAD, "/mijn"),
    (MIJN, "/"),
    (HUB, "/"),
    (HUB, "/login"),
    (HUB, "/metadata"),
    (HUB, "/sso"),
]


def addresses_in(answer, here):
    """Every address that an answer leads to, or that a message in it names."""
    markup = answer.body.decode("utf-8", "replace")
    found = answer.all("Location") + answer.all("Content-Location")
    found += [r.partition("url=")[2] for r in answer.all("Refresh")]
    found += re.findall(r'(?:action|href|src|Location|formaction)="([^"]*)"', markup)
    for url in list(found):
        query = urlsplit(url.replace("&amp;", "&")).query
        if "SAMLRequest=" in query:
            message = bindings.read_redirect(query).octets.decode()
            found += re.findall(r'https?://[^"<]*', message)
            assert "attacker" not in message
        found += parse_qs(query).get("return", [])
    return {urljoin(here, url) for url in found if not url.startswith("data:")}


def names_only_us(answer, host):
    """Whether an answer, whatever it is, names members of the federation alone."""
    for name, value in answer.headers:
        assert "attacker" not in value, (name, value)
    # What the server itself says of a request that is none of HTTP.
    is_ours = answer.all("Referrer-Policy") or answer.status in (200, 302, 303)
    if is_ours:
        assert b"attacker" not in answer.body
    for url in addresses_in(answer, f"https://{host}/"):
        parts = urlsplit(url)
        is_name = url.startswith(("urn:", "http://www.w3.org/", "http://eidas."))
        assert is_name or (parts.scheme, parts.netloc) in {
            ("https", site) for site in SITES
        }, url
    for cookie in answer.all("Set-Cookie"):
        assert cookie.startswith("__Host-")
        assert "domain" not in cookie.lower()
        assert "; Path=/; Secure" in cookie
    return True


@pytest.fixture(scope="module")
def good_answers(served):
    """What is answered to who forges nothing."""
    found = {}
    for site, target in ASKED:
        answer = served.ask(request("GET", target, TEXT, host=site), site)
        assert names_only_us(answer, site)
        found[site, target] = answer
    return found


@pytest.mark.parametrize("trick", FORGED)
def test_no_host_that_a_client_forges_is_followed(served, good_answers, trick):
    host, lines = FORGED[trick]
    # What a server makes of it is the same at every address.
    asked = ASKED if served.kind == "waitress" else ASKED[::4]
    for site, target in asked:
        good = good_answers[site, target]
        said = host and host.replace("uwv.test", site)
        octets = request("GET", target, TEXT, *lines, host=said)
        answer = served.ask(octets, site)
        assert names_only_us(answer, site)
        if answer.status == 500:
            # gunicorn's own word on a SCRIPT_NAME that the path does not begin with.
            assert served.kind == "gunicorn"
            assert "SCRIPT_NAME" in answer.text
            continue
        # As without the forgery; or not at all, where it is no HTTP or no path.
        assert answer.status in (good.status, 0, 400, 404), answer


@pytest.mark.parametrize("trick", ["no host", "another host", "X-Forwarded"])
def test_forged_host_does_not_redirect_a_session_to_another_site(served, trick):
    host, lines = FORGED[trick]
    browser = served.signed_in()
    cookie = cookies_of(browser, UWV)
    for target in ("/eilogin/login?next=/mijn", "/eilogin/logout", "/midden"):
        answer = served.ask(request("GET", target, TEXT, *lines, cookie, host=host))
        assert answer.status in (302, 303)
        assert names_only_us(answer, UWV)


@pytest.mark.parametrize(
    "target",
    [
        "http://attacker.test/mijn",
        "https://attacker.test/mijn",
        "https://uwv.test@attacker.test/mijn",
        "//attacker.test/mijn",
        "///attacker.test/mijn",
        "/\\attacker.test/mijn",
        "attacker.test:443",
        "*",
        "mijn",
        "?next=https://attacker.test/",
        "/mijn?next=https://attacker.test/",
        "/mijn#@attacker.test/",
        "/eilogin/../mijn",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_no_form_of_the_target_leads_elsewhere(served, target, method):
    answer = served.ask(request(method, target, TEXT))
    assert answer.status in (200, 302, 303, 400, 403, 401, 404), answer
    for url in answer.all("Location"):
        # The page that she wanted may have any name, as a path of ours.
        assert urlsplit(url).netloc in (HUB, UWV)


def test_the_page_that_she_wanted_is_one_of_ours(served):
    """Whatever the target said of the host, she is back here after the login."""
    for target in ("//attacker.test/x", "http://attacker.test/mijn", "/mijn?u=//x"):
        answer = served.ask(request("GET", target, TEXT))
        if answer.status != 302:
            assert answer.status == 400
            continue
        browser = served.browser()
        for cookie in answer.all("Set-Cookie"):
            pair = cookie.partition(";")[0]
            browser.set_cookie(UWV, *pair.split("=", 1))
        browser.visit(answer.one("Location"))
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert urlsplit(browser.url)[:2] == ("https", UWV)


# --- where the host decides -----------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "site"),
    [
        ("uwv.test", UWV),
        ("UWV.test:8443", UWV),
        ("uwv.test.", UWV),
        ("inloggen.test:443", HUB),
    ],
)
def test_a_known_host_has_its_site(served, said, site):
    prefix = "" if site == HUB else "/eilogin"
    answer = ask(served.any_port, request("GET", f"{prefix}/metadata", host=said))
    assert answer.status == 200
    assert f'entityID="https://{site}{prefix}/metadata"' in answer.text


@pytest.mark.parametrize("trick", FORGED)
def test_an_unknown_host_has_no_site(served, trick):
    host, lines = FORGED[trick]
    known = (UWV, "uwv.test:8443")
    octets = request("GET", "/eilogin/login?next=/open", TEXT, *lines, host=host)
    answer = ask(served.any_port, octets)
    is_plain = host in known and not any(line.startswith("Host") for line in lines)
    if is_plain:
        assert names_only_us(answer, UWV)
        return
    assert answer.status in (400, 421), answer
    assert not answer.all("Location")
    assert not answer.all("Set-Cookie")
    if answer.status == 421:
        assert "attacker" not in answer.text
        assert "frame-ancestors 'none'" in answer.one("Content-Security-Policy")


def test_a_cookie_counts_at_the_site_that_set_it_alone(served):
    """Also where one server, and one host that a client forges, has them all."""
    cookie = cookies_of(served.signed_in(), UWV)
    octets = request("GET", "/mijn", TEXT, cookie, host=LAND)
    assert ask(served.any_port, octets).status == 302
    octets = request("GET", "/mijn", TEXT, cookie, host=UWV)
    assert ask(served.any_port, octets).status == 200
