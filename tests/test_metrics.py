"""The numbers of a process: what is counted, what is not, and what it costs."""

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eilogin import audit, metrics
from eilogin.errors import ConfigurationError, StoreUnavailable

PEER = "https://uwv.test/eilogin/metadata"
#: When certificates end, of which there are none.
NONE: dict[tuple[str, str], float] = {}


@pytest.fixture
def meters(monkeypatch):
    """Numbers of which nothing is counted yet, as in a process that has just begun."""
    monkeypatch.setattr(metrics, "_meters", None)
    return metrics.turn_on()


@pytest.fixture
def numbers(meters):
    """Each number that is not nought, by its name and labels (by their names)."""

    def read(undelivered=lambda: 0, ends=NONE, federation=NONE):
        text, _ = meters.exposition("", undelivered, ends, federation)
        return {
            (sample.name, *dict(sorted(sample.labels.items())).values()): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if not sample.name.endswith("_created") and sample.value
        }

    return read


class TestAnEventOfTheAuditLog:
    @pytest.mark.parametrize(
        ("event", "number"),
        [
            (
                {"code": "sign-in", "level": "basis"},
                ("eilogin_sign_ins_total", "basis"),
            ),
            (
                {"code": "login", "peer": PEER, "level": "midden"},
                ("eilogin_logins_total", "midden", PEER),
            ),
            (
                {"code": "logout.received", "peer": PEER, "reason": "2 ended"},
                ("eilogin_logouts_received_total", PEER),
            ),
            (
                {"code": "logout.delivered", "peer": PEER},
                ("eilogin_logout_deliveries_total", "ok", PEER),
            ),
            (
                {
                    "code": "logout.delivered",
                    "outcome": "failed",
                    "peer": PEER,
                    "reason": "peer-unavailable",
                },
                ("eilogin_logout_deliveries_total", "peer-unavailable", PEER),
            ),
            (
                {
                    "code": "login",
                    "outcome": "refused",
                    "peer": "https://who-knows.test",
                    "reason": "RequestDenied",
                },
                ("eilogin_refusals_total", "login", "RequestDenied"),
            ),
            (
                {"code": "sign-in", "outcome": "refused", "reason": "too-often"},
                ("eilogin_refusals_total", "sign-in", "too-often"),
            ),
            (
                {"code": "access", "outcome": "failed", "reason": "store-unavailable"},
                ("eilogin_refusals_total", "access", "store-unavailable"),
            ),
            (
                {"code": "session.ended", "reason": "operator"},
                ("eilogin_sessions_ended_total", "operator"),
            ),
        ],
        ids=lambda value: value["code"] if isinstance(value, dict) else "",
    )
    def test_is_one_more_of_its_number(self, numbers, event, number):
        for _ in range(3):
            audit.event(**event)
        assert numbers() == {number: 3.0}

    @pytest.mark.parametrize("code", ["keep-alive", "form.kept", "address-changed"])
    def test_is_none_where_nobody_asks_how_many(self, numbers, code):
        audit.event(code, peer=PEER, level="basis")
        assert numbers() == {}

    def test_with_a_reason_of_somebody_else_is_among_others(self, numbers):
        for number in range(50):
            audit.event("login", "refused", reason=f"Junk{number}")
        audit.event("login", "refused")
        assert numbers() == {("eilogin_refusals_total", "login", "other"): 51.0}

    def test_does_not_tell_who_it_was(self, meters):
        audit.event(
            "login", pseudonym="1234abcd", session="5678efgh", peer=PEER, level="x"
        )
        text, _ = meters.exposition("", lambda: 0, NONE)
        assert b"1234abcd" not in text
        assert b"5678efgh" not in text

    def test_is_counted_nowhere_before_somebody_asks_for_it(self, monkeypatch):
        monkeypatch.setattr(metrics, "_meters", None)
        audit.event("login", peer=PEER, level="basis")
        metrics.logout_took(1.0)
        text, _ = metrics.turn_on().exposition("", lambda: 0, NONE)
        assert b"eilogin_logins_total{" not in text
        assert b"eilogin_logout_seconds_count 0.0" in text


