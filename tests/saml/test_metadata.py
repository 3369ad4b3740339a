"""Metadata says what was written, and is believed only where the operator signed it."""

import re
from dataclasses import replace

import pytest
import time_machine
from cpu_time import cpu_seconds
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from sloppy import PIXEL

from eilogin.errors import (
    MalformedMessage,
    PeerUnusable,
    PeerWithoutKeys,
    UntrustedSignature,
)
from eilogin.saml.metadata import (
    IDPDISC,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Logo,
    ServiceProvider,
    read_created,
    read_federation,
    read_unsigned,
    trusted_metadata,
    write_entity,
    write_federation,
)
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import MD, METADATA, canonical, parse, q, serialize, validate
from eilogin.saml.signing_keys import load_certificate, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, EncryptionMethod, encrypt
from eilogin.saml.xml_signatures import ENVELOPED, RSA_SHA256, SHA256, sign, signed

NOW = 1_767_268_800.0
TOMORROW = NOW + 86400
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
AES_256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
RSA_OAEP = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
RSA_OAEP_11 = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256 = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
UWV = "https://uwv.example.nl"
HUB = "https://inloggen.example.nl"


@pytest.fixture
def participant(other_key):
    return EntityDescriptor(
        entity_id=f"{UWV}/eilogin/metadata",
        service_provider=ServiceProvider(
            signing_certificates=(other_key.certificate_text,),
            encryption_certificates=(other_key.certificate_text,),
            encryption_methods=(
                EncryptionMethod(AES_256_GCM),
                EncryptionMethod(RSA_OAEP_11, digest=SHA256, mask=MGF1_SHA256),
                EncryptionMethod(RSA_OAEP),
            ),
            digest_methods=(SHA512,),
            signing_methods=("urn:x-test:of-the-role",),
            assertion_consumers=(
                Endpoint(POST, f"{UWV}/eilogin/acs", index=0),
                Endpoint(ARTIFACT, f"{UWV}/eilogin/acs", index=1, is_default=True),
            ),
            single_logouts=(
                Endpoint(REDIRECT, f"{UWV}/eilogin/slo", f"{UWV}/eilogin/slo/done"),
                Endpoint(SOAP, f"{UWV}:8443/eilogin/slo/soap"),
            ),
            name_id_formats=("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",),
            attribute_services=(
                AttributeService(("naam", "urn:oid:2.5.4.42"), frozenset({"naam"})),
                AttributeService(("mail",), index=3, is_default=True),
            ),
            discovery_responses=(Endpoint(IDPDISC, f"{UWV}/eilogin/disc", index=0),),
            authn_requests_signed=True,
            want_assertions_signed=True,
        ),
        names={"nl": "Mijn UWV", "en": "My UWV"},
        descriptions={"nl": "Uw uitkering"},
        information_urls={"nl": "https://www.uwv.example.nl/"},
        keywords={"nl": "werk uitkering ziek+zijn", "en": "work"},
        logos=(
            Logo(f"data:image/png;base64,{PIXEL}", 1, 1),
            Logo("https://www.uwv.example.nl/logo.svg", 80, 40, "nl"),
        ),
        contacts=(
            Contact("technical", "UWV", "beheer@uwv.example.nl", "+31 20 123 45 67"),
            Contact("support"),
            Contact("other", email="vragen@uwv.example.nl"),
        ),
        entity_categories=frozenset({"https://example.nl/b", "https://example.nl/a"}),
        digest_methods=(SHA256,),
        signing_methods=(RSA_SHA256, "urn:x-test:newer"),
        valid_until=TOMORROW,
    )


@pytest.fixture
def hub(hub_key):
    return EntityDescriptor(
        entity_id=f"{HUB}/metadata",
        identity_provider=IdentityProvider(
            signing_certificates=(hub_key.certificate_text,),
            single_sign_ons=(
                Endpoint(REDIRECT, f"{HUB}/sso"),
                Endpoint(POST, f"{HUB}/sso"),
            ),
            single_logouts=(Endpoint(REDIRECT, f"{HUB}/slo"),),
            artifact_resolutions=(Endpoint(SOAP, f"{HUB}/artifact", index=0),),
            want_authn_requests_signed=True,
            names_keys=True,
        ),
        supported_categories=frozenset({"https://example.nl/a"}),
    )


@pytest.fixture
def hub_that_takes_reports(hub):
    there = (Endpoint(SOAP, f"{HUB}/activity"),)
    role = replace(hub.identity_provider, activity_services=there)
    return replace(hub, identity_provider=role)


def test_says_where_reports_of_activity_go(hub_that_takes_reports, hub_key, read):
    octets = write_entity(hub_that_takes_reports, hub_key)
    assert read(octets).entities == (hub_that_takes_reports,)


def test_reports_of_activity_go_over_https_and_by_soap(
    hub_that_takes_reports, read_edited
):
    hub, name = hub_that_takes_reports, q("act:ActivityService")

    def plain(root):
        next(root.iter(name)).set("Location", "http://inloggen.example.nl/activity")

    def by_post(root):
        next(root.iter(name)).set("Binding", POST)

    with pytest.raises(PeerUnusable, match="ActivityService"):
        read_edited(plain, hub)
    found = read_edited(by_post, hub)
    assert found.identity_provider.activity_service is None


def signed_by(key):
    """Octets of a message that this key has signed."""
    message = etree.Element(q("samlp:LogoutRequest"), ID="_q")
    sign(message, key)
    return serialize(message)


def _role(root):
    return root.find(q("md:SPSSODescriptor"))


@pytest.fixture
def read(hub_key):
    """Read what the operator signed; here the operator has the hub's key."""

    def read(octets, **options):
        return read_federation(octets, [hub_key.public], **options)

    return read


@pytest.fixture
def read_edited(hub_key, read, participant):
    """Read a participant's metadata that the operator changed before signing."""

    def read_edited(edit, descriptor=participant, **options):
        root = parse(write_entity(descriptor), METADATA)
        edit(root)
        root.set("ID", "_signed")
        sign(root, hub_key)
        (entity,) = read(serialize(root), **options).entities
        return entity

    return read_edited


