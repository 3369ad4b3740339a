"""What hostile members, links and cookies make of the portal: a calm page.

A member says its name, description, keywords and logo itself; a link says what is
searched for and where a tile leads; a cookie says what was visited.
"""

import base64
import re
from functools import partial
from urllib.parse import quote

import pytest
from cpu_time import cpu_seconds
from portals import LOGIN, browser, heading, hub_and, login_of, member, tiles
from portals import services as many

from eilogin.portal.portal_services import PortalServices

MARKUP = "</a></li><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
#: Characters that no text of ours holds: of control, and to write from right to left.
CONTROL = "\x00\x07\r\n\t\x1b[31m\x7f\x85\u2028\u202e"
COOKIE = "__Host-eilogin-visited"


def at(trust, login=LOGIN):
    return browser(trust, login)


def is_calm(page):
    """Whether a page holds no markup of others, and says what is its own."""
    assert page.status_int == 200
    assert not page.html.select("script, iframe, object, [onerror], [style]")
    assert all(one["src"].startswith("/logo?of=") for one in page.html.select("img"))
    assert page.html.h1.text.strip()
    assert "\x00" not in page.text
    return page


# --- members ------------------------------------------------------------------------


def test_names_and_descriptions_are_short_texts():
    hostile = [
        member("m.example", {"nl": MARKUP}, descriptions={"nl": MARKUP}),
        member("c.example", {"nl": f"Alfa{CONTROL}Beta"}, descriptions={"nl": CONTROL}),
        member("l.example", {"nl": "x" * 2000}, descriptions={"nl": "y" * 2000}),
        member("e.example", {"nl": ""}),
        member("t.example", {"nl": "{{ 7 * 7 }} %(name)s {0}"}),
    ]
    page = is_calm(at(hub_and(*hostile)).get("/"))
    names = tiles(page)
    assert MARKUP in names
    assert "{{ 7 * 7 }} %(name)s {0}" in names
    assert [one for one in names if one.startswith("xx")] == ["x" * 99 + "…"]
    [control] = [one for one in names if one.startswith("Alfa")]
    assert control.isprintable()
    assert max(len(one.text) for one in page.html.select(".tile p")) <= 240


def test_a_language_of_any_length_is_on_no_page():
    """The schema allows ``aa-bbbbbbbb-…`` without end."""
    long = "aa" + "-bbbbbbbb" * 200
    trust = hub_and(member("l.example", {"nl": "Alfa"}, descriptions={long: "Over"}))
    text = is_calm(at(trust).get("/")).text
    assert "Over" in text
    assert "bbbbbbbb" not in text


def test_many_texts_of_one_member_do_not_fill_the_memory():
    names = {f"x-{number}": f"naam{number} " * 200 for number in range(2000)}
    trust = hub_and(member("m.example", {"nl": "Alfa", **names}, descriptions=names))
    visitor = at(trust)
    # A second call would find the services in the cache.
    assert cpu_seconds(lambda: is_calm(visitor.get("/")), tries=1) < 2
    [service] = PortalServices.of(trust, "nl").all
    assert len(service.folded_text) < 10_000


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "https://a.example\\@evil.example/",
        "https://user@evil.example/",
        "https://a.example/\r\nSet-Cookie: a=b",
        "https://gemeente.example/é",
        "ftp://a.example/",
        "",
    ],
)
def test_an_address_that_is_none_is_no_link(address):
    trust = hub_and(member("a.example", {"nl": "Alfa"}, links={"nl": address}))
    page = is_calm(at(trust).get("/"))
    assert tiles(page) == ["Alfa"]
    assert not page.html.select(".tile a")
    [service] = PortalServices.of(trust, "nl").all
    at(trust).get(f"/go?to={service.id}", status=404)


def test_keywords_are_few_short_texts():
    hostile = {
        "d1.example": [MARKUP[:40], *(f"woord{n}" for n in range(5000))],
        "d2.example": [MARKUP[:40], "x" * 5000, "", " ", "\x00", "zorg\r\nzorg"],
        "d3.example": ["zorg zorg", "\u0301", "?&=#"],
        "d4.example": ["?&=#"],
    }
    visitor = at(many(14, keywords=hostile))
    page = is_calm(visitor.get("/"))
    shown = [" ".join(a.text.split()) for a in page.html.select(".categories a")]
    assert sorted(shown) == sorted([f"{MARKUP[:40]} (2)", "?&=# (2)", "zorg zorg (2)"])
    for link in page.html.select(".categories a"):
        assert len(tiles(is_calm(visitor.get(link["href"])))) == 2


@pytest.mark.parametrize(
    "logo",
    [
        "https://evil.example/logo.png",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml",
        "data:image/png;base64,???",
        "data:image/png;base64,é",
        "data:,",
        "data:image/png\r\nX: y;base64,AAAA",
        MARKUP,
    ],
)
def test_a_logo_that_is_no_image_is_a_letter(logo):
    page = is_calm(at(many(1, logos={"d1.example": logo})).get("/"))
    assert not page.html.select("img")
    assert page.html.select_one(".tile .logo").text == "D"
    assert (
        "'self'" not in page.headers["Content-Security-Policy"].partition("img")[2][:20]
    )


