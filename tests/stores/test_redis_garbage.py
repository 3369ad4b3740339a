"""Keys of ours at which something of another type is: strangers, and no locked door.

Whatever it is, no verb fails, everybody else's sessions live on, and an end ends.
"""

from collections.abc import Callable, Iterator

import pytest

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores import Store, StoredSession, open_store
from eilogin.stores.store_interface import EVERYBODY

HOUR = 3600.0

#: One of each type that servers know.
TYPES = {
    "string": ("SET", "rubbish"),
    "list": ("RPUSH", "rubbish"),
    "set": ("SADD", "rubbish"),
    "hash": ("HSET", "rub", "bish"),
    "zset": ("ZADD", "1", "rubbish"),
    "stream": ("XADD", "*", "rub", "bish"),
}


def others_than(right: str) -> list[str]:
    return [other for other in TYPES if other != right]


#: The type of each kind of key, by the letter in its name.
KINDS = {
    "s": "string",
    "b": "hash",
    "i": "list",
    "x": "zset",
    "m": "string",
    "n": "string",
    "v": "hash",
}
WRONG = [
    pytest.param((kind, other), id=f"{kind} is a {other}")
    for kind, right in KINDS.items()
    for other in others_than(right)
]


def made(key: str, *labels: str) -> StoredSession:
    now = clock.now()
    return StoredSession(key, '{"a": 1}', now, now + HOUR, labels)


@pytest.fixture
def url(redis_url) -> str:
    return redis_url("redis")


@pytest.fixture
def prefix(url) -> str:
    return url.rpartition("=")[2]


@pytest.fixture
def store(url) -> Iterator[Store]:
    """Two sessions of one citizen and one of another, with all that there can be."""
    opened = open_store(url)
    opened.prepare()
    for name, citizen in (("bad", "anna"), ("good", "anna"), ("other", "bram")):
        session = made(f"ab:{name}", f"ab:{citizen}", f"ab:only {name}")
        assert opened.create(session, issued=clock.now())
        assert opened.append(session.key, f"item of {name}", (f"cd:told {name}",))
        assert opened.add(f"of {name}", "text", clock.now() + HOUR, owner=session.key)
    assert opened.add("value", "text", clock.now() + HOUR)
    yield opened
    opened.close()


@pytest.fixture
def spoil(redis_kinds, prefix) -> Callable[..., None]:
    """Put something of a type at a name of ours."""
    server = redis_kinds.redis

    def put(name: str, other: str) -> None:
        """``name`` is without its place, but for a value's."""
        full = name if name.startswith(prefix) else f"{{{prefix}}}:{name}"
        server.ask("DEL", full)
        command, *words = TYPES[other]
        assert not isinstance(server.ask(command, full, *words), Exception)

    return put


@pytest.fixture
def name_of(redis_kinds, prefix) -> Callable[[str], str]:
    """The name of what the session ``bad`` has of a kind."""

    def find(kind: str) -> str:
        match kind:
            case "x" | "m":
                return f"{kind}:ab:anna"
            case "n":
                back = f"{{{prefix}}}:b:ab:bad"
                return f"n:{redis_kinds.redis.ask('HGET', back, '=').decode()}"
            case "v":
                return f"{prefix}:v:of bad"
            case _:
                return f"{kind}:ab:bad"

    return find


def verbs(store: Store) -> Iterator[Callable[[], object]]:
    """Every verb, of the session ``bad``, its labels and its value."""
    later = clock.now() + 9
    yield lambda: store.read("ab:bad")
    yield lambda: store.items("ab:bad")
    yield lambda: store.find("ab:anna")
    yield lambda: store.touch("ab:bad", later, later)
    yield lambda: store.get("of bad")
    yield lambda: store.swap("of bad", "text", "new", later)
    yield lambda: store.take("of bad")
    yield lambda: store.add("of bad", "text", later, owner="ab:bad")
    yield lambda: store.append("ab:bad", "item", ("ab:more", "ab:anna"))
    yield lambda: store.create(made("ab:bad", "ab:anna"), issued=clock.now())
    yield lambda: store.create(
        made("ab:heir", "ab:anna"), issued=clock.now(), replaces="ab:bad"
    )
    yield lambda: store.end(keys=["ab:bad"])
    yield lambda: store.end(labels=["ab:anna"], mark=later, mark_until=later + HOUR)
    yield store.end_all


