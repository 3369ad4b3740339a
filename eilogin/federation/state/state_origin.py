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
    lines = [
        (_text_of(line), hash_of(keys_for(line, options)))
        for line in options.federation
    ]
    has_query = any(
        isinstance(line, FederationAddress) and line.is_query
        for line in options.federation
    )
    queried_hubs = options.hub if has_query else ()
    checks = (is_on_loopback(options), options.federation_validity)
    return hashlib.sha256(repr((lines, queried_hubs, checks)).encode()).hexdigest()


def _text_of(line: FederationFile | FederationAddress) -> str:
    # The way to fetch and the content do not count: a new file in a folder is no
    # change.
    if isinstance(line, FederationAddress):
        line = replace(line, timeout=None, proxy=None, ca=None)
    return repr(replace(line, certificates=(), longest=None))


def is_expired(state: State) -> bool:
    """Whether part of its metadata has expired."""
    expiry = expiry_of(state)
    return expiry is not None and clock.now() >= expiry + SKEW


def expiry_of(state: State) -> float | None:
    """The first expiry of its metadata, or None."""
    expiries = (source.valid_until for source in state.sources)
    return min((expiry for expiry in expiries if expiry is not None), default=None)


def is_changed(state: State, sources: Sequence[MetadataSource]) -> bool:
    """Whether a local file was changed, added or removed since."""
    by_key = {key_of(source): source for source in sources}
    recorded = {record.key for record in state.sources}
    # Merging leaves out a query whose member another source has.
    required = {key for key, source in by_key.items() if not source.only}
    if recorded - by_key.keys() or required - recorded:
        return True
    return any(_is_other_file(record, by_key[record.key]) for record in state.sources)


def _is_other_file(record: Source, source: MetadataSource) -> bool:
    if not isinstance(source, MetadataFile):
        return False
    try:
        octets = source.path.read_bytes()
        choice = source.filters.read().version
    except (OSError, ConfigurationError):
        return True
    present = (hashlib.sha256(octets).hexdigest(), choice)
    return present != (record.sha256, record.choice)


def hash_of(keys: Sequence[PublicKey] | None) -> str:
    """A hash of the signing keys; "" if no signature is needed."""
    if keys is None:
        return ""
    encoded = sorted(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for key in keys
    )
    return hashlib.sha256(b"".join(encoded)).hexdigest()


def is_trusted_copy(copy: Path, source: MetadataSource) -> bool:
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
