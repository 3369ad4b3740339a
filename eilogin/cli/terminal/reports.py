"""Print faults, notes and errors for a person."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from eilogin.errors import EiloginError, Fault, InvalidOptions
from eilogin.saml.printable_text import printable


def tell_notes(notes: Sequence[object], *, err: bool = False) -> None:
    """Print notes for a person, on stdout or stderr."""
    for note in notes:
        click.echo(harmless(f"note: {note}"), err=err)


def tell(faults: Sequence[Fault]) -> None:
    """Print faults for a person, on stderr."""
    for fault in faults:
        click.echo(harmless(str(fault)), err=True)
    click.echo(many(len(faults), "fault"), err=True)


@contextmanager
def telling_errors() -> Iterator[None]:
    """Print the errors of the block for the user, and end the command.

    Raises ``SystemExit`` 1 after the faults of an ini file, and
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
        raise  # Click handles it: the reader, such as "head", has seen enough.
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told = harmless(f"{where}{error.strerror or error}")
        raise click.ClickException(told) from error


def harmless(told: str) -> str:
    """Escape the text of an error for a terminal: it may quote text of others."""
    return "\n".join(map(printable, told.split("\n")))


def many(count: int, what: str) -> str:
    """A number with its noun, such as ``2 members``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
