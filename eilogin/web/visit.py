"""One request as a filter or app sees it: a value around the WSGI environ."""

from typing import TYPE_CHECKING, Self

from eilogin.errors import EiloginError, MethodNotAllowed
from eilogin.federation import Trust
from eilogin.sessions import Login, Sessions
from eilogin.stores import Values
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FOR_PAGES = ("GET", "HEAD", "POST")
#: Values of Sec-Fetch-Dest for a frame (Fetch Metadata, 2.1).
_FRAMES = ("iframe", "frame", "embed", "object")


class Visit:
    """A request with its session, its trust, and the facts of its headers."""

    __slots__ = ("environ",)

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self.environ = environ

    @classmethod
    def without_request(cls, trust: Trust, sessions: Sessions) -> Self:
        """The party alone, for work in the background."""
        return cls({env.TRUST: trust, env.SESSIONS: sessions})

    def copy(self) -> "Visit":
        """A copy of the request; changes to it do not change this one."""
        return Visit(self.environ.copy())

    # --- what the filters outside tell ------------------------------------------------

    @property
    def trust(self) -> Trust:
        """Our own entity, and the other members of the federation."""
        try:
            trust: Trust = self.environ[env.TRUST]
        except KeyError:
            raise env.missing(env.TRUST) from None
        return trust

    @property
    def trust_or_none(self) -> Trust | None:
        """The trust, or None in front of the filter ``trust``."""
        return self.environ.get(env.TRUST)

    @property
    def address(self) -> str | None:
        """The name of the requested address of eilogin, such as ``acs``, or None."""
        try:
            address: str | None = self.environ[env.ADDRESS]
        except KeyError:
            raise env.missing(env.ADDRESS) from None
        return address

    @property
    def address_or_none(self) -> str | None:
        """The address, or None in front of the filter ``trust``."""
        return self.environ.get(env.ADDRESS)

    @property
    def visible(self) -> env.Visible | None:
        """The path that the visitor sees, if PATH_INFO is another one."""
        return self.environ.get(env.VISIBLE)

    @property
    def is_off(self) -> bool:
        """Whether the path is ``off``: eilogin tells the application nothing."""
        return env.OFF in self.environ

    @property
    def needs_fresh_proof(self) -> bool:
        """Whether a limit of the path asks for a fresh proof of identity."""
        return env.FRESH in self.environ

    # --- session ----------------------------------------------------------------------

    @property
    def sessions(self) -> Sessions:
        """The logins of this party."""
        try:
            sessions: Sessions = self.environ[env.SESSIONS]
        except KeyError:
            raise env.missing(env.SESSIONS) from None
        return sessions

    @property
    def values(self) -> Values:
        """The short-lived values of this party in the store."""
        return Values(self.sessions.store, self.trust.own.entity_id)

    @property
    def cookie(self) -> Cookie:
        """The cookie that carries this party's session."""
        try:
            cookie: Cookie = self.environ[env.COOKIE]
        except KeyError:
            raise env.missing(env.COOKIE) from None
        return cookie

    @property
    def token(self) -> str | None:
        """The value of the session cookie, or None."""
        return self.cookie.read(self.cookie_header)

    @property
    def session(self) -> Login | None:
        """The visitor's login, or None; an EiloginError if eilogin cannot tell."""
        if env.SESSION_FAULT in self.environ:
            fault: EiloginError = self.environ[env.SESSION_FAULT]
            raise fault
        return self.session_or_none

    @property
    def session_or_none(self) -> Login | None:
        """The login, or None; None too if eilogin cannot tell."""
        try:
            login: Login | None = self.environ[env.SESSION]
        except KeyError:
            raise env.missing(env.SESSION) from None
        return login

    @property
    def session_checked(self) -> Login | None:
        """The login; raises PipelineOrder before ``trust`` has checked its site."""
        login = self.session_or_none
        if env.ADDRESS not in self.environ:
            raise env.missing(env.ADDRESS)
        return login

    @property
    def has_session_fault(self) -> bool:
        """Whether eilogin cannot tell if there is a login."""
        return env.SESSION_FAULT in self.environ

    def set_session(self, login: Login | None) -> None:
        """Set the login for the rest of this request."""
        self.environ[env.SESSION] = login

    def session_beyond_idle(self) -> Login | None:
        """Read the visitor's login again, even if idle; raises StoreUnavailable."""
        token = self.token
        return self._ours(self.sessions.find_beyond_idle(token) if token else None)

    def session_to_end(self) -> Login | None:
        """Read the login that a logout must end, even if it is idle.

        The cookie from before a step-up finds it too. Raises StoreUnavailable.
        """
        login = self.session_beyond_idle()
        token = self.token
        if login is not None or not token:
            return login
        return self._ours(self.sessions.find_renewed(token))

    def _ours(self, login: Login | None) -> Login | None:
        is_ours = login is not None and login.audience == self.trust.own.entity_id
        return login if is_ours else None

    # --- request ----------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The HTTP method."""
        method: str = self.environ["REQUEST_METHOD"]
        return method

    @property
    def query_string(self) -> str:
        """The query as it came, without the question mark; "" without any."""
        query: str = self.environ.get("QUERY_STRING", "")
        return query

    @property
    def cookie_header(self) -> str:
        """The Cookie header, or ""."""
        header: str = self.environ.get("HTTP_COOKIE", "")
        return header

    @property
    def script_name(self) -> str:
        """The path at which the server mounts this application; "" at the root."""
        path: str = self.environ.get("SCRIPT_NAME", "")
        return path

    @property
    def path_info(self) -> str:
        """The path below that."""
        path: str = self.environ.get("PATH_INFO", "")
        return path

    def allow_only(self, *methods: str) -> None:
        """Raise MethodNotAllowed for another method; GET does not include HEAD."""
        method = self.method
        if method not in methods:
            allowed = ", ".join(methods)
            raise MethodNotAllowed(
                f"found {method[:20]!r}; expected {allowed}", methods
            )

    @property
    def is_navigation(self) -> bool:
        """Whether the browser shows the response as a page; else a script reads it.

        Current browsers send Sec-Fetch-Mode (Fetch Metadata, 2.2). Without it, a client
        that accepts HTML or, as curl, anything gets a page (RFC 9110 12.5.1). Links and
        forms use no other methods than these; scripts and preflights do.
        """
        environ = self.environ
        method = environ.get("REQUEST_METHOD", "GET")
        if "HTTP_X_REQUESTED_WITH" in environ or method not in _FOR_PAGES:
            return False
        mode = environ.get("HTTP_SEC_FETCH_MODE")
        if mode is not None:
            return bool(mode == "navigate")
        accepted = environ.get("HTTP_ACCEPT", "").lower()
        return not accepted or "text/html" in accepted or "*/*" in accepted

    @property
    def is_looked_at(self) -> bool:
        """Whether a person sees it now: no prefetch, and no frame of another site."""
        # Each page reads this, so it does as little as possible.
        environ = self.environ
        if "HTTP_SEC_PURPOSE" in environ or "HTTP_PURPOSE" in environ:
            return False
        if (
            environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
            and environ.get("HTTP_SEC_FETCH_DEST") in _FRAMES
        ):
            return False
        return self.is_navigation

    @property
    def fills_window(self) -> bool:
        """Whether the response fills a window or tab: a frame may get no cookies."""
        return bool(self.environ.get("HTTP_SEC_FETCH_DEST", "document") == "document")

    @property
    def is_in_advance(self) -> bool:
        """Whether the browser prefetches a page that it may show later, or never."""
        return "HTTP_SEC_PURPOSE" in self.environ or "HTTP_PURPOSE" in self.environ

    @property
    def is_in_frame(self) -> bool:
        """Whether a person sees this response in a frame, in a page of this site."""
        return self.is_looked_at and not self.fills_window

    @property
    def wants_page(self) -> bool:
        """Whether the visitor can be redirected to another site and back here."""
        is_read = self.method in ("GET", "HEAD")
        return is_read and self.is_looked_at and self.fills_window
