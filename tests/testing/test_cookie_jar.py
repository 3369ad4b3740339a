"""Cookies of the browser for tests: where they are kept, and to whom they go."""

import pytest

from eilogin.testing.cookie_jar import CookieJar

HERE = "https://www.here.test/shop/basket"


@pytest.fixture
def sent():
    """What a jar sends to an address after these Set-Cookie headers from here."""

    def send(url, *headers):
        jar = CookieJar()
        for header in headers:
            jar.store(HERE, header)
        return jar.header(url, "GET", is_cross_site=False)

    return send


@pytest.mark.parametrize(
    ("path", "url", "is_sent"),
    [
        ("; Path=/", "/", True),
        ("; Path=/shop", "/shop", True),
        ("; Path=/shop", "/shop/basket", True),
        ("; Path=/shop", "/shopping", False),
        ("; Path=/shop", "/", False),
        ("; Path=/shop/", "/shop/basket", True),
        ("", "/shop/other", True),
        ("", "/", False),
        ("; Path=shop", "/shop/other", True),
    ],
)
def test_a_cookie_goes_to_its_path(sent, path, url, is_sent):
    assert bool(sent(f"https://www.here.test{url}", f"x=1{path}")) == is_sent


@pytest.mark.parametrize(
    ("domain", "host", "is_sent"),
    [
        ("", "www.here.test", True),
        ("", "a.www.here.test", False),
        ("www.here.test", "a.www.here.test", True),
        (".here.test", "here.test", True),
        ("HERE.test", "other.here.test", True),
        ("here.test", "nothere.test", False),
        ("there.test", "there.test", False),
        ("there.test", "www.here.test", False),
        ("test", "www.here.test", False),
    ],
)
def test_a_cookie_goes_to_its_domain(sent, domain, host, is_sent):
    attribute = f"; Domain={domain}" if domain else ""
    assert bool(sent(f"https://{host}/", f"x=1; Path=/{attribute}")) == is_sent


def test_of_one_name_the_longer_path_comes_first_and_then_the_older(sent):
    assert (
        sent(
            HERE,
            "x=1; Path=/",
            "x=2; Path=/; Domain=here.test",
            "x=3; Path=/shop",
            "x=4; Path=/",
        )
        == "x=3; x=4; x=2"
    )


@pytest.mark.parametrize(
    ("attributes", "is_kept"),
    [
        ("", True),
        ("; Max-Age=1", True),
        ("; Max-Age=0", False),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
        ("; expires=Fri, 31-Dec-2100 23:59:59 GMT", True),
        ("; Expires=never", True),
        ("; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
    ],
)
def test_a_cookie_goes_when_its_time_is_over(sent, attributes, is_kept):
    assert bool(sent(HERE, "x=1; Path=/", f"x=2; Path=/{attributes}")) == is_kept


def test_a_cookie_of_another_path_stays_when_one_is_expired(sent):
    assert sent(HERE, "x=1; Path=/", "x=2; Path=/shop", "x=; Path=/; Max-Age=0") == (
        "x=2"
    )


def test_held_cookies_are_those_that_browser_sends_first():
    jar = CookieJar()
    jar.store(HERE, "x=1; Path=/")
    jar.store(HERE, "x=2; Path=/shop")
    jar.plant("here.test", "x", "3")
    assert jar.held_for("www.here.test") == {"x": "2"}
    jar.forget("www.here.test")
    assert jar.held_for("www.here.test") == {}
    assert jar.held_for("here.test") == {"x": "3"}
