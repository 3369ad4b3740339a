"""Redis servers as they are when something is wrong with them, and between them."""

# ruff: noqa: SLF001 - what is kept can only be seen inside

import itertools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis_servers
from redis_servers import RedisServer, SentinelSet, wait_until

from eilogin import clock
from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores import Store, StoredSession, logout_reserve, open_store
from eilogin.stores.redis import lua_scripts
from eilogin.stores.redis.lua_scripts import Script, packed
from eilogin.stores.redis.redis_urls import RedisURL

MANUAL = Path(__file__).parents[2] / "contrib/manual/production/stores.rst"
RACER = Path(__file__).with_name("racer.py")
FORKER = Path(__file__).with_name("forker.py")
HOUR = 3600.0
DAY = 24 * HOUR


def session(key: str = "ab:key", *labels: str, life: float = HOUR) -> StoredSession:
    now = clock.now()
    return StoredSession(key, "{}", now, now + life, labels)


def make(store: Store, key: str = "ab:key", *labels: str) -> StoredSession:
    made = session(key, *labels)
    assert store.create(made, issued=clock.now())
    return made


@pytest.fixture
def opened() -> Iterator[Callable[..., Store]]:
    """Open a store, and close it after the test."""
    stores: list[Store] = []

    def open_it(url: str, timeout: float = 2.0) -> Store:
        stores.append(open_store(url, timeout))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


def refusal(url: str) -> str:
    """What a sysadmin is told who starts with this store."""
    with pytest.raises(ConfigurationError) as refused:
        open_store(url).prepare()
    return str(refused.value)


def rights(*, db: bool = False, cluster: bool = False) -> list[str]:
    """What the manual says that a user needs, for the prefix "mine"."""
    text = " ".join(MANUAL.read_text(encoding="utf-8").split())
    match = re.search(
        "- always: ``([^`]+)`` on the keys ``([^`]+)`` and ``([^`]+)``;"
        " - with another database than 0: ``([^`]+)``; - in a Cluster: ``([^`]+)``;",
        text,
    )
    always, braced, plain, in_a_database, in_a_cluster = match.groups()
    words = [*always.split(), braced, plain]
    words += in_a_database.split() if db else []
    words += in_a_cluster.split() if cluster else []
    return [word.replace("PREFIX", "mine") for word in words]


def answers(store: Store, key: str = "any") -> bool:
    try:
        store.read(key)
    except StoreUnavailable:
        return False
    return True


def keys_at(server: RedisServer) -> set[str]:
    return {key.decode() for key in server.ask("KEYS", "*")}


def not_now(*_: object) -> None:
    raise StoreUnavailable("not now")


def clients_of(server: RedisServer) -> int:
    """How many connections it has, without the one that asks."""
    return int(server.info("connected_clients")) - 1


class TestPrepare:
    def test_leaves_nothing_open(self, new_redis) -> None:
        server = new_redis()
        before = clients_of(server)
        open_store(server.url()).prepare()
        wait_until(lambda: clients_of(server) == before)

    def test_is_not_needed_before_the_first_verb(self, new_redis, opened) -> None:
        server = new_redis()
        store = opened(server.url())
        assert keys_at(server) == set()
        make(store)

    @pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
    def test_refuses_a_server_that_evicts(self, new_redis, policy) -> None:
        server = new_redis(maxmemory_policy=policy)
        message = refusal(server.url())
        assert f"found maxmemory-policy {policy}; expected noeviction" in message

    def test_checks_server_settings_later_if_prepare_failed(
        self, new_redis, opened
    ) -> None:
        server = new_redis()
        server.pause()
        store = opened(server.url(), 0.2)
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.prepare()
        server.resume()
        server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        wait_until(lambda: self.is_told(store, "expected noeviction"))
        server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        assert answers(store)

    def test_of_a_server_that_is_down_is_told_once_however_often_it_is_tried(
        self, new_redis, opened, caplog
    ) -> None:
        server = new_redis(appendonly="yes", appendfsync="always")
        store = opened(server.url())
        server.kill()
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.prepare()
        server.start()
        wait_until(lambda: answers(store))
        [down, back] = caplog.messages
        assert "does not answer" in down
        assert back == f"the store redis://127.0.0.1:{server.port} answers again"

    @staticmethod
    def is_told(store: Store, what: str) -> bool:
        with pytest.raises(StoreUnavailable) as raised:
            store.read("any")
        return what in str(raised.value)

    def test_refuses_a_replica(self, new_redis) -> None:
        master = new_redis()
        replica = new_redis(replicaof=f"127.0.0.1 {master.port}")
        message = refusal(replica.url())
        assert "it is a replica of 127.0.0.1; expected the master" in message

    @pytest.mark.parametrize("password", ["wrong", ""])
    def test_refuses_a_password_that_is_wrong_and_shows_none(
        self, new_redis, password, caplog
    ) -> None:
        server = new_redis(requirepass="geheim-123")
        server.password = password
        caplog.set_level("DEBUG")
        message = refusal(server.url())
        assert "expected a user and a password that it knows" in message
        for text in (message, caplog.text):
            assert "geheim" not in text
            assert "wrong@" not in text

    def test_takes_a_user_with_the_rights_that_it_says_are_needed(
        self, new_redis, opened
    ) -> None:
        server = new_redis()
        address = f"eilogin:a%2Fb%40c@127.0.0.1:{server.port}"
        for db in (0, 1):
            server.ask("ACL", "DELUSER", "eilogin")
            user = ("eilogin", "on", ">a/b@c", *rights(db=bool(db)))
            server.ask("ACL", "SETUSER", *user)
            store = opened(f"redis://{address}/{db}?prefix=mine")
            store.prepare()
            self.use_every_verb(store)
            assert server.ask("DBSIZE", db=db) > 0
        message = refusal(f"redis://{address}/0?prefix=other")
        assert "expected a server that lets this user do +@read +@write" in message
        server.ask("ACL", "SETUSER", "eilogin", "-select")
        message = refusal(f"redis://{address}/1?prefix=mine")
        assert "'select' command" in message
        assert "A database other than 0 needs +select too" in message

    @staticmethod
    def use_every_verb(store: Store) -> None:
        now = clock.now()
        made = make(store, "ab:key", "ab:label")
        assert store.append("ab:key", "item", ("cd:told",))
        assert store.touch("ab:key", made.seen + 1, made.seen + 1)
        assert store.add("key", "value", now + 60, owner="ab:key")
        heir = session("ab:heir", "ab:label")
        assert store.create(heir, issued=now, replaces="ab:key")
        assert store.swap("key", "value", "other", now + 60)
        assert store.get("key") == store.take("key") == "other"
        assert store.items("ab:heir") == ["item"]
        assert store.find("cd:told") == ["ab:heir"]
        assert store.end(labels=["cd:told"], mark=now - 9, mark_until=now + 60)
        make(store, "ab:other")
        figures = store.figures("ab:o*", "ab:k*")
        assert (figures.sessions, figures.fitting) == (1, (1, 0))
        assert store.end_all() == 1

    def test_takes_a_user_of_a_cluster_with_the_rights_that_it_says_are_needed(
        self, new_redis, opened
    ) -> None:
        cluster = new_redis(redis_servers.Cluster)
        user = ("eilogin", "on", ">geheim", *rights(cluster=True))
        for server in cluster.servers:
            server.ask("ACL", "SETUSER", *user)
        url = cluster.url(prefix="mine").replace("//", "//eilogin:geheim@")
        store = opened(url)
        store.prepare()
        self.use_every_verb(store)
        TestCluster.move_a_value(cluster, store, "mine")

    def test_refuses_a_database_that_is_not_there(self, new_redis) -> None:
        message = refusal(new_redis().url(9))
        assert "DB index is out of range" in message
        assert "expected the number of a database that the server has" in message
        assert "+@read" not in message

    def test_refuses_a_node_of_a_cluster_as_one_server(self, redis_kinds) -> None:
        message = refusal(redis_kinds.cluster.servers[0].url())
        assert "found a part of a Cluster; expected 'redis+cluster:'" in message

    def test_refuses_one_server_as_a_cluster(self, redis_kinds) -> None:
        port = redis_kinds.redis.port
        message = refusal(f"redis+cluster://127.0.0.1:{port}")
        assert "a server outside a Cluster; expected 'redis:'" in message

    def test_refuses_a_cluster_without_all_slots(self, new_redis) -> None:
        server = new_redis(cluster_enabled="yes", cluster_port=self.free_port())
        server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "99")
        message = refusal(f"redis+cluster://127.0.0.1:{server.port}")
        assert "no server has a slot of the Cluster" in message

    @staticmethod
    def free_port() -> str:
        return str(redis_servers.free_ports(1)[0])

    def test_refuses_a_service_that_the_sentinels_do_not_know(
        self, redis_kinds
    ) -> None:
        url = redis_kinds.sentinel.url().replace("/eilogin", "/other")
        assert "its sentinels do not know this service" in refusal(url)

    def test_refuses_a_certificate_of_an_unknown_authority(
        self, redis_kinds, tmp_path
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        redis_servers._write_certificate(other / "crt", other / "key")
        message = refusal(redis_kinds.rediss.url(ca=str(other / "crt")))
        assert "certificate verify failed" in message
        assert "by an authority in 'ca='" in message

    def test_refuses_a_certificate_for_another_host(self, redis_kinds) -> None:
        message = refusal(redis_kinds.rediss.url(host="localhost"))
        assert "expected a server with a certificate for this host" in message

    def test_shows_our_certificate_to_a_server_that_wants_one(
        self, new_redis, tmp_path
    ) -> None:
        server = new_redis(redis_servers.EncryptedServer, tls_auth_clients="yes")
        message = refusal(server.url())
        assert "expected a server that accepts clients without a certificate" in message
        assert "'cert=FILE&key=FILE'" in message
        assert "by an authority in 'ca='" not in message
        crt, key = tmp_path / "our.crt", tmp_path / "our.key"
        redis_servers._write_certificate(crt, key)
        message = refusal(server.url(cert=str(crt), key=str(key)))
        assert "by an authority that it trusts" in message
        ours = {"cert": str(server.certificate), "key": str(server.key)}
        assert answers(open_store(server.url(**ours)))

    def test_refuses_authorities_that_are_not_there_any_more(
        self, redis_kinds, tmp_path
    ) -> None:
        redis_servers._write_certificate(tmp_path / "crt", tmp_path / "key")
        store = open_store(redis_kinds.rediss.url(ca=str(tmp_path / "crt")))
        (tmp_path / "crt").unlink()
        with pytest.raises(ConfigurationError, match="No such file"):
            store.prepare()

    def test_refuses_a_user_who_may_not_wait_for_replicas(self, new_redis) -> None:
        server = new_redis()
        rights = ("+@read", "+@write", "+@scripting", "+info", "~*")
        server.ask("ACL", "SETUSER", "eilogin", "on", ">geheim", *rights)
        message = refusal(f"redis://eilogin:geheim@127.0.0.1:{server.port}")
        assert "'wait' command" in message
        assert "+info +wait" in message

    def test_refuses_a_server_that_is_no_redis(self) -> None:
        redis_servers.require_redis()
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def greet() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"220 mail.example.nl ESMTP\r\n")
                    connection.recv(1000)

            thread = threading.Thread(target=greet)
            thread.start()
            message = refusal(f"redis://127.0.0.1:{listener.getsockname()[1]}")
            thread.join()
        assert "expected a Redis or Valkey server at this address" in message
        assert "+@read" not in message

    @pytest.mark.parametrize(
        "url",
        [
            "redis://127.0.0.1:{port}",
            "redis+sentinel://127.0.0.1:{port},127.0.0.1:{port}/service",
            "redis+cluster://127.0.0.1:{port}",
        ],
    )
    def test_tells_a_server_that_is_not_there_from_one_that_does_not_fit(
        self, url
    ) -> None:
        [port] = redis_servers.free_ports(1)
        with pytest.raises(StoreUnavailable, match=r"Connection refused"):
            open_store(url.format(port=port)).prepare()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            pytest.param({}, "appendonly is off", id="nothing on the disk"),
            pytest.param({"appendonly": "yes"}, "appendfsync is everysec", id="late"),
            pytest.param(
                {"appendonly": "yes", "appendfsync": "always"}, "", id="at once"
            ),
        ],
    )
    def test_says_what_a_power_failure_can_lose(
        self, new_redis, caplog, options, message
    ) -> None:
        open_store(new_redis(**options).url()).prepare()
        warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
        assert len(warned) == bool(message)
        assert all(message in text and "lives again" in text for text in warned) or (
            "sessions that had ended live" in warned[0]
        )

    def test_says_nothing_of_what_it_may_not_know(self, new_redis, caplog) -> None:
        server = new_redis(
            appendonly="yes", rename_command='CONFIG ""', appendfsync="no"
        )
        open_store(server.url()).prepare()
        assert caplog.text == ""

    def test_refuses_a_server_that_is_too_old(self) -> None:
        checks = pytest.importorskip("eilogin.stores.redis.redis_checks")
        with pytest.raises(checks.Misfit, match=r"found Redis 6\.0\.16; expected"):
            checks._check_facts("it", {"redis_version": "6.0.16"}, "server")
        with pytest.raises(checks.Misfit, match="of no version"):
            checks._check_facts("it", {}, "server")


