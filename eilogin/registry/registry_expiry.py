"""Dates of expiry in a federation: certificates, metadata, the signature."""

from collections.abc import Iterable, Iterator

from eilogin.errors import ConfigurationError, MalformedMessage
from eilogin.federation.members.expiry_alarms import Expiry
from eilogin.registry.metadata_signing import last_signed
from eilogin.registry.operator_keys import operator_certificate_ends
from eilogin.registry.registry_folder import Folder
from eilogin.registry.registry_members import RegistryMember
from eilogin.saml.metadata import IdentityProvider
from eilogin.saml.signing_keys import certificate_ends
from eilogin.shell_quoting import typed


def endings_of(folder: Folder) -> Iterator[Expiry]:
    """The expiries of the federation; ``verify`` reports unreadable files."""
    yield from _of_operator(folder)
    for member in folder.members.values():
        yield from member_endings(member)


def _of_operator(folder: Folder) -> Iterator[Expiry]:
    try:
        last = last_signed(folder)
    except ConfigurationError:
        last = None
    if last and last.metadata.valid_until is not None:
        cure = (
            f"sign and publish again: {typed('eilogin federation sign', folder.path)}"
        )
        subject = f"the signature in {folder.signed.name}"
        yield Expiry("signed", "signature", subject, last.ends, cure=cure)
    cure = typed("eilogin federation rollover", folder.path)
    subject = f"the operator's certificate {folder.options.certificate.name}"
    ends = operator_certificate_ends(folder)
    yield Expiry("certificate", "certificate", subject, ends, cure=f"see '{cure}'")


def member_endings(member: RegistryMember) -> Iterator[Expiry]:
    """The expiries of a member: metadata, and the last certificate of each use."""
    descriptor = member.descriptor
    ask = f"ask {descriptor.whom_to_ask} for new metadata"
    for role in member.roles:
        kind = "hub" if isinstance(role, IdentityProvider) else "participant"
        uses: dict[float, list[str]] = {}
        for use in ("signing", "encryption"):
            ends = _last(getattr(role, f"{use}_certificates"))
            if ends is not None:
                uses.setdefault(ends, []).append(use)
        for ends, names in uses.items():
            used = " and ".join(names)
            subject = f"the certificate of '{descriptor.entity_id}' ({kind}, {used})"
            yield Expiry(
                "members", f"{kind} {used}", subject, ends, descriptor.entity_id, ask
            )
    if descriptor.valid_until is not None:
        subject = f"the metadata of '{descriptor.entity_id}'"
        yield Expiry(
            "members",
            "metadata",
            subject,
            descriptor.valid_until,
            descriptor.entity_id,
            ask,
        )


def _last(certificates: Iterable[str]) -> float | None:
    ends = []
    for text in certificates:
        try:
            ends.append(certificate_ends(text))
        except MalformedMessage:
            continue
    return max(ends, default=None)
