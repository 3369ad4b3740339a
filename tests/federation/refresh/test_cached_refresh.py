"""A refresh takes members from the cache, and finds what it would find without."""

import pytest
import time_machine

from eilogin.errors import MetadataUntrusted
from eilogin.federation import Membership
from eilogin.federation.changes.approval_decisions import approve
from eilogin.federation.members import membership as membership_module
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.federation.state.state_records import Approval
from eilogin.federation.trust_start import trust_of
from eilogin.saml.metadata import cached_reading, trusted_metadata
from eilogin.saml.safe_xml import q

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"
DAY = 86_400.0
ANNA = Approval("anna", 1000, 1.0)


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def sources(clock, sources):
    """Those of the folder, with the time of this module."""
    return sources


@pytest.fixture
def read_names(monkeypatch):
    """The members that were read, and not taken from the cache."""
    names, read_tree = [], cached_reading.read_tree

    def named(root, *args, **options):
        names.extend(e.get("entityID") for e in root.iter(q("md:EntityDescriptor")))
        return read_tree(root, *args, **options)

    monkeypatch.setattr(cached_reading, "read_tree", named)
    # All metadata is large.
    monkeypatch.setattr(trusted_metadata, "_LARGE", 0)
    return names


@pytest.fixture
def folder(clock, read_names, sources, site):
    """The state of a site that has refreshed once, and so has cached members."""
    sources.publish(HUB, UWV, STAD)
    trust_of(site)
    clock.shift(60)
    sources.publish(HUB, UWV, STAD)
    refresh(site, folder_of(site))
    assert read_names == [HUB, UWV, STAD]
    read_names.clear()
    clock.shift(60)
    return folder_of(site)


def members(folder):
    return [*membership(folder).members]


def membership(folder):
    return Membership.from_index(folder.index(folder.active.state))


def cache_files(folder):
    return [path.name for path in folder.path.glob("members-*")]


def test_same_members_signed_again_come_from_the_cache(
    site, sources, folder, read_names
):
    before = membership(folder)
    sources.publish(HUB, UWV, STAD, days=40)
    refresh(site, folder)
    assert read_names == [HUB], "with which the rest is validated"
    now = membership(folder)
    assert dict(now.members) != dict(before.members)
    assert now.digests == before.digests
    assert now.end_of(STAD) == before.end_of(STAD) + 10 * DAY + 60


def test_each_index_is_opened_once(site, sources, folder, monkeypatch):
    opened, open_index = [], membership_module.open_index

    def noted(path):
        opened.append(path.name)
        return open_index(path)

    monkeypatch.setattr(membership_module, "open_index", noted)
    before = folder.active.state.index
    sources.publish(HUB, UWV, STAD, days=40)
    refresh(site, folder)
    assert opened == [folder.active.state.index, before]


def test_first_start_has_no_cache(sources, clock, read_names, site):
    trust_of(site)
    assert cache_files(folder_of(site)) == []


def test_copy_of_a_source_that_is_down_comes_from_the_cache(
    site, sources, folder, read_names
):
    sources.close()
    assert refresh(site, folder).failures
    assert read_names == [HUB]
    assert members(folder) == [HUB, UWV, STAD]


def test_dangerous_change_waits_and_others_follow(site, sources, folder, read_names):
    sources.publish(HUB, UWV, STAD, moved=[HUB])
    for _ in range(2):
        assert refresh(site, folder).held == (HUB,)
        assert "moved.test" not in repr(membership(folder).entity(HUB))
    assert set(read_names) == {HUB}
    approve(folder, folder.open_quarantine.id, ANNA)
    assert "moved.test" in repr(membership(folder).entity(HUB))
    # The earlier record is still in the cache, and is a change again.
    sources.publish(HUB, UWV, STAD, days=41)
    assert refresh(site, folder).held == (HUB,)


def test_cached_member_that_left_is_compared_when_it_returns(
    site, sources, folder, clock
):
    sources.publish(UWV, HUB)
    refresh(site, folder)
    assert STAD not in members(folder)
    clock.shift(60)
    sources.publish(HUB, UWV, STAD)
    refresh(site, folder)
    assert STAD in members(folder)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("role=hub", [HUB]), (f"exclude={STAD}", [HUB, UWV]), ("entity=*hub*", [HUB])],
)
def test_changed_filter_selects_among_cached_members(sources, folder, choice, expected):
    site = sources.site(federation=f"{sources.url} {choice}")
    refresh(site, folder)
    assert members(folder) == expected
    refresh(sources.site(), folder)
    assert members(folder) == [HUB, UWV, STAD]


def test_loopback_option_applies_to_cached_members(sources, folder, read_names):
    refresh(sources.site(public_url="http://localhost:8080"), folder)
    assert read_names == [HUB, UWV, STAD]


def test_other_operator_is_not_trusted_for_cached_members(
    site, sources, folder, key_of
):
    sources.publish(HUB, UWV, STAD, key=key_of("another operator"))
    [failure] = refresh(site, folder).failures
    assert MetadataUntrusted.code in failure
    sources.certificate("other.crt", key_of("another operator"))
    other = sources.site(federation_certificate="other.crt")
    assert refresh(other, folder).failures == ()
    assert members(folder) == [HUB, UWV, STAD]


def test_cached_metadata_expires(site, sources, folder, clock):
    sources.close()
    clock.shift(31 * DAY)
    assert membership(folder).entities == []


def test_cached_member_does_not_move_to_another_source_unseen(
    sources, clock, read_names
):
    """The two sources have a cache each."""
    first, second = sources.folder / "a.xml", sources.folder / "b.xml"
    first.write_bytes(sources.made(HUB, UWV))
    second.write_bytes(sources.made(STAD))
    site = sources.site(federation=f"{first}\n{second}")
    trust_of(site)
    folder = folder_of(site)
    refresh(site, folder)
    assert len(cache_files(folder)) == 2
    clock.shift(60)
    first.write_bytes(sources.made(HUB))
    second.write_bytes(sources.made(UWV, STAD))
    for _ in range(2):
        assert refresh(site, folder).reasons == (f"{UWV}: comes from {second} now",)


@pytest.mark.parametrize("octets", [b"", b"x" * 1000])
def test_unreadable_cache_is_made_again(site, sources, folder, read_names, octets):
    [name] = cache_files(folder)
    (folder.path / name).write_bytes(octets)
    for expected in ([HUB, UWV, STAD], [HUB]):
        refresh(site, folder)
        assert read_names == expected
        read_names.clear()


def test_cache_of_a_source_goes_with_the_source(sources, folder):
    [name] = cache_files(folder)
    other = sources.folder / "other.xml"
    other.write_bytes(sources.made(HUB, UWV, STAD))
    refresh(sources.site(federation=str(other)), folder)
    assert name not in cache_files(folder)
