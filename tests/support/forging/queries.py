"""Signed redirects (SAML bindings 3.4.4.1) as attackers write them: any message's.

A redirect is signed over three raw parameters, and read decoded: all tricks are between
the two. The good message is truly signed by its sender, with any parameter as the trick
needs it; the evil one is what the attacker wants.
"""

import gzip
import hmac
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization

from eilogin.saml import safe_xml, xml_signatures
from eilogin.saml.printable_text import to_base64
from eilogin.saml.signing_keys import SigningKey
from eilogin.saml.xml_signatures import ECDSA_SHA256, RSA_SHA256
from forging import MALFORMED, TOO_LARGE, UNTRUSTED, Family
from forging.signing import (
    HMAC_SHA1,
    HMAC_SHA256,
    MORE,
    RSA_MD5,
    RSA_PSS,
    RSA_SHA1,
    public_pem,
    value_of,
)

#: One parameter: its name and its value as they stand in the query, percent-encoded.
Parameter = tuple[str, str]

QUERIES = Family("redirect-signature", reasons=(MALFORMED,))
#: Odd, and as good as any: peers write them so.
GOOD = Family("redirect-signature")

DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"


@dataclass(frozen=True)
class Redirect:
    """A message on its way, fresh. It would be taken as :attr:`good` is."""

    #: ``SAMLRequest`` or ``SAMLResponse``.
    name: str
    #: The XML of the good message, that of the evil one, and of another good one.
    octets: bytes
    evil: bytes = field(repr=False)
    other: bytes = field(repr=False)
    relay_state: str
    key: SigningKey = field(repr=False)
    stranger: SigningKey = field(repr=False)
    member: SigningKey = field(repr=False)

    @property
    def parts(self) -> list[Parameter]:
        """What is signed of the good message."""
        return self.parts_of(self.octets)

    def parts_of(self, octets: bytes) -> list[Parameter]:
        return self.packed(deflated(octets))

    def packed(self, packed: bytes) -> list[Parameter]:
        """What is signed where the deflated octets are these."""
        return self.with_value(encoded(to_base64(packed)))

    def with_value(self, value: str, method: str = RSA_SHA256) -> list[Parameter]:
        return [
            (self.name, value),
            ("RelayState", encoded(self.relay_state)),
            ("SigAlg", encoded(method)),
        ]

    def signed(
        self, parts: Sequence[Parameter], key: SigningKey | None = None
    ) -> list[Parameter]:
        """The parameters, and a signature of them as they stand there."""
        return [*parts, self.signature(parts, key)]

    def signature(
        self, parts: Sequence[Parameter], key: SigningKey | None = None
    ) -> Parameter:
        return valued(parts, lambda o: value_of(key or self.key, RSA_SHA256, o))

    @property
    def good(self) -> list[Parameter]:
        return self.signed(self.parts)

    @property
    def wanted(self) -> Parameter:
        """The parameter of the evil message."""
        return self.name, encoded(to_base64(deflated(self.evil)))

    @property
    def swapped(self) -> list[Parameter]:
        """The good message's, with the evil one in its place."""
        return instead(self.good, *self.wanted)

    @property
    def other_name(self) -> str:
        return "SAMLResponse" if self.name == "SAMLRequest" else "SAMLRequest"


def encoded(text: "str | bytes") -> str:
    return quote(text, safe="")


def deflated(octets: bytes, level: int = 9, wbits: int = -zlib.MAX_WBITS) -> bytes:
    packer = zlib.compressobj(level, wbits=wbits)
    return packer.compress(octets) + packer.flush()


def lowered(value: str) -> str:
    """Percent-escapes in lower case, as .NET writes them."""
    begin, *parts = value.split("%")
    return "%".join([begin, *(part[:2].lower() + part[2:] for part in parts)])


def valued(parts: Sequence[Parameter], value: Callable[[bytes], bytes]) -> Parameter:
    return "Signature", encoded(to_base64(value(written(parts).encode())))


def written(parts: Sequence[Parameter]) -> str:
    return "&".join(f"{name}={value}" for name, value in parts)


def instead(parts: Sequence[Parameter], name: str, value: str) -> list[Parameter]:
    """The same with another value; the signature does not follow."""
    return [(n, value if n == name else v) for n, v in parts]


def left_out(parts: Sequence[Parameter], *names: str) -> list[Parameter]:
    return [(name, value) for name, value in parts if name not in names]


def renamed(parts: Sequence[Parameter], name: str, other: str) -> list[Parameter]:
    return [(other if n == name else n, v) for n, v in parts]


