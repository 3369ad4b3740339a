"""Activate the earlier metadata under new options, before a refresh compares it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from eilogin.errors import MetadataUnusable
from eilogin.federation.changes.quarantine import QuarantinedMember
from eilogin.federation.refresh.active_metadata import ActiveMetadata
from eilogin.federation.sources.metadata_sources import (
    Fetched,
    MetadataSource,
    sha256_of,
)
from eilogin.federation.sources.source_merging import FetchedSource, each_once
from eilogin.federation.state.state_origin import key_of, line_of
from eilogin.federation.state.state_records import Source, State


def held_by(
    held: Mapping[str, QuarantinedMember], sources: Sequence[Source]
) -> dict[str, QuarantinedMember]:
    """The members in quarantine whose source the options still name."""
    still = {}
    for name, member in held.items():
        source = next((source for source in sources if source.key == member.key), None)
        if member.known is None:
            # No option admits a pending new member.
            still[name] = member
        elif source is not None:
            still[name] = replace(member, line=source.line, signers=source.signers)
    return still


def as_before(
    metadata: ActiveMetadata,
    state: State,
    fetched_sources: Sequence[FetchedSource],
    longest: float | None,
) -> Sequence[FetchedSource]:
    """The content of the present sources when ``state`` became active.

    ``longest`` is ``federation_validity``. Raises ConfigurationError if the content is
    unknown or unusable.
    """
    lines = {line_of(source) for source in metadata.sources}
    keys = {key_of(source) for source in metadata.sources}
    if any(old.key not in keys and old.line in lines for old in state.sources):
        raise MetadataUnusable("the folder no longer contains one of its files")
    earlier_sources = []
    for source, fetched in fetched_sources:
        earlier = _earlier_content(metadata, state, source, fetched, longest)
        if earlier is not None:
            earlier_sources.append(FetchedSource(source, earlier))
    return each_once(earlier_sources, metadata.belonging.whose)


def _earlier_content(
    metadata: ActiveMetadata,
    state: State,
    source: MetadataSource,
    fetched: Fetched,
    longest: float | None,
) -> Fetched | None:
    """The earlier content of a source; None for a file added to a folder."""
    record = state.source(key_of(source))
    if record is None:
        is_added = line_of(source) in {old.line for old in state.sources}
        return None if is_added else fetched
    if record.sha256 == fetched.sha256:
        return fetched
    copy = metadata.folder.path / record.copy
    if not _is_whole(copy, record.sha256):
        raise MetadataUnusable(f"{copy}: was changed")
    before = metadata.copy(source)
    return fetched if before is None else source.read_copy(before, longest)


def _is_whole(copy: Path, sha256: str) -> bool:
    try:
        return sha256_of(copy.read_bytes()) == sha256
    except OSError:
        return False
