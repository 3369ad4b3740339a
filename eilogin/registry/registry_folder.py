"""The folder in which an operator keeps a federation."""

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from eilogin import config
from eilogin.atomic_files import PUBLIC, write
from eilogin.config import Flag, Options, ReadableFile, Secret, option
from eilogin.errors import ConfigurationError, InvalidOptions, MetadataUnusable
from eilogin.federation.local.option_values import days_of
from eilogin.registry.member_rules import (
    HEAD,
    MemberRule,
    read_rules,
    sections_of,
    with_rule,
)
from eilogin.registry.registry_members import LONGEST, RegistryMember, read_member
from eilogin.shell_quoting import typed

OPTIONS, RULES, MEMBERS, SIGNED = (
    "federation.ini",
    "rules.ini",
    "members",
    "metadata.xml",
)
SECTION = "federation"

#: Neither others nor git may see them.
_IGNORED = b"*.key\n*.new\n"

_ELSEWHERE = ("env:", "file:", "credential:")

_INI = """\
# A federation. "eilogin federation --help" lists the commands for it.

[federation]
"""
_COMMENTS = {
    "name": "Its name.",
    "publisher": "Its publisher: a name, or better a URI.",
    "validity": "How long a signature is valid: sign again well before its end.",
    "key": "The key that signs: the path of a PEM file, env:NAME for a variable that\n"
    "# holds it, or pkcs11:token=NAME;object=NAME?module-path=FILE (RFC 7512).",
    "certificate": "Its certificate, which every member gets.",
    "pin": "The PIN of the token: env:NAME, file:PATH, or credential:NAME.",
    "signed": "The file with the signed metadata.",
    "loopback": "Members may be on this machine.",
}


def _lasting(value: object) -> object:
    try:
        days = days_of(value)
    except ValueError:
        days = None
    if days is None:
        raise ValueError("a number of days such as '14d'")
    return days


def _not_here(value: object) -> object:
    if isinstance(value, str) and not value.startswith(_ELSEWHERE):
        raise ValueError(
            "env:NAME, file:PATH or credential:NAME, because other people can read"
            " this file in git"
        )
    return value


class FederationOptions(Options):
    """The options of ``federation.ini``."""

    name: str = option("Sets the name of the federation.")
    publisher: str = option(
        "Sets the publisher of the metadata.", default="", shown="``name``"
    )
    validity: Annotated[float, BeforeValidator(_lasting)] = option(
        "Sets how long a signature is valid.", default="14d"
    )
    key: str = option(
        "Names the key that signs: a PEM file, ``env:NAME`` or ``pkcs11:…``."
    )
    certificate: ReadableFile = option(
        "Names the PEM file with the certificate of that key."
    )
    pin: Annotated[Secret | None, BeforeValidator(_not_here)] = option(
        "Names the place of the token's PIN: ``env:NAME``, ``file:PATH`` or"
        " ``credential:NAME``.",
        default=None,
    )
    signed: str = option("Names the file with the signed metadata.", default=SIGNED)
    loopback: Flag = option("Allows members on this machine.", default="false")


Progress = Callable[[list[Path]], Iterable[Path]]


class _MemberFile(NamedTuple):
    path: Path
    member: RegistryMember


