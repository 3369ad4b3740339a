"""An EntityDescriptor is read back, or left out for its faults."""

import re
from dataclasses import replace

import pytest
from cpu_time import cpu_seconds
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from written_metadata import HUB, TOMORROW, UWV, signed_by, signed_with_edit, sp_role

from eilogin.errors import (
    MalformedMessage,
    PeerUnusable,
    PeerWithoutKeys,
    UntrustedSignature,
)
from eilogin.saml.metadata import (
    read_federation,
    read_unsigned,
    trusted_metadata,
    write_entity,
    write_federation,
)
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import MD, METADATA, parse, q, serialize, validate
from eilogin.saml.signing_keys import load_certificate, new_key_pair
from eilogin.saml.xml_encryption import Decrypter, encrypt
from eilogin.saml.xml_signatures import sign, signed


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
            sp_role(root).set(
                "protocolSupportEnumeration", "urn:oasis:names:tc:SAML:1.1"
            )

        entity = read_edited(change_protocol)
        assert entity.service_provider is None
        assert entity.names == {}

    def test_may_support_other_protocols_too(self, read_edited, participant):
        def add_protocol(root):
            own_protocols = sp_role(root).get("protocolSupportEnumeration")
            sp_role(root).set(
                "protocolSupportEnumeration", f"urn:x-other {own_protocols}"
            )

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
        names = dict.fromkeys(etree.QName(element).localname for element in about)
        order = "DisplayName Description Keywords InformationURL Logo"
        assert " ".join(names) == order

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
            sp_role(root).set("AuthnRequestsSigned", text)
            next(root.iter(q("md:AssertionConsumerService"))).set("isDefault", text)

        role = read_edited(respell).service_provider
        assert role.authn_requests_signed is flag
        assert role.assertion_consumers[0].is_default is flag


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
    copy = parse(serialize(sp_role(root)), METADATA)
    sp_role(root).addnext(copy)


def _end_locally(root):
    root.set("validUntil", "2026-01-01T13:00:00+01:00")


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
        ("edit", "reason"),
        [
            (_drop_signing_key, "found none"),
            (_name_key_only, "found none"),
            (_break_certificate, "eilogin cannot read a certificate"),
        ],
    )
    def test_without_a_key_says_what_it_should_have(self, read_edited, edit, reason):
        message = f"{reason}.*2048 bits or more, or for an elliptic key. Ask"
        with pytest.raises(PeerWithoutKeys, match=message):
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
        metadata = read(octets)
        assert metadata.entities == (participant,)
        assert metadata.left_out.keys() == {hub.entity_id}
        assert metadata.left_out[hub.entity_id].code == "peer-without-keys"

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
            # A host that no Content-Security-Policy can name breaks the page for all.
            "https://uwv,example.nl/slo",
            "https://*.example.nl/slo",
            "https://[fe80::1%25eth0]/slo",
            # Texts that systems read as IPv4 addresses: 127.0.0.1 and 0.0.0.0.
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

        message = rf"'{UWV}/.*this machine \(loopback\), but neither 'public_url'.*"
        with pytest.raises(PeerUnusable, match=message + re.escape(repr(address))):
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
        metadata = read_unsigned(serialize(root))
        (entity,) = metadata.entities
        before = participant.service_provider.single_logouts
        assert entity.service_provider.single_logouts == before[1:]
        assert "eilogin skips a SingleLogoutService" in metadata.remarks[0]

    @pytest.mark.parametrize("link", ["javascript:alert(1)", "www.uwv.example.nl", ""])
    def test_is_not_one_whose_link_is_none_but_the_link_is_gone(
        self, participant, link
    ):
        root = parse(write_entity(participant), METADATA)
        next(root.iter(q("mdui:InformationURL"))).text = link
        metadata = read_unsigned(serialize(root))
        assert metadata.entities[0].information_url("nl") == ""
        assert "InformationURL" in metadata.remarks[0]

    def test_may_link_to_a_page_over_http(self, read_edited):
        def relink(root):
            next(root.iter(q("mdui:InformationURL"))).text = "http://www.example.nl/"

        assert read_edited(relink).information_url("nl") == "http://www.example.nl/"


