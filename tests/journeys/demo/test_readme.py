"""README.rst and Get started: their commands beside a running demo, word for word.

Only the ports of the examples are replaced by free ones, and the path of ``eilogin`` by
that of this environment.
"""

import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from manual_blocks import blocks
from peer_servers import over_http
from real_parts import free_ports
from unmeasured import unmeasured

from eilogin.testing import Browser

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).parents[3]
README = CHECKOUT / "README.rst"
OWN, PRINTED = blocks(README, "Protect your own application")
#: The same lines, with ``check`` before ``serve``, and lines for the ini file.
*STEPS, PROTECT = blocks("get-started.rst", "Put an application of yours into the demo")
#: Seconds for a command.
PATIENCE = 90


def environ():
    """The environment of a shell that finds ``eilogin``."""
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**unmeasured(), "PATH": path, "PYTHONPATH": str(CHECKOUT)}


class Terminal:
    """A shell in the folder of the demo, and all that it has printed."""

    def __init__(self, folder):
        self.folder = folder
        self.output = folder / "printed"
        self.served = None

    def run(self, line):
        with self.output.open("ab") as output:
            subprocess.run(
                ["/bin/sh", "-c", line],
                cwd=self.folder,
                env=environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE,
                check=True,
            )

    def serve(self, line):
        with self.output.open("ab") as output:
            self.served = subprocess.Popen(
                line.split(),
                cwd=self.folder,
                env=environ(),
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + PATIENCE
        while "serving on" not in self.output.read_text():
            assert self.served.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def stop(self):
        if self.served is not None:
            self.served.terminate()
            self.served.wait(PATIENCE)


@pytest.fixture
def terminal(demo):
    terminal = Terminal(demo.folder)
    yield terminal
    terminal.stop()


def test_four_lines_put_an_application_into_the_federation_of_the_demo(terminal):
    (port,) = map(str, free_ports(1))
    steps = "\n".join(STEPS)
    *lines, check, serve = (
        line.replace(".venv/bin/eilogin", "eilogin").replace("8090", port)
        for line in steps.splitlines()
    )
    for line in lines:
        terminal.run(line)
    ini = terminal.folder / "var" / "mijn" / "site.ini"
    written = ini.read_text()
    ini.write_text(re.sub(r"(?s)protect =.*", PROTECT, written))
    terminal.run(check)
    ini.write_text(written)
    terminal.run(check)
    terminal.serve(serve)
    printed = terminal.output.read_text()
    for line in PRINTED.replace("8090", port).splitlines():
        shown = ".*".join(map(re.escape, line.split("…")))
        assert re.search(f"(?m)^{shown}$", printed), f"{line}\n{printed}"

    mijn = f"http://mijn.localhost:{port}/"
    browser = Browser(over_http)
    deadline = time.monotonic() + PATIENCE
    # The hub of the demo knows the new member within seconds.
    while "Wachtwoord" not in browser.visit(mijn).text:
        assert time.monotonic() < deadline, browser.text
        time.sleep(0.2)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == mijn
    assert "REMOTE_USER = " in browser.text
    browser.visit(f"{mijn}eilogin/logout")
    assert "U bent overal uitgelogd" in browser.text


def test_get_started_has_the_lines_of_the_readme():
    steps = "\n".join(STEPS).splitlines()
    assert [line for line in steps if line in OWN.splitlines()] == OWN.splitlines()
    assert len(steps) == len(OWN.splitlines()) + 1


def test_the_demo_prints_the_addresses_of_get_started(demo):
    assert "``Start here: http://localhost:8080/``" in README.read_text("utf-8")
    line, printed = blocks("get-started.rst", "Start the demo")
    assert f"    {line}\n" in README.read_text("utf-8")
    # The length of a port changes the blanks between columns.
    shown = [one.split() for one in printed.replace("8080", str(demo.port)).split("\n")]
    told = [one.split() for one in demo.output.split("\n")]
    assert [one for one in shown if one not in told] == [["…"]]


def test_pictures_are_taken_from_the_running_demo(demo, tmp_path):
    take = CHECKOUT / "contrib" / "screenshots" / "demo.py"
    command = [sys.executable, take, tmp_path, "--port", str(demo.port)]
    subprocess.run(command, check=True, env=unmeasured(), timeout=PATIENCE)
    sizes = {
        file.name: struct.unpack(">II", file.read_bytes()[16:24])
        for file in tmp_path.glob("*.png")
    }
    assert sizes == {
        "demo-guide.png": (760, 620),
        "demo-sign-in.png": (360, 740),
        "demo-service.png": (360, 740),
        "demo-receipt.png": (360, 740),
    }
