"""``eilogin check FILE``: every fault of an ini file, and nothing started."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from eilogin.cli.checking import check
from eilogin.cli.inifile import IniFile
from eilogin.errors import EiloginError, Fault, InvalidOptions
from eilogin.saml.text import printable


@click.command("check", short_help="Find every fault of an ini file.")
@click.argument("file", type=click.Path(path_type=Path))
def check_command(file: Path) -> None:
    """Find every fault of a paste ini FILE, without building anything.

    Looks at options and their values, the order of pipelines, keys and certificates,
    the federation's metadata, the store, and servers. The exit code is 0 where all is
    in order, and 1 where there is a fault. For a site that is no member of its
    federation yet, it says what is left to do until it is one, in its order.
    """
    checked = check(IniFile.read(file))
    if faults := [*checked.faults, *checked.silent]:
        tell(faults)
        tell_steps(checked.steps)
        raise SystemExit(1)
    click.echo(
        f"{file}: everything in order: {many(checked.sections, 'section')}, "
        f"{checked.own_sections} of them of eilogin, and "
        f"{many(checked.stacks, 'application')} with the filters around "
        f"{'it' if checked.stacks == 1 else 'them'}"
    )
    for remark in checked.remarks:
        click.echo(f"note: {remark}")


def tell(faults: Sequence[Fault]) -> None:
    """Print faults for a person, on stderr."""
    for fault in faults:
        click.echo(harmless(str(fault)), err=True)
    click.echo(many(len(faults), "fault"), err=True)


@contextmanager
def telling_errors() -> Iterator[None]:
    """What goes wrong in the block is told to who typed the command, and ends it.

    Raises ``SystemExit`` 1 once the faults of an ini file are told, and
    :class:`click.ClickException` for any other error of ours, or of the system.
    """
    try:
        yield
    except InvalidOptions as error:
        tell(error.faults)
        raise SystemExit(1) from error
    except EiloginError as error:
        raise click.ClickException(harmless(str(error))) from error
    except BrokenPipeError:
        raise  # which click knows: who reads it, such as "head", has seen enough
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told = harmless(f"{where}{error.strerror or error}")
        raise click.ClickException(told) from error


def harmless(told: str) -> str:
    """What is wrong, which may quote whoever has written it, for a terminal."""
    return "\n".join(map(printable, told.split("\n")))


def tell_steps(steps: Sequence[str]) -> None:
    """Print what is left to do for a person, on stderr, numbered."""
    if steps:
        click.echo("\nWhat is left to do, in this order:", err=True)
    for number, step in enumerate(steps, 1):
        text = textwrap.indent(step, "   ").strip()
        click.echo(f"{number}. {text}", err=True)


def many(count: int, what: str) -> str:
    """How many of something there are, such as ``2 members``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
