"""Queries of messages that came by Redirect: read, and their signature verified.

Property: ``read_redirect`` gives a message or raises MalformedMessage,
``verify_redirect`` nothing or UntrustedSignature. What is accepted has the kind, the
message and the RelayState of one query that was signed, to the octet.

An input is a query; one whose first octet is below 32 names, by that, a query that was
signed, and what follows are steps that permute, repeat and re-encode its parameters.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from fuzz_parts import HUB, SLO, SSO, good_messages, key_of, octets_of, steps_of
from mutants import respelled

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.bindings import (
    LONGEST_QUERY,
    new_artifact,
    read_redirect,
    redirect_url,
    verify_redirect,
)
from eilogin.saml.safe_xml import MESSAGE

_STATES = ("", "a1b2", "/mijn?jaar=2026&x=é +%")
#: What was signed, as kind, message and RelayState, with its query.
_SIGNED = {
    (kind, octets, state): urlsplit(
        redirect_url(address, kind, octets, state, key_of("hub"))
    ).query
    for kind, name, address in (
        ("SAMLRequest", "LogoutRequest", SLO),
        ("SAMLResponse", "LogoutResponse", f"{SSO}?x=y"),
    )
    for octets in [good_messages()[name][1]]
    for state in _STATES
}
_QUERIES = tuple(_SIGNED.values())
_FIRST_OF_TEXT = 0x20


def check(octets: bytes) -> None:
    """Hold one query against the property."""
    query = _query_of(octets)
    try:
        received = read_redirect(query)
    except MalformedMessage:
        return
    assert len(query) <= LONGEST_QUERY
    assert len(received.octets) <= MESSAGE.octets
    try:
        verify_redirect(received, [key_of("hub").public])
    except UntrustedSignature:
        return
    accepted = (received.kind, received.octets, received.relay_state)
    assert accepted in _SIGNED, "accepted, and nobody signed it"


def _query_of(octets: bytes) -> str:
    if not octets or octets[0] >= _FIRST_OF_TEXT:
        return octets.decode("latin-1")
    number = octets[0] % len(_QUERIES)
    # Parameters of another query, each well signed in its own.
    others = _QUERIES[number - 1].split("&")
    return respelled(_QUERIES[number], steps_of(octets[1:]), others)


def seeds() -> Iterator[bytes]:
    """The queries that were signed, some that were not, and steps."""
    for number, query in enumerate(_QUERIES):
        yield query.encode()
        for operation in range(24):
            yield bytes([number]) + octets_of([(operation, number, 1)])
    yield f"SAMLart={new_artifact(HUB)}&RelayState=x".encode()
    yield b"SAMLRequest=&SAMLEncoding=urn%3Aoasis&lang=nl"
