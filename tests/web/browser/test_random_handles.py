"""Handles: what they look like, and when they were made."""

import pytest

from eilogin.web.browser.random_handles import (
    HANDLE_LENGTH,
    handle_of,
    instant_of,
    is_handle,
    is_silent,
    new_handle,
)


def test_one_tells_when_it_was_made(clock):
    handle = new_handle()
    assert is_handle(handle)
    assert len(handle) == HANDLE_LENGTH
    assert instant_of(handle) == 1795510800.0
    clock.shift(0.25)
    assert instant_of(new_handle()) == 1795510800.25


def test_they_sort_by_age_within_one_second_and_no_two_are_the_same(clock):
    first, other = new_handle(), new_handle()
    clock.shift(0.002)
    assert first != other
    assert max(first, other) < new_handle()


def test_one_tells_whether_the_question_is_a_silent_one(clock):
    silent, aloud = new_handle(is_silent=True), new_handle()
    assert is_handle(silent)
    assert instant_of(silent) == instant_of(aloud)
    assert is_silent(silent)
    assert not is_silent(aloud)
    assert not is_silent("x.")


def test_one_can_be_told_by_a_name_and_an_instant():
    handle = handle_of("hub\0_a1", 1795510800.25)
    assert is_handle(handle)
    assert instant_of(handle) == 1795510800.25
    assert handle == handle_of("hub\0_a1", 1795510800.25)
    assert handle != handle_of("hub\0_a2", 1795510800.25)


@pytest.mark.parametrize(
    "text",
    ["", "x", 11 * "0" + "-" + 21 * "x", "\n", 11 * "0" + "-" + 22 * "x" + "\n"],
)
def test_not_every_text_is_one(text):
    assert not is_handle(text)
    assert instant_of(text) is None
