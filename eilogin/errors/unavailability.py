"""Errors for a store or a peer that does not answer now."""

from eilogin.errors.error_root import EiloginError


class Unavailable(EiloginError):
    """A required part does not answer now; a retry may help."""

    code = "unavailable"
    status = 503


class StoreUnavailable(Unavailable):
    """The store does not answer, so nobody is signed in by accident."""

    code = "store-unavailable"


class Busy(Unavailable):
    """All slots for this work are in use, or the machine can do no more."""

    code = "busy"


class PeerBusy(Unavailable):
    """All slots for requests to a peer are in use."""

    code = "peer-busy"


class PeerUnavailable(Unavailable):
    """A peer does not answer on the back channel, or not with a valid response."""

    code = "peer-unavailable"
    status = 502
    #: Whether the peer itself answered: then it has used up the request, such as an
    #: artifact.
    has_answered: bool = False
    #: The faultcode of a SOAP fault: ``Client`` or ``Server``; or "".
    fault: str = ""
    #: Whether it answered a SOAP message with HTML and a permanent status from 400 to
    #: 499: it accepts no SOAP there (mod_auth_mellon).
    is_page: bool = False
