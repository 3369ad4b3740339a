"""An identity provider on pysaml2, as a WSGI app: what a hub does, in brief.

Run with a folder and a port; :mod:`pysaml2_idp` writes what is in the folder. What it
does otherwise than by default, a test writes in ``behaviour.json``, for each request:

``impostor``: signs with a key that is not in its metadata. ``encrypt``: the name of the
algorithm with which assertions are encrypted. ``sign``: what is signed, ``assertion``,
``response`` or ``both``. ``level``: the AuthnContext class that is stated, not the one
that was asked for. ``logout``: how participants are told, ``soap``, or through the
browser with ``redirect`` or ``post``. ``missed``: a participant that is said not to
have been reached. ``fails``: a logout is answered with an error, though it is done.
``lasts``: seconds that a login may be used for. ``ago``: seconds since the citizen has
proven who she is.
"""

import base64
import http.client
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from lxml import etree
from saml2 import (
    BINDING_HTTP_ARTIFACT,
    BINDING_HTTP_POST,
    BINDING_HTTP_REDIRECT,
    BINDING_SOAP,
    SAMLError,
    class_name,
    samlp,
)
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import (
    NAMEID_FORMAT_PERSISTENT,
    NAMEID_FORMAT_TRANSIENT,
    Issuer,
    NameID,
)
from saml2.server import Server
from saml2.sigver import (
    SigverError,
    make_temp,
    pre_encryption_part,
    pre_signature_part,
)
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256
from waitress import serve
from webob import Request, Response

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
COOKIE = "idp"

#: By the name that a test gives them: the URI, and xmlsec1's word for such a key.
ENCRYPTIONS = {
    "aes256-gcm": ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "aes-256"),
    "aes128-cbc": ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "aes-128"),
    "tripledes-cbc": ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "des-192"),
}
THROUGH_BROWSER = {"redirect": BINDING_HTTP_REDIRECT, "post": BINDING_HTTP_POST}


class NotingServer(Server):
    """pysaml2's, which notes what it states, and would encrypt with Triple DES only."""

    encryption = "aes256-gcm"
    #: The last assertion: each has a SessionIndex of its own.
    assertion = None

    def setup_assertion(self, *args, **kwargs):
        self.assertion = super().setup_assertion(*args, **kwargs)
        return self.assertion

    def _encrypt_assertion(self, encrypt_cert, sp_entity_id, response, node_xpath=None):
        (_, certificate), *_ = self.metadata.certs(sp_entity_id, "any", "encryption")
        algorithm, key_type = ENCRYPTIONS[self.encryption]
        text = "".join(certificate.split())
        pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
        file = make_temp(pem.encode(), decode=False)
        return self.sec.crypto.encrypt_assertion(
            response,
            file.name,
            pre_encryption_part(msg_enc=algorithm, encrypt_cert=text),
            key_type=key_type,
            node_xpath=node_xpath,
        )


@dataclass
class Known:
    """How a participant knows a citizen: her name, and the session's each time."""

    name_id: NameID
    indexes: list[str] = field(default_factory=list)


@dataclass
class Session:
    """A citizen who is logged in, and how each participant knows her."""

    name: str
    since: int
    told: dict[str, Known] = field(default_factory=dict)


@dataclass
class Logout:
    """A logout under way through the browser, and how it is answered."""

    left: list[tuple[str, Known]]
    answer: object
    unreached: list[str] = field(default_factory=list)


