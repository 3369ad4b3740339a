"""Who somebody is, a session says, and never a client: through sockets of our own.

What an application sees is compared with what it sees of the same visitor who forges
nothing. A server may refuse a header that is none; an application never sees it as one
by which somebody is known.
"""

import itertools
import re

import pytest
from raw_http import HUB, LAND, MAPPED, UWV, cookies_of, request

#: By which an application here, or anywhere, is told who somebody is.
NAMES = ("Remote-User", "X-Remote-User", "X-Forwarded-User", *MAPPED)
#: The same for what is no header: keys of environ, of the server and of ours.
KEYS = ("AUTH_TYPE", "NAME", "MAIL", "eilogin.session", "eilogin.login")
#: Names that are none, as a header: the application knows them by no key.
HARMLESS = ("eilogin.session", "HTTP_REMOTE_USER", "X.Remote.User", "wsgi.input")
#: ``off``, ``optional``, and one that needs a login.
PATHS = ("/static", "/open", "/mijn")


def spellings(name):
    """All that some server takes for the same name."""
    parts = re.split("[-_.]", name)
    for marks in itertools.product("-_", repeat=len(parts) - 1):
        written = parts[0] + "".join(
            mark + part for mark, part in zip(marks, parts[1:], strict=True)
        )
        for change in (str, str.upper, str.lower, str.swapcase):
            yield change(written)


SPELLINGS = sorted(
    {each for name in NAMES for each in spellings(name)}
    | {each for key in ("Auth-Type", "Name", "Mail") for each in spellings(key)}
)


def plain(key):
    """A key as who reads it most leniently takes it: CGI has no dashes and no case."""
    return key.upper().replace("-", "_").removeprefix("HTTP_")


IDENTITY = {plain(name) for name in (*NAMES, *KEYS)}


def identity_in(told):
    """What of it says who somebody is, by whatever key."""
    return {key: value for key, value in told.items() if plain(key) in IDENTITY}


NOBODY = {"eilogin.session": None}


@pytest.fixture(scope="module")
def anna(served):
    """The browser of who is logged in."""
    return served.signed_in()


def told_to_app(served, path, *lines, method="GET", body=b"", length=True):
    """Who somebody is by what the application sees, with a page that it shows."""
    octets = request(method, path, *lines, body=body, length=length)
    answer = served.ask(octets)
    assert answer.status == 200, answer
    return identity_in(answer.json)


# --- who sends no tricks ------------------------------------------------------------


def test_an_application_sees_who_is_logged_in_and_nobody_else(served, anna):
    cookie = cookies_of(anna, UWV)
    told = told_to_app(served, "/mijn", cookie)
    assert told == told_to_app(served, "/open", cookie)
    assert told["HTTP_X_NAME"] == told["NAME"] == "Anna de Proef"
    assert told["HTTP_X_LEVEL"] == "basis"
    assert told["AUTH_TYPE"] == "eilogin"
    assert told["REMOTE_USER"] == told["HTTP_CITIZEN"] == told["eilogin.session"]
    # What she has none of is not there: the hub tells no address of hers.
    assert "MAIL" not in told
    assert "HTTP_X_CLASS" not in told
    # A constant is for who is logged in, and 'none' for nobody.
    assert told["HTTP_X_KIND"] == "citizen"
    assert "HTTP_X_ROLE" not in told
    assert told_to_app(served, "/static", cookie) == NOBODY
    assert told_to_app(served, "/open") == NOBODY


def test_headers_that_say_nothing_of_her_come_through(served):
    answer = served.ask(request("GET", "/open", "X-Colour: blue", "x-remote-users: 3"))
    assert answer.json["HTTP_X_COLOUR"] == "blue"
    assert answer.json["HTTP_X_REMOTE_USERS"] == "3"


