"""A citizen at two sites that servers of others serve, by the recipes of the manual."""

import contextlib
import http.client
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.real


def test_logs_in_once_and_is_logged_out_everywhere(anna, servers, log):
    uwv, svb = (servers.sites.url(name) for name in ("uwv", "svb"))
    anna.log_in(uwv)
    assert anna.is_let_in(svb), anna.where
    anna.log_out()
    assert anna.is_logged_out_everywhere, anna.where
    for site in (uwv, svb):
        assert anna.visit(site).is_asked_for_password, site
    assert "python3-saml did not verify it" not in log()


def test_takes_the_cookies_of_many_sites(answer_to):
    """A browser sends so many if other applications of the domain set them."""
    cookies = "; ".join(f"site{number}={'x' * 900}" for number in range(8))
    assert answer_to(Cookie=cookies).status == 302


def test_says_whether_it_closes_the_connection(answer_to, run):
    """A peer that cannot know sends its next message in vain."""
    assert answer_to().will_close == (run == "uwsgi")


@pytest.fixture
def answer_to(servers):
    """Ask for the first page of a site, with more headers."""
    url = urlsplit(servers.sites.url("uwv"))

    def ask(**headers):
        connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/", headers={"Host": url.netloc, **headers})
            return connection.getresponse()

    return ask
