"""The sites of the demonstration, without anything in front of them."""

import hashlib
import importlib.util
import re
from pathlib import Path

import pytest
from webob import Request

from eilogin.cli.inifiles.ini_sections import IniFile

HOUSE = Path(__file__).parents[2]
INI = IniFile.read(HOUSE / "paste.ini")
SITES = [title for title in INI.sections if title.endswith("-site")]
#: Of PasteDeploy and of egg:eilogin#factory.
NOT_OF_THE_SITE = {"use", "factory", "path"}
ANNA = {"REMOTE_USER": "5f0c", "HTTP_X_NAME": "Anna", "HTTP_X_LEVEL": "midden"}


@pytest.fixture(scope="module")
def sites():
    """The module, as ``egg:eilogin#factory`` imports it."""
    file = HOUSE / "contrib/demo/sites.py"
    spec = importlib.util.spec_from_file_location("sites", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(sites):
    def make(title):
        options = INI.sections[title].values
        return sites.make_site(
            **{k: v for k, v in options.items() if k not in NOT_OF_THE_SITE}
        )

    return make


def opened(app, path="/", language="nl", **environ):
    environ = {"beaker.session": {}, **environ}
    request = Request.blank(path, environ, headers={"Accept-Language": language})
    return request.get_response(app)


def test_there_are_six_and_none_knows_eilogin():
    assert len(SITES) == 6
    assert "eilogin" not in re.findall(
        r"(?m)^(?:from|import) (\w+)", (HOUSE / "contrib/demo/sites.py").read_text()
    )


@pytest.mark.parametrize("title", SITES)
def test_each_page_has_something_to_say_in_both_languages(site, title):
    app = site(title)
    for path in app.pages:
        dutch, english = (opened(app, path, one, **ANNA) for one in ("nl", "en"))
        for page in (dutch, english):
            assert page.status_int == 200
            assert page.text.count("<h1>") == 1
            assert not re.search(r"[{}|]", page.text), path
            assert re.search("<(p|table|form|svg)", page.text.partition("<h1>")[2])
            assert "<b>Anna</b>" in page.text
            assert 'href="/eilogin/logout"' in page.text
        assert dutch.text != english.text
        assert (dutch.content_language, english.content_language) == (("nl",), ("en",))


@pytest.mark.parametrize("title", SITES)
def test_each_has_a_stylesheet_in_its_colour_and_a_logo(site, title):
    app = site(title)
    assert f"--colour: {INI.sections[title].values['colour']};" in (
        opened(app, "/static/style.css").text
    )
    logo = opened(app, "/static/logo.svg")
    assert logo.content_type == "image/svg+xml"
    assert logo.text.startswith("<svg")


def test_a_visitor_who_is_nobody_sees_a_way_in(site):
    page = opened(site("app:svb-site"))
    assert "U bent hier niet ingelogd." in page.text
    assert "/eilogin/login?next=/mijn" in page.text
    assert "/eilogin/logout" not in page.text


def test_a_page_that_is_not_there_says_so(site):
    page = opened(site("app:uwv-site"), "/nowhere", "en", **ANNA)
    assert page.status_int == 404
    assert "This page does not exist" in page.text


@pytest.mark.parametrize(
    ("wished", "language"), [("de-DE", "en"), ("en-GB, nl", "en"), ("", "nl")]
)
def test_the_language_is_that_of_the_browser(site, wished, language):
    page = opened(site("app:uwv-site"), language=wished, **ANNA)
    assert page.content_language == (language,)


def test_the_language_that_a_visitor_has_chosen_comes_before_that_of_the_browser(site):
    page = opened(site("app:uwv-site"), HTTP_COOKIE="eilogin-language=en", **ANNA)
    assert page.content_language == ("en",)


def test_the_form_shows_what_came_whole(site):
    octets = b"\x89PNG" + bytes(range(256))
    fields = {"Adres": "{Kade|Quay} <1>", "Foto": ("foto <1>.png", octets)}
    request = Request.blank("/verhuizen", ANNA, POST=fields)
    page = request.get_response(site("app:gemeente-site"))
    assert "<dd>&#123;Kade|Quay} &lt;1&gt;</dd>" in page.text
    assert "foto &lt;1&gt;.png, 260 bytes" in page.text
    assert hashlib.sha256(octets).hexdigest() in page.text
    assert 'src="data:image/png;base64,' in page.text


def test_the_form_shows_no_file_that_is_no_photo(site):
    fields = {"Foto": ("x.svg", b"<svg onload='alert(1)'/>")}
    request = Request.blank("/verhuizen", ANNA, POST=fields)
    page = request.get_response(site("app:gemeente-site"))
    assert "x.svg, 24 bytes" in page.text
    assert "<svg onload" not in page.text
    assert "data:image/svg+xml;base64" not in page.text


def test_page_escapes_the_attributes_of_a_visitor(site):
    environ = {**ANNA, "HTTP_X_NAME": "<b>{a|b}", "REMOTE_USER": "<i>"}
    page = opened(site("app:uwv-site"), **environ)
    assert "<b>&lt;b&gt;&#123;a|b}</b>" in page.text
    assert "<i>" not in page.text


def test_a_note_is_kept_in_the_session(site):
    class Session(dict):
        def save(self):
            self["saved"] = True

    session = Session()
    app = site("app:uwv-site")
    environ = {**ANNA, "beaker.session": session}
    request = Request.blank("/notitie", environ, POST={"note": "{a|b} <1>" * 300})
    answer = request.get_response(app)
    assert (answer.status_int, session["saved"]) == (303, True)
    assert len(session["note"]) == 2000
    assert "&#123;a|b} &lt;1&gt;" in opened(app, "/notitie", **environ).text


@pytest.mark.parametrize("title", SITES)
def test_amounts_are_written_as_the_language_of_the_page_does(site, title):
    app = site(title)
    for path in app.pages:
        dutch, english = (
            re.findall(r"€ ?[0-9.,]*[0-9]", opened(app, path, one, **ANNA).text)
            for one in ("nl", "en")
        )
        assert all(re.fullmatch(r"€ [0-9]{1,3}(\.[0-9]{3})*(,\d\d)?", a) for a in dutch)
        as_english = str.maketrans({".": ",", ",": ".", " ": None})
        assert [one.translate(as_english) for one in dutch] == english
