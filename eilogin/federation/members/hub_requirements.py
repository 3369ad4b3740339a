"""The requirements of our options on the metadata of our hubs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eilogin import clock
from eilogin.config import did_you_mean
from eilogin.errors import (
    CERTIFICATE_BEGINS,
    CERTIFICATE_ENDS,
    CERTIFICATE_EXPIRED,
    LOGOUT_IMPOSSIBLE,
    METADATA_PASSED_OVER,
    AlgorithmMissing,
    BindingMissing,
    ConfigurationError,
    HubUnknown,
    MetadataExpired,
    UnknownPeer,
)
from eilogin.federation.local.local_entity import HUB, Own
from eilogin.federation.members.expiry_alarms import SOON, Expiry, ends_in_words
from eilogin.federation.members.membership import Membership
from eilogin.federation.sources.member_filters import SKIPPED_MEMBERS
from eilogin.saml import bindings
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import (
    EntityDescriptor,
    IdentityProvider,
    Role,
    bindings_of,
)
from eilogin.saml.metadata.metadata_texts import shown
from eilogin.saml.printable_text import first_of, some
from eilogin.saml.signing_keys import certificate_begins, certificate_ends
from eilogin.saml.xml_signatures import suited

ALL = "all"

_MOST_SHOWN = 20

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Remark:
    """A consequence of the options that somebody should know."""

    option: str
    #: From ``eilogin.errors.NOTES``, or an error: it leads to the cure.
    code: str
    text: str
    #: The section, or "" if it is clear.
    section: str = ""
    is_fault: bool = False

    def __str__(self) -> str:
        place = f"[{self.section}] " if self.section else ""
        return f"{place}{self.option}: {self.text_with_code}"

    @property
    def text_with_code(self) -> str:
        """The text with its code, without the option."""
        return f"{self.text} ({self.code})"


def our_hubs(own: Own, names: Sequence[str], federation: Membership) -> tuple[str, ...]:
    """The entityIDs of our usable hubs; raises as `wanted` and `require`."""
    hubs = wanted(names, federation)
    for name in hubs:
        require(own, federation, name)
    return hubs


def wanted(names: Sequence[str], federation: Membership) -> tuple[str, ...]:
    """The entityIDs that the option ``hub`` selects, known or not.

    Raises HubUnknown if the option is empty and the metadata does not have exactly one
    hub, or the error of an expired or unusable one.
    """
    hubs = federation.hubs
    # Another hub must not silently replace a lost one.
    is_clear = len(hubs) == 1 and not federation.lost_hubs
    if hubs and (ALL in names or (not names and is_clear)):
        return tuple(hubs)
    if not names or ALL in names:
        raise _unclear(federation)
    return tuple(names)


def hub(
    federation: Membership, entity_id: str
) -> tuple[EntityDescriptor, IdentityProvider]:
    """A hub and its role; raises HubUnknown, PeerUnusable or MetadataExpired."""
    if entity_id in federation.left_out:
        raise federation.left_out[entity_id]
    for entity in federation.expired:
        if entity.entity_id == entity_id and entity.valid_until is not None:
            raise _over(entity, entity.valid_until)
    try:
        entity = federation.entity(entity_id)
    except UnknownPeer as error:
        raise HubUnknown(f"{error}{_instead_of(entity_id, federation)}") from error
    if entity.identity_provider is None:
        fault = f"{entity_id!r} is not a hub of this federation"
        raise HubUnknown(f"{fault}{_instead_of(entity_id, federation)}")
    return entity, entity.identity_provider


def _instead_of(entity_id: str, federation: Membership) -> str:
    hubs = federation.hubs
    named = some(hubs, _NAMED) or "none"
    hint = f"{did_you_mean(entity_id, hubs)} (hubs: {named})"
    return hint + _passed_over(federation)


def _unclear(federation: Membership) -> ConfigurationError:
    hubs, lost = federation.hubs, [*map(shown, federation.lost_hubs)]
    if hubs:
        not_now = f", of which {some(lost, _NAMED)} cannot be used now" if lost else ""
        return HubUnknown(
            f"has more than one hub ({len(hubs) + len(lost)}){not_now}; set the"
            f" option 'hub' to the entityID of yours, or to '{ALL}'"
        )
    for entity in federation.expired:
        if entity.identity_provider is not None and entity.valid_until is not None:
            return _over(entity, entity.valid_until)
    for error in federation.left_out.values():
        return type(error)(f"has no usable hub: {error}")
    count = len(federation.entities)
    parties = "1 participant" if count == 1 else f"{count} participants"
    return HubUnknown(
        f"has no hub (IDPSSODescriptor), but {parties}; expected a hub. Ask the"
        f" operator{_passed_over(federation)}"
    )


def _passed_over(federation: Membership) -> str:
    """Explain that our own filters may exclude the entity."""
    remarks_on_filters = [
        text for text in federation.remarks if text.endswith(SKIPPED_MEMBERS)
    ]
    return f"; {some(remarks_on_filters, _NAMED)}" if remarks_on_filters else ""


def _over(entity: EntityDescriptor, ended: float) -> MetadataExpired:
    return MetadataExpired(
        f"the metadata of the hub '{entity.entity_id}' expired at"
        f" {write_instant(ended)}, and the time here is"
        f" {write_instant(clock.now())}; ask {entity.whom_to_ask} for newer"
        " metadata"
    )


def require(own: Own, federation: Membership, entity_id: str) -> None:
    """Raise as :func:`hub`, BindingMissing or AlgorithmMissing if logins would fail."""
    entity, role = hub(federation, entity_id)
    if role.single_sign_on(bindings.REDIRECT, bindings.POST) is None:
        raise BindingMissing(
            f"the hub '{entity_id}' accepts no AuthnRequest by Redirect or POST"
            f" (SingleSignOnService: {bindings_of(role.single_sign_ons)}); ask"
            f" {entity.whom_to_ask} for metadata with one"
        )
    resolvers = role.artifact_resolutions
    if own.acs == "artifact" and bindings.SOAP not in {e.binding for e in resolvers}:
        # DigiD has no other binding.
        by_post = bindings.POST in own.profile.response_bindings
        cure = "write 'acs = post', or " if by_post else ""
        raise BindingMissing(
            f"the hub '{entity_id}' resolves no artifacts over SOAP"
            f" (ArtifactResolutionService: {bindings_of(resolvers)}), but 'acs' is"
            f" 'artifact'; {cure}ask {entity.whom_to_ask} for metadata with one"
        )
    try:
        suited(own.key, *entity.algorithms(role))
    except AlgorithmMissing as error:
        raise AlgorithmMissing(f"the hub '{entity_id}': {error}") from error


def remarks(own: Own, federation: Membership, hubs: Sequence[str]) -> Iterator[Remark]:
    """Remarks on all members, and on our peers."""
    yield from _on_members(federation)
    if own.role == HUB:
        for entity in federation.entities:
            if entity.service_provider is not None:
                yield from _out_of_time(own, entity, entity.service_provider)
        return
    for name in hubs:
        entity, role = hub(federation, name)
        yield from _on_logout(entity, role)
        yield from _out_of_time(own, entity, role)


def _on_members(federation: Membership) -> Iterator[Remark]:
    texts = [
        *(f"left out ({e.code}): {e}" for e in federation.left_out.values()),
        *federation.remarks,
    ]
    for text in first_of(texts, _MOST_SHOWN):
        yield Remark("federation", METADATA_PASSED_OVER, text)


def _on_logout(entity: EntityDescriptor, role: IdentityProvider) -> Iterator[Remark]:
    logout_bindings = (bindings.REDIRECT, bindings.POST, bindings.SOAP)
    if role.single_logout(*logout_bindings) is None:
        text = (
            f"single logout is impossible: the hub '{entity.entity_id}' accepts no"
            " LogoutRequest (SingleLogoutService:"
            f" {bindings_of(role.single_logouts)}), so a visitor who logs out here"
            f" stays logged in there; ask {entity.whom_to_ask} for metadata with"
            " one"
        )
        yield Remark("hub", LOGOUT_IMPOSSIBLE, text)


def endings(federation: Membership, hubs: Sequence[str]) -> Iterator[Expiry]:
    """The end of the last certificate of each of our hubs."""
    for name in hubs:
        entity, role = hub(federation, name)
        ask = f"ask {entity.whom_to_ask} for new metadata"
        subject = f"a certificate of '{name}'"
        yield Expiry("federation", "signing", subject, _last_end(role), name, ask)


def participant_ending(own: Own, entity: EntityDescriptor) -> Expiry | None:
    """The end of a participant's last certificate; None for other roles."""
    role = entity.service_provider
    if role is None:
        return None
    ask = f"ask {entity.whom_to_ask} for new metadata"
    subject = f"a certificate of '{entity.entity_id}'"
    # As DigiD, count the first certificate only (DigiD 4).
    first = role.signing_certificates[
        : 1 if own.profile.uses_first_certificate else None
    ]
    ends = max(map(certificate_ends, first), default=math.inf)
    return Expiry("federation", "signing", subject, ends, entity.entity_id, ask)


