"""Signature wrapping: the signed element stays, and another one is read.

Somorovsky et al., USENIX Security 2012: eight classic shapes, and the places in which
real stacks were fooled since. In each of them a signature stands that holds, and what
it covers is somewhere; what the attacker wants stands where it will be read.
"""

from collections.abc import Callable

from lxml import etree

from eilogin.saml import messages, safe_xml
from forging import INSIDE, MALFORMED, ROOT, UNTRUSTED, Family, Message
from forging.parts import (
    SIGNATURE,
    corner,
    extensions,
    place_of_signature,
    with_signature,
)
from forging.signing import Signing, copied, digest, sign, value_of, without

SHAPES = Family("signature-wrapping", reasons=(MALFORMED, UNTRUSTED))

#: Namespaces that are no absolute URI: of what has one there is no canonical form.
_RELATIVE = "1"


# --- parts ----------------------------------------------------------------------------


def _taken_apart(message: Message) -> tuple[etree._Element, etree._Element]:
    """The signature, and what it covers without one: each in no tree."""
    signature = copied(message.signature)
    return signature, without(message.covered, SIGNATURE)


# --- the eight classic shapes ---------------------------------------------------------


@SHAPES("xsw-1")
def in_its_own_signature(message: Message) -> bytes:
    """The covered one at the end of its own signature, which the evil one has."""
    signature, whole = _taken_apart(message)
    signature.append(whole)
    return message.instead(with_signature(message.evil(), signature))


@SHAPES("xsw-2")
def before_its_own_signature(message: Message) -> bytes:
    """The covered one before its signature, both in the evil one."""
    signature, whole = _taken_apart(message)
    evil = with_signature(message.evil(), signature)
    signature.addprevious(whole)
    return message.instead(evil)


@SHAPES("xsw-3")
def evil_before(message: Message) -> bytes:
    """The evil one before the signed one; around it where that is the root."""
    evil, signed = message.evil(), copied(message.covered)
    if message.place == INSIDE:
        message.covered.addprevious(evil)
        return message.octets
    evil.insert(place_of_signature(evil), signed)
    return message.instead(evil)


@SHAPES("xsw-4")
def around(message: Message) -> bytes:
    """The signed one at the end of the evil one."""
    evil, signed = message.evil(), copied(message.covered)
    evil.append(signed)
    return message.instead(evil)


@SHAPES("xsw-5")
def covered_behind(message: Message) -> bytes:
    """The signature in the evil one, and what it covers behind that, or at its end."""
    signature, whole = _taken_apart(message)
    evil = with_signature(message.evil(), signature)
    if message.place == ROOT:
        evil.append(whole)
        return message.instead(evil)
    message.covered.addnext(whole)
    return message.instead(evil)


@SHAPES("xsw-6")
def in_the_middle_of_its_signature(message: Message) -> bytes:
    """The covered one between the parts of its signature."""
    signature, whole = _taken_apart(message)
    signature.insert(1, whole)
    return message.instead(with_signature(message.evil(), signature))


@SHAPES("xsw-7")
def in_extensions(message: Message) -> bytes:
    """The evil one in Extensions before the signed one, or that in those of the evil.

    What is in Extensions may be of any schema.
    """
    if message.place == INSIDE:
        extensions(message.root).append(message.evil())
        return message.octets
    evil = message.evil()
    extensions(evil).append(copied(message.covered))
    return message.instead(evil)


@SHAPES("xsw-8")
def in_an_object(message: Message) -> bytes:
    """The covered one in an Object of its signature, which the evil one has."""
    signature, whole = _taken_apart(message)
    safe_xml.add(signature, "ds:Object").append(whole)
    return message.instead(with_signature(message.evil(), signature))


# --- more of them ---------------------------------------------------------------------


@SHAPES("evil-after", places=(INSIDE,))
def evil_after(message: Message) -> bytes:
    message.covered.addnext(message.evil())
    return message.octets


@SHAPES("evil-on-both-sides", places=(INSIDE,))
def evil_on_both_sides(message: Message) -> bytes:
    message.covered.addnext(message.evil())
    message.covered.addprevious(message.evil())
    return message.octets