class TestSchema:
    NAME = "eilogin:schema"

    def test_is_noted(self, new_redis) -> None:
        server = new_redis()
        open_store(server.url()).prepare()
        assert server.ask("HMGET", self.NAME, "schema", "oldest") == [b"1", b"1"]

    def test_that_is_later_is_used_where_it_may_be(self, new_redis, opened) -> None:
        server = new_redis()
        server.ask("HSET", self.NAME, "schema", "3", "oldest", "1")
        store = opened(server.url())
        store.prepare()
        make(store)
        assert server.ask("HMGET", self.NAME, "schema", "oldest") == [b"3", b"1"]

    def test_that_is_too_late_is_refused(self, new_redis, opened) -> None:
        server = new_redis()
        server.ask("HSET", self.NAME, "schema", "3", "oldest", "2")
        message = refusal(server.url())
        assert (
            "has version 3, which needs an eilogin that knows version 2 or later"
            in message
        )
        with pytest.raises(StoreUnavailable, match="version 2 or later"):
            opened(server.url()).read("key")

    def test_that_is_older_gives_way(self, new_redis) -> None:
        server = new_redis()
        server.ask("HSET", self.NAME, "schema", "0", "oldest", "0")
        open_store(server.url()).prepare()
        assert server.ask("HGET", self.NAME, "schema") == b"1"


