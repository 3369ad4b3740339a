"""She is over who does nothing, and who does something is not."""

# ruff: noqa: SLF001, PLR0913, PLR0917 - races from inside; fixtures are arguments

import pytest

from eilogin.sessions import Sessions
from eilogin.sessions import idle_limit as idle_room
from eilogin.sessions.idle_limit import TOUCH_INTERVAL
from tests.sessions.session_examples import NOON, live_login, participant_of

MINUTE = 60.0


class TestLimits:
    @pytest.mark.parametrize(
        ("minutes", "is_there"),
        [
            pytest.param(119 + 59 / 60, True, id="119:59"),
            pytest.param(120, False, id="120:00"),
            pytest.param(120 + 1 / 60, False, id="120:01"),
        ],
    )
    def test_absolute_one_holds_whatever_she_does(
        self, sessions, anna, travel, minutes, is_there
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        for _ in range(11):
            travel.shift(10 * MINUTE)
            sessions.touch(live_login(sessions, token))
        travel.move_to(NOON + minutes * MINUTE)
        assert (sessions.find(token) is not None) == is_there
        assert (sessions.find_beyond_idle(token) is not None) == is_there

    @pytest.mark.parametrize(
        ("seconds", "is_there"),
        [
            pytest.param(14 * 60 + 59, True, id="14:59"),
            pytest.param(15 * 60, True, id="15:00"),
            pytest.param(15 * 60 + 1, False, id="15:01"),
        ],
    )
    @pytest.mark.parametrize(
        "seen_at",
        [
            pytest.param(0, id="since the login"),
            pytest.param(30, id="since a page that was not worth a write"),
            pytest.param(600, id="since a page"),
        ],
    )
    def test_idle_one_counts_from_when_she_was_last_seen(
        self, sessions, anna, travel, seen_at, seconds, is_there
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(seen_at)
        sessions.touch(live_login(sessions, token))
        travel.shift(seconds)
        assert (sessions.find(token) is not None) == is_there
        assert sessions.find_beyond_idle(token) is not None

    def test_idle_one_does_not_move_when_she_is_only_looked_up(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(14 * MINUTE)
        assert sessions.find(token) is not None
        travel.shift(2 * MINUTE)
        assert sessions.find(token) is None

    @pytest.mark.parametrize("minutes", [16, 121], ids=["idle", "absolute"])
    def test_hold_when_the_clock_is_stepped_back(
        self, sessions, anna, travel, minutes
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(minutes * MINUTE)
        assert sessions.find(token) is None
        travel.move_to(NOON + MINUTE)
        assert sessions.find(token) is None

    def test_idle_one_is_no_news_to_another_process_after_it_was_found(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        other = Sessions(
            sessions.store, idle=sessions.idle, max_session=sessions.max_session
        )
        travel.shift(16 * MINUTE)
        assert sessions.find(token) is None
        travel.move_to(NOON + MINUTE)
        assert other.find(token) is None

    def test_idle_one_found_at_the_moment_when_she_comes_back_does_not_win(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(15 * MINUTE)
        stale = live_login(sessions, token)
        sessions.touch(stale)
        travel.shift(1)
        sessions._write_idle(stale)
        assert sessions.find(token) is not None

    def test_idle_one_is_up_to_a_minute_stricter_after_much_else(
        self, sessions, anna, travel, monkeypatch
    ) -> None:
        monkeypatch.setattr(idle_room, "_REMEMBERED", 1)
        second = sessions.create_login(anna, issued=NOON)
        travel.shift(40)
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(30)
        sessions.touch(live_login(sessions, token))
        sessions.touch(live_login(sessions, second))
        assert sessions._last_activity == {}
        travel.shift(15 * MINUTE)
        assert sessions.find(token) is None
        assert sessions.find(second) is not None


class TestIdleAt:
    def test_counts_what_was_not_worth_a_write(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(30)
        sessions.touch(live_login(sessions, token))
        login = live_login(sessions, token)
        assert login.seen == NOON
        assert sessions.idle_at(login) == NOON + 30 + 15 * MINUTE


class TestActivityThatAnotherPartySaw:
    def test_moves_the_idle_limit_forward_only(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(10 * MINUTE)
        for at, seen in ((2, 2), (9, 9), (4, 9), (9, 9)):
            instant = NOON + at * MINUTE
            assert sessions.note_activity(live_login(sessions, token), instant)
            assert live_login(sessions, token).seen == NOON + seen * MINUTE

    def test_is_too_late_once_the_login_is_idle(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(15 * MINUTE + 1)
        login = sessions.find_beyond_idle(token)
        assert not sessions.note_activity(login, NOON + 14 * MINUTE)
        assert sessions.find(token) is None

    def test_makes_no_login_that_has_ended(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        login = live_login(sessions, token)
        sessions.drop(login)
        travel.shift(MINUTE)
        assert not sessions.note_activity(login, NOON + MINUTE)
        assert sessions.find(token) is None


class TestTouch:
    def test_writes_once_a_minute(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        written = []
        for _ in range(6):
            travel.shift(25)
            sessions.touch(live_login(sessions, token))
            written.append(live_login(sessions, token).seen - NOON)
        assert written == [0, 0, 75, 75, 75, 150]

    def test_of_requests_at_the_same_time_writes_once(
        self, sessions, anna, travel, monkeypatch
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(TOUCH_INTERVAL + 1)
        at_once = [live_login(sessions, token) for _ in range(5)]
        real, wrote = sessions.store.touch, []
        monkeypatch.setattr(
            sessions.store, "touch", lambda *args: wrote.append(real(*args))
        )
        for login in at_once:
            sessions.touch(login)
            travel.shift(1)
        assert wrote.count(True) == 1

    def test_of_a_slow_request_does_not_revive_an_idle_login(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        login = live_login(sessions, token)
        travel.shift(16 * MINUTE)
        sessions.touch(login)
        assert sessions.find(token) is None

    def test_does_not_revive_an_ended_login(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        login = live_login(sessions, token)
        sessions.end_citizen(login)
        travel.shift(2 * MINUTE)
        sessions.touch(login)
        sessions.rearm(login)
        assert sessions.find_beyond_idle(token) is None


class TestRearm:
    def test_is_written_at_once(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(1)
        sessions.rearm(live_login(sessions, token))
        assert live_login(sessions, token).seen == NOON + 1

    def test_does_nothing_to_a_login_once_found_idle(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(16 * MINUTE)
        assert sessions.find(token) is None
        sessions.rearm(sessions.find_beyond_idle(token))
        assert sessions.find(token) is None

    def test_is_not_needed_after_a_new_proof(self, sessions, anna, travel) -> None:
        token = sessions.create_login(anna, issued=NOON)
        travel.shift(16 * MINUTE)
        assert sessions.find(token) is None
        idle = sessions.find_beyond_idle(token)
        sessions.add_participant(idle, participant_of("uwv"))
        again = sessions.create_login(idle, issued=NOON + 16 * MINUTE, replaces=idle)
        login = live_login(sessions, again)
        assert sessions.participants(login) == [participant_of("uwv")]
        assert login.ends == anna.ends
