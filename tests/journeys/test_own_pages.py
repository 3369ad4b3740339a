"""A site and a hub whose pages are theirs: ``templates``."""

import pytest

CATALOGUE = 'msgid "sign_in.heading.service"\nmsgstr "Meld u aan bij %(name)s"\n'
CANCELLED = """\
{% extends "eilogin/cancelled.html" %}
{% block content %}{{ super() }}<p>Liever bellen? 14 0123.</p>{% endblock %}
"""


@pytest.fixture
def browser(eilogin_federation, witness, tmp_path):
    of_hub, of_site = tmp_path / "hub", tmp_path / "site"
    of_hub.mkdir()
    of_site.mkdir()
    (of_hub / "nl.po").write_text(CATALOGUE)
    (of_site / "cancelled.html").write_text(CANCELLED)
    return eilogin_federation(
        {"stad.test": witness},
        options={"stad.test": {"templates": str(of_site), "name": "Stad"}},
        hub_options={"templates": str(of_hub)},
    ).browser()


def test_are_what_a_citizen_sees_at_either(browser):
    browser.visit("https://stad.test/mijn")
    assert browser.title.startswith("Meld u aan bij Stad")
    browser.press("Annuleren")
    assert "U hebt het inloggen geannuleerd" in browser.title
    assert "Liever bellen? 14 0123." in browser.text
    browser.click("Inloggen")
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == "https://stad.test/mijn"
    browser.visit("https://stad.test/eilogin/logout")
    assert browser.title.startswith("U bent overal uitgelogd")


class TestNameColourAndFooter:
    @pytest.fixture
    def browser(self, eilogin_federation, witness):
        footer = "privacy /privacy"
        return eilogin_federation(
            {"stad.test": witness},
            options={"stad.test": {"name": "Stad", "accent": "#a90061"}},
            hub_options={"name": "Inloggen bij ons", "footer": footer},
        ).browser()

    def test_are_those_of_who_shows_the_page(self, browser):
        browser.visit("https://stad.test/mijn")
        assert browser.title.endswith("\N{EN DASH} Inloggen bij ons")
        assert (
            'href="https://inloggen.test/privacy">Privacyverklaring'
            in browser.page.text
        )
        assert "#a90061" not in browser.page.text
        browser.press("Annuleren")
        assert browser.title.endswith("\N{EN DASH} Stad")
        assert "#a90061" in browser.page.text
        assert "Privacyverklaring" not in browser.page.text
