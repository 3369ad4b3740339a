"""gunicorn with TLS, which lets in who shows a certificate of ours."""

import contextlib
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from unmeasured import unmeasured


@contextmanager
def serving(folder, ini, certificate, port):
    """Serve a file of a folder with a certificate there, until the end of the block."""
    log = folder / "gunicorn.log"
    command = [
        *(sys.executable, "-m", "gunicorn", "--paste", f"{ini}.ini"),
        *("-k", "gthread", "-b", f"127.0.0.1:{port}"),
        *("--certfile", f"{certificate}.crt", "--keyfile", f"{certificate}.key"),
        *("--ca-certs", "ours.crt", "--cert-reqs", "2"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=folder, env=unmeasured(), stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_until_it_listens(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_it_listens(port, process, log):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    pytest.fail(log.read_text())
