"""One arena for all attacks over HTTP: see :mod:`arena`."""

import pytest
import raw_http
from arena import Arena


@pytest.fixture(scope="session")
def one_arena(tmp_path_factory):
    with Arena(tmp_path_factory.mktemp("arena")).open() as servers:
        yield servers


@pytest.fixture(scope="module")
def arena(one_arena):
    """The servers, with somebody signed in: since the last module hers may be over."""
    one_arena.sign_in_victim()
    return one_arena


@pytest.fixture(scope="session", params=["waitress", "gunicorn"])
def served(request, tmp_path_factory):
    """Sites at a real server, for bytes that no client would send (:mod:`raw_http`)."""
    folder = tmp_path_factory.mktemp(request.param)
    with raw_http.SERVERS[request.param](folder) as sites:
        yield sites
