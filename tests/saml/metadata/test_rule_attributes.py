"""What the operator rules of a member stands in its metadata, or the member is out."""

import pytest
from lxml import etree

from eilogin.errors import PeerUnusable
from eilogin.saml.metadata import (
    NO_SSO,
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    read_federation,
    read_unsigned,
    write_entity,
    write_federation,
)
from eilogin.saml.safe_xml import METADATA, parse, q, serialize, validate
from eilogin.saml.xml_signatures import sign

NOW = 1_767_268_800.0
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@pytest.fixture
def made(hub_key):
    """A participant of which something is ruled."""

    def made(name="uwv", **rules):
        return EntityDescriptor(
            entity_id=f"https://{name}.example.nl/eilogin/metadata",
            service_provider=ServiceProvider(
                signing_certificates=(hub_key.certificate_text,),
                assertion_consumers=(
                    Endpoint(POST, f"https://{name}.example.nl/acs", index=0),
                ),
            ),
            entity_categories=frozenset({"https://example.nl/a"}),
            **rules,
        )

    return made


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"sso_domain": "zorg"},
        {"sso_domain": NO_SSO},
        {"required_level": "substantieel"},
        pytest.param({"released": frozenset({"naam", "urn:oid:2.5.4.42"})}, id="two"),
        {"released": frozenset()},
        {"sso_domain": "0.a_b-c", "required_level": "hoog", "released": frozenset("a")},
    ],
    ids=str,
)
def test_is_read_back(made, hub_key, rules):
    ruled = made(**rules)
    octets = write_entity(ruled, hub_key)
    validate(parse(octets, METADATA), "metadata")
    assert read_federation(octets, [hub_key.public]).entities == (ruled,)


def _attribute(root, name):
    attributes = root.iter(q("saml:Attribute"))
    return next(
        attribute
        for attribute in attributes
        if attribute.get("Name") == f"urn:eilogin:{name}"
    )


def _say(name, *values):
    def say(root):
        attribute = _attribute(root, name)
        del attribute[:]
        for value in values:
            etree.SubElement(attribute, q("saml:AttributeValue")).text = value

    return say


def _rename(root):
    _attribute(root, "sso-domain").set("Name", "urn:eilogin:sso-domeins")


def _repeat(root):
    attribute = _attribute(root, "required-level")
    attribute.getparent().append(parse(serialize(attribute)))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            _say("required-level", "zeer hoog"),
            "required-level: found 'zeer hoog'; expected one of basis, midden",
        ),
        (_say("required-level", "Midden"), "found 'Midden'"),
        (_say("required-level"), "required-level: found none; expected one "),
        (_say("required-level", "basis", "midden"), "found 'basis', 'midden'"),
        (_repeat, "required-level: found 'midden', 'midden'"),
        (_say("sso-domain", "zorg", "werk"), "sso-domain: found .*; expected one name"),
        (_say("sso-domain", ""), "sso-domain: found ''; expected one name"),
        (_say("sso-domain", "None"), "found 'None'"),
        (_say("sso-domain", "zorg en werk"), "found 'zorg en werk'"),
        (_say("sso-domain", "z" * 65), "found 'zzz"),
        (
            _say("released-attributes", "naam", " "),
            "found an empty name; expected names",
        ),
        (_rename, "attribute 'urn:eilogin:sso-domeins'; expected one of .*sso-domain,"),
    ],
)
def test_that_cannot_be_read_leaves_the_member_out(made, hub_key, edit, message):
    wrong = made(sso_domain="zorg", required_level="midden", released=frozenset("a"))
    right = made("svb", sso_domain="zorg")
    octets = write_federation(
        [wrong, right], name="proef", valid_until=NOW, key=hub_key
    )
    root = parse(octets, METADATA)
    root.remove(root.find(q("ds:Signature")))
    edit(root)
    sign(root, hub_key)
    read = read_federation(serialize(root), [hub_key.public])
    assert [(e.entity_id, e.sso_domain) for e in read.entities] == [
        (right.entity_id, "zorg")
    ]
    with pytest.raises(PeerUnusable, match=f"uwv.*{message}.*"):
        raise read.left_out[wrong.entity_id]


def test_is_read_of_a_file_that_is_trusted_as_it_is(made):
    ruled = made(sso_domain="zorg")
    assert read_unsigned(write_entity(ruled)).entities == (ruled,)
