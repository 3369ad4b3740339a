"""Forged and hostile messages that must fail at the verification room.

Each attack stands beside the honest message that it was made from, which passes. What
is accepted may only be what the trusted key signed, to the letter.
"""

import base64
import hashlib
import hmac
import random
import subprocess
import sys
import textwrap
import zlib
from copy import deepcopy
from urllib.parse import quote, unquote, urlsplit

import pytest
from cpu_time import cpu_seconds
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import MalformedMessage, Refused, UntrustedSignature
from eilogin.saml import bindings
from eilogin.saml.safe_xml import DS, canonical, parse, q, serialize, validate
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import EXCLUSIVE_C14N, check_structure, sign, signed

RESPONSE = (
    '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0"'
    ' IssueInstant="2024-01-01T00:00:00Z"><saml:Issuer>https://hub.test</saml:Issuer>'
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"'
    '/></samlp:Status><saml:Assertion ID="_a" Version="2.0"'
    ' IssueInstant="2024-01-01T00:00:00Z"><saml:Issuer>https://hub.test</saml:Issuer>'
    "<saml:Subject><saml:NameID>merel@a.test</saml:NameID></saml:Subject>"
    "</saml:Assertion></samlp:Response>"
)
NAME_ID = f".//{q('saml:NameID')}"


@pytest.fixture(scope="module")
def key():
    return SigningKey.load(*new_key_pair("hub.test"))


@pytest.fixture(scope="module")
def stranger():
    return SigningKey.load(*new_key_pair("stranger.test"))


@pytest.fixture(scope="module")
def honest(key):
    """A Response with a signed assertion."""
    root = etree.fromstring(RESPONSE)
    sign(root.find(q("saml:Assertion")), key)
    return serialize(root)


def name_in(octets, key):
    """The NameID that a verified Response or its one verified Assertion has."""
    root = parse(octets)
    check_structure(root)
    validate(root, "protocol")
    (assertion,) = root.findall(q("saml:Assertion"))
    return signed(assertion, [key.public]).findtext(NAME_ID)


def test_the_honest_message_passes(honest, key):
    assert name_in(honest, key) == "merel@a.test"


def evil_of(assertion, identifier="_evil"):
    evil = deepcopy(assertion)
    evil.remove(evil.find(q("ds:Signature")))
    evil.set("ID", identifier)
    evil.find(NAME_ID).text = "admin@a.test"
    return evil


# --- wrapping -----------------------------------------------------------------------


def wrap_1(root, assertion):
    """The honest Response inside the Signature of an evil one (XSW 1)."""
    signature = assertion.find(q("ds:Signature"))
    whole = deepcopy(root)
    evil = evil_of(assertion)
    evil.insert(1, signature)
    etree.SubElement(signature, q("ds:Object")).append(whole)
    root.replace(assertion, evil)


def wrap_3(root, assertion):
    """An evil assertion before the honest one (XSW 3)."""
    assertion.addprevious(evil_of(assertion))


def wrap_3_after(root, assertion):
    """An evil assertion after the honest one."""
    assertion.addnext(evil_of(assertion))


def wrap_4(root, assertion):
    """The honest assertion inside an evil one (XSW 4)."""
    evil = evil_of(assertion)
    root.replace(assertion, evil)
    evil.append(assertion)


def wrap_5(root, assertion):
    """The evil assertion has the signature, the honest one stands beside (XSW 5)."""
    evil = evil_of(assertion)
    signature = assertion.find(q("ds:Signature"))
    evil.insert(1, signature)
    root.append(evil)


def wrap_6(root, assertion):
    """The honest assertion inside the signature of the evil one (XSW 6)."""
    evil = evil_of(assertion)
    signature = assertion.find(q("ds:Signature"))
    root.replace(assertion, evil)
    evil.insert(1, signature)
    signature.append(assertion)


def wrap_7(root, assertion):
    """The honest assertion in Extensions, the evil one in its place (XSW 7)."""
    extensions = etree.Element(q("samlp:Extensions"))
    root.insert(1, extensions)
    root.append(evil_of(assertion))
    extensions.append(assertion)


def wrap_8(root, assertion):
    """The honest assertion in an Object of the evil one's signature (XSW 8)."""
    evil = evil_of(assertion)
    signature = assertion.find(q("ds:Signature"))
    evil.insert(1, signature)
    root.replace(assertion, evil)
    etree.SubElement(signature, q("ds:Object")).append(assertion)


def same_id(root, assertion):
    """Two assertions with the ID that is signed."""
    assertion.addprevious(evil_of(assertion, "_a"))


def in_advice(root, assertion):
    """The honest assertion as advice in an evil one."""
    evil = evil_of(assertion)
    root.replace(assertion, evil)
    advice = etree.SubElement(evil, q("saml:Advice"))
    advice.append(assertion)


