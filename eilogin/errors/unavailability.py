"""Errors for a store or a peer that does not answer now."""

from eilogin.errors.error_root import EiloginError


class Unavailable(EiloginError):
    """Something that is needed does not answer now; trying again may help."""

    code = "unavailable"
    status = 503


class StoreUnavailable(Unavailable):
    """The store does not answer, so nobody is logged in by accident."""

    code = "store-unavailable"


class Busy(Unavailable):
    """As much of this is done already as may be at a time, or as the machine can do."""

    code = "busy"


class PeerBusy(Unavailable):
    """A peer is asked about as much as may be at a time already."""

    code = "peer-busy"


class PeerUnavailable(Unavailable):
    """A peer does not answer on the back channel, or not with what was asked."""

    code = "peer-unavailable"
    status = 502
    #: Whether it did answer, and no gateway before it: what was asked is used up then.
    has_answered: bool = False
    #: The faultcode of a SOAP fault: ``Client`` or ``Server``; or "".
    fault: str = ""
    #: Whether it answered a SOAP message with an HTML page, and with a status from 400
    #: to 499 that does not pass by itself: it accepts no SOAP there (mod_auth_mellon).
    is_page: bool = False
