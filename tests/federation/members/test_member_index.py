"""A federation from its index is the federation that was read."""

import hashlib
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eilogin import __version__, clock
from eilogin.errors import MetadataUnusable, PeerUnusable, PeerWithoutKeys, UnknownPeer
from eilogin.federation import Membership
from eilogin.federation.members.member_index import write_index
from eilogin.saml.metadata import (
    AttributeService,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    ServiceProvider,
)
from eilogin.saml.metadata.metadata_values import Texts
from eilogin.saml.metadata.packed_members import Members, Packed

UWV, HUB = "https://uwv.test/eilogin/metadata", "https://hub.test/metadata"

OF_ERROR = ("is_hub", "registrar", "categories")


@pytest.fixture
def metadata(make_own):
    """A hub and a participant, and one of each that is left out."""
    hub = make_own("hub", entity_id=HUB, names={"nl": "De hub"}).descriptor()
    lost = PeerUnusable("entity 'https://lost.test': no address")
    lost.is_hub = True
    lost.registrar = "https://registrar.test"
    lost.categories = frozenset({"urn:a", "urn:b"})
    return FederationMetadata(
        entities=(hub, make_own().descriptor()),
        valid_until=clock.now() + 3600,
        name="Proef",
        created=None,
        left_out={
            "https://lost.test": lost,
            "https://bare.test": PeerWithoutKeys("entity 'https://bare.test': none"),
        },
        remarks=("entity 'https://uwv.test': a key is passed over",),
        instead_of="no answer",
    )


@pytest.fixture
def path(tmp_path, metadata):
    write_index(tmp_path / "index-1", [metadata])
    return tmp_path / "index-1"


def facts(federation):
    """All that can be told from outside."""
    return {
        "entities": federation.entities,
        "expired": federation.expired,
        "hubs": federation.hubs,
        "lost": federation.lost_hubs,
        "left out": {
            name: (type(error), str(error), *map(error.__getattribute__, OF_ERROR))
            for name, error in federation.left_out.items()
        },
        "remarks": federation.remarks,
        "copies": federation.copies,
        "aggregate": federation.is_aggregate,
        "name": federation.name,
        "domains": federation.sso_domains,
        "digests": dict(federation.digests),
        "digest": federation.digest,
    }


def test_it_says_what_was_read(path, metadata):
    assert facts(Membership.from_index(path)) == facts(Membership(metadata))


def test_it_counts_the_participants_of_each_domain(path, metadata):
    assert Membership(metadata).sso_domains == {"": 1}, "a hub is none"
    ours = replace(metadata.entities[1], sso_domain="zorg")
    write_index(path, [replace(metadata, entities=(metadata.entities[0], ours))])
    assert Membership.from_index(path).sso_domains == {"zorg": 1}


def test_a_member_is_looked_up_and_a_stranger_is_none(path):
    federation = Membership.from_index(path)
    assert federation.entity(UWV) is federation.entity(UWV)
    assert federation.entity(UWV).service_provider.keys
    with pytest.raises(UnknownPeer, match="not a member"):
        federation.entity("https://stranger.test/")
    with pytest.raises(UnknownPeer, match=r"left out \(peer-unusable\): .*no address"):
        federation.entity("https://lost.test")


def test_nothing_is_left_beside_it(path):
    assert list(path.parent.iterdir()) == [path]


def test_rejects_a_truncated_index(path):
    octets = path.read_bytes()
    for length in (0, 10, 100, len(octets) // 2, len(octets) - 33, len(octets) - 1):
        path.write_bytes(octets[:length])
        with pytest.raises(MetadataUnusable, match="expected an index of a federation"):
            Membership.from_index(path)


def test_rejects_an_index_with_a_changed_bit(path):
    octets = path.read_bytes()
    for place in range(0, len(octets), len(octets) // 50):
        changed = bytearray(octets)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(MetadataUnusable, match=str(path)):
            Membership.from_index(path)


def test_one_that_another_version_wrote_is_refused(path):
    """Another one may have judged members otherwise, though it has the same values."""
    octets = path.read_bytes()[:-32].replace(__version__.encode(), b"0.0.1", 1)
    path.write_bytes(octets + hashlib.sha256(octets).digest())
    with pytest.raises(MetadataUnusable, match="found another"):
        Membership.from_index(path)


def test_one_that_is_changed_while_it_is_used_is_not_believed(path):
    federation = Membership.from_index(path)
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b"uwv.test", b"uwv.tesT"))
    with pytest.raises(MetadataUnusable, match="found one that was changed"):
        federation.entity(UWV)


def test_one_that_is_replaced_while_it_is_used_stays_as_it_was(path, metadata):
    federation = Membership.from_index(path)
    write_index(path, [])
    assert federation.entities == list(metadata.entities)
    assert Membership.from_index(path).entities == []


def test_one_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MetadataUnusable, match="index-7: found No such file"):
        Membership.from_index(tmp_path / "index-7")


def test_a_member_has_the_same_hash_in_whatever_order_its_sets_are():
    def digest(texts):
        entity = EntityDescriptor(
            entity_id=UWV,
            service_provider=ServiceProvider(
                attribute_services=(AttributeService((), frozenset(texts)),)
            ),
            identity_provider=IdentityProvider(scopes=frozenset(texts)),
            entity_categories=frozenset(texts),
            supported_categories=frozenset(texts),
            released=frozenset(texts),
        )
        return Membership(FederationMetadata((entity,), None, "", None)).digest

    texts = [f"urn:{number}" for number in range(1000)]
    # Who came first is before whom it shares a place with.
    assert list(frozenset(texts)) != list(frozenset(texts[::-1]))
    assert digest(texts) == digest(texts[::-1])


def test_all_fields_and_sets_are_in_the_hash():
    """Each process orders a set in its own way, but for those that are declared so."""
    for kind in (EntityDescriptor, ServiceProvider, IdentityProvider, AttributeService):
        for field in fields(kind):
            assert "frozenset" not in str(field.type).replace(str(Texts), "")


ENDS = st.none() | st.floats(min_value=0, max_value=4e9)


@given(
    st.lists(
        st.builds(EntityDescriptor, entity_id=st.text(), valid_until=ENDS),
        unique_by=lambda member: member.entity_id,
        max_size=3,
    ),
    st.dictionaries(
        st.text(),
        st.builds(PeerUnusable, st.text()) | st.builds(PeerWithoutKeys),
        max_size=2,
    ),
    st.lists(st.text(), max_size=2),
    st.text(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_index_preserves_any_federation_metadata(
    members, left_out, remarks, name, whole
):
    metadata = FederationMetadata(
        tuple(members),
        None,
        name,
        None,
        is_aggregate=whole,
        left_out=left_out,
        remarks=tuple(remarks),
        instead_of=name,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        write_index(path, [metadata])
        federation = Membership.from_index(path)
        assert facts(federation) == facts(Membership(metadata))


def test_member_of_a_file_is_read_once_for_an_index(tmp_path, metadata):
    read = []

    def from_file(entity):
        packed = Packed.of(entity)

        def content():
            read.append(entity.entity_id)
            return packed.content

        return packed._replace(content=content)

    members = Members([from_file(entity) for entity in metadata.entities])
    write_index(tmp_path / "index-1", [replace(metadata, entities=members)])
    assert read == [HUB, UWV]
    assert facts(Membership.from_index(tmp_path / "index-1")) == facts(
        Membership(metadata)
    )
