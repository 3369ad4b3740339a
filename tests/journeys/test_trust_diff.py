"""Somebody has the operator's key: no login is handed over before a person has looked.

The site, its hub and the operator's commands are processes of their own, and the
metadata is fetched over HTTP.
"""

import re
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path

import pytest
from eilogin_sites import Ours, person
from peer_servers import PATIENCE, over_http
from unmeasured import unmeasured

from eilogin.saml.signing_keys import new_key_pair
from eilogin.testing import Browser

#: Seconds in which all processes of a site follow.
SOON = 60.0


@pytest.fixture
def site(tmp_path, published):
    (tmp_path / "site").mkdir()
    options = {
        "federation": published.url,
        "federation_folder": "%(var)s",
        "federation_refresh": "off",
    }
    return Ours(tmp_path / "site", {"uwv": options})


@pytest.fixture
def publish(served_hub, site, published):
    """Have the operator sign what the hub is now, with something of it changed."""

    def publish(old=b"", new=b""):
        of_hub, of_site = served_hub.metadata("inloggen"), site.metadata("uwv")
        assert old in of_hub
        site.join(of_hub.replace(old, new), of_site)
        published.octets = (site.folder / "var/federation.xml").read_bytes()

    served_hub.join(served_hub.metadata("inloggen"), site.metadata("uwv"))
    publish()
    return publish


@pytest.fixture
def trust(site):
    """Run ``eilogin trust``, as somebody types it."""

    def run(word, *words):
        command = "from eilogin.cli import main; main()"
        file = str(site.folder / "paste.ini")
        done = subprocess.run(
            [sys.executable, "-c", command, "trust", word, file, *words],
            env=unmeasured(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout

    return run


@pytest.fixture
def log_in(site, citizen_at):
    """Have a citizen come by with a browser that nobody knows; how far she gets."""
    numbers = cycle(range(10))

    def come():
        anna = citizen_at(Browser(over_http), person(next(numbers)))
        anna.visit(site.url("uwv"))
        fields = {"username": anna.name, "password": "demo-anna"}
        anna.browser.press("Inloggen", **fields)
        return anna.browser.url == site.url("uwv") and anna.user is not None

    return come


def test_a_hub_that_another_wants_to_be_is_not_until_somebody_says_so(
    served_hub, site, publish, trust, log_in
):
    with served_hub.running():
        with site.running():
            assert log_in()
            publish(
                served_hub.url("inloggen", "/sso").encode(),
                b"http://evil.localhost/sso",
            )
            assert "waits for approval" in trust("refresh")
            assert "(SSO) go to http://evil.localhost; before:" in trust("diff")
            assert log_in(), "at the hub that it was"
        with site.running():
            assert log_in(), "also after a restart"
        publish()
        assert "newer metadata is active" in trust("refresh")
        assert trust("diff") == "nothing waits for approval\n"


def test_a_hub_has_another_key_once_somebody_says_so(
    served_hub, site, publish, trust, log_in
):
    with site.running():
        with served_hub.running():
            assert log_in()
        for end, octets in zip(("key", "crt"), new_key_pair("new"), strict=True):
            Path(served_hub.folder / f"var/inloggen.{end}").write_bytes(octets)
        served_hub.join(served_hub.metadata("inloggen"), site.metadata("uwv"))
        publish()
        with served_hub.running():
            assert "waits for approval" in trust("refresh")
            assert not log_in(), "who that hub is nobody has said yet"
            [state_id] = re.findall("approve .* ([0-9a-f]{32})", trust("diff"))
            assert "is active now" in trust("approve", state_id)
            deadline = time.monotonic() + SOON
            while not log_in():
                assert time.monotonic() < deadline