@SHAPES("whole-message-in-extensions", places=(INSIDE,))
def whole_message_inside(message: Message) -> bytes:
    """All that came, put away in an envelope of the attacker's."""
    whole = copied(message.root)
    message.root.set("ID", messages.new_id())
    extensions(message.root).append(whole)
    return message.instead(message.evil())


@SHAPES("root-in-root", places=(INSIDE,))
def root_in_root(message: Message) -> bytes:
    """The message in the place of its own assertion, beside an evil one."""
    whole = copied(message.root)
    message.root.set("ID", messages.new_id())
    message.covered.addnext(whole)
    return message.instead(message.evil())


@SHAPES("evil-in-issuer", places=(INSIDE,))
def evil_in_issuer(message: Message) -> bytes:
    message.root[0].append(message.evil())
    return message.octets


@SHAPES("signature-twice")
def signature_twice(message: Message) -> bytes:
    """The evil one with the same signature, in the place of the signed one beside it.

    Where it is the root: around it.
    """
    evil = with_signature(message.evil(), copied(message.signature))
    signed = copied(message.covered)
    if message.place == INSIDE:
        message.covered.addnext(signed)
    else:
        evil.append(signed)
    return message.instead(evil)


@SHAPES("two-signatures")
def two_signatures(message: Message) -> bytes:
    """One of a stranger over the evil one, and the good one, which covers another."""
    signature, whole = _taken_apart(message)
    evil = message.evil()
    safe_xml.add(signature, "ds:Object").append(whole)
    sign(evil, Signing(message.stranger))
    evil.find(SIGNATURE).addprevious(signature)
    return message.instead(evil)


@SHAPES("two-signatures-reversed")
def two_signatures_reversed(message: Message) -> bytes:
    signature, whole = _taken_apart(message)
    evil = message.evil()
    safe_xml.add(signature, "ds:Object").append(whole)
    sign(evil, Signing(message.stranger))
    evil.find(SIGNATURE).addnext(signature)
    return message.instead(evil)


@SHAPES("signature-copied", kind="two-signatures", reasons=(MALFORMED,))
def signature_copied(message: Message) -> bytes:
    """The same signature twice, and what it covers as it was."""
    message.signature.addnext(copied(message.signature))
    return message.octets


@SHAPES("signature-of-stranger-beside", kind="two-signatures", reasons=(MALFORMED,))
def signature_of_stranger_beside(message: Message) -> bytes:
    """One of a stranger behind that of the sender, each of which holds by itself."""
    other = without(message.covered, SIGNATURE)
    message.signature.addnext(sign(other, Signing(message.stranger)))
    return message.octets


# --- where the signed one is put away -------------------------------------------------


def _put_away(name: str, *path: str, takes: bool = True) -> None:
    """The evil one in its place, with the signed one somewhere in it.

    ``takes`` has its signature stay in it; otherwise that is the one of the evil one.
    """

    @SHAPES(name)
    def put_away(message: Message) -> bytes:
        evil = message.evil()
        signature, whole = _taken_apart(message)
        hidden = corner(evil, *path)
        if takes:
            hidden.append(with_signature(whole, signature))
        else:
            hidden.append(whole)
            with_signature(evil, signature)
        return message.instead(evil)


_put_away("signed-in-advice", "saml:Advice")
_put_away("covered-in-advice", "saml:Advice", takes=False)
_put_away(
    "signed-in-subject-confirmation-data",
    "saml:Subject",
    "saml:SubjectConfirmation",
    "saml:SubjectConfirmationData",
)
_put_away(
    "covered-in-subject-confirmation-data",
    "saml:Subject",
    "saml:SubjectConfirmation",
    "saml:SubjectConfirmationData",
    takes=False,
)
_put_away("signed-in-subject", "saml:Subject")
_put_away("signed-in-name-id", "saml:Subject", "saml:NameID")
_put_away("signed-in-conditions", "saml:Conditions")
_put_away("covered-in-conditions", "saml:Conditions", takes=False)
_put_away("signed-in-authn-statement", "saml:AuthnStatement")
_put_away(
    "signed-in-authn-context-declaration",
    "saml:AuthnStatement",
    "saml:AuthnContext",
    "saml:AuthnContextDecl",
)
_put_away(
    "signed-in-attribute-value",
    "saml:AttributeStatement",
    "saml:Attribute",
    "saml:AttributeValue",
)
_put_away(
    "covered-in-attribute-value",
    "saml:AttributeStatement",
    "saml:Attribute",
    "saml:AttributeValue",
    takes=False,
)
_put_away("signed-in-status-detail", "samlp:Status", "samlp:StatusDetail")
_put_away("covered-in-status-detail", "samlp:Status", "samlp:StatusDetail", takes=False)
_put_away("signed-in-issuer", "saml:Issuer")
_put_away("signed-in-extensions", "samlp:Extensions")
_put_away("covered-in-extensions", "samlp:Extensions", takes=False)


