"""No other site logs a citizen in or out, or does anything else in her name.

Every cookie of hers comes along here, as with a browser that knows no SameSite: what is
tested is what the site itself tells apart. Beside each forgery stands what she does
herself.
"""

import re
from urllib.parse import urlencode, urlsplit

import pytest
from raw_http import HUB, LAND, STAD, UWV, cookies_of, request

from eilogin.saml import messages

FORM = "Content-Type: application/x-www-form-urlencoded"
TEXT = "Accept: text/html"
NAVIGATION = "Sec-Fetch-Mode: navigate"

#: How a browser says that a page of another site made it do something.
ELSEWHERE = {
    "another site": ("Sec-Fetch-Site: cross-site", NAVIGATION),
    "a neighbour": ("Sec-Fetch-Site: same-site", NAVIGATION),
    "a word that is none": ("Sec-Fetch-Site: nowhere", NAVIGATION),
    "two words": ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"),
    "an origin": ("Origin: https://attacker.test",),
    "a hidden origin": ("Origin: null",),
    "an origin that begins like ours": ("Origin: https://uwv.test.attacker.test",),
    "an origin that ends like ours": ("Origin: https://attacker-uwv.test",),
    "ours without TLS": ("Origin: http://uwv.test",),
    "ours at another port": ("Origin: https://uwv.test:8443",),
    "two origins": ("Origin: https://uwv.test", "Origin: https://attacker.test"),
    "a page": ("Referer: https://attacker.test/https://uwv.test/",),
    "a page with a name": ("Referer: https://uwv.test@attacker.test/",),
    "a page whose host begins like ours": ("Referer: https://uwv.test.attacker.test/",),
    "a page that is none": ("Referer: about:blank",),
}
#: And how it says nothing of it, which a page of another site can have it do.
HIDDEN = ("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101",)
#: How it says that a page of this site did.
OWN = {
    "own page": ("Sec-Fetch-Site: same-origin", NAVIGATION),
    "own origin": ("Origin: https://uwv.test",),
    "own page, told by an old browser": (*HIDDEN, "Referer: https://uwv.test/mijn"),
}


@pytest.fixture(params=[*ELSEWHERE, "hidden"])
def elsewhere(request):
    return ELSEWHERE.get(request.param, HIDDEN)


@pytest.fixture(scope="module")
def anna(served):
    """A browser of who is logged in, which no test may log out."""
    return served.signed_in()


def is_logged_in(served, cookie, host=UWV):
    answer = served.ask(request("GET", "/mijn", cookie, host=host), host)
    assert answer.status in (200, 302)
    return answer.status == 200


def is_known_at_hub(served, cookie):
    answer = served.ask(request("GET", "/", TEXT, cookie, host=HUB), HUB)
    return 'action="https://inloggen.test/logout"' in answer.text


def refused(answer, code):
    """Whether a form was refused because of where it comes from, and nothing is set."""
    assert answer.status == 403, answer
    assert re.search(r'class="reference">[2-9A-Z]{3}-[2-9A-Z]{3}<', answer.text) or (
        answer.json["reason"] == code
    )
    assert not answer.all("Set-Cookie")
    return True


# --- logout -------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/eilogin/logout", "/eilogin/logout?next=/open"])
def test_a_link_of_another_site_shows_a_button(served, anna, elsewhere, target):
    cookie = cookies_of(anna, UWV)
    answer = served.ask(request("GET", target, TEXT, *elsewhere, cookie))
    assert answer.status == 200
    assert 'action="https://uwv.test/eilogin/logout"' in answer.text
    assert "<button" in answer.text
    assert "attacker" not in answer.text
    assert not answer.all("Set-Cookie")
    assert is_logged_in(served, cookie)


