"""Pyramid: a ticket and a session in signed cookies, which any script could read."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def site(running):
    return running.applications["Pyramid"]


def test_application_cookies_do_not_reveal_the_user(site, anna):
    user = anna.log_in(site).user
    anna.keep(site, "een lantaarn")
    cookies = anna.browser.cookies(site.host)
    assert {"auth_tkt~eil", "session~eil"} <= set(cookies)
    assert user not in str(cookies)


def test_its_ticket_is_set_for_the_host_and_for_those_below_and_all_of_it_goes(
    running, site, anna
):
    """Browsers send it more than once: for the host, and for all below."""
    anna.log_in(site)
    cookies = anna.browser.cookies(site.host)
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    header += f"; auth_tkt~eil={cookies['auth_tkt~eil']}"
    assert "You are logged in as" in page(site, header)
    running.log_out_elsewhere(anna)
    assert "You are not logged in" in page(site, header)
    anna.is_known_at(site)
    assert "auth_tkt~eil" not in anna.browser.cookies(site.host)
    assert "auth_tkt~eil" not in anna.browser.cookies(f"below.{site.host}")


def page(site, cookies):
    """The first page, for who sends these cookies."""
    parts = urlsplit(site.url())
    with closing(http.client.HTTPConnection("127.0.0.1", parts.port)) as connection:
        headers = {"Host": parts.netloc, "Cookie": cookies}
        connection.request("GET", "/", headers=headers)
        return connection.getresponse().read().decode()
