import re
from base64 import b64encode
from dataclasses import replace

import pytest
import time_machine

from eilogin import clock
from eilogin.errors import (
    MetadataExpired,
    MetadataLifetime,
    MetadataUntrusted,
    MetadataUnusable,
    PeerWithoutKeys,
    UnknownPeer,
)
from eilogin.federation import Membership, MetadataFile
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    Logo,
    ServiceProvider,
    write_entity,
    write_federation,
)

UWV, HUB = "https://uwv.test/eilogin/metadata", "https://hub.test/metadata"
AT_STAD = (Endpoint(bindings.POST, "https://stad.test/sso"),)
HOUR, DAY, SKEW = 3600.0, 86400.0, 60.0


def logo(title, inside=""):
    """A drawing of its own."""
    space = "http://www.w3.org/2000/svg"
    octets = f'<svg xmlns="{space}"><title>{title}</title>{inside}</svg>'.encode()
    return f"data:image/svg+xml;base64,{b64encode(octets).decode()}"


def read(keys, *paths, **options):
    """The federation of some files, which may all be signed by the same keys."""
    return Membership.from_files([MetadataFile(p, keys) for p in paths], **options)


@pytest.fixture(autouse=True)
def traveller():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as moved:
        yield moved


@pytest.fixture
def file(tmp_path, make_own, operator):
    """The metadata of a hub and a participant, valid for an hour."""
    members = [
        make_own("hub", entity_id=HUB, names={"nl": "De hub"}).descriptor(),
        make_own().descriptor(),
    ]
    octets = write_federation(
        members, name="Proef", valid_until=clock.now() + HOUR, key=operator
    )
    path = tmp_path / "federation.xml"
    path.write_bytes(octets)
    return path


@pytest.fixture
def federation(file, operator):
    return read([operator.public], file)


def test_knows_its_members_in_their_order(federation):
    assert [e.entity_id for e in federation.entities] == [HUB, UWV]
    assert federation.entity(UWV).service_provider
    assert federation.name == "Proef"


def test_does_not_know_a_stranger(federation):
    with pytest.raises(UnknownPeer, match="not a member"):
        federation.entity("https://stranger.test/")


def test_knows_nobody_any_more_when_it_has_expired(federation, traveller):
    traveller.shift(HOUR + SKEW - 1)
    assert federation.entity(UWV), "the operator's clock may be behind ours"
    traveller.shift(1)
    assert federation.entities == []
    with pytest.raises(UnknownPeer, match=rf"'{UWV}' expired at 2026-11-24T10:00:00Z"):
        federation.entity(UWV)
    told = "or a restart), or ask the federation's operator for it"
    assert federation.hint_for(UWV).endswith(told)


class TestWhoseAStrangersNameCouldBe:
    @staticmethod
    def of(*names):
        members = tuple(EntityDescriptor(entity_id=name) for name in names)
        return Membership(FederationMetadata(members, None, "", None))

    def test_is_told_with_whom_to_ask(self, federation):
        assert federation.hint_for(f"{UWV}x") == (
            f"; did you mean '{UWV}'? If it should be one, add its metadata to"
            " 'federation' and refresh ('eilogin trust refresh', or a restart),"
            " or ask the federation's operator"
        )

    def test_is_not_told_where_none_is_like_it(self, federation):
        told = federation.hint_for("urn:x")
        assert told == (
            "; if it should be one, add its metadata to 'federation' and refresh"
            " ('eilogin trust refresh', or a restart), or ask the federation's operator"
        )

    def test_is_one_of_three_at_most(self):
        federation = self.of(*(f"https://a.test/{n}" for n in range(5)))
        assert federation.hint_for("https://a.test/").count("' or '") == 2

    def test_is_looked_for_among_few(self):
        others = [f"https://site-{n}.test/metadata" for n in range(60)]
        federation = self.of(*others, "https://a.test/metadata")
        told = federation.hint_for("https://a.test/metadat")
        assert told.startswith("; did you mean 'https://a.test/metadata'? If")
        # Nobody has the same host.
        assert "did you mean" not in federation.hint_for("https://sit-1.test/metadata")
        assert "did you mean" not in federation.hint_for("site-1.test")

    def test_is_not_looked_for_where_that_takes_its_time(self):
        long = "https://a.test/" + 200 * "x"
        assert "did you mean" not in self.of(long).hint_for(f"{long}y")


