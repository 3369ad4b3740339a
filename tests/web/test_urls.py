import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.web.urls import see_other, this_page

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
    ],
)  # fmt: skip
def test_this_page_is_what_the_browser_sees(public_url, path, query, target):
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "evil.example"}
    assert this_page(environ, public_url) == target


@given(st.binary(max_size=40))
def test_this_page_is_ascii_whatever_was_asked_for(path):
    target = this_page({"PATH_INFO": path.decode("latin-1")}, SITE)
    assert target.isascii()
    assert target.isprintable()


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
