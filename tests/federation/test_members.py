import pytest
import time_machine

from eilogin import clock
from eilogin.errors import ConfigurationError, UnknownPeer
from eilogin.federation import Federation
from eilogin.saml.metadata import write_federation

UWV, HUB = "https://uwv.test/eilogin/metadata", "https://hub.test/metadata"
HOUR = 3600.0


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
    return Federation.from_file(file, [operator.public])


def test_knows_its_members_in_their_order(federation):
    assert [e.entity_id for e in federation.entities] == [HUB, UWV]
    assert federation.entity(UWV).service_provider
    assert federation.name == "Proef"


def test_does_not_know_a_stranger(federation):
    with pytest.raises(UnknownPeer, match="not a member"):
        federation.entity("https://stranger.test/")


def test_knows_nobody_any_more_when_it_has_expired(federation, traveller):
    traveller.shift(HOUR)
    assert federation.entities == []
    with pytest.raises(UnknownPeer, match="expired"):
        federation.entity(UWV)


def test_has_a_name_for_everybody(federation):
    assert federation.name_of(UWV, "en") == "Employee Insurance Agency"
    assert federation.name_of("https://gone.test/", "nl") == "https://gone.test/"


def test_says_who_the_only_hub_is(federation):
    assert federation.only_hub() == HUB


def test_does_not_choose_between_hubs(tmp_path, make_own, operator):
    hubs = [make_own("hub", entity_id=f"https://{n}.test/").descriptor() for n in "ab"]
    path = tmp_path / "two.xml"
    path.write_bytes(
        write_federation(hubs, name="", valid_until=clock.now() + HOUR, key=operator)
    )
    assert Federation.from_file(path, [operator.public]).only_hub() is None


def test_a_file_that_is_not_there_is_named(tmp_path, operator):
    with pytest.raises(ConfigurationError, match=r"gone\.xml: No such file"):
        Federation.from_file(tmp_path / "gone.xml", [operator.public])


def test_a_file_that_another_key_signed_is_named(file, key):
    with pytest.raises(ConfigurationError, match=r"federation\.xml: "):
        Federation.from_file(file, [key.public])


def test_a_file_that_was_altered_is_named(file, operator):
    file.write_bytes(file.read_bytes().replace(b"De hub", b"De dub"))
    with pytest.raises(ConfigurationError, match=r"federation\.xml: "):
        Federation.from_file(file, [operator.public])


def test_a_file_that_has_expired_is_named_with_when(file, operator, traveller):
    traveller.shift(HOUR)
    with pytest.raises(ConfigurationError, match=r"expired at 2026-11-24T10:00"):
        Federation.from_file(file, [operator.public])
