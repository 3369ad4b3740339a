"""The active state of a site. Copies of its metadata replace an unreadable index."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from eilogin.errors import ConfigurationError, Refused
from eilogin.federation.changes.quarantine import composed, held_of, signed_index
from eilogin.federation.changes.source_changes import MemberSources, by_order, parts_of
from eilogin.federation.members.member_index import write_index
from eilogin.federation.members.membership import Membership
from eilogin.federation.refresh.source_records import accepted_of
from eilogin.federation.sources.metadata_sources import (
    AcceptedCopy,
    Fetched,
    MetadataSource,
)
from eilogin.federation.sources.source_merging import Found, names_in, without
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import hash_of, is_of, key_of
from eilogin.federation.state.state_records import Active, Source, State
from eilogin.saml.metadata import FederationMetadata, read_federation, read_unsigned


class ActiveMetadata:
    """The active state, if any, its members in quarantine, and the present sources."""

    def __init__(
        self,
        folder: SiteFolder,
        sources: Sequence[MetadataSource],
        active: Active | None,
    ) -> None:
        self.folder, self.sources, self.active = folder, sources, active
        self.state = None if active is None else active.state
        self.held = held_of(folder, self.state)
        self.belonging = MemberSources(self.state, self._names_before)

    def follow(self, active: Active | None, state: State) -> None:
        """Use another state from now on."""
        self.active, self.state = active, state
        self.belonging = MemberSources(state, self._names_before)

    def record(self, source: MetadataSource) -> Source | None:
        """The record of a source in the active state."""
        return None if self.state is None else self.state.source(key_of(source))

    def copy(self, source: MetadataSource) -> AcceptedCopy | None:
        """The copy of a source, if its present signers signed it."""
        known = self.record(source)
        copy = known and self.folder.copy(known)
        if not known or not copy:
            return None
        if known.signers != hash_of(source.signers) and not is_of(copy, source):
            # Another operator has no earlier copy.
            return None
        return AcceptedCopy(**accepted_of(known), copy=copy)

    def is_same(self, state: State) -> bool:
        """Whether this state is active already, with a readable index."""
        known = self.state
        return (
            known is not None
            and known.digest == state.digest
            and known.configuration == state.configuration
            and known.held == state.held
            and parts_of(known.sources) == parts_of(state.sources)
            and opened(self.folder, known) is not None
            and (not known.held or self._is_signed_so(known, state))
        )

    def members(self, found: Found) -> tuple[Membership | None, tuple[str, ...]]:
        """The active members (None without a state), and the lost sources.

        Expired copies count: otherwise the new state would be compared with nothing.
        """
        known = self.state
        if known is None:
            return None, ()
        old = opened(self.folder, known)
        if old is not None:
            return old, ()
        return self._from_copies(known, {key_of(source): one for source, one in found})

    def _from_copies(
        self, known: State, found: Mapping[str, Fetched]
    ) -> tuple[Membership, tuple[str, ...]]:
        sources = {key_of(one): one for one in self.sources}
        copies, lost = [], []
        for one in known.sources:
            now = found.get(one.key)
            try:
                copies.append(
                    now.metadata
                    if now is not None and now.sha256 == one.sha256
                    else _copied(self.folder.path, one, sources[one.key])
                )
            except (KeyError, OSError, Refused, ConfigurationError):
                lost.append(
                    f"{one.name}: eilogin can no longer read its active metadata"
                    " (its copy, and the index), so the changes are unknown"
                )
        if lost:
            return Membership(*copies), tuple(lost)
        signed = signed_index(self.folder, known)
        try:
            write_index(signed, copies)
            self.folder.take(signed)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {signed}: {error.strerror}"
            ) from error
        unheld = replace(known, index=signed.name, signed="")
        state = composed(self.folder, unheld, self.held, known.index)
        return Membership.from_index(self.folder.index(state)), ()

    def _is_signed_so(self, known: State, state: State) -> bool:
        old, new = (opened_signed(self.folder, one) for one in (known, state))
        return old is not None and new is not None and old.digest == new.digest

    def _names_before(self) -> Mapping[str, Collection[str]]:
        known = self.state
        if known is None:
            return {}
        old = opened_signed(self.folder, known)
        names = None if old is None else by_order(known.sources, old.members)
        if names is None:
            sources = {key_of(one): one for one in self.sources}
            names = {
                one.key: self._names_in_copy(one, sources[one.key])
                for one in known.sources
                if one.key in sources
            }
        return self._with_held(names, known.sources)

    def _with_held(
        self, found: Mapping[str, frozenset[str]], sources: Sequence[Source]
    ) -> Mapping[str, Collection[str]]:
        names = {key: members - self.held.keys() for key, members in found.items()}
        for name, held in self.held.items():
            for one in sources:
                is_its = (one.line, one.signers) == (held.line, held.signers)
                if one.key == held.key or is_its:
                    names[one.key] = names.get(one.key, frozenset()) | {name}
                    break
        return names

    def _names_in_copy(self, known: Source, source: MetadataSource) -> frozenset[str]:
        try:
            return frozenset(names_in(_copied(self.folder.path, known, source)))
        except (OSError, Refused, ConfigurationError):
            return frozenset()


def _copied(folder: Path, known: Source, source: MetadataSource) -> FederationMetadata:
    octets = (folder / known.copy).read_bytes()
    here = source.on_loopback
    if source.signers is None:
        metadata = read_unsigned(octets, on_loopback=here)
    else:
        metadata = read_federation(octets, source.signers, on_loopback=here)
    chosen = source.choice.read().of(str(source), metadata)
    return without(chosen, known.passed)


def opened(folder: SiteFolder, state: State) -> Membership | None:
    """The members of a state; None for an unreadable index."""
    try:
        return Membership.from_index(folder.index(state))
    except ConfigurationError:
        return None


def opened_signed(folder: SiteFolder, state: State) -> Membership | None:
    """All members as signed, those in quarantine too; None as `opened`."""
    try:
        return Membership.from_index(signed_index(folder, state))
    except ConfigurationError:
        return None