def test_a_drawing_with_a_script_runs_none_in_a_window_of_its_own():
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    logo = f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"
    visitor = at(many(1, logos={"d1.example": logo}))
    [image] = is_calm(visitor.get("/")).html.select("img")
    answer = visitor.get(image["src"])
    policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer.headers["Content-Security-Policy"] == policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.content_type == "image/svg+xml"


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", MARKUP, "A" * 10_000])
def test_the_logo_of_nobody_is_no_image(name):
    page = at(many(1)).get(f"/logo?of={quote(name)}", status=404)
    assert "Deze pagina bestaat niet" in page.text
    assert MARKUP not in page.text


# --- links --------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["q", "category"])
@pytest.mark.parametrize(
    "text",
    [
        MARKUP,
        CONTROL,
        "x" * 10_000,
        "a " * 5000,
        "\u0301" * 5000,
        "\ufdfa" * 5000,
        "' OR 1=1 --",
        "(((((((.*)*)*)*)*)*)*",
        "{{ 7 * 7 }}",
        "%s %(count)s %",
    ],
    ids=ascii,
)
def test_service_search_survives_hostile_search_text(parameter, text):
    visitor = at(many(14))
    search = partial(visitor.get, "/", params={parameter: text})
    assert cpu_seconds(search) < 2
    page = is_calm(search())
    assert len(page.body) < 50_000
    assert MARKUP not in page.text
    assert len(heading(page)) < 150
    assert len(page.forms[0]["q"].value) <= 100


@pytest.mark.parametrize(
    "query",
    [
        *(
            "q",
            "q=",
            "q=%",
            "q=%ff%fe",
            "q=%00",
            "q=\xe9",
            "q=a&q=b",
            "=&=&;;",
            "&" * 99,
        ),
        *("&".join(f"a{n}=b" for n in range(500)), "page=-1", "page=1e9", "page=٣"),
        *("page=" + "9" * 5000, "category=&q=&page=", "q[]=a", "%71=dienst"),
    ],
    ids=lambda query: ascii(query[:20]),
)
def test_a_query_that_is_none_is_no_error(query):
    visitor = at(many(14))
    asked = visitor.RequestClass.blank("/", environ=visitor.extra_environ)
    asked.environ["QUERY_STRING"] = query.encode().decode("latin-1")
    is_calm(visitor.do_request(asked))


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "https://evil.example/", "//evil.example", MARKUP, "\x00", "é"),
        *("d1.example", "https://d1.example/metadata", "A" * 16, "A" * 10_000),
    ],
    ids=lambda name: ascii(name[:20]),
)
def test_a_tile_of_nobody_leads_to_a_calm_page(name):
    page = at(many(3)).get("/go", params={"to": name}, status=404)
    assert "Deze pagina bestaat niet" in page.text
    assert "Location" not in page.headers
    assert "Set-Cookie" not in page.headers
    assert page.click("Naar de website van Portaal").status_int == 200


# --- cookies ------------------------------------------------------------------------


def value_of(visitor):
    return visitor.cookies[COOKIE]


def changed(value):
    """The value with another character, each in turn at some places."""
    for place in range(0, len(value), 17):
        other = "B" if value[place] != "B" else "C"
        yield value[:place] + other + value[place + 1 :]


def test_a_forged_cookie_changes_no_order_and_breaks_no_page():
    trust = many(3)
    visitor = at(trust)
    link = visitor.get("/").html.select(".tile a")[2]["href"]
    name = re.search("to=(.*)", link)[1]
    visitor.get(link)
    good = value_of(visitor)
    others = at(trust, login_of("Piet", "another-name-id"))
    others.get(link)
    at_another = at(many(3, entity_id="https://elders.example/metadata"))
    at_another.get(link)
    forged = [
        *(name, f"{name} {name}".replace(" ", "."), base64.b64encode(name.encode())),
        *("", "=", "é", "%00", "A" * 50_000, MARKUP, good[:-4], good + "AAAA"),
        *(value_of(others), value_of(at_another), *changed(good)),
    ]
    stranger = at(trust)
    for value in forged:
        text = value.decode() if isinstance(value, bytes) else value
        header = f"{COOKIE}={text}".encode().decode("latin-1")
        environ = {"HTTP_COOKIE": header}
        page = is_calm(stranger.get("/", extra_environ=environ))
        assert "Laatst bezocht" not in page.text, value
        answer = stranger.get(link, extra_environ=environ)
        assert answer.status_int == 303
        assert len(answer.headers["Set-Cookie"]) < 400
        stranger.reset()
    twice = {"HTTP_COOKIE": f"{COOKIE}={good}; {COOKIE}={value_of(others)}"}
    assert "Laatst bezocht" not in stranger.get("/", extra_environ=twice).text
    own = {"HTTP_COOKIE": f"{COOKIE}={good}"}
    assert "Laatst bezocht" in stranger.get("/", extra_environ=own).text
