"""XML to values: what is missing, doubled, too long or unreadable is refused.

A reader says what a message says; whether it is meant for us, in time and from whom it
should be is judged in ``message_checks``. The elements may come from before
or after schema validation: a reader relies on the schema for nothing that it returns.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.instants import read_instant
from eilogin.saml.messages.message_values import (
    BEARER,
    ENTITY,
    TRANSIENT,
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    Assertion,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    NameID,
    Response,
    Status,
)
from eilogin.saml.printable_text import CONTROL, collapsed
from eilogin.saml.safe_xml import q
from eilogin.saml.xml_encryption import Decrypter

#: Characters of a NameID (SAML core 8.3.7 says 256 of a persistent one) and of an ID.
_LONGEST_NAME = 256
#: Characters of any other text or attribute (SAML core 8.3.6 says 1024 of an entityID).
_LONGEST_TEXT = 1024
#: Characters of the value of an attribute: a small photograph, or a list in one text.
_LONGEST_VALUE = 32 * 1024
#: How many attributes, SessionIndexes, audiences or classes we read.
_MOST = 100
#: Values of one attribute: somebody may be in many groups.
_MOST_VALUES = 2_000
#: SubjectConfirmations of one assertion: each of them is judged.
_MOST_CONFIRMATIONS = 5
#: Digits of an idle limit in seconds.
_IDLE_DIGITS = 5
#: Each of them costs several private operations.
_MOST_ENCRYPTED = 20

_NO_KEYS = Decrypter(())
# LemonLDAP::NG can send such a NameID (sources.rst, Peers): all visitors would be the
# same one.
_NOBODY = (
    "; expected a value that names the visitor. Ask the sender for which NameID"
    " format it has a value"
)

_NCNAME = re.compile(r"[^\W\d][\w.\-]*")
_COMPARISONS = ("exact", "minimum", "maximum", "better")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

# The parts of an assertion that eilogin can check, or may ignore (core 2.6.1): Advice.
# A decision or a statement of another kind may contradict the login.
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
# SAML core 2.5.1.1: a condition that is not understood makes an assertion unusable.
_CONDITIONS = frozenset(
    q(f"saml:{name}")
    for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)

_PROXY_RESTRICTION = q("saml:ProxyRestriction")

#: The children of an element by their names.
_Parts = dict[str, list[etree._Element]]  # noqa: SLF001 - lxml has no other name for it


# --- messages ---------------------------------------------------------------------


def read_authn_request(element: etree._Element) -> AuthnRequest:
    """Read a ``samlp:AuthnRequest`` (SAML core 3.4.1).

    The hub must answer parts that it cannot honour, so they are read too:

    * a Subject, AuthnContextDeclRefs, and the identifiers of another party
    * an index beside the URL or binding for which it stands

    In Scoping only a ProxyCount of 0 is read, and in Extensions only ``act:Ended``.
    Conditions and all other parts are ignored.
    """
    parts = _open(element, "samlp:AuthnRequest")
    issuer = _read_issuer(parts)
    comparison, level_classes, declarations = _read_requested_context(parts)
    name_id_format, sp_name_qualifier = _read_name_id_policy(parts)
    may_create = _read_allow_create(parts)
    return AuthnRequest(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=issuer,
        destination=_read_destination(element),
        force_authn=_flag(element, "ForceAuthn"),
        is_passive=_flag(element, "IsPassive"),
        acs_url=_optional(element, "AssertionConsumerServiceURL"),
        acs_index=_index(element, "AssertionConsumerServiceIndex"),
        protocol_binding=_words(element, "ProtocolBinding"),
        comparison=comparison,
        level_classes=level_classes,
        level_declarations=declarations,
        name_id_format=name_id_format,
        sp_name_qualifier="" if sp_name_qualifier == issuer else sp_name_qualifier,
        names_subject=_one(parts, "saml:Subject") is not None,
        allow_create=may_create,
        asks_for_any_name=may_create
        and not name_id_format
        and q("samlp:NameIDPolicy") in parts,
        provider_name=_words(element, "ProviderName"),
        consumer_service_index=_index(element, "AttributeConsumingServiceIndex"),
        is_for_one_alone=_is_for_one_alone(parts),
        idle_limit=_idle_limit(parts),
    )


def _idle_limit(parts: _Parts) -> int:
    """Read the seconds of inactivity that ended a session; 0 if absent.

    A visitor sees them, so eilogin accepts only a plain number.
    """
    extensions = _one(parts, "samlp:Extensions")
    ended = None if extensions is None else extensions.find(q("act:Ended"))
    text = "" if ended is None else ended.get("Limit", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _IDLE_DIGITS
    return int(text) if is_number else 0


def read_response(element: etree._Element) -> Response:
    """The value of a ``samlp:Response`` (SAML core 3.3.3), its assertions aside.

    An absent Issuer is "", as the schema allows. White space around an Issuer is no
    part of it.
    """
    parts = _open(element, "samlp:Response")
    return Response(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts, _uri) if q("saml:Issuer") in parts else "",
        status=_read_status(parts),
        in_response_to=_optional(element, "InResponseTo"),
        destination=_read_destination(element),
    )


def read_assertion(
    element: etree._Element, decrypter: Decrypter | None = None
) -> Assertion:
    """The first of the values that :func:`read_assertions` gives."""
    return read_assertions(element, decrypter)[0]


def read_assertions(
    element: etree._Element, decrypter: Decrypter | None = None
) -> list[Assertion]:
    """Read a ``saml:Assertion`` (SAML core 2.3.3) of a login by browser.

    There is one value for each SubjectConfirmation that a login by browser can use.
    They differ in that alone, and one valid confirmation is enough (core 2.4.1). It is
    of method bearer, and has a NotOnOrAfter and no NotBefore (profiles 4.1.4.2). The
    assertion needs at least one of these and has at most five confirmations in all. It
    also needs one AuthnStatement with a class.

    An absent Recipient or InResponseTo is "", absent audiences are (): the caller
    rejects them as not meant for us. A NameID may be absent, but not empty. Attributes
    of one Name are merged, whatever their NameFormat. If a value is a NameID, its text
    counts (eduPersonTargetedID). A value that is nil, or other XML, is left out. White
    space around Issuer, Audience and AuthnContextClassRef is stripped. ``decrypter``
    decrypts an EncryptedID and EncryptedAttributes.
    """
    parts = _open(element, "saml:Assertion")
    _refuse_unknown(parts, _ASSERTION_PARTS)
    subject = _parts(_needed(parts, "saml:Subject"))
    first, *others = _read_confirmations(subject)
    conditions = _needed(parts, "saml:Conditions")
    statement = _needed(parts, "saml:AuthnStatement")
    context = _parts(_needed(_parts(statement), "saml:AuthnContext"))
    assertion = Assertion(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts, _uri),
        name_id=_read_name_id(subject, decrypter),
        recipient=first.recipient,
        in_response_to=first.in_response_to,
        confirmation_ends=first.ends,
        not_before=_instant(conditions, "NotBefore"),
        not_on_or_after=_instant(conditions, "NotOnOrAfter"),
        audiences=_read_audiences(conditions),
        is_for_us_alone=conditions.find(_PROXY_RESTRICTION) is not None,
        authn_instant=_required_instant(statement, "AuthnInstant"),
        session_index=_words(statement, "SessionIndex") or None,
        session_ends=_instant(statement, "SessionNotOnOrAfter"),
        level_class=_uri(_needed(context, "saml:AuthnContextClassRef")),
        attributes=_read_attributes(parts, decrypter),
    )
    return [assertion, *(each.put_in(assertion) for each in others)]


def read_logout_request(
    element: etree._Element, decrypter: Decrypter | None = None
) -> LogoutRequest:
    """Read a ``samlp:LogoutRequest`` (SAML core 3.7.1).

    The only known extension is that of asynchronous logout, which Shibboleth sends;
    others are ignored. ``decrypter`` decrypts an EncryptedID.
    """
    parts = _open(element, "samlp:LogoutRequest")
    name_id = _read_name_id(parts, decrypter)
    if name_id is None:
        raise MalformedMessage("a LogoutRequest has no NameID")
    extensions = _one(parts, "samlp:Extensions")
    return LogoutRequest(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts),
        name_id=name_id,
        destination=_read_destination(element),
        session_indexes=_texts(parts, "samlp:SessionIndex"),
        not_on_or_after=_instant(element, "NotOnOrAfter"),
        reason=_words(element, "Reason"),
        is_asynchronous=extensions is not None
        and extensions.find(q("aslo:Asynchronous")) is not None,
    )


def read_logout_response(element: etree._Element) -> LogoutResponse:
    """The value of a ``samlp:LogoutResponse`` (SAML core 3.7.2)."""
    parts = _open(element, "samlp:LogoutResponse")
    return LogoutResponse(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts),
        status=_read_status(parts),
        in_response_to=_optional(element, "InResponseTo"),
        destination=_read_destination(element),
    )


def read_activity_report(element: etree._Element) -> ActivityReport:
    """Read an :class:`ActivityReport` from a ``samlp:AuthnQuery``.

    NameID, SessionIndex and one ``act:LastActivity`` with an Instant are required. An
    EncryptedID is refused. Raises MalformedMessage.
    """
    parts = _open(element, "samlp:AuthnQuery")
    extensions = _parts(_needed(parts, "samlp:Extensions"))
    last = _needed(extensions, "act:LastActivity")
    subject = _parts(_needed(parts, "saml:Subject"))
    name_id = _read_name_id(subject, None)
    if name_id is None:
        raise MalformedMessage("an activity report has no NameID")
    return ActivityReport(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts),
        name_id=name_id,
        session_index=_required(element, "SessionIndex"),
        active_at=_required_instant(last, "Instant"),
        destination=_read_destination(element),
    )


def read_artifact_resolve(element: etree._Element) -> ArtifactResolve:
    """The value of a ``samlp:ArtifactResolve`` (SAML core 3.5.1)."""
    parts = _open(element, "samlp:ArtifactResolve")
    return ArtifactResolve(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts),
        artifact=_text(_needed(parts, "samlp:Artifact")),
        destination=_read_destination(element),
    )


def read_artifact_response(
    element: etree._Element,
) -> tuple[ArtifactResponse, etree._Element | None]:
    """Read a ``samlp:ArtifactResponse`` (SAML core 3.5.2); return it and its message.

    The message is the one element after Status, still in its tree, or None: the
    response for an expired artifact is a Success without a message. White space around
    an Issuer is stripped.
    """
    parts = _open(element, "samlp:ArtifactResponse")
    carried = list(_needed(parts, "samlp:Status").itersiblings("*"))
    if len(carried) > 1:
        raise MalformedMessage("an ArtifactResponse contains more than one message")
    value = ArtifactResponse(
        id=_read_id(element),
        issued=_read_issued(element),
        issuer=_read_issuer(parts, _uri),
        status=_read_status(parts),
        in_response_to=_optional(element, "InResponseTo"),
    )
    return value, carried[0] if carried else None


# --- parts of messages --------------------------------------------------------------


def _open(element: etree._Element, name: str) -> _Parts:
    """The children of a message or assertion, which must be a ``name`` of SAML 2.0."""
    if element.tag != q(name):
        raise MalformedMessage(f"expected a {name}, found another element")
    if element.get("Version") != "2.0":
        raise MalformedMessage(f"the Version of a {name} is not 2.0")
    return _parts(element)


def _refuse_unknown(tags: Collection[str], known: frozenset[str]) -> None:
    if not known.issuperset(tags):
        unknown = next(tag for tag in tags if tag not in known)
        raise MalformedMessage(
            f"eilogin does not support {etree.QName(unknown).localname}"
        )


def _read_id(element: etree._Element) -> str:
    text = _required(element, "ID", _LONGEST_NAME)
    if not _NCNAME.fullmatch(text):
        local = etree.QName(element).localname
        raise MalformedMessage(
            f"the ID of {local} is not an XML name; expected one that begins with a"
            " letter or '_'"
        )
    return text


def _read_issued(element: etree._Element) -> float:
    return _required_instant(element, "IssueInstant")


def _read_destination(element: etree._Element) -> str:
    """Where the message was sent; over SOAP pysaml2 writes an empty one for none."""
    return _capped(element.get("Destination", ""))


def _read_issuer(
    parts: _Parts, read: Callable[[etree._Element], str] | None = None
) -> str:
    """The entityID in Issuer, which has no other form and no qualifier (core 8.3.6).

    ``read`` gives the text of the element; by default it is the text to the letter.
    """
    issuer = _needed(parts, "saml:Issuer")
    if issuer.keys() and issuer.items() != [("Format", ENTITY)]:
        raise MalformedMessage(
            "an Issuer has other attributes than Format; expected none, or the Format"
            " of an entityID"
        )
    return (read or _text)(issuer)


def _read_name_id(parts: _Parts, decrypter: Decrypter | None) -> NameID | None:
    """Read a NameID, clear or encrypted (SAML core 2.2.4); None if there is none."""
    if _one(parts, "saml:BaseID") is not None:
        raise MalformedMessage("saml:BaseID is not supported; expected a NameID")
    clear, encrypted = _one(parts, "saml:NameID"), _one(parts, "saml:EncryptedID")
    if clear is not None and encrypted is not None:
        raise MalformedMessage(
            "the message has both a NameID and an EncryptedID; expected one of them"
        )
    if encrypted is not None:
        clear = _opened(encrypted, "saml:NameID", decrypter)
    return None if clear is None else _name_id(clear)


def _name_id(element: etree._Element) -> NameID:
    return NameID(
        value=_text(element, _LONGEST_NAME, if_empty=_NOBODY),
        format=_capped(element.get("Format", "")),
        name_qualifier=_capped(element.get("NameQualifier", "")),
        sp_name_qualifier=_capped(element.get("SPNameQualifier", "")),
    )


def _read_status(parts: _Parts) -> Status:
    status = _parts(_needed(parts, "samlp:Status"))
    code: etree._Element | None = _needed(status, "samlp:StatusCode")
    codes = []
    while code is not None:
        codes.append(_required(code, "Value"))
        code = _one(_parts(code), "samlp:StatusCode")
    message = _one(status, "samlp:StatusMessage")
    return Status(tuple(codes), "" if message is None else _line(message))


def _opened(
    wrapper: etree._Element, name: str, decrypter: Decrypter | None
) -> etree._Element:
    """Decrypt an element, and require that it contains a ``name`` and no other element.

    A signature covers the encrypted element.
    """
    found = (decrypter or _NO_KEYS).open(wrapper, is_covered=True)
    if found.tag != q(name):
        raise MalformedMessage(f"the encrypted part does not contain a {name}")
    return found


def _read_allow_create(parts: _Parts) -> bool:
    """Whether a new identifier may be made; where nothing is asked for, it may."""
    policy = _one(parts, "samlp:NameIDPolicy")
    if policy is None or policy.get("Format") == TRANSIENT:
        return True
    return _flag(policy, "AllowCreate")


def _read_name_id_policy(parts: _Parts) -> tuple[str, str]:
    """Its Format and its SPNameQualifier, each "" where it is not there."""
    policy = _one(parts, "samlp:NameIDPolicy")
    if policy is None:
        return "", ""
    return _words(policy, "Format"), _words(policy, "SPNameQualifier")


def _is_for_one_alone(parts: _Parts) -> bool:
    scoping = _one(parts, "samlp:Scoping")
    count = "" if scoping is None else scoping.get("ProxyCount", "").strip()
    # By its schema a number of any length, which may have a sign.
    return bool(count) and not count.strip("+-0")


def _read_requested_context(
    parts: _Parts,
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Comparison, classes, declarations; any class is right where none is asked for."""
    asked = _one(parts, "samlp:RequestedAuthnContext")
    if asked is None:
        return "minimum", (), ()
    # SAML core 3.3.2.2.1: an absent Comparison means exact.
    comparison = _optional(asked, "Comparison") or "exact"
    named = _parts(asked)
    classes = _uris(named, "saml:AuthnContextClassRef")
    declarations = _texts(named, "saml:AuthnContextDeclRef")
    # One or the other (SAML core 3.3.2.2.1).
    if bool(classes) == bool(declarations) or comparison not in _COMPARISONS:
        raise MalformedMessage(
            "a RequestedAuthnContext names no class, or compares in an unknown way"
        )
    return comparison, classes, declarations


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """The values in a bearer's SubjectConfirmationData."""

    recipient: str
    in_response_to: str
    ends: float

    def put_in(self, assertion: Assertion) -> Assertion:
        """The same assertion, confirmed by this one and nothing of another."""
        return replace(
            assertion,
            recipient=self.recipient,
            in_response_to=self.in_response_to,
            confirmation_ends=self.ends,
        )


