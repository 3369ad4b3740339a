"""``eilogin work``, a process of its own, tells a site of a logout that it has missed.

Hub, site and command are three processes, and nothing is between them but HTTP.
"""

import sys
import time

import pytest
from eilogin_sites import Ours, person
from peer_servers import PATIENCE, Server, over_http

from eilogin.testing import Browser

#: The hub leaves it to the command, and waits for nobody for long.
HUB = {"work": "false", "logout_timeout": "1s"}


@pytest.fixture
def hub(tmp_path):
    """A hub, and a site in the same process."""
    return Ours(_made(tmp_path / "hub"), {"uwv": {}}, HUB)


@pytest.fixture
def stad(tmp_path, hub):
    """A site of another organisation, in the same federation."""
    stad = Ours(_made(tmp_path / "stad"), {"stad": {}})
    members = [hub.metadata("inloggen"), hub.metadata("uwv"), stad.metadata("stad")]
    for ours in (hub, stad):
        ours.join(*members)
    return stad


def test_the_command_tells_who_was_away(hub, stad, citizen_at, at_work):
    with hub.running(), stad.running() as server:
        anna = citizen_at(Browser(over_http), person(1))
        anna.visit(hub.url("uwv"))
        fields = {"username": anna.name, "password": "demo-anna"}
        anna.browser.press("Inloggen", **fields)
        assert anna.is_let_in(stad.url("stad"))
        with server.down():
            anna.visit(hub.url("uwv", "/eilogin/logout"))
            anna.browser.click("Ga verder")
            assert "Stad Hier is uitloggen nog niet gelukt" in anna.browser.text
        assert anna.is_let_in(stad.url("stad")), "nobody has told it"
        with at_work(hub) as command:
            deadline = time.monotonic() + PATIENCE
            while "delivered from the retry queue: 1" not in command.log:
                assert time.monotonic() < deadline, command.log
                time.sleep(0.1)
        anna.visit(stad.url("stad"))
        assert anna.is_asked_for_password


@pytest.fixture
def at_work(tmp_path):
    """Run the command for a hub."""

    def work(ours):
        run = "from eilogin.cli import main; main()"
        command = [sys.executable, "-c", run, "work", ours.folder / "paste.ini"]
        return Server(_made(tmp_path / "work"), command)

    return work


def _made(folder):
    folder.mkdir()
    return folder
