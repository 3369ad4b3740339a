"""A citizen logs in once and is known everywhere."""

import re


def user_in(browser):
    match = re.search(r"user=\[(.*?)\]", browser.text)
    return match[1] if match else None


def log_in(browser, url="https://uwv.test/mijn", username="anna"):
    browser.visit(url)
    assert browser.url.startswith("https://inloggen.test/"), browser.text
    browser.press("Inloggen", username=username, password=f"demo-{username}")
    assert browser.url == url, browser.text


def test_logs_in_and_is_where_she_wanted_to_be(federation):
    browser = federation.browser()
    log_in(browser, "https://uwv.test/mijn?jaar=2026")
    assert user_in(browser)


def test_goes_to_every_participant_without_another_prompt(federation):
    browser = federation.browser()
    log_in(browser)
    users = {user_in(browser)}
    for url in ("https://stad.test/mijn", "https://land.test/mijn", "https://uwv.test/"):
        browser.visit(url)
        assert browser.url == url, browser.text
        users.add(user_in(browser))
    assert len(users) == 3, "another pseudonym at every participant"


def test_logs_out_at_one_and_is_logged_out_everywhere(federation):
    browser = federation.browser()
    log_in(browser)
    for url in ("https://stad.test/mijn", "https://land.test/mijn"):
        browser.visit(url)
    browser.follow("https://stad.test/eilogin/logout")
    browser.visit("https://stad.test/eilogin/logout")
    assert "U bent overal uitgelogd" in browser.text
    for url in ("https://uwv.test/", "https://stad.test/", "https://land.test/mijn"):
        browser.visit(url)
        assert browser.url.startswith("https://inloggen.test/"), url
        assert "Wachtwoord" in browser.text
