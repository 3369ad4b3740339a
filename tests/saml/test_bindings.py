"""How messages travel: read once, raw, and never two ways."""

import base64
import hashlib
import random
import zlib
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from cpu_time import cpu_seconds
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from eilogin.errors import MalformedMessage, MessageTooLarge, UntrustedSignature
from eilogin.saml import bindings
from eilogin.saml.bindings import (
    artifact_url,
    new_artifact,
    post_fields,
    read_artifact,
    read_artifact_form,
    read_artifact_query,
    read_post,
    read_redirect,
    redirect_url,
    soap_fault,
    source_id,
    unwrap_soap,
    verify_redirect,
    wrap_soap,
)
from eilogin.saml.safe_xml import MESSAGE, parse, q
from eilogin.saml.signing_keys import CURVES, SigningKey, new_key_pair
from eilogin.saml.xml_signatures import RSA_SHA256, sign, signed, suited

SSO = "https://hub.test/sso"
MESSAGE_OCTETS = b'<samlp:LogoutRequest xmlns:samlp="urn:x"/>'


@pytest.fixture(scope="module")
def key():
    return SigningKey.load(*new_key_pair("hub.test"))


@pytest.fixture(scope="module")
def other():
    return SigningKey.load(*new_key_pair("other.test"))


def deflated(octets):
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(octets) + deflate.flush()


def parameter(octets):
    return quote(base64.b64encode(octets), safe="")


def query_of(url):
    return urlsplit(url).query


def good_query(key, relay_state="handle"):
    url = redirect_url(SSO, "SAMLRequest", MESSAGE_OCTETS, relay_state, key)
    return query_of(url)


def by_sha_1(key, kind="SAMLResponse"):
    """A query as DigiD signs it."""
    algorithm = quote("http://www.w3.org/2000/09/xmldsig#rsa-sha1", safe="")
    octets = f"{kind}={parameter(deflated(MESSAGE_OCTETS))}&SigAlg={algorithm}"
    signature = key.private.sign(octets.encode(), PKCS1v15(), hashes.SHA1())  # noqa: S303
    return f"{octets}&Signature={parameter(signature)}"


UNSIGNED = f"SAMLRequest={parameter(deflated(MESSAGE_OCTETS))}"


