"""Servers of others with our whole pipeline in them, by the recipes of the manual.

A test reads each recipe from the page. It changes paths and ports, and has one server
answer visitors and other servers.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import NamedTuple

import pytest
from apache import MODULES, NOBODY, PROGRAM, hand_over, require_module
from eilogin_sites import HUB, Ours
from manual_blocks import block, with_changes
from peer_servers import Server
from real_parts import unavailable
from redis_servers import wait_until
from unmeasured import unmeasured

#: The page of the manual.
PAGE = "production/servers.rst"
#: How each site is connected with the hub: python3-saml judges an answer by POST.
SITES = {"uwv": {"acs": "post"}, "svb": {"acs": "artifact", "logout_binding": "soap"}}
#: In the recipes.
ADDRESS, FOLDER, ENVIRONMENT = "127.0.0.1:8080", "/etc/eilogin", "/srv/eilogin"
SITE = f"{FOLDER}/site.ini"

#: Some processes are run so. WebOb imports cgi, which 3.11 and 3.12 deprecate.
WARNINGS = "error,ignore:'cgi' is deprecated:DeprecationWarning"

UWSGI = Path("/usr/bin/uwsgi-core")
_PLUGINS = Path("/usr/lib/uwsgi/plugins")

_APACHE = Template("""\
ServerRoot $folder
ServerName localhost
Listen 127.0.0.1:$visitors
Listen 127.0.0.1:$servers
PidFile $folder/httpd.pid
ErrorLog $folder/server.log
DefaultRuntimeDir $folder
Mutex file:$folder default

LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule xml2enc_module $modules/mod_xml2enc.so
LoadModule auth_mellon_module $modules/mod_auth_mellon.so
LoadModule wsgi_module $modules/mod_wsgi.so
WSGISocketPrefix $folder/wsgi

""")


class Servers(NamedTuple):
    """What runs: one server in both places, with the sites that it serves."""

    theirs: Server
    ours: Server
    sites: Ours


def gunicorn(ours: Ours) -> list[str | Path]:
    """The command of the page."""
    text = with_changes(
        block(PAGE, "gunicorn"),
        {
            "site.ini": f"{ours.folder}/paste.ini",
            ADDRESS: f"127.0.0.1:{ours.port} -b 127.0.0.1:{ours.back_port}",
        },
    )
    program, *arguments = text.split()
    return [Path(sys.executable).with_name(program), *arguments]


def uwsgi(ours: Ours) -> list[str | Path]:
    """Debian's uWSGI, which links the system's libxml2."""
    if not UWSGI.exists() or not (_PLUGINS / "python3_plugin.so").exists():
        unavailable("needs uWSGI: apt install uwsgi-core uwsgi-plugin-python3")
    listen = "http-socket = 127.0.0.1:{}\n"
    text = with_changes(
        block(PAGE, "uWSGI", "ini"),
        {
            ENVIRONMENT: sys.prefix,
            SITE: f"{ours.folder}/paste.ini",
            listen.format(8080): listen.format(ours.port)
            + listen.format(ours.back_port),
        },
    )
    file = ours.folder / "uwsgi.ini"
    file.write_text(text)
    return [UWSGI, "--ini", file]


def mod_wsgi(ours: Ours) -> list[str | Path]:
    """Apache with modules beside mod_wsgi that bring the system's libraries."""
    require_module("mod_auth_mellon.so", "libapache2-mod-auth-mellon")
    require_module("mod_wsgi.so", "libapache2-mod-wsgi-py3")
    code, directives = (
        with_changes(
            block(PAGE, "Apache and mod_wsgi", language),
            {FOLDER: f"{ours.folder}", **changes},
        )
        for language, changes in {
            "python": {f"{ours.folder}/site.ini": f"{ours.folder}/paste.ini"},
            "apache": {ENVIRONMENT: sys.prefix},
        }.items()
    )
    (ours.folder / "site.wsgi").write_text(code)
    text = _APACHE.substitute(
        folder=ours.folder,
        visitors=ours.port,
        servers=ours.back_port,
        modules=MODULES,
    )
    file = ours.folder / "httpd.conf"
    file.write_text(text + directives)
    hand_over(ours.folder)
    return [*_nobody(), PROGRAM, "-D", "FOREGROUND", "-f", file]


def _nobody() -> list[str]:
    """Apache is not run as root, and must still reach our code, wherever that is."""
    if os.geteuid() != 0:
        return []
    return [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    ]


#: Debian's uWSGI and mod_wsgi have Debian's own Python inside.
_OWN = Path("/usr/bin/python3").resolve().name
_HAS_OWN = "python{}.{}".format(*sys.version_info) == _OWN
COMMANDS = {
    "gunicorn": gunicorn,
    **({"uwsgi": uwsgi, "mod_wsgi": mod_wsgi} if _HAS_OWN else {}),
}


@pytest.fixture(scope="module", params=COMMANDS)
def run(request):
    """The name of a recipe."""
    return request.param


@pytest.fixture(scope="module")
def servers(run, folder):
    """The server of that recipe."""
    command: Callable[[Ours], list[str | Path]] = COMMANDS[run]
    (folder / run).mkdir()
    ours = Ours(folder / run, SITES, hub={})
    ours.join(*map(ours.metadata, (HUB, *SITES)))
    environment = {**unmeasured(), "PYTHONWARNINGS": WARNINGS}
    with Server(
        ours.folder, command(ours), ours.port, ours.back_port, environment=environment
    ) as server:
        # A signal that meets a process of uWSGI while it loads interrupts it anywhere.
        if run == "uwsgi":
            wait_until(lambda: server.log.count("WSGI app 0 ") == 2)
        yield Servers(server, server, ours)
    assert "Traceback" not in server.log, server.log
