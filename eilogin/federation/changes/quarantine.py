"""Members in quarantine keep their old record, while all others follow the sources.

The old record counts only as far as signed metadata still supports it, because a lost
key must not stay valid while another change is pending:

* A key that the new record lacks is removed at once. If no key of a kind is left, a hub
  closes the member until approval. A participant keeps the old key of its hub:
  otherwise a thief of the operator's key could lock everybody out of all sites at once.
* A role that is gone is removed, and a stricter rule of the operator counts.
* The validity is that of the new record: the operator still names the member.

A new member that needs approval is no member yet. A member that is gone and stays (our
own hub, or part of a mass change) stays until its record expires.

The records have their own file, which later versions read: an index suits one version,
and could be made again only from metadata with the change.

:mod:`.federation_changes` says which changes need approval, and :mod:`.change_approval`
which members are in quarantine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation.changes.federation_changes import id_of
from eilogin.federation.changes.member_differences import shared, stricter
from eilogin.federation.members.member_index import write_with
from eilogin.federation.members.membership import Membership
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_records import State
from eilogin.saml.metadata import EntityDescriptor, Role
from eilogin.saml.signing_keys import encryption_key, public_key

_NAME = "held-{}.jsonl"
_RoleT = TypeVar("_RoleT", bound=Role)


@dataclass(frozen=True, slots=True)
class QuarantinedMember:
    """A member in quarantine."""

    entity_id: str
    #: The last known record; None for a new member.
    known: EntityDescriptor | None
    #: As in ``Source``.
    key: str = ""
    line: str = ""
    signers: str = ""
    is_mass: bool = False
    #: Whether another source names it now, whose record does not count yet.
    is_moved: bool = False
    #: Whether the member is closed if no key remains.
    closes: bool = False

    def record(self, new: EntityDescriptor | None) -> EntityDescriptor | None:
        """The record in use; ``new`` is that of the source, if any."""
        if self.known is None or new is None or self.is_moved:
            return self.known
        return replace(
            remaining(self.known, new, closes=self.closes), valid_until=new.valid_until
        )


Quarantined = Mapping[str, QuarantinedMember]


def held_of(folder: SiteFolder, state: State | None) -> dict[str, QuarantinedMember]:
    """The members in quarantine, by entityID; raises ConfigurationError."""
    if state is None or not state.held:
        return {}
    path = folder.path / state.held
    try:
        members = map(_type().validate_json, path.read_bytes().splitlines())
        return {member.entity_id: member for member in members}
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"federation_folder: {path}: cannot be read ({_why(error)}); expected"
            " the records of members in quarantine. Restore the file, or remove the"
            f" folder {folder}: then the next start accepts all metadata without a"
            " comparison"
        ) from error


def store_held(folder: SiteFolder, held: Quarantined) -> str:
    """Store the members in quarantine; return the file name, "" for none."""
    if not held:
        return ""
    lines = [_type().dump_json(held[name]) + b"\n" for name in sorted(held)]
    return folder.keep(b"".join(lines), _NAME)


def last_records(held: Quarantined) -> dict[str, EntityDescriptor]:
    """The last known records of members, by entityID."""
    return {n: member.known for n, member in held.items() if member.known is not None}


def signed_index(folder: SiteFolder, state: State) -> Path:
    """The index file of all members as signed."""
    return folder.path / (state.signed or state.index)


def composed(
    folder: SiteFolder, state: State, held: Quarantined, index: str = ""
) -> State:
    """Write a state with these members in quarantine; raises ConfigurationError."""
    if not (held or state.held or state.signed):
        return replace(state, made=clock.now())  # all as signed already
    signed = signed_index(folder, state)
    generation = state.generation
    if not held:
        index = signed.name
    else:
        new = Membership.from_index(signed)
        replacements = {
            n: member.record(new.members.get(n)) for n, member in held.items()
        }
        generation = max(folder.next_generation(), generation + 1)
        index = index or f"index-{generation}"
        try:
            write_with(folder.path / index, signed, replacements)
            folder.give_to_server(folder.path / index)
        except OSError as error:
            raise ConfigurationError(
                f"federation_folder: {folder.path / index}: {error.strerror}"
            ) from error
    federation = Membership.from_index(folder.path / index)
    return replace(
        state,
        generation=generation,
        made=clock.now(),
        id=id_of(federation, [*sorted(held)]) if held else state.id,
        digest=federation.digest,
        index=index,
        members=len(federation.members),
        held=store_held(folder, held),
        signed=signed.name if held else "",
    )


def remaining(
    old: EntityDescriptor, new: EntityDescriptor, *, closes: bool
) -> EntityDescriptor:
    """The parts of a known record that count while a new one is pending."""
    rules = stricter(old, new)
    return replace(
        old,
        **rules,
        service_provider=_remaining_role(
            old.service_provider, new.service_provider, closes=closes
        ),
        identity_provider=_remaining_role(
            old.identity_provider, new.identity_provider, closes=closes
        ),
    )


def _remaining_role(
    old: _RoleT | None, new: _RoleT | None, *, closes: bool
) -> _RoleT | None:
    if old is None or new is None:
        # A participant keeps its hub, which it cannot do without.
        return None if closes else old
    signing = shared(old.signing_certificates, new.signing_certificates, public_key)
    # A signing key may be the next encryption key.
    certificates = (*old.encryption_certificates, *old.signing_certificates)
    encryption = shared(certificates, new.encryption_certificates, encryption_key)
    has_none = not encryption and bool(old.encryption_certificates)
    if closes and has_none:
        # Otherwise messages would be encrypted for nobody, or for somebody else.
        signing = ()
    return replace(
        old,
        signing_certificates=signing or (() if closes else old.signing_certificates),
        encryption_certificates=encryption or old.encryption_certificates,
    )


def _why(error: Exception) -> str:
    return (
        str(error.strerror)
        if isinstance(error, OSError)
        else "is not as eilogin writes it"
    )


@cache
def _type() -> TypeAdapter[QuarantinedMember]:
    return TypeAdapter(QuarantinedMember)
