"""What every store promises: one class of tests, run against each of them."""

# ruff: noqa: PLR0913, PLR0917 - fixtures are arguments

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from eilogin.stores import START_TIMEOUT, Store, StoredSession

HOUR = 3600.0


def session(now: float, key: str = "key", **fields: object) -> StoredSession:
    made = StoredSession(key, '{"a": 1}', now, now + HOUR, ("subject",))
    return replace(made, **fields)


def all_at_once(verb: Callable[[], object], threads: int = 16) -> list[object]:
    """What each thread got; all of them start at the same moment."""
    barrier = threading.Barrier(threads)

    def run() -> object:
        barrier.wait()
        return verb()

    with ThreadPoolExecutor(threads) as pool:
        return [
            future.result() for future in [pool.submit(run) for _ in range(threads)]
        ]


@pytest.fixture
def made(store: Store, now: float) -> StoredSession:
    made = session(now)
    assert store.create(made, issued=now)
    return made


class TestSessions:
    def test_created_session_is_read_without_labels(
        self, store: Store, made: StoredSession
    ) -> None:
        assert store.read(made.key) == replace(made, labels=())

    def test_unknown_key_has_no_session_and_no_items(
        self, store: Store, now: float
    ) -> None:
        assert store.read("unknown") is None
        assert store.items("unknown") == []
        assert store.find("unknown") == []
        assert store.end(keys=["unknown"], labels=["unknown"]) == []

    def test_a_key_is_used_once(self, store: Store, made: StoredSession) -> None:
        again = replace(made, data="{}", labels=("other",))
        assert not store.create(again, issued=made.seen)
        assert store.read(made.key) == replace(made, labels=())
        assert store.find("other") == []

    @pytest.mark.parametrize(
        ("seconds", "is_there"),
        [
            pytest.param(HOUR - 1, True, id="a second before"),
            pytest.param(HOUR, False, id="at the instant"),
            pytest.param(HOUR + 1, False, id="a second after"),
        ],
    )
    def test_is_over_at_its_until(
        self, store, made, clock_at_noon, seconds, is_there
    ) -> None:
        clock_at_noon.shift(seconds)
        assert (store.read(made.key) is not None) == is_there
        assert (store.find("subject") == [made.key]) == is_there
        assert store.append(made.key, "item") == is_there
        assert (store.items(made.key) == ["item"]) == is_there
        assert store.touch(made.key, made.seen + 1, made.seen + 1) == is_there
        assert (len(store.end(keys=[made.key])) == 1) == is_there

    def test_is_over_for_every_verb_that_does_not_write(
        self, store, made, clock_at_noon
    ) -> None:
        assert store.append(made.key, "item")
        clock_at_noon.shift(HOUR)
        assert store.items(made.key) == []
        assert store.find("subject") == []
        assert store.read(made.key) is None

    def test_once_read_as_over_it_stays_over_when_the_clock_is_stepped_back(
        self, store, made, clock_at_noon
    ) -> None:
        clock_at_noon.shift(HOUR)
        assert store.read(made.key) is None
        clock_at_noon.shift(-HOUR)
        assert store.read(made.key) is None
        assert store.find("subject") == []

    def test_a_key_that_is_over_may_be_used(self, store, made, clock_at_noon) -> None:
        clock_at_noon.shift(HOUR)
        again = session(made.until, labels=("other",))
        assert store.create(again, issued=made.until)
        assert store.read(made.key) == replace(again, labels=())
        assert store.find("subject") == []

    def test_instants_and_texts_come_back_unchanged(
        self, store: Store, now: float
    ) -> None:
        odd = session(now + 0.123456, "k", data='{"naam": "Zoë 😀\\u0000"}')
        assert store.create(odd, issued=now)
        assert store.read("k") == replace(odd, labels=())


