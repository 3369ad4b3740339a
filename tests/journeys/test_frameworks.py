"""Applications of three frameworks, as they were, behind ini lines only."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from paste.deploy import loadapp
from webob import Request

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.http_client import BackChannel, Reachability
from eilogin.testing import Browser

# Pyramid imports pkg_resources, which setuptools deprecates: by one warning or another.
pytestmark = [
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Deprecated call to .pkg_res:DeprecationWarning"),
]

REPORTS = "http://reports.localhost:8080"
PERMITS = "http://permits.localhost:8080"
GUESTBOOK = "http://guestbook.localhost:8080"
HUB = "http://inloggen.localhost:8080"

#: By framework: the site, a page for who is logged in, one that needs more.
SITES = {
    "Flask": (REPORTS, "/reports", "/reports/danger"),
    "Django": (PERMITS, "/application/", "/application/sign/"),
    "Pyramid": (GUESTBOOK, "/book", "/book/moderate"),
}
each_framework = pytest.mark.parametrize(
    ("site", "own_page", "sure_page"), SITES.values(), ids=SITES
)


@pytest.fixture
def federation(ini_file, monkeypatch):
    """What PasteDeploy makes of the ini file; servers reach each other in process."""
    app = loadapp(f"config:{ini_file}")

    def post(self, url, body, *, timeout=None):
        request = Request.blank(url, method="POST", body=body, content_type="text/xml")
        response = request.get_response(app)
        assert response.status_int == 200, response.text
        return response.body

    monkeypatch.setattr(BackChannel, "post", post)
    monkeypatch.setattr(BackChannel, "look", lambda *_, **__: Reachability.THERE)
    return app


@pytest.fixture
def citizen(federation, citizen_at):
    def make(name="anna"):
        return citizen_at(Browser(federation), name)

    return make


@pytest.fixture
def anna(citizen):
    return citizen()


@pytest.fixture
def rows(applications):
    """What a query finds in the database of the Django site."""

    def find(query, *values):
        database = sqlite3.connect(applications / "permits/db.sqlite3")
        with closing(database):
            return database.execute(query, values).fetchall()

    return find


# --- the ini file and the code --------------------------------------------------------


def test_the_ini_file_has_no_fault(ini_file):
    assert check(IniFile.read(ini_file)).faults == []


def test_the_code_and_the_files_of_the_applications_have_no_word_of_eilogin(
    applications,
):
    own = [
        file
        for folder in ("reports", "permits", "guestbook")
        for file in (applications / folder).rglob("*")
        if file.suffix in (".py", ".html", ".ini", ".cfg")
    ]
    assert len(own) >= 8
    for file in own:
        assert "eilogin" not in file.read_text().lower(), file


# --- all three the same ---------------------------------------------------------------


@each_framework
def test_a_stranger_reads_the_public_page(anna, site, own_page, sure_page):
    anna.visit(f"{site}/")
    assert anna.browser.trail == [f"{site}/"]
    assert "You are not logged in." in anna.browser.text


@each_framework
def test_a_stranger_logs_in_and_the_application_knows_her(
    anna, site, own_page, sure_page
):
    anna.log_in(site + own_page)
    assert anna.user
    assert anna.is_let_in(f"{site}/"), "the public page knows her too"


@each_framework
def test_visitor_with_forged_remote_user_header_stays_anonymous(
    anna, site, own_page, sure_page
):
    for name in ("Remote-User", "REMOTE_USER", "X-Remote-User"):
        answer = anna.browser.fetch(f"{site}/", **{name: "burgemeester"})
        assert "You are not logged in." in answer.text


@each_framework
def test_remote_user_header_does_not_replace_signed_in_visitor(
    anna, site, own_page, sure_page
):
    user = anna.log_in(site + own_page).user
    answer = anna.browser.fetch(site + own_page, **{"Remote-User": "burgemeester"})
    assert f"You are logged in as {user}." in answer.text


@each_framework
def test_a_form_works_and_the_session_of_the_application_with_it(
    anna, site, own_page, sure_page
):
    anna.log_in(site + own_page)
    anna.browser.press("Send", text="een lantaarn <é>")
    assert anna.browser.trail == [site + own_page] * 2, "sent, and shown"
    assert anna.browser.page.status_int == 200
    assert "een lantaarn <é>" in anna.browser.text
    assert re.search(r"Thank you|We kept", anna.browser.text), "told once, from there"
    anna.browser.reload()
    assert not re.search(r"Thank you|We kept", anna.browser.text)


@each_framework
def test_a_form_without_its_token_is_refused_by_the_application(
    anna, site, own_page, sure_page
):
    anna.log_in(site + own_page)
    anna.browser.post(site + own_page, text="een lantaarn")
    assert anna.browser.page.status_int in (400, 403)
    assert anna.is_let_in(site + own_page)
    assert "een lantaarn" not in anna.browser.text


@each_framework
def test_a_page_that_needs_more_asks_for_a_code(anna, site, own_page, sure_page):
    user = anna.log_in(site + own_page).user
    anna.visit(site + sure_page)
    assert anna.is_asked_for_password
    anna.type_password(anna.code)
    assert anna.browser.url == site + sure_page
    assert anna.user == user
    anna.browser.press("Send", text="een gat")
    assert "een gat" in anna.browser.text


@each_framework
def test_its_own_link_logs_out_everywhere(anna, site, own_page, sure_page):
    pages = [other + page for other, page, _ in SITES.values()]
    anna.log_in(site + own_page)
    assert all(anna.is_let_in(page) for page in pages), "one login is for them all"
    anna.visit(site + own_page)
    anna.browser.click("Log out")
    assert anna.user is None
    for other, page, _ in SITES.values():
        anna.visit(f"{other}/")
        assert "You are not logged in." in anna.browser.text, other
        anna.visit(other + page)
        assert anna.is_asked_for_password, other


@each_framework
def test_a_logout_elsewhere_is_known_at_the_next_click(anna, site, own_page, sure_page):
    anna.log_in(site + own_page)
    tab = anna.browser.url, anna.browser.page
    anna.visit(f"{HUB}/")
    anna.browser.press("Overal uitloggen")
    assert "U bent overal uitgelogd" in anna.browser.text
    anna.browser.url, anna.browser.page = tab
    anna.browser.click("Start")
    assert "You are not logged in." in anna.browser.text


@each_framework
def test_a_form_that_was_open_during_a_logout_changes_nothing(
    anna, site, own_page, sure_page
):
    anna.log_in(site + own_page)
    tab = anna.browser.url, anna.browser.page
    anna.visit(f"{HUB}/")
    anna.browser.press("Overal uitloggen")
    anna.browser.url, anna.browser.page = tab
    anna.browser.press("Send", text="te laat")
    assert anna.browser.page.status_int == 403
    anna.log_in(site + own_page)
    assert "te laat" not in anna.browser.text


@each_framework
def test_a_form_that_was_kept_while_she_was_idle_is_taken_after_one_click(
    anna, site, own_page, sure_page
):
    """With the token of the application's own session, which is hers again."""
    with time_machine.travel(datetime.now(UTC)) as clock:
        anna.log_in(site + own_page)
        clock.shift(timedelta(minutes=16))
        anna.browser.press("Send", text="even weg geweest")
        anna.browser.click("Opnieuw inloggen")
        anna.type_password()
        anna.browser.press("Verstuur opnieuw")
    assert anna.browser.page.status_int == 200, anna.browser.text
    assert "even weg geweest" in anna.browser.text


