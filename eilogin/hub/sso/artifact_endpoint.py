"""Artifacts, for which a participant gets the Response once (SAML bindings 3.6)."""

import hashlib
import logging

from lxml import etree

from eilogin import audit, clock
from eilogin.federation import Trust
from eilogin.hub.sso.authn_request_intake import DENIED
from eilogin.saml import messages
from eilogin.saml.printable_text import short

_log = logging.getLogger("eilogin")


def artifact_key(artifact: str, entity_id: str) -> str:
    """Return the store's key of a Response; no other participant can form it."""
    digest = hashlib.sha256(f"{artifact}\0{entity_id}".encode()).hexdigest()
    return f"artifact:{digest}"


def artifact_response(
    trust: Trust,
    request_id: str,
    status: messages.Status,
    carried: etree._Element | None = None,
) -> etree._Element:
    """Make an unsigned ArtifactResponse."""
    return messages.write_artifact_response(
        messages.ArtifactResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            status=status,
            in_response_to=request_id,
        ),
        carried,
    )


def note_unknown_artifact(issuer: str) -> None:
    """Log an unknown artifact of a participant."""
    _log.warning(
        "the hub does not know the artifact of %r: it was used already, is too old,"
        " is for another participant, or is in another store (memory:, with two"
        " processes?)",
        issuer,
    )
    audit.event("login", "refused", peer=issuer, reason=short(DENIED[-1]))
