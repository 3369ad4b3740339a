import pytest

from eilogin.errors import PipelineOrder
from eilogin.web import environ as env

ACCESSORS = [
    (env.sessions, env.SESSIONS, "session"),
    (env.session, env.SESSION, "session"),
    (env.cookie, env.COOKIE, "session"),
    (env.trust, env.TRUST, "trust"),
    (env.address, env.ADDRESS, "trust"),
    (env.login, env.LOGIN, "login"),
]
IDS = [key for _, key, _ in ACCESSORS]


@pytest.mark.parametrize(("accessor", "key", "set_by"), ACCESSORS, ids=IDS)
class TestAKey:
    def test_is_given_as_it_was_set(self, accessor, key, set_by):
        value = object()
        assert accessor({key: value}) is value

    def test_that_is_missing_names_the_filter_and_the_right_order(
        self, accessor, key, set_by
    ):
        with pytest.raises(PipelineOrder) as refused:
            accessor({})
        assert f"the filter '{set_by}' is missing" in str(refused.value)
        assert " ".join(env.ORDER) in str(refused.value)


@pytest.mark.parametrize("accessor", [env.session, env.address])
def test_that_there_is_none_is_not_that_nobody_looked(accessor):
    assert accessor({env.SESSION: None, env.ADDRESS: None}) is None
