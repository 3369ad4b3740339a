"""Pages of a site's own, in the place of ours."""

import hashlib
import os
from base64 import b64encode
from types import SimpleNamespace

import pytest
from owns import PLAIN
from webob import Request

from eilogin.errors import InvalidOptions
from eilogin.web import environ as env
from eilogin.web.pages import themes
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

CANCELLED = {
    "login_url": "/l",
    "choose_url": "/c",
    "back_url": "/b",
    "back_to": "page",
}


@pytest.fixture
def folder(tmp_path):
    """Write files; the folder they are in."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def page(folder, template="cancelled.html", language="nl", **values):
    environ = Request.blank("/", headers={"Accept-Language": language}).environ
    environ[env.TRUST] = SimpleNamespace(
        own=SimpleNamespace(
            public_url="https://uwv.test", **{**PLAIN, "templates": folder}
        )
    )
    return Pages().page(Visit(environ), template, **(values or CANCELLED))


def sentence(key, said):
    return f'msgid "{key}"\nmsgstr "{said}"\n'


def header(language="de", charset="utf-8", plurals="nplurals=2; plural=(n != 1);"):
    """The first five lines of a catalogue."""
    said = (
        f"Language: {language}",
        f"Content-Type: text/plain; charset={charset}",
        f"Plural-Forms: {plurals}",
    )
    return 'msgid ""\nmsgstr ""\n' + "".join(f'"{one}\\n"\n' for one in said)


class TestAFolder:
    def test_has_pages_in_the_place_of_ours(self, folder):
        mine = folder(cancelled__html="<p>Jammer! <a href='{{ login_url }}'>Toch?</a>")
        assert page(mine).text == "<p>Jammer! <a href='/l'>Toch?</a>"

    def test_may_change_a_part_of_our_page(self, folder):
        mine = folder(
            cancelled__html='{% extends "eilogin/cancelled.html" %}'
            "{% block title %}Gestopt{% endblock %}"
        )
        assert "<title>Gestopt" in page(mine).text
        assert "U bent niet ingelogd." in page(mine).text

    def test_may_change_the_frame_of_all_pages_with_parts_of_its_own(self, folder):
        mine = folder(
            base__html='{% include "_logo.html" %}{% block content %}{% endblock %}',
            _logo__html="<b>Stad</b>",
        )
        assert page(mine).text.startswith("<b>Stad</b>")
        assert "U bent niet ingelogd." in page(mine).text

    def test_may_keep_the_frame_that_it_made_for_an_earlier_version(self, folder):
        mine = folder(
            base__html="<title>{% block title %}{% endblock %} - "
            '{{ _("base.no_name") }}</title>'
            "<style>{{ stylesheet }}</style>{% block content %}{% endblock %}",
        )
        text = page(mine).text
        assert "geannuleerd - Eenmalig inloggen</title><style>:root {" in text
        assert "U bent niet ingelogd." in text

    def test_has_a_stylesheet_that_the_policy_lets_in(self, folder):
        style = "h1 { color: #c00 }"
        answer = page(folder(base__css=style))
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"<style>{style}</style>" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert f"style-src 'sha256-{digest}'" in policy

    @pytest.mark.parametrize(
        ("language", "told"), [("nl", "U was er nog niet."), ("en", "Not yet.")]
    )
    def test_has_sentences_in_the_place_of_ours(self, folder, language, told):
        mine = folder(
            nl__po=sentence("cancelled.not_logged_in", "U was er nog niet."),
            en__po=sentence("cancelled.not_logged_in", "Not yet."),
        )
        assert told in page(mine, language=language).text
        ours = {"nl": "Inloggen", "en": "Log in"}
        assert ours[language] in page(mine, language=language).text

    def test_may_lack_a_translation_or_doubt_it(self, folder):
        doubted = "#, fuzzy\n" + sentence("button.back", "Retour")
        mine = folder(nl__po=sentence("cancelled.not_logged_in", "") + "\n" + doubted)
        assert "U bent niet ingelogd." in page(mine).text
        assert "Terug" in page(mine).text

    def test_failing_theme_page_falls_back_to_standard_page_and_is_logged(
        self, folder, caplog
    ):
        mine = folder(cancelled__html="{{ nothing_of_ours }}")
        assert "U bent niet ingelogd." in page(mine).text
        assert "cannot show the page cancelled.html" in caplog.text
        assert "nothing_of_ours" in caplog.text

    def test_that_is_good_may_be_used(self, folder):
        mine = folder(
            cancelled__html='{% extends "eilogin/cancelled.html" %}',
            _part__html="x",
            base__css="h1 {}",
            nl__po=sentence("sign_in.heading.service", "Naar %(name)s: 100%%"),
            en__po=sentence("warning.seconds", "{count} s"),
        )
        (mine / "_parts").mkdir()
        (mine / "_logo.png").write_bytes(b"\xff")
        (mine / ".swp").write_bytes(b"\xff")
        (mine / "nl.po~").write_bytes(b"\xff")
        themes.require(mine)
        themes.require(None)

    @pytest.mark.parametrize(
        ("name", "text", "fault"),
        [
            ("canceled.html", b"", "did you mean 'cancelled.html'?"),
            ("receipt.js", b"", "(for a template of your own: '_receipt.js')"),
            ("cancelled.html", b"{% if %}", "line 1: Expected an expression"),
            ("cancelled.html", b"\n\xff", "line 2: cannot be read as UTF-8"),
            ("base.css", b"\xff", "cannot be read as UTF-8"),
            ("nl.po", b"\xff", "line 1: cannot be read as UTF-8"),
            ("de.po", b"", "has no sentence in its language"),
            ("xx.po", b"", "is no catalogue of a language; expected a language code"),
            ("german.po", b"", "such as 'de.po' or 'pt-BR.po'"),
            ("de_DE.po", b"", "such as 'de.po' or 'pt-BR.po'"),
            ("DE.po", b"", "such as 'de.po' or 'pt-BR.po'"),
            (
                "de.po",
                (header(language="fr") + sentence("button.back", "Zurück")).encode(),
                "line 3: Language says 'fr'; expected 'de'",
            ),
            (
                "de.po",
                (header(charset="iso-8859-1") + sentence("button.back", "x")).encode(),
                "line 4: Content-Type says a charset of 'iso-8859-1'; expected 'utf-8'",
            ),
            (
                "de.po",
                (header() + sentence("button.back", "Zurück")).encode("latin-1"),
                "line 7: cannot be read as UTF-8",
            ),
            (
                "de.po",
                (header() + sentence("button.bak", "Zurück")).encode(),
                "line 6: 'button.bak' is no key of a sentence of eilogin; did you mean",
            ),
            (
                "de.po",
                (
                    header(plurals="nplurals=many") + sentence("button.back", "x")
                ).encode(),
                "expected a gettext catalogue",
            ),
            ("de.po", sentence("button.back", "%(name)d").encode(), "expected %%"),
            ("de.po", sentence("button.back", "100 %s").encode(), "expected %%"),
            (
                "nl.po",
                sentence("Inloggen", "x").encode(),
                "line 1: 'Inloggen' is no key of a sentence",
            ),
            (
                "nl.po",
                sentence("Back", "Terug").encode(),
                "line 1: 'Back' is no key of a sentence of eilogin; expected 'button",
            ),
            (
                "cancelled.html",
                b"<p>\n{{ _('button.bakc') }}",
                "line 2: 'button.bakc' is no key of a sentence of eilogin; expected",
            ),
            ("nl.po", b"nonsense", "expected a gettext catalogue"),
            (
                "nl.po",
                sentence("cancelled.not_loged_in", "x").encode(),
                "line 1: 'cancelled.not_loged_in' is no key of a sentence of eilogin",
            ),
            (
                "nl.po",
                sentence("sign_in.heading.service", "Bij %(naam)s").encode(),
                "has an unknown value; expected no others than name",
            ),
            (
                "nl.po",
                sentence("button.back", "{x}").encode(),
                "expected no others than none",
            ),
            (
                "nl.po",
                sentence("warning.minutes", "nog %(count)s minuten").encode(),
                "writes a value as %(count)s; expected {count}",
            ),
            (
                "nl.po",
                sentence("choose_hub.button", "Naar {name}").encode(),
                "writes a value as {name}; expected %(name)s",
            ),
            ("nl.po", sentence("button.back", "100 %").encode(), "expected %%"),
        ],
    )
    def test_that_cannot_be_used_stops_the_start(self, tmp_path, name, text, fault):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(InvalidOptions, match=name) as caught:
            themes.require(tmp_path)
        assert fault in str(caught.value)
        assert caught.value.faults[0].option == "templates"


class TestAChangedTemplate:
    @pytest.fixture
    def looks_at_files(self, monkeypatch):
        """Whether a look at a template that was read before looks at its file too."""

        def check(folder):
            parser = themes.look_of((), folder).parser
            parser.get_template("error.html")
            looked = []
            with monkeypatch.context() as watched:
                stat = os.stat
                watched.setattr(
                    os, "stat", lambda *a, **k: looked.append(a) or stat(*a, **k)
                )
                parser.get_template("error.html")
            return bool(looked)

        return check

    def test_of_a_site_is_seen(self, looks_at_files, folder):
        assert looks_at_files(folder(error__html="x"))

    def test_of_eilogin_is_not_looked_for(self, looks_at_files):
        assert not looks_at_files(None)
