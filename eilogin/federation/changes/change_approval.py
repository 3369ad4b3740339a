"""Decide which members keep their old record until somebody approves a change.

The same change keeps its ID, age, approvals and rejections, but needs approval again
after a reversal.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from eilogin import clock
from eilogin.federation.changes.federation_changes import ApprovalRules, Changes
from eilogin.federation.changes.quarantine import QuarantinedMember
from eilogin.federation.members.membership import Membership
from eilogin.federation.state.state_records import Pending, Quarantine, Source
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import EntityDescriptor
from eilogin.saml.metadata.packed_members import encoded

#: Characters.
_ID = 32


@dataclass
class Judged:
    """The members that keep their old record, and their pending changes."""

    held: dict[str, QuarantinedMember] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)

    @property
    def open(self) -> list[Pending]:
        """The changes that nobody has rejected."""
        return [change for change in self.pending if not change.is_rejected]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the open changes, once each."""
        return tuple(
            dict.fromkeys(reason for change in self.open for reason in change.reasons)
        )


@dataclass(frozen=True)
class Judge:
    """The rules, and the earlier quarantine."""

    rules: ApprovalRules
    configuration: str
    closes: Callable[[str], bool]
    origin_of: Callable[[str], Source | None]
    before: Quarantine | None
    held: Mapping[str, QuarantinedMember]
    departed: Mapping[str, EntityDescriptor]
    #: Whether the whole state was rejected.
    is_rejected: bool = False

    def judge(
        self,
        old: Membership,
        new: Membership,
        changes: Changes,
        moved: Mapping[str, str],
    ) -> Judged:
        """Return the members that keep their ``old`` record; ``moved`` has reasons."""
        reasons = changes.held(self.rules)
        mass = self._mass(new, changes)
        judged = Judged()
        for name in sorted({*reasons, *moved, *mass, *self.held}):
            record = self._known_record(name, old, new, is_moved=name in moved)
            is_named = name in new.members or name in new.left_out
            if (record is None and not is_named) or self._is_over(record, new):
                continue
            member_reasons = [
                mass.get(name, ""),
                moved.get(name, ""),
                *reasons.get(name, ()),
            ]
            base = record or self.departed.get(name)
            change = self._pending(
                Pending(
                    _id_of(name, base, new, moved.get(name, "")),
                    name,
                    tuple(dict.fromkeys(filter(None, member_reasons))),
                    clock.now(),
                    is_rejected=self.is_rejected,
                    is_mass=name in mass,
                )
            )
            if change.reasons or change.is_rejected:
                judged.pending.append(change)
                judged.held[name] = self._hold(change, record, is_moved=name in moved)
        return judged

    def whole(self, state_id: str, reasons: Iterable[str]) -> Pending:
        """The change of all members, if nothing can be compared."""
        return self._pending(Pending(state_id, "", tuple(reasons), clock.now()))

    @property
    def _earlier(self) -> Mapping[str, Pending]:
        pending = () if self.before is None else self.before.pending
        return {change.entity_id: change for change in pending}

    def _mass(self, new: Membership, changes: Changes) -> dict[str, str]:
        """Find mass changes, held even if added members make them a small part."""
        mass = changes.mass(self.rules)
        earlier = self._earlier
        for name, member in self.held.items():
            if member.is_mass and name in earlier and _differs(member, new):
                mass.setdefault(name, "; ".join(earlier[name].reasons[:1]))
        return mass

    def _known_record(
        self, name: str, old: Membership, new: Membership, *, is_moved: bool
    ) -> EntityDescriptor | None:
        """Return the last known record of a member; after a move, the one in use."""
        # After a move, the other source cannot make a removed key valid again.
        held = self.held.get(name)
        if held is not None and name in new.members and not is_moved:
            return held.known
        return old.members.get(name)

    @staticmethod
    def _is_over(record: EntityDescriptor | None, new: Membership) -> bool:
        if record is None or record.entity_id in new.members:
            return False
        end = record.valid_until
        return end is not None and clock.now() >= end + SKEW

    def _pending(self, change: Pending) -> Pending:
        earlier = self._earlier.get(change.entity_id)
        if earlier is None or earlier.id != change.id or self.before is None:
            return change
        if earlier.is_rejected:
            reasons = change.reasons or earlier.reasons
            return replace(
                change, since=earlier.since, reasons=reasons, is_rejected=True
            )
        if self.before.configuration != self.configuration:
            return change
        is_so = earlier.reasons == change.reasons
        approvals = earlier.approvals if is_so else ()
        return replace(change, since=earlier.since, approvals=approvals)

    def _hold(
        self, change: Pending, record: EntityDescriptor | None, *, is_moved: bool
    ) -> QuarantinedMember:
        name, origin = change.entity_id, self.origin_of(change.entity_id)
        before = self.held.get(name) or QuarantinedMember(name, record)
        if name not in self.held and origin is not None:
            before = QuarantinedMember(
                name, record, origin.key, origin.line, origin.signers
            )
        return replace(
            before,
            known=record,
            is_mass=change.is_mass,
            is_moved=is_moved,
            closes=self.closes(name) and not change.is_mass,
        )


def _id_of(
    name: str, record: EntityDescriptor | None, new: Membership, moved: str
) -> str:
    """Return the ID of a change, as long as that of a state (``id_of``)."""
    before = "" if record is None else _digest(record).hex()
    left_out = new.left_out.get(name)
    why = "" if left_out is None else f"{left_out.code}: {left_out}"
    parts = [name, before, new.digests.get(name, b"").hex(), why, moved]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_ID]


def _differs(held: QuarantinedMember, new: Membership) -> bool:
    if held.known is None:
        return False
    return _digest(held.known) != new.digests.get(held.entity_id)


def _digest(entity: EntityDescriptor) -> bytes:
    return hashlib.sha256(encoded(entity)).digest()
