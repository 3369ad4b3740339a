"""gunicorn with TLS, which lets in who shows a certificate of ours."""

import subprocess
import sys
from contextlib import contextmanager

from real_parts import wait_until_it_listens
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
            wait_until_it_listens(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(30)
