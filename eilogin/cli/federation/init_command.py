"""``eilogin federation init``: make the folder of a new federation."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import click

from eilogin.cli.federation.federation_lookup import (
    DIR,
    is_elsewhere,
    relative_to_folder,
)
from eilogin.cli.terminal.command_files import write_key_pair
from eilogin.cli.terminal.prompts import one_line
from eilogin.registry import (
    MEMBERS,
    OPTIONS,
    RULES,
    Folder,
    make_folder,
    operator_certificate,
    operator_key,
)
from eilogin.saml.signing_keys import fingerprints_of


@click.command("init", short_help="Make the folder of a new federation.")
@DIR
@click.option("--name", required=True, type=one_line, help="Name of the federation.")
@click.option(
    "--publisher",
    type=one_line,
    help="Publisher of the metadata: a name, or better a URI.",
)
@click.option(
    "--days", default=14, help="Number of days that a signature is valid. [default: 14]"
)
@click.option(
    "--key",
    type=one_line,
    help="Key that signs: a PEM file, env:NAME, or pkcs11:… for a "
    "token. Without it the command makes one.",
)
@click.option(
    "--certificate",
    type=one_line,
    help="PEM file with its certificate. Required with --key.",
)
@click.option("--pin", help="PIN of the token: env:NAME, file:PATH or credential:NAME.")
@click.option(
    "--loopback", is_flag=True, help="Allow members on this machine (loopback)."
)
def init_command(  # noqa: PLR0913, PLR0917 - one for each option
    folder: Path,
    name: str,
    publisher: str | None,
    days: int,
    key: str | None,
    certificate: str | None,
    pin: str | None,
    *,
    loopback: bool,
) -> None:
    """Make the folder DIR of a new federation, and the key of its operator.

    \b
        eilogin federation init DIR --name 'My federation'

    The key decides who is a member. Keep a copy in a safe place: with a new key,
    every member must install a new certificate. The key does not belong in git;
    DIR/.gitignore excludes it. To use an existing key, or one on a token (PKCS#11),
    give --key and --certificate. You can change both later in DIR/federation.ini; its
    paths are relative to DIR.
    """  # noqa: D301 - \b is click's sign for "do not wrap"
    if (key is None) != (certificate is None):
        raise click.UsageError("--key, --certificate: expected both, or none")
    with _remove_on_failure(folder):
        new_key = folder / "operator.key"
        # The key comes first, so that the user can repeat an interrupted command.
        if key is None and not new_key.exists() and not (folder / OPTIONS).exists():
            write_key_pair(new_key, folder / "operator.crt", name)
        make_folder(
            folder,
            name=name,
            publisher=publisher or name,
            validity=f"{days}d",
            key=relative_to_folder(folder, key or str(new_key)),
            certificate=relative_to_folder(
                folder, certificate or str(folder / "operator.crt")
            ),
            pin=relative_to_folder(folder, pin or ""),
            loopback="true" if loopback else "",
        )
        registry = Folder(folder)
        # A variable or a token may be missing until the key is needed.
        with nullcontext() if is_elsewhere(key or "") else operator_key(registry):
            fingerprints = fingerprints_of(operator_certificate(registry))
    click.echo(f"{folder}: the federation '{registry.options.name}'")
    click.echo(
        f"{registry.options.certificate}: its certificate. Give it to each member, "
        f"and compare the fingerprint by telephone:\n    {fingerprints}"
    )


@contextmanager
def _remove_on_failure(folder: Path) -> Iterator[None]:
    names = ("operator.key", "operator.crt", ".gitignore", RULES, OPTIONS, MEMBERS)
    paths = [*(folder / name for name in names), folder, *folder.parents]
    new_paths = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new_paths:
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise
