"""Large metadata is read in pieces and by two processes, with the same result."""

import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Pipe

import pytest
from lxml import etree

from eilogin.errors import MalformedMessage, PeerUnusable, UntrustedSignature
from eilogin.federation import Membership
from eilogin.federation.members.member_index import write_index
from eilogin.saml.bindings import POST
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    read_federation,
    trusted_metadata,
    write_entity,
    write_federation,
)
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.reading_progress import showing
from eilogin.saml.safe_xml import METADATA, parse, q, serialize
from eilogin.saml.xml_signatures import sign

COUNT = 12
UNTIL = 1_900_000_000.0


def name_of(number):
    return f"https://site-{number}.test/metadata"


def member(number, key):
    address = Endpoint(POST, f"https://site-{number}.test/acs", index=0)
    return EntityDescriptor(
        entity_id=name_of(number),
        service_provider=ServiceProvider(
            signing_certificates=(key.certificate_text,),
            encryption_certificates=(key.certificate_text,),
            assertion_consumers=(address,),
        ),
        # What looks like the end of a member, and is none.
        names={"nl": f"</md:EntityDescriptor>{number}"},
        valid_until=UNTIL if number % 3 else None,
    )


@pytest.fixture
def written(hub_key, other_key):
    """Octets that the operator signed, of what ``edit`` made of many members."""
    members = [member(number, other_key) for number in range(COUNT)]

    def written(edit=lambda root: None):
        octets = write_federation(
            members, name="> Proef", valid_until=UNTIL, key=hub_key
        )
        root = parse(octets, METADATA)
        root.remove(root.find(q("ds:Signature")))
        edit(root)
        sign(root, hub_key)
        return serialize(root)

    return written


class Line:
    """One of which the end is killed when it has been used so many times."""

    def __init__(self, line, times):
        self.line, self.times = line, times

    def __getattr__(self, name):
        if self.times == 0:
            raise SystemExit
        self.times -= 1
        return getattr(self.line, name)


def second_for(times):
    """In the place of ``second_process``: the same by a thread."""

    @contextmanager
    def second(work):
        ours, theirs = Pipe()

        def run():
            with closing(theirs), suppress(Exception, SystemExit):
                work(Line(theirs, times))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            with closing(ours):
                yield ours
        finally:
            thread.join()

    return second


@pytest.fixture
def read(hub_key):
    """Read what the operator signed, as a whole."""
    return lambda octets: read_federation(octets, [hub_key.public])


@pytest.fixture(params=["alone", 0, 1, 2, -1])
def read_in_pieces(request, read, monkeypatch):
    """The same, two members a piece: alone, or by two, one of which may be gone."""
    second = _nobody if request.param == "alone" else second_for(request.param)

    def read_in_pieces(octets, size=1.5):
        with monkeypatch.context() as patch:
            patch.setattr(trusted_metadata, "_LARGE", 0)
            patch.setattr(trusted_metadata, "_PIECE", int(len(octets) / COUNT * size))
            patch.setattr(trusted_metadata, "second_process", second)
            return read(octets)

    return read_in_pieces


@contextmanager
def _nobody(work):
    yield None


def facts(metadata):
    """All that was read."""
    left_out = {
        name: (type(error), str(error), error.is_hub, error.registrar, error.categories)
        for name, error in metadata.left_out.items()
    }
    return replace(metadata, entities=tuple(metadata.entities), left_out=left_out)


def spoilt(root):
    """Members that are left out, and others with something to remark on."""
    members = root.findall(q("md:EntityDescriptor"))
    for number in (2, 9):
        service = next(members[number].iter(q("md:AssertionConsumerService")))
        service.set("Location", "http://elsewhere.test/")
    for number in (3, 10):
        service = next(members[number].iter(q("md:AssertionConsumerService")))
        other = etree.SubElement(service.getparent(), service.tag, service.attrib)
        other.set("Binding", "urn:x-test:other")
        other.set("Location", "javascript:1")
    members[4].set("entityID", "no URI")


def grouped(root):
    """Two of them, between which no piece can end."""
    members = root.findall(q("md:EntityDescriptor"))
    group = etree.SubElement(root, q("md:EntitiesDescriptor"), cacheDuration="PT1H")
    group.extend(members[5:7])