class IdentityProvider:
    """The app; ``folder`` has its keys, and the metadata of who may ask."""

    def __init__(self, folder, base):
        self._folder = folder
        self._base = base
        self._honest = NotingServer(config=self._config("idp"))
        self._impostor = NotingServer(config=self._config("impostor"))
        self._sessions = {}
        self._artifacts = {}
        self._logouts = {}
        self._answered = {
            "/metadata": self._metadata,
            "/": self._home,
            "/sso": self._sso,
            "/artifact": self._resolve,
            "/slo": self._slo,
            "/slo/soap": self._slo_soap,
            "/logout": self._everywhere,
        }

    def _config(self, key):
        both = (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)
        slo = [(f"{self._base}/slo", binding) for binding in both]
        config = {
            "entityid": f"{self._base}/metadata",
            "key_file": str(self._folder / f"{key}.key"),
            "cert_file": str(self._folder / f"{key}.crt"),
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "metadata": {"local": sorted(map(str, self._folder.glob("sp-*.xml")))},
            "service": {
                "idp": {
                    "want_authn_requests_signed": True,
                    "signing_algorithm": SIG_RSA_SHA256,
                    "digest_algorithm": DIGEST_SHA256,
                    "endpoints": {
                        "single_sign_on_service": [
                            (f"{self._base}/sso", binding) for binding in both
                        ],
                        "artifact_resolution_service": [
                            (f"{self._base}/artifact", BINDING_SOAP)
                        ],
                        "single_logout_service": [
                            (f"{self._base}/slo/soap", BINDING_SOAP),
                            *slo,
                        ],
                    },
                    "name_id_format": [
                        NAMEID_FORMAT_PERSISTENT,
                        NAMEID_FORMAT_TRANSIENT,
                    ],
                    "policy": {"default": {"lifetime": {"minutes": 2}}},
                }
            },
        }
        return IdPConfig().load(config)

    def __call__(self, environ, start_response):
        request = Request(environ)
        answer = self._answered.get(request.path)
        try:
            response = answer(request) if answer else Response(status=404)
        except (SAMLError, SigverError) as error:
            response = _page(f"<h1>Geweigerd: {type(error).__name__}</h1>", 403)
        return response(environ, start_response)

    # --- what a test says -------------------------------------------------------------

    @property
    def _behaviour(self):
        return json.loads((self._folder / "behaviour.json").read_text())

    @property
    def _missed(self):
        missed = self._behaviour.get("missed")
        return [missed] if missed else []

    def _status(self, unreached):
        """What is said of a logout that did not reach some."""
        code, inner = samlp.STATUS_SUCCESS, None
        if unreached:
            inner = samlp.StatusCode(value=samlp.STATUS_PARTIAL_LOGOUT)
        if self._behaviour.get("fails"):
            code = samlp.STATUS_RESPONDER
        return samlp.Status(status_code=samlp.StatusCode(value=code, status_code=inner))

    @property
    def _server(self):
        return self._impostor if self._behaviour.get("impostor") else self._honest

    def _metadata(self, request):
        return Response(
            str(entity_descriptor(self._honest.config)), content_type="text/xml"
        )

    # --- the citizen's session --------------------------------------------------------

    def _session(self, request):
        return self._sessions.get(request.cookies.get(COOKIE))

    def _logged_in(self, request):
        """A new session of who typed her name and password, and the cookie for it."""
        assert request.POST["password"] == "demo-anna"
        session = Session(request.POST["username"], int(time.time()))
        handle = secrets.token_urlsafe(16)
        self._sessions[handle] = session
        # Comes along with an AuthnRequest by POST, too.
        return session, f"{COOKIE}={handle}; Path=/; HttpOnly; Secure; SameSite=None"

    def _home(self, request):
        session = self._session(request)
        if session is None:
            return _page("<h1>Niet ingelogd</h1>")
        button = (
            '<form method="post" action="/logout"><button>Overal uitloggen</button>'
        )
        return _page(f"<h1>Ingelogd: {escape(session.name)}</h1>{button}</form>")

    # --- single sign-on ---------------------------------------------------------------

    def _sso(self, request):
        fields = request.params
        if "SAMLRequest" not in fields:
            # Such as a look whether it is there.
            return Response(status=400)
        binding = BINDING_HTTP_REDIRECT if "Signature" in fields else BINDING_HTTP_POST
        asked = self._server.parse_authn_request(
            fields["SAMLRequest"],
            binding,
            relay_state=fields.get("RelayState"),
            sigalg=fields.get("SigAlg"),
            signature=fields.get("Signature"),
        ).message
        session, cookie = self._session(request), None
        if "password" in request.POST:
            session, cookie = self._logged_in(request)
        if session is None or (asked.force_authn == "true" and cookie is None):
            if asked.is_passive == "true":
                return self._deliver(asked, self._no_passive(asked), fields)
            return _sign_in_page(fields)
        response = self._deliver(asked, self._assert(asked, session), fields)
        if cookie is not None:
            response.headers["Set-Cookie"] = cookie
        return response

    def _assert(self, asked, session):
        server, behaviour = self._server, self._behaviour
        facts = server.response_args(asked, _consumers(asked))
        facts.pop("binding")
        wanted = asked.requested_authn_context
        level = wanted.authn_context_class_ref[0].text if wanted else PASSWORD
        level = behaviour.get("level", level)
        signs = behaviour.get("sign", "both")
        known = session.told.get(facts["sp_entity_id"])
        server.encryption = behaviour.get("encrypt", "aes256-gcm")
        response = server.create_authn_response(
            {"displayName": ["Anna de Proef"]},
            userid=session.name,
            name_id=known.name_id if known else self._name_id(),
            authn={
                "class_ref": level,
                "authn_instant": session.since - behaviour.get("ago", 0),
            },
            sign_assertion=signs != "response",
            sign_response=signs != "assertion",
            encrypt_assertion="encrypt" in behaviour,
            session_not_on_or_after=_instant(
                session.since + behaviour.get("lasts", 7200)
            ),
            **facts,
        )
        name_id = server.assertion.subject.name_id
        (statement,) = server.assertion.authn_statement
        known = session.told.setdefault(facts["sp_entity_id"], Known(name_id))
        known.indexes.append(statement.session_index)
        return str(response)

    def _name_id(self):
        """The NameID of a new session, where a test says what is in it."""
        said = self._behaviour.get("name_id")
        return None if said is None else NameID(text=secrets.token_hex(16), **said)

    def _no_passive(self, asked):
        facts = self._server.response_args(asked, _consumers(asked))
        return str(
            self._server.create_error_response(
                asked.id,
                facts["destination"],
                (samlp.STATUS_NO_PASSIVE, None),
                sign=True,
            )
        )

    def _deliver(self, asked, response, fields):
        facts = self._server.response_args(asked, _consumers(asked))
        relay_state = fields.get("RelayState", "")
        if facts["binding"] == BINDING_HTTP_ARTIFACT:
            # Its index is 12336: pysaml2 writes the digits "00".
            artifact = self._server.use_artifact(response)
            self._artifacts[artifact] = response
            query = urlencode({"SAMLart": artifact, "RelayState": relay_state})
            return _see_other(f"{facts['destination']}?{query}")
        return _auto_post(facts["destination"], "SAMLResponse", response, relay_state)

    def _resolve(self, request):
        """Put together as text: pysaml2 would write the signed message anew."""
        asked, _ = self._opened(request, "samlp:ArtifactResolve")
        artifact = asked.findtext("{*}Artifact").strip()
        server = self._server
        answer = server._status_response(  # noqa: SLF001 - it has no other way
            samlp.ArtifactResponse,
            Issuer(text=f"{self._base}/metadata"),
            None,
            False,
            in_response_to=asked.get("ID"),
        )
        answer.signature = pre_signature_part(
            answer.id,
            server.sec.my_cert,
            # As pysaml2 does by itself: a signature inside has the same Id.
            1,
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
        )
        text = _without_declaration(str(answer))
        carried = _without_declaration(self._artifacts.pop(artifact))
        body, end, _ = text.rpartition("</")
        text = f"{body}{carried}{end}{text[len(body) + 2 :]}"
        signed = server.sec.sign_statement(text, class_name(answer), node_id=answer.id)
        return _soap(signed)

    # --- single logout ----------------------------------------------------------------

    def _slo(self, request):
        fields = request.params
        binding = BINDING_HTTP_REDIRECT if "Signature" in fields else BINDING_HTTP_POST
        if "SAMLResponse" in fields:
            return self._told(fields, binding)
        if "SAMLRequest" not in fields:
            # Such as a look whether it is there.
            return Response(status=400)
        asked = self._server.parse_logout_request(
            fields["SAMLRequest"],
            binding,
            relay_state=fields.get("RelayState"),
            sigalg=fields.get("SigAlg"),
            signature=fields.get("Signature"),
        ).message
        relay_state = fields.get("RelayState", "")

        def answer(unreached):
            return self._answer(asked, relay_state, unreached + self._missed)

        return self._end(self._named(asked), asked.issuer.text.strip(), answer)

    def _slo_soap(self, request):
        _, octets = self._opened(request, "samlp:LogoutRequest")
        asked = self._server.parse_logout_request(octets, None).message
        session = self._named(asked)
        others = self._forget(session, asked.issuer.text.strip())
        unreached = self._tell_all(others) + self._missed
        server = self._server
        answer = server.create_logout_response(
            asked, [BINDING_SOAP], status=self._status(unreached), sign=True
        )
        return _soap(_without_declaration(str(answer)))

    def _everywhere(self, request):
        """The button on our own page."""
        assert request.method == "POST"

        def answer(unreached):
            told = (
                f"Hier is uitloggen niet gelukt: {escape(', '.join(unreached))}"
                if unreached
                else ""
            )
            return _page(f"<h1>Overal uitgelogd</h1><p>{told}</p>")

        return self._end(self._session(request), None, answer)

    def _named(self, asked):
        """The session that a participant means."""
        sp = asked.issuer.text.strip()
        named = {index.text.strip() for index in asked.session_index}
        for session in self._sessions.values():
            known = session.told.get(sp)
            if (
                known is not None
                # As strict products do (LemonLDAP::NG): literally.
                and _literally(known.name_id) == _literally(asked.name_id)
                and named & {*known.indexes}
            ):
                return session
        return None

    def _forget(self, session, but):
        """End a session; who else has to be told, and how they know it."""
        if session is None:
            return []
        self._sessions = {k: s for k, s in self._sessions.items() if s is not session}
        return [(sp, known) for sp, known in session.told.items() if sp != but]

    def _end(self, session, but, answer):
        others = self._forget(session, but)
        if self._behaviour.get("logout", "soap") == "soap":
            return answer(self._tell_all(others))
        return self._go_on(Logout(others, answer))

    def _tell_all(self, others):
        return [sp for sp, known in others if not self._tell(sp, known)]

    def _tell(self, sp, known):
        """Whether a participant says over SOAP that she is logged out there."""
        endpoint = self._location(sp, BINDING_SOAP)
        request = self._logout_request(endpoint, sp, known, sign=True)
        parts = urlsplit(endpoint)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
        headers = {"Host": parts.netloc, "Content-Type": "text/xml"}
        body = _envelope(_without_declaration(request))
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200:
            return False
        inner = etree.fromstring(content).find(f"{{{SOAP}}}Body")[0]
        octets = etree.tostring(inner, with_tail=False).decode()
        response = self._server.parse_logout_request_response(octets, None)
        return _is_done(response)

    # through the browser, one after another

    def _go_on(self, logout):
        if not logout.left:
            return logout.answer(logout.unreached)
        sp, known = logout.left.pop()
        binding = THROUGH_BROWSER[self._behaviour["logout"]]
        handle = secrets.token_urlsafe(16)
        self._logouts[handle] = (logout, sp)
        location = self._location(sp, binding)
        is_post = binding == BINDING_HTTP_POST
        request = self._logout_request(location, sp, known, sign=is_post)
        return self._send(binding, request, location, handle, "SAMLRequest")

    def _logout_request(self, location, sp, known, *, sign):
        _, request = self._server.create_logout_request(
            location,
            sp,
            name_id=known.name_id,
            session_indexes=known.indexes,
            sign=sign,
        )
        return str(request)

    def _told(self, fields, binding):
        logout, sp = self._logouts.pop(fields["RelayState"])
        response = self._server.parse_logout_request_response(
            fields["SAMLResponse"], binding
        )
        if not _is_done(response):
            logout.unreached.append(sp)
        return self._go_on(logout)

    def _answer(self, asked, relay_state, unreached):
        sp = asked.issuer.text.strip()
        service = self._server.metadata.single_logout_service
        binding, found = next(
            (binding, found[0])
            for binding in THROUGH_BROWSER.values()
            if (found := service(sp, binding, "spsso"))
        )
        response = self._server.create_logout_response(
            asked,
            [binding],
            status=self._status(unreached),
            sign=binding == BINDING_HTTP_POST,
        )
        location = found.get("response_location", found["location"])
        return self._send(binding, str(response), location, relay_state, "SAMLResponse")

    def _send(self, binding, message, location, relay_state, kind):
        if binding == BINDING_HTTP_POST:
            return _auto_post(location, kind, message, relay_state)
        info = self._server.apply_binding(
            binding,
            message,
            location,
            relay_state,
            response=kind == "SAMLResponse",
            sign=True,
        )
        return _see_other(dict(info["headers"])["Location"])

    def _location(self, sp, binding):
        found = self._server.metadata.single_logout_service(sp, binding, "spsso")
        return found[0]["location"]

    # --- SOAP -------------------------------------------------------------------------

    def _opened(self, request, node):
        """The message in an envelope, as it came: its signature has been verified."""
        inner = etree.fromstring(request.body).find(f"{{{SOAP}}}Body")[0]
        octets = etree.tostring(inner, with_tail=False).decode()
        issuer = inner.findtext("{*}Issuer").strip()
        for _, certificate in self._server.metadata.certs(issuer, "any", "signing"):
            text = "".join(certificate.split())
            pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
            file = make_temp(pem.encode(), decode=False)
            name = (
                f"urn:oasis:names:tc:SAML:2.0:protocol:{etree.QName(inner).localname}"
            )
            if self._server.sec.verify_signature(
                octets, file.name, "pem", name, inner.get("ID")
            ):
                return inner, octets
        raise SAMLError(f"{node} is not signed by {issuer}")


