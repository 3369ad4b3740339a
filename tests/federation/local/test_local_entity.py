import re
from dataclasses import replace
from importlib.resources import files
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1
from lxml import etree
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from sloppy import PIXEL

from eilogin.errors import UntrustedSignature
from eilogin.federation.local.local_entity import script_names
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.local.profiles import DIGID_PROFILE, SAML_PROFILE
from eilogin.saml import bindings, safe_xml, xml_signatures
from eilogin.saml.messages import PERSISTENT, TRANSIENT
from eilogin.saml.metadata import read_federation, read_unsigned, write_entity
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign, sign_octets, signed, suited, verify_octets


def test_addresses_are_below_the_prefix(make_own):
    assert make_own().url("acs") == "https://uwv.test/eilogin/acs"


def test_servers_are_sent_to_the_back_channel(make_own):
    assert make_own().url("slo_soap") == "https://back.uwv.test:8443/eilogin/slo/soap"
    assert make_own().url("slo") == "https://uwv.test/eilogin/slo"


def test_paths_lead_to_addresses(make_own):
    assert make_own().by_path["/eilogin/acs"] == "acs"
    assert make_own("hub").by_path["/sso"] == "sso"
    assert make_own("hub").by_path["/"] == "home"


@pytest.mark.parametrize(
    ("acs", "first"), [("artifact", bindings.ARTIFACT), ("post", bindings.POST)]
)
def test_a_participant_prefers_the_answers_that_it_asks_for(make_own, acs, first):
    role = make_own(acs=acs).descriptor().service_provider
    assert role.consumer().binding == first
    assert {e.binding for e in role.assertion_consumers} == {
        bindings.ARTIFACT,
        bindings.POST,
    }


def test_a_participant_is_no_identity_provider(make_own):
    descriptor = make_own().descriptor()
    assert descriptor.identity_provider is None
    assert descriptor.service_provider.want_assertions_signed
    assert descriptor.service_provider.authn_requests_signed


def test_a_hub_is_no_service_provider(make_own):
    descriptor = make_own("hub").descriptor()
    assert descriptor.service_provider is None
    role = descriptor.identity_provider
    assert role.single_sign_on(bindings.REDIRECT).location == "https://uwv.test/sso"
    assert role.artifact_resolution(0).location == "https://back.uwv.test:8443/artifact"


def test_says_what_people_want_to_know(make_own):
    own = make_own(
        descriptions={"nl": "Uitkeringen"}, telephone="+31 88 000", email="h@uwv.test"
    )
    descriptor = own.descriptor()
    assert descriptor.name("en") == "Employee Insurance Agency"
    assert descriptor.description("nl") == "Uitkeringen"
    assert descriptor.information_url("nl") == "https://uwv.test/"
    (contact,) = descriptor.contacts
    assert (contact.kind, contact.telephone) == ("support", "+31 88 000")


def test_names_nobody_to_ask_where_there_is_nobody(make_own):
    assert make_own().descriptor().contacts == ()


def test_a_pseudonym_stands_for_a_citizen_and_only_we_can_make_it(make_own, operator):
    pseudonym = make_own().pseudonym("900000016")
    assert pseudonym == make_own().pseudonym("900000016")
    assert pseudonym != make_own().pseudonym("900000028")
    assert pseudonym != make_own(keys=(OwnKey.of(operator),)).pseudonym("900000016")
    assert len(pseudonym) == 16


def test_sealing_secrets_come_from_the_options_or_the_key(make_own, operator):
    own = make_own(secrets=(b"new", b"old"))
    assert own.sealing_secrets == (b"new", b"old")
    assert "old" not in repr(own)
    (made,) = make_own().sealing_secrets
    assert [made] == [*make_own().sealing_secrets]
    assert [made] != [*make_own(keys=(OwnKey.of(operator),)).sealing_secrets]


def test_a_citizen_keeps_her_pseudonym_when_a_secret_changes(make_own):
    assert make_own(secrets=(b"new",)).pseudonym("x") == make_own().pseudonym("x")


