import pytest
import time_machine

START = "2026-11-24T09:00:00Z"


def show_visitor(environ, start_response):
    """An app that says who it sees, and nothing else."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    user = environ.get("REMOTE_USER", "")
    path = environ["PATH_INFO"]
    return [f"<p>{path} user=[{user}]</p>".encode()]


@pytest.fixture
def clock():
    """A clock that stands still until the test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def federation(eilogin_federation):
    return eilogin_federation(
        {"uwv.test": show_visitor, "stad.test": show_visitor, "land.test": show_visitor},
        options={
            "stad.test": {"acs": "post"},
            "land.test": {
                "protect": "=/ optional\n/static off\n/percelen midden",
            },
        },
    )
