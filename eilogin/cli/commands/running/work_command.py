"""``eilogin work FILE`` and ``eilogin logouts FILE``: background work of a site.

The processes of a hub or participant do this work themselves. Servers that stop them or
start no threads (uWSGI without ``enable-threads``) need ``eilogin work``.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import click

from eilogin import clock, config
from eilogin.cli.commands.command_setup import set_up_logging, variables_of
from eilogin.cli.commands.running.loaded_members import (
    Member,
    hub_members,
    hubs_of,
    members_of,
)
from eilogin.cli.inifiles import entry_points
from eilogin.cli.inifiles.ini_members import is_member, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.serving.stop_signals import signals
from eilogin.cli.terminal.reports import many, reporting_errors
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh.refresh_schedule import Watch
from eilogin.federation.trust_start import trust_of
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.hub_threads import HubThreads
from eilogin.hub.logout.retry_queue.hub_logout_queue import DeliveryState
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.stores.store_interface import is_durable

_log = logging.getLogger("eilogin")

#: Seconds between two checks for queued logouts of participants.
_CHECK_INTERVAL = 2.0
_STATES = {
    DeliveryState.NOW: "being sent now",
    DeliveryState.AGAIN: "retry at ",
    DeliveryState.BROWSER: (
        "only the visitor's browser can deliver it, at their next logout"
    ),
    DeliveryState.PARTLY: "ended its session, maybe not those of its applications",
}


def do_work(file: Path, variables: Sequence[str], *, once: bool) -> None:
    """Do the background work of an ini file, once or until a signal stops it."""
    ini = IniFile.read(file, variables_of(variables))
    members = members_of(ini, variables_of(variables))
    work = _Work(hub_members(members), _watches(ini), list(_sites(members)))
    if not work.entity_ids:
        raise click.ClickException(
            f"{ini.path}: nothing to do; expected a pipeline that ends in "
            "'egg:eilogin#hub', or a site with a 'federation_folder' or a "
            "'store' that is not 'memory:'"
        )
    with reporting_errors():
        set_up_logging(ini)
    if once:
        _work_once({hub.own.entity_id: hub.hub() for hub in work.hubs}, work.watches)
        _deliver_once(work.sites)
    else:
        _work_until_signal(work)


class _Work(NamedTuple):
    hubs: Sequence[Member]
    watches: Sequence[Watch]
    sites: Sequence[OperatorLogout]

    @property
    def entity_ids(self) -> list[str]:
        return list(
            dict.fromkeys(
                [
                    *(hub.own.entity_id for hub in self.hubs),
                    *(watch.entity_id for watch in self.watches),
                    *(site.own.entity_id for site in self.sites),
                ]
            )
        )


def _work_until_signal(work: _Work) -> None:
    with signals() as stop:
        for entity_id in work.entity_ids:
            click.echo(f"at work for {entity_id}")
        for hub in work.hubs:
            _start_hub(hub)
        for watch in work.watches:
            watch.wake()
        while not stop.is_set:
            for site in work.sites:
                site.wake()
            stop.wait(_CHECK_INTERVAL)


def _sites(members: Sequence[Member]) -> Iterator[OperatorLogout]:
    """Yield the participants with a store that this process can read."""
    for member in members:
        if member.is_hub:
            continue
        try:
            site = member.site()
        except click.ClickException as error:
            _log.warning("work: %s retries no logouts here: %s", member.title, error)
            continue
        if is_durable(site.sessions.store):
            yield site


def _deliver_once(sites: Sequence[OperatorLogout]) -> None:
    with reporting_errors():
        for site in sites:
            count = site.deliver()
            if count:
                logouts = many(count, "logout")
                click.echo(f"{site.own.entity_id}: {logouts} delivered")


def _start_hub(hub: Member) -> None:
    worker, jobs = HubThreads(), hub.hub()
    worker.see(jobs)
    if (watch := jobs.trust.watch) is not None:
        watch.subscribe(lambda *_: worker.see(hub.hub()))
        watch.wake()


def _watches(ini: IniFile) -> list[Watch]:
    watches = []
    for part in filter(is_member, parts_of(ini)):
        options, _ = config.attempt(
            entry_points.options_of(part.entry_point) or config.Options,
            str(ini.path),
            part.title,
            part.options,
        )
        # The check of the file has found no faults.
        if isinstance(options, TrustOptions) and (watch := trust_of(options).watch):
            watches.append(watch)
    return watches


def _work_once(hubs: Mapping[str, HubJobs], watches: Sequence[Watch]) -> None:
    with reporting_errors():
        for entity_id, hub in hubs.items():
            logouts = many(hub.work(), "pending logout")
            click.echo(f"{entity_id}: {logouts} delivered")
        for watch in watches:
            if watch.refresh_if_due():
                click.echo(f"{watch.entity_id}: federation refreshed")


def list_logouts(file: Path, variables: Sequence[str], *, as_json: bool) -> None:
    """Print the logouts that are still pending at the hubs of an ini file."""
    ini = IniFile.read(file, variables_of(variables))
    hubs = hubs_of(ini, variables_of(variables))
    with reporting_errors():
        logouts = [logout for hub in hubs.values() for logout in _pending(hub)]
    for logout in logouts:
        click.echo(json.dumps(logout) if as_json else _logout_line(logout))
    if not logouts and not as_json:
        click.echo("no logout is pending")


def _pending(hub: HubJobs) -> Iterator[Mapping[str, Any]]:
    queue = hub.undelivered
    for entry in sorted([*queue.all(), *queue.held()], key=attrgetter("begun")):
        for number, recipient in entry.pending.items():
            state = queue.state(entry, number)
            has_time = state is DeliveryState.AGAIN
            next_at = _instant(queue.due_at(entry)) if has_time else ""
            yield {
                "participant": recipient.entity_id,
                "state": state,
                "since": _instant(entry.begun),
                "tries": entry.tries,
                "reason": entry.reasons.get(number, ""),
                "next": next_at,
                "until": _instant(entry.until),
            }


def _instant(seconds: float) -> str:
    return clock.utc(seconds).isoformat(timespec="seconds")


def _logout_line(logout: Mapping[str, Any]) -> str:
    state = f"{_STATES[logout['state']]}{logout['next']}; since {logout['since']}"
    if logout["tries"]:
        times = "once" if logout["tries"] == 1 else f"{logout['tries']} times"
        state += f", retried {times}"
    reason = f" ({logout['reason']})" if logout["reason"] else ""
    return f"{logout['participant']}: {state}{reason}, until {logout['until']}"
