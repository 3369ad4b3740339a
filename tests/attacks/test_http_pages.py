"""What our own pages forbid a browser: every one of them, and every other answer.

The pages are found by walking to them as citizens and strangers do, through real
servers; at one of these, which runs in this process, it is known which template a page
was made of, so that none is left out.
"""

import base64
import hashlib
import re
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from lxml import html
from raw_http import (
    HUB,
    LAND,
    MIJN,
    STAD,
    STRICT,
    UWV,
    ask,
    cookies_of,
    request,
)

import eilogin
from eilogin.saml import messages
from eilogin.web.pages.page_rendering import Pages

TEXT = "Accept: text/html"
FORM = "Content-Type: application/x-www-form-urlencoded"
OWN_PAGE = "Sec-Fetch-Site: same-origin"
NAVIGATION = "Sec-Fetch-Mode: navigate"
HUBS = f"https://{HUB}"

#: What a page may not have in it, whatever its policy says.
FORBIDDEN = (
    *("//@*[starts-with(name(), 'on')]", "//@style", "//object", "//embed", "//base"),
    *(
        "//link[not(starts-with(@href, 'data:'))]",
        "//applet",
        "//form//@formaction",
        "//script/@src",
        # The portal's logos, which come from its own address.
        "//img[not(starts-with(@src, '/logo?of='))]",
    ),
    "//@*[contains(., 'javascript:')]",
)
_DIRECTIVES = {
    "default-src": "'none'",
    "img-src": "data:",
    "base-uri": "'none'",
}


