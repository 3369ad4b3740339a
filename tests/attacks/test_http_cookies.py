"""Cookies that a neighbour tosses, that an attacker plants, and that are junk.

A site below the same domain can set a cookie for all of it; a browser then sends both,
in an order that the attacker chooses (by Path and by age). It takes none with the
prefix ``__Host-`` from him, but a server hears that from nobody, so nothing here trusts
it: a second value of ours makes a stranger, and another cookie changes nothing.
"""

import base64
import re
import secrets

import pytest
from raw_http import HUB, STAD, UWV, cookies_of, request

TEXT = "Accept: text/html"
FORM = "Content-Type: application/x-www-form-urlencoded"
OWN_PAGE = "Sec-Fetch-Site: same-origin"
NAME = "__Host-eilogin"


@pytest.fixture(scope="module")
def anna(served):
    """A browser of who is logged in, here and at the hub."""
    return served.signed_in()


@pytest.fixture(scope="module")
def bram(served):
    """And one of the attacker, who is a citizen too."""
    return served.signed_in(name="bram")


def seen(served, *lines, path="/mijn"):
    """Whom the application sees by these lines; None where she has to log in."""
    answer = served.ask(request("GET", path, TEXT, *lines))
    assert answer.status in (200, 302), answer
    return answer.json["NAME"] if answer.status == 200 else None


def session_set_by(answer):
    """The value of the session cookie that an answer sets; None where it sets none."""
    pairs = [each.partition(";")[0] for each in answer.all("Set-Cookie")]
    values = [pair.partition("=")[2] for pair in pairs if pair.startswith(f"{NAME}=")]
    assert len(values) <= 1, pairs
    return values[0] if values else None


# --- tossed by a neighbour ------------------------------------------------------------


@pytest.mark.parametrize("joined", ["; ", ";", "; ;", " ; ", ";\t"])
@pytest.mark.parametrize("is_first", [True, False])
def test_two_sessions_in_one_request_are_none(served, anna, bram, joined, is_first):
    hers = f"{NAME}={anna.cookie(UWV, NAME)}"
    his = f"{NAME}={bram.cookie(UWV, NAME)}"
    pairs = [his, hers] if is_first else [hers, his]
    assert seen(served, f"Cookie: {joined.join(pairs)}") is None
    assert seen(served, f"Cookie: {hers}; a=b") == "Anna de Proef"


@pytest.mark.parametrize("is_first", [True, False])
def test_two_lines_of_cookies_are_as_one(served, anna, bram, is_first):
    lines = [f"Cookie: {NAME}={b.cookie(UWV, NAME)}" for b in (bram, anna)]
    assert seen(served, *(lines if is_first else reversed(lines))) is None


TOSSED = (
    "eilogin={v}",
    "__host-eilogin={v}",
    "__HOST-EILOGIN={v}",
    "__Secure-eilogin={v}",
    "__Host-eilogin2={v}",
    "x__Host-eilogin={v}",
    "__Host-eilogin[]={v}",
    "__Host-eilogin ={v}",
    "__Host-eilogin\xa0={v}",
    "\xa0__Host-eilogin={v}",
    "\x85__Host-eilogin={v}",
    "$__Host-eilogin={v}",
    "%5f_Host-eilogin={v}",
    "={v}",
    "=__Host-eilogin={v}",
    "a=__Host-eilogin={v}",
    'a="b; __Host-eilogin2={v}"',
    "a=b, __Host-eilogin={v}",
    "a=b,__Host-eilogin={v}",
    "a=b&__Host-eilogin={v}",
    "__Host-eilogin",
    "__Host-eilogin-hub={v}",
    "__Host-eilogin-login-x={v}",
    "$Version=1; $Path=/; a={v}",
)


@pytest.mark.parametrize("tossed", TOSSED)
def test_no_cookie_of_another_name_is_taken_for_hers(served, anna, bram, tossed):
    hers = f"{NAME}={anna.cookie(UWV, NAME)}"
    other = tossed.format(v=bram.cookie(UWV, NAME))
    assert seen(served, f"Cookie: {other}") is None
    assert seen(served, f"Cookie: {other}; {hers}") == "Anna de Proef"
    assert seen(served, f"Cookie: {hers}; {other}") == "Anna de Proef"


