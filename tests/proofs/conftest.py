"""Places where an application runs behind eilogin, and a redis-server to share.

A place is one process, or several workers of gunicorn, or two gunicorns that share
nothing but a Redis, as two machines would. Whatever it is, the hub is the real one, in
this process, and the browser walks through all of it.
"""

import contextlib
import itertools
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import beaker_backends
import pyotp
import pytest
import raw_peer
import redis_servers
import time_machine
from eilogin_sites import CHEAP, PASSWORD
from peer_servers import over_http
from real_parts import free_ports, wait_until_it_listens
from unmeasured import unmeasured
from webob import Request

from eilogin import clock
from eilogin.config import read
from eilogin.filters.appsession import AppSessionFilter
from eilogin.filters.appsession_options import AppSessionOptions
from eilogin.hub.signin.citizen_accounts import Citizen, demo_citizens, to_json
from eilogin.testing import Browser, Federation

HERE = Path(__file__).parent
HUB = "inloggen.test"
COOKIE = "__Host-eilogin"
#: What differs from the defaults at each participant.
SITES = {
    "uwv.test": {"protect": "=/ optional\n/open optional\n/zwaar midden"},
    # Each has one of the limits within a test's patience.
    "kort.test": {"max_session": "3s"},
    "stil.test": {"idle": "3s"},
    "waak.test": {"keep_alive": "1s"},
}
PATIENCE = 60.0


# --- stores -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """One redis-server for all tests that do not kill it."""
    redis_servers.require_redis()
    server = redis_servers.DurableServer(tmp_path_factory.mktemp("redis"))
    try:
        yield server.start()
    finally:
        server.kill()


_prefixes = (f"proof{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def url_of(request, tmp_path_factory):
    """The URL of a store of a kind in which nothing is yet."""

    def new(kind):
        if kind == "redis":
            return request.getfixturevalue("redis").url(prefix=next(_prefixes))
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
        return "memory:"

    return new


# --- over HTTP --------------------------------------------------------------------


class OverHTTP:
    """A WSGI app that asks servers in turn, as a load balancer does."""

    def __init__(self, ports):
        self._ports = itertools.cycle(ports)

    def __call__(self, environ, start_response):
        port = str(next(self._ports))
        return over_http({**environ, "SERVER_PORT": port}, start_response)


class Gunicorn:
    """A gunicorn with three workers, which serves all sites from one ini file."""

    def __init__(self, folder, place, arguments, proxy_port):
        self.folder = folder
        (self.port,) = free_ports(1)
        ini = folder / "sites.ini"
        ini.write_text(_ini(place, proxy_port))
        self._command = [
            *(sys.executable, "-m", "gunicorn", "--paste", str(ini), "-w", "3"),
            *("-b", f"127.0.0.1:{self.port}", "--limit-request-field_size", "100000"),
            *arguments,
        ]
        self._process = None

    def start(self):
        log = self.folder / "gunicorn.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=unmeasured(),
                stdout=output,
                stderr=output,
            )
        wait_until_it_listens(self.port, self._process, log)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        log = (self.folder / "gunicorn.log").read_text
        assert self._process.wait(timeout=PATIENCE) == 0, log()
        assert "Traceback" not in log(), log()


def _options(host, folder, store_url):
    return {
        "public_url": f"https://{host}",
        "store": store_url,
        "acs": "post",
        "key": str(folder / f"{host}.key"),
        "certificate": str(folder / f"{host}.crt"),
        "federation": str(folder / "federation.xml"),
        "federation_certificate": str(folder / "federation.crt"),
        **SITES[host],
    }


def _ini(place, proxy_port):
    baskets = "".join(f"{k} = {v}\n" for k, v in place.basket_options.items())
    names = {host: host.partition(".")[0] for host in SITES}
    hosts = "\n".join(f"{host} = {name}" for host, name in names.items())
    parts = [f"[composite:main]\nuse = egg:eilogin#hosts\n{hosts}\n"]
    for host, name in names.items():
        options = _options(host, place.federation.folder, place.store_url)
        # A page is left for the hub while that can be reached.
        options["back_channel_proxy"] = f"http://127.0.0.1:{proxy_port}"
        lines = (f"{k} = {v}".replace("\n", "\n    ") for k, v in options.items())
        parts.append(
            f"[pipeline:{name}]\npipeline = {name}-eilogin {name}-baskets app\n"
            f"[filter:{name}-eilogin]\nuse = egg:eilogin\n" + "\n".join(lines) + "\n"
            f"[filter:{name}-baskets]\nuse = egg:eilogin#appsession\n{baskets}"
        )
    parts.append(f"[app:app]\nuse = egg:eilogin#wsgi\napp = baskets:app\n"
                 f"path = {HERE / 'apps'}\n")  # fmt: skip
    return "\n".join(parts)


# --- places -----------------------------------------------------------------------