# --- every spelling -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/static", "/open"])
def test_no_spelling_makes_a_stranger_somebody(served, path):
    for name in SPELLINGS:
        answer = served.ask(request("GET", path, f"{name}: forged"))
        assert answer.status in (200, 400), name
        if answer.status == 200:
            assert "forged" not in answer.text, name


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("start", ["X-Wiki-", "x_wiki-", "X-WIKI_", "x_Wiki_"])
@pytest.mark.parametrize("end", ["Permissions", "a_b", "Cla\xdf", "\xe9", "", "-"])
def test_no_name_that_begins_as_a_pattern_reaches_an_application(
    served, anna, path, start, end
):
    line = f"{start}{end}: forged".encode("latin-1")
    for cookie in ([cookies_of(anna, UWV)], [])[: 1 if path == "/mijn" else 2]:
        answer = served.ask(request("GET", path, line, *cookie))
        # A server may say what it does not take.
        assert answer.status in (200, 400)
        assert answer.status == 400 or "forged" not in answer.text


@pytest.mark.parametrize("name", HARMLESS)
def test_no_header_is_a_key_that_a_server_sets(served, name):
    answer = served.ask(request("GET", "/open", f"{name}: forged"))
    assert answer.status in (200, 400)
    if answer.status == 200:
        told = {k for k in answer.json if not k.startswith("HTTP_")}
        assert told == NOBODY.keys()


@pytest.mark.parametrize("path", PATHS)
def test_all_of_them_at_once_change_nothing(served, anna, path):
    cookie = cookies_of(anna, UWV)
    good = served.ask(request("GET", path, cookie))
    lines = [f"{name}: forged" for name in SPELLINGS]
    # At most so many headers some servers take.
    for few in (lines[at : at + 60] for at in range(0, len(lines), 60)):
        both = [*few, *(line.swapcase() for line in few[:30])]
        answer = served.ask(request("GET", path, *both, cookie))
        assert answer.status == 200
        assert answer.json == good.json
        answer = served.ask(request("GET", path, cookie, *both))
        assert answer.json == good.json


def test_a_stranger_who_says_who_she_is_has_to_log_in_all_the_same(served):
    lines = [f"{name}: forged" for name in SPELLINGS[:60]]
    for path in ("/mijn", "/midden"):
        plain = served.ask(request("GET", path))
        answer = served.ask(request("GET", path, *lines))
        assert answer.status == plain.status == 302
        assert answer.one("Location").startswith(f"https://{HUB}/sso?")


def test_no_header_lifts_the_level_of_who_is_logged_in(served, anna):
    lines = ["X-Level: hoog", "X_LEVEL: hoog", "eilogin.session: x", "Level: hoog"]
    answer = served.ask(request("GET", "/midden", *lines, cookies_of(anna, UWV)))
    assert answer.status == 302
    assert answer.one("Location").startswith(f"https://{HUB}/sso?")


def test_no_header_says_to_the_hub_who_signs_in(served):
    lines = [f"{name}: forged" for name in SPELLINGS[:60]]
    answer = served.ask(request("GET", "/", *lines, host=HUB), HUB)
    assert answer.status == 200
    assert "forged" not in answer.text
    assert "niet ingelogd" in answer.text


# --- tricks of the protocol -----------------------------------------------------------

