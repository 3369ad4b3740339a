"""What of an answer is signed, and for whom it is encrypted."""

import base64
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from eilogin.errors import UntrustedSignature
from eilogin.hub.participants.response_protection import SignLines
from eilogin.saml import messages, safe_xml, xml_signatures
from eilogin.saml.xml_encryption import Decrypter, EncryptionMethod

HUB = "https://inloggen.test"
STAD = "https://stad.test/eilogin/metadata"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DENIED = (messages.RESPONDER, messages.REQUEST_DENIED)


@pytest.fixture
def answer(citizen, service):
    """The Response that comes of a login, as an element."""

    def ask(**changes):
        citizen.visit(service.address(service.request(**changes)))
        if citizen.is_asked:
            citizen.sign_in(url=None)
        return safe_xml.parse(base64.b64decode(service.came[-1]["SAMLResponse"]))

    return ask


@pytest.fixture
def believed(hub_believes):
    """Change the metadata of the participant, as the hub knows it."""

    def change(**changes):
        hub_believes(
            "stad.test",
            lambda e: replace(
                e, service_provider=replace(e.service_provider, **changes)
            ),
        )

    return change


@pytest.fixture
def is_signed(service):
    def check(element):
        try:
            xml_signatures.signed(element, [service.hub_key])
        except UntrustedSignature:
            return False
        return True

    return check


@pytest.fixture
def decrypted(federation):
    """What only the participant can read, read."""
    key = federation.trusts["stad.test"].own.key.private
    return lambda wrapper: Decrypter((key,)).open(wrapper)


def only(element, name):
    (found,) = element.iter(safe_xml.q(name))
    return found


class TestTheSignature:
    @pytest.mark.parametrize(
        ("hub_options", "wants_it", "signed"),
        [
            ({}, False, (True, True)),
            ({"sign": "assertion"}, False, (False, True)),
            ({"sign": "assertion"}, True, (False, True)),
            ({"sign": "response"}, False, (True, False)),
            ({"sign": "response"}, True, (True, True)),
            ({"sign": "both"}, False, (True, True)),
        ],
        ids=[
            "usually",
            "assertion",
            "assertion, as it wants",
            "response",
            "response, and as it wants",
            "both",
        ],
    )
    def test_is_of_what_the_option_says_and_the_participant_wants(
        self, answer, believed, is_signed, wants_it, signed
    ):
        believed(want_assertions_signed=wants_it)
        response = answer()
        safe_xml.validate(response, "protocol")
        assert is_signed(response) is signed[0]
        assertion = only(response, "saml:Assertion")
        assert is_signed(assertion) is signed[1]

    @pytest.mark.parametrize(
        ("hub_options", "signed"),
        [
            ({"sign": f"{STAD} assertion\n* response"}, (False, True)),
            ({"sign": f"{STAD} = response\n* = assertion"}, (True, False)),
            ({"sign": "https://other.test/ assertion"}, (True, True)),
            ({"sign": f"https://other.test/ both\n{STAD} response"}, (True, False)),
            ({"sign": "* assertion"}, (False, True)),
        ],
        ids=["its line", "with =", "of others alone", "the second", "everybody"],
    )
    def test_is_of_what_the_line_of_the_participant_says(
        self, answer, believed, is_signed, signed
    ):
        believed(want_assertions_signed=False)
        response = answer()
        assertion = only(response, "saml:Assertion")
        assert (is_signed(response), is_signed(assertion)) == signed

    @pytest.mark.parametrize(
        "text", ["none", "assertion both", f"{STAD} none", f"{STAD} both\n{STAD} both"]
    )
    def test_is_nothing_else(self, text):
        with pytest.raises(ValueError, match="assertion"):
            TypeAdapter(SignLines).validate_python(text)


RSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"