class TestRedirect:
    @pytest.mark.parametrize("kind", ["SAMLRequest", "SAMLResponse"])
    @pytest.mark.parametrize("relay_state", ["", "a b+c&d=é%20"])
    def test_redirect_url_reads_back_and_verifies(self, key, other, kind, relay_state):
        url = redirect_url(SSO, kind, MESSAGE_OCTETS, relay_state, key)
        received = read_redirect(query_of(url))
        assert received.kind == kind
        assert received.octets == MESSAGE_OCTETS
        assert received.relay_state == relay_state
        verify_redirect(received, [other.public, key.public])
        with pytest.raises(UntrustedSignature):
            verify_redirect(received, [other.public])

    def test_a_location_may_have_a_query_of_its_own(self, key):
        url = redirect_url(f"{SSO}?a=b", "SAMLRequest", MESSAGE_OCTETS, "", key)
        assert url.startswith(f"{SSO}?a=b&SAMLRequest=")
        verify_redirect(read_redirect(query_of(url)), [key.public])

    def test_a_space_is_never_a_plus(self, key):
        query = good_query(key, "a b")
        assert "RelayState=a%20b" in query
        assert "+" not in query

    def test_python3_saml_verifies_what_we_sign(self, key):
        query = good_query(key, "a b")
        fields = parse_qs(query)
        octets, _, _ = query.partition("&Signature=")
        assert OneLogin_Saml2_Utils.validate_binary_sign(
            octets.encode(),
            base64.b64decode(fields["Signature"][0]),
            OneLogin_Saml2_Utils.format_cert(key.certificate_text),
            RSA_SHA256,
        )
        assert (
            OneLogin_Saml2_Utils.decode_base64_and_inflate(fields["SAMLRequest"][0])
            == MESSAGE_OCTETS
        )

    @pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
    def test_may_be_signed_by_an_elliptic_key(self, curve, key):
        private = ec.generate_private_key(curve())
        elliptic = SigningKey.load(*new_key_pair("curve", private=private))
        query = good_query(elliptic)
        assert "ecdsa-sha256" in query
        verify_redirect(read_redirect(query), [key.public, elliptic.public])
        octets = query.partition("&Signature=")[0]
        der = private.sign(octets.encode(), ec.ECDSA(hashes.SHA256()))
        received = read_redirect(f"{octets}&Signature={parameter(der)}")
        verify_redirect(received, [elliptic.public])
        with pytest.raises(UntrustedSignature):
            verify_redirect(received, [key.public])

    def test_is_signed_by_the_algorithm_that_the_peer_wants(self, key):
        rsa_sha512 = RSA_SHA256.replace("256", "512")
        query = good_query(suited(key, [rsa_sha512], []))
        assert "rsa-sha512" in query
        verify_redirect(read_redirect(query), [key.public])

    def test_lower_case_escapes_verify_as_they_were_signed(self, key):
        octets = f"{UNSIGNED.replace('%2B', '%2b')}&RelayState=%c3%a9&SigAlg=" + quote(
            RSA_SHA256, safe=""
        ).replace("%3A", "%3a")
        signature = key.private.sign(octets.encode(), PKCS1v15(), hashes.SHA256())
        received = read_redirect(f"{octets}&Signature={parameter(signature)}")
        verify_redirect(received, [key.public])
        assert received.relay_state == "é"

    def test_the_order_of_the_parameters_does_not_matter(self, key):
        parts = good_query(key).split("&")
        verify_redirect(read_redirect("&".join(reversed(parts))), [key.public])

    def test_other_parameters_are_left_alone(self, key):
        query = f"lang=nl&{good_query(key)}&lang=fy&x&=&%ff=%zz"
        verify_redirect(read_redirect(query), [key.public])

    def test_the_default_encoding_may_be_named(self):
        encoding = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
        query = f"{UNSIGNED}&SAMLEncoding={quote(encoding)}"
        assert read_redirect(query).octets == MESSAGE_OCTETS

    def test_an_unsigned_message_reads_and_does_not_verify(self, key):
        received = read_redirect(UNSIGNED)
        assert (received.signature, received.signed_octets) == (b"", b"")
        assert received.algorithm == ""
        with pytest.raises(UntrustedSignature, match="not signed"):
            verify_redirect(received, [key.public])

    def test_an_algorithm_is_never_assumed(self, key):
        query = good_query(key).replace("rsa-sha256", "rsa-sha0")
        with pytest.raises(UntrustedSignature, match="algorithm"):
            verify_redirect(read_redirect(query), [key.public])

    @pytest.mark.parametrize("weak", [frozenset(), frozenset({"cbc", "rsa-1.5"})])
    def test_sha_1_is_refused_with_what_to_do(self, key, weak):
        received = read_redirect(by_sha_1(key))
        with pytest.raises(UntrustedSignature, match="accept_weak = sha1-redirect"):
            verify_redirect(received, [key.public], weak)

    def test_sha_1_is_taken_where_an_option_says_so(self, key, other):
        received = read_redirect(by_sha_1(key))
        weak = frozenset({"sha1-redirect"})
        verify_redirect(received, [other.public, key.public], weak)
        with pytest.raises(
            UntrustedSignature, match="matches no key of the expected signer"
        ):
            verify_redirect(received, [other.public], weak)

    def test_sha_1_is_never_taken_of_a_request(self, key):
        """It ends sessions, and DigiD signs none so: no option is told of either."""
        received = read_redirect(by_sha_1(key, "SAMLRequest"))
        with pytest.raises(UntrustedSignature, match=r"rsa-sha256. Ask") as caught:
            verify_redirect(received, [key.public], frozenset({"sha1-redirect"}))
        assert "accept_weak" not in str(caught.value)

    def test_a_strong_signature_is_none_the_worse_for_that_option(self, key):
        received = read_redirect(good_query(key))
        verify_redirect(received, [key.public], frozenset({"sha1-redirect"}))

    def test_it_is_known_how_a_message_came(self, key):
        assert read_redirect(good_query(key)).binding == bindings.REDIRECT
        fields = post_fields("SAMLRequest", MESSAGE_OCTETS, "")
        body = urlencode(fields).encode()
        assert read_post(body).binding == bindings.POST

    def test_nothing_of_the_message_is_in_its_repr(self):
        shown = repr(read_redirect(f"{UNSIGNED}&RelayState=handle"))
        assert "Logout" not in shown
        assert "handle" not in shown


