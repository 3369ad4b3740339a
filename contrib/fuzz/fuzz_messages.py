"""Signed messages that are no login answer: mutated, verified and read.

Property: ``verified`` gives what was signed, or raises MalformedMessage or
UntrustedSignature; so does ``open_soap``, which takes the message out of an envelope.
What a reader makes of it is the value that was signed. No element of the message, not
even one put away in a corner, verifies as anything else.

The first octet of an input names the message, and whether it is in an envelope; what
follows are steps that mutate it.
"""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from fuzz_parts import good_messages, key_of, mutated, octets_of, steps_of
from lxml import etree
from mutants import OPERATIONS

from eilogin.errors import DecryptionFailed, MalformedMessage, UntrustedSignature
from eilogin.saml import messages
from eilogin.saml.bindings import wrap_soap
from eilogin.saml.message_checks import verified
from eilogin.saml.safe_xml import parse, q
from eilogin.saml.xml_signatures import check_structure
from eilogin.saml.xml_signatures import signed as covered
from eilogin.web.inbound_messages import open_soap

_READERS: Mapping[str, Callable[..., Any]] = {
    "AuthnRequest": messages.read_authn_request,
    "LogoutRequest": messages.read_logout_request,
    "LogoutResponse": messages.read_logout_response,
    "ArtifactResolve": messages.read_artifact_resolve,
    "ArtifactResponse": lambda element: messages.read_artifact_response(element)[0],
    "Response": messages.read_response,
}
GOOD = tuple(
    (name, value, octets, wrap_soap(parse(octets)))
    for name, (value, octets) in good_messages().items()
)
_KEYS = [key_of("hub").public]
_HUB: Any = SimpleNamespace(keys=_KEYS)
_REFUSED = (MalformedMessage, UntrustedSignature)


def check(octets: bytes) -> None:
    """Hold one message against the property."""
    if octets:
        number, is_soap = divmod(octets[0] % (2 * len(GOOD)), 2)
        judge(number, steps_of(octets[1:]), is_soap=bool(is_soap))


def judge(
    number: int, steps: list[tuple[int, int, int]], *, is_soap: bool = False
) -> bool:
    """Whether a mutant is taken; AssertionError where it says what nobody signed."""
    name, value, plain, in_soap = GOOD[number]
    octets = mutated(in_soap if is_soap else plain, steps)
    element = _opened(octets) if is_soap else _verified(octets)
    if element is not None and element.tag == q(f"samlp:{name}"):
        assert _READERS[name](element) == value, "taken, and nobody signed it"
    _look_everywhere(octets, name, value)
    return element is not None


def _verified(octets: bytes) -> etree._Element | None:
    try:
        return verified(parse(octets), _KEYS)
    except _REFUSED:
        return None


def _opened(octets: bytes) -> etree._Element | None:
    try:
        return open_soap(octets, lambda _: _HUB)[0]
    except _REFUSED:
        return None


def _look_everywhere(octets: bytes, name: str, value: object) -> None:
    try:
        root = parse(octets)
        check_structure(root)
    except _REFUSED:
        return
    for element in root.iter(q(f"samlp:{name}")):
        try:
            found = covered(element, _KEYS)
        except _REFUSED:
            continue
        try:
            assert _READERS[name](found) == value, "verified, and nobody signed it"
        except (MalformedMessage, DecryptionFailed) as error:
            raise AssertionError("what was signed cannot be read") from error


def seeds() -> Iterator[bytes]:
    """Each message as it is, and after each operation in some places."""
    for kind in range(2 * len(GOOD)):
        yield bytes([kind])
        for operation in range(len(OPERATIONS)):
            for place in (0, 3, 7):
                yield bytes([kind]) + octets_of([(operation, place, 2 * operation)])
