"""Clocks that differ are logged."""

import pytest
import time_machine
from peer_answers import refusing, saying

from eilogin.errors import PeerUnavailable


class TestTwoClocks:
    """Ours says 2026-03-29T01:00:00Z."""

    @pytest.fixture(autouse=True)
    def ours(self):
        with time_machine.travel("2026-03-29T01:00:00Z", tick=False):
            yield

    @pytest.mark.parametrize(
        ("date", "theirs"),
        [
            (b"Sun, 29 Mar 2026 00:50:00 GMT", "2026-03-29T00:50:00Z"),
            (b"Sun, 29 Mar 2026 01:01:01 GMT", "2026-03-29T01:01:01Z"),
            (b"Sun, 29 Mar 2026 04:00:00 -0000", "2026-03-29T04:00:00Z"),
        ],
    )
    def test_that_differ_are_told(self, peer, channel, caplog, date, theirs):
        dated = b"Date: " + date
        message = f"its clock says {theirs}, and ours says 2026-03-29T01:00:00Z"
        server = peer(refusing(saying("refused, see 2G3-EZP"), dated))
        with pytest.raises(PeerUnavailable) as caught:
            channel().post(server.url(), b"")
        assert str(caught.value).endswith(
            f"500; it says 'refused, see 2G3-EZP'; {message}"
        )
        assert caplog.text == ""
        server = peer(refusing(b"<fine/>", dated, status=b"200 OK"))
        assert channel().post(server.url(), b"") == b"<fine/>"
        (record,) = caplog.records
        assert (record.levelname, record.getMessage()) == (
            "WARNING",
            f"{server.url()} answers, but {message}",
        )

    @pytest.mark.parametrize(
        "date",
        [
            pytest.param(b"Sun, 29 Mar 2026 01:01:00 GMT", id="a minute ahead"),
            pytest.param(b"Sun, 29 Mar 2026 00:59:00 GMT", id="a minute behind"),
            pytest.param(b"yesterday", id="no date"),
            pytest.param(b"Sun, 29 Mar 2026 00:00:00 +" + b"9" * 20, id="no zone"),
            pytest.param(b"Fri, 31 Dec 9999 23:59:59 -2300", id="after all time"),
            pytest.param(b"", id="nothing"),
        ],
    )
    def test_that_need_not_differ_are_not(self, peer, channel, caplog, date):
        server = peer(refusing(b"", b"Date: " + date))
        with pytest.raises(PeerUnavailable, match=r"status 500$"):
            channel().post(server.url(), b"")
        server = peer(refusing(b"<fine/>", b"Date: " + date, status=b"200 OK"))
        assert channel().post(server.url(), b"") == b"<fine/>"
        assert caplog.text == ""
