"""Write a key, its certificate, and the folder with the keys of a site."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from eilogin import clock
from eilogin.atomic_files import PUBLIC, SECRET, create, write
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.command_files import new_private
from eilogin.federation import Own
from eilogin.federation.local.local_keys import CALENDAR, write_turn
from eilogin.federation.local.local_options import OwnOptions
from eilogin.saml.signing_keys import new_key_pair

_DAY = 86400.0
#: RFC 5280 appendix A: the longest common name.
_COMMON_NAME = 64


def folder_for_keys(part: Part, options: OwnOptions, folder: Path | None) -> Path:
    """Return the present or new folder of keys."""
    if options.keys is not None and folder is not None:
        raise click.ClickException(
            f"[{part.title}] has its keys in '{options.keys}' already; expected "
            "no --folder"
        )
    key_folder = options.keys or folder
    if key_folder is None:
        raise click.ClickException(
            f"[{part.title}] has one key ('key'), and several need a folder; "
            "expected --folder FOLDER, which makes it with this key and the next "
            "one"
        )
    return key_folder


@dataclass(frozen=True)
class PlannedKey:
    """A key to make, the name of its files, and when it signs."""

    name: str
    begins: float
    ends: float


def make_key_folder(key_folder: Path, options: OwnOptions, own: Own) -> None:
    """Make the folder with the present key and the secrets derived from it."""
    try:
        key_folder.mkdir(mode=0o700)
    except OSError as error:
        raise click.ClickException(
            f"--folder: expected a new folder, found '{key_folder}' ({error.strerror})"
        ) from error
    if options.key is not None:
        _give_to_owner_of(options.key, key_folder)
    name = present_key_name(options)
    files = ((options.key, "key", SECRET), (options.certificate, "crt", PUBLIC))
    for path, ending, mode in files:
        if path is not None:
            _create(key_folder / f"{name}.{ending}", path.read_bytes(), mode)
    for option, secret in _derived_secrets(options, own).items():
        _create(key_folder / option, secret + b"\n", SECRET)


def present_key_name(options: OwnOptions) -> str:
    """Name the present key by the day on which it begins."""
    (key,) = options.own_keys
    return f"{clock.utc(key.begins):%Y-%m-%d}"


def _derived_secrets(options: OwnOptions, own: Own) -> dict[str, bytes]:
    """Return the secrets that no option sets. They must not change with the key."""
    secrets = {}
    if not options.secret:
        secrets["secret"] = own.sealing_secrets[0]
    if options.pseudonym_key is None:
        secrets["pseudonym_key"] = own.made_pseudonym_key
    return secrets


def write_planned_key(key_folder: Path, key: PlannedKey, own: Own, kind: str) -> None:
    """Write key, calendar entry and certificate."""
    begins = min(clock.now(), key.begins)
    days = int((key.ends - begins) // _DAY) + 1
    host = urlsplit(own.public_url).hostname or ""
    private_pem, certificate_pem = new_key_pair(
        host[:_COMMON_NAME], days, new_private(kind), begins=begins
    )
    _create(key_folder / f"{key.name}.key", private_pem, SECRET)
    calendar = key_folder / CALENDAR
    old_text = calendar.read_text("utf-8") if calendar.exists() else ""
    text = f"{old_text.rstrip()}\n\n" if old_text.strip() else ""
    text += write_turn(key.name, key.begins, key.ends)
    write(calendar, text.encode(), mode=PUBLIC)
    _give_to_owner_of(key_folder, calendar)
    # The last step: eilogin refuses a key without a certificate, so the key of an
    # interrupted command never signs too early.
    _create(key_folder / f"{key.name}.crt", certificate_pem, PUBLIC)


def _create(path: Path, octets: bytes, mode: int) -> None:
    try:
        create(path, octets, mode=mode)
    except FileExistsError as error:
        raise click.ClickException(
            f"{path} exists already; eilogin does not overwrite it"
        ) from error
    _give_to_owner_of(path.parent, path)


def _give_to_owner_of(reference: Path, path: Path) -> None:
    """Give a file to the user of the server, if root runs the command."""
    if os.geteuid() == 0:
        owner = reference.stat()
        # The owner of the folder could put a link there meanwhile.
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def lines_to_write(
    ini: IniFile, part: Part, key_folder: Path, options: OwnOptions
) -> str:
    """Write the ini lines that replace the single key."""
    try:
        location = (
            f"%(here)s/{key_folder.absolute().relative_to(ini.path.absolute().parent)}"
        )
    except ValueError:
        location = str(key_folder.absolute())
    lines = [f"keys = {location}"]
    if not options.secret:
        lines.append(f"secret = file:{location}/secret")
    if options.pseudonym_key is None:
        lines.append(f"pseudonym_key = file:{location}/pseudonym_key")
    indented = "\n".join(f"    {line}" for line in lines)
    return (
        f"In [{part.title}] of {ini.path}, replace 'key' and 'certificate' "
        f"with:\n\n{indented}\n"
    )