class TestAnEntity:
    @pytest.mark.parametrize("which", ["participant", "hub"])
    def test_is_valid_by_the_schema(self, which, request, other_key):
        descriptor = request.getfixturevalue(which)
        for key in (None, other_key):
            validate(parse(write_entity(descriptor, key)), "metadata")

    @pytest.mark.parametrize("which", ["participant", "hub"])
    def test_that_signs_for_itself_can_be_read(self, which, request, other_key):
        descriptor = request.getfixturevalue(which)
        octets = write_entity(descriptor, other_key)
        read = read_federation(octets, [other_key.public])
        assert read.entities == (descriptor,)

    def test_with_both_roles_is_read_back(self, participant, hub, hub_key, read):
        both = replace(participant, identity_provider=hub.identity_provider)
        assert read(write_entity(both, hub_key)).entities == (both,)

    def test_without_a_role_of_ours_is_read_without_one(self, read_edited):
        def change_protocol(root):
            _role(root).set("protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1")

        entity = read_edited(change_protocol)
        assert entity.service_provider is None
        assert entity.names == {}

    def test_may_support_other_protocols_too(self, read_edited, participant):
        def add_protocol(root):
            mine = _role(root).get("protocolSupportEnumeration")
            _role(root).set("protocolSupportEnumeration", f"urn:x-other {mine}")

        assert read_edited(add_protocol) == participant

    def test_may_ask_for_no_attributes(self, participant, hub_key, read):
        role = replace(
            participant.service_provider,
            attribute_services=(),
        )
        modest = replace(participant, service_provider=role)
        assert read(write_entity(modest, hub_key)).entities == (modest,)

    def test_needs_no_name_for_the_attributes_that_it_asks_for(
        self, participant, hub_key, read
    ):
        about = {"descriptions": {}, "information_urls": {}, "keywords": {}}
        nameless = replace(participant, names={}, contacts=(), logos=(), **about)
        octets = write_entity(nameless, hub_key)
        validate(parse(octets), "metadata")
        assert read(octets).entities == (nameless,)

    def test_needs_no_extensions(self, hub, hub_key, read):
        bare = replace(hub, supported_categories=frozenset())
        octets = write_entity(bare, hub_key)
        assert b"Extensions" not in octets
        assert read(octets).entities == (bare,)

    def test_says_what_people_want_to_know_in_the_order_of_its_schema(
        self, participant
    ):
        octets = write_entity(participant)
        validate(parse(octets), "publication")
        [about, *_] = parse(octets).iter(q("mdui:UIInfo"))
        found = dict.fromkeys(etree.QName(one).localname for one in about)
        order = "DisplayName Description Keywords InformationURL Logo"
        assert " ".join(found) == order

    def test_has_names_on_one_line_however_they_were_indented(self, read_edited):
        def indent(root):
            next(root.iter(q("mdui:DisplayName"))).text = "\n   Mijn\n   UWV\n"

        assert read_edited(indent).name("nl") == "Mijn UWV"

    def test_has_certificates_in_one_line_however_they_were_broken(
        self, read_edited, participant
    ):
        def break_lines(root):
            for element in root.iter(q("ds:X509Certificate")):
                text = element.text
                element.text = f"\n\t{text[:64]}\r\n\t{text[64:]}\n"

        assert read_edited(break_lines) == participant

    def test_has_keys_for_both_uses_where_none_is_named(self, read_edited, other_key):
        def drop_uses(root):
            keys = list(root.iter(q("md:KeyDescriptor")))
            keys[1].getparent().remove(keys[1])
            del keys[0].attrib["use"]

        role = read_edited(drop_uses).service_provider
        assert role.signing_certificates == (other_key.certificate_text,)
        assert role.encryption_certificates == (other_key.certificate_text,)
        signed(parse(signed_by(other_key)), role.keys)
        (key,) = role.encryption_keys
        sealed = encrypt(parse(b"<secret/>"), "saml:EncryptedID", key)
        assert Decrypter([other_key.private]).open(sealed).tag == "secret"

    def test_has_its_public_keys_at_hand(self, participant, other_key):
        role = participant.service_provider
        for (key,) in (role.keys, role.encryption_keys):
            assert key.public_numbers() == other_key.public.public_numbers()

    def test_names_its_keys_as_digid_does(self, hub, hub_key):
        root = parse(write_entity(hub))
        named = root.find(f".//{q('ds:KeyInfo')}")
        digest = hub_key.certificate.fingerprint(SHA1())  # noqa: S303 - DigiD's
        assert named[0].tag == q("ds:KeyName")
        assert named[0].text == digest.hex()

    @pytest.mark.parametrize("text", ["another", ""])
    def test_names_its_keys_in_another_way_or_not(self, read_edited, hub, text):
        def rename(root):
            next(root.iter(q("ds:KeyName"))).text = text

        assert read_edited(rename, hub).identity_provider.names_keys is False

    def test_says_which_names_of_attributes_are_uris(self, participant):
        root = parse(write_entity(participant))
        formats = {
            element.get("Name"): element.get("NameFormat")
            for element in root.iter(q("md:RequestedAttribute"))
        }
        uri = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
        assert formats == {"naam": None, "urn:oid:2.5.4.42": uri, "mail": None}

    @pytest.mark.parametrize(("text", "flag"), [("1", True), ("0", False)])
    def test_may_spell_flags_as_digits(self, read_edited, text, flag):
        def respell(root):
            _role(root).set("AuthnRequestsSigned", text)
            next(root.iter(q("md:AssertionConsumerService"))).set("isDefault", text)

        role = read_edited(respell).service_provider
        assert role.authn_requests_signed is flag
        assert role.assertion_consumers[0].is_default is flag


