"""Give the application a session of its own, which ends when the login ends.

``use = egg:eilogin#appsession`` offers Beaker's object and methods.

*Needs* ``session`` and ``trust``, outside of it. *Reads* ``eilogin.sessions`` and
``eilogin.session``. *Writes* ``beaker.session`` and ``beaker.get_session``. *Changes in
the answer*: nothing.

The transaction that deletes the login deletes the session, or its key, if the session
is in a backend of Beaker (contrib/manual/protect/cookies.rst). eilogin does not use
Beaker's own write methods there (``stores.beaker``). These keep pickles whatever
``data_serializer`` says, so somebody who can write to a backend could run code.

Differences from Beaker's middleware:

* If two requests of a visitor overlap, each keeps the keys that it has set, changed or
  deleted. If both changed the same key, the one that is stored last wins. A value
  counts as a whole, also a list or dictionary.
* A slow request that a logout has overtaken stores nothing. A step-up keeps the
  session; a new login gets another.
* The ID is derived (HMAC) from the secret name of the login, which no browser gets.
  Nobody can choose one, so ``regenerate_id()`` does nothing.
* Without a login, a working store or a readable session, the session is empty, and its
  content is dropped after the answer: it would belong to nobody.
* eilogin logs the size of a session larger than ``max_size``, and does not store it.
* ``delete()`` and ``invalidate()`` delete the stored session; Beaker's keep it.
* Saving without a change writes nothing. ``last_accessed`` is the last write.
* Its ``repr`` shows nothing and does not load it, for error reports with environ.

As with Beaker, a session is stored when the application calls ``start_response``.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from beaker.session import Session, SessionObject

from eilogin import clock
from eilogin.config import read
from eilogin.errors import ConfigurationError, PipelineOrder, StoreUnavailable
from eilogin.filters.appsession_options import AppSessionOptions
from eilogin.participant.application.app_session_records import (
    EMPTY,
    KeyChanges,
    StoredAppSession,
    keys_in,
)
from eilogin.participant.application.app_session_stores import (
    AppSessionPlace,
    BackendCleanup,
    BackendEntry,
    NoAppSession,
    SessionStoreEntry,
    sealed_size,
)
from eilogin.sessions import Login, Sessions
from eilogin.sessions.session_keepers import register_keeper
from eilogin.stores.beaker import Backend, open_backend
from eilogin.web import environ as env
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How often a request tries to store its session; another one has succeeded each time.
TRIES = 100

_log = logging.getLogger("eilogin.appsession")


class AppSessionFilter(PipelinePart):
    """The filter; ``options`` limit the duration and size of a session."""

    eilogin_part = "appsession"
    NEEDS, AFTER = (env.SESSIONS, env.SESSION, env.ADDRESS), ("identity",)
    WRITES = ("beaker.session", "beaker.get_session")

    def __init__(self, app: "WSGIApplication", options: AppSessionOptions) -> None:
        self.app = app
        self._pages = Pages()
        self._is_alone = options.type == "memory"
        self._backend: Backend | None = None
        if options.type != "store":
            self._backend = open_backend(
                options.type, options.where, largest=sealed_size(options.max_size)
            )
            # register_keeper needs a reference for as long as the filter exists.
            self._cleanup = BackendCleanup(self._backend)
            register_keeper(self._cleanup)
        self._settings: dict[str, Any] = {
            "use_cookies": False,
            "timeout": options.timeout,
            # Only a time-out requires a write after a read.
            "save_accessed_time": options.timeout is not None,
            # Not used here, but it keeps pickle out in any case.
            "data_serializer": "json",
            "session_class": _TiedSession,
            "auto": options.auto,
            "max_size": options.max_size,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the application's session in environ; store it before the answer."""
        visit = Visit(environ)
        try:
            sessions, login = visit.sessions, visit.session_checked
            self._require_place(visit)
        except (PipelineOrder, ConfigurationError) as error:
            refusal = self._pages.refuse(visit, error, event="appsession")
            return refusal(environ, start_response)
        place = NoAppSession() if login is None else self._place(sessions, login)
        settings = {**self._settings, "place": place}
        session = _LazySession(environ, **settings)
        environ["beaker.session"] = session
        environ["beaker.get_session"] = lambda: _TiedSession({}, **settings)

        def store_and_start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            if session.may_have_changes():
                session.persist()
            return start_response(status, headers, exc_info)

        return self.app(environ, store_and_start)

    def _require_place(self, visit: Visit) -> None:
        if self._is_alone and visit.environ.get("wsgi.multiprocess"):
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
    """Make the filter ``egg:eilogin#appsession`` for PasteDeploy."""
    options = read(AppSessionOptions, global_conf, local_conf)
    return AppSessionFilter(app, options)


