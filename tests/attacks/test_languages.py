"""The switch between languages, against who wants something else of it."""

import tracemalloc
from urllib.parse import quote

import pytest
from raw_http import HUB, UWV, request

from eilogin.web.pages import page_languages
from eilogin.web.visit import Visit

TEXT = "Accept: text/html"
COOKIE = "__Host-eilogin-language"
PAGES = {UWV: "/eilogin/nothing", HUB: "/login"}
SWITCHES = {UWV: "/eilogin/language", HUB: "/language"}
#: Values of a cookie or parameter that are no language.
ODD = [
    "",
    "de",
    "EN",
    "en-GB",
    "nl,en",
    "en, Domain=evil.test",
    "en\r\nSet-Cookie: a=b",
    "en\x00",
    "../en",
    '"en"',
    "<script>alert(1)</script>",
    "\u0435n",
    "x" * 3000,
]


def page(served, host, *lines):
    answer = served.ask(request("GET", PAGES[host], TEXT, *lines, host=host), host)
    return answer.one("Content-Language")


@pytest.mark.parametrize("host", PAGES)
@pytest.mark.parametrize("value", ODD)
def test_a_cookie_that_is_no_language_chooses_none(served, host, value):
    sent = quote(value, safe=' ;,"<>()/=')
    lines = (f"Cookie: {COOKIE}={sent}", "Accept-Language: en")
    assert page(served, host, *lines) == "en"
    assert page(served, host, lines[0], "Accept-Language: nl") == "nl"


@pytest.mark.parametrize("host", PAGES)
def test_two_choices_are_none(served, host):
    line = f"Cookie: {COOKIE}=en; {COOKIE}=nl"
    assert page(served, host, line, "Accept-Language: nl") == "nl"
    assert page(served, host, line, "Accept-Language: en") == "en"


@pytest.mark.parametrize("host", PAGES)
@pytest.mark.parametrize(
    "wish", ["de," * 2000, "en;q=" + "0" * 5000, "*-" * 3000, "\x80\xff", ";;;,,,"]
)
def test_the_choice_counts_whatever_else_is_asked_for(served, host, wish):
    cookie = f"Cookie: {COOKIE}=en"
    assert page(served, host, f"Accept-Language: {wish}", cookie) == "en"
    assert page(served, host, f"Accept-Language: {wish}") == "nl"


@pytest.mark.parametrize("host", SWITCHES)
@pytest.mark.parametrize("value", ODD)
def test_language_switch_sets_no_cookie_for_an_invalid_language(served, host, value):
    target = f"{SWITCHES[host]}?to={quote(value, safe='')}&next=%2F"
    answer = served.ask(request("GET", target, TEXT, host=host), host)
    assert answer.status == 303
    assert answer.one("Location") == f"https://{host}/"
    assert not answer.all("Set-Cookie")


@pytest.mark.parametrize("host", SWITCHES)
@pytest.mark.parametrize(
    "line",
    [
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Referer: https://evil.test/",
        "Sec-Purpose: prefetch",
    ],
)
def test_no_page_of_another_site_chooses(served, host, line):
    target = f"{SWITCHES[host]}?to=en"
    answer = served.ask(request("GET", target, TEXT, line, host=host), host)
    assert answer.status == 303
    assert not answer.all("Set-Cookie")


@pytest.mark.parametrize("host", SWITCHES)
@pytest.mark.parametrize(
    "query", ["to=en&to=nl", "%ff=%ff", "to=%ff", "&".join("a" * 99)]
)
def test_a_query_that_cannot_be_read_leads_to_the_first_page(served, host, query):
    target = f"{SWITCHES[host]}?{query}"
    answer = served.ask(request("GET", target, TEXT, host=host), host)
    assert (answer.status, answer.one("Location")) == (303, f"https://{host}/")
    assert not answer.all("Set-Cookie")


def test_long_wishes_of_browsers_are_not_kept_in_memory():
    tracemalloc.start()
    try:
        for number in range(50):
            wish = f"{'x' * 200_000}{number}"
            assert (
                page_languages.language_of(Visit({"HTTP_ACCEPT_LANGUAGE": wish}))
                == "nl"
            )
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
