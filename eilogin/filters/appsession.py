"""Give the application a session of its own, which ends when the login ends.

Many an application knows Beaker and keeps in ``environ['beaker.session']`` what it
wants to remember of a visitor: a form half filled in, a basket. With Beaker's own
middleware that outlives a logout. Here it is the same object with the same verbs, and
it belongs to the login: it is there while she is logged in, it cannot be reached from
the moment the login ends, wherever that was, and what was stored is deleted::

    [filter:appsession]
    use = egg:eilogin#appsession
    type = file
    data_dir = %(here)s/var/appsession

*Needs* ``session``, outside of it. *Reads* ``eilogin.sessions`` and
``eilogin.session``. *Writes* ``beaker.session`` and ``beaker.get_session``. *Changes in
the answer*: nothing; there is no cookie.

What differs from Beaker's middleware, and why:

* The session's id is derived (HMAC) from the secret name of the login, which no browser
  ever gets. Nobody can choose one, so ``regenerate_id()`` has nothing to do; after a
  step-up it is the same session, after a new login it is another.
* Without a login the session is empty, and what is put into it is forgotten with the
  answer: there is nobody whose it would be. So it is while the store is down, when
  nobody is logged in, and where the session cannot be read.
* Before a session is stored the login is looked up once more, and again afterwards: a
  slow request that was overtaken by a logout leaves nothing behind. A request that has
  nothing to store asks nothing. Where a session cannot be stored, the log is told, and
  the answer goes out.
* ``delete()`` and ``invalidate()`` delete what was stored; Beaker's leave it.
* Its ``repr`` shows nothing, and does not load it: an error report that prints environ
  gives nothing away.
* Values are JSON, in a file for each login, and never pickle: who can write to the
  folder can change a session, but run nothing. Beaker's other backends keep pickles
  whatever ``data_serializer`` says, so they are not offered.

As with Beaker a session is stored when the application calls ``start_response``, so a
streaming answer stays streaming. What the application changes later is not stored.

What a login left behind that ended elsewhere, or by its limits, is deleted when no
login can be that old any more.
"""

import hashlib
import hmac
import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from beaker.container import NamespaceManager
from beaker.session import Session, SessionObject
from pydantic import BeforeValidator, model_validator

from eilogin import clock
from eilogin.errors import ConfigurationError, PipelineOrder, StoreUnavailable
from eilogin.sessions import Login, Sessions
from eilogin.settings import FilePath, Flag, Options, Seconds, option, read
from eilogin.web import environ as env
from eilogin.web.pages import Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Seconds between two looks for what logins left behind.
SWEEP_INTERVAL = 600.0

_log = logging.getLogger("eilogin.appsession")


def _kind(value: object) -> object:
    if value in ("file", "memory"):
        return value
    raise ValueError("'file' or 'memory' (Beaker's other types keep pickles)")


class AppSessionOptions(Options, name="appsession"):
    """What ``[filter:…] use = egg:eilogin#appsession`` understands."""

    type: Annotated[str, BeforeValidator(_kind)] = option(
        "where the application's sessions are kept: ``file`` (in ``data_dir``) or "
        "``memory`` (one process, gone after a restart)",
        default="file",
    )
    data_dir: FilePath | None = option(
        "the folder for ``type = file``; made, for this user alone, where it is "
        "missing",
        default=None,
    )
    timeout: Seconds | None = option(
        "the application's session is emptied when it was not used for this long; "
        "without it, it lasts as long as the login",
        default=None,
    )
    auto: Flag = option(
        "store the session whenever the application has looked at it, without its "
        "calling ``save()``",
        default=False,
    )

    @model_validator(mode="after")
    def _files_have_a_folder(self) -> "AppSessionOptions":
        if self.type == "file" and self.data_dir is None:
            raise ValueError("type = file needs data_dir, the folder for the files")
        if self.type == "memory" and self.data_dir is not None:
            raise ValueError("data_dir has no meaning with type = memory")
        return self