class TestParametersThatAreRefused:
    @pytest.mark.parametrize(
        "query",
        [
            pytest.param("", id="nothing"),
            pytest.param("RelayState=x", id="no message"),
            pytest.param(f"{UNSIGNED}&{UNSIGNED}", id="twice"),
            pytest.param(f"{UNSIGNED}&SAML%52equest=x", id="encoded name"),
            pytest.param(f"{UNSIGNED}&SAML%2552equest=x&samlrequest=y", id="case"),
            pytest.param(f"{UNSIGNED}&SAMLRequest%00=x", id="NUL in a name"),
            pytest.param(f"{UNSIGNED}&SAMLRequest%20=x", id="space after a name"),
            pytest.param(f"{UNSIGNED}&+SAMLRequest=x", id="space before a name"),
            pytest.param(f"{UNSIGNED}&SAMLRequest", id="no value"),
            pytest.param("SAMLRequest=", id="empty value"),
            pytest.param(f"{UNSIGNED}&SAMLResponse=x", id="both kinds"),
            pytest.param(f"{UNSIGNED}&SAMLart=x", id="an artifact too"),
            pytest.param("SAMLart=x", id="an artifact only"),
            pytest.param(f"{UNSIGNED}&SAMLEncoding=none", id="encoding"),
            pytest.param(f"{UNSIGNED}&RelayState=a&RelayState=a", id="relay twice"),
            pytest.param(f"{UNSIGNED}&Relay%53tate=a", id="relay encoded"),
            pytest.param(f"{UNSIGNED}&relaystate=a", id="relay case"),
            pytest.param(f"{UNSIGNED}&RelayState=a%00b", id="NUL in relay"),
            pytest.param(f"{UNSIGNED}&RelayState=a%0d%0ab", id="CR LF in relay"),
            pytest.param(f"{UNSIGNED}&RelayState=%E2%80%A8", id="U+2028 in relay"),
            pytest.param(f"{UNSIGNED}&RelayState=%ff", id="relay not UTF-8"),
            pytest.param(f"{UNSIGNED}&RelayState=%zz", id="relay broken"),
            pytest.param(f"{UNSIGNED}&RelayState=%e", id="relay cut off"),
            pytest.param(f"{UNSIGNED}&RelayState=é", id="not encoded"),
            pytest.param(f"{UNSIGNED}&Signature=AAAA", id="no SigAlg"),
            pytest.param(f"{UNSIGNED}&SigAlg=x", id="no Signature"),
            pytest.param(f"{UNSIGNED}&SigAlg=x&Signature=%C3%A9", id="signature"),
            pytest.param("SAMLRequest=a-b_", id="base64url"),
            pytest.param("SAMLRequest=AAA", id="base64 cut off"),
            pytest.param("SAMLRequest=A%20AA", id="base64 with a space"),
            pytest.param("SAMLRequest=AAAA%21", id="base64 with garbage"),
            pytest.param(f"SAMLRequest={parameter(MESSAGE_OCTETS)}", id="not deflated"),
            pytest.param(
                f"SAMLRequest={parameter(zlib.compress(MESSAGE_OCTETS))}", id="zlib"
            ),
            pytest.param(
                f"SAMLRequest={parameter(deflated(MESSAGE_OCTETS)[:-3])}", id="cut off"
            ),
            pytest.param(
                f"SAMLRequest={parameter(deflated(MESSAGE_OCTETS) + b'x')}",
                id="trailing",
            ),
        ],
    )
    def test_in_a_query(self, query):
        with pytest.raises(MalformedMessage):
            read_redirect(query)

    @pytest.mark.parametrize(
        ("kind", "longest"), [("SAMLResponse", 80), ("SAMLRequest", 2048)]
    )
    def test_a_relay_state_has_an_end(self, kind, longest):
        message = UNSIGNED.replace("SAMLRequest", kind)
        fits = "é" * (longest // 2)
        query = f"{message}&RelayState={quote(fits)}"
        assert read_redirect(query).relay_state == fits
        with pytest.raises(MalformedMessage, match=f"more than {longest} bytes"):
            read_redirect(f"{query}x")

    @pytest.mark.parametrize(
        ("kind", "longest"), [("SAMLResponse", 80), ("SAMLRequest", 2048)]
    )
    def test_a_relay_state_has_an_end_in_a_form_too(self, kind, longest):
        message = f"{kind}={parameter(MESSAGE_OCTETS)}".encode()
        fits = "x" * longest
        body = message + f"&RelayState={fits}".encode()
        assert read_post(body).relay_state == fits
        with pytest.raises(MalformedMessage, match=f"more than {longest} bytes"):
            read_post(body + b"x")

    def test_a_query_has_an_end(self):
        rest = bindings.LONGEST_QUERY - len(f"{UNSIGNED}&x=")
        fits = f"{UNSIGNED}&x={'x' * rest}"
        assert read_redirect(fits).octets == MESSAGE_OCTETS
        with pytest.raises(MessageTooLarge):
            read_redirect(fits + "x")

    def test_parameters_have_a_number(self):
        fits = UNSIGNED + "&x=y" * (bindings.MOST_PARAMETERS - 1)
        assert read_redirect(fits).octets == MESSAGE_OCTETS
        with pytest.raises(MessageTooLarge, match="more than 50 parameters"):
            read_redirect(fits + "&x=y")

    @pytest.mark.parametrize("part", [b"%41&", b"&", b"a&", b"%53=&"])
    def test_a_form_of_many_parts_costs_no_time(self, part):
        body = part * (bindings.LONGEST_FORM // len(part))

        def refuse():
            with pytest.raises(MessageTooLarge):
                read_post(body)

        # It takes half a millisecond, and 70 ms or more where every part is read.
        assert cpu_seconds(refuse) < 0.02

    @pytest.mark.parametrize("name", ["x=", ""])
    def test_percent_escapes_have_a_number(self, name):
        many = "%41" * bindings.MOST_ESCAPES
        fits = f"SAMLResponse=PGEvPg&{name}{many}".replace("PGEvPg", "PGEvPmE+")
        with pytest.raises(MalformedMessage) as caught:
            read_post(f"{fits}&SAMLRequest=x".encode())
        assert "percent-escapes" not in str(caught.value)
        with pytest.raises(MessageTooLarge, match="more than 40000 percent-escapes"):
            read_post(f"{fits}%41".encode())

    def test_the_largest_message_has_fewer_however_it_is_broken_over_lines(self):
        octets = random.Random(1).randbytes(MESSAGE.octets)  # noqa: S311 - no secret
        lines = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        body = b"SAMLResponse=" + quote(lines, safe="").encode()
        assert body.count(b"%") < bindings.MOST_ESCAPES / 1.5
        assert read_post(body).octets == octets

    def test_a_message_is_inflated_to_its_largest_size_and_no_further(self):
        fits = b" " * MESSAGE.octets
        assert read_redirect(f"SAMLRequest={parameter(deflated(fits))}").octets == fits
        with pytest.raises(MessageTooLarge):
            read_redirect(f"SAMLRequest={parameter(deflated(fits + b' '))}")


class TestPost:
    def body(self, kind="SAMLResponse", octets=MESSAGE_OCTETS, relay_state="handle"):
        fields = post_fields(kind, octets, relay_state)
        return "&".join(f"{n}={quote(v, safe='')}" for n, v in fields.items()).encode()

    @pytest.mark.parametrize("kind", ["SAMLRequest", "SAMLResponse"])
    @pytest.mark.parametrize("relay_state", ["", "a b"])
    @given(octets=st.binary(max_size=100))
    def test_post_body_reads_back(self, kind, relay_state, octets):
        received = read_post(self.body(kind, octets, relay_state))
        assert received.kind == kind
        assert received.octets == octets
        assert received.relay_state == relay_state
        assert received.signature == b""

    def test_no_relay_state_is_no_field(self):
        assert list(post_fields("SAMLRequest", b"", "")) == ["SAMLRequest"]

    def test_base64_may_be_broken_over_lines(self):
        lines = base64.encodebytes(MESSAGE_OCTETS * 5).replace(b"\n", b"\r\n")
        body = b"SAMLResponse=" + quote(lines).encode()
        assert read_post(body).octets == MESSAGE_OCTETS * 5

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"SAMLResponse=PGEvPg==&SAMLResponse=PGIvPg==", id="twice"),
            pytest.param(b"SAMLResponse=PGEvPg==&SAML%52esponse=x", id="encoded name"),
            pytest.param(b"SAMLResponse=PGEvPg==&SAMLRequest=x", id="both kinds"),
            pytest.param(b"SAMLResponse=PGEv+g==", id="a plus is a space"),
            pytest.param(b"SAMLResponse=PGEvPg==;", id="garbage"),
            pytest.param(b"SAMLResponse=PGEvPg", id="no padding"),
            pytest.param(b"SAMLResponse=PG%09EvPg==", id="a tab"),
            pytest.param(b"SAMLResponse=PGEvPg==&RelayState=\xc3\xa9", id="not ASCII"),
            pytest.param(b"\xff\xfeSAMLResponse=PGEvPg==", id="another encoding"),
            pytest.param(b'{"SAMLResponse": "PGEvPg=="}', id="JSON"),
        ],
    )
    def test_a_form_that_could_be_read_two_ways_is_refused(self, body):
        with pytest.raises(MalformedMessage):
            read_post(body)

    def test_a_message_has_a_largest_size(self):
        fits = self.body(octets=b"x" * MESSAGE.octets)
        assert len(read_post(fits).octets) == MESSAGE.octets
        with pytest.raises(MessageTooLarge):
            read_post(self.body(octets=b"x" * (MESSAGE.octets + 1)))
        with pytest.raises(MessageTooLarge):
            read_post(b"x" * (bindings.LONGEST_FORM + 1))


