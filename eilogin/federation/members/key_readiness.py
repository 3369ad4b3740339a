"""Check whether the metadata has our key: peers reject what an unknown key signs."""

from dataclasses import dataclass

from eilogin.errors import UnknownPeer
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.members.membership import Membership
from eilogin.saml.signing_keys import SigningKey


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether peers know a key by the metadata, and why."""

    #: None if eilogin cannot find out.
    is_known: bool | None
    text: str


def key_in_metadata(own: Own, federation: Membership, key: SigningKey) -> Finding:
    """Look for a key of ours in the federation's metadata."""
    if federation.copies:
        why = "; ".join(federation.copies)
        return Finding(None, f"eilogin uses an older copy of the metadata: {why}")
    try:
        entity = federation.entity(own.entity_id)
    except UnknownPeer:
        return _not_a_member(own, federation)
    role = entity.identity_provider if own.role == HUB else entity.service_provider
    if role is not None and key.public in role.keys:
        return Finding(True, "the federation's metadata has it as our key")
    return Finding(
        False,
        "the federation's metadata does not have it as our key yet; give the"
        " operator our new metadata (eilogin metadata)",
    )


def _not_a_member(own: Own, federation: Membership) -> Finding:
    if own.profile.registers_by_form:
        return Finding(
            None,
            "eilogin cannot see which of our keys DigiD knows. Logius accepts our"
            " metadata by a form, and says when it is in use",
        )
    if not federation.is_aggregate:
        return Finding(
            None,
            "the metadata has only the other parties, so it does not show which of"
            " our keys they know. Put our new metadata where each of them has it",
        )
    return Finding(False, f"the federation's metadata has no member {own.entity_id!r}")
