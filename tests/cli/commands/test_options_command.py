"""``eilogin options``: what a filter understands, from its one declaration."""

import runpy
import sys

import docutils.core
import pytest

import eilogin
from eilogin.cli.inifiles import entry_points
from eilogin.config import describe


def test_help_teaches_the_commands(run):
    result = run("--help")
    assert result.exit_code == 0
    for command in ("serve", "demo", "check", "options"):
        assert f"  {command} " in result.output
        assert run(command, "--help").exit_code == 0


def test_the_version_is_told(run):
    assert run("--version").output == f"eilogin, version {eilogin.__version__}\n"


def test_the_command_can_be_run_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["eilogin", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(eilogin.__path__[0], run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("eilogin, version ")


def test_every_filter_and_app_has_its_options(run):
    names = set(entry_points.declared())
    assert names >= {"main", "session", "trust", "login", "logout", "identity", "hub"}
    output = run("options").output
    for name in names:
        use = "egg:eilogin" + ("" if name == "main" else f"#{name}")
        assert f"use = {use}\n" in output


def test_an_option_is_told_with_its_default_and_meaning(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = run("options", "session").output.splitlines()
    assert lines[0] == "use = egg:eilogin#session"
    assert any(line.startswith("  idle ") and "15m" in line for line in lines)
    assert any(line.endswith("Required.") for line in lines)
    assert all(len(line) <= 100 for line in lines)
    assert "``" not in "".join(lines)


@pytest.mark.parametrize("name", sorted(entry_points.declared()))
def test_a_list_is_sound_restructuredtext(run, name):
    listed = run("options", name, "--rst").output
    html = docutils.core.publish_string(
        listed,
        writer="html5",
        settings_overrides={"report_level": 2, "halt_level": 2},
    ).decode()
    for row in describe(entry_points.declared()[name]):
        assert row.name in html
    assert html.count("<dt>") == len(describe(entry_points.declared()[name]))
    assert all(len(line) <= 110 for line in listed.splitlines())


def test_a_participants_options_are_those_of_all_its_filters(run):
    assert run("options", "participant").output == run("options", "main").output


def test_an_unknown_name_is_refused_with_the_known_ones(run):
    result = run("options", "logn")
    assert result.exit_code == 1
    assert "there is no 'logn'; did you mean 'login'? (there are: main" in result.stderr
