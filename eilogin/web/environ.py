"""The keys of environ by which the filters talk, in one place, with their types.

========================= ======================= =================================
key                       set by                  value
========================= ======================= =================================
``eilogin.sessions``      ``session``             :class:`eilogin.sessions.Sessions`
``eilogin.session``       ``session``             :class:`eilogin.sessions.Login`, or
                                                  None; ``trust`` makes it None where
                                                  the login is of another site, and
                                                  ``login`` on ``off`` paths and where
                                                  ``bind_address`` is enforced
``eilogin.cookie``        ``session``             ``Cookie``
                                                  of the session
``eilogin.session.fault`` ``session``             the EiloginError for which nobody
                                                  can tell whether there is a session
``eilogin.trust``         ``trust``               :class:`eilogin.federation.Trust`
``eilogin.address``       ``trust``               which of eilogin's own addresses
                                                  is asked for, or None
``eilogin.visible``       ``trust``               :class:`Visible`, where PATH_INFO
                                                  is not what the visitor sees
``eilogin.parts``         ``login``               True where nobody has looked yet at
                                                  what a form with files makes Zope call
``eilogin.off``           ``login``               True on ``off`` paths
``eilogin.fresh``         ``login``               True where a limit of the path asks
                                                  for a fresh proof
``eilogin.nameless``      ``login``               True at our own addresses where an
                                                  attribute may say who somebody is,
                                                  and the hub means her by a NameID
``eilogin.public_page``   ``login``               at our own addresses: a function of
                                                  environ that returns a page of this
                                                  site that needs no login, or ""
``eilogin.login``         ``login``               :class:`LoginService`
``eilogin.logout``        ``logout``              :class:`LogoutService`, where a hub
                                                  stands inside
``eilogin.activity``      ``login``               function of the name of a login and
                                                  an instant, where a hub stands inside:
                                                  a visitor was active there
``eilogin.ended``         ``login``, ``logout``   :class:`Ended`, in a request that they
                                                  make themselves: to the hub inside, or
                                                  to ``logout`` (:data:`GONE`)
``eilogin.ways_out``      ``login``               :class:`WaysOut`, in a request that it
                                                  makes itself, to ``logout``
``eilogin.operator``      a command               :class:`Operator`, in a request of its
                                                  own to a hub or participant
========================= ======================= =================================

A filter that misses a key raises :class:`eilogin.errors.PipelineOrder`, which names
the filter that should stand before it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from webob import Response

from eilogin.errors import EiloginError, PipelineOrder
from eilogin.federation import Trust
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Values
from eilogin.web.browser.browser_cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

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
ENDED = "eilogin.ended"
WAYS_OUT = "eilogin.ways_out"
OPERATOR = "eilogin.operator"

#: As ``eilogin.address``: no address, but a word to the filter ``logout`` that logins
#: have ended of which it does not know; nobody can ask for it.
GONE = "gone"

#: As ``eilogin.address``: an address of the application's own logout (``app_logout``),
#: at which somebody is to whom that page is not open.
APP_LOGOUT = "app_logout"

#: As ``eilogin.address``: no address, but a word to the filter ``logout`` that a logout
#: is pending (``pending_logouts``): one that may answer with a page,
#: and one that must not.
PENDING_LOGOUT = "pending_logout"
PENDING_QUIETLY = "pending_quietly"

#: The order in which the filters of a participant stand, the outermost first.
ORDER = ("session", "trust", "login", "logout", "identity", "appsession")

_SET_BY = {
    SESSIONS: "session",
    SESSION: "session",
    COOKIE: "session",
    TRUST: "trust",
    ADDRESS: "trust",
    LOGIN: "login",
}


class Visible(NamedTuple):
    """The path of a request as its visitor sees it (``path_style = zope``)."""

    #: All of it, and what of it is below the path of ``public_url``; as WSGI has them.
    path: str
    below: str


class LoginService(Protocol):
    """What ``login`` leaves in environ: "I need her at this level now"."""

    @property
    def login(self) -> Login | None:
        """The login of this visitor, if there is one; None while nobody can tell."""

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        """Return None at a login of ``level`` or higher, else the answer to send.

        ``force`` asks for a fresh proof in any case. ``passive`` never shows a prompt,
        so None says nothing then: see :attr:`login`. Before a hub (``hub_inside``) the
        visitor comes back to this page also without such a login, and the parameter
        :data:`REFUSED` of its query says why.
        """

    @property
    def tells_proof(self) -> bool:
        """Whether a login says when she last proved who she is.

        DigiD says so of a proof that was asked for, and of no other one.
        """

    def take_proof(self) -> bool:
        """Whether she gave a fresh proof for this very page, a few minutes ago.

        Once: whoever asks again gets a no. Before a hub (``hub_inside``) alone.
        """


#: See :meth:`LoginService.require`; the last part of a status code of SAML.
REFUSED = "refused"


class LogoutService(Protocol):
    """What ``logout`` leaves in environ for a hub inside: "she is logging out"."""

    def leave(self, target: str, names: Collection[str]) -> Response | None:
        """End the login of this visitor, and tell the hub of it, maybe through her.

        What to answer; she is at ``target``, a path of this site, afterwards, and
        :meth:`outcome` knows what came of it. None where she has no login, or one
        that is not among ``names`` (:attr:`eilogin.sessions.Login.name`): who brings
        a message about somebody else stays logged in.
        """

    def end(self, names: Collection[str]) -> bool:
        """End logins without her browser, by their names.

        Whether the hub has said that all of them are logged out everywhere.
        """

    def outcome(self, target: str) -> bool | None:
        """Whether she is logged out everywhere, after :meth:`leave`; None before."""


class EndedBefore(NamedTuple):
    """A login that had ended before: its name, and whose it was."""

    name: str
    who: Subject


@dataclass
class Through:
    """The browser in which a logout came from above; a hub inside may use it too."""

    #: The address of who shows in a frame what comes next, and where that leads.
    framed_by: str
    back: str
    #: The address of the hub inside that tells the others; "" if it has none to tell.
    way_on: str = ""


@dataclass
class Ended:
    """Logins that have ended above; the hub inside says what came of it there."""

    logins: Sequence[Login]
    #: Of these it ends nothing, and says it of them too.
    before: Sequence[EndedBefore] = ()
    #: Whether all participants of the hub inside know it.
    is_everywhere: bool = False
    #: The browser that is here at this moment, if one is.
    through: Through | None = None


@dataclass
class WaysOut:
    """What ``logout`` knows, for ``login``: where the application logs out."""

    #: Whether a request is at such an address (``app_logout``).
    has: "Callable[[WSGIEnvironment], bool]" = lambda _: False


@dataclass
class Operator:
    """Takes what is at the end of a pipeline, for a command of its operator."""

    #: The hub (:class:`eilogin.hub.hub_worker.HubJobs`), which puts itself here.
    hub: Any = None
    #: How a hub above that one is told of a logout, where there is one.
    above: LogoutService | None = None
    #: The participant (``OperatorLogout``), which puts
    #: itself here where its address for a logout is asked for.
    site: Any = None


def _missing(key: str) -> PipelineOrder:
    return PipelineOrder(
        f"the filter '{_SET_BY[key]}' is missing, or comes after the filter that "
        f"needs it; expected this order: {' '.join(ORDER)} app"
    )


def sessions(environ: "WSGIEnvironment") -> Sessions:
    """The logins of this participant."""
    try:
        found: Sessions = environ[SESSIONS]
    except KeyError:
        raise _missing(SESSIONS) from None
    return found


def session(environ: "WSGIEnvironment") -> Login | None:
    """The login of this visitor, if there is one.

    Raises the :class:`eilogin.errors.EiloginError` for which nobody can tell, such as
    StoreUnavailable.
    """
    if SESSION_FAULT in environ:
        fault: EiloginError = environ[SESSION_FAULT]
        raise fault
    try:
        found: Login | None = environ[SESSION]
    except KeyError:
        raise _missing(SESSION) from None
    return found


def session_or_none(environ: "WSGIEnvironment") -> Login | None:
    """The same where it does not matter whether somebody can tell."""
    try:
        found: Login | None = environ[SESSION]
    except KeyError:
        raise _missing(SESSION) from None
    return found


def session_checked(environ: "WSGIEnvironment") -> Login | None:
    """Return the same, after ``trust`` has checked that the login is of this site.

    Raises PipelineOrder where it has not: several sites may share a store.
    """
    found = session_or_none(environ)
    address(environ)
    return found


def session_beyond_idle(environ: "WSGIEnvironment") -> Login | None:
    """The login of this visitor, idle or not.

    Another read of the store; raises StoreUnavailable.
    """
    token = cookie(environ).read(environ)
    return _ours(environ, sessions(environ).find_beyond_idle(token) if token else None)


def session_to_end(environ: "WSGIEnvironment") -> Login | None:
    """The login that a logout of this visitor has to reach, idle or not.

    Also where she brings the cookie of before a step-up, which logs nobody in. Raises
    StoreUnavailable.
    """
    login = session_beyond_idle(environ)
    token = cookie(environ).read(environ)
    if login is not None or not token:
        return login
    return _ours(environ, sessions(environ).find_renewed(token))


def _ours(environ: "WSGIEnvironment", login: Login | None) -> Login | None:
    is_ours = login is not None and login.audience == trust(environ).own.entity_id
    return login if is_ours else None


def values(environ: "WSGIEnvironment") -> Values:
    """What this party keeps for a short while."""
    return Values(sessions(environ).store, trust(environ).own.entity_id)


def cookie(environ: "WSGIEnvironment") -> Cookie:
    """The cookie that carries this participant's session."""
    try:
        found: Cookie = environ[COOKIE]
    except KeyError:
        raise _missing(COOKIE) from None
    return found


def trust(environ: "WSGIEnvironment") -> Trust:
    """Who we are in the federation, and who else is in it."""
    try:
        found: Trust = environ[TRUST]
    except KeyError:
        raise _missing(TRUST) from None
    return found


def address(environ: "WSGIEnvironment") -> str | None:
    """Which of eilogin's own addresses is asked for, such as ``acs``, or None."""
    try:
        found: str | None = environ[ADDRESS]
    except KeyError:
        raise _missing(ADDRESS) from None
    return found
