"""Load the hubs and participants of an ini file, for commands of their operator."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from paste.deploy import loadapp
from webob import Request

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_members import is_member, own_of_part
from eilogin.cli.inifiles.ini_pipelines import Part, Pipelines, Stack
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.cli.terminal.reports import print_faults, reporting_errors
from eilogin.federation import Own
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.sessions import Sessions
from eilogin.stores.store_interface import is_durable
from eilogin.web.environ import LogoutService
from eilogin.web.pipeline.pipeline_objects import pipelines_with

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from eilogin.hub.hub_jobs import HubJobs

_log = logging.getLogger("eilogin")


@dataclass(frozen=True, slots=True)
class Member:
    """A hub or a participant of a loaded pipeline."""

    #: The section with its entityID.
    title: str
    own: Own
    #: Its filters and its application.
    parts: Sequence[Part]
    app: "WSGIApplication"

    @property
    def is_hub(self) -> bool:
        """Whether it is a hub."""
        return _is_hub(self.parts)

    @property
    def has_work(self) -> bool:
        """Whether it has background work."""
        has_folder = any(part.options.get("federation_folder") for part in self.parts)
        return self.is_hub or has_folder

    def visit(self) -> Request:
        """Make a request such as a browser sends."""
        url = urlsplit(self.own.url("health" if self.is_hub else "metadata"))
        request = Request.blank(url.path, base_url=f"{url.scheme}://{url.netloc}")
        # Every server sets it, and a filter of another project may need it.
        request.remote_addr = "127.0.0.1"
        return request

    def hub(self) -> "HubJobs":
        """Return the background work of this hub, or raise ClickException."""
        # A late import: to serve a site needs no hub.
        from eilogin.hub.hub_jobs import HubJobs  # noqa: PLC0415

        for objects in pipelines_with(self.app, HubJobs):
            hub = objects.get(HubJobs)
            if hub is not None and hub.trust.own.entity_id == self.own.entity_id:
                return hub
        raise self._unreachable("hub")

    def hub_above(self) -> LogoutService | None:
        """Return the service that notifies the hub above of a logout, or None."""
        jobs = self.hub()
        for objects in pipelines_with(self.app, type(jobs)):
            hub, site = objects.get(type(jobs)), objects.get(OperatorLogout)
            if site is not None and hub is jobs:
                return site.for_inner_hub()
        return None

    def site(self) -> OperatorLogout:
        """Return the logout of this participant, or raise ClickException."""
        for objects in pipelines_with(self.app, OperatorLogout):
            site = objects.get(OperatorLogout)
            if site is not None and site.own.entity_id == self.own.entity_id:
                site.mounted_at = self._mount
                return site
        raise self._unreachable("site")

    @property
    def _mount(self) -> str:
        """The path that composites and foreign filters remove before this site."""
        titles = [part.title for part in self.parts]
        outer = self.parts[: titles.index(self.title)]
        return "".join(part.mount or _prefix_of(part) for part in outer)

    def _unreachable(self, kind: str) -> click.ClickException:
        return click.ClickException(
            f"cannot reach the {kind} {self.own.entity_id!r} through the filters "
            "before it"
        )


def members_of(ini: IniFile, variables: Mapping[str, str]) -> list[Member]:
    """Load the hubs and participants of an ini file; its faults end the command."""
    if faults := check(ini).faults:
        print_faults(faults)
        raise SystemExit(1)
    stacks = [
        stack for stack in Pipelines(ini).stacks() if any(map(is_member, stack.parts))
    ]
    with reporting_errors():
        apps = {
            title: loadapp(
                f"config:{Path(ini.path).absolute()}",
                name=title.partition(":")[2],
                global_conf=dict(variables),
            )
            for title in {stack.title for stack in stacks}
        }
    return [_member(ini, stack, apps[stack.title]) for stack in stacks]


def hubs_of(ini: IniFile, variables: Mapping[str, str]) -> "dict[str, HubJobs]":
    """Load the hubs by entityID; raise ClickException for none or a store in memory."""
    hubs = hub_members(members_of(ini, variables))
    if not hubs:
        raise click.ClickException(
            f"{ini.path}: no hub; expected a pipeline that ends in 'egg:eilogin#hub'"
        )
    return {hub.own.entity_id: hub.hub() for hub in hubs}


def hub_members(members: Sequence[Member]) -> list[Member]:
    """Return the hubs; raise ClickException for a store in memory."""
    hubs = [member for member in members if member.is_hub]
    for hub in hubs:
        require_store(hub.own.entity_id, hub.hub().sessions)
    return hubs


def require_store(entity_id: str, sessions: Sessions) -> None:
    """Raise ClickException for a store in memory: only the serving process sees it."""
    if not is_durable(sessions.store):
        raise click.ClickException(
            f"{entity_id}: store = memory: exists only in the process that "
            "serves, so no command can see or end its sessions"
        )


def wake_members(ini: IniFile, app: "WSGIApplication") -> None:
    """Start the background work of the members before the first visitor comes."""
    for stack in Pipelines(ini).stacks():
        if not any(map(is_member, stack.parts)):
            continue
        member = _member(ini, stack, app)
        if not member.is_hub:
            # If this fails, the first page of the site starts the work.
            with suppress(Exception):
                member.site().wake()
        if not member.has_work:
            continue
        try:
            member.visit().get_response(app)
        except Exception:  # noqa: BLE001 - filters of others may stand before it
            _log.warning(
                "work: %s starts its background work only with its first "
                "visitor: the filters before it reject the request that should "
                "start it",
                member.own.entity_id,
                exc_info=True,
            )


def _prefix_of(part: Part) -> str:
    is_prefix = part.distribution == "PasteDeploy" and part.use.endswith("#prefix")
    return part.options.get("prefix", "").rstrip("/") if is_prefix else ""


def _is_hub(parts: Sequence[Part]) -> bool:
    return bool(parts) and parts[-1].entry_point == "hub"


def _member(ini: IniFile, stack: Stack, app: "WSGIApplication") -> Member:
    # The last section is the one of a hub behind a participant.
    part = [part for part in stack.parts if is_member(part)][-1]
    return Member(part.title, own_of_part(ini, part), stack.parts, app)
