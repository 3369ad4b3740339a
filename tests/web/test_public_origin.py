"""Behind a proxy that ends TLS an application sees the scheme of its visitors."""

import pytest

from eilogin.web.public_origin import PublicOrigin

SITE, PORT = "https://uwv.test", "https://uwv.test:8443"


def seen(public_url, host, scheme="http"):
    """What the application sees of a request with this Host header."""
    environ = {"wsgi.url_scheme": scheme}
    if host is not None:
        environ["HTTP_HOST"] = host
    PublicOrigin(public_url).tell(environ)
    return environ["wsgi.url_scheme"], environ.get("HTTP_HOST")


@pytest.mark.parametrize(
    ("public_url", "host", "told"),
    [
        (SITE, "uwv.test", "uwv.test"),
        (SITE, "UWV.test", "uwv.test"),
        (SITE, "uwv.test:443", "uwv.test"),
        (f"{SITE}:443/app", "uwv.test", "uwv.test"),
        ("https://UWV.test/app/", "uwv.test", "uwv.test"),
        (PORT, "uwv.test:8443", "uwv.test:8443"),
        # As nginx sends it with "Host $host".
        (f"{PORT}/app", "uwv.test", "uwv.test:8443"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]", "[2001:db8::1]:8443"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_tells_scheme_and_host_of_the_public_address(public_url, host, told, scheme):
    assert seen(public_url, host, scheme) == ("https", told)


@pytest.mark.parametrize(
    ("public_url", "host"),
    [
        (SITE, None),
        (SITE, ""),
        (SITE, "localhost:8080"),
        (SITE, "uwv.test:8080"),
        (SITE, "uwv.test:80"),
        (SITE, "uwv.test."),
        (SITE, "intranet.uwv.test"),
        (SITE, "uwv.test@attacker.test"),
        (SITE, "attacker.test"),
        (SITE, "uwv.test, attacker.test"),
        (PORT, "uwv.test:443"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://localhost", "localhost:443"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_leaves_a_request_by_another_address_as_it_is(public_url, host, scheme):
    assert seen(public_url, host, scheme) == (scheme, host)
