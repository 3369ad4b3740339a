"""Metadata is trusted only where the operator signed it."""

import re
from dataclasses import replace

import pytest
import time_machine
from lxml import etree
from written_metadata import (
    HUB,
    NOW,
    TOMORROW,
    UWV,
    signed_by,
    signed_with_edit,
    sp_role,
)

from eilogin.errors import MalformedMessage, UntrustedSignature
from eilogin.saml.metadata import (
    read_created,
    read_federation,
    read_unsigned,
    write_entity,
    write_federation,
)
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.safe_xml import METADATA, canonical, parse, q, serialize, validate
from eilogin.saml.xml_signatures import ENVELOPED, RSA_SHA256, SHA256, sign


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
        registrars = {
            e.entity_id: e.registrar for e in read_unsigned(serialize(outer)).entities
        }
        assert registrars == {hub.entity_id: "https://outer.test"} | {
            participant.entity_id: "https://outer.test"
        }
        self._registered(inner, " https://inner.test\n")
        self._registered(outer.find(q("md:EntityDescriptor")), "https://own.test")
        registrars = {
            e.entity_id: e.registrar for e in read_unsigned(serialize(outer)).entities
        }
        assert registrars == {hub.entity_id: "https://own.test"} | {
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
            sp_role(root).set("validUntil", "2026-01-01T13:00:00Z")

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
        members_by_name = {"hub": hub, "one": participant, "two": two}
        members = [members_by_name[name] for name in [*names.split(), "one"]]
        metadata = read(self._write(members, hub_key))
        assert [member.entity_id for member in metadata.entities] == [hub.entity_id]
        error = metadata.left_out[participant.entity_id]
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
        metadata = read(self._write([*twice, participant], hub_key))
        assert [member.entity_id for member in metadata.entities] == [
            participant.entity_id
        ]
        assert metadata.left_out[hub.entity_id].is_hub

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
        changed = octets.replace(*(text.encode() for text in change))
        assert changed != octets
        metadata = read_unsigned(changed)
        assert [member.entity_id for member in metadata.entities] == [hub.entity_id]
        assert metadata.remarks == ()
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


class TestWhatAMemberCannotDoToAnother:
    """Whatever an honest operator takes over from it, the others are there."""

    EVIL = "https://aaa.example.nl"

    @pytest.fixture
    def evil(self, participant):
        return replace(participant, entity_id=self.EVIL)

    @pytest.fixture
    def read_of(self, evil, hub, participant, hub_key, read):
        """The entityIDs in what the operator signed, and who is left out."""
        members_by_name = {"evil": evil, "hub": hub, "participant": participant}

        def read_of(edit, names="evil hub"):
            members = [members_by_name[name] for name in names.split()]
            metadata = read(signed_with_edit(members, hub_key, edit))
            ids = {member.entity_id: name for name, member in members_by_name.items()}
            return " ".join(
                ids[e.entity_id] for e in metadata.entities
            ), metadata.left_out

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
                    sp_role(member).set("ID", "_hub")

        for names in ("evil hub participant", "hub participant evil"):
            assert read_of(clash, names) == (names, {})

    def test_by_having_the_same_id_twice_itself(self, read_of):
        def repeat(root):
            for key in root.iter(q("ds:KeyInfo")):
                key.set("Id", "key1")

        names, left_out = read_of(repeat)
        assert names == "hub"
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
        octets = signed_with_edit(members, hub_key, type_values)
        assert octets.count(b'"xs:string"') == 5, "of all three"
        start = b"<md:EntitiesDescriptor "
        declared = b'xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        octets = octets.replace(start, start + declared, 1)
        assert b"xmlns:xs=" not in canonical(parse(octets, METADATA))
        for metadata in (read(octets), read_unsigned(octets)):
            assert [e.entity_id for e in metadata.entities] == [
                participant.entity_id,
                hub.entity_id,
            ]
            assert metadata.left_out.keys() == {self.EVIL}

    def test_by_a_fault_which_is_told_with_its_line(self, read_of):
        def spoil(root):
            root.find(q("md:Extensions")).tail = "\n\n"
            member = root.find(q("md:EntityDescriptor"))
            member[-1].tail = "\n"
            etree.SubElement(member, "{urn:x}other")

        names, left_out = read_of(spoil)
        assert names == "hub"
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

        octets = signed_with_edit([evil, hub], hub_key, sign_too)
        assert read_created(octets, [hub_key.public]) == read(octets).created


class TestTheSignatureOfTheWhole:
    """eilogin reads only the signed part, wherever else signatures are."""

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