class TestTouch:
    @pytest.mark.parametrize(
        ("seen", "before", "writes"),
        [
            pytest.param(60, 60, True, id="last seen before then"),
            pytest.param(60, 0, False, id="last seen just then"),
            pytest.param(60, -1, False, id="last seen later"),
            pytest.param(-1, 60, False, id="would move back"),
            pytest.param(0, 60, False, id="would change nothing"),
        ],
    )
    def test_writes_only_what_is_news(self, store, made, seen, before, writes) -> None:
        assert store.touch(made.key, made.seen + seen, made.seen + before) == writes
        expected = made.seen + (seen if writes else 0)
        assert store.read(made.key).seen == expected

    def test_makes_no_session(self, store: Store, now: float) -> None:
        assert not store.touch("unknown", now, now)
        assert store.read("unknown") is None

    def test_does_not_bring_back_what_was_ended(
        self, store: Store, made: StoredSession
    ) -> None:
        store.end(keys=[made.key])
        assert not store.touch(made.key, made.seen + 60, made.seen + 60)
        assert store.read(made.key) is None

    def test_changes_nothing_but_seen(self, store: Store, made: StoredSession) -> None:
        store.touch(made.key, made.seen + 60, made.seen + 60)
        expected = replace(made, seen=made.seen + 60, labels=())
        assert store.read(made.key) == expected
        assert store.find("subject") == [made.key]


class TestItems:
    def test_come_back_in_the_order_in_which_they_came(
        self, store: Store, made: StoredSession
    ) -> None:
        texts = ["b", "a", "c", "a"]
        assert all(store.append(made.key, text) for text in texts)
        assert store.items(made.key) == texts

    def test_of_another_session_are_not_mixed_in(
        self, store: Store, made: StoredSession
    ) -> None:
        assert store.create(session(made.seen, "other"), issued=made.seen)
        store.append(made.key, "mine")
        store.append("other", "hers")
        assert store.items(made.key) == ["mine"]

    def test_bring_labels_with_them(self, store: Store, made: StoredSession) -> None:
        store.append(made.key, "item", ("at a participant", "subject"))
        assert store.find("at a participant") == [made.key]
        assert store.find("subject") == [made.key]

    def test_are_refused_where_no_session_is(self, store: Store, now: float) -> None:
        assert not store.append("unknown", "item", ("label",))
        assert store.items("unknown") == []
        assert store.find("label") == []

    def test_that_many_threads_append_are_all_there(
        self, store: Store, made: StoredSession
    ) -> None:
        assert all(all_at_once(lambda: store.append(made.key, "item")))
        assert store.items(made.key) == ["item"] * 16


class TestFind:
    def test_gives_all_sessions_of_a_label(
        self, store: Store, made: StoredSession
    ) -> None:
        assert store.create(session(made.seen, "other"), issued=made.seen)
        assert sorted(store.find("subject")) == ["key", "other"]

    def test_does_not_give_ended_ones(self, store: Store, made: StoredSession) -> None:
        assert store.create(session(made.seen, "other"), issued=made.seen)
        store.end(keys=["other"])
        assert store.find("subject") == [made.key]