def test_a_quote_of_a_neighbour_does_not_swallow_hers(served, anna):
    """A lenient reader takes all up to the next quote for one value."""
    hers = f"{NAME}={anna.cookie(UWV, NAME)}"
    assert seen(served, f'Cookie: a="b; {hers}; c=d"') == "Anna de Proef"
    assert seen(served, f'Cookie: a="; {hers}') == "Anna de Proef"


@pytest.mark.parametrize(
    "spelt",
    ['"{v}"', "{v}=", "{v}\0", "%{v}", "{v},x", "{v} x", "{w}", "{v}x", "{short}"],
)
def test_no_other_spelling_of_her_session_is_hers(served, anna, spelt):
    value = anna.cookie(UWV, NAME)
    written = spelt.format(v=value, w=value.swapcase(), short=value[:-1])
    answer = served.ask(request("GET", "/mijn", TEXT, f"Cookie: {NAME}={written}"))
    assert answer.status in (302, 400), answer


def test_the_cookie_of_one_site_is_of_no_use_at_another(served, anna):
    """Nor is the hub's own session at a participant, or the other way round."""
    at_hub = anna.cookie(HUB, NAME)
    assert seen(served, f"Cookie: {NAME}={at_hub}") is None
    lines = (TEXT, f"Cookie: {NAME}={anna.cookie(UWV, NAME)}")
    answer = served.ask(request("GET", "/", *lines, host=HUB), HUB)
    assert "niet ingelogd" in answer.text
    answer = served.ask(request("GET", "/mijn", *lines, host=STAD), STAD)
    assert answer.status == 302


# --- planted by an attacker -----------------------------------------------------------


@pytest.mark.parametrize(
    "planted", [secrets.token_urlsafe(33), "x", ""], ids=["like ours", "short", "empty"]
)
def test_a_login_makes_a_session_that_nobody_knew(served, planted):
    """Session fixation: at the participant and at the hub, whatever was planted."""
    browser = served.browser()
    for host in (UWV, HUB):
        for name in (NAME, f"{NAME}-login-x", f"{NAME}-sign-in", f"{NAME}-hub"):
            browser.set_cookie(host, name, planted)
    browser.visit(f"https://{UWV}/mijn")
    browser.press("Inloggen", username="chaima", password="demo-chaima")
    assert browser.url == f"https://{UWV}/mijn", browser.text
    assert browser.page.json["NAME"].startswith("Chaima")
    for host in (UWV, HUB):
        now = browser.cookie(host, NAME)
        assert now != planted
        assert len(now) >= 43
    assert seen(served, f"Cookie: {NAME}={planted}") is None


def test_login_replaces_planted_session_cookies(served):
    """He hoped that she would log in in it, and that it would be hers then."""
    his = served.signed_in(name="bram")
    given = {host: his.cookie(host, NAME) for host in (UWV, HUB)}
    browser = served.browser()
    for host, value in given.items():
        browser.set_cookie(host, NAME, value)
    browser.visit(f"https://{UWV}/eilogin/login?next=/mijn&fresh=yes")
    browser.press("Inloggen", username="chaima", password="demo-chaima")
    browser.visit(f"https://{UWV}/mijn")
    assert browser.page.json["NAME"].startswith("Chaima")
    for host, value in given.items():
        assert browser.cookie(host, NAME) != value
    assert seen(served, f"Cookie: {NAME}={given[UWV]}") in (None, "Bram")
    lines = (TEXT, f"Cookie: {NAME}={given[HUB]}")
    answer = served.ask(request("GET", "/", *lines, host=HUB), HUB)
    assert "Chaima" not in answer.text