def hash_of(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy_of(answer):
    """The directives of the one policy that an answer has."""
    policy = answer.one("Content-Security-Policy")
    parts = [part.strip().partition(" ") for part in policy.split(";")]
    found = {name: value for name, _, value in parts}
    assert len(found) == len(parts), policy
    return found


def warning_scripts(page, policy):
    """The sources of the script that warns before the session ends; takes it out.

    The portal alone has it, of all pages that are ours.
    """
    scripts = page.xpath("//script[starts-with(@src, '/eilogin/warning.js?v=')]")
    for script in scripts:
        script.getparent().remove(script)
        assert policy.pop("connect-src") == f"https://{MIJN}/eilogin/session"
        yield f"'{script.get('integrity')}'"


def is_guarded(answer, *, framed_by="'none'"):
    """Whether a page of ours forbids all that it does not use."""
    assert answer.one("Content-Type") == "text/html; charset=UTF-8", answer
    policy = policy_of(answer)
    assert "unsafe" not in answer.one("Content-Security-Policy")
    assert policy["frame-ancestors"] == framed_by
    assert {name: policy[name] for name in _DIRECTIVES} == _DIRECTIVES
    page = html.document_fromstring(answer.text)
    styles = [hash_of(style.text) for style in page.iter("style")]
    assert policy["style-src"].split() == styles
    scripts = [hash_of(script.text) for script in page.xpath("//script[not(@src)]")]
    scripts += warning_scripts(page, policy)
    assert policy.get("script-src", "").split() == scripts
    for frame in page.iter("iframe"):
        assert urlsplit(frame.get("src")).netloc == HUB
    allowed = {*_DIRECTIVES, "style-src", "script-src", "form-action", "frame-src"}
    if policy.get("connect-src") == "'self'" and "fetch(look" in answer.text:
        allowed.add("connect-src")
    assert set(policy) <= allowed | {"frame-ancestors"}
    for what in FORBIDDEN:
        assert not page.xpath(what), what
    by = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
    assert answer.one("X-Frame-Options") == by.get(framed_by, "")
    assert answer.one("Referrer-Policy") == "same-origin"
    return is_private(answer)


def is_private(answer):
    """Whether no cache keeps an answer, and no browser guesses at it."""
    assert answer.one("Cache-Control") == "no-store"
    assert answer.one("X-Content-Type-Options") == "nosniff"
    assert answer.one("Strict-Transport-Security") == "max-age=31536000"
    return True


def forms_lead_where_allowed(answer, host):
    """Whether each form on a page leads where its policy lets it."""
    policy = policy_of(answer)
    for form in html.document_fromstring(answer.text).iter("form"):
        parts = urlsplit(form.get("action") or "/")
        is_own = parts.netloc in ("", host)
        if "form-action" in policy:
            origin = f"{parts.scheme}://{parts.netloc}"
            assert is_own or origin in policy["form-action"].split()
        else:
            assert parts.netloc in ("", UWV, STAD, MIJN, LAND, HUB)
    return True


def all_are_guarded(heard):
    """Of all that browsers were answered: pages, redirects, and the rest of ours."""
    pages = 0
    for host, path, answer in heard:
        is_ours = host in (HUB, MIJN) or path.startswith("/eilogin")
        if answer.status in (301, 302, 303):
            assert answer.one("Cache-Control") == "no-store", (host, path)
            assert answer.one("Referrer-Policy") == "no-referrer", (host, path)
        elif answer.one("Content-Type") == "text/html; charset=UTF-8" and is_ours:
            framed_by = policy_of(answer)["frame-ancestors"]
            # In the frames of a logout the hub shows its own page, and a participant's.
            in_frames = {HUB: "'self'", UWV: HUBS, STAD: HUBS}
            is_in_frame = path.endswith("/slo") and framed_by == in_frames.get(host)
            assert is_in_frame or framed_by == "'none'"
            assert is_guarded(answer, framed_by=framed_by)
            assert forms_lead_where_allowed(answer, host)
            pages += 1
    return pages


# --- which pages there are ----------------------------------------------------------


@contextmanager
def noted(monkeypatch):
    """The names of the templates of which pages are made meanwhile."""
    made = set()
    plain = Pages._html  # noqa: SLF001 - the one door of all pages

    def note(pages, environ, template, values, **more):
        made.add(template)
        return plain(pages, environ, template, values, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Pages, "_html", note)
        yield made


def get(served, host, target, *lines):
    octets = request("GET", target, TEXT, *lines, host=host)
    return host, served.ask(octets, host)


def post(served, host, target, *lines, body=b""):
    octets = request("POST", target, TEXT, FORM, *lines, host=host, body=body)
    return host, served.ask(octets, host)


def pages_of_strangers(served):
    """What who is nobody gets to see by one request."""
    yield get(served, UWV, "/eilogin/acs")
    yield get(served, UWV, "/eilogin/accessibility")
    yield post(served, UWV, "/eilogin/accessibility", OWN_PAGE, body=b"a=b")
    yield get(served, UWV, "/eilogin/nothing")
    yield get(served, UWV, "/eilogin/slo")
    yield get(served, UWV, "/eilogin/slo/soap")
    yield get(served, UWV, "/mijn//x")
    yield get(served, UWV, "/eilogin/logout", "Sec-Fetch-Site: cross-site", NAVIGATION)
    yield get(served, UWV, "/eilogin/acs?answer=" + "0" * 64)
    yield post(served, UWV, "/mijn", OWN_PAGE, body=b"a=b")
    yield post(served, UWV, "/eilogin/logout", "Sec-Fetch-Site: cross-site")
    yield get(served, STAD, "/eilogin/logout")
    yield get(served, MIJN, "/")
    yield get(served, MIJN, "/nothing")
    for path in ("/", "/login", "/nothing", "/sso", "/slo", "/artifact"):
        yield get(served, HUB, path)
    yield get(served, HUB, "/sso?request=" + "0" * 32)
    yield get(served, HUB, "/slo?tell=x")
    yield post(served, HUB, "/login", OWN_PAGE, body=b"username=x&password=y")
    sign_in = "Cookie: __Host-eilogin-sign-in=yes"
    yield post(served, HUB, "/login", OWN_PAGE, sign_in, body=b"username=x&password=y")
    octets = request("GET", "/", TEXT, host="elsewhere.test")
    yield HUB, ask(served.any_port, octets)


def pages_of_citizens(served, browser):
    """What who is logged in gets to see by one request."""
    here, at_hub = cookies_of(browser, UWV), cookies_of(browser, HUB)
    other = "Sec-Fetch-Site: cross-site"
    yield get(served, UWV, "/eilogin/logout", here, other, NAVIGATION)
    yield get(served, UWV, "/eilogin/again?form=" + "0" * 32, here)
    yield get(served, HUB, "/", at_hub)
    yield post(served, UWV, "/midden", OWN_PAGE, here, body=b"a=" + b"b" * 8_400_000)
    kept = post(served, UWV, "/midden", OWN_PAGE, here, body=b"a=b")
    yield kept
    pair = next(c for c in kept[1].all("Set-Cookie") if "-kept-" in c).partition(";")[0]
    handle = pair.partition("=")[0].removeprefix("__Host-eilogin-kept-")
    yield get(served, UWV, f"/eilogin/again?form={handle}", f"{here}; {pair}")


@pytest.fixture(scope="module")
def anna(served):
    return served.signed_in()


def test_every_page_of_a_stranger_is_guarded(served):
    found = list(pages_of_strangers(served))
    for host, answer in found:
        if answer.status == 421:
            # No site, and so nobody knows whether it is seen over https.
            assert policy_of(answer)["frame-ancestors"] == "'none'"
            assert answer.one("Cache-Control") == "no-store"
            continue
        assert is_guarded(answer)
        assert forms_lead_where_allowed(answer, host)
    assert {answer.status for _, answer in found} >= {200, 400, 403, 404, 405, 421}


def test_every_page_of_a_citizen_is_guarded(served, anna):
    for host, answer in pages_of_citizens(served, anna):
        assert is_guarded(answer)
        assert forms_lead_where_allowed(answer, host)


def walk(served):
    """The ways of citizens through all sites: in, on, elsewhere and out again."""
    browser = served.browser()
    browser.visit(f"https://{UWV}/mijn")
    browser.press("Annuleren")
    browser.visit(f"https://{UWV}/mijn")
    browser.press("Inloggen", username="chaima", password="no")
    browser.press("Inloggen", username="chaima", password="demo-chaima")
    assert browser.url == f"https://{UWV}/mijn"
    browser.visit(f"https://{STAD}/mijn")
    browser.visit(f"https://{MIJN}/eilogin/login?next=/")
    assert "Chaima" in browser.text
    browser.visit(f"{HUBS}/")
    browser.visit(f"https://{UWV}/midden")
    browser.visit(f"https://{UWV}/eilogin/logout?next=/open")
    browser.visit(f"{HUBS}/")
    return browser


def test_every_page_on_the_way_in_and_out_is_guarded(served):
    served.heard.clear()
    walk(served)
    assert all_are_guarded(served.heard) > 8


# --- those that are rare ------------------------------------------------------------


def unasked(served, hub):
    question = messages.AuthnRequest(
        id="",
        issued=0.0,
        issuer=f"https://{LAND}/eilogin/metadata",
        acs_url=f"https://{LAND}/eilogin/acs",
    )
    browser = served.browser()
    fields = hub.by_post("SAMLResponse", hub.answer(question), "/mijn")
    browser.post(f"https://{LAND}/eilogin/acs", site="cross-site", **fields)
    assert "Wilt u inloggen" in browser.text


def test_the_page_that_asks_for_her_word_is_guarded(served, hub_of):
    served.heard.clear()
    unasked(served, hub_of(served.trusts()))
    assert all_are_guarded(served.heard) == 1


def out_where_one_is_down(served, *, is_told=True):
    """A logout that reaches one participant only in frames of the hub's page."""
    browser = served.signed_in(name="bram")
    browser.visit(f"https://{STAD}/mijn")
    served.federation.down.add(STAD)
    try:
        browser.visit(f"https://{UWV}/eilogin/logout?next=/open")
        assert "stad.test" in browser.text, browser.text
        if is_told:
            browser.open_frames()
        browser.click("Ga verder")
    finally:
        served.federation.down.clear()


IN_THIS_PROCESS = pytest.mark.parametrize("served", ["waitress"], indirect=True)


@IN_THIS_PROCESS
def test_the_pages_of_a_logout_in_frames_are_guarded(served):
    """The hub's own may not be framed; those in the frames say who may: the hub."""
    served.heard.clear()
    out_where_one_is_down(served)
    out_where_one_is_down(served, is_told=False)
    assert all_are_guarded(served.heard) > 2
    page, _ = [a for _, _, a in served.heard if "frame-src" in policies_in(a)]
    assert policy_of(page)["frame-src"].split() == ["'self'", f"https://{STAD}"]
    assert policy_of(page)["frame-ancestors"] == "'none'"


def policies_in(answer):
    return " ".join(answer.all("Content-Security-Policy"))


#: Pages to which these ways do not lead, with the test that does.
ELSEWHERE = {
    "attribute_missing.html": "tests/filters/test_identity.py",
    "confirm_everywhere.html": "tests/journeys/test_logout_options.py",
    "body_too_large.html": "tests/cli/serving/test_large_bodies.py",
    "choose_hub.html": "tests/participant/login/test_hub_choice.py",
    "digid_failed.html": "tests/participant/test_digid_profile.py",
    "going_on.html": "tests/hub/signin/test_upstream_signin.py",
    "guide.html": "tests/cli/commands/demo/test_demo_command.py",
    "known_already.html": "tests/hub/digid",
    "log_out_of_services.html": "tests/hub/digid",
    "logging_out_from_above.html": "tests/attacks/test_framed_logouts.py",
    "logging_out_one_by_one.html": "tests/hub/logout/browser/test_logout_redirects.py",
    "logged_in.html": "tests/participant/login/test_cancelled_login.py",
    "login_beside.html": "tests/participant/login/test_login_required.py",
    "login_loops.html": "tests/web/limits/test_login_loops.py",
    "no_access.html": "tests/participant/policy/test_attribute_access.py",
    "proof_too_old.html": "tests/participant/policy/test_path_limits.py",
    "subject_changed.html": "tests/participant/test_digid_profile.py",
    "subject_missing.html": "tests/participant/test_subject_names.py",
}
#: What is part of a page, and none by itself.
PARTS = {
    *("base.html", "brand.html", "demo_citizens.html", "footer.html"),
    *("help_desk.html", "languages.html", "marks.html", "rehearsal.html", "ways.html"),
    "where_in.html",
}


@IN_THIS_PROCESS
def test_no_page_is_left_out(served, monkeypatch, hub_of, anna):
    folders = [resources.files(f"eilogin.{room}") for room in ("web", "hub", "portal")]
    templates = {
        file.name
        for folder in folders
        for file in (folder / "templates").iterdir()
        if file.name.endswith(".html")
    }
    with noted(monkeypatch) as made:
        list(pages_of_strangers(served))
        list(pages_of_citizens(served, anna))
        walk(served)
        unasked(served, hub_of(served.trusts()))
        out_where_one_is_down(served)
        out_where_one_is_down(served, is_told=False)
    left = templates - PARTS - made
    assert left == set(ELSEWHERE), (left - set(ELSEWHERE), set(ELSEWHERE) - left)


def test_no_page_is_made_but_by_one_door():
    """Only ``page_rendering`` makes a page, so each has all the headers."""
    made = [
        path.relative_to(Path(eilogin.__file__).parent).as_posix()
        for path in Path(eilogin.__file__).parent.rglob("*.py")
        if re.search(r'(?i)content.type"?[,=:] *"text/html', path.read_text())
    ]
    assert made == ["web/pages/page_rendering.py"]


# --- what a request says ------------------------------------------------------------

MARK = "\"'><xss onload=alert(1)>"
ENCODED = quote(MARK, safe="")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (UWV, "/eilogin/login"),
        (UWV, "/eilogin/language"),
        (UWV, "/eilogin/acs"),
        (UWV, "/eilogin/logout"),
        (UWV, "/eilogin/slo"),
        (UWV, "/eilogin/again"),
        (UWV, "/eilogin/accessibility"),
        (UWV, f"/eilogin/{ENCODED}"),
        (MIJN, "/"),
        (MIJN, "/go"),
        (MIJN, "/logo"),
        (HUB, "/"),
        (HUB, "/login"),
        (HUB, "/language"),
        (HUB, "/sso"),
        (HUB, "/slo"),
        (HUB, f"/{ENCODED}"),
    ],
)
def test_nothing_that_a_request_says_is_markup_on_a_page(served, anna, host, path):
    names = ("next", "level", "hub", "form", "answer", "look", "request", "username")
    more = ("SAMLart", "RelayState", "q", "category", "page", "to", "of", "v")
    pairs = [f"{name}={ENCODED}" for name in (*names, *more)]
    elsewhere = ("Sec-Fetch-Site: cross-site", NAVIGATION)
    said = (*elsewhere, f"Accept-Language: nl;{MARK}", f"User-Agent: {MARK}")
    sign_in = "Cookie: __Host-eilogin-sign-in=yes"
    for pair in pairs:
        answers = [
            get(served, host, f"{path}?{pair}", *said, cookies_of(anna, host)),
            get(served, host, f"{path}?{pair}", *said),
            post(
                served,
                host,
                path,
                OWN_PAGE,
                sign_in,
                body=f"{pair}&password=x".encode(),
            ),
            post(served, host, f"{path}?{pair}", OWN_PAGE, body=pair.encode()),
        ]
        for _, answer in answers:
            assert answer.status < 500
            assert b"<xss" not in answer.body
            assert "<xss" not in str(answer.headers)


