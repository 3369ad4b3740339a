"""Print faults, notes and errors for a person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from eilogin.errors import EiloginError, Fault, InvalidOptions
from eilogin.saml.printable_text import printable


def print_notes(notes: Sequence[object], *, err: bool = False) -> None:
    """Print notes, escaped for a terminal."""
    for note in notes:
        click.echo(escaped(f"note: {note}"), err=err)


def print_faults(faults: Sequence[Fault]) -> None:
    """Print faults and their number on the standard error."""
    for fault in faults:
        click.echo(escaped(str(fault)), err=True)
    click.echo(many(len(faults), "fault"), err=True)


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Report the errors of the block to the user, and end the command with status 1."""
    try:
        yield
    except InvalidOptions as error:
        print_faults(error.faults)
        raise SystemExit(1) from error
    except EiloginError as error:
        raise click.ClickException(escaped(str(error))) from error
    except BrokenPipeError:
        raise  # Click handles it: the reader, such as "head", has ended.
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = escaped(f"{where}{error.strerror or error}")
        raise click.ClickException(message) from error


def escaped(text: str) -> str:
    """Escape text for a terminal, because it may quote others."""
    return "\n".join(map(printable, text.split("\n")))


def many(count: int, noun: str) -> str:
    """Write a number with its noun, such as ``2 members``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
