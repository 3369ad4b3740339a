"""A message of a logout travels with its recipient, which the hub looks up once."""

from dataclasses import replace

import pytest
from lookups import CountedRequests, lookups
from parties import takes_only

from eilogin.hub.hub_jobs import HubJobs
from eilogin.saml import bindings
from eilogin.web.pipeline.pipeline_objects import object_in

HUB = "https://inloggen.test"
HOSTS = ("uwv.test", "stad.test", "land.test")
STAD = "https://stad.test/eilogin/metadata"
BY_BROWSER = {"logout_binding": "* browser"}
ONE_BY_ONE = {**BY_BROWSER, "logout_in_browser": "one-by-one"}
#: Seconds after which the hub retries.
SOON = 10


@pytest.fixture
def counted(anna, federation, monkeypatch):
    """The look-ups from the page of the hub on."""
    anna.browser.visit(f"{HUB}/")
    return lookups(monkeypatch)


@pytest.fixture
def log_out(anna, counted):
    """Log out by the button of the hub."""
    return lambda: anna.browser.press("Overal uitloggen")


@pytest.fixture
def hub(federation, counted):
    federation.apps["inloggen.test"] = CountedRequests(
        federation.apps["inloggen.test"], counted
    )
    return federation.apps["inloggen.test"]


@pytest.fixture
def log_out_over_soap(logout_of, party, call):
    """Log out by a LogoutRequest of UWV."""

    def send():
        body = party("uwv.test").by_soap(logout_of())
        return call("POST", f"{HUB}/slo/soap", body)

    return send


def of_participants(counted):
    """The look-ups of each participant, by its host."""
    return {host: counted[f"https://{host}/eilogin/metadata"] for host in HOSTS}


def each(number):
    return dict.fromkeys(HOSTS, number)


def test_looks_recipient_up_once_for_a_logout_request_over_soap(anna, log_out, counted):
    log_out()
    assert anna.is_in == set()
    assert of_participants(counted) == each(1)


@pytest.mark.parametrize("hub_options", [BY_BROWSER, ONE_BY_ONE], ids=repr)
@pytest.mark.parametrize("kind", [bindings.REDIRECT, bindings.POST])
def test_looks_recipient_up_once_for_a_logout_request_in_the_browser(
    anna, hub_believes, hub, log_out, kind
):
    for host in HOSTS:
        hub_believes(host, takes_only(kind))
    log_out()
    anna.browser.open_frames()
    assert anna.is_in == set()
    assert of_participants(hub.of("/slo?tell=")) == each(1)


@pytest.mark.parametrize("hub_options", [BY_BROWSER], ids=repr)
def test_sends_a_frame_to_the_newest_address_of_its_recipient(
    anna, log_out, hub_believes
):
    def moved(entity):
        role = entity.service_provider
        endpoints = tuple(
            replace(endpoint, location="https://land.test/eilogin/slo")
            for endpoint in role.single_logouts
        )
        return replace(entity, service_provider=replace(role, single_logouts=endpoints))

    log_out()
    hub_believes("stad.test", moved)
    anna.browser.open_frames()
    assert anna.is_in == {"stad.test"}


def test_looks_recipient_up_once_more_for_a_retry(
    anna, federation, log_out, counted, clock
):
    federation.down.update(HOSTS)
    log_out()
    federation.down.clear()
    clock.shift(SOON)
    counted.clear()
    assert object_in(federation.apps["inloggen.test"], HubJobs).work() == len(HOSTS)
    assert anna.is_in == set()
    # To find out that the retry is due, and for the message.
    assert of_participants(counted) == each(2)


def test_looks_recipient_up_once_if_it_does_not_answer(
    federation, log_out_over_soap, counted
):
    federation.down.update(HOSTS)
    assert log_out_over_soap().status_int == 200
    # A second look-up finds out if the log should say that it needs the browser.
    assert of_participants(counted) == {"uwv.test": 1, "stad.test": 2, "land.test": 2}
