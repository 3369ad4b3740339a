"""What cannot be read is told now and then, and not with every request."""

import time

import pytest

from eilogin.stores.unreadable_records import LOG_INTERVAL, Garbage


def test_is_told_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    garbage = Garbage("the store at rest")
    for _ in range(5):
        garbage.note("a session")
    now += LOG_INTERVAL - 1
    garbage.note("a value")
    message = (
        "the store at rest contains a record that cannot be read (a {}); eilogin treats"
        " it as missing"
    )
    assert caplog.messages == [message.format("session")]
    now += 1
    garbage.note("a value")
    assert caplog.messages == [message.format("session"), message.format("value")]