class AppSessionFilter:
    """The filter; ``options`` say where the application's sessions are kept."""

    def __init__(self, app: "WSGIApplication", options: AppSessionOptions) -> None:
        self.app = app
        self._pages = Pages()
        self._shelf = _shelf(options)
        self._settings: dict[str, Any] = {
            "use_cookies": False,
            "namespace_class": _Namespace,
            "data_serializer": "json",
            "invalidate_corrupt": True,
            "timeout": options.timeout,
            # A time-out alone is a reason to write what was only read.
            "save_accessed_time": options.timeout is not None,
            "session_class": _TiedSession,
            "auto": options.auto,
        }
        self._swept = 0.0
        self._lock = threading.Lock()
        self._heard: weakref.WeakSet[Sessions] = weakref.WeakSet()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the application's session in environ; keep it before the answer goes."""
        try:
            sessions, login = env.sessions(environ), env.session_or_none(environ)
        except PipelineOrder as error:
            refusal = self._pages.refuse(environ, error, event="appsession")
            return refusal(environ, start_response)
        self._listen_to(sessions)
        shelf = _Nowhere() if login is None else self._shelf
        settings = {**self._settings, "login": login, "shelf": shelf}
        session = _LazySession(environ, **settings)
        environ["beaker.session"] = session
        environ["beaker.get_session"] = lambda: _TiedSession({}, **settings)

        def keep_and_start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            if login is not None and session.has_news():
                self._keep(session, sessions, login)
            return start_response(status, headers, exc_info)

        return self.app(environ, keep_and_start)

    def _keep(self, session: "_LazySession", sessions: Sessions, login: Login) -> None:
        try:
            if sessions.is_live(login):
                session.persist()
                self._sweep(sessions)
            if not sessions.is_live(login):
                self._forget(login)
        except (StoreUnavailable, OSError) as error:
            # The application has done its work: its answer must not be lost too.
            _log.warning("an application's session may not have been kept: %s", error)

    def _forget(self, login: Login) -> None:
        self._shelf.remove(_id_of(login))

    def _listen_to(self, sessions: Sessions) -> None:
        if sessions in self._heard:
            return
        with self._lock:
            if sessions not in self._heard:
                self._heard.add(sessions)
                sessions.when_ended(self._forget)

    def _sweep(self, sessions: Sessions) -> None:
        now = clock.now()
        if abs(now - self._swept) < SWEEP_INTERVAL:
            return
        self._swept = now
        self._shelf.sweep(now - sessions.max_session)


