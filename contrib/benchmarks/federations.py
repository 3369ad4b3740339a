"""The metadata of a federation: read as a whole, and looked up in an index of it."""

import base64
import hashlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aggregates import aggregate, entity_id
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree
from measuring import Bench, Row, Size, Variant

from eilogin.federation import Membership
from eilogin.federation.members.member_index import write_index
from eilogin.saml.metadata import read_federation
from eilogin.saml.safe_xml import canonical, q
from eilogin.saml.signing_keys import SigningKey, new_key_pair

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
    ),
)
