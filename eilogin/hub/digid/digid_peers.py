"""Accept messages of connected parties only; answer others with 404 (DigiD 1.6)."""

from collections.abc import Iterator
from contextlib import contextmanager

from eilogin import clock
from eilogin.errors import MessageExpired, NotFound, Refused
from eilogin.federation import Peer, Trust
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import ServiceProvider
from eilogin.saml.signing_keys import certificate_begins, certificate_ends
from eilogin.web.inbound_messages import PeerOf


@contextmanager
def refusals_as_not_found() -> Iterator[None]:
    """Turn each Refused into a NotFound; only the log gives the reason."""
    try:
        yield
    except Refused as error:
        nothing = NotFound(
            f"the hub sends no answer, as DigiD does ({error.code}): {error}"
        )
        nothing.peer = error.peer
        raise nothing from error


def valid_participant(trust: Trust) -> PeerOf[ServiceProvider]:
    """Return a lookup that refuses peers with an invalid certificate (DigiD 4)."""

    def participant(entity_id: str) -> Peer[ServiceProvider]:
        peer = trust.participant(entity_id)
        for certificate in peer.role.signing_certificates[:1]:
            _require_valid(entity_id, certificate, clock.now())
        return peer

    return participant


def _require_valid(entity_id: str, certificate: str, now: float) -> None:
    begins, ends = certificate_begins(certificate), certificate_ends(certificate)
    if not begins <= now < ends:
        raise MessageExpired(
            f"the first certificate in the metadata of {entity_id!r} is valid from"
            f" {write_instant(begins)} to {write_instant(ends)}, and the time here"
            f" is {write_instant(now)}; make a new one, and load its metadata"
        )
