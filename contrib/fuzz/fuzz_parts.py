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
from eilogin.saml.response_checks import Expected
from eilogin.saml.safe_xml import serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import sign

# The messages and the mutators are those of the tests.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "support"))

from good_messages import (
    ACS,
    ARTIFACT_RESOLVE,
    ARTIFACT_RESPONSE,
    ASSERTION,
    AUTHN_REQUEST,
    HUB,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    NOW,
    PARTICIPANT,
    REFUSAL,
    REQUEST,
    RESOLVE,
    RESPONSE,
    SLO,
    SSO,
)
from mutants import Step, mutated, octets_of, steps_of

__all__ = [
    "ACS",
    "ARTIFACT_RESOLVE",
    "ARTIFACT_RESPONSE",
    "ASSERTION",
    "AUTHN_REQUEST",
    "HUB",
    "LOGOUT_REQUEST",
    "LOGOUT_RESPONSE",
    "NOW",
    "PARTICIPANT",
    "REFUSAL",
    "REQUEST",
    "RESOLVE",
    "RESPONSE",
    "SLO",
    "SSO",
    "Step",
    "mutated",
    "octets_of",
    "steps_of",
]


@cache
def key_of(name: str) -> SigningKey:
    """The key of a party, always the same one."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()) >> 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    return SigningKey.load(*new_key_pair(name, private=private, begins=NOW))


#: The key of who decrypts: another one in each process, for nothing is signed with it.
READER = rsa.generate_private_key(public_exponent=65537, key_size=2048)

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
