"""A participant whose messages a test writes, and a citizen before the real hub."""

import base64
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from eilogin import clock as instants
from eilogin.federation import Federation
from eilogin.saml import bindings, messages, signatures, xml
from eilogin.saml.levels import DIGID
from eilogin.saml.metadata import FederationMetadata

HUB = "https://inloggen.test"


class Service:
    """A participant: it asks, keeps what comes to its address, and resolves artifacts.

    ``binding`` is how it wants its answers.
    """

    def __init__(self, party, host, hub_key, call):
        self.party = party
        self.entity_id = party.entity_id
        self.acs = f"https://{host}/eilogin/acs"
        self.binding = bindings.POST
        self.hub_key = hub_key
        self.call = call
        #: The fields of everything that came, by query or form.
        self.came = []

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        fields = parse_qs(body.decode() or environ["QUERY_STRING"])
        self.came.append({name: values[0] for name, values in fields.items()})
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"it came"]

    def request(self, level="basis", **changes):
        """A good AuthnRequest, but for ``changes``."""
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=instants.now(),
            issuer=self.entity_id,
            destination=f"{HUB}/sso",
            acs_url=self.acs,
            protocol_binding=self.binding,
            level_classes=(DIGID.class_of(level),),
        )
        return replace(request, **changes)

    def address(self, request, relay_state="handle"):
        """The address that brings a request by Redirect."""
        element = messages.write_authn_request(request)
        return self.party.by_redirect(f"{HUB}/sso", "SAMLRequest", element, relay_state)

    def answer(self):
        """What came last: the Response, and the assertion or None."""
        fields = self.came[-1]
        if "SAMLart" in fields:
            _, response = self.resolve(fields["SAMLart"])
        else:
            response = xml.parse(base64.b64decode(fields["SAMLResponse"]))
        return self.read(response)

    def read(self, response):
        xml.validate(response, "protocol")
        assertion = response.find(xml.q("saml:Assertion"))
        if assertion is None:
            signed = signatures.signed(response, [self.hub_key])
            return messages.read_response(signed), None
        said = signatures.signed(assertion, [self.hub_key])
        return messages.read_response(response), messages.read_assertion(said)

    def resolve(self, artifact, **changes):
        """The ArtifactResponse and what it carries, or the refusal."""
        request = messages.ArtifactResolve(
            id=messages.new_id(),
            issued=instants.now(),
            issuer=self.entity_id,
            artifact=artifact,
            destination=f"{HUB}/artifact",
        )
        element = messages.write_artifact_resolve(replace(request, **changes))
        answer = self.call("POST", f"{HUB}/artifact", self.party.by_soap(element))
        if answer.status_int != 200:
            return answer, None
        response = bindings.unwrap_soap(answer.body)
        signatures.signed(response, [self.hub_key])
        value, carried = messages.read_artifact_response(response)
        assert value.in_response_to == request.id
        return value, carried


@pytest.fixture
def service_of(federation, party, call):
    """Speak for a participant by its host, from now on."""

    def speak_for(host):
        hub_key = federation.trusts["inloggen.test"].own.key.public
        service = Service(party(host), host, hub_key, call)
        federation.apps[host] = service
        return service

    return speak_for


@pytest.fixture
def service(service_of):
    return service_of("stad.test")


class Citizen:
    """A browser before the hub."""

    def __init__(self, browser):
        self.browser = browser

    def visit(self, url):
        self.browser.visit(url)
        return self

    @property
    def is_asked(self):
        url, text = self.browser.url, self.browser.text
        return url.startswith(HUB) and "Wachtwoord" in text

    def sign_in(self, name="anna", url=f"{HUB}/login", **fields):
        """Sign in at an address, or on the page that is shown where it is None."""
        if url is not None:
            self.visit(url)
        assert self.is_asked, self.browser.text
        fields = {"username": name, "password": f"demo-{name}", **fields}
        self.browser.press("Inloggen", **fields)
        return self

    def code(self, name="anna"):
        """The code that the demonstration shows."""
        found = re.search(rf"demo-{name} Code: ([0-9]{{6}})", self.browser.text)
        return found[1]

    @property
    def cookie(self):
        return self.browser.cookie("inloggen.test", "__Host-eilogin")

    @property
    def path(self):
        return urlsplit(self.browser.url).path


@pytest.fixture
def citizen(federation):
    return Citizen(federation.browser())


@pytest.fixture
def another(federation):
    return Citizen(federation.browser())


@pytest.fixture
def sessions(federation):
    """The hub's own sessions."""
    return federation.apps["inloggen.test"].sessions


@pytest.fixture
def hub_believes(federation):
    """Give the hub metadata in which a member is changed, or is no more (None)."""

    def change(host, changed):
        outermost = federation.apps["inloggen.test"].app
        trust = outermost.trust
        members = {e.entity_id: e for e in trust.federation.entities}
        entity_id = f"https://{host}/eilogin/metadata"
        members[entity_id] = changed(members[entity_id])
        entities = tuple(entity for entity in members.values() if entity)
        metadata = FederationMetadata(entities, None, "Test", None)
        outermost.trust = replace(trust, federation=Federation(metadata))

    return change


@pytest.fixture
def leaves(hub_believes):
    """Let a participant leave the federation, as the hub sees it."""
    return lambda host: hub_believes(host, lambda entity: None)


@pytest.fixture
def refused(caplog):
    """Assert a refusal with a reference, whose cause is in the log and nowhere else.

    A server gets a SOAP fault (SOAP 1.1, 6.2: with status 500), a citizen a page.
    """

    def check(page, code, status=400):
        is_soap = page.content_type == "text/xml"
        assert page.status_int == (500 if is_soap else status)
        # A script is told the code; a person is not.
        assert page.content_type == "application/json" or code not in page.text
        reference = re.search(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b", page.text)[0]
        line = next(m for m in caplog.messages if m.startswith(reference))
        assert f"({code}):" in line

    return check
