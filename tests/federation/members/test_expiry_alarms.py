"""The log of a running site tells of the end of a certificate, in time."""

import logging
from dataclasses import replace

import pytest
import time_machine

from eilogin.federation.members.expiry_alarms import Alarms, Expiry, ends_in_words

DAY = 86400.0
END = 1_900_000_000.0


@pytest.fixture
def ending():
    return Expiry("certificate", "certificate", "uwv.crt (CN=uwv)", END)


@pytest.fixture
def told(caplog):
    """What is told after so many days, each a day after the last request before it."""

    def read(alarms, *days_before):
        found = []
        for days in days_before:
            caplog.clear()
            with time_machine.travel(END - days * DAY, tick=False):
                alarms.see()
                alarms.see()
            found.append([(r.levelname, r.getMessage()) for r in caplog.records])
        return found

    caplog.set_level(logging.WARNING)
    return read


@pytest.fixture
def alarms(ending):
    with time_machine.travel(END - 100 * DAY, tick=False):
        return Alarms("uwv", lambda: [ending])


def test_are_told_once_at_each_stage(alarms, told):
    found = told(alarms, 99, 60, 59, 30, 8, 7, 6, 0, -1)
    assert [len(records) for records in found] == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    text = (
        "uwv: certificate: uwv.crt (CN=uwv) ends at 2030-03-17T17:46:40Z (in 60 days):"
        " replace it in time (certificate-ends)"
    )
    assert found[1] == [("WARNING", text)]
    levels = [records[0][0] for records in found if records]
    assert levels == ["WARNING", "WARNING", "ERROR", "ERROR"]


def test_are_told_once_where_nobody_came_by_for_long(alarms, told):
    ((record,),) = told(alarms, -5)
    assert "expired at 2030-03-17T17:46:40Z (certificate-expired)" in record[1]


def test_are_not_told_again_of_what_the_start_has_told(ending, told):
    with time_machine.travel(END - 50 * DAY, tick=False):
        alarms = Alarms("uwv", lambda: [ending])
    assert [len(records) for records in told(alarms, 49, 30)] == [0, 1]


def test_are_silent_where_nothing_ends(told):
    assert told(Alarms("uwv", list), 0) == [[]]


class TestOfOthersThanBefore:
    @pytest.fixture
    def endings(self):
        return []

    @pytest.fixture
    def alarms(self, endings):
        with time_machine.travel(END - 100 * DAY, tick=False):
            return Alarms("uwv", lambda: endings)

    def test_are_told_at_once_of_what_is_near_already(
        self, alarms, endings, ending, told
    ):
        assert told(alarms, 20) == [[]]
        endings.append(ending)
        alarms.look_again()
        found = told(alarms, 20, 19, 7)
        assert [len(records) for records in found] == [1, 0, 1]

    def test_are_told_a_day_later_where_nobody_says_that_there_are_others(
        self, alarms, endings, ending, told
    ):
        assert told(alarms, 20) == [[]]
        endings.append(ending)
        found = told(alarms, 19.9, 19)
        assert [len(records) for records in found] == [0, 1]

    def test_are_not_told_again_at_each_change(self, alarms, endings, ending, told):
        endings.append(ending)
        alarms.look_again()
        assert len(told(alarms, 20)[0]) == 1
        for days in (19, 18):
            alarms.look_again()
            assert told(alarms, days) == [[]]

    def test_are_silent_when_the_next_one_is_there(self, alarms, endings, ending, told):
        endings[:] = [replace(ending, ends=END + 365 * DAY)]
        alarms.look_again()
        assert told(alarms, 20, 0, -1) == [[], [], []]


@pytest.mark.parametrize(
    ("left", "words"),
    [(0.5, "(within a day)"), (1, "(in 1 day)"), (2.9, "(in 2 days)"), (-1, "expired")],
)
def test_say_how_long_it_is(left, words):
    with time_machine.travel(END - left * DAY, tick=False):
        assert words in ends_in_words(END)
