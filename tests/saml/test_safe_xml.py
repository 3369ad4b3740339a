"""XML from outside, within limits."""

import string
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from xml.sax.saxutils import quoteattr

import pytest
from cpu_time import cpu_seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import Busy, MalformedMessage, MessageTooLarge
from eilogin.saml import safe_xml
from eilogin.saml.safe_xml import (
    MESSAGE,
    METADATA,
    canonical,
    parse,
    parse_canonical,
    q,
    serialize,
    validate,
)

SAML = 'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
SAMLP = 'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
REQUEST = (
    f'<samlp:LogoutRequest {SAMLP} {SAML} ID="_1" Version="2.0"'
    ' IssueInstant="2024-01-01T00:00:00Z"><saml:NameID>x</saml:NameID>'
    "</samlp:LogoutRequest>"
)


def refused(octets, limits=MESSAGE, error=MalformedMessage):
    with pytest.raises(error) as caught:
        parse(octets, limits)
    return str(caught.value)


def test_a_name_is_told_by_its_usual_prefix():
    assert q("samlp:Response") == "{urn:oasis:names:tc:SAML:2.0:protocol}Response"
    assert q("soap:Body") == "{http://schemas.xmlsoap.org/soap/envelope/}Body"
    assert q("xml:lang") == "{http://www.w3.org/XML/1998/namespace}lang"


@pytest.mark.parametrize("prefix", sorted(safe_xml.NAMESPACES))
def test_every_namespace_has_a_canonical_form(prefix):
    assert safe_xml.canonical(etree.Element(q(f"{prefix}:x")))


class TestEncoding:
    @pytest.mark.parametrize(
        "head",
        [
            "",
            " \n",
            '<?xml version="1.0"?>',
            "<?xml version='1.0' encoding='utf-8'?>\n",
            '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>',
            '\ufeff<?xml version="1.0" encoding="UTF-8"?>',
            "\ufeff",
            "<!-- metadata of the federation -->\n",
        ],
    )
    def test_utf8_is_read_with_any_head(self, head):
        assert parse(f"{head}<a>één</a>".encode()).text == "één"

    @pytest.mark.parametrize(
        "octets",
        [
            pytest.param("<a>é</a>".encode("utf-16"), id="utf-16"),
            pytest.param("<a>x</a>".encode("utf-16-le"), id="utf-16 without a mark"),
            pytest.param("<a>x</a>".encode("utf-32-be"), id="utf-32"),
            pytest.param("<a>x</a>".encode("cp500"), id="ebcdic"),
            pytest.param("<a>é</a>".encode("latin-1"), id="latin-1"),
            pytest.param(b"<a>\xc0\xbc</a>", id="overlong"),
            pytest.param(b"<a>\xed\xa0\x80</a>", id="surrogate"),
        ],
    )
    def test_other_encodings_are_refused(self, octets):
        assert "not UTF-8" in refused(octets)

    @pytest.mark.parametrize(
        "head",
        [
            '<?xml version="1.0" encoding="ISO-8859-1"?>',
            '<?xml version="1.0" encoding="UTF-7"?>',
            '<?xml version="1.0" encoding="UTF-16"?>',
            '<?xml version="1.1"?>',
            '<?XML version="1.0"?>',
            ' <?xml version="1.0"?>',
            '<?xml version="1.0"?><?xml version="1.0"?>',
            '<?xml version="1.0"?><?xml-stylesheet href="http://evil.test/"?>',
        ],
    )
    def test_other_declarations_and_instructions_are_refused(self, head):
        assert "declaration" in refused(f"{head}<a/>".encode())

    def test_a_processing_instruction_in_a_text_is_refused(self):
        assert "processing instruction" in refused(b"<a>admin<?x?>.evil</a>")