class TestSilence:
    """A server that takes connections, and does not answer."""

    TIMEOUT = 1.0
    #: How long the slowest of many threads takes on a busy machine; if they waited one
    #: after another, or in turns of a few, it would be 40 to 200 s.
    ONCE = 20 * TIMEOUT
    THREADS = 200

    @pytest.mark.parametrize("is_warm", [True, False], ids=["kept", "new"])
    def test_is_waited_for_once_by_all(self, new_redis, opened, is_warm) -> None:
        server = new_redis()
        store = opened(server.url(), self.TIMEOUT)
        store.prepare()
        if is_warm:
            self.all_at_once(store)
        server.pause()
        took = self.all_at_once(store)
        assert max(took) < self.ONCE
        # From now on it is told at once.
        started = time.monotonic()
        for _ in range(50):
            assert not answers(store)
        assert time.monotonic() - started < self.ONCE
        server.resume()
        wait_until(lambda: answers(store))
        make(store)

    def all_at_once(self, store: Store) -> list[float]:
        """How many seconds each of many threads was kept."""
        barrier = threading.Barrier(self.THREADS)

        def ask() -> float:
            barrier.wait()
            started = time.monotonic()
            answers(store)
            return time.monotonic() - started

        with ThreadPoolExecutor(self.THREADS) as pool:
            futures = [pool.submit(ask) for _ in range(self.THREADS)]
            return [future.result() for future in futures]

    @pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "TLS"])
    def test_is_a_timeout_and_the_query_is_not_sent_again(
        self, new_redis, opened, is_encrypted
    ) -> None:
        kinds = [redis_servers.EncryptedServer] if is_encrypted else []
        server = new_redis(*kinds, slowlog_log_slower_than="0")
        store = opened(server.url(), 0.5)
        assert answers(store)
        server.pause()
        with pytest.raises(StoreUnavailable, match="Timeout"):
            store.read("ab:asked")
        server.resume()
        wait_until(lambda: answers(store))
        commands = store._client._servers._node.ask(packed("SLOWLOG", "GET", "99"))
        asked = [command for _, _, _, command, *_ in commands if b"GET" in command]
        assert sum(name.endswith(b"ab:asked") for _, name, *_ in asked) == 1

    def test_is_left_to_the_kernel_without_tls(self, new_redis, opened) -> None:
        store = opened(new_redis().url(), 2.5)
        assert answers(store)
        [connection] = store._client._servers._node._idle
        assert connection._sock.gettimeout() is None
        options = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
        for option in options:
            period = connection._sock.getsockopt(socket.SOL_SOCKET, option, 16)
            seconds, microseconds = struct.unpack("ll", period)
            assert seconds + microseconds / 1e6 == pytest.approx(2.5, abs=0.01)

    @pytest.mark.parametrize("kind", ["sentinel", "cluster"])
    def test_of_one_of_several_is_no_worse(
        self, redis_kinds, redis_url, opened, kind
    ) -> None:
        servers = redis_kinds.cluster.servers
        if kind == "sentinel":
            servers = redis_kinds.sentinel.sentinels
        store = opened(redis_url(kind), self.TIMEOUT)
        # The first that is asked who the servers are.
        servers[0].pause()
        try:
            took = self.all_at_once(store)
            assert max(took) < self.ONCE
            assert kind == "cluster" or answers(store)
        finally:
            servers[0].resume()
        wait_until(lambda: all(answers(store, f"{n}:any") for n in range(20)))

    def test_of_all_who_know_the_servers_is_no_worse(
        self, redis_kinds, redis_url, opened
    ) -> None:
        sentinels = redis_kinds.sentinel.sentinels
        store = opened(redis_url("sentinel"), self.TIMEOUT)
        for sentinel in sentinels:
            sentinel.pause()
        try:
            assert max(self.all_at_once(store)) < self.ONCE
        finally:
            for sentinel in sentinels:
                sentinel.resume()
        wait_until(lambda: answers(store))


class TestRestart:
    DURABLE = {"appendonly": "yes", "appendfsync": "always"}  # noqa: RUF012

    def test_of_the_server_needs_none_of_ours(self, new_redis, opened) -> None:
        server = new_redis(**self.DURABLE)
        store = opened(server.url())
        make(store, "ab:key", "ab:label")
        make(store, "ab:ended", "ab:label")
        assert store.end(keys=["ab:ended"])
        server.kill()
        assert not answers(store)
        server.start()
        wait_until(lambda: answers(store))
        assert store.find("ab:label") == ["ab:key"]
        # The server has forgotten the scripts, and no kept connection is good.
        assert len(store.end(labels=["ab:label"])) == 1

    def test_between_two_verbs_is_not_noticed(self, new_redis, opened) -> None:
        server = new_redis(**self.DURABLE)
        store = opened(server.url())
        make(store)
        for verb in (
            lambda: store.read("ab:key") is not None,
            lambda: store.append("ab:key", "item"),
            lambda: store.add("once", "", clock.now() + 60),
        ):
            server.kill()
            server.start()
            assert verb()

    def test_scripts_that_are_forgotten_are_sent_again(
        self, redis_kinds, redis_url, opened
    ) -> None:
        store = opened(redis_url("redis"))
        make(store)
        redis_kinds.redis.ask("SCRIPT", "FLUSH")
        assert store.append("ab:key", "item")

    def test_while_it_loads_it_does_not_answer(self, new_redis, opened) -> None:
        server = new_redis(**self.DURABLE, key_load_delay="100")
        store = opened(server.url())
        make(store, "ab:1")
        # It looks up from loading after each thousand commands.
        server.ask("EVAL", "for i = 1, 20000 do redis.call('SET', i, i) end", "0")
        server.kill()
        server.launch()
        wait_until(lambda: "loading" in str(server.ask("PING")))
        with pytest.raises(StoreUnavailable, match="loading"):
            store.read("ab:1")
        wait_until(lambda: answers(store))
        assert store.read("ab:1") is not None


class TestRubbish:
    """Keys of ours at which somebody else, or a fault, has put something."""

    @pytest.fixture
    def server(self, redis_kinds) -> RedisServer:
        return redis_kinds.redis

    @pytest.fixture
    def url(self, redis_url) -> str:
        return redis_url("redis")

    @pytest.fixture
    def prefix(self, url) -> str:
        return url.rpartition("=")[2]

    @pytest.fixture
    def store(self, url, opened) -> Store:
        store = opened(url)
        store.prepare()
        return store

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "a b c",
            "nan 1 {}",
            "1800000000",
            "9e99 x {}",
            b"9999999999 1 \xff",
        ],
    )
    def test_in_the_place_of_a_session_logs_nobody_in(
        self, store, server, prefix, text, caplog
    ) -> None:
        server.ask("SET", f"{{{prefix}}}:s:ab:key", text)
        assert store.read("ab:key") is None
        assert not store.touch("ab:key", 2e9, 2e9) or isinstance(text, bytes)
        assert store.find("ab:label") == []

    def test_that_cannot_be_read_is_told(self, store, server, prefix, caplog) -> None:
        server.ask("SET", f"{{{prefix}}}:s:ab:key", "x")
        assert store.read("ab:key") is None
        for _ in range(5):
            assert store.read("ab:key") is None
        [line] = [text for text in caplog.messages if "cannot be read" in text]
        assert line.startswith(f"the store {store.url} contains a record that")

    def test_in_an_index_does_not_keep_a_session_alive(
        self, store, server, prefix
    ) -> None:
        made = make(store, "ab:key", "ab:label", "ab:other")
        server.ask("DEL", f"{{{prefix}}}:x:ab:label")
        server.ask("SET", f"{{{prefix}}}:x:ab:label", "rubbish")
        assert [session.key for session in store.end(labels=["ab:other"])] == [made.key]
        assert store.read("ab:key") is None

    def test_in_an_index_leads_nowhere(self, store, server, prefix) -> None:
        server.ask("ZADD", f"{{{prefix}}}:x:ab:label", "9e9", "nobody")
        server.ask("ZADD", f"{{{prefix}}}:f:ab:label", "9e9", "ab:nobody")
        assert store.find("ab:label") == []
        assert store.end(labels=["ab:label"]) == []

    def test_in_the_place_of_a_mark_is_one(self, store, server, prefix) -> None:
        server.ask("SET", f"{{{prefix}}}:m:ab:label", "rubbish")
        assert not store.create(session("ab:key", "ab:label"), issued=clock.now())
        # And one that can be read takes its place.
        now = clock.now()
        store.end(labels=["ab:label"], mark=now - 5, mark_until=now + 60)
        assert store.create(session("ab:key", "ab:label"), issued=now)

    @pytest.mark.parametrize(
        "fields",
        [
            ("t", "text"),
            ("u", "9e9"),
            ("t", "text", "u", "soon"),
            ("t", "text", "u", "9e9", "n", "nobody", "g", "0"),
            ("t", "text", "u", "9e9", "n", "nobody", "g", "many"),
        ],
    )
    def test_in_the_place_of_a_value_is_none(
        self, store, server, prefix, fields
    ) -> None:
        server.ask("HSET", f"{prefix}:v:key", *fields)
        assert store.get("key") is None
        assert not store.swap("key", "text", "new", clock.now() + 60)
        server.ask("HSET", f"{prefix}:v:key", *fields)
        assert store.take("key") is None
        server.ask("HSET", f"{prefix}:v:key", *fields)
        assert store.add("key", "mine", clock.now() + 60)
        assert store.get("key") == "mine"

    def test_in_a_lineage_ends_what_is_owned(self, store, server, prefix) -> None:
        make(store)
        until = clock.now() + 60
        assert store.add("key", "value", until, owner="ab:key")
        [lineage] = [k for k in keys_at(server) if f"{{{prefix}}}:n:" in k]
        server.ask("SET", lineage, "rubbish")
        assert store.get("key") is None


