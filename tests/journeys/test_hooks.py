"""Hooks of a logout, at sites that gunicorn serves with several workers."""

import json
import sys
import time

import pytest
from eilogin_sites import HUB, PASSWORD, Ours, person
from peer_servers import Server, over_http

from eilogin.testing import Browser

#: The application keeps its own sessions in files, by the name of the login.
NOTED = """\
import json, os, pathlib, time
HERE = pathlib.Path(__file__).parent

def app(environ, start_response):
    login = environ["eilogin.session"]
    site = environ["HTTP_HOST"].partition(".")[0]
    (HERE / f"{site}-{login.name.replace(':', '-')}.session").touch()
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>here</p>"]

def end_session(event):
    for file in HERE.glob(f"*-{event.session.replace(':', '-')}.session"):
        file.unlink()
        told = {"site": file.name.partition("-")[0], "cause": event.cause}
        with (HERE / "told").open("a") as log:
            log.write(json.dumps({**told, "pid": os.getpid()}) + "\\n")

def hang(event):
    (HERE / "hangs").touch()
    time.sleep(600)
"""


@pytest.fixture
def sites(tmp_path):
    """Two sites and a hub, all loaded before gunicorn forks."""
    hooks = {"on_logout": "noted:end_session"}
    hanging = {"on_logout": "noted:hang noted:end_session", "on_logout_timeout": "1s"}
    ours = Ours(tmp_path, {"uwv": hooks, "stad": hanging}, {})
    ours.join(*map(ours.metadata, ("uwv", "stad", HUB)))
    (tmp_path / "noted.py").write_text(NOTED)
    ini = tmp_path / "paste.ini"
    ini.write_text(
        ini.read_text().replace("app = seen:show_visitor", "app = noted:app")
    )
    return ours


def test_end_the_applications_own_sessions_whoever_hangs(sites, tmp_path):
    command = [sys.executable, "-m", "gunicorn", "--paste", tmp_path / "paste.ini",
               "--preload", "-k", "gthread", "--threads", "8", "-w", "2",
               "-b", f"127.0.0.1:{sites.port}",
               "-b", f"127.0.0.1:{sites.back_port}"]  # fmt: skip
    with Server(tmp_path, command, sites.port, sites.back_port) as server:
        anna = Browser(over_http)
        anna.visit(sites.url("uwv"))
        anna.press("Inloggen", username=person(1), password=PASSWORD)
        anna.visit(sites.url("stad"))
        assert anna.url == sites.url("stad")
        assert len(list(tmp_path.glob("*.session"))) == 2
        begun = time.monotonic()
        anna.visit(sites.url("uwv", "/eilogin/logout"))
        assert "U bent overal uitgelogd" in anna.text
        assert time.monotonic() - begun < 60, "nobody waits for one that hangs"
        assert list(tmp_path.glob("*.session")) == [], "before she reads that"
        lines = (tmp_path / "told").read_text().splitlines()
        told = {one["site"]: one["cause"] for one in map(json.loads, lines)}
        assert told == {"uwv": "here", "stad": "elsewhere"}
        assert (tmp_path / "hangs").exists()
        assert "on_logout: noted:hang did not end within 1 s" in server.log