class TestReplacing:
    def test_ends_the_old_session_and_hands_on_what_it_had(
        self, store: Store, made: StoredSession
    ) -> None:
        now = made.seen
        store.append(made.key, "first", ("participant",))
        store.add("artifact", "text", now + HOUR, owner=made.key)
        new = session(now, "new", labels=("subject", "index"))
        assert store.create(new, issued=now, replaces=made.key)
        assert store.read(made.key) is None
        assert store.items("new") == ["first"]
        assert store.find("subject") == ["new"]
        assert store.find("participant") == ["new"]
        assert store.get("artifact") == "text"
        ended = store.end(labels=["participant"])
        assert [(session.key, session.items) for session in ended] == [
            ("new", ("first",))
        ]
        assert store.get("artifact") is None

    def test_can_leave_behind_what_the_old_one_had(
        self, store: Store, made: StoredSession
    ) -> None:
        now = made.seen
        store.append(made.key, "first", ("participant",))
        store.add("artifact", "text", now + HOUR, owner=made.key)
        new = session(now, "new", labels=("another citizen",))
        assert store.create(new, issued=now, replaces=made.key, inherit=False)
        assert store.read(made.key) is None
        assert store.items("new") == []
        assert store.find("subject") == store.find("participant") == []
        assert store.get("artifact") is None

    def test_is_refused_where_the_old_one_was_ended(
        self, store: Store, made: StoredSession
    ) -> None:
        store.end(keys=[made.key])
        new = session(made.seen, "new")
        assert not store.create(new, issued=made.seen, replaces=made.key)
        assert store.read("new") is None
        assert store.find("subject") == []

    def test_is_refused_where_the_old_one_is_over(
        self, store, made, clock_at_noon
    ) -> None:
        clock_at_noon.shift(HOUR)
        new = session(made.until, "new")
        assert not store.create(new, issued=made.until, replaces=made.key)

    def test_that_is_refused_changes_nothing(
        self, store: Store, made: StoredSession
    ) -> None:
        store.end(labels=["other"], mark=made.seen, mark_until=made.until)
        new = session(made.seen, "new", labels=("other",))
        assert not store.create(new, issued=made.seen, replaces=made.key)
        assert store.read(made.key) == replace(made, labels=())

    def test_gives_a_value_the_time_that_the_new_owner_has(
        self, store, made, clock_at_noon
    ) -> None:
        for name, until in (("long", made.until + HOUR), ("short", made.until + 60)):
            store.add(name, "text", until, owner=made.key)
        new = session(made.seen, "new", until=made.until + HOUR / 2)
        assert store.create(new, issued=made.seen, replaces=made.key)
        for seconds, has_long, has_short in ((HOUR, True, True), (60, True, False),
                                             (HOUR / 2 - 61, True, False),
                                             (1, False, False)):  # fmt: skip
            clock_at_noon.shift(seconds)
            assert store.get("long") == ("text" if has_long else None)
            assert store.get("short") == ("text" if has_short else None)

    def test_cuts_the_life_of_a_value_to_that_of_the_new_owner(
        self, store, made, clock_at_noon
    ) -> None:
        store.add("artifact", "text", made.until, owner=made.key)
        new = session(made.seen, "new", until=made.seen + 60)
        assert store.create(new, issued=made.seen, replaces=made.key)
        clock_at_noon.shift(60)
        assert store.get("artifact") is None

    def test_of_one_session_by_many_threads_succeeds_once(
        self, store: Store, made: StoredSession
    ) -> None:
        numbers = iter(range(16))
        lock = threading.Lock()

        def step_up() -> bool:
            with lock:
                key = f"new{next(numbers)}"
            new = session(made.seen, key)
            return store.create(new, issued=made.seen, replaces=made.key)

        assert all_at_once(step_up).count(True) == 1
        assert len(store.find("subject")) == 1


class TestEnd:
    def test_gives_what_it_ended(self, store: Store, made: StoredSession) -> None:
        store.append(made.key, "item")
        [ended] = store.end(keys=[made.key])
        assert (ended.key, ended.data, ended.items) == (made.key, made.data, ("item",))
        assert store.read(made.key) is None
        assert store.items(made.key) == []

    def test_gives_a_session_once_however_often_it_is_named(
        self, store: Store, made: StoredSession
    ) -> None:
        store.append(made.key, "item", ("index",))
        ended = store.end(keys=["key", "key"], labels=["subject", "index", "subject"])
        assert len(ended) == 1

    def test_gives_nothing_the_second_time(
        self, store: Store, made: StoredSession
    ) -> None:
        store.end(keys=[made.key])
        assert store.end(keys=[made.key], labels=["subject"]) == []

    def test_by_label_ends_all_that_carry_it_and_no_other(
        self, store: Store, made: StoredSession
    ) -> None:
        now = made.seen
        store.create(session(now, "two"), issued=now)
        store.create(session(now, "three", labels=("else",)), issued=now)
        assert {session.key for session in store.end(labels=["subject"])} == {
            "key",
            "two",
        }
        assert store.find("else") == ["three"]

    def test_by_many_threads_gives_each_session_to_one_of_them(
        self, store: Store, made: StoredSession
    ) -> None:
        store.create(session(made.seen, "two"), issued=made.seen)
        given = [
            session
            for got in all_at_once(lambda: store.end(labels=["subject"]))
            for session in got
        ]
        assert sorted(session.key for session in given) == ["key", "two"]


