"""The limits of ``eilogin serve`` where its section sets none, and of its log."""

import http.client
import resource
import threading

import pytest

from eilogin.cli.serving import server_limits, slow_clients

pytestmark = pytest.mark.usefixtures("logging_as_before")


class TestWithLimits:
    def test_takes_ours_where_the_section_has_none(self):
        found = server_limits.with_limits({"listen": "127.0.0.1:1"})
        assert found["listen"] == "127.0.0.1:1"
        assert found["max_request_body_size"] == str(server_limits.BODY)
        assert found["channel_timeout"] == str(server_limits.IDLE)
        assert found["asyncore_use_poll"] == "true"

    @pytest.mark.parametrize("name", ["max_request_body_size", "connection_limit"])
    def test_leaves_what_the_section_says(self, name):
        assert server_limits.with_limits({name: "7"})[name] == "7"

    @pytest.mark.parametrize(
        ("most", "servers", "connections"),
        [
            (1024, 1, 500),
            (1024, 2, 480),
            (256, 1, 192),
            (256, 4, 100),
            (resource.RLIM_INFINITY, 2, 500),
        ],
    )
    def test_takes_no_more_connections_than_there_are_descriptors(
        self, monkeypatch, most, servers, connections
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
        found = server_limits.with_limits({}, servers=servers)
        assert found["connection_limit"] == str(connections)


def test_a_body_above_our_limit_is_refused_over_http(serve_length):
    def ask(connect):
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = connect()
        headers = {
            "Content-Length": str(server_limits.BODY + 1),
            "Expect": "100-continue",
        }
        connection.request("POST", "/", headers=headers)
        return connection.getresponse().status

    assert serve_length("", ask) == 413


def test_more_idle_connections_than_waitress_takes_keep_nobody_out(
    serve_length, monkeypatch
):
    # They stay, so the last one does not get in because others are closed.
    monkeypatch.setattr(slow_clients, "WHILE_FULL", 300.0)
    monkeypatch.setattr(slow_clients, "IN_TIME", 300.0)

    def ask(connect):
        for _ in range(110):
            connect()
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = connect()
        connection.request("POST", "/", b"four")
        return connection.getresponse().read()

    assert serve_length("", ask) == b"4"


def test_requests_that_wait_for_a_thread_are_told_once_a_minute(serve_length, caplog):
    def ask(connect):
        def one():
            connection = http.client.HTTPConnection("127.0.0.1")
            connection.sock = connect()
            for _ in range(20):
                connection.request("POST", "/", bytes(100_000))
                connection.getresponse().read()

        visitors = [threading.Thread(target=one) for _ in range(20)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        return True

    assert serve_length("", ask)
    told = [one for one in caplog.records if one.name == "waitress.queue"]
    assert len(told) == 1
    assert "'threads' in [server:…]" in told[0].getMessage()


@pytest.mark.parametrize(
    ("said", "is_noted"),
    [
        ({}, False),
        ({"max_request_body_size": None}, True),
        ({"connection_limit": None}, True),
    ],
    ids=["both", "no size", "no number"],
)
def test_a_server_without_them_is_noted(site, run, said, is_noted):
    site.set("server:main", **said)
    result = run("check", site.file)
    assert ("note: [server:main]: without " in result.stdout) is is_noted
