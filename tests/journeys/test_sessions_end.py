"""An operator ends sessions of a citizen, or at a site, with the servers at work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from eilogin_sites import Ours, person
from peer_servers import over_http

from eilogin.testing import Browser

EILOGIN = Path(sys.executable).with_name("eilogin")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A hub, and two sites of its federation, which run."""
    ours = Ours(tmp_path_factory.mktemp("ours"), {"uwv": {}, "stad": {}}, {})
    ours.join(*map(ours.metadata, ("inloggen", "uwv", "stad")))
    with ours.running():
        yield ours


@pytest.fixture
def citizen(ours, citizen_at):
    """Log somebody in at both sites, in a browser of her own."""

    def log_in(number):
        citizen = citizen_at(Browser(over_http), person(number))
        citizen.visit(ours.url("uwv"))
        fields = {"username": citizen.name, "password": "demo-anna"}
        citizen.browser.press("Inloggen", **fields)
        for name in ("uwv", "stad"):
            assert citizen.is_let_in(ours.url(name))
        return citizen

    return log_in


def end(ours, name, *options):
    return command(ours, "--subject", *options, typed=f"{name}\n")


def command(ours, *options, typed=""):
    return subprocess.run(
        [EILOGIN, "sessions", "end", ours.folder / "paste.ini", *options],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_at_the_hub_by_the_name_with_which_she_signs_in(ours, citizen):
    one, other, bystander = citizen(1), citizen(1), citizen(2)
    ended = end(ours, one.name)
    assert ended.stdout == "line 1: 2 sessions ended; 2 participants confirmed it\n"
    assert ended.returncode == 0
    assert one.name not in ended.stderr
    for name in ("uwv", "stad"):
        for browser in (one, other):
            browser.visit(ours.url(name))
            assert browser.is_asked_for_password
        assert bystander.is_let_in(ours.url(name))


def test_at_a_site_by_what_its_application_knows(ours, citizen):
    one, bystander = citizen(3), citizen(4)
    one.visit(ours.url("stad"))
    ended = end(ours, one.user, "--section", "filter:stad-eilogin")
    told = "the hub has confirmed that all participants ended theirs"
    assert ended.stdout == f"line 1: 1 session ended; {told}\n"
    assert ended.returncode == 0
    for name in ("uwv", "stad"):
        one.visit(ours.url(name))
        assert one.is_asked_for_password
        assert bystander.is_let_in(ours.url(name))


def test_at_a_site_that_leaves_the_federation(ours, citizen):
    citizens = [citizen(5), citizen(6)]
    entity_id = ours.url("stad", "/eilogin/metadata")
    ended = command(ours, "--participant", entity_id, "--yes")
    said = rf"([0-9]+) sessions ended at {entity_id}; it confirmed \1\n"
    assert re.fullmatch(said, ended.stdout), ended.stderr
    assert ended.returncode == 0
    for one in citizens:
        assert one.is_let_in(ours.url("uwv"))
        one.browser.visit(ours.url("stad", "/eilogin/session"))
        assert one.browser.page.json["logged_in"] is False