def in_key_info(root, assertion):
    """The honest assertion in the KeyInfo of the evil one."""
    evil = evil_of(assertion, "_a")
    signature = deepcopy(assertion.find(q("ds:Signature")))
    evil.insert(1, signature)
    root.replace(assertion, evil)
    assertion.set("ID", "_b")
    signature.find(q("ds:KeyInfo")).append(assertion)


def in_status_detail(root, assertion):
    """The honest assertion in StatusDetail."""
    root.append(evil_of(assertion))
    status = root.find(q("samlp:Status"))
    etree.SubElement(status, q("samlp:StatusDetail")).append(assertion)


def stripped(root, assertion):
    """No signature any more."""
    assertion.remove(assertion.find(q("ds:Signature")))
    assertion.find(NAME_ID).text = "admin@a.test"


def moved_up(root, assertion):
    """The assertion's signature moved to the Response."""
    root.insert(1, assertion.find(q("ds:Signature")))
    assertion.find(NAME_ID).text = "admin@a.test"


WRAPS = [
    wrap_1, wrap_3, wrap_3_after, wrap_4, wrap_5, wrap_6, wrap_7, wrap_8, same_id,
    in_advice, in_key_info, in_status_detail, stripped, moved_up,
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda wrap: wrap.__name__)
def test_a_wrapped_message_never_gives_another_name(honest, key, wrap):
    root = etree.fromstring(honest)
    wrap(root, root.find(q("saml:Assertion")))
    octets = serialize(root)
    assert b"admin@a.test" in octets
    with pytest.raises((Refused, ValueError)):
        name_in(octets, key)
    # And whichever element is asked for, what it gives was signed.
    try:
        tree = parse(octets)
    except MalformedMessage:
        return
    for element in tree.iter(q("saml:Assertion"), q("samlp:Response")):
        try:
            read = signed(element, [key.public])
        except Refused:
            continue
        assert read.findtext(NAME_ID) == "merel@a.test"


# --- text ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inside", ["<!---->", "<!-- a --><!-- b -->", "<![CDATA[]]>"], ids=repr
)
@pytest.mark.parametrize("place", [0, 5, 12])
def test_a_name_split_by_what_c14n_drops_is_read_whole(honest, key, inside, place):
    name = "merel@a.test"
    split = name[:place] + inside + name[place:]
    octets = honest.replace(name.encode(), split.encode())
    assert name_in(octets, key) == name


def test_a_name_split_by_an_instruction_is_refused(honest, key):
    octets = honest.replace(b"merel@", b"merel@<?x?>")
    with pytest.raises(MalformedMessage):
        name_in(octets, key)


def test_a_digest_hidden_by_a_comment_is_read_whole(honest, key):
    octets = honest.replace(b"merel@", b"admin@")
    root = etree.fromstring(octets)
    assertion = root.find(q("saml:Assertion"))
    bare = deepcopy(assertion)
    bare.remove(bare.find(q("ds:Signature")))
    digest = base64.b64encode(hashlib.sha256(canonical(bare)).digest()).decode()
    value = assertion.find(f".//{q('ds:DigestValue')}")
    value.insert(0, etree.Comment(value.text))
    value.text, value[0].tail = digest, None
    with pytest.raises(UntrustedSignature):
        name_in(serialize(root), key)


# --- keys and algorithms ------------------------------------------------------------


@pytest.mark.parametrize("certificate_of", ["stranger", "key"])
def test_the_key_that_a_message_brings_along_is_not_used(key, stranger, certificate_of):
    root = etree.fromstring(RESPONSE)
    assertion = root.find(q("saml:Assertion"))
    sign(assertion, stranger)
    owner = {"stranger": stranger, "key": key}[certificate_of]
    assertion.find(f".//{q('ds:X509Certificate')}").text = owner.certificate_text
    with pytest.raises(UntrustedSignature):
        name_in(serialize(root), key)


@pytest.mark.parametrize(
    "algorithm",
    [
        DS + "hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-md5",
    ],
)
def test_the_public_key_is_no_secret_for_a_mac(honest, key, algorithm):
    root = etree.fromstring(honest)
    signature = root.find(f".//{q('ds:Signature')}")
    signature.find(f".//{q('ds:SignatureMethod')}").set("Algorithm", algorithm)
    pem = key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = "sha256" if "sha256" in algorithm else algorithm[-4:].lstrip("-")
    mac = hmac.new(pem, canonical(signature[0]), name).digest()
    signature.find(q("ds:SignatureValue")).text = base64.b64encode(mac).decode()
    with pytest.raises(UntrustedSignature, match="SignatureMethod"):
        name_in(serialize(root), key)


# --- time and memory ----------------------------------------------------------------