def _read_confirmations(subject: _Parts) -> list[_Confirmation]:
    """The SubjectConfirmations that a login by browser can use; at least one."""
    found = subject.get(q("saml:SubjectConfirmation"), ())
    if not 0 < len(found) <= _MOST_CONFIRMATIONS:
        raise MalformedMessage(
            f"the Subject has {len(found)} SubjectConfirmations; expected 1 to"
            f" {_MOST_CONFIRMATIONS}"
        )
    read, faults = [], []
    for each in found:
        try:
            read.append(_read_confirmation(each))
        except MalformedMessage as fault:
            faults.append(fault)
    if not read:
        raise faults[0]
    return read


def _read_confirmation(element: etree._Element) -> _Confirmation:
    if element.get("Method") != BEARER:
        raise MalformedMessage("the Method of a SubjectConfirmation is not bearer")
    data = _needed(_parts(element), "saml:SubjectConfirmationData")
    if data.get("NotBefore") is not None:
        raise MalformedMessage(
            "a SubjectConfirmationData has a NotBefore; expected none with the Method"
            " bearer"
        )
    return _Confirmation(
        recipient=_optional(data, "Recipient"),
        in_response_to=_optional(data, "InResponseTo"),
        ends=_required_instant(data, "NotOnOrAfter"),
    )


