"""Enveloped signatures: made, verified, and nothing read but what they cover."""

import re
from copy import deepcopy

import pytest
import xmlsec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import AlgorithmMissing, MalformedMessage, UntrustedSignature
from eilogin.saml.safe_xml import METADATA, canonical, parse, q, serialize
from eilogin.saml.signing_keys import CURVES, SigningKey, fingerprints, new_key_pair
from eilogin.saml.xml_signatures import (
    ECDSA_SHA256,
    EXCLUSIVE_C14N,
    RSA_SHA256,
    SHA256,
    check_structure,
    content,
    is_signed,
    sign,
    sign_octets,
    signature_structure,
    signature_verification,
    signed,
    suited,
    verify_octets,
)

NAMESPACES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
)
ASSERTION = (
    '<saml:Assertion ID="_a" Version="2.0" IssueInstant="2024-01-01T00:00:00Z">'
    "<saml:Issuer>https://hub.test</saml:Issuer>"
    "<saml:Subject><saml:NameID>merel</saml:NameID></saml:Subject></saml:Assertion>"
)
RESPONSE = (
    f'<samlp:Response {NAMESPACES} ID="_r" Version="2.0"'
    ' IssueInstant="2024-01-01T00:00:00Z"><saml:Issuer>https://hub.test</saml:Issuer>'
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"'
    f"/></samlp:Status>{ASSERTION}</samlp:Response>"
)
DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
INCLUSIVE = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"


@pytest.fixture(scope="module")
def pair():
    return new_key_pair("hub.test")


@pytest.fixture(scope="module")
def key(pair):
    return SigningKey.load(*pair)


@pytest.fixture(scope="module")
def other():
    return SigningKey.load(*new_key_pair("other.test"))


def assertion_of(response):
    return response.find(q("saml:Assertion"))


def signature_of(element):
    return element.find(q("ds:Signature"))


def signed_response(key, *, assertion=True, response=True, text=RESPONSE):
    root = etree.fromstring(text)
    if assertion:
        sign(assertion_of(root), key)
    if response:
        sign(root, key)
    return serialize(root)


def verified_by_xmlsec(octets, certificate):
    root = etree.fromstring(octets)
    xmlsec.tree.add_ids(root, ["ID"])
    count = 0
    for node in root.iter(q("ds:Signature")):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
        context.verify(node)
        count += 1
    return count


class TestSigning:
    def test_xmlsec_verifies_what_we_sign(self, pair, key):
        assert verified_by_xmlsec(signed_response(key), pair[1]) == 2

    def test_the_signature_stands_after_the_issuer(self, key):
        root = etree.fromstring(signed_response(key))
        assert root[1].tag == q("ds:Signature")
        assert assertion_of(root)[1].tag == q("ds:Signature")

    @pytest.mark.parametrize("inside", ["", "<md:IDPSSODescriptor/>"])
    def test_the_signature_stands_first_in_metadata(self, key, inside):
        root = etree.fromstring(
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' ID="_e" entityID="https://hub.test">{inside}</md:EntityDescriptor>'
        )
        sign(root, key)
        assert root[0].tag == q("ds:Signature")
        read = signed(parse(serialize(root)), [key.public])
        assert read.get("entityID") == "https://hub.test"

    def test_the_certificate_travels_along(self, key):
        root = etree.fromstring(signed_response(key))
        text = root.findtext(f"{q('ds:Signature')}//{q('ds:X509Certificate')}")
        assert text == key.certificate_text

    def test_what_has_no_id_is_not_signed(self, key):
        with pytest.raises(ValueError, match="with an ID"):
            sign(etree.fromstring("<a/>"), key)

    def test_what_is_signed_is_not_signed_again(self, key):
        root = etree.fromstring(signed_response(key))
        with pytest.raises(ValueError, match="no signature"):
            sign(root, key)

    def test_an_id_is_taken_literally(self, key):
        text = RESPONSE.replace('"_r"', '"_{digest}&lt;&quot;"')
        octets = signed_response(key, assertion=False, text=text)
        assert signed(parse(octets), [key.public]).get("ID") == '_{digest}<"'


