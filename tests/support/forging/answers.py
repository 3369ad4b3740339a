"""Login answers that the right key has signed, and that are wrong all the same.

Each is made from a question that the hub was asked; ``make`` is given an
:class:`Asked`, and gives the XML or the fields of the whole form. What is wrong is
wrong before it is signed, so that nothing but our own judgement stands in the way.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from lxml import etree

from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.xml_encryption import encrypt
from forging import INSIDE, MALFORMED, ROOT, UNTRUSTED, Family, Message
from forging.signatures import key_value
from forging.signing import (
    EXCLUSIVE,
    MORE,
    USUAL,
    WITH_COMMENTS,
    Signing,
    canonical,
    sign,
    transform,
)

UNEXPECTED, MISDIRECTED = "message-unexpected", "message-misdirected"
EXPIRED, UNKNOWN = "message-expired", "peer-unknown"

ANSWERS = Family("answer")
#: Refused only where the browser comes for them: that one knows who it is, or what was
#: asked. Something was kept for it until then.
LATE = Family("answer")
#: Odd, and to be taken as it was signed: what real peers send.
GOOD = Family("good", rule="good", holds=True)

_Edit = Callable[[etree._Element], None]  # noqa: SLF001


@dataclass(frozen=True)
class Asked:
    """A question under way, and who answers it."""

    #: The hub, a HubParty.
    hub: Any
    request: messages.AuthnRequest
    relay_state: str
    #: Whom the answer names.
    name: str
    #: What is signed: the Response (ROOT), or the assertion in it (INSIDE).
    place: str
    #: Another participant: its entityID and where it takes answers.
    other: tuple[str, str] = ("", "")
    #: ID and RelayState of a question of another browser.
    another: tuple[str, str] = ("", "")
    #: Keys for :meth:`message`.
    stranger: Any = field(default=None, repr=False)
    member: Any = field(default=None, repr=False)
    #: With what others encrypt for who has asked, and an older one that it has still.
    reader: Any = field(default=None, repr=False)
    old_reader: Any = field(default=None, repr=False)
    outside: str = ""

    def answer(
        self,
        edit: "_Edit | None" = None,
        *,
        around: "_Edit | None" = None,
        envelope: "Mapping[str, Any] | None" = None,
        **changes: Any,
    ) -> bytes:
        """A good answer, but for changes of the assertion and of its envelope.

        ``edit`` and ``around`` edit the two as XML, before what is signed is signed.
        """
        assertion, root = self.made(changes, envelope or {})
        if edit:
            edit(assertion)
        if around:
            around(root)
        self.hub.signed(assertion if self.place == INSIDE else root)
        return safe_xml.serialize(root)

    def message(self, wanted: str) -> Message:
        """A good answer for the families that fit any message."""
        assertion, root = self.made({}, {})
        covered = self.hub.signed(assertion if self.place == INSIDE else root)

        def evil() -> etree._Element:
            evil = self.hub.assertion(self.request, wanted)
            if self.place == INSIDE:
                return evil
            return self.hub.response(self.request, evil)

        return Message(
            root=root,
            covered=covered,
            key=self.hub.key,
            stranger=self.stranger,
            member=self.member,
            evil=evil,
            outside=self.outside,
        )

    def made(
        self,
        changes: Mapping[str, Any] = MappingProxyType({}),
        envelope: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[etree._Element, etree._Element]:
        """The assertion and the Response that it is in, not signed yet."""
        said = {name: self._value(value) for name, value in changes.items()}
        around = {name: self._value(value) for name, value in envelope.items()}
        codes = around.pop("codes", ())
        assertion = self.hub.assertion(self.request, self.name, **said)
        return assertion, self.hub.response(self.request, assertion, *codes, **around)

    def _value(self, value: Any) -> Any:
        return value(self) if callable(value) else value


def _wrong(name: str, reason: str, family: Family = ANSWERS, **said: Any) -> None:
    """An answer with changes; those of the forgery by their names in front."""
    fields = {key: said.pop(key) for key in ("kind", "rule", "places") if key in said}

    @family(name, reasons=(reason,) if reason else (), **fields)
    def wrong(asked: Asked) -> bytes:
        return asked.answer(**said)


def _find(element: etree._Element, path: str) -> etree._Element:
    """The first one at the end of a path of names; the element itself for ""."""
    names = "/".join(map(safe_xml.q, path.split("/"))) if path else "."
    found = element.find(names)
    assert found is not None, path
    return found


def _set(path: str, **attributes: "str | None") -> _Edit:
    """Edit the attributes of an element; None takes one off."""

    def edit(element: etree._Element) -> None:
        found = _find(element, path)
        for name, value in attributes.items():
            if value is None:
                del found.attrib[name]
            else:
                found.set(name, value)

    return edit


def _text(path: str, text: "str | None") -> _Edit:
    def edit(element: etree._Element) -> None:
        _find(element, path).text = text

    return edit


def _gone(path: str) -> _Edit:
    def edit(element: etree._Element) -> None:
        found = _find(element, path)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return edit


def _again(path: str) -> _Edit:
    """The same element twice."""

    def edit(element: etree._Element) -> None:
        found = _find(element, path)
        found.addnext(etree.fromstring(safe_xml.serialize(found)))

    return edit


_PREFIXES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in safe_xml.NAMESPACES.items()
    if prefix != "xml"
)


def _parsed(text: str) -> etree._Element:
    """An element of text with our usual prefixes."""
    root: etree._Element = etree.fromstring(f"<r {_PREFIXES}>{text}</r>")[0]
    etree.cleanup_namespaces(root)
    return root


def _added(path: str, text: str, place: int = -1) -> _Edit:
    """One more child."""

    def edit(element: etree._Element) -> None:
        found, made = _find(element, path), _parsed(text)
        if place < 0:
            found.append(made)
        else:
            found.insert(place, made)

    return edit


def _instead(path: str, text: str) -> _Edit:
    def edit(element: etree._Element) -> None:
        found = _find(element, path)
        parent = found.getparent()
        assert parent is not None
        parent.replace(found, _parsed(text))

    return edit


_CONFIRMATION = "saml:Subject/saml:SubjectConfirmation"
_DATA = f"{_CONFIRMATION}/saml:SubjectConfirmationData"
_NAME_ID = "saml:Subject/saml:NameID"
_STATEMENT = "saml:AuthnStatement"
_CONTEXT = "saml:AuthnStatement/saml:AuthnContext"
_CLASS = f"{_CONTEXT}/saml:AuthnContextClassRef"
_ATTRIBUTE = "saml:AttributeStatement/saml:Attribute"
_AUDIENCE = "saml:Conditions/saml:AudienceRestriction/saml:Audience"
_VALUE = "saml:AttributeStatement/saml:Attribute/saml:AttributeValue"

# --- correlation (G9) -----------------------------------------------------------------

_wrong("irt-missing", UNEXPECTED, kind="correlation", in_response_to="")
_wrong("irt-other", UNEXPECTED, kind="correlation", in_response_to="_nobody")
_wrong(
    "irt-in-upper-case",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: a.request.id.upper(),
)
_wrong(
    "irt-with-tail",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: a.request.id + "x",
)
_wrong(
    "irt-cut-off",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: a.request.id[:-1],
)
_wrong(
    "irt-with-blank",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: f" {a.request.id} ",
)
_wrong("irt-empty", "", kind="correlation", edit=_set(_DATA, InResponseTo=""))
_wrong(
    "irt-response-missing",
    UNEXPECTED,
    kind="correlation",
    places=(ROOT,),
    envelope={"in_response_to": ""},
)
_wrong(
    "irt-response-other",
    UNEXPECTED,
    kind="correlation",
    envelope={"in_response_to": "_nobody"},
)
_wrong(
    "irt-both-other",
    UNEXPECTED,
    kind="correlation",
    in_response_to="_nobody",
    envelope={"in_response_to": "_nobody"},
)
_wrong(
    "irt-both-missing",
    UNEXPECTED,
    kind="correlation",
    in_response_to="",
    envelope={"in_response_to": ""},
)
_wrong(
    "irt-of-another-browser",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: a.another[0],
    envelope={"in_response_to": lambda a: a.another[0]},
)
_wrong(
    "irt-stolen-unsolicited",
    UNEXPECTED,
    kind="correlation",
    places=(INSIDE,),
    in_response_to="",
    envelope={"in_response_to": lambda a: a.request.id},
)
_wrong(
    "irt-of-another-in-own-envelope",
    UNEXPECTED,
    kind="correlation",
    in_response_to=lambda a: a.another[0],
)


def _in_form(name: str, reason: str, relay_state: Callable[[Asked], str]) -> None:
    """A good answer, with another RelayState than it was asked with."""

    @ANSWERS(name, kind="correlation", reasons=(reason,) if reason else ())
    def in_form(asked: Asked) -> Mapping[str, str]:
        octets = asked.answer()
        return bindings.post_fields("SAMLResponse", octets, relay_state(asked))


_in_form("relay-state-missing", "", lambda _: "")
_in_form("relay-state-of-another-browser", "", lambda a: a.another[1])
_in_form("relay-state-is-an-address", "", lambda _: "https://attacker.test/")
_in_form("relay-state-cut-off", "", lambda a: a.relay_state[:-1])
_in_form("relay-state-longer", "", lambda a: a.relay_state + "x")
_in_form("relay-state-too-long", MALFORMED, lambda _: "x" * 81)
_in_form("relay-state-with-line", MALFORMED, lambda a: f"{a.relay_state}\r\nx: y")


def _form(name: str, make: Callable[[Mapping[str, str]], Any]) -> None:
    """A good answer in a form that could be read in two ways, or in none."""

    @ANSWERS(name, kind="parameters", reasons=(MALFORMED,))
    def form(asked: Asked) -> Any:
        octets = asked.answer()
        fields = bindings.post_fields("SAMLResponse", octets, asked.relay_state)
        return make(fields)


def _field(edit: Callable[[str], str]) -> Callable[[Mapping[str, str]], Any]:
    return lambda fields: {**fields, "SAMLResponse": edit(fields["SAMLResponse"])}


_form("b64-garbage-chars", _field(lambda text: text[:40] + "!" + text[40:]))
_form("b64-blank", _field(lambda text: text[:40] + " " + text[40:]))
_form("b64-tab", _field(lambda text: text[:40] + "\t" + text[40:]))
_form("b64-url-safe", _field(lambda text: text[:-4] + "-_-_"))
_form("b64-cut-off", _field(lambda text: text[:-1]))
_form("b64-padding-in-the-middle", _field(lambda text: text[:40] + "=" + text[40:]))
_form(
    "b64-twice", _field(lambda text: bindings.post_fields("x", text.encode(), "")["x"])
)
_form("b64-empty", _field(lambda _: ""))
_form("b64-not-ascii", _field(lambda text: "\u00e9" + text))
_form("with-a-request", lambda fields: {**fields, "SAMLRequest": "PHgvPg=="})
_form(
    "as-a-request",
    lambda fields: {
        "SAMLRequest": fields["SAMLResponse"],
        "RelayState": fields["RelayState"],
    },
)
_form("in-lower-case", lambda f: {"samlresponse": f["SAMLResponse"]})
_form("nothing", lambda _: {})

# --- addresses (G10) ------------------------------------------------------------------


def _other(change: Callable[[str], str], text: str) -> str:
    """A text that was changed: one that is as it was would be a good one."""
    changed = change(text)
    assert changed != text
    return changed


_ADDRESSES: Mapping[str, Callable[[str], str]] = {
    "suffix": lambda url: url + "2",
    "substring": lambda url: url[:-1],
    "subpath": lambda url: url + "/",
    "deeper": lambda url: url + "/x",
    "query": lambda url: url + "?x=1",
    "fragment": lambda url: url + "#x",
    "in-a-query": lambda url: f"https://attacker.test/?u={url}",
    "host-suffix": lambda url: url.replace(".localhost", ".localhost.attacker.test"),
    "userinfo": lambda url: url.replace("http://", "http://attacker.test@"),
    "in-upper-case": lambda url: url.upper(),
    "by-https": lambda url: url.replace("http:", "https:"),
    "no-scheme": lambda url: url.partition(":")[2],
    "dot-segment": lambda url: url.replace("/eilogin", "/./eilogin"),
    "escaped": lambda url: url.replace("/eilogin", "/%65ilogin"),
    "blank-before": lambda url: f" {url}",
    "blank-after": lambda url: f"{url} ",
    "attacker": lambda _: "https://attacker.test/acs",
    "other-host": lambda url: url.replace("//", "//x."),
}
for _name, _change in _ADDRESSES.items():
    _wrong(
        f"recipient-{_name}",
        MISDIRECTED,
        kind="addressing",
        recipient=lambda a, change=_change: _other(change, a.request.acs_url),
    )
    _wrong(
        f"destination-{_name}",
        MISDIRECTED,
        kind="addressing",
        envelope={
            "destination": lambda a, change=_change: _other(change, a.request.acs_url),
        },
    )

#: White space around an Audience is no part of it (GOOD has that); other space is.
_AUDIENCES = {
    name: change
    for name, change in _ADDRESSES.items()
    if name not in ("blank-before", "blank-after")
} | {
    "blank-inside": lambda name: name.replace("//", "// "),
    "no-break-blank-after": lambda name: f"{name}\u00a0",
    "zero-width-after": lambda name: f"{name}\u200b",
}
for _name, _change in _AUDIENCES.items():
    _wrong(
        f"audience-{_name}",
        MISDIRECTED,
        kind="addressing",
        audiences=lambda a, change=_change: ((_other(change, a.request.issuer),),),
    )

_wrong(
    "recipient-missing",
    MISDIRECTED,
    kind="addressing",
    edit=_set(_DATA, Recipient=None),
)
_wrong("recipient-empty", "", kind="addressing", edit=_set(_DATA, Recipient=""))
_wrong(
    "recipient-other-acs",
    MISDIRECTED,
    kind="addressing",
    recipient=lambda a: a.other[1],
)
_wrong(
    "recipient-is-entity",
    MISDIRECTED,
    kind="addressing",
    recipient=lambda a: a.request.issuer,
)
_wrong(
    "destination-missing", MISDIRECTED, kind="addressing", envelope={"destination": ""}
)
_wrong(
    "destination-empty", MISDIRECTED, kind="addressing", around=_set("", Destination="")
)
_wrong(
    "destination-other-acs",
    MISDIRECTED,
    kind="addressing",
    envelope={"destination": lambda a: a.other[1]},
)
_wrong("audience-missing", MISDIRECTED, kind="addressing", audiences=())
_wrong("audience-empty", MALFORMED, kind="addressing", audiences=((),))
_wrong(
    "audience-empty-text",
    MALFORMED,
    kind="addressing",
    edit=_text("saml:Conditions/saml:AudienceRestriction/saml:Audience", None),
)
_wrong(
    "audience-other",
    MISDIRECTED,
    kind="addressing",
    audiences=lambda a: ((a.other[0],),),
)
_wrong(
    "audience-two-restrictions",
    MISDIRECTED,
    kind="addressing",
    audiences=lambda a: ((a.request.issuer,), (a.other[0],)),
)
_wrong(
    "audience-two-restrictions-reversed",
    MISDIRECTED,
    kind="addressing",
    audiences=lambda a: ((a.other[0],), (a.request.issuer,)),
)
_wrong(
    "audience-of-proxies",
    MISDIRECTED,
    kind="addressing",
    audiences=(),
    edit=_added(
        "saml:Conditions",
        "<saml:ProxyRestriction><saml:Audience>http://x/</saml:Audience>"
        "</saml:ProxyRestriction>",
    ),
)

# --- time (G11) -----------------------------------------------------------------------


def _at(seconds: float) -> Callable[[Asked], float]:
    """An instant by when the question was asked."""
    return lambda asked: asked.request.issued + seconds


_wrong("scd-expired", EXPIRED, kind="time", confirmation_ends=_at(-600))
_wrong(
    "conditions-expired",
    EXPIRED,
    kind="time",
    not_on_or_after=_at(-600),
    not_before=_at(-900),
)
_wrong(
    "conditions-future",
    EXPIRED,
    kind="time",
    not_before=_at(600),
    not_on_or_after=_at(900),
)
_wrong("issueinstant-old", EXPIRED, kind="time", rule="policy", issued=_at(-600))
_wrong("issueinstant-future", EXPIRED, kind="time", rule="policy", issued=_at(600))
_wrong("issueinstant-of-1970", EXPIRED, kind="time", issued=0.0)
_wrong("issueinstant-of-9999", EXPIRED, kind="time", issued=253_402_300_000.0)
_wrong(
    "issueinstant-response-old", EXPIRED, kind="time", envelope={"issued": _at(-600)}
)
_wrong(
    "issueinstant-response-future", EXPIRED, kind="time", envelope={"issued": _at(600)}
)
_wrong(
    "authninstant-future", EXPIRED, kind="time", rule="policy", authn_instant=_at(600)
)
_wrong("session-over", EXPIRED, kind="time", session_ends=_at(-1))
_wrong("session-over-long-ago", EXPIRED, kind="time", session_ends=0.0)
_wrong(
    "window-inverted",
    MALFORMED,
    kind="time",
    not_before=_at(60),
    not_on_or_after=_at(30),
)
_wrong(
    "window-empty", MALFORMED, kind="time", not_before=_at(30), not_on_or_after=_at(30)
)
_wrong(
    "lifetime-excessive",
    MALFORMED,
    kind="time",
    rule="policy",
    not_on_or_after=_at(90_000),
)
_wrong(
    "scd-lifetime-excessive",
    MALFORMED,
    kind="time",
    rule="policy",
    confirmation_ends=_at(90_000),
)
_wrong(
    "no-condition-times",
    MALFORMED,
    kind="time",
    rule="policy",
    not_before=None,
    not_on_or_after=None,
)
_wrong("no-conditions", MALFORMED, kind="time", edit=_gone("saml:Conditions"))
_wrong(
    "no-scd-notonorafter", MALFORMED, kind="time", edit=_set(_DATA, NotOnOrAfter=None)
)
_wrong(
    "scd-notbefore",
    MALFORMED,
    kind="time",
    edit=_set(_DATA, NotBefore="2026-01-01T00:00:00Z"),
)
_wrong(
    "no-authninstant", MALFORMED, kind="time", edit=_set(_STATEMENT, AuthnInstant=None)
)
_wrong("no-issueinstant", MALFORMED, kind="time", edit=_set("", IssueInstant=None))
_TIMESTAMPS = {
    "local": "2036-01-01T00:00:00",
    "with-offset": "2036-01-01T00:00:00+01:00",
    "with-zero-offset": "2036-01-01T00:00:00+00:00",
    "24-hours": "2036-01-01T24:00:00Z",
    "leap-second": "2036-12-31T23:59:60Z",
    "year-10000": "10000-01-01T00:00:00Z",
    "before-christ": "-0001-01-01T00:00:00Z",
    "no-such-day": "2036-02-30T00:00:00Z",
    "date-only": "2036-01-01",
    "words": "tomorrow",
    "empty": "",
    "number": "2082758400",
    "lower-case": "2036-01-01t00:00:00z",
    "with-blank": "2036-01-01 00:00:00Z",
    "two-lines": "2036-01-01T00:00:00Z\n",
    "arabic-digits": "٢٠٣٦-01-01T00:00:00Z",
}
for _name, _written in _TIMESTAMPS.items():
    _wrong(
        f"timestamp-{_name}",
        MALFORMED,
        kind="time",
        rule="policy",
        edit=_set(_DATA, NotOnOrAfter=_written),
    )
for _name, _path, _attribute in (
    ("issueinstant", "", "IssueInstant"),
    ("conditions", "saml:Conditions", "NotOnOrAfter"),
    ("notbefore", "saml:Conditions", "NotBefore"),
    ("authninstant", _STATEMENT, "AuthnInstant"),
    ("session", _STATEMENT, "SessionNotOnOrAfter"),
):
    _wrong(
        f"timestamp-local-{_name}",
        MALFORMED,
        kind="time",
        rule="policy",
        edit=_set(_path, **{_attribute: "2026-01-01T00:00:00"}),
    )

# --- issuer (G12) ---------------------------------------------------------------------

_NAMES: Mapping[str, Callable[[str], str]] = {
    "other": lambda _: "https://attacker.test/metadata",
    "suffix": lambda name: name + "/",
    "in-upper-case": lambda name: name.upper(),
    # White space around it is no part of it (GOOD has that); other space is.
    "blank-inside": lambda name: name.replace("//", "// "),
    "no-break-blank": lambda name: f"\u00a0{name}",
    "line-separator": lambda name: f"{name}\u2028",
    "by-https": lambda name: name.replace("http:", "https:"),
}
for _name, _change in _NAMES.items():
    _expected = MALFORMED if _name == "line-separator" else UNKNOWN
    _wrong(
        f"issuer-assertion-{_name}",
        _expected,
        kind="issuer",
        issuer=lambda a, change=_change: _other(change, a.hub.entity_id),
    )
    _wrong(
        f"issuer-response-{_name}",
        _expected if _name != "line-separator" else "",
        kind="issuer",
        envelope={"issuer": lambda a, change=_change: _other(change, a.hub.entity_id)},
    )
_wrong("issuer-assertion-member", UNKNOWN, kind="issuer", issuer=lambda a: a.other[0])
_wrong(
    "issuer-response-member",
    UNKNOWN,
    kind="issuer",
    envelope={"issuer": lambda a: a.other[0]},
)
_wrong(
    "issuer-both-member",
    UNKNOWN,
    kind="issuer",
    issuer=lambda a: a.other[0],
    envelope={"issuer": lambda a: a.other[0]},
)
_wrong(
    "issuer-both-ourselves",
    UNKNOWN,
    kind="issuer",
    issuer=lambda a: a.request.issuer,
    envelope={"issuer": lambda a: a.request.issuer},
)
_wrong(
    "issuer-assertion-empty", MALFORMED, kind="issuer", edit=_text("saml:Issuer", None)
)
_wrong("issuer-assertion-missing", MALFORMED, kind="issuer", edit=_gone("saml:Issuer"))
_wrong(
    "issuer-response-missing",
    UNKNOWN,
    kind="issuer",
    places=(ROOT,),
    around=_gone("saml:Issuer"),
)
_wrong(
    "issuer-response-missing-and-assertion-of-member",
    UNKNOWN,
    kind="issuer",
    places=(INSIDE,),
    issuer=lambda a: a.other[0],
    around=_gone("saml:Issuer"),
)
_wrong(
    "issuer-missing-on-both",
    "",
    kind="issuer",
    edit=_gone("saml:Issuer"),
    around=_gone("saml:Issuer"),
)
_wrong("issuer-response-empty", "", kind="issuer", around=_text("saml:Issuer", None))
_wrong("issuer-twice", MALFORMED, kind="issuer", edit=_again("saml:Issuer"))
_wrong(
    "issuer-format",
    MALFORMED,
    kind="issuer",
    edit=_set("saml:Issuer", Format=messages.EMAIL),
)
_wrong(
    "issuer-response-format",
    MALFORMED,
    kind="issuer",
    around=_set("saml:Issuer", Format=messages.PERSISTENT),
)
_wrong(
    "issuer-namequalifier",
    MALFORMED,
    kind="issuer",
    rule="policy",
    edit=_set("saml:Issuer", NameQualifier="x"),
)
_wrong(
    "issuer-provided-id",
    MALFORMED,
    kind="issuer",
    rule="policy",
    edit=_set("saml:Issuer", SPProvidedID="x"),
)

# --- subject, statements (G13) --------------------------------------------------------

for _name, _method in (
    ("empty", ""),
    ("sender-vouches", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
    ("holder-of-key", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
    ("in-upper-case", messages.BEARER.upper()),
    ("of-saml-1", "urn:oasis:names:tc:SAML:1.0:cm:bearer"),
    ("with-blank", f"{messages.BEARER} "),
):
    _wrong(
        f"method-{_name}",
        MALFORMED,
        kind="subject",
        edit=_set(_CONFIRMATION, Method=_method),
    )
_wrong(
    "method-missing", MALFORMED, kind="subject", edit=_set(_CONFIRMATION, Method=None)
)
_wrong("no-subject", MALFORMED, kind="subject", edit=_gone("saml:Subject"))
_wrong("no-confirmation", MALFORMED, kind="subject", edit=_gone(_CONFIRMATION))
_wrong("no-confirmation-data", MALFORMED, kind="subject", edit=_gone(_DATA))


def _unconfirmed(*confirmations: Mapping[str, "str | None"]) -> _Edit:
    """Edit the data of SubjectConfirmations, one for each of the changes."""

    def edit(element: etree._Element) -> None:
        for _ in confirmations[1:]:
            _again(_CONFIRMATION)(element)
        found = element.findall("/".join(map(safe_xml.q, _DATA.split("/"))))
        for data, changes in zip(found, confirmations, strict=True):
            _set("", **changes)(data)

    return edit


_ELSEWHERE = {"Recipient": "https://attacker.test/acs"}
_OTHERWISE = {"InResponseTo": "_nobody"}
_OVER = {"NotOnOrAfter": "2020-01-01T00:00:00Z"}
_wrong(
    "two-confirmations-elsewhere",
    MISDIRECTED,
    kind="subject",
    edit=_unconfirmed(_ELSEWHERE, _ELSEWHERE),
)
# None of them holds, though each thing that is asked for stands in one of them.
_wrong(
    "two-confirmations-elsewhere-and-otherwise",
    MISDIRECTED,
    kind="subject",
    edit=_unconfirmed(_ELSEWHERE, _OTHERWISE),
)
_wrong(
    "two-confirmations-otherwise-and-elsewhere",
    UNEXPECTED,
    kind="subject",
    edit=_unconfirmed(_OTHERWISE, _ELSEWHERE),
)
_wrong(
    "two-confirmations-otherwise-and-over",
    UNEXPECTED,
    kind="subject",
    edit=_unconfirmed(_OTHERWISE, _OVER),
)
_wrong(
    "three-confirmations-of-which-none-holds",
    EXPIRED,
    kind="subject",
    edit=_unconfirmed(_OVER, _ELSEWHERE, _OTHERWISE),
)
_wrong(
    "two-confirmations-without-request-and-elsewhere",
    UNEXPECTED,
    kind="subject",
    edit=_unconfirmed({"InResponseTo": None}, _ELSEWHERE),
)
_wrong(
    "two-confirmations-without-end-and-elsewhere",
    MISDIRECTED,
    kind="subject",
    edit=_unconfirmed({"NotOnOrAfter": None}, _ELSEWHERE),
)
_wrong(
    "six-confirmations",
    MALFORMED,
    kind="subject",
    rule="policy",
    edit=_unconfirmed(*[{}] * 6),
)
_wrong("two-subjects", MALFORMED, kind="subject", edit=_again("saml:Subject"))
_wrong("two-name-ids", MALFORMED, kind="subject", edit=_again(_NAME_ID))
_wrong("nameid-empty", MALFORMED, kind="subject", edit=_text(_NAME_ID, None))
_wrong("nameid-blank", MALFORMED, kind="subject", edit=_text(_NAME_ID, "  "))
_wrong("huge-nameid", MALFORMED, kind="subject", edit=_text(_NAME_ID, "x" * 257))
_wrong(
    "nameid-with-element",
    MALFORMED,
    kind="subject",
    edit=_added(_NAME_ID, "<saml:NameID>x</saml:NameID>"),
)
_wrong(
    "base-id",
    MALFORMED,
    kind="subject",
    edit=_instead(_NAME_ID, '<saml:BaseID xsi:type="saml:NameIDType">x</saml:BaseID>'),
)
_wrong(
    "namequalifier-wrong",
    UNKNOWN,
    kind="subject",
    rule="policy",
    edit=_set(_NAME_ID, NameQualifier="https://x/", Format=messages.PERSISTENT),
)
_wrong(
    "namequalifier-wrong-on-transient",
    UNKNOWN,
    kind="subject",
    edit=_set(_NAME_ID, NameQualifier="https://x/", Format=messages.TRANSIENT),
)
_wrong(
    "spnamequalifier-wrong",
    MISDIRECTED,
    kind="subject",
    rule="policy",
    edit=_set(_NAME_ID, SPNameQualifier="https://x/"),
)
_wrong(
    "namequalifier-with-line",
    MALFORMED,
    kind="subject",
    edit=_set(_NAME_ID, NameQualifier="a\nb"),
)
for _version in ("1.1", "1.0", "2.1", "2", "", "2.0 "):
    _wrong(
        f"assertion-version-{_version.replace(' ', '-blank') or 'empty'}",
        MALFORMED,
        kind="subject",
        edit=_set("", Version=_version),
    )
    _wrong(
        f"response-version-{_version.replace(' ', '-blank') or 'empty'}",
        MALFORMED,
        kind="subject",
        around=_set("", Version=_version),
    )
_wrong(
    "assertion-without-version", MALFORMED, kind="subject", edit=_set("", Version=None)
)
_wrong(
    "assertion-without-id",
    MALFORMED,
    kind="subject",
    places=(ROOT,),
    edit=_set("", ID=None),
)
_wrong(
    "assertion-id-is-a-number",
    MALFORMED,
    kind="subject",
    places=(ROOT,),
    edit=_set("", ID="123"),
)
_wrong(
    "assertion-id-too-long",
    MALFORMED,
    kind="subject",
    edit=_set("", ID="_" + "x" * 256),
)
_wrong("no-authn-statement", MALFORMED, kind="subject", edit=_gone(_STATEMENT))
_wrong(
    "two-authn-statements",
    MALFORMED,
    kind="subject",
    rule="policy",
    edit=_again(_STATEMENT),
)
_wrong("no-context", MALFORMED, kind="subject", edit=_gone(_CONTEXT))
_wrong("class-empty", MALFORMED, kind="subject", edit=_text(_CLASS, None))
_wrong(
    "declaration-for-class",
    MALFORMED,
    kind="subject",
    edit=_instead(_CLASS, "<saml:AuthnContextDeclRef>urn:x</saml:AuthnContextDeclRef>"),
)
_wrong(
    "session-index-with-line",
    MALFORMED,
    kind="subject",
    edit=_set(_STATEMENT, SessionIndex="a\nb"),
)
_wrong(
    "session-index-too-long",
    MALFORMED,
    kind="subject",
    edit=_set(_STATEMENT, SessionIndex="x" * 1025),
)
_wrong(
    "authzdecision",
    MALFORMED,
    kind="subject",
    rule="policy",
    edit=_added(
        "",
        '<saml:AuthzDecisionStatement Resource="urn:x" Decision="Deny"><saml:Action'
        ' Namespace="urn:x">x</saml:Action></saml:AuthzDecisionStatement>',
    ),
)
_wrong(
    "assertionidref",
    MALFORMED,
    kind="subject",
    rule="policy",
    places=(ROOT,),
    around=_added("", "<saml:AssertionIDRef>_x</saml:AssertionIDRef>"),
)
_wrong(
    "condition-unknown",
    MALFORMED,
    kind="subject",
    edit=_added("saml:Conditions", "<saml:Condition/>"),
)
_wrong(
    "condition-of-other-type",
    MALFORMED,
    kind="subject",
    edit=_added("saml:Conditions", '<saml:Condition xsi:type="saml:OneTimeUseType"/>'),
)
_wrong(
    "statement-unknown",
    MALFORMED,
    kind="subject",
    edit=_added("", '<saml:Statement xsi:type="saml:AttributeStatementType"/>'),
)
_wrong(
    "no-assertion", "", kind="subject", places=(ROOT,), around=_gone("saml:Assertion")
)
_wrong(
    "two-assertions",
    MALFORMED,
    kind="subject",
    places=(ROOT,),
    around=_again("saml:Assertion"),
)


@ANSWERS("two-signed-assertions", kind="subject", reasons=(MALFORMED,))
def two_signed(asked: Asked) -> bytes:
    """Both by the hub: which of them is meant nobody knows."""
    first = asked.hub.signed(asked.hub.assertion(asked.request, asked.name))
    second = asked.hub.signed(asked.hub.assertion(asked.request, "admin"))
    root = asked.hub.response(asked.request, first)
    root.append(second)
    if asked.place == ROOT:
        asked.hub.signed(root)
    return safe_xml.serialize(root)


@ANSWERS("signed-response-in-response", kind="subject", reasons=(MALFORMED,))
def response_in_response(asked: Asked) -> bytes:
    whole = asked.answer()
    root = asked.hub.response(asked.request, etree.fromstring(whole))
    if asked.place == ROOT:
        asked.hub.signed(root)
    return safe_xml.serialize(root)


@ANSWERS("signed-metadata-in-extensions", kind="subject", reasons=(MALFORMED,))
def signed_metadata(asked: Asked) -> bytes:
    """Something else that the hub has signed, in the envelope of a good answer."""
    other = _parsed(
        '<md:EntityDescriptor ID="_other" entityID="urn:example:x">'
        "<md:AffiliationDescriptor"
        ' affiliationOwnerID="urn:x"><md:AffiliateMember>urn:y</md:AffiliateMember>'
        "</md:AffiliationDescriptor></md:EntityDescriptor>"
    )
    asked.hub.signed(other)

    def around(root: etree._Element) -> None:
        extensions = etree.Element(safe_xml.q("samlp:Extensions"))
        extensions.append(other)
        root.insert(1, extensions)

    return asked.answer(around=around)


def _in_advice(edit: Callable[[Asked, etree._Element], None]) -> Callable[..., bytes]:
    """A good answer, in whose Advice there is another assertion that names somebody."""

    def make(asked: Asked) -> bytes:
        other = asked.hub.assertion(asked.request, "admin")
        edit(asked, other)
        return asked.answer(edit=lambda assertion: advise(assertion, other))

    return make


def advise(assertion: etree._Element, *held: etree._Element) -> None:
    """Put elements into the Advice of an assertion."""
    advice = etree.Element(safe_xml.q("saml:Advice"))
    advice.extend(held)
    _find(assertion, "saml:Conditions").addnext(advice)


ANSWERS("advice-with-signed-assertion", kind="subject", reasons=(MALFORMED,))(
    _in_advice(lambda asked, other: asked.hub.signed(other))
)


@ANSWERS("advice-with-assertion-of-one-id", kind="subject", reasons=(MALFORMED,))
def advice_of_one_id(asked: Asked) -> bytes:
    """Who looks for the ID that is signed may find the one in the Advice."""

    def edit(assertion: etree._Element) -> None:
        other = asked.hub.assertion(asked.request, "admin", id=assertion.get("ID"))
        advise(assertion, other)

    return asked.answer(edit=edit)


@ANSWERS("advice-of-evil-with-signed-assertion", kind="subject", reasons=(MALFORMED,))
def advice_of_evil(asked: Asked) -> bytes:
    """What is signed stands in the Advice of what would be read."""
    honest = asked.hub.signed(asked.hub.assertion(asked.request, asked.name))
    evil = asked.hub.assertion(asked.request, "admin")
    advise(evil, honest)
    return safe_xml.serialize(asked.hub.response(asked.request, evil))


def _both_signed(asked: Asked, *names: str) -> bytes:
    """Assertion and Response are signed, and the signatures have these Ids."""
    assertion, root = asked.made()
    known = {"assertion": assertion.get("ID"), "response": root.get("ID")}
    for element, name in zip((assertion, root), names, strict=True):
        asked.hub.signed(element)
        _find(element, "ds:Signature").set("Id", name.format(**known))
    return safe_xml.serialize(root)


for _name, _ids in {
    "assertion": ("{assertion}", "{assertion}"),
    "response": ("{response}", "{response}"),
    "each-other": ("{response}", "{assertion}"),
}.items():
    ANSWERS(
        f"signatures-with-id-of-{_name}", kind="duplicate-id", reasons=(MALFORMED,)
    )(lambda asked, ids=_ids: _both_signed(asked, *ids))


@ANSWERS("assertion-alone", kind="subject")
def assertion_alone(asked: Asked) -> bytes:
    """Signed, and in no Response."""
    element = asked.hub.signed(asked.hub.assertion(asked.request, asked.name))
    return safe_xml.serialize(element)


@ANSWERS("logout-response-for-response", kind="subject")
def logout_response(asked: Asked) -> bytes:
    """Another message of the hub's, truly signed, in the place of an answer."""
    element = asked.hub.logout_response(asked.request, asked.request.acs_url)
    return safe_xml.serialize(asked.hub.signed(element))


