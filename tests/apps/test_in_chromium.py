"""The same in a real browser, with one login for all of the applications."""

import re

import pytest
from app_sites import ELSEWHERE
from chromium import go, launched
from eilogin_sites import PASSWORD

#: Milliseconds for a page.
PATIENCE = 60_000
SAYS_WHO = re.compile(r"ogged in as (\S+?)\.?$", re.MULTILINE)

pytestmark = [pytest.mark.real, pytest.mark.any_python]


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    context = chromium.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def log_in(page, name, url):
    go(page, url)
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=login]").click()


def user(page):
    """Who the page says she is."""
    match = SAYS_WHO.search(page.inner_text("body"))
    return match and match[1]


def test_one_logout_ends_what_each_of_them_remembers(running, page, new_name):
    applications = running.applications.values()
    users = []
    for name in (new_name(), new_name()):
        for number, application in enumerate(applications):
            url = application.url(application.kind.login)
            if number == 0:
                log_in(page, name, url)
            else:
                go(page, url)
            page.wait_for_url(re.compile(f"^{re.escape(application.url(''))}"))
            users.append(user(page))
        go(page, running.ours.url(ELSEWHERE))
        page.get_by_role("link", name="Uitloggen").click()
        page.get_by_text("logged out everywhere").wait_for()
        for application in applications:
            page.goto(application.url())
            assert user(page) is None, page.inner_text("body")
            held = {c["name"] for c in page.context.cookies(application.url())}
            assert not held & {"sessionid", "remember_token", "auth_tkt", "trac_auth"}
    assert None not in users
    assert not set(users[:4]) & set(users[4:])
