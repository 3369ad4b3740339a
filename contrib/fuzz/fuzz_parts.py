"""Keys, good messages and their mutants: what the targets have in common.

A target is a file with two functions. ``check(octets)`` does what one input asks for,
and raises where the property that its docstring states does not hold; ``seeds()`` gives
inputs to begin with. Neither needs atheris, so a test runs them too.

The keys are the same in each process, so what a fuzzer has found in one is signed
rightly in the next. They are nobody's, and no secret.
"""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from eilogin.saml import messages
from eilogin.saml.answers import Expected
from eilogin.saml.keys import SigningKey, new_key_pair
from eilogin.saml.levels import DIGID
from eilogin.saml.signatures import sign
from eilogin.saml.xml import serialize

# The mutators are those of the tests.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "support"))

from mutants import Step, mutated, octets_of, steps_of

__all__ = ["Step", "mutated", "octets_of", "steps_of"]

NOW = 1_767_268_800.0  # 2026-01-01T12:00:00Z
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
ACS = "https://uwv.example.nl/eilogin/acs"
SLO = "https://uwv.example.nl/eilogin/slo"
SSO = "https://inloggen.example.nl/sso"
REQUEST = "_b1e2a3f4"
RESOLVE = "_c5d6e7f8"


@cache
def key_of(name: str) -> SigningKey:
    """The key of a party, always the same one."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()) >> 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    return SigningKey.load(*new_key_pair(name, private=private, begins=NOW))


#: The key of who decrypts: another one in each process, for nothing is signed with it.
READER = rsa.generate_private_key(public_exponent=65537, key_size=2048)

ASSERTION = messages.Assertion(
    id="_a1",
    issued=NOW,
    issuer=HUB,
    name_id=messages.NameID("q7Xw2", messages.PERSISTENT),
    recipient=ACS,
    in_response_to=REQUEST,
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=((PARTICIPANT,),),
    authn_instant=NOW - 30,
    session_index="_s1",
    session_ends=NOW + 7200,
    level_class=DIGID.class_of("basis"),
    attributes={"naam": ["Merel de Vries"], "urn:oid:2.5.4.42": ["Merel", "Élodie"]},
)
RESPONSE = messages.Response("_r1", NOW, HUB, messages.Status(), REQUEST, ACS)
REFUSAL = messages.Response(
    "_r2",
    NOW,
    HUB,
    messages.Status((messages.RESPONDER, messages.AUTHN_FAILED), "geannuleerd"),
    REQUEST,
    ACS,
)
AUTHN_REQUEST = messages.AuthnRequest(
    REQUEST,
    NOW,
    PARTICIPANT,
    SSO,
    force_authn=True,
    acs_url=ACS,
    level_classes=(DIGID.class_of("midden"),),
    provider_name="UWV",
    consumer_service_index=1,
)
LOGOUT_REQUEST = messages.LogoutRequest(
    "_l1",
    NOW,
    HUB,
    messages.NameID("q7Xw2", messages.PERSISTENT),
    SLO,
    session_indexes=("_s1", "_s2"),
    not_on_or_after=NOW + 300,
    is_asynchronous=True,
)
LOGOUT_RESPONSE = messages.LogoutResponse(
    "_l2", NOW, HUB, messages.Status(), "_l0", SLO
)
ARTIFACT_RESOLVE = messages.ArtifactResolve(
    RESOLVE,
    NOW,
    PARTICIPANT,
    "AAQAAMh48/1oXIM+sDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8=",
)
ARTIFACT_RESPONSE = messages.ArtifactResponse(
    "_ar1", NOW, HUB, messages.Status(), RESOLVE
)


_EXPECTED = Expected(
    request_id=REQUEST,
    acs_url=ACS,
    audience=PARTICIPANT,
    issuer=HUB,
    keys=[key_of("hub").public],
    now=NOW,
    destination_required=True,
)


def expected(**changes: Any) -> Expected:
    """What the participant knows about the answer that it waits for."""
    return replace(_EXPECTED, **changes)


def signed(element: etree._Element, party: str = "hub") -> etree._Element:
    """The element, with a signature of this party."""
    sign(element, key_of(party))
    return element


@cache
def good_messages() -> dict[str, tuple[object, bytes]]:
    """Each message as a value, and as octets in which it is signed itself."""
    assertion = messages.write_assertion(ASSERTION)
    elements = {
        "AuthnRequest": (AUTHN_REQUEST, messages.write_authn_request(AUTHN_REQUEST)),
        "LogoutRequest": (
            LOGOUT_REQUEST,
            messages.write_logout_request(LOGOUT_REQUEST),
        ),
        "LogoutResponse": (
            LOGOUT_RESPONSE,
            messages.write_logout_response(LOGOUT_RESPONSE),
        ),
        "ArtifactResolve": (
            ARTIFACT_RESOLVE,
            messages.write_artifact_resolve(ARTIFACT_RESOLVE),
        ),
        "ArtifactResponse": (
            ARTIFACT_RESPONSE,
            messages.write_artifact_response(
                ARTIFACT_RESPONSE, messages.write_response(RESPONSE, assertion)
            ),
        ),
        "Response": (REFUSAL, messages.write_response(REFUSAL, None)),
    }
    return {
        name: (value, serialize(signed(element)))
        for name, (value, element) in elements.items()
    }


def plain_messages() -> Iterable[bytes]:
    """The octets of all messages."""
    return [octets for _, octets in good_messages().values()]
