"""Every command that README and the manual show has its name and options in eilogin."""

import re
import shlex

import click
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL

from eilogin.cli import main

pytestmark = pytest.mark.any_python

HOUSE = MANUAL.parent.parent
#: reference/commands.rst is made from the commands: tests/cli/test_every_command.py.
PAGES = [
    "README.rst",
    *sorted(
        str(page.relative_to(HOUSE))
        for page in MANUAL.rglob("*.rst")
        if page != MANUAL / "reference" / "commands.rst"
    ),
]
#: Lines of other programs, in which the word is a user, a group, a unit or a filter.
_OTHER = re.compile(
    r"^(?:install|journalctl|chown|su|create|user|pipeline|WSGI\w+|systemctl|ln) "
    r"|^\"\"\""
)


def commands_in(page):
    """Yield the words behind ``eilogin`` of each command on a page."""
    tree = publish_doctree(page.read_text(), settings_overrides={"report_level": 5})
    lines = [
        line.strip()
        for block in tree.findall(nodes.literal_block)
        for line in block.astext().replace("\\\n", " ").splitlines()
    ]
    lines += [
        text
        for literal in tree.findall(nodes.literal)
        if re.match(r"eilogin [a-z]", text := literal.astext().replace("\n", " "))
    ]
    for line in lines:
        if re.search(r"(?<![\w:-])eilogin [a-z]", line) and not _OTHER.search(line):
            yield from _commands_of(line)


def _commands_of(line):
    """Yield the same of one line of a shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars="();<>|&{}")
    words.whitespace_split = True
    command = None
    for word in [*words, ";"]:
        if word[0] in "();<>|&{}":
            if command:
                yield command
            command = None
        elif command is not None:
            command.append(word)
        elif re.sub("^Exec[A-Za-z]+=", "", word).rpartition("/")[2] == "eilogin":
            command = []


def parse(words):
    """Read the words of a command as click does; check no file and no value."""
    command, context, args = main, click.Context(main), words
    while isinstance(command, click.Group) and args:
        name, below, args = command.resolve_command(context, args)
        context = click.Context(below, info_name=name, parent=context)
        command = below
    command.make_parser(context).parse_args(args)


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_commands_that_eilogin_knows(page):
    for words in commands_in(HOUSE / page):
        try:
            parse(words)
        except click.UsageError as error:
            pytest.fail(f"{page}: eilogin {' '.join(words)}: {error.format_message()}")


def test_pages_show_nearly_every_command():
    shown = {words[0] for page in PAGES for words in commands_in(HOUSE / page)}
    assert set(main.commands) - shown == set()


@pytest.mark.parametrize(
    "line", ["eilogin chekc site.ini", "sudo eilogin check site.ini --strickt"]
)
def test_an_unknown_command_or_option_is_found(tmp_path, line):
    page = tmp_path / "page.rst"
    page.write_text(f"Type::\n\n    cd /etc && {line} > out\n")
    (words,) = commands_in(page)
    with pytest.raises(click.UsageError):
        parse(words)
