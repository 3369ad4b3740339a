"""Visitors of an application that keeps notes in a session of Beaker's.

They stand before a pretended filter ``session`` and the real ``appsession``.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.validate import validator

import webtest

from eilogin.errors import StoreUnavailable
from eilogin.filters.appsession import make_appsession
from eilogin.participant.application.app_session_stores import id_of
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Store
from eilogin.web import environ as env

NOON = 1_800_000_000.0
ANNA = Login(
    who=Subject("https://hub.example", "https://uwv.example", "anna"),
    level="basis",
    started=NOON,
    ends=NOON + 7200,
    confirmed=NOON,
)
BERT = replace(ANNA, who=replace(ANNA.who, name_id="bert"))


def over(store: Any) -> Sessions:
    return Sessions(store, idle=900, max_session=7200)


class Watched:
    """A store that tells what it was asked, and lets something come in between."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[str] = []
        #: What happens once, before the store does this verb.
        self.before: dict[str, Callable[[], object]] = {}
        #: What the store answers no more.
        self.down: set[str] = set()

    def __getattr__(self, verb: str) -> Any:
        def ask(*arguments: Any, **more: Any) -> Any:
            self.asked.append(verb)
            self.before.pop(verb, lambda: None)()
            if verb in self.down:
                raise StoreUnavailable("the store is down")
            return getattr(self.store, verb)(*arguments, **more)

        return ask

    @contextmanager
    def failing(self, *verbs: str) -> Iterator[None]:
        self.down = set(verbs)
        yield
        self.down = set()


def notes(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An app that keeps notes; it knows Beaker and nothing of logins."""
    session = environ["beaker.session"]
    path = environ["PATH_INFO"]
    if path in ("/write", "/forget-to-save"):
        for name, value in parse_qsl(environ["QUERY_STRING"]):
            session[name] = value
    elif path == "/drop":
        for name in environ["QUERY_STRING"].split("&"):
            del session[name]
    elif path in ("/delete", "/invalidate", "/regenerate_id", "/clear"):
        getattr(session, path[1:])()
    if path in ("/write", "/drop", "/save"):
        session.save()
    body = b"" if path == "/ignore" else json.dumps(own(session)).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


def own(session: Any) -> dict[str, Any]:
    beakers = ("_creation_time", "_accessed_time", "_domain", "_path")
    return {name: session[name] for name in session if name not in beakers}


def opened(environ: dict[str, Any], start_response: Any) -> Any:
    """An app that does what it is told to."""
    return environ["opened"](environ, start_response)


class Visitor:
    """A browser before a pipeline of a pretended ``session`` and the real filter."""

    def __init__(
        self,
        sessions: Sessions,
        app: Callable[..., Iterable[bytes]] = notes,
        **options: str,
    ) -> None:
        self.sessions = sessions
        self.filter = make_appsession(validator(app), {}, **options)
        #: For requests that stay open, which are told by environ.
        self.opening = make_appsession(opened, {}, **options)
        self.token = ""
        self.name = ""
        self.browser = webtest.TestApp(validator(self.pipeline))

    def pipeline(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[env.SESSIONS] = self.sessions
        environ[env.SESSION] = self.sessions.find(self.token)
        environ[env.ADDRESS] = None
        return self.filter(environ, start_response)

    def log_in(self, login: Login = ANNA, **more: Any) -> None:
        self.token = self.sessions.create_login(login, issued=NOON, **more)
        self.name = id_of(self.login)

    def step_up(self) -> None:
        self.log_in(replaces=self.login)

    @property
    def login(self) -> Login:
        login = self.sessions.find(self.token)
        assert login is not None
        return login

    def get(self, path: str) -> Any:
        """The notes as the app has seen them."""
        answer = self.browser.get(path)
        assert "Set-Cookie" not in answer.headers
        return json.loads(answer.text or "null")

    @property
    def key(self) -> str:
        return f"appsession:{self.name}"

    def stored(self) -> str | None:
        """What is kept with the last login."""
        return self.sessions.store.get(self.key)


class Request:
    """A request of a visitor who is logged in, until its answer is started."""

    def __init__(self, visitor: Visitor) -> None:
        environ = {
            env.SESSIONS: visitor.sessions,
            env.SESSION: visitor.login,
            env.ADDRESS: None,
        }
        visitor.opening({**environ, "opened": self.open}, lambda *_: None)

    def open(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.session = environ["beaker.session"]
        self.start = start_response
        # It is loaded when it is looked at.
        self.session.get("note")
        return []

    def write(self, **notes: Any) -> "Request":
        for name, value in notes.items():
            self.session[name] = value
        return self

    def drop(self, *names: str) -> "Request":
        for name in names:
            del self.session[name]
        return self

    def finish(self) -> None:
        self.session.save()
        self.start("200 OK", [])