@pytest.mark.parametrize(
    "lines",
    [
        ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Accept: image/*"),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
        (
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Mode: cors",
            "Origin: https://a.test",
        ),
        ("Sec-Fetch-Site: same-origin", NAVIGATION, "Sec-Fetch-Dest: iframe"),
        ("Sec-Fetch-Site: cross-site", NAVIGATION, "Sec-Fetch-Dest: iframe"),
        ("Sec-Fetch-Site: same-origin", NAVIGATION, "Sec-Purpose: prefetch"),
        ("Sec-Fetch-Site: none", NAVIGATION, "Purpose: prefetch"),
        ("X-Requested-With: XMLHttpRequest",),
    ],
)
def test_nothing_that_a_browser_fetches_by_itself_logs_out(served, anna, lines):
    cookie = cookies_of(anna, UWV)
    answer = served.ask(request("GET", "/eilogin/logout", *lines, cookie))
    # What is fetched in advance is nothing, so that a click comes here.
    assert answer.status == (503 if "prefetch" in lines[-1] else 200)
    assert not answer.all("Set-Cookie")
    assert is_logged_in(served, cookie)


def test_no_form_of_another_site_logs_out(served, anna, elsewhere):
    cookie, at_hub = cookies_of(anna, UWV), cookies_of(anna, HUB)
    octets = request("POST", "/eilogin/logout", TEXT, FORM, *elsewhere, cookie)
    assert refused(served.ask(octets), "cross-site")
    assert is_logged_in(served, cookie)
    octets = request("POST", "/logout", TEXT, FORM, *elsewhere, at_hub, host=HUB)
    assert refused(served.ask(octets, HUB), "cross-site")
    assert is_known_at_hub(served, at_hub)
    assert is_logged_in(served, cookie)


@pytest.mark.parametrize("how", OWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_she_logs_out_herself(served, how, method):
    browser = served.signed_in(name="chaima")
    cookie = cookies_of(browser, UWV)
    octets = request(method, "/eilogin/logout", TEXT, FORM, *OWN[how], cookie)
    answer = served.ask(octets)
    assert answer.one("Location").startswith(f"https://{HUB}/slo?SAMLRequest=")
    assert not is_logged_in(served, cookie)


def test_she_presses_the_button_of_a_link_of_another_site(served):
    browser = served.signed_in(name="chaima")
    cookie = cookies_of(browser, UWV)
    browser.follow("https://stad.test/open")
    browser.follow(f"https://{UWV}/eilogin/logout")
    assert is_logged_in(served, cookie)
    browser.press()
    assert not is_logged_in(served, cookie)


# --- login --------------------------------------------------------------------------


@pytest.fixture
def attacker(served, hub_of, asked):
    """What an attacker holds: the answer to a login of his own, not yet delivered."""

    def begin(host=UWV):
        answer = served.ask(request("GET", "/mijn", TEXT, host=host), host)
        question, relay_state = asked(answer.one("Location"))
        hub = hub_of(served.trusts())
        message = hub.answer(question, name="mallory")
        pairs = [each.partition(";")[0] for each in answer.all("Set-Cookie")]
        fields = hub.by_post("SAMLResponse", message, relay_state)
        return f"Cookie: {'; '.join(pairs)}", urlencode(fields).encode()

    return begin


def deliver(served, body, *lines, host=UWV):
    octets = request("POST", "/eilogin/acs", TEXT, FORM, *lines, host=host, body=body)
    return served.ask(octets, host)


def fetched(served, answer, *lines, host=UWV):
    """What comes of an answer that waits, in a browser with these cookies."""
    assert answer.status == 303
    url = urlsplit(answer.one("Location"))
    target = f"{url.path}?{url.query}"
    return served.ask(request("GET", target, TEXT, *lines, host=host), host)


def sets_session(answer):
    return any(c.startswith("__Host-eilogin=") for c in answer.all("Set-Cookie"))


def test_no_answer_to_a_login_of_another_logs_her_in(served, attacker, anna):
    """A form of the attacker's site that brings his own answer (login CSRF)."""
    cookies, body = attacker()
    for victim in ("X-None: x", cookies_of(anna, UWV)):
        answer = deliver(served, body, victim, "Origin: https://attacker.test")
        arrived = fetched(served, answer, victim)
        # For a victim who is logged in a page; for another one a login begins anew.
        if victim.startswith("Cookie: "):
            assert arrived.status in (400, 403, 409)
        else:
            assert arrived.status == 303
            target = arrived.one("Location")
            assert target.startswith(f"https://{UWV}/eilogin/login?next=%2F&")
        assert not sets_session(arrived)
        assert "mallory" not in arrived.text
    seen = served.ask(request("GET", "/mijn", cookies_of(anna, UWV)))
    assert seen.json["NAME"] == "Anna de Proef", "and she is who she was"
    arrived = fetched(served, deliver(served, body), cookies)
    assert sets_session(arrived), "in his own browser it is good"


def test_no_artifact_of_a_login_of_another_logs_her_in(served):
    """A link to where his own login would have gone on, by artifact."""
    his = served.browser()
    his.stops_before = "SAMLart="
    his.visit(f"https://{STAD}/mijn")
    his.press("Inloggen", username="bram", password="demo-bram")
    assert "SAMLart=" in his.url
    hers = served.browser()
    hers.visit(f"https://{STAD}/open")
    hers.follow(his.url)
    assert hers.cookie(STAD, "__Host-eilogin") is None
    his.stops_before = None
    his.follow(his.url)
    assert his.url == f"https://{STAD}/mijn", his.text
    assert his.cookie(STAD, "__Host-eilogin") is not None


def test_a_login_that_nobody_asked_for_needs_her_word(served, hub_of, elsewhere):
    hub = hub_of(served.trusts())
    question = messages.AuthnRequest(
        id="",
        issued=0.0,
        issuer=f"https://{LAND}/eilogin/metadata",
        acs_url=f"https://{LAND}/eilogin/acs",
    )
    fields = hub.by_post("SAMLResponse", hub.answer(question, name="mallory"), "")
    answer = deliver(served, urlencode(fields).encode(), *elsewhere, host=LAND)
    pairs = [each.partition(";")[0] for each in answer.all("Set-Cookie")]
    cookie = f"Cookie: {'; '.join(pairs)}"
    page = fetched(served, answer, cookie, host=LAND)
    assert page.status == 200
    assert not sets_session(page)
    assert "<button" in page.text
    [key] = re.findall(r'name="answer" value="([0-9a-f]{64})"', page.text)
    agreed = f"answer={key}".encode()
    # No page of another site says it for her.
    answer = deliver(served, agreed, *elsewhere, cookie, host=LAND)
    assert refused(answer, "cross-site")
    answer = deliver(served, agreed, "Origin: https://land.test", cookie, host=LAND)
    assert sets_session(answer)


def test_no_form_of_another_site_signs_in_at_the_hub(served, anna, elsewhere):
    """With the attacker's own name and password, who then knows what she does."""
    body = b"username=bram&password=demo-bram"
    for cookie in ("Cookie: __Host-eilogin-sign-in=yes", cookies_of(anna, HUB)):
        lines = (TEXT, FORM, *elsewhere, cookie)
        octets = request("POST", "/login?next=/", *lines, host=HUB, body=body)
        assert refused(served.ask(octets, HUB), "cross-site")


def test_no_form_that_the_page_did_not_show_signs_in_at_the_hub(served):
    """Also where nobody can tell where it comes from: a cookie comes with the page."""
    body = b"username=bram&password=demo-bram"
    octets = request("POST", "/login", TEXT, FORM, host=HUB, body=body)
    answer = served.ask(octets, HUB)
    assert answer.status == 400
    assert not answer.all("Set-Cookie")
    lines = (TEXT, FORM, "Cookie: __Host-eilogin-sign-in=yes")
    for more in ((), (*HIDDEN, f"Referer: https://{HUB}/login")):
        octets = request("POST", "/login", *lines, *more, host=HUB, body=body)
        assert sets_session(served.ask(octets, HUB))


def test_a_link_of_another_site_begins_her_own_login_and_no_other(served, anna):
    """From the portal and every other site she gets in with one click: as herself."""
    browser = served.signed_in(name="bram")
    browser.forget(UWV)
    browser.follow(f"https://{UWV}/eilogin/login?next=/mijn")
    assert browser.url == f"https://{UWV}/mijn"
    assert "Bram" in browser.page.json["NAME"]


# --- what else a form can do ----------------------------------------------------------


def test_no_other_site_keeps_a_session_alive(served, anna, elsewhere):
    cookie = cookies_of(anna, UWV)
    octets = request("POST", "/eilogin/session", *elsewhere, cookie)
    assert refused(served.ask(octets), "cross-site")
    octets = request("POST", "/eilogin/session", *OWN["own page"], cookie)
    assert served.ask(octets).json["logged_in"] is True


def test_no_form_of_another_site_is_kept_to_be_sent_later(served, anna, elsewhere):
    """A form to a page that needs more of her; of our own page it is kept."""
    cookie = cookies_of(anna, UWV)
    octets = request("POST", "/midden", TEXT, FORM, *elsewhere, cookie, body=b"a=b")
    answer = served.ask(octets)
    assert answer.status == 403
    assert not answer.all("Set-Cookie")
    lines = (TEXT, FORM, *OWN["own page"], cookie)
    answer = served.ask(request("POST", "/midden", *lines, body=b"a=b"))
    assert answer.status == 403
    assert any("__Host-eilogin-kept-" in c for c in answer.all("Set-Cookie"))


def test_no_other_site_chooses_at_the_hub(served, anna, elsewhere):
    lines = (TEXT, FORM, *elsewhere, cookies_of(anna, HUB))
    answer = served.ask(request("POST", "/", *lines, host=HUB, body=b"next=x"), HUB)
    assert refused(answer, "cross-site")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    ("host", "path"),
    [
        (UWV, "/eilogin/session"),
        (UWV, "/eilogin/login"),
        (UWV, "/mijn"),
        (HUB, "/"),
        (HUB, "/login"),
        (HUB, "/slo"),
    ],
)
def test_no_script_of_another_site_may_read_an_answer(served, anna, method, host, path):
    lines = (
        "Origin: https://attacker.test",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Mode: cors",
        "Access-Control-Request-Method: POST",
        cookies_of(anna, host),
    )
    answer = served.ask(request(method, path, *lines, host=host), host)
    assert answer.status < 500
    assert not any(k.lower().startswith("access-control") for k, _ in answer.headers)
