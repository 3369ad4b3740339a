"""Give the application a session of its own, which ends when the login ends.

Many an application knows Beaker and keeps in ``environ['beaker.session']`` what it
wants to remember of a visitor: a form half filled in, a basket. With Beaker's own
middleware that outlives a logout. Here it is the same object with the same verbs, and
it belongs to the login: it is there while she is logged in, and goes in the same
transaction in which the login ends, wherever that is::

    [filter:appsession]
    use = egg:eilogin#appsession

It lies in the store of ``session``, or where ``type`` says, in one of Beaker's
backends, sealed with a key that lies in that store (``app_session_stores``)::

    type = ext:redis
    url = redis://localhost:6379/1

*Needs* ``session`` and ``trust``, outside of it. *Reads* ``eilogin.sessions`` and
``eilogin.session``. *Writes* ``beaker.session`` and ``beaker.get_session``. *Changes in
the answer*: nothing; there is no cookie.

Why the store and no backend, where nothing else is asked for: one place less, which
every process and machine has. A backend is for sessions that would be much for the
store, or that are wanted in memory alone. What Beaker's write there is not what is
written here (:mod:`eilogin.stores.beaker`): they keep pickles whatever
``data_serializer`` says, so that who can write to them can run code, and a session is
written back as a whole, over what another request has put into it meanwhile.

What differs from Beaker's middleware:

* No update is lost. Of two requests of one visitor that overlap, each keeps the keys
  that it has set, changed or deleted; where both did so with the same key, the one that
  is stored last wins. A value is one thing, a list or dictionary too.
* A slow request that was overtaken by a logout leaves nothing behind. Its answer goes
  out. After a step-up it is the same session, after a new login it is another.
* The session's id is derived (HMAC) from the secret name of the login, which no browser
  ever gets. Nobody can choose one, so ``regenerate_id()`` has nothing to do.
* Without a login the session is empty, and what is put into it is forgotten with the
  answer: there is nobody whose it would be. So it is while the store or the backend is
  down, and where the session cannot be read. Where it cannot be stored, the log is
  told, and the answer goes out.
* A session is at most as large as ``max_size`` says: the store is asked for logins at
  every request, and holds a session for each. One that has grown larger is not stored:
  the log says how large it is, and the next request has it as it was.
* ``delete()`` and ``invalidate()`` delete what was stored; Beaker's leave it.
* To save what was not changed writes nothing. ``last_accessed`` is when something was
  written: with ``timeout`` whenever the session was looked at, else when it changed.
* Its ``repr`` shows nothing, and does not load it: an error report that prints environ
  gives nothing away.
* Values are JSON: who can write to the store can change a session, but run nothing;
  who can write to a backend can delete one, or bring back what it was a while ago.

A request that looks at its session asks the store for it once (with a backend for its
key, and the backend for the rest), and one that does not asks nothing. As with Beaker a
session is stored when the application calls ``start_response``, so a streaming answer
stays streaming. What the application changes later is not stored.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from beaker.session import Session, SessionObject
from pydantic import AfterValidator, model_validator

from eilogin import clock
from eilogin.config import Flag, Folder, Options, Seconds, Size, option, read
from eilogin.errors import ConfigurationError, PipelineOrder, StoreUnavailable
from eilogin.participant.application.app_session_stores import (
    AppSessionPlace,
    BackendCleanup,
    BackendEntry,
    NoAppSession,
    SessionStoreEntry,
    sealed_size,
)
from eilogin.sessions import UNREADABLE, Login, Sessions
from eilogin.sessions.session_keepers import keep_informed
from eilogin.stores.beaker import Backend, BackendURL, open_backend
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How often a request tries to store its session. Each time that it fails, another
#: request of the same visitor has succeeded.
TRIES = 100

_log = logging.getLogger("eilogin.appsession")


def _some(size: int) -> int:
    if size == 0:
        raise ValueError(
            "a size such as '256k': with 0 the application could store nothing"
        )
    return size


#: The most that memcached takes, sealed and as text, with its usual limit.
_MOST_IN_MEMCACHED = 700 * 1024

#: Which option says where each kind of backend is; "" where none has to.
_WHERE: Mapping[str, str] = MappingProxyType(
    {
        "store": "",
        "memory": "",
        "file": "data_dir",
        "ext:database": "url",
        "ext:redis": "url",
        "ext:memcached": "url",
    }
)


class AppSessionOptions(Options, name="appsession"):
    """What ``[filter:…] use = egg:eilogin#appsession`` understands."""

    type: Literal[
        "store", "memory", "file", "ext:database", "ext:redis", "ext:memcached"
    ] = option(
        "Chooses where the application's sessions are kept. ``store`` is "
        "the store of the filter ``session``. The others are backends of "
        "Beaker: ``memory`` (one process), ``file`` (needs ``data_dir``), "
        "and ``ext:database`` (SQLite), ``ext:redis`` and ``ext:memcached`` "
        "(need ``url``).",
        default="store",
    )
    data_dir: Folder | None = option(
        "Names the folder for ``type = file``. Only the user of the server "
        "should be able to write to it.",
        default=None,
    )
    url: BackendURL | None = option(
        "Sets the address for the types that begin with ``ext:``, such as "
        "``sqlite:///%(here)s/var/appsessions.db``, "
        "``redis://localhost:6379/1`` or ``localhost:11211``. It can also "
        "stand elsewhere: ``env:NAME``, ``file:PATH`` or "
        "``credential:NAME``.",
        default=None,
    )
    timeout: Seconds | None = option(
        "Empties a session that the application has not used for this long. "
        "Duration, such as ``30m``. Without it, a session lasts as long as "
        "the login.",
        default=None,
    )
    auto: Flag = option(
        "Stores the session whenever the application has changed it, "
        "without a call of ``save()``.",
        default=False,
    )
    max_size: Annotated[Size, AfterValidator(_some)] = option(
        "Limits the size of a session as JSON. If a session is larger, "
        "eilogin does not store the change, and logs it. A size in bytes, "
        "``k`` (kilobytes) or ``m`` (megabytes).",
        default="256k",
    )

    @property
    def where(self) -> str:
        """The folder or address of a backend; "" where it needs none."""
        name = _WHERE[self.type]
        return str(getattr(self, name)) if name else ""

    @model_validator(mode="after")
    def _lies_where_it_can(self) -> "AppSessionOptions":
        wanted = _WHERE[self.type]
        for name in ("data_dir", "url"):
            if (name == wanted) != (getattr(self, name) is not None):
                verb = "needs one" if name == wanted else "has none"
                raise ValueError(f"{name}: type = {self.type} {verb}")
        if self.type == "ext:memcached" and self.max_size > _MOST_IN_MEMCACHED:
            most = f"{_MOST_IN_MEMCACHED // 1024}k"
            raise ValueError(f"max_size: at most '{most}' with type = ext:memcached")
        if self.type != "store":
            try:
                open_backend(self.type, self.where)
            except ValueError as error:
                # What was found may stand elsewhere, as a secret.
                raise ValueError(f"{wanted}: expected {error}") from None
        return self


