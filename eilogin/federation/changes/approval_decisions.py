"""Approve or reject changes in quarantine, for a person.

An approval names a change by the hash of both records, so nobody approves an unseen
change. eilogin activates the change at once, because its metadata was signed.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from eilogin.errors import ConfigurationError
from eilogin.federation.changes.departed_members import note_departed
from eilogin.federation.changes.quarantine import (
    QuarantinedMember,
    composed,
    held_of,
    last_records,
)
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.membership import Membership
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_records import (
    Active,
    Approval,
    Decision,
    Pending,
    Quarantine,
)


class TrustedHubOptions(Protocol):
    """Options that select hubs."""

    @property
    def role(self) -> str:
        """The role of the site."""

    @property
    def hub(self) -> Sequence[str]:
        """The option ``hub``."""


def approve(
    folder: SiteFolder,
    change_id: str | Collection[str],
    who: Approval,
    needed: int = 1,
    require: Callable[[Membership], object] = lambda _: None,
) -> tuple[Pending, ...]:
    """Record the approval of changes and activate them; the caller holds the lock.

    ``change_id``: one ID, the joint one, or several. ``needed``: number of people.
    ``require`` may raise before the activation. Raises ConfigurationError if no such
    change is pending, or it must be compared again.
    """
    quarantine, named = _named(folder, change_id)
    require_judged(folder, quarantine)
    approved = [
        _approved(change, who) for change in quarantine.pending if change in named
    ]
    complete = tuple(change for change in approved if not change.lacks(needed))
    active = folder.active
    if complete and active is not None:
        _activate(folder, active, quarantine, complete, require)
        active = folder.active
    remaining = _remaining(quarantine, approved, complete)
    compared_digest = quarantine.than if active is None else active.state.digest
    state = quarantine.state if remaining else None
    folder.put_quarantine(
        replace(quarantine, pending=remaining, than=compared_digest, state=state)
    )
    folder.add_decisions(
        [Decision(change.id, is_approved=True, who=who) for change in named]
    )
    return complete


def reject(folder: SiteFolder, change_id: str | Collection[str], who: Approval) -> None:
    """Reject changes until they change again; raises as `approve`."""
    quarantine, named = _named(folder, change_id)
    ids = {change.id for change in named}
    pending = tuple(
        replace(change, is_rejected=True, approvals=()) if change.id in ids else change
        for change in quarantine.pending
    )
    state = (
        quarantine.state if any(not change.is_rejected for change in pending) else None
    )
    folder.put_quarantine(replace(quarantine, pending=pending, state=state))
    folder.add_decisions(
        [Decision(change.id, is_approved=False, who=who) for change in named]
    )


def require_judged(folder: SiteFolder, quarantine: Quarantine) -> None:
    """Raise ConfigurationError if a refresh must compare first."""
    if not quarantine.is_judged_by(folder.active):
        raise ConfigurationError(
            f"{folder}: {quarantine.id} is out of date, because the options or the"
            " active metadata have changed since. Run 'eilogin trust refresh'"
            " first, and look at the change again"
        )


def require_hubs(options: TrustedHubOptions, federation: Membership) -> None:
    """Raise ConfigurationError if the site would lose a hub."""
    if options.role != HUB:
        for name in hub_requirements.wanted(options.hub, federation):
            hub_requirements.hub(federation, name)


def members_after_approval(
    folder: SiteFolder, pending: Collection[Pending]
) -> Membership:
    """The members after approval; raises ConfigurationError or MetadataUnusable."""
    quarantine, active = folder.quarantine, folder.active
    if active is None or quarantine is None:
        return Membership()
    if quarantine.state is not None:
        return Membership.from_index(folder.index(quarantine.state))
    names = {change.entity_id for change in pending}
    state = composed(folder, active.state, _held_except(folder, active, names))
    return Membership.from_index(folder.index(state))


def _held_except(
    folder: SiteFolder, active: Active, names: Collection[str]
) -> dict[str, QuarantinedMember]:
    held = held_of(folder, active.state)
    return {name: member for name, member in held.items() if name not in names}


def _named(
    folder: SiteFolder, change_id: str | Collection[str]
) -> tuple[Quarantine, tuple[Pending, ...]]:
    quarantine = folder.open_quarantine
    if quarantine is None:
        raise ConfigurationError(f"{folder}: no change is pending")
    if isinstance(change_id, str):
        named = quarantine.named(change_id)
    else:
        named = tuple(change for change in quarantine.open if change.id in change_id)
    if not named:
        raise ConfigurationError(
            f"{folder}: the pending change is {quarantine.id}, not"
            f" {str(change_id)[:80]!r}; look at that one first"
        )
    return quarantine, named


def _approved(change: Pending, who: Approval) -> Pending:
    earlier = [
        approval for approval in change.approvals if not approval.is_by_same_person(who)
    ]
    return replace(change, approvals=(*earlier, who))


def _remaining(
    quarantine: Quarantine, approved: Collection[Pending], complete: Collection[Pending]
) -> tuple[Pending, ...]:
    latest = {change.id: change for change in approved}
    pending = (latest.get(change.id, change) for change in quarantine.pending)
    return tuple(change for change in pending if change not in complete)


def _activate(
    folder: SiteFolder,
    active: Active,
    quarantine: Quarantine,
    changes: Collection[Pending],
    require: Callable[[Membership], object],
) -> None:
    if quarantine.state is not None:
        folder.activate(quarantine.state, replace(active.tries, rejected=""))
        return
    names = {change.entity_id for change in changes}
    held = held_of(folder, active.state)
    state = composed(folder, active.state, _held_except(folder, active, names))
    old, new = (Membership.from_index(folder.index(x)) for x in (active.state, state))
    require(new)
    note_departed(folder, old, new, last_records(held))
    folder.activate(state, replace(active.tries, rejected=""))
