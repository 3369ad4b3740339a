"""Read an Assertion: Subject, Conditions, AuthnStatement, attributes (core 2.3.3)."""

from dataclasses import dataclass, replace

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    MOST_PARTS,
    Parts,
    all_parts,
    bounded,
    instant_attribute,
    optional_attribute,
    parts_of,
    required_attribute,
    required_instant,
    required_part,
    text_attribute,
    uri_of,
    uris_of,
    whole_text,
)
from eilogin.saml.messages.message_parts import (
    decrypted_element,
    open_message,
    read_id,
    read_issued,
    read_issuer,
    read_name_id,
    refuse_unknown,
)
from eilogin.saml.messages.message_values import BEARER, Assertion
from eilogin.saml.safe_xml import q
from eilogin.saml.xml_encryption import Decrypter

#: Characters of a value: a small photograph, or a list in one text.
_LONGEST_VALUE = 32 * 1024
#: Values of one attribute: a visitor may be in many groups.
_MOST_VALUES = 2_000
#: Confirmations of one assertion; each is checked.
_MOST_CONFIRMATIONS = 5
#: Encrypted attributes: each costs several private operations.
_MOST_ENCRYPTED = 20
# Parts that eilogin can check, and Advice, which it may ignore (core 2.6.1). Another
# statement may contradict the login.
_ASSERTION_PARTS = frozenset(
    q(f"saml:{name}")
    for name in (
        "Issuer",
        "Subject",
        "Conditions",
        "Advice",
        "AuthnStatement",
        "AttributeStatement",
    )
) | {q("ds:Signature")}
_ATTRIBUTES = frozenset(map(q, ("saml:Attribute", "saml:EncryptedAttribute")))
# SAML core 2.5.1.1: an unknown condition makes an assertion unusable.
_CONDITIONS = frozenset(
    q(f"saml:{name}")
    for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)
_PROXY_RESTRICTION = q("saml:ProxyRestriction")


def read_assertion(
    element: etree._Element, decrypter: Decrypter | None = None
) -> Assertion:
    """Return the first value of :func:`read_assertions`."""
    return read_assertions(element, decrypter)[0]


def read_assertions(
    element: etree._Element, decrypter: Decrypter | None = None
) -> list[Assertion]:
    """Read a ``saml:Assertion`` (SAML core 2.3.3) of a login by browser.

    Returns one value for each usable SubjectConfirmation, of which one valid one is
    enough (core 2.4.1): of method bearer, with a NotOnOrAfter and no NotBefore
    (profiles 4.1.4.2).

    An absent Recipient or InResponseTo is "", absent audiences are (): the caller
    rejects them. A NameID may be absent, but not empty. Attributes of one Name are
    merged, whatever their NameFormat. If a value is a NameID, its text counts
    (eduPersonTargetedID); nil and other XML are left out. White space around URIs is
    stripped.
    """
    parts = open_message(element, "saml:Assertion")
    refuse_unknown(parts, _ASSERTION_PARTS)
    subject = parts_of(required_part(parts, "saml:Subject"))
    confirmation, *other_confirmations = _read_confirmations(subject)
    conditions = required_part(parts, "saml:Conditions")
    statement = required_part(parts, "saml:AuthnStatement")
    context = parts_of(required_part(parts_of(statement), "saml:AuthnContext"))
    assertion = Assertion(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts, uri_of),
        name_id=read_name_id(subject, decrypter),
        recipient=confirmation.recipient,
        in_response_to=confirmation.in_response_to,
        confirmation_ends=confirmation.ends,
        not_before=instant_attribute(conditions, "NotBefore"),
        not_on_or_after=instant_attribute(conditions, "NotOnOrAfter"),
        audiences=_read_audiences(conditions),
        is_for_us_alone=conditions.find(_PROXY_RESTRICTION) is not None,
        authn_instant=required_instant(statement, "AuthnInstant"),
        session_index=text_attribute(statement, "SessionIndex") or None,
        session_ends=instant_attribute(statement, "SessionNotOnOrAfter"),
        level_class=uri_of(required_part(context, "saml:AuthnContextClassRef")),
        attributes=_read_attributes(parts, decrypter),
    )
    return [assertion, *(each.put_in(assertion) for each in other_confirmations)]


