"""Approve or reject pending changes, under the lock of each site."""

import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from eilogin import audit, clock
from eilogin.cli.commands.trust.trust_reports import (
    MOST_NAMED,
    approver_in_words,
    changes_in_words,
)
from eilogin.cli.commands.trust.trust_sites import TrustSite
from eilogin.errors import ConfigurationError, EiloginError
from eilogin.federation.changes.approval_decisions import (
    approve,
    members_after_approval,
    reject,
    require_hubs,
    require_judged,
)
from eilogin.federation.changes.federation_changes import (
    MOST_LOGGED,
    ApprovalRules,
    Changes,
)
from eilogin.federation.changes.member_differences import words
from eilogin.federation.state.state_origin import is_expired
from eilogin.federation.state.state_records import (
    BY_SUDO,
    NAMELESS,
    Approval,
    Pending,
    Quarantine,
)
from eilogin.saml.printable_text import first_of

#: Seconds to wait for a refresh to finish.
LOCK_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class PendingDecision:
    """Pending changes at a site, and the user who decides on them."""

    site: TrustSite
    quarantine: Quarantine
    #: The typed ID of all pending changes or of one, and those changes.
    state_id: str
    pending: tuple[Pending, ...]
    changes: Changes
    user: Approval

    @property
    def title(self) -> str:
        """The section of the site."""
        return self.site.part.title

    def refused(self, reason: str) -> click.ClickException:
        """Return the error that refuses the decision."""
        return click.ClickException(f"{self.title}: {reason}")


def decide_on(
    sites: Sequence[TrustSite],
    state_id: str,
    decide: Callable[[PendingDecision], str],
    require: Callable[[PendingDecision], None] = lambda _: None,
) -> None:
    """Decide on the pending changes at these sites; if ``require`` raises, at none."""
    user = _current_user()
    with ExitStack() as locks:
        # In one order, so that two decisions do not block each other.
        for site in sorted(sites, key=lambda site: site.folder.path):
            locks.enter_context(site.folder.locked(LOCK_PATIENCE))
        cases = [_case(site, state_id, user) for site in sites]
        for case in cases:
            require(case)
        for number, case in enumerate(cases):
            with _reporting_unfinished(cases[number:]):
                click.echo(f"{case.title}: {decide(case)}")


def _case(site: TrustSite, state_id: str, user: Approval) -> PendingDecision:
    """Read the pending changes again, under the lock."""
    quarantine = site.folder.open_quarantine
    pending = () if quarantine is None else quarantine.named(state_id)
    if quarantine is None or not pending:
        raise ConfigurationError(
            f"{site.folder}: other changes are pending now; nothing was done. "
            f"Look at them first ({site.typed('diff')})"
        )
    changes = site.changes(quarantine, pending)
    return PendingDecision(site, quarantine, state_id, pending, changes, user)


@contextmanager
def _reporting_unfinished(cases: Sequence[PendingDecision]) -> Iterator[None]:
    """Name the sites without a decision, if one fails, as with a full disk."""
    try:
        yield
    except (EiloginError, OSError):
        failed, *not_begun = cases
        line = f"{failed.title}: did not finish"
        if not_begun:
            line += f"; not begun at {', '.join(case.title for case in not_begun)}"
        click.echo(f"{line}; to see the result: {failed.site.typed('show')}", err=True)
        raise


def require_approvable(case: PendingDecision, *, is_all: bool) -> None:
    """Raise ClickException if this user cannot approve these changes."""
    site, quarantine, hidden = case.site, case.quarantine, case.changes.hidden
    if hidden and not is_all:
        raise case.refused(
            f"{changes_in_words(case.changes)}, of which '{site.typed('diff')}' does "
            f"not show {hidden}; nothing was done. Read all of them ('diff --all'), "
            "and then approve them: "
            f"'{site.typed('approve', case.state_id, '--all')}'"
        )
    people = ApprovalRules.of(site.options).people
    if people > 1 and all(_has_approved(case.user, change) for change in case.pending):
        raise case.refused(
            f"{approver_in_words(case.user)} has approved it already; nothing was "
            "done. A second person has to approve it, as another system user "
            "(four_eyes). sudo does not make you another person"
        )
    active = site.folder.active
    state = quarantine.state or (active and active.state)
    if state and is_expired(state):
        raise case.refused(
            f"{case.state_id} has expired; nothing was done. Fetch newer "
            f"metadata: {site.typed('refresh')}"
        )
    try:
        require_judged(site.folder, quarantine)
    except ConfigurationError as error:
        raise case.refused(
            f"{error}; nothing was done. Refresh first: {site.typed('refresh')}"
        ) from error
    try:
        require_hubs(site.options, members_after_approval(site.folder, case.pending))
    except ConfigurationError as error:
        raise case.refused(
            f"nobody could log in, because no hub would be left: {error}; nothing was "
            "done"
        ) from error


def _has_approved(user: Approval, pending: Pending) -> bool:
    return any(approval.is_by_same_person(user) for approval in pending.approvals)


def approve_case(case: PendingDecision) -> str:
    """Approve the changes; return a line about the outcome."""
    site, state_id = case.site, case.state_id
    _note(case, "trust.approved")
    people = ApprovalRules.of(site.options).people
    activated = approve(site.folder, state_id, case.user, people)
    if len(activated) == len(case.pending):
        return f"{state_id} is active now: {changes_in_words(case.changes)}"
    line = (
        f"approved by {approver_in_words(case.user)}; needs 1 more approval, by "
        "another system user (four_eyes)"
    )
    if activated:
        names = first_of([words(change.entity_id) for change in activated], MOST_NAMED)
        line += f"; active now: {', '.join(names)}"
    return line


def reject_case(case: PendingDecision) -> str:
    """Reject the changes; return a line about the outcome."""
    _note(case, "trust.rejected")
    reject(case.site.folder, case.state_id, case.user)
    return f"{case.state_id} is rejected; the active metadata stays the same"


def _note(case: PendingDecision, code: str) -> None:
    """Record the decision and its user, before eilogin carries it out."""
    changes, user = case.changes, case.user
    fields: Mapping[str, Any] = {
        "code": code,
        "id": case.state_id,
        "who": user.name,
        "uid": user.uid,
        "count": changes.count,
        "changes": changes.all_lines,
    }
    case.site.folder.log(fields)
    audit.event(
        code,
        reference=case.state_id,
        peer=case.site.entity_id,
        by=approver_in_words(user),
        changes=changes.lines[:MOST_LOGGED],
    )


def _current_user() -> Approval:
    """Return the user of this process, and the user who called sudo."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = NAMELESS
    # Root can set any name here, but that makes nobody a second person.
    sudo, number = (os.environ.get(name, "") for name in ("SUDO_USER", "SUDO_UID"))
    return Approval(
        f"{name}{BY_SUDO}{words(sudo)}" if sudo else name,
        uid,
        clock.now(),
        int(number) if re.fullmatch("[0-9]{1,10}", number) else None,
    )
