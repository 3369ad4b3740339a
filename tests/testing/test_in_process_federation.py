"""A federation in one process speaks over its back channel as over a real one."""

import pytest

from eilogin.errors import PeerUnavailable


def test_a_peer_that_is_down_or_does_not_know_the_address_is_unavailable(federation):
    channel = federation.trusts["uwv.test"].back_channel
    with pytest.raises(PeerUnavailable, match="status 404"):
        channel.post("https://stad.test/eilogin/nothing", b"")
    federation.down.add("stad.test")
    with pytest.raises(PeerUnavailable, match="down"):
        channel.post("https://stad.test/eilogin/slo/soap", b"")