class TestLookingUp:
    @pytest.mark.parametrize(
        ("language", "name", "description", "url"),
        [
            ("nl", "Mijn UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
            ("en", "My UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
            ("fy", "My UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
        ],
    )
    def test_a_text_falls_back_to_another_language(
        self, participant, language, name, description, url
    ):
        assert participant.name(language) == name
        assert participant.description(language) == description
        assert participant.description_language(language) == "nl"
        assert participant.information_url(language) == url

    def test_a_nameless_entity_has_its_entity_id_for_a_name(self, hub):
        assert hub.name("nl") == hub.entity_id
        assert hub.description("nl") == ""
        assert hub.description_language("nl") == ""
        assert hub.information_url("nl") == ""

    def test_an_endpoint_is_found_by_its_binding(self, participant, hub):
        logout = participant.service_provider.single_logout(SOAP)
        assert logout.location == f"{UWV}:8443/eilogin/slo/soap"
        assert participant.service_provider.single_logout(POST) is None
        assert hub.identity_provider.single_sign_on(POST).binding == POST
        assert hub.identity_provider.single_sign_on(SOAP) is None

    def test_a_resolver_is_found_by_its_index(self, hub):
        assert hub.identity_provider.artifact_resolution(0).binding == SOAP

    def test_a_resolver_of_an_index_that_is_not_there_is_the_default_one(self, hub):
        """As of pysaml2, which writes the digits of its index."""
        one = Endpoint(SOAP, f"{HUB}/one", index=1)
        two = Endpoint(SOAP, f"{HUB}/two", index=2, is_default=True)
        old = Endpoint(
            "urn:oasis:names:tc:SAML:1.0:bindings:SOAP-binding", HUB, index=3
        )
        role = replace(hub.identity_provider, artifact_resolutions=(old, one, two))
        assert role.artifact_resolution(1) == one
        assert role.artifact_resolution(12336) == two
        # Not over SOAP 2.0, so no use to us.
        assert role.artifact_resolution(3) == two
        role = replace(role, artifact_resolutions=(old,))
        assert role.artifact_resolution(3) is None

    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            pytest.param({}, 1, id="default"),
            pytest.param({"index": 0}, 0, id="index"),
            pytest.param({"index": 1}, 1, id="index-1"),
            pytest.param({"url": f"{UWV}/eilogin/acs"}, 1, id="url"),
            pytest.param(
                {"url": f"{UWV}/eilogin/acs", "binding": POST}, 0, id="url-and-binding"
            ),
            pytest.param({"binding": POST}, 0, id="binding"),
            pytest.param({"index": 2}, None, id="no-such-index"),
            pytest.param({"index": 0, "binding": ARTIFACT}, None, id="other-binding"),
            pytest.param({"url": f"{UWV}/eilogin/acs/"}, None, id="other-url"),
            pytest.param({"url": UWV}, None, id="prefix"),
        ],
    )
    def test_a_consumer_is_found_exactly(self, participant, wanted, index):
        found = participant.service_provider.consumer(**wanted)
        assert (found and found.index) == index

    @pytest.mark.parametrize(
        ("said", "index"),
        [
            pytest.param((False, None, None), 1, id="first-that-is-not-none"),
            pytest.param((False, False), 0, id="first"),
            pytest.param((None, True, True), 1, id="first-default"),
            pytest.param((), None, id="none"),
        ],
    )
    def test_the_default_consumer_is_that_of_the_standard(self, said, index):
        role = ServiceProvider(
            assertion_consumers=tuple(
                Endpoint(POST, f"{UWV}/{number}", index=number, is_default=is_default)
                for number, is_default in enumerate(said)
            )
        )
        found = role.consumer()
        assert (found and found.index) == index


class TestAFederation:
    def _write(self, descriptors, key, **changes):
        facts = {"name": "Voorbeeld", "valid_until": TOMORROW + 1, **changes}
        with time_machine.travel(NOW, tick=False):
            return write_federation(descriptors, key=key, **facts)

    def test_is_read_back_with_all_its_members(self, participant, hub, hub_key, read):
        octets = self._write([hub, participant], hub_key)
        validate(parse(octets, METADATA), "metadata")
        federation = read(octets)
        hub_until = replace(hub, valid_until=TOMORROW + 1)
        assert federation.entities == (hub_until, participant)
        assert federation.name == "Voorbeeld"
        assert federation.valid_until == TOMORROW + 1
        assert federation.created == NOW
        assert federation.is_aggregate
        assert federation.remarks == ()
        assert federation.left_out == {}

    def test_of_one_entity_has_no_name_and_no_age(self, hub, hub_key, read):
        federation = read(write_entity(hub, hub_key))
        assert federation.name == ""
        assert federation.created is None
        assert federation.valid_until is None

    def _registered(self, element, authority):
        extensions = element.find(q("md:Extensions"))
        if extensions is None:
            extensions = etree.Element(q("md:Extensions"))
            element.insert(0, extensions)
        info = etree.SubElement(extensions, REGISTRATION_INFO)
        info.set("registrationAuthority", authority)

    def test_says_who_took_a_member_in_or_the_group_that_it_is_in(
        self, participant, hub, hub_key
    ):
        outer = parse(self._write([hub, participant], hub_key), METADATA)
        outer.remove(outer.find(q("ds:Signature")))
        assert {e.registrar for e in read_unsigned(serialize(outer)).entities} == {""}
        inner = etree.SubElement(outer, q("md:EntitiesDescriptor"))
        inner.extend(outer.findall(q("md:EntityDescriptor"))[1:])
        self._registered(outer, "https://outer.test")
        found = {
            e.entity_id: e.registrar for e in read_unsigned(serialize(outer)).entities
        }
        assert found == {hub.entity_id: "https://outer.test"} | {
            participant.entity_id: "https://outer.test"
        }
        self._registered(inner, " https://inner.test\n")
        self._registered(outer.find(q("md:EntityDescriptor")), "https://own.test")
        found = {
            e.entity_id: e.registrar for e in read_unsigned(serialize(outer)).entities
        }
        assert found == {hub.entity_id: "https://own.test"} | {
            participant.entity_id: "https://inner.test"
        }

    def test_says_that_of_who_is_left_out_too(self, participant, hub, hub_key):
        bare = replace(participant.service_provider, signing_certificates=())
        lost = replace(
            participant, service_provider=bare, entity_categories=frozenset({"urn:x"})
        )
        outer = parse(self._write([hub, lost], hub_key), METADATA)
        outer.remove(outer.find(q("ds:Signature")))
        self._registered(outer, "https://outer.test")
        error = read_unsigned(serialize(outer)).left_out[participant.entity_id]
        assert error.registrar == "https://outer.test"
        assert error.categories == {"urn:x"}
        assert not error.is_hub

    def test_says_its_id_and_how_soon_to_ask_again(self, hub, hub_key):
        outer = parse(self._write([hub], hub_key), METADATA)
        outer.remove(outer.find(q("ds:Signature")))
        assert read_unsigned(serialize(outer)).id == outer.get("ID")
        assert read_unsigned(serialize(outer)).cache_duration is None
        inner = etree.SubElement(outer, q("md:EntitiesDescriptor"))
        etree.SubElement(inner, q("md:EntitiesDescriptor")).append(outer[-2])
        outer.set("cacheDuration", "P1DT2H")
        assert read_unsigned(serialize(outer)).cache_duration == 26 * 3600
        inner[0].set("cacheDuration", "PT30M")
        inner.set("cacheDuration", "-PT1M")
        assert read_unsigned(serialize(outer)).cache_duration == 1800

    def test_may_be_nested_and_lasts_as_long_as_what_is_around_it(
        self, participant, hub, hub_key, read
    ):
        outer = parse(self._write([hub], hub_key), METADATA)
        outer.remove(outer.find(q("ds:Signature")))
        inner = etree.SubElement(outer, q("md:EntitiesDescriptor"))
        inner.set("validUntil", "2026-01-01T13:00:00Z")
        inner.append(parse(write_entity(participant), METADATA))
        sign(outer, hub_key)
        ends = {e.entity_id: e.valid_until for e in read(serialize(outer)).entities}
        assert ends == {
            hub.entity_id: TOMORROW + 1,
            participant.entity_id: NOW + 3600,
        }

    def test_takes_the_end_of_a_role_for_that_of_its_entity(self, read_edited):
        def end(root):
            _role(root).set("validUntil", "2026-01-01T13:00:00Z")

        entity = read_edited(end)
        assert entity.valid_until == NOW + 3600

    def test_with_extensions_of_others_has_no_age(self, hub_key, hub, read):
        bare = replace(hub, supported_categories=frozenset())
        root = parse(write_entity(bare), METADATA)
        extensions = etree.Element(q("md:Extensions"))
        etree.SubElement(extensions, "{urn:x-test}Anything")
        root.insert(0, extensions)
        root.set("ID", "_signed")
        sign(root, hub_key)
        assert read(serialize(root)).created is None

    def test_of_thousands_of_members_is_read(self, participant, hub_key, read):
        many = [replace(participant, entity_id=f"{UWV}/{n}") for n in range(3000)]
        octets = self._write(many, hub_key)
        assert len(octets) > 10 * 1024 * 1024
        assert len(read(octets).entities) == len(many)

    @pytest.mark.parametrize("names", ["hub one one", "one hub one", "one hub two"])
    def test_uses_none_of_several_members_of_one_entity_id(
        self, participant, hub, hub_key, read, names
    ):
        """Also where one of them has other keys: nobody could tell which is meant."""
        role = replace(
            participant.service_provider,
            signing_certificates=(hub_key.certificate_text,),
        )
        two = replace(participant, service_provider=role)
        known = {"hub": hub, "one": participant, "two": two}
        members = [known[name] for name in [*names.split(), "one"]]
        found = read(self._write(members, hub_key))
        assert [one.entity_id for one in found.entities] == [hub.entity_id]
        error = found.left_out[participant.entity_id]
        assert re.search(r"uwv\.example\.nl.*occurs [23] times", str(error))
        assert len(error.alternatives) > 1
        assert not error.is_hub

    @pytest.mark.parametrize("is_first", [True, False])
    def test_that_has_its_hub_twice_has_lost_it(
        self, participant, hub, hub_key, read, is_first
    ):
        """Also where the second one is no hub."""
        second = replace(participant, entity_id=hub.entity_id)
        twice = [hub, second] if is_first else [second, hub]
        found = read(self._write([*twice, participant], hub_key))
        assert [one.entity_id for one in found.entities] == [participant.entity_id]
        assert found.left_out[hub.entity_id].is_hub

    def test_is_not_believed_unsigned(self, participant, read):
        with pytest.raises(UntrustedSignature):
            read(write_entity(participant))

    def test_is_not_believed_of_another_key(self, participant, other_key, read):
        with pytest.raises(UntrustedSignature):
            read(self._write([participant], other_key))

    def test_is_not_believed_when_it_was_changed(self, participant, hub_key, read):
        octets = self._write([participant], hub_key)
        with pytest.raises(UntrustedSignature):
            read(octets.replace(b"Mijn UWV", b"Mijn BSN"))

    def test_is_not_believed_by_a_member_that_the_operator_signed(
        self, participant, hub, hub_key, read
    ):
        """An aggregate of the attacker's own around one truly signed entity."""
        inner = parse(write_entity(participant, hub_key), METADATA)
        outer = etree.Element(q("md:EntitiesDescriptor"), ID="_evil")
        outer.append(inner)
        outer.append(parse(write_entity(hub), METADATA))
        with pytest.raises(UntrustedSignature):
            read(serialize(outer))

    def test_is_refused_for_an_odd_transform_before_anything_is_computed(
        self, participant, hub_key, read, monkeypatch
    ):
        def must_not_be_called(*arguments):
            raise AssertionError("called")

        monkeypatch.setattr(
            "eilogin.saml.metadata.trusted_metadata.signed", must_not_be_called
        )
        octets = self._write([participant], hub_key)
        xslt = b"http://www.w3.org/TR/1999/REC-xslt-19991116"
        with pytest.raises(MalformedMessage):
            read(octets.replace(ENVELOPED.encode(), xslt))

    @pytest.mark.parametrize(
        "octets",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"<html/>", id="html"),
            pytest.param(b"<!DOCTYPE a []><a/>", id="doctype"),
            pytest.param(b"not found", id="text"),
        ],
    )
    def test_is_not_read_from_something_else(self, octets, read):
        with pytest.raises(MalformedMessage):
            read(octets)

    def test_is_not_read_from_another_signed_document(self, hub_key, read):
        """Valid by the schema and signed by the operator, but no member of anything."""
        root = etree.Element(q("md:AffiliationDescriptor"), ID="_a")
        root.set("affiliationOwnerID", UWV)
        etree.SubElement(root, q("md:AffiliateMember")).text = UWV
        sign(root, hub_key)
        with pytest.raises(MalformedMessage):
            read(serialize(root))