def make_appsession(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> AppSessionFilter:
    """PasteDeploy's factory for ``egg:eilogin#appsession``."""
    options = read(AppSessionOptions, global_conf, local_conf)
    return AppSessionFilter(app, options)


def _id_of(login: Login) -> str:
    secret = login.family.encode()
    return hmac.new(secret, b"eilogin.appsession", hashlib.sha256).hexdigest()


# --- Beaker's objects, tied to a login ------------------------------------------


class _TiedSession(Session):  # type: ignore[misc]
    """Beaker's session under an id that is not its own to choose.

    An empty one takes no room: to save it is to delete what was stored.
    """

    def __init__(
        self,
        request: dict[str, Any],
        *,
        login: Login | None,
        id: str | None = None,  # noqa: A002 - Beaker's name
        **settings: Any,
    ) -> None:
        # Here and not before: most requests never look at their session.
        if id is None and login is not None:
            id = _id_of(login)  # noqa: A001
        super().__init__(request, id=id, **settings)

    def load(self) -> None:
        try:
            super().load()
        except OSError as error:
            # Who could not see what is there must neither overwrite nor delete it.
            _log.warning("an application's session cannot be read: %s", error)
            self.namespace_args["shelf"] = _Nowhere()
            super().load()

    def delete(self) -> None:
        self._forget()
        self._begin_anew()

    def invalidate(self) -> None:
        self._forget()
        self._begin_anew()
        self.was_invalidated = True

    def regenerate_id(self) -> None:
        pass

    def save(self, accessed_only: bool = False) -> None:  # noqa: FBT001, FBT002 - Beaker's
        if self._is_empty() and not accessed_only:
            self._forget()
        else:
            super().save(accessed_only)

    def _is_empty(self) -> bool:
        # Beaker's own entries begin with an underscore.
        return all(name.startswith("_") for name in self)

    def _forget(self) -> None:
        self.namespace_args["shelf"].remove(self.id)

    def _begin_anew(self) -> None:
        self.clear()
        self.is_new = True
        self.last_accessed = None
        self["_accessed_time"] = self["_creation_time"] = clock.now()
        self.accessed_dict = self.copy()


class _LazySession(SessionObject):  # type: ignore[misc]
    """What the application sees: a session that is not loaded until it is used."""

    def __repr__(self) -> str:
        return "<the application's session>"

    def has_news(self) -> bool:
        """Whether ``persist`` would write something."""
        settings = self.__dict__["_params"]
        return self.accessed() and (
            self.dirty()
            or settings["auto"]
            or (settings["save_accessed_time"] and not self.is_new)
        )

    def get_by_id(self, id: str) -> Session | None:  # noqa: A002 - Beaker's name
        """The stored session with this id, or None."""
        session = _TiedSession({}, **{**self.__dict__["_params"], "id": id})
        return None if session.is_new else session


class _Shelf(Protocol):
    """Where the text of a session lies, by its id."""

    def read(self, name: str) -> str | None: ...

    def write(self, name: str, content: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def sweep(self, before: float) -> None: ...


class _Namespace(NamespaceManager):  # type: ignore[misc]
    """Beaker's way to a shelf; a session uses one key, ``session``.

    No locks: a shelf reads and writes a session as a whole.
    """

    def __init__(self, namespace: str, shelf: _Shelf, **_: Any) -> None:
        super().__init__(namespace)
        self._shelf = shelf

    def __getitem__(self, key: str) -> str:
        content = self._shelf.read(self.namespace)
        if content is None:
            raise KeyError(key)
        return content

    def __setitem__(self, key: str, value: str) -> None:
        self._shelf.write(self.namespace, value)


# --- where sessions lie ---------------------------------------------------------


def _shelf(options: AppSessionOptions) -> _Shelf:
    return _Memory() if options.data_dir is None else _Folder(options.data_dir)


class _Nowhere:
    """For visitors who are not logged in."""

    def read(self, name: str) -> None:
        return None

    def write(self, name: str, content: str) -> None:
        pass

    def remove(self, name: str) -> None:
        pass


class _Memory:
    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, str]] = {}

    def read(self, name: str) -> str | None:
        return self._kept.get(name, (0.0, None))[1]

    def write(self, name: str, content: str) -> None:
        self._kept[name] = (clock.now(), content)

    def remove(self, name: str) -> None:
        self._kept.pop(name, None)

    def sweep(self, before: float) -> None:
        for name, (written, _) in list(self._kept.items()):
            if written < before:
                self.remove(name)


class _Folder:
    """A file for each session, which is replaced as a whole."""

    #: What is ours in the folder, half-written files included.
    _ours = re.compile(r"[0-9a-f]{64}\.(json|[a-z0-9_]+\.new)").fullmatch

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            NamedTemporaryFile(dir=folder).close()
        except OSError as error:
            raise ConfigurationError(
                f"appsession: found data_dir {folder}, which cannot be used ({error});"
                " expected a folder that this user may write"
            ) from error

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def read(self, name: str) -> str | None:
        try:
            return self._file(name).read_text("ascii")
        except FileNotFoundError:
            return None

    def write(self, name: str, content: str) -> None:
        with NamedTemporaryFile(
            "w",
            encoding="ascii",
            dir=self._folder,
            prefix=f"{name}.",
            suffix=".new",
            delete=False,
        ) as new:
            new.write(content)
        # By our clock, which need not be that of the disk.
        os.utime(new.name, (clock.now(), clock.now()))
        Path(new.name).replace(self._file(name))

    def remove(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def sweep(self, before: float) -> None:
        for file in self._folder.iterdir():
            if self._ours(file.name) and _written(file) < before:
                file.unlink(missing_ok=True)


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return clock.now()
