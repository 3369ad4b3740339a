"""Make the files that the ini file of a member names, and print the steps left."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click

from eilogin.atomic_files import PUBLIC, SECRET, write
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.commands.check_command import print_steps
from eilogin.cli.inifiles.ini_members import own_of_part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.inifiles.pipeline_wrapping import Host
from eilogin.cli.terminal.command_files import (
    SITE_DAYS,
    new_private,
    new_secret,
    write_key_pair,
)
from eilogin.cli.terminal.reports import print_faults, print_notes
from eilogin.errors import ConfigurationError
from eilogin.saml.metadata import write_entity
from eilogin.shell_quoting import typed


def make_files(host: Host, kind: str) -> Iterator[str]:
    """Make missing files of each section; yield a line for each."""
    ini_folder = host.file.path.absolute().parent
    for guard in host.guards:
        options = {name: value.strip() for name, value in guard.options.items()}
        # A site with `keys` has a folder with its keys already.
        if {"key", "certificate"} <= options.keys():
            paths = ini_folder / options["key"], ini_folder / options["certificate"]
            yield from _make_keys(*paths, options, kind)
        secret = options.get("pseudonym_key", "")
        if secret.startswith("file:"):
            path = ini_folder / secret.removeprefix("file:").strip()
            if not path.exists():
                write(path, new_secret(), mode=SECRET)
                yield f"{path}: a secret, made; keep it, and do not change it"
        if federation_folder := options.get("federation_folder"):
            (ini_folder / federation_folder).mkdir(
                mode=0o700, parents=True, exist_ok=True
            )
        own = own_of_part(host.file, guard)
        folder = (
            (ini_folder / options["key"]).parent if "key" in options else ini_folder
        )
        metadata = folder / f"{urlsplit(own.public_url).hostname}.xml"
        write(metadata, write_entity(own.descriptor(), own.key), mode=PUBLIC)
        yield f"{metadata}: your metadata, for the operator of the federation"


def _make_keys(
    key: Path, certificate: Path, options: Mapping[str, str], kind: str
) -> Iterator[str]:
    """Make both files, or raise if one exists: peers may know the site by it."""
    existing = [path for path in (key, certificate) if path.exists()]
    if len(existing) == 1:
        (missing,) = {key, certificate} - set(existing)
        raise ConfigurationError(
            f"{existing[0]} exists, but {missing} is missing. Restore that file; or "
            "move the first one away, and the command makes both"
        )
    if existing:
        yield f"{key}: your key; it existed already"
        return
    host = urlsplit(options.get("public_url", "")).hostname or ""
    write_key_pair(key, certificate, host, private=new_private(kind), days=SITE_DAYS)
    yield f"{key}: your key, made; keep it secret"
    yield f"{certificate}: its certificate, made"


def print_remaining_steps(ini: Path) -> None:
    """Print the steps of ``eilogin check``, or else its faults, or else its notes."""
    checked = check(IniFile.read(ini))
    if checked.steps:
        print_steps(checked.steps)
    elif checked.faults:
        print_faults(checked.faults)
    else:
        print_notes(checked.remarks)
        serve = typed("eilogin serve", ini)
        click.echo(f"{ini}: everything in order; serve it: {serve}")
