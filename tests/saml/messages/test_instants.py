"""Instants in UTC and durations are read by their grammar alone."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from example_messages import NOW
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import read_duration, read_instant, write_instant


class TestInstants:
    @pytest.mark.parametrize(
        ("instant", "text"),
        [
            pytest.param(0.0, "1970-01-01T00:00:00Z", id="epoch"),
            pytest.param(NOW, "2026-01-01T12:00:00Z", id="whole"),
            pytest.param(NOW + 0.25, "2026-01-01T12:00:00.250Z", id="milliseconds"),
            pytest.param(NOW - 0.0001, "2026-01-01T12:00:00Z", id="rounded"),
        ],
    )
    def test_are_written_in_utc(self, instant, text):
        assert write_instant(instant) == text

    @given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
    def test_to_the_millisecond_survive_being_written(self, milliseconds):
        instant = milliseconds / 1000
        assert write_instant(read_instant(write_instant(instant))) == write_instant(
            instant
        )
        assert read_instant(write_instant(instant)) == pytest.approx(
            instant, abs=0.0005
        )

    @given(
        st.datetimes(
            min_value=datetime(1, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive
            timezones=st.just(UTC),
        ).map(lambda moment: moment.replace(microsecond=0)),
        st.text("0123456789", max_size=9),
    )
    def test_may_have_any_fraction(self, moment, fraction):
        point = "." if fraction else ""
        text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{point}{fraction}Z"
        micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
        exact = moment + timedelta(microseconds=micro)
        assert read_instant(text) == exact.timestamp()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "2026-01-01",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00+00:00",
            "2026-01-01T12:00:00z",
            "2026-01-01 12:00:00Z",
            "2026-01-01T12:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:60Z",
            "2026-02-30T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "0000-01-01T12:00:00Z",
            "12026-01-01T12:00:00Z",
            "-2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00,5Z",
            " 2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00Z\n",
            "2026-01-01T12:00:0\u0660Z",
            "2026-W01-4T12:00:00Z",
            "20260101T120000Z",
            "1767268800",
        ],
    )
    def test_of_any_other_form_are_refused(self, text):
        with pytest.raises(MalformedMessage):
            read_instant(text)

    @given(st.text(st.characters(codec="ascii")) | st.text("0123456789-:TZ.+ "))
    def test_are_read_by_their_grammar_alone(self, text):
        is_of_the_form = re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text, re.ASCII
        )
        try:
            read_instant(text)
        except MalformedMessage:
            return
        assert is_of_the_form


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("PT1H", 3600),
            (" P1DT2H\n", 26 * 3600),
            ("P1Y2M3D", (365 + 60 + 3) * 86_400),
            ("PT90M30.5S", 90 * 60 + 30),
            ("PT0S", 0),
        ],
    )
    def test_are_about_so_many_seconds(self, text, seconds):
        assert read_duration(text) == seconds

    @pytest.mark.parametrize(
        "text",
        ["", "P", "PT", "P1DT", "-PT1H", "1H", "PT1.5H", "P\u0661D", "PT9999999999H"],
    )
    def test_that_are_none_say_nothing(self, text):
        assert read_duration(text) is None