@pytest.fixture(scope="module", params=CURVES, ids=lambda curve: curve.name)
def its(request):
    """The pair of an elliptic key, in PEM."""
    private = ec.generate_private_key(request.param())
    return new_key_pair("curve.test", private=private)


@pytest.fixture(scope="module")
def curve(its):
    return SigningKey.load(*its)


class TestAnEllipticKey:
    """ECDSA, with the curves that XML signature has names for."""

    @pytest.mark.parametrize("bits", ["256", "384", "512"])
    def test_verifies_what_xmlsec_signs(self, its, curve, key, bits):
        root = parse(Foreign(its).signed(f"ECDSA_SHA{bits}", f"SHA{bits}"))
        check_structure(root)
        read = signed(assertion_of(root), [key.public, curve.public])
        assert read.findtext(f".//{q('saml:NameID')}") == "merel"
        with pytest.raises(UntrustedSignature):
            signed(assertion_of(root), [key.public])

    @pytest.mark.parametrize("bits", ["256", "384", "512"])
    def test_signs_what_xmlsec_verifies(self, its, curve, bits):
        wanted = suited(curve, [f"{MORE}ecdsa-sha{bits}"], [])
        octets = signed_response(wanted)
        assert octets.count(f"#ecdsa-sha{bits}".encode()) == 2
        assert verified_by_xmlsec(octets, its[1]) == 2

    def test_signs_with_sha256_where_nothing_else_is_wanted(self, its, curve):
        octets = signed_response(curve)
        assert octets.count(b"#ecdsa-sha256") == 2
        assert verified_by_xmlsec(octets, its[1]) == 2

    def test_is_of_no_use_for_what_is_changed_or_of_another_key(self, curve):
        signature = sign_octets(curve, b"octets")
        verify_octets([curve.public], b"octets", signature, ECDSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([curve.public], b"octet", signature, ECDSA_SHA256)
        another = ec.generate_private_key(curve.private.curve).public_key()
        with pytest.raises(UntrustedSignature):
            verify_octets([another], b"octets", signature, ECDSA_SHA256)
        verify_octets([another, curve.public], b"octets", signature, ECDSA_SHA256)

    def test_may_sign_octets_as_libraries_write_it(self, curve):
        der = curve.private.sign(b"octets", ec.ECDSA(hashes.SHA256()))
        verify_octets([curve.public], b"octets", der, ECDSA_SHA256)

    @pytest.mark.parametrize("signature", [b"", b"0", bytes(64), bytes(96), bytes(132)])
    def test_is_not_misled_by_what_is_no_signature(self, curve, signature):
        with pytest.raises(UntrustedSignature):
            verify_octets([curve.public], b"octets", signature, ECDSA_SHA256)

    def test_does_not_verify_what_says_to_be_by_rsa(self, key, curve):
        for one, algorithm in ((key, ECDSA_SHA256), (curve, RSA_SHA256)):
            signature = sign_octets(one, b"octets")
            with pytest.raises(
                UntrustedSignature, match="matches no key of the expected signer"
            ):
                verify_octets([one.public], b"octets", signature, algorithm)

    def test_may_be_written_out_beside_the_signature(self, its, curve):
        octets = Foreign(its).signed("ECDSA_SHA256")
        value = (
            b'<dsig:KeyValue><d:ECKeyValue xmlns:d="http://www.w3.org/2009/xmldsig11#">'
            b'<d:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
            b"<d:PublicKey>AQAB</d:PublicKey></d:ECKeyValue></dsig:KeyValue>"
        )
        root = parse(octets.replace(b"<dsig:X509Data>", value + b"<dsig:X509Data>", 1))
        check_structure(root)
        assert signed(assertion_of(root), [curve.public]).get("ID") == "_a"


class TestAPeerThatListsAlgorithms:
    """SAML metadata profile for algorithm support 2.4: it gets no others."""

    @pytest.mark.parametrize(
        ("methods", "digests", "found"),
        [
            ((), (), ("rsa-sha256", "#sha256")),
            ((f"{MORE}rsa-sha512",), (), ("rsa-sha512", "#sha256")),
            ((), (f"{MORE}sha384",), ("rsa-sha256", "#sha384")),
            (
                ("urn:x-test:newer", f"{MORE}ecdsa-sha256", f"{MORE}rsa-sha384"),
                ("urn:x-test:newer", "http://www.w3.org/2001/04/xmlenc#sha512"),
                ("rsa-sha384", "#sha512"),
            ),
            ((RSA_SHA256, f"{MORE}rsa-sha512"), (SHA256,), ("rsa-sha256", "#sha256")),
        ],
        ids=["none", "method", "digest", "first of ours", "usual"],
    )
    def test_gets_the_first_that_we_have(self, pair, key, methods, digests, found):
        octets = signed_response(suited(key, methods, digests))
        told = re.findall(rb'(?:Signature|Digest)Method Algorithm="([^"]*)"', octets)
        assert len(told) == 4
        for uri, end in zip(told, found * 2, strict=True):
            assert uri.endswith(end.encode())
        assert verified_by_xmlsec(octets, pair[1]) == 2
        signed(parse(octets), [key.public])

    def test_that_we_use_anyway_gets_the_very_key(self, key):
        assert suited(key, (), ()) is key

    @pytest.mark.parametrize(
        ("methods", "digests", "what"),
        [
            ((f"{MORE}ecdsa-sha256", "urn:x-test:newer"), (), "signature"),
            ((), (DS + "sha1",), "digest"),
        ],
    )
    def test_that_we_do_not_have_is_told_both_lists(self, key, methods, digests, what):
        with pytest.raises(AlgorithmMissing) as missing:
            suited(key, methods, digests)
        for uri in (*methods, *digests, "sha512", f"the {what} algorithms"):
            assert uri in str(missing.value)

    def test_that_we_do_not_have_are_not_told_without_end(self, key):
        with pytest.raises(AlgorithmMissing) as missing:
            suited(key, ["x" * 1000] * 1000, ())
        assert len(str(missing.value)) < 1500


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


class Foreign:
    """A Response of which another stack (xmlsec) signed the assertion."""

    def __init__(self, pair, text=RESPONSE):
        self.pair = pair
        self.root = etree.fromstring(text)

    def signed(self, method="RSA_SHA256", digest="SHA256", prefixes="", key_name=""):
        target = assertion_of(self.root)
        node = xmlsec.template.create(
            target,
            xmlsec.Transform.EXCL_C14N,
            getattr(xmlsec.Transform, method),
            ns="dsig",
        )
        target.insert(1, node)
        reference = xmlsec.template.add_reference(
            node, getattr(xmlsec.Transform, digest), uri="#_a"
        )
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
        exclusive = xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        if prefixes:
            c14n = node.find(f".//{q('ds:CanonicalizationMethod')}")
            for element in (exclusive, c14n):
                etree.SubElement(
                    element,
                    INCLUSIVE,
                    PrefixList=prefixes,
                    nsmap={"ec": EXCLUSIVE_C14N},
                )
        info = xmlsec.template.ensure_key_info(node)
        if key_name:
            etree.SubElement(info, q("ds:KeyName")).text = key_name
            value = etree.SubElement(info, q("ds:KeyValue"))
            value = etree.SubElement(value, q("ds:RSAKeyValue"))
            etree.SubElement(value, q("ds:Modulus")).text = "AQAB"
            etree.SubElement(value, q("ds:Exponent")).text = "AQAB"
        xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(info))
        xmlsec.tree.add_ids(self.root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self.pair[0], xmlsec.KeyFormat.PEM)
        context.key.load_cert_from_memory(self.pair[1], xmlsec.KeyFormat.CERT_PEM)
        context.sign(node)
        return serialize(self.root)


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
        assert whole.found is not None
        assert by_parts.found is None
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
        assert whole.found[0] == canonical(by_parts.signed_info)
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
        assert whole.found is None
        assert all(getattr(whole, f) == getattr(by_parts, f) for f in self.FIELDS)

    def test_is_not_asked_where_there_are_several(self, key, monkeypatch):
        """Each would cost a canonical form of all that is inside."""
        monkeypatch.setattr(signature_structure, "_read_usual", None)
        assert len(check_structure(parse(signed_response(key)))) == 2


