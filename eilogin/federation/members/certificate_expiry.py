"""Find expiring and expired certificates of our own entity and of our hubs.

The start, ``eilogin check`` and the log (``expiry_alarms``) report them. The
certificate of the federation's operator does not expire for us.
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
    theirs = () if own.role == HUB else hub_requirements.endings(federation, hubs)
    return (*_in_files(options), *theirs)


def key_endings(keys: Iterable[OwnKey]) -> Iterator[Expiry]:
    """The expiry of our last key of each use."""
    found = [*keys]
    signing = [key for key in found if key.signs]
    encrypting = [key for key in found if key.encrypts]
    lasts = [last_in_line(of_use) for of_use in (signing, encrypting) if of_use]
    for key in dict.fromkeys(lasts):
        yield _of_key(key)


def remarks(options: TrustOptions) -> Iterator[Remark]:
    """Remarks on our certificates that expire soon, or have expired."""
    told: dict[str, int] = {}
    for ending in _ours(options):
        told[ending.option] = told.get(ending.option, 0) + ending.is_soon
        if ending.is_soon and told[ending.option] <= _MOST_NAMED:
            yield Remark(ending.option, ending.code, ending.told)


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
    what = f"{key.path} ({subject})"
    if not key.name:
        return Expiry("certificate", "certificate", what, key.ends)
    cure = "no other key follows it in time: make one (eilogin keys new)"
    return Expiry("keys", f"keys: {key.name}", what, key.ends, cure=cure)


def _in_file(name: str, path: Path) -> Sequence[Expiry]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE):
        return ()  # another check reports the file
    # The others in a file of ours belong to its authority.
    here = found if name == "back_channel_ca" else found[:1]
    several = len(here) > 1
    made = [
        Expiry(
            name,
            f"{name} {number}" if several else name,
            f"{path} ({one.subject.rfc4514_string()})",
            one.not_valid_after_utc.timestamp(),
        )
        for number, one in enumerate(here, 1)
    ]
    return sorted(made, key=attrgetter("ends"))