def _read_audiences(conditions: etree._Element) -> tuple[tuple[str, ...], ...]:
    parts = _parts(conditions)
    _refuse_unknown(parts, _CONDITIONS)
    restrictions = _all(parts, "saml:AudienceRestriction")
    return tuple(_uris(_parts(each), "saml:Audience") for each in restrictions)


def _read_attributes(
    parts: _Parts, decrypter: Decrypter | None
) -> dict[str, list[str]]:
    """The values of each Name, in their order; bounded in number and length."""
    attributes = _attributes_of(parts, decrypter)
    if len(attributes) > _MOST:
        raise MalformedMessage(f"there are more than {_MOST} attributes")
    found: dict[str, list[str]] = {}
    for attribute in attributes:
        values = found.setdefault(_required(attribute, "Name"), [])
        for value in _parts(attribute).get(q("saml:AttributeValue"), ()):
            text = _value_text(value)
            if text is not None:
                values.append(_bounded(text, _LONGEST_VALUE))
        if len(values) > _MOST_VALUES:
            raise MalformedMessage(f"an attribute has more than {_MOST_VALUES} values")
    return found


def _attributes_of(parts: _Parts, decrypter: Decrypter | None) -> list[etree._Element]:
    """The attributes of all statements, the encrypted ones opened."""
    children = [
        child
        for statement in _all(parts, "saml:AttributeStatement")
        for child in statement.iterchildren("*")
    ]
    tags = [child.tag for child in children]
    _refuse_unknown(tags, _ATTRIBUTES)
    encrypted = tags.count(q("saml:EncryptedAttribute"))
    if not encrypted:
        return children
    if encrypted > _MOST_ENCRYPTED:
        raise MalformedMessage(f"more than {_MOST_ENCRYPTED} attributes are encrypted")
    return [
        child
        if tag == q("saml:Attribute")
        else _opened(child, "saml:Attribute", decrypter)
        for child, tag in zip(children, tags, strict=True)
    ]