# --- shapes -------------------------------------------------------------------------


def within(node, name):
    return node.find(f".//{q(name)}")


def set_algorithm(name, uri):
    return lambda node: within(node, name).set("Algorithm", uri)


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


def transform(position, uri):
    return lambda node: within(node, "ds:Transforms")[position].set("Algorithm", uri)


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


WITH_COMMENTS = EXCLUSIVE_C14N + "WithComments"
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
        said = content(signature, [key.public])
        assert said.findtext(f"{q('saml:Subject')}/{q('saml:NameID')}") == "merel"

    @pytest.mark.parametrize(
        "name", ["mer<!--x-->el", "<!--x-->merel", "merel<!--x-->"]
    )
    def test_reads_a_text_on_both_sides_of_a_comment(self, key, name):
        """A reference by ID selects no comments (XML signature 4.4.3.3)."""
        octets = signed_with_comments(key, RESPONSE.replace("merel", name))
        assert b"<!--x-->" in octets
        (signature,) = check_structure(parse(octets))
        said = content(signature, [key.public])
        assert said.findtext(f"{q('saml:Subject')}/{q('saml:NameID')}") == "merel"

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
COMPUTING = ("_covered", "verify_octets", "DIGEST_FUNCTIONS", "parse_canonical")


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
        [(found, expected)] = [
            (method.get("Algorithm", ""), expected)
            for method, expected in zip(methods, strong, strict=True)
            if method.get("Algorithm") != expected
        ]
        for read in (check_structure, lambda _: signed(assertion_of(root), [])):
            with pytest.raises(UntrustedSignature) as refused:
                read(root)
            assert f"{found!r}; expected one of {expected}" in str(refused.value)

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
        (found,) = check_structure(inner, only_its_own=True)
        assert found.element is inner
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


class TestOctets:
    def test_what_we_sign_verifies(self, key, other):
        signature = sign_octets(key, b"octets")
        verify_octets([other.public, key.public], b"octets", signature, RSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([key.public], b"octet", signature, RSA_SHA256)
        with pytest.raises(UntrustedSignature):
            verify_octets([other.public], b"octets", signature, RSA_SHA256)

    @pytest.mark.parametrize(
        "algorithm", ["", "rsa-sha256", DS + "rsa-sha1", MORE + "hmac-sha256"]
    )
    def test_another_algorithm_is_refused_and_none_is_the_default(self, key, algorithm):
        signature = sign_octets(key, b"octets")
        with pytest.raises(UntrustedSignature, match="algorithm"):
            verify_octets([key.public], b"octets", signature, algorithm)

    @pytest.mark.parametrize("bits", [384, 512])
    def test_the_algorithm_that_is_named_is_the_one_that_counts(self, key, bits):
        hashed = {384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
        signature = key.private.sign(b"octets", PKCS1v15(), hashed)
        verify_octets([key.public], b"octets", signature, f"{MORE}rsa-sha{bits}")
        with pytest.raises(UntrustedSignature):
            verify_octets([key.public], b"octets", signature, RSA_SHA256)