class TestTheNameOnAPage:
    @pytest.fixture
    def called(self):
        """What a party is called of which the metadata says so much."""

        def read(entity_id, **said):
            entity = EntityDescriptor(entity_id=entity_id, **said)
            members = FederationMetadata((entity,), None, "", None)
            return Membership(members).name_of(entity_id, "nl")

        return read

    def test_is_its_own(self, federation):
        assert federation.name_of(UWV, "en") == "Employee Insurance Agency"

    def test_is_still_its_own_where_its_metadata_is_over(self, federation, traveller):
        traveller.shift(2 * HOUR)
        assert federation.name_of(UWV, "en") == "Employee Insurance Agency"

    def test_is_the_host_of_its_entity_id_where_nobody_says_one(self, called):
        assert called("https://stad.test:8443/shibboleth") == "stad.test"

    @pytest.mark.parametrize("entity_id", ["urn:stad:sp", "stad", "http://[stad"])
    @pytest.mark.parametrize(
        "role",
        [
            {"service_provider": ServiceProvider(assertion_consumers=AT_STAD)},
            {"identity_provider": IdentityProvider(single_sign_ons=AT_STAD)},
        ],
        ids=["participant", "hub"],
    )
    def test_is_the_host_of_its_site_where_that_is_no_address(
        self, called, entity_id, role
    ):
        assert called(entity_id, **role) == "stad.test"

    def test_is_its_entity_id_where_nothing_else_is_known(self, called):
        assert called("urn:stad:none") == "urn:stad:none"

    def test_is_the_same_of_one_that_has_left(self, federation):
        assert federation.name_of("urn:left:sp", "nl") == "urn:left:sp"
        assert federation.name_of("https://left.test/sp", "nl") == "left.test"


def federation_of(**said):
    """A federation whose one member says this of itself."""
    entity = EntityDescriptor(entity_id=UWV, **said)
    return Membership(FederationMetadata((entity,), None, "", None))


class TestLogo:
    def test_is_the_largest_in_the_language_of_the_page(self):
        federation = federation_of(
            logos=(
                Logo(logo("en"), 80, 60, "en"),
                Logo(logo("small"), 16, 16, "nl"),
                Logo(logo("nl"), 80, 60, "nl"),
                Logo(logo("all"), 10, 10),
            )
        )
        assert federation.logo_of(UWV, "nl") == logo("nl")
        assert federation.logo_of(UWV, "en") == logo("en")
        assert federation.logo_of(UWV, "de") == logo("all")

    def test_is_never_one_of_the_web(self):
        logos = (Logo("https://uwv.test/logo.png", 800, 600), Logo(logo("uwv")))
        assert federation_of(logos=logos).logo_of(UWV, "nl") == logo("uwv")
        assert federation_of(logos=logos[:1]).logo_of(UWV, "nl") == ""

    def test_that_does_more_than_draw_is_passed_over_and_logged_once(self, caplog):
        caplog.set_level("WARNING", "eilogin")
        logos = (Logo(logo("x", "<script>1</script>"), 99, 99), Logo(logo("uwv")))
        federation = federation_of(logos=logos)
        for _ in range(2):
            assert federation.logo_of(UWV, "nl") == logo("uwv")
        [message] = caplog.messages
        assert message.startswith(
            f"federation: eilogin does not show the logo of '{UWV}': line 1: it has"
            " an element"
            " 'script'"
        )

    def test_is_none_of_a_stranger(self, federation):
        assert federation.logo_of("urn:left:sp", "nl") == ""


class TestKeywords:
    def test_are_words_between_blanks(self):
        federation = federation_of(
            keywords={"nl": "werk  ziek+zijn +WW+ werk", "en": "work"}
        )
        assert federation.keywords_of(UWV, "nl") == ("werk", "ziek zijn", "WW")
        assert federation.keywords_of(UWV, "de") == ("work",)

    def test_are_few_and_short(self):
        said = " ".join(f"{number}{'x' * 99}" for number in range(99))
        found = federation_of(keywords={"nl": said}).keywords_of(UWV, "nl")
        assert len(found) == 20
        assert {len(one) for one in found} == {40}

    def test_are_none_of_a_stranger(self, federation):
        assert list(federation.keywords_of("urn:left:sp", "nl")) == []


def test_says_who_the_only_hub_is(federation):
    assert list(federation.hubs) == [HUB]


