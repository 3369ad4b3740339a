"""Parts of eilogin are found inside of filters of others, whatever these look like."""

import functools
import logging
from wsgiref.validate import validator

import pytest
from beaker.middleware import SessionMiddleware
from webob.dec import wsgify
from werkzeug.local import LocalProxy
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from eilogin.config import read
from eilogin.filters.identity import IdentityFilter
from eilogin.filters.identity_options import IdentityOptions
from eilogin.hub.hub_app import Hub
from eilogin.portal.portal_app import Portal
from eilogin.web.pipeline.inner_parts import missing_inside, parts_inside
from eilogin.web.pipeline.pipeline_parts import PipelinePart


class Part(PipelinePart):
    """A part of eilogin, as far as its name goes."""

    eilogin_part = "identity"

    def __init__(self, app=None):
        self.app = app

    def __call__(self, environ, start_response):
        raise AssertionError("nothing is called to find it")


class Slotted:
    __slots__ = ("_held",)

    def __init__(self, app):
        self._held = app

    def __call__(self, environ, start_response):
        return self._held(environ, start_response)


class Holder:
    """Is no application itself; a method of it is."""

    def __init__(self, app):
        self.held = app

    def run(self, environ, start_response):
        return self.held(environ, start_response)


class Lazy:
    """Cannot be asked for anything, as an object of a request outside of one."""

    def __init__(self, app):
        object.__setattr__(self, "held", app)

    def __call__(self, environ, start_response):
        return object.__getattribute__(self, "held")(environ, start_response)

    def __getattribute__(self, name):
        raise RuntimeError("working outside of a request")


@wsgify.middleware
def of_webob(request, app):
    return request.get_response(app)


def closure(app):
    def outer(environ, start_response):
        return app(environ, start_response)

    return outer


def default(app):
    def outer(environ, start_response, *, app=app):
        return app(environ, start_response)

    return outer


FILTERS = {
    "itself": lambda app: app,
    "an attribute": Part,
    "slots": Slotted,
    "a method": lambda app: Holder(app).run,
    "an object": lambda app: Slotted(Holder(app)),
    "a closure": closure,
    "a default": default,
    "a partial": lambda app: functools.partial(Part.__call__, app),
    "a list in a dictionary": lambda app: Slotted({"/": [(b"", app)]}),
    "a lazy object": Lazy,
    "WebOb": of_webob,
    "wsgiref": validator,
    "Beaker": lambda app: SessionMiddleware(app, {"session.type": "memory"}),
    "ProxyFix": ProxyFix,
    "a dispatcher": lambda app: DispatcherMiddleware(closure(None), {"/app": app}),
}


@pytest.mark.parametrize("put_around", FILTERS.values(), ids=FILTERS)
def test_a_part_is_found_inside_of(put_around):
    app = Part()
    for _ in range(3):
        app = put_around(app)
        assert parts_inside(app) == {"identity"}
    assert missing_inside(app, "logout", "identity") == ["logout"]


def test_module_globals_are_not_inner_parts(monkeypatch):
    """A filter of another pipeline is no filter of this one."""
    monkeypatch.setitem(globals(), "of_another", Part())
    assert parts_inside(closure(None)) == frozenset()
    assert parts_inside(LocalProxy(lambda: None)) == frozenset()
    assert parts_inside(Part) == frozenset()


def test_parts_of_another_site_in_the_process_are_not_inner_parts():
    """Loggers, for one, lead to everything."""
    logger = logging.getLogger("eilogin.tests.composition")
    logger.addHandler(handler := logging.Handler())
    handler.site = Part()
    try:
        app = Holder({"log": logger, "rest": [closure(logger)]}).run
        assert parts_inside(app) == frozenset()
        assert missing_inside(IdentityFilter(app, read(IdentityOptions, {}, {})),
                              "logout", "identity") == ["logout"]  # fmt: skip
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("part", [Hub, Portal])
def test_an_application_of_ours_needs_no_identity(part):
    assert missing_inside(closure(object.__new__(part)), "logout", "identity") == [
        "logout"
    ]


def test_a_part_is_found_behind_a_filter_with_a_large_table():
    """A filter that serves files, say."""
    app = Slotted(Part())
    for _ in range(3):
        outer = Part.__call__
        app = functools.partial(outer, {n: [n] for n in range(20_000)}, app)
        app = Slotted(app)
    assert parts_inside(app) == {"identity"}


def test_an_endless_application_is_looked_at_for_a_while():
    endless = last = [None]
    for _ in range(100_000):
        last.append([None])
        last = last[-1]
    last.append(Part())
    assert parts_inside(endless) == frozenset()
    assert parts_inside([endless, Part()]) == {"identity"}
