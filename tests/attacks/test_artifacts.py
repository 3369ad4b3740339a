"""Artifacts that nobody made, brought as fast as somebody can: others do not wait.

Attacks G18. The page of a neighbour is asked for in the same server.
"""

import contextlib
import threading
from http.client import HTTPConnection
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import waitress

from eilogin.participant.response import artifact_resolution
from eilogin.saml import bindings

UWV = "https://uwv.test/mijn"
ACS = "https://uwv.test/eilogin/acs"
HUB = "https://inloggen.test/metadata"
THREADS = 4
ATTACKERS = 8


@pytest.fixture
def port(federation):
    server = waitress.create_server(
        federation, host="127.0.0.1", port=0, threads=THREADS
    )

    def run():
        # What it waits for is closed under it in the end.
        with contextlib.suppress(OSError):
            server.run()

    runs = threading.Thread(target=run, daemon=True)
    runs.start()
    yield server.effective_port
    server.close()
    runs.join(30)


def ask(port, url, cookies):
    parts = urlsplit(url)
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "Host": parts.netloc,
        "Accept": "text/html",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
    }
    connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.fixture
def waits(monkeypatch):
    """For how many seconds requests wait for one that is at the hub: here for none."""
    seconds = []
    # In its place alone: others of this process may sleep.
    monkeypatch.setattr(
        artifact_resolution, "time", SimpleNamespace(sleep=seconds.append)
    )
    return seconds


def test_a_stranger_who_invents_artifacts_keeps_no_thread_waiting(
    federation, port, waits
):
    """All that she gets is three questions to the hub; the rest is refused at once.

    What comes while one of the three is at the hub may wait for that one, or is told
    that it is busy there.
    """
    stranger = federation.browser()
    stranger.stops_before = "SAMLRequest="
    stranger.visit(UWV)
    handle = bindings.read_redirect(urlsplit(stranger.url).query).relay_state
    cookies = stranger.cookies("uwv.test")

    def attack(statuses):
        for _ in range(10):
            url = bindings.artifact_url(ACS, bindings.new_artifact(HUB), handle)
            statuses.append(ask(port, url, cookies))

    def flood():
        statuses = []
        attackers = [
            threading.Thread(target=attack, args=(statuses,)) for _ in range(ATTACKERS)
        ]
        for attacker in attackers:
            attacker.start()
        assert ask(port, UWV, {}) == 302
        for attacker in attackers:
            attacker.join(60)
        return statuses

    all_refused = [400] * (10 * ATTACKERS)
    assert set(flood()) <= {400, 503}
    assert len(federation.back_channel_log) == 3
    waits.clear()
    assert flood() == all_refused
    assert len(federation.back_channel_log) == 3
    assert waits == [], "none of hers is at the hub any more"