class TestMemory:
    """A server that has no room, and may not make any."""

    def test_that_is_full_lets_sessions_end_and_makes_none(
        self, new_redis, opened
    ) -> None:
        server = new_redis()
        store = opened(server.url())
        now = clock.now()
        make(store, "ab:key", "ab:label")
        make(store, "ab:other", "ab:label")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="memory"):
            store.create(session("ab:new", "ab:label"), issued=now)
        assert [session.key for session in store.end(keys=["ab:other"])] == ["ab:other"]
        assert store.end(labels=["ab:label"], mark=now, mark_until=now + 60)
        assert store.read("ab:key") is None
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert not store.create(session("ab:late", "ab:label"), issued=now)

    def test_that_is_full_keeps_what_a_logout_needs(self, new_redis, opened) -> None:
        server = new_redis()
        store = opened(server.url())
        until = clock.now() + HOUR
        make(store, "ab:key")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="memory"):
            store.add("form", "x", until)
        with logout_reserve.for_logout():
            assert store.add("notice", "x", until, owner="ab:key")
            assert store.swap("notice", "x", "y", until)
            assert store.take("notice") == "y"
            assert store.append("ab:key", "item", ("ab:more",))
        with pytest.raises(StoreUnavailable, match="memory"):
            store.add("form", "x", until)

    def test_that_is_full_lets_all_end(self, new_redis, opened) -> None:
        server = new_redis()
        store = opened(server.url())
        now = clock.now()
        for number in range(100):
            long = StoredSession(f"ab:{number}", "x" * 20_000, now, now + HOUR)
            assert store.create(long, issued=now)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        assert store.end_all() == 100
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert not store.create(session("ab:new"), issued=now)


def test_a_shard_is_two_hexadecimal_digits(redis_url, opened) -> None:
    """Of others nobody could say where they all are."""
    store = opened(redis_url("redis"))
    with pytest.raises(ValueError, match="two hexadecimal digits"):
        store.create(session("abc:key"), issued=clock.now())


class TestLeftovers:
    KINDS = ("redis", "cluster")

    @pytest.fixture(params=KINDS)
    def kind(self, request) -> str:
        return request.param

    @pytest.fixture
    def url(self, redis_url, kind) -> str:
        return redis_url(kind)

    @pytest.fixture
    def store(self, opened, url) -> Store:
        return opened(url)

    @pytest.fixture
    def ours(self, redis_kinds, kind, url):
        """The keys of this store, each with the seconds that it has left."""
        servers = redis_kinds.cluster.servers
        if kind == "redis":
            servers = [redis_kinds.redis]
        prefix = url.rpartition("=")[2]

        def look() -> dict[str, int]:
            return {
                key: server.ask("TTL", key)
                for server in servers
                for key in keys_at(server)
                if key.startswith((f"{{{prefix}}}:", f"{{{prefix}:", f"{prefix}:"))
                and key != f"{prefix}:schema"
            }

        return look

    def work(self, store: Store) -> None:
        """Something of everything; four sessions live afterwards."""
        now = clock.now()
        for number, key in enumerate(("ab:1", "ab:2", "cd:1", "cd:2", "cd:3")):
            make(store, key, key[:3] + "subject", key[:3] + f"index{number}")
            store.append(key, "item", ("ef:told", key[:3] + "told"))
            store.add(f"owned{number}", "value", now + 9 * HOUR, owner=key)
            store.swap(f"owned{number}", "value", "other", now + 60)
            store.touch(key, now + 1, now + 1)
        heir = session("ab:heir", "ab:subject")
        assert store.create(heir, issued=now, replaces="ab:1")
        other = session("cd:other", "cd:subject")
        assert store.create(other, issued=now, replaces="ab:2", inherit=False)
        assert store.add("free", "value", now + 60)
        assert store.add("taken", "value", now + 60)
        assert store.take("taken")
        store.end(keys=["cd:1"], labels=["gh:gone"], mark=now, mark_until=now + 60)

    def test_are_kept_for_as_long_as_they_are_good_for(self, store, ours) -> None:
        self.work(store)
        lives = ours().values()
        # A minute more than a session's hour.
        assert all(0 < life <= HOUR + 61 for life in lives)

    def test_of_what_was_ended_there_are_none(self, store, ours) -> None:
        self.work(store)
        ended = store.end(labels=["ef:told", "cd:subject"])
        assert {session.key for session in ended} == {
            "ab:heir",
            "cd:2",
            "cd:3",
            "cd:other",
        }
        for number in range(5):
            assert store.get(f"owned{number}") is None
        store.take("free")
        # Marks stay.
        assert [key.partition("}")[2] for key in ours()] == [":m:gh:gone"]

    def test_of_a_restored_store_there_are_none(self, store, ours) -> None:
        self.work(store)
        assert store.end_all() == 4
        assert store.end_all() == 0
        assert store.find("ef:told") == store.find("cd:subject") == []
        assert store.get("owned4") is None
        assert store.get("free") == "value"
        assert not [key for key in ours() if ":s:" in key or ":f:" in key]

    def test_of_who_logs_in_while_all_ends_there_are_none(
        self, store, monkeypatch
    ) -> None:
        housekeeping = pytest.importorskip("eilogin.stores.redis.redis_housekeeping")
        mark = housekeeping._mark_everybody

        def log_in_first(client) -> None:
            make(store, "ab:late")
            mark(client)

        monkeypatch.setattr(housekeeping, "_mark_everybody", log_in_first)
        assert store.end_all() == 1
        assert store.read("ab:late") is None

    def test_of_the_end_of_all_are_marks_at_every_place(
        self, store, ours, kind
    ) -> None:
        self.work(store)
        store.end_all()
        lives = [life for key, life in ours().items() if key.endswith(":m:")]
        assert len(lives) == (257 if kind == "cluster" else 1)
        assert all(DAY <= life <= DAY + 61 for life in lives)

    def test_of_another_store_at_the_same_server_are_left_alone(
        self, store, url, opened
    ) -> None:
        other = opened(url + "x")
        make(store)
        assert other.read("ab:key") is None
        assert other.end_all() == 0
        assert store.read("ab:key") is not None

    def test_of_a_store_with_many_sessions_there_are_none(
        self, store, ours, url, redis_kinds, kind
    ) -> None:
        if kind == "redis":
            prefix = url.rpartition("=")[2]
            many = "for i = 1, 2500 do redis.call('SET', KEYS[1] .. i, '9e9 1 {}') end"
            redis_kinds.redis.ask("EVAL", many, "1", f"{{{prefix}}}:s:ab:")
            assert store.read("ab:2500") is not None
            assert store.end_all() == 2500
            # The mark for everybody.
            assert [key.partition("}")[2] for key in ours()] == [":m:"]

    def test_of_a_value_that_is_swapped_are_kept_for_as_long_as_the_new_one(
        self, store, ours
    ) -> None:
        now = clock.now()
        assert store.add("key", "old", now + 60)
        assert store.swap("key", "old", "new", now + 2 * HOUR)
        [life] = ours().values()
        assert 2 * HOUR <= life <= 2 * HOUR + 61

    def test_of_requests_with_invented_keys_there_are_none(self, store, ours) -> None:
        for number in range(500):
            assert store.read(f"ab:{number}") is None
            assert store.get(f"{number}") is None
        assert ours() == {}

    def test_of_what_is_over_are_taken_away_when_it_is_read(
        self, store, ours, clock_at_noon
    ) -> None:
        make(store, "ab:key", "ab:label")
        store.add("key", "value", clock.now() + 60)
        clock_at_noon.shift(HOUR)
        assert store.read("ab:key") is None
        assert store.get("key") is None
        assert ours() == {}


