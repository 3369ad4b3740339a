"""The bindings Redirect, POST, Artifact and SOAP, without HTTP objects.

The message is decoded from the very octets that a signature covers. eilogin rejects a
SAML parameter that occurs twice, in another spelling, or with a percent-encoded name,
because another reader might choose another one.
"""

import base64
import binascii
import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from cryptography.hazmat.primitives import hashes
from lxml import etree

from eilogin.errors import MalformedMessage, MessageTooLarge, UntrustedSignature
from eilogin.saml.printable_text import CONTROL, to_base64
from eilogin.saml.safe_xml import DS, MESSAGE, Limits, parse, q, serialize
from eilogin.saml.safe_xml import SOAP as SOAP_NAMESPACE
from eilogin.saml.signing_keys import PublicKey, SigningKey
from eilogin.saml.weak_algorithms import SHA1_REDIRECT
from eilogin.saml.xml_signatures import method_of, sign_octets, verify_octets

_BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
REDIRECT = _BINDINGS + "HTTP-Redirect"
POST = _BINDINGS + "HTTP-POST"
ARTIFACT = _BINDINGS + "HTTP-Artifact"
SOAP = _BINDINGS + "SOAP"

REQUEST = "SAMLRequest"
RESPONSE = "SAMLResponse"
_ARTIFACT = "SAMLart"

_DEFLATE = _BINDINGS + "URL-Encoding:DEFLATE"

#: Accepted only with SHA1_REDIRECT.
_SHA1 = {DS + "rsa-sha1": hashes.SHA1()}  # noqa: S303 - by an explicit option

#: Bytes.
LONGEST_QUERY = 16 * 1024
#: Bytes of a form or SOAP envelope: the longest message as percent-encoded base64.
LONGEST_FORM = 400_000
#: Parameters of any kind.
MOST_PARAMETERS = 50
#: Twice those of the longest message, in base64 with line breaks. Each takes time and
#: two hundred bytes.
MOST_ESCAPES = 40_000
#: Bytes of our own RelayState (SAML bindings 3.4.3, 3.5.3).
LONGEST_RELAY_STATE = 80
#: Bytes of a peer's RelayState: mod_auth_mellon puts a whole address in it.
LONGEST_FOREIGN_RELAY_STATE = 2048
_LONGEST_OF = {REQUEST: LONGEST_FOREIGN_RELAY_STATE, RESPONSE: LONGEST_RELAY_STATE}

