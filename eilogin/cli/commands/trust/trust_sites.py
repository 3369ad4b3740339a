"""The sites of an ini file that keep a state of their federation.

A command reads only the options that it needs, because the user who approves may have
no access to the keys of the site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import create_model

from eilogin import config
from eilogin.cli.commands.command_setup import set_up_logging, variables_of
from eilogin.cli.inifiles.ini_members import is_member, options_of_part, parts_of
from eilogin.cli.inifiles.ini_pipelines import Part
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.errors import MetadataUnusable
from eilogin.federation import Membership
from eilogin.federation.changes.departed_members import departed_of
from eilogin.federation.changes.federation_changes import Changes, changes_for
from eilogin.federation.changes.member_differences import words
from eilogin.federation.changes.quarantine import held_of, signed_index
from eilogin.federation.local.local_options import entity_id_of
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.active_metadata import opened
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_records import Pending, Quarantine
from eilogin.shell_quoting import typed

_OPTION_NAMES = (
    *("role", "public_url", "prefix", "entity_id", "hub"),
    *("federation_folder", "federation_changes", "four_eyes"),
)
_Options: Any = create_model(  # type: ignore[call-overload]
    "_Options",
    __base__=config.Options,
    **{
        name: (field.annotation, field)
        for name, field in TrustOptions.model_fields.items()
        if name in _OPTION_NAMES
    },
)


@dataclass(frozen=True, slots=True)
class TrustSite:
    """A member of a federation, and the folder with its state."""

    ini: IniFile
    part: Part
    options: Any
    folder: SiteFolder
    #: As NAME=VALUE.
    variables: Sequence[str]

    @property
    def entity_id(self) -> str:
        """The entityID."""
        return entity_id_of(self.options)

    def typed(self, verb: str, *arguments: str) -> str:
        """Write a command for the same file, to copy."""
        return typed("eilogin trust", verb, self.ini.path, *arguments, *self.variables)

    def changes(self, quarantine: Quarantine, pending: Sequence[Pending]) -> Changes:
        """Compare these changes with the active metadata, or raise MetadataUnusable."""
        active = self.folder.active
        state = None if active is None else active.state
        old = None if state is None else opened(self.folder, state)
        signed = quarantine.state or state
        try:
            new = Membership()
            if signed is not None:
                new = Membership.from_index(signed_index(self.folder, signed))
        except MetadataUnusable as error:
            # An update may cause this. The state keeps its name and its approvals.
            raise type(error)(f"{error} by '{self.typed('refresh')}'") from error
        held = held_of(self.folder, state).items()
        held_members = {entity_id: record.known for entity_id, record in held}
        changes = changes_for(
            self.options,
            old or Membership(),
            new,
            departed_of(self.folder),
            held_members,
        )
        entity_ids = {change.entity_id for change in pending}
        return changes if "" in entity_ids else changes.of(entity_ids)


def sites_of(
    file: Path, variables: Sequence[str], section: str | None
) -> list[TrustSite]:
    """Return the sites of a file that keep state; raise ClickException for none."""
    ini = IniFile.read(file, variables_of(variables))
    parts = _parts_of_sites(ini, section)
    candidates = (_site(ini, part, variables) for part in parts)
    sites = [site for site in candidates if site is not None]
    if not sites:
        raise click.ClickException(
            f"{file}: no site has a 'federation_folder', so eilogin reads the "
            "metadata at start, and there is nothing to show, refresh or approve"
        )
    if "loggers" in ini.sections:
        set_up_logging(ini)
    return sites


def _parts_of_sites(ini: IniFile, section: str | None) -> list[Part]:
    parts = [part for part in parts_of(ini) if is_member(part)]
    if section is None:
        return parts
    named = [part for part in parts if part.title == section]
    if not named:
        titles = ", ".join(part.title for part in parts) or "none"
        raise click.ClickException(
            f"{ini.path}: which site? --section takes one of: {titles}"
        )
    return named


def _site(ini: IniFile, part: Part, variables: Sequence[str]) -> TrustSite | None:
    options = options_of_part(_Options, ini, part)
    if options.federation_folder is None:
        return None
    folder = SiteFolder.of(options.federation_folder, entity_id_of(options))
    return TrustSite(ini, part, options, folder, variables)


def sites_with_change(
    file: Path, state_id: str, variables: Sequence[str], section: str | None
) -> Sequence[TrustSite]:
    """Return the sites with this pending change, one for each folder."""
    sites = {site.folder.path: site for site in sites_of(file, variables, section)}
    quarantines = {path: site.folder.open_quarantine for path, site in sites.items()}
    matches = [
        sites[path]
        for path, quarantine in quarantines.items()
        if quarantine is not None and quarantine.named(state_id)
    ]
    if matches:
        return matches
    if any(_is_rejected(site, state_id) for site in sites.values()):
        raise click.ClickException(
            f"{file}: {words(state_id)} was rejected before; nothing was done. "
            "The member keeps its old record until its metadata changes again"
        )
    ids = sorted(
        {quarantine.id for quarantine in quarantines.values() if quarantine is not None}
    )
    raise click.ClickException(
        f"{file}: {words(state_id)!r} is not pending ({_ids_in_words(ids)}); nothing "
        "was done. Look at the changes first"
        f" ({typed('eilogin trust diff', file, *variables)})"
    )


def _ids_in_words(ids: Sequence[str]) -> str:
    return f"pending: {', '.join(ids)}" if ids else "nothing is pending"


def _is_rejected(site: TrustSite, change_id: str) -> bool:
    quarantine = site.folder.quarantine
    pending = () if quarantine is None else quarantine.pending
    return any(change.id == change_id and change.is_rejected for change in pending)
