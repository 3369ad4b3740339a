"""Validate values of the command line as an ini file does."""

from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from eilogin.cli.inifiles.ini_drafts import is_address
from eilogin.cli.terminal.prompts import one_line
from eilogin.config import PublicURL, WebAddress, attempt, split
from eilogin.filters.identity_options import IdentityOptions

#: The answer to a question that does not apply.
NO_VALUE = "none"
_PUBLIC_URL: TypeAdapter[str] = TypeAdapter(PublicURL)
_ADDRESS: TypeAdapter[str] = TypeAdapter(WebAddress)


def _checked(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]["msg"]
        expected = fault.removeprefix("Value error, ")
        raise click.BadParameter(f"found '{text}'; expected {expected}") from error


def public_url_of(text: str) -> str:
    """Validate the address of a site."""
    return _checked(_PUBLIC_URL, text)


def source_of(text: str) -> str:
    """Validate the source of a federation's metadata."""
    if is_address(text):
        _checked(_ADDRESS, text.removeprefix("mdq:"))
    return one_line(text)


def existing_file(text: str) -> Path:
    """Validate the path of a file that exists."""
    path = Path(text)
    if not path.is_file():
        raise click.BadParameter(f"the file '{text}' does not exist")
    return path


def existing_file_or_none(text: str) -> Path | None:
    """Validate the path of a file that exists; None for "none"."""
    return None if text == NO_VALUE else existing_file(text)


def headers_of(text: str) -> tuple[str, ...]:
    """Validate lines of the option ``headers``."""
    lines = split(text)
    _, faults = attempt(IdentityOptions, "", "", {"headers": "\n".join(lines)})
    if faults:
        raise click.BadParameter("; ".join(fault.expected for fault in faults))
    return lines
