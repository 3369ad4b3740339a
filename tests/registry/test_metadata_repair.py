"""Metadata of members as it is published: what is mended, and what is refused."""

import pytest
from sloppy import DRAWING, ENTITY_ID, PIXEL, SLIPS, rich, with_slip

from eilogin.errors import MetadataUnusable
from eilogin.logos import LONGEST
from eilogin.registry import read_member
from eilogin.registry.metadata_repair import fault_of_logo, is_uri
from eilogin.saml.safe_xml import serialize

#: Those of which nothing is told: what is written is what was meant.
SILENT = {"Scope without regexp", "where a schema is", "xml:id"}


def member(octets):
    return read_member("came.xml", octets, on_loopback=False)


def test_a_careful_member_is_left_as_it_is():
    kept = member(rich())
    assert kept.repairs == ()
    assert kept.fault == ""
    for said in (b"remd:contactType", b"RequestInitiator", b"DiscoveryResponse"):
        assert said in serialize(kept.element)


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_mended_and_told(name):
    kept = member(with_slip(name))
    assert kept.fault == ""
    assert bool(kept.repairs) != (name in SILENT)
    assert all(one.startswith("line ") for one in kept.repairs)
    assert member(kept.octets("")).repairs == (), "once"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ServiceName without text", "was removed: it has no text"),
        ("ServiceName without text", "had no ServiceName and now has 'Rich'"),
        ("OrganizationName", "Organization was removed: it lacks OrganizationName"),
        ("DisplayName without language", "had no xml:lang and now has 'und'"),
        ("Logo that is huge", "Logo was removed: it is larger than 32 KiB"),
        ("Logo with a script", "Logo was removed: line 1: it has an element 'script'"),
        ("Logo that is no image", "was removed: it does not begin like a PNG image"),
        (
            "Logo that is no URI",
            ("Logo is in base64 now, because its address was not a URI"),
        ),
        ("contactType", "contactType 'other' now, not 'webmaster'"),
        ("a role of AD FS", "knows its type (fed:SecurityTokenServiceType)"),
        ("KeyDescriptor behind all", "SPSSODescriptor has its elements in the order"),
        ("a role without what it is for", "AttributeAuthorityDescriptor was removed: "),
        ("SourceID", "eilogin cannot validate urn:oasis:names:tc:SAML:profiles:v1"),
    ],
)
def test_each_is_told_in_its_own_words(name, says):
    assert says in " ".join(member(with_slip(name)).repairs)


@pytest.mark.parametrize("name", SLIPS)
def test_nothing_of_what_counts_is_lost(name):
    kept = member(with_slip(name)).descriptor
    assert kept.entity_id == ENTITY_ID
    role = kept.service_provider
    assert [one.location for one in role.assertion_consumers] == [
        "https://rich.test/acs"
    ]
    assert len(role.signing_certificates) == 1
    if name not in {"AttributeConsumingService", "RequestedAttribute"}:
        assert role.attribute_services[0].requested


@pytest.mark.parametrize(
    "logo",
    [f"data:image/png;base64,{PIXEL}", f"data:image/svg+xml;base64,{DRAWING}"],
    ids=["png", "svg"],
)
def test_a_logo_of_an_image_stays(logo):
    kept = member(rich(**{"https://rich.test/logo.png": logo}))
    assert kept.repairs == ()
    assert logo.encode() in serialize(kept.element)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"data:image/png;base64,{PIXEL}", True),
        (f"data:image/svg+xml;base64,{DRAWING}", True),
        ("data:image/jpeg;base64,/9j/4A==", True),
        ("data:image/gif;base64,R0lGODlh", True),
        (f"data:image/gif;base64,R0lGODlh{'A' * 60_000}", False),
        ("data:image/gif;base64,R0lGOD!", False),
        (f"data:image/jpeg;base64,{PIXEL}", False),
        (f"data:image/png,{PIXEL}", False),
        ("data:image/svg+xml,%3Csvg/%3E", False),
        ("data:text/html;base64,aGk=", False),
        ("data:image/png;base64,iVBORw0KGgo=!", False),
        (f"data:image/png;base64,{PIXEL}{' ' * LONGEST}", False),
    ],
)
def test_an_image_is_one_by_its_bytes(text, is_one):
    assert (fault_of_logo(text) == "") is is_one


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        (">https://rich.test/<", ">javascript:alert(1)<", "OrganizationURL"),
        (">https://rich.test/<", ">data:image/png;base64,xx<", "OrganizationURL"),
        (">https://rich.test/info<", ">data:text/html,x<", "InformationURL"),
        (">https://rich.test/info<", ">java&#10;script:x<", "InformationURL"),
        ('="https://rich.test/Login"', '="\u0001data:x"', "not well-formed"),
        ('="https://rich.test/Login"', '=" JavaScript:x"', "RequestInitiator"),
        (
            "</shibmd:Scope>\n",
            '</shibmd:Scope><x xmlns="urn:x" y="vbscript:x"/>',
            "x has an address that a browser would execute",
        ),
        (">https://refeds.org/category/x<", ">data:text/html,x<", "AttributeValue"),
        (">mailto:help@rich.test<", ">javascript:x<", "EmailAddress"),
    ],
)
def test_a_script_is_refused_wherever_it_stands(was, becomes, says):
    with pytest.raises(MetadataUnusable, match=r"came\.xml: .*") as caught:
        member(rich(**{was: becomes}))
    assert says in str(caught.value)


def test_prose_that_begins_like_one_stays():
    kept = member(rich(**{">All there is<": ">Data: all of it<"}))
    assert kept.descriptor.descriptions == {"en": "Data: all of it"}


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        (
            "<md:NameIDFormat>",
            "<md:NameIDFormat/><md:Nonsense/><md:NameIDFormat>",
            "Element 'Nonsense': This element is not expected",
        ),
        ('MinKeySize="2048"', 'MinKeySize="long"', "SigningMethod', attribute 'MinK"),
        (' remd:contactType="urn', ' type="urn', "'type' is not allowed"),
        (">mailto:help@rich.test<", ">urn:<", "EmailAddress: 'urn:' is not a URI"),
        ('"https://rich.test/acs" index="1"', '"https://rich.test/acs"', "index"),
        ("<mdui:Description", "<mdui:Nonsense/><mdui:Description", "Nonsense"),
    ],
)
def test_error_names_line_of_invalid_metadata(was, becomes, says):
    octets = rich(**{was: becomes})
    found = octets.index(becomes.encode())
    # An element is at the line where its start tag ends.
    line = octets.count(b"\n", 0, octets.index(b">", found)) + 1
    try:
        told = member(octets).fault
    except MetadataUnusable as error:
        told = str(error)
    assert says in told
    assert f"line {line}: " in told


@pytest.mark.parametrize(
    "text",
    [
        "urn:x",
        "a",
        "http://a:80/x?y#z",
        "https://[::1]/",
        "mailto:A B <a@b>",
        "http://a/é",
    ],
)
def test_a_uri_is_one(text):
    assert is_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "::",
        "urn:",
        "geo:",
        "http://[",
        "http://a/%zz",
        "a#b#c",
        "[",
        "#",
    ],
)
def test_rejects_uris_that_strict_parsers_reject(text):
    assert not is_uri(text)