class TestMarks:
    @pytest.mark.parametrize(
        ("issued", "is_made"),
        [
            pytest.param(-1, False, id="issued before the logout"),
            pytest.param(0, False, id="issued at the logout"),
            pytest.param(0.001, True, id="issued after the logout"),
        ],
    )
    def test_refuse_what_was_issued_until_then(
        self, store, now, issued, is_made
    ) -> None:
        store.end(labels=["subject"], mark=now, mark_until=now + HOUR)
        assert store.create(session(now), issued=now + issued) == is_made
        assert (store.read("key") is not None) == is_made

    def test_refuse_what_carries_any_marked_label(
        self, store: Store, now: float
    ) -> None:
        store.end(labels=["index"], mark=now, mark_until=now + HOUR)
        marked = session(now, labels=("subject", "index"))
        assert not store.create(marked, issued=now)
        assert store.create(session(now, labels=("subject",)), issued=now)

    def test_are_never_moved_back(self, store: Store, now: float) -> None:
        store.end(labels=["subject"], mark=now, mark_until=now + HOUR)
        store.end(labels=["subject"], mark=now - 60, mark_until=now + 60)
        assert not store.create(session(now), issued=now - 30)

    def test_keep_the_later_end(self, store, now, clock_at_noon) -> None:
        store.end(labels=["subject"], mark=now, mark_until=now + HOUR)
        store.end(labels=["subject"], mark=now, mark_until=now + 60)
        clock_at_noon.shift(61)
        assert not store.create(session(now), issued=now)

    def test_move_forward(self, store: Store, now: float) -> None:
        store.end(labels=["subject"], mark=now - 60, mark_until=now + HOUR)
        store.end(labels=["subject"], mark=now, mark_until=now + HOUR)
        assert not store.create(session(now), issued=now)

    def test_go_when_their_time_is_over(self, store, now, clock_at_noon) -> None:
        store.end(labels=["subject"], mark=now, mark_until=now + 60)
        clock_at_noon.shift(60)
        assert store.create(session(now), issued=now)

    def test_that_are_over_leave_nothing_to_the_next(
        self, store, now, clock_at_noon
    ) -> None:
        store.end(labels=["subject"], mark=now, mark_until=now + 60)
        clock_at_noon.shift(60)
        store.end(labels=["subject"], mark=now - 60, mark_until=now + HOUR)
        assert store.create(session(now), issued=now)

    def test_are_left_on_labels_only(self, store: Store, now: float) -> None:
        store.end(keys=["subject"], mark=now, mark_until=now + HOUR)
        assert store.create(session(now), issued=now)

    def test_are_not_left_without_an_instant(
        self, store: Store, made: StoredSession
    ) -> None:
        store.end(labels=["subject"])
        assert store.create(session(made.seen, "new"), issued=made.seen)


