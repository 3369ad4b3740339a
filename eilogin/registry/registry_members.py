"""A member as the operator keeps it: its own metadata, without claims of the operator.

The XML stays the member's own, with content that eilogin does not read. eilogin removes
its signature (proof only on arrival), cache duration, registrar, publisher, and the
attributes of an operator.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property

from lxml import etree

from eilogin.errors import MalformedMessage, MetadataUnusable, PeerUnusable, Refused
from eilogin.registry.metadata_repair import fault_of, fault_of_logo, repair
from eilogin.saml.bindings import ARTIFACT, POST, REDIRECT
from eilogin.saml.metadata import (
    OURS,
    Endpoint,
    EntityDescriptor,
    FederationMetadata,
    Role,
    read_unsigned,
)
from eilogin.saml.printable_text import printable
from eilogin.saml.safe_xml import DS, MD, METADATA, in_full, parse, q, serialize

VALID = "; ask its administrator for metadata that is valid by the schemas of SAML"

#: Bytes of one member.
LONGEST = 1024 * 1024
#: A margin for what signing adds: one member must not make the file too large.
_LIMITS = replace(
    METADATA, depth=METADATA.depth - 1, attributes=METADATA.attributes - 5
)

_MEMBERS = (q("md:EntityDescriptor"), q("md:EntitiesDescriptor"))
_EXTENSIONS = q("md:Extensions")
_ATTRIBUTES = q("mdattr:EntityAttributes")
_MDRPI = "{urn:oasis:names:tc:SAML:metadata:rpi}*"

#: Attributes, and elements with a text.
_LINKS_IN = ("Location", "ResponseLocation", "errorURL")
_LINKS = (
    q("mdui:InformationURL"),
    q("mdui:PrivacyStatementURL"),
    q("mdui:Logo"),
    q("md:OrganizationURL"),
    q("md:AdditionalMetadataLocation"),
)
_SAFE = re.compile(r"\s*https?://", re.IGNORECASE)
#: A browser may run these, or show them as a page.
_SCRIPT = re.compile(r"(javascript|vbscript|data):", re.IGNORECASE)
#: A browser ignores these before and within a scheme.
_IGNORED = re.compile(r"[\x00-\x20]+")
#: Prose, which nobody links.
_PROSE = (
    *map(q, ("mdui:DisplayName", "mdui:Description", "mdui:Keywords")),
    *map(q, ("md:ServiceName", "md:ServiceDescription", "md:OrganizationName")),
    *map(q, ("md:OrganizationDisplayName", "md:Company", "md:GivenName")),
    q("md:SurName"),
)

#: Characters of a line of a certificate (RFC 7468 2), and of a file name.
_LINE, _LONGEST_NAME = 64, 80

_HEAD = re.compile(rb"\s*<!--(.*?)-->", re.DOTALL)


@dataclass(frozen=True, eq=False)
class RegistryMember:
    """A member, or a candidate."""

    #: Read-only.
    element: etree._Element
    descriptor: EntityDescriptor
    note: str = ""
    #: Parts that eilogin skips.
    remarks: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    @property
    def entity_id(self) -> str:
        """The entityID."""
        return self.descriptor.entity_id

    @cached_property
    def fault(self) -> str:
        """The reason for which strict products would reject the federation, or ""."""
        return fault_of(self.element)

    @property
    def roles(self) -> list[Role]:
        """The roles that eilogin knows."""
        descriptor = self.descriptor
        return [
            role
            for role in (descriptor.identity_provider, descriptor.service_provider)
            if role
        ]

    @property
    def file_name(self) -> str:
        """The file name without suffix, for people."""
        name = re.sub(r"^[a-z]+:/*", "", self.entity_id.lower())
        name = re.sub(r"[^a-z0-9.]+", "-", name).strip(".-")
        return name[:_LONGEST_NAME] or "member"

    def octets(self, note: str) -> bytes:
        """Its file; ``note`` says who added it, when, and the proof."""
        comment = printable(note).replace("--", "- -").rstrip("-")
        return b"<!-- %b -->\n%b\n" % (comment.encode(), serialize(self.element))


def read_member(name: str, octets: bytes, *, on_loopback: bool) -> RegistryMember:
    """Read a member from its metadata, which comes from ``name``.

    If ``on_loopback``, its addresses may be on this machine. Raises MetadataUnusable if
    it is not the metadata of one usable member.
    """
    if len(octets) > LONGEST:
        raise MetadataUnusable(
            f"{name}: has more than {LONGEST} bytes; expected the metadata of one"
            " member"
        )
    try:
        element = parse(octets, _LIMITS)
        _require_single_member(element)
        _clean(element)
        repairs = repair(element)
        etree.indent(element)
        _require_links(element)
        _require_no_scripts(element)
        metadata = _read(element, on_loopback=on_loopback)
    except PeerUnusable as error:
        raise MetadataUnusable(f"{name}: {error}") from error
    except Refused as error:
        reason = in_full(error) if isinstance(error, MalformedMessage) else str(error)
        raise MetadataUnusable(f"{name}: {printable(reason)}") from error
    (descriptor,) = metadata.entities
    _require_use(name, descriptor)
    note = _HEAD.match(octets)
    note_text = note[1].decode().strip() if note else ""
    return RegistryMember(element, descriptor, note_text, metadata.remarks, repairs)


def _read(element: etree._Element, *, on_loopback: bool) -> FederationMetadata:
    try:
        return read_unsigned(serialize(element), on_loopback=on_loopback)
    except (PeerUnusable, MalformedMessage) as error:
        fault = fault_of(element)
        if not fault:
            raise
        # Only this error has the original line.
        raise PeerUnusable(f"{fault}{VALID}") from error


def _require_single_member(element: etree._Element) -> None:
    if element.tag != q("md:EntityDescriptor"):
        name = etree.QName(element).localname[:40]
        raise MalformedMessage(
            f"found '{name}'; expected an EntityDescriptor: the SAML metadata of one"
            " member"
        )
    inner_tags = (inner.tag for inner in element.iterdescendants(*_MEMBERS))
    if inner_tag := next(inner_tags, None):
        # A search at any depth would find another member.
        raise MalformedMessage(
            f"found '{etree.QName(inner_tag).localname}' inside it; expected the"
            " metadata of one member alone"
        )


def _require_links(element: etree._Element) -> None:
    """Reject links that are no web addresses, even unread: one could run a script."""
    for part in element.iter():
        links = [text for name in _LINKS_IN if (text := part.get(name)) is not None]
        if part.tag in _LINKS:
            links.append(part.text or "")
        for link in links:
            is_logo = part.tag == q("mdui:Logo") and not fault_of_logo(link)
            if not is_logo and not _SAFE.match(link):
                raise MalformedMessage(
                    f"its {etree.QName(part).localname} is not a web address:"
                    f" {link[:_LONGEST_NAME]!a}; expected http or https"
                )


def _require_no_scripts(element: etree._Element) -> None:
    """Reject the address of a script, or of an embedded page, anywhere."""
    for part in element.iter():
        texts = [*map(str, part.attrib.values())]
        if part.tag not in _PROSE and part.tag != q("mdui:Logo"):
            texts.append(part.text or "")
        for text in texts:
            if ":" in text and _SCRIPT.match(_IGNORED.sub("", text)):
                raise MalformedMessage(
                    f"line {part.sourceline}: {etree.QName(part).localname} has an"
                    " address that a browser would execute:"
                    f" {text[:_LONGEST_NAME]!a}; expected https, or none. Ask its"
                    " administrator"
                )


def _require_use(name: str, descriptor: EntityDescriptor) -> None:
    hub, participant = descriptor.identity_provider, descriptor.service_provider
    missing = ""
    if hub is None and participant is None:
        missing = "a role of SAML 2.0 (SPSSODescriptor or IDPSSODescriptor)"
    if participant and not _has(participant.assertion_consumers, POST, ARTIFACT):
        missing = "an AssertionConsumerService by HTTP-POST or HTTP-Artifact"
    if hub and not _has(hub.single_sign_ons, REDIRECT, POST):
        missing = "a SingleSignOnService by HTTP-Redirect or HTTP-POST"
    if missing:
        raise MetadataUnusable(
            f"{name}: the metadata of '{descriptor.entity_id}' lacks {missing}; ask"
            " its administrator for metadata with one"
        )


def _has(endpoints: tuple[Endpoint, ...], *bindings: str) -> bool:
    return any(endpoint.binding in bindings for endpoint in endpoints)


# --- claims of the operator -----------------------------------------------------------


def _clean(element: etree._Element) -> None:
    """Remove claims that are not the member's, and lay out certificates."""
    for signature in list(element.iter(q("ds:Signature"))):
        signature.getparent().remove(signature)
    for part in element.iter(f"{{{MD}}}*", f"{{{DS}}}*"):
        # IDs must be unique in the signed file.
        for name in ("ID", "Id", "cacheDuration"):
            part.attrib.pop(name, None)
    element.set("entityID", element.get("entityID", "").strip())
    for extensions in element.findall(_EXTENSIONS):
        _clean_extensions(extensions)
        if not len(extensions):
            element.remove(extensions)
    for certificate in element.iter(q("ds:X509Certificate")):
        text = "".join((certificate.text or "").split())
        lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
        certificate.text = "\n".join(["", *lines, ""])


def _clean_extensions(extensions: etree._Element) -> None:
    for claim in extensions.findall(_MDRPI):
        extensions.remove(claim)
    for attributes in extensions.findall(_ATTRIBUTES):
        for attribute in list(attributes):
            if attribute.tag != q("saml:Attribute") or _is_ours(attribute):
                attributes.remove(attribute)
        if not len(attributes):
            extensions.remove(attributes)


def _is_ours(attribute: etree._Element) -> bool:
    name: str = attribute.get("Name", "")
    return name.strip().lower().startswith(OURS)