def _value_text(value: etree._Element) -> str | None:
    """The text of an AttributeValue; None where it says nothing that is text."""
    if value.get(q("xsi:nil"), "").strip(" \t\r\n") in ("true", "1"):
        return None
    text = _whole_text(value)
    if text is not None:
        return text
    inner = list(value.iterchildren("*"))
    is_name = [each.tag for each in inner] == [q("saml:NameID")]
    return _whole_text(inner[0]) if is_name else None


# --- elements and texts -------------------------------------------------------------


def _parts(element: etree._Element) -> _Parts:
    """The children of an element by their names, each name in document order."""
    parts: _Parts = {}
    for child in element:
        tag = child.tag
        if tag in parts:
            parts[tag].append(child)
        elif tag.__class__ is str:  # not a comment
            parts[tag] = [child]
    return parts


def _all(parts: _Parts, name: str) -> Sequence[etree._Element]:
    found = parts.get(q(name), ())
    if len(found) > _MOST:
        raise MalformedMessage(f"there are more than {_MOST} {name}")
    return found


def _one(parts: _Parts, name: str) -> etree._Element | None:
    return _needed(parts, name) if q(name) in parts else None


def _needed(parts: _Parts, name: str) -> etree._Element:
    found = parts.get(q(name))
    if found is None:
        raise MalformedMessage(f"{name} is missing")
    if len(found) > 1:
        raise MalformedMessage(f"there is more than one {name}")
    return found[0]