@SHAPES("signed-in-key-info")
def signed_in_key_info(message: Message) -> bytes:
    """A stranger signed the evil one, with the signed one in KeyInfo."""
    evil = message.evil()
    signature = sign(evil, Signing(message.stranger, behind=_KEY_INFO))
    signature[-1].append(copied(message.covered))
    return message.instead(evil)


@SHAPES("covered-in-key-info")
def covered_in_key_info(message: Message) -> bytes:
    signature, whole = _taken_apart(message)
    corner(signature, "ds:KeyInfo").append(whole)
    return message.instead(with_signature(message.evil(), signature))


@SHAPES("signed-in-status-of-envelope", places=(INSIDE,))
def signed_in_status_of_envelope(message: Message) -> bytes:
    """In StatusDetail, which may hold anything: the first in document order."""
    detail = corner(message.root, "samlp:Status", "samlp:StatusDetail")
    detail.append(copied(message.covered))
    return message.instead(message.evil())


@SHAPES("signed-in-extensions-of-envelope", places=(INSIDE,))
def signed_in_extensions_of_envelope(message: Message) -> bytes:
    extensions(message.root).append(copied(message.covered))
    return message.instead(message.evil())


_KEY_INFO = f'<ds:KeyInfo xmlns:ds="{safe_xml.DS}"/>'


# --- where the evil one is put, and the signed one stays ------------------------------
# What is in a signature is not covered by it, and nothing of an envelope that has none.


def _evil_in(name: str, *path: str, places: tuple[str, ...]) -> None:
    @SHAPES(name, places=places)
    def evil_in(message: Message) -> bytes:
        start = message.signature if path[0].startswith("ds:") else message.root
        corner(start, *path).append(message.evil())
        return message.octets


_evil_in("evil-in-key-info", "ds:KeyInfo", places=(ROOT, INSIDE))
_evil_in("evil-in-x509-data", "ds:KeyInfo", "ds:X509Data", places=(ROOT, INSIDE))
_evil_in("evil-in-key-name", "ds:KeyInfo", "ds:KeyName", places=(ROOT, INSIDE))
_evil_in("evil-in-object", "ds:Object", places=(ROOT, INSIDE))
_evil_in("evil-in-signature-value", "ds:SignatureValue", places=(ROOT, INSIDE))
_evil_in(
    "evil-in-status-detail", "samlp:Status", "samlp:StatusDetail", places=(INSIDE,)
)
_evil_in(
    "evil-in-status-message", "samlp:Status", "samlp:StatusMessage", places=(INSIDE,)
)


# --- two things of one name -----------------------------------------------------------


def _same_id(message: Message, *, signed: bool = False) -> etree._Element:
    """An evil one of the ID that the signature refers to."""
    evil = message.evil()
    evil.set("ID", message.covered.get("ID", ""))
    return with_signature(evil, copied(message.signature)) if signed else evil


@SHAPES("same-id-in-place", reasons=(UNTRUSTED,))
def same_id_in_place(message: Message) -> bytes:
    """The signature on something else of that ID, and what it covers gone."""
    return message.instead(_same_id(message, signed=True))


@SHAPES("same-id-before", places=(INSIDE,))
def same_id_before(message: Message) -> bytes:
    message.covered.addprevious(_same_id(message))
    return message.octets


@SHAPES("same-id-after", places=(INSIDE,))
def same_id_after(message: Message) -> bytes:
    message.covered.addnext(_same_id(message, signed=True))
    return message.octets


@SHAPES("same-id-signed-before", places=(INSIDE,))
def same_id_signed_before(message: Message) -> bytes:
    message.covered.addprevious(_same_id(message, signed=True))
    return message.octets


