"""Read metadata that the operator signed, or that a trusted file holds.

For speed, eilogin cuts large metadata between members and parses each piece in memory
that the previous one has warmed. A second process validates by the schema, while this
one verifies the signature; then both read pieces. If a piece was not cut between
children of the root, or a member depends on others, only a new reading of the whole
counts.
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
from eilogin.saml.metadata.cached_reading import read_with_cache
from eilogin.saml.metadata.descriptors.entity_descriptor_reading import (
    created_in,
    read_tree,
)
from eilogin.saml.metadata.member_cache import MemberCache
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO, FederationMetadata
from eilogin.saml.metadata.packed_members import Members, Packed, Share
from eilogin.saml.metadata.parallel_parsing import second_process
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
from eilogin.saml.reading_progress import iteration, showing
from eilogin.saml.safe_xml import parse_canonical, parse_unmeasured, q
from eilogin.saml.signing_keys import PublicKey
from eilogin.saml.xml_signatures import signed, signed_octets

#: Bytes from which a second process saves time.
_LARGE = 1024 * 1024
#: Bytes of members in a piece, at least.
_PIECE = 1024 * 1024
#: Members of one piece in a progress bar.
_STEPS = 200
#: The second process gets more pieces: this one must free a document.
_SHARE_OF_HELPER = 0.6

#: The start tag of a group in canonical form, and its prefix.
_START = re.compile(
    rb"""<((?:[\w.-]+:)?)EntitiesDescriptor(?: [^\s="<]++="[^"<]*+")*+>"""
)
_SOUND = b"sound"


def read_federation(
    octets: bytes,
    keys: Sequence[PublicKey],
    *,
    on_loopback: bool = False,
    cache: MemberCache | None = None,
) -> FederationMetadata:
    """Read metadata that the operator signed with one of the pinned ``keys``.

    The root is an ``md:EntitiesDescriptor`` or one ``md:EntityDescriptor``. Its
    signature is verified before anything is read. If the member can do without it,
    eilogin skips an address that is not https and a part that the schema does not know,
    with a remark. It leaves out a member in these cases:

    * Its role as a hub, or its only role, cannot be used.
    * Its entityID is no URI, or is also that of another member.

    Addresses on loopback are accepted only with ``on_loopback``, also with http. With a
    ``cache``, eilogin reads only the new members of large metadata. The caller checks
    ``valid_until``. Raises :class:`~eilogin.errors.UntrustedSignature`,
    :class:`~eilogin.errors.MalformedMessage`, or the
    :class:`~eilogin.errors.PeerUnusable` of the first member if none can be used.
    """
    if len(octets) < _LARGE:
        document = to_be_verified(octets)
        trusted = signed(document, keys)
        # Only for trusted documents: to find faults takes long.
        return read_tree(trusted, verdicts_on(document), on_loopback=on_loopback)
    if cache is not None:
        metadata = read_with_cache(octets, keys, cache, on_loopback=on_loopback)
        if metadata is not None:
            return metadata
        cache.clear()
    work = partial(_validate_and_read, octets, on_loopback=on_loopback)
    with second_process(work) as helper:
        return _read_large(octets, keys, helper, on_loopback=on_loopback)


def read_unsigned(octets: bytes, *, on_loopback: bool = False) -> FederationMetadata:
    """Read a trusted file as :func:`read_federation` does, but ignore signatures."""
    document = parsed(octets)
    return read_tree(document, verdicts_on(document), on_loopback=on_loopback)


def read_created(octets: bytes, keys: Sequence[PublicKey]) -> float | None:
    """Return when the operator created known metadata, or None.

    Verifies its signature again; raises as :func:`read_federation`.
    """
    return created_in(signed(to_be_verified(octets), keys))


def _read_large(
    octets: bytes,
    keys: Sequence[PublicKey],
    helper: Connection | None,
    *,
    on_loopback: bool,
) -> FederationMetadata:
    document = to_be_verified(octets, id_is_unique=helper is not None)
    trusted = signed_octets(document, keys)
    verdicts: Mapping[int, Verdict] = {}
    if not _reports_sound(helper):
        require_unique_id(octets, document)
        verdicts = verdicts_on(document)
    # Faults of the document occur again below; others are of the second process.
    with suppress(_NotDivisible, EiloginError, EOFError, OSError):
        if not verdicts:
            own_pieces = _divide(trusted, helper)
            # To free it takes a third of a second, so the second process starts first.
            del document
            return _read_in_pieces(own_pieces, helper, on_loopback=on_loopback)
    return read_tree(parse_canonical(trusted), verdicts, on_loopback=on_loopback)


class _NotDivisible(Exception):
    """A part that cannot be read in a piece without the others."""


def _divide(octets: bytes, helper: Connection | None) -> list[bytes]:
    pieces = list(_cut(octets))
    if helper is None:
        return pieces
    own_count = len(pieces) - int(len(pieces) * _SHARE_OF_HELPER)
    for piece in pieces[own_count:]:
        helper.send_bytes(piece)
    helper.send_bytes(b"")
    return pieces[:own_count]


def _read_in_pieces(
    own_pieces: Sequence[bytes], helper: Connection | None, *, on_loopback: bool
) -> FederationMetadata:
    first_root = parse_canonical(own_pieces[0])
    if first_root.find(f"{q('md:Extensions')}/{REGISTRATION_INFO}") is not None:
        raise _NotDivisible  # the default registrar of all members
    first_part = _read_piece(first_root, on_loopback=on_loopback)
    del first_root
    shares = [_share_of(first_part)]
    for piece in _with_progress(own_pieces[1:]):
        root = parse_canonical(piece)
        shares.append(_share_of(_read_piece(root, on_loopback=on_loopback)))
    if helper is not None:
        shares.append(Share.from_bytes(helper.recv_bytes()))
    share = _joined(shares)
    return replace(
        first_part,
        entities=Members(share.members),
        left_out=share.left_out,
        remarks=tuple(share.remarks),
        cache_duration=share.cache_duration,
    )


def _validate_and_read(
    octets: bytes, connection: Connection, *, on_loopback: bool
) -> None:
    document = parse_unmeasured(octets)
    connection.send_bytes(_SOUND if _is_sound(octets, document) else b"")
    # Receive all at once, so that the other process does not wait. The document is
    # never freed.
    pieces = list(iter(connection.recv_bytes, b""))
    roots = map(parse_canonical, pieces)
    shares = [_share_of(_read_piece(root, on_loopback=on_loopback)) for root in roots]
    connection.send_bytes(_joined(shares).to_bytes())


def _is_sound(octets: bytes, document: etree._Element) -> bool:
    try:
        require_unique_id(octets, document)
    except MalformedMessage:
        return False
    return is_sound(document)


def _reports_sound(helper: Connection | None) -> bool:
    try:
        return helper is not None and helper.recv_bytes() == _SOUND
    except (EOFError, OSError):
        return False


def _cut(octets: bytes) -> Iterator[bytes]:
    start = _START.match(octets)
    if start is None:
        yield octets
        return
    end_of_member, end = (
        b"</%b%b>" % (start[1], name)
        for name in (b"EntityDescriptor", b"EntitiesDescriptor")
    )
    begin, end_of_members = start.end(), len(octets) - len(end)
    while begin < end_of_members:
        index = octets.find(end_of_member, begin + _PIECE)
        stop = end_of_members if index < 0 else index + len(end_of_member)
        yield b"".join((start[0], octets[begin:stop], end))
        begin = stop


def _read_piece(root: etree._Element, *, on_loopback: bool) -> FederationMetadata:
    written = (element.get("entityID", "") for element, _ in entities_in(root, None))
    entity_ids = list(written)
    has_space = any(name != name.strip() for name in entity_ids)
    if has_space or len(set(entity_ids)) < len(entity_ids):
        raise _NotDivisible  # another piece may have a member of the same entityID
    with showing(iter):
        return read_tree(root, {}, on_loopback=on_loopback)


def _share_of(part: FederationMetadata) -> Share:
    packed = list(map(Packed.of, part.entities))
    return Share(packed, dict(part.left_out), list(part.remarks), part.cache_duration)


def _joined(shares: Sequence[Share]) -> Share:
    members = [member for share in shares for member in share.members]
    names = [member.entity_id for member in members]
    names += [name for share in shares for name in share.left_out]
    if len(set(names)) < len(names):
        raise _NotDivisible  # which of them is a member
    return Share(
        members,
        {name: error for share in shares for name, error in share.left_out.items()},
        [text for share in shares for text in share.remarks],
        earliest(*(share.cache_duration for share in shares)),
    )


def _with_progress(pieces: Sequence[bytes]) -> Iterator[bytes]:
    steps = iter(iteration()([None] * (len(pieces) * _STEPS)))
    for piece in pieces:
        yield piece
        deque(islice(steps, _STEPS), 0)
    deque(steps, 0)
