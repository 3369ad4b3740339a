"""Find the visitor's session, apply its limits, and put it in environ.

*Needs* nothing: this is the outermost filter of a pipeline. *Reads* the cookie.

*Writes* ``eilogin.sessions``, ``eilogin.session`` and ``eilogin.cookie``, and
``eilogin.session.fault`` if it cannot tell whether there is a session. *Changes in the
answer*: nothing.

It reads the store once for each request with a cookie, and remembers nothing between
requests. So the next request everywhere sees a logout anywhere::

    [filter:session]
    use = egg:eilogin#session
    store = sqlite:///%(here)s/var/eilogin.db

While the store is down nobody is signed in. A visitor with a session cookie, or one who
wants to log in, gets an error page (status 503). Anonymous visitors on paths that need
no login, and all visitors on ``off`` paths, go on (see ``store_down`` of ``login``).
The server starts even if the store does not answer then; the next request tries it
again.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from eilogin.config import (
    OptionNote,
    Options,
    Seconds,
    Topic,
    attempt,
    open_files,
    option,
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
from eilogin.participant.digid_profile import session_faults
from eilogin.sessions import Sessions
from eilogin.stores import START_TIMEOUT, TIMEOUT, StoreURL, open_store
from eilogin.stores.circuit_breaker import Breaker
from eilogin.stores.sqlite import file_faults, mounts
from eilogin.stores.store_locations import (
    file_of,
    is_absolute_file,
    is_in_process,
    server_access,
)
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie, CookieName
from eilogin.web.pipeline_objects import PipelineObjects
from eilogin.web.pipeline_parts import PipelinePart

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")


#: Cookie headers that a process remembers, and the longest of them.
_REMEMBERED, _LONGEST_HEADER = 512, 4096

#: Longest time that a request may wait for the store, in seconds.
_LONGEST_TIMEOUT = 30.0

_MINUTE = 60


def _no_longer(seconds: float) -> float:
    if seconds > _LONGEST_TIMEOUT:
        raise ValueError(
            f"at most '{_LONGEST_TIMEOUT:g}s': a thread of the server waits so long"
        )
    return seconds


class SessionOptions(Options, name="session"):
    """The options of ``[filter:…] use = egg:eilogin#session``."""

    store: StoreURL = option(
        "Keeps sessions in this store. ``memory:`` is for one process, and "
        "a restart loses it. ``sqlite:///path`` is for several processes on "
        "one machine; the path is relative to the folder of the ini file, "
        "and an absolute path has four slashes. ``redis://host:port`` is "
        "for several machines; the manual's page on stores has ``rediss``, "
        "Sentinel and Cluster. Because the address may hold a password, it "
        "can also stand elsewhere: ``env:NAME``, ``file:PATH`` or "
        "``credential:NAME``."
    )
    store_timeout: Annotated[Seconds, AfterValidator(_no_longer)] = option(
        "Limits how long a request waits for a store that does not answer. "
        "Duration, at most ``30s``.",
        default=f"{TIMEOUT:g}s",
    )
    cookie: CookieName = option(
        "Names the session cookie. In the browser its name begins with "
        "``__Host-``. Give each site its own name if two sites share a "
        "host.",
        default="eilogin",
    )
    idle: Seconds = option(
        "Ends a session that has been inactive for this long. Duration, "
        "such as ``15m``.",
        "15m",
    )
    max_session: Seconds = option(
        "Ends a session this long after the login, even if the visitor is "
        "active. Duration, such as ``2h``.",
        "2h",
    )

    def in_one_process(self) -> Iterator[str]:
        """See the base class."""
        yield from super().in_one_process()
        if is_in_process(self.store):
            yield "store"

    @property
    def store_file(self) -> Path | None:
        """The file of the store, if it is one."""
        return file_of(self.store)

    @classmethod
    def hidden_faults(cls, file: str, values: Mapping[str, str]) -> Iterator[Fault]:
        """See the base class; checks the file of a store."""
        yield from super().hidden_faults(file, values)
        store = {"store": values.get("store", "")}
        options, _ = attempt(SessionOptions, file, "", store)
        if options is not None and options.store_file is not None:
            yield from options.store_faults()

    def store_faults(self) -> Iterator[Fault]:
        """See the base class; makes no file."""
        yield from super().store_faults()
        if self.store_file is not None:
            # A path in the ini file may be relative to its folder.
            is_absolute = is_absolute_file(self.written("store"))
            here = None if is_absolute else Path(self.ini_file).parent
            yield from file_faults.faults_of(self.store_file, here)
            return
        try:
            open_store(self.store, timeout=self.store_timeout).prepare()
        except EiloginError as error:
            is_down = isinstance(error, StoreUnavailable)
            code = error.code if is_down else InvalidOptions.code
            yield Fault("", "", "store", "", str(error), code)

    def profile_faults(self) -> Iterator[Fault]:
        """See the base class."""
        yield from super().profile_faults()
        for name, expected in session_faults(self.idle):
            yield Fault("", "", name, "", expected)

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        if self.idle > self.max_session:
            text = f"is longer than 'max_session' ({self.max_session:g} s), so it has"
            yield OptionNote("idle", f"{text} no effect")
        path = self.store_file
        if path is not None and mounts.is_in_memory(path):
            text = (
                "is on a file system in memory, so a restart of the machine deletes it"
            )
            yield OptionNote("store", text)
        for name in ("idle", "max_session"):
            value = self.written(name)
            if value.isdecimal() and int(value) < _MINUTE:
                text = f"{value} is {value} seconds; for minutes, write '{value}m'"
                yield OptionNote(name, text)
        files = [*self.named_files("store"), *([path] if path else [])]
        yield from open_files("store", files, Topic.STORE_FILE)
        yield from _exposed_store(self.store)


