"""A failed connection says why."""

import errno
import re
import socket

import pytest
from peer_answers import FINE, unused_port

from eilogin.errors import PeerUnavailable
from eilogin.http_client import Reachability


class TestAPeerThatIsNotThere:
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_is_unavailable_where_nothing_listens(self, channel, scheme):
        url = f"{scheme}://uwv.localhost:{unused_port()}/"
        message = (
            f"{url} refuses connections: [Errno {errno.ECONNREFUSED}] Connection ref"
        )
        with pytest.raises(PeerUnavailable, match=re.escape(message)):
            channel().post(url, b"")

    @pytest.mark.parametrize(
        "url",
        [
            pytest.param("http://uwv.invalid/", id="unknown name"),
            pytest.param(f"http://{'a' * 64}.invalid/", id="impossible name"),
            pytest.param("ftp://localhost/", id="another scheme"),
            pytest.param("localhost", id="no scheme"),
            pytest.param("http://[::1", id="broken"),
        ],
    )
    def test_is_unavailable_where_its_address_is_wrong(self, channel, url, monkeypatch):
        def unknown(*args, **kwargs):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(url, b"")
        assert "Connection(" not in str(caught.value)
        assert channel().look(url) in {Reachability.CUT_OFF, Reachability.SILENT}

    def test_is_unavailable_where_no_address_belongs_to_its_name(
        self, channel, monkeypatch
    ):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [])
        with pytest.raises(PeerUnavailable, match="no address"):
            channel().post("http://uwv.example/", b"")

    def test_is_not_named_with_what_may_be_secret(self, channel):
        url = f"http://user:secret@localhost:{unused_port()}/soap?token=secret"
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(url, b"")
        assert "secret" not in str(caught.value)

    def test_is_looked_for_at_its_second_address_too(self, peer, channel, monkeypatch):
        server = peer(FINE)
        no_family = 12345  # as ::1 is where a kernel has no IPv6
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, **k: [
                (no_family, 1, 6, "", ("::1", port)),
                (socket.AF_INET, 1, 6, "", ("127.0.0.1", port)),
            ],
        )
        assert channel().post(server.url("uwv.example"), b"") == b"<fine/>"
