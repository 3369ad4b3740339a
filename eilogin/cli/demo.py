"""``eilogin demo``: a whole federation on a laptop, from a clone of the project.

Whatever ``paste.ini`` names and that is not there yet is made under ``var/``. There is
no second list: the members of the federation are the sections that use ``egg:eilogin``
or ``egg:eilogin#trust``.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

import eilogin
from eilogin import clock, settings
from eilogin.cli import inventory
from eilogin.cli.check import tell
from eilogin.cli.inifile import IniFile
from eilogin.cli.members import is_member, own_of_part, parts_of
from eilogin.cli.pipelines import Part
from eilogin.cli.serve import serve
from eilogin.errors import ConfigurationError, EiloginError, InvalidOptions
from eilogin.hub.citizens import DEMO_PASSWORDS, demo_citizens, to_json
from eilogin.saml.keys import SigningKey, new_key_pair
from eilogin.saml.metadata import EntityDescriptor, read_federation, write_federation

#: Seconds for which the operator signs, and from how long before the end anew.
_SIGNED_FOR = 90 * 86_400.0
_RENEWED_BEFORE = 30 * 86_400.0

#: Bytes of a secret; as many as the hash has that it goes into.
_SECRET = 32

#: RFC 5280 appendix A: the longest common name.
_COMMON_NAME = 64

#: The ends of the names of the files that SQLite keeps.
_SQLITE_FILES = ("", "-wal", "-shm", "-epoch")

_ELSEWHERE = (
    "'eilogin demo' needs a clone of the project: it makes what the project's paste.ini"
    " names. Run it in the clone; for a file of your own there is 'eilogin serve FILE'."
)


@click.command("demo", short_help="Run a whole federation, from a clone.")
@click.option("--reset", is_flag=True, help="Throw away what it made, and start anew.")
@click.option("--prepare-only", is_flag=True, help="Make what is missing, and stop.")
def demo_command(*, reset: bool, prepare_only: bool) -> None:
    """Run a hub, a portal and three participants on this machine.

    Makes keys, certificates, the signed metadata of the federation and citizens to log
    in with under var/, where they are not there yet; then serves the project's
    paste.ini and prints the addresses to open. The passwords of its citizens are known
    to everybody: what it made is for trying out only.
    """
    file = find_paste_ini()
    if file is None:
        raise click.ClickException(_ELSEWHERE)
    try:
        demo = Demo(file)
        if reset:
            demo.reset()
        for step in demo.prepare():
            click.echo(step.line(file.parent))
    except InvalidOptions as error:
        tell(error.faults)
        raise SystemExit(1) from error
    except EiloginError as error:
        raise click.ClickException(str(error)) from error
    if not prepare_only:
        serve(file, {}, demo.greeting())


def find_paste_ini() -> Path | None:
    """The ``paste.ini`` of the clone that we are in, or else that eilogin lies in.

    None where there is no clone.
    """
    working = Path.cwd()
    package = Path(eilogin.__file__).parent
    for folder in (working, *working.parents, package.parent):
        parts = ("paste.ini", "setup.cfg", "eilogin/__init__.py")
        if all((folder / part).is_file() for part in parts):
            return folder / "paste.ini"
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the demo needs, and whether it was made now."""

    path: Path
    what: str
    made: bool

    def line(self, folder: Path) -> str:
        """The step for a person; paths as seen from ``folder``."""
        done = "made" if self.made else "was there already"
        return f"{self.path.relative_to(folder)!s:<28} {self.what}: {done}"


