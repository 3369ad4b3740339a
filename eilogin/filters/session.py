"""Find the visitor's session, apply its limits, and put it in environ.

*Needs* nothing: this is the outermost filter of a pipeline.
*Reads* the cookie. *Writes* ``eilogin.sessions``, ``eilogin.session``,
``eilogin.cookie``. *Changes in the answer*: nothing.

One read of the store for each request that carries a cookie; nothing is remembered
between requests, so a logout anywhere is seen by the next request everywhere::

    [filter:session]
    use = egg:eilogin#session
    store = sqlite:///%(here)s/var/eilogin.db

While the store is down nobody is logged in: paths that need no login go on, all
others get a page that says so (status 503).
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from eilogin.errors import ConfigurationError, EiloginError
from eilogin.sessions import Login, Sessions
from eilogin.settings import Options, Seconds, option, read
from eilogin.stores import StoreURL, open_store
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie, CookieName

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class SessionOptions(Options, name="session"):
    """What ``[filter:…] use = egg:eilogin#session`` understands."""

    store: StoreURL = option(
        "where sessions are kept: ``memory:`` (one process, gone after a restart) or "
        "``sqlite:///path`` (several processes on one machine)"
    )
    cookie: CookieName = option(
        "name of the session cookie; the browser sees it with ``__Host-`` before it",
        default="eilogin",
    )
    idle: Seconds = option("a session of which nothing is seen ends after this", "15m")
    max_session: Seconds = option(
        "a session ends this long after the login, whatever the visitor does", "2h"
    )


class SessionFilter:
    """The filter; ``options`` say where sessions live and how long."""

    def __init__(self, app: "WSGIApplication", options: SessionOptions) -> None:
        self.app = app
        self.cookie = Cookie(options.cookie)
        store = open_store(options.store)
        store.prepare()
        self._is_alone = options.store == "memory:"
        self.sessions = Sessions(
            store, idle=options.idle, max_session=options.max_session
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the visitor's session in environ and pass on."""
        environ[env.SESSIONS] = self.sessions
        environ[env.COOKIE] = self.cookie
        environ[env.SESSION] = self._find(environ)
        if self._is_alone and environ.get("wsgi.multiprocess"):
            # Another process would not see a login, and not a logout either.
            environ[env.SESSION] = None
            environ[env.SESSION_FAULT] = ConfigurationError(
                "store = memory: is for one process, and this server runs several"
            )
        return self.app(environ, start_response)

    def _find(self, environ: "WSGIEnvironment") -> Login | None:
        token = self.cookie.read(environ)
        if token is None:
            return None
        try:
            return self.sessions.find(token)
        except EiloginError as error:
            environ[env.SESSION_FAULT] = error
            return None


def make_session(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> SessionFilter:
    """PasteDeploy's factory for ``egg:eilogin#session``."""
    options = read(SessionOptions, global_conf, local_conf)
    return SessionFilter(app, options)