class Odd:
    """What is at a key of a kind, each time that it is put there."""

    def __init__(self, kind: str, put: Callable[[], None]) -> None:
        self.kind = kind
        self.put = put


@pytest.fixture(params=WRONG)
def odd(request, store, spoil, name_of) -> Odd:
    kind, other = request.param
    name = name_of(kind)
    return Odd(kind, lambda: spoil(name, other))


class TestKeys:
    def test_make_no_verb_fail(self, store, odd) -> None:
        for verb in verbs(store):
            if verb != store.end_all:
                odd.put()
                verb()
                assert store.read("ab:other") is not None
                assert store.items("ab:other") == ["item of other"]
                assert store.find("ab:bram") == ["ab:other"]
                assert store.get("of other") == "text"
        odd.put()
        store.end_all()
        assert store.read("ab:other") is None

    def test_let_an_end_by_key_end(self, store, odd) -> None:
        odd.put()
        ended = [session.key for session in store.end(keys=["ab:bad"])]
        # What cannot be read is a session of nobody.
        assert ended == ([] if odd.kind == "s" else ["ab:bad"])
        assert store.read("ab:bad") is None
        assert store.find("ab:anna") == ["ab:good"]
        assert store.get("of bad") is None or odd.kind == "b"

    @pytest.mark.parametrize("label", ["ab:anna", "ab:only bad", "cd:told bad"])
    @pytest.mark.parametrize("is_index_lost", [False, True])
    def test_let_an_end_by_label_end(
        self, store, spoil, odd, label, is_index_lost
    ) -> None:
        odd.put()
        if is_index_lost:
            spoil(f"x:{label}", "string")
        now = clock.now()
        ended = {
            session.key
            for session in store.end(labels=[label], mark=now, mark_until=now + 60)
        }
        expected = {"ab:bad", "ab:good"} if label == "ab:anna" else {"ab:bad"}
        assert ended == expected - ({"ab:bad"} if odd.kind == "s" else set())
        assert store.read("ab:bad") is None
        assert store.read("ab:other") is not None

    def test_are_told(self, store, odd, caplog) -> None:
        odd.put()
        for _ in range(3):
            store.find("ab:anna")
            store.read("ab:bad")
            store.get("of bad")
            store.append("ab:bad", "item")
            store.create(made("ab:new", "ab:anna"), issued=clock.now())
        [line] = [text for text in caplog.messages if "cannot be read" in text]
        assert f":{odd.kind}" in line
        assert "is of another type" in line
        assert "of bad" not in line


class TestSessions:
    @pytest.mark.parametrize("other", others_than("string"))
    def test_that_cannot_be_read_are_made_anew(self, store, spoil, other) -> None:
        spoil("s:ab:bad", other)
        assert store.read("ab:bad") is None
        assert not store.touch("ab:bad", 2e9, 2e9)
        assert store.items("ab:bad") == []
        assert store.create(made("ab:bad", "ab:anna"), issued=clock.now())
        assert store.items("ab:bad") == []
        assert sorted(store.find("ab:anna")) == ["ab:bad", "ab:good"]

    @pytest.mark.parametrize("other", others_than("hash"))
    def test_session_with_lost_belongings_cannot_be_replaced(
        self, store, spoil, other
    ) -> None:
        spoil("b:ab:bad", other)
        heir = made("ab:heir", "ab:anna")
        assert not store.create(heir, issued=clock.now(), replaces="ab:bad")
        assert store.read("ab:bad") is None
        # She is not locked out.
        assert store.create(heir, issued=clock.now())

    @pytest.mark.parametrize("other", others_than("hash"))
    def test_session_with_lost_belongings_accepts_no_items(
        self, store, spoil, other
    ) -> None:
        spoil("b:ab:bad", other)
        assert not store.append("ab:bad", "item", ("ab:more",))
        assert store.find("ab:more") == []


