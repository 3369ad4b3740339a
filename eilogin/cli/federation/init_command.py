"""``eilogin federation init``: make the folder of a new federation."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import click

from eilogin.cli.federation.federation_lookup import (
    is_elsewhere,
    relative_to_folder,
)
from eilogin.cli.terminal.command_files import write_key_pair
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


def make_federation(  # noqa: PLR0913, PLR0917 - one for each option
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
    """Make the folder of a federation, and the key of its operator."""
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