class TestNothingIsFetchedOrExpanded:
    @pytest.mark.parametrize(
        "octets",
        [
            pytest.param(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', id="entity"),
            pytest.param(b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', id="system"),
            pytest.param(b"<!DOCTYPE a><a/>", id="bare"),
            pytest.param(
                b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><a/>',
                id="parameter entity",
            ),
        ],
    )
    def test_a_doctype_is_refused_unread(self, octets):
        assert refused(octets) == "the XML has a DOCTYPE"

    def test_an_entity_without_a_doctype_is_an_error(self):
        assert "not well-formed" in refused(b"<a>&x;</a>")

    def test_an_inclusion_is_just_an_element(self):
        inclusion = (
            b'<a xmlns:i="http://www.w3.org/2001/XInclude">'
            b'<i:include href="file:///etc/passwd" parse="text"/></a>'
        )
        assert [len(child) for child in parse(inclusion)] == [0]


class TestTheErrors:
    def test_say_where_and_quote_nothing(self):
        message = refused(b"<a>\n  <geheim>123456782</anders></a>")
        assert message.startswith("the XML is not well-formed (line 2, column ")
        assert "geheim" not in message
        assert "123456782" not in message

    def test_of_metadata_say_once_where_it_is(self):
        with pytest.raises(MalformedMessage) as raised:
            parse(b"text")
        assert safe_xml.in_full(raised.value) == (
            "the XML is not well-formed (line 1, column 1) (Start tag expected, '<'"
            " not found)"
        )

    @pytest.mark.parametrize("octets", [b"", b"   ", b"text", b"<a>", b"<a/><b/>"])
    def test_are_told_for_what_is_no_document(self, octets):
        assert "not well-formed" in refused(octets)

    @given(st.binary(max_size=200))
    def test_are_the_only_way_out_for_any_bytes(self, octets):
        try:
            parse(octets)
        except MalformedMessage:
            return
        assert octets.decode("utf-8")


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            "user@a.test<!-- -->.evil.test",
            "<!---->user@a.test.evil.test",
            "user@a.test.<![CDATA[evil]]>.test",
            "user<!--x-->@a.test<!--y--><!--z-->.evil.test",
        ],
    )
    def test_is_read_whole_whatever_splits_it(self, text):
        whole = text.replace("<![CDATA[", "").replace("]]>", "")
        while "<!--" in whole:
            before, _, rest = whole.partition("<!--")
            whole = before + rest.partition("-->")[2]
        root = parse(f"<a>{text}</a>".encode())
        assert root.text == whole
        assert len(root) == 0


