"""The hub as the LoginService of a request, with its own sign-in page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Response

from eilogin.hub.pending_authn_requests import handle_in
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions import Login
from eilogin.web import authentication_proofs
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from eilogin.hub.signin.password_signin import PasswordSignIn


def page_of(visit: Visit, target: str) -> str:
    """Return the handle of the request in an address, or the address."""
    return handle_in(target) or target


class HubLoginService:
    """``environ['eilogin.login']`` of the hub (:class:`env.LoginService`)."""

    #: Empty: the sign-in page sets the cookie, and logs out another person.
    headers: Sequence[tuple[str, str]] = ()
    first: Response | None = None

    def __init__(
        self, sign_in: "PasswordSignIn", visit: Visit, request: SignInRequest
    ) -> None:
        self._sign_in = sign_in
        self._visit = visit
        self._request = request

    @property
    def login(self) -> Login | None:
        """The visitor's session, if any."""
        return self._visit.session

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return the sign-in page; None if ``level`` is reached, or ``passive``."""
        login = self.login
        if login is not None and not force and reaches(login.level, level):
            return None
        if passive:
            return None
        return self._sign_in.page.show(
            self._visit, self._request, level, username=self._username(login)
        )

    def take_proof(self) -> bool:
        """Whether the visitor just signed in for this request; once."""
        login, pending = self.login, self._request.pending
        if login is None or pending is None or login.confirmed < pending.received:
            # Nobody has signed in since the request came.
            return False
        page = page_of(self._visit, self._request.target)
        return authentication_proofs.take(self._visit, login, page)

    def _username(self, login: Login | None) -> str:
        return self._sign_in.username_of(login.subject) if login else ""
