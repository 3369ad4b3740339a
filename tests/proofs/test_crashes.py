"""``kill -9`` at any moment: what was confirmed holds, and nothing is half.

Workers (mortals.py) log citizens in and out; they, the redis-server, or all of it are
killed two hundred times, in the middle of whatever they do.
"""

# ruff: noqa: SLF001 - the steps of a verb can only be seen inside

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from redis_servers import DurableServer
from unmeasured import unmeasured

from eilogin import clock
from eilogin.errors import MessageReplayed
from eilogin.sessions import Login, Participant, Sessions, Subject
from eilogin.stores import Values, open_store

MORTALS = Path(__file__).parent / "mortals.py"
HUB = "https://inloggen.test/metadata"
HERE = "https://uwv.test/eilogin/metadata"
HOUR = 3600.0
WORKERS = 3
#: The most that workers have said before somebody is killed, in octets.
MOST = 5000
#: Seconds that the store waits for a lock.
TIMEOUT = 60.0
#: A writer that waits longer than this has met a lock of somebody who is dead.
AT_ONCE = 30.0


def subject(name):
    return Subject(HUB, HERE, name)


@pytest.fixture
def chance():
    seed = random.getrandbits(32)
    print(f"seed: {seed}")  # noqa: T201 - shown where it fails
    return random.Random(seed)  # noqa: S311


