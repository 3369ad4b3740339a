"""The metadata of a federation: read as a whole, and looked up in an index of it."""

import base64
import hashlib
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aggregates import aggregate, entity_id
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree
from measuring import Bench, Row, Size, Variant

from eilogin import clock
from eilogin.config import read
from eilogin.federation import Membership
from eilogin.federation.members.member_index import write_index
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.refresh import refresh_process
from eilogin.federation.refresh.usable_hubs import folder_of
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import read_federation
from eilogin.saml.safe_xml import canonical, q, serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import sign

_FEW, _MANY, _ALL = 10, 1_000, 10_000

#: Seconds that a look-up may take the first time and later, and a start.
_COLD, _WARM, _START = 60e-6, 2e-6, 0.1

#: Says by how many bytes a process grows that opens an index, by what is its own of the
#: memory that it shares, and looks up the keys of a hundred members.
_GROWTH = """
import gc, sys
from pathlib import Path
from eilogin.federation import Membership

def size():
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("Pss:")) * 1024

before = size()
federation = Membership.from_index(Path(sys.argv[1]))
for name in sys.argv[2:]:
    member = federation.entity(name)
    role = member.service_provider or member.identity_provider
    assert role.keys
print(size() - before)
"""
_LOOKED_UP = 100


def _operator() -> SigningKey:
    return SigningKey.load(*new_key_pair("federation.test"))


