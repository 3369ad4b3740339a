"""Ask for missing values, and for a yes before final work."""

import sys
from collections.abc import Callable
from typing import TypeVar

import click

_Answer = TypeVar("_Answer")


def ask(  # noqa: PLR0913
    explanation: str,
    question: str,
    *,
    option: str,
    kind: Callable[[str], _Answer],
    usual: str | None = None,
    is_required: bool = False,
) -> _Answer:
    """Ask a question, and return the answer as ``kind`` converts it.

    Without a terminal, the answer is ``usual``. Raises :class:`click.UsageError`, which
    names the ``option``, if there is no ``usual`` or the value ``is_required``.
    """
    if sys.stdin.isatty():
        click.echo("\n" + click.wrap_text(explanation))
        answer: _Answer = click.prompt(question, default=usual, value_proc=kind)
        return answer
    if usual is None or is_required:
        raise click.UsageError(f"expected {option}: {explanation}")
    return kind(usual)


def one_line(text: str) -> str:
    """Validate one line of text, as a value of an ini file."""
    text = text.strip()
    if not text or not text.isprintable():
        # Do not repeat the value: it may be a key.
        raise click.BadParameter("expected one line of text")
    return text


def require_yes(question: str) -> None:
    """Ask for a yes, and end the command for any other answer or without a terminal."""
    try:
        is_sure = click.confirm(question)
    except click.Abort as error:
        raise click.ClickException(
            "nothing was done. In a script, use --yes"
        ) from error
    if not is_sure:
        click.echo("nothing was done", err=True)
        raise SystemExit(1)
