"""A signature is verified, and only signed content is returned."""

import re

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree
from signed_responses import (
    DS,
    RESPONSE,
    Foreign,
    assertion_of,
    set_algorithm,
    signature_of,
    signed_response,
    transform,
)

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.safe_xml import canonical, parse, q, serialize
from eilogin.saml.signing_keys import fingerprints
from eilogin.saml.xml_signatures import (
    EXCLUSIVE_C14N,
    check_structure,
    content,
    is_signed,
    sign,
    signed,
)


class TestVerifying:
    def test_gives_what_is_signed_without_its_signature(self, key):
        root = parse(signed_response(key))
        read = signed(assertion_of(root), [key.public])
        assert read.getparent() is None
        assert read.findtext(f".//{q('saml:NameID')}") == "merel"
        assert not is_signed(read)
        assert canonical(read) == canonical(etree.fromstring(RESPONSE)[-1])

    def test_leaves_the_tree_as_it_was_so_that_the_order_does_not_matter(self, key):
        octets = signed_response(key)
        root = parse(octets)
        for element in (root, assertion_of(root), root, assertion_of(root)):
            signed(element, [key.public])
        assert serialize(root) == octets

    def test_keeps_the_text_around_the_signature(self, key):
        spaced = RESPONSE.replace("</saml:Issuer>", "</saml:Issuer>\n  between\n ")
        root = etree.fromstring(spaced)
        sign(root, key)
        # The signature is put in before the text: let some stand on both sides.
        root[0].tail, root[1].tail = "\n  betw", "een\n "
        octets = serialize(root)
        parsed = parse(octets)
        assert signed(parsed, [key.public])[0].tail == "\n  between\n "
        assert serialize(parsed) == octets

    def test_takes_any_key_of_the_party(self, key, other):
        root = parse(signed_response(key))
        assert signed(root, [other.public, key.public]).get("ID") == "_r"

    @pytest.mark.parametrize("keys", [0, 1], ids=["no key", "another's key"])
    def test_refuses_where_no_key_fits(self, key, other, keys):
        root = parse(signed_response(key))
        with pytest.raises(
            UntrustedSignature, match="matches no key of the expected signer"
        ):
            signed(root, [other.public][:keys])

    def test_tells_which_key_a_signature_names(self, key, other):
        root = parse(signed_response(key))
        named = f"the signature names the key {fingerprints(key.certificate_text)}"
        with pytest.raises(UntrustedSignature, match=re.escape(named)):
            signed(root, [other.public])

    @pytest.mark.parametrize(
        ("info", "says"),
        [
            (
                "<ds:KeyName>sleutel\n1</ds:KeyName>",
                "; the signature names the key 'sleutel\\n1'",
            ),
            (
                "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>",
                "; the signature names the key a certificate that eilogin cannot read",
            ),
            ("<ds:KeyName/>", "of the expected signer"),
        ],
    )
    def test_tells_what_a_signature_says_of_its_key(self, key, other, info, says):
        octets = signed_response(key, response=False).decode()
        before, rest = octets.split("<ds:KeyInfo>")
        octets = (
            f"{before}<ds:KeyInfo>{info}</ds:KeyInfo>{rest.split('</ds:KeyInfo>')[1]}"
        )
        with pytest.raises(UntrustedSignature) as refused:
            signed(assertion_of(parse(octets.encode())), [other.public])
        assert str(refused.value).endswith(says)

    def test_refuses_what_is_not_signed_itself(self, key):
        root = parse(signed_response(key, response=False))
        check_structure(root)
        with pytest.raises(UntrustedSignature, match="not signed"):
            signed(root, [key.public])
        assert is_signed(assertion_of(root))
        assert not is_signed(root)

    @pytest.mark.parametrize("wrong", ["merel ", "Merel", "mere1", ""])
    def test_refuses_what_was_changed(self, key, wrong):
        octets = signed_response(key).replace(b">merel<", f">{wrong}<".encode())
        root = parse(octets)
        for element in (root, assertion_of(root)):
            with pytest.raises(UntrustedSignature, match="changed after"):
                signed(element, [key.public])

    def test_an_instruction_in_a_tree_that_was_not_parsed_here_is_refused(self, key):
        root = etree.fromstring(signed_response(key))
        root.append(etree.PI("cut"))
        with pytest.raises(MalformedMessage, match="instruction"):
            signed(root, [key.public])

    def test_a_tree_inside_a_larger_one_verifies_in_place_and_alone(self, key):
        inner = signed_response(key).decode()
        around = parse(f'<x xmlns="urn:x" xmlns:xs="urn:y">{inner}tail</x>'.encode())
        read = signed(around[0], [key.public])
        assert read.get("ID") == "_r"
        assert canonical(signed(parse(serialize(around[0])), [key.public])) == (
            canonical(read)
        )