def _whole_text(element: etree._Element) -> str | None:
    """The text of an element, on both sides of comments; None where it has elements."""
    if len(element) == 0:
        return element.text or ""
    if next(element.iterchildren("*"), None) is not None:
        return None
    return "".join(element.itertext())


def _bounded(text: str, longest: int) -> str:
    if len(text) > longest:
        raise MalformedMessage(f"a text is longer than {longest} characters")
    return text


def _capped(text: str, longest: int = _LONGEST_TEXT) -> str:
    # Printable text holds no control character, and that check is faster.
    if len(text) > longest or not text.isprintable():
        _bounded(text, longest)
        if CONTROL.search(text):
            raise MalformedMessage("a text contains control characters")
    return text


def _text(
    element: etree._Element, longest: int = _LONGEST_TEXT, if_empty: str = ""
) -> str:
    """The whole text of an element that holds nothing else; not empty."""
    text = _whole_text(element)
    if text is None:
        raise MalformedMessage(f"{_name_of(element)} contains more than text")
    if not text.strip():
        raise MalformedMessage(f"{_name_of(element)} is empty{if_empty}")
    return _capped(text, longest)


def _uri(element: etree._Element) -> str:
    """The URI in an element; white space around it is no part of the value."""
    text = _whole_text(element)
    if text is None:
        raise MalformedMessage(f"{_name_of(element)} contains more than text")
    found = collapsed(text)
    if not found:
        raise MalformedMessage(f"{_name_of(element)} is empty")
    _bounded(text, _LONGEST_TEXT)
    return _capped(found)


