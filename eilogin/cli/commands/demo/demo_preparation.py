"""Make the missing files of the demo, and describe its sites."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from eilogin import config
from eilogin.atomic_files import SECRET, write
from eilogin.cli.commands.demo.demo_files import DemoFiles
from eilogin.cli.commands.demo.demo_guide import DemoSite, guide_url_of, host_of_url
from eilogin.cli.commands.demo.demo_metadata import (
    VALIDITY,
    is_signed,
    operator_folder_of,
    update_members,
)
from eilogin.cli.inifiles.ini_members import own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import Changes
from eilogin.cli.terminal.command_files import new_secret, write_key_pair
from eilogin.federation.local.profiles import DEFAULT_PROFILE, PROFILES
from eilogin.federation.state.state_folder import forget_all
from eilogin.hub.signin.citizen_accounts import DEMO_PASSWORDS, demo_citizens, to_json
from eilogin.registry import OPTIONS, Folder, make_folder, operator_key, sign_all
from eilogin.saml.metadata import EntityDescriptor

#: The options of ``--short``, each with its filter. With a short ``keep_alive``, the
#: limit of the hub does not come first. DigiD has a fixed ``keep_alive``.
_SHORT = {
    "idle": ("2m", "session"),
    "max_session": ("5m", "session"),
    "keep_alive": ("1m", "login"),
    "warn": ("30s", "login"),
}
_SHORT_LINE = "Limits: 2 minutes without activity, 5 minutes in all (--short)."


@dataclass(frozen=True, slots=True)
class Step:
    """A file or folder that the demo needs, and whether this run has made it."""

    path: Path
    description: str
    made: bool

    def line(self, folder: Path) -> str:
        """Describe the step, with a path relative to ``folder``."""
        done = "made" if self.made else "existed already"
        return f"{self.path.relative_to(folder)!s:<28} {self.description}: {done}"


class Demo:
    """The demo of a ``paste.ini``; raises the errors of :class:`DemoFiles`."""

    def __init__(self, file: Path) -> None:
        self._files = DemoFiles(file)

    def prepare(self) -> Iterator[Step]:
        """Make the missing files, a step at a time."""
        self._files.var.mkdir(exist_ok=True)
        # Secrets come first, because the key of a member may depend on one.
        for path in self._files.secrets():
            yield self._make(path, "secret", _write_secret)
        for part in self._files.members:
            yield self._key_pair(
                self._files.path(part, "key"),
                self._files.path(part, "certificate"),
                part.options.get("public_url", "").partition("//")[2],
            )
        federations = self._files.federations()
        for certificate in dict.fromkeys(certificate for _, certificate in federations):
            key = certificate.with_suffix(".key")
            yield self._key_pair(key, certificate, "operator of the federation")
        for federation, certificate in federations:
            yield self._metadata(
                federation, certificate, certificate.with_suffix(".key")
            )
        for path in self._files.of_option("citizens"):
            yield self._make(path, "citizens to log in with", _write_citizens)
        for path in self._files.folders():
            yield self._make(path, "folder", _make_folder)

    def reset(self) -> None:
        """Remove the files of the demo and its stores."""
        for path in self._files.belongings():
            path.unlink(missing_ok=True)
        self._forget_metadata()
        for folder in self._files.of_option("federation_folder"):
            # A folder with other files stays.
            with suppress(OSError):
                folder.rmdir()

    def hosts(self, sites: Sequence[str]) -> Sequence[str]:
        """Return the hosts of sites by short name; raise BadParameter for others."""
        urls = [part.options.get("public_url", "") for part in self._files.members]
        hosts = {
            host.partition(".")[0]: host for url in urls if (host := host_of_url(url))
        }
        for site in sites:
            if site not in hosts:
                hint = config.did_you_mean(site, hosts)
                raise click.BadParameter(
                    f"found '{site}'; expected one of: {', '.join(hosts)}{hint}",
                    param_hint="--down",
                )
        return [hosts[site] for site in sites]

    def short_limits(self) -> Changes:
        """Return the options of ``--short``, by section."""
        return {
            part.title: {
                option: value
                for option, (value, entry_point) in _SHORT.items()
                if part.entry_point in ("main", entry_point)
                and not (option == "keep_alive" and _restricts_filters(part))
            }
            for part in self._files.parts
        }

    def greeting(
        self, down: Sequence[str] = (), *, is_short: bool = False
    ) -> list[str]:
        """Write the address of the guide, all sites and all logins."""
        sites = self.sites()
        lines = [f"Start here: {guide_url_of(sites)}", ""]
        if is_short:
            lines += [_SHORT_LINE, ""]
        lines.append("Sites:")
        for site in sites:
            is_down = site.host in down
            name = f"{site.names['nl']}{' (down)' if is_down else ''}"
            lines.append(f"  {site.url:<42} {name}")
        lines += ["", "Citizens (password):"]
        lines += [f"  {name} ({password})" for name, password in DEMO_PASSWORDS.items()]
        return [
            *lines,
            "",
            "Ctrl-C stops it; 'eilogin demo' starts it again with the same files.",
        ]

    def sites(self) -> list[DemoSite]:
        """Return all sites, in the order of the file."""
        entities = [own_of_part(self._files.ini, part) for part in self._files.members]
        return [
            DemoSite(
                f"{entity.public_url}/", entity.names, entity.descriptions, entity.logo
            )
            for entity in entities
        ]

    def _forget_metadata(self) -> None:
        for folder in self._files.of_option("federation_folder"):
            forget_all(folder)

    def _make(self, path: Path, description: str, make: Callable[[Path], None]) -> Step:
        if path.exists():
            return Step(path, description, made=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        return Step(path, description, made=True)

    def _key_pair(self, key: Path, certificate: Path, name: str) -> Step:
        is_new = not (key.exists() and certificate.exists())
        if is_new:
            write_key_pair(key, certificate, name)
        return Step(key, f"key and certificate of {name}", made=is_new)

    def _metadata(self, federation: Path, certificate: Path, key: Path) -> Step:
        description = "signed metadata of the federation"
        folder = operator_folder_of(federation)
        if not (folder / OPTIONS).exists():
            make_folder(
                folder,
                name="eilogin demo",
                validity=VALIDITY,
                key=os.path.relpath(key, folder),
                certificate=os.path.relpath(certificate, folder),
                signed=os.path.relpath(federation, folder),
                loopback="true",
            )
        if update_members(Folder(folder), self._entries(federation)):
            # A change of the ini file needs no approval at each site.
            self._forget_metadata()
        registry = Folder(folder)
        if is_signed(registry):
            return Step(federation, description, made=False)
        with operator_key(registry) as operator:
            sign_all(registry, operator, registry.options.validity)
        return Step(federation, description, made=True)

    def _entries(self, federation: Path) -> Iterator[EntityDescriptor]:
        for part in self._files.members:
            if self._files.federation_of(part) == federation:
                yield own_of_part(self._files.ini, part).entry()


def _restricts_filters(part: Part) -> bool:
    profile = PROFILES.get(part.options.get("profile", DEFAULT_PROFILE))
    return profile is not None and profile.restricts_filters


def _write_citizens(path: Path) -> None:
    write(path, to_json(demo_citizens()), mode=SECRET)


def _write_secret(path: Path) -> None:
    write(path, new_secret(), mode=SECRET)


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700)