class TestAMemberThatIsNotValid:
    """It is left out, and the others are there."""

    @pytest.fixture(autouse=True, params=[1 << 30, 0], ids=["small", "large"])
    def large(self, request, monkeypatch):
        """eilogin reads a large file in pieces: here a member each."""
        monkeypatch.setattr(trusted_metadata, "_LARGE", request.param)
        monkeypatch.setattr(trusted_metadata, "_PIECE", 1)

    @pytest.fixture
    def read_with(self, hub, participant, hub_key, read):
        def read_with(edit, *more):
            def edit_member(root):
                edit(root.findall(q("md:EntityDescriptor"))[1])

            members = [hub, participant, *more]
            return read(signed_with_edit(members, hub_key, edit_member))

        return read_with

    @pytest.mark.parametrize(
        ("entity_id", "message"),
        [
            ("", "entity '': its entityID is empty"),
            ("x" * 1025, "entity 'xxx"),
            ("https://uwv.example.nl/ x", r"entity 'https://uwv\.example\.nl/ x': its"),
            ("https://gemeente.example/é", r"example/\\xe9': its entityID is"),
            ("https://a.nl/\x9b31m\u2028", r"a\.nl/\\x9b31m\\u2028': its entityID"),
        ],
    )
    def test_for_its_entity_id(self, read_with, hub, entity_id, message):
        metadata = read_with(lambda member: member.set("entityID", entity_id))
        assert [e.entity_id for e in metadata.entities] == [hub.entity_id]
        assert metadata.left_out.keys() == {entity_id}
        assert re.search(message, str(metadata.left_out[entity_id]))
        assert str(metadata.left_out[entity_id]).isprintable()
        assert len(str(metadata.left_out[entity_id])) < 400

    def test_is_looked_at_only_where_the_operator_has_signed(
        self, participant, other_key, read
    ):
        """To look at each by itself takes long."""

        def edit(root):
            root.find(q("md:EntityDescriptor")).set("ID", "no ID")

        with pytest.raises(UntrustedSignature):
            read(signed_with_edit([participant], other_key, edit))

    @pytest.mark.parametrize("around", [" {}", "{}\n", "\t{} "])
    def test_has_white_space_around_its_entity_id_for_nothing(
        self, read_with, participant, around
    ):
        written = around.format(participant.entity_id)
        metadata = read_with(lambda member: member.set("entityID", written))
        assert [e.entity_id for e in metadata.entities][1] == participant.entity_id
        assert metadata.left_out == {}

    @pytest.mark.parametrize("is_first", [True, False])
    def test_that_is_another_but_for_white_space(
        self, read_with, hub, participant, is_first
    ):
        """A member with such an entry in the metadata shuts nobody out."""
        other = replace(participant, entity_id=f"{UWV}/other")
        used_id = other.entity_id if is_first else hub.entity_id
        metadata = read_with(
            lambda member: member.set("entityID", f" {used_id}"), other
        )
        names = [e.entity_id for e in metadata.entities]
        assert names == [hub.entity_id, other.entity_id]
        assert "another entity has the same entityID" in str(
            metadata.left_out[f" {used_id}"]
        )

    def test_that_is_another_which_has_white_space_too(
        self, hub, participant, hub_key, read
    ):
        def rename(root):
            _, second, third = root.iter(q("md:EntityDescriptor"))
            second.set("entityID", f" {UWV}/x")
            third.set("entityID", f"{UWV}/x ")

        members = [hub, participant, replace(participant, entity_id=f"{UWV}/2")]
        metadata = read(signed_with_edit(members, hub_key, rename))
        assert [e.entity_id for e in metadata.entities] == [hub.entity_id, f"{UWV}/x"]
        assert metadata.left_out.keys() == {f"{UWV}/x "}

    def test_by_the_schema(self, read_with, hub, participant):
        metadata = read_with(lambda member: sp_role(member).set("foo", "b\x9bar\u2028"))
        assert [e.entity_id for e in metadata.entities] == [hub.entity_id]
        message = str(metadata.left_out[participant.entity_id])
        start = f"entity '{participant.entity_id}': the XML is not valid by its schema"
        assert message.startswith(start)
        assert "Element 'md:SPSSODescriptor', attribute 'foo'" in message
        assert "'foo' is not allowed" in message
        assert message.isprintable()

    def test_by_the_schema_shows_no_character_that_controls(self, read_with):
        metadata = read_with(lambda member: member.set("validUntil", "\x9b31m\x85x"))
        (error,) = metadata.left_out.values()
        assert "31m x' is not a valid" in str(error)
        assert str(error).isprintable()

    def test_may_be_all_that_there_is_in_a_group(self, hub, participant, hub_key, read):
        def group(root):
            member = root.findall(q("md:EntityDescriptor"))[1]
            etree.SubElement(root, q("md:EntitiesDescriptor")).append(member)
            member.set("foo", "bar")

        metadata = read(signed_with_edit([hub, participant], hub_key, group))
        assert [e.entity_id for e in metadata.entities] == [hub.entity_id]
        assert metadata.left_out.keys() == {participant.entity_id}

    def test_may_not_be_all_of_them(self, hub, participant, hub_key, read):
        def spoil(root):
            for member in root.iter(q("md:EntityDescriptor")):
                member.set("foo", "bar")

        message = rf"entity '{HUB}/metadata': the XML is not valid by its schema"
        with pytest.raises(PeerUnusable, match=message):
            read(signed_with_edit([hub, participant], hub_key, spoil))

    def test_is_not_what_is_around_them(self, hub, participant, hub_key, read):
        def spoil(root):
            root.set("foo", "bar")
            root.find(q("md:EntityDescriptor")).set("foo", "bar")

        with pytest.raises(MalformedMessage, match=r"not valid by its schema.*line"):
            read(signed_with_edit([hub, participant], hub_key, spoil))

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
            read(signed_with_edit([hub, participant], other_key, spoil))
