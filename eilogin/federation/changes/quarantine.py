"""Members in quarantine keep their old record, while all others follow the sources.

A change that needs approval holds up its member alone. The member keeps its earlier
record, except where no signed metadata supports it any more. A lost key must not stay
valid because another change is pending:

* A key that is gone from the new record is removed at once. If no key of a kind is
  left, a hub closes the member until somebody approves: none of its signatures counts.
  A participant keeps the old key of its hub. Otherwise a thief of the operator's key
  could lock everybody out of all sites at once.
* A role that is gone is removed, and a rule of the operator counts where it is
  stricter.
* The record is valid as long as the new one: its operator still names it a member.

A new member that needs approval is no member yet. A member that is gone and stays (our
own hub, or one of very many) stays no longer than its record was valid.

The records have their own file, which later versions of eilogin read, like the departed
members. An index suits one version only, and can be made again only from metadata that
has the change.
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
    #: Its record as somebody has known it last; None where it is new.
    known: EntityDescriptor | None
    #: The key and line of its source, as in ``Source``.
    key: str = ""
    line: str = ""
    signers: str = ""
    #: Whether it waits because so many members change at once.
    is_mass: bool = False
    #: Whether its new record comes from another source, which so says nothing of it.
    is_moved: bool = False
    #: Whether it is closed where none of its keys is left.
    closes: bool = False

    def record(self, new: EntityDescriptor | None) -> EntityDescriptor | None:
        """The record in use, where ``new`` is its record at its source, if any."""
        if self.known is None or new is None or self.is_moved:
            return self.known
        return replace(
            remaining(self.known, new, closes=self.closes), valid_until=new.valid_until
        )


Quarantined = Mapping[str, QuarantinedMember]


def held_of(folder: SiteFolder, state: State | None) -> dict[str, QuarantinedMember]:
    """The members that stay as they were in a state, by entityID.

    Raises :class:`eilogin.errors.ConfigurationError` where the file cannot be read.
    """
    if state is None or not state.held:
        return {}
    path = folder.path / state.held
    try:
        found = map(_type().validate_json, path.read_bytes().splitlines())
        return {one.entity_id: one for one in found}
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"federation_folder: {path}: cannot be read ({_why(error)}); expected"
            " the records of members in quarantine. Restore the file, or remove the"
            f" folder {folder}: then the next start accepts all metadata without a"
            " comparison"
        ) from error


def keep_held(folder: SiteFolder, held: Quarantined) -> str:
    """Keep the members in quarantine; the name of the file, "" for none."""
    if not held:
        return ""
    lines = [_type().dump_json(held[name]) + b"\n" for name in sorted(held)]
    return folder.keep(b"".join(lines), _NAME)


def known_of(held: Quarantined) -> dict[str, EntityDescriptor]:
    """The records that were known, of those that are not new."""
    return {n: one.known for n, one in held.items() if one.known is not None}


def signed_index(folder: SiteFolder, state: State) -> Path:
    """The file of the index of all members of a state as they were signed."""
    return folder.path / (state.signed or state.index)


def composed(
    folder: SiteFolder, state: State, held: Quarantined, index: str = ""
) -> State:
    """The same as another state, with these members in quarantine and no others.

    Its files are written, as ``index`` or by a new name; nobody uses them yet. Raises
    ConfigurationError.
    """
    signed = signed_index(folder, state)
    generation = state.generation
    if not held:
        index = signed.name
    else:
        new = Membership.from_index(signed)
        instead = {n: one.record(new.members.get(n)) for n, one in held.items()}
        generation = max(folder.next_generation(), generation + 1)
        index = index or f"index-{generation}"
        try:
            write_with(folder.path / index, signed, instead)
            folder.take(folder.path / index)
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
        held=keep_held(folder, held),
        signed=signed.name if held else "",
    )


def remaining(
    known: EntityDescriptor, new: EntityDescriptor, *, closes: bool
) -> EntityDescriptor:
    """Return the parts of a known record that count beside a new one that waits."""
    rules = stricter(known, new)
    return replace(
        known,
        **rules,
        service_provider=_role_left(
            known.service_provider, new.service_provider, closes=closes
        ),
        identity_provider=_role_left(
            known.identity_provider, new.identity_provider, closes=closes
        ),
    )


def _role_left(
    known: _RoleT | None, new: _RoleT | None, *, closes: bool
) -> _RoleT | None:
    if known is None or new is None:
        # The hub that a site cannot do without waits as it is (:func:`record`).
        return None if closes else known
    signing = shared(known.signing_certificates, new.signing_certificates, public_key)
    # A key that was known to sign may be the next to encrypt with.
    both = (*known.encryption_certificates, *known.signing_certificates)
    encryption = shared(both, new.encryption_certificates, encryption_key)
    has_none = not encryption and bool(known.encryption_certificates)
    if closes and has_none:
        # Nobody is sent anything that is encrypted for nobody, or for somebody else.
        signing = ()
    return replace(
        known,
        signing_certificates=signing or (() if closes else known.signing_certificates),
        encryption_certificates=encryption or known.encryption_certificates,
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