@dataclass(frozen=True, slots=True)
class _Confirmation:
    recipient: str
    in_response_to: str
    ends: float

    def put_in(self, assertion: Assertion) -> Assertion:
        return replace(
            assertion,
            recipient=self.recipient,
            in_response_to=self.in_response_to,
            confirmation_ends=self.ends,
        )


def _read_confirmations(subject: Parts) -> list[_Confirmation]:
    elements = subject.get(q("saml:SubjectConfirmation"), ())
    if not 0 < len(elements) <= _MOST_CONFIRMATIONS:
        raise MalformedMessage(
            f"the Subject has {len(elements)} SubjectConfirmations; expected 1 to"
            f" {_MOST_CONFIRMATIONS}"
        )
    confirmations, faults = [], []
    for each in elements:
        try:
            confirmations.append(_read_confirmation(each))
        except MalformedMessage as fault:
            faults.append(fault)
    if not confirmations:
        raise faults[0]
    return confirmations


def _read_confirmation(element: etree._Element) -> _Confirmation:
    if element.get("Method") != BEARER:
        raise MalformedMessage("the Method of a SubjectConfirmation is not bearer")
    data = required_part(parts_of(element), "saml:SubjectConfirmationData")
    if data.get("NotBefore") is not None:
        raise MalformedMessage(
            "a SubjectConfirmationData has a NotBefore; expected none with the Method"
            " bearer"
        )
    return _Confirmation(
        recipient=optional_attribute(data, "Recipient"),
        in_response_to=optional_attribute(data, "InResponseTo"),
        ends=required_instant(data, "NotOnOrAfter"),
    )


def _read_audiences(conditions: etree._Element) -> tuple[tuple[str, ...], ...]:
    parts = parts_of(conditions)
    refuse_unknown(parts, _CONDITIONS)
    restrictions = all_parts(parts, "saml:AudienceRestriction")
    return tuple(uris_of(parts_of(each), "saml:Audience") for each in restrictions)


def _read_attributes(parts: Parts, decrypter: Decrypter | None) -> dict[str, list[str]]:
    attributes = _attributes_of(parts, decrypter)
    if len(attributes) > MOST_PARTS:
        raise MalformedMessage(f"there are more than {MOST_PARTS} attributes")
    values_by_name: dict[str, list[str]] = {}
    for attribute in attributes:
        values = values_by_name.setdefault(required_attribute(attribute, "Name"), [])
        for value in parts_of(attribute).get(q("saml:AttributeValue"), ()):
            text = _value_text(value)
            if text is not None:
                values.append(bounded(text, _LONGEST_VALUE))
        if len(values) > _MOST_VALUES:
            raise MalformedMessage(f"an attribute has more than {_MOST_VALUES} values")
    return values_by_name


def _attributes_of(parts: Parts, decrypter: Decrypter | None) -> list[etree._Element]:
    children = [
        child
        for statement in all_parts(parts, "saml:AttributeStatement")
        for child in statement.iterchildren("*")
    ]
    tags = [child.tag for child in children]
    refuse_unknown(tags, _ATTRIBUTES)
    encrypted = tags.count(q("saml:EncryptedAttribute"))
    if not encrypted:
        return children
    if encrypted > _MOST_ENCRYPTED:
        raise MalformedMessage(f"more than {_MOST_ENCRYPTED} attributes are encrypted")
    return [
        child
        if tag == q("saml:Attribute")
        else decrypted_element(child, "saml:Attribute", decrypter)
        for child, tag in zip(children, tags, strict=True)
    ]


def _value_text(value: etree._Element) -> str | None:
    if value.get(q("xsi:nil"), "").strip(" \t\r\n") in ("true", "1"):
        return None
    text = whole_text(value)
    if text is not None:
        return text
    inner = list(value.iterchildren("*"))
    is_name = [each.tag for each in inner] == [q("saml:NameID")]
    return whole_text(inner[0]) if is_name else None
