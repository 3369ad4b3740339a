"""Last visited first: what the browser remembers, of whom, and for how long."""

import pytest
import time_machine
from portals import LOGIN, browser, login_of, tiles
from portals import services as many

NAVIGATION = {"HTTP_USER_AGENT": "Mozilla/5.0"}


def visitor_of(trust, login=LOGIN):
    visitor = browser(trust, login)
    visitor.extra_environ |= NAVIGATION
    return visitor


def parts(page):
    """The names below each heading."""
    return {
        heading.text.split(" (")[0]: [
            one.text for one in heading.find_next("ul").select(".name")
        ]
        for heading in page.html.find_all("h2")
    }


def test_the_services_visited_last_come_first():
    visitor = visitor_of(many(4))
    assert parts(visitor.get("/")) == {
        "Diensten": ["Dienst 001", "Dienst 002", "Dienst 003", "Dienst 004"]
    }
    for name in ("Dienst 003", "Dienst 002", "Dienst 003", "Dienst 004"):
        visitor.get("/").click(name)
    assert parts(visitor.get("/")) == {
        "Laatst bezocht": ["Dienst 004", "Dienst 003", "Dienst 002"],
        "Andere diensten": ["Dienst 001"],
    }


def test_eight_services_are_remembered():
    visitor = visitor_of(many(14))
    for number in range(1, 11):
        visitor.get("/").click(f"Dienst {number:03}")
    assert parts(visitor.get("/"))["Laatst bezocht"] == [
        f"Dienst {number:03}" for number in range(10, 2, -1)
    ]
    assert len(tiles(visitor.get("/"))) == 14
    assert len(visitor.cookies["__Host-eilogin-visited"]) < 400


def test_a_visitor_of_all_services_has_no_others():
    visitor = visitor_of(many(1))
    visitor.get("/").click("Dienst 001")
    assert parts(visitor.get("/")) == {"Laatst bezocht": ["Dienst 001"]}


def test_a_search_and_another_page_show_no_services_visited_last():
    visitor = visitor_of(many(250))
    visitor.get("/").click("Dienst 003")
    assert parts(visitor.get("/?q=dienst")) == {}
    assert list(parts(visitor.get("/?page=2"))) == ["Diensten"]


def test_the_cookie_is_for_this_site_alone_and_for_three_months():
    visitor = visitor_of(many(2))
    header = visitor.get("/").click("Dienst 001").headers["Set-Cookie"]
    name, _, rest = header.partition("=")
    assert name == "__Host-eilogin-visited"
    assert rest.split("; ")[1:] == [
        "Max-Age=7776000",
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=Lax",
    ]


def test_the_cookie_tells_another_person_nothing():
    visitor = visitor_of(many(2))
    visitor.get("/").click("Dienst 002")
    value = visitor.cookies["__Host-eilogin-visited"]
    for secret in ("Jans", "900000000", "opaque-name-id", "d2.example"):
        assert secret not in value
    visitor.extra_environ["eilogin.session"] = login_of("Piet", "another-name-id")
    assert list(parts(visitor.get("/"))) == ["Diensten"]
    visitor.extra_environ["eilogin.session"] = None
    assert "Laatst bezocht" not in parts(visitor.get("/"))


def test_a_service_that_left_the_federation_is_forgotten():
    trust = many(3)
    visitor = visitor_of(trust)
    for name in ("Dienst 003", "Dienst 001"):
        visitor.get("/").click(name)
    visitor.extra_environ["eilogin.trust"] = many(2)
    assert parts(visitor.get("/"))["Laatst bezocht"] == ["Dienst 001"]


def test_an_anonymous_visitor_goes_to_a_service_without_a_cookie():
    visitor = visitor_of(many(2), login=None)
    answer = visitor.get("/").click("Dienst 001")
    assert answer.location == "https://d1.example/"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Purpose": "prefetch"},
    ],
    ids=lambda headers: next(iter(headers.items())),
)
def test_only_a_click_of_the_visitor_is_remembered(headers):
    visitor = visitor_of(many(2))
    link = visitor.get("/").html.select_one(".tile a")["href"]
    answer = visitor.get(link, headers=headers)
    assert answer.location == "https://d1.example/"
    assert "Set-Cookie" not in answer.headers


def test_the_redirect_is_kept_by_no_cache():
    link = visitor_of(many(1)).get("/").click("Dienst 001")
    assert link.headers["Cache-Control"] == "no-store"
    assert link.headers["Referrer-Policy"] == "no-referrer"
    assert link.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_visit_is_remembered_in_the_next_login_too():
    visitor = visitor_of(many(2))
    visitor.get("/").click("Dienst 002")
    with time_machine.travel(LOGIN.started + 80 * 24 * 3600, tick=False):
        visitor.extra_environ["eilogin.session"] = login_of()
        assert parts(visitor.get("/"))["Laatst bezocht"] == ["Dienst 002"]
