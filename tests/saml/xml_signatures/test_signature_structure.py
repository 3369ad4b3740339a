"""Signatures of the usual form, and of all forms that are rejected."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signed_responses import (
    DS,
    INCLUSIVE,
    MORE,
    RESPONSE,
    assertion_of,
    set_algorithm,
    signature_of,
    signed_response,
    transform,
    within,
)

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.safe_xml import METADATA, canonical, parse, q, serialize
from eilogin.saml.xml_signatures import (
    EXCLUSIVE_C14N,
    RSA_SHA256,
    SHA256,
    check_structure,
    content,
    sign,
    signature_structure,
    signature_verification,
    signed,
)


class TestTheUsualShape:
    """Most signatures are matched as a whole, much sooner and to the same end."""

    FIELDS = ("algorithm", "digest_algorithm", "digest", "value")

    @pytest.fixture
    def read_both_ways(self, monkeypatch):
        """The one signature of a message, matched as a whole and part by part."""

        def read_both_ways(octets):
            root = parse(octets)
            whole = check_structure(root)[0]
            with monkeypatch.context() as patched:
                patched.setattr(signature_structure, "_read_usual", lambda _: None)
                return whole, check_structure(root)[0]

        return read_both_ways

    @pytest.mark.parametrize("part", ["assertion", "response"])
    def test_holds_as_it_does_part_by_part(self, key, read_both_ways, part):
        only = {"assertion": False, "response": False, part: True}
        whole, by_parts = read_both_ways(signed_response(key, **only))
        assert whole.canonical_parts is not None
        assert by_parts.canonical_parts is None
        assert canonical(content(whole, [key.public])) == canonical(
            content(by_parts, [key.public])
        )
        assert whole.element is by_parts.element

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda text: text, id="as-we-write-it"),
            pytest.param(
                lambda text: text.replace("ds:", "n2:").replace(":ds=", ":n2="),
                id="another-prefix",
            ),
            pytest.param(
                lambda text: text.replace("><ds:", ">\n  <ds:"), id="indented"
            ),
        ],
    )
    def test_has_any_prefix_and_white_space(self, key, read_both_ways, change):
        text = signed_response(key, response=False).decode()
        whole, by_parts = read_both_ways(change(text).encode())
        assert whole.canonical_parts[0] == canonical(by_parts.signed_info)
        assert all(getattr(whole, f) == getattr(by_parts, f) for f in self.FIELDS)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(
                lambda text: (
                    text.replace("<ds:", "<")
                    .replace("</ds:", "</")
                    .replace("xmlns:ds", "xmlns")
                ),
                id="default-namespace",
            ),
            pytest.param(
                lambda text: text.replace(
                    'exc-c14n#"/></ds:Transforms>',
                    'exc-c14n#"><e:InclusiveNamespaces PrefixList="xs" xmlns:e='
                    '"http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transform>'
                    "</ds:Transforms>",
                ),
                id="list-of-prefixes",
            ),
            pytest.param(
                lambda text: text.replace(
                    "<ds:X509Data>", "<ds:KeyName>k</ds:KeyName><ds:X509Data>"
                ),
                id="key-name",
            ),
            pytest.param(
                lambda text: text.replace('ID="_a"', 'ID="_é"').replace("#_a", "#_é"),
                id="odd-id",
            ),
            pytest.param(
                lambda text: text.replace(
                    "<saml:NameID", '<saml:NameID xmlns:x="relative" x:y=""'
                ),
                id="no-canonical-form",
            ),
        ],
    )
    def test_is_left_for_what_is_not_usual(self, key, read_both_ways, change):
        text = signed_response(key, response=False).decode()
        assert change(text) != text
        whole, by_parts = read_both_ways(change(text).encode())
        assert whole.canonical_parts is None
        assert all(getattr(whole, f) == getattr(by_parts, f) for f in self.FIELDS)

    def test_is_not_asked_where_there_are_several(self, key, monkeypatch):
        """Each would cost a canonical form of all that is inside."""
        monkeypatch.setattr(signature_structure, "_read_usual", None)
        assert len(check_structure(parse(signed_response(key)))) == 2


def append(name, child, **attributes):
    return lambda node: etree.SubElement(
        within(node, name) if name else node, q(child), **attributes
    )


def repeat(name):
    def edit(node):
        element = within(node, name)
        element.addnext(deepcopy(element))

    return edit


def remove(name):
    def edit(node):
        element = within(node, name)
        element.getparent().remove(element)

    return edit


def set_text(name, text):
    return lambda node: setattr(within(node, name), "text", text)


def set_reference(**attributes):
    return lambda node: within(node, "ds:Reference").attrib.update(attributes)


def prefix_list(count):
    def edit(node):
        etree.SubElement(
            within(node, "ds:CanonicalizationMethod"),
            INCLUSIVE,
            PrefixList=" ".join(f"p{i}" for i in range(count)),
        )

    return edit


def swap_transforms(node):
    transforms = within(node, "ds:Transforms")
    transforms.append(transforms[0])


C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XPATH2 = "http://www.w3.org/2002/06/xmldsig-filter2"
BASE64 = DS + "base64"
SHAPES = {
    "xslt transform": transform(1, XSLT),
    "xpath transform": transform(1, XPATH),
    "xpath filter 2": transform(0, XPATH2),
    "base64 transform": transform(1, BASE64),
    "inclusive c14n": transform(1, C14N),
    "c14n 1.1": transform(1, C14N11),
    "exclusive c14n twice": transform(0, EXCLUSIVE_C14N),
    "transforms the other way round": swap_transforms,
    "one transform more": repeat("ds:Transform"),
    "one transform only": remove("ds:Transform"),
    "no transforms": remove("ds:Transforms"),
    "content in a transform": append("ds:Transform", "ds:XPath"),
    "content in c14n": append("ds:CanonicalizationMethod", "ds:XPath"),
    "c14n method inclusive": set_algorithm("ds:CanonicalizationMethod", C14N),
    "c14n method xslt": set_algorithm("ds:CanonicalizationMethod", XSLT),
    "too long a prefix list": prefix_list(9),
    "truncated hmac": append("ds:SignatureMethod", "ds:HMACOutputLength"),
    "content in the digest method": append("ds:DigestMethod", "ds:X509Data"),
    "content in the digest value": append("ds:DigestValue", "ds:X509Data"),
    "content in the signature value": append("ds:SignatureValue", "ds:X509Data"),
    "digest is no base64": set_text("ds:DigestValue", "AAA"),
    "digest with odd characters": set_text("ds:DigestValue", "AA-_AA=="),
    "value is not ascii": set_text("ds:SignatureValue", "ÄÄÄÄ"),
    "empty reference": set_reference(URI=""),
    "reference to nothing": set_reference(URI="#_nothing"),
    "reference to another element": set_reference(URI="#_r"),
    "reference to a file": set_reference(URI="file:///etc/passwd"),
    "reference to a site": set_reference(URI="http://127.0.0.1:9/"),
    "reference by xpointer": set_reference(URI="#xpointer(id('_a'))"),
    "reference without URI": lambda n: within(n, "ds:Reference").attrib.clear(),
    "reference to a manifest": set_reference(Type=DS + "Manifest"),
    "two references": repeat("ds:Reference"),
    "no reference": remove("ds:Reference"),
    "two digests": repeat("ds:DigestValue"),
    "two signed infos": repeat("ds:SignedInfo"),
    "two values": repeat("ds:SignatureValue"),
    "no value": remove("ds:SignatureValue"),
    "two key infos": repeat("ds:KeyInfo"),
    "an object": append("", "ds:Object"),
    "an object in place of key info": lambda node: (
        remove("ds:KeyInfo")(node),
        append("", "ds:Object")(node),
    ),
    "retrieval method": append("ds:KeyInfo", "ds:RetrievalMethod", URI="http://a.test"),
    "encrypted key": append("ds:KeyInfo", "xenc:EncryptedKey"),
    "key agreement": append("ds:KeyInfo", "ds:MgmtData"),
    "an assertion in key info": append("ds:KeyInfo", "saml:Assertion"),
    "an assertion in X509Data": append("ds:X509Data", "saml:Assertion"),
    "a second signature": lambda node: node.addnext(deepcopy(node)),
    "no id to refer to": lambda node: (
        node.getparent().attrib.pop("ID"),
        set_reference(URI="#")(node),
    ),
}
#: Of the right shape, and worth nothing.
WEAK = {
    "rsa-sha1": set_algorithm("ds:SignatureMethod", DS + "rsa-sha1"),
    "rsa-md5": set_algorithm("ds:SignatureMethod", MORE + "rsa-md5"),
    "hmac-sha1": set_algorithm("ds:SignatureMethod", DS + "hmac-sha1"),
    "hmac-sha256": set_algorithm("ds:SignatureMethod", MORE + "hmac-sha256"),
    "dsa": set_algorithm("ds:SignatureMethod", DS + "dsa-sha1"),
    "ecdsa-sha1": set_algorithm("ds:SignatureMethod", MORE + "ecdsa-sha1"),
    "no algorithm": lambda node: within(node, "ds:SignatureMethod").attrib.clear(),
    "digest sha1": set_algorithm("ds:DigestMethod", DS + "sha1"),
    "digest md5": set_algorithm("ds:DigestMethod", MORE + "md5"),
}
#: Whatever computes a digest, a signature or a tree to read.
COMPUTING = ("covered_octets", "verify_octets", "DIGEST_FUNCTIONS", "parse_canonical")


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_of_other_kinds_are_refused_before_anything_is_computed(
        self, key, shape, monkeypatch
    ):
        root = parse(signed_response(key, response=False))
        check_structure(root)
        SHAPES[shape](signature_of(assertion_of(root)))
        for computing in COMPUTING:
            monkeypatch.setattr(signature_verification, computing, None)
        with pytest.raises(MalformedMessage):
            check_structure(root)
        with pytest.raises(MalformedMessage):
            signed(assertion_of(root), [key.public])

    @pytest.mark.parametrize("shape", WEAK)
    def test_with_a_weak_algorithm_are_not_trusted_and_say_which(
        self, key, shape, monkeypatch
    ):
        root = parse(signed_response(key, response=False))
        node = signature_of(assertion_of(root))
        WEAK[shape](node)
        for computing in COMPUTING:
            monkeypatch.setattr(signature_verification, computing, None)
        methods = [within(node, f"ds:{name}Method") for name in ("Signature", "Digest")]
        strong = [RSA_SHA256, SHA256]
        [(algorithm, expected)] = [
            (method.get("Algorithm", ""), expected)
            for method, expected in zip(methods, strong, strict=True)
            if method.get("Algorithm") != expected
        ]
        for read in (check_structure, lambda _: signed(assertion_of(root), [])):
            with pytest.raises(UntrustedSignature) as refused:
                read(root)
            assert f"{algorithm!r}; expected one of {expected}" in str(refused.value)

    @pytest.mark.parametrize(
        "place",
        ["samlp:Status", "saml:Subject", "saml:NameID", "samlp:StatusCode"],
    )
    def test_a_signature_where_saml_has_none_is_refused(self, key, place):
        root = parse(signed_response(key, response=False))
        element = within(root, place)
        element.append(signature_of(assertion_of(root)))
        with pytest.raises(MalformedMessage, match="where SAML has none"):
            check_structure(root)

    def test_a_signature_at_the_root_is_refused(self, key):
        node = signature_of(etree.fromstring(signed_response(key)))
        with pytest.raises(MalformedMessage, match="where SAML has none"):
            check_structure(parse(serialize(node)))

    def test_an_id_that_is_referred_to_is_unique_in_metadata_too(self, key):
        entity = etree.fromstring(
            '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            ' ID="_f"><md:EntityDescriptor ID="_1" entityID="https://a.test"/>'
            '<md:EntityDescriptor ID="_1" entityID="https://b.test"/>'
            "</md:EntitiesDescriptor>"
        )
        sign(entity, key)
        octets = serialize(entity)
        check_structure(parse(octets, METADATA))
        twice = octets.replace(b'ID="_1"', b'ID="_f"', 1)
        with pytest.raises(MalformedMessage, match="not unique"):
            check_structure(parse(twice, METADATA))

    def test_only_the_one_of_the_root_is_looked_at_where_that_is_said(self, key):
        inner, outer = (parse(signed_response(key)) for _ in range(2))
        change = set_algorithm("ds:Transform", XSLT)
        change(inner.find(q("saml:Assertion")))
        with pytest.raises(MalformedMessage):
            check_structure(inner)
        (signature,) = check_structure(inner, only_its_own=True)
        assert signature.element is inner
        change(outer.find(q("ds:Signature")))
        with pytest.raises(MalformedMessage):
            check_structure(outer, only_its_own=True)

    def test_a_message_without_signatures_has_nothing_to_refuse(self):
        check_structure(parse(RESPONSE.encode()))

    @given(
        st.lists(
            st.sampled_from(
                [DS + "enveloped-signature", EXCLUSIVE_C14N, C14N, XSLT, XPATH, XPATH2]
            ),
            max_size=4,
        )
    )
    def test_one_list_of_transforms_is_taken_and_no_other(self, key, uris):
        root = parse(signed_response(key, response=False))
        transforms = within(root, "ds:Transforms")
        transforms[:] = []
        for uri in uris:
            etree.SubElement(transforms, q("ds:Transform"), Algorithm=uri)
        wanted = [DS + "enveloped-signature", EXCLUSIVE_C14N]
        if uris == wanted:
            check_structure(root)
            return
        with pytest.raises(MalformedMessage):
            check_structure(root)
