"""Nothing is read that was not signed by who says that it is of theirs."""

from io import BytesIO
from urllib.parse import urlencode, urlsplit

import pytest

from eilogin.errors import (
    MalformedMessage,
    MessageTooLarge,
    MethodNotAllowed,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml import bindings, messages, safe_xml
from eilogin.web.inbound_messages import open_soap, receive, receive_soap
from eilogin.web.visit import Visit

SLO = "https://uwv.test/eilogin/slo"


@pytest.fixture
def hub_of(federation):
    return federation.trusts["uwv.test"].hub_peer


@pytest.fixture
def request_of(hub):
    """A LogoutRequest; unsigned, as Redirect and each of the others want it."""
    return hub.logout_request(messages.NameID("anna"), SLO, "_s1")


def get(url):
    return {"REQUEST_METHOD": "GET", "QUERY_STRING": urlsplit(url).query}


def post(body, method="POST"):
    return {
        "REQUEST_METHOD": method,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }


def form(fields):
    return post(urlencode(fields).encode())


class TestByRedirect:
    def test_gives_the_message_its_issuer_and_its_relay_state(
        self, hub, hub_of, request_of
    ):
        url = hub.by_redirect(SLO, "SAMLRequest", request_of, "handle")
        inbound = receive(Visit(get(url)), hub_of)
        assert inbound.kind == "SAMLRequest"
        assert inbound.issuer == hub.entity_id
        assert inbound.relay_state == "handle"
        assert inbound.element.get("ID") == request_of.get("ID")

    def test_refuses_another_key(self, hub, hub_of, request_of, attacker_key):
        hub.key = attacker_key
        url = hub.by_redirect(SLO, "SAMLRequest", request_of)
        with pytest.raises(UntrustedSignature):
            receive(Visit(get(url)), hub_of)

    def test_refuses_what_is_not_signed(self, hub, hub_of, request_of):
        url = hub.by_redirect(SLO, "SAMLRequest", request_of)
        unsigned = url.partition("&SigAlg")[0]
        with pytest.raises(UntrustedSignature, match="not signed"):
            receive(Visit(get(unsigned)), hub_of)

    def test_refuses_what_the_schema_does_not_know(self, hub, hub_of, request_of):
        request_of.set("Onbekend", "1")
        url = hub.by_redirect(SLO, "SAMLRequest", request_of)
        with pytest.raises(MalformedMessage):
            receive(Visit(get(url)), hub_of)


class TestByPost:
    def test_gives_what_was_signed(self, hub, hub_of, request_of):
        inbound = receive(
            Visit(form(hub.by_post("SAMLRequest", request_of, "handle"))), hub_of
        )
        assert inbound.kind == "SAMLRequest"
        assert inbound.issuer == hub.entity_id
        assert inbound.relay_state == "handle"
        assert messages.read_logout_request(inbound.element).name_id.value == "anna"

    def test_refuses_what_was_changed_after_signing(
        self, hub, hub_of, request_of, tampered
    ):
        forged = tampered(hub.signed(request_of), "anna", "bram")
        fields = bindings.post_fields("SAMLRequest", safe_xml.serialize(forged), "")
        with pytest.raises(UntrustedSignature):
            receive(Visit(form(fields)), hub_of)

    def test_refuses_who_is_not_the_hub(self, party, hub_of, request_of):
        stad = party("stad.test")
        own = stad.logout_request(messages.NameID("anna"), SLO)
        with pytest.raises(UnknownPeer):
            receive(Visit(form(stad.by_post("SAMLRequest", own))), hub_of)

    @pytest.mark.parametrize("text", ["", None], ids=["empty", "none"])
    def test_refuses_what_names_nobody(self, hub, hub_of, request_of, text):
        issuer = request_of.find(safe_xml.q("saml:Issuer"))
        if text is None:
            request_of.remove(issuer)
        else:
            issuer.text = text
        with pytest.raises(MalformedMessage, match="no Issuer"):
            receive(Visit(form(hub.by_post("SAMLRequest", request_of))), hub_of)

    @pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "text/xml"])
    def test_refuses_what_says_to_be_no_form(self, hub, hub_of, request_of, kind):
        fields = hub.by_post("SAMLRequest", request_of)
        environ = form(fields) | {"CONTENT_TYPE": kind}
        with pytest.raises(MalformedMessage, match=kind):
            receive(Visit(environ), hub_of)
        environ = form(fields) | {"CONTENT_TYPE": "Application/x-www-form-URLencoded;x"}
        assert receive(Visit(environ), hub_of).kind == "SAMLRequest"

    def test_refuses_parameters_of_saml_in_the_address(self, hub, hub_of, request_of):
        fields = hub.by_post("SAMLRequest", request_of)
        for query in ("SAMLRequest=x", "SAMLart=x", "RelayState=x", "%53igAlg=x"):
            with pytest.raises(MalformedMessage):
                receive(Visit(form(fields) | {"QUERY_STRING": query}), hub_of)
        environ = form(fields) | {"QUERY_STRING": "lang=nl"}
        assert receive(Visit(environ), hub_of).kind == "SAMLRequest"

    def test_reads_a_form_that_comes_in_chunks(self, hub, hub_of, request_of):
        environ = form(hub.by_post("SAMLRequest", request_of))
        del environ["CONTENT_LENGTH"]
        with pytest.raises(MalformedMessage):
            receive(Visit(dict(environ)), hub_of)
        environ["wsgi.input_terminated"] = True
        assert receive(Visit(environ), hub_of).kind == "SAMLRequest"

    def test_reads_no_more_than_it_would_take(self, hub_of):
        environ = post(b"") | {"CONTENT_LENGTH": str(bindings.LONGEST_FORM + 1)}
        environ["wsgi.input"] = None
        with pytest.raises(MessageTooLarge):
            receive(Visit(environ), hub_of)


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(method, hub_of):
    with pytest.raises(MethodNotAllowed):
        receive(Visit(post(b"", method)), hub_of)


class TestOverSoap:
    def test_gives_the_message_and_its_sender(self, hub, hub_of, request_of):
        element, peer = receive_soap(Visit(post(hub.by_soap(request_of))), hub_of)
        assert peer.entity_id == hub.entity_id
        assert element.get("ID") == request_of.get("ID")

    def test_refuses_what_is_not_signed(self, hub_of, request_of):
        with pytest.raises(UntrustedSignature):
            open_soap(bindings.wrap_soap(request_of), hub_of)

    def test_comes_by_post(self, hub, hub_of, request_of):
        with pytest.raises(MethodNotAllowed):
            receive_soap(Visit(post(hub.by_soap(request_of), "GET")), hub_of)
