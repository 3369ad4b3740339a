"""Limits of paths, where a login outlasts what the hub has said of it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from eilogin.clock import now
from eilogin.participant.policy import path_limits
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.web import environ as env
from eilogin.web.visit import Visit

MINUTE = 60
HUB = "https://hub.test/metadata"
UWV = "https://uwv.test/metadata"
RULE = SimpleNamespace(has_limits=True, need="basis", max_age=None, idle=5 * MINUTE)


@pytest.fixture
def sessions(clock):
    return Sessions(open_store("memory:"), idle=15 * MINUTE, max_session=120 * MINUTE)


@pytest.fixture
def environ(sessions):
    own = SimpleNamespace(entity_id=UWV)
    return {env.SESSIONS: sessions, env.TRUST: SimpleNamespace(own=own)}


def test_a_pause_is_not_forgotten_when_the_login_is_prolonged(sessions, environ, clock):
    begun = now()
    anna = Login(
        who=Subject(HUB, UWV, "anna"),
        level="basis",
        started=begun,
        ends=begun + 15 * MINUTE,
        confirmed=begun,
        proven={"basis": begun},
    )
    login = sessions.find(sessions.create_login(anna, issued=begun))
    clock.shift(6 * MINUTE)
    path_limits.note_pause(Visit(environ), login, [RULE.idle])
    longer = replace(anna, ends=begun + 60 * MINUTE)
    token = sessions.create_login(longer, issued=now(), replaces=login)
    for _ in range(5):
        login = sessions.find(token)
        assert path_limits.needs_proof(Visit(environ), login, RULE)
        clock.shift(3 * MINUTE)
        sessions.touch(login)