class AppSessionFilter:
    """The filter; ``options`` say how long and how large a session may be."""

    eilogin_part = "appsession"

    def __init__(self, app: "WSGIApplication", options: AppSessionOptions) -> None:
        self.app = app
        self._pages = Pages()
        self._is_alone = options.type == "memory"
        self._backend: Backend | None = None
        if options.type != "store":
            self._backend = open_backend(
                options.type, options.where, largest=sealed_size(options.max_size)
            )
            # Held here: it is told of ends for as long as this filter is there.
            self._leftovers = BackendCleanup(self._backend)
            keep_informed(self._leftovers)
        self._settings: dict[str, Any] = {
            "use_cookies": False,
            "timeout": options.timeout,
            # A time-out alone is a reason to write what was only read.
            "save_accessed_time": options.timeout is not None,
            # Not used here, and no pickle is to be anywhere near.
            "data_serializer": "json",
            "session_class": _TiedSession,
            "auto": options.auto,
            "max_size": options.max_size,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the application's session in environ; keep it before the answer goes."""
        try:
            sessions, login = env.sessions(environ), env.session_checked(environ)
            self._require_place(environ)
        except (PipelineOrder, ConfigurationError) as error:
            refusal = self._pages.refuse(environ, error, event="appsession")
            return refusal(environ, start_response)
        place = NoAppSession() if login is None else self._place(sessions, login)
        settings = {**self._settings, "place": place}
        session = _LazySession(environ, **settings)
        environ["beaker.session"] = session
        environ["beaker.get_session"] = lambda: _TiedSession({}, **settings)

        def keep_and_start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            if session.has_news():
                session.persist()
            return start_response(status, headers, exc_info)

        return self.app(environ, keep_and_start)

    def _require_place(self, environ: "WSGIEnvironment") -> None:
        if self._is_alone and environ.get("wsgi.multiprocess"):
            raise ConfigurationError(
                "type = memory of appsession works in one process only, and this "
                "server runs several; expected type = store, or another backend"
            )

    def _place(self, sessions: Sessions, login: Login) -> AppSessionPlace:
        if self._backend is None:
            return SessionStoreEntry(sessions, login)
        return BackendEntry(self._backend, sessions, login)


def make_appsession(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> AppSessionFilter:
    """PasteDeploy's factory for ``egg:eilogin#appsession``."""
    options = read(AppSessionOptions, global_conf, local_conf)
    return AppSessionFilter(app, options)


#: What an id looks like. Others need not be looked up, whoever made them.
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch


# --- what lies there ------------------------------------------------------------

#: The text of a session without a key, which is the same as none.
EMPTY = "{}"

#: What Beaker's sessions have among the keys of the application.
_BEAKERS = frozenset(("_creation_time", "_accessed_time", "_domain", "_path"))


@dataclass(frozen=True, slots=True)
class _Kept:
    """A session as it lies in the store, in JSON."""

    created: float
    accessed: float
    #: What the application has put into it.
    keys: dict[str, Any]

    @classmethod
    def read(cls, text: str | None) -> "_Kept | None":
        """None for none, for an empty one, and for a text that cannot be read."""
        if text is None or text == EMPTY:
            return None
        try:
            record = json.loads(text)
            return cls(
                float(record["created"]), float(record["accessed"]), {**record["keys"]}
            )
        except UNREADABLE:
            return None

    def text(self) -> str:
        if not self.keys:
            return EMPTY
        parts = {"created": self.created, "accessed": self.accessed, "keys": self.keys}
        return json.dumps(parts)


def _keys_in(text: str | None) -> dict[str, Any]:
    kept = _Kept.read(text)
    return kept.keys if kept else {}


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a request has done to the keys of a session."""

    put: dict[str, Any]
    gone: frozenset[str]

    @classmethod
    def between(cls, before: dict[str, Any], after: dict[str, Any]) -> "_Changes":
        """What was done; a value is another where its JSON is."""
        put = {
            name: value
            for name, value in after.items()
            if name not in before or json.dumps(before[name]) != json.dumps(value)
        }
        return cls(put, frozenset(before.keys() - after.keys()))

    def __bool__(self) -> bool:
        return bool(self.put or self.gone)

    def done_to(self, keys: dict[str, Any]) -> dict[str, Any]:
        """The same done to a session that has these keys by now."""
        kept = {name: keys[name] for name in keys if name not in self.gone}
        return {**kept, **self.put}


# --- Beaker's objects, tied to a login ------------------------------------------


class _TiedSession(Session):  # type: ignore[misc]
    """Beaker's session, in a place and under an id that are not its own to choose.

    ``max_size`` is of its text, in bytes.
    """

    last_accessed: float | None

    def __init__(
        self,
        request: dict[str, Any],
        *,
        place: AppSessionPlace,
        max_size: int,
        id: str | None = None,  # noqa: A002 - Beaker's name
        **settings: Any,
    ) -> None:
        self._place = place
        self._max_size = max_size
        #: The text in the store, as far as we know,
        self._stored: str | None = None
        #: and the one that the application began from: what differs is its doing.
        self._begun: str | None = None
        #: When it was.
        self._now = clock.now()
        # Here and not before: most requests never look at their session.
        super().__init__(request, id=id or place.id, **settings)

    def load(self) -> None:
        try:
            kept = self._find()
        except StoreUnavailable as error:
            self._give_up("read", error)
            kept = self._find()
        self._begin_anew()
        if kept is not None:
            self.update(kept.keys)
            self["_creation_time"] = kept.created
            self.is_new, self.last_accessed = False, kept.accessed
        self.accessed_dict = self.copy()

    def _find(self) -> _Kept | None:
        self._stored = self._begun = self._place.read(self.id)
        kept = _Kept.read(self._stored)
        if kept is None:
            if self._stored not in (None, EMPTY):
                _log.warning(
                    "cannot read an application's session, perhaps because "
                    "another version wrote it; eilogin treats it as empty"
                )
            return None
        if self.timeout is None or clock.now() - kept.accessed <= self.timeout:
            return kept
        # Not deleted: another request, which came in time, may just have stored it.
        if self._place.put(self.id, self._stored, EMPTY):
            self._stored = EMPTY
        self._begun = None
        self.was_invalidated = True
        return None

    def delete(self) -> None:
        try:
            self._place.remove(self.id)
        except StoreUnavailable as error:
            self._give_up("deleted", error)
        self._stored = self._begun = None
        self._begin_anew()

    def invalidate(self) -> None:
        self.delete()
        self.was_invalidated = True

    def regenerate_id(self) -> None:
        pass

    def lock(self) -> None:
        pass

    def unlock(self) -> None:
        pass

    def save(self, accessed_only: bool = False) -> None:  # noqa: FBT001, FBT002 - Beaker's
        if accessed_only and (self.is_new or not self.save_atime):
            return
        before = _keys_in(self._begun)
        # As they will be when they are read again.
        after = before if accessed_only else json.loads(json.dumps(self._own()))
        changes = _Changes.between(before, after)
        if not changes and not self.save_atime:
            return
        try:
            if self._store(changes):
                self._begun = _Kept(self._now, self._now, after).text()
        except StoreUnavailable as error:
            _log.warning(
                "cannot tell whether an application's session was stored: %s", error
            )

    def _own(self) -> dict[str, Any]:
        return {name: self[name] for name in self if name not in _BEAKERS}

    def _store(self, changes: _Changes) -> bool:
        """Do the changes to what is stored by now; False where that was given up."""
        for _ in range(TRIES):
            new = self._text_with(changes)
            if new == (self._stored or EMPTY):
                # So it is as far as we know; another request may know better.
                before, self._stored = self._stored, self._place.read(self.id)
                if self._stored == before:
                    return True
                continue
            if len(new) > self._max_size:
                _log.warning(
                    "an application's session was not stored and keeps its old "
                    "content: it has %d bytes, and max_size of appsession is %d",
                    len(new),
                    self._max_size,
                )
                return False
            if self._place.put(self.id, self._stored, new):
                self._stored = new
                return True
            was, self._stored = self._stored, self._place.read(self.id)
            if was is None and self._stored is None:
                # The login is over, or somebody deleted the session after us.
                return False
        _log.warning(
            "an application's session was not stored: in %d tries, another "
            "request of the same visitor changed it first",
            TRIES,
        )
        return False

    def _text_with(self, changes: _Changes) -> str:
        kept = _Kept.read(self._stored) or _Kept(self._now, self._now, {})
        return _Kept(
            kept.created,
            # A slow request does not make the session older than it is.
            max(kept.accessed, self._now),
            changes.done_to(kept.keys),
        ).text()

    def _begin_anew(self) -> None:
        self.clear()
        self.is_new = True
        self.last_accessed = None
        self._now = self["_accessed_time"] = self["_creation_time"] = clock.now()
        self.accessed_dict = self.copy()

    def _give_up(self, verb: str, error: StoreUnavailable) -> None:
        """Who could not see what is there must neither change nor delete it."""
        _log.warning("an application's session cannot be %s: %s", verb, error)
        self._place = NoAppSession()


class _LazySession(SessionObject):  # type: ignore[misc]
    """What the application sees: a session that is not loaded until it is used."""

    def __repr__(self) -> str:
        return "<the application's session>"

    def has_news(self) -> bool:
        """Whether ``persist`` may have something to write."""
        settings = self.__dict__["_params"]
        return self.accessed() and (
            self.dirty()
            or settings["auto"]
            or (settings["save_accessed_time"] and not self.is_new)
        )

    def get_by_id(self, id: str) -> Session | None:  # noqa: A002 - Beaker's name
        """The stored session with this id, or None."""
        if not _is_id(id):
            return None
        session = _TiedSession({}, **{**self.__dict__["_params"], "id": id})
        return None if session.is_new else session
