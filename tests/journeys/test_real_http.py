"""The same applications over real HTTP, served by processes of their own."""

import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from peer_servers import over_http
from real_parts import free_ports, wait_until_it_listens
from unmeasured import unmeasured

from eilogin.cli.commands.demo.demo_preparation import Demo
from eilogin.testing import Browser
from tests.journeys.conftest import go_on


def eilogin_serve(ini_file, ports):
    """The command line of ``eilogin serve``."""
    return [sys.executable, "-c", "from eilogin.cli import main; main()", "serve",
            str(ini_file)]  # fmt: skip


def gunicorn(ini_file, ports):
    """The command line of gunicorn, with several workers, for the same file."""
    addresses = [word for port in ports for word in ("-b", f"127.0.0.1:{port}")]
    return [sys.executable, "-m", "gunicorn", "--paste", str(ini_file), "-k", "gthread",
            "--threads", "16", "-w", "2", *addresses]  # fmt: skip


@pytest.fixture(params=[eilogin_serve, gunicorn], ids=lambda make: make.__name__)
def served(request, ini_file, applications):
    """The port for visitors, and the server, which has ended well afterwards."""
    ports = visitors, servers = free_ports(2)
    text = ini_file.read_text()
    text = text.replace("visitors = 8080", f"visitors = {visitors}")
    ini_file.write_text(text.replace("servers = 8081", f"servers = {servers}"))
    # Other addresses are other metadata, signed anew.
    list(Demo(ini_file).prepare())
    log = ini_file.with_name("server.log")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            request.param(ini_file, ports),
            env={**unmeasured(), "PYTHONPATH": str(applications / "guestbook")},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            for port in ports:
                wait_until_it_listens(port, process, log)
            yield visitors, log
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, log.read_text()


def test_logs_in_once_is_known_everywhere_and_is_logged_out_everywhere(
    served, citizen_at
):
    port, log = served
    pages = {
        f"http://reports.localhost:{port}": "/reports",
        f"http://permits.localhost:{port}": "/application/",
        f"http://guestbook.localhost:{port}": "/book",
    }
    anna = citizen_at(Browser(over_http))
    first, *others = [site + page for site, page in pages.items()]
    anna.log_in(first)
    pseudonym = anna.user
    assert all(anna.is_let_in(page) for page in others), "by artifact and by POST"
    assert anna.user == "Anna de Proef"
    anna.browser.press("Send", text="groeten")
    assert "Thank you for writing" in anna.browser.text
    anna.browser.click("Log out")
    assert anna.browser.url == f"http://guestbook.localhost:{port}/"
    for site, page in pages.items():
        anna.visit(f"{site}/")
        assert "You are not logged in." in anna.browser.text, site
        anna.visit(site + page)
        assert anna.is_asked_for_password, site
    anna.type_password()
    assert anna.browser.url == others[-1]

    told = log.read_text()
    assert "Traceback" not in told
    assert not re.search(rf"demo-anna|9000000|{re.escape(pseudonym)}", told)


#: Seconds after which a session is idle where a test waits for it.
IDLE = 12


@pytest.fixture
def short_idle(ini_file):
    """Sessions of the hub and of one site end soon."""
    text = ini_file.read_text()
    for section in ("inloggen-session", "reports-eilogin"):
        title = f"[filter:{section}]\n"
        assert title in text
        text = text.replace(title, f"{title}idle = {IDLE}s\n")
    ini_file.write_text(text)


@pytest.mark.usefixtures("short_idle")
@pytest.mark.parametrize("served", [gunicorn], indirect=True)
def test_a_visitor_who_is_active_at_one_site_is_known_at_the_next(served, citizen_at):
    port, log = served
    anna = citizen_at(Browser(over_http))
    anna.log_in(f"http://reports.localhost:{port}/reports")
    ends = time.monotonic() + IDLE + 1
    while time.monotonic() < ends:
        go_on(anna.browser, f"reports.localhost:{port}", "http")
        threading.Event().wait(0.2)
    assert anna.is_let_in(f"http://permits.localhost:{port}/application/")
    assert "Traceback" not in log.read_text()
