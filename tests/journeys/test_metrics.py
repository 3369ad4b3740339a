"""The numbers of a hub, as Prometheus would fetch them from several workers."""

import http.client
import sys

import pytest
from eilogin_sites import HUB, Ours
from peer_servers import Server

TOKEN = "a token of these tests"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The address of a hub that gunicorn serves, loaded before it forks, by two."""
    folder = tmp_path / "numbers"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    ours = Ours(tmp_path, {}, {"metrics_token": TOKEN})
    ours.join(ours.metadata(HUB))
    gunicorn = [sys.executable, "-m", "gunicorn", "--paste", tmp_path / "paste.ini",
                "--preload", "-k", "gthread", "--threads", "4", "-w", "2",
                "-b", f"127.0.0.1:{ours.port}"]  # fmt: skip
    with Server(tmp_path, gunicorn, ours.port):
        yield ours


def ask(hub, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    try:
        host = f"{HUB}.localhost:{hub.port}"
        connection.request("GET", path, headers={"Host": host, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_are_of_all_workers_whichever_answers(hub, tmp_path):
    refused, files = 0, []
    while len(files) < 2:
        status, _ = ask(hub, "/metrics", Authorization="Bearer of nothing")
        assert status == 404
        refused += 1
        assert refused < 1000
        # One of each process that has counted anything.
        files = list((tmp_path / "numbers").glob("counter_*.db"))
    for _ in range(6):
        status, text = ask(hub, "/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        [said] = [line for line in text.splitlines() if 'reason="not-found"' in line]
        assert float(said.split()[-1]) == refused
        assert 'event="address"' in said, "it is no login that was refused"
