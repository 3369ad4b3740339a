# ruff: noqa: SLF001 - races from inside; fixtures are arguments

import base64
import hashlib
import logging
import re
import secrets
import sqlite3
import threading
import zlib
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from eilogin.errors import (
    LoginEnded,
    MessageReplayed,
    StoreUnavailable,
)
from eilogin.sessions import Login, Sessions, session_reading
from eilogin.sessions import session_service as module
from eilogin.sessions.bounded_cache import KEPT_FOR
from eilogin.stores import StoredSession, shard_of
from tests.sessions.session_examples import NOON, live_login, participant_of

MINUTE = 60.0


def checked(body: str) -> str:
    """A record with the checksum that it should have."""
    return f"{zlib.crc32(body.encode())}\n{body}"


@pytest.fixture
def bert(anna: Login) -> Login:
    return replace(anna, who=replace(anna.who, name_id="bert"), session_index="other")


class TestDropping:
    """One login and no other, and nothing that keeps the next one from being made."""

    def test_ends_it_under_whatever_key_it_goes_on(self, sessions, anna) -> None:
        token = sessions.create_login(anna, issued=NOON)
        old = live_login(sessions, token)
        renewed = sessions.create_login(anna, issued=NOON, replaces=old)
        sessions.drop(old)
        assert sessions.find(renewed) is None

    def test_leaves_her_other_sessions_and_no_mark(self, sessions, anna) -> None:
        token, other_token = (
            sessions.create_login(anna, issued=NOON) for _ in range(2)
        )
        sessions.drop(live_login(sessions, token))
        assert sessions.find(token) is None
        assert live_login(sessions, other_token)
        assert live_login(sessions, sessions.create_login(anna, issued=NOON))

    def test_of_one_that_is_over_does_nothing(self, sessions, anna) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.drop(login)
        sessions.drop(login)


