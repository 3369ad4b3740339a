"""Who logs out elsewhere is unknown to every application, whatever that remembers."""

from textwrap import indent

from app_sites import APPS, ELSEWHERE, OURS, twin_of
from eilogin_sites import code
from peer_servers import Clock

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_sections import IniFile

MANUAL = APPS.parent.parent / "contrib" / "manual" / "protect"
#: The page of each application.
PAGES = {
    "townhall": "django.rst",
    "library": "flask.rst",
    "parking": "pyramid.rst",
    "tracker": "other.rst",
}


def test_the_ini_file_has_no_fault(application):
    assert check(IniFile.read(application.ini_file)).faults == []


def test_manual_page_has_the_lines_of_the_ini_file(application):
    text = (APPS / application.ini_file.name).read_text()
    lines, section, of_application = text[text.index("protect =") :].partition("[app:")
    page = (MANUAL / PAGES[application.kind.name]).read_text()
    # The manual has one name for a reader's project, wherever that is Django's.
    page = page.replace("[app:myapp]", "[app:townhall]").replace("mysite", "townhall")
    # Here one folder holds the ini files of all applications.
    page = page.replace("path = %(here)s", f"path = /srv/{application.kind.name}")
    for block in (lines, section + of_application):
        assert f"\n{indent(block.rstrip(), '    ')}\n\n" in page


def test_the_applications_have_no_word_of_eilogin():
    folders = [folder for folder in APPS.iterdir() if folder.is_dir()]
    files = [
        file
        for folder in folders
        for file in folder.rglob("*.*")
        if file.suffix != ".pyc"
    ]
    assert len(files) >= 10
    for file in files:
        assert "eilogin" not in file.read_text().lower(), file


def test_it_knows_neither_her_nor_who_has_copied_her_cookies(
    running, application, anna
):
    anna.log_in(application).keep(application, "een lantaarn")
    assert anna.is_known_at(application)
    twin = twin_of(anna, application)
    assert twin.is_known_at(application), "it is a good copy"
    running.log_out_elsewhere(anna)
    for one in (anna, twin, twin_of(twin, application)):
        assert not one.is_known_at(application)
        assert not one.finds(application, "een lantaarn")
        one.visit(application.url(application.kind.login))
        assert one.is_asked_for_password


def test_without_our_cookie_its_own_do_not_say_who_she_is(application, anna):
    anna.log_in(application).keep(application, "een lantaarn")
    twin = twin_of(anna, application)
    for name in twin.browser.cookies(application.host):
        if name.startswith(OURS):
            twin.browser.set_cookie(application.host, name, "")
    assert not twin.is_known_at(application)
    assert not twin.finds(application, "een lantaarn")
    assert anna.finds(application, "een lantaarn"), "and she is still there"


def test_the_next_day_in_another_process_none_knows_who_left_or_stayed(
    running, citizen, tmp_path
):
    applications = running.applications.values()
    left, stayed = citizen(), citizen()
    for one in (left, stayed):
        first, *others = applications
        one.log_in(first)
        for application in others:
            one.visit(application.url(application.kind.login))
        for application in applications:
            one.keep(application, "een lantaarn")
    twins = [twin_of(left, application) for application in applications]
    running.log_out_elsewhere(left)
    with running.later(Clock(tmp_path), days=1):
        for application, twin in zip(applications, twins, strict=True):
            for one in (left, twin, stayed):
                assert not one.is_known_at(application), one.where
                assert not one.finds(application, "een lantaarn")


def test_another_citizen_at_the_same_browser_gets_nothing_of_hers(
    running, application, anna, citizen
):
    user = anna.log_in(application).user
    anna.keep(application, "een lantaarn")
    old = anna.browser.cookies(application.host)
    running.log_out_elsewhere(anna)
    bram = citizen(anna.browser).log_in(application)
    assert bram.is_known_at(application)
    assert bram.user != user
    assert not bram.finds(application, "een lantaarn")
    bram.keep(application, "een gat")
    # As if the browser had forgotten nothing.
    for name, value in old.items():
        if not name.startswith(OURS):
            bram.browser.set_cookie(application.host, name, value)
    for path in ("/", application.kind.page, application.kind.login):
        bram.visit(application.url(path))
        assert bram.user != user
        assert "een lantaarn" not in bram.browser.text


def test_visitor_can_log_in_again_after_a_logout_elsewhere(running, application, anna):
    user = anna.log_in(application).user
    running.log_out_elsewhere(anna)
    assert anna.log_in(application).user == user
    anna.keep(application, "een lantaarn")


def test_her_work_stays_when_she_logs_in_at_a_higher_level(application, anna):
    anna.log_in(application).keep(application, "een lantaarn")
    anna.visit(application.url("/eilogin/login?next=/&level=midden"))
    anna.type_code(code())
    assert anna.is_known_at(application)
    assert anna.finds(application, "een lantaarn")


def test_its_own_logout_logs_out_everywhere(running, application, anna):
    anna.log_in(application).keep(application, "een lantaarn")
    anna.visit(running.ours.url(ELSEWHERE))
    assert "user=[" in anna.browser.text
    anna.leave(application)
    assert not anna.is_known_at(application)
    anna.visit(running.ours.url(ELSEWHERE))
    assert anna.is_asked_for_password