@ANSWERS("question-for-answer", kind="subject")
def question(asked: Asked) -> bytes:
    """The question that was asked, signed by the hub."""
    return safe_xml.serialize(
        asked.hub.signed(messages.write_authn_request(asked.request))
    )


@ANSWERS("soap-for-answer", kind="subject")
def soap(asked: Asked) -> bytes:
    return bindings.wrap_soap(etree.fromstring(asked.answer()))


@ANSWERS("signed-by-hub-key-of-participant", kind="key-trust", reasons=(UNTRUSTED,))
def by_participant(asked: Asked) -> bytes:
    """By a member in the name of the hub: every member is in the metadata."""
    party = copy(asked.hub)
    party.key = asked.member
    return replace(asked, hub=party).answer()


# --- attributes -----------------------------------------------------------------------


def _attribute(name: str, text: str, reason: str = MALFORMED) -> None:
    _wrong(
        name,
        reason,
        kind="attributes",
        edit=_added("saml:AttributeStatement", text),
    )


_attribute("attribute-empty-name", '<saml:Attribute Name=""/>')
_attribute("attribute-without-name", "<saml:Attribute/>")
_attribute("attribute-name-with-line", '<saml:Attribute Name="a&#10;b"/>')
_attribute("attribute-name-too-long", f'<saml:Attribute Name="{"x" * 1025}"/>')
_attribute("attribute-unknown-child", "<saml:Other/>")
_attribute(
    "attribute-value-too-long",
    f'<saml:Attribute Name="x"><saml:AttributeValue>{"x" * 32_769}'
    "</saml:AttributeValue></saml:Attribute>",
)
_attribute(
    "attribute-too-many-values",
    '<saml:Attribute Name="x">'
    + "<saml:AttributeValue>x</saml:AttributeValue>" * 2_001
    + "</saml:Attribute>",
)
_wrong(
    "many-saml-attributes",
    MALFORMED,
    kind="attributes",
    attributes={f"a{n}": ["x"] for n in range(101)},
)