@contextmanager
def _reading(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = _operator()
    octets = aggregate(size.of(_MANY), key)
    yield {
        "read": Variant(lambda: _read(folder, octets, key)),
        "floor": Variant(_verified_at_least(octets, key)),
    }


def _read(folder: Path, octets: bytes, key: SigningKey) -> Path:
    """Read metadata, and write the index of it."""
    path = folder / "index"
    write_index(path, [read_federation(octets, [key.public])])
    return path


def _verified_at_least(octets: bytes, key: SigningKey) -> Callable[[], object]:
    """Parse, canonicalise, digest, RSA; nothing is read."""
    public = key.public

    def verify() -> None:
        root = etree.fromstring(octets, etree.XMLParser(huge_tree=True))
        signature = root.find(q("ds:Signature"))
        info = canonical(signature[0])
        root.remove(signature)
        digest = hashlib.sha256(canonical(root)).digest()
        said = signature[0].findtext(f"{q('ds:Reference')}/{q('ds:DigestValue')}")
        assert base64.b64decode(said) == digest
        value = base64.b64decode(signature[1].text)
        public.verify(value, info, PKCS1v15(), hashes.SHA256())

    return verify


@contextmanager
def _looking_up(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = _operator()
    few, many = aggregate(_FEW, key), aggregate(size.of(_MANY), key)
    yield _look_ups(folder, few, many, size.of(_MANY), key)


def _look_ups(
    folder: Path, few: bytes, many: bytes, count: int, key: SigningKey
) -> dict[str, Variant]:
    """The keys of a member looked up; of ``count`` and of few, each in an index."""
    of_few = Membership.from_index(_read(folder, few, key))
    of_many = Membership.from_index(_read(folder, many, key))
    return {
        "cold": _each_in_turn(of_many, range(count)),
        "few": _each_in_turn(of_few, [1]),
        "many": _each_in_turn(of_many, [count // 2 + 1]),
        "60 µs": Variant(lambda: _COLD, says_seconds=True),
        "2 µs": Variant(lambda: _WARM, says_seconds=True),
    }


def _each_in_turn(federation: Membership, numbers: range | list[int]) -> Variant:
    """Members one after another; of more than are kept each is read anew."""
    names = itertools.cycle([entity_id(number) for number in numbers])

    def look_up() -> object:
        member = federation.entity(next(names))
        role = member.service_provider or member.identity_provider
        return role and role.keys

    return Variant(look_up)


@contextmanager
def _large(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key, count = _operator(), size.of(_ALL)
    octets = aggregate(count, key)
    look_ups = _look_ups(folder, aggregate(_FEW, key), octets, count, key)
    path = folder / "index"
    looked_up = [entity_id(n) for n in range(0, count, -(-count // _LOOKED_UP))]
    yield {
        **look_ups,
        "read": Variant(lambda: _read(folder, octets, key)),
        "floor": Variant(_verified_at_least(octets, key)),
        "open": Variant(lambda: Membership.from_index(path)),
        "0.1 s": Variant(lambda: _START, says_seconds=True),
        "kept": Variant(
            lambda: _growth(path, looked_up) * _MEGABYTE, says_seconds=True
        ),
        "file": Variant(lambda: len(octets) * _MEGABYTE, says_seconds=True),
    }


#: Says how many kilobytes the process took at its most.
_PEAK = """
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""


class Refreshes:
    """A site that refreshes, and the operator of its federation."""

    def __init__(self, folder: Path, count: int) -> None:
        self._path = folder / "members.xml"
        operator, own = new_key_pair("federation.test"), new_key_pair("uwv.test")
        self._key = SigningKey.load(*operator)
        certificate = folder / "members.crt"
        certificate.write_bytes(operator[1])
        for name, octets in zip(("uwv.key", "uwv.crt"), own, strict=True):
            (folder / name).write_bytes(octets)
        octets = aggregate(count, self._key)
        self._root = etree.fromstring(octets, etree.XMLParser(huge_tree=True))
        self._editions = itertools.count(1)
        self.publish(count)
        said = {
            "public_url": "https://uwv.test",
            "key": str(folder / "uwv.key"),
            "certificate": str(folder / "uwv.crt"),
            "federation": f"{self._path} {certificate} longest=100MB",
            "federation_folder": str(folder / "known"),
            "federation_changes": "off",
            "hub": entity_id(0),
        }
        self._options = read(TrustOptions, {"__file__": str(folder / "x.ini")}, said)
        known = folder_of(self._options)
        assert known is not None
        self._known = known
        known.prepare()
        #: Bytes of the process that refreshed last, at its most.
        self.memory = 0
        # Once for the state, and once for the members by their octets.
        self.refresh()
        self.publish(count)
        self.refresh()

    def publish(self, changed: int) -> None:
        """Sign the members again, of which so many differ, for a day longer."""
        edition, root = next(self._editions), self._root
        for signature in root.findall(q("ds:Signature")):
            root.remove(signature)
        members = root.findall(q("md:EntityDescriptor"))
        for member in members[:: max(1, len(members) // changed)] if changed else ():
            for text in member.iter(q("mdui:Description")):
                text.text = f"Edition {edition} of a text that is as long as others."
        ends = clock.now() + (300 + edition) * 86_400.0
        root.set("validUntil", write_instant(ends))
        sign(root, self._key)
        self._path.write_bytes(serialize(root))

    def refresh(self) -> float:
        """Refresh in a process as a site does, and return the seconds."""
        command = [sys.executable, "-c", refresh_process.RUN + _PEAK]
        start = time.perf_counter()
        child = subprocess.Popen(  # noqa: S603 - our own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=refresh_process.environment(),
        )
        said, _ = child.communicate(refresh_process.child_input(self._options))
        seconds = time.perf_counter() - start
        active = self._known.active
        assert child.returncode == 0
        assert active is not None
        assert not active.tries.failures, active.tries.why
        self.memory = int(said) * 1024
        return seconds


@contextmanager
def _refreshing(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    count = size.of(_ALL)
    site = Refreshes(folder, count)

    def refreshed(changed: int) -> Variant:
        return Variant(
            site.refresh, before=lambda: site.publish(changed), says_seconds=True
        )

    yield {
        "all": refreshed(count),
        "same": Variant(site.refresh, says_seconds=True),
        "few": refreshed(max(1, count // 100)),
        "signed": refreshed(0),
        "memory": Variant(lambda: site.memory * _MEGABYTE, says_seconds=True),
        "200 MB": Variant(lambda: _MOST_MEMORY * _MEGABYTE, says_seconds=True),
    }


#: Bytes of a refresh.
_MOST_MEMORY = 200e6
#: A byte, where a microsecond stands for a megabyte.
_MEGABYTE = 1e-12


def _growth(path: Path, names: list[str]) -> int:
    command = [sys.executable, "-c", _GROWTH, str(path), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return int(done.stdout)


def _rows(count: int) -> tuple[Row, ...]:
    """How long it takes to look up the keys of a member."""
    return (
        Row(
            name=f"key looked up first, {count:,}", this="cold", floor="60 µs", goal=1.0
        ),
        Row(
            name=f"key looked up again, {count:,}", this="many", floor="2 µs", goal=1.0
        ),
        Row(
            name=f"key looked up, {count:,} against {_FEW}",
            this="many",
            floor="few",
            # "The same", as far as that can be measured.
            goal=1.1,
        ),
    )


def _row_of_reading(count: int) -> Row:
    return Row(
        name=f"metadata of {count:,} entities read",
        this="read",
        floor="floor",
        goal=2.0,
    )


BENCHES = (
    Bench(
        name="metadata",
        what=f"signed metadata of {_MANY:,} entities read and indexed, beside "
        "parsing it and verifying its signature",
        rows=(_row_of_reading(_MANY),),
        setting=_reading,
    ),
    Bench(
        name="look-up",
        what=f"the keys of a member looked up first, beside {_COLD * 1e6:.0f} µs, and "
        f"again, beside {_WARM * 1e6:.0f}; among {_MANY:,} and among {_FEW}",
        rows=_rows(_MANY),
        setting=_looking_up,
    ),
    Bench(
        name="large",
        what=f"both with {_ALL:,} entities; a start from the index, beside {_START} s; "
        "and megabytes that a process keeps, beside those of the metadata",
        rows=(
            _row_of_reading(_ALL),
            *_rows(_ALL),
            Row(name=f"started, {_ALL:,}", this="open", floor="0.1 s", goal=1.0),
            Row(
                name=f"MB kept (not µs), {_ALL:,}", this="kept", floor="file", goal=0.3
            ),
        ),
        setting=_large,
        is_heavy=True,
        most_rounds=3,
        seconds=40,
    ),
    Bench(
        name="refreshed",
        what=f"a refresh of {_ALL:,} entities in a process of its own, as a site does "
        "it: the same file, 1 % changed, and only signed again, beside all changed; "
        "and megabytes of the process",
        rows=(
            *(
                Row(
                    name=f"refresh of {_ALL:,}, {name} / all changed",
                    this=this,
                    floor="all",
                    goal=0.2,
                )
                for this, name in (
                    ("same", "same file"),
                    ("signed", "signed again"),
                    ("few", "1 % changed"),
                )
            ),
            Row(
                name=f"MB of a refresh (not µs), {_ALL:,}",
                this="memory",
                floor="200 MB",
                goal=1.0,
            ),
        ),
        setting=_refreshing,
        is_heavy=True,
        most_rounds=2,
        seconds=85,
    ),
)
