"""Check that a hub is reachable before the visitor leaves a page for it."""

from eilogin.federation import Peer, Trust
from eilogin.http_client import Reachability
from eilogin.saml.metadata import IdentityProvider
from eilogin.web.outbound_messages import Route

HubPeer = Peer[IdentityProvider]
#: A hub, and where it takes one message.
RouteToHub = Route[IdentityProvider]

#: Perhaps only this server cannot reach the hub: it has no route, or its firewall
#: rejects the hub's public address (hairpin).
_PERHAPS_OURS = (Reachability.CUT_OFF, Reachability.REFUSED)
_NOBODY = (Reachability.AWAY, Reachability.REFUSED)


def is_reachable(trust: Trust, route: RouteToHub, *, in_doubt: bool) -> bool:
    """Return whether the browser would probably get a page at the route's endpoint.

    If perhaps only this server cannot reach it, the hub's artifact resolution service
    decides, then ``in_doubt``. If that service refuses connections, the hub is down.
    """
    back_channel, resolver = trust.back_channel, None
    reachability = back_channel.look(route.endpoint.location)
    if reachability in _PERHAPS_OURS and trust.own.acs == "artifact":
        resolver = route.peer.role.artifact_resolution(0)
    if resolver is not None:
        in_doubt = in_doubt and reachability is not Reachability.REFUSED
        reachability = back_channel.look(resolver.location)
        in_doubt = in_doubt and reachability is not Reachability.CUT_OFF
    return reachability is Reachability.THERE or (
        in_doubt and reachability not in _NOBODY
    )
