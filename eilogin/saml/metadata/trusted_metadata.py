"""Read metadata that the operator signed, or that a trusted file holds.

To read each of thousands of members takes most of the time. So the signed octets are
cut into pieces, between members, each parsed in memory that the previous one has
warmed. A second process validates the schema, while this one verifies the signature,
and then reads half of the pieces. A piece is well-formed only if it was cut between
children of the root. If one is not, or a member is odd, everything is read again as a
whole, and only that result counts.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection

from lxml import etree

from eilogin.errors import EiloginError, MalformedMessage
from eilogin.saml.metadata.descriptors.entity_descriptor_reading import (
    created_in,
    read_tree,
)
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO, FederationMetadata
from eilogin.saml.metadata.packed_members import Members, Packed, Share
from eilogin.saml.metadata.parallel_parsing import second_process
from eilogin.saml.metadata.reading_progress import gone_through, showing
from eilogin.saml.metadata.schema_validation import (
    Verdict,
    earliest,
    entities_in,
    is_sound,
    parsed,
    require_unique_id,
    to_be_verified,
    verdicts_on,
)
from eilogin.saml.safe_xml import parse_canonical, parse_unmeasured, q
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_signatures import signed, signed_octets

#: Bytes from which another process saves time.
_LARGE = 1024 * 1024
#: Bytes.
_PIECE = 1024 * 1024
#: Members of one piece in a progress bar.
_STEPS = 200
#: The other process' part: this one has a document to free.
_OTHERS = 0.6

#: A group of members in canonical form, and its prefix.
_START = re.compile(
    rb"""<((?:[\w.-]+:)?)EntitiesDescriptor(?: [^\s="<]++="[^"<]*+")*+>"""
)
_SOUND = b"sound"


def read_federation(
    octets: bytes, keys: Sequence[PublicKey], *, on_loopback: bool = False
) -> FederationMetadata:
    """Read metadata that the operator signed with one of the pinned ``keys``.

    The root is an ``md:EntitiesDescriptor``, nested or not, or one
    ``md:EntityDescriptor``. Its signature is verified before anything is read. Roles
    and extensions that eilogin does not read may be anything.

    With a remark each, it skips an address that is not https, if the same service has
    another one. It also skips a part that the schema does not know, if the member can
    do without it. A member is left out in these cases:

    * its role as a hub, or its only role, cannot be used
    * its entityID is no URI
    * another member has the same entityID

    With ``on_loopback`` an address may also be http on loopback. Without it, no address
    on loopback can be used. The caller checks ``valid_until``.

    Raises :class:`~eilogin.errors.UntrustedSignature`;
    :class:`~eilogin.errors.MalformedMessage` for other documents; and if no member can
    be used, the :class:`~eilogin.errors.PeerUnusable` of the first.
    """
    if len(octets) < _LARGE:
        document = to_be_verified(octets)
        trusted = signed(document, keys)
        # Only for trusted documents: to find faults takes long.
        return read_tree(trusted, verdicts_on(document), on_loopback=on_loopback)
    work = partial(_be_of_help, octets, on_loopback=on_loopback)
    with second_process(work) as other:
        return _read_large(octets, keys, other, on_loopback=on_loopback)


def read_unsigned(octets: bytes, *, on_loopback: bool = False) -> FederationMetadata:
    """Read metadata of a trusted file as :func:`read_federation`, signatures aside."""
    document = parsed(octets)
    return read_tree(document, verdicts_on(document), on_loopback=on_loopback)


def read_created(octets: bytes, keys: Sequence[PublicKey]) -> float | None:
    """The instant at which the operator created known metadata, or None.

    Verifies its signature again; raises as :func:`read_federation`.
    """
    return created_in(signed(to_be_verified(octets), keys))


def _read_large(
    octets: bytes,
    keys: Sequence[PublicKey],
    other: Connection | None,
    *,
    on_loopback: bool,
) -> FederationMetadata:
    document = to_be_verified(octets, id_is_unique=other is not None)
    trusted = signed_octets(document, keys)
    verdicts: Mapping[int, Verdict] = {}
    if not _says_sound(other):
        require_unique_id(octets, document)
        verdicts = verdicts_on(document)
    # The document's errors occur again below; others concern the other process.
    with suppress(_Odd, EiloginError, EOFError, OSError):
        if not verdicts:
            ours = _divided(trusted, other)
            # A third of a second, so the other process works first.
            del document
            return _read_in_pieces(ours, other, on_loopback=on_loopback)
    return read_tree(parse_canonical(trusted), verdicts, on_loopback=on_loopback)


class _Odd(Exception):
    """A part that cannot be read in a piece without the others."""


def _divided(octets: bytes, other: Connection | None) -> list[bytes]:
    """Our pieces, at least one; the other process has got the rest."""
    pieces = list(_cut(octets))
    if other is None:
        return pieces
    ours = len(pieces) - int(len(pieces) * _OTHERS)
    for piece in pieces[ours:]:
        other.send_bytes(piece)
    other.send_bytes(b"")
    return pieces[:ours]


def _read_in_pieces(
    ours: Sequence[bytes], other: Connection | None, *, on_loopback: bool
) -> FederationMetadata:
    first = parse_canonical(ours[0])
    if first.find(f"{q('md:Extensions')}/{REGISTRATION_INFO}") is not None:
        raise _Odd  # the default registrar of all members
    read = _read_piece(first, on_loopback=on_loopback)
    del first
    shares = [_share_of(read)]
    for piece in _shown(ours[1:]):
        root = parse_canonical(piece)
        shares.append(_share_of(_read_piece(root, on_loopback=on_loopback)))
    if other is not None:
        shares.append(Share.from_bytes(other.recv_bytes()))
    share = _joined(shares)
    return replace(
        read,
        entities=Members(share.members),
        left_out=share.left_out,
        remarks=tuple(share.remarks),
        cache_duration=share.cache_duration,
    )


def _be_of_help(octets: bytes, line: Connection, *, on_loopback: bool) -> None:
    """In the second process, validate the document, and read its pieces."""
    document = parse_unmeasured(octets)
    line.send_bytes(_SOUND if _is_sound(octets, document) else b"")
    # All at once, so that nobody waits; and the document is never freed.
    pieces = list(iter(line.recv_bytes, b""))
    roots = map(parse_canonical, pieces)
    read = [_share_of(_read_piece(root, on_loopback=on_loopback)) for root in roots]
    line.send_bytes(_joined(read).to_bytes())


def _is_sound(octets: bytes, document: etree._Element) -> bool:
    try:
        require_unique_id(octets, document)
    except MalformedMessage:
        return False
    return is_sound(document)


def _says_sound(other: Connection | None) -> bool:
    try:
        return other is not None and other.recv_bytes() == _SOUND
    except (EOFError, OSError):
        return False


def _cut(octets: bytes) -> Iterator[bytes]:
    """Cut a document into several, with some members each, or return it alone.

    In canonical octets, a "<" begins a tag and nothing else.
    """
    start = _START.match(octets)
    if start is None:
        yield octets
        return
    end_of_member, end = (
        b"</%b%b>" % (start[1], name)
        for name in (b"EntityDescriptor", b"EntitiesDescriptor")
    )
    here, last = start.end(), len(octets) - len(end)
    while here < last:
        index = octets.find(end_of_member, here + _PIECE)
        there = last if index < 0 else index + len(end_of_member)
        yield b"".join((start[0], octets[here:there], end))
        here = there


def _read_piece(root: etree._Element, *, on_loopback: bool) -> FederationMetadata:
    names = (element.get("entityID", "") for element, _ in entities_in(root, None))
    ids = list(names)
    if any(name != name.strip() for name in ids) or len(set(ids)) < len(ids):
        raise _Odd  # another may be called so, here or elsewhere
    with showing(iter):
        return read_tree(root, {}, on_loopback=on_loopback)


def _share_of(read: FederationMetadata) -> Share:
    packed = list(map(Packed.of, read.entities))
    return Share(packed, dict(read.left_out), list(read.remarks), read.cache_duration)


def _joined(shares: Sequence[Share]) -> Share:
    members = [member for share in shares for member in share.members]
    names = [member.entity_id for member in members]
    names += [name for share in shares for name in share.left_out]
    if len(set(names)) < len(names):
        raise _Odd  # which of them is a member
    return Share(
        members,
        {name: error for share in shares for name, error in share.left_out.items()},
        [text for share in shares for text in share.remarks],
        earliest(*(share.cache_duration for share in shares)),
    )


def _shown(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Iterate over pieces as if each were many members."""
    steps = iter(gone_through()([None] * (len(pieces) * _STEPS)))
    for piece in pieces:
        yield piece
        deque(islice(steps, _STEPS), 0)
    deque(steps, 0)