# --- values that say more than they should (G14) --------------------------------------

#: A subject that holds one of these could begin another line, of a header or a log.
CONTROLS = {
    "line-feed": "\n",
    "carriage-return": "\r",
    "crlf-header": "\r\nX-Admin: yes",
    "tab": "\t",
    "delete": "\x7f",
    "next-line": "\x85",
    "control-sequence": "\x9b31m",
    "line-separator": "\u2028",
    "paragraph-separator": "\u2029",
    "no-break-c1": "\x80",
}
for _name, _character in CONTROLS.items():
    _wrong(
        f"injection-{_name}",
        MALFORMED,
        kind="value-injection",
        edit=_text(_NAME_ID, f"x{_character}admin"),
    )
    _wrong(
        f"injection-{_name}-at-end",
        MALFORMED,
        kind="value-injection",
        edit=_text(_NAME_ID, f"x{_character}"),
    )
    _wrong(
        f"injection-{_name}-in-session-index",
        MALFORMED,
        kind="value-injection",
        edit=_set(_STATEMENT, SessionIndex=f"x{_character}y"),
    )

#: A subject that may hold these, and is nobody else for that: the application is told
#: what was signed, to the letter.
VALUES = {
    "semicolon": "a;b",
    "comma": "a,b",
    "colon": "a:b",
    "equals": "a=b",
    "bar": "a|b",
    "blank": "a b",
    "blanks-around": " a ",
    "backslash": "a\\b",
    "quotes": "a\"b'c",
    "brackets": "a[b]c",
    "markup": "<script>alert(1)</script>",
    "escaped-line": "a%0d%0aX-Admin: yes",
    "escaped-reference": "a&#10;b",
    "slashes": "../../a",
    "template": "{{7*7}}${x}",
    "accent": "ren\u00e9e",
    "accent-apart": "rene\u0301e",
    "cyrillic": "\u0430dmin",
    "full-width": "\uff41dmin",
    "ligature": "\ufb01x",
    "zero-width": "ad\u200bmin",
    "right-to-left": "\u202enimda",
    "soft-hyphen": "ad\u00admin",
    "no-break-blank": "ad\u00a0min",
    "beyond-the-plane": "a\U0001f600b",
    "in-upper-case": "ADMIN",
    "as-long-as-may-be": "x" * 240,
}
for _name, _said in VALUES.items():
    _wrong(
        f"value-{_name}",
        "",
        GOOD,
        kind="value-injection",
        edit=lambda e, said=_said: _add_to_name(e, said),
    )