class TestLimits:
    def test_octets(self):
        exact = b"<a>" + b" " * (MESSAGE.octets - 7) + b"</a>"
        limits = replace(MESSAGE, text=MESSAGE.octets)
        assert len(exact) == MESSAGE.octets
        assert parse(exact, limits).tag == "a"
        refused(exact + b" ", limits, MessageTooLarge)

    def test_depth(self):
        def nested(n):
            return b"<a>" * n + b"</a>" * n

        assert len(parse(nested(MESSAGE.depth))) == 1
        assert "more than 40 elements deep" in refused(
            nested(MESSAGE.depth + 1), error=MessageTooLarge
        )

    def test_elements(self):
        def wide(n):
            return b"<a>" + b"<b/>" * (n - 1) + b"</a>"

        assert len(parse(wide(MESSAGE.elements))) == MESSAGE.elements - 1
        assert "5000 elements" in refused(
            wide(MESSAGE.elements + 1), error=MessageTooLarge
        )

    @given(st.integers(0, 600), st.integers(0, 600))
    @settings(max_examples=25, deadline=None)
    def test_attributes_of_one_element_wherever_they_stand(self, before, after):
        """In what is large, which is looked through for a place to hide in."""
        letters = string.ascii_letters
        names = [*letters, *(f"a{letter}" for letter in letters)][:101]
        attributes = "".join(f' {name}=""' for name in names)
        large = f"<i>{'x' * MESSAGE.octets}</i>"
        octets = f"<a>{large}{'x' * before}<b{attributes}/>{'y' * after}</a>".encode()
        with pytest.raises(MessageTooLarge, match="attributes"):
            parse(octets, METADATA)
        assert parse(octets.replace(b' a=""', b""), METADATA).tag == "a"

    def test_attributes_of_one_element(self):
        def with_attributes(n):
            return (
                "<a><b/><c " + " ".join(f'x{i}=""' for i in range(n)) + "/></a>"
            ).encode()

        assert len(parse(with_attributes(MESSAGE.attributes))[1].attrib) == 40
        assert "attributes" in refused(
            with_attributes(MESSAGE.attributes + 1), error=MessageTooLarge
        )

    def test_names_of_the_whole(self):
        wide = "<b " + " ".join(f'x{i}=""' for i in range(39)) + "/>"

        def of(names):
            elements, more = divmod(names - 1, 40)
            attributes = " ".join(f'x{i}=""' for i in range(more))
            return f"<a {attributes}>{wide * elements}</a>".encode()

        assert len(parse(of(MESSAGE.names))) == 299
        message = refused(of(MESSAGE.names + 1), error=MessageTooLarge)
        assert message == "the XML has more than 12000 elements and attributes"
        assert len(parse(of(MESSAGE.names + 1), METADATA)) == 300

    @pytest.mark.parametrize(
        "form",
        ["<a>{}</a>", '<a x="{}"/>', "<a>1<b/>{}</a>"],
        ids=["text", "@", "tail"],
    )
    def test_text(self, form):
        fits, longer = "é" * MESSAGE.text, "é" * (MESSAGE.text + 1)
        assert parse(form.format(fits).encode()).tag == "a"
        message = refused(form.format(longer).encode(), error=MessageTooLarge)
        assert "a text has more than" in message

    @pytest.mark.parametrize("between", ["<!-- x -->", "<!---->", "<![CDATA[<<]]>"])
    def test_text_that_goes_on_behind_what_is_no_element(self, between):
        half = "x" * (MESSAGE.text // 2)
        message = refused(
            f"<a>{half}{between}{half}x</a>".encode(), error=MessageTooLarge
        )
        assert "a text has more than" in message
        many = between.join(["x" * 4000] * (MESSAGE.text // 4000 + 2))
        message = refused(f"<a>{many}</a>".encode(), error=MessageTooLarge)
        assert "a text has more than" in message

    def test_namespace_declarations_are_not_what_looks_like_them(self):
        text = "xmlns " * (MESSAGE.namespaces + 1)
        long = f"xmlns='{'x' * 300}'"
        assert parse(f"<a>{text}{long}</a>".encode()).text == text + long

    @pytest.mark.parametrize("quote", ["'", '"'])
    @pytest.mark.parametrize("space", ["", "\n", " \t"])
    @pytest.mark.parametrize("name", ["xmlns", "xmlns:x", "xmlns:long-name"])
    def test_a_namespace_is_not_long_however_it_is_written(self, name, space, quote):
        def declared(length):
            uri = "urn:" + "x" * (length - 4)
            return f"<a><b {name}{space}={space}{quote}{uri}{quote}/></a>".encode()

        assert len(parse(declared(256))) == 1
        assert "too long" in refused(declared(257), error=MessageTooLarge)

    @pytest.mark.parametrize("limits", [MESSAGE, METADATA], ids=["message", "metadata"])
    @pytest.mark.parametrize("quote", ["'", '"'])
    @pytest.mark.parametrize("name", ["xmlns", "xmlns:x", "xmlns:" + "x" * 300])
    @pytest.mark.parametrize(
        "namespace", ["urn:a&amp;b", "urn:&amp;#x61;", "urn:&#38;#97;"]
    )
    def test_a_namespace_is_no_other_one_in_canonical_form(
        self, name, quote, namespace, limits
    ):
        """There its ampersand would begin a reference."""
        octets = f"<a><b {name} = {quote}{namespace}{quote}/></a>".encode()
        assert refused(octets, limits) == "a namespace contains an ampersand"
        text = f"<a>{name}={quote}{namespace}{quote}</a>".encode()
        assert "&" in parse(text, limits).text

    @given(st.text("ab1x:/&#;%<>\"' ", max_size=12))
    def test_canonical_form_reads_back_as_the_same_element(self, namespace):
        octets = (
            f"<a><n:b xmlns:n={quoteattr('urn:' + namespace)} n:c=''/></a>".encode()
        )
        try:
            root = parse(octets)
            written = canonical(root)
        except MalformedMessage:
            return
        [inside] = parse_canonical(written)
        assert (inside.tag, inside.keys()) == (root[0].tag, root[0].keys())

    @pytest.mark.parametrize("name", ["xmlns:" + "x" * 300, "xmlns" + " " * 300])
    def test_a_namespace_is_not_long_however_long_its_name_is(self, name):
        octets = f'<a {name}="urn:{"x" * 300}"/>'.encode()
        assert "too long" in refused(octets, error=MessageTooLarge)

    @pytest.mark.parametrize("limits", [MESSAGE, METADATA], ids=["message", "metadata"])
    @pytest.mark.parametrize(
        "declaration",
        ["xmlns", "xmlns:", "xmlns ", "xmlns:xmlns:", "xmlns='", "xmlns=\"x' ", "= '"],
    )
    def test_text_similar_to_namespace_declarations_parses_fast(
        self, declaration, limits
    ):
        texts = declaration * (100_000 // len(declaration))
        octets = f"<a><b>{texts}</b><b>{texts}</b><b>{texts[:50_000]}</b></a>".encode()
        assert len(parse(octets, limits)) == 3
        # It takes 2 ms, and more than ten seconds where each is looked at to the end.
        assert cpu_seconds(lambda: parse(octets, limits)) < 0.1

    def test_namespace_declarations(self):
        def declared(n):
            names = " ".join(f'xmlns:n{i}="urn:n"' for i in range(n))
            return f"<a {names}/>".encode()

        assert len(parse(declared(MESSAGE.namespaces)).nsmap) == MESSAGE.namespaces
        assert "namespace declarations" in refused(
            declared(MESSAGE.namespaces + 1), error=MessageTooLarge
        )

    def test_the_length_of_a_namespace(self):
        assert parse(f'<a xmlns="urn:{"x" * 252}"/>'.encode()).tag
        message = refused(
            f'<a xmlns="urn:{"x" * 253}"/>'.encode(), error=MessageTooLarge
        )
        assert message == "a namespace is too long; expected at most 256 characters"

    def test_long_namespaces_that_many_names_can_repeat(self):
        """In canonical form each may have its namespace written before it."""
        uri = "urn:" + "x" * 246
        fits = (MESSAGE.repeated // len(uri) - 1) // 4

        def of(elements):
            inside = "<n:b c='' d='' e=''/>" * elements
            return f'<a xmlns:n="{uri}">{inside}</a>'.encode()

        assert len(parse(of(fits))) == fits
        message = refused(of(fits + 1), error=MessageTooLarge)
        assert "a long namespace" in message
        assert len(parse(of(fits + 1), METADATA)) == fits + 1
        assert len(parse(of(fits + 1).replace(uri.encode(), b"urn:x"))) == fits + 1

    def test_metadata_may_be_larger_than_a_message(self):
        many = b"<a>" + b"<b>xxxxxxxxxx</b>" * 700_000 + b"</a>"
        assert len(many) > 10 * 1024 * 1024
        assert len(parse(many, METADATA)) == 700_000


def _signatures(*attributes):
    """A document with a ds:Signature for each, and what else is given as an element."""
    inside = "".join(
        each if each.startswith("<") else f"<ds:Signature {each}/>"
        for each in attributes
    )
    return f'<a xmlns:ds="{safe_xml.DS}">{inside}</a>'.encode()


class TestIdentifiers:
    @pytest.mark.parametrize("first", ["ID", "Id", "id", "xml:id"])
    @pytest.mark.parametrize("second", ["ID", "Id", "id", "xml:id"])
    def test_are_unique_in_a_message_however_they_are_spelled(self, first, second):
        octets = f'<a {first}="_1"><b><c {second}="_1"/></b></a>'.encode()
        # The parser itself sees to xml:id.
        assert refused(octets).startswith(
            ("the ID '_1' occurs", "the XML is not well-formed")
        )
        assert parse(octets.replace(b'"_1"', b'"_2"', 1)).tag == "a"

    def test_that_repeat_are_quoted_in_part(self):
        name = "_" + "x" * 200
        assert f"'{name[:60]}'" in refused(
            f'<a ID="{name}"><b ID="{name}"/></a>'.encode()
        )

    def test_may_repeat_on_signatures_if_nothing_refers_to_them(self):
        """As pysaml2 writes them (sources.rst, Peers)."""
        assert parse(_signatures('Id="Signature1"', 'Id="Signature1"')).tag == "a"

    @pytest.mark.parametrize(
        ("first", "second", "beside"),
        [
            pytest.param('Id="_1"', 'Id="_1"', '<b ID="_1"/>', id="of-a-message"),
            pytest.param('Id="_1"', 'Id="_1"', '<b Id="_1"/>', id="of-an-element"),
            pytest.param('Id="_1"', 'Id="_1"', '<b id="_1"/>', id="in-lower-case"),
            pytest.param('ID="_1"', 'ID="_1"', "", id="of-another-spelling"),
            pytest.param('Id="_1"', 'ID="_1"', "", id="of-two-spellings"),
            pytest.param('Id="_1"', 'Id="_1"', '<b URI="#_1"/>', id="referred-to"),
            pytest.param(
                'Id="_1"', 'Id="_1"', "<b URI=\"#xpointer(id('_1'))\"/>", id="xpointer"
            ),
        ],
    )
    def test_may_not_repeat_on_signatures_otherwise(self, first, second, beside):
        assert refused(_signatures(first, second, beside)).startswith("the ID '_1'")

    def test_repeat_at_few_signatures_alone(self):
        """Each is looked for in the whole message: a forger could send thousands."""
        four = [f'Id="_{n}"' for n in range(4)] * 2
        assert parse(_signatures(*four)).tag == "a"
        assert refused(_signatures(*four, 'Id="_4"', 'Id="_4"'))

    def test_may_repeat_in_metadata_where_no_signature_refers_to_them(self):
        root = parse(b'<a ID="_0"><b ID="_1"/><c ID="_1"/></a>', METADATA)
        assert safe_xml.repeated_ids(root) == {"_1"}

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param("", id="none"),
            pytest.param('<b ID="_10"/><b ID="_&#xD;1">&#10;&#13;</b>', id="others"),
        ],
    )
    def test_that_there_is_one_is_seen_in_the_octets(self, other):
        assert safe_xml.has_once(f'<a ID="_1">{other}<c URI="#_1"/></a>'.encode(), "_1")

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param('ID="_1"', id="the same"),
            pytest.param("Id='_1'", id="between others"),
            pytest.param('ID="_&#49;"', id="by its number"),
            pytest.param('ID="_&#x0031;"', id="by another number"),
            pytest.param('xml:id=" _1 "', id="with white space"),
        ],
    )
    def test_octets_with_possible_duplicate_id_are_not_trusted(self, other):
        assert not safe_xml.has_once(f'<a ID="_1"><b {other}/></a>'.encode(), "_1")
        assert not safe_xml.has_once(b'<a ID=""><b/></a>', "")

    @given(st.integers(0, 30), st.integers(0, 30))
    def test_a_second_one_anywhere_is_found(self, first, second):
        parts = [f'<b ID="_{i}"/>' for i in range(31)]
        whole = "<a>" + "".join(parts) + "</a>"
        assert parse(whole.encode()).tag == "a"
        parts[second] += f'<b ID="_{first}"/>'
        refused(("<a>" + "".join(parts) + "</a>").encode())


class TestSchemas:
    def test_a_valid_message_passes(self):
        validate(parse(REQUEST.encode()), "protocol")

    def test_an_invalid_one_is_refused_without_its_values(self):
        wrong = REQUEST.replace('IssueInstant="2024', 'IssueInstant="geheim')
        with pytest.raises(MalformedMessage) as caught:
            validate(parse(wrong.encode()), "protocol")
        assert "geheim" not in str(caught.value)
        assert "/samlp:LogoutRequest" in str(caught.value)

    def test_metadata_and_assertions_have_schemas_too(self):
        entity = (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            ' entityID="https://a.test"><md:AffiliationDescriptor'
            ' affiliationOwnerID="https://b.test">'
            "<md:AffiliateMember>https://c.test</md:AffiliateMember>"
            "</md:AffiliationDescriptor></md:EntityDescriptor>"
        )
        validate(parse(entity.encode()), "metadata")
        assertion = (
            f'<saml:Assertion {SAML} ID="_1" Version="2.0"'
            ' IssueInstant="2024-01-01T00:00:00Z">'
            "<saml:Issuer>https://hub.test</saml:Issuer></saml:Assertion>"
        )
        validate(parse(assertion.encode()), "assertion")
        with pytest.raises(MalformedMessage):
            validate(parse(REQUEST.encode()), "metadata")

    def test_an_inner_element_is_validated_with_the_namespaces_around_it(self):
        attribute = (
            '<saml:Attribute Name="n"><saml:AttributeValue'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            ' xsi:type="xs:string">x</saml:AttributeValue></saml:Attribute>'
        )
        around = f'<around {SAML} xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        root = parse(f"{around}{attribute}</around>".encode())
        validate(root[0], "assertion")
        assert root[0].getparent() is root

    @pytest.mark.parametrize("inside", ["<saml:Assertion/>", '<saml:Issuer x=""/>'])
    def test_of_many_faults_only_the_first_are_found(self, inside):
        """They would be told one by one, and kept."""
        extensions = (
            f"<samlp:Extensions><x:geheim xmlns:x='u:x'>{inside * 4000}</x:geheim>"
            "</samlp:Extensions>"
        )
        whole = REQUEST.replace("<saml:NameID>", f"{extensions}<saml:NameID>")
        with pytest.raises(MalformedMessage) as caught:
            validate(parse(whole.encode()), "protocol")
        assert "in the first 4096 bytes" in str(caught.value)
        assert "geheim" not in str(caught.value)

    @pytest.mark.parametrize("value", ["", "x"], ids=["valid", "one fault"])
    def test_a_large_message_is_judged_as_a_small_one_is(self, value):
        """The fault is in the last of many elements, or there is none."""
        many = "<saml:Attribute Name='n'/>" * 400
        assertion = (
            f'<saml:Assertion {SAML} ID="_1" Version="2.0"'
            ' IssueInstant="2024-01-01T00:00:00Z">'
            "<saml:Issuer>https://hub.test</saml:Issuer><saml:AttributeStatement>"
            f"{many}</saml:AttributeStatement>{value}</saml:Assertion>"
        )
        root = parse(assertion.encode())
        if not value:
            validate(root, "assertion")
            return
        with pytest.raises(MalformedMessage, match="not valid by its schema"):
            validate(root, "assertion")

    def test_an_instance_cannot_bring_a_schema_of_its_own(self, tmp_path):
        schema = tmp_path / "own.xsd"
        schema.write_text(
            '<schema xmlns="http://www.w3.org/2001/XMLSchema"'
            ' targetNamespace="urn:own"><element name="Own"/></schema>'
        )
        own = (
            '<o:Own xmlns:o="urn:own"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="urn:own {schema}"/>'
        )
        with pytest.raises(MalformedMessage):
            validate(parse(own.encode()), "protocol")

    def test_threads_may_validate_at_once(self):
        good, bad = REQUEST, REQUEST.replace('Version="2.0"', "")

        def is_valid(text):
            try:
                validate(parse(text.encode()), "protocol")
            except MalformedMessage:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(is_valid, [good, bad] * 100))
        assert results == [True, False] * 100