_PARAMETERS = {
    name.lower(): name
    for name in (
        REQUEST,
        RESPONSE,
        _ARTIFACT,
        "SAMLEncoding",
        "RelayState",
        "SigAlg",
        "Signature",
    )
}
_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came through the browser; nothing is verified yet."""

    kind: str
    octets: bytes = field(repr=False)
    #: UTF-8 without control characters; "" if absent.
    relay_state: str = field(repr=False)
    binding: str
    #: By Redirect: the octets that the signature covers, as received.
    signed_octets: bytes = field(default=b"", repr=False)
    #: By Redirect: the signature, and the URI of its algorithm; or empty.
    signature: bytes = field(default=b"", repr=False)
    algorithm: str = ""


class ReceivedArtifact(NamedTuple):
    """An artifact as it came through the browser, and its RelayState, or ""."""

    artifact: str
    relay_state: str


# --- Redirect (SAML bindings 3.4) ---------------------------------------------------


def redirect_url(
    location: str, kind: str, message: bytes, relay_state: str, key: SigningKey
) -> str:
    """Return the signed URL that carries a message (SAML bindings 3.4.4.1).

    ``message`` is unsigned XML; an empty ``relay_state`` is left out. A space becomes
    %20: some peers encode the query again to verify it.
    """
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    compressed = deflate.compress(message) + deflate.flush()
    signed = _query(
        (kind, to_base64(compressed)),
        ("RelayState", relay_state),
        ("SigAlg", method_of(key)),
    )
    signature = to_base64(sign_octets(key, signed.encode("ascii")))
    return _with_query(location, f"{signed}&{_query(('Signature', signature))}")


def read_redirect(query: str) -> Received:
    """Read the message in a raw query; raises MalformedMessage and MessageTooLarge."""
    raw = _parameters(query, LONGEST_QUERY)
    kind = _kind(raw)
    if _decoded(raw.get("SAMLEncoding", quote(_DEFLATE))) != _DEFLATE:
        raise MalformedMessage("the SAMLEncoding is unknown; expected DEFLATE")
    if ("Signature" in raw) != ("SigAlg" in raw):
        raise MalformedMessage(
            "the address has only one of Signature and SigAlg; expected both, or none"
        )
    signed = (f"{n}={raw[n]}" for n in (kind, "RelayState", "SigAlg") if n in raw)
    return Received(
        kind=kind,
        octets=_inflated(_from_base64(_decoded(raw[kind]))),
        relay_state=_relay_state(raw, _LONGEST_OF[kind]),
        binding=REDIRECT,
        signed_octets="&".join(signed).encode("ascii") if "Signature" in raw else b"",
        signature=_from_base64(_decoded(raw.get("Signature", ""))),
        algorithm=_decoded(raw.get("SigAlg", "")),
    )


def verify_redirect(
    received: Received, keys: Sequence[PublicKey], weak: frozenset[str] = frozenset()
) -> None:
    """Verify the signature of a message that came by Redirect.

    ``weak`` names accepted weak algorithms (:mod:`eilogin.saml.weak_algorithms`).
    Raises UntrustedSignature, also without a signature.
    """
    if not received.signature:
        raise UntrustedSignature("the address is not signed")
    # DigiD signs a LogoutResponse with SHA-1. A request ends sessions, so its signature
    # must not be forgeable.
    is_response = received.kind == RESPONSE
    accepted = _SHA1 if SHA1_REDIRECT in weak and is_response else {}
    if received.algorithm in _SHA1 and not accepted:
        hint = f", or set 'accept_weak = {SHA1_REDIRECT}'"
        raise UntrustedSignature(
            "the address is signed with rsa-sha1; expected rsa-sha256. Ask the"
            " administrator of the peer to sign with"
            f" that{hint if is_response else ''}"
        )
    verify_octets(
        keys, received.signed_octets, received.signature, received.algorithm, accepted
    )


def _inflated(compressed: bytes) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        octets = inflate.decompress(compressed, MESSAGE.octets + 1)
    except zlib.error:
        raise MalformedMessage("the message is not compressed with DEFLATE") from None
    if len(octets) > MESSAGE.octets:
        raise MessageTooLarge(
            f"the message is larger than {MESSAGE.octets} bytes when inflated"
        )
    if not inflate.eof or inflate.unused_data:
        raise MalformedMessage(
            "the compressed message is cut off, or has bytes after its end"
        )
    return octets


# --- POST (SAML bindings 3.5) -------------------------------------------------------


def post_fields(kind: str, message: bytes, relay_state: str) -> dict[str, str]:
    """Return the fields of the form that carries a signed message."""
    fields = {kind: to_base64(message)}
    if relay_state:
        fields["RelayState"] = relay_state
    return fields


def read_post(body: bytes) -> Received:
    """Read the message in a form; raises MalformedMessage and MessageTooLarge."""
    raw = _parameters(body.decode("latin-1"), LONGEST_FORM)
    kind = _kind(raw)
    octets = _from_base64(_decoded(raw[kind]))
    if len(octets) > MESSAGE.octets:
        raise MessageTooLarge(f"the message is larger than {MESSAGE.octets} bytes")
    return Received(
        kind=kind,
        octets=octets,
        relay_state=_relay_state(raw, _LONGEST_OF[kind]),
        binding=POST,
    )


def require_form_alone(query: str) -> None:
    """Raise MalformedMessage if the address of a form has SAML parameters too.

    Otherwise two readers might take different messages.
    """
    if _parameters(query, LONGEST_QUERY):
        raise MalformedMessage(
            "the address of a form has parameters of SAML; expected them in the form"
            " only"
        )


# --- Artifact (SAML bindings 3.6) ---------------------------------------------------

_ARTIFACT_TYPE = b"\x00\x04"
_ARTIFACT_OCTETS = 44


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact of type 0x0004 (SAML bindings 3.6.4.2)."""

    #: SHA-1 of the issuer's entityID, 20 octets.
    source_id: bytes
    #: The issuer's ArtifactResolutionService in metadata.
    index: int
    #: 20 random octets.
    handle: bytes = field(repr=False)


