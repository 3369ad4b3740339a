"""A quick check whether anybody answers at an address."""

import errno
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peer_answers import full_listener, gateway, unused_port

from eilogin.http_client import Reachability, back_channel


class TestAQuickLook:
    """Asks, and does not only knock; what is not certain is nobody's absence."""

    @pytest.mark.parametrize("status", [502, 503, 504])
    def test_hears_of_a_gateway_that_nobody_is_there(self, peer, channel, status):
        server = peer(gateway(status))
        assert channel().look(server.url(path="/slo")) is Reachability.AWAY
        assert server.requests[0].startswith(b"HEAD /slo HTTP/1.1\r\n")

    @pytest.mark.parametrize("status", [200, 204, 303, 400, 404, 405, 500, 501])
    def test_hears_of_the_peer_itself_that_it_is(self, peer, channel, status):
        assert (
            channel().look(peer(gateway(status)).url("uwv.localhost"))
            is Reachability.THERE
        )

    def test_is_refused(self, channel):
        for scheme in ("http", "https"):
            url = f"{scheme}://localhost:{unused_port()}/"
            assert channel().look(url) is Reachability.REFUSED

    def test_is_refused_at_one_of_its_addresses(self, channel, monkeypatch):
        """The other one is of a family for which this machine has no route."""
        port, connect = unused_port(), socket.socket.connect
        both = [
            (family, socket.SOCK_STREAM, 0, "", address)
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", port)),
                (socket.AF_INET, ("192.0.2.1", port)),
            )
        ]

        def no_route(sock, address):
            if address[0] == "192.0.2.1":
                raise OSError(errno.ENETUNREACH, "Network is unreachable")
            connect(sock, address)

        class Socket(socket.socket):
            connect = no_route

        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
        monkeypatch.setattr(socket, "socket", Socket)
        assert channel().look(f"http://uwv.example:{port}/") is Reachability.REFUSED

    @pytest.mark.parametrize("has_tls", [False, True])
    def test_waits_no_longer_than_it_may(self, peer, channel, has_tls):
        scheme = "https" if has_tls else "http"
        start = time.monotonic()
        silent = peer(lambda peer, connection: peer.stop.wait(120))
        url = f"{scheme}://127.0.0.1:{silent.port}/"
        assert channel().look(url, timeout=0.2) is Reachability.SILENT
        with full_listener() as port:
            url = f"{scheme}://127.0.0.1:{port}/"
            assert channel().look(url, timeout=0.2) is Reachability.CUT_OFF
        assert time.monotonic() - start < 30

    def test_gets_nothing_of_who_hangs_up(self, peer, channel, tls):
        def hang_up(peer, connection):
            connection.shutdown(socket.SHUT_RDWR)

        assert channel().look(peer(hang_up).url()) is Reachability.SILENT

    def test_gets_no_tls_of_a_gateway_that_hangs_up(self, channel):
        """As one does that only passes on what comes."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            def hang_up():
                connection, _ = listener.accept()
                connection.close()

            # How that shows depends on who is faster.
            for _ in range(30):
                with ThreadPoolExecutor(1) as threads:
                    threads.submit(hang_up)
                    outcome = channel().look(f"https://127.0.0.1:{port}/")
                assert outcome is Reachability.SILENT

    def test_does_not_find_everybody(self, channel, monkeypatch):
        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        assert channel().look("https://uwv.invalid/") is Reachability.CUT_OFF

    def test_trusts_not_everybody_and_sees_them_all_the_same(self, peer, channel, tls):
        url = peer(gateway(503), tls=tls).url("localhost")
        assert channel().look(url) is Reachability.THERE

    def test_sees_nothing_by_a_proxy_that_is_away_or_refuses(self, peer, channel):
        back = channel(proxy=f"http://localhost:{unused_port()}")
        assert back.look("https://uwv.example/") is Reachability.CUT_OFF
        for status in (403, 503):
            back = channel(proxy=peer(gateway(status)).url(path=""))
            assert back.look("https://uwv.example/") is Reachability.CUT_OFF

    def test_that_finds_nobody_is_in_the_log_until_it_finds_something_else(
        self, peer, channel, monkeypatch, caplog
    ):
        moment = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: moment)
        server, back = peer(gateway(503)), channel()
        url, messages = server.url(path="/a"), []
        for status in (503, 503, 204, 204, 503):
            server.behave = lambda _, connection, s=status: connection.sendall(
                gateway(s)
            )
            caplog.clear()
            back.look(f"{url}?x=y")
            messages.append(caplog.text.count(f"{url} is down: a gateway answers"))
            moment += 6.0
        assert messages == [1, 0, 0, 0, 1]

    def test_holds_for_five_seconds_of_that_address(self, peer, channel, monkeypatch):
        moment = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: moment)
        server, back = peer(gateway(503)), channel()
        assert back.look(server.url(path="/a")) is Reachability.AWAY
        moment = 1004.9
        server.behave = lambda peer, connection: connection.sendall(gateway(204))
        assert back.look(server.url(path="/a")) is Reachability.AWAY
        assert len(server.requests) == 1
        assert back.look(server.url(path="/b")) is Reachability.THERE
        moment = 1005.0
        assert back.look(server.url(path="/a")) is Reachability.THERE

    @pytest.mark.parametrize("previous", [None, Reachability.THERE, Reachability.AWAY])
    def test_is_taken_by_one_while_others_go_by_what_is_known(
        self, channel, monkeypatch, previous
    ):
        """A peer that hangs would hold a thread of each of them for two seconds."""
        looks, goes_on = threading.Semaphore(0), threading.Event()
        moment, back, url = 1000.0, channel(), "https://uwv.example/"

        def look(*_):
            looks.release()
            assert goes_on.wait(30)
            return Reachability.CUT_OFF

        monkeypatch.setattr(time, "monotonic", lambda: moment)
        if previous is not None:
            monkeypatch.setattr(back, "_check", lambda *_: previous)
            assert back.look(url) is previous
        moment = 1005.0
        monkeypatch.setattr(back, "_check", look)
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(back.look, url)
            assert looks.acquire(timeout=30)
            try:
                assert {back.look(url) for _ in range(5)} == {
                    previous or Reachability.SILENT
                }
            finally:
                goes_on.set()
            assert first.result(30) is Reachability.CUT_OFF
        assert back.look(url) is Reachability.CUT_OFF
        assert not looks.acquire(blocking=False), "one has looked"

    def test_that_breaks_off_is_taken_anew(self, channel, monkeypatch):
        def broken(*_):
            raise MemoryError

        back, url = channel(), "https://uwv.example/"
        with monkeypatch.context() as patch:
            patch.setattr(back, "_check", broken)
            with pytest.raises(MemoryError):
                back.look(url)
        monkeypatch.setattr(back, "_check", lambda *_: Reachability.THERE)
        assert back.look(url) is Reachability.THERE

    def test_is_not_remembered_for_ever_more_addresses(self, channel, monkeypatch):
        monkeypatch.setattr(back_channel, "_MOST_CHECKS", 3)
        back = channel()
        monkeypatch.setattr(back, "_check", lambda *_: Reachability.THERE)
        for number in range(5):
            back.look(f"https://uwv{number}.example/")
        remembered = list(back._checks)  # noqa: SLF001 - or count memory
        assert remembered == [f"https://uwv{n}.example/" for n in (2, 3, 4)]
