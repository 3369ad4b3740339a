"""The log warns of a proxy whose X-Forwarded-For nobody believes, once an hour."""

import ipaddress

import pytest

from eilogin.web.untrusted_proxies import UntrustedProxies
from eilogin.web.visit import Visit

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1"))


@pytest.fixture
def warned(clock, caplog):
    """Ask from a peer; what the log has then."""
    proxies = UntrustedProxies("https://uwv.test/metadata", TRUSTED)

    def ask(peer, forwarded="203.0.113.5"):
        environ = {"REMOTE_ADDR": peer}
        if forwarded is not None:
            environ["HTTP_X_FORWARDED_FOR"] = forwarded
        caplog.clear()
        proxies.look(Visit(environ))
        return caplog.text

    return ask


@pytest.mark.parametrize(
    ("peer", "called", "option"),
    [
        ("127.0.0.1", "127.0.0.1", "'127.0.0.1'"),
        ("192.168.1.7", "192.168.1.7", "'192.168.1.7'"),
        ("fe80::1%eth0", "fe80::1%eth0", "'fe80::1%eth0'"),
        ("localhost", "a Unix socket", "'unix'"),
        ("", "a Unix socket", "'unix'"),
        # It may be the address of a visitor.
        ("93.184.215.14", "a public address", "its address"),
        ("2606:2800::1", "a public address", "its address"),
        ("nowhere", "a public address", "its address"),
    ],
)
def test_says_what_to_write_into_trusted_proxies(warned, peer, called, option):
    told = warned(peer)
    assert "https://uwv.test/metadata: X-Forwarded-For from" in told
    assert f" from {called} is not trusted" in told
    assert f"write {option} in trusted_proxies" in told
    if called != peer and peer:
        assert peer not in told


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [
        ("127.0.0.1", None),
        ("10.1.2.3", "203.0.113.5"),
        ("::1", "203.0.113.5"),
        # The server has taken it from the header, as waitress does.
        ("203.0.113.5", "198.51.100.1, 203.0.113.5"),
        ("203.0.113.5", "198.51.100.1, 203.0.113.5, 10.0.0.2, 10.0.0.1"),
    ],
)
def test_is_quiet_where_nothing_is_to_be_done(warned, peer, forwarded):
    assert not warned(peer, forwarded)
    assert not warned(peer, forwarded)
    assert warned("127.0.0.1"), "and it has used nothing up"


def test_warns_once_an_hour_whoever_asks(warned, clock):
    assert warned("127.0.0.1")
    clock.shift(3599)
    assert not warned("127.0.0.1")
    assert not warned("192.168.1.7", "a,b")
    clock.shift(2)
    assert warned("192.168.1.7")


def test_remembers_a_bounded_number_of_trusted_proxies(monkeypatch):
    monkeypatch.setattr("eilogin.web.untrusted_proxies._MOST", 2)
    proxies = UntrustedProxies("uwv", TRUSTED)
    for number in range(4):
        peer = f"10.0.0.{number}"
        proxies.look(Visit({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "x"}))
    assert len(proxies._trusted_peers) == 2  # noqa: SLF001 - nothing else shows it
