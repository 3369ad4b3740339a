"""Read signed metadata, but only the members whose octets are not in a cache.

An operator signs the same members again each day. So eilogin cuts the octets after each
member and looks up the SHA-256 of each piece. Then it does the following:

1. Each new piece is parsed in its place, between the octets before the first member and
   those after the last, and put into canonical form. That of the others is cached.
2. The signature must cover these canonical forms, one after the other. So it does not
   matter how they were made: a wrong one is not what the operator signed.
3. Only then eilogin validates and reads the new members, as in other metadata.

A processing instruction marks the end of each piece. No metadata may contain one, so a
mark that is not between two members shows a wrong cut. A cached member is usable and
has no remarks. The validUntil of the root, which changes each time, is added at use.

If anything is unusual or faulty, only a reading of the whole counts.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from itertools import chain
from typing import NamedTuple

from lxml import etree

from eilogin.errors import EiloginError, PeerUnusable
from eilogin.saml.metadata.descriptors.entity_descriptor_reading import read_tree
from eilogin.saml.metadata.member_cache import CachedMember, MemberCache
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO, FederationMetadata
from eilogin.saml.metadata.packed_members import Content, Members, Packed, loaded
from eilogin.saml.metadata.schema_validation import earliest, end_of, verdicts_on
from eilogin.saml.reading_progress import iteration, showing
from eilogin.saml.safe_xml import (
    METADATA,
    has_once,
    parse,
    parse_canonical,
    q,
)
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_limits import MESSAGE, check_octets, check_shape
from eilogin.saml.xml_signatures import (
    Signature,
    check_structure,
    covered_octets,
    verify_covered,
)

#: Bytes of members that are parsed at once, at least.
_BATCH = 1024 * 1024
_MOST_MEMBERS = 100_000
_MARK = b"<?member?>"
_END = re.compile(rb"</((?:[\w.-]+:)?)EntityDescriptor>")
_MEMBER, _GROUP = q("md:EntityDescriptor"), q("md:EntitiesDescriptor")
#: Attributes of the root that no member depends on, except at use.
_OF_ROOT_ALONE = frozenset(("ID", "Name", "cacheDuration", "validUntil"))
#: Packages that take part in reading a member.
_PACKAGES = ("cryptography", "lxml", "python3-saml")


def read_with_cache(
    octets: bytes, keys: Sequence[PublicKey], cache: MemberCache, *, on_loopback: bool
) -> FederationMetadata | None:
    """Read metadata that one of ``keys`` signed, and note its members in the cache.

    Returns what a reading of the whole returns. None: only that decides, also whether
    the signature is valid.
    """
    with suppress(_NotDivisible, EiloginError, OSError):
        return _Reading(_Pieces.of(octets), cache, on_loopback=on_loopback).read(keys)
    return None


class _NotDivisible(Exception):
    """Octets that eilogin does not cut between members with certainty."""


@dataclass(frozen=True)
class _Pieces:
    """Octets of metadata, and where each piece with one member ends."""

    octets: bytes
    #: The start of the first piece, and the end of each.
    bounds: Sequence[int]

    @classmethod
    def of(cls, octets: bytes) -> "_Pieces":
        check_octets(octets)
        end = _END.search(octets)
        if end is None or octets.count(end[0]) > _MOST_MEMBERS:
            raise _NotDivisible
        bounds = [octets.find(b"<%bEntityDescriptor" % end[1])]
        if bounds[0] < 0:
            raise _NotDivisible
        while (start := octets.find(end[0], bounds[-1])) >= 0:
            bounds.append(start + len(end[0]))
        pieces = cls(octets, bounds)
        if not len(pieces) or pieces.is_too_large:
            raise _NotDivisible
        return pieces

    @property
    def is_too_large(self) -> bool:
        """Whether the whole, or the part around the members, exceeds the limits."""
        around = len(self.octets) - (self.bounds[-1] - self.bounds[0])
        return (
            len(self.octets) > METADATA.octets
            or around > MESSAGE.octets
            or self.octets.count(b"<") > METADATA.elements
            or self.octets.count(b"xmlns") > METADATA.namespaces
        )

    @cached_property
    def before(self) -> bytes:
        return self.octets[: self.bounds[0]]

    @cached_property
    def after(self) -> bytes:
        return self.octets[self.bounds[-1] :]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def piece(self, number: int) -> memoryview:
        return memoryview(self.octets)[self.bounds[number] : self.bounds[number + 1]]

    def digests(self) -> list[bytes]:
        return [hashlib.sha256(self.piece(n)).digest() for n in range(len(self))]

    def marked(self, numbers: Sequence[int]) -> bytes:
        """A document with some members alone, and a mark after each."""
        parts = (part for number in numbers for part in (self.piece(number), _MARK))
        return b"".join((self.before, _MARK, *parts, self.after))

    def in_lines(self, numbers: Sequence[int]) -> bytes:
        """A document with some members alone, on their lines, which errors name."""
        parts, end = [self.before], self.bounds[0]
        for number in numbers:
            lines = self.octets.count(b"\n", end, self.bounds[number])
            parts += [b"\n" * lines, bytes(self.piece(number))]
            end = self.bounds[number + 1]
        return b"".join((*parts, self.after))

    def batches(self, numbers: Iterable[int]) -> Iterator[list[int]]:
        batch, size = [], 0
        for number in numbers:
            batch.append(number)
            size += len(self.piece(number))
            if size >= _BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


class _Canonical(NamedTuple):
    """A marked document: its root, its signature, and the canonical parts."""

    root: etree._Element
    signature: Signature
    before: bytes
    members: Sequence[bytes]
    after: bytes

    @classmethod
    def of(cls, octets: bytes, count: int) -> "_Canonical":
        """Parse a document with so many members; raises _NotDivisible."""
        root = parse_canonical(octets)
        check_shape(root, METADATA, octets)
        children = [child.tag for child in root]
        expected = [etree.PI, *([_MEMBER, etree.PI] * count)]
        begin = children.index(etree.PI) if etree.PI in children else 0
        end = begin + len(expected)
        others = {*children[:begin], *children[end:]}
        if (
            root.tag != _GROUP
            or children[begin:end] != expected
            or not others.isdisjoint((etree.PI, _MEMBER, _GROUP))
        ):
            raise _NotDivisible
        # The caller knows that the ID is unique.
        signatures = check_structure(root, only_its_own=True, ids_are_unique=True)
        if len(signatures) != 1:
            raise _NotDivisible
        parts = covered_octets(signatures[0]).split(_MARK)
        return cls(root, signatures[0], parts[0], parts[1:-1], parts[-1])


class _Reading:
    def __init__(
        self, pieces: _Pieces, cache: MemberCache, *, on_loopback: bool
    ) -> None:
        self._pieces, self._cache, self._on_loopback = pieces, cache, on_loopback
        # The document without any member.
        self._around = _Canonical.of(pieces.marked(()), 0)
        root = self._around.root
        registrar = root.find(f"{q('md:Extensions')}/{REGISTRATION_INFO}")
        if registrar is not None or not has_once(pieces.octets, root.get("ID", "")):
            raise _NotDivisible
        self._digests = pieces.digests()
        cached = cache.open(self._context)
        #: The usable members by number, at first those in the cache.
        self._members = {
            number: cached[digest]
            for number, digest in enumerate(self._digests)
            if digest in cached
        }
        #: Those with remarks, or a fault by the schema.
        self._uncached: set[int] = set()
        self._names = {n: one.packed.entity_id for n, one in self._members.items()}
        self._new = [n for n in range(len(pieces)) if n not in self._members]
        #: The canonical octets by number.
        self._canonical: dict[int, Content] = {
            number: member.canonical for number, member in self._members.items()
        }

    @property
    def _context(self) -> str:
        """All that the result for a member depends on, beside its octets."""
        root, signature = self._around.root, self._around.signature
        attributes = [
            item for item in root.attrib.items() if item[0] not in _OF_ROOT_ALONE
        ]
        return repr(
            (
                [*map(version, _PACKAGES), etree.LIBXML_VERSION],
                self._on_loopback,
                root.prefix,
                sorted(map(repr, root.nsmap.items())),
                sorted(attributes),
                signature.prefixes,
            )
        )

    def read(self, keys: Sequence[PublicKey]) -> FederationMetadata:
        for batch in self._pieces.batches(self._new):
            document = _Canonical.of(self._pieces.marked(batch), len(batch))
            self._canonical |= dict(zip(batch, document.members, strict=True))
        for member in self._members.values():
            loaded(member.packed.content)  # raises if the file was changed
        verify_covered(self._around.signature, keys, self._covered())
        # From here on, the canonical octets are those that the operator signed. If no
        # member is new, the first one is read again: the schema requires one.
        numbers = iter(iteration()(self._new or [0]))
        parts = [self._read_batch(batch) for batch in self._pieces.batches(numbers)]
        return self._joined(parts)

    def _covered(self) -> Iterator[bytes]:
        yield self._around.before
        for number in range(len(self._pieces)):
            yield loaded(self._canonical[number])
        yield self._around.after

    def _read_batch(self, batch: Sequence[int]) -> FederationMetadata:
        verdicts = verdicts_on(parse(self._pieces.in_lines(batch), METADATA))
        around = self._around
        canonical = (loaded(self._canonical[number]) for number in batch)
        root = parse_canonical(b"".join((around.before, *canonical, around.after)))
        end = end_of(root)
        # A cached member must have its own end alone.
        root.attrib.pop("validUntil", None)
        with showing(iter):
            part = read_tree(
                root, verdicts, on_loopback=self._on_loopback, is_part=True
            )
        names = [element.get("entityID", "") for element in root.iterchildren(_MEMBER)]
        entities = {entity.entity_id: entity for entity in part.entities}
        for place, (number, name) in enumerate(zip(batch, names, strict=True)):
            self._names[number] = name
            if name in entities:
                canonical_octets = self._canonical[number]
                packed = Packed.of(entities[name])
                self._members[number] = CachedMember(canonical_octets, packed)
            if place in verdicts or _has_remark(name, part.remarks):
                self._uncached.add(number)
        return replace(part, valid_until=end)

    def _joined(self, parts: Sequence[FederationMetadata]) -> FederationMetadata:
        if len({*map(str.strip, self._names.values())}) < len(self._pieces):
            raise _NotDivisible  # which of two is a member
        if not self._members:
            raise _NotDivisible  # the error of the first one counts
        left_out: dict[str, PeerUnusable] = {}
        for part in parts:
            left_out |= part.left_out
        end = parts[0].valid_until
        packed = [self._members[n].packed for n in sorted(self._members)]
        self._note_members()
        return replace(
            parts[0],
            entities=Members([_until(end, member) for member in packed]),
            left_out=left_out,
            remarks=tuple(chain.from_iterable(part.remarks for part in parts)),
        )

    def _note_members(self) -> None:
        numbers = self._members.keys() - self._uncached
        members = {self._digests[n]: self._members[n] for n in sorted(numbers)}
        self._cache.update(members, len(numbers.intersection(self._new)))


def _until(end: float | None, packed: Packed) -> Packed:
    """Return a member whose metadata ends at ``end``, or earlier."""
    outline = packed.outline
    valid_until = earliest(end, outline.valid_until)
    return packed._replace(outline=outline._replace(valid_until=valid_until))


def _has_remark(name: str, remarks: Iterable[str]) -> bool:
    return any(text.startswith(f"entity '{name}': ") for text in remarks)
