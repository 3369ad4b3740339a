"""Members of signed metadata come from a cache if their octets are the same."""

import os
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from eilogin.errors import EiloginError, MetadataUnusable, UntrustedSignature
from eilogin.saml.bindings import POST
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    cached_reading,
    member_cache,
    read_federation,
    trusted_metadata,
    write_federation,
)
from eilogin.saml.metadata.member_cache import MemberCache
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.reading_progress import showing
from eilogin.saml.safe_xml import MD, METADATA, XS, XSI, parse, q, serialize
from eilogin.saml.xml_signatures import sign

COUNT = 6
UNTIL = 1_900_000_000.0
END = b"</md:EntityDescriptor>"


def name_of(number):
    return f"https://site-{number}.test/metadata"


def metadata_member(number, key):
    address = Endpoint(POST, f"https://site-{number}.test/acs", index=0)
    return EntityDescriptor(
        entity_id=name_of(number),
        service_provider=ServiceProvider(
            signing_certificates=(key.certificate_text,),
            assertion_consumers=(address,),
        ),
        names={"nl": f"Site é {number}"},
        # Some end before the whole, and some after it.
        valid_until=(None, UNTIL - 5000, UNTIL + 5000)[number % 3],
    )


@pytest.fixture
def edition(hub_key, other_key):
    """Signed octets of some members, after an edit of the tree and of the text."""
    members = [metadata_member(number, other_key) for number in range(COUNT)]

    def edition(edit=len, *, until=UNTIL, text=None, key=hub_key):
        octets = write_federation(members, name="Proef", valid_until=until, key=key)
        if text is not None:
            octets = text(octets)
        root = etree.fromstring(octets, etree.XMLParser(strip_cdata=False))
        root.remove(root.find(q("ds:Signature")))
        edit(root)
        sign(root, key)
        return serialize(root)

    return edition


class CachedReader:
    """Reads metadata with a cache in a file, and counts the members that it reads."""

    def __init__(self, path, key):
        self.path, self.key = path, key
        self.read_numbers = []

    def __call__(self, octets, **options):
        self.read_numbers.clear()
        cache = MemberCache(self.path)
        metadata = read_federation(octets, [self.key.public], cache=cache, **options)
        if cache.is_outdated:
            # A new file: the old one is open.
            new = self.path.with_name("new")
            new.write_bytes(b"".join(cache.to_pieces()))
            new.replace(self.path)
        elif cache.is_useless:
            self.path.unlink(missing_ok=True)
        return metadata

    @property
    def count(self):
        return sum(self.read_numbers)


@pytest.fixture
def read(tmp_path, hub_key, monkeypatch):
    reader = CachedReader(tmp_path / "members-x", hub_key)
    read_tree = cached_reading.read_tree

    def counted(root, *args, **options):
        reader.read_numbers.append(len(root.findall(q("md:EntityDescriptor"))))
        return read_tree(root, *args, **options)

    monkeypatch.setattr(cached_reading, "read_tree", counted)
    monkeypatch.setattr(trusted_metadata, "_LARGE", 0)
    monkeypatch.setattr(cached_reading, "_BATCH", 1)
    return reader


@pytest.fixture
def whole(hub_key):
    """Read the whole, as a first start does."""
    return lambda octets, **options: read_federation(
        octets, [hub_key.public], **options
    )


def facts(metadata):
    """All that was read."""
    left_out = {
        name: (type(error), str(error), error.is_hub, error.registrar, error.categories)
        for name, error in metadata.left_out.items()
    }
    return replace(metadata, entities=tuple(metadata.entities), left_out=left_out)


def members_of(root):
    return root.findall(q("md:EntityDescriptor"))


def set_bad_addresses(root):
    for number in (1, 4):
        service = next(members_of(root)[number].iter(q("md:AssertionConsumerService")))
        service.set("Location", "http://elsewhere.test/")


def add_skipped_addresses(root):
    for number in (0, 5):
        service = next(members_of(root)[number].iter(q("md:AssertionConsumerService")))
        other = etree.SubElement(service.getparent(), service.tag, service.attrib)
        other.set("Binding", "urn:x-test:other")
        other.set("Location", "javascript:1")


def make_invalid(root):
    """Faults that the log names with their lines."""
    members_of(root)[2].set("foo", "bar")
    members_of(root)[4].tail = "\n\n\n"
    members_of(root)[5].set("foo", "bar")


def add_group(root):
    group = etree.SubElement(root, q("md:EntitiesDescriptor"), cacheDuration="PT1H")
    group.extend(members_of(root)[2:4])


def add_registrar(root):
    info = {"registrationAuthority": "https://registrar.test"}
    etree.SubElement(root.find(q("md:Extensions")), REGISTRATION_INFO, info)


