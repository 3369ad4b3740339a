"""The environ keys with which the filters communicate, and their types.

========================= ========================================================
key                       value
========================= ========================================================
``eilogin.sessions``      :class:`eilogin.sessions.Sessions`
``eilogin.session``       :class:`eilogin.sessions.Login`, or None; ``trust`` sets
                          None if the login is of another site, ``login`` on
                          ``off`` paths and if ``bind_address`` rejects the login
``eilogin.cookie``        ``Cookie`` of the session
``eilogin.session.fault`` EiloginError, if eilogin cannot read the session
``eilogin.trust``         :class:`eilogin.federation.Trust`
``eilogin.address``       name of the requested address of eilogin, or None
``eilogin.visible``       :class:`Visible`, if the visitor sees another path than
                          PATH_INFO
``eilogin.parts``         True until eilogin has checked what a form with files
                          makes Zope call
``eilogin.off``           True on ``off`` paths
``eilogin.fresh``         True if a limit of the path asks for a fresh proof
``eilogin.nameless``      True at eilogin's own addresses, if an attribute may
                          identify the visitor; the hub uses the NameID
``eilogin.public_page``   at eilogin's own addresses: a function of environ that
                          returns a page of this site that needs no login, or ""
``eilogin.login``         :class:`LoginService`
``eilogin.logout``        :class:`LogoutService`, if there is an inner hub
``eilogin.activity``      function of the name of a login and an instant, by which
                          an inner hub reports that a visitor was active
========================= ========================================================
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol

from webob import Response

from eilogin.errors import PipelineOrder
from eilogin.sessions import Login
from eilogin.web.pipeline.pipeline_parts import order, setter

if TYPE_CHECKING:
    pass

SESSIONS = "eilogin.sessions"
SESSION = "eilogin.session"
SESSION_FAULT = "eilogin.session.fault"
COOKIE = "eilogin.cookie"
TRUST = "eilogin.trust"
ADDRESS = "eilogin.address"
VISIBLE = "eilogin.visible"
UNSEEN_PARTS = "eilogin.parts"
OFF = "eilogin.off"
FRESH = "eilogin.fresh"
NAMELESS = "eilogin.nameless"
PUBLIC_PAGE = "eilogin.public_page"
LOGIN = "eilogin.login"
LOGOUT = "eilogin.logout"
ACTIVITY = "eilogin.activity"

#: A value of ``eilogin.address``: the application's own logout page (``app_logout``),
#: for a visitor who may not open it.
APP_LOGOUT = "app_logout"

#: A value of ``eilogin.address`` that nobody can request: the page of a pending logout
#: replaces the requested one.
PENDING_LOGOUT = "pending_logout"


class Visible(NamedTuple):
    """The path of a request as its visitor sees it (``path_style = zope``)."""

    #: The whole path, and its part below ``public_url``, encoded as in WSGI.
    path: str
    below: str


class LoginService(Protocol):
    """The service of ``login`` in environ."""

    @property
    def login(self) -> Login | None:
        """The login of this visitor; None too while eilogin cannot tell."""

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return None at a login of ``level`` or higher, else the response to send.

        ``force`` asks for a fresh proof. ``passive`` never shows a prompt, so None
        proves no login: see :attr:`login`. In front of a hub (``hub_inside``), the
        visitor may return without one, with the reason in the query (:data:`REFUSED`).
        """

    @property
    def tells_proof(self) -> bool:
        """Whether a login has the instant of the visitor's last proof of identity.

        DigiD states it only if the request asked for a proof.
        """

    def take_proof(self) -> bool:
        """Whether the visitor proved their identity for this page, minutes ago; once.

        Only in front of a hub (``hub_inside``).
        """


REFUSED = "refused"


class LogoutService(Protocol):
    """The service of ``logout`` for an inner hub: log a visitor out."""

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the login of this visitor, and notify the hub, maybe through the browser.

        Returns a response that leads to ``target``, a path of this site, where
        :meth:`outcome` gives the result. None without a login among ``names``: a
        message about another person signs nobody out.
        """

    def end(self, names: Collection[str]) -> bool:
        """End logins by name; return whether the hub confirmed it everywhere."""

    def outcome(self, target: str) -> bool | None:
        """Whether :meth:`leave` logged the visitor out everywhere; None before it."""


def missing(key: str) -> PipelineOrder:
    """Return the error for a missing key, with the filter that must set it before."""
    return PipelineOrder(
        f"the filter '{setter(key)}' is missing, or comes after the filter that "
        f"needs it; expected this order: {order()}"
    )
