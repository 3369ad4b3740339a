"""The hub as the LoginService of a request: it shows its own sign-in page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Response

from eilogin.hub.pending_authn_requests import handle_in
from eilogin.saml.assurance_levels import reaches
from eilogin.sessions import Login
from eilogin.web import authentication_proofs
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from eilogin.hub.signin.password_signin import PasswordSignIn


def page_of(environ: "WSGIEnvironment", target: str) -> str:
    """Return the handle of the request that an address goes on with, or the address."""
    return handle_in(target) or target


class PasswordLoginService:
    """The hub's answer to ``environ['eilogin.login']`` (web.environ.LoginService)."""

    #: The sign-in page sets the cookie of the session.
    headers: Sequence[tuple[str, str]] = ()
    #: The sign-in page ends the session of another person itself.
    first: Response | None = None

    def __init__(
        self, sign_in: "PasswordSignIn", environ: "WSGIEnvironment", target: str
    ) -> None:
        self._sign_in = sign_in
        self._environ = environ
        self._target = target

    @property
    def login(self) -> Login | None:
        """The session of this visitor, if there is one."""
        return env.session(self._environ)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return the sign-in page, or None if the visitor has reached ``level``.

        Also None if no page may be shown (``passive``): :attr:`login` has the session,
        if any.
        """
        login = self.login
        if login is not None and not force and reaches(login.level, level):
            return None
        if passive:
            return None
        return self._sign_in.page.show(
            self._environ, self._target, level, username=self._username(login)
        )

    def take_proof(self) -> bool:
        """Whether the visitor signed in for this request just now; once."""
        page = page_of(self._environ, self._target)
        return authentication_proofs.take(self._environ, self.login, page)

    def _username(self, login: Login | None) -> str:
        """Return the username to fill in, if a step-up is needed."""
        return self._sign_in.username_of(login.subject) if login else ""
