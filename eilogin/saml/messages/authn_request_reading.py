"""Read an AuthnRequest, which a participant sends to its hub (SAML core 3.4.1)."""

from typing import NamedTuple

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    Parts,
    boolean_attribute,
    index_attribute,
    optional_attribute,
    optional_part,
    parts_of,
    text_attribute,
    texts_of,
    uris_of,
)
from eilogin.saml.messages.message_parts import (
    open_message,
    read_destination,
    read_id,
    read_issued,
    read_issuer,
)
from eilogin.saml.messages.message_values import TRANSIENT, AuthnRequest
from eilogin.saml.safe_xml import q

#: Digits of a limit in seconds.
_IDLE_DIGITS = 5
_COMPARISONS = ("exact", "minimum", "maximum", "better")


def read_authn_request(element: etree._Element) -> AuthnRequest:
    """Read a ``samlp:AuthnRequest`` (SAML core 3.4.1), also what the hub cannot honour.

    The hub must answer those parts: a Subject, AuthnContextDeclRefs, the identifiers of
    another party, and an index beside the URL or binding for which it stands. In
    Scoping only a ProxyCount of 0 is read, and in Extensions only ``act:Ended``.
    """
    parts = open_message(element, "samlp:AuthnRequest")
    issuer = read_issuer(parts)
    context = _read_requested_context(parts)
    name_id_format, sp_name_qualifier = _read_name_id_policy(parts)
    may_create = _read_allow_create(parts)
    return AuthnRequest(
        id=read_id(element),
        issued=read_issued(element),
        issuer=issuer,
        destination=read_destination(element),
        force_authn=boolean_attribute(element, "ForceAuthn"),
        is_passive=boolean_attribute(element, "IsPassive"),
        acs_url=optional_attribute(element, "AssertionConsumerServiceURL"),
        acs_index=index_attribute(element, "AssertionConsumerServiceIndex"),
        protocol_binding=text_attribute(element, "ProtocolBinding"),
        comparison=context.comparison,
        level_classes=context.classes,
        level_declarations=context.declarations,
        name_id_format=name_id_format,
        sp_name_qualifier="" if sp_name_qualifier == issuer else sp_name_qualifier,
        names_subject=optional_part(parts, "saml:Subject") is not None,
        allow_create=may_create,
        asks_for_any_name=may_create
        and not name_id_format
        and q("samlp:NameIDPolicy") in parts,
        provider_name=text_attribute(element, "ProviderName"),
        consumer_service_index=index_attribute(
            element, "AttributeConsumingServiceIndex"
        ),
        is_for_one_alone=_forbids_other_hubs(parts),
        idle_limit=_idle_limit(parts),
    )


def _idle_limit(parts: Parts) -> int:
    # A visitor sees it, so it must be a plain number.
    extensions = optional_part(parts, "samlp:Extensions")
    ended = None if extensions is None else extensions.find(q("act:Ended"))
    text = "" if ended is None else ended.get("Limit", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _IDLE_DIGITS
    return int(text) if is_number else 0


def _read_allow_create(parts: Parts) -> bool:
    policy = optional_part(parts, "samlp:NameIDPolicy")
    if policy is None or policy.get("Format") == TRANSIENT:
        return True
    return boolean_attribute(policy, "AllowCreate")


def _read_name_id_policy(parts: Parts) -> tuple[str, str]:
    policy = optional_part(parts, "samlp:NameIDPolicy")
    if policy is None:
        return "", ""
    return text_attribute(policy, "Format"), text_attribute(policy, "SPNameQualifier")


def _forbids_other_hubs(parts: Parts) -> bool:
    scoping = optional_part(parts, "samlp:Scoping")
    count = "" if scoping is None else scoping.get("ProxyCount", "").strip()
    # The number may have any length, and a sign.
    return bool(count) and not count.strip("+-0")


class _RequestedContext(NamedTuple):
    """A RequestedAuthnContext; by default every class is accepted."""

    comparison: str = "minimum"
    classes: tuple[str, ...] = ()
    declarations: tuple[str, ...] = ()


def _read_requested_context(parts: Parts) -> _RequestedContext:
    requested = optional_part(parts, "samlp:RequestedAuthnContext")
    if requested is None:
        return _RequestedContext()
    # SAML core 3.3.2.2.1.
    comparison = optional_attribute(requested, "Comparison") or "exact"
    context_parts = parts_of(requested)
    classes = uris_of(context_parts, "saml:AuthnContextClassRef")
    declarations = texts_of(context_parts, "saml:AuthnContextDeclRef")
    # SAML core 3.3.2.2.1 allows either classes or declarations.
    if bool(classes) == bool(declarations) or comparison not in _COMPARISONS:
        raise MalformedMessage(
            "a RequestedAuthnContext names no class, or compares in an unknown way"
        )
    return _RequestedContext(comparison, classes, declarations)
