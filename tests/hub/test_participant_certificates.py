"""A hub hears of certificates of its participants that end soon, while it runs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest

from eilogin import clock as instants
from eilogin import metrics
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.hub_threads import check_members
from eilogin.hub.participant_certificates import ParticipantCertificates
from eilogin.saml.messages import write_instant
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.web.pipeline.pipeline_objects import object_in

DAY = 86_400
UWV, STAD = (f"https://{host}.test/eilogin/metadata" for host in ("uwv", "stad"))
TOKEN = "a token of these tests"


@cache
def certificate(begins, days):
    pair = new_key_pair(f"{days} days", begins=begins - DAY, days=days + 1)
    return SigningKey.load(*pair).certificate_text


@pytest.fixture
def now(clock):
    return int(instants.now())


@pytest.fixture
def hub(federation):
    """The hub at work: a round of it, as its thread does them."""

    def work():
        hub = object_in(federation.apps["inloggen.test"], HubJobs)
        check_members(hub)
        return hub

    return work


@pytest.fixture
def certified(hub_believes, now):
    """Give a participant certificates that end in so many days, as the hub sees it."""

    def change(host, *days, **more):
        texts = tuple(certificate(now, count) for count in days)

        def changed(entity):
            role = replace(entity.service_provider, signing_certificates=texts)
            return replace(entity, service_provider=role, **more)

        hub_believes(host, changed)

    return change


@pytest.fixture
def told(caplog):
    """What the log was told of certificates since it was last looked at."""

    def read():
        found = [
            (one.levelname, one.getMessage())
            for one in caplog.records
            if "certificate-e" in one.getMessage()
        ]
        caplog.clear()
        return found

    return read


def test_is_told_once_at_each_stage_whatever_is_refreshed(
    hub, certified, told, clock, now
):
    hub()
    assert told() == []
    certified("uwv.test", 20)
    hub()
    ((level, text),) = told()
    assert level == "WARNING"
    ends = write_instant(now + 20 * DAY)
    assert text.startswith("https://inloggen.test/metadata: federation: a certificate")
    assert f"of '{UWV}' ends at {ends} (in 20 days): ask " in text
    for days in (1, 5, 7):
        clock.shift(days * DAY)
        certified("uwv.test", 20)
        hub()
    assert [level for level, _ in told()] == ["ERROR"], "seven days before"


def test_that_was_near_when_it_began_was_told_by_the_start(hub, certified, told):
    certified("uwv.test", 20)
    hub()
    assert told() == []


def test_is_told_where_all_stay_as_they_are(hub, certified, told, clock):
    certified("uwv.test", 61)
    hub()
    clock.shift(DAY - 1)
    hub()
    assert told() == []
    clock.shift(2)
    hub()
    assert len(told()) == 1


@pytest.mark.parametrize("days", [(20, 300), (61,)])
def test_is_nothing_where_there_is_time_or_another_follows(hub, certified, told, days):
    hub()
    certified("uwv.test", *days)
    assert hub().certificates.soon() == ()
    assert told() == []


def test_of_who_is_over_matters_to_nobody(hub, certified, now):
    certified("uwv.test", 20, valid_until=float(now))
    certified("stad.test", 20, valid_until=float(now + DAY))
    (ending,) = hub().certificates.soon()
    assert ending.peer == STAD


class TestAHubAsDigid:
    @pytest.fixture
    def hub_options(self):
        return {"profile": "digid"}

    def test_looks_at_the_first_one(self, hub, certified):
        certified("uwv.test", 20, 300)
        assert [one.peer for one in hub().certificates.soon()] == [UWV]


class TestTheNumbers:
    @pytest.fixture
    def hub_options(self, monkeypatch):
        monkeypatch.setattr(metrics, "_meters", None)
        return {"metrics_token": TOKEN}

    def test_have_it(self, certified, call, now):
        certified("uwv.test", 20)
        url = "https://inloggen.test/metrics"
        text = call("GET", url, Authorization=f"Bearer {TOKEN}").text
        name = "eilogin_certificate_ends_timestamp_seconds"
        (line,) = [one for one in text.splitlines() if UWV in one and name in one]
        assert line.startswith(f'{name}{{certificate="signing",peer="{UWV}"}} ')
        assert float(line.split()[-1]) == now + 20 * DAY
        assert f'peer="{STAD}"' not in text


def test_concurrent_certificate_check_returns_the_known_result():
    looked, done = threading.Event(), threading.Event()

    class Slow(dict):
        def values(self):
            looked.set()
            assert done.wait(60)
            return super().values()

    federations = [SimpleNamespace(members={}), SimpleNamespace(members=Slow())]
    certificates = ParticipantCertificates(
        lambda: SimpleNamespace(federation=federations[0])
    )
    assert certificates.soon() == ()
    del federations[0]
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(certificates.soon)
        assert looked.wait(60)
        assert certificates.soon() == ()
        done.set()
        assert slow.result() == ()