@SHAPES("same-id-around")
def same_id_around(message: Message) -> bytes:
    evil = _same_id(message, signed=True)
    evil.append(copied(message.covered))
    return message.instead(evil)


@SHAPES("same-id-in-object")
def same_id_in_object(message: Message) -> bytes:
    evil = _same_id(message)
    signature, whole = _taken_apart(message)
    safe_xml.add(signature, "ds:Object").append(whole)
    return message.instead(with_signature(evil, signature))


@SHAPES("same-id-in-extensions")
def same_id_in_extensions(message: Message) -> bytes:
    evil = _same_id(message, signed=True)
    place = message.root if message.place == INSIDE else evil
    extensions(place).append(copied(message.covered))
    return message.instead(evil)


@SHAPES("same-id-of-root", places=(INSIDE,))
def same_id_of_root(message: Message) -> bytes:
    """The envelope has the ID that the signature refers to, with the evil one in it."""
    message.root.set("ID", message.covered.get("ID", ""))
    extensions(message.root).append(copied(message.covered))
    evil = with_signature(message.evil(), copied(message.signature))
    return message.instead(evil)


def _polluted(name: str, attribute: str, *, first: bool) -> None:
    """The evil one has a second ID, in a namespace, which is the one that is signed."""

    @SHAPES(name, kind="attribute-pollution")
    def polluted(message: Message) -> bytes:
        evil, signed = message.evil(), message.covered.get("ID", "")
        own = evil.attrib.pop("ID")
        pair = [("ID", own), (attribute, signed)]
        others = dict(evil.attrib)
        evil.attrib.clear()
        for key, value in reversed(pair) if first else pair:
            evil.set(key, value)
        evil.attrib.update(others)
        signature, whole = _taken_apart(message)
        with_signature(evil, signature)
        corner(evil, "saml:Advice").append(whole)
        return message.instead(evil)


_polluted("second-id-in-saml-namespace", safe_xml.q("saml:ID"), first=True)
_polluted("second-id-in-protocol-namespace", safe_xml.q("samlp:ID"), first=False)
_polluted("second-id-in-other-namespace", "{urn:example:x}ID", first=True)
_polluted("second-id-of-xml", "{http://www.w3.org/XML/1998/namespace}id", first=True)
_polluted("second-id-in-lower-case", "id", first=False)
_polluted("second-id-of-signature-syntax", "Id", first=True)


# --- two things of one kind in a signature --------------------------------------------


def _digest_of_evil(message: Message) -> tuple[etree._Element, str]:
    evil = _same_id(message)
    return evil, digest(safe_xml.canonical(evil))


def _two_infos(name: str, *, evil_first: bool) -> None:
    @SHAPES(name, kind="digest-confusion", reasons=(MALFORMED,))
    def two_infos(message: Message) -> bytes:
        """A SignedInfo that is signed, and one that says the hash of the evil one."""
        evil, hashed = _digest_of_evil(message)
        signature = copied(message.signature)
        info = signature[0]
        other = copied(info)
        other.find(f".//{safe_xml.q('ds:DigestValue')}").text = hashed
        (info.addprevious if evil_first else info.addnext)(other)
        return message.instead(with_signature(evil, signature))


_two_infos("two-signed-infos-evil-first", evil_first=True)
_two_infos("two-signed-infos-evil-last", evil_first=False)


@SHAPES("signed-info-in-object", kind="digest-confusion", reasons=(MALFORMED,))
def signed_info_in_object(message: Message) -> bytes:
    """The signed SignedInfo put away, that of the evil one in its place."""
    evil, hashed = _digest_of_evil(message)
    signature = copied(message.signature)
    safe_xml.add(signature, "ds:Object").append(copied(signature[0]))
    signature[0].find(f".//{safe_xml.q('ds:DigestValue')}").text = hashed
    return message.instead(with_signature(evil, signature))


@SHAPES("signed-info-in-signed-info", kind="digest-confusion", reasons=(MALFORMED,))
def signed_info_in_signed_info(message: Message) -> bytes:
    evil, hashed = _digest_of_evil(message)
    signature = copied(message.signature)
    inner = copied(signature[0])
    signature[0].find(f".//{safe_xml.q('ds:DigestValue')}").text = hashed
    signature[0].append(inner)
    return message.instead(with_signature(evil, signature))