def _consumers(asked):
    """The bindings by which an answer may be sent: what was asked for, or any."""
    if asked.protocol_binding:
        return [asked.protocol_binding]
    return [BINDING_HTTP_ARTIFACT, BINDING_HTTP_POST]


def _is_done(response):
    """Whether a participant says that nothing is left of a login there."""
    inner = response.response.status.status_code.status_code
    is_partial = inner is not None and inner.value == samlp.STATUS_PARTIAL_LOGOUT
    return response.status_ok() and not is_partial


def _instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _without_declaration(text):
    return text.partition("?>")[2].strip() if text.startswith("<?xml") else text


def _envelope(message):
    return f'<S:Envelope xmlns:S="{SOAP}"><S:Body>{message}</S:Body></S:Envelope>'


def _soap(message):
    return Response(_envelope(_without_declaration(message)), content_type="text/xml")


# --- pages ----------------------------------------------------------------------------


def _page(content, status=200):
    text = f'<!DOCTYPE html><html lang="nl"><title>IdP</title>{content}</html>'
    return Response(text, status=status)


def _see_other(location):
    return Response(status=303, location=location)


def _hidden(fields):
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
        if value
    )


def _sign_in_page(fields):
    return _page(
        f'<h1>Inloggen</h1><form method="post" action="/sso">{_hidden(fields)}'
        '<label>Naam <input name="username"></label>'
        '<label>Wachtwoord <input name="password" type="password"></label>'
        '<button name="login" value="1">Inloggen</button></form>'
    )


def _auto_post(location, kind, message, relay_state):
    octets = base64.b64encode(message.encode()).decode()
    fields = _hidden({kind: octets, "RelayState": relay_state})
    return _page(
        f'<form method="post" action="{escape(location)}">{fields}'
        "<button>Ga verder</button></form><script>document.forms[0].submit()</script>"
    )


def _literally(name_id):
    """What is in a NameID; None for each attribute that is absent."""
    text = name_id.text.strip()
    qualifiers = (name_id.name_qualifier, name_id.sp_name_qualifier)
    return (text, name_id.format, *qualifiers)


if __name__ == "__main__":
    _, where, port = sys.argv
    app = IdentityProvider(Path(where), f"http://idp.localhost:{port}")
    serve(app, listen=f"127.0.0.1:{port}", threads=8, _quiet=True)