class Demo:
    """What one ``paste.ini`` needs to be served, all of it under ``var/`` beside it.

    Raises :class:`eilogin.errors.InvalidOptions` where the file cannot be read whole.
    """

    def __init__(self, file: Path) -> None:
        self._ini = IniFile.read(file)
        self._var = file.parent / "var"
        self._parts = parts_of(self._ini)
        self._members = [part for part in self._parts if is_member(part)]

    def prepare(self) -> Iterator[Step]:
        """Make what is missing, a step at a time.

        Raises :class:`eilogin.errors.ConfigurationError` where an option is missing or
        wrong, or names a file outside of ``var/``.
        """
        self._var.mkdir(exist_ok=True)
        # First: who a member is may be made with one of them.
        for path in self._secrets():
            yield self._made(path, "secret", _write_secret)
        for part in self._members:
            yield self._key_pair(
                self._path(part, "key"),
                self._path(part, "certificate"),
                part.options.get("public_url", "").partition("//")[2],
            )
        federations = self._federations()
        for certificate in dict.fromkeys(certificate for _, certificate in federations):
            key = certificate.with_suffix(".key")
            yield self._key_pair(key, certificate, "operator of the federation")
        for federation, certificate in federations:
            yield self._metadata(
                federation, certificate, certificate.with_suffix(".key")
            )
        for path in self._of_option("citizens"):
            yield self._made(path, "citizens to log in with", _write_citizens)
        for path in self._folders():
            yield self._made(path, "folder", _make_folder)

    def reset(self) -> None:
        """Remove what the demo makes and what its store holds, and nothing else."""
        for path in self._belongings():
            path.unlink(missing_ok=True)

    def greeting(self) -> list[str]:
        """What to open, and who can log in."""
        lines = ["", "Open one of:"]
        for part in self._members:
            own = own_of_part(self._ini, part)
            lines.append(f"  {own.public_url + '/':<42} {own.names['nl']}")
        lines += ["", "and log in as (password):"]
        lines += [f"  {name} ({password})" for name, password in DEMO_PASSWORDS.items()]
        return [*lines, "", "Ctrl-C stops it; 'eilogin demo' goes on where it was."]

    # --- what the file names ---

    def _path(self, part: Part, option: str) -> Path:
        """The file that a required option names, which has to be under ``var/``."""
        value = part.options.get(option, "").strip()
        if not value:
            raise self._wrong(part, option, "is required")
        return self._inside(Path(value), part, option)

    def _inside(self, path: Path, part: Part, option: str) -> Path:
        path = Path(os.path.normpath(self._var.parent / path))
        if not self._is_ours(path):
            expected = f"the demo makes files under {self._var} only"
            raise self._wrong(part, option, f"found '{path}'; {expected}")
        return path

    def _wrong(self, part: Part, option: str, told: str) -> ConfigurationError:
        return ConfigurationError(f"{self._ini.path}: [{part.title}] {option}: {told}")

    def _federations(self) -> list[tuple[Path, Path]]:
        """Metadata and operator's certificate; in most files all have the same."""
        pairs = [
            (self._federation(part), self._path(part, "federation_certificate"))
            for part in self._members
        ]
        return list(dict.fromkeys(pairs))

    def _federation(self, part: Part) -> Path:
        """The file of metadata, which is one, without a certificate of its own."""
        lines = settings.split(part.options.get("federation", ""))
        if len(lines) > 1 or any(map(self._has_certificate, lines)):
            told = (
                "the demo takes one file, signed by who 'federation_certificate' names;"
                f" found {' and '.join(map(repr, lines))}"
            )
            raise self._wrong(part, "federation", told)
        return self._path(part, "federation")

    def _has_certificate(self, line: str) -> bool:
        """Whether there are two paths in a line; one path may have blanks in it."""
        here = self._var.parent
        file, _, certificate = line.rpartition(" ")
        is_path = Path(certificate).is_absolute() or self._is_ours(here / certificate)
        return bool(file) and is_path and self._is_ours(here / file)

    def _is_ours(self, path: Path) -> bool:
        return Path(os.path.normpath(path)).is_relative_to(self._var)

    def _of_option(self, name: str) -> list[Path]:
        found = [
            self._inside(Path(value), part, name)
            for part in self._parts
            if (value := part.options.get(name, "").strip())
        ]
        return list(dict.fromkeys(found))

    def _secrets(self) -> list[Path]:
        """The files that options for secrets name as ``file:PATH``."""
        found = [
            self._inside(Path(line.removeprefix("file:").strip()), part, option)
            for part in self._parts
            for option, value in part.options.items()
            if _is_secret(part, option)
            for line in settings.split(value)
            if line.startswith("file:")
        ]
        return list(dict.fromkeys(found))

    def _stores(self) -> list[Path]:
        found = [
            self._inside(Path(url.removeprefix("sqlite:///")), part, "store")
            for part in self._parts
            if (url := part.options.get("store", "").strip()).startswith("sqlite:///")
        ]
        return list(dict.fromkeys(found))

    def _folders(self) -> list[Path]:
        folders = [store.parent for store in self._stores()]
        return [path for path in dict.fromkeys(folders) if path != self._var]

    def _belongings(self) -> Iterator[Path]:
        for part in self._members:
            yield self._path(part, "key")
            yield self._path(part, "certificate")
        for federation, certificate in self._federations():
            yield from (federation, certificate, certificate.with_suffix(".key"))
        for store in self._stores():
            yield from (store.with_name(store.name + end) for end in _SQLITE_FILES)
        yield from self._of_option("citizens")
        yield from self._secrets()

    # --- making ---

    def _made(self, path: Path, what: str, make: Callable[[Path], None]) -> Step:
        if path.exists():
            return Step(path, what, made=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        return Step(path, what, made=True)

    def _key_pair(self, key: Path, certificate: Path, name: str) -> Step:
        what = f"key and certificate of {name}"
        if key.exists() and certificate.exists():
            return Step(key, what, made=False)
        key_pem, certificate_pem = new_key_pair(name[:_COMMON_NAME])
        _write(key, key_pem, mode=0o600)
        _write(certificate, certificate_pem, mode=0o644)
        return Step(key, what, made=True)

    def _metadata(self, federation: Path, certificate: Path, key: Path) -> Step:
        """Signed anew where members changed, or it would soon be over."""
        what = "signed metadata of the federation"
        operator = SigningKey.load(key.read_bytes(), certificate.read_bytes())
        members = [
            own_of_part(self._ini, part).entry()
            for part in self._members
            if self._federation(part) == federation
        ]
        if _is_current(federation, operator, members):
            return Step(federation, what, made=False)
        octets = write_federation(
            members,
            name="eilogin demo",
            valid_until=clock.now() + _SIGNED_FOR,
            key=operator,
        )
        _write(federation, octets, mode=0o644)
        return Step(federation, what, made=True)


def _is_current(
    federation: Path, operator: SigningKey, members: Sequence[EntityDescriptor]
) -> bool:
    try:
        octets = federation.read_bytes()
        known = read_federation(octets, [operator.public], on_loopback=True)
    except (OSError, EiloginError):
        return False
    entities = [replace(entity, valid_until=None) for entity in known.entities]
    ends = known.valid_until or 0.0
    return entities == list(members) and ends - clock.now() > _RENEWED_BEFORE


def _is_secret(part: Part, option: str) -> bool:
    declared = inventory.declared().get(part.entry_point or "")
    field = declared.model_fields.get(option) if declared else None
    return field is not None and settings.is_secret(field.annotation)


def _write_citizens(path: Path) -> None:
    _write(path, to_json(demo_citizens()), mode=0o600)


def _write_secret(path: Path) -> None:
    _write(path, secrets.token_hex(_SECRET).encode() + b"\n", mode=0o600)


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def _write(path: Path, octets: bytes, *, mode: int) -> None:
    """Write a whole file or none, readable by others only where ``mode`` says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    fresh.replace(path)
