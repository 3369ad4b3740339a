"""``eilogin citizen add FILE``: add a citizen who can sign in at the hub."""

import os
import secrets
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import click
import pyotp

from eilogin.atomic_files import SECRET, create
from eilogin.cli.terminal.command_files import rewrite
from eilogin.cli.terminal.reports import reporting_errors
from eilogin.errors import ConfigurationError
from eilogin.hub.signin.citizen_accounts import (
    PASSWORD_LENGTHS,
    Citizen,
    Citizens,
    hash_of,
    is_valid_bsn,
    plain,
    to_json,
)

#: White on black, because not every app can read a QR code in inverted colours.
_COLOURS, _NO_COLOURS = "\033[97;40m", "\033[0m"


def add_citizen(  # noqa: PLR0913 - what can be said of a citizen
    file: Path,
    *,
    username: str,
    name: str,
    email: str | None,
    has_codes: bool,
    issuer: str,
    is_printed: bool,
) -> None:
    """Add a citizen to a file; ask for the password and the BSN."""
    with reporting_errors():
        citizens = list(Citizens.load(file)) if file.exists() else []
        old_octets = file.read_bytes() if file.exists() else None
        if plain(username) in {plain(existing.username) for existing in citizens}:
            raise ConfigurationError(
                f"{file}: the citizen {username!r} exists "
                "already; expected another username"
            )
        answers = _ask()
        citizen = Citizen(
            id=secrets.token_hex(8),
            username=username,
            name=name,
            bsn=answers.bsn,
            password=hash_of(answers.password),
            totp_secret=pyotp.random_base32() if has_codes else "",
            email=email or "",
        )
        if is_printed:
            click.echo(to_json([citizen]).decode(), nl=False)
            return
        _write(file, old_octets, to_json([*citizens, citizen]))
    click.echo(
        f"{file}: {username} added. Restart the hub: it reads this file at start"
    )
    if has_codes:
        _show_codes(citizen, issuer)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Values that are no arguments, because other users could see those."""

    password: str
    bsn: str


def _ask() -> _Answers:
    if sys.stdin.isatty():
        password = click.prompt(
            "Password (not shown while you type)",
            hide_input=True,
            confirmation_prompt="The same password again",
            value_proc=_password,
        )
        bsn = click.prompt(
            "BSN (Enter if there is none)",
            default="",
            show_default=False,
            value_proc=_bsn,
        )
        return _Answers(password, bsn)
    lines = [*sys.stdin.read().splitlines(), "", ""]
    return _Answers(_password(lines[0]), _bsn(lines[1]))


def _password(text: str) -> str:
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(text) <= longest:
        raise click.BadParameter(
            f"the password is too short; expected {shortest} characters or more"
        )
    return text


def _bsn(text: str) -> str:
    text = text.strip()
    if text and not is_valid_bsn(text):
        # Do not repeat the value: it may be a BSN with a typing error.
        raise click.BadParameter(
            "this is no BSN; expected nine digits that pass the eleven-check "
            "(test numbers begin with 9)"
        )
    return text


def _write(file: Path, old_octets: bytes | None, new_octets: bytes) -> None:
    if old_octets is None:
        create(file, new_octets, mode=SECRET)
    else:
        rewrite(file, new_octets, old_octets=old_octets)


def _show_codes(citizen: Citizen, issuer: str) -> None:
    if not sys.stdout.isatty():
        click.echo(
            "output is no terminal, so there is no QR code; the secret of the "
            "one-time codes is in the file"
        )
        return
    # A late import: other commands need not wait for it.
    import segno  # noqa: PLC0415

    uri = pyotp.TOTP(citizen.totp_secret).provisioning_uri(
        name=citizen.username, issuer_name=issuer
    )
    qr_code = StringIO()
    segno.make(uri, error="m", micro=False).terminal(qr_code, border=2, compact=True)
    click.echo("\nScan this code with the authenticator app. It is shown only once:\n")
    is_coloured = "NO_COLOR" not in os.environ
    for line in qr_code.getvalue().splitlines():
        click.echo(
            f"{_COLOURS}{line}{_NO_COLOURS}" if is_coloured else line, color=True
        )
    click.echo(f"\nOr type this secret into the app: {citizen.totp_secret}")