@dataclass
class Place:
    """Where the application runs, and who visits it."""

    federation: Federation
    store_url: str
    people: "itertools.cycle[Citizen]"
    #: Where the baskets are, if not in the store.
    lying: beaker_backends.Lying | None = None
    #: How many requests are many here: not everywhere are they worth ten seconds.
    many: int = 10_000
    #: Moves the clock, where it is in our hands.
    traveller: time_machine.Traveller | None = None
    servers: list[Gunicorn] = field(default_factory=list)

    @property
    def basket_options(self):
        """Those of ``appsession``."""
        return {} if self.lying is None else self.lying.options

    def citizen(self):
        """Somebody who was not here before, at a browser of her own."""
        return Visitor(self, next(self.people))

    def ask(self, path="/open", token="", host="uwv.test", **headers):
        """What a browser with this cookie, and no other, gets to see."""
        request = Request.blank(f"https://{host}{path}")
        request.headers["Cookie"] = f"{COOKIE}={token}"
        request.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
        response = request.get_response(self.federation)
        response.body  # noqa: B018 - read whole, and closed (PEP 3333)
        return response

    def is_known(self, token, host="uwv.test"):
        """Whether this cookie alone logs somebody in."""
        path = "/open" if host == "uwv.test" else "/"
        # So that most of the workers are asked.
        for _ in range(max(1, 6 * len(self.servers))):
            response = self.ask(path, token, host, Sec_Fetch_Mode="cors")
            assert response.status_int in (200, 401)
            if response.status_int == 200 and "user=[]" not in response.text:
                return True
        return False

    def let_pass(self, seconds):
        """Let time pass: there is nothing else to wait for."""
        if self.traveller is None:
            time.sleep(seconds)
        else:
            self.traveller.shift(seconds)

    def stored(self):
        """All that the store of uwv.test holds, each record as a text."""
        if self.store_url.startswith("sqlite:///"):
            return _in_sqlite(self.store_url.removeprefix("sqlite:///"))
        if self.store_url == "memory:":
            store = self.federation.apps["uwv.test"].sessions.store
            tables = [v for v in vars(store).values() if isinstance(v, dict)]
            return [repr(row) for table in tables for row in table.items()]
        return _in_redis(self.store_url)


def _in_sqlite(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # "meta" is about the file: a worker that is late to start raises its epoch.
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'meta'"
        ).fetchall()
        return [
            repr(row)
            for (name,) in tables
            for row in connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608
        ]


def _in_redis(url):
    from redis import Redis  # noqa: PLC0415 - only where there is one

    prefix = url.partition("prefix=")[2]
    with Redis.from_url(url.partition("?")[0]) as client:
        # Whatever else a key has before or behind the prefix, no digit is behind it.
        dumps = {key: client.dump(key) for key in client.scan_iter(f"*{prefix}[:}}]*")}
        # What is over may have gone meanwhile.
        return [repr(found) for found in dumps.items() if found[1] is not None]


class Visitor:
    """A citizen at her browser; ``tokens`` are all that it ever held at a site."""

    def __init__(self, place, person, host="uwv.test"):
        self.place = place
        self.person = person
        self.host = host
        self.browser = Browser(place.federation)
        self.tokens = set()

    @property
    def token(self):
        token = self.browser.cookie(self.host, COOKIE)
        if token:
            self.tokens.add(token)
        return token or ""

    def tab(self):
        """Another tab of the same browser."""
        other = Visitor(self.place, self.person, self.host)
        other.browser._cookies = self.browser._cookies  # noqa: SLF001 - one jar
        other.tokens = self.tokens
        return other

    def at(self, host):
        """Herself, at another site."""
        self.host = host
        return self

    def visit(self, path):
        self.browser.visit(f"https://{self.host}{path}")
        return self.token

    def log_in(self, path="/mijn"):
        self.visit(path)
        self.type_password()
        assert self.browser.url == f"https://{self.host}{path}", self.browser.text
        assert self.user
        return self.token

    def type_password(self):
        fields = {"username": self.person.username, "password": PASSWORD}
        if "code" in self.browser.page.text:
            now = clock.utc(clock.now())
            fields["code"] = pyotp.TOTP(self.person.totp_secret).at(now)
        self.browser.press("Inloggen", **fields)
        return self.token

    def log_out(self):
        self.visit("/eilogin/logout")

    @property
    def user(self):
        """Whom the application saw in the page that is shown, if anybody."""
        found = re.search(r"user=\[(.+?)\]", self.browser.page.text)
        return found and found[1]

    @property
    def basket(self):
        found = re.search(r"basket=\[(.*?)\]", self.browser.page.text)
        return found and found[1]

    @property
    def is_asked_for_password(self):
        return HUB in self.browser.url and "Wachtwoord" in self.browser.text


