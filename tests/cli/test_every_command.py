"""Every command is in the manual, and says how it is used."""

import inspect

import click
import pytest
from manual_blocks import MANUAL

from eilogin.cli import main

#: Pages as they read, wherever a line ends.
PAGES = " ".join(" ".join(page.read_text().split()) for page in MANUAL.glob("*.rst"))


def leaves(group, *names):
    """Every command that does something, by the words that are typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *names, name)
        else:
            yield " ".join(("eilogin", *names, name)), command


COMMANDS = dict(leaves(main))


@pytest.mark.parametrize("words", COMMANDS)
def test_is_in_the_manual(words):
    assert f"{words} " in PAGES or f"{words}`" in PAGES, words


@pytest.mark.parametrize("words", COMMANDS)
def test_says_what_it_does(words):
    command = COMMANDS[words]
    assert command.short_help
    assert command.help


@pytest.mark.parametrize(
    "words",
    ["eilogin check", "eilogin join", "eilogin join-hub", "eilogin citizen add"],
)
def test_shows_an_example(words):
    # Until Python 3.13 the text of a docstring is indented as its function is.
    assert f"\n    {words} " in inspect.cleandoc(COMMANDS[words].help)
