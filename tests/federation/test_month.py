"""A month in which a change of one member waits: all others are followed to its end."""

import pytest
import time_machine
from kept_federations import BURG, DORP, HUB, KAMP, STAD, UWV, Party

from eilogin import clock as instants
from eilogin.federation.changes.approval_decisions import approve
from eilogin.federation.refresh.usable_hubs import hubs_of
from eilogin.federation.state.state_records import Approval

DAY = 86_400.0
#: For how many days the operator signs.
VALID = 14


def others(day):
    """Who is a member on a day, beside the hub, us and the one that waits."""
    new = [f"https://site{n}.test/eilogin/metadata" for n in range(day)]
    # Each stays for ten days; two old members leave in the second week.
    return [*new[-10:], *(one for one in (DORP, KAMP, BURG) if day < 9 or one == DORP)]


def keys(day):
    """A key that is changed as it should be: beside the old one, then alone."""
    if day < 10:
        return ("member",)
    return ("member", "next") if day < 20 else ("next",)


@pytest.mark.parametrize(
    ("said", "waits", "how"),
    [
        ({"role": "hub", "public_url": "https://hub.test"}, STAD, {"moved": [STAD]}),
        ({"hub": HUB}, HUB, {"moved": [HUB]}),
    ],
    ids=["hub", "participant"],
)
def test_all_but_one_are_followed_to_the_end_of_the_month(sources, said, waits, how):
    with time_machine.travel("2026-12-01T09:00:00Z", tick=False) as clock:
        party = Party(sources, **said)
        party.refresh(HUB, UWV, STAD, *others(0), days=VALID)
        for day in range(1, 32):
            clock.shift(DAY)
            names = [HUB, UWV, STAD, *others(day)]
            outcome = party.refresh(*names, days=VALID, keys={DORP: keys(day)}, **how)
            assert (outcome.held, outcome.failures) == ((waits,), ())
            assert party.names == set(names), f"day {day}"
            assert party.keys(DORP) == set(keys(day))
            assert not party.is_moved(waits)
            assert party.waits == [waits]
            # It is as valid as all others are.
            ends = {party.federation.end_of(name) for name in names}
            assert ends == {instants.now() + VALID * DAY}
            # A process that runs has the same, and so has one that starts.
            party.trust.watch.check_state()
            assert hubs_of(party.options, party.trust.own, party.federation)
        waiting = party.folder.open_quarantine
        assert instants.now() - waiting.since == 30 * DAY
        approve(party.folder, waiting.id, Approval("anna", 1000, instants.now()))
        assert party.is_moved(waits)
        assert party.names == set(names)
