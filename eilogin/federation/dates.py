"""Which of our own certificates are over, or will be soon.

Peers take our key from metadata and look no further (metadata interoperability profile
2.6.1), but DigiD does, and TLS does. So it is told at start and by ``eilogin check``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from eilogin import clock
from eilogin.errors import CERTIFICATE_ENDS, CERTIFICATE_EXPIRED
from eilogin.federation.own import HUB
from eilogin.federation.peers import Remark
from eilogin.federation.trust_options import TrustOptions
from eilogin.saml.keys import UNREADABLE
from eilogin.saml.messages import write_instant

#: How long before that it is said: to get a certificate signed takes weeks.
_SOON = 30 * 86400.0

#: Options that are a file with certificates of ours, or of who vouches for peers.
_OPTIONS = (
    "certificate",
    "decryption_certificate",
    "tls_client_certificate",
    "back_channel_ca",
)
#: Those of which DigiD refuses one that is over.
_SEEN_BY_DIGID = ("certificate", "tls_client_certificate")

#: How many certificates of one file are named.
_MOST_NAMED = 3


def remarks(options: TrustOptions) -> Iterator[Remark]:
    """On each certificate in our files that is over, or ends within a month."""
    for name in _OPTIONS:
        for path in _files(options, name):
            yield from _on_file(name, path)


def faults(options: TrustOptions) -> Iterator[Remark]:
    """Those of :func:`remarks` that are more than that.

    DigiD answers who has such a certificate with 404 and not a word (DIGID.md 4).
    """
    if options.profile == "digid" and options.role != HUB:
        for remark in remarks(options):
            if remark.code == CERTIFICATE_EXPIRED and remark.option in _SEEN_BY_DIGID:
                yield remark


def _files(options: TrustOptions, name: str) -> Sequence[Path]:
    found = getattr(options, name)
    if isinstance(found, Path):
        return (found,)
    return found or ()


def _on_file(name: str, path: Path) -> Iterator[Remark]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE):
        return  # which has been told, or will be
    # Of our own the first is shown, and those behind it are of its authority.
    here = found if name == "back_channel_ca" else found[:1]
    now = clock.now()
    ending = [one for one in here if _end_of(one) < now + _SOON]
    for certificate in ending[:_MOST_NAMED]:
        ends = _end_of(certificate)
        is_over = ends < now
        which = f"{path} ({certificate.subject.rfc4514_string()})"
        told = f"{which} {'expired' if is_over else 'ends'} at {write_instant(ends)}"
        yield Remark(
            name,
            CERTIFICATE_EXPIRED if is_over else CERTIFICATE_ENDS,
            told if is_over else f"{told}: get a new one in time",
        )


def _end_of(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.timestamp()
