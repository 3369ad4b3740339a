"""Login answers: the tree of a signed one mutated, and judged by ``accept``.

Property: ``accept`` (of what came for an artifact after ``open_artifact_response``)
gives an assertion or raises an error of eilogin's own, a Refused. What it gives is what
the hub signed: every NameID, attribute, SessionIndex and instant.

The first octet of an input says in which shape the answer is signed or encrypted; what
follows are steps that mutate it.
"""

from collections.abc import Callable, Iterator, Mapping

from fuzz_parts import (
    ACS,
    ARTIFACT_RESPONSE,
    ASSERTION,
    HUB,
    NOW,
    READER,
    REFUSAL,
    RESOLVE,
    RESPONSE,
    expected,
    key_of,
    mutated,
    octets_of,
    signed,
    steps_of,
)
from lxml import etree
from mutants import OPERATIONS

from eilogin.errors import Refused
from eilogin.saml.artifact_responses import open_artifact_response
from eilogin.saml.messages import (
    write_artifact_response,
    write_assertion,
    write_response,
)
from eilogin.saml.response_checks import Expected, accept
from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.xml_encryption import Decrypter, encrypt


def _expected(*, by_artifact: bool) -> Expected:
    """What is expected of one message: a Decrypter counts what it costs."""
    return expected(
        decrypter=Decrypter([READER]),
        destination_required=not by_artifact,
    )


def _assertion() -> etree._Element:
    return write_assertion(ASSERTION)


def _encrypted(assertion: etree._Element) -> etree._Element:
    return encrypt(assertion, "saml:EncryptedAssertion", READER.public_key())


def _with_hidden_name() -> etree._Element:
    assertion = _assertion()
    for path, wrapper in (
        (f".//{q('saml:NameID')}", "saml:EncryptedID"),
        (f".//{q('saml:Attribute')}", "saml:EncryptedAttribute"),
    ):
        found = assertion.find(path)
        assert found is not None
        parent = found.getparent()
        assert parent is not None
        parent.replace(found, encrypt(found, wrapper, READER.public_key()))
    return signed(assertion)


def _in_artifact(response: etree._Element) -> etree._Element:
    return write_artifact_response(ARTIFACT_RESPONSE, response)


_SHAPES: Mapping[str, Callable[[], etree._Element]] = {
    "assertion": lambda: write_response(RESPONSE, signed(_assertion())),
    "response": lambda: signed(write_response(RESPONSE, _assertion())),
    "both": lambda: signed(write_response(RESPONSE, signed(_assertion()))),
    "artifact": lambda: signed(_in_artifact(write_response(RESPONSE, _assertion()))),
    "all": lambda: signed(
        _in_artifact(signed(write_response(RESPONSE, signed(_assertion()))))
    ),
    "encrypted": lambda: write_response(RESPONSE, _encrypted(signed(_assertion()))),
    "encrypted in signed": lambda: signed(
        write_response(RESPONSE, _encrypted(_assertion()))
    ),
    "hidden name": lambda: write_response(RESPONSE, _with_hidden_name()),
    "refusal": lambda: signed(write_response(REFUSAL, None)),
}
GOOD = tuple(serialize(make()) for make in _SHAPES.values())


def check(octets: bytes) -> None:
    """Hold one answer against the property."""
    if octets:
        good = GOOD[octets[0] % len(GOOD)]
        judge(mutated(good, steps_of(octets[1:])))


def judge(octets: bytes) -> bool:
    """Whether an answer is accepted; AssertionError for what nobody signed."""
    try:
        root = parse(octets)
        by_artifact = root.tag == q("samlp:ArtifactResponse")
        if by_artifact:
            root = open_artifact_response(
                root,
                keys=[key_of("hub").public],
                issuer=HUB,
                in_response_to=RESOLVE,
                now=NOW,
            )
        found = accept(root, _expected(by_artifact=by_artifact))
    except Refused:
        return False
    assert found == ASSERTION, "accepted, and nobody signed it"
    assert found.recipient == ACS
    return True


def seeds() -> Iterator[bytes]:
    """Each shape as it is, and after each operation in some places."""
    for shape in range(len(GOOD)):
        yield bytes([shape])
        for operation in range(len(OPERATIONS)):
            for place in (1, 5, 9):
                yield bytes([shape]) + octets_of([(operation, place, 3 * operation)])
