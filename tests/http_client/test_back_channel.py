"""A call: its response in time, its connections, a proxy, a fork."""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peer_answers import FINE, full_listener, unused_port
from raw_peer import OK

from eilogin.errors import ConfigurationError, PeerUnavailable
from eilogin.http_client import BackChannel, back_channel


class TestAnAnswerInTime:
    def test_is_returned_as_bytes(self, peer, channel):
        assert channel().post(peer(FINE).url(), b"<ask/>") == b"<fine/>"

    def test_came_upon_a_soap_1_1_post(self, peer, channel):
        server = peer(FINE)
        channel().post(server.url(path="/slo/soap?x=1"), b"<ask/>")
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        assert lines[0] == "post /slo/soap?x=1 http/1.1"
        assert "content-type: text/xml; charset=utf-8" in lines
        assert any(line.startswith('soapaction: "http') for line in lines)
        assert "accept-encoding: identity" in lines
        assert body == b"<ask/>"

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(OK + b"Connection: close\r\n\r\n<fine/>", id="until closed"),
            pytest.param(
                OK + b"Transfer-Encoding: chunked\r\n\r\n7\r\n<fine/>\r\n0\r\n\r\n",
                id="chunked",
            ),
            pytest.param(b"HTTP/1.0 200 Fine\r\n\r\n<fine/>", id="HTTP/1.0"),
            pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + FINE, id="continue"),
        ],
    )
    def test_may_come_in_any_framing(self, peer, channel, answer):
        def behave(peer, connection):
            connection.sendall(answer)
            if b"Content-Length" not in answer and b"chunked" not in answer:
                connection.shutdown(socket.SHUT_WR)

        assert channel().post(peer(behave).url(), b"") == b"<fine/>"

    def test_may_be_as_large_as_the_limit(self, peer, channel, monkeypatch):
        monkeypatch.setattr(back_channel, "_LONGEST_RESPONSE", 200_000)
        body = b"x" * 200_000
        answer = OK + b"Content-Length: 200000\r\n\r\n" + body
        assert channel().post(peer(answer).url(), b"") == body

    def test_leaves_its_connection_to_the_next(self, peer, channel):
        server, back = peer(FINE), channel()
        for _ in range(3):
            back.post(server.url(), b"")
        assert server.connections == 1

    def test_leaves_one_of_each_thread_that_asked_at_once(self, peer, channel, caplog):
        threads = 32
        everyone = threading.Barrier(threads)

        def behave(peer, connection):
            everyone.wait(60)
            connection.sendall(FINE)

        server, back = peer(behave), channel(timeout=60.0)
        for _ in range(2):
            with ThreadPoolExecutor(threads) as pool:
                answers = [
                    pool.submit(back.post, server.url(), b"") for _ in range(threads)
                ]
                assert {answer.result() for answer in answers} == {b"<fine/>"}
        assert server.connections == threads
        assert caplog.text == ""

    def test_leaves_the_next_its_whole_time(self, peer, channel):
        def behave(peer, connection):
            # The second answer takes longer than the first one may.
            time.sleep(2.5 * (len(peer.requests) - 1))
            connection.sendall(FINE)

        server, back = peer(behave), channel()
        back.post(server.url(), b"", timeout=2.0)
        assert back.post(server.url(), b"", timeout=60.0) == b"<fine/>"
        assert server.connections == 1

    def test_of_a_name_under_localhost_needs_no_resolver(
        self, peer, channel, monkeypatch
    ):
        def refuse(*args, **kwargs):
            raise AssertionError(args)

        server = peer(FINE)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        url = server.url("inloggen.localhost")
        assert channel().post(url, b"") == b"<fine/>"
        assert b"\r\nhost: inloggen.localhost" in server.requests[0].lower()

    def test_of_a_name_under_localhost_may_come_over_ipv6(self, peer, channel):
        try:
            server = peer(FINE, family=socket.AF_INET6)
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert channel().post(server.url("uwv.localhost"), b"") == b"<fine/>"


class TestAProxy:
    def test_carries_what_goes_outward_and_nothing_else(self, peer, channel):
        refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        proxy, near = peer(refusal), peer(FINE)
        back = channel(proxy=proxy.url(path=""))
        with pytest.raises(PeerUnavailable, match="403"):
            back.post("https://uwv.example/soap", b"<ask/>")
        assert proxy.requests[0].startswith(b"CONNECT uwv.example:443 ")
        assert b"<ask/>" not in proxy.requests[0]
        assert back.post(near.url("uwv.localhost"), b"") == b"<fine/>"
        assert len(proxy.requests) == 1

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_that_is_not_there_is_named(self, channel, scheme):
        proxy = f"http://localhost:{unused_port()}"
        back = channel(proxy=proxy)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(f"{scheme}://uwv.example/soap", b"<ask/>")
        message = (
            f"/soap is behind back_channel_proxy ({proxy}), which refuses connections"
        )
        assert message in str(caught.value)
        assert "Connection(" not in str(caught.value)

    def test_that_accepts_nothing_is_named(self, channel):
        with full_listener() as port:
            back = channel(proxy=f"http://127.0.0.1:{port}", timeout=0.3)
            with pytest.raises(PeerUnavailable) as caught:
                back.post("https://uwv.example/soap", b"")
        assert f":{port}), which does not answer: timed out" in str(caught.value)

    def test_error_names_a_proxy_with_an_untrusted_certificate(
        self, peer, channel, tls
    ):
        proxy = peer(FINE, tls=tls).url(path="")
        with pytest.raises(PeerUnavailable) as caught:
            channel(proxy=proxy).post("https://uwv.example/soap", b"")
        message = f"({proxy}), which has a certificate that no authority in back_c"
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        "url", ["proxy:3128", "proxy", "socks5://proxy", "http://"]
    )
    def test_has_an_address(self, url):
        with pytest.raises(ConfigurationError, match="expected an address") as caught:
            BackChannel(proxy=url)
        assert f"back_channel_proxy: found '{url}'" in str(caught.value)

    def test_that_asks_for_a_user_is_refused_and_her_password_not_shown(self):
        with pytest.raises(ConfigurationError, match="without a password") as caught:
            BackChannel(proxy="http://me:geheim@proxy:3128")
        assert "geheim" not in str(caught.value)


class TestAProcess:
    def test_opens_connections_of_its_own_after_a_fork(
        self, peer, channel, monkeypatch
    ):
        server, back = peer(FINE), channel()
        back.post(server.url(), b"")
        parent = back._pools  # noqa: SLF001 - a parent lives on, and closes its own
        monkeypatch.setattr(os, "getpid", lambda: -1)
        back.post(server.url(), b"")
        assert server.connections == 2
        parent.direct.clear()

    def test_can_close_and_go_on(self, peer, channel):
        server, back = peer(FINE), channel()
        back.close()
        back.post(server.url(), b"")
        back.close()
        back.post(server.url(), b"")
        assert server.connections == 2


def test_the_repr_tells_no_files():
    assert repr(BackChannel(timeout=1.5)) == "<BackChannel 1.5s>"