class Folder:
    """The folder, each file read at its first use; raises ConfigurationError."""

    def __init__(self, path: Path, progress: Progress = iter) -> None:
        self.path = path
        self._progress = progress

    @cached_property
    def options(self) -> FederationOptions:
        """The options of ``federation.ini``."""
        file = self.path / OPTIONS
        values = sections_of(file).get(SECTION)
        if values is None:
            cure = typed("eilogin federation init", self.path)
            raise ConfigurationError(
                f"{file}: has no section [{SECTION}]; '{cure}' makes one"
            )
        options, faults = config.attempt(FederationOptions, str(file), SECTION, values)
        if options is None:
            raise InvalidOptions(faults)
        return options

    @cached_property
    def files(self) -> dict[str, Path]:
        """Files by entityID."""
        return {entity_id: file.path for entity_id, file in self._read.items()}

    @cached_property
    def members(self) -> dict[str, RegistryMember]:
        """Members by entityID, in that order."""
        return {entity_id: file.member for entity_id, file in self._read.items()}

    @cached_property
    def rules(self) -> dict[str, MemberRule]:
        """Rules by entityID."""
        return read_rules(self.path / RULES)

    @property
    def signed(self) -> Path:
        """The file of the last signed metadata."""
        return self.path / self.options.signed

    @cached_property
    def _read(self) -> dict[str, _MemberFile]:
        loopback = self.options.loopback
        members: dict[str, _MemberFile] = {}
        for path in self._progress(sorted((self.path / MEMBERS).glob("*.xml"))):
            if path.is_symlink():
                # git does not show a change of a link's target.
                raise MetadataUnusable(
                    f"{path}: is a symbolic link; expected a file. Add the file"
                    " that it points to"
                )
            octets = octets_of(path)
            member = read_member(str(path), octets, on_loopback=loopback)
            if member.entity_id in members:
                other = members[member.entity_id].path
                raise MetadataUnusable(
                    f"{path}: '{member.entity_id}' is in {other.name} too; remove"
                    " one of them"
                )
            members[member.entity_id] = _MemberFile(path, member)
        return dict(sorted(members.items()))

    # --- changing it ---

    def put(self, member: RegistryMember, note: str) -> Path:
        """Add or replace a member; return its file."""
        path = self.files.get(member.entity_id) or self._unused_path(member.file_name)
        octets = member.octets(note)
        if len(octets) > LONGEST:
            # Such a file would make the folder unusable.
            raise MetadataUnusable(
                f"{path}: '{member.entity_id}' has more than {LONGEST} bytes after"
                " formatting; expected the metadata of one member"
            )
        write(path, octets, mode=PUBLIC)
        return path

    def remove(self, entity_id: str) -> None:
        """Remove a member and its rule."""
        rules = self.rules
        # The member goes first: a member without its rule would have no limits.
        self.files[entity_id].unlink()
        if entity_id in rules:
            self.put_rule(entity_id, MemberRule())

    def put_rule(self, entity_id: str, rule: MemberRule) -> None:
        """Replace the rule of a member; an empty rule is removed."""
        path = self.path / RULES
        text = with_rule(path.read_text("utf-8"), entity_id, rule)
        write(path, text.encode(), mode=PUBLIC)

    def _unused_path(self, name: str) -> Path:
        folder, number = self.path / MEMBERS, 1
        path = folder / f"{name}.xml"
        while path.exists():
            number += 1
            path = folder / f"{name}-{number}.xml"
        return path


def octets_of(path: Path) -> bytes:
    """Read a file of metadata, one byte beyond the accepted size at most."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        raise MetadataUnusable(f"{path}: {error.strerror}") from None


def make_folder(path: Path, **values: str) -> None:
    """Make a new federation, except its key and certificate.

    ``values`` are the options of ``federation.ini``, without "". Raises
    ConfigurationError if one exists, or an option is invalid.
    """
    file = path / OPTIONS
    if file.exists():
        raise ConfigurationError(
            f"{file}: exists already; this command does not overwrite it"
        )
    (path / MEMBERS).mkdir(parents=True, exist_ok=True)
    values = {name: value for name, value in values.items() if value}
    _, faults = config.attempt(FederationOptions, str(file), SECTION, values)
    if faults:
        # A PIN, for example, must not be written.
        raise InvalidOptions(faults)
    write(path / ".gitignore", _IGNORED, mode=PUBLIC)
    if not (path / RULES).exists():
        write(path / RULES, HEAD.encode(), mode=PUBLIC)
    lines = [
        f"# {_COMMENTS[name]}\n{name} = {value}\n" for name, value in values.items()
    ]
    # Last: it makes the folder a federation.
    write(file, "".join([_INI, *lines]).encode(), mode=PUBLIC)
