"""The members of a federation as one value, and as an index file for fast lookup.

The metadata of ten thousand members takes seconds to read, and a hundred megabytes in
each process. So the process that judged it writes an index: a short outline of each
member, and the full record, decoded at its first use.

The folder of an index makes it trusted, as with the options. eilogin refuses an index
that is incomplete, changed or of another version; its owner makes it again. It is JSON,
which can only build the values of this version.
"""

import hashlib
import hmac
import json
import os
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from eilogin import __version__
from eilogin.errors import MetadataUnusable, PeerUnusable
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata
from eilogin.saml.metadata.packed_members import (
    Gathered,
    LeftOut,
    Members,
    Outline,
    Packed,
    decoded,
    entity_type,
)

#: Bytes at the end: the length of the head, and the hash of all before.
_LENGTH, _HASH = 8, hashlib.sha256().digest_size
#: Bytes.
_PIECE = 1024 * 1024
_KEPT = 512


@dataclass(frozen=True, kw_only=True)
class MemberIndex(ABC):
    """The members of several pieces of metadata together, by entityID."""

    members: Mapping[str, EntityDescriptor]
    outlines: Mapping[str, Outline]
    #: Members without any usable record.
    left_out: Mapping[str, PeerUnusable]
    remarks: tuple[str, ...]
    copies: tuple[str, ...]
    is_aggregate: bool
    name: str

    @staticmethod
    def of(sources: Sequence[FederationMetadata]) -> "_Gathered":
        """Combine sources that have no usable member in common."""
        members = Gathered(source.entities for source in sources)
        return _Gathered(
            members=members,
            outlines=members.outlines(),
            left_out={
                entity_id: error
                for source in sources
                for entity_id, error in source.left_out.items()
                if entity_id not in members
            },
            remarks=tuple(text for source in sources for text in source.remarks),
            copies=tuple(source.instead_of for source in sources if source.instead_of),
            is_aggregate=any(source.is_aggregate for source in sources),
            name=next((source.name for source in sources if source.name), ""),
        )

    @property
    @abstractmethod
    def digests(self) -> Mapping[str, bytes]:
        """Hashes of the members by entityID, without the validity."""

    @cached_property
    def digest(self) -> str:
        """A hash of all content."""
        lines = {
            name: _Line(*outline, self.digests[name].hex(), 0)
            for name, outline in self.outlines.items()
        }
        return hashlib.sha256(_head(self, lines)).hexdigest()


class _Gathered(MemberIndex):
    members: Gathered

    @cached_property
    def digests(self) -> Mapping[str, bytes]:
        return {
            member.entity_id: hashlib.sha256(member.body).digest()
            for member in self.members.packed()
        }


class _Line(NamedTuple):
    valid_until: float | None
    is_hub: bool
    is_participant: bool
    sso_domain: str
    digest: str
    #: Bytes of the body.
    length: int


class _Head(NamedTuple):
    members: dict[str, _Line]
    left_out: dict[str, LeftOut]
    remarks: tuple[str, ...]
    copies: tuple[str, ...]
    is_aggregate: bool
    name: str


def write_index(path: Path, sources: Sequence[FederationMetadata]) -> None:
    """Write the combined sources as an index; raises OSError."""
    _write(path, MemberIndex.of(sources))


def write_with(
    path: Path, signed: Path, replacements: Mapping[str, EntityDescriptor | None]
) -> None:
    """Copy an index with some records replaced, or removed where None.

    New members come last. Raises OSError, and MetadataUnusable for ``signed``.
    """
    index = open_index(signed)
    packed = {member.entity_id: member for member in index.members.packed()}
    for name, entity in replacements.items():
        if entity is None:
            packed.pop(name, None)
        else:
            packed[name] = Packed.of(entity)
    members = Gathered([Members([*packed.values()])])
    left_out = {n: why for n, why in index.left_out.items() if n not in replacements}
    _write(
        path,
        _Gathered(
            members=members,
            outlines=members.outlines(),
            left_out=left_out,
            remarks=index.remarks,
            copies=index.copies,
            is_aggregate=index.is_aggregate,
            name=index.name,
        ),
    )