def test_a_file_that_is_not_there_is_named(tmp_path, operator):
    with pytest.raises(MetadataUnusable, match=r"gone\.xml: No such file"):
        read([operator.public], tmp_path / "gone.xml")


def test_a_file_that_another_key_signed_is_named(file, key):
    told = r"federation\.xml: .*'federation_certificate', or .*Ask the operator"
    with pytest.raises(MetadataUntrusted, match=told):
        read([key.public], file)


def test_a_file_that_was_altered_is_named(file, operator):
    file.write_bytes(file.read_bytes().replace(b"De hub", b"De dub"))
    with pytest.raises(MetadataUntrusted, match=r"federation\.xml: "):
        read([operator.public], file)


def test_a_file_that_has_expired_is_named_with_when(file, operator, traveller):
    traveller.shift(HOUR + SKEW - 1)
    assert read([operator.public], file).hubs == [HUB]
    traveller.shift(1)
    told = (
        r"expired at 2026-11-24T10:00:00Z, and the time here is 2026-11-24T10:01:00Z;"
        r" ask"
    )
    with pytest.raises(MetadataExpired, match=told):
        read([operator.public], file)


def test_a_file_that_is_no_metadata_is_named(tmp_path, operator):
    path = tmp_path / "page.xml"
    path.write_text("<html/>")
    with pytest.raises(MetadataUnusable, match=r"page\.xml: .*expected SAML metadata"):
        read([operator.public], path)


class TestHowLongItLasts:
    def test_may_be_bounded(self, file, operator):
        assert read([operator.public], file, longest=HOUR).hubs == [HUB]
        # A clock that is a little ahead made no false promise.
        assert read([operator.public], file, longest=HOUR - SKEW).hubs == [HUB]
        told = (
            r"federation\.xml: .*valid until 2026-11-24T10:00:00Z; expected a"
            r" validUntil on its root, by 2026-11-24T09:58:59Z .*Ask the oper"
        )
        with pytest.raises(MetadataLifetime, match=told):
            read([operator.public], file, longest=HOUR - SKEW - 1)

    def test_has_to_be_said_where_it_is_bounded(self, file_of, make_own):
        path = file_of("one.xml", make_own("hub", entity_id=HUB))
        assert read(None, path).hubs == [HUB]
        with pytest.raises(MetadataLifetime, match=r"one\.xml: .*has no validUntil;"):
            read(None, path, longest=365 * DAY)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<a><b></a>", r"line 1, column 11\) \(Opening and ending tag mismatch: b"),
        (
            '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>',
            "'entityID' is required but missing",
        ),
        (
            "<!DOCTYPE html><html/>",
            "but this looks like a page of HTML. Ask the operat",
        ),
        ("\n<html><p></html>", "but this looks like a page of HTML. Ask the operator"),
    ],
)
def test_error_explains_why_a_file_is_not_metadata(tmp_path, text, told):
    path = tmp_path / "federation.xml"
    path.write_text(text)
    with pytest.raises(MetadataUnusable, match=told):
        read(None, path)


def test_accepts_weak_signature_only_if_no_signature_is_required(tmp_path, make_own):
    path, own = tmp_path / "uwv.xml", make_own()
    strong = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    weak = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    text = write_entity(own.descriptor(), own.key).decode()
    assert strong in text
    path.write_text(text.replace(strong, weak))
    assert [*read(None, path).members] == [own.entity_id]
    with pytest.raises(MetadataUntrusted, match="expected a signature that matches"):
        read([own.key.public], path)


def test_metadata_in_the_encoding_of_powershell_is_told_with_its_cure(
    tmp_path, make_own
):
    path = tmp_path / "hub.xml"
    text = write_entity(make_own().descriptor()).decode()
    path.write_text(text, "utf-16")
    with pytest.raises(
        MetadataUnusable, match=(r"hub\.xml: the XML is not UTF-8; .*-OutFile")
    ):
        read(None, path)


def test_metadata_error_contains_no_control_characters(tmp_path):
    path = tmp_path / "federation.xml"
    start = '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"'
    path.write_text(f'{start} entityID="x" validUntil="&#x9b;31m&#x85;&#x2028;"/>')
    with pytest.raises(MetadataUnusable, match="31m") as caught:
        read(None, path)
    assert str(caught.value).isprintable()


@pytest.fixture
def file_of(tmp_path):
    """A file with the metadata of one party, which nobody signed."""

    def write(name, own):
        path = tmp_path / name
        path.write_bytes(write_entity(own.descriptor()))
        return path

    return write


