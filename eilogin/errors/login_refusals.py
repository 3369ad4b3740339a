"""Logins that fail, or that do not give the application what it needs."""

from collections.abc import Sequence
from typing import Literal

from eilogin.errors.message_refusals import Refused

#: The cure for a failed login (:class:`LoginFailed`).
Help = Literal["", "level", "organisation"]


class LoginFailed(Refused):
    """The hub answered that there is no login; ``status_codes`` say why.

    ``status_codes`` are the URIs of the StatusCode elements, outermost first (SAML
    core 3.2.2.2). ``helps`` is the cure: ``"level"``, another way of logging in;
    ``"organisation"``, the operator of the site, for the visitor can do nothing; or
    ``""``, to try again.
    """

    code = "login-failed"

    def __init__(
        self, message: str, status_codes: Sequence[str], helps: Help = ""
    ) -> None:
        super().__init__(message)
        self.status_codes = tuple(status_codes)
        self.helps = helps


class LevelTooLow(Refused):
    """The hub confirmed a lower level than was asked for."""

    code = "level-too-low"
    status = 403


class ProofTooOld(Refused):
    """A fresh proof was asked for (ForceAuthn), and the hub gave an older one."""

    code = "proof-too-old"
    status = 403

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        #: Path and query of the page that needs it, "" where that is not known.
        self.target = target


class IdentityMissing(Refused):
    """The login says nothing of what the application must know."""

    code = "identity-missing"
    status = 403


class AttributeMissing(Refused):
    """The hub says nothing of the citizen that is needed here: an attribute is missing.

    At a login by ``require_attributes``, on a path by a line of ``protect``.
    """

    code = "attribute-missing"
    status = 403

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: The names of what is missing.
        self.names = tuple(names)


class AttributeRefused(Refused):
    """The hub says something else of the citizen than a line of ``protect`` needs."""

    code = "attribute-refused"
    status = 403


class SubjectMissing(Refused):
    """The hub confirmed somebody, and does not say whom in a way that is taken here."""

    code = "subject-missing"
    status = 403


class SectorRefused(Refused):
    """DigiD names somebody by a number that is not taken here, or that is none."""

    code = "sector-refused"
    status = 403


class SubjectChanged(Refused):
    """DigiD names somebody else than is logged in here: that session is ended."""

    code = "subject-changed"
    status = 403


class LoginEnded(Refused):
    """The citizen logged out while this answer was on its way."""

    code = "login-ended"


class LoginLost(Refused):
    """The login that an answer belongs to is not known in this browser any more."""

    code = "login-lost"

    def __init__(self, message: str, handle: str = "") -> None:
        super().__init__(message)
        #: The RelayState of the lost login, if that may begin again, or "".
        self.handle = handle


class CookiesRefused(LoginLost):
    """A browser that was given cookies at the start of a login, and brings none."""

    code = "cookies-refused"


class LoginLoops(Refused):
    """A login that succeeds again and again, and does not lead to its page.

    403 says that to repeat the request will not help (RFC 9110 15.5.4). It is no 5xx,
    for which a proxy might take this server out of service for everybody.
    """

    code = "login-loops"
    status = 403

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        #: The likely cause, as :mod:`eilogin.web.limits.login_loops` names it.
        self.cause = cause
