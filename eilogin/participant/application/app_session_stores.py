"""Where the session lies that an application has of its own, while a login lives.

In the store, beside the login; or in one of Beaker's backends. There it is sealed with
a key of its own that lies in the store, beside the login. The key goes in the same
transaction as the login does: from that instant on, and in every process, nobody reads
what lies in the backend, whoever ended the login, and whether the backend answers or
not. What is left there is taken away:

* by the process in which the login ends;
* by a slow request that has written it afterwards: who has written looks whether the
  key is still there;
* else when its time is over, which no login outlives.

Who can read a backend learns nothing from it; who can write to it can delete a session,
or bring back what that very session was before, and make up none.
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

#: What stands for something that was not sealed here, or for another place.
UNOPENED = "unopened"

_KEY_SIZE = 32

_log = logging.getLogger("eilogin.appsession")


class AppSessionPlace(Protocol):
    """Where one request looks for sessions of an application."""

    @property
    def id(self) -> str | None:
        """The id of the visitor's session; None where she has none."""

    def read(self, name: str) -> str | None:
        """The text of the session with this id."""

    def put(self, name: str, old: str | None, new: str) -> bool:
        """Put ``new`` in the place of ``old``; False where ``old`` is not there.

        ``old`` is what was read here, or put here, last.
        """

    def remove(self, name: str) -> None:
        """Delete what lies there."""


class NoAppSession:
    """For visitors who are not logged in."""

    id = None

    def read(self, name: str) -> None:
        """There is nothing."""

    def put(self, name: str, old: str | None, new: str) -> bool:
        """It is forgotten."""
        return True

    def remove(self, name: str) -> None:
        """There is nothing."""


def sealed_size(size: int) -> int:
    """How many characters a text of this size has in a backend."""
    return len(as_text(bytes(size + Sealer.ADDED)))


def id_of(login: Login) -> str:
    """The id of a login's session: nobody can choose one, or tell another's."""
    secret = login.family.encode()
    return hmac.new(secret, b"eilogin.appsession", hashlib.sha256).hexdigest()


class SessionStoreEntry:
    """A value in the store that belongs to a login, and goes with it.

    That of another login, by its id, can be changed and removed, and not made.
    """

    def __init__(self, sessions: Sessions, login: Login) -> None:
        self._sessions = sessions
        self._login = login

    @property
    def id(self) -> str:
        """See :attr:`Place.id`."""
        return id_of(self._login)

    def read(self, name: str) -> str | None:
        """See :meth:`Place.read`."""
        return self._sessions.store.get(_value(name))

    def put(self, name: str, old: str | None, new: str) -> bool:
        """See :meth:`Place.put`."""
        # No login lasts longer than this, and none outlives its own.
        until = clock.now() + self._sessions.max_session
        if old is not None:
            store = self._sessions.store
            return store.swap(_value(name), old, new, until, durable=False)
        return name == self.id and self._sessions.keep_with(
            self._login, _value(name), new, until
        )

    def remove(self, name: str) -> None:
        """See :meth:`Place.remove`."""
        self._sessions.store.take(_value(name))


def _value(name: str) -> str:
    return f"appsession:{name}"


class BackendEntry:
    """A text in one of Beaker's backends, sealed with a key that is in the store.

    That of another login, by its id, can be changed and removed, and not made.
    """

    def __init__(self, backend: Backend, sessions: Sessions, login: Login) -> None:
        self._backend = backend
        self._sessions = sessions
        self._login = login
        #: What lay there, sealed, when it was read or put last.
        self._last_sealed: dict[str, str | None] = {}

    @property
    def id(self) -> str:
        """See :attr:`Place.id`."""
        return id_of(self._login)

    def read(self, name: str) -> str | None:
        """See :meth:`Place.read`; :data:`UNOPENED` for what cannot be opened."""
        key = self._key(name)
        sealed = None if key is None else self._backend.get(_hidden(name))
        self._last_sealed[name] = sealed
        if key is None or sealed is None:
            return None
        try:
            return _sealer(key).open(from_text(sealed), name).decode()
        except NotSealed:
            # Never as it lies there: whoever may write there could make a session up.
            return UNOPENED

    def put(self, name: str, old: str | None, new: str) -> bool:
        """See :meth:`Place.put`."""
        # As in the store.
        until = clock.now() + self._sessions.max_session
        key = self._key(name) or self._new_key(name, until)
        if key is None:
            # The login is over, and nobody may have been there to tidy up.
            self.remove(name)
            return False
        sealed = as_text(_sealer(key).seal(new.encode(), name))
        before = self._last_sealed.get(name)
        if not self._backend.swap(_hidden(name), before, sealed, until):
            return False
        self._last_sealed[name] = sealed
        if self._key(name) == key:
            return True
        # The login ended meanwhile; whoever ended it may have been here before us.
        self.remove(name)
        return False

    def remove(self, name: str) -> None:
        """See :meth:`Place.remove`."""
        self._backend.delete(_hidden(name))
        self._last_sealed[name] = None

    def _key(self, name: str) -> str | None:
        return self._sessions.store.get(_key_value(name))

    def _new_key(self, name: str, until: float) -> str | None:
        if name != self.id:
            return None
        key = secrets.token_urlsafe(_KEY_SIZE)
        if self._sessions.keep_with(self._login, _key_value(name), key, until):
            return key
        # The login is over, or another request was quicker.
        return self._key(name)


class BackendCleanup:
    """Takes what lies in a backend away when a login ends.

    A :class:`eilogin.sessions.session_keepers.Keeper`.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def forget(self, login: Login) -> None:
        """This login has ended."""
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
    # Who may look into the backend does not learn an id, which an application may take.
    return hashlib.sha256(name.encode()).hexdigest()


def _sealer(key: str) -> Sealer:
    return Sealer([key.encode()], "appsession")
