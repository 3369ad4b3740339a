"""The federation changes while a site runs: all its processes know it, by one question.

Two processes serve one site, as two workers do, and fetch the metadata over HTTP. An
hour is over by having the folder say that the next refresh is due.
"""

import http.client
import json
import sys
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from eilogin_sites import Ours
from peer_servers import Server
from real_parts import free_ports

from eilogin.atomic_files import PUBLIC, write
from eilogin.cli import main

#: Seconds in which what is to happen has happened, on a busy machine too.
SOON = 120.0
#: Seconds within which all processes follow, and what a busy machine may add.
FOLLOWED = 1.0 + 5.0


@pytest.fixture
def site(tmp_path, published):
    (tmp_path / "site").mkdir()
    options = {"federation": published.url, "federation_folder": "%(var)s"}
    return Ours(tmp_path / "site", {"uwv": options})


@pytest.fixture
def publish(served_hub, site, published):
    """Have the operator publish a hub whose citizens sign in at ``path``."""

    def publish(path):
        said = served_hub.url("inloggen", "/sso").encode()
        of_hub = served_hub.metadata("inloggen")
        assert said in of_hub
        there = of_hub.replace(said, served_hub.url("inloggen", path).encode())
        site.join(there, site.metadata("uwv"))
        published.octets = (site.folder / "var/federation.xml").read_bytes()

    return publish


@pytest.fixture
def process(site):
    """Serve the site by one gunicorn more, at a port of its own."""

    @contextmanager
    def run(name, *words):
        (port,) = free_ports(1)
        (site.folder / name).mkdir()
        ini = site.folder / "paste.ini"
        command = [sys.executable, "-m", "gunicorn", "--paste", ini, "-w", "1",
                   "-k", "gthread", "-b", f"127.0.0.1:{port}", *words]  # fmt: skip
        with Server(site.folder / name, command, port) as server:
            yield port
        assert "Traceback" not in server.log, server.log

    return run


def led_to(site, port):
    """Where a visitor is sent whom nobody knows, without what is said there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
    try:
        host = f"uwv.localhost:{site.port}"
        asked = {"Host": host, "Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
        connection.request("GET", "/", headers=asked)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Location"].partition("?")[0]
    finally:
        connection.close()


def active_in(site):
    (place,) = (site.folder / "var").glob("uwv*/active.json")
    return place, json.loads(place.read_text())


def have_an_hour_pass(site):
    place, active = active_in(site)
    active["tries"]["due"] = 0.0
    write(place, json.dumps(active).encode(), mode=PUBLIC)


def until(happened, seconds=SOON):
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def told_of(site):
    result = CliRunner().invoke(main, ["trust", "show", str(site.folder / "paste.ini")])
    assert result.exit_code == 0, result.output
    return result.output


def test_both_processes_follow_and_nothing_older_is_taken(
    served_hub, site, published, publish, process
):
    here, there = (served_hub.url("inloggen", path) for path in ("/sso", "/sso/anew"))
    publish("/sso")
    with process("one") as one, process("other") as other:
        assert {led_to(site, one), led_to(site, other)} == {(302, here)}
        assert len(published.asked) == 1, "who starts second asks nobody"
        older = published.octets

        publish("/sso/anew")
        before = active_in(site)[1]["state"]["generation"]
        have_an_hour_pass(site)
        until(lambda: active_in(site)[1]["state"]["generation"] > before)
        until(
            lambda: led_to(site, one) == led_to(site, other) == (302, there), FOLLOWED
        )
        assert len(published.asked) == 2, "one refresh for both"

        published.is_down = True
        have_an_hour_pass(site)
        until(lambda: active_in(site)[1]["tries"]["failures"] == 1)
        assert "status 503" in told_of(site)
        assert led_to(site, one) == led_to(site, other) == (302, there)

        published.is_down, published.octets = False, older
        have_an_hour_pass(site)
        until(lambda: active_in(site)[1]["tries"]["failures"] == 2)
        assert "expected none older than our copy" in told_of(site)
        assert led_to(site, one) == led_to(site, other) == (302, there)

    published.is_down = True
    with process("third") as third:
        assert led_to(site, third) == (302, there), "as it was, with the source down"


def test_preloaded_processes_refresh_and_follow(
    served_hub, site, published, publish, process
):
    here, there = (served_hub.url("inloggen", path) for path in ("/sso", "/sso/anew"))
    publish("/sso")
    with process("preloaded", "--preload", "-w", "2") as port:
        # Each connection is another one, so that both processes get some.
        assert {led_to(site, port) for _ in range(20)} == {(302, here)}
        publish("/sso/anew")
        have_an_hour_pass(site)
        until(lambda: led_to(site, port) == (302, there))
        time.sleep(FOLLOWED)
        assert {led_to(site, port) for _ in range(20)} == {(302, there)}
