"""A part of metadata that cannot be used costs itself, not all that is around it."""

import re

import pytest
from lxml import etree
from microsoft import ADFS, ENTRA, adfs_metadata, entra_metadata

from eilogin.errors import MalformedMessage, PeerUnusable, UntrustedSignature
from eilogin.saml.bindings import POST, REDIRECT
from eilogin.saml.metadata import read_federation, read_unsigned
from eilogin.saml.safe_xml import METADATA, parse, q, serialize
from eilogin.saml.xml_signatures import sign

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings"
SP, HUB = "https://sp.example.nl", "https://hub.example.nl"


def member(name, role, *inside, before="", after=""):
    """The metadata of one member, with a role and what is in it."""
    return f"""\
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{name}">{before}
  <{role} protocolSupportEnumeration="{SAMLP}">{"".join(inside)}</{role}>{after}
</EntityDescriptor>"""


@pytest.fixture
def key(hub_key):
    """A KeyDescriptor."""
    return (
        "<KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{hub_key.certificate_text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</KeyDescriptor>"
    )


def service(name, binding, location, index=""):
    index = index and f' index="{index}"'
    return f'<{name} Binding="{binding}" Location="{location}"{index}/>'


ACS = service("AssertionConsumerService", POST, f"{SP}/acs", "1")
SSO = service("SingleSignOnService", REDIRECT, f"{HUB}/sso")


def aggregate(*members):
    """A federation that the operator is about to sign."""
    start = '<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="_f">'
    return "".join([start, *members, "</EntitiesDescriptor>"])


@pytest.fixture(params=["alone", "unsigned", "signed"])
def read(request, hub_key, key):
    """Read a member: alone, or of an aggregate with another one, signed or not."""
    other = member(
        "https://other.example.nl", "SPSSODescriptor", key, ACS.replace(SP, HUB)
    )

    def read(text):
        if request.param == "alone":
            return read_unsigned(text.encode())
        octets = aggregate(text, other).encode()
        if request.param == "unsigned":
            return read_unsigned(octets)
        root = parse(octets, METADATA)
        sign(root, hub_key)
        return read_federation(serialize(root), [hub_key.public])

    return read


class TestMicrosoft:
    @pytest.fixture(params=["signed", "unsigned"])
    def read_it(self, request, hub_key):
        if request.param == "unsigned":
            return read_unsigned
        return lambda octets: read_federation(octets, [hub_key.public])

    def test_ad_fs_is_read_whole(self, read_it, hub_key):
        metadata = read_it(adfs_metadata(hub_key))
        assert metadata.remarks == ()
        (entity,) = metadata.entities
        assert entity.entity_id == ADFS
        hub = entity.identity_provider
        assert hub.keys == (hub_key.public,)
        assert hub.single_sign_on(REDIRECT).location.endswith("/adfs/ls/")
        assert hub.single_logout(POST).location.endswith("/adfs/ls/")
        assert "persistent" in hub.name_id_formats[1]
        assert entity.service_provider.consumer().binding == POST
        assert entity.whom_to_ask == "beheer@voorbeeld.test"

    def test_entra_id_is_read_whole_with_all_its_keys(
        self, read_it, hub_key, other_key
    ):
        metadata = read_it(entra_metadata(hub_key, other_key))
        assert metadata.remarks == ()
        (entity,) = metadata.entities
        assert entity.entity_id == ENTRA
        hub = entity.identity_provider
        assert hub.keys == (hub_key.public, other_key.public)
        assert hub.single_logout(POST) is None
        assert hub.single_logout(REDIRECT).location.endswith("/saml2")
        assert entity.service_provider is None

    @pytest.mark.parametrize("make", [adfs_metadata, entra_metadata])
    def test_is_not_read_by_another_key(self, make, hub_key, other_key):
        with pytest.raises(UntrustedSignature):
            read_federation(make(hub_key), [other_key.public])

    def test_is_a_member_of_an_aggregate(self, read, hub_key):
        (entity, *_) = read(adfs_metadata(hub_key).decode()).entities
        assert entity.identity_provider.keys == (hub_key.public,)


