"""From options to :class:`Trust`: what is done once, when a filter is made."""

import logging

from eilogin.errors import HubUnknown, MetadataExpired, PeerUnusable
from eilogin.federation import peers
from eilogin.federation.members import Federation
from eilogin.federation.own import HUB, Own
from eilogin.federation.own_options import own_of
from eilogin.federation.remarks import remarks_on
from eilogin.federation.trust import Trust
from eilogin.federation.trust_options import (
    TrustOptions,
    back_channel_of,
    federation_of,
    said_in,
)

_log = logging.getLogger("eilogin")


def trust_of(options: TrustOptions) -> Trust:
    """Who we are and whom we trust, as the options say it; what is odd goes to the log.

    Raises :class:`eilogin.errors.ConfigurationError` where the metadata cannot be
    used, does not say who the hub is, or lacks what we need of it.
    """
    own = own_of(options)
    federation = federation_of(options, keeps=True)
    trust = Trust(
        own,
        federation,
        back_channel_of(options),
        _hubs_of(options, own, federation),
        options.trusted_proxies,
        options.path_style,
        options.level_classes,
        options.accept_weak,
        options.discovery,
    )
    for remark in remarks_on(options, own, federation, trust.hub_ids):
        _log.warning("%s: %s", own.entity_id, remark)
    return trust


def _hubs_of(
    options: TrustOptions, own: Own, federation: Federation
) -> tuple[str, ...]:
    if own.role == HUB:
        return (own.entity_id,)
    try:
        return peers.our_hubs(own, options.hub, federation)
    except (HubUnknown, MetadataExpired, PeerUnusable) as error:
        raise type(error)(f"{said_in(options)}: {error}") from error
