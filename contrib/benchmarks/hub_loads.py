"""A hub under load: sign-ins, and Responses by POST and by artifact, over HTTP.

gunicorn runs the hub with one, two or four processes. :data:`CLIENTS` visitors at a
time come from one other process, which shares the processors with the hub. So visits a
second are those of this machine. The processor time is that of the hub's processes
alone.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import hubs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from http_visitors import HttpVisitor, Outcomes, Script, Visitors
from measuring import Bench, Row, Size, Variant
from processes import ServerProcesses
from servers import HAS_REDIS, redis_server
from sites import site
from webob import Request

from eilogin.saml import bindings, messages, safe_xml
from eilogin.testing import Federation
from eilogin.testing.in_process_federation import HUB

CLIENTS = 32
#: Visitors with a session, who take turns.
_SIGNED_IN = 128
_BURST = 300
#: Seconds from its end to the last look at the memory.
_QUIET = 4.0
_CITIZENS = 20_000
#: More visits a second than a hub has; each needs a request that is signed before.
_MOST_A_SECOND = 500
#: Answers in process that are timed together.
_TOGETHER = 20

_COLUMNS = ("/s", "/CPU s", "p50 ms", "p99 ms", "CPU ms")


class _Hub:
    """A hub under gunicorn, and visitors with a session there."""

    def __init__(
        self, folder: hubs.HubFolder, server: ServerProcesses, signed_in: int
    ) -> None:
        self._server = server
        self._visitors = Visitors(server.port)
        self._sites = itertools.cycle(folder.sites)
        self._numbers = itertools.count(1)
        self._citizens = folder.citizens
        self._ready: list[tuple[hubs.Site, str]] = []
        self._browsers = itertools.cycle(self._signed_in(signed_in))

    def close(self) -> None:
        self._visitors.close()

    def _signed_in(self, count: int) -> list[HttpVisitor]:
        browsers = [hubs.visitor(number) for number in range(count)]
        signing = iter(
            [
                hubs.sign_in(one, self._asked(bindings.POST)[1], f"quick-{number}")
                for number, one in enumerate(browsers, 1)
            ]
        )
        self._run(lambda: next(signing, None)).require_success()
        return browsers

    def prepare(self, binding: str, seconds: float) -> None:
        """Sign requests for a load of so many seconds, and more."""
        # One process may have accepted most connections: share them out anew.
        self._visitors.hang_up()
        count = int(seconds * _MOST_A_SECOND) + CLIENTS
        self._ready = [self._signed(binding) for _ in range(count)]

    def _signed(self, binding: str) -> tuple[hubs.Site, str]:
        one = next(self._sites)
        return one, one.authn_request(binding)

    def _asked(self, binding: str) -> tuple[hubs.Site, str]:
        return self._ready.pop() if self._ready else self._signed(binding)

    def by_post(self) -> Script:
        return hubs.log_in_again(next(self._browsers), self._asked(bindings.POST)[1])

    def by_artifact(self) -> Script:
        one, request = self._asked(bindings.ARTIFACT)
        return hubs.log_in_by_artifact(next(self._browsers), request, one)

    def sign_in(self) -> Script:
        number = next(self._numbers)
        name = f"citizen-{number % self._citizens + 1}"
        return hubs.sign_in(hubs.visitor(number), self._asked(bindings.POST)[1], name)

    def load(self, make: Callable[[], Script], seconds: float) -> Mapping[str, float]:
        """Have all clients work for so many seconds."""
        used, begun = self._server.cpu_seconds, time.perf_counter()
        outcomes = self._run(
            lambda: make() if time.perf_counter() < begun + seconds else None
        )
        outcomes.require_success()
        took = time.perf_counter() - begun
        count, cpu = len(outcomes.times), self._server.cpu_seconds - used
        return {
            "/s": count / took,
            "/CPU s": count / cpu if cpu else float("nan"),
            "p50 ms": outcomes.at(0.5) * 1e3,
            "p99 ms": outcomes.at(0.99) * 1e3,
            "CPU ms": cpu / count * 1e3,
        }

    def burst(self, count: int) -> None:
        """Have so many visitors sign in at the same moment."""
        outcomes = Outcomes()
        for script in [self.sign_in() for _ in range(count)]:
            self._visitors.begin(script, outcomes)
        self._visitors.finish()
        outcomes.require_success()

    def _run(self, scripts: Callable[[], Script | None]) -> Outcomes:
        """Have each client carry out one script after another."""
        outcomes = Outcomes()

        def begin() -> None:
            script = scripts()
            if script is not None:
                self._visitors.begin(script, outcomes, begin)

        for _ in range(CLIENTS):
            begin()
        self._visitors.finish()
        return outcomes


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    if kind == "redis:":
        with redis_server(folder) as url:
            yield url
    else:
        yield kind if kind == "memory:" else f"sqlite:///{folder / 'hub.db'}"


@contextmanager
def _hub_on(
    folder: hubs.HubFolder, kind: str, processes: int, signed_in: int
) -> Iterator[_Hub]:
    with ExitStack() as stack:
        path = folder.folder / f"{kind.rstrip(':')}-{processes}"
        store = stack.enter_context(_store(kind, path))
        server = stack.enter_context(folder.serve(store, processes))
        hub = _Hub(folder, server, signed_in)
        stack.callback(hub.close)
        yield hub


#: The stores, each with the numbers of processes that can share it.
_STORES: Mapping[str, Sequence[int]] = {
    "memory:": (1,),
    "sqlite:": (1, 2, 4),
    **({"redis:": (1, 2, 4)} if HAS_REDIS else {}),
}
#: A load: the kind of visit, the store and the number of processes.
_Load = tuple[str, str, int]
_ALL: Sequence[_Load] = tuple(
    (kind, store, processes)
    for kind in ("POST", "artifact", "sign-in")
    for store, numbers in _STORES.items()
    for processes in numbers
)
#: Those of the quick form: all by POST, and one of each other kind.
_USUAL = tuple(load for load in _ALL if load[0] == "POST" or load[1:] == ("sqlite:", 1))
_OTHERS = tuple(load for load in _ALL if load[0] != "POST")


@contextmanager
def _loading(
    loads: Sequence[_Load], folder: Path, size: Size
) -> Iterator[Mapping[str, Variant]]:
    """All hubs run at the same time, and one of them has a load."""
    federation = hubs.HubFolder(folder, size.of(_CITIZENS))
    running: dict[tuple[str, int], _Hub] = {}
    with ExitStack() as stack:
        variants = {}
        for kind, store, processes in loads:
            # A quick look needs no more processes.
            key = store, processes if size.divisor == 1 else 1
            if key not in running:
                running[key] = stack.enter_context(
                    _hub_on(federation, *key, max(4, size.of(_SIGNED_IN)))
                )
            hub = running[key]
            make, binding = {
                "POST": (hub.by_post, bindings.POST),
                "artifact": (hub.by_artifact, bindings.ARTIFACT),
                "sign-in": (hub.sign_in, bindings.POST),
            }[kind]
            variants[_name(kind, store, processes)] = Variant(
                partial(hub.load, make, size.seconds),
                before=partial(hub.prepare, binding, size.seconds),
            )
        yield variants


def _name(kind: str, store: str, processes: int) -> str:
    return f"{kind}, {store} {processes} process{'' if processes == 1 else 'es'}"


def _row(kind: str, store: str, processes: int) -> Row:
    return Row(
        name=_name(kind, store, processes),
        this=_name(kind, store, processes),
        floor=_name(kind, store, 1) if processes > 1 else "",
        goal=1.1 if (kind, store, processes) == ("POST", "sqlite:", 2) else None,
    )


def _load_bench(
    name: str, loads: Sequence[_Load], what: str, *, is_heavy: bool = False
) -> Bench:
    return Bench(
        name=name,
        what=what,
        rows=tuple(_row(*load) for load in loads),
        setting=partial(_loading, loads),
        columns=_COLUMNS,
        compared="CPU ms",
        ratios=("CPU ratio", ""),
        is_heavy=is_heavy,
        # Together some 7 minutes.
        most_rounds=7,
        seconds=20.0 * len(loads),
    )


# --- memory ---------------------------------------------------------------------------

#: The environment by name of the row, and the number of threads. The manual recommends
#: the first; with more threads, more of them wait.
_BURSTS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    f"{hubs.THREADS} threads": (hubs.THREADS, {}),
    "32 threads": (32, {}),
    "32 threads, MALLOC_ARENA_MAX=2": (32, {"MALLOC_ARENA_MAX": "2"}),
}


@contextmanager
def _bursts(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    federation, count = hubs.HubFolder(folder, _BURST), size.of(_BURST)
    numbers = itertools.count(1)

    def burst(threads: int, environment: Mapping[str, str]) -> Mapping[str, float]:
        store = f"sqlite:///{folder / f'burst-{next(numbers)}.db'}"
        with federation.serve(
            store, 1, threads=threads, environment=environment
        ) as server:
            hub = _Hub(federation, server, 1)
            before = max(server.rss())
            hub.burst(count)
            hub.close()
            at_its_end = max(server.rss())
            # A hub gives memory back a moment later.
            time.sleep(_QUIET)
            return {
                "MB before": before / 1e6,
                "MB at its end": at_its_end / 1e6,
                "MB after": max(server.rss()) / 1e6,
            }

    yield {name: Variant(partial(burst, *how)) for name, how in _BURSTS.items()}


# --- in this process ------------------------------------------------------------------


@contextmanager
def _answering(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    variants = {}
    for kind in ("memory", "sqlite"):
        (folder / kind).mkdir()
        store = (
            f"sqlite:///{folder / kind / 'hub.db'}" if kind == "sqlite" else "memory:"
        )
        federation = Federation(
            folder / kind, {"uwv.test": site}, hub_options={"store": store}
        )
        answers = _answers(federation, size.of(_TOGETHER))
        variants[kind] = Variant(answers, says_seconds=True)
        variants["floor"] = Variant(_rsa_alone(federation), says_seconds=True)
    yield variants


def _answers(federation: Federation, count: int) -> Callable[[], float]:
    """A call that has the hub answer so many times; the processor time of one."""
    browser = federation.browser()
    browser.visit(f"https://{HUB}/")
    browser.visit(f"https://{HUB}/login")
    browser.press("Inloggen", username="anna", password="demo-anna")  # noqa: S106
    cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies(HUB).items())
    trust, app = federation.trusts["uwv.test"], federation.apps[HUB]

    def asked() -> Request:
        own = trust.own
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=time.time(),
            issuer=own.entity_id,
            destination=f"https://{HUB}/sso",
            acs_url=own.url("acs"),
            protocol_binding=bindings.POST,
        )
        octets = safe_xml.serialize(messages.write_authn_request(request))
        url = bindings.redirect_url(
            f"https://{HUB}/sso", bindings.REQUEST, octets, "r", own.key
        )
        return Request.blank(url, headers={"Cookie": cookies})

    def answers() -> float:
        requests = [asked() for _ in range(count)]
        begun = time.process_time()
        replies = [request.get_response(app) for request in requests]
        took = time.process_time() - begun
        assert all(b'name="SAMLResponse"' in reply.body for reply in replies)
        return took / count

    # The first one also imports and compiles.
    answers()
    return answers


def _rsa_alone(federation: Federation) -> Callable[[], float]:
    """A call that verifies and signs once, as each answer does."""
    own, octets = federation.trusts[HUB].own, b"x" * 600
    member = federation.trusts["uwv.test"].own
    value = member.key.private.sign(octets, PKCS1v15(), hashes.SHA256())

    def both() -> float:
        begun = time.process_time()
        for _ in range(_TOGETHER):
            member.key.public.verify(value, octets, PKCS1v15(), hashes.SHA256())
            own.key.private.sign(octets, PKCS1v15(), hashes.SHA256())
        return (time.process_time() - begun) / _TOGETHER

    return both


BENCHES = (
    Bench(
        name="hub-answer",
        what="the processor time of a Response by POST for a visitor with a session at "
        "the hub, in process, beside one RSA signature and one verification",
        rows=tuple(
            Row(
                name=f"SSO answer by POST, {kind}:",
                this=kind,
                floor="floor",
                goal=4.5 if kind == "sqlite" else None,
            )
            for kind in ("memory", "sqlite")
        ),
        setting=_answering,
    ),
    _load_bench(
        "hub-load",
        _USUAL,
        f"a hub under gunicorn, {CLIENTS} visitors at a time: Responses by POST and by "
        "artifact for visitors with a session, and sign-ins with a password; processor "
        "time of the hub's processes, beside that of one process",
    ),
    _load_bench(
        "hub-load-others",
        _OTHERS,
        "the same by artifact and with a password, with each store and with one, two "
        "and four processes; not in the quick form without its name",
        is_heavy=True,
    ),
    Bench(
        name="hub-memory",
        what=f"the memory of a hub's process before {_BURST} sign-ins at once, at the "
        f"end of them and {_QUIET:.0f} s after; not in the quick form without its name",
        rows=tuple(
            Row(name=f"hub of {name}", this=name, limits={"MB after": 150.0})
            for name in _BURSTS
        ),
        setting=_bursts,
        columns=("MB before", "MB at its end", "MB after"),
        is_heavy=True,
        most_rounds=1,
        seconds=30.0,
    ),
)