def extended(root):
    """Members with a role and extensions that no schema here knows."""
    for member in root.findall(q("md:EntityDescriptor"))[::2]:
        role = etree.Element(q("md:RoleDescriptor"))
        role.set(q("xsi:type"), "other:Type")
        role.set("protocolSupportEnumeration", "urn:x-test:other")
        member.find(q("md:SPSSODescriptor")).addprevious(role)


def registered(root):
    """Who took in all that do not say otherwise."""
    info = {"registrationAuthority": "https://registrar.test"}
    etree.SubElement(root.find(q("md:Extensions")), REGISTRATION_INFO, info)


def named_oddly(root):
    """Also with what looks like the end of a tag."""
    root.set("Name", "a '>\" b")


@pytest.mark.parametrize(
    "edit",
    [len, spoilt, grouped, extended, registered, named_oddly],
    ids=lambda edit: edit.__name__,
)
def test_it_is_what_is_read_of_the_whole(written, read, read_in_pieces, edit):
    octets = written(edit)
    whole = facts(read(octets))
    assert facts(read_in_pieces(octets)) == whole
    assert len(whole.entities) > COUNT // 2


def test_it_is_kept_and_looked_up_as_the_whole_is(
    written, read, read_in_pieces, tmp_path
):
    octets = written(spoilt)
    whole, pieces = read(octets), read_in_pieces(octets)
    for path, metadata in ((tmp_path / "whole", whole), (tmp_path / "pieces", pieces)):
        write_index(path, [metadata])
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "pieces").read_bytes()
    assert Membership(pieces).digest == Membership(whole).digest
    membership = Membership(pieces)
    assert membership.entity(name_of(0)) is membership.entity(name_of(0))
    assert list(membership.members) == [member.entity_id for member in whole.entities]
    assert list(pieces.entities[1:3]) == list(whole.entities[1:3])


@pytest.mark.parametrize(
    ("one", "two"),
    [(0, 1), (0, COUNT - 1), (10, 11)],
    ids=["our-piece", "two-pieces", "their-piece"],
)
def test_none_of_two_members_of_one_entity_id_is_used(
    written, read_in_pieces, one, two
):
    def repeat(root):
        members = root.findall(q("md:EntityDescriptor"))
        members[two].set("entityID", name_of(one))

    metadata = read_in_pieces(written(repeat), COUNT / 2)
    assert name_of(one) not in [entity.entity_id for entity in metadata.entities]
    assert len(metadata.entities) == COUNT - 2
    assert len(metadata.left_out[name_of(one)].alternatives) == 2


def test_a_member_has_white_space_around_a_name_that_is_taken(written, read_in_pieces):
    def name(root):
        root[-1].set("entityID", f" {name_of(0)}")

    metadata = read_in_pieces(written(name))
    assert "another entity has the same entityID" in str(
        metadata.left_out[f" {name_of(0)}"]
    )


def test_another_has_the_id_that_is_signed(written, read_in_pieces):
    octets = written(lambda root: root[-1].set("ID", root.get("ID")))
    with pytest.raises(MalformedMessage, match="the ID that a signature refers to"):
        read_in_pieces(octets)


def test_a_member_alone_is_one_piece(hub_key, other_key, read, read_in_pieces):
    root = parse(write_entity(member(1, other_key)), METADATA)
    root.set("ID", "_alone")
    sign(root, hub_key)
    octets = serialize(root)
    assert facts(read_in_pieces(octets)) == facts(read(octets))


def test_none_can_be_used(written, read_in_pieces):
    def spoil(root):
        for service in root.iter(q("md:AssertionConsumerService")):
            service.set("Location", "http://elsewhere.test/")

    with pytest.raises(PeerUnusable, match=r"site-0\.test.*not https"):
        read_in_pieces(written(spoil))


def test_a_member_is_not_valid_by_the_schema(written, read_in_pieces):
    metadata = read_in_pieces(written(lambda root: root[-1].set("foo", "bar")))
    assert len(metadata.entities) == COUNT - 1
    assert "'foo' is not allowed" in str(metadata.left_out[name_of(COUNT - 1)])


def test_it_was_changed_after_it_was_signed(written, read_in_pieces):
    octets = written().replace(b"Proef", b"Proe6")
    with pytest.raises(UntrustedSignature):
        read_in_pieces(octets)


def test_how_far_it_is_can_be_shown(written, read_in_pieces):
    lengths = []

    def through(items):
        for item in items:
            lengths.append(item)
            yield item

    with showing(through):
        read_in_pieces(written())
    assert len(lengths) >= 2