def _in_escape(name: str) -> str:
    """The name with one letter percent-encoded: decoded it is the same."""
    return f"{name[:-1]}%{ord(name[-1]):02X}"


def _by(message: Redirect, method: str, value: Callable[[bytes], bytes]) -> str:
    """The evil message, signed by a method by which nobody should be believed."""
    parts = message.with_value(message.wanted[1], method)
    return written([*parts, valued(parts, value)])


def _signed_by(message: Redirect, method: str) -> str:
    """The good message, signed by its sender by a weak method."""
    parts = message.with_value(message.parts[0][1], method)
    return written([*parts, valued(parts, lambda o: value_of(message.key, method, o))])


# --- no signature, or another's -----------------------------------------------------


@QUERIES("rd-unsigned", kind="signature-exclusion", reasons=(UNTRUSTED,))
def unsigned(message: Redirect) -> str:
    return written(left_out(message.parts_of(message.evil), "SigAlg"))


@QUERIES("rd-signature-empty", kind="signature-exclusion", reasons=(UNTRUSTED,))
def signature_empty(message: Redirect) -> str:
    return written([*message.parts_of(message.evil), ("Signature", "")])


@QUERIES("rd-signature-absent", kind="signature-exclusion")
def signature_absent(message: Redirect) -> str:
    return written(message.parts_of(message.evil))


@QUERIES("rd-signature-inside-alone", reasons=(UNTRUSTED,))
def signature_inside(message: Redirect) -> str:
    """Signed as by POST: what a redirect carries has to be signed in the query."""
    root = safe_xml.parse(message.octets)
    xml_signatures.sign(root, message.key)
    parts = message.packed(deflated(safe_xml.serialize(root)))
    return written(left_out(parts, "SigAlg"))


@QUERIES("rd-odd-signature-inside", rule="policy", reasons=(MALFORMED,))
def odd_signature_inside(message: Redirect) -> str:
    """Truly signed in the query; and inside a signature that no one may look at."""
    root = safe_xml.parse(message.octets)
    xml_signatures.sign(root, message.key)
    reference = root.find(f".//{safe_xml.q('ds:Reference')}")
    assert reference is not None
    reference.addnext(deepcopy(reference))
    return written(message.signed(message.packed(deflated(safe_xml.serialize(root)))))


@QUERIES("rd-attacker-key", kind="key-trust", reasons=(UNTRUSTED,))
def by_a_stranger(message: Redirect) -> str:
    parts = message.parts_of(message.evil)
    return written(message.signed(parts, message.stranger))


@QUERIES("rd-member-key", kind="key-trust", reasons=(UNTRUSTED,))
def by_a_member(message: Redirect) -> str:
    parts = message.parts_of(message.evil)
    return written(message.signed(parts, message.member))


@QUERIES("rd-tampered", reasons=(UNTRUSTED,))
def tampered(message: Redirect) -> str:
    return written(message.swapped)


@QUERIES("rd-signature-of-another", reasons=(UNTRUSTED,))
def of_another_message(message: Redirect) -> str:
    """The signature is the sender's, over another message of it."""
    other = message.signature(message.parts_of(message.other))
    return written([*message.parts, other])


@QUERIES("rd-signature-of-other-kind", reasons=(UNTRUSTED,))
def of_the_other_kind(message: Redirect) -> str:
    """Signed under the name of an answer where it is a question, or the other way."""
    parts = renamed(message.parts, message.name, message.other_name)
    return written([*message.parts, message.signature(parts)])


@QUERIES("rd-signature-cut", reasons=(UNTRUSTED,))
def signature_cut(message: Redirect) -> str:
    half = valued(message.parts, lambda o: value_of(message.key, RSA_SHA256, o)[:128])
    return written([*message.parts, half])


@QUERIES("rd-signature-nothing", reasons=(UNTRUSTED,))
def signature_of_zeros(message: Redirect) -> str:
    """Zero is a root of zero, whoever's key it is."""
    parts = message.parts_of(message.evil)
    return written([*parts, valued(parts, lambda _: bytes(256))])


@QUERIES("rd-signature-longer", reasons=(UNTRUSTED,))
def signature_longer(message: Redirect) -> str:
    longer = valued(
        message.parts, lambda o: bytes(8) + value_of(message.key, RSA_SHA256, o)
    )
    return written([*message.parts, longer])


# --- the algorithm ------------------------------------------------------------------


