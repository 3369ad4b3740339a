"""An nginx of a test: the lines of its block ``http``, or those of the manual."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from key_pairs import key_pair
from manual_blocks import blocks, with_changes
from real_parts import unavailable, wait_until_it_listens

PROGRAM = Path("/usr/sbin/nginx")
#: Modules that need a folder, even if no line uses them.
_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx(folder: Path, http: str, port: int) -> Iterator[None]:
    """Run nginx with the lines ``http``, which listen at ``port``."""
    if not PROGRAM.exists():
        unavailable("needs nginx: apt install nginx-light")
    folders = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in _KINDS)
    config, log = folder / "nginx.conf", folder / "nginx.log"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid;\n"
        f"error_log {log};\nevents {{ worker_connections 768; }}\n"
        f"http {{ access_log off;\n{folders}\n{http}\n}}\n"
    )
    command = [PROGRAM, "-p", folder, "-c", config, "-e", log]
    with subprocess.Popen(command) as process:
        try:
            wait_until_it_listens(port, process, log)
            yield
        finally:
            process.terminate()


def recipe(
    folder: Path, port: int, socket: Path, host: str, changes: Mapping[str, str] = {}
) -> str:
    """Return the lines of the manual for nginx with TLS.

    Only the port, the host, and the paths of files and of the upstream ``socket`` are
    those of the test, and what ``changes`` names.
    """
    key, certificate = key_pair(host)
    (folder / "site.key").write_bytes(key)
    (folder / "site.crt").write_bytes(certificate)
    return with_changes(
        blocks("production/proxies.rst", "nginx", "nginx")[0],
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "uwv.example.nl": host,
            "/etc/ssl/uwv.crt": f"{folder}/site.crt",
            "/etc/ssl/private/uwv.key": f"{folder}/site.key",
            "/run/eilogin/web.sock": f"{socket}",
            **changes,
        },
    )
