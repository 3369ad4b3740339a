"""A participant with two hubs, for which a test speaks, and browsers before it."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

from hub_speaker import SECOND_HUB, add_hub, entity_changes
from parties import HubParty
from webob import Request

from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.metadata import Endpoint, IdentityProvider
from eilogin.sessions import Subject
from eilogin.testing import Federation

FIRST_HUB = "https://inloggen.test/metadata"
SITE = "https://stad.test"
ENTITY = f"{SITE}/eilogin/metadata"
ACS = f"{SITE}/eilogin/acs"
LOGOUT = f"{SITE}/eilogin/logout"
SLO = f"{SITE}/eilogin/slo"
SOAP = f"{SITE}/eilogin/slo/soap"
COOKIE = "__Host-eilogin"


class Site:
    """The application; it says whom it sees, and keeps who that was."""

    def __init__(self):
        self.seen = []

    def __call__(self, environ, start_response):
        login = environ["eilogin.session"]
        if environ.get("HTTP_SEC_FETCH_MODE") == "navigate":
            self.seen.append(environ["REMOTE_USER"])
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{environ['REMOTE_USER']} {login.level}".encode()]


class HubSite(HubParty):
    """A hub: a page that does nothing, and artifacts, each of which it knows once."""

    def __init__(self, trust, key, entity_id):
        super().__init__(trust, key)
        self.entity_id = entity_id
        self.answers = {}

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] != "/artifact":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"one moment"]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        resolve = messages.read_artifact_resolve(bindings.unwrap_soap(body))
        self.carried = self.answers.pop(resolve.artifact, None)
        return super().__call__(
            {**environ, "wsgi.input": BytesIO(body)}, start_response
        )


class TwoHubs:
    """The participant, both hubs by entityID, and browsers by name.

    ``key`` is that of the second hub.
    """

    def __init__(self, key, browsers, **options):
        self.site = Site()
        self._folder = TemporaryDirectory()
        said = {"acs": "post", "back_channel_timeout": "1s", **options}
        self.federation = Federation(
            Path(self._folder.name),
            {"stad.test": self.site},
            options={"stad.test": said},
        )
        trust = self.federation.trusts["inloggen.test"]
        self.hubs = {
            FIRST_HUB: HubSite(trust, None, FIRST_HUB),
            SECOND_HUB: HubSite(trust, key, SECOND_HUB),
        }
        self._let_them_in(key)
        self.browsers = {name: self.federation.browser() for name in browsers}

    def close(self):
        self._folder.cleanup()

    def _let_them_in(self, key):
        federation = self.federation
        add_hub(federation, "stad.test", "Ander loket", key, SECOND_HUB)
        there = "https://ander.test"
        both = (bindings.REDIRECT, bindings.POST)
        role = IdentityProvider(
            signing_certificates=(key.certificate_text,),
            single_sign_ons=(Endpoint(bindings.REDIRECT, f"{there}/sso"),),
            artifact_resolutions=(
                Endpoint(bindings.SOAP, f"{there}/artifact", index=0),
            ),
            single_logouts=tuple(Endpoint(one, f"{there}/slo") for one in both),
        )
        entity_changes(federation, "stad.test", SECOND_HUB, identity_provider=role)
        for hub in self.hubs.values():
            host = urlsplit(hub.entity_id).hostname
            federation.apps[host] = hub

    # --- what browsers do -----------------------------------------------------------

    def begin(self, browser, hub, target, **query):
        """Go to the login address, as by a link of the site itself."""
        query = urlencode({"next": target, "hub": hub, **query})
        self.browsers[browser].visit(f"{SITE}/eilogin/login?{query}")

    def asked(self, browser):
        """What was asked of a hub at the last step, and its handle; or None."""
        for url in self.browsers[browser].trail:
            parts = urlsplit(url)
            if parts.path == "/sso" and "SAMLRequest=" in parts.query:
                received = bindings.read_redirect(parts.query)
                request = messages.read_authn_request(safe_xml.parse(received.octets))
                hub = {"inloggen.test": FIRST_HUB}.get(parts.hostname, SECOND_HUB)
                return hub, request, received.relay_state
        return None

    def post(self, browser, element, handle):
        """Bring an answer by POST, as the page of a hub does."""
        octets = safe_xml.serialize(element)
        fields = bindings.post_fields("SAMLResponse", octets, handle)
        self.send_form(browser, ACS, fields)

    def send_form(self, browser, url, fields):
        """Send a form from the page of a hub."""
        self.browsers[browser].visit("https://ander.test/")
        self.browsers[browser].post(url, site="cross-site", **fields)

    def token(self, browser):
        """The value of its session cookie."""
        return self.browsers[browser].cookie("stad.test", COOKIE) or None

    def give(self, browser, token):
        """Have it bring this cookie."""
        self.browsers[browser].set_cookie("stad.test", COOKIE, token or "")

    # --- what is there --------------------------------------------------------------

    def whom_it_sees(self, browser):
        """Whom the application sees on a page for who is logged in, or None.

        A script asks: for the idle limit that is nobody.
        """
        response = self.browsers[browser].fetch(f"{SITE}/mijn")
        if response.status_int == 401:
            return None
        assert response.status_int == 200, response.text
        return response.text

    def sessions_of(self, hub, name):
        """How many sessions of a citizen the store has."""
        named = messages.NameID(name)
        subject = Subject.named(named, issuer=hub, audience=ENTITY)
        sessions = self.federation.apps["stad.test"].sessions
        return len(sessions.store.find(subject.label()))

    def send_soap(self, body):
        """Send a message from server to server."""
        request = Request.blank(SOAP, method="POST", body=body)
        request.content_type = "text/xml"
        return request.get_response(self.federation)