# --- frames -------------------------------------------------------------------------


def test_a_page_in_a_frame_of_its_own_site_may_stand_there(served):
    """Where it says that a login is needed; in a frame of another site it may not."""
    lines = ("Sec-Fetch-Dest: iframe", NAVIGATION)
    _, answer = get(served, UWV, "/mijn", *lines, OWN_PAGE)
    assert is_guarded(answer, framed_by="'self'")
    _, answer = get(served, UWV, "/mijn", *lines, "Sec-Fetch-Site: cross-site")
    assert b"frame-ancestors 'self'" not in answer.body
    assert answer.status in (401, 403)
    assert not answer.all("Location")
    for path in ("/login", "/"):
        _, answer = get(served, HUB, path, *lines, "Sec-Fetch-Site: cross-site")
        assert is_guarded(answer)


# --- the policy of forms ------------------------------------------------------------


@pytest.mark.parametrize("site", [UWV, STAD])
def test_the_form_to_sign_in_leads_on_to_who_asked_and_nobody_else(served, site):
    browser = served.browser()
    browser.visit(f"https://{site}/mijn")
    _, _, page = served.heard[-1]
    assert policy_of(page)["form-action"].split() == ["'self'", f"https://{site}"]
    # The browser here stops a form that its page's policy forbids, as Chromium does.
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == f"https://{site}/mijn"


