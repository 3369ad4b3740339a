"""Build :class:`Trust` from options, once, when a filter is made."""

import logging
from typing import TypeGuard

from eilogin.errors import ConfigurationError
from eilogin.federation.federation_trust import Trust
from eilogin.federation.local.local_entity import Own
from eilogin.federation.local.local_options import own_of
from eilogin.federation.members.certificate_expiry import endings_of
from eilogin.federation.members.configured_sources import federation_of, sources_of
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions, back_channel_of
from eilogin.federation.refresh.active_metadata import opened
from eilogin.federation.refresh.metadata_refresh import fetched, refresh
from eilogin.federation.refresh.refresh_schedule import OpenedState, Watch
from eilogin.federation.refresh.refresh_tries import LONGEST
from eilogin.federation.refresh.usable_hubs import folder_of, hubs_of
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.federation.state.state_origin import (
    configuration_of,
    is_changed,
    is_expired,
)
from eilogin.federation.state.state_records import Active
from eilogin.federation.trust_notes import remarks_on

_log = logging.getLogger("eilogin")


def trust_of(options: TrustOptions) -> Trust:
    """Build the trust and log remarks; raises ConfigurationError."""
    own, folder = own_of(options), folder_of(options)
    if folder is None:
        watch, federation = None, federation_of(options)
    else:
        watch, federation = _watch_and_members(options, own, folder)
    hubs = hubs_of(options, own, federation)
    trust = Trust(
        own,
        federation,
        back_channel_of(options),
        hubs,
        options.trusted_proxies,
        options.path_style,
        options.level_classes,
        options.accept_weak,
        options.discovery,
        endings_of(options, own, federation, hubs),
        watch,
    )
    for remark in remarks_on(options, own, federation, trust.hub_ids):
        _log.warning("%s: %s", own.entity_id, remark)
    return trust


def members_at_start(options: TrustOptions, own: Own) -> Membership:
    """The members that a start would use; raises as :func:`trust_of`."""
    folder = folder_of(options)
    if folder is None:
        return federation_of(options)
    folder.require_safe()
    active = folder.active
    if active is None:
        return federation_of(options)
    federation = _usable(options, own, folder, active)
    return fetched(options, folder) if federation is None else federation


def _watch_and_members(
    options: TrustOptions, own: Own, folder: SiteFolder
) -> tuple[Watch, Membership]:
    folder.prepare()
    stamp, active = folder.stamp, folder.active
    federation = _usable(options, own, folder, active)
    if federation is None:
        with folder.locked(LONGEST):
            # Another process may have tried meanwhile. One of another version leaves
            # an index that this version cannot read.
            if folder.stamp == stamp or _members(options, folder) is None:
                _refresh_unless_usable(options, own, folder)
            stamp, active = folder.stamp, folder.active
            federation = _members(options, folder)
    if active is None or federation is None:
        why = _why_unusable(options, folder)
        raise ConfigurationError(f"federation_folder: {folder} {why}")
    opened_state = OpenedState(stamp, active, federation)
    return Watch(options, own, folder, opened_state), federation


def _members(options: TrustOptions, folder: SiteFolder) -> Membership | None:
    active = folder.active
    return opened(folder, active.state) if _is_made_by(active, options) else None


def _why_unusable(options: TrustOptions, folder: SiteFolder) -> str:
    quarantine, configuration = folder.open_quarantine, configuration_of(options)
    if quarantine is None or quarantine.configuration != configuration:
        return "has no usable metadata"
    return (
        "has only metadata that needs approval ('eilogin trust diff FILE', then"
        f" 'eilogin trust approve FILE {quarantine.id}'):"
        f" {'; '.join(quarantine.reasons)}"
    )


def _refresh_unless_usable(options: TrustOptions, own: Own, folder: SiteFolder) -> None:
    active = folder.active
    if _usable(options, own, folder, active) is not None:
        return
    try:
        refresh(options, folder)
    except ConfigurationError:
        if not _is_made_by(active, options) or is_expired(active.state):
            raise


def _is_made_by(active: Active | None, options: TrustOptions) -> TypeGuard[Active]:
    configuration = configuration_of(options)
    return active is not None and active.state.configuration == configuration


def _usable(
    options: TrustOptions, own: Own, folder: SiteFolder, active: Active | None
) -> Membership | None:
    sources = sources_of(options)
    if (
        not _is_made_by(active, options)
        or is_expired(active.state)
        or is_changed(active.state, sources)
    ):
        return None
    federation = opened(folder, active.state)
    try:
        if federation is not None:
            hubs_of(options, own, federation)
    except ConfigurationError:
        return None
    return federation