@contextlib.contextmanager
def slow_request(place, token, word):
    """A request that has looked into its basket and waits; gives what it gets to see.

    It goes on when ``go_on`` is called, and at the end at the latest.
    """
    door = socket.create_server(("127.0.0.1", 0))
    door.settimeout(PATIENCE)
    port = door.getsockname()[1]
    seen = []

    def ask():
        seen.append(place.ask(f"/mijn?door={port}&put={word}", token))

    thread = threading.Thread(target=ask)
    thread.start()
    connection, _ = door.accept()
    connection.settimeout(PATIENCE)

    def go_on():
        connection.close()
        thread.join(timeout=PATIENCE)
        return seen[0]

    try:
        assert connection.recv(1) == b"?"
        yield go_on
    finally:
        go_on()
        door.close()


@pytest.fixture(scope="session")
def hold_up():
    return slow_request


def _people():
    """A citizen for each test: nobody's logout ends what is another's."""
    anna, hashed = demo_citizens()[0], CHEAP.hash(PASSWORD)
    return [
        Citizen(
            f"proof-{number}", f"anna{number}", anna.name, anna.bsn, hashed,
            pyotp.random_base32(),
        )
        for number in range(300)
    ]  # fmt: skip


#: Every two of worker class, preloading and store meet in one of these.
PLACES = {
    "memory": ("memory", None),
    "sqlite": ("sqlite", None),
    "redis": ("redis", None),
    "gunicorn-sync-sqlite": ("sqlite", ["-k", "sync"]),
    "gunicorn-gthread-preload-sqlite": (
        "sqlite",
        ["-k", "gthread", "--threads", "8", "--preload"],
    ),
    "gunicorn-sync-preload-redis": ("redis", ["-k", "sync", "--preload"]),
    "gunicorn-gthread-redis": ("redis", ["-k", "gthread", "--threads", "8"]),
    "two-machines-redis": ("redis", ["-k", "gthread", "--threads", "8"]),
}


#: Where the application's baskets are, by place; elsewhere they are in the store.
BASKETS = {
    "memory": "memory",
    "gunicorn-sync-sqlite": "file",
    "gunicorn-gthread-preload-sqlite": "ext:database",
    "gunicorn-sync-preload-redis": "ext:redis",
    "gunicorn-gthread-redis": "ext:memcached",
}


@pytest.fixture(scope="module")
def baskets_in(request, tmp_path_factory, memcached_started):
    """One of Beaker's backends, by its kind."""

    def new(kind):
        folder = tmp_path_factory.mktemp("baskets")
        redis = partial(request.getfixturevalue, "redis")
        return beaker_backends.lying(kind, folder, redis, memcached_started)

    return new


@pytest.fixture(scope="module", params=PLACES, ids=str)
def place(request, tmp_path_factory, url_of, baskets_in):
    """A place with all sites, for the tests of a module one after another."""
    kind, arguments = PLACES[request.param]
    folder = tmp_path_factory.mktemp("place")
    store_url = url_of(kind)
    people = _people()
    (folder / "people.json").write_bytes(to_json(people))
    with contextlib.ExitStack() as stack:
        traveller = None
        if arguments is None:
            traveller = stack.enter_context(time_machine.travel(time.time(), tick=True))
        basket = BASKETS.get(request.param)
        lying = baskets_in(basket) if basket else None
        federation = _federation(folder, store_url, lying)
        place = Place(federation, store_url, itertools.cycle(people), lying)
        place.traveller = traveller
        if arguments is not None:
            place.many = 1_000
            machines = 2 if request.param.startswith("two") else 1
            _serve(place, stack, arguments, machines)
        yield place


def _federation(folder, store_url, lying):
    sys.path.insert(0, str(HERE / "apps"))
    try:
        import baskets  # noqa: PLC0415 - an application is found by its path
    finally:
        sys.path.remove(str(HERE / "apps"))
    options = read(AppSessionOptions, {}, lying.options if lying else {})
    apps = {host: AppSessionFilter(baskets.app, options) for host in SITES}
    return Federation(
        folder,
        apps,
        options={host: _without_keys(host, folder, store_url) for host in SITES},
        hub_options={"citizens": str(folder / "people.json"), "demo": "false"},
    )


def _without_keys(host, folder, store_url):
    # The federation has not made these yet, and fills them in itself.
    made = ("key", "certificate", "federation", "federation_certificate")
    options = _options(host, folder, store_url)
    return {name: value for name, value in options.items() if name not in made}


def _reaches_the_hub(proxy, connection):
    """As a proxy before a hub would; of TLS it knows no more than how to refuse it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert connection.recv(65_536)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65_536):
        pass


def _serve(place, stack, arguments, machines):
    """Have gunicorn answer for the sites, in the place of this process."""
    proxy = raw_peer.Peer(_reaches_the_hub)
    stack.callback(proxy.close)
    folder = place.federation.folder
    for number in range(machines):
        home = folder / f"machine{number}"
        home.mkdir()
        server = Gunicorn(home, place, arguments, proxy.port)
        server.start()
        stack.callback(server.stop)
        place.servers.append(server)
    balancer = OverHTTP([server.port for server in place.servers])
    for host in SITES:
        place.federation.apps[host] = balancer