class TestTheAlgorithms:
    """A participant whose metadata lists some gets no others."""

    @pytest.mark.parametrize("hub_options", [{"sign": "both"}])
    def test_of_signatures_are_of_those_that_it_lists(
        self, answer, believed, is_signed
    ):
        believed(signing_methods=("urn:x:newer", RSA_SHA512), digest_methods=(SHA384,))
        response = answer()
        for element in (response, only(response, "saml:Assertion")):
            assert is_signed(element)
        for name, uri in (("Signature", RSA_SHA512), ("Digest", SHA384)):
            methods = response.iter(safe_xml.q(f"ds:{name}Method"))
            assert [method.get("Algorithm") for method in methods] == [uri] * 2

    def test_of_signatures_count_for_a_refusal_too(self, answer, believed, is_signed):
        believed(signing_methods=(RSA_SHA512,))
        response = answer(names_subject=True, name_id_format="urn:x:none")
        assert is_signed(response)
        method = only(response, "ds:SignatureMethod")
        assert method.get("Algorithm") == RSA_SHA512

    def test_that_we_do_not_have_get_a_page_before_she_is_asked_anything(
        self, citizen, service, believed, refused
    ):
        believed(signing_methods=("urn:x:newer",))
        citizen.visit(service.address(service.request()))
        assert not citizen.is_asked
        refused(citizen.browser.page, "algorithm-missing")
        assert service.came == []

    def test_of_encryption_that_we_do_not_have_get_no_login(
        self, service, answer, believed, tells
    ):
        believed(encryption_methods=(EncryptionMethod(f"{XENC}aes256-cbc"),))
        answer(name_id_format=messages.ENCRYPTED)
        assert service.answer()[0].status.codes == DENIED
        tells(
            "algorithm-missing",
            ("lists the encryption algorithms aes256-cbc; expected one"),
        )
        # Nothing is encrypted for who does not want it.
        answer()
        assert service.answer()[1].name_id is not None

    @pytest.mark.parametrize("hub_options", [{"encrypt": "when-possible"}])
    @pytest.mark.parametrize("name_id_format", ["", messages.ENCRYPTED])
    def test_of_encryption_are_of_those_that_it_lists(
        self, federation, answer, believed, decrypted, name_id_format
    ):
        key = federation.trusts["stad.test"].own.key
        wanted = (
            EncryptionMethod(f"{XENC11}aes128-gcm"),
            EncryptionMethod(f"{XENC11}rsa-oaep", digest=f"{XENC}sha256"),
        )
        believed(
            encryption_certificates=(key.certificate_text,), encryption_methods=wanted
        )
        response = answer(name_id_format=name_id_format)
        assertion = decrypted(only(response, "saml:EncryptedAssertion"))
        told = [[m.get("Algorithm") for m in methods(response)]]
        if name_id_format:
            told.append([m.get("Algorithm") for m in methods(assertion)])
        assert told == [[m.algorithm for m in wanted]] * len(told)


def methods(element):
    return element.iter(safe_xml.q("xenc:EncryptionMethod"))


class TestTheEncryption:
    @pytest.fixture(autouse=True)
    def with_key(self, federation, believed):
        key = federation.trusts["stad.test"].own.key
        believed(encryption_certificates=(key.certificate_text,))

    @pytest.mark.parametrize(
        "hub_options",
        [
            {},
            {"encrypt": "off"},
            {"encrypt": "https://other.test/ required"},
            {"encrypt": f"{STAD} off\n* required"},
        ],
    )
    def test_is_off_unless_it_is_asked_for(self, answer):
        assert only(answer(), "saml:Assertion") is not None

    @pytest.mark.parametrize(
        "hub_options",
        [
            {"encrypt": "when-possible"},
            {"encrypt": "required"},
            {"encrypt": "required", "sign": "assertion"},
            {"encrypt": f"{STAD} required"},
            {"encrypt": f"{STAD} when-possible\n* off"},
        ],
    )
    def test_leaves_nothing_to_be_read_but_by_the_participant(
        self, answer, decrypted, is_signed, hub_options
    ):
        response = answer()
        safe_xml.validate(response, "protocol")
        text = safe_xml.serialize(response)
        assert b"saml:NameID" not in text
        assertion = decrypted(only(response, "saml:EncryptedAssertion"))
        assert is_signed(assertion), "inside too"
        assert is_signed(response) is ("sign" not in hub_options)
        (name,) = messages.read_assertion(assertion).attributes["name"]
        assert " " in name, "or it may stand in what is encrypted by chance"
        assert name.encode() not in text

    @pytest.mark.parametrize("hub_options", [{"encrypt": "when-possible"}])
    def test_is_left_out_for_who_has_no_key(self, answer, believed):
        believed(encryption_certificates=())
        assert only(answer(), "saml:Assertion") is not None

    @pytest.mark.parametrize(
        "hub_options", [{"encrypt": "required"}, {"encrypt": f"{STAD} required"}]
    )
    def test_that_has_to_be_gives_no_login_to_who_has_no_key(
        self, service, answer, believed, tells
    ):
        believed(encryption_certificates=())
        answer()
        assert service.answer()[0].status.codes == DENIED
        told = f"{service.entity_id} gets no login: encrypt = required"
        tells("encryption-key-missing", told)

    def test_of_the_name_alone_gives_no_login_to_who_has_no_key(
        self, service, answer, believed, tells
    ):
        believed(encryption_certificates=())
        answer(name_id_format=messages.ENCRYPTED)
        codes = service.answer()[0].status.codes
        assert codes == (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
        tells("encryption-key-missing", "it asks for an encrypted NameID, but its")

    def test_is_of_the_name_where_the_policy_wants_that(
        self, answer, decrypted, is_signed
    ):
        response = answer(name_id_format=messages.ENCRYPTED)
        safe_xml.validate(response, "protocol")
        assertion = only(response, "saml:Assertion")
        assert is_signed(assertion)
        assert assertion.find(f".//{safe_xml.q('saml:NameID')}") is None
        name_id = decrypted(only(assertion, "saml:EncryptedID"))
        assert name_id.tag == safe_xml.q("saml:NameID")
        assert name_id.get("Format") == messages.PERSISTENT
