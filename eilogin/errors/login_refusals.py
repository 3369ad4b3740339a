"""Logins that fail, or that give the application too little."""

from collections.abc import Sequence
from typing import Literal

from eilogin.errors.message_refusals import Refused

#: The cure for a failed login (:class:`LoginFailed`).
Help = Literal["", "level", "organisation"]


class LoginFailed(Refused):
    """The hub answered that the login failed.

    ``status_codes`` are the URIs of the StatusCode elements, outermost first (SAML core
    3.2.2.2). ``helps`` is the cure: ``"level"`` another way to log in,
    ``"organisation"`` the operator of the site, and ``""`` another try.
    """

    code = "login-failed"

    def __init__(
        self, message: str, status_codes: Sequence[str], helps: Help = ""
    ) -> None:
        super().__init__(message)
        self.status_codes = tuple(status_codes)
        self.helps = helps


class LevelTooLow(Refused):
    """The hub confirmed a lower level than the request required."""

    code = "level-too-low"
    status = 403


class ProofTooOld(Refused):
    """The request required a fresh proof (ForceAuthn), but the hub's is older."""

    code = "proof-too-old"
    status = 403

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        #: Path and query of the page that requires it, or "" if it is unknown.
        self.target = target


class IdentityMissing(Refused):
    """The login lacks data that the application requires."""

    code = "identity-missing"
    status = 403


class AttributeMissing(Refused):
    """The hub sent no value for an attribute that a login or path requires."""

    code = "attribute-missing"
    status = 403

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)


class AttributeRefused(Refused):
    """The hub sent another value of an attribute than a ``protect`` line requires."""

    code = "attribute-refused"
    status = 403


class SubjectMissing(Refused):
    """The hub confirmed a login without an identifier that eilogin accepts."""

    code = "subject-missing"
    status = 403


class SectorRefused(Refused):
    """DigiD sent an identifier of a sector that is not accepted, or no valid number."""

    code = "sector-refused"
    status = 403


class SubjectChanged(Refused):
    """DigiD named another person than the session; eilogin has ended that session."""

    code = "subject-changed"
    status = 403


class LoginEnded(Refused):
    """The citizen logged out before this Response arrived."""

    code = "login-ended"


class LoginLost(Refused):
    """This browser has no pending login for a Response any more."""

    code = "login-lost"

    def __init__(self, message: str, handle: str = "") -> None:
        super().__init__(message)
        #: The RelayState of the lost login, if that login may begin again, or "".
        self.handle = handle


class CookiesRefused(LoginLost):
    """A browser got cookies at the start of a login, and returned none."""

    code = "cookies-refused"


class LoginLoops(Refused):
    """A login succeeds again and again, and does not lead to its page."""

    code = "login-loops"
    # A retry does not help (RFC 9110 15.5.4). For 5xx, a proxy might take this server
    # out of service.
    status = 403

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        #: The likely cause, as :mod:`eilogin.web.limits.login_loops` names it.
        self.cause = cause