class TestNewNames:
    """A thread keeps all that it has parsed: so it parses few documents with others."""

    @pytest.fixture
    def few(self, monkeypatch):
        monkeypatch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", 100)

        def in_a_thread(work):
            with ThreadPoolExecutor(1) as own:
                return own.submit(work).result()

        return in_a_thread

    def test_go_with_a_thread_that_passes_where_there_were_many(self, few):
        def grown():
            for number in range(20):
                assert parse(f"<first-{number}-{'x' * 50}/>".encode()).tag
            size_before = etree.memory_debugger.dict_size()
            for number in range(20):
                name = f"second-{number}"
                root = parse(f"<{name}><b/></{name}>".encode())
                assert root.tag == name
                assert [child.tag for child in root] == ["b"]
            return etree.memory_debugger.dict_size() - size_before

        assert few(grown) == 0

    @pytest.mark.parametrize("what", ["canonical", "validate"])
    def test_of_an_element_inside_go_too(self, few, what):
        """Of which lxml makes a document, in the thread that asks."""

        def look_at(number):
            name = f"{what}-{number}-{'x' * 50}"
            (inside,) = parse(f'<e><a {name}="" {name}2=""/></e>'.encode())
            if what == "canonical":
                assert name.encode() in safe_xml.canonical(inside)
            else:
                with pytest.raises(MalformedMessage):
                    safe_xml.validate(inside, "protocol")

        def grown():
            for number in range(20):
                look_at(number)
            size_before = etree.memory_debugger.dict_size()
            for number in range(20, 40):
                look_at(number)
            return etree.memory_debugger.dict_size() - size_before

        assert few(grown) == 0

    def test_are_no_matter_where_there_are_none(self, few, monkeypatch):
        monkeypatch.setattr(safe_xml, "ThreadPoolExecutor", None)

        def parsed():
            return [parse(b"<known/>").tag for _ in range(200)]

        assert few(parsed) == ["known"] * 200

    def test_are_read_by_nobody_where_the_machine_has_no_thread(self, monkeypatch):
        """A limit of tasks is reached: who comes again is served when it is not."""
        monkeypatch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", -1)

        def none_left(thread):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", none_left)
            with pytest.raises(Busy, match=r"can't start new thread. Check the server"):
                parse(b"<known/>")
        assert parse(b"<known/>").tag == "known"

    def test_a_fault_of_what_is_done_there_is_its_own(self, monkeypatch):
        monkeypatch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", -1)

        def fails():
            raise RuntimeError("of the work")

        with pytest.raises(RuntimeError, match="of the work"):
            safe_xml.sparingly(fails, 1)

    def test_a_fault_is_told_from_there_too(self, few):
        def message():
            for number in range(20):
                parse(f"<third-{number}-{'x' * 50}/>".encode())
            return refused(b"<a>geheim")

        assert few(message).startswith("the XML is not well-formed (line 1")


class TestSerializing:
    def test_an_inner_element_becomes_a_document_of_its_own(self):
        root = parse(f"<a {SAML} {SAMLP}><b> é &lt;\r</b>tail</a>".encode())
        octets = serialize(root[0])
        again = parse(octets)
        assert again.text == root[0].text
        assert again.nsmap == root.nsmap
        assert b"tail" not in octets
        assert not octets.startswith(b"<?xml")

    def test_rejects_xml_without_canonical_form(self):
        root = parse(b'<a xmlns="relative"/>')
        with pytest.raises(MalformedMessage, match="no canonical form"):
            safe_xml.canonical(root)
