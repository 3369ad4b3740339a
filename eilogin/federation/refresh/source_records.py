"""The record of each source of a state: the accepted metadata and the last tries."""

from dataclasses import fields, replace
from typing import Any

from eilogin import clock
from eilogin.federation.sources.metadata_sources import (
    AcceptedCopy,
    AcceptedMetadata,
    Fetched,
    MetadataSource,
)
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import hash_of, key_of, line_of
from eilogin.federation.state.state_records import Source


def record_of(
    folder: SiteFolder,
    source: MetadataSource,
    fetched: Fetched,
    earlier: Source | None,
    before: AcceptedCopy | None,
) -> Source:
    """The record of a source after ``earlier``; keeps its copy after ``before``."""
    accepted = {} if fetched.failure else accepted_of(fetched.accepted_after(before))
    record = replace(
        earlier or Source("", key_of(source)),
        line=line_of(source),
        signers=hash_of(source.signers),
        copy=folder.keep(fetched.octets),
        members=len(fetched.metadata.entities),
        passed=fetched.passed,
        **accepted,
    )
    return after_try(record, source, fetched)


def after_try(record: Source, source: MetadataSource, fetched: Fetched) -> Source:
    """Store the last try in the record."""
    now = clock.now()
    record = replace(record, name=str(source), tried=now)
    if fetched.failure:
        return replace(record, failures=record.failures + 1, why=fetched.failure)
    return replace(record, worked=now, failures=0, why="")


def accepted_of(record: AcceptedMetadata) -> dict[str, Any]:
    """Return the fields of the accepted metadata alone."""
    return {
        field.name: getattr(record, field.name) for field in fields(AcceptedMetadata)
    }
