"""An Apache of our own, for the modules that make its sites participants of a hub.

Nothing of the machine's Apache is used but its program and modules.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from peer_servers import Clock, Server
from real_parts import unavailable

PROGRAM = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
#: Who Apache runs as where the tests are run by root, as whom it refuses to serve.
NOBODY = "www-data"

_SERVER = Template("""\
ServerRoot $folder
ServerName localhost
Listen 127.0.0.1:$port
PidFile $folder/httpd.pid
ErrorLog $folder/server.log
DefaultRuntimeDir $folder
Mutex file:$folder default

LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule dir_module $modules/mod_dir.so
LoadModule filter_module $modules/mod_filter.so
LoadModule include_module $modules/mod_include.so
LoadModule mime_module $modules/mod_mime.so
LoadModule $module $modules/$library

StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8

<Directory $folder/site>
    Require all granted
    Options +IncludesNoExec
</Directory>
DirectoryIndex index.html
TypesConfig /dev/null
AddType "text/html; charset=utf-8" .html
AddOutputFilter INCLUDES .html
""")


def require_module(library: str, package: str) -> None:
    """Skip the test where a part is missing; fail where there has to be one."""
    if not PROGRAM.exists():
        unavailable("needs Apache: apt install apache2-bin")
    if not (MODULES / library).exists():
        unavailable(f"needs {library.removesuffix('.so')}: apt install {package}")


class Apache:
    """The server, with one module; all its sites have the same pages.

    ``folder`` has to be one that others can read: Apache is not run as root.
    """

    def __init__(self, folder: Path, port: int, module: str, library: str) -> None:
        self.folder = folder
        self.port = port
        (folder / "site" / "mijn").mkdir(parents=True)
        #: The time of day there.
        self.clock = Clock(folder)
        self._configuration = _SERVER.substitute(
            folder=folder, port=port, modules=MODULES, module=module, library=library
        )

    def configure(self, page: str, *more: str) -> None:
        """Have this page, and be configured so besides."""
        for path in ("index.html", "mijn/index.html"):
            (self.folder / "site" / path).write_text(page)
        text = "\n".join([self._configuration, *more])
        (self.folder / "httpd.conf").write_text(text)

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve, by its clock."""
        (self.folder / "server.log").touch()
        user = hand_over(self.folder)
        conf = self.folder / "httpd.conf"
        command = [PROGRAM, "-D", "FOREGROUND", "-f", conf]
        with Server(
            self.folder, command, self.port, clock=self.clock, user=user
        ) as server:
            yield server


def hand_over(folder: Path) -> str | None:
    """Give the files to who serves them, where that is another than who runs tests."""
    if os.geteuid() != 0:
        return None
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, NOBODY, NOBODY)
    return NOBODY