def add_attributes_of_root(root):
    root.set("Name", "a '>\" b")
    root.set("cacheDuration", "PT3H")
    root.set(q("xml:lang"), "nl")


def repeat_name(root):
    members_of(root)[4].set("entityID", name_of(1))


def put_space_around_name(root):
    members_of(root)[4].set("entityID", f" {name_of(1)}")


def repeat_id(root):
    members_of(root)[4].set("ID", root.get("ID"))


def put_members_alone(root):
    for member in members_of(root)[1:]:
        root.remove(member)


def add_comments(root):
    comment = etree.Comment(" </md:EntityDescriptor> <md:EntityDescriptor> ")
    members_of(root)[2].find(".//{*}AssertionConsumerService").addnext(comment)
    members_of(root)[3].addprevious(etree.Comment(" <md:EntityDescriptor "))


def add_comment_before(root):
    root.insert(0, etree.Comment(" <md:EntityDescriptor entityID='a'> "))


def add_nested_member(root):
    member = members_of(root)[2]
    extensions = etree.Element(q("md:Extensions"))
    extensions.append(parse(serialize(members_of(root)[3]), METADATA))
    member.insert(0, extensions)


def end_in_cdata(octets):
    parts = re.split(rb"(<mdui:DisplayName[^>]*>)[^<]*", octets)
    return b"".join((*parts[:4], b"<![CDATA[", END, b"]]>", *parts[4:]))


def write_ends_otherwise(octets):
    """With a blank, so that two members are in one piece."""
    return octets.replace(END, b"</md:EntityDescriptor >", 2)


EDITS = [
    len,
    set_bad_addresses,
    add_skipped_addresses,
    make_invalid,
    add_group,
    add_registrar,
    add_attributes_of_root,
    repeat_name,
    put_space_around_name,
    repeat_id,
    put_members_alone,
    add_comments,
    add_comment_before,
    add_nested_member,
]


def outcome(read, octets):
    try:
        return facts(read(octets))
    except EiloginError as error:
        return type(error), str(error)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("text", [bytes, end_in_cdata], ids=lambda text: text.__name__)
def test_result_is_that_of_the_whole(edition, read, whole, edit, text):
    octets = edition(edit, text=text)
    expected = outcome(whole, octets)
    assert outcome(read, octets) == expected
    assert outcome(read, octets) == expected
    # Also if the cache is of the usual members.
    read(edition())
    assert outcome(read, octets) == expected


def test_result_is_that_of_the_whole_after_other_end_tags(edition, read, whole):
    octets = write_ends_otherwise(edition())
    assert facts(read(octets)) == facts(whole(octets))
    assert facts(read(octets)) == facts(whole(octets))


def test_none_can_be_used(edition, read, whole):
    def spoil(root):
        for service in root.iter(q("md:AssertionConsumerService")):
            service.set("Location", "http://elsewhere.test/")

    octets = edition(spoil)
    assert outcome(read, octets) == outcome(whole, octets)


class TestSameMembersSignedAgain:
    def test_are_not_read_again(self, edition, read, whole):
        read(edition())
        assert read.count == COUNT
        octets = edition(until=UNTIL + 1000)
        assert facts(read(octets)) == facts(whole(octets))
        assert read.count == 1, "the first one, with which the rest is validated"

    @pytest.mark.parametrize("until", [UNTIL - 9000, UNTIL + 9000])
    def test_end_with_the_new_metadata_or_before(self, edition, read, whole, until):
        read(edition())
        octets = edition(until=until)
        ends = [entity.valid_until for entity in read(octets).entities]
        assert ends == [entity.valid_until for entity in whole(octets).entities]
        assert ends[0] == until

    def test_in_another_order(self, edition, read, whole):
        def turn(root):
            members = members_of(root)
            root.extend(members[::-1])

        read(edition())
        octets = edition(turn)
        assert facts(read(octets)) == facts(whole(octets))
        # White space before the first one and after the last one is of others now.
        assert read.count <= 2

    def test_but_for_one(self, edition, read, whole):
        read(edition())
        octets = edition(text=lambda text: text.replace(b"Site \xc3\xa9 3", b"S3"))
        assert facts(read(octets)) == facts(whole(octets))
        assert read.count == 1
        assert read(octets).entities[3].names == {"nl": "S3"}

    def test_are_read_again_if_there_is_something_to_remark(self, edition, read, whole):
        def spoil(root):
            set_bad_addresses(root)
            add_skipped_addresses(root)

        octets = edition(spoil)
        for _ in range(2):
            assert facts(read(octets)) == facts(whole(octets))
        assert read.count == 4

    def test_show_progress(self, edition, read):
        shown = []

        def through(items):
            for item in items:
                shown.append(item)
                yield item

        with showing(through):
            read(edition())
        assert len(shown) == COUNT