def _write(path: Path, index: "_Gathered") -> None:
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(number, "wb") as file:
            hashed = hashlib.sha256()
            for piece in _pieces(index):
                hashed.update(piece)
                file.write(piece)
            file.write(hashed.digest())
            file.flush()
            # The index has no secret, and a check may run as another user.
            os.fchmod(number, 0o644)
            os.fsync(number)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _pieces(index: "_Gathered") -> Iterator[bytes]:
    yield _first_line()
    lines = {}
    for member in index.members.packed():
        # It may come from a file at each use.
        body = member.body
        digest = hashlib.sha256(body).hexdigest()
        lines[member.entity_id] = _Line(*member.outline, digest, len(body))
        yield body
    head = _head(index, lines)
    yield head
    yield len(head).to_bytes(_LENGTH)


def _head(index: MemberIndex, lines: dict[str, _Line]) -> bytes:
    left_out = {name: LeftOut.of(error) for name, error in index.left_out.items()}
    facts = index.remarks, index.copies, index.is_aggregate, index.name
    return json.dumps(_Head(lines, left_out, *facts)).encode()


def open_index(path: Path) -> "_Opened":
    """Open an index, and read its head; raises MetadataUnusable."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from None
    bodies = _Bodies(path, file)
    try:
        head = bodies.read_head()
        left_out = {name: entry.error() for name, entry in head.left_out.items()}
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(path, "another file, or only a part of one") from error
    return _Opened(
        members=_Members(bodies, head),
        outlines={name: Outline(*line[:4]) for name, line in head.members.items()},
        left_out=left_out,
        remarks=head.remarks,
        copies=head.copies,
        is_aggregate=head.is_aggregate,
        name=head.name,
    )


class _Opened(MemberIndex):
    members: "_Members"

    @cached_property
    def digests(self) -> Mapping[str, bytes]:
        return {
            name: bytes.fromhex(line.digest)
            for name, line in self.members.lines.items()
        }


class _Bodies:
    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file
        weakref.finalize(self, os.close, file)

    def read(self, start: int, length: int) -> bytes:
        # Not mapped: truncating a mapped file would kill the process.
        return os.pread(self._file, length, start)

    def read_head(self) -> _Head:
        """Verify the whole file and return the head; raises ValueError."""
        first = _first_line()
        end = os.fstat(self._file).st_size - _HASH
        if self.read(0, len(first)) != first:
            raise ValueError("another first line")
        hashed = hashlib.sha256()
        for start in range(0, end, _PIECE):
            hashed.update(self.read(start, min(_PIECE, end - start)))
        if not hmac.compare_digest(self.read(end, _HASH), hashed.digest()):
            raise ValueError("another hash")
        length = int.from_bytes(self.read(end - _LENGTH, _LENGTH))
        return _head_type().validate_json(self.read(end - _LENGTH - length, length))


class _Members(Mapping[str, EntityDescriptor]):
    def __init__(self, bodies: _Bodies, head: _Head) -> None:
        self.lines = head.members
        self._bodies = bodies
        starts = accumulate(
            (line.length for line in self.lines.values()), initial=len(_first_line())
        )
        self._starts = dict(zip(self.lines, starts, strict=False))
        self._decoded = lru_cache(_KEPT)(partial(_decoded, bodies))

    def __getitem__(self, entity_id: str) -> EntityDescriptor:
        line = self.lines[entity_id]
        return self._decoded(self._starts[entity_id], line)

    def packed(self) -> Iterator[Packed]:
        for name, line in self.lines.items():
            body = _body(self._bodies, self._starts[name], line)
            yield Packed(name, Outline(*line[:4]), body)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self.lines


def _decoded(bodies: _Bodies, start: int, line: _Line) -> EntityDescriptor:
    return decoded(_body(bodies, start, line), line.valid_until)


def _body(bodies: _Bodies, start: int, line: _Line) -> bytes:
    body = bodies.read(start, line.length)
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), line.digest):
        raise _unusable(bodies.path, "one that was changed")
    return body


def _unusable(path: Path, content: str) -> MetadataUnusable:
    return MetadataUnusable(
        f"{path}: found {content}; expected an index of a federation as this version"
        " of eilogin writes it. eilogin makes it again from the metadata"
    )


# Slow, and few processes need it.
@cache
def _head_type() -> TypeAdapter[_Head]:
    return TypeAdapter(_Head)


@cache
def _first_line() -> bytes:
    """Name the version that judged the members, and the schema of their values."""
    values = json.dumps([entity_type().json_schema(), _head_type().json_schema()])
    digest = hashlib.sha256(values.encode()).hexdigest()
    return f"eilogin {__version__}: index {digest}\n".encode()
