"""Find the visitor's session, apply its limits, and put it in environ.

``use = egg:eilogin#session``. *Needs* nothing: this is the outermost filter. *Reads*
the cookie. *Changes in the answer*: nothing. *Writes* ``eilogin.sessions``,
``eilogin.session`` and ``eilogin.cookie``. If it cannot tell whether there is a
session, it also writes ``eilogin.session.fault``.

It reads the store for each request with a cookie, and remembers nothing between
requests. So the next request everywhere sees a logout anywhere. While the store is down
nobody is signed in (see ``store_down`` of ``login``). The server starts even then.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from eilogin.config import (
    Options,
    read,
    section_of,
)
from eilogin.errors import (
    ConfigurationError,
    EiloginError,
    Fault,
    InvalidOptions,
    StoreUnavailable,
)
from eilogin.filters.session_options import SessionOptions
from eilogin.sessions import Sessions
from eilogin.stores import START_TIMEOUT, open_store
from eilogin.stores.circuit_breaker import Breaker
from eilogin.stores.store_locations import (
    is_in_process,
)
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pipeline.pipeline_objects import PipelineObjects
from eilogin.web.pipeline.pipeline_parts import PipelinePart

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")


class SessionFilter(PipelinePart):
    """The filter; ``options`` define where sessions are kept, and how long."""

    eilogin_part = "session"
    WRITES = (env.SESSIONS, env.SESSION, env.SESSION_FAULT, env.COOKIE)
    WITHOUT = "nobody can have a session"

    def __init__(self, app: "WSGIApplication", options: SessionOptions) -> None:
        self.app = app
        self.cookie = Cookie(options.cookie)
        self._is_alone = is_in_process(options.store)
        self.sessions = Sessions(
            open_store(options.store, timeout=options.store_timeout),
            idle=options.idle,
            max_session=options.max_session,
        )
        self._is_ready = False
        self._prepare_breaker = Breaker(
            "the store", (StoreUnavailable, ConfigurationError)
        )
        try:
            self.sessions.store.prepare(patience=START_TIMEOUT)
            self._is_ready = True
        except StoreUnavailable as error:
            _log.error(
                "the store does not answer; the server starts, but nobody is "
                "signed in until the store answers: %s",
                error,
            )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the visitor's session in environ, and call the application."""
        if environ.get(env.COOKIE) is not None:
            environ = self._for_inner_site(environ)
        environ[env.SESSIONS] = self.sessions
        environ[env.COOKIE] = self.cookie
        login = None
        token = self.cookie.read(environ.get("HTTP_COOKIE", ""))
        # Anonymous visitors need no store, and do not wait for one.
        if token is not None:
            try:
                if not self._is_ready:
                    self._prepare()
                login = self.sessions.find(token)
            except EiloginError as error:
                environ[env.SESSION_FAULT] = error
        environ[env.SESSION] = login
        if self._is_alone and environ.get("wsgi.multiprocess"):
            # Another process would see neither a login nor a logout.
            environ[env.SESSION] = None
            environ[env.SESSION_FAULT] = ConfigurationError(
                "store = memory: works in one process only, and this server runs "
                "several; expected a store that they share, such as "
                "sqlite:///sessions.db"
            )
        return self.app(environ, start_response)

    def hand_on(self, outer: PipelineObjects) -> Iterable[object]:
        """Return the sessions and their cookie."""
        return self.sessions, self.cookie

    def _for_inner_site(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        # For an inner hub; the filters around it keep their environ.
        inner = environ.copy()
        for key in (env.SESSION_FAULT, env.OFF, env.TRUST, env.ADDRESS):
            inner.pop(key, None)
        if environ[env.COOKIE].name == self.cookie.name:
            inner[env.SESSION_FAULT] = ConfigurationError(
                "two filters 'session' around one application use the same "
                f"cookie name {self.cookie.name!r}; expected different names: "
                "give one of them another 'cookie'"
            )
        return inner

    def _prepare(self) -> None:
        # The store did not answer when the server started, so its errors appear now.
        with self._prepare_breaker.call():
            self.sessions.store.prepare()
        self._is_ready = True


def make_session(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> SessionFilter:
    """Make the filter ``egg:eilogin#session`` for PasteDeploy."""
    options = read(SessionOptions, global_conf, local_conf)
    with naming_section(SessionOptions, global_conf, local_conf):
        return SessionFilter(app, options)


@contextmanager
def naming_section(
    declared: type[Options],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> Iterator[None]:
    """Name the file and the section in the error of a store that cannot be used."""
    try:
        yield
    except InvalidOptions:
        # The error already names its option.
        raise
    except ConfigurationError as error:
        file = global_conf.get("__file__", "")
        section = section_of(declared, file, local_conf)
        fault = Fault(file, section, "store", "", str(error))
        raise InvalidOptions([fault]) from error
