"""DigiD, as a test wants it: messages as its interface 3.x has them, signed as it does.

The citizen's browser is told where to go; the participant resolves artifacts here.
"""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from parties import ArtifactParty

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID

ANNA, BRAM = "900000016", "900000028"


def name_of(number, sector="s00000000"):
    return messages.NameID(f"{sector}:{number}")


class Digid(ArtifactParty):
    """Answers for its host; ``carried`` is what the next artifact stands for."""

    def __init__(self, trust):
        super().__init__(trust, replace(trust.own.key, names_key=True))
        #: Messages that came, as they came.
        self.questions = []
        self.resolves = []
        self.logouts = []

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        if environ["PATH_INFO"] == "/artifact":
            start_response("200 OK", [("Content-Type", "text/xml")])
            self.resolves.append(body)
            return [self.resolved(body)]
        query = environ["QUERY_STRING"]
        received = bindings.read_post(body) if body else bindings.read_redirect(query)
        seen = self.logouts if environ["PATH_INFO"] == "/slo" else self.questions
        seen.append(received)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"DigiD"]

    # --- what it says -------------------------------------------------------------

    @property
    def question(self):
        """The AuthnRequest that came last, and its RelayState."""
        received = self.questions[-1]
        element = safe_xml.parse(received.octets)
        return messages.read_authn_request(element), received.relay_state

    def assertion(self, number=ANNA, *, level="basis", acs=None, **changes):
        request, _ = self.question
        instant = clock.now()
        assertion = messages.Assertion(
            id=messages.new_id(),
            issued=instant,
            issuer=self.entity_id,
            name_id=name_of(number),
            recipient=acs or "https://uwv.test/eilogin/acs",
            in_response_to=request.id,
            confirmation_ends=instant + 120,
            not_before=instant - 120,
            not_on_or_after=instant + 120,
            audiences=((request.issuer,),),
            authn_instant=instant,
            session_index="0123456789abcdef0123456789abcdef00000001",
            session_ends=None,
            level_class=DIGID.class_of(level),
        )
        return messages.write_assertion(replace(assertion, **changes))

    def response(self, assertion, *codes, **changes):
        """Without a signature of its own, and without a Destination."""
        request, _ = self.question
        response = messages.Response(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.entity_id,
            status=messages.Status(codes or (messages.SUCCESS,)),
            in_response_to=request.id,
        )
        return messages.write_response(replace(response, **changes), assertion)

    def confirms(self, number=ANNA, **said):
        self.carried = self.response(self.signed(self.assertion(number, **said)))

    def refuses(self, *codes):
        self.carried = self.response(None, *codes)

    def artifact_url(self, acs="https://uwv.test/eilogin/acs"):
        artifact = bindings.new_artifact(self.entity_id)
        return bindings.artifact_url(acs, artifact, self.question[1])

    # --- logging out --------------------------------------------------------------

    def logout_response_url(self, *codes, sign=None):
        """The address that brings the answer to the last LogoutRequest."""
        element = safe_xml.parse(self.logouts[-1].octets)
        request = messages.read_logout_request(element)
        slo = "https://uwv.test/eilogin/slo"
        response = messages.LogoutResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.entity_id,
            status=messages.Status(codes or (messages.SUCCESS,)),
            in_response_to=request.id,
            destination=slo,
        )
        octets = safe_xml.serialize(messages.write_logout_response(response))
        url = bindings.redirect_url(slo, bindings.RESPONSE, octets, "", self.key)
        return url if sign is None else sign(url, self.key)


class Citizen:
    """A citizen of whom DigiD says what the test wants."""

    def __init__(self, federation, digid, host="uwv.test"):
        self.federation, self.digid, self.host = federation, digid, host
        self.browser = federation.browser()

    @property
    def acs(self):
        return f"https://{self.host}/eilogin/acs"

    @property
    def is_asked(self):
        """Whether the last step ended at DigiD, with a question."""
        return urlsplit(self.browser.url).path == "/sso"

    def begins(self, path="/mijn"):
        self.browser.visit(f"https://{self.host}{path}")
        assert self.is_asked, f"{self.browser.url}: {self.browser.text}"
        return self

    def comes_back(self):
        """As DigiD sends her: a GET from another site, with an artifact."""
        self.browser.follow(self.digid.artifact_url(self.acs))
        return self

    def logs_in(self, path="/mijn", number=ANNA, **said):
        self.begins(path)
        self.digid.confirms(number, acs=self.acs, **said)
        self.comes_back()
        assert self.browser.url == f"https://{self.host}{path}", self.browser.text
        return self

    def cancels(self):
        self.digid.refuses(messages.RESPONDER, messages.AUTHN_FAILED)
        return self.comes_back()

    @property
    def is_logged_in(self):
        token = self.browser.cookie(self.host, "__Host-eilogin")
        sessions = self.federation.apps[self.host].sessions
        return bool(token) and sessions.find(token) is not None


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