class TestSameOctetsInAnotherContext:
    """Nothing is cached for another context, and so all members are read again."""

    def typed(self, namespace):
        def edit(root):
            scope = {**root.nsmap, "xs": namespace, "xsi": XSI}
            new = etree.Element(root.tag, dict(root.attrib), scope)
            new.text = root.text
            new.extend(list(root))
            part = members_of(new)[2].find(f".//{q('md:AssertionConsumerService')}")
            part.set(f"{{{XSI}}}type", "xs:IndexedEndpointType")
            return new

        return edit

    def signed(self, key, octets, edit):
        root = etree.fromstring(octets)
        root.remove(root.find(q("ds:Signature")))
        new = edit(root)
        sign(new, key)
        return serialize(new)

    def test_of_namespaces(self, edition, read, whole, hub_key):
        """The octets of members are the same, but a type in one of them is unknown."""
        good = self.signed(hub_key, edition(), self.typed(MD))
        bad = self.signed(hub_key, edition(), self.typed(XS))
        assert good.split(END)[1:-1] == bad.split(END)[1:-1]
        assert facts(read(good)) == facts(whole(good))
        assert name_of(2) in [entity.entity_id for entity in read(good).entities]
        assert facts(read(bad)) == facts(whole(bad))
        assert name_of(2) in read(bad).left_out
        assert facts(read(good)) == facts(whole(good))

    @pytest.mark.parametrize("name", ["xml:lang", "xml:base"])
    def test_of_inherited_attributes(self, edition, read, whole, name):
        read(edition())
        octets = edition(lambda root: root.set(q(name), "nl"))
        assert outcome(read, octets) == outcome(whole, octets)

    def test_of_options(self, edition, read, whole):
        def move(root):
            service = next(members_of(root)[2].iter(q("md:AssertionConsumerService")))
            service.set("Location", "http://localhost:8080/")

        octets = edition(move)
        for on_loopback in (True, False, True):
            metadata = read(octets, on_loopback=on_loopback)
            assert facts(metadata) == facts(whole(octets, on_loopback=on_loopback))
            assert (name_of(2) in metadata.left_out) is not on_loopback

    def test_of_a_newer_version(self, edition, read, monkeypatch):
        read(edition())
        monkeypatch.setattr(member_cache, "__version__", "99.0")
        read(edition())
        assert read.count == COUNT

    @pytest.mark.parametrize("package", ["cryptography", "lxml", "python3-saml"])
    def test_of_a_newer_library(self, edition, read, monkeypatch, package):
        read(edition())
        version = cached_reading.version
        monkeypatch.setattr(
            cached_reading,
            "version",
            lambda name: "99.0" if name == package else version(name),
        )
        read(edition())
        assert read.count == COUNT


class TestAttacks:
    """The signature alone makes cached members trusted."""

    @pytest.fixture
    def older(self, edition, read):
        """The pieces of cached metadata, and those of later metadata."""
        old = edition(text=lambda text: text.replace(b"site-3.test/acs", b"old.test/a"))
        read(old)
        return old

    def test_member_of_earlier_metadata_is_put_into_later_metadata(
        self, edition, read, older
    ):
        new = edition(until=UNTIL + 60)
        place = [octets.split(END) for octets in (older, new)]
        assert b"old.test" in place[0][3]
        place[1][3] = place[0][3]
        with pytest.raises(UntrustedSignature, match="changed after"):
            read(END.join(place[1]))

    @pytest.mark.parametrize("kind", ["removed", "repeated", "swapped"])
    def test_cached_members_are_arranged_otherwise(self, edition, read, kind):
        read(edition())
        first, second, *rest = edition().split(END)[1:]
        parts = {
            "removed": [second, *rest],
            "repeated": [first, first, second, *rest],
            "swapped": [second, first, *rest],
        }
        before = edition().split(END)[0]
        with pytest.raises(UntrustedSignature, match="changed after"):
            read(END.join((before, *parts[kind])))

    def test_another_key_signs_cached_members(self, edition, read, other_key):
        read(edition())
        with pytest.raises(UntrustedSignature, match="matches no key"):
            read(edition(key=other_key))

    def test_validity_of_the_whole_is_changed(self, edition, read):
        read(edition())
        octets = edition()
        later = octets.replace(b'validUntil="2030', b'validUntil="2039', 1)
        assert later != octets
        with pytest.raises(UntrustedSignature, match="changed after"):
            read(later)

    def test_signature_is_missing(self, edition, read):
        read(edition())
        octets = edition()
        start = octets.index(b"<ds:Signature")
        end = octets.index(b"</ds:Signature>") + len(b"</ds:Signature>")
        with pytest.raises(UntrustedSignature, match="not signed"):
            read(octets[:start] + octets[end:])

    def test_forged_metadata_leaves_the_cache(self, edition, read, other_key):
        read(edition())
        before = read.path.read_bytes()
        with pytest.raises(UntrustedSignature):
            read(edition(key=other_key))
        assert read.path.read_bytes() == before

    FRAGMENTS = (
        *(b"<!--", b"-->", b"<![CDATA[", b"]]>", END, b"<md:EntityDescriptor>"),
        *(b"</md:EntitiesDescriptor>", b"<md:EntitiesDescriptor>", b"<?member?>"),
        *(b"<a/>", b" ", b"\n", b"&amp;", b"x", b'"', b"\xff"),
    )

    @given(st.data())
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_changed_octets_mean_the_same_or_nothing(self, edition, read, whole, data):
        if not hasattr(read, "octets"):
            read.octets = edition(text=end_in_cdata)
            read(read.octets)
        octets = read.octets
        edges = [match.start() for match in re.finditer(rb"<|>|\n", octets)]
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.sampled_from(edges)) + data.draw(st.integers(0, 1))
            fragment = data.draw(st.sampled_from(self.FRAGMENTS))
            octets = octets[:place] + fragment + octets[place:]
        keys, cache = [read.key.public], MemberCache(read.path)
        found = cached_reading.read_with_cache(octets, keys, cache, on_loopback=False)
        assert found is None or facts(found) == outcome(whole, octets)