ROLES = pytest.mark.parametrize("role", ["participant", "hub"])
PROFILES = pytest.mark.parametrize(
    "profile", [SAML_PROFILE, DIGID_PROFILE], ids=["saml", "digid"]
)
HASHES = (256, 384, 512)
LOGO = f"data:image/png;base64,{PIXEL}"
WEAK = ("sha1", "md5", "-cbc", "tripledes", "rsa-1_5", "dsa")


def signing(pair):
    return replace(OwnKey.of(pair), use="signing")


def encrypting(pair, begins=0.0):
    return replace(OwnKey.of(pair), use="encryption", begins=begins)


@pytest.fixture
def rich(make_own, key, operator):
    """Somebody of whom there is a lot to tell."""

    def make(role="participant", **changes):
        said = {
            "descriptions": {"nl": "Uitkeringen"},
            "keywords": {"nl": ("werk", "ziek zijn"), "en": ("work",)},
            "logo": LOGO,
            "telephone": "+31 88 000",
            "keys": (signing(key), encrypting(operator)),
            "requested_attributes": ("naam", "bsn"),
            "required_attributes": frozenset({"bsn"}),
            "entity_categories": frozenset({"https://example.nl/category"}),
            **changes,
        }
        return make_own(role, **said)

    return make


class TestOurMetadata:
    @ROLES
    @PROFILES
    def test_is_as_the_schemas_have_it(self, rich, role, profile):
        own = rich(role, profile=profile)
        root = safe_xml.parse(write_entity(own.descriptor(), own.key))
        safe_xml.validate(root, "metadata")
        folder = files("onelogin.saml2") / "schemas"
        for name, space in {
            "metadata-ui": safe_xml.MDUI,
            "metadata-algsupport": safe_xml.ALG,
        }.items():
            schema = etree.XMLSchema(file=str(folder / f"sstc-saml-{name}-v1.0.xsd"))
            for element in root.iter(f"{{{space}}}*"):
                if element.getparent().tag == safe_xml.q("md:Extensions"):
                    assert schema.validate(element), schema.error_log

    @ROLES
    @PROFILES
    def test_is_read_back_and_signed_by_us(self, rich, role, profile, operator):
        own = rich(role, profile=profile)
        octets = write_entity(own.entry(), own.key)
        assert read_federation(octets, [own.key.public]).entities == (own.entry(),)
        with pytest.raises(UntrustedSignature):
            read_federation(octets, [operator.public])

    @ROLES
    def test_lists_strong_algorithms_only_and_first_what_all_know(self, rich, role):
        descriptor = rich(role).descriptor()
        assert descriptor.digest_methods[0].endswith("#sha256")
        assert descriptor.signing_methods[0].endswith("#rsa-sha256")
        found = descriptor.identity_provider or descriptor.service_provider
        assert found.encryption_methods[0].algorithm.endswith("#aes256-gcm")
        text = write_entity(descriptor, rich(role).key).decode().lower()
        listed = re.findall(r'algorithm="([^"]*)"', text)
        assert listed
        assert not [uri for uri in listed for word in WEAK if uri.endswith(word)]

    @ROLES
    def test_lists_what_we_verify_and_open_and_nothing_else(self, rich, role, operator):
        """Of all that others might use: what is listed is what is taken."""
        descriptor = rich(role).descriptor()
        found = descriptor.identity_provider or descriptor.service_provider
        elliptic = SigningKey.load(
            *new_key_pair("curve", private=ec.generate_private_key(ec.SECP256R1()))
        )
        more = "http://www.w3.org/2001/04/xmldsig-more#"
        known = [f"{more}{kind}-sha{n}" for kind in ("rsa", "ecdsa") for n in HASHES]
        assert sorted(descriptor.signing_methods) == sorted(known)
        for method in descriptor.signing_methods:
            key = elliptic if "ecdsa" in method else operator
            signature = sign_octets(suited(key, [method], []), b"octets")
            verify_octets([key.public], b"octets", signature, method)
        for digest in descriptor.digest_methods:
            element = etree.Element(safe_xml.q("saml:Assertion"), ID="_a")
            sign(element, suited(operator, [], [digest]))
            received = safe_xml.parse(safe_xml.serialize(element))
            assert signed(received, [operator.public]).get("ID") == "_a"
        ciphers = [m for m in found.encryption_methods if "gcm" in m.algorithm]
        for cipher, transport in product(
            ciphers, [m for m in found.encryption_methods if m not in ciphers]
        ):
            outer = encrypt(
                etree.fromstring("<secret/>"),
                "saml:EncryptedID",
                found.encryption_keys[0],
                [cipher, transport],
            )
            assert Decrypter([operator.private]).open(outer).tag == "secret"

    @ROLES
    def test_has_the_newest_key_to_encrypt_with_and_no_older_one(
        self, rich, role, key, operator
    ):
        keys = (signing(key), encrypting(key), encrypting(operator, begins=1.0))
        descriptor = rich(role, keys=keys).descriptor()
        found = descriptor.identity_provider or descriptor.service_provider
        assert found.encryption_certificates == (operator.certificate_text,)
        assert found.signing_certificates == (key.certificate_text,)

    @ROLES
    def test_has_no_way_to_encrypt_without_a_key(self, rich, role, key):
        descriptor = rich(role, keys=(signing(key),)).descriptor()
        found = descriptor.identity_provider or descriptor.service_provider
        assert found.encryption_certificates == found.encryption_methods == ()

    def test_of_a_participant_tells_what_it_asks_for(self, rich):
        descriptor = rich(name_id_formats=(TRANSIENT,)).descriptor()
        role = descriptor.service_provider
        (service,) = role.attribute_services
        assert service.requested == ("naam", "bsn")
        assert service.required == {"bsn"}
        assert role.name_id_formats == (TRANSIENT,)
        assert descriptor.entity_categories == {"https://example.nl/category"}
        assert descriptor.supported_categories == frozenset()
        (response,) = role.discovery_responses
        assert response.location == "https://uwv.test/eilogin/discovery"

    def test_of_a_hub_tells_whom_it_serves(self, rich):
        descriptor = rich("hub").descriptor()
        assert descriptor.supported_categories == {"https://example.nl/category"}
        assert descriptor.entity_categories == frozenset()
        assert PERSISTENT in descriptor.identity_provider.name_id_formats

    def test_has_names_in_dutch_and_english(self, rich):
        root = safe_xml.parse(write_entity(rich().descriptor()))
        names = {
            element.get(safe_xml.q("xml:lang")): element.text
            for element in root.iter(safe_xml.q("mdui:DisplayName"))
        }
        assert names == {"nl": "UWV", "en": "Employee Insurance Agency"}

    def test_has_the_words_by_which_people_look_for_us(self, rich):
        descriptor = rich().descriptor()
        assert descriptor.keywords["nl"] == "werk ziek+zijn"
        assert descriptor.keywords_in("nl") == ("werk", "ziek zijn")
        assert descriptor.keywords_in("en") == ("work",)

    def test_has_our_logo_with_its_size(self, rich):
        root = safe_xml.parse(write_entity(rich().descriptor()))
        [logo] = root.iter(safe_xml.q("mdui:Logo"))
        assert logo.text == LOGO
        assert dict(logo.attrib) == {"width": "1", "height": "1"}

    def test_is_loaded_by_python3_saml_as_it_is(self, rich):
        own = rich("hub")
        parsed = OneLogin_Saml2_IdPMetadataParser.parse(
            write_entity(own.descriptor(), own.key).decode()
        )["idp"]
        assert parsed["entityId"] == own.entity_id
        assert parsed["singleSignOnService"]["url"] == "https://uwv.test/sso"
        assert parsed["singleLogoutService"]["url"] == "https://uwv.test/slo"
        assert parsed["x509certMulti"] == {
            "signing": [own.key.certificate_text],
            "encryption": [own.decryption_keys[0].certificate_text],
        }


