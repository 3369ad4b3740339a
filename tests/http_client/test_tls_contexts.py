"""TLS: who vouches for a peer, and our certificate."""

import re
import socket
import ssl
import struct
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from peer_answers import FINE

from eilogin.errors import ConfigurationError, PeerUnavailable
from eilogin.http_client import BackChannel, ClientCertificate


class TestTLS:
    def test_is_by_who_vouches_for_the_peer(self, peer, channel, certificates, tls):
        server = peer(FINE, tls=tls)
        back = channel(ca_file=certificates / "authority.crt")
        assert back.post(server.url("uwv.localhost"), b"") == b"<fine/>"

    @pytest.mark.parametrize(
        "trusting",
        [
            pytest.param(
                (
                    "stranger.crt",
                    "uwv.localhost",
                    "no authority in back_channel_ca (…/stranger.crt) has signed: ",
                ),
                id="unknown authority",
            ),
            pytest.param(
                (
                    "authority.crt",
                    "digid.localhost",
                    "is not valid for it: Hostname mismatch",
                ),
                id="another's name",
            ),
            pytest.param(
                (
                    None,
                    "uwv.localhost",
                    "no authority in back_channel_ca, the system's authorities has ",
                ),
                id="not the system's",
            ),
        ],
    )
    def test_refuses_a_peer_that_cannot_be_it(
        self, peer, channel, certificates, tls, trusting
    ):
        ca, host, says = trusting
        server = peer(FINE, tls=tls)
        back = channel(ca_file=certificates / ca if ca else None)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(server.url(host), b"")
        assert f"{server.url(host)} has a certificate that {says}" in (
            str(caught.value).replace(str(certificates), "…")
        )
        assert "; ask its administrator " in str(caught.value)
        assert server.requests == []

    def test_shows_our_certificate_where_we_have_one(
        self, peer, channel, certificates, tls
    ):
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificates / "authority.crt")
        server = peer(FINE, tls=tls)
        ca = certificates / "authority.crt"
        pair = certificates / "client.crt", certificates / "client.key"
        back = channel(ca_file=ca, client_certificate=ClientCertificate(*pair))
        assert back.post(server.url(), b"") == b"<fine/>"

    @pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
    def asking(self, peer, certificates, tls, request):
        """The address of a peer that wants to see a certificate of its authority."""
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(certificates / "authority.crt")
        tls.maximum_version = ssl.TLSVersion[request.param]
        return peer(FINE, tls=tls).url()

    def test_says_that_a_peer_wants_to_see_a_certificate(
        self, channel, certificates, asking
    ):
        back = channel(ca_file=certificates / "authority.crt")
        message = "certificate: set tls_client_certificate; ask its administrator which"
        with pytest.raises(PeerUnavailable, match=message):
            back.post(asking, b"")

    def test_says_that_a_peer_wants_to_see_another_certificate(
        self, channel, certificates, asking
    ):
        ca = certificates / "authority.crt"
        pair = certificates / "stranger.crt", certificates / "stranger.key"
        back = channel(ca_file=ca, client_certificate=ClientCertificate(*pair))
        message = (
            r"rejects our tls_client_certificate \(.*/stranger\.crt\); ask its admin"
        )
        with pytest.raises(PeerUnavailable, match=message):
            back.post(asking, b"")

    def test_says_that_a_peer_speaks_none(self, peer, channel, certificates):
        plain = b"HTTP/1.0 400 Bad Request\r\n\r\n"

        def behave(connection):
            with connection:
                connection.recv(65_536)
                connection.sendall(plain)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/soap"
            thread = threading.Thread(
                target=lambda: behave(listener.accept()[0]), daemon=True
            )
            thread.start()
            back = channel(ca_file=certificates / "authority.crt")
            with pytest.raises(PeerUnavailable) as caught:
                back.post(url, b"")
            thread.join(5)
        message = (
            rf"{url} answers, but not with TLS \([A-Z_]+\): does it have a certificate"
        )
        assert re.match(message, str(caught.value))

    def test_says_what_a_peer_may_want_that_hangs_up_without_a_word(
        self, peer, channel, certificates, tls
    ):
        def hang_up(peer, connection):
            now = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            connection.close()

        back = channel(ca_file=certificates / "authority.crt")
        with pytest.raises(PeerUnavailable) as caught:
            back.post(peer(hang_up, tls=tls).url(), b"")
        assert "closed the connection without an answer" in str(caught.value)
        assert "Perhaps it asks for a client certificate" in str(caught.value)
        with pytest.raises(PeerUnavailable) as caught:
            back.post(peer(hang_up).url(), b"")
        assert "closed the connection without an answer" in str(caught.value)
        assert "certificate" not in str(caught.value)

    def test_needs_files_that_are_what_they_should_be(self, certificates, tmp_path):
        not_pem = tmp_path / "not.pem"
        not_pem.write_text("no certificate")
        with pytest.raises(ConfigurationError, match=r"not\.pem"):
            BackChannel(ca_file=not_pem)
        with pytest.raises(ConfigurationError, match=r"missing\.pem"):
            BackChannel(ca_file=tmp_path / "missing.pem")
        with pytest.raises(ConfigurationError, match=r"server\.key"):
            BackChannel(
                client_certificate=ClientCertificate(
                    certificates / "client.crt",
                    certificates / "server.key",
                )
            )

    def test_needs_a_key_without_a_pass_phrase(self, certificates, tmp_path):
        key = serialization.load_pem_private_key(
            (certificates / "client.key").read_bytes(), None
        )
        locked = tmp_path / "locked.key"
        locked.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        with pytest.raises(ConfigurationError, match="pass phrase"):
            BackChannel(
                client_certificate=ClientCertificate(
                    certificates / "client.crt", locked
                )
            )