class TestWhatOtherStacksSign:
    @pytest.mark.parametrize("bits", ["256", "384", "512"])
    @pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
    def test_every_allowed_algorithm_verifies(self, pair, key, bits, digest):
        root = parse(Foreign(pair).signed(f"RSA_SHA{bits}", digest))
        check_structure(root)
        read = signed(assertion_of(root), [key.public])
        assert read.findtext(f".//{q('saml:NameID')}") == "merel"

    @pytest.mark.parametrize("prefixes", ["xs", "ds saml samlp xs", "dsig xs"])
    def test_a_prefix_list_is_honoured(self, pair, key, prefixes):
        declared = RESPONSE.replace(
            "xmlns:samlp", 'xmlns="urn:d" xmlns:xs="urn:x" xmlns:samlp'
        )
        root = parse(Foreign(pair, declared).signed(prefixes=prefixes))
        check_structure(root)
        assert signed(assertion_of(root), [key.public]).nsmap["xs"] == "urn:x"

    @pytest.mark.parametrize(("around", "is_taken"), [("", True), ("urn:d", False)])
    def test_a_default_in_the_prefix_list_is_refused_where_it_would_count(
        self, pair, key, around, is_taken
    ):
        declared = RESPONSE.replace("xmlns:samlp", f'xmlns="{around}" xmlns:samlp')
        root = parse(Foreign(pair, declared).signed(prefixes="#default saml"))
        check_structure(root)
        if is_taken:
            assert signed(assertion_of(root), [key.public]).get("ID") == "_a"
            return
        with pytest.raises(UntrustedSignature):
            signed(assertion_of(root), [key.public])

    def test_a_key_name_and_a_key_value_are_tolerated(self, pair, key):
        octets = Foreign(pair).signed(key_name="ab" * 20)
        assert b"RSAKeyValue" in octets
        assert b"KeyName" in octets
        root = parse(octets)
        check_structure(root)
        assert signed(assertion_of(root), [key.public]).get("ID") == "_a"

    def test_a_comment_anywhere_does_no_harm(self, pair, key):
        octets = Foreign(pair).signed()
        for place in (b">merel<", b"<dsig:DigestValue>", b"<dsig:SignatureValue>"):
            comment = place[:-1] + b"<!---->" + place[-1:]
            assert place in octets
            octets = octets.replace(
                place, comment if place[:1] == b">" else place + b"<!--AAAA-->"
            )
        root = parse(octets)
        read = signed(assertion_of(root), [key.public])
        assert read.findtext(f".//{q('saml:NameID')}") == "merel"

    def test_prefixes_for_one_namespace_twice_do_not_confuse(self, pair, key):
        declared = RESPONSE.replace("xmlns:samlp", f'xmlns:ds2="{DS}" xmlns:samlp')
        foreign = Foreign(pair, declared)
        foreign.signed()
        sign(foreign.root, key)
        octets = serialize(foreign.root)
        root = parse(octets)
        for element in (assertion_of(root), root, assertion_of(root)):
            signed(element, [key.public])
        assert serialize(root) == octets


WITH_COMMENTS = EXCLUSIVE_C14N + "WithComments"


def signed_with_comments(key, text, in_info=""):
    """A Response with an assertion signed by exclusive c14n with comments, by xmlsec.

    ``in_info`` stands in SignedInfo.
    """
    root = etree.fromstring(text)
    sign(assertion_of(root), key)
    node = signature_of(assertion_of(root))
    set_algorithm("ds:CanonicalizationMethod", WITH_COMMENTS)(node)
    transform(1, WITH_COMMENTS)(node)
    if in_info:
        node[0].insert(0, etree.Comment(in_info))
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key_for_xmlsec(key)
    context.sign(node)
    return serialize(root)


def key_for_xmlsec(key):
    pem = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM)


class TestExclusiveC14nWithComments:
    """SAML core 5.4.3 allows it."""

    def test_is_accepted(self, key):
        root = parse(signed_with_comments(key, RESPONSE))
        (signature,) = check_structure(root)
        element = content(signature, [key.public])
        assert element.findtext(f"{q('saml:Subject')}/{q('saml:NameID')}") == "merel"

    @pytest.mark.parametrize(
        "name", ["mer<!--x-->el", "<!--x-->merel", "merel<!--x-->"]
    )
    def test_reads_a_text_on_both_sides_of_a_comment(self, key, name):
        """A reference by ID selects no comments (XML signature 4.4.3.3)."""
        octets = signed_with_comments(key, RESPONSE.replace("merel", name))
        assert b"<!--x-->" in octets
        (signature,) = check_structure(parse(octets))
        element = content(signature, [key.public])
        assert element.findtext(f"{q('saml:Subject')}/{q('saml:NameID')}") == "merel"

    def test_rejects_a_text_that_changed(self, key):
        octets = signed_with_comments(key, RESPONSE)
        changed = octets.replace(b">merel<", b">merel<!---->2<")
        assert changed != octets
        (signature,) = check_structure(parse(changed))
        with pytest.raises(UntrustedSignature):
            content(signature, [key.public])

    def test_rejects_comments_in_signed_info(self, key):
        """The parser drops them, so the signature does not hold."""
        octets = signed_with_comments(key, RESPONSE, in_info="x")
        (signature,) = check_structure(parse(octets))
        with pytest.raises(UntrustedSignature):
            content(signature, [key.public])