class TestWhatIsRemembered:
    """Nothing of a session but how its text is taken apart."""

    def test_hides_no_end_and_no_change_made_elsewhere(self, sessions, anna) -> None:
        elsewhere = Sessions(sessions.store, idle=15 * 60, max_session=120 * 60)
        token = sessions.create_login(anna, issued=NOON)
        for _ in range(3):
            login = live_login(sessions, token)
        sessions.store.touch(login.key, NOON + 1, NOON + 1)
        assert live_login(sessions, token).seen == NOON + 1
        elsewhere.end_citizen(live_login(elsewhere, token))
        assert sessions.find(token) is None
        assert sessions._reader.cache.get(token) is None

    def test_goes_though_others_are_at_work(self, sessions, anna, bert, travel) -> None:
        tokens = [sessions.create_login(login, issued=NOON) for login in (anna, bert)]
        for token in tokens:
            live_login(sessions, token)
        for _ in range(3):
            travel.shift(KEPT_FOR)
            live_login(sessions, tokens[1])
        cache = sessions._reader.cache
        assert len(cache) == 1
        assert cache.get(tokens[1]) is not None

    def test_request_cannot_change_attributes_for_the_next(
        self, sessions, anna
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        with pytest.raises(TypeError, match="cannot be changed"):
            live_login(sessions, token).attributes["urn:bsn"].append("900000028")
        assert live_login(sessions, token).attributes == anna.attributes


class TestRenewed:
    """A logout may bring the cookie of before a step-up."""

    def test_is_the_login_that_took_its_place(self, sessions, anna) -> None:
        first = sessions.create_login(anna, issued=NOON)
        second = sessions.create_login(
            anna, issued=NOON, replaces=live_login(sessions, first)
        )
        third = sessions.create_login(
            anna, issued=NOON, replaces=live_login(sessions, second)
        )
        for token in (first, second):
            assert sessions.find(token) is None
            assert sessions.find_renewed(token) == live_login(sessions, third)
        assert sessions.find_renewed(third) is None
        sessions.end_citizen(live_login(sessions, third))
        assert sessions.find_renewed(first) is None

    def test_is_nobody_where_somebody_else_logged_in(self, sessions, anna, bert):
        first = sessions.create_login(anna, issued=NOON)
        sessions.create_login(bert, issued=NOON, replaces=live_login(sessions, first))
        assert sessions.find_renewed(first) is None

    def test_is_found_for_as_long_as_an_heir_that_nobody_uses(
        self, sessions, anna, travel
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        tokens = [token]
        for _ in range(20):
            login = live_login(sessions, tokens[-1])
            tokens.append(sessions.create_login(anna, issued=NOON, replaces=login))
        travel.shift(10 * MINUTE)
        assert all(sessions.find_renewed(token) for token in tokens[:-1])
        sessions.touch(live_login(sessions, tokens[-1]))
        travel.shift(5 * MINUTE + 1)
        assert not any(sessions.find_renewed(token) for token in tokens)

    def test_is_found_from_the_instant_at_which_the_other_has_ended(
        self, sessions, anna, monkeypatch
    ) -> None:
        """A logout comes in just then, with the cookie of before the step-up."""
        first = sessions.create_login(anna, issued=NOON)
        create, heirs = sessions.store.create, []

        def create_and_look(*args: Any, **kwargs: Any) -> bool:
            assert create(*args, **kwargs)
            assert sessions.find(first) is None
            heirs.append(sessions.find_renewed(first))
            return True

        monkeypatch.setattr(sessions.store, "create", create_and_look)
        login = live_login(sessions, first)
        second = sessions.create_login(anna, issued=NOON, replaces=login)
        assert heirs == [live_login(sessions, second)]

    def test_is_not_made_where_the_store_cannot_note_it(
        self, sessions, anna, monkeypatch
    ) -> None:
        """A logout with the old cookie would find nothing."""
        first = sessions.create_login(anna, issued=NOON)

        def full(*_: object, **__: object) -> bool:
            raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(sessions.store, "add", full)
        login = live_login(sessions, first)
        with pytest.raises(StoreUnavailable):
            sessions.create_login(anna, issued=NOON, replaces=login)
        assert live_login(sessions, first) == login

    def test_is_nobody_for_what_is_no_token(self, sessions: Sessions) -> None:
        assert sessions.find_renewed("é") is None


@pytest.mark.parametrize(
    "sessions", ["memory", "sqlite", "redis", "cluster"], indirect=True
)
class TestStepUpsMeanwhile:
    """In another tab, between two questions to the store."""

    @pytest.fixture
    def tokens(self, sessions: Sessions, anna: Login) -> list[str]:
        """Of one login; the last one has it now."""
        return [sessions.create_login(anna, issued=NOON)]

    @pytest.fixture
    def step_up(self, sessions, anna, tokens):
        def step_up() -> None:
            login = live_login(sessions, tokens[-1])
            tokens.append(sessions.create_login(anna, issued=NOON, replaces=login))

        return step_up

    @pytest.fixture
    def after(self, sessions, monkeypatch):
        """Let something happen once, after the store has looked for a label."""

        def after(label: str, act) -> None:
            find, looked = sessions.store.find, []

            def find_and_act(wanted: str) -> list[str]:
                keys = find(wanted)
                if wanted == label:
                    looked.append(label)
                    if len(looked) == 1:
                        act()
                return keys

            monkeypatch.setattr(sessions.store, "find", find_and_act)

        return after

    def test_hide_no_login_from_the_logout_of_who_was_told(
        self, sessions, tokens, step_up, after
    ) -> None:
        sessions.add_participant(live_login(sessions, tokens[0]), participant_of("uwv"))
        subject = participant_of("uwv").subject
        after(subject.hub_label("1"), step_up)
        assert sessions.find_with_participant(subject, "1") == [
            live_login(sessions, tokens[1])
        ]

    def test_hide_none_from_a_logout_with_an_older_cookie(
        self, sessions, tokens, step_up, after
    ) -> None:
        step_up()
        after(live_login(sessions, tokens[1]).name, step_up)
        assert sessions.find_renewed(tokens[0]) == live_login(sessions, tokens[2])

    def test_keep_no_value_from_being_kept(
        self, sessions, tokens, step_up, after
    ) -> None:
        login = live_login(sessions, tokens[0])
        step_up()
        after(login.name, step_up)
        assert sessions.store_with(login, "key", "value", NOON + 60)
        assert sessions.store.get("key") == "value"

    def test_hide_nobody_who_was_told(self, sessions, tokens, step_up, after) -> None:
        login = live_login(sessions, tokens[0])
        sessions.add_participant(login, participant_of("uwv"))
        step_up()
        after(login.name, step_up)
        assert sessions.participants(login) == [participant_of("uwv")]

    def test_keep_nobody_from_being_told(
        self, sessions, tokens, step_up, after
    ) -> None:
        login = live_login(sessions, tokens[0])
        step_up()
        after(login.name, step_up)
        assert sessions.add_participant(login, participant_of("uwv")) == participant_of(
            "uwv"
        )
        assert sessions.participants(live_login(sessions, tokens[2])) == [
            participant_of("uwv")
        ]

    def test_leave_it_the_same_login(self, sessions, tokens, step_up, after) -> None:
        login = live_login(sessions, tokens[0])
        assert sessions.as_of_now(login) == login
        step_up()
        after(login.name, step_up)
        assert sessions.as_of_now(login) == live_login(sessions, tokens[2])
        sessions.end_citizen(login)
        assert sessions.as_of_now(login) is None

    def test_are_not_waited_for_where_a_record_cannot_be_read(
        self, sessions, tokens
    ) -> None:
        login = live_login(sessions, tokens[0])
        label = participant_of("uwv").subject.hub_label()
        stored = StoredSession(f"{login.who.shard}:x", "{}", NOON, NOON + 60)
        sessions.store.create(stored, issued=NOON)
        sessions.store.append(stored.key, "", [label])
        sessions.add_participant(login, participant_of("uwv"))
        assert sessions.find_with_participant(participant_of("uwv").subject) == [login]


class TestManyLogins:
    @pytest.fixture(autouse=True)
    def three(self, monkeypatch) -> None:
        monkeypatch.setattr(module, "MOST_LOGINS", 3)

    @pytest.fixture
    def tokens(self, sessions, anna, clock) -> list[str]:
        """Three sessions, of which the second is the one unseen for longest."""
        tokens = []
        for _ in range(3):
            tokens.append(sessions.create_login(anna, issued=NOON))
            clock.shift(1)
        clock.shift(5 * MINUTE)
        for token in (tokens[0], tokens[2]):
            sessions.touch(live_login(sessions, token))
        return tokens

    def live(self, sessions, tokens) -> list[bool]:
        return [sessions.find(token) is not None for token in tokens]

    def test_end_the_one_unseen_for_longest(self, sessions, anna, tokens) -> None:
        tokens.append(sessions.create_login(anna, issued=NOON))
        assert self.live(sessions, tokens) == [True, False, True, True]

    def test_are_counted_for_each_subject(self, sessions, bert, tokens) -> None:
        sessions.create_login(bert, issued=NOON)
        assert self.live(sessions, tokens) == [True, True, True]

    def test_are_no_more_by_a_step_up(self, sessions, anna, tokens) -> None:
        last = live_login(sessions, tokens[-1])
        sessions.create_login(anna, issued=NOON, replaces=last)
        assert self.live(sessions, tokens[:2]) == [True, True]

    def test_are_not_ended_by_a_login_that_is_refused(
        self, sessions, anna, tokens
    ) -> None:
        with pytest.raises(LoginEnded):
            sessions.create_login(replace(anna, ends=1.0), issued=NOON)
        assert self.live(sessions, tokens) == [True, True, True]

    def test_end_as_who_makes_one_wants_it(self, sessions, anna, tokens) -> None:
        ended: list[Login] = []
        sessions.create_login(anna, issued=NOON, end_unseen=ended.append)
        assert [login.started for login in ended] == [
            live_login(sessions, tokens[1]).started
        ]

    def test_that_are_made_at_once_are_no_more_afterwards(
        self, sessions, anna, tokens
    ) -> None:
        together = threading.Barrier(8)

        def create() -> None:
            together.wait()
            sessions.create_login(anna, issued=NOON)

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sessions.find_all_of(anna.who)) <= 3
        # Nor can more be left by a process that has died before it ended the others.
        for _ in range(2):
            other = replace(anna, family="", key="")
            sessions.store.create(
                StoredSession(
                    f"{anna.who.shard}:{secrets.token_hex(8)}",
                    other.to_json(),
                    NOON,
                    NOON + 60 * MINUTE,
                    (anna.who.label(),),
                ),
                issued=NOON,
            )
        sessions.create_login(anna, issued=NOON)
        assert len(sessions.find_all_of(anna.who)) == 3


class TestTokens:
    def test_are_32_random_bytes(self, sessions: Sessions, anna: Login) -> None:
        tokens = {sessions.create_login(anna, issued=NOON) for _ in range(20)}
        assert len(tokens) == 20
        for token in tokens:
            assert len(base64.urlsafe_b64decode(token[2:] + "=")) == 32

    def test_begin_with_the_shard_of_all_that_is_hers(
        self, sessions: Sessions, anna: Login
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        names = {login.key, *login.labels(), *sessions._heirs(replace(login, key=""))}
        assert {shard_of(name) for name in names} == {anna.who.shard}

    def test_are_stored_as_their_hash(self, sessions: Sessions, anna: Login) -> None:
        token = sessions.create_login(anna, issued=NOON)
        login = live_login(sessions, token)
        digest = hashlib.sha256(token.encode()).hexdigest()
        assert login.key == f"{token[:2]}:{digest}"
        stored = sessions.store.read(login.key)
        assert token not in repr(stored)

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param("", id="empty"),
            pytest.param("a" * 44, id="too short"),
            pytest.param("a" * 46, id="too long"),
            pytest.param("z" * 45, id="no shard"),
            pytest.param("a" * 45 + "\n", id="a line end"),
            pytest.param("é" * 45, id="no ASCII"),
            pytest.param("a" * 1_000_000, id="a megabyte"),
        ],
    )
    def test_that_are_not_ours_are_not_looked_up(
        self, sessions, monkeypatch, token
    ) -> None:
        monkeypatch.setattr(sessions, "store", None)
        assert sessions.find(token) is None
        assert sessions.find_beyond_idle(token) is None

    def test_that_somebody_made_up_are_nobodys(self, sessions: Sessions) -> None:
        assert sessions.find("a" * 45) is None