class TestValues:
    def test_are_added_once(self, store: Store, now: float) -> None:
        assert store.add("key", "one", now + 60)
        assert not store.add("key", "two", now + 60)
        assert store.get("key") == "one"

    def test_are_taken_once(self, store: Store, now: float) -> None:
        store.add("key", "one", now + 60)
        assert store.take("key") == "one"
        assert store.take("key") is None
        assert store.get("key") is None
        assert store.add("key", "two", now + 60)

    @pytest.mark.parametrize(
        ("seconds", "value"),
        [
            pytest.param(59, "one", id="a second before"),
            pytest.param(60, None, id="at the instant"),
            pytest.param(61, None, id="a second after"),
        ],
    )
    @pytest.mark.parametrize("verb", ["get", "take"])
    def test_are_over_at_their_until(
        self, store, now, clock_at_noon, verb, seconds, value
    ) -> None:
        store.add("key", "one", now + 60)
        clock_at_noon.shift(seconds)
        assert getattr(store, verb)("key") == value

    def test_once_read_as_over_stay_over_when_the_clock_is_stepped_back(
        self, store, now, clock_at_noon
    ) -> None:
        store.add("key", "one", now + 60)
        clock_at_noon.shift(60)
        assert store.get("key") is None
        clock_at_noon.shift(-60)
        assert store.get("key") is None

    def test_make_room_when_they_are_over(self, store, now, clock_at_noon) -> None:
        store.add("key", "one", now + 60)
        clock_at_noon.shift(60)
        assert not store.swap("key", "one", "other", now + 120)
        assert store.add("key", "two", now + 120)
        assert store.get("key") == "two"

    def test_are_swapped_where_the_old_one_is_there(
        self, store, now, clock_at_noon
    ) -> None:
        store.add("key", "one", now + 60)
        assert store.swap("key", "one", "two", now + 120)
        assert not store.swap("key", "one", "three", now + 120)
        clock_at_noon.shift(119)
        assert store.get("key") == "two"

    def test_are_not_swapped_where_nothing_is(self, store: Store, now: float) -> None:
        assert not store.swap("key", "one", "two", now + 60)
        assert store.get("key") is None

    @pytest.mark.parametrize(
        "verb",
        [
            pytest.param(lambda s, now: s.add("new", "x", now + 60), id="add"),
            pytest.param(lambda s, now: s.take("old") is not None, id="take"),
            pytest.param(
                lambda s, now: s.swap("old", "old", "new", now + 60), id="swap"
            ),
        ],
    )
    def test_have_one_winner_of_many_threads(self, store, now, verb) -> None:
        store.add("old", "old", now + 60)
        assert all_at_once(lambda: verb(store, now)).count(True) == 1


class TestOwners:
    def test_have_to_live(self, store: Store, now: float) -> None:
        assert not store.add("key", "one", now + 60, owner="unknown")
        assert store.get("key") is None

    def test_that_were_ended_take_their_values_along(
        self, store: Store, made: StoredSession
    ) -> None:
        store.add("hers", "one", made.until, owner=made.key)
        store.add("other", "two", made.until)
        store.end(keys=[made.key])
        assert store.get("hers") is None
        assert store.get("other") == "two"
        assert not store.add("hers", "again", made.until, owner=made.key)

    def test_that_are_over_take_along_what_was_added(
        self, store, made, clock_at_noon
    ) -> None:
        store.add("key", "one", made.until + HOUR, owner=made.key)
        clock_at_noon.shift(HOUR)
        assert store.get("key") is None
        assert not store.add("new", "one", made.until + 60, owner=made.key)

    @pytest.mark.parametrize("verb", ["get", "take"])
    def test_that_are_over_keep_nothing_when_the_clock_is_stepped_back(
        self, store, made, clock_at_noon, verb
    ) -> None:
        store.add("key", "one", made.until + HOUR, owner=made.key)
        clock_at_noon.shift(HOUR)
        assert getattr(store, verb)("key") is None
        clock_at_noon.shift(-1)
        assert store.get("key") is None

    def test_that_are_over_are_in_nobodys_way(self, store, made, clock_at_noon) -> None:
        for name in ("one", "two"):
            store.add(name, "old", made.until + HOUR, owner=made.key)
        clock_at_noon.shift(HOUR)
        assert not store.swap("one", "old", "new", made.until + 60)
        assert store.add("two", "new", made.until + 60)
        assert store.get("two") == "new"

    def test_that_are_over_take_along_what_was_swapped(
        self, store, made, clock_at_noon
    ) -> None:
        store.add("key", "one", made.until, owner=made.key)
        store.swap("key", "one", "two", made.until + HOUR)
        clock_at_noon.shift(HOUR)
        # The first verb: others would sweep it away.
        assert store.get("key") is None

    def test_keep_a_value_that_was_swapped(
        self, store: Store, made: StoredSession
    ) -> None:
        store.add("key", "one", made.until, owner=made.key)
        store.swap("key", "one", "two", made.until)
        store.end(keys=[made.key])
        assert store.get("key") is None

    def test_do_not_own_what_was_taken(self, store: Store, made: StoredSession) -> None:
        store.add("key", "one", made.until, owner=made.key)
        store.take("key")
        store.add("key", "two", made.until)
        store.end(keys=[made.key])
        assert store.get("key") == "two"


