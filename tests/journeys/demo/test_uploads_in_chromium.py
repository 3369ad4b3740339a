"""A photo of 6 MB is not lost when the session ends first, in a real browser.

The server's clock cannot be moved here, so the session is a short one.
"""

import hashlib
import random

import pytest

from tests.journeys.demo.conftest import RunningDemo
from tests.journeys.demo.test_kept_in_chromium import UNTIL_IT_IS_OVER

pytestmark = [pytest.mark.real, pytest.mark.any_python]

MEGA = 1024**2
APPLICATION = '''
import hashlib

from webob import Request, Response

PAGE = """<!doctype html><html lang="nl"><meta charset="utf-8"><title>Foto</title>
<main><h1>{title}</h1><p>{told}</p><form method="post" enctype="multipart/form-data">
<label>Foto <input type="file" name="foto"></label><button>Versturen</button></form>
</main></html>"""


def make(**options):
    return app


def app(environ, start_response):
    request, told = Request(environ), ""
    if request.method == "POST":
        photo = request.POST["foto"]
        digest = hashlib.sha256(photo.file.read()).hexdigest()
        told = f"{photo.filename} {digest}"
    title = "Ontvangen" if told else "Stuur een foto"
    answer = Response(PAGE.format(title=title, told=told))
    return answer(environ, start_response)
'''


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, in which an application of uwv takes photos."""
    demo = RunningDemo(tmp_path_factory.mktemp("demo"))
    (demo.folder / "contrib" / "demo" / "uploads.py").write_text(APPLICATION)
    own = ("title", "colour", "folder", "pages", "notepad")
    own += ("logout_url", "portal_url")
    demo.configure("app:uwv-site", factory="uploads:make", **dict.fromkeys(own))
    demo.configure("filter:uwv-eilogin", idle="3s", warn="off")
    try:
        demo.start()
        yield demo
        assert demo.interrupt() == 0, demo.output
    finally:
        demo.stop()


@pytest.fixture
def choose(tmp_path):
    """Choose a photo of so many bytes; the photo."""

    def choose(anna, size):
        octets = random.Random(size).randbytes(size)  # noqa: S311 - no secret
        file = tmp_path / "foto.jpg"
        file.write_bytes(octets)
        anna.log_in("uwv", "/foto")
        anna.page.get_by_label("Foto").set_input_files(file)
        return octets

    return choose


def test_of_6_mb_is_sent_after_logging_in_again(anna, choose):
    digest = hashlib.sha256(choose(anna, 6 * MEGA)).hexdigest()
    anna.page.evaluate(UNTIL_IT_IS_OVER)
    anna.click("Versturen")
    anna.sees("Uw formulier is nog niet verstuurd")
    assert "Wij bewaren uw formulier tot " in anna.text
    anna.click("Opnieuw inloggen")
    if "://inloggen." in anna.page.url:
        anna.type_password()
    anna.sees("Formulier opnieuw versturen?").click("Verstuur opnieuw")
    anna.sees("Ontvangen").arrives("uwv", "/foto")
    assert f"foto.jpg {digest}" in anna.text


def test_of_9_mb_is_told_to_be_too_large_to_keep(anna, choose):
    choose(anna, 9 * MEGA)
    anna.page.evaluate(UNTIL_IT_IS_OVER)
    anna.click("Versturen")
    anna.sees("Uw formulier is niet verstuurd. Laat dit tabblad open.")
    assert "groter dan 8 MB" in anna.text


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("nl-NL", ("Uw formulier is te groot", "hoogstens 16 MB")),
        ("en-GB", ("Your form is too large", "at most 16 MB")),
    ],
)
def test_of_17_mb_is_told_to_be_too_large(demo, at_browser, choose, language, told):
    """Above what the server takes at a time, whoever sends it."""
    anna = at_browser(demo, locale=language)
    choose(anna, 17 * MEGA)
    anna.click("Versturen").sees(told[0])
    assert told[1] in anna.text
    anna.photograph(f"body-too-large-{language[:2]}", language[:2])