class TestShards:
    """What is of one shard, and what is not: in a Cluster they are apart."""

    @pytest.fixture
    def store(self, opened, redis_url) -> Store:
        return opened(redis_url("cluster"))

    def test_of_a_session_is_that_of_its_labels(self, store) -> None:
        with pytest.raises(ValueError, match="the labels it is made with"):
            store.create(session("ab:key", "cd:label"), issued=0)

    def test_of_a_session_is_that_of_its_heir(self, store) -> None:
        make(store, "ab:key")
        with pytest.raises(ValueError, match="it inherits from"):
            store.create(session("cd:new"), issued=0, replaces="ab:key")

    def test_of_a_label_that_comes_later_may_be_any(self, store) -> None:
        make(store, "ab:key", "ab:label")
        assert store.append("ab:key", "item", ("cd:told", "ef:told"))
        assert store.find("cd:told") == store.find("ef:told") == ["ab:key"]
        now = clock.now()
        [ended] = store.end(labels=["cd:told", "ef:told"], mark=now, mark_until=2e9)
        assert (ended.key, ended.items) == ("ab:key", ("item",))
        assert not store.create(session("cd:new", "cd:told"), issued=now)

    def test_a_label_of_another_shard_goes_on_with_the_heir(self, store) -> None:
        make(store, "ab:1")
        assert store.append("ab:1", "item", ("cd:told",))
        for old, new in itertools.pairwise(["ab:1", "ab:2", "ab:3"]):
            assert store.create(session(new), issued=clock.now(), replaces=old)
            assert store.find("cd:told") == [new]
        assert [session.key for session in store.end(labels=["cd:told"])] == ["ab:3"]

    def test_no_heir_is_overlooked_for_one_that_has_ended(
        self, store, monkeypatch
    ) -> None:
        """At last as many were found as are there, and not the same."""
        make(store, "aa:one")
        make(store, "bb:two")
        for key in ("aa:one", "bb:two"):
            assert store.append(key, "item", ("cc:told",))
        run, looks = store._client.run, []

        def meanwhile(script: Script) -> None:
            if script is lua_scripts.CARRY:
                looks.append(script)
                heirs = {2: ("bb:three", "bb:two"), 3: ("bb:four", "bb:three")}
                if len(looks) in heirs:
                    new, old = heirs[len(looks)]
                    heir = session(new)
                    assert store.create(heir, issued=clock.now(), replaces=old)
            elif script is lua_scripts.FIND and len(looks) == 2:
                store.end(keys=["aa:one"])

        def run_later(script: Script, *arguments: object, **more: object) -> object:
            monkeypatch.setattr(store._client, "run", run)
            meanwhile(script)
            monkeypatch.setattr(store._client, "run", run_later)
            return run(script, *arguments, **more)

        monkeypatch.setattr(store._client, "run", run_later)
        assert "bb:four" in store.find("cc:told")
        assert len(looks) > 2

    def test_no_session_carries_a_label_by_which_it_cannot_be_found(
        self, store, monkeypatch
    ) -> None:
        """The other shard does not answer: then nothing is said of it here either."""
        make(store, "ab:key")
        monkeypatch.setattr("eilogin.stores.redis.cluster_hints.Hints.write", not_now)
        with pytest.raises(StoreUnavailable, match="not now"):
            store.append("ab:key", "item", ("ef:told",))
        assert store.items("ab:key") == []

    def test_nor_does_its_heir(self, store, monkeypatch) -> None:
        make(store, "ab:key")
        assert store.append("ab:key", "item", ("ef:told",))
        monkeypatch.setattr("eilogin.stores.redis.cluster_hints.Hints.write", not_now)
        with pytest.raises(StoreUnavailable, match="not now"):
            store.create(session("ab:heir"), issued=clock.now(), replaces="ab:key")
        assert store.read("ab:heir") is None
        assert store.find("ef:told") == ["ab:key"]

    def test_a_session_replaced_by_one_of_another_ends(self, store) -> None:
        make(store, "ab:key", "ab:label")
        new = session("cd:new", "cd:label")
        now = clock.now()
        assert store.create(new, issued=now, replaces="ab:key", inherit=False)
        assert store.read("ab:key") is None
        again = session("cd:again", "cd:label")
        assert not store.create(again, issued=now, replaces="ab:key", inherit=False)
        assert store.find("cd:label") == ["cd:new"]

    def test_a_marked_session_replaces_none(self, store) -> None:
        make(store, "ab:key")
        now = clock.now()
        store.end(labels=["cd:label"], mark=now, mark_until=now + 60)
        new = session("cd:new", "cd:label")
        assert not store.create(new, issued=now, replaces="ab:key", inherit=False)
        assert store.read("ab:key") is not None

    def test_a_label_does_not_outrun_an_end(self, store) -> None:
        assert not store.append("ab:none", "item", ("cd:told",))
        assert store.find("cd:told") == []