UNREAD = {
    "attribute-authority": (
        f'<AttributeAuthorityDescriptor protocolSupportEnumeration="{SAMLP}"/>'
    ),
    "pdp": f'<PDPDescriptor protocolSupportEnumeration="{SAMLP}" foo="bar"/>',
    "authn-authority": "<AuthnAuthorityDescriptor><x/></AuthnAuthorityDescriptor>",
    "abstract-role": "<RoleDescriptor/>",
    "role-of-unknown-type": '<RoleDescriptor xsi:type="a:b"><c/></RoleDescriptor>',
    "saml1": (
        "<IDPSSODescriptor protocolSupportEnumeration="
        '"urn:oasis:names:tc:SAML:1.1:protocol"><KeyDescriptor use="x"/>'
        "</IDPSSODescriptor>"
    ),
    "extension": (
        '<Extensions><x:a xmlns:x="urn:x" xmlns:saml="urn:oasis:names:tc:SAML:2.0:'
        'assertion"><saml:Attribute/></x:a></Extensions>'
    ),
    "no-extension": "<Extensions/>",
    "signature": "<ds:Signature><x/></ds:Signature>",
}


@pytest.mark.parametrize("part", UNREAD.values(), ids=UNREAD.keys())
def test_invalid_parts_that_are_never_read_are_ignored(read, key, part):
    for role, inside in (("SPSSODescriptor", ACS), ("IDPSSODescriptor", SSO)):
        plain = read(member(SP, role, key, inside))
        metadata = read(member(SP, role, key, inside, before=part))
        assert metadata.remarks == ()
        assert metadata.entities == plain.entities
        assert metadata.left_out == {}


def test_member_without_readable_role_stays_in_federation(read, key):
    text = member(SP, "SPSSODescriptor", key, ACS)
    text = text.replace(SAMLP, "urn:x-other").replace("<KeyDescriptor", "<x/><KeyDescr")
    text = text.replace("</KeyDescriptor", "</KeyDescr")
    (entity, *_) = read(text).entities
    assert (entity.entity_id, entity.service_provider) == (SP, None)


ORGANIZATION = (
    "<Organization><OrganizationName>Stad</OrganizationName><OrganizationDisplayName"
    ' xml:lang="nl">Stad</OrganizationDisplayName><OrganizationURL xml:lang="nl">x'
    "</OrganizationURL></Organization>"
)
REQUESTED = '<RequestedAttribute Name="mail"/>'
BAD = "<ds:X509Certificate>%%</ds:X509Certificate></ds:X509Data>"
NAMED = '<ServiceName xml:lang="en">x</ServiceName>'

PARTS = {
    "organization-of-mellon": (
        "after",
        ORGANIZATION,
        r"OrganizationName': The attribute 'xml:lang' is required.*Mellon.* \"nl\"",
    ),
    "organization-empty": (
        "after",
        "<Organization/>",
        "reads only the valid part of its Organization",
    ),
    "organization-in-the-role": (
        "first",
        "<Organization/>",
        "reads only the valid part of its Organization",
    ),
    "contact-of-no-kind": (
        "after",
        "<ContactPerson/>",
        "reads only the valid part of its ContactPerson",
    ),
    "contact-of-another-kind": (
        "after",
        '<ContactPerson contactType="boss"><Company>x</Company></ContactPerson>',
        "reads only the valid part of its ContactPerson.*'boss'",
    ),
    "location": (
        "after",
        "<AdditionalMetadataLocation/>",
        "reads only the valid part of its AdditionalMetadataLocation",
    ),
    "asks-for-nothing": (
        "last",
        f'<AttributeConsumingService index="1">{NAMED}</AttributeConsumingService>',
        (
            "reads only the valid part of its AttributeConsumingService.*expected at"
            " least one RequestedAttribute"
        ),
    ),
    "key-behind-the-services": ("key", "", "in another order than in the schema"),
    "format-no-uri": ("first", "<NameIDFormat><x/></NameIDFormat>", "NameIDFormat"),
    "logout-without-binding": (
        "first",
        f'<SingleLogoutService Location="{SP}/slo"/>',
        "SingleLogoutService.*'Binding' is required",
    ),
    "key-in-no-base64": (
        "first",
        f"<KeyDescriptor><ds:KeyInfo><ds:X509Data>{BAD}</ds:KeyInfo></KeyDescriptor>",
        "skips a key for encryption",
    ),
}


@pytest.mark.parametrize("where", PARTS.values(), ids=PARTS.keys())
def test_a_part_costs_itself_alone(read, key, where):
    place, part, remark = where
    text = {
        "after": member(SP, "SPSSODescriptor", key, ACS, after=part),
        "first": member(SP, "SPSSODescriptor", key, part + ACS),
        "last": member(SP, "SPSSODescriptor", key, ACS + part),
        "key": member(SP, "SPSSODescriptor", ACS, key),
    }[place]
    metadata = read(text)
    assert metadata.left_out == {}
    (entity, *_) = metadata.entities
    role = entity.service_provider
    assert len(role.keys) == 1
    assert len(role.encryption_keys) == 1
    assert [endpoint.location for endpoint in role.assertion_consumers] == [f"{SP}/acs"]
    assert entity.contacts == ()
    assert entity.entity_id == SP
    assert any(re.search(remark, text) for text in metadata.remarks), metadata.remarks
    assert all(text.startswith(f"entity '{SP}': ") for text in metadata.remarks)
    assert all(text.isprintable() for text in metadata.remarks)


