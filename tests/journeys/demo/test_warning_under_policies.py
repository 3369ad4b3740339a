"""The warning before the end on pages with strict policies, in a real browser.

A browser tells on its console what a policy blocks; :func:`at_browser` finds nothing.
"""

import json

import pytest

from tests.journeys.demo.conftest import RunningDemo
from tests.journeys.demo.test_before_the_end import SOON, Writer

pytestmark = [pytest.mark.real, pytest.mark.any_python]

POLICY = "Content-Security-Policy"
PAGES = {
    "nothing": [(POLICY, "default-src 'none'")],
    "trusted-types": [
        (POLICY, "default-src 'none'; script-src 'nonce-r4nd0m' 'strict-dynamic'"),
        (POLICY, "require-trusted-types-for 'script'; trusted-types 'none'"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ],
    "inline": [(POLICY, "script-src 'unsafe-inline'; connect-src 'none'")],
    "two": [
        (POLICY, "default-src 'self'; script-src 'nonce-r4nd0m', img-src *"),
        (POLICY, "script-src 'unsafe-inline'; connect-src https://api.test"),
    ],
    "reports": [(f"{POLICY}-Report-Only", "default-src 'none'; report-uri /report")],
    "integrity": [("Integrity-Policy", "blocked-destinations=(script)")],
    "sandbox": [
        (POLICY, "sandbox allow-scripts allow-same-origin allow-popups; img-src 'none'")
    ],
}
#: Pages on which a script of the application runs.
OWN = ("trusted-types", "inline", "two", "integrity", "sandbox")
APPLICATION = f"""
import json

PAGES = json.loads({json.dumps(json.dumps(PAGES))})
OWN = {OWN!r}
SCRIPT = "<script nonce=r4nd0m>document.title = 'Own'</script>"


def make(**options):
    return app


def app(environ, start_response):
    name = environ["PATH_INFO"].lstrip("/")
    headers = [tuple(header) for header in PAGES.get(name, [])]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), *headers])
    script = SCRIPT if name in OWN else ""
    page = f"<!doctype html><html lang=nl><head><title>x</title></head><body>{{script}}"
    return [f"{{page}}<h1>Pagina</h1></body></html>".encode()]
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, in which the application of uwv has a page for each policy."""
    demo = RunningDemo(tmp_path_factory.mktemp("demo"))
    (demo.folder / "contrib" / "demo" / "policies.py").write_text(APPLICATION)
    demo.configure("app:uwv-site", factory="policies:make", **own_options(demo))
    demo.configure("filter:uwv-eilogin", idle="12s")
    try:
        demo.start()
        yield demo
        assert demo.interrupt() == 0, demo.output
    finally:
        demo.stop()


def own_options(demo):
    """Options of the usual application, which this one does not have."""
    kept = ("use", "factory", "path")
    return {name: None for name in demo.options("app:uwv-site") if name not in kept}


def asked_by(page):
    """Whether an answer is what the script of this page asked for."""

    def is_that(answer):
        referer = answer.request.headers.get("referer", "")
        is_session = answer.url.endswith("/eilogin/session")
        return is_session and referer.endswith(f"/{page}") and answer.ok

    return is_that


def test_the_script_runs_and_asks_under_each(demo, at_browser):
    anna = at_browser(demo).log_in("uwv", "/plain")
    for name in PAGES:
        with anna.page.expect_response(asked_by(name)):
            anna.visit("uwv", f"/{name}")
        assert (anna.page.title() == "Own") == (name in OWN), name


def test_the_strictest_shows_the_dialog(demo, at_browser):
    anna = Writer(at_browser(demo).log_in("uwv", "/trusted-types"), "")
    assert "Wilt u ingelogd blijven?" in anna.is_told(SOON)
    anna.press("Ingelogd blijven").is_left_alone()
    assert anna.seconds_left() > 6