def test_a_new_login_in_the_place_of_one_ends_its_session(served):
    """What somebody knew of the session before is of no use after it."""
    browser = served.signed_in(name="chaima")
    before = {host: browser.cookie(host, NAME) for host in (UWV, HUB)}
    browser.visit(f"https://{UWV}/eilogin/login?next=/mijn&fresh=yes")
    browser.press("Inloggen", username="chaima", password="demo-chaima")
    assert browser.url == f"https://{UWV}/mijn", browser.text
    for host in (UWV, HUB):
        assert browser.cookie(host, NAME) != before[host]
    assert seen(served, f"Cookie: {NAME}={before[UWV]}") is None
    lines = (TEXT, f"Cookie: {NAME}={before[HUB]}")
    answer = served.ask(request("GET", "/", *lines, host=HUB), HUB)
    assert "niet ingelogd" in answer.text


def test_a_cookie_that_is_planted_does_not_become_a_session(served):
    planted = secrets.token_urlsafe(33)
    cookie = f"Cookie: {NAME}={planted}"
    for host, path in ((UWV, "/mijn"), (UWV, "/open"), (HUB, "/"), (HUB, "/login")):
        answer = served.ask(request("GET", path, TEXT, cookie, host=host), host)
        assert session_set_by(answer) in (None, "")
    assert seen(served, cookie) is None


def test_no_planted_word_of_a_login_under_way_takes_an_answer(served, hub_of, asked):
    """The cookie that ties a login to a browser is good with its own secret only."""
    answer = served.ask(request("GET", "/mijn", TEXT))
    question, relay_state = asked(answer.one("Location"))
    [name] = [
        c.partition("=")[0]
        for c in answer.all("Set-Cookie")
        if c.startswith("__Host-eilogin-login-")
    ]
    [pair] = [
        c.partition(";")[0] for c in answer.all("Set-Cookie") if c.startswith(name)
    ]
    hub = hub_of(served.trusts())
    fields = hub.by_post("SAMLResponse", hub.answer(question), relay_state)
    body = b"&".join(f"{k}={base64_as_written(v)}".encode() for k, v in fields.items())
    posted = served.ask(request("POST", "/eilogin/acs", TEXT, FORM, body=body))
    target = posted.one("Location").removeprefix(f"https://{UWV}")
    value = pair.partition("=")[2]
    for written in ("", "x", value[:-1], value[::-1], value.swapcase(), f"{value}x"):
        line = f"Cookie: {name}={written}"
        arrived = served.ask(request("GET", target, TEXT, line))
        # Refused, or begun anew: this cookie opens nothing.
        assert arrived.status in (303, 400, 403), arrived
        assert "/mijn" not in (arrived.all("Location") or [""])[0]
        assert session_set_by(arrived) is None
    arrived = served.ask(request("GET", target, TEXT, f"Cookie: {name}=x; {pair}"))
    assert session_set_by(arrived) is None
    arrived = served.ask(request("GET", target, TEXT, f"Cookie: {pair}"))
    assert session_set_by(arrived)


def base64_as_written(text):
    return text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


# --- junk -----------------------------------------------------------------------------

JUNK = {
    "quotes": b'a="b"; "c"=d; e="; f=g"',
    "no pairs": b"a; b; ; ;; =; =x",
    "JSON": b'x={"a":1,"b":[2;3]}',
    "beyond ASCII": "naam=Ren\xe9; caf\xe9=1".encode(),
    "latin-1": b"naam=Ren\xe9; caf\xe9=1",
    "no UTF-8": b"a=\xff\xfe\xfd; \xc0\xaf=1",
    "brackets": b"a[b]=c; <a>=</a>; (x)=@",
    "many": b"; ".join(b"c%d=%d" % (n, n) for n in range(700)),
    "many of ours": b"; ".join(b"__Host-eilogin-login-%d=x" % n for n in range(250)),
    "many of our forms": b"; ".join(
        b"__Host-eilogin-kept-%d=x" % n for n in range(250)
    ),
    "long": b"a=" + b"b" * 7000,
    "a long one of ours": b"__Host-eilogin-hub=" + b"b" * 7000,
    "attributes": b"a=b; Path=/; Domain=.test; Secure; HttpOnly; Max-Age=0",
    "of Python": b"a=gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU",
    "nothing": b"",
    "a semicolon": b";",
    "blanks": b" \t  \t",
}


