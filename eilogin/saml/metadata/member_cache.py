"""A file of members that eilogin has read from signed metadata, by their octets.

The key of a member is the SHA-256 of its octets in the metadata. The file holds the
canonical form of these octets, and the member in bytes. One file belongs to one
context: the version of eilogin, and all that the result depends on beside the octets.

The file alone makes nothing trusted: the signature must cover the canonical form of all
members together (``cached_reading``). A hash protects the rest.
"""

import hashlib
import hmac
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from eilogin import __version__
from eilogin.errors import MetadataUnusable
from eilogin.saml.metadata.packed_members import (
    Content,
    Outline,
    Packed,
    entity_type,
    loaded,
)

#: Bytes at the end: the length of the head, and the hash of the head.
_LENGTH, _HASH = 8, hashlib.sha256().digest_size
#: Follow no link elsewhere, never wait at a pipe.
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: The file is written again if one of so many members is new.
_WORTH = 20


class CachedMember(NamedTuple):
    """A usable member without remarks; ``valid_until`` is its own end, or None."""

    canonical: Content
    packed: Packed


class MemberCache:
    """The cached members of one source by the SHA-256 of their octets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: Mapping[bytes, CachedMember] = {}
        self._first_line = b""
        self._new = 0
        #: Whether the file is useless.
        self.is_useless = False

    def open(self, context: str) -> Mapping[bytes, CachedMember]:
        """Return the members of the file, or none if it is not of this context."""
        self._first_line = _first_line(context)
        try:
            return _read(self.path, self._first_line)
        except (OSError, ValueError):
            return {}

    def update(self, members: Mapping[bytes, CachedMember], new: int) -> None:
        """Note the present members, of which ``new`` are not in the file."""
        self._members, self._new = members, new

    def clear(self) -> None:
        """Note that the file is useless."""
        self._members, self._new = {}, 0
        self.is_useless = True

    @property
    def is_outdated(self) -> bool:
        """Whether to write the file again."""
        return self._new * _WORTH > len(self._members)

    def to_pieces(self) -> Iterator[bytes]:
        """Encode the present members."""
        yield self._first_line
        lines = []
        for digest, (canonical, packed) in self._members.items():
            octets, body = loaded(canonical), packed.body
            yield octets
            yield body
            body_digest = hashlib.sha256(body).hexdigest()
            lengths = len(octets), len(body)
            line = (packed.entity_id, *packed.outline, body_digest, *lengths)
            lines.append((digest.hex(), *line))
        head = json.dumps(lines).encode()
        yield head
        yield len(head).to_bytes(_LENGTH)
        yield hashlib.sha256(head).digest()


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | _SAFELY)
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, start)

    def body(self, start: int, length: int, digest: str) -> bytes:
        octets = self.read(start, length)
        if not hmac.compare_digest(hashlib.sha256(octets).hexdigest(), digest):
            raise MetadataUnusable(
                f"{self._path}: a cached member was changed; remove this file, and"
                " eilogin makes it again from the metadata"
            )
        return octets


def _read(path: Path, first_line: bytes) -> Mapping[bytes, CachedMember]:
    """Read the head of the file; raises OSError or ValueError."""
    file = _File(path)
    if file.read(0, len(first_line)) != first_line:
        raise ValueError("another first line")
    end = file.size - _HASH
    length = int.from_bytes(file.read(end - _LENGTH, _LENGTH))
    start_of_head = end - _LENGTH - length
    if start_of_head < len(first_line):
        raise ValueError("another length")
    head = file.read(start_of_head, length)
    if not hmac.compare_digest(hashlib.sha256(head).digest(), file.read(end, _HASH)):
        raise ValueError("another hash")
    members, start = {}, len(first_line)
    for digest, entity_id, *outline, body_digest, octets, body in json.loads(head):
        canonical = partial(file.read, start, octets)
        content = partial(file.body, start + octets, body, body_digest)
        packed = Packed(entity_id, Outline(*outline), content)
        members[bytes.fromhex(digest)] = CachedMember(canonical, packed)
        start += octets + body
    return members


def _first_line(context: str) -> bytes:
    values = json.dumps([entity_type().json_schema(), context])
    digest = hashlib.sha256(values.encode()).hexdigest()
    return f"eilogin {__version__}: members {digest}\n".encode()
