"""Every command is in the manual, and its help shows how to use it."""

import importlib.util
import inspect

import click
import pytest
from manual_blocks import MANUAL

from eilogin.cli import main

PAGE = MANUAL / "reference/commands.rst"
SCRIPT = MANUAL.parents[1] / ".ci/commands.py"


def commands(group, *names):
    """Every command below a group, by the words that are typed."""
    for name, command in group.commands.items():
        yield " ".join(("eilogin", *names, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)


COMMANDS = dict(commands(main))


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("commands_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def test_the_page_of_commands_is_what_the_commands_declare(page):
    assert PAGE.read_text(encoding="utf-8") == page, (
        f"python .ci/commands.py > {PAGE.relative_to(MANUAL.parents[1])}"
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_is_in_the_manual(page, words):
    assert f"\n{words}\n{'-' * len(words)}\n" in page.replace("~", "-")


@pytest.mark.parametrize("words", COMMANDS)
def test_begins_with_a_task_in_the_imperative(words):
    command = COMMANDS[words]
    for line in (command.short_help, inspect.cleandoc(command.help).split("\n")[0]):
        verb = line.split()[0]
        assert verb.istitle(), line
        assert not verb.endswith(("ing", "ed", "s")), line
        assert line.endswith("."), line


@pytest.mark.parametrize("words", COMMANDS)
def test_shows_an_example(words):
    # Until Python 3.13 the text of a docstring is indented as its function is.
    assert f"\n    {words} " in inspect.cleandoc(COMMANDS[words].help) + " "


@pytest.mark.parametrize("words", COMMANDS)
def test_says_what_each_option_does(words):
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.split("  [")[0].endswith((".", "]", "…", "Or:"))
