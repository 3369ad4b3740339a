"""Django: its editors have passwords of their own, at an address of theirs."""

import pytest
from app_sites import Browser, twin_of
from peer_servers import over_http


class Editor:
    """Who writes the news, in Django's admin."""

    def __init__(self, application, login, browser):
        self.application = application
        self.browser = browser
        self._login = login

    def log_in(self):
        self.browser.visit(self.application.url("/admin/"))
        self.browser.press("Log in", **self._login)
        assert self.is_in_the_admin, self.browser.text
        return self

    def write(self, title):
        self.browser.visit(self.application.url("/admin/news/item/add/"))
        self.browser.press("Save", title=title)
        assert "was added successfully" in self.browser.text, self.browser.text

    @property
    def is_in_the_admin(self):
        self.browser.visit(self.application.url("/admin/"))
        return "Site administration" in self.browser.text


@pytest.fixture
def site(running):
    return running.applications["Django"]


@pytest.fixture
def editor_at(site, editor_login):
    """An editor at a browser, who has logged in."""
    return lambda browser: Editor(site, editor_login, browser).log_in()


@pytest.fixture
def editor(editor_at):
    return editor_at(Browser(over_http))


def test_an_editor_writes_and_a_citizen_reads_while_others_come_and_go(
    running, site, editor, anna
):
    editor.write("De markt is verplaatst")
    anna.log_in(site)
    assert anna.finds(site, "De markt is verplaatst")
    running.log_out_elsewhere(anna)
    assert editor.is_in_the_admin
    editor.write("De markt is terug")
    assert "De markt is terug" in anna.visit(site.url()).browser.text


def test_the_admin_hears_nothing_of_a_citizen_and_she_nothing_of_it(site, anna):
    anna.log_in(site)
    anna.visit(site.url("/admin/"))
    assert "Username" in anna.browser.text
    assert anna.user is None
    assert anna.is_known_at(site), "and it has not taken anything from her"


def test_an_editor_who_looks_at_the_site_is_still_in_the_admin(site, editor):
    editor.browser.visit(site.url("/admin/"))
    editor.browser.click("View site")
    assert editor.browser.url == site.url()
    assert editor.is_in_the_admin


def test_an_editor_is_no_citizen(site, editor):
    editor.browser.visit(site.url("/desk/"))
    assert "Wachtwoord" in editor.browser.text, "she has to log in at the hub"
    assert editor.is_in_the_admin


def test_at_one_browser_a_citizen_is_no_editor_and_an_editor_stays_one(
    running, site, editor_at, anna
):
    """Django has one cookie for both: what one of them sets is not the other's."""
    editor = editor_at(anna.browser)
    anna.log_in(site).keep(site, "een dakkapel")
    assert anna.user != "editor"
    editor.write("Nieuws van tijdens de login")
    assert anna.finds(site, "een dakkapel")
    running.log_out_elsewhere(anna)
    assert not anna.finds(site, "een dakkapel")
    editor.write("Nieuws van na de logout")


@pytest.mark.parametrize("path", ["/admin/", "/", "/desk/"])
def test_her_session_that_django_has_still_is_of_no_use_by_any_path(
    running, site, anna, path
):
    anna.log_in(site)
    user = anna.user
    anna.keep(site, "een dakkapel")
    twin = twin_of(anna, site)
    running.log_out_elsewhere(anna)
    kept = "SELECT count(*) FROM django_session"
    assert site.rows("db.sqlite3", kept), "it waits there for its cookie"
    twin.visit(site.url(path))
    assert user not in twin.browser.page.text
    assert "een dakkapel" not in twin.browser.page.text