@QUERIES("rd-sigalg-absent")
def algorithm_absent(message: Redirect) -> str:
    return written(message.signed(left_out(message.parts, "SigAlg")))


@QUERIES("rd-sigalg-not-signed", reasons=(UNTRUSTED,))
def algorithm_not_covered(message: Redirect) -> str:
    signature = message.signature(left_out(message.parts, "SigAlg"))
    return written([*message.parts, signature])


@QUERIES("rd-sigalg-empty", reasons=(UNTRUSTED,))
def algorithm_empty(message: Redirect) -> str:
    return written(message.signed(message.with_value(message.parts[0][1], "")))


@QUERIES("rd-sigalg-unknown", kind="algorithm", reasons=(UNTRUSTED,))
def algorithm_unknown(message: Redirect) -> str:
    """No reader may fall back to what it was signed with."""
    return written(message.signed(message.with_value(message.parts[0][1], "urn:x")))


@QUERIES("rd-sigalg-other-case", kind="algorithm", reasons=(UNTRUSTED,))
def algorithm_in_other_case(message: Redirect) -> str:
    method = RSA_SHA256.upper()
    return written(message.signed(message.with_value(message.parts[0][1], method)))


@QUERIES("rd-sigalg-swapped", kind="algorithm", reasons=(UNTRUSTED,))
def algorithm_swapped(message: Redirect) -> str:
    return written(instead(message.good, "SigAlg", encoded(MORE + "rsa-sha512")))


@QUERIES("rd-sigalg-none", kind="algorithm", reasons=(UNTRUSTED,))
def algorithm_none(message: Redirect) -> str:
    return _by(message, "none", lambda octets: octets[:256])


@QUERIES("rd-hmac-sha256-pem", kind="algorithm", reasons=(UNTRUSTED,))
def hmac_with_pem(message: Redirect) -> str:
    """The public key is known to all: a reader must not take it for a secret."""
    return _by(
        message,
        HMAC_SHA256,
        lambda octets: hmac.digest(public_pem(message.key), octets, "sha256"),
    )


@QUERIES("rd-hmac-sha1-pem", kind="algorithm", reasons=(UNTRUSTED,))
def hmac_sha1_with_pem(message: Redirect) -> str:
    return _by(
        message,
        HMAC_SHA1,
        lambda octets: hmac.digest(public_pem(message.key), octets, "sha1"),
    )


@QUERIES("rd-hmac-sha256-der", kind="algorithm", reasons=(UNTRUSTED,))
def hmac_with_der(message: Redirect) -> str:
    der = message.key.public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _by(message, HMAC_SHA256, lambda octets: hmac.digest(der, octets, "sha256"))


@QUERIES("rd-hmac-sha256-certificate", kind="algorithm", reasons=(UNTRUSTED,))
def hmac_with_certificate(message: Redirect) -> str:
    text = message.key.certificate_text.encode()
    return _by(message, HMAC_SHA256, lambda octets: hmac.digest(text, octets, "sha256"))


@QUERIES("rd-sha1", kind="algorithm", reasons=(UNTRUSTED,))
def by_sha1(message: Redirect) -> str:
    return _signed_by(message, RSA_SHA1)


@QUERIES("rd-md5", kind="algorithm", reasons=(UNTRUSTED,))
def by_md5(message: Redirect) -> str:
    return _signed_by(message, RSA_MD5)


@QUERIES("rd-pss", kind="algorithm", rule="policy", reasons=(UNTRUSTED,))
def by_pss(message: Redirect) -> str:
    return _signed_by(message, RSA_PSS)


@QUERIES("rd-pss-as-pkcs1", kind="algorithm", reasons=(UNTRUSTED,))
def pss_under_the_other_name(message: Redirect) -> str:
    parts = message.parts
    return written([*parts, valued(parts, lambda o: value_of(message.key, RSA_PSS, o))])


@QUERIES("rd-ecdsa-name", kind="algorithm", reasons=(UNTRUSTED,))
def of_another_kind_of_key(message: Redirect) -> str:
    parts = message.with_value(message.parts[0][1], ECDSA_SHA256)
    return written(message.signed(parts))


# --- names --------------------------------------------------------------------------


@QUERIES("rd-encoded-name")
def name_encoded(message: Redirect) -> str:
    """Truly signed, under a name that only a decoded reader finds."""
    name = _in_escape(message.name)
    return written(message.signed(renamed(message.parts, message.name, name)))


@QUERIES("rd-encoded-name-last")
def name_encoded_last(message: Redirect) -> str:
    return written([*message.good, (_in_escape(message.name), message.wanted[1])])


