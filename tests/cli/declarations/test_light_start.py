"""Help, version and completion load nothing that only a running command needs."""

import os
import subprocess
import sys

import pytest

from eilogin.cli.declarations.shared_parameters import PROFILE_NAMES
from eilogin.federation.local.profiles import PROFILES

#: The rooms of eilogin that may be loaded; none of them loads a library but click.
ROOMS = {"cli", "errors", "interposition", "saml", "subinterpreter"}
LIBRARIES = {
    "argon2",
    "babel",
    "beaker",
    "cryptography",
    "jinja2",
    "lxml",
    "onelogin",
    "paste.deploy",
    "pydantic",
    "redis",
    "urllib3",
    "waitress",
    "webob",
    "xmlsec",
}

#: Prints the modules of the process on standard error when it ends.
RUN = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from eilogin.cli import main
main(prog_name="eilogin")
"""
EVERY_HELP = """
import sys
import click
from click.testing import CliRunner
from eilogin.cli import main

def ask(command, words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert (result.exit_code, result.stderr) == (0, ""), words
    assert "Usage: " in result.output, words
    for name, below in getattr(command, "commands", {}).items():
        ask(below, [*words, name])

ask(main, [])
print(*sys.modules, file=sys.stderr)
"""


def run(code, *words, **variables):
    """Return the output of a process, and the rooms and libraries that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    modules = done.stderr.split()
    rooms = {name.split(".")[1] for name in modules if name.startswith("eilogin.")}
    return done.stdout, (rooms - ROOMS) | (set(modules) & LIBRARIES)


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_loads_no_command(word):
    output, loaded = run(RUN, word)
    assert output.startswith(("eilogin, version ", "Usage: eilogin "))
    assert loaded == set()


def test_help_of_every_command_loads_no_work():
    assert run(EVERY_HELP) == ("", set())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("eilogin ", "plain,serve"),
        ("eilogin trust ", "plain,approve"),
        ("eilogin check s", "file,s"),
        ("eilogin store show app.ini --s", "plain,--section"),
        ("eilogin join --profile ", "plain,digid"),
        ("eilogin keys new app.ini --kind p", "plain,p-256"),
    ],
)
def test_completion_loads_no_work(words, expected):
    number = str(words.count(" "))
    output, loaded = run(
        RUN, COMP_WORDS=words, COMP_CWORD=number, _EILOGIN_COMPLETE="bash_complete"
    )
    assert expected in output.splitlines()
    assert loaded == set()


def test_a_command_loads_its_work():
    output, loaded = run(RUN, "options", "identity")
    assert output.startswith("use = egg:eilogin#identity")
    assert {"filters", "config", "pydantic"} <= loaded


def test_names_every_profile():
    assert tuple(PROFILES) == PROFILE_NAMES
