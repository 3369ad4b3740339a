"""The page of the manual on joining, as somebody follows it: word for word.

What it says is run in a shell beside a demo that runs, at whose folder the operator is.
The names of its examples are replaced by those of this machine, and no other word.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from peer_servers import over_http
from real_parts import free_ports
from unmeasured import unmeasured

from eilogin.testing import Browser

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "contrib" / "manual" / "join" / "index.rst"

INI = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}

[app:main]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
"""

#: Seconds for what is started to be there.
PATIENCE = 60


def steps():
    """The commands of each step of the page, in its order."""
    tree = publish_doctree(PAGE.read_text(), settings_overrides={"halt_level": 2})
    (listed,) = tree.findall(nodes.enumerated_list)
    return [
        [
            line
            for block in step.findall(nodes.literal_block)
            for line in block.astext().splitlines()
        ]
        for step in listed.findall(nodes.list_item)
    ]


class Running:
    """A program of this machine, which says that it is there."""

    def __init__(self, command, folder, says, environ):
        self.log = folder / "output"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=output, env=environ
            )
        deadline = time.monotonic() + PATIENCE
        while says not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)


@pytest.fixture
def environ():
    """Where a shell finds ``eilogin``, of this checkout."""
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {**unmeasured(), "PATH": path, "PYTHONPATH": str(CHECKOUT)}


@pytest.fixture
def clone(tmp_path):
    """What looks like a clone, with ports of its own."""
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "eilogin").symlink_to(CHECKOUT / "eilogin")
    shutil.copy(CHECKOUT / "setup.cfg", folder)
    shutil.copytree(CHECKOUT / "contrib" / "demo", folder / "contrib" / "demo")
    text = (CHECKOUT / "paste.ini").read_text()
    for option, port in zip(("visitors", "servers"), free_ports(2), strict=True):
        text = re.sub(rf"(?m)^{option} = \d+$", f"{option} = {port}", text)
    (folder / "paste.ini").write_text(text)
    return folder


@pytest.fixture
def running(environ):
    """Start a program; all are stopped afterwards."""
    started = []

    def start(command, folder, says):
        started.append(Running(command, folder, says, environ))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def visit_until(browser, url, is_so):
    """Open a page again and again, as somebody who knows that it takes some seconds."""
    deadline = time.monotonic() + PATIENCE
    while not is_so(browser.visit(url).text):
        assert time.monotonic() < deadline, browser.text
        time.sleep(0.2)


def test_takes_no_more_than_five_steps():
    assert len(steps()) == 5
    assert sum(map(len, steps())) <= 8


def test_leads_to_a_site_at_which_citizens_log_in(clone, tmp_path, environ, running):
    """Until the operator lets it go; and nothing that runs is started anew."""
    running(["eilogin", "demo"], clone, "Ctrl-C stops it")
    (port,) = free_ports(1)
    site = tmp_path / "site"
    site.mkdir()
    (site / "production.ini").write_text(INI.format(port=port))
    names = {
        "https://mijn.example.nl": f"http://mijn.localhost:{port}",
        "https://federatie.example.nl/metadata.xml": f"{clone}/var/federation.xml",
        "FEDERATION": f"{clone}/var/federation",
    }

    def typed(line):
        for name, here in names.items():
            line = line.replace(name, here)
        return line

    def run(line):
        """Type it, and say yes where it asks."""
        result = subprocess.run(
            ["/bin/sh", "-c", typed(line)],
            cwd=site,
            env=environ,
            input="y\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
        return result.stdout + result.stderr

    certificate, make, send, take_in, serve = steps()
    shutil.copy(clone / "var" / "federation.crt", site / "operator.crt")
    assert "Fingerprint=" in run(*certificate)
    assert "send your metadata to the operator" in run(*make)
    run(*send)
    for line in take_in:
        run(line)
    check, start = serve
    assert "everything in order" in run(check)
    running(typed(start).split(), site, "serving on")

    mijn = f"http://mijn.localhost:{port}/"
    browser = Browser(over_http)
    visit_until(browser, mijn, lambda text: "Wachtwoord" in text)
    assert browser.url.startswith("http://inloggen.localhost:")
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == mijn
    assert "Hello world!" in browser.text
    browser.visit(f"{mijn}eilogin/logout")
    assert "U bent overal uitgelogd" in browser.text
    browser.visit(mijn)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert "Hello world!" in browser.text

    run(f"eilogin federation remove FEDERATION {mijn}eilogin/metadata --yes")
    run("eilogin federation sign FEDERATION")
    visit_until(browser, mijn, lambda text: "Hello world!" not in text)
    assert browser.url.startswith("http://inloggen.localhost:")
    assert "Inloggen is niet gelukt" in browser.text
