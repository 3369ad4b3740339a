# ruff: noqa: INP001 - a script
"""Write the manual's page of commands from their declarations.

    python .ci/commands.py > contrib/manual/reference/commands.rst

The help of each command is one source for three: ``--help``, the page, and the man page
eilogin(1). ``tests/cli/test_every_command.py`` compares the page with it.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator

import click

from eilogin.cli import main

_WIDTH = 96
_HEAD = """\
Commands
========

Each command of ``eilogin``. ``eilogin COMMAND --help`` prints the same for the version
that you have installed.

.. contents::
   :local:


Common to all commands
----------------------

* Results go to standard output, and messages to standard error.
* The exit code is 0 if the command did its work, 1 if it failed, and 2 if it cannot
  read its arguments. A command with other exit codes says so below.
* Run a command on an ini file as the user of the server: it reads the key and opens
  the store.
* An option that may be repeated stands several times: ``--down uwv --down svb``.
* For completion of commands, options and files by bash, write the line below into
  ``~/.bashrc``. For zsh, write it with ``zsh_source`` into ``~/.zshrc``::

      eval "$(_EILOGIN_COMPLETE=bash_source eilogin)"

"""


def page() -> str:
    """Return the whole page in reStructuredText."""
    return _HEAD + "\n".join(_command(main, "eilogin", "-"))


def _command(command: click.Command, name: str, line: str) -> Iterator[str]:
    """Yield the section of a command, and of those below it."""
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\n{name}\n{line * len(name)}\n\n::\n\n    {name} {usage}\n"
    yield from _help(command.help or "")
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            # Sections of two levels: a command, and the commands below it.
            below = "-" if command is main else "~"
            yield from _command(command.commands[each], f"{name} {each}", below)


def _help(text: str) -> Iterator[str]:
    """Yield paragraphs; lines that click does not wrap are literal."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    for paragraph in paragraphs:
        if paragraph.startswith("\b\n"):
            lines = textwrap.dedent(paragraph.removeprefix("\b\n"))
            yield "::\n\n" + textwrap.indent(lines, "    ") + "\n"
        else:
            yield _fill(paragraph) + "\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield a definition list of the options."""
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            words, meaning = record
            yield f"``{words}``\n{_fill(meaning, '    ')}\n"


def _fill(text: str, indent: str = "") -> str:
    """Wrap a text, with options, addresses and names in capitals as literals."""
    plain = " ".join(text.split())
    literal = re.sub(
        r"""(?<![\w/`"'])(--?[a-z][\w-]*|\w+(?:/[\w.-]*)+|\w+\.(?:ini|rst|xml|crt|json))\b""",
        r"``\1``",
        plain.replace("*", r"\*"),
    )
    return textwrap.fill(
        literal,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


if __name__ == "__main__":
    sys.stdout.write(page())
