"""A bot without a session cannot fill the logs, whatever links it makes up."""

import logging

import pytest

UWV, HUB = "https://uwv.test", "https://inloggen.test"
#: Requests of the bot, and the most lines that they leave in a minute.
TIMES, MOST = 50, 45


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [one.getMessage() for one in caplog.records]


@pytest.mark.parametrize(
    "url",
    [
        f"{UWV}/eilogin/login?next=//evil.test/",
        f"{UWV}/eilogin/login?next=/&hub=https://evil.test/",
        f"{HUB}/login?next=//evil.test/",
        f"{HUB}/slo?turn=",
    ],
)
def test_by_made_up_links(federation, lines, url):
    for number in range(TIMES):
        federation.browser().fetch(f"{url}{number}")
    assert len(lines()) <= MOST


def test_how_many_there_were_is_in_the_log_later(federation, caplog, clock):
    for _ in range(TIMES):
        federation.browser().fetch(f"{UWV}/eilogin/login?next=//evil.test/")
    clock.shift(60)
    federation.browser().fetch(f"{UWV}/eilogin/login?next=//evil.test/")
    assert "30 times within a minute: return address ignored" in caplog.text


def test_by_passwords_when_no_tries_are_left(federation, lines, monkeypatch):
    monkeypatch.setattr("eilogin.hub.signin.signin_attempts._MOST_FROM_A_PLACE", 3)
    bot = federation.browser()
    bot.visit(f"{UWV}/mijn")
    for number in range(TIMES):
        name = f"nobody-{number}"
        url = f"{HUB}/login?next=/"
        bot.post(url, site="same-origin", username=name, password="x")
    refused = [line for line in lines() if '"sign-in"' in line]
    assert 20 < len(refused) <= MOST
