"""Members whose messages a test writes: with real keys, and as wrong as it likes."""

from dataclasses import replace

from eilogin import clock as now
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.signing_keys import SigningKey, new_key_pair


class Party:
    """A member whose messages a test writes; ``key`` may be swapped for another."""

    def __init__(self, trust, key=None):
        self.entity_id = trust.own.entity_id
        self.key = key or trust.own.key

    def by_redirect(self, location, kind, element, relay_state=""):
        """The address that brings a message through the browser."""
        octets = safe_xml.serialize(element)
        return bindings.redirect_url(location, kind, octets, relay_state, self.key)

    def by_post(self, kind, element, relay_state=""):
        """The fields of the form that brings a message."""
        octets = safe_xml.serialize(self.signed(element))
        return bindings.post_fields(kind, octets, relay_state)

    def by_soap(self, element):
        """The body that brings a message from server to server."""
        return bindings.wrap_soap(self.signed(element))

    def signed(self, element):
        """The element with a signature of this party, in the place of an older one."""
        for old in element.findall(safe_xml.q("ds:Signature")):
            element.remove(old)
        xml_signatures.sign(element, self.key)
        return element

    def logout_request(self, name_id, destination, *indexes, **changes):
        request = messages.LogoutRequest(
            id=messages.new_id(),
            issued=now.now(),
            issuer=self.entity_id,
            name_id=name_id,
            destination=destination,
            session_indexes=indexes,
        )
        return messages.write_logout_request(replace(request, **changes))

    def logout_response(self, request, destination="", **changes):
        response = messages.LogoutResponse(
            id=messages.new_id(),
            issued=now.now(),
            issuer=self.entity_id,
            status=messages.Status(),
            in_response_to=request.id,
            destination=destination,
        )
        return messages.write_logout_response(replace(response, **changes))


class ArtifactParty(Party):
    """One that resolves artifacts, as a test wants it."""

    def __init__(self, trust, key=None):
        super().__init__(trust, key)
        #: What the ArtifactResponse carries, and how it differs from a good one.
        self.carried = None
        self.changes = {}
        #: Whether the ArtifactResponse is signed too.
        self.signs_envelope = True

    def resolved(self, body):
        """The answer over SOAP to an ArtifactResolve."""
        resolve = messages.read_artifact_resolve(bindings.unwrap_soap(body))
        response = messages.ArtifactResponse(
            id=messages.new_id(),
            issued=now.now(),
            issuer=self.entity_id,
            status=messages.Status(),
            in_response_to=resolve.id,
        )
        element = messages.write_artifact_response(
            replace(response, **self.changes), self.carried
        )
        if self.signs_envelope:
            self.signed(element)
        return bindings.wrap_soap(element)


class HubParty(ArtifactParty):
    """The hub, as a test wants it; as a WSGI app it resolves artifacts."""

    def assertion(self, request, name="anna", **changes):
        """A good assertion in answer to an AuthnRequest, but for ``changes``."""
        instant = now.now()
        assertion = messages.Assertion(
            id=messages.new_id(),
            issued=instant,
            issuer=self.entity_id,
            name_id=messages.NameID(name),
            recipient=request.acs_url,
            in_response_to=request.id,
            confirmation_ends=instant + 120,
            not_before=instant - 60,
            not_on_or_after=instant + 120,
            audiences=((request.issuer,),),
            authn_instant=instant,
            session_index="_s1",
            session_ends=instant + 7200,
            level_class=DIGID.class_of("basis"),
            attributes={"name": ["Anna"]},
        )
        return messages.write_assertion(replace(assertion, **changes))

    def response(self, request, assertion, *codes, **changes):
        """The envelope; ``codes`` say why where there is no ``assertion``."""
        response = messages.Response(
            id=messages.new_id(),
            issued=now.now(),
            issuer=self.entity_id,
            status=messages.Status(codes or (messages.SUCCESS,)),
            in_response_to=request.id,
            destination=request.acs_url,
        )
        return messages.write_response(replace(response, **changes), assertion)

    def answer(self, request, name="anna", **changes):
        """A Response with a signed assertion."""
        return self.response(
            request, self.signed(self.assertion(request, name, **changes))
        )

    def refusal(self, request, reason=messages.AUTHN_FAILED, *below):
        return self.response(request, None, messages.RESPONDER, reason, *below)

    def artifact(self, index=0):
        return bindings.new_artifact(self.entity_id, index)

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "GET":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"asked by the hub"]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [self.resolved(body)]


def new_party_key(name):
    return SigningKey.load(*new_key_pair(name))


def takes_only(*kinds):
    """A participant that takes a logout over these bindings and no other."""

    def change(entity):
        role = entity.service_provider
        kept = tuple(e for e in role.single_logouts if e.binding in kinds)
        return replace(entity, service_provider=replace(role, single_logouts=kept))

    return change
