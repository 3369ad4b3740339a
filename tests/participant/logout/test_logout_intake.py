# ruff: noqa: SLF001 - a hook that counts
"""LogoutRequests of the hub that come at once, and bodies that are none."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hub_speaker import SECOND_HUB, add_hub
from parties import HubParty
from webob import Request

from eilogin.participant.logout.logout_hooks import LogoutHooks
from eilogin.saml import bindings, messages, safe_xml, xml_signatures

STAD = "https://stad.test"
HUB = "https://inloggen.test/metadata"
SOAP = f"{STAD}/eilogin/slo/soap"
PATIENCE = 30.0
#: Of one citizen.
BROWSERS = 4


@pytest.fixture(params=["memory", "sqlite"])
def site(request, tmp_path, clock, witness, eilogin_federation):
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/e.db"
    said = {"acs": "post", "store": store}
    return eilogin_federation({"stad.test": witness}, options={"stad.test": said})


@pytest.fixture
def names(site, witness):
    """Anna, logged in in several browsers: the names of her logins here."""
    found = {}
    for _ in range(BROWSERS):
        browser = site.browser()
        browser.visit(f"{STAD}/mijn")
        browser.press("Inloggen", username="anna", password="demo-anna")
        login = witness.environ["eilogin.session"]
        found[login.name] = login
    return found


@pytest.fixture
def told(site):
    """The names of logins that a hook was told of."""
    seen = []
    hooks = LogoutHooks({"a:hook": lambda event: seen.append(event.session)}, PATIENCE)
    logout = site.apps["stad.test"].app.app.app
    logout._elsewhere._hooks = hooks
    return seen


@pytest.fixture
def at_once(site, hub_of):
    """Send messages over SOAP in the same moment; the statuses of their answers."""
    key = site.trusts["stad.test"].own.key.public
    hub = hub_of(site)

    def send(*requests):
        bodies = [hub.by_soap(request) for request in requests]
        barrier = threading.Barrier(len(bodies))

        def one(body):
            request = Request.blank(SOAP, method="POST", body=body)
            barrier.wait(PATIENCE)
            answer = request.get_response(site)
            assert answer.status_int == 200
            element = xml_signatures.signed(bindings.unwrap_soap(answer.body), [key])
            return messages.read_logout_response(element).status

        with ThreadPoolExecutor(len(bodies)) as threads:
            return list(threads.map(one, bodies))

    return send


@pytest.fixture
def request_about(site, hub_of, names):
    name_id = next(iter(names.values())).who.as_name_id()
    hub = hub_of(site)
    return lambda *indexes: hub.logout_request(name_id, SOAP, *indexes)


def live(site, names):
    sessions = site.apps["stad.test"].sessions
    return {name for name in names if sessions.named(name) is not None}


class TestAtOnce:
    def test_two_requests_about_one_citizen_end_each_login_once(
        self, site, names, told, at_once, request_about
    ):
        index = next(iter(names.values())).session_index
        statuses = at_once(request_about(), request_about(index), request_about())
        assert statuses == [messages.Status()] * 3
        assert live(site, names) == set()
        assert sorted(told) == sorted(names)

    def test_the_same_request_twice_is_a_success_twice(
        self, site, names, told, at_once, request_about
    ):
        request = request_about()
        assert at_once(request, request) == [messages.Status()] * 2
        assert live(site, names) == set()
        assert sorted(told) == sorted(names)

    def test_requests_about_one_login_each_end_no_other(
        self, site, names, told, at_once, request_about
    ):
        *gone, left = names
        indexes = [names[name].session_index for name in gone]
        statuses = at_once(*map(request_about, indexes))
        assert statuses == [messages.Status()] * len(gone)
        assert live(site, names) == {left}
        assert sorted(told) == sorted(gone)


class TestAnotherHub:
    """One that this participant trusts too; it has named nobody here."""

    @pytest.fixture
    def other(self, site, attacker_key):
        add_hub(site, "stad.test", "Ander loket", attacker_key, SECOND_HUB)
        speaker = HubParty(site.trusts["inloggen.test"], attacker_key)
        speaker.entity_id = SECOND_HUB
        return speaker

    def test_ends_nothing_by_the_names_of_the_first(self, site, names, told, other):
        login = next(iter(names.values()))
        for qualifier in ("", HUB, SECOND_HUB):
            name_id = replace(login.who.as_name_id(), name_qualifier=qualifier)
            for indexes in ((), (login.session_index,)):
                request = other.logout_request(name_id, SOAP, *indexes)
                answer = post(site, other.by_soap(request), "text/xml")
                assert answer.status_int == 200, "nobody with that name is left here"
        assert live(site, names) == set(names)
        assert told == []


ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
#: What is no LogoutRequest over SOAP.
BODIES = {
    "nothing": b"",
    "blanks": b" \r\n\t",
    "a page": b"<!doctype html><title>x</title>",
    "JSON": b'{"NameID": "anna"}',
    "a form": b"SAMLRequest=PHNhbWxwOkxvZ291dFJlcXVlc3Q%2BPC8%2B",
    "binary": bytes(range(256)) * 8,
    "UTF-16": f"{ENVELOPE}<e:Body/></e:Envelope>".encode("utf-16"),
    "half an envelope": f"{ENVELOPE}<e:Body>".encode(),
    "an envelope of no message": f"{ENVELOPE}<e:Body/></e:Envelope>".encode(),
    "an envelope without a body": f"{ENVELOPE}<e:Header/></e:Envelope>".encode(),
    "two bodies": f"{ENVELOPE}<e:Body/><e:Body/></e:Envelope>".encode(),
    "SOAP 1.2": b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"/>',
    "a fault": (
        f"{ENVELOPE}<e:Body><e:Fault><faultcode>e:Server</faultcode>"
        "<faultstring>x</faultstring></e:Fault></e:Body></e:Envelope>"
    ).encode(),
    "an entity": b'<!DOCTYPE e [<!ENTITY a "a">]>' + ENVELOPE.encode(),
    "very deep": b"<a>" * 20_000,
    "very long": ENVELOPE.encode() + b" " * (bindings.LONGEST_FORM + 1),
}


TYPES = ("text/xml", "application/json", "text/html; charset=utf-7", "")


def post(site, body, kind):
    request = Request.blank(SOAP, method="POST", body=body)
    request.content_type = kind
    return request.get_response(site)


def test_a_body_that_is_none_is_a_fault_and_ends_nothing(names, site, caplog, told):
    """All of them to one site: none may spoil it for the next."""
    for name, body in BODIES.items():
        for kind in TYPES:
            answer = post(site, body, kind)
            assert (answer.status_int, answer.content_type) == (500, "text/xml"), name
            assert safe_xml.parse(answer.body).tag.endswith("}Envelope"), name
    assert "Traceback" not in caplog.text
    assert live(site, names) == set(names)
    assert told == []


def test_a_request_is_one_whatever_it_says_that_it_is(
    site, names, request_about, hub_of
):
    """It is signed; its type is not."""
    for kind, (name, login) in zip(TYPES, names.items(), strict=True):
        body = hub_of(site).by_soap(request_about(login.session_index))
        assert post(site, body, kind).status_int == 200
        assert name not in live(site, names)
