"""The instants of a login answer, in all places where the hub may say one.

Property: ``read_instant`` takes UTC in one form, and what it gives can be written
again; it raises MalformedMessage for all else. An answer with the text in the place of
one of its instants, signed so by the hub, is accepted only where a plain reader of
instants finds each of them in its window.

The first octet of an input names the place; what follows is the text.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from fuzz_parts import ASSERTION, NOW, RESPONSE, expected, signed
from lxml import etree

from eilogin.errors import MalformedMessage, Refused
from eilogin.saml.message_checks import LIFETIME, SKEW
from eilogin.saml.messages import (
    read_instant,
    write_assertion,
    write_instant,
    write_response,
)
from eilogin.saml.response_checks import LONGEST_WINDOW, accept
from eilogin.saml.safe_xml import parse, q, serialize

_PLACES = (
    ("saml:Assertion", "IssueInstant", NOW - LIFETIME - SKEW, NOW + SKEW),
    ("saml:SubjectConfirmationData", "NotOnOrAfter", NOW - SKEW, NOW + LONGEST_WINDOW),
    ("saml:Conditions", "NotBefore", -1e12, NOW + SKEW),
    ("saml:Conditions", "NotOnOrAfter", NOW - SKEW, NOW + LONGEST_WINDOW),
    ("saml:AuthnStatement", "AuthnInstant", -1e12, NOW + SKEW),
    ("saml:AuthnStatement", "SessionNotOnOrAfter", NOW, 1e12),
    ("samlp:Response", "IssueInstant", NOW - LIFETIME - SKEW, NOW + SKEW),
)
_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?Z", re.ASCII)


def check(octets: bytes) -> None:
    """Hold one text against the property."""
    place, text = octets[:1], octets[1:].decode(errors="replace")
    try:
        found = read_instant(text)
    except MalformedMessage:
        found = None
    else:
        assert found == _plainly_read(text)
        assert abs(read_instant(write_instant(found)) - found) < _MILLISECOND
    name, attribute, earliest, latest = _PLACES[place[0] % 7 if place else 0]
    try:
        _accept_with(name, attribute, text)
    except Refused:
        return
    assert found is not None
    assert earliest <= found <= latest, "accepted, and out of its window"


#: And what a float of the year 9999 leaves of it.
_MILLISECOND = 0.0011


def _plainly_read(text: str) -> float:
    match = _FORM.fullmatch(text)
    assert match, f"{text!r} was taken"
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction = match[7]
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    whole = datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    return whole.timestamp()


def _accept_with(name: str, attribute: str, text: str) -> None:
    assertion = write_assertion(ASSERTION)
    response = write_response(RESPONSE, None)
    whole = etree.Element("whole")
    whole.extend([response, assertion])
    element = next(whole.iter(q(name)))
    try:
        element.set(attribute, text)
    except ValueError:
        # What no XML can hold.
        raise MalformedMessage("no text") from None
    response.append(signed(assertion))
    accept(parse(serialize(response)), expected())


def seeds() -> Iterator[bytes]:
    """Instants in and around all windows, and in other forms."""
    texts = [
        write_instant(NOW + seconds)
        for seconds in (-181, -180, -61, -1, 0, 0.25, 59, 61, 119, 121, 86400, 86401)
    ]
    for place in range(len(_PLACES)):
        for text in (
            *texts,
            "9999-12-31T23:59:59.9999999Z",
            "2026-01-01T12:00:00.50250Z",
            "0001-01-01T00:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-01-01T12:00:00+00:00",
            "2026-01-01T24:00:00Z",
            " 2026-01-01T12:00:00Z",
        ):
            yield bytes([place]) + text.encode()