# --- where they leave her, and what each is told --------------------------------------


def test_the_link_of_flask_leads_to_a_page_that_says_it(anna):
    anna.log_in(f"{REPORTS}/reports")
    anna.browser.click("Log out")
    assert anna.browser.url == f"{REPORTS}/eilogin/slo"
    assert "U bent overal uitgelogd" in anna.browser.text


def test_the_link_that_django_had_already_leads_to_its_first_page(anna):
    anna.log_in(f"{PERMITS}/application/")
    anna.browser.click("Log out")
    assert anna.browser.trail[0] == f"{PERMITS}/account/logout"
    assert anna.browser.url == f"{PERMITS}/"


def test_the_link_of_pyramid_says_itself_where_to_go(anna):
    anna.log_in(f"{GUESTBOOK}/book")
    anna.browser.click("Log out")
    assert anna.browser.url == f"{GUESTBOOK}/"


def test_pyramid_knows_her_by_her_name_and_flask_by_a_pseudonym(anna, citizen):
    anna.log_in(f"{GUESTBOOK}/book")
    assert anna.user == "Anna de Proef"
    assert anna.is_let_in(f"{REPORTS}/reports")
    assert "Anna" not in anna.user
    assert citizen("bram").log_in(f"{REPORTS}/reports").user != anna.user


