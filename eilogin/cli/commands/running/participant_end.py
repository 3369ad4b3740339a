"""``eilogin sessions end FILE --participant``: end all sessions at a participant."""

import sys
from collections import Counter

import click

from eilogin.cli.terminal.prompts import require_yes
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.logout.retry_queue.participant_removal import ParticipantRemoval
from eilogin.saml.printable_text import some
from eilogin.shell_quoting import as_word

_MOST_NAMED = 20


def end_at_participant(hub: HubJobs, entity_id: str, *, is_sure: bool) -> bool:
    """End all sessions at a participant; return whether it has confirmed all."""
    removal = _removal(hub, entity_id)
    names = removal.find()
    if not names:
        click.echo(f"no visitor of this hub is signed in at {entity_id}")
        return True
    if not is_sure:
        logins = "1 login" if len(names) == 1 else f"{len(names):,} logins"
        require_yes(f"End all sessions at {entity_id} (this hub has {logins})?")
    counts = Counter[str]()
    with click.progressbar(length=len(names), file=sys.stderr) as bar:
        for removed in removal.end(names):
            counts.update(removed._asdict())
            bar.update(removed.logins)
    return _print_outcome(entity_id, counts)


def _removal(hub: HubJobs, entity_id: str) -> ParticipantRemoval:
    try:
        return hub.removal(entity_id)
    except UnknownPeer as error:
        participants = some(_participants(hub.trust), _MOST_NAMED) or "none"
        raise click.ClickException(
            f"{error}; expected one of the participants here: {participants}"
        ) from error


def _participants(trust: Trust) -> list[str]:
    members = trust.federation.entities
    names = sorted(member.entity_id for member in members if member.service_provider)
    # Users copy these entityIDs, and each participant chooses its own.
    return [*map(as_word, names)]


def _print_outcome(entity_id: str, counts: Counter[str]) -> bool:
    confirmed, pending, undelivered = (
        counts[outcome] for outcome in ("reached", "waiting", "unreachable")
    )
    count = confirmed + pending + undelivered
    click.echo(
        f"{count:,} session{'' if count == 1 else 's'} ended at {entity_id}; it "
        f"confirmed {confirmed:,}"
    )
    if pending:
        click.echo(f"  no confirmation yet, will retry: {pending:,}")
    if undelivered:
        click.echo(f"  cannot be reached (see the log): {undelivered:,}")
    return not pending and not undelivered