def test_the_form_to_sign_in_that_nobody_asked_for_leads_nowhere_else(served):
    for path in ("/login", "/login?next=%2Fsso%3Frequest%3D" + "0" * 32):
        _, answer = get(served, HUB, path)
        assert policy_of(answer)["form-action"] == "'self'"


def test_a_page_that_posts_leads_where_its_form_does(served, anna):
    """The hub's answer by POST: to the place that the metadata names, by a script."""
    browser = served.browser()
    for name, value in anna.cookies(HUB).items():
        browser.set_cookie(HUB, name, value)
    browser.visit(f"https://{UWV}/mijn")
    assert browser.url == f"https://{UWV}/mijn"
    [page] = [a for _, _, a in served.heard[-6:] if b'name="SAMLResponse"' in a.body]
    assert is_guarded(page)
    policy = policy_of(page)
    assert policy["form-action"].split() == ["'self'", f"https://{UWV}"]
    assert "<noscript" in page.text or "<button" in page.text


# --- an application with a policy of its own ----------------------------------------


def test_an_application_keeps_its_own_policy_and_logs_in(served):
    """One that lets forms lead nowhere but to itself."""
    browser = served.browser()
    browser.visit(f"https://{STAD}/open")
    _, _, answer = served.heard[-1]
    assert answer.all("Content-Security-Policy") == [STRICT]
    browser.click("Log in")
    browser.press("Inloggen", username="bram", password="demo-bram")
    assert browser.url == f"https://{STAD}/mijn"
    _, _, answer = served.heard[-1]
    assert answer.all("Content-Security-Policy") == [STRICT]
    assert '<script src="/eilogin/warning.js' in answer.text
    browser.visit(f"https://{STAD}/open")
    browser.click("Log out")
    assert "user=[]" in served.ask(request("GET", "/open", host=STAD), STAD).text


