"""Objects that the parts of a loaded pipeline hand on, without a request."""

import pytest

from eilogin.web.pipeline.pipeline_objects import object_in, pipelines_with
from eilogin.web.pipeline.pipeline_parts import PipelinePart


class Store:
    def __init__(self, name):
        self.name = name


class Worker:
    def __init__(self, store):
        self.store = store


class Part(PipelinePart):
    """A part of eilogin that no request reaches."""

    app = None

    def __call__(self, environ, start_response):
        raise AssertionError("a request")


class Keeping(Part):
    """A filter that hands on a store."""

    eilogin_part = "session"

    def __init__(self, app, name):
        self.app = app
        self.store = Store(name)

    def hand_on(self, outer):
        return (self.store,)


class Silent(Part):
    """A filter that hands on nothing."""

    eilogin_part = "login"

    def __init__(self, app):
        self.app = app


class Working(Part):
    """An application that hands on a worker with the store before it."""

    eilogin_part = "hub"

    def hand_on(self, outer):
        yield Worker(outer.get(Store))


def foreign(app):
    """A filter of another project around ``app``."""

    def answer(environ, start_response):
        return app(environ, start_response)

    return answer


def test_a_part_hands_on_an_object_with_those_around_it():
    assert object_in(Keeping(Silent(Working()), "outer"), Worker).store.name == "outer"


def test_the_innermost_object_counts():
    app = Keeping(Keeping(Working(), "inner"), "outer")
    assert object_in(app, Worker).store.name == "inner"


def test_a_filter_of_others_does_not_hide_an_object():
    app = foreign(Keeping(foreign(Working()), "outer"))
    assert object_in(app, Worker).store.name == "outer"


def test_each_application_of_a_composite_has_its_own_objects():
    apps = {name: Keeping(Working(), name) for name in ("uwv", "svb")}
    workers = [it.get(Worker) for it in pipelines_with([*apps.values()], Worker)]
    assert {worker.store.name for worker in workers} == {"uwv", "svb"}


def test_an_object_that_nothing_hands_on_is_reported():
    with pytest.raises(LookupError, match="Worker"):
        object_in(Keeping(foreign(print), "outer"), Worker)
