"""XML from outside, SOAP envelopes, and the readers of all messages.

Property: ``parse`` gives a root or raises MalformedMessage; what it takes is UTF-8 and
within its limits, and parses to the same once more when it is written. ``unwrap_soap``
gives the one element of a body, or MalformedMessage. Each reader gives a value or
raises MalformedMessage or DecryptionFailed, and what it has read is the same when it is
written and read again.

An input is a document, signed or not: nothing here is believed. One whose first octet
is below 32, and no white space, names a good one by it, and what follows are steps that
mutate its tree.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fuzz_parts import (
    ASSERTION,
    good_messages,
    mutated,
    octets_of,
    plain_messages,
    steps_of,
)
from lxml import etree
from mutants import OPERATIONS

from eilogin.errors import DecryptionFailed, MalformedMessage, UntrustedSignature
from eilogin.saml import messages
from eilogin.saml.bindings import soap_fault, unwrap_soap, wrap_soap
from eilogin.saml.safe_xml import MESSAGE, parse, serialize, validate
from eilogin.saml.xml_signatures import check_structure

_BOTH: tuple[
    tuple[Callable[[etree._Element], Any], Callable[..., etree._Element]], ...
] = (
    (messages.read_assertion, messages.write_assertion),
    (messages.read_logout_request, messages.write_logout_request),
    (messages.read_logout_response, messages.write_logout_response),
    (messages.read_artifact_resolve, messages.write_artifact_resolve),
    (messages.read_response, lambda value: messages.write_response(value, None)),
    (
        lambda element: messages.read_artifact_response(element)[0],
        lambda value: messages.write_artifact_response(value, None),
    ),
)

#: At most nine of them: the tenth octet is white space.
_GOOD = (
    *plain_messages(),
    wrap_soap(parse(good_messages()["LogoutRequest"][1])),
    serialize(messages.write_assertion(ASSERTION)),
)


def check(octets: bytes) -> None:
    """Hold one document against the property."""
    if octets[:1] and octets[0] < len(_GOOD):
        octets = mutated(_GOOD[octets[0]], steps_of(octets[1:]))
    try:
        root = parse(octets)
    except MalformedMessage:
        return
    octets.decode()
    assert len(octets) <= MESSAGE.octets
    written = serialize(root)
    assert serialize(parse(written)) == written
    for element in (root, _unwrapped(octets)):
        if element is not None:
            _look_at(element)


def _unwrapped(octets: bytes) -> etree._Element | None:
    try:
        return unwrap_soap(octets)
    except MalformedMessage:
        return None


def _look_at(element: etree._Element) -> None:
    with suppress(MalformedMessage, UntrustedSignature):
        check_structure(element)
        validate(element, "protocol")
    with suppress(MalformedMessage):
        messages.read_authn_request(element)
    for read, write in _BOTH:
        try:
            value = read(element)
        except (MalformedMessage, DecryptionFailed):
            continue
        if not value.issuer or not getattr(value, "recipient", value.issuer):
            # A reader takes what has none, to refuse it later; nobody writes one so.
            continue
        again = read(parse(serialize(write(value))))
        assert _bare(again) == _bare(value), "not the same when it is written and read"


def _bare(value: Any) -> object:
    """A value without what is written in another way than it was read."""
    if isinstance(value, messages.Assertion):
        kept = {name: found for name, found in value.attributes.items() if found}
        rounded = {
            name: messages.write_instant(instant)
            for name in ("issued", "confirmation_ends", "authn_instant")
            if (instant := getattr(value, name)) is not None
        }
        return replace(
            value, attributes=kept, issued=0, confirmation_ends=0, authn_instant=0,
            not_before=0, not_on_or_after=0, session_ends=0,
        ), rounded  # fmt: skip
    return replace(value, issued=0)


def seeds() -> Iterator[bytes]:
    """The messages, in clear and in envelopes, and a fault."""
    for number, octets in enumerate(_GOOD):
        yield octets
        yield wrap_soap(parse(octets))
        for operation in range(len(OPERATIONS)):
            yield bytes([number]) + octets_of([(operation, 3 * number, operation)])
    yield soap_fault("Client", "no")
    yield b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<a xml:id="x">&#65;</a>'
    yield b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'