def _exposed_store(url: str) -> Iterator[OptionNote]:
    """Note that others on the network can read or end all sessions."""
    access = server_access(url)
    if access is None or access.is_local:
        return
    if not access.has_credentials:
        text = (
            "has no password, so anybody on that network can end all sessions; "
            "expected rediss://:PASSWORD@HOST, in a file that 'file:PATH' names"
        )
        yield OptionNote("store", text, "store-without-password", Topic.STORE)
    if not access.is_encrypted:
        text = (
            "goes to another host without TLS, so anybody on the network path "
            "can read the password and the sessions; expected 'rediss:'"
        )
        yield OptionNote("store", text, "store-without-tls", Topic.STORE)


class SessionFilter(PipelinePart):
    """The filter; ``options`` define where sessions are kept, and how long."""

    eilogin_part = "session"
    WRITES = (env.SESSIONS, env.SESSION, env.SESSION_FAULT, env.COOKIE)
    WITHOUT = "nobody can have a session"

    def __init__(self, app: "WSGIApplication", options: SessionOptions) -> None:
        self.app = app
        self.cookie = Cookie(options.cookie)
        # A browser sends the same header with each request.
        self._token_in = lru_cache(_REMEMBERED)(self.cookie.read_in)
        self._is_alone = is_in_process(options.store)
        self.sessions = Sessions(
            open_store(options.store, timeout=options.store_timeout),
            idle=options.idle,
            max_session=options.max_session,
        )
        self._is_ready = False
        self._preparing = Breaker("the store", (StoreUnavailable, ConfigurationError))
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
            environ = self._inside(environ)
        environ[env.SESSIONS] = self.sessions
        environ[env.COOKIE] = self.cookie
        login = None
        header = environ.get("HTTP_COOKIE", "")
        is_short = len(header) <= _LONGEST_HEADER
        token = (self._token_in if is_short else self.cookie.read_in)(header)
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

    def _inside(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        """Return a copy of environ for a filter inside of another site's filters.

        That is a hub whose citizens the outer filters sign in. They keep their environ.
        """
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
        """Have the store check whether it can work, until it has answered once.

        It did not answer when the server started, so its errors appear now.
        """
        with self._preparing.call():
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