class TestCreateLogin:
    def test_stores_what_was_confirmed(self, sessions: Sessions, anna: Login) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        filled_in = {"family": login.family, "key": login.key, "seen": NOON}
        assert login == replace(anna, **filled_in)
        assert len(login.family) == 43

    def test_cuts_the_end_at_the_longest_session(
        self, sessions: Sessions, anna: Login
    ) -> None:
        long = replace(anna, ends=NOON + 8 * 60 * MINUTE)
        login = live_login(sessions, sessions.create_login(long, issued=NOON))
        assert login.ends == NOON + 120 * MINUTE

    def test_keeps_an_earlier_end(self, sessions: Sessions, anna: Login) -> None:
        short = replace(anna, ends=NOON + MINUTE)
        login = live_login(sessions, sessions.create_login(short, issued=NOON))
        assert login.ends == NOON + MINUTE

    def test_refuses_a_login_that_is_over(self, sessions, anna, travel) -> None:
        travel.shift(120 * MINUTE)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON)

    def test_reads_the_store_once_to_find_it(
        self, sessions: Sessions, anna: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        reads = []

        class Counting:
            read = staticmethod(lambda key: reads.append(key) or None)

        monkeypatch.setattr(sessions, "store", Counting)
        sessions.find(token)
        assert len(reads) == 1


class TestReplacing:
    def test_makes_the_old_token_worthless(
        self, sessions: Sessions, anna: Login
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        stepped_up = replace(live_login(sessions, token), level="midden")
        new = sessions.create_login(
            stepped_up, issued=NOON, replaces=live_login(sessions, token)
        )
        assert new != token
        assert sessions.find(token) is None
        assert live_login(sessions, new).level == "midden"

    def test_keeps_the_family_and_the_first_login_of_the_same_citizen(
        self, sessions, anna, travel
    ) -> None:
        first = live_login(sessions, sessions.create_login(anna, issued=NOON))
        travel.shift(60 * MINUTE)
        # The same subject, in the long words of another answer.
        later = replace(
            anna,
            who=replace(anna.who, name_qualifier=anna.who.issuer),
            started=NOON + 60 * MINUTE,
            ends=NOON + 180 * MINUTE,
        )
        token = sessions.create_login(later, issued=later.started, replaces=first)
        login = live_login(sessions, token)
        assert login.family == first.family
        assert (login.started, login.ends) == (NOON, NOON + 120 * MINUTE)

    def test_gives_another_citizen_a_family_and_a_start_of_her_own(
        self, sessions, anna, bert, travel
    ) -> None:
        first = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.add_participant(first, participant_of("uwv"))
        travel.shift(60)
        later = replace(bert, started=NOON + 60)
        token = sessions.create_login(later, issued=NOON + 60, replaces=first)
        login = live_login(sessions, token)
        assert login.family != first.family
        assert login.started == NOON + 60
        assert sessions.participants(login) == []
        assert not sessions.is_live(first)
        # Nothing that ends anna ends bert.
        assert sessions.end_subject(anna.who, issued=NOON + 60) == []
        assert sessions.find(token) is not None

    def test_is_refused_after_a_logout(self, sessions: Sessions, anna: Login) -> None:
        first = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.end_citizen(first)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON, replaces=first)
        assert sessions.store.find(anna.who.label()) == []

    def test_succeeds_once(self, sessions: Sessions, anna: Login) -> None:
        first = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.create_login(anna, issued=NOON, replaces=first)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON, replaces=first)