class TestALogout:
    def test_is_among_those_that_took_as_long(self, numbers):
        metrics.logout_took(0.2)
        metrics.logout_took(4.0)
        values = numbers()
        assert values["eilogin_logout_seconds_count",] == 2
        assert values["eilogin_logout_seconds_sum",] == pytest.approx(4.2)
        assert ("eilogin_logout_seconds_bucket", "0.1") not in values
        assert values["eilogin_logout_seconds_bucket", "0.25"] == 1
        assert values["eilogin_logout_seconds_bucket", "5.0"] == 2

    def test_that_is_not_delivered_yet_is_counted_when_somebody_asks(self, numbers):
        assert numbers(lambda: 7) == {("eilogin_logouts_undelivered",): 7.0}

    def test_is_not_the_only_thing_to_watch(self, numbers):
        ends = {("", "keys: 2026"): 1.9e9, (PEER, "signing"): 1.8e9}
        name = "eilogin_certificate_ends_timestamp_seconds"
        assert numbers(ends=ends) == {
            (name, "keys: 2026", ""): 1.9e9,
            (name, "signing", PEER): 1.8e9,
        }

    def test_is_beside_how_the_federation_is(self, numbers):
        federation = {"members": 3, "age_seconds": 60.5, "failures": 2, "waits": True}
        assert numbers(federation=federation) == {
            ("eilogin_federation_members",): 3.0,
            ("eilogin_federation_age_seconds",): 60.5,
            ("eilogin_federation_failures",): 2.0,
            ("eilogin_federation_waits",): 1.0,
        }

    def test_is_no_number_while_nobody_can_tell(self, meters):
        def down():
            raise StoreUnavailable("the disk is gone")

        audit.event("sign-in", level="basis")
        text, _ = meters.exposition("", down, NONE)
        assert b"undelivered" not in text
        assert b'eilogin_sign_ins_total{level="basis"} 1.0' in text


class TestWhoAsks:
    def test_is_told_in_the_format_that_it_takes(self, meters):
        open_metrics = "application/openmetrics-text;version=1.0.0"
        text, content_type = meters.exposition(open_metrics, lambda: 0, NONE)
        assert content_type.startswith("application/openmetrics-text")
        assert text.endswith(b"# EOF\n")
        _, content_type = meters.exposition("", lambda: 0, NONE)
        assert content_type.startswith("text/plain")

    def test_twice_gets_the_same_numbers(self, meters):
        assert metrics.turn_on() is meters


class TestWithoutWhatItNeeds:
    def test_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(metrics, "find_spec", lambda name: None)
        with pytest.raises(ConfigurationError, match=r"pip install 'eilogin\[metrics"):
            metrics.require()

    def test_it_names_the_folder(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        metrics.require()
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
        with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR.*gone"):
            metrics.require()

    def test_a_disk_that_is_full_stops_nobody_and_is_told_once(
        self, meters, monkeypatch, caplog
    ):
        def full(*of_whom):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("prometheus_client.Counter.labels", full)
        audit.event("sign-in", level="basis")
        audit.event("sign-in", level="basis")
        assert caplog.text.count("metrics: cannot write a number") == 1


#: Two processes of one folder, of which the second one asks; and an application in one
#: of them that counts too.
_TWO = """
import os, sys
from prometheus_client import Counter
from eilogin import audit, metrics

audit.event("sign-in", level="basis")
meters = metrics.turn_on()
Counter("visitors", "Of the application.").inc()
metrics.logout_took(0.2)
child = os.fork()
for _ in range(2 if child else 3):
    audit.event("sign-in", level="basis")
metrics.logout_took(0.2)
if child:
    os.waitpid(child, 0)
    print(meters.exposition("", lambda: 4, {})[0].decode())
"""


def test_several_processes_have_one_sum_by_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    run = subprocess.run(
        [sys.executable, "-c", _TWO], capture_output=True, text=True, check=True
    )
    output = run.stdout
    assert 'eilogin_sign_ins_total{level="basis"} 5.0' in output
    assert "eilogin_logout_seconds_count 3.0" in output
    assert "eilogin_logouts_undelivered 4.0" in output
    assert "visitors" not in output


def test_process_without_metrics_hub_does_not_load_prometheus_client():
    text = (
        "import sys; import eilogin.hub.hub_app, eilogin.filters.participant;"
        " sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", text], check=True)
