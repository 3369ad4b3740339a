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

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from eilogin.config import read
from eilogin.errors import ConfigurationError, PipelineOrder
from eilogin.filters.appsession_options import AppSessionOptions
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


class AppSessionFilter(PipelinePart):
    """The filter; ``options`` limit the duration and size of a session."""

    eilogin_part = "appsession"
    NEEDS, AFTER = (env.SESSIONS, env.SESSION, env.ADDRESS), ("identity",)
    WRITES = ("beaker.session", "beaker.get_session")

    def __init__(self, app: "WSGIApplication", options: AppSessionOptions) -> None:
        # A late import: sites without this filter need neither Beaker nor its drivers.
        from eilogin.participant.application import app_session_objects  # noqa: PLC0415

        self.app = app
        self._objects = app_session_objects
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
            "session_class": app_session_objects.TiedSession,
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
        session = self._objects.LazySession(environ, **settings)
        environ["beaker.session"] = session
        environ["beaker.get_session"] = lambda: self._objects.TiedSession(
            {}, **settings
        )

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
