"""The stored form of a logout's outcome, which two versions may share."""

import json

import pytest

from eilogin.errors import MessageUnexpected
from eilogin.hub.logout.logout_outcomes import LogoutOutcome
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.sessions import Subject

TOLD = Recipient("https://dead.test/metadata", Subject("hub", "sp", "anna"), ("_1",))
OUTCOME = LogoutOutcome(
    is_known=True,
    handle="handle",
    missed=[TOLD],
    is_overtaken=True,
    above=["_above"],
    ended=["key"],
    proof="proof",
    reached=["https://live.test/metadata"],
    whose="anna's label",
    older=["older"],
)
#: As every version since the first has written it.
STORED = [
    True,
    "handle",
    [TOLD.as_json()],
    True,
    ["_above"],
    ["key"],
    "proof",
    ["https://live.test/metadata"],
    "anna's label",
    ["older"],
]


def test_keeps_the_order_of_the_stored_parts() -> None:
    assert OUTCOME.to_json() == json.dumps(STORED)


def test_reads_its_own_text() -> None:
    assert LogoutOutcome.from_json(OUTCOME.to_json()) == OUTCOME


def test_ignores_parts_of_a_newer_version() -> None:
    assert LogoutOutcome.from_json(json.dumps([*STORED, {"new": 1}])) == OUTCOME


def test_reads_fewer_parts_of_an_older_version() -> None:
    outcome = LogoutOutcome.from_json(json.dumps(STORED[:4]))
    assert outcome == LogoutOutcome(True, "handle", [TOLD], is_overtaken=True)


@pytest.mark.parametrize("text", ["", "{}", "1", "[]", "[true]", '[true, "handle", 1]'])
def test_rejects_another_text(text: str) -> None:
    with pytest.raises(MessageUnexpected):
        LogoutOutcome.from_json(text)
