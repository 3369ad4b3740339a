"""A cache before a site keeps no answer to a signed-in visitor for anonymous ones.

The application says what it can to have it kept. Each cache is a real one, which looks
into what it has for every request, and keeps whatever nobody forbids it.
"""

import itertools
import threading

import cache_servers
import pytest
import waitress
from raw_http import ask, cookies_of, request
from real_parts import free_ports
from waitress import wasyncore

from eilogin.testing import Federation

pytestmark = pytest.mark.real

UWV = "uwv.test"
PROTECT = "/ basis\n/open optional\n/static off"
FUTURE, PAST = "Fri, 01 Jan 2038 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"

#: What the application says. A cache keeps each of them, if nobody forbids it.
SAID = {
    "Plone": [
        ("Cache-Control", "max-age=0, s-maxage=86400, must-revalidate"),
        ("Expires", PAST),
    ],
    "MapProxy": [("Cache-control", "max-age=3600 public"), ("ETag", '"a"')],
    "nothing": [("Last-Modified", PAST), ("ETag", '"a"')],
    "Expires": [("Expires", FUTURE)],
    "upper case": [("CACHE-CONTROL", "PUBLIC, S-MAXAGE=3600")],
    "two headers": [
        ("Cache-Control", "max-age=3600"),
        ("cache-control", "public, s-maxage=3600"),
    ],
    "tabs": [("Cache-Control", "public\t,\tmax-age=60\t,\ts-maxage=3600")],
    "quotes": [("Cache-Control", 'max-age="3600", s-maxage="3600", x="y"')],
    "nginx": [("X-Accel-Expires", "3600")],
    "nginx first": [("x-accel-expires", "3600"), ("Cache-Control", "private")],
    "a surrogate": [("Surrogate-Control", "max-age=3600")],
    "a surrogate first": [
        ("SURROGATE-CONTROL", "max-age=3600"),
        ("Cache-Control", "private, max-age=3600"),
    ],
    "CDN": [("CDN-Cache-Control", "max-age=3600"), ("Cache-Control", "max-age=3600")],
    "must understand": [
        ("Cache-Control", "must-understand, max-age=3600, s-maxage=3600")
    ],
}
#: What a cache would not keep from any application: it tells nothing here.
NEVER_KEPT = {
    "nginx": {"quotes", "a surrogate first"},
    "Varnish": {"quotes", "MapProxy", "nginx first"},
}
#: How the application says it.
WAYS = ("at once", "late", "written", "twice")