@QUERIES("rd-encoded-name-first")
def name_encoded_first(message: Redirect) -> str:
    return written([(_in_escape(message.name), message.wanted[1]), *message.good])


@QUERIES("rd-encoded-relaystate-last")
def relay_state_encoded_last(message: Redirect) -> str:
    return written([*message.good, (_in_escape("RelayState"), "evil")])


@QUERIES("rd-encoded-relaystate-first")
def relay_state_encoded_first(message: Redirect) -> str:
    return written([(_in_escape("RelayState"), "evil"), *message.good])


@QUERIES("rd-encoded-sigalg")
def algorithm_encoded(message: Redirect) -> str:
    name = _in_escape("SigAlg")
    return written(message.signed(renamed(message.parts, "SigAlg", name)))


@QUERIES("rd-encoded-signature")
def signature_encoded(message: Redirect) -> str:
    return written(renamed(message.good, "Signature", _in_escape("Signature")))


@QUERIES("rd-case-name")
def name_in_other_case(message: Redirect) -> str:
    return written([*message.good, (message.name.lower(), message.wanted[1])])


@QUERIES("rd-case-name-alone")
def name_in_other_case_alone(message: Redirect) -> str:
    name = message.name.upper()
    return written(message.signed(renamed(message.parts, message.name, name)))


@QUERIES("rd-space-in-name")
def name_with_a_space(message: Redirect) -> str:
    return written([*message.good, (f"+{message.name}", message.wanted[1])])


@QUERIES("rd-line-in-name")
def name_with_a_line(message: Redirect) -> str:
    return written([*message.good, (f"{message.name}%0D%0A", message.wanted[1])])


@QUERIES("rd-nul-in-name")
def name_with_a_nul(message: Redirect) -> str:
    return written([*message.good, (f"{message.name}%00", message.wanted[1])])


# --- repeats and neighbours ---------------------------------------------------------


@QUERIES("rd-duplicate-last")
def twice_last(message: Redirect) -> str:
    return written([*message.good, message.wanted])


@QUERIES("rd-duplicate-first")
def twice_first(message: Redirect) -> str:
    return written([message.wanted, *message.good])


@QUERIES("rd-duplicate-same")
def twice_the_same(message: Redirect) -> str:
    return written([*message.good, message.parts[0]])


@QUERIES("rd-two-signatures")
def two_signatures(message: Redirect) -> str:
    evil = message.parts_of(message.evil)
    mine = message.signature(evil, message.stranger)
    return written([*evil, mine, message.good[-1]])


@QUERIES("rd-two-relaystates")
def two_relay_states(message: Redirect) -> str:
    return written([*message.good, ("RelayState", "evil")])


@QUERIES("rd-two-sigalgs")
def two_algorithms(message: Redirect) -> str:
    return written([*message.good, ("SigAlg", encoded(HMAC_SHA256))])


@QUERIES("rd-both-kinds")
def question_and_answer(message: Redirect) -> str:
    return written([*message.good, (message.other_name, message.wanted[1])])


@QUERIES("rd-artifact-beside")
def artifact_beside(message: Redirect) -> str:
    return written([*message.good, ("SAMLart", encoded(to_base64(bytes(44))))])


@QUERIES("rd-two-whole-queries")
def two_whole_queries(message: Redirect) -> str:
    """Each is truly signed; a reader may take the parts of another one."""
    other = message.signed(message.parts_of(message.other))
    return written([*message.good, *other])


@QUERIES("rd-semicolons")
def semicolons(message: Redirect) -> str:
    """Some readers part parameters by them."""
    return written(message.good) + ";" + written([message.wanted])


@QUERIES("rd-semicolons-alone")
def semicolons_alone(message: Redirect) -> str:
    return written(message.good).replace("&", ";")


@QUERIES("rd-many-parameters", reasons=(TOO_LARGE,))
def many_parameters(message: Redirect) -> str:
    return written([*[("a", str(n)) for n in range(50)], *message.good])


@QUERIES("rd-huge-query", rule="policy", reasons=(TOO_LARGE,))
def huge_query(message: Redirect) -> str:
    return written([*message.good, ("x", "y" * 16 * 1024)])


# --- what is covered ----------------------------------------------------------------


@QUERIES("rd-order", reasons=(UNTRUSTED,))
def in_another_order(message: Redirect) -> str:
    """The order in which it is signed is not the sender's to choose."""
    first, relay_state, algorithm = message.parts
    return written(message.signed([algorithm, relay_state, first]))


