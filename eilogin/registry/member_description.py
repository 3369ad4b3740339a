"""Describe in words what a member requests, for the person who decides on it."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from eilogin.config import is_loopback
from eilogin.errors import AlgorithmMissing, MalformedMessage
from eilogin.registry.registry_members import RegistryMember
from eilogin.registry.similar_members import hosts_of, likenesses
from eilogin.saml.bindings import POST, REDIRECT, SOAP
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import (
    ENTITY_CATEGORY,
    Endpoint,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.printable_text import first_of, printable, short
from eilogin.saml.safe_xml import q
from eilogin.saml.signing_keys import certificate_begins, certificate_ends, fingerprints
from eilogin.saml.xml_encryption import require_common

#: Names in one network (RFC 6762, ICANN).
_INTERNAL = (".local", ".internal")

_MOST = 20
#: Characters of a text.
_LONGEST = 200


def description_lines(
    member: RegistryMember, other_members: Iterable[RegistryMember]
) -> Iterator[str]:
    """Describe a member and its requests, and compare it with ``other_members``."""
    remarks = first_of(member.remarks, _MOST)
    # Last, so that no text of the member moves them out of sight.
    notes = (*remarks, *_lacking(member), *likenesses(member, other_members))
    repairs = first_of(member.repairs, _MOST)
    lines = (
        *_member_lines(member),
        *(f"mended        {text}" for text in repairs),
        *(f"note          {text}" for text in notes),
    )
    # Its words may neither look like ours nor move them.
    return map(printable, lines)


def _member_lines(member: RegistryMember) -> Iterator[str]:
    descriptor = member.descriptor
    yield f"entityID      {descriptor.entity_id}"
    for language, name in descriptor.names.items():
        yield f"name          {_cut(name)} ({_cut(language)})"
    for language, text in descriptor.descriptions.items():
        yield f"              {_cut(text)} ({_cut(language)})"
    for contact in first_of([*_contacts(member)], _MOST):
        yield f"contact       {contact}"
    if descriptor.valid_until is not None:
        ends = write_instant(descriptor.valid_until)
        yield f"valid until   {ends}: add newer metadata before that time"
    # Without a limit: the last may be the one that matters.
    for category in sorted(descriptor.entity_categories):
        yield f"category      {_cut(category)}"
    yield from _attribute_lines(member)
    for role in member.roles:
        yield from _role_lines(role)


def _attribute_lines(member: RegistryMember) -> Iterator[str]:
    path = "/".join(map(q, ("md:Extensions", "mdattr:EntityAttributes")))
    for attribute in member.element.iterfind(f"{path}/{q('saml:Attribute')}"):
        name = attribute.get("Name", "")
        if name != ENTITY_CATEGORY:
            values = " ".join(" ".join(attribute.itertext()).split())
            yield f"says          {_cut(name)} = {_cut(values)}"


def _role_lines(role: Role) -> Iterator[str]:
    if isinstance(role, IdentityProvider):
        yield "AS A HUB      participants accept its logins of citizens"
        yield from _addresses("login", role.single_sign_ons)
        yield from _addresses("artifact", role.artifact_resolutions)
        for scope in sorted(role.scopes or ()):
            yield f"  scope       {_cut(scope)}"
    if isinstance(role, ServiceProvider):
        yield "AS A PARTICIPANT"
        yield from _addresses("answers", role.assertion_consumers)
    yield from _addresses("logout", role.single_logouts)
    yield from _keys("signing", role.signing_certificates)
    yield from _keys("encryption", role.encryption_certificates)
    if isinstance(role, ServiceProvider):
        attributes = [
            _cut(name) + (" (required)" if name in service.required else "")
            for service in role.attribute_services
            for name in service.requested
        ]
        for attribute in dict.fromkeys(attributes):
            yield f"  attribute   {attribute}"


def _addresses(label: str, endpoints: Iterable[Endpoint]) -> Iterator[str]:
    for endpoint in endpoints:
        for location in dict.fromkeys((endpoint.location, endpoint.for_answers)):
            yield f"  {label:<12}{location}  ({short(endpoint.binding)})"


def _keys(use: str, certificates: Iterable[str]) -> Iterator[str]:
    for text in certificates:
        try:
            begins, ends = certificate_begins(text), certificate_ends(text)
            period = f"{write_instant(begins)[:10]} to {write_instant(ends)[:10]}"
            yield f"  {use:<12}{fingerprints(text)}"
            yield f"              its certificate is valid from {period}"
        except MalformedMessage:
            yield f"  {use:<12}{text}"


def _contacts(member: RegistryMember) -> Iterator[str]:
    for contact in member.descriptor.contacts:
        details = (contact.company, contact.email, contact.telephone)
        yield " ".join([f"{contact.kind}:", *(_cut(text) for text in details if text)])


def _lacking(member: RegistryMember) -> Iterator[str]:
    for role in member.roles:
        if not role.single_logout(SOAP, REDIRECT, POST):
            yield (
                "it has no address for a logout, so a logout elsewhere does not reach"
                " it"
            )
    participant = member.descriptor.service_provider
    if participant and participant.encryption_keys:
        try:
            require_common(participant.encryption_methods)
        except AlgorithmMissing as error:
            yield f"a hub that encrypts cannot log visitors in there: {error}"
    contacts = member.descriptor.contacts
    if not any(contact.email or contact.telephone for contact in contacts):
        yield "it has no contact (ContactPerson)"
    yield from _called_by_servers(member)
    hosts = hosts_of(member)
    if len(hosts) > 1:
        yield f"its addresses are at {len(hosts)} hosts: {', '.join(sorted(hosts))}"


def _called_by_servers(member: RegistryMember) -> Iterator[str]:
    hosts = {
        urlsplit(location).hostname or ""
        for role in member.roles
        for endpoint in (
            *role.single_logouts,
            *getattr(role, "artifact_resolutions", ()),
        )
        if endpoint.binding == SOAP
        for location in (endpoint.location, endpoint.for_answers)
    }
    for host in sorted(filter(_is_inside, hosts)):
        yield (
            f"other servers call it at {host} (SOAP), which is an internal address;"
            " check that they belong there"
        )


def _is_inside(host: str) -> bool:
    """Whether a host is private, link-local, or a name of one network."""
    try:
        address = ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        is_here = is_loopback(name)
        return not is_here and ("." not in name or name.endswith(_INTERNAL))
    return not address.is_global and not address.is_loopback


def _cut(text: str) -> str:
    return text[:_LONGEST]