class Application:
    """Says who asks, and which answer this is."""

    def __init__(self):
        self.numbers = itertools.count()

    def __call__(self, environ, start_response):
        _, _, said, way, _ = environ["PATH_INFO"].split("/")
        headers = [("Content-Type", "text/plain"), *SAID[said.replace("-", " ")]]
        number = next(self.numbers)
        body = f"{number} user=[{environ.get('REMOTE_USER', '')}]".encode()
        whole = [*headers, ("Content-Length", str(len(body)))]
        return getattr(self, f"_{way}")(start_response, whole, body)

    def _at_once(self, start_response, headers, body):
        start_response("200 OK", headers)
        return [body]

    def _late(self, start_response, headers, body):
        start_response("200 OK", headers)
        yield body

    def _written(self, start_response, headers, body):
        start_response("200 OK", headers)(body)
        return []

    def _twice(self, start_response, headers, body):
        start_response("200 OK", [("Cache-Control", "no-store")])
        error = ValueError()
        start_response("200 OK", headers, (ValueError, error, None))
        return [body]


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A site at a port, and the cookies of a visitor who is signed in there."""
    folder = tmp_path_factory.mktemp("origin")
    sites = Federation(
        folder, {UWV: Application()}, options={UWV: {"protect": PROTECT}}
    )
    browser = sites.browser()
    browser.visit(f"https://{UWV}/mijn/nothing/at_once/x")
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert "user=[]" not in browser.text
    [port] = free_ports(1)
    channels, is_over = {}, threading.Event()
    server = waitress.create_server(sites, map=channels, listen=f"127.0.0.1:{port}")

    def run():
        while not is_over.is_set():
            wasyncore.loop(timeout=0.1, map=channels, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    yield port, cookies_of(browser, UWV)
    is_over.set()
    thread.join()
    server.close()


class Cache:
    """A cache before the site; ``cookies`` are those of the visitor."""

    def __init__(self, kind, port, cookies):
        self.kind = kind
        self._port = port
        self._cookies = cookies

    def anna(self, path, method="GET", *lines):
        """What the signed-in visitor gets."""
        return self._ask(method, path, self._cookies, *lines)

    def anonymous(self, path, *lines):
        """What somebody else gets."""
        return self._ask("GET", path, *lines)

    def _ask(self, method, path, *lines):
        answer = ask(self._port, request(method, path, *lines, host=UWV))
        assert answer.status in (200, 206, 302, 304), answer
        return answer


@pytest.fixture(scope="module", params=cache_servers.CACHES)
def cache(request, origin, tmp_path_factory):
    port, cookies = origin
    folder = tmp_path_factory.mktemp(request.param)
    with cache_servers.CACHES[request.param](folder, port) as at:
        yield Cache(request.param, at, cookies)


@pytest.fixture(scope="module")
def new_path():
    """An address that no test has asked for; ``below`` decides who may see it."""
    numbers = itertools.count()

    def make(below, said, way="at once"):
        words = (below, said, way.replace(" ", "_"), f"{next(numbers)}")
        return "/" + "/".join(words).replace(" ", "-")

    return make


@pytest.mark.parametrize("said", SAID)
def test_keeps_what_is_the_same_for_everybody(cache, new_path, said):
    path = new_path("static", said)
    first, second = cache.anonymous(path), cache.anonymous(path)
    assert first.status == second.status == 200
    is_kept = said not in NEVER_KEPT[cache.kind]
    assert (first.text == second.text) is is_kept


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("way", WAYS)
def test_keeps_nothing_behind_a_login(cache, new_path, said, way):
    path = new_path("mijn", said, way)
    first, second = cache.anna(path), cache.anna(path)
    assert "user=[]" not in first.text
    assert first.text != second.text, "it is asked for each"
    answer = cache.anonymous(path)
    assert answer.status == 302
    assert "user=" not in answer.text


@pytest.mark.parametrize("said", ["Plone", "nothing", "Expires", "a surrogate"])
@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("HEAD", "X-Nothing: 1"),
        ("GET", "Range: bytes=0-4"),
        ("GET", 'If-None-Match: "a"'),
        ("GET", f"If-Modified-Since: {PAST}"),
    ],
)
def test_keeps_nothing_of_other_requests_either(cache, new_path, said, method, line):
    path = new_path("mijn", said)
    for _ in range(2):
        cache.anna(path, method, line)
    for lines in ((), (line,)):
        answer = cache.anonymous(path, *lines)
        assert answer.status == 302
        assert "user=" not in answer.text


@pytest.mark.parametrize("said", SAID)
def test_keeps_public_pages_of_anonymous_visitors_for_these_alone(
    cache, new_path, said
):
    path = new_path("open", said)
    first, second = cache.anonymous(path), cache.anonymous(path)
    assert (first.text == second.text) is (said not in NEVER_KEPT[cache.kind])
    assert "user=[]" in first.text
    assert "user=[]" not in cache.anna(path).text
    assert "user=[]" in cache.anonymous(path).text


@pytest.mark.parametrize("said", SAID)
def test_keeps_no_public_page_of_a_signed_in_visitor(cache, new_path, said):
    path = new_path("open", said)
    assert "user=[]" not in cache.anna(path).text
    assert "user=[]" in cache.anonymous(path).text