def test_flask_keeps_its_cookie_and_serves_its_files_with_nothing_in_between(anna):
    anna.log_in(f"{REPORTS}/reports")
    cookie = anna.browser.cookie("reports.localhost", "session~eil")
    assert cookie
    style = anna.browser.fetch(f"{REPORTS}/static/style.css")
    assert style.content_type == "text/css"
    assert "Set-Cookie" not in style.headers
    assert anna.is_let_in(f"{REPORTS}/reports")
    assert anna.browser.cookie("reports.localhost", "session~eil") == cookie


# --- Django: users and sessions in a database -----------------------------------------


def test_django_makes_a_user_once(anna, citizen, rows):
    user = anna.log_in(f"{PERMITS}/application/").user
    anna.browser.click("Log out")
    assert anna.log_in(f"{PERMITS}/application/").user == user
    assert citizen().log_in(f"{PERMITS}/application/").user == user
    made = "SELECT count(*) FROM auth_user WHERE username = ?"
    assert rows(made, user) == [(1,)]


def test_django_never_gets_its_session_of_before_a_logout(anna):
    anna.log_in(f"{PERMITS}/application/")
    anna.browser.press("Send", text="een dakkapel")
    assert anna.browser.cookie("permits.localhost", "sessionid~eil")
    anna.browser.click("Log out")
    assert anna.browser.url == f"{PERMITS}/", "at which it is withheld"
    anna.visit(f"{PERMITS}/")
    assert anna.browser.cookie("permits.localhost", "sessionid~eil") is None
    anna.log_in(f"{PERMITS}/application/")
    assert "een dakkapel" not in anna.browser.text


@pytest.mark.parametrize("how", ["elsewhere", "here"])
def test_django_ends_its_session_in_the_database_too(anna, rows, how):
    """Its LogoutView is called inside of the process, with its cookies and token."""
    sessions = "SELECT session_key FROM django_session"
    known = set(rows(sessions))
    anna.log_in(f"{PERMITS}/application/")
    anna.browser.press("Send", text="een dakkapel")
    [made] = set(rows(sessions)) - known
    if how == "here":
        anna.browser.click("Log out")
    else:
        anna.visit(f"{HUB}/")
        anna.browser.press("Overal uitloggen")
        assert "U bent overal uitgelogd" in anna.browser.text
    assert made not in rows(sessions)


def test_the_button_of_django_itself_logs_out_everywhere(anna, rows):
    """Its LogoutView takes a form with its token, ends its session, and leads on."""
    sessions = "SELECT session_key FROM django_session"
    known = set(rows(sessions))
    anna.log_in(f"{PERMITS}/application/")
    assert anna.is_let_in(f"{REPORTS}/reports")
    anna.visit(f"{PERMITS}/application/")
    [made] = set(rows(sessions)) - known
    anna.browser.press("Leave")
    assert anna.browser.url == f"{PERMITS}/"
    assert "You are not logged in." in anna.browser.text
    assert made not in rows(sessions)
    assert anna.browser.cookie("permits.localhost", "sessionid~eil") is None
    anna.visit(f"{REPORTS}/reports")
    assert anna.is_asked_for_password


def test_django_refuses_a_logout_without_its_token_and_nobody_is_logged_out(anna):
    anna.log_in(f"{PERMITS}/application/")
    anna.browser.post(f"{PERMITS}/leave/", site="cross-site")
    assert anna.browser.page.status_int == 403
    assert anna.is_let_in(f"{PERMITS}/application/")


def test_django_gives_nobody_the_session_of_the_citizen_before(
    anna, citizen_at, citizen
):
    anna.log_in(f"{PERMITS}/application/")
    anna.browser.press("Send", text="een dakkapel")
    anna.visit(f"{HUB}/")
    anna.browser.press("Overal uitloggen")
    bram = citizen_at(anna.browser, "bram").log_in(f"{PERMITS}/application/")
    assert "een dakkapel" not in bram.browser.text
    assert bram.user == citizen("bram").log_in(f"{PERMITS}/application/").user
