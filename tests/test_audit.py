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