class TestArtifacts:
    @given(st.text(min_size=1), st.integers(0, 65535))
    def test_new_artifact_reads_back(self, entity_id, index):
        artifact = read_artifact(new_artifact(entity_id, index))
        assert artifact.source_id == source_id(entity_id)
        assert artifact.index == index
        assert len(artifact.handle) == 20

    def test_the_source_is_the_sha1_of_the_entity_id(self):
        expected = hashlib.sha1(b"https://hub.test", usedforsecurity=False).digest()
        assert source_id("https://hub.test") == expected

    def test_no_two_are_the_same(self):
        assert new_artifact("x") != new_artifact("x")

    def test_the_handle_is_not_in_the_repr(self):
        artifact = read_artifact(new_artifact("x"))
        assert "handle" not in repr(artifact)

    def test_it_travels_in_a_query(self):
        artifact = new_artifact("https://hub.test")
        url = artifact_url("https://a.test/acs?x=y", artifact, "a b")
        assert url.startswith("https://a.test/acs?x=y&SAMLart=")
        assert read_artifact_query(query_of(url)) == (artifact, "a b")
        url = artifact_url("https://a.test/acs", artifact, "")
        assert read_artifact_query(query_of(url)) == (artifact, "")

    @pytest.mark.parametrize(
        "octets",
        [
            b"",
            b"\0\4" + bytes(41),
            b"\0\4" + bytes(43),
            b"\0\3" + bytes(42),
            b"\4\0" + bytes(42),
        ],
    )
    def test_another_length_or_type_is_refused(self, octets):
        with pytest.raises(MalformedMessage, match="0x0004"):
            read_artifact(base64.b64encode(octets).decode())

    @pytest.mark.parametrize("text", ["\n{}", "{}\r\n"])
    def test_one_with_line_breaks_is_refused(self, text):
        """The very text goes to the hub, which knows it in one spelling."""
        artifact = new_artifact("https://hub.test")
        with pytest.raises(MalformedMessage, match="line breaks"):
            read_artifact(text.format(artifact))
        assert read_artifact(artifact)

    @pytest.mark.parametrize("text", ["AAQ", "é", "AAQA AAA="])
    def test_rejects_artifact_that_is_not_base64(self, text):
        with pytest.raises(MalformedMessage, match="base64"):
            read_artifact(text)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "samlart=x",
            "SAMLart=x&SAMLart=x",
            "SAMLart=x&SAML%61rt=y",
            "SAMLart=x&SAMLRequest=y",
            "SAMLart=x&SAMLResponse=y",
            "SAMLart=x&RelayState=a&RelayState=b",
            "SAMLart=%zz",
        ],
    )
    def test_a_query_that_could_be_read_two_ways_is_refused(self, query):
        with pytest.raises(MalformedMessage):
            read_artifact_query(query)
        if "SAMLart" in query:
            with pytest.raises(MalformedMessage):
                read_artifact_form(query.encode())

    def test_a_form_carries_one_too(self):
        artifact = new_artifact("https://a.test/metadata")
        body = urlencode({"RelayState": "a b", "SAMLart": artifact}).encode()
        assert read_artifact_form(body) == (artifact, "a b")

    @pytest.mark.parametrize("body", [b"", b"SAMLResponse=x&RelayState=y", b"a=b"])
    def test_a_form_without_one_is_left_to_others(self, body):
        assert read_artifact_form(body) is None


ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{}</s:Envelope>'
)


SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


class TestSoap:
    def test_soap_envelope_unwraps_with_valid_signature(self, key):
        element = etree.fromstring(
            '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
            ' ID="_1"><x xmlns="urn:x"/></samlp:LogoutRequest>'
        )
        sign(element, key)
        inner = unwrap_soap(wrap_soap(element))
        assert inner.getparent().tag == q("soap:Body")
        assert signed(inner, [key.public]).get("ID") == "_1"
        assert element.getparent() is None

    def test_a_header_may_be_there(self):
        octets = ENVELOPE.format(
            '<s:Header><x s:mustUnderstand="0"/><y/></s:Header>'
            "<!-- --><s:Body> <z/>\n</s:Body>"
        )
        assert unwrap_soap(octets.encode()).tag == "z"

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("", id="no body"),
            pytest.param("<s:Header/>", id="header only"),
            pytest.param("<s:Body/>", id="empty body"),
            pytest.param("<s:Body><a/><b/></s:Body>", id="two elements"),
            pytest.param("<s:Body><a/></s:Body><s:Body><b/></s:Body>", id="two bodies"),
            pytest.param("<s:Body><a/></s:Body><s:Header/>", id="header after body"),
            pytest.param("<s:Body><a/></s:Body><x/>", id="more after body"),
            pytest.param("<Body><a/></Body>", id="another body"),
            pytest.param(
                '<s:Header><x s:mustUnderstand="1"/></s:Header><s:Body><a/></s:Body>',
                id="must understand",
            ),
            pytest.param(
                '<s:Header><y/><x s:mustUnderstand="true"/></s:Header>'
                "<s:Body><a/></s:Body>",
                id="must understand, in a word",
            ),
        ],
    )
    def test_another_envelope_is_refused(self, content):
        with pytest.raises(MalformedMessage):
            unwrap_soap(ENVELOPE.format(content).encode())

    @pytest.mark.parametrize(
        "octets",
        [
            b"<a/>",
            b"",
            ENVELOPE.format("<s:Body><a/></s:Body>")
            .replace("http://schemas.xmlsoap.org/soap/envelope/", SOAP_12)
            .encode(),
            ENVELOPE.format("<s:Body><a/></s:Body>")
            .replace("s:Envelope", "s:Letter")
            .encode(),
        ],
        ids=["XML", "nothing", "SOAP 1.2", "another element"],
    )
    def test_rejects_octets_that_are_not_soap_1_1_envelope(self, octets):
        with pytest.raises(MalformedMessage):
            unwrap_soap(octets)

    def test_a_fault_reads_as_a_fault(self):
        octets = soap_fault("Client", "no <such> artifact")
        fault = parse(octets)[0][0]
        assert fault.findtext("faultcode") == "soap-env:Client"
        assert fault.nsmap["soap-env"] == "http://schemas.xmlsoap.org/soap/envelope/"
        assert fault.findtext("faultstring") == "no <such> artifact"
        with pytest.raises(MalformedMessage, match=r"SOAP fault: soap-env:Client$"):
            unwrap_soap(octets)

    @pytest.mark.parametrize("code", ["", "<x/>", "a b", "x\ny: forged", "x" * 200])
    def test_the_code_of_a_fault_brings_nothing_else_into_a_log(self, code):
        octets = ENVELOPE.format(
            f"<s:Body><s:Fault><faultcode>{code}</faultcode></s:Fault></s:Body>"
        )
        with pytest.raises(MalformedMessage, match=r"without a code$"):
            unwrap_soap(octets.encode())