class Nursery:
    """The process that makes workers."""

    def __init__(self, url, folder, chance):
        self.folder = folder
        self._chance = chance
        self._round = 0
        self._log = folder / "mortals.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(MORTALS), url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=unmeasured(),
            )

    def new_workers(self):
        """Process ids of workers that are at work from now on."""
        self._round += 1
        seed = self._chance.getrandbits(32)
        return [
            int(pid)
            for pid in self._ask(f"{self.folder} {self._round} {WORKERS} {seed}")
        ]

    def told(self):
        """How much the workers have said in this round, in octets."""
        return sum(file.stat().st_size for file in self._files())

    def _files(self):
        return sorted(self.folder.glob(f"notes{self._round}.*"))

    def bury(self):
        """Wait until they are dead; the files in which they said what they did."""
        assert self._ask("") == ["buried"]
        assert self._log.read_text() == "", "nobody died of something else"
        return self._files()

    def _ask(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


# --- what must be so -----------------------------------------------------------------


class History:
    """What the workers said, by the name of what they spoke of."""

    def __init__(self):
        self.tokens = defaultdict(list)
        self.told = defaultdict(list)
        self.done = defaultdict(list)
        self.used = defaultdict(list)
        #: By name, what was begun and not confirmed.
        self.open = {}
        self.deeds = 0

    def read(self, file):
        # A worker that is killed while a line crosses a page leaves half of that line.
        whole, _, _ = file.read_text().rpartition("\n")
        for line in whole.splitlines():
            how, *words = line.split()
            assert how != "lost", f"{line}: logged in, and not found"
            if how == "down":
                continue
            verb, name, *more = words
            if verb == "use":
                self.used[name].append(how)
                continue
            if how == "will":
                self.open[name] = verb, more
                continue
            del self.open[name]
            self.deeds += 1
            self.done[name].append(verb)
            if verb in ("create", "renew"):
                self.tokens[name].append(more[0])
            if verb == "tell":
                self.told[name].append(more[0])

    @property
    def logins(self):
        begun = [name for name, (verb, _) in self.open.items() if verb == "create"]
        return [*self._that_began_with("create"), *begun]

    @property
    def values(self):
        return self._that_began_with("start")

    def _that_began_with(self, verb):
        return [name for name, verbs in self.done.items() if verbs[:1] == [verb]]


class Judge:
    """Looks at a store that was opened anew, and knows what must be in it."""

    def __init__(self, url):
        self.store = open_store(url, TIMEOUT)
        self.sessions = Sessions(self.store, idle=HOUR, max_session=2 * HOUR)
        self.kept = Values(self.store, "proof")

    def judge(self, history):
        self.a_new_writer_gets_through_at_once()
        for name in history.logins:
            self.judge_login(history, name)
        for key, said in history.used.items():
            self.judge_used(key, said)
        for name in history.values:
            self.judge_value(history, name)

    def a_new_writer_gets_through_at_once(self):
        began = time.monotonic()
        now = clock.now()
        login = Login(subject("judge"), "basis", now, now + HOUR, now)
        token = self.sessions.create_login(login, issued=now + 1)
        self.sessions.end_citizen(self.sessions.find(token))
        assert time.monotonic() - began < AT_ONCE
        assert self.sessions.find(token) is None

    def judge_login(self, history, name):
        verb, more = history.open.get(name, ("", []))
        *old, last = history.tokens[name] or [""]
        keys = self.store.find(subject(name).label())
        assert self.store.find(subject(name).label(f"index{name}")) == keys
        assert not any(self.sessions.find(token) for token in old), "renewed"
        found = self.sessions.find(last)
        if "end" in history.done[name]:
            assert (found, keys) == (None, []), f"{name} was ended"
            assert self.sessions.find_with_participant(*self.told_as(name, 0)) == []
            return
        if verb == "create":
            assert len(keys) <= 1
        elif verb == "renew":
            assert len(keys) == 1, "one of the two, and never both or none"
            assert (found is None) == (keys != [Sessions.key_of(last)])
        elif verb == "end":
            assert (found is None) == (keys == [])
        else:
            assert found is not None, f"{name} is logged in"
            assert keys == [found.key]
        for key in keys:
            self.judge_told(name, key, history.told[name], more)

    def judge_told(self, name, key, told, uncertain):
        """Who was told is known, and finds the login; and it can be read."""
        record = self.store.read(key)
        login = Login.from_json(record.data, key, record.seen)
        assert login.who == subject(name)
        known = {p.entity_id for p in self.sessions.participants(login)}
        assert set(told) <= known <= {*told, *uncertain}
        for entity_id in known:
            place = int(entity_id[-6])
            (found,) = self.sessions.find_with_participant(*self.told_as(name, place))
            assert found.key == key

    @staticmethod
    def told_as(name, place):
        entity_id = f"https://stad{place}.test"
        return Subject(HUB, entity_id, name), f"at{name}"

    def judge_used(self, key, said):
        assert said.count("did") <= 1, "used twice"
        if "did" in said:
            with pytest.raises(MessageReplayed):
                self.sessions.use_once(key, clock.now() + HOUR)
        elif "didnot" in said:
            # Somebody used it, and died before saying so.
            assert said.count("will") > said.count("didnot")

    def judge_value(self, history, name):
        verb, _ = history.open.get(name, ("", []))
        last = history.done[name][-1]
        text = self.kept.get(name)
        if last == "claim":
            assert text == "claimed"
            assert not self.kept.swap(name, f"of {name}", "again", clock.now() + HOUR)
        elif last == "take":
            assert text is None
        elif verb == "claim":
            assert text in (f"of {name}", "claimed")
        elif verb == "take":
            assert text in (f"of {name}", None)
        else:
            assert text == f"of {name}"

    def nobody_came_back(self, history):
        """At the end of it all."""
        for name, verbs in history.done.items():
            if "end" in verbs:
                assert not any(map(self.sessions.find, history.tokens[name]))

    def close(self):
        self.store.close()


# --- killing -------------------------------------------------------------------------


class Ordeal:
    """Rounds of work, death and judgement on one store."""

    def __init__(self, url, folder, chance, redis=None):
        self.url = url
        self.chance = chance
        self.redis = redis
        self.kills = 0
        self.all = History()
        self.nursery = Nursery(url, folder, chance)

    def wait(self):
        """Let them work, until nobody knows when."""
        until = self.nursery.told() + self.chance.randrange(MOST)
        deadline = time.monotonic() + 60
        while self.nursery.told() < until:
            assert time.monotonic() < deadline, "they do nothing"
            time.sleep(self.chance.uniform(0, 0.004))

    def one_then_the_others(self):
        first, *others = self.nursery.new_workers()
        self.wait()
        kill([first])
        self.wait()
        kill(others)
        self.kills += 2

    def all_workers(self):
        pids = self.nursery.new_workers()
        self.wait()
        kill(pids)
        self.kills += 1

    def the_server(self):
        pids = self.nursery.new_workers()
        self.wait()
        self.redis.kill()
        self.redis.start()
        self.wait()
        kill(pids)
        self.kills += 2

    def everything(self):
        pids = self.nursery.new_workers()
        self.wait()
        kill([self.redis.process.pid, *pids])
        self.redis.kill()
        self.redis.start()
        self.kills += 1

    def survive(self, deaths, check):
        """Kill in each of these ways, and judge after each."""
        for die in deaths:
            die(self)
            history = History()
            for file in self.nursery.bury():
                history.read(file)
                self.all.read(file)
            with contextlib.closing(Judge(self.url)) as judge:
                judge.judge(history)
            check()
        with contextlib.closing(Judge(self.url)) as judge:
            judge.nobody_came_back(self.all)
        print(f"{self.kills} kills, {self.all.deeds} deeds confirmed")  # noqa: T201
        assert self.all.deeds > 10 * self.kills, "they did something"
        begun = {verb for verb, _ in self.all.open.values()}
        assert begun >= {"create", "renew", "end"}, (
            "and were killed in the middle of it"
        )


def in_any_order(chance, ways):
    deaths = [die for die, count in ways.items() for _ in range(count)]
    chance.shuffle(deaths)
    return deaths


#: What belongs to a session that is not there, or has ended, and labels that do not
#: agree with what it says of itself.
ORPHANS = {
    "items": "SELECT * FROM items WHERE session NOT IN"
    " (SELECT id FROM sessions WHERE key IS NOT NULL)",
    # Most belong to none, and NULL is "not in" a list that is empty.
    "values": "SELECT * FROM texts WHERE owner IS NOT NULL AND owner NOT IN"
    " (SELECT id FROM sessions WHERE key IS NOT NULL)",
    "labels that no session names": "SELECT * FROM labels EXCEPT"
    " SELECT value, sessions.id FROM sessions, json_each(sessions.labels)",
    "sessions that a logout would not find": "SELECT value, sessions.id FROM sessions,"
    " json_each(sessions.labels) WHERE sessions.key IS NOT NULL"
    " EXCEPT SELECT * FROM labels",
    "sessions without a label": "SELECT * FROM sessions WHERE labels = '[]'",
}


def check_sqlite(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall()
        assert whole == [("ok",)]
        for what, orphans in ORPHANS.items():
            assert connection.execute(orphans).fetchall() == [], what


def test_workers_on_sqlite_are_killed(tmp_path, chance):
    path = tmp_path / "store.db"
    ordeal = Ordeal(f"sqlite:///{path}", tmp_path, chance)
    ways = {Ordeal.one_then_the_others: 30, Ordeal.all_workers: 40}
    try:
        ordeal.survive(in_any_order(chance, ways), lambda: check_sqlite(path))
        assert ordeal.kills == 100
    finally:
        ordeal.nursery.close()


def whole(name, beside):
    """A name that may have been written without the shard of what it stands beside."""
    if name.startswith("/"):
        return name[1:]
    shard, colon, _ = beside.rpartition(":")
    return f"{shard}{colon}{name}"


class InRedis:
    """All that a Redis holds, as eilogin/stores/redis/lua_scripts.py names it."""

    def __init__(self, url):
        from redis import Redis  # noqa: PLC0415 - only where there is one

        with Redis.from_url(url.partition("?")[0], decode_responses=True) as server:
            keys = sorted(server.scan_iter(count=1000))
            kinds = self._each(server, keys, "type")
            self.lives = self._each(server, keys, "pttl")
            read = {
                "string": ("get",),
                "hash": ("hgetall",),
                "list": ("lrange", 0, -1),
                "zset": ("zrange", 0, -1),
            }
            self.contents = {}
            for kind, how in read.items():
                named = [key for key in keys if kinds[key] == kind]
                self.contents |= self._each(server, named, *how)
        #: By kind and name, what is there.
        self.sessions, self.items, self.belongings, self.index = (
            {
                key.partition(f"}}:{kind}:")[2]: content
                for key, content in self.contents.items()
                if f"}}:{kind}:" in key
            }
            for kind in "sibx"
        )
        self.carried = {
            (whole(label, session), session)
            for session, fields in self.belongings.items()
            for label, kind in fields.items()
            if kind == "l"
        }
        self.indexed = {
            (label, whole(session, label))
            for label, sessions in self.index.items()
            for session in sessions
        }

    @staticmethod
    def _each(server, keys, command, *arguments):
        pipeline = server.pipeline(transaction=False)
        for key in keys:
            getattr(pipeline, command)(key, *arguments)
        return dict(zip(keys, pipeline.execute(), strict=True))

    def check(self):
        """Records and indexes agree, and all of it goes by itself."""
        for key, milliseconds in self.lives.items():
            assert milliseconds > 0 or "schema" in key, f"{key} would stay for ever"
        assert self.belongings.keys() == self.sessions.keys()
        assert self.items.keys() <= self.sessions.keys()
        assert self.carried == self.indexed
        self.check_that_all_are_found()

    def check_that_all_are_found(self):
        """No session is there that a logout would not find."""
        carried = {entry for entry in self.carried if entry[1] in self.sessions}
        assert carried <= self.indexed
        assert {session for _, session in carried} == self.sessions.keys()


def test_workers_on_redis_and_the_server_are_killed(tmp_path, chance, new_redis):
    server = new_redis(DurableServer)
    url = server.url(prefix="crash")
    ordeal = Ordeal(url, tmp_path, chance, server)
    ways = {
        Ordeal.one_then_the_others: 10,
        Ordeal.all_workers: 10,
        Ordeal.the_server: 20,
        Ordeal.everything: 30,
    }
    try:
        ordeal.survive(in_any_order(chance, ways), lambda: InRedis(url).check())
        assert ordeal.kills == 100
    finally:
        ordeal.nursery.close()


# --- what a power failure may leave of a file ----------------------------------------


def contents(path):
    """All that a file holds, whatever version of the tables it has."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        rows = {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall())  # noqa: S608
            for (name,) in tables
        }
        return repr(rows)


def work(sessions, chance, number):
    """Something that changes a store in one transaction."""
    now = clock.now()
    login = Login(subject(f"{number % 7}"), "basis", now, now + HOUR, now,
                  session_index=f"index{number}")  # fmt: skip
    found = [
        login
        for key in sessions.store.find(login.who.label())
        if (record := sessions.store.read(key))
        for login in [Login.from_json(record.data, key, record.seen)]
    ]
    match chance.randrange(5) if found else 0:
        case 0 | 1:
            sessions.create_login(login, issued=now + number)
        case 2:
            sessions.create_login(login, issued=now + number, replaces=found[0])
        case 3:
            told = Participant(f"https://stad{number}.test", login.who, "index", now)
            sessions.add_participant(found[0], told)
        case 4:
            sessions.end_subject(login.who, issued=now)


def note_after(holder, name, states, look):
    """Add a state after each call of a method: a renewal is more than one step."""
    method = getattr(holder, name)

    def noting(*arguments, **named):
        answer = method(*arguments, **named)
        states.append(look())
        return answer

    setattr(holder, name, noting)


def test_a_log_of_sqlite_that_breaks_off_leaves_no_half_of_anything(tmp_path, chance):
    """Power fails: of what was not on the disk yet, the end is missing or garbage."""
    path = tmp_path / "store.db"
    store = open_store(f"sqlite:///{path}")
    store.prepare()
    sessions = Sessions(store, idle=HOUR, max_session=2 * HOUR)
    store.find("something")  # keeps a connection, so that the log is kept apart
    states = [contents(path)]
    for verb in ("create", "append", "end", "add"):
        note_after(store, verb, states, lambda: contents(path))
    for number in range(60):
        work(sessions, chance, number)
    log = path.with_name("store.db-wal").read_bytes()
    seen = set()
    for number in range(100):
        copy = tmp_path / f"copy{number}.db"
        shutil.copy(path, copy)
        length = chance.randrange(len(log) + 1)
        torn = chance.randbytes(chance.choice((0, 0, 100, 5000)))
        copy.with_name(f"{copy.name}-wal").write_bytes(log[:length] + torn)
        check_sqlite(copy)
        state = contents(copy)
        assert state in states, "as it was after one of the transactions"
        seen.add(states.index(state))
        if number % 5:
            continue
        again = open_store(f"sqlite:///{copy}")
        again.prepare()
        made = Sessions(again, idle=HOUR, max_session=2 * HOUR)
        now = clock.now()
        login = Login(subject("new"), "basis", now, now + HOUR, now)
        assert made.find(made.create_login(login, issued=now + 1000))
        again.close()
        check_sqlite(copy)
    store.close()
    assert len(seen) > 20


@pytest.fixture
def torn(tmp_path, chance, new_redis):
    """Make copies of a Redis whose log breaks off anywhere; and all its states."""
    first = new_redis(DurableServer)
    store = open_store(first.url(prefix="torn"))
    store.prepare()
    sessions = Sessions(store, idle=HOUR, max_session=2 * HOUR)

    def look():
        return InRedis(first.url(prefix="torn")).contents

    states = [{}, look()]
    note_after(store._client, "_run_script", states, look)
    for number in range(60):
        work(sessions, chance, number)
    store.close()
    first.kill()

    def tear(name, **options):
        folder = shutil.copytree(first.folder, tmp_path / name)
        (log,) = (folder / "appendonlydir").glob("*.incr.aof")
        log.write_bytes(log.read_bytes()[: chance.randrange(log.stat().st_size)])
        servers.append(DurableServer(folder, **options))
        return servers[-1].start()

    servers = []
    yield tear, states
    for server in servers:
        server.kill()


def test_a_log_of_redis_that_breaks_off_leaves_no_half_of_anything(torn, chance):
    """Where redis-check-aof has looked at it."""
    tear, states = torn
    for number in range(20):
        server = tear(f"torn{number}")
        assert InRedis(server.url(prefix="torn")).contents in states
        store = open_store(server.url(prefix="torn"))
        work(Sessions(store, idle=HOUR, max_session=2 * HOUR), chance, 1000)
        store.close()
        before = InRedis(server.url(prefix="torn")).contents
        server.kill()
        server.start()
        assert InRedis(server.url(prefix="torn")).contents == before
        InRedis(server.url(prefix="torn")).check()
        server.kill()


def test_a_log_of_redis_that_breaks_off_hides_no_session_from_a_logout(torn, chance):
    """Where Redis cuts it off itself (``aof-load-truncated yes``, as it comes).

    It cuts behind the last whole command, also within a transaction. That is left
    out at first, and at the start after that it is carried out as far as it goes
    (Redis 7 and 8). So whatever a script has written first must do no harm alone.
    """
    tear, states = torn
    for number in range(20):
        server = tear(f"torn{number}", is_careful=False)
        assert InRedis(server.url(prefix="torn")).contents in states
        store = open_store(server.url(prefix="torn"))
        work(Sessions(store, idle=HOUR, max_session=2 * HOUR), chance, 1000)
        store.close()
        server.kill()
        server.start()
        InRedis(server.url(prefix="torn")).check_that_all_are_found()
        server.kill()
