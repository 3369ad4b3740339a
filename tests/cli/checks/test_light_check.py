"""To check and serve a site loads no code of a hub, a portal, Beaker or redis."""

import os
import subprocess
import sys

import pytest

INI = """\
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}

[pipeline:main]
pipeline = uwv-eilogin app

[filter:uwv-eilogin]
use = egg:eilogin
store = {store}
public_url = http://uwv.localhost:6543
key = %(here)s/var/uwv.key
certificate = %(here)s/var/uwv.crt
federation = %(here)s/var/federation.xml
federation_certificate = %(here)s/var/federation.crt
{more}

[app:app]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
"""
#: The commands may read the options of a hub, but load neither it nor these.
UNUSED = {
    "beaker",
    "eilogin.cli.commands.demo.demo_command",
    "eilogin.hub.hub_app",
    "eilogin.hub.hub_jobs",
    "eilogin.portal",
    "eilogin.registry",
    "redis",
}
CHECK = """
import sys
from eilogin.cli import main
try:
    main(["check", sys.argv[1]])
finally:
    print(*sys.modules)
"""
SERVE = """
import os, signal, sys
from eilogin.cli import main
from eilogin.cli.commands.running import serve_command

def stop(*_):
    os.kill(os.getpid(), signal.SIGTERM)

serve_command._run, run = (lambda *those: (stop(), run(*those))), serve_command._run
main(["serve", sys.argv[1]], standalone_mode=False)
print(*sys.modules)
"""


@pytest.fixture
def write(site):
    """Writes the ini file of a site, and gives its path."""

    def written(store, more=""):
        file = site.folder / "site.ini"
        file.write_text(INI.format(port=site.port, store=store, more=more))
        return file

    return written


def run(code, file):
    return subprocess.run(
        [sys.executable, "-c", code, file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


@pytest.mark.parametrize("code", [CHECK, SERVE], ids=["check", "serve"])
@pytest.mark.parametrize("store", ["memory:", "sqlite:///%(here)s/site.db"])
def test_loads_what_a_site_needs(write, code, store):
    done = run(code, write(store))
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.splitlines()[-1].split())
    assert "eilogin.filters.login" in modules
    assert modules & UNUSED == set()


def test_an_unknown_option_is_found_in_an_app_that_the_file_does_not_name(write):
    done = run(CHECK, write("memory:", more="not_reachable = x"))
    assert "not_reachable" in done.stderr
    assert "it is an option of 'portal'" in done.stderr
