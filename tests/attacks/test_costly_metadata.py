"""No member makes the metadata of its federation take long to read.

A refresh that takes too long is broken off, and a key that the operator has withdrawn
then stays in use at every site. The tests measure CPU time, and allow so much that a
slow machine or a busy one makes no difference.
"""

import pytest
from cpu_time import cpu_seconds
from key_pairs import key_pair

from eilogin.saml.metadata import read_unsigned
from eilogin.saml.safe_xml import DS, MD, SAMLP

CERTIFICATE = "".join(key_pair("uwv")[1].decode().splitlines()[1:-1])
GOOD = "https://good.example.nl/metadata"
BAD = "https://bad.example.nl/metadata"
MANY = 20_000
MOST_CPU = 8.0
KEY = (
    f'<KeyDescriptor><KeyInfo xmlns="{DS}"><X509Data><X509Certificate>{CERTIFICATE}'
    "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
)
CONSUMER = (
    '<AssertionConsumerService index="{}" Location="https://sp.example.nl/acs"'
    ' Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>'
)
ALIKE = (
    f'<EntityDescriptor entityID="{BAD}"><AffiliationDescriptor affiliationOwnerID="x">'
    "<AffiliateMember>x</AffiliateMember></AffiliationDescriptor></EntityDescriptor>"
)
HOSTILE = {
    "endpoints": '<SingleLogoutService x=""/>' * MANY,
    "attributes": "<AttributeConsumingService>"
    + '<RequestedAttribute x=""/>' * MANY
    + "</AttributeConsumingService>",
    "contacts": '<ContactPerson x=""/>' * MANY,
}


def member(entity_id, parts):
    return (
        f'<EntityDescriptor entityID="{entity_id}">'
        f'<SPSSODescriptor protocolSupportEnumeration="{SAMLP}">{parts}'
        "</SPSSODescriptor></EntityDescriptor>"
    )


def read(*members):
    """What is read of a federation, and the CPU time that it takes."""
    good = member(GOOD, KEY + CONSUMER.format(0))
    text = f'<EntitiesDescriptor xmlns="{MD}">{good}{"".join(members)}'
    octets = f"{text}</EntitiesDescriptor>".encode()
    found = []
    cpu = cpu_seconds(lambda: found.append(read_unsigned(octets)), tries=2)
    return found[0], cpu


@pytest.mark.parametrize("parts", HOSTILE)
def test_many_faults_of_a_member_cost_little(parts):
    found, cpu = read(member(BAD, HOSTILE[parts]))
    assert [one.entity_id for one in found.entities] == [GOOD]
    assert [*found.left_out] == [BAD]
    assert cpu < MOST_CPU


def test_many_members_of_one_name_cost_little():
    found, cpu = read(ALIKE * MANY)
    assert [one.entity_id for one in found.entities] == [GOOD]
    assert len(found.left_out[BAD].alternatives) == MANY
    assert cpu < MOST_CPU


def test_a_large_member_that_is_valid_is_read_beside_one_that_is_not():
    large = KEY + "".join(map(CONSUMER.format, range(6000)))
    found, _ = read(member(f"{GOOD}/2", large), member(BAD, '<NameIDFormat x=""/>'))
    assert [one.entity_id for one in found.entities] == [GOOD, f"{GOOD}/2"]
    assert [*found.left_out] == [BAD]
