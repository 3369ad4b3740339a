"""The sentences of the pages: keys, languages, and those of a site."""

import re
from collections import Counter
from importlib import resources

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from eilogin.web.pages import themes
from eilogin.web.pages.translations import LANGUAGES, sentences, sentences_for
from tests.web.pages.test_page_rendering import TEMPLATES
from tests.web.pages.test_themes import page, sentence

#: What is put into a sentence.
VALUE = re.compile(r"%\(\w+\)s|\{\w+\}")
KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


def catalogue(language):
    """The messages of a catalogue as its file has them, by key."""
    file = f"locale/{language}/LC_MESSAGES/eilogin.po"
    with resources.files("eilogin.web").joinpath(file).open("rb") as source:
        found = [one for one in read_po(source, abort_invalid=True) if one.id]
    assert len(found) == len({one.id for one in found})
    return {one.id: one for one in found}


def asked():
    """The calls for a sentence of every template: the key, and its values."""
    parser = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for package, name in TEMPLATES:
        text = resources.files(package).joinpath("templates", name).read_text("utf-8")
        for call in parser.parse(text).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                [key] = call.args
                yield key.value, {one.key for one in call.kwargs}


class TestOurs:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_have_every_key_that_a_template_uses_and_no_other(self, language):
        assert set(catalogue(language)) == {key for key, _ in asked()}

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_have_a_sentence_for_every_key(self, language):
        for key, message in catalogue(language).items():
            assert KEY.fullmatch(key)
            assert message.string
            assert not message.fuzzy

    def test_have_the_same_values_and_plural_forms_in_each_language(self):
        dutch, english = catalogue("nl"), catalogue("en")
        for key, message in english.items():
            other = dutch[key]
            assert isinstance(message.string, str) is isinstance(other.string, str), key
            values = [Counter(VALUE.findall(one.string)) for one in (message, other)]
            assert values[0] == values[1], key

    def test_get_the_values_that_they_have(self):
        for key, values in asked():
            said = set(re.findall(r"%\((\w+)\)s", sentences("en")[key]))
            assert said == values, key

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_are_sentences_that_end_alike_in_each_language(self, language):
        for key, said in sentences(language).items():
            assert said.endswith(".") is sentences("en")[key].endswith("."), key

    def test_are_there_by_key_for_the_manual(self):
        assert sentences("nl")["button.log_in"] == "Inloggen"
        assert sentences("en")["button.log_in"] == "Log in"


class TestAMissingSentence:
    def test_is_in_english(self, tmp_path):
        (tmp_path / "de.po").write_text(sentence("button.log_in", "Anmelden"))
        german = sentences_for("de", tmp_path)
        assert german.gettext("button.log_in") == "Anmelden"
        assert german.gettext("button.back") == "Back"

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_an_error_and_never_a_key_on_a_page(self, language):
        with pytest.raises(LookupError, match=r"'button\.no_such'"):
            sentences_for(language, None).gettext("button.no_such")
        with pytest.raises(LookupError, match=r"'button\.no_such'"):
            sentences_for(language, None).ngettext(
                "button.no_such", "button.no_such", 2
            )

    def test_leaves_the_visitor_our_page_and_tells_the_log(self, tmp_path, caplog):
        (tmp_path / "cancelled.html").write_text("{{ _('cancelled.titel') }}")
        assert "U bent niet ingelogd." in page(tmp_path).text
        assert "no catalogue has the sentence 'cancelled.titel'" in caplog.text


class TestOfASite:
    def test_are_those_of_its_own_templates_too(self, tmp_path):
        (tmp_path / "cancelled.html").write_text(
            "{{ _('Call %(number)s', number=1) }} {{ _('stad.phone', number=1) }}"
        )
        (tmp_path / "en.po").write_text(sentence("stad.phone", "or %(number)s"))
        (tmp_path / "nl.po").write_text(sentence("Call %(number)s", "Bel %(number)s"))
        themes.require(tmp_path)
        assert page(tmp_path, language="en").text == "Call 1 or 1"
        assert page(tmp_path, language="nl").text == "Bel 1 or 1"

    def test_may_have_plural_forms(self, tmp_path):
        (tmp_path / "_a.html").write_text(
            "{% trans count=2 %}{{ count }} dag{% pluralize %}{{ count }} dagen"
            "{% endtrans %}"
        )
        forms = "".join(f'msgstr[{n}] "%(count)s {n}"\n' for n in (0, 1))
        (tmp_path / "en.po").write_text(
            f'msgid "%(count)s dag"\nmsgid_plural "%(count)s dagen"\n{forms}'
        )
        themes.require(tmp_path)
        look = themes.look_of((), tmp_path)
        assert look.render("en", "_a.html", {}) == "2 1"

    def test_come_in_english_before_ours_where_a_language_lacks_them(self, tmp_path):
        (tmp_path / "en.po").write_text(sentence("button.back", "Return"))
        (tmp_path / "de.po").write_text(sentence("button.log_in", "Anmelden"))
        german = sentences_for("de", tmp_path)
        assert german.gettext("button.back") == "Return"
        assert sentences_for("nl", tmp_path).gettext("button.back") == "Terug"

    @pytest.mark.parametrize("text", ["{{ _('Bel') }}", "{% trans %}Bel{% endtrans %}"])
    def test_of_templates_that_do_not_ask_for_them_stop_the_start(self, tmp_path, text):
        (tmp_path / "_parts").mkdir()
        (tmp_path / "_parts" / "phone.html").write_text(text)
        (tmp_path / "nl.po").write_text(sentence("Bel", "x") + sentence("Bell", "y"))
        [fault] = themes.faults(tmp_path)
        assert fault == ("'nl.po'", "line 3: 'Bell' is no key of a sentence of eilogin")