def _add_to_name(element: etree._Element, said: str) -> None:
    """Behind the name of the day, for a store counts the sessions of one subject."""
    found = _find(element, _NAME_ID)
    found.text = f"{found.text}{said}"


# --- refused when the browser comes for it --------------------------------------------

FAILED, LEVEL = "login-failed", "level-too-low"


def _status(name: str, *codes: str) -> None:
    """A signed assertion, and an envelope that says that there is none."""
    _wrong(name, FAILED, LATE, kind="status", envelope={"codes": codes})


_status("status-failed", messages.RESPONDER)
_status("status-requester", messages.REQUESTER)
_status("status-failed-and-why", messages.RESPONDER, messages.REQUEST_DENIED)
_status("status-no-passive", messages.RESPONDER, messages.NO_PASSIVE)
_status("status-success-sub-failed", messages.SUCCESS, messages.REQUEST_DENIED)
_status("status-success-twice", messages.SUCCESS, messages.SUCCESS)
_status("status-success-inside", messages.RESPONDER, messages.SUCCESS)
_status("status-unknown", "urn:example:x")
_status("status-in-upper-case", messages.SUCCESS.upper())
_status("status-with-blank", f"{messages.SUCCESS} ")
_status("status-partial-logout", messages.PARTIAL_LOGOUT)
_status("status-of-saml-1", "samlp:Success")

