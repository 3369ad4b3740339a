"""Peers that misbehave, back channels, and certificates."""

import ssl

import pytest
from raw_peer import Peer
from tls_servers import certificate

from eilogin.http_client import BackChannel


@pytest.fixture
def peer():
    peers = []

    def start(behave, **kwargs):
        if isinstance(behave, bytes):
            answer = behave
            behave = lambda peer, connection: connection.sendall(answer)  # noqa: E731
        peers.append(Peer(behave, **kwargs))
        return peers[-1]

    yield start
    for server in peers:
        server.close()


@pytest.fixture
def channel():
    channels = []

    def make(**kwargs):
        channels.append(BackChannel(**{"timeout": 2.0, **kwargs}))
        return channels[-1]

    yield make
    for back_channel in channels:
        back_channel.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate(folder, "authority")
    certificate(folder, "server", authority, hosts=("localhost", "uwv.localhost"))
    certificate(folder, "client", authority)
    certificate(folder, "stranger")
    return folder


@pytest.fixture
def tls(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    return context
