"""What is remembered of logouts that a hub inside has not told to all."""

from types import SimpleNamespace

import pytest

from eilogin.errors import StoreUnavailable, Unavailable
from eilogin.participant.inner_hub import InnerHub
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import Values, open_store
from eilogin.web import environ as env
from eilogin.web.logout_above import InnerHubLogout
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.visit import Visit

HUB, HERE = "https://inloggen.test/metadata", "https://gemeente.test/metadata"
ANNA = Subject(HUB, HERE, "anna")
MAX_SESSION = 120 * 60


class HubInside(PipelinePart):
    """Says whether all know it, and remembers what it was told."""

    eilogin_part = "hub"

    def __init__(self):
        self.is_everywhere = True
        self.is_down = False
        self.told = []

    def __call__(self, environ, start_response):
        raise AssertionError("no request passes between the filters and the hub")

    def hand_on(self, outer):
        return [InnerHubLogout("https://gemeente.test/", self.end)]

    def end(self, ended):
        if self.is_down:
            raise StoreUnavailable("down")
        self.told.append(ended)
        return self.is_everywhere


@pytest.fixture
def hub():
    return HubInside()


@pytest.fixture
def inside(hub):
    return InnerHub(hub)


@pytest.fixture
def environ(clock):
    own = SimpleNamespace(
        entity_id=HERE, hub_inside="", mount="", public_url="https://gemeente.test"
    )
    sessions = Sessions(open_store("memory:"), idle=900, max_session=MAX_SESSION)
    return {env.SESSIONS: sessions, env.TRUST: SimpleNamespace(own=own)}


@pytest.fixture
def log_out(inside, environ, hub):
    """Log her out; whether all know it, and of what was before."""

    def log_out(*logins, is_everywhere):
        hub.is_everywhere = is_everywhere
        return inside.tell(Visit(environ), inside.note(Visit(environ), ANNA), logins)

    return log_out


def login():
    return Login(who=ANNA, level="basis", started=0.0, ends=1.0, confirmed=0.0)


def test_nobody_is_asked_about_a_logout_that_all_know(log_out, hub):
    assert log_out(login(), is_everywhere=True)
    assert log_out(is_everywhere=False)
    assert len(hub.told) == 1


def test_one_that_not_all_know_is_asked_about_until_they_do(log_out, hub):
    missed = login()
    assert not log_out(missed, is_everywhere=False)
    assert [log_out(is_everywhere=known) for known in (False, False, True)] == [
        False,
        False,
        True,
    ]
    assert [one.logins for one in hub.told[1:]] == [()] * 3
    assert {tuple(one.before) for one in hub.told[1:]} == {((missed.name, ANNA),)}
    assert log_out(is_everywhere=False)


def test_a_later_one_is_known_when_those_before_it_are(log_out, hub):
    missed = login()
    log_out(missed, is_everywhere=False)
    assert log_out(login(), is_everywhere=True)
    assert [one.name for one in hub.told[-1].before] == [missed.name]
    assert log_out(is_everywhere=False)


def test_of_two_at_once_the_one_that_missed_somebody_is_remembered(
    inside, environ, hub, log_out
):
    first = inside.note(Visit(environ), ANNA)
    assert not log_out(login(), is_everywhere=False)
    hub.is_everywhere = True
    assert inside.tell(Visit(environ), first, [login()])
    assert not log_out(is_everywhere=False)


def test_of_two_at_once_the_first_may_miss_somebody_too(inside, environ, hub, log_out):
    first = inside.note(Visit(environ), ANNA)
    assert log_out(login(), is_everywhere=True)
    hub.is_everywhere = False
    assert not inside.tell(Visit(environ), first, [login()])
    assert not log_out(is_everywhere=False)


def test_nobody_knows_what_comes_of_one_that_is_at_work(inside, environ, log_out):
    first = inside.note(Visit(environ), ANNA)
    assert not log_out(is_everywhere=True)
    assert inside.tell(Visit(environ), first, [login()])
    assert log_out(is_everywhere=True)


def test_one_whose_process_has_died_is_known_with_a_later_one(inside, environ, log_out):
    inside.note(Visit(environ), ANNA)
    assert not log_out(is_everywhere=True)
    assert log_out(login(), is_everywhere=True)
    assert log_out(is_everywhere=True)


def test_a_hub_that_does_not_answer_leaves_it_unknown(log_out, hub, caplog):
    hub.is_down = True
    assert not log_out(login(), is_everywhere=True)
    assert "the hub inside did not answer (down)" in caplog.text
    assert not log_out(is_everywhere=True)
    hub.is_down = False
    assert log_out(is_everywhere=True)


def test_a_hub_of_another_prefix_ends_nothing(log_out, hub, environ, caplog):
    environ[env.TRUST].own.hub_inside = "/idp"
    assert not log_out(login(), is_everywhere=True)
    assert hub.told == []
    assert "as our 'hub_inside', which is '/idp'" in caplog.text


def test_it_is_over_when_nobody_can_be_logged_in_from_before(log_out, clock):
    log_out(login(), is_everywhere=False)
    clock.shift(MAX_SESSION + 1)
    assert log_out(is_everywhere=False)


def test_later_logout_confirms_logout_noted_by_another_version(environ, log_out):
    key = f"missed-inside:{ANNA.label()}"
    Visit(environ).values.add(key, "", MAX_SESSION * 1e9)
    assert not log_out(is_everywhere=True)
    assert log_out(login(), is_everywhere=True)
    assert log_out(is_everywhere=True)


def test_of_many_the_latest_are_remembered(log_out, hub):
    for _ in range(25):
        log_out(login(), is_everywhere=False)
    assert not log_out(is_everywhere=False)
    assert len(hub.told[-1].before) < 25


def test_one_that_cannot_be_noted_ends_nothing(inside, environ, monkeypatch):
    monkeypatch.setattr(Values, "change", lambda *_: False)
    with pytest.raises(Unavailable):
        inside.note(Visit(environ), ANNA)
