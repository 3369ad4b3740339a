"""The active state of a site. Copies of its metadata replace an unreadable index."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

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
from eilogin.federation.sources.source_merging import FetchedSource, names_in, without
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import hash_of, is_trusted_copy, key_of
from eilogin.federation.state.state_records import Active, Source, State
from eilogin.saml.metadata import FederationMetadata, read_federation, read_unsigned
from eilogin.saml.metadata.member_cache import MemberCache


class ActiveMembers(NamedTuple):
    """The active members; None without a state."""

    members: Membership | None
    #: A fault for each source without readable metadata: its changes are unknown.
    unreadable: tuple[str, ...] = ()


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
        self._caches: dict[str, MemberCache] = {}

    def follow(self, active: Active | None, state: State) -> None:
        """Use another state from now on."""
        self.active, self.state = active, state
        self.belonging = MemberSources(state, self._names_before)

    def record(self, source: MetadataSource) -> Source | None:
        """The record of a source in the active state."""
        return None if self.state is None else self.state.source(key_of(source))

    def copy(self, source: MetadataSource) -> AcceptedCopy | None:
        """The copy of a source, if its present signers signed it."""
        record = self.record(source)
        copy = record and self.folder.copy(record)
        if not record or not copy:
            return None
        if record.signers != hash_of(source.signers) and not is_trusted_copy(
            copy, source
        ):
            # Another operator has no earlier copy.
            return None
        cache = self._caches.setdefault(
            record.key, MemberCache(self.folder.path / record.cache)
        )
        return AcceptedCopy(**accepted_of(record), copy=copy, cache=cache)

    def store_caches(self) -> None:
        """Store the members that this refresh has read, for the next one."""
        for cache in self._caches.values():
            self.folder.store_cache(cache)

    def is_same(self, state: State) -> bool:
        """Whether this state is active already, with a readable index."""
        active = self.state
        return (
            active is not None
            and active.digest == state.digest
            and active.configuration == state.configuration
            and active.held == state.held
            and parts_of(active.sources) == parts_of(state.sources)
            and opened(self.folder, active) is not None
            and (not active.held or self._has_same_signed(active, state))
        )

    def members(self, fetched_sources: Sequence[FetchedSource]) -> ActiveMembers:
        """The active members; the fetched metadata replaces a lost index and copy."""
        # Expired copies count: otherwise the new state would be compared with nothing.
        active = self.state
        if active is None:
            return ActiveMembers(None)
        old = opened(self.folder, active)
        if old is not None:
            return ActiveMembers(old)
        fetched = {key_of(source): fetched for source, fetched in fetched_sources}
        return self._from_copies(active, fetched)

    def _from_copies(
        self, active: State, fetched: Mapping[str, Fetched]
    ) -> ActiveMembers:
        sources = self._sources_by_key
        copies, faults = [], []
        for record in active.sources:
            present = fetched.get(record.key)
            try:
                copies.append(
                    present.metadata
                    if present is not None and present.sha256 == record.sha256
                    else _read_copy(self.folder.path, record, sources[record.key])
                )
            except (KeyError, OSError, Refused, ConfigurationError):
                faults.append(
                    f"{record.name}: eilogin can no longer read its active metadata"
                    " (its copy, and the index), so the changes are unknown"
                )
        if faults:
            return ActiveMembers(Membership(*copies), tuple(faults))
        signed = signed_index(self.folder, active)
        try:
            write_index(signed, copies)
            self.folder.give_to_server(signed)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {signed}: {error.strerror}"
            ) from error
        all_signed = replace(active, index=signed.name, signed="")
        state = composed(self.folder, all_signed, self.held, active.index)
        return ActiveMembers(Membership.from_index(self.folder.index(state)))

    @property
    def _sources_by_key(self) -> dict[str, MetadataSource]:
        return {key_of(source): source for source in self.sources}

    def _has_same_signed(self, active: State, state: State) -> bool:
        old, new = opened_signed(self.folder, active), opened_signed(self.folder, state)
        return old is not None and new is not None and old.digest == new.digest

    def _names_before(self) -> Mapping[str, Collection[str]]:
        active = self.state
        if active is None:
            return {}
        old = opened_signed(self.folder, active)
        names = None if old is None else by_order(active.sources, old.members)
        if names is None:
            sources = self._sources_by_key
            names = {
                record.key: self._names_in_copy(record, sources[record.key])
                for record in active.sources
                if record.key in sources
            }
        return self._with_held(names, active.sources)

    def _with_held(
        self, signed: Mapping[str, frozenset[str]], records: Sequence[Source]
    ) -> Mapping[str, Collection[str]]:
        names = {key: members - self.held.keys() for key, members in signed.items()}
        for name, held in self.held.items():
            for record in records:
                has_origin = (record.line, record.signers) == (held.line, held.signers)
                if record.key == held.key or has_origin:
                    names[record.key] = names.get(record.key, frozenset()) | {name}
                    break
        return names

    def _names_in_copy(self, record: Source, source: MetadataSource) -> frozenset[str]:
        try:
            return frozenset(names_in(_read_copy(self.folder.path, record, source)))
        except (OSError, Refused, ConfigurationError):
            return frozenset()


def _read_copy(
    folder: Path, record: Source, source: MetadataSource
) -> FederationMetadata:
    octets = (folder / record.copy).read_bytes()
    is_local = source.on_loopback
    if source.signers is None:
        metadata = read_unsigned(octets, on_loopback=is_local)
    else:
        metadata = read_federation(octets, source.signers, on_loopback=is_local)
    chosen = source.filters.read().select(str(source), metadata)
    return without(chosen, record.passed)


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


def opened_if_other(
    folder: SiteFolder, state: State, signed: State, new: Membership
) -> Membership:
    """The members of a state; ``new`` if it has the index of the ``signed`` one."""
    if state.index == signed.index:
        return new
    return Membership.from_index(folder.index(state))