@pytest.mark.parametrize("junk", JUNK)
def test_no_junk_beside_it_loses_her_session(served, anna, junk):
    hers = f"{NAME}={anna.cookie(UWV, NAME)}".encode()
    for line in (
        b"Cookie: " + JUNK[junk] + b"; " + hers,
        b"Cookie: " + hers + b"; " + JUNK[junk],
    ):
        assert seen(served, line) == "Anna de Proef"
    at_hub = cookies_of(anna, HUB).encode()
    octets = request("GET", "/", TEXT, at_hub + b"; " + JUNK[junk], host=HUB)
    assert "Overal uitloggen" in served.ask(octets, HUB).text


@pytest.mark.parametrize("junk", JUNK)
def test_no_junk_is_anything_but_junk(served, junk):
    line = b"Cookie: " + JUNK[junk]
    for host, path in (
        (UWV, "/open"),
        (UWV, "/mijn"),
        (UWV, "/eilogin/acs?answer=" + "0" * 64),
        (UWV, "/eilogin/logout"),
        (UWV, "/eilogin/again?form=x"),
        (STAD, "/open"),
        (HUB, "/"),
        (HUB, "/login"),
        (HUB, "/slo?look=x"),
    ):
        answer = served.ask(request("GET", path, TEXT, line, host=host), host)
        assert answer.status in (200, 302, 303, 400, 403, 404, 431), (path, answer)
        assert not session_set_by(answer)
        assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "value",
    [
        b"x" * 7000,
        b"\xff\xfe",
        "\u20ac".encode(),
        b"\0",
        b"'; DROP TABLE sessions; --",
        b"../../../etc/passwd",
        b"%00%0d%0a",
        b"{}",
        b"null",
        b"-1",
        base64.b64encode(b"\x80\x04c__builtin__\neval\n."),
    ],
)
def test_no_value_of_the_session_cookie_is_anything_but_unknown(served, value):
    name = NAME.encode()
    for line in (
        b"Cookie: " + name + b"=" + value,
        b"Cookie: " + name + b"=" + value + b"; " + name + b"-hub=" + value,
        b"Cookie: " + name + b"-logout=" + value,
        b"Cookie: "
        + name
        + b"-discovery="
        + value
        + b"; "
        + name
        + b"-rounds="
        + value,
    ):
        for host, path in ((UWV, "/mijn"), (UWV, "/eilogin/logout"), (HUB, "/")):
            answer = served.ask(request("GET", path, TEXT, line, host=host), host)
            assert answer.status in (200, 302, 303, 400, 431), answer
            assert not session_set_by(answer)


# --- what we set ----------------------------------------------------------------------


def test_every_cookie_of_ours_is_guarded(served):
    """The whole way through a login and a logout, at all members."""
    browser = served.browser()
    served.heard.clear()
    browser.visit(f"https://{UWV}/mijn")
    browser.press("Inloggen", username="chaima", password="demo-chaima")
    browser.visit(f"https://{STAD}/mijn")
    browser.visit(f"https://{UWV}/midden")
    browser.visit(f"https://{UWV}/eilogin/logout?next=/open")
    found = [(h, c) for h, _, a in served.heard for c in a.all("Set-Cookie")]
    assert {host for host, _ in found} == {UWV, STAD, HUB}
    names = {header.partition("=")[0] for _, header in found}
    assert NAME in names
    assert len(names) > 4
    for _, header in found:
        assert re.fullmatch(
            r"__Host-eilogin[\w.-]*=[!-:<-~]*(; Max-Age=\d+)?; Path=/; Secure;"
            r" HttpOnly; SameSite=(Lax|Strict|None)",
            header,
        ), header
        if header.startswith(f"{NAME}="):
            assert "SameSite=Lax" in header
            assert "chaima" not in header
