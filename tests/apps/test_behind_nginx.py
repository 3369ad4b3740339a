"""Django behind nginx with TLS, by the lines of the manual for both of them.

A proxy that ends TLS speaks HTTP to the server. Django compares the Origin of each form
with the scheme and the host of the request, so it has to see those of the visitor.
"""

import pytest
from app_sites import twin_of
from nginx_servers import nginx, recipe

pytestmark = pytest.mark.real


@pytest.fixture
def site(running, tmp_path):
    """The site, with nginx before it."""
    site = running.behind_nginx
    lines = recipe(tmp_path, site.port, site.socket, site.host)
    with nginx(tmp_path, lines, site.port):
        yield site


def test_forms_and_the_logout_of_django_work(site, anna):
    anna.log_in(site).keep(site, "een dakkapel")
    assert anna.browser.url.startswith("https:")
    twin = twin_of(anna, site)
    assert twin.is_known_at(site)
    anna.leave(site)
    assert not anna.is_known_at(site)
    assert not twin.is_known_at(site)
