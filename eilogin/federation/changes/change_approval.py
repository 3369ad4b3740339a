"""Decide which members keep their old record until somebody approves a change.

Each member is judged by itself: its record now beside the record that somebody last
knew. ``federation_changes`` says which differences need approval. The ID of a change is
a hash of the record before and after it. The same change keeps its ID, its age, and its
approvals and rejections. If a member goes back and then makes the same change again, it
needs approval again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from eilogin import clock
from eilogin.federation.changes.federation_changes import ApprovalRules, Changes
from eilogin.federation.changes.quarantine import QuarantinedMember
from eilogin.federation.members.membership import Membership
from eilogin.federation.state.state_records import Pending, Source, Waiting
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import EntityDescriptor
from eilogin.saml.metadata.packed_members import encoded

#: Characters of the ID of a change.
_ID = 32


@dataclass
class Judged:
    """The members that stay as they were, and the changes of theirs that wait."""

    held: dict[str, QuarantinedMember] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)

    @property
    def open(self) -> list[Pending]:
        """The changes that nobody has rejected."""
        return [one for one in self.pending if not one.is_rejected]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why those wait, each reason once."""
        return tuple(dict.fromkeys(why for one in self.open for why in one.reasons))


@dataclass(frozen=True)
class Judge:
    """The members that are judged, and the rules that judge them."""

    rules: ApprovalRules
    configuration: str
    #: Whether a member is closed where none of its keys is left.
    closes: Callable[[str], bool]
    #: The source of a member.
    origin_of: Callable[[str], Source | None]
    #: The quarantine until now, and the members in it.
    before: Waiting | None
    held: Mapping[str, QuarantinedMember]
    departed: Mapping[str, EntityDescriptor]
    #: Whether somebody has rejected all of it together.
    is_rejected: bool = False

    def judge(
        self,
        old: Membership,
        new: Membership,
        changes: Changes,
        moved: Mapping[str, str],
    ) -> Judged:
        """Which members stay as they are in ``old``.

        ``moved`` says why those wait that come from another source now.
        """
        reasons = changes.held(self.rules)
        mass = self._mass(new, changes)
        judged = Judged()
        for name in sorted({*reasons, *moved, *mass, *self.held}):
            known = self._known(name, old, new, is_moved=name in moved)
            is_named = name in new.members or name in new.left_out
            if (known is None and not is_named) or self._is_over(known, new):
                continue
            told = [mass.get(name, ""), moved.get(name, ""), *reasons.get(name, ())]
            base = known or self.departed.get(name)
            one = self._pending(
                Pending(
                    _id_of(name, base, new, moved.get(name, "")),
                    name,
                    tuple(dict.fromkeys(filter(None, told))),
                    clock.now(),
                    is_rejected=self.is_rejected,
                    is_mass=name in mass,
                )
            )
            if one.reasons or one.is_rejected:
                judged.pending.append(one)
                judged.held[name] = self._hold(one, known, is_moved=name in moved)
        return judged

    def whole(self, state_id: str, reasons: Iterable[str]) -> Pending:
        """The change of everybody, where nothing can be compared."""
        return self._pending(Pending(state_id, "", tuple(reasons), clock.now()))

    @property
    def _earlier(self) -> Mapping[str, Pending]:
        pending = () if self.before is None else self.before.pending
        return {one.entity_id: one for one in pending}

    def _mass(self, new: Membership, changes: Changes) -> dict[str, str]:
        """Why members wait of which very many change at once.

        A member that has waited for that does so until somebody decides: else new
        members could make it a small part.
        """
        found = changes.mass(self.rules)
        earlier = self._earlier
        for name, one in self.held.items():
            if one.is_mass and name in earlier and _differs(one, new):
                found.setdefault(name, "; ".join(earlier[name].reasons[:1]))
        return found

    def _known(
        self, name: str, old: Membership, new: Membership, *, is_moved: bool
    ) -> EntityDescriptor | None:
        """Return the record of a member as somebody last knew it.

        For a member that left its source, this is the record that was kept of it, and
        no more. That holds even if another source names it: the other source cannot
        make a removed key valid again.
        """
        held = self.held.get(name)
        if held is not None and name in new.members and not is_moved:
            return held.known
        return old.members.get(name)

    @staticmethod
    def _is_over(known: EntityDescriptor | None, new: Membership) -> bool:
        """Whether a member is gone, and was valid until now at most."""
        if known is None or known.entity_id in new.members:
            return False
        end = known.valid_until
        return end is not None and clock.now() >= end + SKEW

    def _pending(self, one: Pending) -> Pending:
        """A change, as it has waited already if it is the same as before."""
        earlier = self._earlier.get(one.entity_id)
        if earlier is None or earlier.id != one.id or self.before is None:
            return one
        if earlier.is_rejected:
            reasons = one.reasons or earlier.reasons
            return replace(one, since=earlier.since, reasons=reasons, is_rejected=True)
        if self.before.configuration != self.configuration:
            return one
        is_so = earlier.reasons == one.reasons
        approvals = earlier.approvals if is_so else ()
        return replace(one, since=earlier.since, approvals=approvals)

    def _hold(
        self, why: Pending, known: EntityDescriptor | None, *, is_moved: bool
    ) -> QuarantinedMember:
        name, origin = why.entity_id, self.origin_of(why.entity_id)
        before = self.held.get(name) or QuarantinedMember(name, known)
        if name not in self.held and origin is not None:
            before = QuarantinedMember(
                name, known, origin.key, origin.line, origin.signers
            )
        return replace(
            before,
            known=known,
            is_mass=why.is_mass,
            is_moved=is_moved,
            closes=self.closes(name) and not why.is_mass,
        )


def _id_of(
    name: str, known: EntityDescriptor | None, new: Membership, moved: str
) -> str:
    """Return the ID of a change of a member, which no other change has.

    It is long on purpose. An attacker who can have metadata signed could find two
    changes with one short ID, show one of them, and have the other approved.
    """
    before = "" if known is None else _digest(known).hex()
    left_out = new.left_out.get(name)
    why = "" if left_out is None else f"{left_out.code}: {left_out}"
    said = [name, before, new.digests.get(name, b"").hex(), why, moved]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_ID]


def _differs(held: QuarantinedMember, new: Membership) -> bool:
    """Whether a member differs from its known record, or is gone."""
    if held.known is None:
        return False
    return _digest(held.known) != new.digests.get(held.entity_id)


def _digest(entity: EntityDescriptor) -> bytes:
    return hashlib.sha256(encoded(entity)).digest()