def _name_of(element: etree._Element) -> str:
    name: str = etree.QName(element).localname
    return name


def _texts(parts: _Parts, name: str) -> tuple[str, ...]:
    return tuple(_text(element) for element in _all(parts, name))


def _uris(parts: _Parts, name: str) -> tuple[str, ...]:
    return tuple(_uri(element) for element in _all(parts, name))


def _line(element: etree._Element) -> str:
    """Text that only the log sees, so on one line and no longer than it may be."""
    words = CONTROL.sub(" ", "".join(element.itertext())).split()
    return " ".join(words)[:_LONGEST_TEXT]


def _optional(element: etree._Element, name: str) -> str:
    """An attribute, or "" where there is none; one that is empty says nothing."""
    return "" if element.get(name) is None else _required(element, name)


def _words(element: etree._Element, name: str) -> str:
    """Return an optional attribute that holds text alone; "" if it is absent or empty.

    SAML core 1.3.1 forbids empty text, and pysaml2 sends ``Reason=""``. An attribute
    that decides where a message goes or which request it answers stays strict: see
    :func:`_optional`.
    """
    return _capped(element.get(name, ""))


def _required(element: etree._Element, name: str, longest: int = _LONGEST_TEXT) -> str:
    text: str | None = element.get(name)
    if not text:
        raise MalformedMessage(f"{name} is missing or empty")
    return _capped(text, longest)


def _instant(element: etree._Element, name: str) -> float | None:
    return None if element.get(name) is None else _required_instant(element, name)


def _required_instant(element: etree._Element, name: str) -> float:
    text = _required(element, name)
    try:
        return read_instant(text)
    except MalformedMessage as error:
        local = etree.QName(element).localname
        raise MalformedMessage(f"{name} of {local}: {error}") from error


def _flag(element: etree._Element, name: str) -> bool:
    text = element.get(name, "false")
    if text not in _BOOLEANS:
        raise MalformedMessage(f"{name} is not 'true' or 'false'")
    return _BOOLEANS[text]


def _index(element: etree._Element, name: str) -> int | None:
    text = element.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", text):
        raise MalformedMessage(f"{name} is not a number")
    return int(text)
