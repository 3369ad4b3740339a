"""Repair faults in a member's metadata that would shut out other members.

Some products refuse a whole aggregate for one member: Shibboleth for an empty
``ServiceName``, validating products for any schema error. So eilogin repairs a member
without loss of meaning, and reports each change with its line. :func:`fault_of`
validates the rest.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy

from lxml import etree

from eilogin import logos
from eilogin.errors import MalformedMessage
from eilogin.saml.metadata import IDPDISC
from eilogin.saml.printable_text import printable
from eilogin.saml.safe_xml import ALG, DS, MD, MDATTR, MDUI, XML, XS, q, validate

_Report = Callable[[etree._Element, str], None]  # noqa: SLF001 - it has no other name

_HOLDER_OF_KEY = "urn:oasis:names:tc:SAML:2.0:profiles:holder-of-key:SSO:browser"
_INIT = "urn:oasis:names:tc:SAML:profiles:SSO:request-init"
#: Validated here.
_KNOWN = {DS, MD, MDUI, MDATTR, ALG, IDPDISC, _INIT}
#: From other namespaces, validated too.
_KNOWN_ELEMENTS = (
    *map(q, ("saml:Attribute", "saml:AttributeValue", "shibmd:Scope")),
    *map(q, ("xenc:KeySize", "xenc:OAEPparams", "xenc11:MGF")),
)
#: Readers may have a schema that eilogin lacks.
_STANDARD = (
    "urn:oasis:names:tc:",
    "urn:mace:shibboleth:",
    "http://www.w3.org/",
    "http://schemas.xmlsoap.org/",
    "http://docs.oasis-open.org/",
)

#: Removed without a report.
_SILENT = (
    *map(q, ("xml:id", "xml:base", "xml:space")),
    *map(q, ("xsi:schemaLocation", "xsi:noNamespaceSchemaLocation", "xsi:nil")),
)
_FLAGS = frozenset(("true", "false", "0", "1"))

#: Each needs ``xml:lang``.
_LOCALIZED = (
    *map(q, ("md:OrganizationName", "md:OrganizationDisplayName")),
    *map(q, ("md:OrganizationURL", "md:ServiceName", "md:ServiceDescription")),
    *map(q, ("mdui:DisplayName", "mdui:Description", "mdui:Keywords")),
    *map(q, ("mdui:InformationURL", "mdui:PrivacyStatementURL")),
)
_WITH_TEXT = (
    *_LOCALIZED,
    *map(q, ("md:Company", "md:GivenName", "md:SurName", "md:EmailAddress")),
    *map(q, ("md:TelephoneNumber", "md:NameIDFormat", "md:AttributeProfile")),
    *map(q, ("md:AdditionalMetadataLocation", "md:AffiliateMember", "mdui:Logo")),
    *map(q, ("mdui:IPHint", "mdui:DomainHint", "mdui:GeolocationHint")),
    *map(q, ("shibmd:Scope", "xenc:KeySize", "xenc:OAEPparams")),
)
_BASE64 = tuple(
    map(q, ("ds:X509Certificate", "ds:X509SKI", "ds:X509CRL", "xenc:OAEPparams"))
)
#: They hold others, and must not be empty.
_CONTAINERS = (
    *map(q, ("md:Extensions", "mdattr:EntityAttributes", "ds:X509Data")),
    *map(q, ("ds:KeyValue", "ds:KeyInfo", "md:KeyDescriptor")),
)
#: Without a part in login and logout.
_OTHER_ROLES = (
    "md:AuthnAuthorityDescriptor",
    "md:AttributeAuthorityDescriptor",
    "md:PDPDescriptor",
)
_ORDER: Mapping[str, int] = {
    q(name): place
    for place, names in enumerate(
        (
            "md:Extensions",
            " ".join(("md:IDPSSODescriptor", "md:SPSSODescriptor", *_OTHER_ROLES)),
            "md:KeyDescriptor",
            "md:Organization",
            "md:ContactPerson",
            "md:AdditionalMetadataLocation",
            "md:ArtifactResolutionService",
            "md:SingleLogoutService",
            "md:ManageNameIDService",
            "md:NameIDFormat",
            "md:SingleSignOnService",
            "md:NameIDMappingService",
            "md:AssertionIDRequestService",
            "md:AttributeProfile",
            "saml:Attribute",
            "md:AssertionConsumerService",
            "md:AttributeConsumingService",
            "md:ServiceName md:OrganizationName md:Company ds:KeyInfo",
            "md:ServiceDescription md:OrganizationDisplayName md:GivenName",
            "md:RequestedAttribute md:OrganizationURL md:SurName md:EncryptionMethod",
            "md:EmailAddress",
            "md:TelephoneNumber",
        )
    )
    for name in names.split()
}
_ORDERED = (
    *map(q, ("md:EntityDescriptor", "md:IDPSSODescriptor", "md:SPSSODescriptor")),
    *map(q, ("md:KeyDescriptor", "md:AttributeConsumingService", "md:Organization")),
    q("md:ContactPerson"),
)
_OF_ORGANIZATION = _LOCALIZED[:3]

_LANGUAGE = q("xml:lang")
#: Without a language (BCP 47).
_UNDETERMINED = "und"
_CONTACTS = ("technical", "support", "administrative", "billing", "other")

_URI_ATTRIBUTES = frozenset(
    (
        *("Binding", "Location", "ResponseLocation", "errorURL", "Algorithm"),
        *("NameFormat", "namespace", "entityID", "affiliationOwnerID"),
    )
)
_URI_TEXTS = (
    *map(q, ("md:NameIDFormat", "md:AttributeProfile", "md:EmailAddress")),
    *map(q, ("md:OrganizationURL", "md:AdditionalMetadataLocation")),
    *map(q, ("mdui:InformationURL", "mdui:PrivacyStatementURL", "mdui:Logo")),
    q("mdui:GeolocationHint"),
)
#: With an authority or a path.
_URI = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:|(?![^/?#]*:))"
    r"(//(?:[\w.~!$&'()*+,;=:-]*@)?(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)?"
    r"((?:[^\x00-\x1f\x7f\[\]%#]|%[0-9a-f]{2})*)"
    r"(?:#(?:[^\x00-\x1f\x7f\[\]%#]|%[0-9a-f]{2})*)?",
    re.IGNORECASE,
)

#: In errors of :func:`validate`, and of libxml2.
_LINE, _BRACES = re.compile(r"at line (\d+)"), re.compile(r"\{[^{}]*\}")
_LONGEST_REASON, _LONGEST_SHOWN = 500, 100

#: Other products show these; with their first bytes.
_OTHER_IMAGE = re.compile(r"data:image/(jpeg|gif);base64,", re.IGNORECASE)
_MAGIC = {"jpeg": b"\xff\xd8\xff", "gif": b"GIF8"}


def repair(element: etree._Element) -> tuple[str, ...]:
    """Repair an ``md:EntityDescriptor`` for strict products; return the changes."""
    changes: list[str] = []

    def report(part: etree._Element, text: str) -> None:
        name = etree.QName(part).localname
        changes.append(f"line {part.sourceline}: {name} {text}")

    for work in (
        _drop_foreign_roles,
        _drop_unknown_extensions,
        _repair_attributes,
        _repair_texts,
        _repair_base64,
        _drop_bad_endpoints,
        _drop_bad_logos,
        _repair_services,
        _drop_half_organizations,
        _drop_empty,
        _put_into_order,
        _drop_broken_roles,
    ):
        work(element, report)
    return tuple(changes)


def fault_of(element: etree._Element) -> str:
    """The fault for which strict products reject repaired metadata, or ""."""
    try:
        validate(element, "publication")
    except MalformedMessage as error:
        place = _LINE.search(str(error))
        reason = _BRACES.sub("", error.parser_said or str(error)).rstrip(".")
        return (
            f"line {place[1] if place else '?'}: {printable(reason[:_LONGEST_REASON])}"
        )
    for part in element.iter():
        for name, address in _addresses_in(part):
            if not is_uri(address):
                shown = ascii(address)[:_LONGEST_SHOWN]
                return f"line {part.sourceline}: {name}: {shown} is not a URI"
    return ""


def _addresses_in(part: etree._Element) -> Iterator[tuple[str, str]]:
    name = etree.QName(part).localname
    for attribute, value in part.items():
        if attribute in _URI_ATTRIBUTES:
            yield f"{name}, {attribute}", value
        elif attribute == "protocolSupportEnumeration":
            for protocol in value.split() or [""]:
                yield f"{name}, {attribute}", protocol
    if part.tag in _URI_TEXTS:
        yield name, part.text or ""


def is_uri(text: str) -> bool:
    """Whether a text is a strict URI (RFC 3986): libxml2 accepts more."""
    match = _URI.fullmatch(" ".join(text.split()))
    return match is not None and bool(match[1] or match[2])


def fault_of_logo(text: str) -> str:
    """The fault of a ``data:`` logo, or "" for a small still image without script."""
    match = _OTHER_IMAGE.match(text)
    if match is None:
        return logos.fault_of(text)
    try:
        octets = base64.b64decode("".join(text[match.end() :].split()), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    kind = match[1].lower()
    is_one = octets.startswith(_MAGIC[kind]) and len(octets) <= logos.MOST
    kilobytes = logos.MOST // 1024
    return "" if is_one else f"it is not a {kind.upper()} of at most {kilobytes} KiB"


def _drop(part: etree._Element, why: str, report: _Report) -> None:
    report(part, f"was removed: {why}")
    part.getparent().remove(part)


def _inside(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    yield from list(element.iterdescendants(*names))


def _is_blank(part: etree._Element) -> bool:
    return not len(part) and not (part.text or "").strip()


# --- content that not all products know -----------------------------------------------


def _drop_foreign_roles(element: etree._Element, report: _Report) -> None:
    """Drop roles of other protocols, such as AD FS, whose schemas no reader has."""
    for role in _inside(element, q("md:RoleDescriptor")):
        role_type = role.get(q("xsi:type"), "none")
        _drop(role, f"no SAML schema knows its type ({role_type})", report)


def _drop_unknown_extensions(element: etree._Element, report: _Report) -> None:
    """Drop elements for which a reader may have a schema, and eilogin has none."""
    for part in list(element):
        namespace = etree.QName(part).namespace or ""
        is_known = namespace in _KNOWN or part.tag in _KNOWN_ELEMENTS
        if not is_known and namespace.startswith(_STANDARD):
            _drop(part, f"eilogin cannot validate {namespace}", report)
        else:
            _drop_unknown_extensions(part, report)


def _repair_attributes(element: etree._Element, report: _Report) -> None:
    """Drop attributes without meaning here, such as ``xml:id`` (must be unique)."""
    for part in element.iter():
        for name in list(part.attrib):
            if _is_odd(part, name):
                value = part.attrib.pop(name)
                if name not in _SILENT:
                    local = etree.QName(name).localname
                    report(part, f"lost its {local}, which was {value[:80]!a}")


def _is_odd(part: etree._Element, name: str) -> bool:
    namespace = etree.QName(name).namespace or ""
    if name == q("xsi:type") and part.tag == q("saml:AttributeValue"):
        return not _is_simple(part, name)
    if name == _LANGUAGE or namespace == _HOLDER_OF_KEY:
        return False
    return namespace == XML or namespace.startswith(_STANDARD)


def _is_simple(value: etree._Element, name: str) -> bool:
    prefix = value.get(name, "").strip().rpartition(":")[0]
    return bool(value.nsmap.get(prefix or None) == XS)


def _drop_bad_endpoints(element: etree._Element, report: _Report) -> None:
    """Drop endpoints in extensions that break their schema, which eilogin lacks."""
    names = f"{{{IDPDISC}}}*", f"{{{_INIT}}}*"
    for part in _inside(element, *names):
        is_indexed = part.tag.startswith(f"{{{IDPDISC}}}")
        allowed = {"Binding", "Location", "ResponseLocation"}
        allowed |= {"index", "isDefault"} if is_indexed else set()
        index = part.get("index", "" if is_indexed else "0").strip()
        is_sound = (
            {"Binding", "Location"} <= set(part.attrib) <= allowed
            and re.fullmatch(r"\d{1,5}", index, re.ASCII)
            and part.get("isDefault", "0").strip() in _FLAGS
            and _is_blank(part)
        )
        if is_sound:
            part.text = None
        else:
            _drop(part, "it does not have the form of an endpoint", report)
    for part in _inside(element, q("shibmd:Scope")):
        # A reader with the schema would add this default to the signed element.
        part.set("regexp", part.get("regexp", "false"))
        is_flag = part.get("regexp").strip() in _FLAGS
        if len(part) or len(part.attrib) > 1 or not is_flag:
            _drop(part, "it has more than a text and regexp true or false", report)


# --- texts ----------------------------------------------------------------------------


def _repair_texts(element: etree._Element, report: _Report) -> None:
    for part in _inside(element, *_WITH_TEXT):
        if not len(part):
            part.text = (part.text or "").strip()
        if _is_blank(part):
            _drop(part, "it has no text", report)
        elif part.tag in _LOCALIZED and not part.get(_LANGUAGE, "").strip():
            report(part, f"had no xml:lang and now has '{_UNDETERMINED}'")
            part.set(_LANGUAGE, _UNDETERMINED)
    for part in _inside(element, q("md:ContactPerson")):
        contact_type = part.get("contactType", "")
        if contact_type not in _CONTACTS:
            report(part, f"has contactType 'other' now, not {contact_type[:40]!a}")
            part.set("contactType", "other")


def _repair_base64(element: etree._Element, report: _Report) -> None:
    """Drop certificates and the like that are not base64; libxml2 accepts them."""
    for part in _inside(element, *_BASE64):
        text = "".join((part.text or "").split())
        try:
            octets = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            _drop(part, "it is not base64", report)
            continue
        # Unused bits may be set.
        if base64.b64encode(octets).decode() != text:
            part.text = base64.b64encode(octets).decode()


def _drop_bad_logos(element: etree._Element, report: _Report) -> None:
    for logo in _inside(element, q("mdui:Logo")):
        sizes = [logo.get(name, "").strip() for name in ("width", "height")]
        if not all(re.fullmatch(r"0*[1-9]\d{0,5}", size, re.ASCII) for size in sizes):
            _drop(logo, "it lacks a width and height in pixels", report)
        elif logo.text.lower().startswith("data:"):
            if fault := fault_of_logo(logo.text):
                _drop(logo, fault, report)
            elif not is_uri(logo.text):
                report(logo, "is in base64 now, because its address was not a URI")
                logo.text = logos.shown(logo.text)


def _repair_services(element: etree._Element, report: _Report) -> None:
    """Name each AttributeConsumingService, and drop those without attributes."""
    for attribute in _inside(element, q("saml:Attribute"), q("md:RequestedAttribute")):
        if not attribute.get("Name", "").strip():
            _drop(attribute, "it has no Name", report)
    names = [display_name.text for display_name in element.iter(q("mdui:DisplayName"))]
    name = next(iter(names), None) or element.get("entityID", "")
    for service in _inside(element, q("md:AttributeConsumingService")):
        if service.find(q("md:RequestedAttribute")) is None:
            _drop(service, "it asks for no attribute", report)
        elif service.find(q("md:ServiceName")) is None:
            report(service, f"had no ServiceName and now has {name[:80]!a}")
            service_name = etree.Element(
                q("md:ServiceName"), {_LANGUAGE: _UNDETERMINED}
            )
            service_name.text = name
            service.insert(0, service_name)


def _drop_half_organizations(element: etree._Element, report: _Report) -> None:
    for organization in _inside(element, q("md:Organization")):
        missing = [name for name in _OF_ORGANIZATION if organization.find(name) is None]
        if missing:
            named = ", ".join(etree.QName(name).localname for name in missing)
            _drop(organization, f"it lacks {named}", report)


def _drop_empty(element: etree._Element, report: _Report) -> None:
    for part in reversed(list(element.iterdescendants())):
        is_leaf = etree.QName(part).namespace == DS and not part.attrib
        if (is_leaf or part.tag in _CONTAINERS) and _is_blank(part):
            _drop(part, "it is empty", report)


# --- the whole ------------------------------------------------------------------------


def _put_into_order(element: etree._Element, report: _Report) -> None:
    for part in list(element.iter(*_ORDERED)):
        places = [_ORDER.get(child.tag, -1) for child in part]
        if -1 not in places and places != sorted(places):
            report(part, "has its elements in the order of the schema now")
            part[:] = sorted(part, key=lambda child: _ORDER[child.tag])


def _drop_broken_roles(element: etree._Element, report: _Report) -> None:
    for role in _inside(element, *map(q, _OTHER_ROLES)):
        alone = etree.Element(q("md:EntityDescriptor"), {"entityID": "x"})
        alone.append(deepcopy(role))
        if fault := fault_of(alone):
            _drop(role, f"it is not valid: {fault.partition(': ')[2]}", report)
