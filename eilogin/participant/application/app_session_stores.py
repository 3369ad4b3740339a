"""Store the application's own sessions (``appsession``) for as long as a login lives.

A session is in the store beside the login, or in one of Beaker's backends, sealed with
a key in the store. The transaction that deletes the login deletes the key too. The
unreadable record is deleted by the process in which the login ends or by a slow request
that finds no key, or it expires. Somebody who writes in a backend can delete a session
or restore an earlier state, but cannot forge one.
"""

import hashlib
import hmac
import logging
import secrets
from typing import Protocol

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.sessions import Login, Sessions
from eilogin.stores.beaker import Backend
from eilogin.web.browser.sealing import NotSealed, Sealer, as_text, from_text

#: A text that another site sealed, or for another session.
UNOPENED = "unopened"

_KEY_SIZE = 32

_log = logging.getLogger("eilogin.appsession")


class AppSessionPlace(Protocol):
    """The sessions of an application, for one request."""

    @property
    def id(self) -> str | None:
        """The ID of the visitor's session; None without one."""

    def read(self, name: str) -> str | None:
        """Return the text of the session with this ID."""

    def put(self, name: str, old: str | None, new: str) -> bool:
        """Replace ``old``, the text last read or put; False if it has changed since."""

    def remove(self, name: str) -> None:
        """Delete the session."""


class NoAppSession:
    """For visitors who are not signed in."""

    id = None

    def read(self, name: str) -> None:
        """Return None: there is no session."""

    def put(self, name: str, old: str | None, new: str) -> bool:
        """Drop the session."""
        return True

    def remove(self, name: str) -> None:
        """Do nothing."""


def sealed_size(size: int) -> int:
    """Return the number of characters of a text of this size in a backend."""
    return len(as_text(bytes(size + Sealer.ADDED)))


def id_of(login: Login) -> str:
    """Return the ID of a login's session, which nobody can choose or guess."""
    secret = login.family.encode()
    return hmac.new(secret, b"eilogin.appsession", hashlib.sha256).hexdigest()


class SessionStoreEntry:
    """A session in the store, which is deleted with its login.

    The ID of another login's session allows to change and delete it, not to create it.
    """

    def __init__(self, sessions: Sessions, login: Login) -> None:
        self._sessions = sessions
        self._login = login

    @property
    def id(self) -> str:
        """See :attr:`AppSessionPlace.id`."""
        return id_of(self._login)

    def read(self, name: str) -> str | None:
        """See :meth:`AppSessionPlace.read`."""
        return self._sessions.store.get(_value(name))

    def put(self, name: str, old: str | None, new: str) -> bool:
        """See :meth:`AppSessionPlace.put`."""
        until = clock.now() + self._sessions.max_session
        if old is not None:
            store = self._sessions.store
            return store.swap(_value(name), old, new, until, durable=False)
        return name == self.id and self._sessions.store_with(
            self._login, _value(name), new, until
        )

    def remove(self, name: str) -> None:
        """See :meth:`AppSessionPlace.remove`."""
        self._sessions.store.take(_value(name))


def _value(name: str) -> str:
    return f"appsession:{name}"


class BackendEntry:
    """A session in one of Beaker's backends, as in :class:`SessionStoreEntry`."""

    def __init__(self, backend: Backend, sessions: Sessions, login: Login) -> None:
        self._backend = backend
        self._sessions = sessions
        self._login = login
        self._last_sealed: dict[str, str | None] = {}

    @property
    def id(self) -> str:
        """See :attr:`AppSessionPlace.id`."""
        return id_of(self._login)

    def read(self, name: str) -> str | None:
        """See :meth:`AppSessionPlace.read`; :data:`UNOPENED` if it cannot be opened."""
        key = self._key(name)
        sealed = None if key is None else self._backend.get(_hidden(name))
        self._last_sealed[name] = sealed
        if key is None or sealed is None:
            return None
        try:
            return _sealer(key).open(from_text(sealed), name).decode()
        except NotSealed:
            # Never the stored text, or a writer of the backend could forge a session.
            return UNOPENED

    def put(self, name: str, old: str | None, new: str) -> bool:
        """See :meth:`AppSessionPlace.put`."""
        until = clock.now() + self._sessions.max_session
        key = self._key(name) or self._new_key(name, until)
        if key is None:
            # The login has ended, and perhaps no process has deleted its session.
            self.remove(name)
            return False
        sealed = as_text(_sealer(key).seal(new.encode(), name))
        before = self._last_sealed.get(name)
        if not self._backend.swap(_hidden(name), before, sealed, until):
            return False
        self._last_sealed[name] = sealed
        if self._key(name) == key:
            return True
        # The login ended meanwhile, and its cleanup may have come before this write.
        self.remove(name)
        return False

    def remove(self, name: str) -> None:
        """See :meth:`AppSessionPlace.remove`."""
        self._backend.delete(_hidden(name))
        self._last_sealed[name] = None

    def _key(self, name: str) -> str | None:
        return self._sessions.store.get(_key_value(name))

    def _new_key(self, name: str, until: float) -> str | None:
        if name != self.id:
            return None
        key = secrets.token_urlsafe(_KEY_SIZE)
        if self._sessions.store_with(self._login, _key_value(name), key, until):
            return key
        # The login has ended, or another request was faster.
        return self._key(name)


class BackendCleanup:
    """A :class:`eilogin.sessions.session_keepers.Keeper` that deletes in a backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def forget(self, login: Login) -> None:
        """Delete the session of an ended login."""
        try:
            self._backend.delete(_hidden(id_of(login)))
        except StoreUnavailable as error:
            _log.warning(
                "an application's session can no longer be read; it will be "
                "deleted later: %s",
                error,
            )


def _key_value(name: str) -> str:
    return f"appsession-key:{name}"


def _hidden(name: str) -> str:
    # An application may accept an ID, so a reader of the backend must not learn one.
    return hashlib.sha256(name.encode()).hexdigest()


def _sealer(key: str) -> Sealer:
    return Sealer([key.encode()], "appsession")