@pytest.mark.parametrize(
    "spoilt",
    [
        '<KeyDescriptor use="all">',
        '<KeyDescriptor foo="bar">',
        "<KeyDescriptor><ds:KeyInfo/>",
    ],
)
def test_no_key_is_believed_that_the_schema_does_not_know(key, spoilt):
    text = member(SP, "SPSSODescriptor", key, ACS)
    text = text.replace("<KeyDescriptor>", spoilt)
    with pytest.raises(PeerUnusable, match=r"KeyDescriptor|KeyInfo"):
        read_unsigned(text.encode())


@pytest.mark.parametrize(
    ("service", "inside"),
    [
        ("", f"{NAMED}{REQUESTED}"),
        (' index="1"', REQUESTED),
        (' index="x"', f"{NAMED}{REQUESTED}<x/>"),
    ],
)
def test_requested_attributes_of_invalid_service_still_count(
    read, key, service, inside
):
    """Else a participant would get what is usual for one that asks for nothing."""
    part = f"<AttributeConsumingService{service}>{inside}</AttributeConsumingService>"
    (entity, *_) = read(member(SP, "SPSSODescriptor", key, ACS + part)).entities
    assert entity.service_provider.attribute_service().requested == ("mail",)


def test_an_empty_name_of_a_service_is_no_fault(read, key):
    part = (
        '<AttributeConsumingService index="1"><ServiceName xml:lang="en"/>'
        f"{REQUESTED}</AttributeConsumingService>"
    )
    metadata = read(member(SP, "SPSSODescriptor", key, ACS + part))
    assert metadata.remarks == ()


class TestARole:
    """One that cannot be used costs the member where nothing usable is left of it."""

    @pytest.fixture
    def both(self, key):
        def both(participant, hub, key_of_hub=key):
            return member(
                SP,
                "SPSSODescriptor",
                participant,
                "",
                after=f'<IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">'
                f"{key_of_hub}{hub}</IDPSSODescriptor>",
            )

        return both

    @pytest.mark.parametrize(
        ("participant", "message"),
        [
            ("", "not valid by its schema.*Missing child"),
            (ACS, "no usable signing certificate"),
            ("{key}<x/>" + ACS, "Element 'md:x'"),
            ("{key}" + ACS.replace("https:", "http:"), "not https"),
            ("{key}" + ACS + '<x:y xmlns:x="urn:x"/>', "'{urn:x}y'"),
        ],
    )
    def test_as_a_participant_leaves_the_hub(
        self, read, both, key, participant, message
    ):
        metadata = read(both(participant.replace("{key}", key), SSO))
        assert metadata.left_out == {}
        (entity, *_) = metadata.entities
        assert entity.service_provider is None
        assert entity.identity_provider.single_sign_ons[0].location == f"{HUB}/sso"
        (remark,) = metadata.remarks
        assert re.search(
            f"'{SP}': eilogin skips its SPSSODescriptor: .*{message}", remark
        )

    def test_role_with_unreadable_valid_until_is_dropped_and_other_role_kept(
        self, read, both, key
    ):
        text = both(key + ACS, SSO).replace(
            "<SPSSODescriptor",
            '<SPSSODescriptor validUntil="2099-01-01T00:00:00+01:00"',
        )
        metadata = read(text)
        assert metadata.entities[0].service_provider is None
        assert metadata.entities[0].identity_provider is not None
        assert "validUntil of its SPSSODescriptor" in metadata.remarks[0]

    @pytest.mark.parametrize(
        "hub", ["", f"<x/>{SSO}", SSO.replace("https:", "http:"), f"{SSO}{SSO}<x/>"]
    )
    def test_as_a_hub_leaves_nothing(self, both, key, hub):
        """Else another could become the hub in its place, without a word."""
        other = member(
            "https://other.example.nl", "SPSSODescriptor", key, ACS.replace(SP, HUB)
        )
        metadata = read_unsigned(aggregate(both(key + ACS, hub), other).encode())
        assert [member.entity_id for member in metadata.entities] == [
            "https://other.example.nl"
        ]
        assert metadata.left_out[SP].is_hub
        assert str(metadata.left_out[SP]).startswith(f"entity '{SP}': ")

    def test_alone_is_named_with_whom_to_ask(self, key):
        with pytest.raises(PeerUnusable) as raised:
            read_unsigned(member(SP, "SPSSODescriptor", key, f"{ACS}<x/>").encode())
        message = str(raised.value)
        assert message.startswith(f"entity '{SP}': the XML is not valid by its schema")
        assert "Element 'md:x'" in message
        assert message.endswith("ask its administrator for valid metadata")

    @pytest.mark.parametrize("place", ["", ' xsi:type="SPSSODescriptorType"'])
    def test_is_what_it_is_called(self, key, place):
        """Not what its type says, which nobody reads."""
        text = member(SP, "IDPSSODescriptor", key, SSO)
        text = text.replace("<IDPSSODescriptor", f"<IDPSSODescriptor{place}")
        if not place:
            assert read_unsigned(text.encode()).entities[0].identity_provider
            return
        with pytest.raises(PeerUnusable, match="xsi:type"):
            read_unsigned(text.encode())

    def test_of_unknown_type_is_no_hub(self, key):
        text = member(SP, "IDPSSODescriptor", key, SSO)
        text = text.replace("IDPSSODescriptor", "RoleDescriptor").replace(
            "<RoleDescriptor", '<RoleDescriptor xsi:type="IDPSSODescriptorType"'
        )
        (entity,) = read_unsigned(text.encode()).entities
        assert (entity.identity_provider, entity.service_provider) == (None, None)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda root: root.set("validUntil", "2026-12-31T12:00:00+01:00"),
            r"validUntil of its EntityDescriptor is '.*\+01:00': a time is not",
        ),
        (
            lambda root: root[0].set("validUntil", "2026-12-31T12:00:00+00:00"),
            r"validUntil of its SPSSODescriptor is '.*\+00:00': a time is not",
        ),
        (
            lambda root: root.set("validUntil", "soon"),
            r"attribute 'validUntil'.*'soon'.*such as 2026-12-31T12:00:00Z",
        ),
        (
            lambda root: root.set("ID", "28a"),
            (
                r"attribute 'ID': '28a'.*expected an ID that begins with a letter or an"
                r" underscore"
            ),
        ),
        (
            lambda root: root[0].attrib.pop("protocolSupportEnumeration"),
            r"md:SPSSODescriptor': The attribute 'protocolSupportEnumeration' is req",
        ),
    ],
)
def test_a_fault_is_told_with_its_attribute(key, edit, message):
    root = etree.fromstring(member(SP, "SPSSODescriptor", key, ACS))
    edit(root)
    other = member("https://other.example.nl", "SPSSODescriptor", key, ACS)
    octets = aggregate(serialize(root).decode(), other).encode()
    metadata = read_unsigned(octets)
    assert re.search(message, str(metadata.left_out[SP])), str(metadata.left_out[SP])


