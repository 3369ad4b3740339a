from types import SimpleNamespace

import pytest

from eilogin import clock as instants
from eilogin.errors import PipelineOrder, StoreUnavailable
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pipeline.pipeline_parts import order
from eilogin.web.visit import Visit

ACCESSORS = [
    ("sessions", env.SESSIONS, "session"),
    ("session", env.SESSION, "session"),
    ("session_or_none", env.SESSION, "session"),
    ("cookie", env.COOKIE, "session"),
    ("trust", env.TRUST, "trust"),
    ("address", env.ADDRESS, "trust"),
]


@pytest.mark.parametrize(("accessor", "key", "set_by"), ACCESSORS)
class TestAKey:
    def test_is_given_as_it_was_set(self, accessor, key, set_by):
        value = object()
        assert getattr(Visit({key: value}), accessor) is value

    def test_that_is_missing_names_the_filter_and_the_right_order(
        self, accessor, key, set_by
    ):
        with pytest.raises(PipelineOrder) as refused:
            getattr(Visit({}), accessor)
        assert f"the filter '{set_by}' is missing" in str(refused.value)
        assert f"expected this order: {order()}" in str(refused.value)


def test_a_session_that_trust_has_not_checked_is_not_given():
    login = object()
    with pytest.raises(PipelineOrder, match="the filter 'trust' is missing"):
        assert Visit({env.SESSION: login}).session_checked
    with pytest.raises(PipelineOrder, match="the filter 'session' is missing"):
        assert Visit({env.ADDRESS: None}).session_checked
    assert Visit({env.SESSION: login, env.ADDRESS: None}).session_checked is login


@pytest.mark.parametrize("accessor", ["session", "session_or_none", "address"])
def test_that_there_is_none_is_not_that_nobody_looked(accessor):
    visit = Visit({env.SESSION: None, env.ADDRESS: None})
    assert getattr(visit, accessor) is None


class TestWhileNobodyCanTell:
    FAULT = StoreUnavailable("the disk is gone")
    ENVIRON = {env.SESSION: None, env.SESSION_FAULT: FAULT}  # noqa: RUF012 - not changed

    def test_session_lookup_fails_if_store_is_unavailable(self):
        with pytest.raises(StoreUnavailable):
            assert Visit(self.ENVIRON).session

    def test_optional_session_lookup_returns_none_if_store_is_unavailable(self):
        assert Visit(self.ENVIRON).session_or_none is None


class TestALoginBeyondIdle:
    @pytest.fixture
    def visit(self, clock):
        """An environ with the cookie of a login that was made for ``audience``."""
        sessions = Sessions(open_store("memory:"), idle=900, max_session=7200)
        instant = instants.now()

        def environ(audience):
            who = Subject("https://hub.test/", audience, "anna")
            login = Login(who, "basis", instant, instant + 7200, instant)
            token = sessions.create_login(login, issued=instant)
            return {
                env.SESSIONS: sessions,
                env.COOKIE: Cookie("eilogin"),
                env.TRUST: SimpleNamespace(own=SimpleNamespace(entity_id="uwv")),
                "HTTP_COOKIE": f"__Host-eilogin={token}",
            }

        return environ

    def test_is_there_after_a_while_away(self, visit, clock):
        environ = visit("uwv")
        clock.shift(901)
        assert Visit(environ).session_beyond_idle().subject == "anna"

    def test_is_none_of_another_partys(self, visit):
        assert Visit(visit("stad")).session_beyond_idle() is None

    def test_is_none_without_a_cookie(self, visit):
        assert Visit(visit("uwv") | {"HTTP_COOKIE": ""}).session_beyond_idle() is None


def test_values_of_one_entity_are_hidden_from_another(clock):
    sessions = Sessions(open_store("memory:"), idle=900, max_session=7200)

    def values_of(name):
        own = SimpleNamespace(entity_id=name)
        trust = SimpleNamespace(own=own)
        return Visit({env.SESSIONS: sessions, env.TRUST: trust}).values

    values_of("uwv").add("key", "of uwv", instants.now() + 60)
    assert values_of("uwv").get("key") == "of uwv"
    assert values_of("stad").get("key") is None
