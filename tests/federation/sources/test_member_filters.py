"""Which members are taken of a source, as its line wants it."""

import re

import pytest
from cpu_time import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import MetadataUnusable, PeerUnusable
from eilogin.federation import Membership
from eilogin.federation.sources.member_filters import ANYBODY, MemberFilters
from eilogin.saml.metadata import (
    EntityDescriptor,
    FederationMetadata,
    IdentityProvider,
    ServiceProvider,
)

HUB, UWV, STAD = "https://hub.test/md", "https://uwv.test/md", "urn:nl:stad"
OLD = "https://old.test/md"
SURF, EDU = "http://surf.test", "http://edu.test"
RESEARCH = "http://refeds.test/category/research"


@pytest.fixture
def metadata():
    """A hub, a participant, one that is both, and a hub that cannot be used."""
    error = PeerUnusable("entity 'https://old.test/md': no")
    error.is_hub, error.registrar = True, SURF
    return FederationMetadata(
        entities=(
            EntityDescriptor(
                entity_id=HUB, identity_provider=IdentityProvider(), registrar=SURF
            ),
            EntityDescriptor(
                entity_id=UWV,
                service_provider=ServiceProvider(),
                registrar=EDU,
                entity_categories=frozenset({RESEARCH}),
            ),
            EntityDescriptor(
                entity_id=STAD,
                service_provider=ServiceProvider(),
                identity_provider=IdentityProvider(),
                registrar=SURF,
            ),
        ),
        valid_until=None,
        name="Proef",
        created=None,
        left_out={OLD: error},
        remarks=(f"entity '{UWV}': a key", f"entity '{HUB}': an address"),
    )


@pytest.fixture
def federation(metadata):
    return lambda **said: Membership(
        MemberFilters(**said).read().select("all.xml", metadata)
    )


def names(federation):
    return [one.entity_id for one in federation.entities] + [*federation.left_out]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"entities": ("https://*",)}, [HUB, UWV, OLD]),
        ({"entities": ("*",)}, [HUB, UWV, STAD, OLD]),
        ({"entities": ("*.test/md", "urn:nl:stad")}, [HUB, UWV, STAD, OLD]),
        ({"entities": ("https://*u*.test/md",)}, [HUB, UWV]),
        ({"entities": ("https://uwv.test/md*md",)}, []),
        ({"entities": ("https://uwv.test",)}, []),
        ({"entities": ("https://[uh]*",)}, []),
        ({"registrars": (SURF,)}, [HUB, STAD, OLD]),
        ({"registrars": (SURF, EDU)}, [HUB, UWV, STAD, OLD]),
        ({"categories": (RESEARCH, "urn:x")}, [UWV]),
        ({"include": (UWV, STAD)}, [UWV, STAD]),
        ({"exclude": (UWV, STAD)}, [HUB, OLD]),
        ({"include": (UWV, STAD), "exclude": (UWV,)}, [STAD]),
        ({"include": (UWV, STAD), "registrars": (EDU,)}, [UWV]),
        ({"role": "participant"}, [UWV, STAD]),
        ({"role": "hub"}, [HUB, STAD, OLD]),
    ],
    ids=str,
)
def test_only_entities_that_match_the_filter_are_members(federation, said, found):
    assert names(federation(**said)) == found


def test_role_filter_removes_the_other_role_of_an_entity(federation):
    """Whose participants we take cannot make one of them a hub."""
    assert federation(role="participant").hubs == []
    stad = federation(role="hub").entity(STAD)
    assert stad.identity_provider
    assert stad.service_provider is None


def test_how_many_are_passed_over_is_told(federation):
    found = federation(role="participant")
    assert found.remarks == (
        "all.xml: 2 of 4 members skipped, as its line of 'federation' wants it",
        f"entity '{UWV}': a key",
    )
    assert federation().remarks[0] == f"entity '{UWV}': a key"


def test_whether_we_are_a_member_is_not_known_of_a_part(federation):
    assert federation(entities=("*",)).is_aggregate
    assert not federation(role="hub").is_aggregate


@given(st.text("ab*.[?", max_size=12), st.text("ab.[?*", max_size=12))
def test_a_star_is_anything_and_all_else_itself(pattern, text):
    grammar = ".*".join(map(re.escape, pattern.split("*")))
    entity = EntityDescriptor(entity_id=text, service_provider=ServiceProvider())
    metadata = FederationMetadata((entity,), None, "", None)
    found = (
        MemberFilters(entities=(pattern,)).read().select("all.xml", metadata).entities
    )
    assert bool(found) == bool(re.fullmatch(grammar, text))


def test_a_pattern_takes_no_long_time():
    name = f"https://{'a' * 1000}"
    entity = EntityDescriptor(entity_id=name, service_provider=ServiceProvider())
    metadata = FederationMetadata((entity,), None, "", None)
    chosen = MemberFilters(entities=("*a" * 60 + "*b",)).read()
    assert not chosen.select("x", metadata).entities
    assert cpu_seconds(lambda: chosen.select("x", metadata)) < 1


class TestAList:
    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "names.txt"

    def test_has_an_entity_id_on_a_line(self, federation, file):
        file.write_text(f"# ours\n\n  {UWV}\n{STAD}\n")
        assert names(federation(include=(file,))) == [UWV, STAD]
        assert names(federation(include=(file, HUB))) == [HUB, UWV, STAD]
        assert names(federation(exclude=(file,))) == [HUB, OLD]

    def test_that_is_empty_includes_nobody(self, federation, file):
        file.write_text("# nobody yet\n")
        assert names(federation(include=(file,))) == []

    def test_that_names_who_is_not_there_is_told(self, federation, file):
        file.write_text("urn:a\nurn:b\nurn:c\nurn:d\n")
        told = federation(exclude=(file,)).remarks[0]
        assert told == (
            "all.xml: 'exclude' names an entity that is not in the metadata: 'urn:a',"
            " 'urn:b', 'urn:c', …"
        )
        assert "'include' names" in federation(include=("urn:slip",)).remarks[1]

    @pytest.mark.parametrize(
        ("octets", "told"),
        [
            (
                b"urn:a\nuwv.test\n",
                r"found 'uwv\.test' on line 2; expected an entityID",
            ),
            (b"\xff\xfe", "expected entityIDs, one on each line"),
        ],
    )
    def test_that_is_none_is_told(self, federation, file, octets, told):
        file.write_bytes(octets)
        with pytest.raises(MetadataUnusable, match=rf"names\.txt: .*{told}"):
            federation(include=(file,))

    def test_that_is_gone_is_told(self, federation, file):
        with pytest.raises(MetadataUnusable, match=r"names\.txt.*one on each line"):
            federation(exclude=(file,))

    def test_is_another_choice_when_it_changes(self, file):
        choice = MemberFilters(include=(file,))
        file.write_text("urn:a\nurn:b")
        first = choice.read().version
        file.write_text("# the same\nurn:b\nurn:a")
        assert choice.read().version == first
        file.write_text("urn:a")
        assert choice.read().version != first
        assert ANYBODY.read().version == ""
