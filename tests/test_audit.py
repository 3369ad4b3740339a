import io
import json
import logging

import time_machine

from eilogin import audit


@time_machine.travel("2026-11-24T09:00:00Z", tick=False)
def test_an_event_is_one_line_of_json_with_fixed_fields(caplog):
    caplog.set_level(logging.INFO, "eilogin.audit")
    audit.event("login", peer="https://uwv.test/\n", level="basis")
    (record,) = caplog.records
    assert "\n" not in record.message
    assert json.loads(record.message) == {
        "time": "2026-11-24T09:00:00.000+00:00",
        "code": "login",
        "outcome": "ok",
        "reference": None,
        "pseudonym": None,
        "session": None,
        "peer": "https://uwv.test/\n",
        "level": "basis",
        "reason": None,
        "by": None,
        "changes": None,
    }


class BraceFormatter(logging.Formatter):
    """Treats the template of a record as a format string, as a colour formatter may."""

    def format(self, record):
        record.msg = record.msg.format(**vars(record))
        return super().format(record)


def test_writes_the_event_through_a_formatter_that_uses_braces(capsys):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(BraceFormatter())
    log = logging.getLogger("eilogin.audit")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        audit.event("login", peer="https://uwv.test/%s{0}", level="basis")
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
    assert json.loads(stream.getvalue())["peer"] == "https://uwv.test/%s{0}"
    assert "Logging error" not in capsys.readouterr().err
