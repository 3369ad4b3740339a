"""The page of the manual on a hub, as an operator follows it: word for word.

The names of its example are replaced by those of this machine, and no other word.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from manual_blocks import block
from peer_servers import over_http
from real_parts import free_ports
from unmeasured import unmeasured

from eilogin.cli import main
from eilogin.testing import Browser

CHECKOUT = Path(__file__).parents[2]
#: What a script gives in the place of somebody at a terminal.
PASSWORD = "een lang wachtwoord"
ASKED = {
    "join-hub": "y\n",
    "add operator": "y\n",
    "citizen": f"{PASSWORD}\n900000016\n",
}
#: Seconds for what is started to be there.
PATIENCE = 60


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Run a command in the folder of the hub; a server is a process of its own."""
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**unmeasured(), "PATH": path, "PYTHONPATH": str(CHECKOUT)}
    started = []

    def start(line):
        log = tmp_path / f"output-{len(started)}"
        with log.open("wb") as output:
            started.append(
                subprocess.Popen(
                    ["/bin/sh", "-c", f"exec {line}"],
                    cwd=tmp_path,
                    stdout=output,
                    stderr=output,
                    env=environ,
                )
            )
        deadline = time.monotonic() + PATIENCE
        while "serving on" not in log.read_text():
            assert started[-1].poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def run(line):
        asked = next((text for word, text in ASKED.items() if word in line), "")
        if line.startswith("eilogin serve"):
            return start(line)
        result = CliRunner().invoke(main, shlex.split(line)[1:], input=asked)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.stdout

    yield run
    for one in started:
        one.send_signal(signal.SIGINT)
    for one in started:
        one.wait(PATIENCE)


def test_leads_to_a_hub_at_which_a_citizen_signs_in(shell):
    hub, mijn = (f"http://{name}.localhost:{port}" for name, port in places())
    lines = block("hub/index.rst", "Make the hub").splitlines()
    for line in lines:
        here = line.replace("https://inloggen.example.nl", hub)
        here = here.replace("inloggen.example.nl", "inloggen.localhost")
        here = here.replace("--name Voorbeeld", "--name Voorbeeld --loopback")
        told = shell(here)
        if line.startswith("eilogin check"):
            assert "everything in order" in told

    # A site joins, as another page says.
    federation = "--federation operator/metadata.xml"
    shell(
        f"eilogin join --app wsgiref.simple_server:demo_app --public-url {mijn} --yes"
        f" {federation} --operator-certificate operator/operator.crt --folder site"
    )
    shell("eilogin federation add operator site/mijn.localhost.xml --yes")
    shell("eilogin federation sign operator")
    told = shell("eilogin check site/site.ini")
    # Where tests are run may be a file system in memory.
    assert told.replace("note: [filter:eilogin] store: is on a", "").count("note:") == 0
    shell("eilogin serve site/site.ini")
    browser = Browser(over_http)
    deadline = time.monotonic() + PATIENCE
    while "Wachtwoord" not in browser.visit(f"{mijn}/").text:
        assert time.monotonic() < deadline, browser.text
        time.sleep(0.2)
    browser.press("Inloggen", username="anna", password=PASSWORD)
    assert browser.url == f"{mijn}/"
    assert "Hello world!" in browser.text


def places():
    """The hosts of the hub and the site, each with a port."""
    return zip(("inloggen", "mijn"), free_ports(2), strict=True)