@SHAPES("two-digest-values", kind="digest-confusion", reasons=(MALFORMED,))
def two_digest_values(message: Message) -> bytes:
    evil, hashed = _digest_of_evil(message)
    signature = copied(message.signature)
    value = signature.find(f".//{safe_xml.q('ds:DigestValue')}")
    other = copied(value)
    other.text = hashed
    value.addprevious(other)
    return message.instead(with_signature(evil, signature))


def _digest_beside(name: str, text: str, *, reasons: tuple[str, ...]) -> None:
    """A second hash in DigestValue, which a canonical form does not have."""

    @SHAPES(name, kind="digest-confusion", reasons=reasons)
    def digest_beside(message: Message) -> bytes:
        evil, hashed = _digest_of_evil(message)
        octets = message.instead(with_signature(evil, copied(message.signature)))
        inside = text.format(hashed=hashed).encode()
        return octets.replace(b"DigestValue>", b"DigestValue>" + inside, 1)


_digest_beside("comment-in-digest-value", "<!--{hashed}-->", reasons=(UNTRUSTED,))
_digest_beside("instruction-in-digest-value", "<?{hashed}?>", reasons=(MALFORMED,))
_digest_beside("two-texts-in-digest-value", "{hashed}<!-- -->", reasons=(MALFORMED,))


# --- void canonicalisation, confusion of namespaces -----------------------------------


def _void(name: str, make: Callable[[Message], Signing], *, of_info: bool) -> None:
    """A canonical form that fails is taken for an empty one, and that was signed.

    "The Fragile Lock", Black Hat Europe 2025.
    """

    @SHAPES(name, kind="void-canonicalisation", reasons=(MALFORMED,))
    def void(message: Message) -> bytes:
        evil = message.evil()
        signature = sign(evil, make(message))
        octets = message.instead(evil)
        start = signature[0].tag if of_info else evil.tag
        local = etree.QName(start).localname.encode()
        before, found, after = octets.partition(b":" + local + b" ")
        if of_info:
            before, found, after = octets.partition(b":" + local)
        assert found
        return before + found + f' xmlns:v="{_RELATIVE}" '.encode() + after


_void("void-content", lambda m: Signing(m.key, covers=lambda _: b""), of_info=False)
_void(
    "void-signed-info",
    lambda m: Signing(m.key, value=lambda _: _signed_nothing(m)),
    of_info=True,
)


def _signed_nothing(message: Message) -> bytes:
    return value_of(message.key, Signing(message.key).method, b"")


def _renamed(name: str, old: bytes, new: bytes, *, reasons: tuple[str, ...]) -> None:
    @SHAPES(name, kind="namespace-confusion", reasons=reasons)
    def renamed(message: Message) -> bytes:
        octets = message.instead(_same_id(message, signed=True))
        assert old in octets
        return octets.replace(old, new)


_renamed(
    "signature-in-other-namespace",
    b'"http://www.w3.org/2000/09/xmldsig#"',
    b'"http://www.w3.org/2000/09/xmldsig"',
    reasons=(MALFORMED, UNTRUSTED),
)
_renamed(
    "saml-in-upper-case",
    b"urn:oasis:names:tc:SAML:2.0:assertion",
    b"URN:oasis:names:tc:SAML:2.0:assertion",
    reasons=(),
)
_renamed(
    "saml-1",
    b"urn:oasis:names:tc:SAML:2.0:assertion",
    b"urn:oasis:names:tc:SAML:1.0:assertion",
    reasons=(),
)


@SHAPES("twin-in-other-namespace", kind="namespace-confusion")
def twin_in_other_namespace(message: Message) -> bytes:
    """Who looks by local names finds a signature that holds, and covers another."""
    evil = message.evil()
    local = etree.QName(evil).localname
    twin = etree.SubElement(evil, f"{{urn:example:x}}{local}")
    twin.append(copied(message.covered))
    return message.instead(evil)


@SHAPES("evil-in-default-namespace", kind="namespace-confusion", places=(INSIDE,))
def evil_in_default_namespace(message: Message) -> bytes:
    """The same name by another prefix."""
    octets = safe_xml.serialize(message.evil())
    octets = octets.replace(b"saml:", b"").replace(b"xmlns:saml=", b"xmlns=")
    message.covered.addprevious(etree.fromstring(octets))
    return message.octets
