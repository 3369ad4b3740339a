"""The page of the accessibility statement, at a participant and at a hub."""

import pytest
from webtest import TestApp as Client

from eilogin.filters.identity import make_identity
from eilogin.filters.trust import make_trust
from eilogin.web import environ as env

STATEMENT = {
    "name": "Gemeente Proef",
    "name_en": "Municipality of Proef",
    "accessibility_status": "partly",
    "accessibility_date": "2026-11-02",
    "accessibility_contact": "toegankelijk@uwv.test",
    "accessibility_report": "https://uwv.test/rapport.pdf",
    "accessibility_gaps": "Het contrast van <b>knoppen</b> is te laag.",
}


@pytest.fixture
def site(federation, witness):
    """A browser at a site with these options."""
    folder = federation.folder

    def make(**options):
        said = {
            "public_url": "https://uwv.test",
            "key": f"{folder}/uwv.test.key",
            "certificate": f"{folder}/uwv.test.crt",
            "federation": f"{folder}/federation.xml",
            "federation_certificate": f"{folder}/federation.crt",
        }
        trust = make_trust(make_identity(witness, {}), {}, **said | options)

        def with_session(environ, start_response):
            environ[env.SESSION] = None
            return trust(environ, start_response)

        return Client(with_session, extra_environ={"wsgi.url_scheme": "https"})

    return make


def test_says_how_far_the_pages_are_and_whom_to_tell(site):
    page = site(**STATEMENT).get("/eilogin/accessibility")
    assert page.html.title.string.startswith("Toegankelijkheidsverklaring")
    text = " ".join(page.html.get_text().split())
    assert "Gemeente Proef wil dat iedereen de website kan gebruiken" in text
    assert "waarmee u inlogt en uitlogt op uwv.test." in text
    assert "voldoen gedeeltelijk aan de eisen. Dit is status B van" in text
    assert "Het contrast van <b>knoppen</b> is te laag." in text
    assert "Deze verklaring is opgesteld op 2 november 2026." in text
    links = {link.get_text(): link["href"] for link in page.html.main.find_all("a")}
    assert links == {
        "Lees het rapport van het onderzoek": "https://uwv.test/rapport.pdf",
        "toegankelijk@uwv.test": "mailto:toegankelijk@uwv.test",
        "nationaleombudsman.nl": "https://www.nationaleombudsman.nl/",
    }
    assert page.html.footer.a["href"] == "https://uwv.test/eilogin/accessibility"


def test_speaks_english(site):
    browser = site(**STATEMENT)
    english = {"Accept-Language": "en"}
    page = browser.get("/eilogin/accessibility", headers=english)
    assert "Municipality of Proef wants everyone" in page.text
    assert "drawn up on November 2, 2026." in page.text
    assert page.html.main.ul["lang"] == "nl", "a screen reader says it in Dutch"
    browser = site(**STATEMENT, accessibility_gaps_en="The contrast is too low.")
    page = browser.get("/eilogin/accessibility", headers=english)
    assert page.html.main.ul.get_text(strip=True) == "The contrast is too low."
    assert "lang" not in page.html.main.ul.attrs


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("full", "voldoen volledig aan de eisen."),
        ("first", "De eerste maatregelen zijn genomen."),
        ("none", "voldoen niet aan de eisen."),
    ],
)
def test_says_each_status(site, status, sentence):
    page = site(**STATEMENT | {"accessibility_status": status})
    assert sentence in page.get("/eilogin/accessibility").text


def test_names_another_body_for_complaints(site):
    options = {**STATEMENT, "accessibility_appeal": "https://uwv.test/klacht"}
    page = site(**options, accessibility_gaps_en="x").get("/eilogin/accessibility")
    assert 'Dien dan een klacht in:\n<a href="https://uwv.test/klacht">' in page.text
    assert "ombudsman" not in page.text


def test_leaves_out_what_is_not_said(site):
    optional = ("accessibility_report", "accessibility_gaps")
    options = {name: said for name, said in STATEMENT.items() if name not in optional}
    options["accessibility_status"] = "none"
    page = site(**options).get("/eilogin/accessibility")
    assert "Wat werkt nog niet goed" not in page.text
    assert "Lees het rapport" not in page.text


def test_is_at_a_hub_too(site):
    page = site(**STATEMENT, role="hub").get("/accessibility")
    assert "Toegankelijkheidsverklaring" in page.text
    assert "https://uwv.test/accessibility" in page.text


@pytest.mark.parametrize("role", ["participant", "hub"])
def test_is_not_found_where_nothing_is_said_of_it(site, role):
    path = "/accessibility" if role == "hub" else "/eilogin/accessibility"
    assert "footer" not in site(role=role).get(path, status=404).text


def test_is_read_and_nothing_else(site):
    answer = site(**STATEMENT).post("/eilogin/accessibility", status=405)
    assert answer.headers["Allow"] == "GET, HEAD"