class TestRaces:
    """Threads that step up, are told, log out: nothing gets lost between shards."""

    ROUNDS = 25

    @pytest.fixture(params=["redis", "cluster"])
    def store(self, request, opened, redis_url) -> Store:
        return opened(redis_url(request.param))

    def test_an_end_by_label_finds_the_heir_of_who_was_told(self, store) -> None:
        """A session is stepped up all the time while it is ended by a foreign label."""
        with ThreadPoolExecutor(2) as pool:
            for number in range(self.ROUNDS):
                first = f"ab:{number}-0"
                make(store, first, f"ab:family{number}")
                assert store.append(first, "item", (f"cd:told{number}",))
                stepping = pool.submit(self.step_up, store, number)
                ended = store.end(labels=[f"cd:told{number}"])
                last = stepping.result()
                assert len(ended) == 1, number
                assert ended[0].items == ("item",)
                assert store.find(f"ab:family{number}") == [], (number, last)

    @staticmethod
    def step_up(store: Store, number: int) -> int:
        for step in range(1, 20):
            new = session(f"ab:{number}-{step}", f"ab:family{number}")
            old = f"ab:{number}-{step - 1}"
            if not store.create(new, issued=clock.now(), replaces=old):
                return step
        return 20

    def test_a_label_added_during_a_step_up_is_with_the_heir_or_refused(
        self, store
    ) -> None:
        with ThreadPoolExecutor(2) as pool:
            for number in range(self.ROUNDS):
                old, new = f"ab:{number}", f"ab:{number}-new"
                make(store, old)
                label = f"cd:told{number}"
                telling = pool.submit(store.append, old, "item", (label,))
                heir = session(new)
                assert store.create(heir, issued=clock.now(), replaces=old)
                expected = [new] if telling.result() else []
                assert store.find(label) == expected
                assert store.items(new) == ["item"] * len(expected)
                assert len(store.end(labels=[label])) == len(expected)

    def test_a_session_told_to_end_twice_ends_once(self, store) -> None:
        with ThreadPoolExecutor(3) as pool:
            for number in range(self.ROUNDS):
                key, label = f"ab:{number}", f"cd:told{number}"
                make(store, key, f"ab:label{number}")
                assert store.append(key, "item", (label,))
                ways = (
                    {"keys": [key]},
                    {"labels": [label]},
                    {"labels": [f"ab:label{number}"]},
                )
                ends = [pool.submit(lambda way=way: store.end(**way)) for way in ways]
                assert sum(len(end.result()) for end in ends) == 1

    def test_two_citizens_in_one_browser_leave_one(self, store) -> None:
        with ThreadPoolExecutor(2) as pool:
            for number in range(self.ROUNDS):
                old = f"ab:{number}"
                make(store, old)

                def enter(shard: str, old: str = old, number: int = number) -> bool:
                    new = session(f"{shard}:{number}", f"{shard}:label{number}")
                    return store.create(
                        new, issued=clock.now(), replaces=old, inherit=False
                    )

                made = list(pool.map(enter, ("cd", "ef")))
                assert made.count(True) == 1
                is_labelled = [
                    bool(store.find(f"{s}:label{number}")) for s in ("cd", "ef")
                ]
                assert is_labelled == made

    def test_a_value_goes_with_its_owner(self, store) -> None:
        with ThreadPoolExecutor(2) as pool:
            for number in range(self.ROUNDS):
                key, value = f"ab:{number}", f"value{number}"
                make(store, key)
                until = clock.now() + 60
                adding = pool.submit(store.add, value, "x", until, owner=key)
                store.end(keys=[key])
                # Whatever add said, whoever looks after the end finds nothing.
                assert store.get(value) is None
                adding.result()
                assert store.take(value) is None
                assert store.add(value, "other", until)

    @pytest.mark.parametrize("kind", ["redis", "cluster"])
    def test_of_processes_have_one_winner(self, kind, redis_url, opened) -> None:
        url = redis_url(kind)
        store = opened(url)
        until = clock.now() + 60
        for number in range(20):
            store.add(f"old{number}", "value", until)
            make(store, f"session{number}")
        racers = [
            subprocess.Popen(
                [sys.executable, str(RACER), url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
        for prize in ("added", "taken", "ended"):
            assert sum(each[prize] for each in won) == 20


class TestFork:
    @pytest.mark.parametrize("kind", redis_servers.KINDS)
    def test_gives_each_process_connections_of_its_own(self, kind, redis_url) -> None:
        """Parent and children ask all at once; an answer that is another's shows."""
        done = subprocess.run(
            [sys.executable, str(FORKER), redis_url(kind)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["right"] * 4

    def test_of_a_process_leaves_the_parents_connections_alone(
        self, redis_kinds, redis_url, opened, monkeypatch
    ) -> None:
        store = opened(redis_url("redis"))
        make(store)
        parents = store._client._servers
        real = os.getpid()
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: real + 1)
            assert store.read("ab:key") is not None
            assert store._client._servers is not parents
            store.close()
        [idle] = parents._node._idle
        idle.send_command("PING")
        assert idle.read_response() == b"PONG"
        parents.close()


class TestReplicas:
    def test_have_what_was_confirmed_when_the_master_is_lost(
        self, new_redis, opened, monkeypatch
    ) -> None:
        monkeypatch.setattr("eilogin.stores.redis.redis_nodes.LONGEST_WAIT", 10.0)
        servers: SentinelSet = new_redis(SentinelSet)
        store = opened(servers.url(), 20.0)
        store.prepare()
        for number in range(50):
            make(store, f"ab:{number}", f"ab:label{number}")
        now = clock.now()
        go_on = self.hold_back(*servers.servers)
        for number in range(25):
            labels = [f"ab:label{number}"]
            assert store.end(labels=labels, mark=now, mark_until=now + 600)
            assert store.add(f"once{number}", "", now + 600)
        lost = servers.master
        lost.kill()
        go_on.join()
        wait_until(lambda: servers.has_another_than(lost), "another master")
        wait_until(lambda: answers(store), "the store at the new master")
        for number in range(25):
            assert store.read(f"ab:{number}") is None
            assert not store.add(f"once{number}", "", now + 600)
            again = session(f"ab:{number}", f"ab:label{number}")
            assert not store.create(again, issued=now)
        assert all(store.read(f"ab:{n}") is not None for n in range(25, 50))
        assert store.end(labels=["ab:label30"])

    @staticmethod
    def hold_back(
        master: RedisServer, *replicas: RedisServer, seconds: float = 0.7
    ) -> threading.Timer:
        """Have the master keep what it is told for itself, for a moment.

        On one machine the replicas would have it all at once, confirmed or not. So
        they stand still, and what is on its way to them is more than that can hold.
        """
        for replica in replicas:
            replica.pause()
        told = 0
        while told < 4 * 2**20:
            master.ask("SET", "much", "x" * 2**20)
            clients = master.ask("CLIENT", "LIST", "TYPE", "replica")
            told = min(map(int, re.findall(rb" omem=([0-9]+)", clients)))

        def resume() -> None:
            for replica in replicas:
                replica.resume()

        timer = threading.Timer(seconds, resume)
        timer.start()
        return timer

    @pytest.fixture
    def pair(self, new_redis) -> tuple[RedisServer, RedisServer]:
        master = new_redis()
        replica = new_redis(replicaof=f"127.0.0.1 {master.port}")
        wait_until(lambda: "state=online" in master.info("slave0"), "the replica")
        return master, replica

    @pytest.mark.parametrize(
        "verb",
        [
            pytest.param(
                lambda s, now: s.create(session("ab:new"), issued=now), id="create"
            ),
            pytest.param(lambda s, now: s.append("ab:key", "item"), id="append"),
            pytest.param(lambda s, now: s.end(keys=["ab:key"]), id="end"),
            pytest.param(lambda s, now: s.add("new", "", now + 60), id="add"),
            pytest.param(lambda s, now: s.take("value"), id="take"),
            pytest.param(
                lambda s, now: s.swap("value", "old", "new", now + 60), id="swap"
            ),
        ],
    )
    def test_are_waited_for_where_it_must_be_durable(
        self, pair, opened, caplog, verb
    ) -> None:
        master, replica = pair
        store = opened(master.url(), 0.5)
        make(store)
        assert store.add("value", "old", clock.now() + 60)
        replica.pause()
        assert verb(store, clock.now())
        assert "only 0 of 1 replicas confirmed a change" in caplog.text
        replica.resume()

    def test_that_do_not_confirm_are_told_and_the_answer_stands(
        self, pair, opened, caplog
    ) -> None:
        master, replica = pair
        store = opened(master.url(), 0.5)
        make(store)
        make(store, "ab:two")
        assert caplog.text.count("appendonly") == 0
        replica.pause()
        started = time.monotonic()
        assert store.end(keys=["ab:key"])
        assert time.monotonic() - started < 30
        assert "only 0 of 1 replicas confirmed a change" in caplog.text
        assert "a session that ended may live again" in caplog.text
        # The next one does not wait for who does not answer.
        caplog.clear()
        assert store.end(keys=["ab:two"])
        assert caplog.text == ""
        replica.resume()

    def test_that_may_not_be_waited_for_any_more_are_told_as_such(
        self, pair, opened, caplog
    ) -> None:
        master, _ = pair
        rights = ("+@read", "+@write", "+@scripting", "+info", "+wait", "~*")
        master.ask("ACL", "SETUSER", "eilogin", "on", ">geheim", *rights)
        store = opened(f"redis://eilogin:geheim@127.0.0.1:{master.port}")
        make(store)
        master.ask("ACL", "SETUSER", "eilogin", "-wait")
        assert store.end(keys=["ab:key"])
        assert "cannot wait for its replicas" in caplog.text
        assert "'wait' command" in caplog.text
        assert "have confirmed" not in caplog.text

    def test_are_not_waited_for_where_it_may_be_forgotten(
        self, pair, opened, caplog, monkeypatch
    ) -> None:
        master, replica = pair
        monkeypatch.setattr("eilogin.stores.redis.redis_nodes.LONGEST_WAIT", 60.0)
        store = opened(master.url(), 120.0)
        made = make(store)
        replica.pause()
        started = time.monotonic()
        assert store.touch("ab:key", made.seen + 1, made.seen + 1)
        assert store.add("key", "value", made.until, durable=False)
        assert time.monotonic() - started < 30
        assert caplog.text == ""
        replica.resume()

    def test_are_counted_anew_after_a_while(
        self, new_redis, opened, monkeypatch
    ) -> None:
        nodes = pytest.importorskip("eilogin.stores.redis.redis_nodes")
        monkeypatch.setattr(nodes, "REPLICAS_KNOWN", 0.0)
        master = new_redis()
        store = opened(master.url())
        make(store)
        replica = new_redis(replicaof=f"127.0.0.1 {master.port}")
        wait_until(lambda: "state=online" in master.info("slave0"), "the replica")
        assert store.add("key", "value", clock.now() + 60)
        # It has it now, and not only soon.
        assert b"eilogin:v:key" in replica.ask("KEYS", "*")

    def test_that_nobody_can_ask_any_more_leave_an_end_in_doubt(
        self, pair, opened
    ) -> None:
        """The server died: who takes its place may not have it, so it is not told."""
        master, replica = pair
        store = opened(master.url(), 2.0)
        make(store)
        assert store.end(keys=["ab:none"]) == []
        replica.pause()
        node = store._client._servers._node
        real = node._read_confirmations

        def lose(connection: object) -> int:
            master.kill()
            return real(connection)

        node._read_confirmations = lose
        with pytest.raises(StoreUnavailable):
            store.end(keys=["ab:key"])
        assert not answers(store)
        replica.resume()

    def test_that_follow_another_by_now_betray_a_master_that_was_replaced(
        self, new_redis, opened, monkeypatch
    ) -> None:
        """What is written to it is lost when it is told; so nobody is told "ended"."""
        servers: SentinelSet = new_redis(SentinelSet)
        store = opened(servers.url())
        make(store)
        # As if another thread had looked just now.
        nodes = pytest.importorskip("eilogin.stores.redis.redis_servers")
        monkeypatch.setattr(nodes, "PAUSE", 1000.0)
        store._client._servers._not_before = time.monotonic() + 1000
        old = servers.master
        servers.sentinels[0].ask("SENTINEL", "FAILOVER", "eilogin")
        wait_until(lambda: servers.has_another_than(old), "another master")
        with pytest.raises(
            StoreUnavailable, match="another server has become the master"
        ):
            store.end(keys=["ab:key"])
        assert store.end(keys=["ab:key"])

    def test_a_master_that_becomes_one_is_left(self, new_redis, opened) -> None:
        servers: SentinelSet = new_redis(SentinelSet)
        store = opened(servers.url())
        make(store)
        old = servers.master
        servers.sentinels[0].ask("SENTINEL", "FAILOVER", "eilogin")
        wait_until(lambda: servers.has_another_than(old), "another master")
        wait_until(lambda: answers(store), "the store at the new master")
        assert store.end(keys=["ab:key"])
        assert store._client._servers._node.address.port == servers.master.port

    def test_one_server_that_becomes_one_is_not_read_from(
        self, new_redis, opened
    ) -> None:
        master, other = new_redis(), new_redis()
        store = opened(master.url())
        make(store)
        master.ask("REPLICAOF", "127.0.0.1", str(other.port))
        with pytest.raises(StoreUnavailable, match="read only replica"):
            store.add("key", "value", clock.now() + 60)
        with pytest.raises(StoreUnavailable, match="it is a replica"):
            store.read("ab:key")


class TestSentinels:
    def test_may_want_the_password_too(self, new_redis, opened) -> None:
        master = new_redis(requirepass="geheim")
        sentinel = new_redis(
            lambda folder, **options: SentinelOf(folder, master, **options),
            requirepass="geheim",
        )
        host = f"127.0.0.1:{sentinel.port}"
        store = opened(f"redis+sentinel://:geheim@{host}/eilogin/1")
        store.prepare()
        make(store)
        assert master.ask("DBSIZE", db=1) > 0
        assert master.ask("DBSIZE") == 0
        for password in ("", ":other@"):
            message = refusal(f"redis+sentinel://{password}{host}/eilogin")
            assert f"its sentinel at {host} says: " in message
            assert "without a password, or with that of their master" in message

    def test_are_told_from_a_master_that_does_not_let_us_in(self, new_redis) -> None:
        master = new_redis(requirepass="geheim")
        sentinel = new_redis(lambda folder: redis_servers.Sentinel(folder, master))
        for password in ("", ":other@"):
            url = f"redis+sentinel://{password}127.0.0.1:{sentinel.port}/eilogin"
            message = refusal(url)
            assert f"found '127.0.0.1:{master.port} says: " in message
            assert "expected a user and a password that it knows" in message

    def test_tell_who_took_the_place_of_a_master_that_was_lost(
        self, new_redis, opened, caplog
    ) -> None:
        lost, other = new_redis(), new_redis()
        store = opened("redis+sentinel://127.0.0.1:1/eilogin")
        servers = store._client._servers
        servers._ask_any = lambda *_, url: [b"127.0.0.1", str(master.port).encode()]
        for turn in (lost, other, lost):
            master = turn
            servers._not_before = 0.0
            assert answers(store)
        # Whoever was well says nothing when it goes.
        assert "took its place" not in caplog.text
        lost.kill()
        assert not answers(store)
        master = other
        servers._not_before = 0.0
        for _ in range(3):
            assert answers(store)
        name = f"the store redis://127.0.0.1:{lost.port}"
        [down, up] = [text for text in caplog.messages if text.startswith(name)]
        assert "does not answer" in down
        assert up == f"{name}: 127.0.0.1:{other.port} took its place"

    def test_are_told_from_a_server(self, redis_kinds) -> None:
        message = refusal(f"redis://127.0.0.1:{redis_kinds.sentinel.sentinels[0].port}")
        assert "is a sentinel; expected 'redis+sentinel:' for it" in message

    def test_are_asked_by_one_thread_while_the_others_go_on(
        self, redis_url, opened
    ) -> None:
        store = opened(redis_url("sentinel"))
        assert answers(store)
        servers = store._client._servers
        servers._not_before = 0.0
        with servers._discovery_lock:
            assert answers(store)
        assert servers._not_before == 0.0

    def test_are_not_needed_by_a_store_that_is_closed_unused(self, redis_url) -> None:
        open_store(redis_url("sentinel")).close()

    def test_that_stand_by_a_master_let_its_answer_stand(
        self, redis_kinds, redis_url, opened, caplog
    ) -> None:
        sentinel_set = redis_kinds.sentinel
        store = opened(redis_url("sentinel"), 0.5)
        make(store)
        replicas = [
            server
            for server in sentinel_set.servers
            if server is not sentinel_set.master
        ]
        for replica in replicas:
            replica.pause()
        try:
            assert store.end(keys=["ab:key"])
        finally:
            for replica in replicas:
                replica.resume()
        assert "0 of 2 replicas confirmed" in caplog.text
        # The server that they named, and no sentinel.
        assert (
            f"the store redis://127.0.0.1:{sentinel_set.master.port}: only 0"
            in caplog.text
        )


class SentinelOf(redis_servers.Sentinel):
    """A sentinel with a password, which is its master's too."""

    def __init__(self, folder: Path, master: RedisServer, **options: str) -> None:
        super().__init__(folder, master)
        self.password = options["requirepass"]
        self._options |= options
        self._options["sentinel auth-pass eilogin"] = self.password


class TestCluster:
    @pytest.fixture
    def cluster(self, new_redis) -> redis_servers.Cluster:
        return new_redis(redis_servers.Cluster)

    @pytest.fixture
    def store(self, cluster, opened) -> Store:
        store = opened(cluster.url(), 1.0)
        store.prepare()
        return store

    @staticmethod
    def servers_of(cluster, key: str) -> tuple[int, RedisServer, RedisServer]:
        """The slot of a session, the server that has it, and one that has not."""
        shard = key.partition(":")[0]
        slot = cluster.servers[0].ask("CLUSTER", "KEYSLOT", f"{{eilogin:{shard}}}")
        here = cluster.of_slot(slot)
        return slot, here, next(s for s in cluster.servers if s is not here)

    def test_a_slot_that_moves_is_followed(self, cluster, store) -> None:
        self.move_sessions(cluster, store)
        self.move_a_value(cluster, store, "eilogin")

    def move_sessions(self, cluster, store) -> None:
        make(store, "ab:key", "ab:label")
        assert store.append("ab:key", "item", ("cd:told",))
        slot, here, there = self.servers_of(cluster, "ab:key")
        ids = {s: s.ask("CLUSTER", "MYID").decode() for s in cluster.servers}
        there.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[here])
        here.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[there])
        names = [n.decode() for n in here.ask("CLUSTER", "GETKEYSINSLOT", slot, "99")]
        half = [name for name in names if ":s:" not in name]
        self.migrate(here, there, half)
        # In the middle of it: what needs one key is found, here or there, ...
        assert store.read("ab:key") is not None
        assert store.read("ab:unknown") is None
        # ... and what needs several says so, and does nothing.
        with pytest.raises(StoreUnavailable, match="is moving a part of it"):
            store.end(keys=["ab:key"])
        self.migrate(here, there, [name for name in names if name not in half])
        assert store.read("ab:key") is not None
        for server in (there, here, *cluster.servers):
            server.ask("CLUSTER", "SETSLOT", str(slot), "NODE", ids[there])
        assert store.read("ab:key") is not None
        [ended] = store.end(labels=["cd:told"])
        assert ended.items == ("item",)

    @staticmethod
    def move_a_value(cluster, store, prefix: str) -> None:
        slot = cluster.servers[0].ask("CLUSTER", "KEYSLOT", f"{prefix}:v:key")
        here = cluster.of_slot(slot)
        there = next(s for s in cluster.servers if s is not here)
        there.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", here.ask("CLUSTER", "MYID"))
        here.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", there.ask("CLUSTER", "MYID"))
        until = clock.now() + 60
        assert store.add("key", "value", until)
        assert not store.add("key", "value", until)
        assert f"{prefix}:v:key" in keys_at(there)
        assert store.take("key") == "value"
        assert store.take("key") is None

    @staticmethod
    def migrate(here: RedisServer, there: RedisServer, names: list[str]) -> None:
        command = ("MIGRATE", "127.0.0.1", str(there.port), "", "0", "5000", "KEYS")
        assert here.ask(*command, *names) == b"OK"

    def test_a_server_that_is_lost_takes_no_other_with_it(
        self, cluster, opened
    ) -> None:
        lost = cluster.servers[1]
        # The only one that is named; the others are known by it.
        store = opened(f"redis+cluster://127.0.0.1:{lost.port}", 1.0)
        shards = [f"{number:02x}:key" for number in range(30)]
        for key in shards:
            make(store, key)
        lost_keys = {key for key in shards if self.servers_of(cluster, key)[1] is lost}
        lost.kill()
        for _ in range(2):
            assert {key for key in shards if not answers(store, key)} == lost_keys
        lost.start()
        wait_until(lambda: all(answers(store, key) for key in shards))

    def test_a_part_that_is_at_no_server_is_a_store_that_does_not_answer(
        self, new_redis
    ) -> None:
        module = pytest.importorskip("eilogin.stores.redis.redis_servers")
        port = str(redis_servers.free_ports(1)[0])
        server = new_redis(cluster_enabled="yes", cluster_port=port)
        server.ask("CLUSTER", "ADDSLOTSRANGE", "1", "16383")
        url = RedisURL.parse(f"redis+cluster://127.0.0.1:{server.port}")
        servers = module.servers_of(url, 1.0)
        with pytest.raises(StoreUnavailable, match="no server has a part"):
            servers.node_of(b"")

    def test_servers_that_are_none_any_more_are_let_go(self, redis_url, opened) -> None:
        store = opened(redis_url("cluster"))
        assert answers(store)
        servers = store._client._servers
        node = next(iter(servers._nodes.values()))
        address = node.address._replace(port=1)
        servers._nodes[address] = removed = type(node)(store.url, address, 1.0)
        servers._not_before = 0.0
        assert len(servers.masters()) == 3
        assert removed._is_closed
        assert not node._is_closed

    def test_a_server_whose_place_was_taken_is_told(
        self, new_redis, opened, caplog
    ) -> None:
        lost, other = new_redis(), new_redis()
        store = opened("redis+cluster://127.0.0.1:1")
        # Both are no Clusters, and who asks does not know.
        store._client.note_checked()
        servers = store._client._servers
        servers._ask_any = lambda *_, url: [[0, 16383, [b"127.0.0.1", master.port]]]
        master = lost
        assert answers(store)
        lost.kill()
        assert not answers(store)
        master = other
        servers._not_before = 0.0
        for _ in range(3):
            assert answers(store)
        name = f"the store redis://127.0.0.1:{lost.port}"
        [down, up] = [text for text in caplog.messages if text.startswith(name)]
        assert "does not answer" in down
        assert up == f"{name}: 127.0.0.1:{other.port} took its place"

    @staticmethod
    def moved(slot: int) -> Exception:
        redis = pytest.importorskip("redis")
        return redis.ResponseError(f"MOVED {slot} 127.0.0.1:1")

    def test_a_server_that_one_is_sent_to_disturbs_nobody_who_goes_through_them(
        self, redis_url, opened
    ) -> None:
        store = opened(redis_url("cluster"))
        assert answers(store)
        servers = store._client._servers
        for node in list(servers._nodes.values()):
            real = node.close

            def close(real=real) -> None:
                servers.redirected(self.moved(0))
                real()

            node.close = close
        store.close()

    def test_a_server_that_one_is_sent_to_during_a_look_is_not_forgotten(
        self, redis_url, opened
    ) -> None:
        store = opened(redis_url("cluster"))
        assert answers(store)
        servers = store._client._servers
        real, sent = servers._ask_any, []

        def ask(*question: str, **options: object) -> object:
            answer = real(*question, **options)
            sent.append(servers.redirected(self.moved(5)))
            return answer

        servers._ask_any = ask
        servers._not_before = 0.0
        assert len(servers.masters()) == 4
        [node] = sent
        assert servers._by_slot[5] is node
        assert not node._is_closed
        # The next answer is newer than what was said before it.
        servers._ask_any = real
        servers._not_before = 0.0
        assert len(servers.masters()) == 3
        assert servers._by_slot[5] is not node
        assert node._is_closed

    def test_servers_that_send_each_other_on_are_left(
        self, redis_url, opened, monkeypatch
    ) -> None:
        module = pytest.importorskip("eilogin.stores.redis.redis_servers")
        store = opened(redis_url("cluster"))
        store.prepare()
        monkeypatch.setattr(module, "REDIRECTIONS", 0)
        assert not answers(store)

    def test_a_replica_is_known_by_what_redis_6_says_too(self) -> None:
        module = pytest.importorskip("eilogin.stores.redis.redis_servers")
        message = "Error running script: @user_script:9: -READONLY You can't write"
        assert module._code_of(module.ResponseError(message)) == "READONLY"

    def test_servers_that_do_not_say_where_are_left(self) -> None:
        module = pytest.importorskip("eilogin.stores.redis.redis_servers")
        with pytest.raises(StoreUnavailable, match="does not say where"):
            module._target_of(module.ResponseError("MOVED 5"))


class TestPatience:
    """Others change what a verb looks at, each time that it looks."""

    @pytest.fixture
    def store(self, redis_url, opened, monkeypatch) -> Store:
        store = opened(redis_url("redis"))
        store.prepare()
        for module in ("redis_store", "redis_values"):
            monkeypatch.setattr(f"eilogin.stores.redis.{module}.MOST_RETRIES", 0)
        return store

    @pytest.mark.parametrize(
        "verb",
        [
            lambda s: s.create(session(), issued=0),
            lambda s: s.find("label"),
            lambda s: s.end(keys=["key"]),
            lambda s: s.add("key", "value", 2e9),
            lambda s: s.swap("key", "old", "new", 2e9),
        ],
    )
    def test_has_an_end(self, store, verb) -> None:
        with pytest.raises(
            StoreUnavailable, match="other clients change the same keys"
        ):
            verb(store)


def test_a_trace_that_cannot_be_taken_away_does_not_undo_an_end(
    redis_url, opened, monkeypatch, caplog
) -> None:
    store = opened(redis_url("cluster"))
    make(store, "ab:key")
    assert store.append("ab:key", "item", ("cd:told",))
    broken = Script("return redis.error_reply('ERR no')")
    monkeypatch.setattr("eilogin.stores.redis.lua_scripts.UNHINT", broken)
    caplog.set_level("INFO")
    assert len(store.end(keys=["ab:key"])) == 1
    assert "cannot delete an index entry" in caplog.text
    assert store.find("cd:told") == store.end(labels=["cd:told"]) == []


def test_a_connection_at_work_is_let_go_when_the_store_was_closed_meanwhile(
    redis_kinds, redis_url, opened
) -> None:
    store = opened(redis_url("redis"))
    assert answers(store)
    node = store._client._servers._node
    connection = node._idle_connection(is_checked=False)
    store.close()
    node._put_back(connection)
    assert node._idle == []
    assert not connection.is_connected


def test_a_value_whose_owner_lives_is_in_the_way_of_another(redis_url, opened) -> None:
    store = opened(redis_url("redis"))
    make(store)
    until = clock.now() + 60
    assert store.add("key", "value", until, owner="ab:key")
    assert not store.add("key", "other", until)
    assert store.swap("key", "value", "new", until)
    store.end(keys=["ab:key"])
    assert not store.swap("key", "new", "other", until)
    assert store.add("key", "other", until)


def test_a_change_that_may_have_been_made_is_not_made_twice(new_redis, opened) -> None:
    redis = pytest.importorskip("redis")
    server = new_redis()
    store = opened(server.url())
    assert store.add("other", "value", clock.now() + 60)
    node = store._client._servers._node
    # Sound when it was looked at, and lost with the question.
    [connection] = node._idle

    def lose() -> None:
        wait_until(lambda: server.ask("DBSIZE") == 3)
        raise redis.exceptions.ConnectionError("lost")

    connection.read_response = lose
    with pytest.raises(StoreUnavailable):
        store.add("key", "value", clock.now() + 60)
    wait_until(lambda: answers(store))
    assert store.get("key") == "value"


def test_a_store_tells_what_it_is_without_its_password() -> None:
    store = open_store("redis://anna:geheim@127.0.0.1:1/2?prefix=mine")
    assert repr(store) == "RedisStore('redis://127.0.0.1:1/2')"
    assert "geheim" not in repr(store.url)


def test_a_server_without_passwords_is_not_made_to_tell_ours(new_redis) -> None:
    server = new_redis(rename_command='AUTH ""')
    url = f"redis://anna:geheim@127.0.0.1:{server.port}"
    message = refusal(url)
    assert "geheim" not in message
