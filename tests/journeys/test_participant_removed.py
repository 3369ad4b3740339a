"""A participant leaves the federation while a citizen is logged in there."""

import pytest

from eilogin import clock as instants
from eilogin.federation.refresh.metadata_refresh import refresh
from eilogin.saml.metadata import write_federation
from tests.journeys.conftest import show_visitor

UWV, STAD, LAND = (f"https://{host}.test/mijn" for host in ("uwv", "stad", "land"))
ENTITY = "https://stad.test/eilogin/metadata"
DAY = 86400.0


@pytest.fixture
def federation(clock, tmp_path, eilogin_federation):
    apps = dict.fromkeys(("uwv.test", "stad.test", "land.test"), show_visitor)
    folder = tmp_path / "known"
    folder.mkdir(mode=0o755)
    return eilogin_federation(
        apps,
        hub_options={
            "federation_folder": str(folder),
            # Here by the test itself: a process of its own has another time.
            "federation_refresh": "off",
            "federation_changes": "off",
        },
    )


@pytest.fixture
def remove(federation):
    """Have the operator publish metadata without it, and the hub take that."""

    def remove():
        trust = federation.apps["inloggen.test"].app.trust
        members = [e for e in trust.federation.entities if e.entity_id != ENTITY]
        octets = write_federation(
            members,
            name="Test",
            valid_until=instants.now() + 300 * DAY,
            key=federation.key,
        )
        (federation.folder / "federation.xml").write_bytes(octets)
        refresh(trust.watch._options, trust.watch.folder)  # noqa: SLF001 - as a child
        trust.watch.check_state()

    return remove


def test_she_is_out_there_and_nowhere_else(anna, federation, remove, clock):
    anna.log_in(UWV)
    assert anna.is_let_in(STAD)
    assert anna.is_let_in(LAND)
    federation.work()
    clock.shift(1)
    remove()
    clock.shift(3)
    federation.work()
    assert anna.is_let_in(UWV)
    assert anna.is_let_in(LAND)
    anna.visit(STAD)
    assert anna.user is None
    assert anna.browser.page.status_int == 400


def test_nobody_is_let_in_there_any_more(anna, federation, remove, clock):
    anna.log_in(UWV)
    clock.shift(1)
    remove()
    anna.visit(STAD)
    assert anna.user is None
    assert "Inloggen is niet gelukt" in anna.browser.text
    assert anna.is_let_in(LAND)
