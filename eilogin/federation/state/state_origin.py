"""The options and files that a state was made from, and whether they have changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eilogin import clock
from eilogin.errors import ConfigurationError, Refused
from eilogin.federation.members.trust_options import (
    TrustOptions,
    is_on_loopback,
    keys_for,
)
from eilogin.federation.sources.metadata_sources import MetadataFile, MetadataSource
from eilogin.federation.sources.source_lines import FederationAddress, FederationFile
from eilogin.federation.state.state_records import Source, State
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import read_created
from eilogin.saml.signing_keys import PublicKey


def configuration_of(options: TrustOptions) -> str:
    """A digest of the lines of ``federation`` and of the keys that sign."""
    # The way to fetch and the content do not count: a new file in a folder is no
    # change.
    lines = options.federation
    told = [(_meant(line), hash_of(keys_for(line, options))) for line in lines]
    is_asked = any(isinstance(x, FederationAddress) and x.is_query for x in lines)
    asked = options.hub if is_asked else ()
    how = (is_on_loopback(options), options.federation_validity)
    return hashlib.sha256(repr((told, asked, how)).encode()).hexdigest()


def _meant(line: FederationFile | FederationAddress) -> str:
    if isinstance(line, FederationAddress):
        line = replace(line, timeout=None, proxy=None, ca=None)
    return repr(replace(line, certificates=(), longest=None))


def is_over(state: State) -> bool:
    """Whether part of its metadata has expired."""
    end = end_of(state)
    return end is not None and clock.now() >= end + SKEW


def end_of(state: State) -> float | None:
    """The first expiry of its metadata, or None."""
    ends = (one.valid_until for one in state.sources)
    return min((end for end in ends if end is not None), default=None)


def is_changed(state: State, sources: Sequence[MetadataSource]) -> bool:
    """Whether a local file was changed, added or removed since."""
    by_key = {key_of(one): one for one in sources}
    known = {one.key for one in state.sources}
    # Merging leaves out a query whose member another source has.
    if known - by_key.keys() or {k for k, s in by_key.items() if not s.only} - known:
        return True
    return any(_is_another(one, by_key[one.key]) for one in state.sources)


def _is_another(known: Source, source: MetadataSource) -> bool:
    if not isinstance(source, MetadataFile):
        return False
    try:
        octets = source.path.read_bytes()
        choice = source.choice.read().version
    except (OSError, ConfigurationError):
        return True
    now = (hashlib.sha256(octets).hexdigest(), choice)
    return now != (known.sha256, known.choice)


def hash_of(keys: Sequence[PublicKey] | None) -> str:
    """A hash of the signing keys; "" if no signature is needed."""
    if keys is None:
        return ""
    found = sorted(
        one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for one in keys
    )
    return hashlib.sha256(b"".join(found)).hexdigest()


def is_of(copy: Path, source: MetadataSource) -> bool:
    """Whether a present signer signed a copy, or no signature is needed."""
    if source.signers is None:
        return True
    try:
        read_created(copy.read_bytes(), source.signers)
    except (OSError, Refused):
        return False
    return True


def key_of(source: MetadataSource) -> str:
    """The key that identifies a source."""
    # A query in an address may be secret.
    return hashlib.sha256(source.address.encode()).hexdigest()[:32]


def line_of(source: MetadataSource) -> str:
    """The key that identifies the line of a source."""
    return hashlib.sha256(source.line.encode()).hexdigest()[:32]
