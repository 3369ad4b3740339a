"""Base64 and deflate: what a message is packed in.

Property: a message or MalformedMessage. What is taken as base64 is the base64 of what
it gives, but for the ends of lines; what is inflated is all that zlib makes of it, and
never more than a message may have.

An input's first octet says whether the others are deflated octets or a text in base64.
"""

import zlib
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from fuzz_parts import plain_messages

from eilogin.errors import MalformedMessage
from eilogin.saml.bindings import read_artifact, read_post, read_redirect
from eilogin.saml.safe_xml import MESSAGE

_ARTIFACT = 44


def check(octets: bytes) -> None:
    """Hold one packed message against the property."""
    (_deflated if octets[:1] < b"\x80" else _base64)(octets[1:])


def _deflated(packed: bytes) -> None:
    query = f"SAMLRequest={quote_from_bytes(b64encode(packed), safe='')}"
    try:
        found = read_redirect(query).octets
    except MalformedMessage:
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    assert found == inflate.decompress(packed, MESSAGE.octets + 1)
    assert len(found) <= MESSAGE.octets
    assert inflate.eof
    assert not inflate.unused_data


def _base64(text: bytes) -> None:
    written = text.replace(b"\r", b"").replace(b"\n", b"")
    try:
        found = read_post(b"SAMLResponse=" + quote_from_bytes(text).encode()).octets
    except MalformedMessage:
        found = None
    if found is not None:
        assert b64encode(found) == written
        assert len(found) <= MESSAGE.octets
    try:
        artifact = read_artifact(text.decode("latin-1"))
    except MalformedMessage:
        return
    head = b"\0\4" + artifact.index.to_bytes(2)
    whole = head + artifact.source_id + artifact.handle
    assert len(whole) == _ARTIFACT
    assert b64encode(whole) == written


def seeds() -> Iterator[bytes]:
    """Messages and artifacts, well packed and a little less well."""
    for octets in (*plain_messages(), b"", b"<a/>", bytes(3000)):
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = deflate.compress(octets) + deflate.flush()
        yield b"\0" + packed
        yield b"\0" + packed[:-1]
        yield b"\0" + packed + b"x"
        yield b"\0" + zlib.compress(octets)
        yield b"\xff" + b64encode(octets)
        yield b"\xff" + b64encode(octets)[:-1] + b"\r\n"
    yield b"\xff" + b64encode(b"\0\4" + bytes(range(42)))