#: What may stand in a head besides plain lines, each with a forged name in it.
TRICKS = {
    "hop by hop": [b"Connection: X-Remote-User, close", b"X-Remote-User: forged"],
    "hop by hop, mapped": [b"Connection: close, X-Name", b"X-Name: forged"],
    "twice": [b"X-Remote-User: ", b"X-Remote-User: forged"],
    "twice, otherwise": [b"X-Remote-User: forged", b"x_remote_user: forged"],
    "blank before the colon": [b"X-Remote-User : forged"],
    "tab before the colon": [b"X-Remote-User\t: forged"],
    "blank before the name": [b"X-Colour: blue", b" X-Remote-User: forged"],
    "tab before the name": [b"X-Colour: blue", b"\tX-Remote-User: forged"],
    "blank as mark": [b"X Remote User: forged"],
    "full stop as mark": [b"X.Remote.User: forged", b"Remote.User: forged"],
    "other marks": [b"X~Remote~User: forged", b"X!Remote!User: forged"],
    "NUL": [b"X-Remote-User\0: forged"],
    "NUL in the middle": [b"X-Remote\0-User: forged"],
    "bare LF": [b"X-Colour: blue\nX-Remote-User: forged"],
    "bare CR": [b"X-Colour: blue\rX-Remote-User: forged"],
    "vertical tab": [b"X-Colour: blue\x0bX-Remote-User: forged"],
    "line of Unicode": [b"X-Colour: blue\xc2\x85X-Remote-User: forged"],
    # In upper case it is "X-CLASS", and so a name of the application.
    "one letter that becomes two": ["X-Cla\xdf: forged".encode("latin-1")],
    "one letter that becomes two, UTF-8": ["X-Cla\xdf: forged".encode()],
    "the long s": ["X-Remote-U\u017fer: forged".encode()],
    "the Kelvin sign": ["X-\u212aame: forged".encode()],
    "a soft hyphen": [b"X\xadRemote\xadUser: forged"],
    "no colon": [b"X-Remote-User forged"],
    "no name": [b": forged"],
    "a value of control": [b"X-Remote-User: forged\x01"],
    "behind a long one": [b"X-Colour: " + b"b" * 4000, b"Remote-User: forged"],
    "the key itself": [b"HTTP_REMOTE_USER: forged", b"REMOTE_USER: forged"],
    "the key as a header": [b"HTTP-Remote-User: forged"],
    "as the server's": [b"SCRIPT_NAME: ", b"REMOTE_USER: forged"],
    "Basic": [b"Authorization: Basic Zm9yZ2VkOmZvcmdlZA=="],
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_the_protocol_makes_somebody_else(served, anna, trick):
    cookie = cookies_of(anna, UWV)
    for path in PATHS:
        good = told_to_app(served, path, cookie)
        answer = served.ask(request("GET", path, *TRICKS[trick], cookie))
        assert answer.status in (0, 200, 400), answer
        if answer.status == 200:
            assert identity_in(answer.json) == good
    answer = served.ask(request("GET", "/open", *TRICKS[trick]))
    assert answer.status in (0, 200, 400)
    if answer.status == 200:
        assert identity_in(answer.json) == NOBODY


@pytest.mark.parametrize("name", ["X-Remote-User", "X-Name", "REMOTE_USER"])
def test_no_trailer_of_a_body_in_chunks_makes_somebody(served, anna, name):
    body = b"3\r\na=b\r\n0\r\n" + f"{name}: forged\r\n\r\n".encode()
    lines = (
        "Transfer-Encoding: chunked",
        f"Trailer: {name}",
        "Content-Type: application/x-www-form-urlencoded",
        "Sec-Fetch-Site: same-origin",
    )
    for path in PATHS:
        cookie = cookies_of(anna, UWV)
        good = told_to_app(served, path, cookie)
        octets = request("POST", path, *lines, cookie, body=body, length=False)
        answer = served.ask(octets)
        assert answer.status in (200, 400), answer
        if answer.status == 200:
            assert identity_in(answer.json) == good
    octets = request("POST", "/open", *lines, body=body, length=False)
    assert b"forged" not in served.ask(octets).body


def test_a_body_in_chunks_without_tricks_comes_through(served, anna):
    lines = ("Transfer-Encoding: chunked", cookies_of(anna, UWV))
    body = b"3\r\na=b\r\n0\r\n\r\n"
    told = told_to_app(served, "/open", *lines, method="POST", body=body, length=False)
    assert told["HTTP_X_NAME"] == "Anna de Proef"


def test_forged_header_does_not_reach_the_next_request(served):
    """In the same connection, right behind it."""
    first = request("GET", "/open", "X-Remote-User: forged", "Connection: keep-alive")
    second = request("GET", "/open")
    first = first.replace(b"Connection: close\r\n", b"")
    answer = served.ask(first + second)
    assert identity_in(answer.json) == NOBODY


def test_a_request_of_http_1_0_forges_no_more(served):
    octets = (
        b"GET /open HTTP/1.0\r\nX-Remote-User: forged\r\nRemote_User: forged\r\n\r\n"
    )
    answer = served.ask(octets)
    assert answer.status == 200
    assert identity_in(answer.json) == NOBODY


# --- whoever is logged in elsewhere --------------------------------------------------


def test_session_cookie_of_one_site_is_invalid_at_another(served, anna):
    """With the cookie of one site at another one."""
    octets = request("GET", "/mijn", cookies_of(anna, UWV), host=LAND)
    answer = served.ask(octets, LAND)
    assert answer.status == 302
    assert answer.one("Location").startswith(f"https://{HUB}/sso?")
