"""Messages leave over the binding that their peer has, and go where it takes them."""

import base64
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from lxml import html
from webob import Request

from eilogin.errors import BindingMissing, UnknownPeer
from eilogin.federation import Membership
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.metadata import Contact, Endpoint, FederationMetadata
from eilogin.web.outbound_messages import (
    binding_missing,
    browser_bindings,
    encryption_key,
    logout_response,
    send_through_browser,
)
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

HUB = "https://inloggen.test/metadata"
SLO = "https://inloggen.test/slo"
ANSWERS = "https://inloggen.test/answers"


@pytest.fixture
def trust(federation):
    return federation.trusts["uwv.test"]


@pytest.fixture
def send(trust):
    """Send a LogoutResponse or a LogoutRequest to an endpoint of the hub."""

    def send(endpoint, *, is_response, **more):
        location = endpoint.for_answers if is_response else endpoint.location
        message = (
            logout_response(trust, "_r1", destination=location)
            if is_response
            else messages.write_logout_request(
                messages.LogoutRequest(
                    messages.new_id(), 0.0, HUB, messages.NameID("anna"), location
                )
            )
        )
        return send_through_browser(
            Visit(Request.blank("https://uwv.test/").environ),
            Pages(),
            endpoint,
            "SAMLResponse" if is_response else "SAMLRequest",
            message,
            key=trust.own.key,
            **more,
        )

    return send


@pytest.mark.parametrize(
    ("is_response", "kind", "address"),
    [(True, "SAMLResponse", ANSWERS), (False, "SAMLRequest", SLO)],
)
class TestSending:
    def test_by_redirect_signs_the_address(
        self, send, trust, is_response, kind, address
    ):
        endpoint = Endpoint(bindings.REDIRECT, SLO, ANSWERS)
        headers = [("Set-Cookie", "a=1")]
        answer = send(
            endpoint, is_response=is_response, relay_state="a b", headers=headers
        )
        assert answer.status_int == 302
        assert answer.headers["Set-Cookie"] == "a=1"
        assert answer.location.startswith(f"{address}?{kind}=")
        assert "RelayState=a%20b" in answer.location
        received = bindings.read_redirect(urlsplit(answer.location).query)
        bindings.verify_redirect(received, [trust.own.key.public])
        assert safe_xml.parse(received.octets).get("Destination") == address

    def test_by_post_signs_the_message(self, send, trust, is_response, kind, address):
        endpoint = Endpoint(bindings.POST, SLO, ANSWERS)
        headers = [("Set-Cookie", "a=1")]
        answer = send(
            endpoint, is_response=is_response, relay_state="a b", headers=headers
        )
        assert answer.status_int == 200
        assert answer.headers["Set-Cookie"] == "a=1"
        [form] = html.document_fromstring(answer.text).iter("form")
        assert form.get("action") == address
        assert form.fields["RelayState"] == "a b"
        element = safe_xml.parse(base64.b64decode(form.fields[kind]))
        signed = xml_signatures.signed(element, [trust.own.key.public])
        assert signed.get("Destination") == address

    def test_goes_where_the_rest_goes_where_no_other_address_is_said(
        self, send, is_response, kind, address
    ):
        answer = send(Endpoint(bindings.REDIRECT, SLO), is_response=is_response)
        assert answer.location.startswith(f"{SLO}?{kind}=")


def test_a_name_that_is_a_bsn_stays_out_of_addresses(trust):
    usual = (bindings.REDIRECT, bindings.POST)
    assert browser_bindings(trust.own) == usual
    assert browser_bindings(replace(trust.own, profile=DIGID_PROFILE)) == usual[::-1]
    assert browser_bindings(trust.own, "an opaque one") == usual
    assert browser_bindings(trust.own, "900000016") == usual[::-1]


@pytest.mark.parametrize(
    ("contacts", "whom"),
    [
        ((), f"the administrator of '{HUB}'"),
        ((Contact("support", telephone="14 0123"),), "14 0123"),
        (
            (
                Contact("support", email="hulp@hub.test"),
                Contact("technical", "De Hub", email="beheer@hub.test"),
            ),
            "De Hub beheer@hub.test",
        ),
    ],
)
def test_a_peer_without_the_binding_is_named_with_what_it_has_and_whom_to_ask(
    trust, contacts, whom
):
    hub = replace(trust.federation.entity(HUB), contacts=contacts)
    members = Membership(FederationMetadata((hub,), None, "Test", None))
    found = [Endpoint(bindings.SOAP, SLO), Endpoint(bindings.SOAP, ANSWERS)]
    error = binding_missing(
        replace(trust, federation=members),
        HUB,
        "a LogoutRequest",
        [bindings.REDIRECT, bindings.POST],
        found,
    )
    assert isinstance(error, BindingMissing)
    assert isinstance(error, UnknownPeer)
    assert str(error) == (
        f"{HUB!r} accepts a LogoutRequest by none of HTTP-Redirect, HTTP-POST; its"
        f" metadata has: SOAP; ask {whom}"
    )


def test_encryption_uses_key_of_recipient_if_wanted(trust):
    role = trust.hub(HUB)
    assert encryption_key(role, wanted=True) == role.encryption_keys[0]
    assert encryption_key(role, wanted=False) is None
    keyless = replace(role, encryption_certificates=())
    assert encryption_key(keyless, wanted=True) is None