def test_a_form_of_such_an_application_leads_to_a_page_and_not_to_the_hub(served):
    """Its policy would stop a redirect; the page that she gets has a link."""
    browser = served.browser()
    browser.visit(f"https://{STAD}/open")
    browser.press("Send")
    assert browser.url == f"https://{STAD}/mijn/verhuizen"
    assert browser.page.status_int == 403
    _, _, answer = served.heard[-1]
    assert is_guarded(answer)
    browser.click("Open een nieuw tabblad om in te loggen")
    browser.press("Inloggen", username="bram", password="demo-bram")
    assert urlsplit(browser.url).hostname == STAD
    assert "user=[" in browser.text


# --- what is no page ----------------------------------------------------------------


def test_json_responses_to_scripts_are_private(served, anna):
    for host, path, status in (
        (UWV, "/eilogin/session", 200),
        (UWV, "/mijn", 401),
        (UWV, "/eilogin/acs", 400),
        (HUB, "/sso", 400),
        (HUB, "/nothing", 404),
    ):
        lines = ("Accept: application/json", "Sec-Fetch-Mode: cors")
        answer = served.ask(request("GET", path, *lines, host=host), host)
        assert answer.status == status
        assert answer.one("Content-Type") == "application/json"
        assert is_private(answer)
    answer = served.ask(request("GET", "/eilogin/session", cookies_of(anna, UWV)))
    assert answer.json["logged_in"] is True
    assert is_private(answer)


@pytest.mark.parametrize(
    ("host", "method", "path"),
    [
        (UWV, "GET", "/eilogin/metadata"),
        (HUB, "GET", "/metadata"),
        (HUB, "GET", "/health"),
        (STAD, "GET", "/eilogin/warning.js"),
        (UWV, "POST", "/eilogin/slo/soap"),
        (HUB, "POST", "/artifact"),
    ],
)
def test_no_browser_guesses_what_anything_else_is(served, host, method, path):
    answer = served.ask(request(method, path, host=host), host)
    assert answer.one("X-Content-Type-Options") == "nosniff"
    assert "html" not in answer.one("Content-Type")


def test_the_script_that_pages_load_is_the_same_for_everybody(served, anna):
    """Another site may load it as well: nothing in it is of a citizen."""
    octets = request("GET", "/eilogin/warning.js", host=STAD)
    plain = served.ask(octets, STAD)
    lines = (cookies_of(anna, UWV), "Sec-Fetch-Site: cross-site")
    octets = request("GET", "/eilogin/warning.js", *lines, host=STAD)
    assert served.ask(octets, STAD).body == plain.body