#: Match the form of an ID. Others are not looked up, whoever made them.
_is_id = re.compile(r"[0-9a-f]{64}").fullmatch


#: Keys that Beaker adds to those of the application.
_BEAKERS = frozenset(("_creation_time", "_accessed_time", "_domain", "_path"))


# --- Beaker's objects, tied to a login ------------------------------------------


class _TiedSession(Session):  # type: ignore[misc]
    """Beaker's session, with a place and an ID that it cannot choose."""

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
        #: The text in the store, as far as we know.
        self._stored: str | None = None
        #: The text at the start of this request, to find the application's change.
        self._begun: str | None = None
        self._now = clock.now()
        # Created late, because most requests never use their session.
        super().__init__(request, id=id or place.id, **settings)

    def load(self) -> None:
        try:
            record = self._read()
        except StoreUnavailable as error:
            self._give_up("read", error)
            record = self._read()
        self._reset()
        if record is not None:
            self.update(record.keys)
            self["_creation_time"] = record.created
            self.is_new, self.last_accessed = False, record.accessed
        self.accessed_dict = self.copy()

    def _read(self) -> StoredAppSession | None:
        self._stored = self._begun = self._place.read(self.id)
        record = StoredAppSession.read(self._stored)
        if record is None:
            if self._stored not in (None, EMPTY):
                _log.warning(
                    "cannot read an application's session, perhaps because "
                    "another version wrote it; eilogin treats it as empty"
                )
            return None
        if self.timeout is None or clock.now() - record.accessed <= self.timeout:
            return record
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
        self._reset()

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
        before = keys_in(self._begun)
        # Through JSON, as the next request reads them.
        after = before if accessed_only else json.loads(json.dumps(self._own()))
        changes = KeyChanges.between(before, after)
        if not changes and not self.save_atime:
            return
        try:
            if self._store(changes):
                self._begun = StoredAppSession(self._now, self._now, after).text()
        except StoreUnavailable as error:
            _log.warning(
                "cannot tell whether an application's session was stored: %s", error
            )

    def _own(self) -> dict[str, Any]:
        return {name: self[name] for name in self if name not in _BEAKERS}

    def _store(self, changes: KeyChanges) -> bool:
        for _ in range(TRIES):
            new = self._text_with(changes)
            if new == (self._stored or EMPTY):
                # Nothing to write, unless another request has changed it meanwhile.
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
            before, self._stored = self._stored, self._place.read(self.id)
            if before is None and self._stored is None:
                # The login has ended, or another request deleted the session after us.
                return False
        _log.warning(
            "an application's session was not stored: in %d tries, another "
            "request of the same visitor changed it first",
            TRIES,
        )
        return False

    def _text_with(self, changes: KeyChanges) -> str:
        record = StoredAppSession.read(self._stored) or StoredAppSession(
            self._now, self._now, {}
        )
        return StoredAppSession(
            record.created,
            # A slow request does not make the session older than it is.
            max(record.accessed, self._now),
            changes.applied_to(record.keys),
        ).text()

    def _reset(self) -> None:
        self.clear()
        self.is_new = True
        self.last_accessed = None
        self._now = self["_accessed_time"] = self["_creation_time"] = clock.now()
        self.accessed_dict = self.copy()

    def _give_up(self, verb: str, error: StoreUnavailable) -> None:
        # After a failed read or delete, neither change nor delete the session.
        _log.warning("an application's session cannot be %s: %s", verb, error)
        self._place = NoAppSession()


class _LazySession(SessionObject):  # type: ignore[misc]
    """The session for the application, which loads it at the first use."""

    def __repr__(self) -> str:
        return "<the application's session>"

    def may_have_changes(self) -> bool:
        """Return whether ``persist`` may have something to write."""
        settings = self.__dict__["_params"]
        return self.accessed() and (
            self.dirty()
            or settings["auto"]
            or (settings["save_accessed_time"] and not self.is_new)
        )

    def get_by_id(self, id: str) -> Session | None:  # noqa: A002 - Beaker's name
        """Return the stored session with this ID, or None."""
        if not _is_id(id):
            return None
        session = _TiedSession({}, **{**self.__dict__["_params"], "id": id})
        return None if session.is_new else session
