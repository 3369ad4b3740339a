"""A citizen whose hub says what a test wants, and the hubs of a participant."""

from dataclasses import replace
from urllib.parse import urlsplit

from eilogin import clock
from eilogin.federation import Membership
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.metadata import (
    Contact,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
)

#: The entityID of the second hub of a :class:`Chooser`.
SECOND_HUB = "https://ander.test/metadata"


class Waiting:
    """A hub's page that does nothing until the test answers; it keeps what came."""

    def __init__(self):
        self.forms = []

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["REQUEST_METHOD"] == "POST":
            self.forms.append(environ["wsgi.input"].read(length))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"one moment"]


class Citizen:
    """A browser, and a hub that answers what the test says."""

    def __init__(self, federation, hub):
        self.federation, self.browser, self.hub = federation, federation.browser(), hub
        self.waiting = federation.apps["inloggen.test"] = Waiting()

    def begin(self, url):
        """Go to a page up to the hub; the AuthnRequest and its RelayState."""
        self.browser.visit(url)
        return self.question()

    def question(self):
        """What was asked of the hub at the last step."""
        if self.waiting.forms:
            received = bindings.read_post(self.waiting.forms.pop())
        else:
            url = next(u for u in self.browser.trail if "SAMLRequest=" in u)
            received = bindings.read_redirect(urlsplit(url).query)
        request = messages.read_authn_request(safe_xml.parse(received.octets))
        return request, received.relay_state

    def was_asked(self):
        """Whether the last step went by a hub."""
        return any("SAMLRequest=" in url for url in self.browser.trail)

    def bring(self, element, question):
        """Bring an answer by POST, as the hub's page does."""
        request, handle = question
        self.send(request.acs_url, element, handle)

    def send(self, acs, element, relay_state=""):
        octets = safe_xml.serialize(element)
        fields = bindings.post_fields("SAMLResponse", octets, relay_state)
        self.browser.post(acs, site="cross-site", **fields)

    def refuse(self, question, *codes):
        self.bring(self.hub.response(question[0], None, *codes), question)

    def cancels_at(self, hub):
        question = self.question()
        self.bring(hub.refusal(question[0]), question)

    def log_in(self, url, **said):
        question = self.begin(url)
        self.bring(self.hub.answer(question[0], **said), question)
        assert self.browser.url == url, self.browser.text


class Chooser(Citizen):
    """A citizen of a participant with two hubs; the test speaks for both."""

    def __init__(self, federation, hub, key, host="stad.test"):
        super().__init__(federation, hub)
        add_hub(federation, host, "Ander loket", key, SECOND_HUB)
        self.host = host
        self.other = type(hub)(federation.trusts["inloggen.test"], key)
        self.other.entity_id = SECOND_HUB

    def hub_asked(self):
        """The host of the hub at which she is, or None."""
        host = urlsplit(self.browser.url).hostname
        return None if host == self.host else host

    def answer_of(self, hub, **said):
        question = self.question()
        self.bring(hub.answer(question[0], **said), question)


def trust_filter(federation, host):
    """The filter of a participant that holds its trust, which a test may replace."""
    return federation.apps[host].app


def changes(federation, host, /, **said):
    """Have the trust of a participant say something else."""
    filter_ = trust_filter(federation, host)
    filter_.trust = replace(filter_.trust, **said)
    federation.trusts[host] = filter_.trust


def own_changes(federation, host, **said):
    own = replace(federation.trusts[host].own, **said)
    changes(federation, host, own=own)


def hub_changes(federation, host, **said):
    """Have the metadata of its hub say something else to a participant."""
    trust = federation.trusts[host]
    entity_id = trust.hub_ids[0]
    role = replace(trust.hub(entity_id), **said)
    entity_changes(federation, host, entity_id, identity_provider=role)


def entity_changes(federation, host, entity_id, **said):
    """The same of any member."""
    entities = [
        replace(entity, **said) if entity.entity_id == entity_id else entity
        for entity in federation.trusts[host].federation.entities
    ]
    changes(federation, host, federation=_federation(entities))


def add_hub(federation, host, name, key, entity_id):
    """Give a participant one more hub to choose from, at the host of its entityID."""
    trust = federation.trusts[host]
    site = entity_id.removesuffix("/metadata")
    role = IdentityProvider(
        signing_certificates=(key.certificate_text,),
        single_sign_ons=(Endpoint(bindings.REDIRECT, f"{site}/sso"),),
    )
    entity = EntityDescriptor(
        entity_id=entity_id,
        identity_provider=role,
        names={"nl": name, "en": f"{name} (en)"},
        contacts=(Contact("technical", email=f"beheer@{urlsplit(site).hostname}"),),
    )
    members = _federation([*trust.federation.entities, entity])
    federation.apps[urlsplit(site).hostname] = Waiting()
    changes(federation, host, federation=members, hub_ids=(*trust.hub_ids, entity_id))


def _federation(entities):
    return Membership(
        FederationMetadata(
            entities=tuple(entities), valid_until=None, name="", created=clock.now()
        )
    )