XSLT = """\
<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">\
<xsl:template match="/"><xsl:for-each select="//*"><xsl:for-each select="//*">\
<xsl:for-each select="//*"><xsl:for-each select="//*"><xsl:for-each select="//*">\
x</xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each>\
</xsl:template></xsl:stylesheet>"""
XPATH = (
    '<ds:XPath xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    "count(//*[count(//*[count(//*[count(//*)>0])>0])>0])>0</ds:XPath>"
)


def with_transform(octets, algorithm, content):
    root = etree.fromstring(octets)
    transforms = root.find(f".//{q('ds:Transforms')}")
    transform = etree.SubElement(transforms, q("ds:Transform"), Algorithm=algorithm)
    transform.append(etree.fromstring(content))
    return serialize(root)


@pytest.mark.parametrize(
    ("algorithm", "content"),
    [
        ("http://www.w3.org/TR/1999/REC-xslt-19991116", XSLT),
        ("http://www.w3.org/TR/1999/REC-xpath-19991116", XPATH),
    ],
    ids=["xslt", "xpath"],
)
def test_a_transform_is_refused_and_not_run(honest, key, algorithm, content):
    octets = with_transform(honest, algorithm, content)

    def refuse():
        with pytest.raises(MalformedMessage):
            name_in(octets, key)

    assert cpu_seconds(refuse) < 1


def forged_prefix_list():
    return " ".join(f"p{i}" for i in range(8))


def hostile_shapes():
    """Messages that are small on the wire and would be large in memory or in time."""
    yield "deep", b"<a>" * 80_000
    yield "attributes", b"<a " + b" ".join(b"x%d=''" % i for i in range(20_000)) + b"/>"
    yield (
        "namespaces",
        (b"<a " + b" ".join(b"xmlns:n%d='urn:n'" % i for i in range(10_000)) + b"/>"),
    )
    yield "elements", b"<a>" + b"<b/>" * 60_000 + b"</a>"
    long = b"urn:" + b"x" * 100_000
    yield (
        "a long namespace",
        b"<a xmlns:p='" + long + b"'>" + b"<p:b/>" * 20_000 + b"</a>",
    )
    yield (
        "namespaces to repeat",
        b"<a"
        + b"".join(b" xmlns:p%d='%s%d'" % (i, long[:240], i) for i in range(40))
        + b">"
        + b"<b %s/>" % b" ".join(b"p%d:c=''" % i for i in range(20)) * 1_000
        + b"</a>",
    )
    yield "text", b"<a>" + b"x" * 200_000 + b"</a>"
    yield "white space", b"<a>" + b" " * 8_000_000 + b"</a>"
    yield "references", b"<a>" + b"&#65;" * 50_000 + b"&lol;</a>"


@pytest.mark.parametrize(
    "octets", [pytest.param(o, id=name) for name, o in hostile_shapes()]
)
def test_a_hostile_shape_is_refused_quickly(octets):
    def refuse():
        with pytest.raises(MalformedMessage):
            parse(octets)

    assert cpu_seconds(refuse) < 1


def test_a_canonical_form_cannot_be_made_much_larger_than_its_message(key):
    """Within the limits, all namespaces and prefixes that there may be."""
    root = etree.fromstring(RESPONSE)
    sign(root.find(q("saml:Assertion")), key)
    octets = serialize(root)
    declared = "".join(f' xmlns:p{i}="urn:{"x" * 200}{i}"' for i in range(400))
    many = "".join(f"<p{i % 400}:b/>" for i in range(4_000))
    octets = octets.replace(b' ID="_r"', f'{declared} ID="_r"'.encode())
    octets = octets.replace(b"<saml:NameID>", f"{many}<saml:NameID>".encode())
    octets = octets.replace(
        b'exc-c14n#"/>',
        f'exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}"'
        f' PrefixList="{forged_prefix_list()}"/></ds:Transform>'.encode(),
        2,
    ).replace(
        b"</ds:Transform><ds:SignatureMethod",
        b"</ds:CanonicalizationMethod><ds:SignatureMethod",
    )
    tree = parse(octets)

    def refuse():
        with pytest.raises(UntrustedSignature):
            signed(tree.find(q("saml:Assertion")), [key.public])

    assert cpu_seconds(refuse) < 1
    assert len(canonical(tree)) < 20 * len(octets)


