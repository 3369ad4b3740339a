"""A visitor switches the language, and goes on where they were."""

from urllib.parse import parse_qs, urlsplit

import pytest

HUB = "https://inloggen.test"
UWV = "https://uwv.test"
GERMAN = """\
msgid ""
msgstr ""
"Language: de\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "sign_in.heading.service"
msgstr "Anmelden bei %(name)s"

msgid "common.logged_out_everywhere"
msgstr "Sie sind überall abgemeldet"

msgid "warning.title.soon"
msgstr "In {time} werden Sie abgemeldet"
"""


def language_of(browser):
    return browser.page.headers["Content-Language"]


class TestOnTheSignInPage:
    @pytest.fixture
    def english(self, anna):
        """Anna, whose browser asks for Dutch, on the sign-in page in English."""
        anna.visit(f"{UWV}/mijn?a=b")
        asked = anna.browser.url
        assert anna.browser.title.startswith("Inloggen bij")
        anna.browser.click("EN English")
        assert anna.browser.url == asked
        assert anna.browser.title.startswith("Log in to")
        return anna

    def test_they_go_on_to_the_page_that_they_wanted(self, english):
        english.browser.press("Log in", username="anna", password="demo-anna")
        assert english.browser.url == f"{UWV}/mijn?a=b"
        assert english.user

    def test_they_read_english_at_the_next_pages_of_that_host(self, english):
        english.browser.press("Log in", username="anna", password="wrong")
        assert "The username or password is not correct." in english.browser.text
        english.browser.press("Log in", username="anna", password="demo-anna")
        english.visit(f"{HUB}/")
        assert "You are logged in" in english.browser.text
        english.browser.press("Log out everywhere")
        assert english.browser.title.startswith("You are logged out everywhere")

    def test_they_choose_for_that_host_alone(self, english):
        english.browser.press("Cancel")
        assert english.browser.url.startswith(UWV)
        assert "U hebt het inloggen geannuleerd" in english.browser.title

    def test_they_come_back_with_a_wrong_password_too(self, anna):
        anna.visit(f"{UWV}/mijn")
        anna.browser.press("Inloggen", username="anna", password="fout")
        anna.browser.click("EN English")
        assert anna.browser.title.startswith("Log in to")
        anna.browser.press("Log in", username="anna", password="demo-anna")
        assert anna.browser.url == f"{UWV}/mijn"

    def test_they_can_change_their_mind(self, english):
        english.browser.click("NL Nederlands")
        assert english.browser.title.startswith("Inloggen bij")


class TestAtASite:
    def test_a_form_that_was_kept_is_kept(self, anna, clock):
        anna.log_in(f"{UWV}/mijn")
        clock.shift(16 * 60)
        anna.browser.post(f"{UWV}/mijn", site="same-origin", naam="Anna")
        assert "Wij bewaren uw formulier tot" in anna.browser.text
        anna.browser.click("EN English")
        anna.browser.click("EN English")
        anna.browser.press("Log in", username="anna", password="demo-anna")
        assert anna.browser.title.startswith("Send your form again?")

    def test_nobody_is_logged_out_by_it_who_is_asked(self, anna):
        anna.log_in(f"{UWV}/mijn")
        anna.browser.url = "https://elsewhere.test/"
        anna.browser.follow(f"{UWV}/eilogin/logout")
        assert "Wilt u uitloggen?" in anna.browser.text
        anna.browser.click("EN English")
        assert "Do you want to log out?" in anna.browser.text
        assert anna.is_let_in(f"{UWV}/mijn")

    def test_a_logout_that_is_done_is_told_in_english(self, everywhere):
        everywhere.visit(f"{UWV}/eilogin/logout")
        assert everywhere.browser.title.startswith("U bent overal uitgelogd")
        everywhere.browser.click("EN English")
        assert everywhere.browser.title.startswith("You are logged out everywhere")

    @pytest.mark.parametrize("path", ["/eilogin/nothing", "/eilogin/acs"])
    def test_an_error_is_told_in_english(self, anna, path):
        anna.visit(f"{UWV}{path}")
        anna.browser.click("EN English")
        assert anna.browser.url == f"{UWV}{path}"
        assert language_of(anna.browser) == "en"


class TestAFurtherLanguage:
    @pytest.fixture
    def browser(self, eilogin_federation, witness, tmp_path):
        folder = tmp_path / "pages"
        folder.mkdir()
        (folder / "de.po").write_text(GERMAN, "utf-8")
        said = {"templates": str(folder)}
        return eilogin_federation(
            {"stad.test": witness},
            options={"stad.test": {**said, "name": "Stad", "name_en": "City"}},
            hub_options=said,
        ).browser()

    def test_is_what_a_browser_reads_that_asks_for_it(self, browser):
        browser.language = "de-AT"
        browser.visit("https://stad.test/mijn")
        assert browser.title.startswith("Anmelden bei City")
        assert "Password" in browser.text
        browser.press("Log in", username="anna", password="demo-anna")
        browser.visit("https://stad.test/eilogin/logout")
        assert browser.title == "Sie sind überall abgemeldet \N{EN DASH} City"

    def test_is_in_the_switch(self, browser):
        browser.visit("https://stad.test/mijn")
        browser.click("DE Deutsch")
        assert browser.title.startswith("Anmelden bei City")

    def test_is_spoken_by_the_warning_before_the_end(self, browser):
        script = browser.fetch("https://stad.test/eilogin/warning.js")
        assert "In {time} werden Sie abgemeldet" in script.text

    def test_of_another_site_is_none_here(self, anna):
        anna.browser.language = "de"
        anna.visit(f"{UWV}/mijn")
        assert language_of(anna.browser) == "en"
        query = parse_qs(urlsplit(anna.browser.url).query)
        assert query
        anna.visit(f"{UWV}/eilogin/language?to=de")
        assert "__Host-eilogin-language" not in anna.browser.cookies("uwv.test")
