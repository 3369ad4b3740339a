"""The answer to a login: built and signed at the hub, verified at the participant."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree
from measuring import Bench, Row, Size, Variant
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from eilogin import clock
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.messages import (
    PERSISTENT,
    Assertion,
    NameID,
    Response,
    Status,
    new_id,
    write_assertion,
    write_response,
)
from eilogin.saml.response_checks import Expected, accept
from eilogin.saml.safe_xml import canonical, parse, q, serialize
from eilogin.saml.second_opinion import SecondOpinion
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import sign

_HUB = "https://inloggen.test/metadata"
_SSO = "https://inloggen.test/sso"
_PARTICIPANT = "https://uwv.test/eilogin/metadata"
_ACS = "https://uwv.test/eilogin/acs"
_REQUEST = "_b1e2a3f4c5d6"


def _assertion() -> Assertion:
    now = clock.now()
    return Assertion(
        id=new_id(),
        issued=now,
        issuer=_HUB,
        name_id=NameID("q7Xw2" * 8, PERSISTENT, _HUB, _PARTICIPANT),
        recipient=_ACS,
        in_response_to=_REQUEST,
        confirmation_ends=now + 120,
        not_before=now - 60,
        not_on_or_after=now + 120,
        audiences=((_PARTICIPANT,),),
        authn_instant=now,
        session_index=new_id(),
        session_ends=now + 7200,
        level_class=DIGID.class_of("basis"),
        attributes={"bsn": ["999991772"], "name": ["Anna de Vries"]},
    )


def _response() -> Response:
    return Response(
        id=new_id(),
        issued=clock.now(),
        issuer=_HUB,
        status=Status(),
        in_response_to=_REQUEST,
        destination=_ACS,
    )


def _answer(key: SigningKey) -> bytes:
    """What the hub does for each answer, once it knows what to say."""
    assertion = write_assertion(_assertion())
    sign(assertion, key)
    return serialize(write_response(_response(), assertion))


# --- verified -----------------------------------------------------------------------


@contextmanager
def _verifying(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = SigningKey.load(*new_key_pair("inloggen.test"))
    octets = _answer(key)
    expected = Expected(
        request_id=_REQUEST,
        acs_url=_ACS,
        audience=_PARTICIPANT,
        issuer=_HUB,
        keys=[key.public],
        now=clock.now(),
        destination_required=True,
    )
    opinion = SecondOpinion(_PARTICIPANT, _ACS, _HUB, _SSO, [key.certificate_text])

    def own() -> Assertion:
        return accept(parse(octets), expected)

    def both() -> None:
        own()
        opinion.confirm(octets, _REQUEST)

    yield {
        "own": Variant(own),
        "both": Variant(both),
        "floor": Variant(_verified_at_least(octets, key)),
        "python3-saml": Variant(_as_shipped(octets, key)),
    }


def _verified_at_least(octets: bytes, key: SigningKey) -> Callable[[], object]:
    """Parse, canonicalise, digest, RSA; nothing is looked at."""
    public = key.public

    def verify() -> None:
        assertion = etree.fromstring(octets).find(q("saml:Assertion"))
        signature = assertion.find(q("ds:Signature"))
        info = canonical(signature[0])
        assertion.remove(signature)
        digest = hashlib.sha256(canonical(assertion)).digest()
        said = signature[0].findtext(f"{q('ds:Reference')}/{q('ds:DigestValue')}")
        assert base64.b64decode(said) == digest
        value = base64.b64decode(signature[1].text)
        public.verify(value, info, PKCS1v15(), hashes.SHA256())

    return verify


def _as_shipped(octets: bytes, key: SigningKey) -> Callable[[], object]:
    """python3-saml by itself, its settings made once."""
    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": _PARTICIPANT,
                "assertionConsumerService": {"url": _ACS},
            },
            "idp": {
                "entityId": _HUB,
                "singleSignOnService": {"url": _SSO},
                "x509cert": key.certificate_text,
            },
            "security": {
                "allowSingleLabelDomains": True,
                "requestedAuthnContext": False,
            },
        }
    )
    request = {
        "https": "on",
        "http_host": "uwv.test",
        "script_name": "/eilogin/acs",
    }
    text = base64.b64encode(octets)

    def verify() -> None:
        response = OneLogin_Saml2_Response(settings, text)
        assert response.is_valid(request, _REQUEST), response.get_error()

    return verify


# --- signed -------------------------------------------------------------------------


@contextmanager
def _signing(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = SigningKey.load(*new_key_pair("inloggen.test"))
    yield {
        "own": Variant(lambda: _answer(key)),
        "floor": Variant(_signed_at_least(key)),
    }


def _signed_at_least(key: SigningKey) -> Callable[[], object]:
    """Canonicalise, digest, RSA, of an assertion that is there already."""
    assertion = write_assertion(_assertion())

    def signed() -> bytes:
        digest = hashlib.sha256(canonical(assertion)).digest()
        return key.private.sign(digest, PKCS1v15(), hashes.SHA256())

    return signed


BENCHES = (
    Bench(
        name="verify",
        what="a login's signed answer verified: our own checks with schema, the second "
        "opinion too, and python3-saml as shipped",
        rows=(
            Row(
                name="answer verified, our checks",
                this="own",
                floor="floor",
                goal=3.8,
                peer="python3-saml",
            ),
            Row(
                name="answer verified, both opinions",
                this="both",
                floor="floor",
                peer="python3-saml",
                peer_goal=0.45,
            ),
        ),
        setting=_verifying,
    ),
    Bench(
        name="sign",
        what="an answer built and signed at the hub, beside c14n, SHA-256 and RSA",
        rows=(
            Row(name="answer built and signed", this="own", floor="floor", goal=1.5),
        ),
        setting=_signing,
    ),
)