def _last_end(role: Role) -> float:
    return max(map(certificate_ends, role.signing_certificates), default=math.inf)


def _out_of_time(own: Own, entity: EntityDescriptor, role: Role) -> Iterator[Remark]:
    # As DigiD, count the first certificate only (DigiD 4).
    is_refused = own.role == HUB and own.profile.uses_first_certificate
    refused = role.signing_certificates[:1] if is_refused else ()
    last = _last_end(role)
    for text in dict.fromkeys(role.signing_certificates):
        begins, ends = certificate_begins(text), certificate_ends(text)
        now = clock.now()
        is_soon = ends == last and ends < now + SOON
        if begins <= now <= ends and not is_soon:
            continue
        if ends < now:
            when, code = ends_in_words(ends), CERTIFICATE_EXPIRED
        elif begins > now:
            when = f"is not valid before {write_instant(begins)}"
            code = CERTIFICATE_BEGINS
        else:
            when, code = ends_in_words(ends), CERTIFICATE_ENDS
        consequence = (
            "as DigiD does, this hub rejects its messages with status 404"
            if text in refused
            else (
                "eilogin trusts its key, because the metadata names it, but DigiD and"
                " some others reject such a certificate"
            )
        )
        remark = (
            f"a certificate of '{entity.entity_id}' {when}: {consequence}; ask"
            f" {entity.whom_to_ask} for new metadata"
        )
        yield Remark("federation", code, remark)
