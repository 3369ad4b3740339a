"""Whether a hub is there, before a citizen is sent to it.

A hub that is away must not take along what she has here: her page, or the word that she
is logged out.
"""

from eilogin.backchannel import Look
from eilogin.federation import Trust
from eilogin.saml.metadata import Endpoint

#: What this server may be alone with: it has no way there, or a firewall of its own
#: refuses that, as where a site is at the same address as its hub (hairpin).
_PERHAPS_OURS = (Look.CUT_OFF, Look.REFUSED)
_NOBODY = (Look.AWAY, Look.REFUSED)


def is_reachable(trust: Trust, hub: str, endpoint: Endpoint, *, in_doubt: bool) -> bool:
    """Whether her browser would get a page at an address of a hub, as far as we see.

    Where it may be this server alone that does not get to the ``endpoint``, what counts
    is where it fetches artifacts: there it has to get. Of whom that tells nothing
    either, it is as ``in_doubt`` says; but where connections are refused, nobody is.
    """
    back, resolver = trust.back_channel, None
    seen = back.look(endpoint.location)
    if seen in _PERHAPS_OURS and trust.own.acs == "artifact":
        resolver = trust.hub(hub).artifact_resolution(0)
    if resolver is not None:
        in_doubt = in_doubt and seen is not Look.REFUSED
        seen = back.look(resolver.location)
        in_doubt = in_doubt and seen is not Look.CUT_OFF
    return seen is Look.THERE or (in_doubt and seen not in _NOBODY)