def source_id(entity_id: str) -> bytes:
    """Return the SourceID, the SHA-1 of an entityID (bindings 3.6.4.2)."""
    return hashlib.sha1(entity_id.encode(), usedforsecurity=False).digest()


def new_artifact(entity_id: str, index: int = 0) -> str:
    """Make an artifact of ``entity_id`` for its resolution service ``index``."""
    octets = (
        _ARTIFACT_TYPE
        + index.to_bytes(2, "big")
        + source_id(entity_id)
        + secrets.token_bytes(20)
    )
    return to_base64(octets)


def read_artifact(text: str) -> Artifact:
    """Read an artifact; raises MalformedMessage, also for another base64 of it."""
    octets = _from_base64(text)
    if to_base64(octets) != text:
        raise MalformedMessage("the artifact contains line breaks")
    if len(octets) != _ARTIFACT_OCTETS or octets[:2] != _ARTIFACT_TYPE:
        raise MalformedMessage("the artifact is not of type 0x0004")
    return Artifact(
        source_id=octets[4:24],
        index=int.from_bytes(octets[2:4], "big"),
        handle=octets[24:],
    )


def artifact_url(location: str, artifact: str, relay_state: str) -> str:
    """Return the URL that carries an artifact; ``relay_state`` may be ""."""
    query = _query((_ARTIFACT, artifact), ("RelayState", relay_state))
    return _with_query(location, query)


def read_artifact_query(query: str) -> ReceivedArtifact:
    """Read an artifact in a query.

    Raises MalformedMessage and MessageTooLarge.
    """
    raw = _parameters(query, LONGEST_QUERY)
    if _ARTIFACT not in raw or REQUEST in raw or RESPONSE in raw:
        raise MalformedMessage(
            "expected one SAMLart, and no SAMLRequest or SAMLResponse beside it"
        )
    relay_state = _relay_state(raw, LONGEST_RELAY_STATE)
    return ReceivedArtifact(_decoded(raw[_ARTIFACT]), relay_state)


def read_artifact_form(body: bytes) -> ReceivedArtifact | None:
    """Read an artifact in a form (bindings 3.6.3); None for a form without one."""
    text = body.decode("latin-1")
    if _ARTIFACT not in _parameters(text, LONGEST_FORM):
        return None
    return read_artifact_query(text)


# --- SOAP (SAML bindings 3.2) -------------------------------------------------------

_ENVELOPE_BEGIN = (
    f'<soap-env:Envelope xmlns:soap-env="{SOAP_NAMESPACE}"><soap-env:Body>'.encode()
)
_ENVELOPE_END = b"</soap-env:Body></soap-env:Envelope>"
_FAULT_CODE = re.compile(r"(?:[A-Za-z][\w-]{0,30}:)?[A-Za-z][\w.-]{0,60}", re.ASCII)


def wrap_soap(element: etree._Element) -> bytes:
    """Write a SOAP 1.1 envelope around an element, whose octets stay the same."""
    return _ENVELOPE_BEGIN + serialize(element) + _ENVELOPE_END


