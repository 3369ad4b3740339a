"""The stored form of a receipt, which two versions may share."""

import json

import pytest

from eilogin.errors import MessageUnexpected
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.receipts.receipt_records import Receipt, ReplyTo
from eilogin.sessions import Subject

TOLD = Recipient("https://dead.test/metadata", Subject("hub", "sp", "anna"), ("_1",))
RECEIPT = Receipt(
    "handle",
    asked={"_request": TOLD},
    unreached=("https://away.test/metadata",),
    back=ReplyTo("https://live.test/metadata", "_asked", "state"),
    is_overtaken=True,
    target="/sso?x",
    proof="proof",
    reached={"https://live.test/metadata": 1000.0},
    whose="anna's label",
    begun=999.0,
    older=["older"],
)
#: As every version since the first has written it.
STORED = [
    {"_request": TOLD.as_json()},
    ["https://away.test/metadata"],
    ["https://live.test/metadata", "_asked", "state"],
    True,
    "/sso?x",
    "proof",
    {"https://live.test/metadata": 1000.0},
    "anna's label",
    999.0,
    ["older"],
]


def test_keeps_the_order_of_the_stored_parts() -> None:
    assert RECEIPT.to_json() == json.dumps(STORED)


def test_reads_its_own_text() -> None:
    assert Receipt.from_json("handle", RECEIPT.to_json()) == RECEIPT


def test_ignores_parts_of_a_newer_version() -> None:
    assert Receipt.from_json("handle", json.dumps([*STORED, {"new": 1}])) == RECEIPT


def test_reads_fewer_parts_of_an_older_version() -> None:
    receipt = Receipt.from_json("handle", json.dumps(STORED[:3]))
    assert receipt.back == RECEIPT.back
    assert not receipt.older


@pytest.mark.parametrize("text", ["", "{}", "1", "[]", "[{}]", "[1, [], null]"])
def test_rejects_another_text(text: str) -> None:
    with pytest.raises(MessageUnexpected):
        Receipt.from_json("handle", text)
