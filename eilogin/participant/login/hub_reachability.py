"""Check that a hub is reachable before the visitor is sent to it.

If it is down, the visitor keeps the page or the result of the logout.
"""

from eilogin.federation import Trust
from eilogin.http_client import Reachability
from eilogin.saml.metadata import Endpoint

#: Perhaps only this server fails: no route, or its own firewall, such as at its hub's
#: address (hairpin).
_PERHAPS_OURS = (Reachability.CUT_OFF, Reachability.REFUSED)
_NOBODY = (Reachability.AWAY, Reachability.REFUSED)


def is_reachable(trust: Trust, hub: str, endpoint: Endpoint, *, in_doubt: bool) -> bool:
    """Return whether the browser would get a page at ``endpoint``, as far as we see.

    If perhaps only this server cannot reach it, the hub's artifact resolution service
    decides, then ``in_doubt``. If that refuses connections, the hub is down.
    """
    back, resolver = trust.back_channel, None
    seen = back.look(endpoint.location)
    if seen in _PERHAPS_OURS and trust.own.acs == "artifact":
        resolver = trust.hub(hub).artifact_resolution(0)
    if resolver is not None:
        in_doubt = in_doubt and seen is not Reachability.REFUSED
        seen = back.look(resolver.location)
        in_doubt = in_doubt and seen is not Reachability.CUT_OFF
    return seen is Reachability.THERE or (in_doubt and seen not in _NOBODY)