class TestTheFile:
    def test_of_which_a_bit_is_changed_means_the_same(self, edition, read, whole):
        read(edition())
        octets = read.path.read_bytes()
        again = edition()
        for place in range(0, len(octets), len(octets) // 40):
            changed = bytearray(octets)
            changed[place] ^= 1
            read.path.write_bytes(changed)
            assert facts(read(again)) == facts(whole(again))

    def test_is_made_again_after_a_change(self, edition, read):
        read(edition())
        octets = read.path.read_bytes()
        read.path.write_bytes(octets.replace(b"site-3.test", b"site-4.test"))
        for _ in range(3):
            read(edition())
        assert read.count == 1

    def test_that_is_truncated_means_the_same(self, edition, read, whole):
        read(edition())
        octets = read.path.read_bytes()
        again = edition()
        for length in (0, 10, len(octets) // 2, len(octets) - 33, len(octets) - 1):
            read.path.write_bytes(octets[:length])
            assert facts(read(again)) == facts(whole(again))

    def test_is_made_again_in_place_of_a_pipe(self, edition, read, whole):
        os.mkfifo(read.path)
        octets = edition()
        assert facts(read(octets)) == facts(whole(octets))
        assert read.path.is_file()

    def test_is_made_again_in_place_of_a_link(self, edition, read, tmp_path):
        read(edition())
        read.path.symlink_to(read.path.rename(tmp_path / "elsewhere"))
        read(edition())
        assert read.count == COUNT
        assert not read.path.is_symlink()

    def test_that_changes_after_reading_is_not_believed(self, edition, read):
        read(edition())
        metadata = read(edition())
        octets = read.path.read_bytes()
        read.path.write_bytes(octets.replace(b"site-3.test/acs", b"site-4.test/acs"))
        with pytest.raises(MetadataUnusable, match="a cached member was changed"):
            list(metadata.entities)

    def test_stays_if_few_members_are_new(self, edition, read, monkeypatch):
        monkeypatch.setattr(member_cache, "_WORTH", COUNT - 1)
        read(edition())
        before = read.path.read_bytes()
        read(edition(text=lambda text: text.replace(b"Site \xc3\xa9 3", b"S3")))
        assert read.path.read_bytes() == before

    def test_goes_if_only_the_whole_counts(self, edition, read):
        read(edition())
        read(edition(add_group))
        assert not read.path.exists()


class TestOctetsThatAreNotCut:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("METADATA", replace(METADATA, octets=1000)), ("_MOST_MEMBERS", COUNT - 1)],
    )
    def test_of_too_much(self, edition, read, monkeypatch, name, value):
        monkeypatch.setattr(cached_reading, name, value)
        assert len(read(edition()).entities) == COUNT
        assert read.count == 0

    def test_of_much_around_the_members(self, edition, read, whole):
        octets = edition(lambda root: root.append(etree.Comment("x" * 300_000)))
        assert facts(read(octets)) == facts(whole(octets))
        assert read.count == 0
