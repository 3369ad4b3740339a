"""``eilogin sessions end FILE --participant``: end all sessions at a participant.

Use it before a participant is removed from the metadata: afterwards nobody can send it
a LogoutRequest.
"""

import sys
from collections import Counter

import click

from eilogin.cli.terminal.prompts import require_yes
from eilogin.errors import UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.hub_worker import HubJobs
from eilogin.hub.logout.retry_queue.participant_removal import ParticipantRemoval
from eilogin.saml.printable_text import some
from eilogin.shell_quoting import as_word

#: How many participants an error names.
_MOST_NAMED = 20


def end_at(hub: HubJobs, entity_id: str, *, is_sure: bool) -> bool:
    """End all sessions at a participant, and print the outcome.

    Return whether it has confirmed all. Ask first, unless ``is_sure``.
    """
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
    return _tell(entity_id, counts)


def _removal(hub: HubJobs, entity_id: str) -> ParticipantRemoval:
    try:
        return hub.removal(entity_id)
    except UnknownPeer as error:
        known = some(_participants(hub.trust), _MOST_NAMED) or "none"
        raise click.ClickException(
            f"{error}; expected one of the participants here: {known}"
        ) from error


def _participants(trust: Trust) -> list[str]:
    members = trust.federation.entities
    names = sorted(one.entity_id for one in members if one.service_provider)
    # Users copy these names from here, and a participant chooses its own.
    return [*map(as_word, names)]


def _tell(entity_id: str, counts: Counter[str]) -> bool:
    reached, waiting, untold = (counts[of] for of in ("reached", "waiting", "untold"))
    count = reached + waiting + untold
    click.echo(
        f"{count:,} session{'' if count == 1 else 's'} ended at {entity_id}; it "
        f"confirmed {reached:,}"
    )
    if waiting:
        click.echo(f"  no confirmation yet, will retry: {waiting:,}")
    if untold:
        click.echo(f"  cannot be reached (see the log): {untold:,}")
    return not waiting and not untold
