"""Real Redis servers on loopback, for tests: one, a Sentinel set, a Cluster, TLS.

Each is a process of its own in a folder of its own, and is killed by its number::

    with RedisServers(folder) as servers:
        open_store(servers.url("cluster", prefix="mine"))
"""

import datetime as dt
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from real_parts import free_ports, unavailable

#: Seconds for servers to start, to find each other, or to choose a new master.
PATIENCE = 60.0
#: The kinds of stores that :meth:`RedisServers.url` knows.
KINDS = ("redis", "rediss", "sentinel", "cluster")
SERVICE = "eilogin"
SLOTS = 16384

#: Another one, or Valkey's, is tested with EILOGIN_REDIS_SERVER=/path.
EXECUTABLE = (
    os.environ.get("EILOGIN_REDIS_SERVER")
    or shutil.which("redis-server")
    or "/usr/bin/redis-server"
)


def require_redis() -> None:
    """Skip the test where there is no server; fail where there has to be one."""
    try:
        import redis  # noqa: F401, PLC0415
    except ImportError:
        missing = "needs redis-py: pip install 'eilogin[redis]'"
    else:
        if Path(EXECUTABLE).exists():
            return
        missing = "needs redis-server: apt install redis-server"
    unavailable(missing)


def wait_until(
    condition: Callable[[], object], what: str = "", patience: float = PATIENCE
) -> None:
    # By a clock that no test moves.
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(0.01)


class RedisServer:
    """One process; ``options`` are those of redis.conf, by name."""

    def __init__(self, folder: Path, port: int | None = None, **options: str) -> None:
        self.folder = folder
        self.port = port or free_ports(1)[0]
        self.password = options.get("requirepass")
        self._options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": '""',
            "databases": "4",
            "repl-diskless-sync-delay": "0",
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self._arguments: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        self.launch()
        wait_until(self._answers, f"a server in {self.folder}")
        return self

    def launch(self) -> None:
        """Start it, and do not wait for it."""
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "redis.conf"
        if not file.exists():
            lines = (f"{name} {value}\n" for name, value in self._options.items())
            file.write_text("".join(lines))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [EXECUTABLE, str(file), *self._arguments], stdout=log, stderr=log
            )

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        # TLS is not spoken here; others may be loading what they have saved.
        return "tls-port" in self._options or self.ask("PING") == b"PONG"

    def ask(self, *command: str, db: int = 0) -> object:
        """The answer to a command; an error comes back as one."""
        from redis.connection import Connection  # noqa: PLC0415 - an extra
        from redis.exceptions import RedisError  # noqa: PLC0415

        connection = Connection(
            host="127.0.0.1",
            port=self.port,
            db=db,
            password=self.password,
            protocol=2,
            socket_timeout=PATIENCE,
        )
        try:
            connection.send_command(*command)
            return connection.read_response()
        except RedisError as error:
            return error
        finally:
            connection.disconnect()

    def info(self, name: str) -> str:
        answer = self.ask("INFO")
        lines = answer.decode().splitlines() if isinstance(answer, bytes) else ()
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        return facts.get(name, "")

    def kill(self) -> None:
        """As a crash does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def pause(self) -> None:
        """The machine takes connections still, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def url(self, db: int = 0, **query: str) -> str:
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/{db}" + _query(query)


class DurableServer(RedisServer):
    """A server that puts all on the disk before it answers, and can be started again.

    Where its log breaks off in the middle of something it does not start
    (``aof-load-truncated no``), until redis-check-aof has cut that off; with
    ``is_careful=False`` it cuts that off itself.
    """

    def __init__(self, folder: Path, *, is_careful: bool = True) -> None:
        super().__init__(
            folder,
            appendonly="yes",
            appendfsync="always",
            aof_load_truncated="no" if is_careful else "yes",
        )
        self._is_careful = is_careful

    def launch(self) -> None:
        # In a folder that was copied it is that of another server.
        (self.folder / "redis.conf").unlink(missing_ok=True)
        if self._is_careful:
            self._repair()
        super().launch()

    def _repair(self) -> None:
        for manifest in (self.folder / "appendonlydir").glob("*.manifest"):
            subprocess.run(
                [shutil.which("redis-check-aof"), "--fix", str(manifest)],
                input=b"y\n",
                capture_output=True,
                check=True,
            )


def _query(query: dict[str, str]) -> str:
    pairs = "&".join(f"{name}={value}" for name, value in query.items())
    return f"?{pairs}" if pairs else ""


