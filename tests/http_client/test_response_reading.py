"""A peer that misbehaves is unavailable, within the limits of time and size."""

import socket
import time

import pytest
from peer_answers import FINE, full_listener, unused_port
from raw_peer import OK

from eilogin.errors import PeerUnavailable
from eilogin.http_client import back_channel, connections


class TestAPeerThatMisbehaves:
    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            pytest.param(
                b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
                "status 302",
                id="a redirect",
            ),
            pytest.param(
                b"HTTP/1.1 500 Oops\r\nContent-Length: 15\r\n\r\n<soap:Fault/>\r\n",
                "status 500",
                id="a SOAP fault",
            ),
            pytest.param(
                b"HTTP/1.1 204 No Content\r\n\r\n", "status 204", id="no content"
            ),
            pytest.param(
                OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
                "more than 1000 bytes",
                id="too many bytes",
            ),
            pytest.param(
                OK + b"Transfer-Encoding: chunked\r\n\r\n4000\r\n" + b"x" * 0x4000,
                "more than 1000 bytes",
                id="too many bytes in a chunk",
            ),
            pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "not answer", id="not HTTP"),
        ],
    )
    def test_is_unavailable(self, peer, channel, answer, says, monkeypatch):
        monkeypatch.setattr(back_channel, "_LONGEST_RESPONSE", 1000)
        server = peer(answer)
        with pytest.raises(PeerUnavailable, match=says) as caught:
            channel().post(server.url(), b"<ask/>")
        assert server.url() in str(caught.value)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("answer", "has_answered"),
        [
            (b"HTTP/1.1 500 Oops\r\nContent-Length: 13\r\n\r\n<soap:Fault/>", True),
            (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", False),
            (b"HTTP/1.1 503 Oops\r\nContent-Length: 8\r\n\r\n<Faulty>", False),
            (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", False),
            (OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001, True),
            (OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 10, False),
            (b"SSH-2.0-OpenSSH_9.2\r\n", False),
            (b"", False),
        ],
        ids=[
            "fault",
            "status",
            "page",
            "redirect",
            "too long",
            "cut off",
            "not HTTP",
            "nothing",
        ],
    )
    def test_has_had_the_question_where_it_answers(
        self, peer, channel, monkeypatch, answer, has_answered
    ):
        """A request that works once is used up then."""
        monkeypatch.setattr(back_channel, "_LONGEST_RESPONSE", 1000)

        def behave(peer, connection):
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_RDWR)

        with pytest.raises(PeerUnavailable) as caught:
            channel().post(peer(behave).url(), b"")
        assert caught.value.has_answered == has_answered

    def test_that_is_not_there_has_had_no_question(self, channel):
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(f"http://localhost:{unused_port()}/", b"")
        assert not caught.value.has_answered

    @pytest.mark.parametrize(
        ("code", "fault"),
        [
            ("soap-env:Client", "Client"),
            ("Client", "Client"),
            ("S:Client.Authentication", "Client"),
            ("\n soap:Server ", "Server"),
            ("soap:Clients", ""),
            ("soap:Sender", ""),
            ("x" * 100 + ":Client", ""),
            ("", ""),
        ],
    )
    def test_says_in_a_soap_fault_who_is_at_fault(self, peer, channel, code, fault):
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
            f"<e:Fault><faultcode>{code}</faultcode><faultstring>x</faultstring>"
            "</e:Fault></e:Body></e:Envelope>"
        ).encode()
        head = f"HTTP/1.1 500 Oops\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with pytest.raises(PeerUnavailable, match="it says 'x'") as caught:
            channel().post(peer(head + body).url(), b"")
        assert caught.value.fault == fault

    def test_is_unavailable_where_it_closes_halfway(self, peer, channel):
        def behave(peer, connection):
            connection.sendall(OK + b"Content-Length: 7\r\n\r\n<fi")
            connection.shutdown(socket.SHUT_RDWR)

        with pytest.raises(PeerUnavailable):
            channel().post(peer(behave).url(), b"")

    def test_does_not_follow_a_dropped_answer_into_the_next(self, peer, channel):
        answers = [
            b"HTTP/1.1 500 Oops\r\nContent-Length: 15\r\n\r\n<soap:Fault/>\r\n",
            FINE,
        ]
        server = peer(lambda peer, connection: connection.sendall(answers.pop(0)))
        back = channel()
        with pytest.raises(PeerUnavailable):
            back.post(server.url(), b"")
        assert back.post(server.url(), b"") == b"<fine/>"

    def drip_the_head(self, connection):
        for number in range(1000):
            connection.sendall(b"X" if number else OK)
            yield

    def drip_the_body(self, connection):
        connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x")
            yield

    def say_nothing(self, connection):
        while True:
            yield

    @pytest.mark.parametrize(
        "way",
        [
            (how, over)
            for how in ("drip_the_head", "drip_the_body", "say_nothing")
            for over in ("plain", "tls")
        ],
        ids=" over ".join,
    )
    def test_holds_nobody_longer_than_the_limit(
        self, peer, channel, certificates, tls, way
    ):
        how, over = way

        def behave(peer, connection):
            for _ in getattr(self, how)(connection):
                if peer.stop.wait(0.05):
                    return

        server = peer(behave, tls=tls if over == "tls" else None)
        back = channel(ca_file=certificates / "authority.crt", timeout=0.5)
        start = time.monotonic()
        with pytest.raises(PeerUnavailable, match=r"within 0\.5 s"):
            back.post(server.url(), b"")
        assert time.monotonic() - start < 30

    def test_gets_no_byte_more_once_its_time_is_over(self):
        own_socket, other_socket = socket.socketpair()
        with own_socket, other_socket, own_socket.makefile("rb", buffering=0) as raw:
            other_socket.sendall(b"x")
            with pytest.raises(TimeoutError):
                # By itself: from outside it is a race of microseconds.
                connections._Deadline(own_socket, raw, 0.0).readinto(bytearray(1))  # noqa: SLF001

    def test_gets_the_time_that_one_call_names(self, peer, channel):
        server = peer(lambda peer, connection: peer.stop.wait(120))
        start = time.monotonic()
        with pytest.raises(PeerUnavailable, match=r"within 0\.2 s"):
            channel(timeout=60).post(server.url(), b"", timeout=0.2)
        assert time.monotonic() - start < 30

    def test_is_unavailable_where_it_accepts_nothing(self, channel):
        with full_listener() as port:
            start = time.monotonic()
            with pytest.raises(PeerUnavailable, match="within"):
                channel(timeout=0.3).post(f"http://127.0.0.1:{port}/", b"")
            assert time.monotonic() - start < 30