def test_a_bomb_is_not_inflated():
    program = textwrap.dedent(
        """
        import base64, resource, sys, zlib
        from urllib.parse import quote
        from eilogin.errors import MessageTooLarge
        from eilogin.saml.bindings import read_redirect
        deflate = zlib.compressobj(9, wbits=-15)
        bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(8))
        bomb += deflate.flush()
        query = "SAMLRequest=" + quote(base64.b64encode(bomb))
        assert len(query) < 16_000
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            try:
                read_redirect(query)
            except MessageTooLarge:
                continue
            sys.exit("accepted")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(run.stdout) < 5_000


# --- signed queries -----------------------------------------------------------------

GOOD = b'<samlp:LogoutRequest xmlns:samlp="urn:x">merel</samlp:LogoutRequest>'
EVIL = b'<samlp:LogoutRequest xmlns:samlp="urn:x">admin</samlp:LogoutRequest>'


def packed(octets):
    deflate = zlib.compressobj(wbits=-15)
    return quote(base64.b64encode(deflate.compress(octets) + deflate.flush()), safe="")


@pytest.fixture(scope="module")
def signed_query(key):
    url = bindings.redirect_url("https://a.test/", "SAMLRequest", GOOD, "mine", key)
    return urlsplit(url).query


def accepted(query, key):
    received = bindings.read_redirect(query)
    bindings.verify_redirect(received, [key.public])
    return received


@pytest.mark.parametrize(
    "tail",
    [
        f"SAMLRequest={packed(EVIL)}",
        f"SAML%52equest={packed(EVIL)}",
        f"samlrequest={packed(EVIL)}",
        f"%53AMLRequest={packed(EVIL)}",
        f"SAMLResponse={packed(EVIL)}",
        "RelayState=theirs",
        "Relay%53tate=theirs",
        "SigAlg=http://www.w3.org/2000/09/xmldsig%23rsa-sha1",
        "Signature=AAAA",
        "Signature%00=AAAA",
    ],
)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_signed_query_takes_no_second_parameter(signed_query, key, tail, before):
    query = f"{tail}&{signed_query}" if before else f"{signed_query}&{tail}"
    with pytest.raises(MalformedMessage):
        accepted(query, key)
    assert accepted(signed_query, key).octets == GOOD


def reencoded(part, seed):
    """The same parameter in another spelling, or nearly so."""
    name, _, value = part.partition("=")
    choices = [
        part,
        f"{name}={quote(unquote(value), safe='/')}",
        f"{name}={value.replace('%2F', '%2f')}",
        f"{name}={value.replace('%2B', '+')}",
        f"{name}=%{ord(unquote(value)[:1] or 'x'):02X}{unquote(value)[1:]}",
        f"%{ord(name[0]):02x}{name[1:]}={value}",
        f"{name.lower()}={value}",
        f"{name}={value}%00",
        f"{name}=",
        name,
    ]
    return choices[seed % len(choices)]


@given(
    order=st.lists(st.integers(0, 5), max_size=8),
    seeds=st.lists(st.integers(0, 9), min_size=8, max_size=8),
)
@example(order=[0, 1, 2, 3], seeds=[0] * 8)
@example(order=[3, 2, 1, 0], seeds=[0] * 8)
def test_accepted_message_and_relay_state_equal_the_signed_ones(
    signed_query, key, order, seeds
):
    parts = [*signed_query.split("&"), f"SAMLRequest={packed(EVIL)}", "RelayState=evil"]
    query = "&".join(
        reencoded(parts[i], seed) for i, seed in zip(order, seeds, strict=False)
    )
    try:
        received = accepted(query, key)
    except Refused:
        assert order not in ([0, 1, 2, 3], [3, 2, 1, 0]) or any(seeds[: len(order)])
        return
    assert received.octets == GOOD
    assert received.relay_state == "mine"


# --- anything at all ----------------------------------------------------------------


def mutated(octets, seed):
    """One of many small changes to a tree: moved, doubled, renamed, split."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    root = etree.fromstring(octets)
    for _ in range(chance.randint(1, 3)):
        elements = list(root.iter("*"))
        one, other = chance.choice(elements), chance.choice(elements)
        operation = chance.randrange(6)
        if operation == 0 and one is not root:
            one.addnext(deepcopy(one))
        elif operation == 1 and one is not root and other not in one.iter():
            other.append(one)
        elif operation == 2:
            one.text = "admin@a.test"
        elif operation == 3 and one.attrib:
            one.set(chance.choice(list(one.attrib)), chance.choice(["_a", "_r", "#_r"]))
        elif operation == 4:
            one.insert(0, etree.Comment("x"))
        elif one is not root:
            one.getparent().remove(one)
    return serialize(root)


@given(st.integers(0, 2**32))
def test_a_mutant_is_refused_or_says_what_was_signed(honest, key, seed):
    octets = mutated(honest, seed)
    try:
        root = parse(octets)
        check_structure(root)
        elements = [root, *root.iter(q("saml:Assertion"))]
    except Refused:
        return
    for element in elements:
        try:
            read = signed(element, [key.public])
        except Refused:
            continue
        assert read.findtext(NAME_ID) == "merel@a.test"
        assert read.get("ID") == "_a"