class TestIndexes:
    @pytest.mark.parametrize("other", others_than("zset"))
    def test_are_made_anew_by_who_logs_in(self, store, spoil, other) -> None:
        spoil("x:ab:anna", other)
        assert store.create(made("ab:new", "ab:anna"), issued=clock.now())
        assert sorted(store.find("ab:anna")) == ["ab:bad", "ab:good", "ab:new"]

    def test_are_made_anew_by_an_end_of_one(self, store, spoil) -> None:
        spoil("x:ab:anna", "string")
        store.end(keys=["ab:bad"])
        assert store.find("ab:anna") == ["ab:good"]


class TestMarks:
    @pytest.mark.parametrize("label", ["ab:anna", EVERYBODY])
    @pytest.mark.parametrize("other", TYPES)
    def test_refuse_what_was_issued_before_and_nothing_else(
        self, store, spoil, label, other
    ) -> None:
        before = clock.now()
        spoil(f"m:{label}", other)
        assert not store.create(made("ab:new", "ab:anna"), issued=before)
        assert store.create(made("ab:new", "ab:anna"), issued=clock.now())
        assert not store.create(made("ab:newer", "ab:anna"), issued=before)

    @pytest.mark.parametrize("other", TYPES)
    def test_are_not_moved_back(self, store, spoil, other) -> None:
        now = clock.now()
        spoil("m:ab:anna", other)
        store.end(labels=["ab:anna"], mark=now - 60, mark_until=now + 60)
        assert not store.create(made("ab:new", "ab:anna"), issued=now)
        assert store.create(made("ab:new", "ab:anna"), issued=clock.now())


class TestValues:
    @pytest.mark.parametrize("other", others_than("hash"))
    def test_are_none_and_their_keys_are_free(
        self, store, spoil, prefix, other
    ) -> None:
        for verb in (store.get, store.take):
            spoil(f"{prefix}:v:value", other)
            assert verb("value") is None
            assert store.add("value", "text", clock.now() + 60)
        spoil(f"{prefix}:v:value", other)
        assert not store.swap("value", "text", "new", clock.now() + 60)
        assert store.add("value", "text", clock.now() + 60)


class TestHints:
    """What leads from a label to sessions of other shards, in a Cluster."""

    @pytest.fixture
    def url(self, redis_url) -> str:
        return redis_url("cluster")

    @pytest.fixture
    def spoil(self, redis_kinds, prefix) -> Callable[[str, str], None]:
        def put(label: str, other: str) -> None:
            name = f"{{{prefix}:cd}}:f:{label}"
            command, *words = TYPES[other]
            for server in redis_kinds.cluster.servers:
                if server.ask("DEL", name) == 1:
                    server.ask(command, name, *words)
                    return
            raise AssertionError(f"no hints at {label}")

        return put

    @pytest.mark.parametrize("other", others_than("zset"))
    def test_are_found_again_by_an_end(self, store, spoil, other, caplog) -> None:
        spoil("cd:told bad", other)
        assert store.find("cd:told bad") == ["ab:bad"]
        spoil("cd:told bad", other)
        [ended] = store.end(labels=["cd:told bad"])
        assert ended.key == "ab:bad"
        assert store.read("ab:bad") is None
        assert store.read("ab:good") is not None
        assert "is of another type" in caplog.text

    def test_are_found_again_by_who_is_told(self, store, spoil) -> None:
        spoil("cd:told bad", "string")
        assert store.append("ab:good", "more", ("cd:told bad",))
        assert sorted(store.find("cd:told bad")) == ["ab:bad", "ab:good"]
        spoil("cd:told bad", "string")
        assert len(store.end(labels=["cd:told bad"])) == len(("bad", "good"))

    def test_in_the_way_of_an_end_by_key_stop_it_not(self, store, spoil) -> None:
        spoil("cd:told bad", "string")
        ended = store.end(keys=["ab:bad"], labels=["cd:told bad"])
        assert [session.key for session in ended] == ["ab:bad"]


def test_out_of_memory_error_does_not_count_as_garbage(new_redis) -> None:
    server = new_redis()
    store = open_store(server.url())
    store.prepare()
    assert store.create(made("ab:key", "ab:label"), issued=clock.now())
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="memory"):
        store.append("ab:key", "item", ("ab:more",))
    assert [session.key for session in store.end(labels=["ab:label"])] == ["ab:key"]
    store.close()