class Sentinel(RedisServer):
    """A process that watches the master of a set."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        del self._options["save"]
        del self._options["databases"]
        del self._options["repl-diskless-sync-delay"]
        self._options |= {
            f"sentinel monitor {SERVICE}": f"127.0.0.1 {master.port} 2",
            f"sentinel down-after-milliseconds {SERVICE}": "1500",
            f"sentinel failover-timeout {SERVICE}": "4000",
        }
        self._arguments = ["--sentinel"]

    def master_port(self) -> int:
        answer = self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        assert isinstance(answer, list)
        return int(answer[1])

    def sees(self, replicas: int, sentinels: int) -> bool:
        answer = self.ask("SENTINEL", "MASTER", SERVICE)
        if not isinstance(answer, list):
            return False
        facts = dict(zip(answer[::2], answer[1::2], strict=True))
        return (
            int(facts[b"num-slaves"]) >= replicas
            and int(facts[b"num-other-sentinels"]) >= sentinels - 1
        )


class SentinelSet:
    """A master, two replicas, and three sentinels that watch them."""

    def __init__(self, folder: Path, **options: str) -> None:
        folder.mkdir()
        master = RedisServer(folder / "server0", **options)
        of = {"replicaof": f"127.0.0.1 {master.port}", **options}
        replicas = [RedisServer(folder / f"server{n}", **of) for n in (1, 2)]
        self.servers = [master, *replicas]
        self.sentinels = [Sentinel(folder / f"sentinel{n}", master) for n in range(3)]

    def start(self) -> "SentinelSet":
        for server in self.servers:
            server.start()
        master = self.servers[0]

        def replicas_are_online() -> bool:
            told = (master.info(f"slave{n}") for n in range(2))
            return all("state=online" in replica for replica in told)

        wait_until(replicas_are_online, "the replicas")
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until(
            lambda: all(sentinel.sees(2, 3) for sentinel in self.sentinels),
            "the sentinels",
        )
        return self

    @property
    def master(self) -> RedisServer | None:
        """The server that the sentinels agree is the master, if they do."""
        ports = {sentinel.master_port() for sentinel in self.sentinels}
        agreed = (server for server in self.servers if {server.port} == ports)
        return next(agreed, None)

    def has_another_than(self, old: RedisServer) -> bool:
        return self.master not in (old, None)

    def url(self, **query: str) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}" + _query(query)

    def kill(self) -> None:
        for process in (*self.sentinels, *self.servers):
            process.kill()


class Cluster:
    """Three masters, each with a third of the slots."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._ports = free_ports(6)
        self.servers = [
            RedisServer(
                folder / f"server{number}",
                self._ports[number],
                cluster_enabled="yes",
                cluster_port=str(self._ports[number + 3]),
                cluster_node_timeout="1000",
                # A shard that is lost takes no other with it.
                cluster_require_full_coverage="no",
            )
            for number in range(3)
        ]

    def start(self) -> "Cluster":
        for number, server in enumerate(self.servers):
            server.start()
            first, last = (SLOTS * n // 3 for n in (number, number + 1))
            server.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last - 1))
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            for other in range(number):
                here, bus = self._ports[other], self._ports[other + 3]
                server.ask("CLUSTER", "MEET", "127.0.0.1", str(here), str(bus))
        wait_until(self._is_whole, "the cluster")
        return self

    def _is_whole(self) -> bool:
        told = [server.ask("CLUSTER", "INFO") for server in self.servers]
        return all(
            isinstance(info, bytes)
            and b"cluster_state:ok" in info
            and b"cluster_slots_ok:16384" in info
            and b"cluster_known_nodes:3" in info
            for info in told
        )

    def of_slot(self, slot: int) -> RedisServer:
        return self.servers[next(n for n in range(3) if slot < SLOTS * (n + 1) // 3)]

    def url(self, **query: str) -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"redis+cluster://{hosts}" + _query(query)

    def kill(self) -> None:
        for server in self.servers:
            server.kill()


class EncryptedServer(RedisServer):
    """A server that speaks TLS only; its certificate is its own authority."""

    def __init__(self, folder: Path, **options: str) -> None:
        folder.mkdir()
        self.certificate = folder / "server.crt"
        self.key = folder / "server.key"
        _write_certificate(self.certificate, self.key)
        super().__init__(
            folder,
            tls_port="0",
            tls_cert_file=str(self.certificate),
            tls_key_file=str(self.key),
            tls_ca_cert_file=str(self.certificate),
            **{"tls_auth_clients": "no", **options},
        )
        self._options |= {"port": "0", "tls-port": str(self.port)}

    def url(self, db: int = 0, *, host: str = "127.0.0.1", **query: str) -> str:
        query = {"ca": str(self.certificate), **query}
        return f"rediss://{host}:{self.port}/{db}" + _query(query)


def _write_certificate(certificate: Path, key: Path) -> None:
    from cryptography import x509  # noqa: PLC0415 - slow, and for this kind alone
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis for tests")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365 * 50))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class RedisServers:
    """One of each kind, for all tests; each is started when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[
            str, RedisServer | EncryptedServer | SentinelSet | Cluster
        ] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running.values():
            running.kill()

    @property
    def redis(self) -> RedisServer:
        return self._get("redis", RedisServer)

    @property
    def rediss(self) -> EncryptedServer:
        return self._get("rediss", EncryptedServer)

    @property
    def sentinel(self) -> SentinelSet:
        return self._get("sentinel", SentinelSet)

    @property
    def cluster(self) -> Cluster:
        return self._get("cluster", Cluster)

    def url(self, kind: str, **query: str) -> str:
        """The URL of a store of one of the :data:`KINDS`."""
        return getattr(self, kind).url(**query)

    def _get(self, kind: str, make):
        require_redis()
        if kind not in self._running:
            self._running[kind] = made = make(self._folder / kind)
            made.start()
        return self._running[kind]