def test_no_fault_of_the_whole_is_passed_over(key):
    octets = aggregate(member(SP, "SPSSODescriptor", key, ACS), "<x/>").encode()
    with pytest.raises(MalformedMessage, match="not valid by its schema"):
        read_unsigned(octets)


def test_two_extensions_of_a_member_are_none(key):
    """The rules of the operator for a member stand there."""
    text = member(
        SP,
        "SPSSODescriptor",
        key,
        ACS,
        before='<Extensions xmlns:a="urn:oasis:names:tc:SAML:metadata:attribute">'
        "<a:EntityAttributes/></Extensions>" * 2,
    )
    with pytest.raises(MalformedMessage, match="not valid by its schema"):
        read_unsigned(text.encode())


def test_many_parts_at_fault_are_told_in_a_few_lines(key):
    text = member(SP, "SPSSODescriptor", key, ACS, after="<ContactPerson/>" * 50)
    remarks = read_unsigned(text.encode()).remarks
    assert len(remarks) == 6
    assert remarks[-1].endswith("and 45 more")


def test_a_member_of_very_many_parts_is_not_looked_at_one_by_one(key):
    """It would have all others wait."""
    many = "<ContactPerson/>" * 1_001
    octets = aggregate(
        member(SP, "SPSSODescriptor", key, ACS, after=many),
        member("https://other.example.nl", "SPSSODescriptor", key, ACS),
    ).encode()
    metadata = read_unsigned(octets)
    assert metadata.left_out.keys() == {SP}
    assert "ContactPerson" in str(metadata.left_out[SP])


def test_removal_of_unread_roles_changes_no_entity(hub_key):
    """The parts that are removed before the schema is asked are never read."""
    octets = adfs_metadata(hub_key)
    root = parse(octets, METADATA)
    for role in root.findall(q("md:RoleDescriptor")):
        root.remove(role)
    assert read_unsigned(serialize(root)).entities == read_unsigned(octets).entities