class TestSeveralFiles:
    def test_are_one_federation(self, file, file_of, make_own):
        other = file_of("other.xml", make_own("hub", entity_id="https://two.test/"))
        federation = read(None, other, file)
        assert federation.hubs == ["https://two.test/", HUB]
        assert federation.name == "Proef"
        assert federation.is_aggregate

    def test_of_single_parties_are_no_federation_of_which_one_is_a_member(
        self, file_of, make_own
    ):
        one = file_of("one.xml", make_own("hub"))
        assert not read(None, one).is_aggregate

    def test_must_all_be_signed_where_one_is(self, file, file_of, make_own, operator):
        one = file_of("one.xml", make_own("hub", entity_id="https://two.test/"))
        with pytest.raises(MetadataUntrusted, match=r"one\.xml"):
            read([operator.public], file, one)

    def test_may_each_have_a_key_that_is_good_for_no_other(
        self, file, tmp_path, make_own, operator, key
    ):
        one = tmp_path / "one.xml"
        hub = make_own("hub", entity_id="https://two.test/").descriptor()
        one.write_bytes(write_entity(hub, key))
        files = MetadataFile(file, [operator.public]), MetadataFile(one, [key.public])
        assert Membership.from_files(files).hubs == [HUB, hub.entity_id]
        swapped = MetadataFile(file, [key.public]), MetadataFile(one, [key.public])
        with pytest.raises(MetadataUntrusted, match=r"federation\.xml"):
            Membership.from_files(swapped)

    def test_may_not_both_tell_of_a_party(self, file, file_of, make_own):
        again = file_of("again.xml", make_own())
        told = rf"again\.xml: '{UWV}' is in another file of 'federation' too"
        with pytest.raises(MetadataUnusable, match=told):
            read(None, file, again)

    @pytest.fixture
    def spoilt(self, tmp_path, make_own, operator):
        """A file in which a party has no keys, beside another one."""

        def spoilt(name, beside):
            bad = make_own().descriptor()
            role = replace(bad.service_provider, signing_certificates=())
            octets = write_federation(
                [
                    replace(bad, service_provider=role),
                    make_own("hub", entity_id=beside).descriptor(),
                ],
                name="",
                valid_until=clock.now() + HOUR,
                key=operator,
            )
            path = tmp_path / name
            path.write_bytes(octets)
            return path

        return spoilt

    def test_may_both_have_a_party_that_cannot_be_used(self, spoilt):
        files = [spoilt(f"{name}.xml", f"https://{name}.nl") for name in ("a", "b")]
        federation = read(None, *files)
        assert federation.hubs == ["https://a.nl", "https://b.nl"]
        assert federation.left_out.keys() == {UWV}

    @pytest.mark.parametrize("is_first", [True, False])
    def test_have_a_party_that_only_one_of_them_has_in_order(
        self, spoilt, file, is_first
    ):
        files = [spoilt("bad.xml", "https://two.test/"), file]
        federation = read(None, *(files if is_first else reversed(files)))
        assert federation.entity(UWV).service_provider
        assert federation.left_out == {}
        assert set(federation.hubs) == {HUB, "https://two.test/"}


class TestAPartyWithoutKeys:
    def test_alone_in_a_file_is_named_with_it(self, file_of, make_own, monkeypatch):
        path = file_of("bare.xml", make_own())
        bare = re.sub(
            rb"<md:KeyDescriptor.*?</md:KeyDescriptor>", b"", path.read_bytes()
        )
        path.write_bytes(bare)
        with pytest.raises(PeerWithoutKeys, match=rf"bare\.xml: entity '{UWV}'"):
            read(None, path)

    def test_among_others_is_unknown_and_the_log_can_say_why(self, file):
        octets = file.read_bytes()
        start = octets.index(UWV.encode())
        bare = re.sub(rb"<md:KeyDescriptor.*?</md:KeyDescriptor>", b"", octets[start:])
        file.write_bytes(octets[:start] + bare)
        federation = read(None, file)
        assert federation.hubs == [HUB]
        assert federation.left_out.keys() == {UWV}
        why = r"left out \(peer-without-keys\): entity .*no usable signing certificate"
        with pytest.raises(UnknownPeer, match=why):
            federation.entity(UWV)
        # Whom to ask is told with the reason.
        assert federation.hint_for(UWV) == ""