_STATUS = "samlp:Status"
_wrong("status-missing", MALFORMED, kind="status", around=_gone(_STATUS))
_wrong("status-twice", MALFORMED, kind="status", around=_again(_STATUS))
_wrong(
    "status-code-twice",
    MALFORMED,
    kind="status",
    around=_again(f"{_STATUS}/samlp:StatusCode"),
)
_wrong(
    "status-code-missing",
    MALFORMED,
    kind="status",
    around=_gone(f"{_STATUS}/samlp:StatusCode"),
)
_wrong(
    "status-empty",
    MALFORMED,
    kind="status",
    around=_set(f"{_STATUS}/samlp:StatusCode", Value=""),
)


def _level(name: str, level_class: str) -> None:
    _wrong(name, LEVEL, LATE, kind="subject", level_class=level_class)


_level("class-unknown", "urn:example:x")
_level("class-unspecified", "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified")
_level("class-in-upper-case", DIGID.class_of("basis").upper())
_level("class-with-tail", DIGID.class_of("basis") + "x")


# A persistent one is asked for, and the same value in another format may be another.
for _name, _format in {
    "transient": messages.TRANSIENT,
    "e-mail": messages.EMAIL,
    "format-of-nobody": "urn:example:x",
    "format-in-upper-case": messages.PERSISTENT.upper(),
    "format-with-blank": f"{messages.PERSISTENT} ",
}.items():
    _wrong(
        f"nameid-format-{_name}",
        "subject-missing",
        LATE,
        kind="subject",
        edit=_set(_NAME_ID, Format=_format),
    )