@QUERIES("rd-signed-decoded", reasons=(UNTRUSTED,))
def signed_decoded(message: Redirect) -> str:
    plain = [
        (message.name, to_base64(deflated(message.octets))),
        ("RelayState", message.relay_state),
        ("SigAlg", RSA_SHA256),
    ]
    return written([*message.parts, message.signature(plain)])


@QUERIES("rd-signed-encoded-otherwise", rule="policy", reasons=(UNTRUSTED,))
def signed_in_other_escapes(message: Redirect) -> str:
    """Somebody on the way has written the escapes anew."""
    parts = [(name, lowered(value)) for name, value in message.parts]
    return written([*parts, message.good[-1]])


@QUERIES("rd-plus-for-space", reasons=(UNTRUSTED,))
def plus_for_space(message: Redirect) -> str:
    parts = instead(message.parts, "RelayState", "a%20b")
    return written(instead(message.signed(parts), "RelayState", "a+b"))


@QUERIES("rd-relaystate-changed", reasons=(UNTRUSTED,))
def relay_state_changed(message: Redirect) -> str:
    return written(instead(message.good, "RelayState", "evil"))


@QUERIES("rd-relaystate-removed", reasons=(UNTRUSTED,))
def relay_state_removed(message: Redirect) -> str:
    return written(left_out(message.good, "RelayState"))


@QUERIES("rd-relaystate-added", reasons=(UNTRUSTED,))
def relay_state_added(message: Redirect) -> str:
    parts = message.signed(left_out(message.parts, "RelayState"))
    return written([*parts, ("RelayState", "evil")])


@QUERIES("rd-relaystate-empty-added", reasons=(UNTRUSTED,))
def empty_relay_state_added(message: Redirect) -> str:
    parts = message.signed(left_out(message.parts, "RelayState"))
    return written([*parts, ("RelayState", "")])


@QUERIES("rd-relaystate-split", reasons=(UNTRUSTED,))
def relay_state_split(message: Redirect) -> str:
    """What was signed as one value is brought as two parameters."""
    parts = instead(message.parts, "RelayState", "a%26SigAlg%3Dx")
    whole = written(message.signed(parts))
    return whole.replace("a%26SigAlg%3Dx", "a&x=y")


# --- values -------------------------------------------------------------------------


@QUERIES("rd-relaystate-nul")
def relay_state_nul(message: Redirect) -> str:
    return written(message.signed(instead(message.parts, "RelayState", "a%00b")))


@QUERIES("rd-relaystate-lines")
def relay_state_lines(message: Redirect) -> str:
    value = "a%0D%0ASet-Cookie%3A%20x%3Dy"
    return written(message.signed(instead(message.parts, "RelayState", value)))


@QUERIES("rd-relaystate-not-utf8")
def relay_state_not_utf8(message: Redirect) -> str:
    return written(message.signed(instead(message.parts, "RelayState", "%C0%AF")))


@QUERIES("rd-relaystate-long")
def relay_state_long(message: Redirect) -> str:
    return written(message.signed(instead(message.parts, "RelayState", "r" * 2049)))


@QUERIES("rd-broken-escape")
def broken_escape(message: Redirect) -> str:
    return written(message.signed(instead(message.parts, "RelayState", "100%")))


@QUERIES("rd-samlencoding")
def encoding_unknown(message: Redirect) -> str:
    return written([*message.good, ("SAMLEncoding", "urn%3Anone")])


@QUERIES("rd-samlencoding-twice")
def encoding_twice(message: Redirect) -> str:
    return written([*message.good, *[("SAMLEncoding", encoded(DEFLATE))] * 2])


@QUERIES("rd-base64-junk")
def junk_in_base64(message: Redirect) -> str:
    value = encoded(to_base64(deflated(message.octets)).replace("A", "A!", 1) + "!")
    return written(message.signed(message.with_value(value)))


@QUERIES("rd-base64-urlsafe")
def other_base64(message: Redirect) -> str:
    value = to_base64(deflated(message.octets))
    value = value.translate(str.maketrans("+/", "-_")).rstrip("=") + "-_"
    return written(message.signed(message.with_value(encoded(value))))


@QUERIES("rd-base64-nul")
def nul_in_base64(message: Redirect) -> str:
    value = encoded(to_base64(deflated(message.octets)) + "\0")
    return written(message.signed(message.with_value(value)))