def _drop_signing_key(root):
    key = next(root.iter(q("md:KeyDescriptor")))
    key.getparent().remove(key)


def _break_certificate(root):
    next(root.iter(q("ds:X509Certificate"))).text = "AAAA"


def _empty_certificate(root):
    next(root.iter(q("ds:X509Certificate"))).text = None


def _name_key_only(root):
    for data in list(root.iter(q("ds:X509Data"))):
        data.addprevious(etree.Element(q("ds:KeyName")))
        data.getparent().remove(data)


def _double_role(root):
    copy = parse(serialize(_role(root)), METADATA)
    _role(root).addnext(copy)


def _end_locally(root):
    root.set("validUntil", "2026-01-01T13:00:00+01:00")


class TestWhatNobodyVouchesFor:
    def test_is_read_where_that_is_wanted(self, participant, hub, other_key):
        for key in (None, other_key):
            octets = write_entity(participant, key)
            assert read_unsigned(octets).entities == (participant,)
        assert not read_unsigned(write_entity(hub)).is_aggregate

    @pytest.mark.parametrize(
        "change",
        [
            (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
            (SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"),
            (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
            ('URI="#', 'URI="" Id="'),
            ("<ds:SignedInfo>", "<ds:SignedInfo><ds:Object/>"),
        ],
    )
    @pytest.mark.parametrize("is_alone", [True, False])
    def test_is_not_judged_by_a_signature_that_nobody_looks_at(
        self, hub, other_key, change, is_alone
    ):
        octets = (
            write_entity(hub, other_key)
            if is_alone
            else write_federation([hub], name="", valid_until=TOMORROW, key=other_key)
        )
        changed = octets.replace(*(one.encode() for one in change))
        assert changed != octets
        found = read_unsigned(changed)
        assert [one.entity_id for one in found.entities] == [hub.entity_id]
        assert found.remarks == ()
        with pytest.raises((UntrustedSignature, MalformedMessage)):
            read_federation(changed, [other_key.public])

    @pytest.mark.parametrize(
        "odd",
        [
            b"<!DOCTYPE a []>%b",
            b"<?xml-stylesheet href='x'?>%b",
            b"%b<!-- \xff -->",
            b'<x xmlns="urn:x">%b</x>',
        ],
    )
    def test_is_no_less_safe_as_xml(self, participant, other_key, odd):
        with pytest.raises(MalformedMessage):
            read_unsigned(odd % write_entity(participant, other_key))


class TestAnEntityThatCannotBeUsed:
    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param(_drop_signing_key, id="encryption-key-only"),
            pytest.param(_name_key_only, id="key-by-name-only"),
            pytest.param(_break_certificate, id="bad-certificate"),
            pytest.param(_empty_certificate, id="empty-certificate"),
            pytest.param(_double_role, id="role-twice"),
            pytest.param(_end_locally, id="end-in-another-zone"),
        ],
    )
    def test_is_refused_by_its_name(self, read_edited, edit):
        with pytest.raises(PeerUnusable, match=r"entity 'https://uwv\.example"):
            read_edited(edit)

    @pytest.mark.parametrize(
        ("edit", "found"),
        [
            (_drop_signing_key, "found none"),
            (_name_key_only, "found none"),
            (_break_certificate, "eilogin cannot read a certificate"),
        ],
    )
    def test_without_a_key_says_what_it_should_have(self, read_edited, edit, found):
        told = f"{found}.*2048 bits or more, or for an elliptic key. Ask"
        with pytest.raises(PeerWithoutKeys, match=told):
            read_edited(edit)

    def test_with_a_small_key_says_how_small(self, hub, hub_key, read):
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
        _, pem = new_key_pair("small", private=small)
        der = load_certificate(pem).public_bytes(Encoding.DER)
        role = replace(hub.identity_provider, signing_certificates=(to_base64(der),))
        octets = write_federation(
            [replace(hub, identity_provider=role)],
            name="",
            valid_until=TOMORROW,
            key=hub_key,
        )
        with pytest.raises(
            PeerWithoutKeys,
            match=r"usable signing certificate: .* RSA key of 1024 bits",
        ):
            read(octets)

    def test_is_left_out_and_the_others_are_there(
        self, participant, hub, hub_key, read
    ):
        bad = replace(hub.identity_provider, signing_certificates=())
        octets = write_federation(
            [replace(hub, identity_provider=bad), participant],
            name="",
            valid_until=TOMORROW,
            key=hub_key,
        )
        found = read(octets)
        assert found.entities == (participant,)
        assert found.left_out.keys() == {hub.entity_id}
        assert found.left_out[hub.entity_id].code == "peer-without-keys"

    def test_has_no_other_one_used_in_its_place(self, hub, hub_key, read):
        bad = replace(hub.identity_provider, signing_certificates=())
        bad_hub = replace(hub, identity_provider=bad)
        octets = write_federation(
            [bad_hub, hub], name="", valid_until=TOMORROW, key=hub_key
        )
        with pytest.raises(PeerUnusable, match="occurs 2 times"):
            read(octets)

    @pytest.mark.parametrize("place", ["Location", "ResponseLocation"])
    @pytest.mark.parametrize(
        "address",
        [
            "http://uwv.example.nl/slo",
            "http://localhost.evil.test/slo",
            "http://127.0.0.1@evil.test/slo",
            "https://user@uwv.example.nl/slo",
            "https://uwv.example.nl/slo#fragment",
            "https://uwv.example.nl/slo#",
            "https://uwv.example.nl\\@evil.test/",
            "https:///slo",
            # What no Content-Security-Policy can name would break the page for all.
            "https://uwv,example.nl/slo",
            "https://*.example.nl/slo",
            "https://[fe80::1%25eth0]/slo",
            # What systems take for an address of IPv4, here 127.0.0.1 and 0.0.0.0.
            "https://2130706433/slo",
            "https://0x7f000001/slo",
            "https://0X7f.0x1./slo",
            "https://0177.0.0.1/slo",
            "https://127.1/slo",
            "https://127.0.0.0x1/slo",
            "https://0/slo",
            "https://[1:2]/slo",
            # Wider than loopback is for https only.
            "http://0.0.0.0/slo",
            "http://ip6-localhost/slo",
            "https://",
            "https://[::1/slo",
            "https://uwv.example.nl:port/",
            "https://uwv.example.nl:99999/",
            "https://uwv.example.nl:0/",
            "https://uwv.example.nl/a b",
            "HTTPS://uwv.example.nl/slo",
            "/slo",
            "//uwv.example.nl/slo",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://uwv.example.nl/slo\r\nSet-Cookie: a=b",
        ],
    )
    def test_is_refused_for_an_address_that_nobody_may_be_sent_to(
        self, read_edited, place, address
    ):
        def readdress(root):
            for service in root.iter(q("md:SingleLogoutService")):
                service.set(place, address)

        # Some of these are against the schema too.
        with pytest.raises((PeerUnusable, MalformedMessage)):
            read_edited(readdress)

    @pytest.mark.parametrize(
        "address",
        [
            "https://uwv.example.nl/slo?a=b",
            "https://[2001:db8::1]/slo",
            "https://192.0.2.1/slo",
            "https://[::ffff:192.0.2.1]/slo",
            "https://0xcafe.example.nl/slo",
            "https://127.0.0.1.example.nl/slo",
            "https://cafe/slo",
        ],
    )
    def test_is_not_one_with_a_safe_address(self, read_edited, address):
        def readdress(root):
            next(root.iter(q("md:SingleLogoutService"))).set("Location", address)

        role = read_edited(readdress).service_provider
        assert role.single_logouts[0].location == address

    @pytest.mark.parametrize("place", ["Location", "ResponseLocation"])
    @pytest.mark.parametrize(
        "address",
        [
            "http://uwv.localhost:8080/slo",
            "http://127.0.0.1:8500/v1/agent/leave",
            "http://[::1]:8080/slo",
            "https://LOCALHOST./slo",
            "https://127.0.0.1/slo",
            "https://127.0.0.1./slo",
            "https://0.0.0.0/slo",
            "https://[::]:8500/slo",
            "https://[0:0:0:0:0:0:0:1]/slo",
            "https://[::ffff:127.0.0.1]/slo",
            "https://[::ffff:0:0]/slo",
            "https://ip6-localhost/slo",
            "https://LOCALHOST.localdomain./slo",
        ],
    )
    def test_may_be_on_this_machine_only_where_that_is_said(
        self, read_edited, place, address
    ):
        def readdress(root):
            for service in root.iter(q("md:SingleLogoutService")):
                service.set(place, address)

        told = rf"'{UWV}/.*this machine \(loopback\), but neither 'public_url'.*"
        with pytest.raises(PeerUnusable, match=told + re.escape(repr(address))):
            read_edited(readdress)
        role = read_edited(readdress, on_loopback=True).service_provider
        (logout, *_) = role.single_logouts
        assert address in (logout.location, logout.response_location)

    def test_is_not_one_whose_address_here_is_of_a_binding_that_nobody_speaks(
        self, participant
    ):
        root = parse(write_entity(participant), METADATA)
        first = next(root.iter(q("md:SingleLogoutService")))
        first.set("Binding", "urn:x:other")
        first.set("Location", "http://localhost/slo")
        found = read_unsigned(serialize(root))
        (entity,) = found.entities
        before = participant.service_provider.single_logouts
        assert entity.service_provider.single_logouts == before[1:]
        assert "eilogin skips a SingleLogoutService" in found.remarks[0]

    @pytest.mark.parametrize("link", ["javascript:alert(1)", "www.uwv.example.nl", ""])
    def test_is_not_one_whose_link_is_none_but_the_link_is_gone(
        self, participant, link
    ):
        root = parse(write_entity(participant), METADATA)
        next(root.iter(q("mdui:InformationURL"))).text = link
        found = read_unsigned(serialize(root))
        assert found.entities[0].information_url("nl") == ""
        assert "InformationURL" in found.remarks[0]

    def test_may_link_to_a_page_over_http(self, read_edited):
        def relink(root):
            next(root.iter(q("mdui:InformationURL"))).text = "http://www.example.nl/"

        assert read_edited(relink).information_url("nl") == "http://www.example.nl/"


def _signed_with_edit(members, key, edit):
    """A federation in which the operator signed what ``edit`` made of a member."""
    facts = {"name": "Voorbeeld", "valid_until": TOMORROW, "key": key}
    root = parse(write_federation(members, **facts), METADATA)
    root.remove(root.find(q("ds:Signature")))
    edit(root)
    sign(root, key)
    return serialize(root)


class TestAMemberThatIsNotValid:
    """It is left out, and the others are there."""

    @pytest.fixture(autouse=True, params=[1 << 30, 0], ids=["small", "large"])
    def large(self, request, monkeypatch):
        """What is large is read in pieces: here a member each."""
        monkeypatch.setattr(trusted_metadata, "_LARGE", request.param)
        monkeypatch.setattr(trusted_metadata, "_PIECE", 1)

    @pytest.fixture
    def read_with(self, hub, participant, hub_key, read):
        def read_with(edit, *more):
            def edit_member(root):
                edit(root.findall(q("md:EntityDescriptor"))[1])

            members = [hub, participant, *more]
            return read(_signed_with_edit(members, hub_key, edit_member))

        return read_with

    @pytest.mark.parametrize(
        ("entity_id", "told"),
        [
            ("", "entity '': its entityID is empty"),
            ("x" * 1025, "entity 'xxx"),
            ("https://uwv.example.nl/ x", r"entity 'https://uwv\.example\.nl/ x': its"),
            ("https://gemeente.example/é", r"example/\\xe9': its entityID is"),
            ("https://a.nl/\x9b31m\u2028", r"a\.nl/\\x9b31m\\u2028': its entityID"),
        ],
    )
    def test_for_its_entity_id(self, read_with, hub, entity_id, told):
        found = read_with(lambda member: member.set("entityID", entity_id))
        assert [e.entity_id for e in found.entities] == [hub.entity_id]
        assert found.left_out.keys() == {entity_id}
        assert re.search(told, str(found.left_out[entity_id]))
        assert str(found.left_out[entity_id]).isprintable()
        assert len(str(found.left_out[entity_id])) < 400

    def test_is_looked_at_only_where_the_operator_has_signed(
        self, participant, other_key, read
    ):
        """To look at each by itself takes long."""

        def edit(root):
            root.find(q("md:EntityDescriptor")).set("ID", "no ID")

        with pytest.raises(UntrustedSignature):
            read(_signed_with_edit([participant], other_key, edit))

    @pytest.mark.parametrize("around", [" {}", "{}\n", "\t{} "])
    def test_has_white_space_around_its_entity_id_for_nothing(
        self, read_with, participant, around
    ):
        said = around.format(participant.entity_id)
        found = read_with(lambda member: member.set("entityID", said))
        assert [e.entity_id for e in found.entities][1] == participant.entity_id
        assert found.left_out == {}

    @pytest.mark.parametrize("is_first", [True, False])
    def test_that_is_another_but_for_white_space(
        self, read_with, hub, participant, is_first
    ):
        """Who gets such a one into the metadata shuts nobody out by it."""
        other = replace(participant, entity_id=f"{UWV}/other")
        taken = other.entity_id if is_first else hub.entity_id
        found = read_with(lambda member: member.set("entityID", f" {taken}"), other)
        names = [e.entity_id for e in found.entities]
        assert names == [hub.entity_id, other.entity_id]
        assert "another entity has the same entityID" in str(
            found.left_out[f" {taken}"]
        )

    def test_that_is_another_which_has_white_space_too(
        self, hub, participant, hub_key, read
    ):
        def rename(root):
            _, second, third = root.iter(q("md:EntityDescriptor"))
            second.set("entityID", f" {UWV}/x")
            third.set("entityID", f"{UWV}/x ")

        members = [hub, participant, replace(participant, entity_id=f"{UWV}/2")]
        found = read(_signed_with_edit(members, hub_key, rename))
        assert [e.entity_id for e in found.entities] == [hub.entity_id, f"{UWV}/x"]
        assert found.left_out.keys() == {f"{UWV}/x "}

    def test_by_the_schema(self, read_with, hub, participant):
        found = read_with(lambda member: _role(member).set("foo", "b\x9bar\u2028"))
        assert [e.entity_id for e in found.entities] == [hub.entity_id]
        told = str(found.left_out[participant.entity_id])
        start = f"entity '{participant.entity_id}': the XML is not valid by its schema"
        assert told.startswith(start)
        assert "Element 'md:SPSSODescriptor', attribute 'foo'" in told
        assert "'foo' is not allowed" in told
        assert told.isprintable()

    def test_by_the_schema_shows_no_character_that_controls(self, read_with):
        found = read_with(lambda member: member.set("validUntil", "\x9b31m\x85x"))
        (error,) = found.left_out.values()
        assert "31m x' is not a valid" in str(error)
        assert str(error).isprintable()

    def test_may_be_all_that_there_is_in_a_group(self, hub, participant, hub_key, read):
        def group(root):
            member = root.findall(q("md:EntityDescriptor"))[1]
            etree.SubElement(root, q("md:EntitiesDescriptor")).append(member)
            member.set("foo", "bar")

        found = read(_signed_with_edit([hub, participant], hub_key, group))
        assert [e.entity_id for e in found.entities] == [hub.entity_id]
        assert found.left_out.keys() == {participant.entity_id}

    def test_may_not_be_all_of_them(self, hub, participant, hub_key, read):
        def spoil(root):
            for member in root.iter(q("md:EntityDescriptor")):
                member.set("foo", "bar")

        told = rf"entity '{HUB}/metadata': the XML is not valid by its schema"
        with pytest.raises(PeerUnusable, match=told):
            read(_signed_with_edit([hub, participant], hub_key, spoil))

    def test_is_not_what_is_around_them(self, hub, participant, hub_key, read):
        def spoil(root):
            root.set("foo", "bar")
            root.find(q("md:EntityDescriptor")).set("foo", "bar")

        with pytest.raises(MalformedMessage, match=r"not valid by its schema.*line"):
            read(_signed_with_edit([hub, participant], hub_key, spoil))

    def test_alone_is_told_as_a_document_that_is_not_valid(
        self, participant, hub_key, read
    ):
        root = parse(write_entity(participant, hub_key), METADATA)
        root.remove(root.find(q("ds:Signature")))
        root.set("foo", "")
        sign(root, hub_key)
        with pytest.raises(MalformedMessage, match="not valid by its schema"):
            read(serialize(root))

    def test_costs_nothing_where_nobody_has_signed_it(self, read):
        """Of fifty thousand faults the schema would tell one by one, for minutes."""
        members = b"<EntityDescriptor/>" * 50_000
        octets = b'<EntitiesDescriptor xmlns="%b">%b</EntitiesDescriptor>'

        def refuse():
            with pytest.raises(UntrustedSignature):
                read(octets % (MD.encode(), members))

        assert cpu_seconds(refuse, tries=2) < 5

    def test_is_left_out_only_of_what_the_operator_signed(
        self, hub, participant, hub_key, other_key, read
    ):
        def spoil(root):
            root.find(q("md:EntityDescriptor")).set("foo", "bar")

        with pytest.raises(UntrustedSignature):
            read(_signed_with_edit([hub, participant], other_key, spoil))


class TestWhatAMemberCannotDoToAnother:
    """Whatever an honest operator takes over from it, the others are there."""

    EVIL = "https://aaa.example.nl"

    @pytest.fixture
    def evil(self, participant):
        return replace(participant, entity_id=self.EVIL)

    @pytest.fixture
    def read_of(self, evil, hub, participant, hub_key, read):
        """The entityIDs in what the operator signed, and who is left out."""
        known = {"evil": evil, "hub": hub, "participant": participant}

        def read_of(edit, names="evil hub"):
            members = [known[name] for name in names.split()]
            found = read(_signed_with_edit(members, hub_key, edit))
            ids = {one.entity_id: name for name, one in known.items()}
            return " ".join(ids[e.entity_id] for e in found.entities), found.left_out

        return read_of

    @pytest.mark.parametrize(
        ("where", "name"),
        [
            ("md:EntityDescriptor", "ID"),
            ("md:IDPSSODescriptor", "ID"),
            ("ds:KeyInfo", "Id"),
        ],
    )
    def test_by_having_the_same_id(self, hub, read_of, where, name):
        def clash(root):
            for member in root.iterchildren(q("md:EntityDescriptor")):
                if member.get("entityID") == hub.entity_id:
                    next(member.iter(q(where))).set(name, "_hub")
                if member.get("entityID") == self.EVIL:
                    _role(member).set("ID", "_hub")

        for names in ("evil hub participant", "hub participant evil"):
            assert read_of(clash, names) == (names, {})

    def test_by_having_the_same_id_twice_itself(self, read_of):
        def repeat(root):
            for key in root.iter(q("ds:KeyInfo")):
                key.set("Id", "key1")

        found, left_out = read_of(repeat)
        assert found == "hub"
        assert "'key1' is not a valid value" in str(left_out[self.EVIL])

    def test_by_having_an_id_of_what_is_around_them(self, read_of):
        def group(root):
            member = root.findall(q("md:EntityDescriptor"))[1]
            etree.SubElement(root, q("md:EntitiesDescriptor"), ID="_g").append(member)
            root.find(q("md:EntityDescriptor")).set("ID", "_g")

        assert read_of(group) == ("evil hub", {})

    def test_by_a_fault_where_they_count_on_a_prefix_of_the_whole(
        self, hub, participant, evil, hub_key, read
    ):
        """As many federations have it: xsi:type="xs:string", declared on the root."""

        def type_values(root):
            for value in root.iter(q("saml:AttributeValue")):
                value.set(q("xsi:type"), "xs:string")
            root.find(q("md:EntityDescriptor")).set("foo", "bar")

        members = [evil, participant, hub]
        octets = _signed_with_edit(members, hub_key, type_values)
        assert octets.count(b'"xs:string"') == 5, "of all three"
        start = b"<md:EntitiesDescriptor "
        declared = b'xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        octets = octets.replace(start, start + declared, 1)
        assert b"xmlns:xs=" not in canonical(parse(octets, METADATA))
        for found in (read(octets), read_unsigned(octets)):
            assert [e.entity_id for e in found.entities] == [
                participant.entity_id,
                hub.entity_id,
            ]
            assert found.left_out.keys() == {self.EVIL}

    def test_by_a_fault_which_is_told_with_its_line(self, read_of):
        def spoil(root):
            root.find(q("md:Extensions")).tail = "\n\n"
            member = root.find(q("md:EntityDescriptor"))
            member[-1].tail = "\n"
            etree.SubElement(member, "{urn:x}other")

        found, left_out = read_of(spoil)
        assert found == "hub"
        assert " at line 4, /md:EntityDescriptor/" in str(left_out[self.EVIL])

    @pytest.mark.parametrize(
        "change",
        [
            (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
            (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
            ("#_m", "#_elsewhere"),
        ],
    )
    @pytest.mark.parametrize("where", ["md:EntityDescriptor", "md:SPSSODescriptor"])
    def test_by_a_signature_of_its_own(self, other_key, read_of, change, where):
        """It is not verified, nor believed: the operator's is."""

        def sign_oddly(root):
            element = next(root.iter(q(where)))
            element.set("ID", "_m")
            sign(element, other_key)
            for node in element.find(q("ds:Signature")).iter():
                for name, value in node.items():
                    node.set(name, value.replace(*change))

        assert read_of(sign_oddly) == ("evil hub", {})

    def test_by_a_signature_where_nothing_is_signed(self, hub_key, read_of):
        def add(root):
            extensions = next(root.iter(q("mdui:UIInfo"))).getparent()
            extensions.append(parse(signed_by(hub_key)).find(q("ds:Signature")))

        assert read_of(add) == ("evil hub", {})

    def test_by_any_of_these_when_the_age_of_the_whole_is_read(
        self, evil, hub, hub_key, read
    ):
        def sign_too(root):
            member = root.find(q("md:EntityDescriptor"))
            member.set("ID", "_m")
            sign(member, hub_key)
            next(member.iter(q("ds:Reference"))).set("URI", "#_x")

        octets = _signed_with_edit([evil, hub], hub_key, sign_too)
        assert read_created(octets, [hub_key.public]) == read(octets).created


class TestTheSignatureOfTheWhole:
    """What it covers is what is read, wherever else signatures are."""

    @pytest.fixture
    def octets(self, hub, participant, hub_key):
        return write_federation(
            [hub, participant], name="", valid_until=TOMORROW, key=hub_key
        )

    def _forged(self, octets):
        """A root with the ID of the signed one, and an address of somebody else."""
        root = parse(
            octets.replace(f"{HUB}/sso".encode(), b"https://evil.nl"), METADATA
        )
        root.remove(root.find(q("ds:Signature")))
        return root

    @pytest.mark.parametrize("place", ["around", "in-extensions", "in-a-member"])
    def test_is_not_one_that_was_moved_elsewhere(self, octets, read, place):
        whole = parse(octets, METADATA)
        forged = self._forged(octets)
        if place == "around":
            forged.set("ID", "_other")
            forged.append(whole)
        else:
            signature = whole.find(q("ds:Signature"))
            within = "md:Extensions" if place == "in-extensions" else "mdui:UIInfo"
            next(forged.iter(q(within))).append(signature)
        with pytest.raises(UntrustedSignature, match="not signed"):
            read(serialize(forged))

    @pytest.mark.parametrize("name", ["ID", "Id", "id"])
    def test_is_refused_where_its_id_is_that_of_something_else_too(
        self, octets, read, name
    ):
        forged = self._forged(octets)
        whole = parse(octets, METADATA)
        forged.insert(0, whole.find(q("ds:Signature")))
        whole.set(name, forged.get("ID"))
        next(forged.iter(q("md:Extensions"))).append(whole)
        with pytest.raises(MalformedMessage, match="is not unique"):
            read(serialize(forged))

    def test_is_not_one_of_two(self, octets, read):
        root = parse(octets, METADATA)
        signature = root.find(q("ds:Signature"))
        root.append(parse(serialize(signature)))
        with pytest.raises(MalformedMessage, match="more than one signature"):
            read(serialize(root))

    def test_is_not_one_that_refers_to_a_member(self, octets, hub_key, read):
        root = parse(octets, METADATA)
        member = root.find(q("md:EntityDescriptor"))
        root.remove(root.find(q("ds:Signature")))
        member.set("ID", "_m")
        sign(member, hub_key)
        root.insert(0, member.find(q("ds:Signature")))
        with pytest.raises(MalformedMessage, match="does not refer to the element"):
            read(serialize(root))


class TestATextOfAMember:
    HOSTILE = "\x9b31mEVIL\x85\u2028next\x7f"
    CLEAN = "31mEVIL next"

    def test_is_one_line_without_what_controls_a_terminal(self, hub, hub_key, read):
        member = replace(
            hub,
            names={"nl": self.HOSTILE},
            descriptions={"nl": self.HOSTILE},
            contacts=(Contact("technical", self.HOSTILE, self.HOSTILE, self.HOSTILE),),
            signing_methods=(f"{RSA_SHA256}\x9b",),
        )
        facts = {"valid_until": TOMORROW, "key": hub_key}
        octets = write_federation([member], name=self.HOSTILE, **facts)
        found = read(octets)
        (entity,) = found.entities
        assert found.name == self.CLEAN
        assert entity.name("nl") == entity.description("nl") == self.CLEAN
        assert entity.contacts == (
            Contact("technical", self.CLEAN, self.CLEAN, self.CLEAN),
        )
        assert entity.whom_to_ask == f"{self.CLEAN} {self.CLEAN}"
        assert entity.signing_methods == (f"{RSA_SHA256} ",)

    def test_is_of_a_length_that_is_bounded(self, hub, hub_key, read):
        member = replace(hub, names={"nl": "x" * 70_000})
        (entity,) = read(write_entity(member, hub_key)).entities
        assert entity.name("nl") == "x" * 2048