def test_the_format_that_we_ask_for_is_the_first_or_none(make_own):
    own = make_own(name_id_formats=(TRANSIENT, PERSISTENT))
    assert own.name_id_format == TRANSIENT
    assert make_own(name_id_formats=()).name_id_format == ""
    assert make_own().name_id_format == PERSISTENT


class TestWhatDigidWants:
    @pytest.fixture
    def document(self, rich):
        own = rich(profile=DIGID_PROFILE, acs="artifact", name_id_formats=())
        root = safe_xml.parse(write_entity(own.descriptor(), own.key))
        xml_signatures.check_structure(root)
        return xml_signatures.signed(root, [own.key.public])

    def test_is_there_to_the_letter(self, document, key):
        role = document.find(safe_xml.q("md:SPSSODescriptor"))
        assert role.get("AuthnRequestsSigned") == "true"
        assert role.get("WantAssertionsSigned") == "true"
        (described,) = role.findall(safe_xml.q("md:KeyDescriptor"))
        assert described.get("use") == "signing"
        (name,) = described.iter(safe_xml.q("ds:KeyName"))
        fingerprint = key.certificate.fingerprint(SHA1())  # noqa: S303 - DigiD's
        assert name.text == fingerprint.hex()
        (certificate,) = described.iter(safe_xml.q("ds:X509Certificate"))
        assert certificate.text == key.certificate_text
        (consumer,) = role.findall(safe_xml.q("md:AssertionConsumerService"))
        assert consumer.attrib == {
            "Binding": bindings.ARTIFACT,
            "Location": "https://uwv.test/eilogin/acs",
            "index": "0",
        }
        logouts = {
            e.get("Binding"): e.get("Location")
            for e in role.findall(safe_xml.q("md:SingleLogoutService"))
        }
        assert logouts == {
            bindings.REDIRECT: "https://uwv.test/eilogin/slo",
            bindings.SOAP: "https://back.uwv.test:8443/eilogin/slo/soap",
        }

    def test_and_nothing_else(self, document):
        assert set(document.keys()) == {"entityID", "ID"}
        # What is signed is read alone: without the signature.
        names = [etree.QName(e).localname for e in document.iter()]
        assert set(names) - {"Signature"} == {
            "EntityDescriptor",
            "SPSSODescriptor",
            "KeyDescriptor",
            "KeyInfo",
            "KeyName",
            "X509Data",
            "X509Certificate",
            "SingleLogoutService",
            "AssertionConsumerService",
        }

    def test_and_the_name_that_it_has_from_a_form(self, rich):
        own = rich(profile=DIGID_PROFILE)
        assert own.descriptor().names == {}
        assert own.entry().name("nl") == "UWV"
        assert own.entry().service_provider == own.descriptor().service_provider

    def test_is_what_our_own_digid_publishes(self, rich, key):
        own = rich("hub", profile=DIGID_PROFILE)
        (entity,) = read_unsigned(write_entity(own.descriptor())).entities
        role = entity.identity_provider
        assert [e.binding for e in role.single_sign_ons] == [
            bindings.REDIRECT,
            bindings.POST,
        ]
        assert [e.binding for e in role.single_logouts] == [bindings.REDIRECT]
        assert role.signing_certificates == role.encryption_certificates
        assert role.artifact_resolution(0).binding == bindings.SOAP
        assert role.names_keys
        assert role.name_id_formats == ()


@pytest.mark.parametrize(
    ("public_url", "names"),
    [
        ("https://uwv.test", {"", "/"}),
        ("https://uwv.test/a/b", {"", "/", "/b", "/b/", "/a/b", "/a/b/"}),
        ("https://uwv.test/caf%C3%A9", {"", "/", "/caf\xc3\xa9", "/caf\xc3\xa9/"}),
    ],
)
def test_a_server_may_mount_the_end_of_the_path(public_url, names):
    assert script_names(public_url) == names