class TestIsLive:
    def test_knows_a_logout_at_once(self, sessions: Sessions, anna: Login) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        assert sessions.is_live(login)
        sessions.end_citizen(login)
        assert not sessions.is_live(login)

    def test_takes_a_stepped_up_login_for_the_same(
        self, sessions: Sessions, anna: Login
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        token = sessions.create_login(anna, issued=NOON, replaces=login)
        assert sessions.is_live(login)
        sessions.end_citizen(live_login(sessions, token))
        assert not sessions.is_live(login)


class TestParticipants:
    @pytest.fixture
    def login(self, sessions: Sessions, anna: Login) -> Login:
        return live_login(sessions, sessions.create_login(anna, issued=NOON))

    def test_are_remembered_in_order_each_once_the_first_time(
        self, sessions, login, travel
    ) -> None:
        assert sessions.participants(login) == []
        assert sessions.add_participant(login, participant_of("uwv"))
        assert sessions.add_participant(login, participant_of("svb"))
        travel.shift(60)
        assert sessions.add_participant(login, participant_of("uwv", index="2"))
        assert sessions.participants(login) == [
            participant_of("uwv"),
            participant_of("svb"),
        ]

    def test_are_there_for_each_name_that_they_know_her_by(
        self, sessions: Sessions, login: Login
    ) -> None:
        by_another = replace(
            participant_of("uwv"),
            subject=replace(participant_of("uwv").subject, name_id="other"),
        )
        for participant in (participant_of("uwv"), by_another, participant_of("uwv")):
            assert sessions.add_participant(login, participant) == participant
        assert sessions.participants(login) == [participant_of("uwv"), by_another]
        assert len(sessions.store.items(login.key)) == 2

    def test_that_are_told_the_same_again_take_no_more_room(
        self, sessions: Sessions, login: Login
    ) -> None:
        assert sessions.add_participant(login, participant_of("uwv")) == participant_of(
            "uwv"
        )
        later = replace(participant_of("uwv"), since=NOON + 60)
        assert sessions.add_participant(login, later) == participant_of("uwv")
        assert len(sessions.store.items(login.key)) == 1
        sessions.end_citizen(login)
        assert sessions.add_participant(login, later) is None

    def test_find_the_login_by_their_own_name_for_her(
        self, sessions: Sessions, login: Login
    ) -> None:
        sessions.add_participant(login, participant_of("uwv"))
        sessions.add_participant(login, participant_of("uwv", index="2"))
        subject = participant_of("uwv").subject
        assert sessions.find_with_participant(subject) == [login]
        assert sessions.find_with_participant(subject, "1") == [login]
        assert sessions.find_with_participant(subject, "2") == [login]
        assert sessions.find_with_participant(subject, "3") == []
        assert sessions.find_with_participant(participant_of("svb").subject) == []

    def test_end_their_own_sessions_and_not_the_hubs_in_the_same_store(
        self, sessions: Sessions, login: Login
    ) -> None:
        participant = participant_of("uwv")
        sessions.add_participant(login, participant)
        own = replace(login, who=participant.subject, session_index="1")
        token = sessions.create_login(own, issued=NOON)
        assert len(sessions.end_subject(own.who, ["1"], issued=NOON)) == 1
        assert len(sessions.end_subject(own.who, issued=NOON)) == 0
        assert sessions.find(token) is None
        assert sessions.find_with_participant(participant.subject) == [login]

    def test_cannot_be_added_to_an_ended_login(
        self, sessions: Sessions, login: Login
    ) -> None:
        sessions.end_citizen(login)
        assert sessions.add_participant(login, participant_of("uwv")) is None
        assert sessions.find_with_participant(participant_of("uwv").subject) == []

    def test_follow_a_login_that_is_stepped_up_meanwhile(
        self, sessions: Sessions, login: Login, anna: Login
    ) -> None:
        sessions.add_participant(login, participant_of("uwv"))
        token = sessions.create_login(anna, issued=NOON, replaces=login)
        assert sessions.add_participant(login, participant_of("svb"))
        both = [participant_of("uwv"), participant_of("svb")]
        assert sessions.participants(live_login(sessions, token)) == both
        assert sessions.participants(login) == both

    @pytest.mark.parametrize(
        ("participants", "verbs"),
        [
            pytest.param([], ["items", "append"], id="the first"),
            pytest.param(["svb"], ["items", "append"], id="a second"),
            pytest.param(["svb", "uwv"], ["items"], id="one that knows"),
        ],
    )
    def test_are_added_with_few_questions_to_the_store(
        self, sessions, login, monkeypatch, participants, verbs
    ) -> None:
        for name in participants:
            sessions.add_participant(login, participant_of(name))
        calls = []

        class Counting:
            def __getattr__(self, verb: str) -> object:
                calls.append(verb)
                return getattr(store, verb)

        store = sessions.store
        monkeypatch.setattr(sessions, "store", Counting())
        assert sessions.add_participant(login, participant_of("uwv")) == participant_of(
            "uwv"
        )
        assert calls == verbs


@pytest.mark.parametrize("sessions", ["memory", "sqlite", "cluster"], indirect=True)
class TestEnding:
    """Hubs look once in a while whose limit comes."""

    ENDS = NOON + 120 * 60
    HERE = "https://uwv.example/metadata"

    @pytest.fixture
    def login(self, sessions: Sessions, anna: Login) -> Login:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.add_participant(login, participant_of("uwv"))
        return login

    @pytest.mark.parametrize(
        ("looked", "count"),
        [
            pytest.param((-61, -41), 0, id="much too soon"),
            pytest.param((-21, -1), 0, id="in the minute before"),
            pytest.param((-20, 0), 1, id="at that very instant"),
            pytest.param((-1, 19), 1, id="a moment before"),
            pytest.param((-70, 130), 1, id="over some minutes"),
            pytest.param((0, 20), 0, id="forgotten by now"),
        ],
    )
    def test_is_found_by_its_limit(
        self, sessions, login, travel, looked, count
    ) -> None:
        now, until = looked
        travel.move_to(self.ENDS + now)
        assert sessions.find_ending(self.HERE, self.ENDS + until) == [login] * count

    def test_is_of_the_hub_that_asks(self, sessions, login, travel) -> None:
        travel.move_to(self.ENDS - 10)
        assert sessions.find_ending(self.HERE + "2", self.ENDS) == []

    def test_is_nothing_where_nobody_was_told(self, sessions, anna, travel) -> None:
        sessions.create_login(anna, issued=NOON)
        travel.move_to(self.ENDS - 10)
        assert sessions.find_ending(self.HERE, self.ENDS) == []

    def test_is_found_once_more_where_the_limit_has_moved(
        self, sessions: Sessions, anna: Login, travel
    ) -> None:
        short = replace(anna, ends=NOON + 30 * 60)
        login = live_login(sessions, sessions.create_login(short, issued=NOON))
        sessions.add_participant(login, participant_of("uwv"))
        sessions.create_login(anna, issued=NOON, replaces=login)
        travel.move_to(NOON + 30 * 60 - 10)
        for _ in range(2):
            assert sessions.find_ending(self.HERE, NOON + 30 * 60) == []
        travel.move_to(self.ENDS - 10)
        [moved] = sessions.find_ending(self.HERE, self.ENDS)
        assert moved.ends == self.ENDS
        assert len(sessions.store.items(moved.key)) == 2
        assert sessions.participants(moved) == [participant_of("uwv")]

    def test_of_many_in_one_minute_takes_one_look_for_all(
        self, sessions, anna, travel, monkeypatch
    ) -> None:
        """There are thousands, two hours after everybody has come to work."""
        for number in range(20):
            who = replace(anna.who, name_id=f"c{number}")
            login = replace(anna, who=who, ends=self.ENDS - 40 + number)
            login = live_login(sessions, sessions.create_login(login, issued=NOON))
            sessions.add_participant(login, participant_of("uwv"))
        travel.move_to(self.ENDS - 50)
        looks, find = [], sessions.store.find
        monkeypatch.setattr(
            sessions.store, "find", lambda label: looks.append(label) or find(label)
        )
        assert len(sessions.find_ending(self.HERE, self.ENDS - 35)) == 6
        assert len(looks) == 1

    def test_tells_one_of_those_who_end_it_who_was_told(self, sessions, login) -> None:
        assert sessions.drop(login) == [participant_of("uwv")]
        assert sessions.drop(login) is None

    def test_leaves_the_others_of_hers(self, sessions, login, anna) -> None:
        other = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.drop(login)
        assert sessions.is_live(other)


class TestWhoIsOut:
    """Of a login that goes on."""

    HERE = "https://uwv.example/metadata"

    @pytest.fixture
    def login(self, sessions: Sessions, anna: Login) -> Login:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        for name in ("svb", "stad"):
            sessions.add_participant(login, participant_of(name))
        sessions.note_out(login, participant_of("svb"))
        return login

    def test_is_no_participant_of_it_any_more(self, sessions, login) -> None:
        assert sessions.participants(login) == [participant_of("stad")]
        assert not sessions.is_in(participant_of("svb").subject)
        assert sessions.is_in(participant_of("stad").subject)
        assert sessions.end_citizen(login) == [participant_of("stad")]

    def test_finds_it_by_a_logout_that_was_under_way(self, sessions, login) -> None:
        assert sessions.find_with_participant(participant_of("svb").subject) == [login]

    def test_is_in_again_where_it_is_told_again(self, sessions, login) -> None:
        again = replace(participant_of("svb"), since=NOON + 1)
        assert sessions.add_participant(login, again) == again
        assert sessions.participants(login) == [participant_of("stad"), again]

    def test_is_so_after_a_step_up_too(self, sessions, login, anna) -> None:
        sessions.create_login(anna, issued=NOON, replaces=login)
        sessions.note_out(login, participant_of("stad"))
        [stepped_up] = sessions.find_all(self.HERE)
        assert sessions.participants(stepped_up) == []

    def test_finds_all_logins_each_once(self, sessions, login, anna) -> None:
        short = replace(anna, ends=NOON + 1800)
        token = sessions.create_login(short, issued=NOON)
        sessions.add_participant(live_login(sessions, token), participant_of("uwv"))
        longer = sessions.create_login(
            anna, issued=NOON, replaces=live_login(sessions, token)
        )
        sessions.add_participant(live_login(sessions, longer), participant_of("svb"))
        logins = list(sessions.find_all(self.HERE))
        assert {found_login.key for found_login in logins} == {
            login.key,
            sessions.key_of(longer),
        }
        assert len(logins) == 2
        assert list(sessions.find_all(self.HERE + "2")) == []

    def test_finds_those_of_a_longer_limit_that_was(self, sessions, login) -> None:
        shorter = Sessions(sessions.store, idle=60, max_session=60)
        assert list(shorter.find_all(self.HERE)) == [login]


class TestKeepWith:
    @pytest.fixture
    def login(self, sessions: Sessions, anna: Login) -> Login:
        return live_login(sessions, sessions.create_login(anna, issued=NOON))

    def test_keeps_a_value_until_the_login_ends(self, sessions, login) -> None:
        assert sessions.store_with(login, "key", "value", NOON + 60)
        assert sessions.store.get("key") == "value"
        sessions.end_citizen(login)
        assert sessions.store.get("key") is None

    def test_keeps_what_is_there_already(self, sessions, login) -> None:
        assert sessions.store_with(login, "key", "value", NOON + 60)
        assert not sessions.store_with(login, "key", "another", NOON + 60)
        assert sessions.store.get("key") == "value"

    def test_ends_with_a_citizen_whose_place_another_takes(
        self, sessions, login, bert
    ) -> None:
        assert sessions.store_with(login, "key", "value", NOON + 60)
        sessions.create_login(bert, issued=NOON, replaces=login)
        assert sessions.store.get("key") is None

    def test_keeps_nothing_with_a_login_that_is_over(self, sessions, login) -> None:
        sessions.end_citizen(login)
        assert not sessions.store_with(login, "key", "value", NOON + 60)
        assert sessions.store.get("key") is None

    def test_follows_a_login_that_was_stepped_up(self, sessions, login, anna) -> None:
        token = sessions.create_login(anna, issued=NOON, replaces=login)
        assert sessions.store_with(login, "key", "value", NOON + 60)
        sessions.end_citizen(live_login(sessions, token))
        assert sessions.store.get("key") is None


def test_a_login_is_found_by_its_name_under_whatever_key(
    sessions: Sessions, anna: Login
) -> None:
    login = live_login(sessions, sessions.create_login(anna, issued=NOON))
    name = login.name
    assert sessions.named(name) == login
    assert login.family not in name
    heir = live_login(
        sessions, sessions.create_login(anna, issued=NOON, replaces=login)
    )
    assert heir.key != login.key
    assert sessions.named(name) == heir
    sessions.end_citizen(heir)
    assert sessions.named(name) is None


def test_all_logins_of_a_subject_are_found(sessions: Sessions, anna: Login) -> None:
    here, there = (
        live_login(sessions, sessions.create_login(anna, issued=NOON)) for _ in range(2)
    )
    keys = {login.key for login in sessions.find_all_of(anna.who)}
    assert keys == {here.key, there.key}


class TestEndCitizen:
    def test_gives_who_was_told_and_only_once(
        self, sessions: Sessions, anna: Login
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        login = live_login(sessions, token)
        sessions.add_participant(login, participant_of("uwv"))
        assert sessions.end_citizen(login) == [participant_of("uwv")]
        assert sessions.end_citizen(login) is None
        assert sessions.find(token) is None

    def test_may_name_a_citizen_and_none_of_her_logins(
        self, sessions: Sessions, anna: Login, bert: Login
    ) -> None:
        tokens = [sessions.create_login(anna, issued=NOON) for _ in range(2)]
        other = sessions.create_login(bert, issued=NOON)
        sessions.add_participant(live_login(sessions, tokens[0]), participant_of("uwv"))
        assert sessions.end_all_of(anna.who) == [participant_of("uwv")]
        assert sessions.end_all_of(anna.who) is None
        assert [sessions.find(token) for token in tokens] == [None, None]
        assert sessions.find(other)

    def test_tells_a_login_of_which_nobody_was_told_from_none(
        self, sessions: Sessions, anna: Login
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        assert sessions.end_citizen(login) == []
        assert sessions.end_citizen(login) is None

    def test_refuses_what_was_proven_before_and_nothing_since(
        self, sessions, anna, bert, travel
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        travel.shift(2)
        sessions.end_citizen(login)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON + 1)
        assert sessions.create_login(bert, issued=NOON + 1)
        again = live_login(sessions, sessions.create_login(anna, issued=NOON + 2))
        assert sessions.create_login(anna, issued=NOON + 2, replaces=again)

    def test_is_not_outrun_by_a_step_up_in_another_tab(
        self, sessions: Sessions, anna: Login
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.add_participant(login, participant_of("uwv"))
        token = sessions.create_login(anna, issued=NOON, replaces=login)
        assert sessions.end_citizen(login) == [participant_of("uwv")]
        assert sessions.find(token) is None

    def test_ends_her_logins_in_all_browsers_and_nobody_elses(
        self, sessions: Sessions, anna: Login, bert: Login
    ) -> None:
        token = sessions.create_login(anna, issued=NOON)
        two = sessions.create_login(anna, issued=NOON)
        his = sessions.create_login(bert, issued=NOON)
        sessions.add_participant(
            live_login(sessions, token), participant_of("uwv", "1")
        )
        sessions.add_participant(live_login(sessions, two), participant_of("uwv", "2"))
        sessions.add_participant(live_login(sessions, two), participant_of("svb", "3"))
        reached = sessions.end_citizen(live_login(sessions, token))
        names = sorted((each.entity_id, each.session_index) for each in reached)
        assert names == [
            ("https://svb.example/metadata", "3"),
            ("https://uwv.example/metadata", "1"),
            ("https://uwv.example/metadata", "2"),
        ]
        assert sessions.find(token) is sessions.find(two) is None
        assert sessions.find(his) is not None


@pytest.mark.parametrize("sessions", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "end",
    [
        lambda sessions, login: sessions.end_citizen(login),
        lambda sessions, login: sessions.end_login(login, issued=NOON),
    ],
    ids=["by the hub", "by the participant"],
)
def test_a_login_ends_though_the_index_of_the_store_is_damaged(sessions, anna, end):
    token = sessions.create_login(anna, issued=NOON)
    with closing(sqlite3.connect(sessions.store.path)) as spoilt, spoilt:
        spoilt.execute("DELETE FROM labels")
    end(sessions, live_login(sessions, token))
    assert sessions.find_beyond_idle(token) is None


class TestEndSubject:
    def test_ends_all_her_logins(
        self, sessions: Sessions, anna: Login, bert: Login
    ) -> None:
        tokens = [sessions.create_login(anna, issued=NOON) for _ in range(2)]
        his = sessions.create_login(bert, issued=NOON)
        ended = sessions.end_subject(anna.who, issued=NOON)
        assert [login.who for login in ended] == [anna.who] * 2
        assert all(sessions.find(token) is None for token in tokens)
        assert sessions.find(his) is not None
        assert sessions.end_subject(anna.who, issued=NOON) == []

    def test_ends_those_that_the_session_indexes_name(
        self, sessions: Sessions, anna: Login
    ) -> None:
        tokens = {
            index: sessions.create_login(
                replace(anna, session_index=index), issued=NOON
            )
            for index in ("a", "b", "c", None)
        }
        ended = sessions.end_subject(anna.who, ["a", "b", "unknown"], issued=NOON)
        assert sorted(login.session_index for login in ended) == ["a", "b"]
        assert sessions.find(tokens["c"]) is not None
        assert sessions.find(tokens[None]) is not None

    @pytest.mark.parametrize("indexes", [[], ["index"]], ids=["all", "one"])
    @pytest.mark.parametrize(
        ("issued", "is_made"),
        [(-1, False), (0, False), (1, True)],
        ids=["before", "at", "after"],
    )
    def test_keeps_an_answer_out_that_was_issued_until_then(
        self, sessions, anna, indexes, issued, is_made
    ) -> None:
        sessions.end_subject(anna.who, indexes, issued=NOON)
        if is_made:
            sessions.create_login(anna, issued=NOON + issued)
        else:
            with pytest.raises(LoginEnded):
                sessions.create_login(anna, issued=NOON + issued)
        assert bool(sessions.store.find(anna.who.label())) == is_made

    def test_of_one_session_index_lets_another_in(
        self, sessions: Sessions, anna: Login
    ) -> None:
        sessions.end_subject(anna.who, ["index"], issued=NOON)
        sessions.create_login(replace(anna, session_index="other"), issued=NOON)

    def test_keeps_its_mark_as_long_as_a_session_can_last(
        self, sessions, anna, travel
    ) -> None:
        sessions.end_subject(anna.who, issued=NOON)
        travel.shift(120 * MINUTE - 1)
        late = replace(anna, ends=NOON + 200 * MINUTE, started=NOON + MINUTE)
        with pytest.raises(LoginEnded):
            sessions.create_login(late, issued=NOON)

    def test_ends_idle_logins_too(self, sessions, anna, travel) -> None:
        sessions.create_login(anna, issued=NOON)
        travel.shift(60 * MINUTE)
        assert len(sessions.end_subject(anna.who, issued=NOON)) == 1


class TestARecordOfAnotherVersion:
    """Several versions may share a store while one replaces the other."""

    DATA = (
        pytest.param("", id="nothing"),
        pytest.param("no JSON", id="no JSON"),
        pytest.param("{}", id="an object alone"),
        pytest.param('{"who": {"name": "bsn 900000016"}}', id="an older format"),
        pytest.param(checked("5\n{}"), id="no array"),
        pytest.param(checked("[]\n{}"), id="fields that are missing"),
        pytest.param(checked('[1,"basis",2.0]\n{}'), id="too few fields"),
        pytest.param(
            checked('[9,"basis",2.0,1.0,"a","p",""]\n{}'), id="a later format"
        ),
        pytest.param(checked('[1,"royal",2.0,1.0,"a","p",""]\n{}'), id="another level"),
        pytest.param(checked('[1,"basis",2.0,1.0,"a","p",""]')[:-1], id="cut off"),
    )

    @pytest.fixture
    def token(self, sessions: Sessions, anna: Login, data: str) -> str:
        token = "a" * 45
        stored = StoredSession(
            sessions.key_of(token), data, NOON, NOON + 60, anna.labels()
        )
        assert sessions.store.create(stored, issued=NOON)
        return token

    @pytest.mark.parametrize("data", DATA)
    def test_logs_nobody_in_and_the_log_is_told_once(
        self, sessions, token, caplog
    ) -> None:
        for _ in range(3):
            assert sessions.find(token) is None
            assert sessions.find_beyond_idle(token) is None
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert "another version" in record.getMessage()
        assert "900000016" not in caplog.text
        assert sessions.store.read(sessions.key_of(token)) is not None

    @pytest.mark.parametrize("data", DATA)
    def test_is_ended_with_the_others_of_her(
        self, sessions, token, anna, caplog
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        key = sessions.key_of(token)
        sessions.store.append(key, participant_of("uwv").to_json())
        assert sessions.end_citizen(login) == [participant_of("uwv")]
        assert sessions.store.read(key) is None
        assert sessions.store.read(login.key) is None

    @pytest.mark.parametrize("data", ["{}"])
    def test_does_not_keep_a_logout_from_naming_her(self, sessions, token, anna):
        assert sessions.end_subject(anna.who, issued=NOON) == []
        assert sessions.store.read(sessions.key_of(token)) is None

    @pytest.mark.parametrize(
        "item",
        ["", "5", "{}", '{"subject": {}, "more": 1}', '{"subject": 7}', "[" * 200_000],
        ids=lambda item: item[:20],
    )
    def test_of_a_participant_hides_none_of_the_others(
        self, sessions, anna, caplog, item
    ) -> None:
        login = live_login(sessions, sessions.create_login(anna, issued=NOON))
        sessions.store.append(login.key, item)
        assert sessions.add_participant(login, participant_of("uwv")) == participant_of(
            "uwv"
        )
        assert sessions.participants(login) == [participant_of("uwv")]
        assert sessions.end_citizen(login) == [participant_of("uwv")]
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("data", ["{}"])
    def test_is_told_again_after_much_else(
        self, sessions, token, monkeypatch, caplog
    ) -> None:
        monkeypatch.setattr(session_reading, "_MOST_UNREADABLE", 1)
        other = "b" * 45
        stored = StoredSession(sessions.key_of(other), "{}", NOON, NOON + 60)
        sessions.store.create(stored, issued=NOON)
        for each in (token, other, token):
            assert sessions.find(each) is None
        assert len(caplog.records) == 3
        assert len(sessions._reader._unreadable) == 1


@pytest.mark.parametrize("sessions", ["memory", "sqlite", "cluster"], indirect=True)
class TestWhomTheHubNamesInAnotherWay:
    """An attribute says who she is, and the hub means her by a NameID."""

    @pytest.fixture
    def by_attribute(self, anna) -> Login:
        by_mail = replace(anna.who, name_id="a@x", format="attribute:mail")
        return replace(anna, who=by_mail, also=anna.who)

    @pytest.mark.parametrize("indexes", [(), ("index",)])
    def test_a_logout_by_that_finds_her(
        self, sessions, by_attribute, anna, indexes
    ) -> None:
        token = sessions.create_login(by_attribute, issued=NOON)
        [ended] = sessions.end_subject(anna.who, indexes, issued=NOON)
        assert ended.who == by_attribute.who
        assert ended.also == anna.who
        assert sessions.find(token) is None

    def test_nobody_else_is_found(self, sessions, by_attribute, anna) -> None:
        token = sessions.create_login(by_attribute, issued=NOON)
        other = replace(anna.who, name_id="bert")
        assert sessions.end_subject(other, issued=NOON) == []
        assert sessions.end_subject(anna.who, ("other",), issued=NOON) == []
        assert live_login(sessions, token).named == anna.who

    def test_a_logout_by_who_she_is_here_finds_her(
        self, sessions, by_attribute
    ) -> None:
        token = sessions.create_login(by_attribute, issued=NOON)
        assert sessions.end_login(live_login(sessions, token), issued=NOON)
        assert sessions.find(token) is None

    def test_a_login_that_was_logged_out_meanwhile_is_not_made(
        self, sessions, by_attribute, anna
    ) -> None:
        sessions.end_subject(anna.who, issued=NOON)
        with pytest.raises(LoginEnded):
            sessions.create_login(by_attribute, issued=NOON)
        assert sessions.find_all_of(by_attribute.who) == []
        assert sessions.find_all_of(anna.who) == []
        assert sessions.create_login(by_attribute, issued=NOON + 1)

    def test_she_is_found_by_each_name_that_she_had(
        self, sessions, by_attribute, anna
    ) -> None:
        """A hub may give her another NameID each time."""
        token = sessions.create_login(by_attribute, issued=NOON)
        for name in ("z3", "z3", "k9"):
            again = replace(by_attribute, also=replace(anna.who, name_id=name))
            before = live_login(sessions, token)
            token = sessions.create_login(again, issued=NOON, replaces=before)
        assert len(sessions.participants(live_login(sessions, token))) == 3
        assert len(sessions.find_all_of(by_attribute.who)) == 1
        assert sessions.end_subject(anna.who, issued=NOON)
        assert sessions.find(token) is None

    def test_no_trace_of_finding_out_stays(self, sessions, by_attribute, anna) -> None:
        token = sessions.create_login(by_attribute, issued=NOON)
        [login] = sessions.find_all_of(anna.who)
        assert login.key == live_login(sessions, token).key


class TestUseOnce:
    def test_lets_a_message_through_once(self, sessions: Sessions) -> None:
        sessions.use_once("issuer id", NOON + 60)
        sessions.use_once("issuer other-id", NOON + 60)
        with pytest.raises(MessageReplayed):
            sessions.use_once("issuer id", NOON + 60)

    def test_can_be_told_before(self, sessions: Sessions) -> None:
        sessions.require_unused("id")
        sessions.use_once("id", NOON + 60)
        with pytest.raises(MessageReplayed):
            sessions.require_unused("id")
        sessions.require_unused("other-id")

    def test_forgets_it_when_it_is_refused_for_its_age(self, sessions, travel) -> None:
        sessions.use_once("id", NOON + 60)
        travel.shift(60)
        sessions.use_once("id", NOON + 120)


def test_the_store_holds_no_name_of_hers_in_a_label(
    sessions: Sessions, anna: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = sessions.store.create
    monkeypatch.setattr(
        sessions.store,
        "create",
        lambda session, **more: made.append(session) or real(session, **more),
    )
    sessions.create_login(anna, issued=NOON)
    [stored] = made
    assert len(stored.labels) == 3
    assert all(
        re.fullmatch("[0-9a-f]{2}:[0-9a-f]{64}", label) for label in stored.labels
    )
    [login] = [sessions._read(key) for key in sessions.store.find(stored.labels[0])]
    assert login.family
    assert not any(login.family in label for label in stored.labels)


class TestARefusal:
    """A login that is refused for itself, and one that anybody's would be."""

    def test_log_reports_logout_of_all_with_future_time(
        self, sessions, anna, travel, caplog
    ) -> None:
        travel.shift(3600)
        sessions.store.end_all()
        travel.shift(-3600)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON)
        assert "at a time in the future of this clock" in caplog.text

    def test_of_who_logged_out_is_not(self, sessions, anna, caplog) -> None:
        sessions.end_subject(anna.who, issued=NOON)
        with pytest.raises(LoginEnded):
            sessions.create_login(anna, issued=NOON)
        assert caplog.text == ""
        assert sessions.create_login(anna, issued=NOON + 1)
