"""Describe the active metadata and the pending changes of a site."""

from collections.abc import Iterator

from eilogin.cli.commands.trust.trust_sites import TrustSite
from eilogin.cli.terminal.reports import many
from eilogin.federation.changes.federation_changes import (
    MOST_SHOWN,
    ApprovalRules,
    Changes,
)
from eilogin.federation.changes.member_differences import words
from eilogin.federation.state.state_origin import is_expired
from eilogin.federation.state.state_records import Approval, Pending, Quarantine, Source
from eilogin.saml.messages import write_instant
from eilogin.saml.printable_text import first_of, printable

MOST_NAMED = 5


def active_lines(site: TrustSite) -> Iterator[str]:
    """Describe the active metadata, its sources, and the pending changes."""
    active, quarantine = site.folder.active, site.folder.open_quarantine
    if active is None:
        yield (
            "no metadata is active yet; the first start makes it active without an "
            "approval"
        )
        return
    state, tries = active.state, active.tries
    over = ", but expired: nobody can log in" if is_expired(state) else ""
    members = many(state.members, "member")
    yield f"active since {write_instant(active.since)}: {members}{over}"
    if over:
        yield f"ask the sources for newer metadata: {site.typed('refresh')}"
    if tries.failures:
        yield f"refresh: {_failure_text(tries.failures, tries.tried, tries.why)}"
    yield f"last refreshed {_time(tries.worked)}, next {_time(tries.due)}"
    for source in state.sources:
        yield f"source {words(source.name)}: {_source_text(source)}"
    if quarantine is not None:
        yield from _quarantine_lines(site, quarantine)
    yield from _rejected_lines(site)


def _quarantine_lines(site: TrustSite, quarantine: Quarantine) -> Iterator[str]:
    count = len(quarantine.reasons)
    reasons = "1 reason" if count == 1 else f"{count} reasons"
    since = write_instant(quarantine.since)
    yield f"pending since {since}, for {reasons}: {quarantine.id}"
    for line in first_of([*map(_in_quarantine, quarantine.open)], MOST_SHOWN):
        yield f"  {line}"
    yield from _approval_lines(site, quarantine)
    yield from _refresh_needed_lines(site, quarantine)
    yield f"look at the changes: {site.typed('diff')}"
    yield f"then approve them: {site.typed('approve', quarantine.id)}"


def _in_quarantine(change: Pending) -> str:
    if not change.entity_id:
        return f"the whole metadata: {change.id}"
    return f"{words(change.entity_id)} keeps its old record: {change.id}"


def _rejected_lines(site: TrustSite) -> Iterator[str]:
    quarantine = site.folder.quarantine
    for change in () if quarantine is None else quarantine.pending:
        if change.is_rejected:
            member = words(change.entity_id) or "the whole metadata"
            yield f"rejected: {member} keeps its old record until it changes again"


def _source_text(source: Source) -> str:
    line = f"last success {_time(source.worked)}"
    if source.failures:
        line += f"; {_failure_text(source.failures, source.tried, source.why)}"
    if source.passed:
        members = many(len(source.passed), "member")
        line += f"; {members} skipped: they come from another source"
    return line


def _failure_text(times: int, last: float, reason: str) -> str:
    times_text = "once" if times == 1 else f"{times} times in a row"
    return f"failed {times_text}, last {_time(last)}: {words(reason)}"


def pending_lines(
    site: TrustSite, quarantine: Quarantine, *, is_all: bool
) -> Iterator[str]:
    """Describe pending changes, and the commands that decide on them."""
    yield f"{site.part.title} ({site.entity_id})"
    since, count = write_instant(quarantine.since), len(quarantine.open)
    scope = (
        "the whole metadata" if quarantine.state is not None else many(count, "member")
    )
    yield f"pending since {since}: {scope}, {quarantine.id}"
    yield from _approval_lines(site, quarantine)
    yield from _refresh_needed_lines(site, quarantine)
    changes = site.changes(quarantine, quarantine.open)
    yield "\nWhy it needs approval:"
    # Another user may be able to write the folder.
    reasons = quarantine.reasons if is_all else first_of(quarantine.reasons, MOST_SHOWN)
    yield from (f"  {printable(reason)}" for reason in reasons)
    yield "\nAll changes:"
    lines = changes.all_lines if is_all else changes.lines
    yield from (f"  {line}" for line in lines)
    if changes.hidden and not is_all:
        yield f"\n{changes.hidden} of the changes are not in this list. This shows all:"
        yield f"  {site.typed('diff', '--all')}"
    yield from _ways_to_decide(site, quarantine, has_hidden=bool(changes.hidden))
    if count > 1:
        yield "\nOr decide on one member, with its own ID:"
        ids = [f"{change.id}  {words(change.entity_id)}" for change in quarantine.open]
        yield from (
            f"  {line}" for line in (ids if is_all else first_of(ids, MOST_SHOWN))
        )


def _ways_to_decide(
    site: TrustSite, quarantine: Quarantine, *, has_hidden: bool
) -> Iterator[str]:
    yield (
        "\nIf the changes are right (check keys and addresses with the operator by "
        "another"
    )
    yield "way, such as the telephone):"
    flags = ["--all"] if has_hidden else []
    yield f"  {site.typed('approve', quarantine.id, *flags)}"
    yield "If they are not:"
    yield f"  {site.typed('reject', quarantine.id)}"


def _approval_lines(site: TrustSite, quarantine: Quarantine) -> Iterator[str]:
    people = ApprovalRules.of(site.options).people
    groups = dict.fromkeys(change.approvals for change in quarantine.open)
    for approvals in groups:
        ids_text = ""
        if len(groups) > 1:
            ids = [
                change.id for change in quarantine.open if change.approvals == approvals
            ]
            ids_text = f" ({', '.join(first_of(ids, MOST_NAMED))})"
        for approval in approvals:
            approver = approver_in_words(approval)
            yield f"approved {_time(approval.at)} by {approver}{ids_text}"
        missing = people - len(approvals)
        if missing > 1:
            yield f"needs the approval of {missing} people (four_eyes){ids_text}"
        elif approvals:
            yield f"needs 1 more approval (four_eyes){ids_text}"


def _refresh_needed_lines(site: TrustSite, quarantine: Quarantine) -> Iterator[str]:
    if not quarantine.is_judged_by(site.folder.active):
        yield "needs a refresh with the current options before you can approve it:"
        yield f"  {site.typed('refresh')}"


def _time(instant: float) -> str:
    return f"at {write_instant(instant)}" if instant else "never"


def changes_in_words(changes: Changes) -> str:
    """Write a number of changes, and how many need approval."""
    count = many(changes.count, "change")
    return f"{count} ({sum(change.waits for change in changes.changes)} with '!')"


def approver_in_words(approval: Approval) -> str:
    """Write a user with the uid."""
    return f"{words(approval.name)} (uid {approval.uid})"