class TestHousekeeping:
    def test_takes_nothing_away_that_is_not_over(
        self, store, now, clock_at_noon
    ) -> None:
        store.create(session(now, "short", until=now + 60), issued=now)
        store.create(session(now, "long"), issued=now)
        store.add("short", "value", now + 60)
        store.add("long", "value", now + HOUR)
        store.end(labels=["short"], mark=now, mark_until=now + 60)
        store.end(labels=["long"], mark=now, mark_until=now + HOUR)
        clock_at_noon.shift(60)
        store.take("unknown")
        marks = [session(now, name, labels=(name,)) for name in ("short", "long")]
        assert [store.create(probe, issued=now) for probe in marks] == [True, False]
        assert store.read("long") is not None
        assert store.get("long") == "value"
        assert store.get("short") is None

    def test_the_end_of_all_counts_those_who_were_live(
        self, store, now, clock_at_noon
    ) -> None:
        assert store.create(session(now, "short", until=now + 60), issued=now)
        assert store.create(session(now, "ended"), issued=now)
        assert store.create(session(now, "long"), issued=now)
        store.end(keys=["ended"])
        clock_at_noon.shift(60)
        assert store.end_all() == 1
        assert store.end_all() == 0

    def test_the_end_of_all_refuses_what_was_issued_before(
        self, store, made, now, clock_at_noon
    ) -> None:
        """Also where nothing ever was, for what was there may be lost."""
        assert store.add("used", "", now + HOUR)
        assert store.end_all() == 1
        keys = ("key", "00:key", "7f:key", "ff:key")
        for key in keys:
            label = f"{key[:2]}:new" if ":" in key else "new"
            one = session(now, key, until=now + 9 * HOUR, labels=(label,))
            assert not store.create(one, issued=now - HOUR)
            assert not store.create(one, issued=now - 0.001)
            # At this very instant it is afterwards.
            assert store.create(one, issued=now)
        clock_at_noon.shift(60)
        assert store.end_all() == len(keys)
        assert not store.create(session(now), issued=now + 59)
        assert store.create(session(now), issued=now + 60)
        assert not store.add("used", "", now + HOUR)

    def test_the_end_of_all_is_remembered_longer_than_any_answer_is_good_for(
        self, store, now, clock_at_noon
    ) -> None:
        store.end_all()
        clock_at_noon.shift(24 * HOUR - 1)
        store.take("unknown")
        late = session(now, until=now + 48 * HOUR)
        assert not store.create(late, issued=now - 1)
        clock_at_noon.shift(1)
        store.take("unknown")
        assert store.create(late, issued=now - 1)

    def test_a_store_may_be_prepared_again_with_patience_or_without(
        self, store, made
    ) -> None:
        store.prepare(patience=START_TIMEOUT)
        store.prepare()
        assert store.read(made.key) is not None

    def test_a_closed_store_opens_again(self, store: Store, now: float) -> None:
        store.close()
        store.close()
        assert store.add("key", "value", now + 60)
        store.close()
