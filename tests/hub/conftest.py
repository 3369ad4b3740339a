"""A participant whose messages a test writes, and a citizen before the real hub."""

import base64
import json
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from eilogin import clock as instants
from eilogin.federation import Membership
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.metadata import FederationMetadata

HUB = "https://inloggen.test"
HOSTS = ("uwv.test", "stad.test", "land.test")


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
            response = safe_xml.parse(base64.b64decode(fields["SAMLResponse"]))
        return self.read(response)

    def read(self, response):
        safe_xml.validate(response, "protocol")
        assertion = response.find(safe_xml.q("saml:Assertion"))
        if assertion is None:
            signed = xml_signatures.signed(response, [self.hub_key])
            return messages.read_response(signed), None
        said = xml_signatures.signed(assertion, [self.hub_key])
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
        xml_signatures.signed(response, [self.hub_key])
        value, carried = messages.read_artifact_response(response)
        assert value.in_response_to == request.id
        return value, carried


@pytest.fixture
def hub_options():
    """Options of the hub, for a test that wants others."""
    return {}


@pytest.fixture
def federation(clock, witness, eilogin_federation, hub_options):
    return eilogin_federation(
        {"uwv.test": witness, "stad.test": witness, "land.test": witness},
        options={"stad.test": {"acs": "post"}, "land.test": {"acs": "post"}},
        hub_options=hub_options,
    )


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


class Everywhere:
    """A citizen who is logged in at all participants."""

    def __init__(self, federation, citizen):
        self.federation, self.citizen = federation, citizen
        self.browser = citizen.browser
        for host in HOSTS:
            citizen.visit(f"https://{host}/mijn")
            if citizen.is_asked:
                citizen.sign_in(url=None)
            assert self.browser.url == f"https://{host}/mijn"
        self.logins = {host: self.login_at(host) for host in HOSTS}
        self.cookie = citizen.cookie

    def login_at(self, host):
        cookie = self.browser.cookie(host, "__Host-eilogin")
        sessions = self.federation.apps[host].sessions
        return sessions.find(cookie) if cookie else None

    def is_in_at(self, host):
        login = self.logins[host]
        store = self.federation.apps[host].sessions.store
        return store.read(login.key) is not None

    @property
    def is_in(self):
        """The hosts where she is logged in, the hub's included."""
        hub = self.federation.apps["inloggen.test"].sessions
        known = {host for host in HOSTS if self.is_in_at(host)}
        return known | ({"inloggen.test"} if hub.find(self.cookie) else set())


@pytest.fixture
def citizen(federation):
    return Citizen(federation.browser())


@pytest.fixture
def another(federation):
    return Citizen(federation.browser())


@pytest.fixture
def everywhere(federation):
    """Log a citizen in at all participants, of another federation if need be."""
    return lambda citizen, of=federation: Everywhere(of, citizen)


@pytest.fixture
def anna(federation, citizen):
    return Everywhere(federation, citizen)


@pytest.fixture
def elsewhere(federation, another):
    """The same citizen, logged in everywhere in another browser too."""
    return Everywhere(federation, another)


@pytest.fixture
def logout_of(anna, party):
    """The LogoutRequest of a participant about her session there."""

    def make(
        host="uwv.test", *, with_index=True, destination=f"{HUB}/slo/soap", **changes
    ):
        login = anna.logins[host]
        name_id = messages.NameID(
            login.who.name_id,
            login.who.format,
            login.who.name_qualifier,
            login.who.sp_name_qualifier,
        )
        indexes = (login.session_index,) if with_index else ()
        return party(host).logout_request(name_id, destination, *indexes, **changes)

    return make


@pytest.fixture
def told(federation):
    """Who was told over the back channel to log out, as hosts, since the last look."""

    def read():
        hosts = [
            urlsplit(url).hostname
            for url, body in federation.back_channel_log
            if b"LogoutRequest" in body
        ]
        federation.back_channel_log.clear()
        return sorted(hosts)

    return read


@pytest.fixture
def sessions(federation):
    """The hub's own sessions."""
    return federation.apps["inloggen.test"].sessions


@pytest.fixture
def another_version_kept(sessions):
    """Have another version have kept the one value that has this in its name."""

    def keep(name, change):
        values = sessions.store._values  # noqa: SLF001 - no other version is here
        [key] = [key for key in values if name in key]
        text = json.dumps(change(json.loads(values[key].text)))
        values[key] = replace(values[key], text=text)

    return keep


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
        outermost.trust = replace(trust, federation=Membership(metadata))

    return change


@pytest.fixture
def leaves(hub_believes):
    """Let a participant leave the federation, as the hub sees it."""
    return lambda host: hub_believes(host, lambda entity: None)


@pytest.fixture
def tells(caplog, events, service):
    """Assert what the logs say of a refusal that the participant is told."""

    def check(code, text):
        event = events("login")[-1]
        assert (event["outcome"], event["reason"]) == ("refused", code)
        assert event["peer"] == service.entity_id
        line = next(m for m in caplog.messages if m.startswith(event["reference"]))
        assert f"({code}):" in line
        assert text in line
        assert f"ask the administrator of '{service.entity_id}'" in line

    return check


@pytest.fixture
def delivered(events):
    """To whom a logout was delivered, and with what outcome, by entityID."""

    def read():
        return [(e["peer"], e["outcome"]) for e in events("logout.delivered")]

    return read
