import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.web.site_urls import at, root, see_other, this_page
from eilogin.web.visit import Visit

SITE = "https://uwv.example"


@pytest.mark.parametrize(
    ("public_url", "path", "query", "target"),
    [
        pytest.param(SITE, "/mijn", "", "/mijn", id="a path"),
        pytest.param(SITE, "/mijn", "jaar=2026&q=a%20b", "/mijn?jaar=2026&q=a%20b",
                     id="its query as it came"),
        pytest.param(f"{SITE}/dienst", "/mijn", "", "/dienst/mijn",
                     id="below where the site is mounted"),
        pytest.param(SITE, "/Cura\xc3\xa7ao en meer", "", "/Cura%C3%A7ao%20en%20meer",
                     id="encoded again"),
        pytest.param(SITE, "/a%2Fb?c#d", "", "/a%252Fb%3Fc%23d",
                     id="what would mean something else is encoded"),
        pytest.param(SITE, "/\r\nSet-Cookie: a=b", "", "/%0D%0ASet-Cookie:%20a=b",
                     id="no new header"),
        pytest.param(SITE, "", "", "", id="no path at all"),
        pytest.param(SITE, "/m", "a[]=%5B&b=c/d?e:@", "/m?a[]=%5B&b=c/d?e:@",
                     id="what a browser leaves in a query"),
        pytest.param(SITE, "/m", "a=\r\n\x00\x7f\x85", "/m?a=%0D%0A%00%7F%85",
                     id="control characters in the query"),
        pytest.param(SITE, "/m", 'a=\xc3\xa9 "<#\\', "/m?a=%C3%A9%20%22%3C%23%5C",
                     id="what may not stand in a query"),
        pytest.param(SITE, "/m", "q=" + "a" * 2043, "/m?q=" + "a" * 2043,
                     id="as long as it may be"),
        pytest.param(SITE, "/m", "q=" + "a" * 2044, "/m", id="too long with its query"),
        pytest.param(SITE, "/m", "\xe9" * 700, "/m", id="too long once encoded"),
        pytest.param(SITE, "/" + "a" * 2048, "q=a", "/", id="too long a path"),
        pytest.param(f"{SITE}/dienst", "/" + "a" * 2048, "", "/dienst/",
                     id="too long a path below where the site is mounted"),
    ],
)  # fmt: skip
def test_this_page_is_what_the_browser_sees(public_url, path, query, target):
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "evil.example"}
    assert this_page(Visit(environ), public_url) == target


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_this_page_is_ascii_whatever_was_asked_for(path, query):
    environ = {
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
    }
    target = this_page(Visit(environ), SITE)
    assert target.isascii()
    assert target.isprintable()
    assert "#" not in target


@pytest.mark.parametrize(
    ("public_url", "first", "full"),
    [
        pytest.param(SITE, "/", f"{SITE}/", id="a site of its own"),
        pytest.param(f"{SITE}/app", "/app/", f"{SITE}/app/", id="below a path"),
        pytest.param("http://uwv.localhost:8080", "/", "http://uwv.localhost:8080/",
                     id="a port"),
    ],
)  # fmt: skip
def test_a_target_is_at_the_origin_of_the_site(public_url, first, full):
    assert root(public_url) == first
    assert at(public_url, root(public_url)) == full


def test_a_target_is_not_put_below_the_path_of_the_site_again():
    assert at(f"{SITE}/app", "/app/mijn?a=b") == f"{SITE}/app/mijn?a=b"


class TestARedirect:
    def test_is_kept_by_no_cache_and_tells_no_referrer(self):
        response = see_other(f"{SITE}/mijn")
        assert response.status_int == 303
        assert response.location == f"{SITE}/mijn"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.body == b""

    def test_takes_headers_also_of_one_name(self):
        cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
        response = see_other(SITE, cookies, status=302)
        assert response.status_int == 302
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
