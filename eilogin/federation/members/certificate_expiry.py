"""Find expiring and expired certificates of our own entity and of our hubs.

The certificate of the federation's operator does not expire for us.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from cryptography import x509

from eilogin.errors import CERTIFICATE_EXPIRED
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.local.local_keys import OwnKey, last_in_line
from eilogin.federation.local.profiles import PROFILES
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.federation.members.hub_requirements import Remark
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.saml.signing_keys import UNREADABLE

_FILES = ("tls_client_certificate", "back_channel_ca")
#: DigiD refuses these if expired.
_SEEN_BY_DIGID = ("certificate", "keys", "tls_client_certificate")

_MOST_NAMED = 3


def endings_of(
    options: TrustOptions, own: Own, federation: Membership, hubs: Sequence[str]
) -> tuple[Expiry, ...]:
    """The expiries beside our keys; a hub checks its many participants itself."""
    hub_endings = () if own.role == HUB else hub_requirements.endings(federation, hubs)
    return (*_in_files(options), *hub_endings)


def key_endings(keys: Iterable[OwnKey]) -> Iterator[Expiry]:
    """The expiry of our last key of each use."""
    listed = [*keys]
    signing = [key for key in listed if key.signs]
    encrypting = [key for key in listed if key.encrypts]
    last_keys = [last_in_line(of_use) for of_use in (signing, encrypting) if of_use]
    for key in dict.fromkeys(last_keys):
        yield _of_key(key)


def remarks(options: TrustOptions) -> Iterator[Remark]:
    """Remarks on our certificates that expire soon, or have expired."""
    counts: dict[str, int] = {}
    for ending in _ours(options):
        counts[ending.option] = counts.get(ending.option, 0) + ending.is_soon
        if ending.is_soon and counts[ending.option] <= _MOST_NAMED:
            yield Remark(ending.option, ending.code, ending.message)


def faults(options: TrustOptions) -> Iterator[Remark]:
    """The :func:`remarks` that are faults: DigiD answers 404 (DigiD 4)."""
    if PROFILES[options.profile].uses_first_certificate and options.role != HUB:
        for remark in remarks(options):
            if remark.code == CERTIFICATE_EXPIRED and remark.option in _SEEN_BY_DIGID:
                yield remark


def _ours(options: TrustOptions) -> Iterator[Expiry]:
    yield from key_endings(options.own_keys)
    yield from _in_files(options)


def _in_files(options: TrustOptions) -> Iterator[Expiry]:
    for name in _FILES:
        path = getattr(options, name)
        if path is not None:
            yield from _in_file(name, path)


def _of_key(key: OwnKey) -> Expiry:
    subject = key.pair.certificate.subject.rfc4514_string()
    subject_of_key = f"{key.path} ({subject})"
    if not key.name:
        return Expiry("certificate", "certificate", subject_of_key, key.ends)
    cure = "no other key follows it in time: make one (eilogin keys new)"
    return Expiry("keys", f"keys: {key.name}", subject_of_key, key.ends, cure=cure)


def _in_file(name: str, path: Path) -> Sequence[Expiry]:
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE):
        return ()  # another check reports the file
    # The others in a file of ours belong to its authority.
    ours = certificates if name == "back_channel_ca" else certificates[:1]
    several = len(ours) > 1
    endings = [
        Expiry(
            name,
            f"{name} {number}" if several else name,
            f"{path} ({certificate.subject.rfc4514_string()})",
            certificate.not_valid_after_utc.timestamp(),
        )
        for number, certificate in enumerate(ours, 1)
    ]
    return sorted(endings, key=attrgetter("ends"))
