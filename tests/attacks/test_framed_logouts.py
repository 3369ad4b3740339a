"""A logout from above leads the browser through frames: who could make use of that.

Nobody begins it but the hub above with a signed message that comes for the first time,
its frames are good once, and it shows nothing to whoever finds one of its addresses.
"""

import re
from urllib.parse import urlsplit

import pytest
from lxml import html
from parties import Party

from eilogin.saml import bindings, messages, safe_xml

ABOVE = "https://inloggen.test"
HUB = "https://gemeente.test"
SLO = f"{HUB}/slo"
FILTERS = f"{HUB}/eilogin/slo"
SITES = ("zorg.test", "werk.test")


@pytest.fixture
def federation(eilogin_federation, clock, witness):
    """A hub behind another one, whose sites take a logout in the browser alone."""
    below = eilogin_federation(
        dict.fromkeys(SITES, witness),
        hub="gemeente.test",
        hub_options={
            "sign_in": "above",
            "passed_on_to": " ".join(f"https://{s}/eilogin/metadata" for s in SITES),
            "logout_binding": "* browser",
        },
    )
    above = eilogin_federation(
        {"gemeente.test": below.apps["gemeente.test"]},
        options={
            "gemeente.test": {
                "hub_inside": "/",
                "cookie": "eilogin-above",
                "protect": "/ optional",
            }
        },
    )
    below.apps.update(above.apps)
    above.apps.update(below.apps)
    below.above = above
    return below


@pytest.fixture
def anna(federation):
    """A browser in which somebody is logged in at both sites."""
    browser = federation.browser()
    browser.visit("https://zorg.test/mijn")
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.visit("https://werk.test/mijn")
    assert browser.url == "https://werk.test/mijn"
    return browser


@pytest.fixture
def message(federation, anna, hub_of):
    """The address by which the hub above tells of a logout of hers."""
    hub = hub_of(federation.above)
    sessions = federation.apps["gemeente.test"].sessions
    cookie = anna.cookie("gemeente.test", "__Host-eilogin-above")
    login = sessions.find(cookie)
    request = hub.logout_request(login.who.as_name_id(), FILTERS, login.session_index)

    def by(key=None):
        speaker = (
            hub if key is None else Party(federation.above.trusts["inloggen.test"], key)
        )
        return speaker.by_redirect(FILTERS, "SAMLRequest", request)

    return by


@pytest.fixture
def led(federation, message):
    """A browser without cookies, as in a frame, that was led to the page."""
    frame = federation.browser()
    frame.visit(message())
    assert frame.url.startswith(f"{SLO}?lead=")
    return frame


def ways(frame):
    """The addresses of the frames of the page, and where it goes on to."""
    page = html.document_fromstring(frame.page.text)
    back = page.get_element_by_id("go-on").get("href")
    return [one.get("src") for one in page.iter("iframe")], back


def is_in(federation, anna, host):
    sessions = federation.apps[host].sessions
    return sessions.find(anna.cookie(host, "__Host-eilogin")) is not None


def status_at(federation, url):
    browser = federation.browser()
    browser.stops_before = "SAMLRe"
    browser.visit(url)
    return browser.page.status_int


@pytest.mark.parametrize("what", ["lead", "led"])
@pytest.mark.parametrize("named", ["", "x", "../", "a" * 22, "%00", "_" + "0" * 32])
def test_guessed_logout_url_returns_400_and_ends_no_session(
    federation, anna, what, named
):
    assert status_at(federation, f"{SLO}?{what}={named}") == 400
    assert status_at(federation, f"{FILTERS}?after={named}") == 400
    assert all(is_in(federation, anna, host) for host in SITES)


def test_a_message_by_another_key_leads_nowhere(
    federation, anna, message, attacker_key
):
    frame = federation.browser()
    frame.visit(message(attacker_key))
    assert frame.page.status_int == 400
    assert all(is_in(federation, anna, host) for host in SITES)


def test_the_same_message_leads_through_frames_once(federation, led, message):
    """Who has read it somewhere gets the answer that is known by then."""
    again = federation.browser()
    again.stops_before = "SAMLResponse="
    again.visit(message())
    assert again.url.startswith(f"{ABOVE}/slo?SAMLResponse=")
    assert not [url for url in again.trail if "lead=" in url]


def test_each_frame_is_good_once(federation, anna, led):
    """So a page that is loaded again tells nobody twice, and nothing goes round."""
    frames, _ = ways(led)
    for url in frames:
        assert status_at(federation, url) == 302
        assert status_at(federation, url) == 400


def test_the_page_goes_on_to_the_hub_above_alone(federation, led):
    _, back = ways(led)
    for _ in range(2):
        browser = federation.browser()
        browser.stops_before = "SAMLResponse="
        browser.visit(back)
        assert browser.url.startswith(f"{ABOVE}/slo?SAMLResponse=")
        assert len(browser.trail) == 1


def test_the_page_names_nobody_and_stands_in_no_other_frame(led):
    page = led.page
    policy = page.headers["Content-Security-Policy"]
    assert re.findall(r"frame-ancestors ([^;]*)", policy) == [f"'self' {ABOVE}"]
    assert "anna" not in page.text.lower()
    for host in SITES:
        # But where its frames may lead.
        assert host not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def request_in(federation, url):
    """The LogoutRequest that a frame brings to a site."""
    browser = federation.browser()
    browser.stops_before = "SAMLRequest="
    browser.visit(url)
    received = bindings.read_redirect(urlsplit(browser.url).query)
    host = urlsplit(browser.url).hostname
    return host, messages.read_logout_request(safe_xml.parse(received.octets))


@pytest.mark.parametrize("how", ["another site", "an attacker", "not for it"])
def test_a_site_is_confirmed_by_itself_alone(federation, led, party, attacker_key, how):
    frames, back = ways(led)
    asked = [request_in(federation, url) for url in frames]
    (host, request), (other, _) = asked
    speaker = party(other) if how == "another site" else party(host)
    if how == "an attacker":
        speaker = party(host, attacker_key)
    changes = {"in_response_to": "_0"} if how == "not for it" else {}
    response = speaker.logout_response(request, SLO, **changes)
    browser = federation.browser()
    browser.visit(speaker.by_redirect(SLO, "SAMLResponse", response))
    assert browser.page.status_int == 400
    browser.stops_before = "SAMLResponse="
    browser.visit(back)
    received = bindings.read_redirect(urlsplit(browser.url).query)
    answer = messages.read_logout_response(safe_xml.parse(received.octets))
    assert messages.PARTIAL_LOGOUT in answer.status.codes


def test_after_some_minutes_it_is_over(federation, led, clock):
    frames, back = ways(led)
    clock.shift(6 * 60)
    for url in (led.url, *frames, back):
        assert status_at(federation, url) == 400