# --- odd, and good --------------------------------------------------------------------


def _good(name: str, **said: Any) -> None:
    _wrong(name, "", GOOD, kind="good", **said)


_good("plain")
_good("no-session-index", session_index=None)
_good("no-session-end", session_ends=None)
_good("no-not-before", not_before=None)
_good("no-attributes", attributes={})
_good("attribute-without-values", attributes={"empty": []})
_good("attribute-with-empty-value", attributes={"empty": [""]})
_good("two-restrictions-that-name-us", audiences=lambda a: ((a.request.issuer,),) * 2)
_good(
    "several-audiences",
    audiences=lambda a: ((a.other[0], a.request.issuer, "urn:example:x"),),
)
_good("no-response-to-on-envelope", places=(INSIDE,), envelope={"in_response_to": ""})
_good("issuer-says-its-format", edit=_set("saml:Issuer", Format=messages.ENTITY))
_good("persistent", edit=_set(_NAME_ID, Format=messages.PERSISTENT))
_good("unspecified", edit=_set(_NAME_ID, Format=messages.UNSPECIFIED))
_good("one-time-use", edit=_added("saml:Conditions", "<saml:OneTimeUse/>"))
_good(
    "proxy-restriction",
    edit=_added("saml:Conditions", '<saml:ProxyRestriction Count="0"/>'),
)
_good("address-of-somewhere", edit=_set(_DATA, Address="192.0.2.1"))
_good("locality", address="192.0.2.1")
_good(
    "authenticating-authority",
    edit=_added(
        _CONTEXT,
        "<saml:AuthenticatingAuthority>urn:x</saml:AuthenticatingAuthority>",
    ),
)
_good(
    "declaration-beside-class",
    edit=_added(_CONTEXT, "<saml:AuthnContextDeclRef>urn:x</saml:AuthnContextDeclRef>"),
)
_good(
    "advice",
    edit=_added("", '<saml:Advice><x:x xmlns:x="urn:example:x"/></saml:Advice>', 3),
)
_good(
    "consent", around=_set("", Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained")
)
_good("consent-odd", around=_set("", Consent="urn:example:x"))
_good(
    "extensions",
    around=_added(
        "", '<samlp:Extensions><x:x xmlns:x="urn:example:x"/></samlp:Extensions>', 1
    ),
)
_good(
    "status-message",
    around=_added(_STATUS, "<samlp:StatusMessage>Fine</samlp:StatusMessage>"),
)
_good(
    "status-detail",
    around=_added(
        _STATUS,
        '<samlp:StatusDetail><x:x xmlns:x="urn:example:x"/></samlp:StatusDetail>',
    ),
)
_good(
    "value-that-is-nil",
    edit=_added(_ATTRIBUTE, '<saml:AttributeValue xsi:nil="true"/>'),
)
_good(
    "value-that-is-a-name",
    edit=_instead(
        _VALUE,
        "<saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue>",
    ),
)
_good(
    "two-attribute-statements",
    edit=_added(
        "",
        '<saml:AttributeStatement><saml:Attribute Name="x"/></saml:AttributeStatement>',
    ),
)
_good("friendly-name", edit=_set(_ATTRIBUTE, FriendlyName="Name \u00e9"))
_good("many-values", attributes={"x": [f"{n}" for n in range(2_000)]})
_good("a-hundred-attributes", attributes={f"a{n}": ["x"] for n in range(100)})
_good("long-value", attributes={"x": ["x" * 32_768]})
_good("lines-in-a-value", attributes={"x": ["a\r\nX-Admin: yes", "a\u2028b", "\t"]})


def _qualified(element: etree._Element) -> None:
    audience = _find(element, _AUDIENCE).text
    issuer = _find(element, "saml:Issuer").text
    _set(_NAME_ID, NameQualifier=issuer, SPNameQualifier=audience)(element)


def _finer(element: etree._Element) -> None:
    """Instants to the seventh digit, as .NET writes them."""
    for path, name in (("", "IssueInstant"), (_DATA, "NotOnOrAfter")):
        found = _find(element, path)
        found.set(name, f"{found.get(name, '')[:19]}.1234567Z")


_good(
    "qualifiers-that-are-the-defaults",
    edit=_qualified,
)
_good("two-confirmations", edit=_again(_CONFIRMATION))
_good("two-confirmations-of-which-one-holds", edit=_unconfirmed(_ELSEWHERE, {}))
_good("three-confirmations-the-last-holds", edit=_unconfirmed(_OVER, _OTHERWISE, {}))
_good("no-issuer-on-envelope", places=(INSIDE,), around=_gone("saml:Issuer"))


def _spaced(space: str, *paths: str) -> _Edit:
    """White space around URIs, as those have it who write XML in lines."""

    def edit(element: etree._Element) -> None:
        for path in paths:
            found = _find(element, path)
            found.text = f"{space}{found.text}{space}"

    return edit


for _name, _space in {"blanks": " ", "lines": "\r\n\t  "}.items():
    _good(f"{_name}-around-audience", edit=_spaced(_space, _AUDIENCE))
    _good(f"{_name}-around-class", edit=_spaced(_space, _CLASS))
    _good(f"{_name}-around-issuer", edit=_spaced(_space, "saml:Issuer"))
    _good(f"{_name}-around-issuer-of-envelope", around=_spaced(_space, "saml:Issuer"))
_good("microseconds", edit=_finer)


def _rewritten(
    name: str, make: Callable[[Asked, etree._Element], Any], **more: Any
) -> None:
    """A good answer as other stacks write it: its text is made first, then signed."""

    @GOOD(name, **more)
    def rewritten(asked: Asked) -> Any:
        _, root = asked.made()
        return make(asked, root)


def _signed_of(asked: Asked, octets: bytes, **how: Any) -> etree._Element:
    """The root of octets, in which what is to be signed is signed."""
    root: etree._Element = etree.fromstring(octets)
    covered = root if asked.place == ROOT else _find(root, "saml:Assertion")
    sign(covered, Signing(asked.hub.key, **how))
    return root


def _renamed_prefixes(asked: Asked, root: etree._Element) -> bytes:
    """As pysaml2 writes them."""
    text = (
        safe_xml.serialize(root).replace(b"samlp:", b"ns0:").replace(b"saml:", b"ns1:")
    )
    text = text.replace(b":samlp=", b":ns0=").replace(b":saml=", b":ns1=")
    return safe_xml.serialize(_signed_of(asked, text))


def _default_namespace(asked: Asked, root: etree._Element) -> bytes:
    text = (
        safe_xml.serialize(root)
        .replace(b"saml:", b"")
        .replace(b"xmlns:saml=", b"xmlns=")
    )
    return safe_xml.serialize(_signed_of(asked, text))


def _typed_values(asked: Asked, root: etree._Element) -> bytes:
    typed = (
        f'<saml:AttributeValue xmlns:xs="{safe_xml.XS}" xmlns:xsi="{safe_xml.XSI}"'
        ' xsi:type="xs:string">'
    )
    text = safe_xml.serialize(root).replace(b"<saml:AttributeValue>", typed.encode())
    return safe_xml.serialize(_signed_of(asked, text))


def _in_lines(asked: Asked, root: etree._Element) -> bytes:
    text = safe_xml.serialize(root).replace(b"><", b">\r\n  <")
    return safe_xml.serialize(_signed_of(asked, text))


def _more_namespaces(asked: Asked, root: etree._Element) -> bytes:
    declared = " ".join(f'xmlns:n{n}="urn:example:{n}"' for n in range(20)).encode()
    text = safe_xml.serialize(root).replace(
        b"Response ", b"Response " + declared + b" ", 1
    )
    return safe_xml.serialize(_signed_of(asked, text))


def _around(
    before: bytes, after: bytes = b""
) -> Callable[[Asked, etree._Element], Any]:
    return lambda asked, root: (
        before + safe_xml.serialize(_signed_of(asked, safe_xml.serialize(root))) + after
    )


_rewritten("other-prefixes", _renamed_prefixes)
_rewritten("default-namespace", _default_namespace)
_rewritten("in-lines", _in_lines)
_rewritten("typed-values", _typed_values)
_rewritten("more-namespaces", _more_namespaces)
_rewritten("declaration", _around(b'<?xml version="1.0" encoding="UTF-8"?>\r\n'))
_rewritten(
    "declaration-in-lower-case",
    _around(b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>"),
)
_rewritten("byte-order-mark", _around(b"\xef\xbb\xbf"))
_rewritten("comments-around", _around(b"<!-- a -->\n", b"\n<!-- b -->\n"))


def _signed_by(name: str, **how: Any) -> None:
    """Signed with other parts."""

    def make(asked: Asked, root: etree._Element) -> bytes:
        said = {k: v(asked) if callable(v) else v for k, v in how.items()}
        return safe_xml.serialize(_signed_of(asked, safe_xml.serialize(root), **said))

    _rewritten(name, make)


def _certificate_of(asked: Asked) -> str:
    text = asked.hub.key.certificate_text
    lines = "\n".join(text[n : n + 64] for n in range(0, len(text), 64))
    return f"<ds:X509Certificate>\n{lines}\n</ds:X509Certificate>"


_signed_by("rsa-sha384", method=MORE + "rsa-sha384", digest=MORE + "sha384")
_signed_by("rsa-sha512", method=MORE + "rsa-sha512", digest=safe_xml.XENC + "sha512")
_signed_by("signed-info-with-comments", c14n=WITH_COMMENTS)
_signed_by("c14n-with-comments", transforms=(USUAL[0], transform(WITH_COMMENTS)))


@GOOD("c14n-with-comments-in-the-name")
def comments_in_the_name(asked: Asked) -> bytes:
    """A comment splits no text: the whole name is read, as it was signed."""
    assertion, root = asked.made()
    how = Signing(
        asked.hub.key,
        c14n=WITH_COMMENTS,
        transforms=(USUAL[0], transform(WITH_COMMENTS)),
    )
    sign(assertion if asked.place == INSIDE else root, how)
    name = _find(assertion, _NAME_ID)
    text, name.text = name.text or "", ""
    name.append(etree.Comment("x"))
    name[0].tail = text[2:]
    name.text = text[:2]
    return safe_xml.serialize(root)


_signed_by("no-key-info")
_signed_by(
    "certificate-in-lines",
    behind=lambda a: (
        f"<ds:KeyInfo><ds:X509Data>{_certificate_of(a)}</ds:X509Data></ds:KeyInfo>"
    ),
)
_signed_by(
    "key-name",
    behind="<ds:KeyInfo><ds:KeyName>signing 2026</ds:KeyName></ds:KeyInfo>",
)
_signed_by(
    "key-value",
    behind=lambda a: f"<ds:KeyInfo>{key_value(a.hub.key)}</ds:KeyInfo>",
)
_signed_by(
    "issuer-and-serial",
    behind=lambda a: (
        "<ds:KeyInfo><ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>CN=x"
        "</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>"
        f"</ds:X509IssuerSerial>{_certificate_of(a)}</ds:X509Data></ds:KeyInfo>"
    ),
)
_signed_by(
    "certificate-of-another",
    behind=lambda a: (
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{a.member.certificate_text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    ),
)
_signed_by(
    "prefix-list-of-digid",
    transforms=(
        USUAL[0],
        transform(
            EXCLUSIVE,
            f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="saml samlp"/>',
        ),
    ),
    covers=lambda a: (
        lambda element: canonical(element, inclusive_ns_prefixes=["saml", "samlp"])
    ),
)


@GOOD("signatures-of-one-id")
def signatures_of_one_id(asked: Asked) -> bytes:
    """As pysaml2 writes them: no Reference names that Id."""
    return _both_signed(asked, "Signature1", "Signature1")


GOOD("advice-with-assertion")(_in_advice(lambda asked, other: None))


@GOOD("advice-with-encrypted-assertion")
def advice_encrypted(asked: Asked) -> bytes:
    other = asked.hub.assertion(asked.request, "admin")
    holder = etree.Element("holder")
    holder.append(other)
    sealed = encrypt(other, "saml:EncryptedAssertion", asked.hub.key.public)
    return asked.answer(edit=lambda assertion: advise(assertion, sealed))


@GOOD("both-are-signed")
def both_are_signed(asked: Asked) -> bytes:
    assertion, root = asked.made()
    asked.hub.signed(assertion)
    return safe_xml.serialize(asked.hub.signed(root))


@GOOD("base64-in-lines")
def base64_in_lines(asked: Asked) -> Mapping[str, str]:
    fields = bindings.post_fields("SAMLResponse", asked.answer(), asked.relay_state)
    text = fields["SAMLResponse"]
    lines = "\r\n".join(text[n : n + 76] for n in range(0, len(text), 76))
    return {**fields, "SAMLResponse": lines + "\r\n"}


@GOOD("more-fields-in-the-form")
def more_fields(asked: Asked) -> Mapping[str, str]:
    fields = bindings.post_fields("SAMLResponse", asked.answer(), asked.relay_state)
    return {"lang": "nl", **fields, "submit": "Verder"}