def unwrap_soap(octets: bytes, limits: Limits = MESSAGE) -> etree._Element:
    """Return the one element in the body of a SOAP 1.1 envelope, still in its tree.

    Raises MalformedMessage, also for a header with mustUnderstand (SOAP 1.1, 4.2.3) and
    for a Fault, with its faultcode.
    """
    envelope = parse(octets, limits)
    parts = [part.tag for part in envelope]
    if envelope.tag != q("soap:Envelope") or parts not in (
        [q("soap:Body")],
        [q("soap:Header"), q("soap:Body")],
    ):
        raise MalformedMessage("the message is not a SOAP 1.1 envelope")
    for header in envelope.iterfind(f"{q('soap:Header')}/*"):
        if header.get(q("soap:mustUnderstand"), "0") != "0":
            raise MalformedMessage(
                "a SOAP header has mustUnderstand, and eilogin does not know it"
            )
    contents = list(envelope[-1])
    if len(contents) != 1:
        raise MalformedMessage("the SOAP body does not contain exactly one element")
    if contents[0].tag == q("soap:Fault"):
        raise MalformedMessage(
            f"the peer answered with a SOAP fault: {_code(contents[0])}"
        )
    return contents[0]


def soap_fault(code: str, text: str) -> bytes:
    """Write a SOAP 1.1 Fault (4.4); ``code`` is Client or Server."""
    fault = etree.Element(q("soap:Fault"), nsmap={"soap-env": SOAP_NAMESPACE})
    etree.SubElement(fault, "faultcode").text = f"soap-env:{code}"
    etree.SubElement(fault, "faultstring").text = text
    return wrap_soap(fault)


def _code(fault: etree._Element) -> str:
    code: str = (fault.findtext("faultcode") or "").strip()
    return code if _FAULT_CODE.fullmatch(code) else "without a code"


# --- parameters ---------------------------------------------------------------------


def _parameters(text: str, longest: int) -> dict[str, str]:
    raw: dict[str, str] = {}
    for part in _parts(text, longest):
        spelling, _, value = part.partition("=")
        name = _PARAMETERS.get(_folded(spelling))
        if name is None:
            continue
        if spelling != name:
            raise MalformedMessage(
                f"{name} is written in another case or with escapes; expected exactly"
                " that name"
            )
        if name in raw:
            raise MalformedMessage(f"{name} occurs more than once")
        raw[name] = value
    return raw


def _parts(text: str, longest: int) -> list[str]:
    if len(text) > longest:
        raise MessageTooLarge(f"the parameters are longer than {longest} bytes")
    if not text.isascii():
        raise MalformedMessage(
            "the parameters contain characters that are not percent-encoded"
        )
    if text.count("%") > MOST_ESCAPES:
        raise MessageTooLarge(
            f"the parameters contain more than {MOST_ESCAPES} percent-escapes"
        )
    parts = text.split("&", MOST_PARAMETERS)
    if len(parts) > MOST_PARAMETERS:
        raise MessageTooLarge(f"there are more than {MOST_PARAMETERS} parameters")
    return parts


def _folded(spelling: str) -> str:
    return "".join(unquote_plus(spelling).split()).replace("\0", "").lower()


def _kind(raw: dict[str, str]) -> str:
    kinds = [name for name in (REQUEST, RESPONSE, _ARTIFACT) if name in raw]
    if kinds not in ([REQUEST], [RESPONSE]):
        raise MalformedMessage(
            "expected either one SAMLRequest or one SAMLResponse, and no SAMLart beside"
            " it"
        )
    return kinds[0]


def _decoded(value: str) -> str:
    if _BROKEN_ESCAPE.search(value):
        raise MalformedMessage("a percent-escape is broken")
    try:
        return unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        raise MalformedMessage("a parameter is not UTF-8") from None


def _relay_state(raw: dict[str, str], longest: int) -> str:
    text = _decoded(raw.get("RelayState", ""))
    if len(text.encode()) > longest:
        raise MalformedMessage(f"the RelayState has more than {longest} bytes")
    if CONTROL.search(text):
        raise MalformedMessage("the RelayState contains a control character")
    return text


def _query(*parameters: tuple[str, str]) -> str:
    return "&".join(f"{n}={quote(v, safe='')}" for n, v in parameters if v)


def _with_query(location: str, query: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}{query}"


def _from_base64(text: str) -> bytes:
    one_line = text.replace("\r", "").replace("\n", "")
    try:
        octets = base64.b64decode(one_line, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("a value is not base64") from None
    if to_base64(octets) != one_line:
        raise MalformedMessage("the base64 of a value is not in its usual form")
    return octets
