"""No way to write a path leads a stranger past ``protect``, through real servers.

``test_paths.py`` looks at what the guard makes of them; here they come as bytes, so
that what a server does to a path comes before it.
"""

from urllib.parse import quote

import pytest
from raw_http import UWV, cookies_of, request

TEXT = "Accept: text/html"
#: What stands between the first slash and a name, for some server or application.
BEFORE = (
    "/",
    "//",
    "///",
    "/./",
    "/%2e/",
    "/x/../",
    "/open/../",
    "/static/../",
    "/static/..%2f",
    "/static/%2e%2e/",
    "/static/.%2e/",
    "/static/..;/",
    "/static/..\\",
    "/static/..%5c",
    "/static/%252e%252e/",
    "/static//../",
    "/static/x/../../",
    "/open;/../",
    "/;/",
    "/%2f",
    "/%5c",
    "/%252f",
    "/%c0%af",
    "/%u002f",
    "/%ef%bc%8f",
    "/@@/",
    "/@@",
    "/++view++",
    "/++lang++nl/",
    "\\",
    "/\\",
    "/%00/",
    "/%20/",
    "/%09/",
    "/%0a/",
)
#: And what stands behind it.
BEHIND = (
    "",
    "/",
    "//",
    "/.",
    "/..;",
    ".",
    "..",
    ";",
    ";x=y",
    ";/../static",
    "%3b",
    "%20",
    "%00",
    "%00.css",
    "%0a",
    "%09",
    "%3f",
    "%3fx=/static",
    "%23",
    "%2f",
    "%5c",
    "%252f",
    "/%2e",
    "?/static",
    "?path=/static",
    "%ef%bc%8f",
    "%e2%80%a6",
    "/x.css",
)
#: Ways to write a letter of it.
LETTERS = (
    lambda c: f"%{ord(c):02x}",
    lambda c: f"%25{ord(c):02x}",
    lambda c: f"%2525{ord(c):02x}",
    lambda c: f"%u{ord(c):04x}",
    lambda c: quote(chr(ord(c) + 0xFEE0)),
    str.upper,
)
NAMES = ("mijn", "midden")


def spellings(name):
    """Targets that some application takes for the page of this name."""
    yield from (f"{before}{name}" for before in BEFORE)
    yield from (f"/{name}{behind}" for behind in BEHIND)
    for spell in LETTERS:
        yield f"/{spell(name[0])}{name[1:]}"
        yield f"/{name[:-1]}{spell(name[-1])}"
        yield f"/{''.join(map(spell, name))}"


def is_kept_out(answer):
    """Whether the application was not asked; what is no path the server refuses."""
    assert answer.status in (302, 400, 401, 403, 404), answer
    # Which tells of whom it sees, in the first place.
    assert b'"eilogin.session"' not in answer.body
    if answer.status == 302:
        assert answer.one("Location").startswith("https://")
    return True


@pytest.mark.parametrize("name", NAMES)
def test_no_spelling_of_a_path_lets_a_stranger_in(served, name):
    for target in spellings(name):
        octets = request("GET", target.encode("latin-1"), TEXT)
        assert is_kept_out(served.ask(octets)), target


def test_no_spelling_of_a_path_lets_her_in_at_a_lower_level(served):
    """Who proved a password is let in to the one page, and not to the other."""
    cookie = cookies_of(served.signed_in(), UWV)
    assert served.ask(request("GET", "/mijn", TEXT, cookie)).status == 200
    for target in spellings("midden"):
        octets = request("GET", target.encode("latin-1"), TEXT, cookie)
        answer = served.ask(octets)
        # Upper case is another page, as the manual has it, which no line names.
        is_another = target != target.lower() and "%" not in target
        assert (answer.status == 200) is is_another, target


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("harmless", ["/open", "/static"])
@pytest.mark.parametrize(
    "line",
    [
        "X-Original-URL: /{name}",
        "X-Rewrite-URL: https://uwv.test/{name}",
        "Destination: https://uwv.test/{name}",
        "X-Vhm-Root: /{name}",
    ],
)
def test_no_header_leads_a_harmless_path_there(served, name, harmless, line):
    """Some applications would obey it, and serve the other page."""
    for method in ("GET", "POST", "MOVE"):
        octets = request(method, harmless, TEXT, line.format(name=name))
        assert is_kept_out(served.ask(octets))
    answer = served.ask(request("GET", harmless, TEXT, line.format(name="open")))
    assert answer.status == 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("header", ["X-Forwarded-Prefix", "X-Script-Name"])
def test_no_header_takes_off_a_harmless_beginning(served, name, header):
    octets = request("GET", f"/open/{name}", TEXT, f"{header}: /open")
    assert is_kept_out(served.ask(octets))
    octets = request("GET", f"/open/{name}", TEXT, f"{header}: /elsewhere")
    assert served.ask(octets).status == 200


@pytest.mark.parametrize(
    "target", ["/open", "/open/x", "/static", "/static/x.css", "/", "/open?x=/mijn"]
)
def test_a_path_that_is_open_is(served, target):
    answer = served.ask(request("GET", target, TEXT))
    assert answer.status == 200
    assert answer.json == {"HTTP_ACCEPT": "text/html", "eilogin.session": None}


def test_a_name_that_only_begins_alike_is_another(served):
    """``/openx`` is not below ``/open``; what no line names needs a login."""
    for target in ("/openx", "/open.css", "/static.", "/OPEN", "/Static"):
        assert is_kept_out(served.ask(request("GET", target, TEXT)))