@QUERIES("rd-base64-padded")
def more_padding(message: Redirect) -> str:
    value = encoded(to_base64(deflated(message.octets)) + "====")
    return written(message.signed(message.with_value(value)))


@QUERIES("rd-empty-message")
def empty_message(message: Redirect) -> str:
    return written(message.signed(message.with_value("")))


# --- deflate ------------------------------------------------------------------------


@QUERIES("rd-deflate-bomb", kind="deflate", reasons=(TOO_LARGE,))
def bomb(message: Redirect) -> str:
    octets = message.octets.replace(b">", b">" + b" " * 9_000_000, 1)
    return written(message.signed(message.parts_of(octets)))


@QUERIES("rd-deflate-bomb-comment", kind="deflate", reasons=(TOO_LARGE,))
def bomb_of_a_comment(message: Redirect) -> str:
    octets = message.octets + b"<!--" + b"x" * 9_000_000 + b"-->"
    return written(message.signed(message.parts_of(octets)))


@QUERIES("rd-deflate-bomb-unsigned", kind="deflate", reasons=(TOO_LARGE,))
def bomb_of_nobody(message: Redirect) -> str:
    parts = message.parts_of(b"<r>" + b" " * 10_000_000)
    return written(left_out(parts, "SigAlg"))


@QUERIES("rd-deflate-bomb-twice", kind="deflate")
def bomb_in_a_bomb(message: Redirect) -> str:
    return written(message.signed(message.packed(deflated(deflated(bytes(5_000_000))))))


@QUERIES("rd-deflate-trailing", kind="deflate", rule="policy")
def deflate_goes_on(message: Redirect) -> str:
    packed = deflated(message.octets) + b"more"
    return written(message.signed(message.packed(packed)))


@QUERIES("rd-deflate-second", kind="deflate")
def second_stream(message: Redirect) -> str:
    packed = deflated(message.octets) + deflated(message.evil)
    return written(message.signed(message.packed(packed)))


@QUERIES("rd-deflate-cut", kind="deflate")
def deflate_cut(message: Redirect) -> str:
    return written(message.signed(message.packed(deflated(message.octets)[:-8])))


@QUERIES("rd-zlib-header", kind="deflate")
def with_a_zlib_header(message: Redirect) -> str:
    packed = deflated(message.octets, wbits=zlib.MAX_WBITS)
    return written(message.signed(message.packed(packed)))


@QUERIES("rd-gzip", kind="deflate")
def gzipped(message: Redirect) -> str:
    return written(message.signed(message.packed(gzip.compress(message.octets))))


@QUERIES("rd-not-deflated", kind="deflate")
def not_deflated(message: Redirect) -> str:
    return written(message.signed(message.packed(message.octets)))


# --- good ---------------------------------------------------------------------------


@GOOD("rd-ok")
def as_we_write_it(message: Redirect) -> str:
    return written(message.good)


@GOOD("rd-ok-lowercase-escapes")
def in_lower_case(message: Redirect) -> str:
    """As ADFS writes it."""
    parts = [(name, lowered(value)) for name, value in message.parts]
    return written(message.signed(parts))


@GOOD("rd-ok-other-order")
def brought_in_another_order(message: Redirect) -> str:
    """Signed in the one order, and brought in another."""
    return written(message.good[::-1])


@GOOD("rd-ok-stored")
def stored(message: Redirect) -> str:
    return written(message.signed(message.packed(deflated(message.octets, level=0))))


@GOOD("rd-ok-samlencoding")
def with_its_encoding(message: Redirect) -> str:
    return written([*message.good, ("SAMLEncoding", encoded(DEFLATE))])


@GOOD("rd-ok-more")
def with_more_parameters(message: Redirect) -> str:
    return written([("lang", "nl"), *message.good, ("utm_source", "x"), ("", "")])


@GOOD("rd-ok-base64-lines")
def in_lines(message: Redirect) -> str:
    value = to_base64(deflated(message.octets))
    lines = "\r\n".join(value[n : n + 76] for n in range(0, len(value), 76))
    return written(message.signed(message.with_value(encoded(lines))))


@GOOD("rd-ok-sha512")
def by_sha512(message: Redirect) -> str:
    return _signed_by(message, MORE + "rsa-sha512")


@GOOD("rd-ok-escaped-letters")
def escapes_that_need_not_be(message: Redirect) -> str:
    """Every octet of a value may be percent-encoded."""
    value = "".join(f"%{octet:02X}" for octet in message.relay_state.encode())
    return written(message.signed(instead(message.parts, "RelayState", value)))
