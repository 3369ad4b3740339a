"""The log and the audit log of a refusal."""

from rendered_pages import refusal

from eilogin.errors import (
    MalformedMessage,
    PeerUnavailable,
)


def test_page_log_and_audit_share_a_reference(pages, caplog):
    error = MalformedMessage("found <evil>\nand\x07 more")
    page, log, event = refusal(pages, caplog, error)
    reference = event["reference"]
    assert page.status_code == 400
    assert reference in page.text
    assert "evil" not in page.text
    assert log.levelname == "WARNING"
    assert log.getMessage() == (
        f"{reference} login refused (message-malformed): found <evil>\\x0aand\\x07 more"
    )
    assert log.exc_info is None
    assert {k: event[k] for k in event if k not in ("time", "reference")} == {
        "code": "login",
        "outcome": "refused",
        "pseudonym": None,
        "session": None,
        "peer": None,
        "level": None,
        "reason": "message-malformed",
        "by": None,
        "changes": None,
    }


def test_unavailable_peer_is_logged_as_error_and_failure(pages, caplog):
    page, log, event = refusal(pages, caplog, PeerUnavailable("down"))
    assert page.status_code == 502
    assert log.levelname == "ERROR"
    assert "login failed (peer-unavailable): down" in log.getMessage()
    assert event["outcome"] == "failed"


def test_an_unexpected_error_leaves_its_traceback_in_the_log_alone(pages, caplog):
    try:
        {}["secret"]
    except KeyError as error:
        page, log, event = refusal(pages, caplog, error)
    assert page.status_code == 500
    assert "secret" not in page.text
    assert "Traceback" not in page.text
    assert log.exc_info[0] is KeyError
    assert event["reason"] == "internal"


def test_a_long_cause_is_cut(pages, caplog):
    _, log, _ = refusal(pages, caplog, MalformedMessage("x" * 100_000))
    assert len(log.getMessage()) < 1100
