"""Questions for a login (AuthnRequest) as attackers ask them: signed by a member.

What is wrong with them is what they say. Where nobody can tell to whom an answer would
go the hub shows a page (:data:`REFUSED`); all else it tells the member, at an address
of its metadata, and nobody is logged in (:data:`TOLD`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree
from parties import Party

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.messages import NameID, write_instant
from forging import MALFORMED, UNTRUSTED, Family
from forging.trees import NEAR, behind, gone, having, made, node, worded

MISDIRECTED, UNKNOWN_PEER = "message-misdirected", "peer-unknown"

REFUSED = Family("authnrequest", reasons=(MALFORMED,))

DENIED = (messages.REQUESTER, messages.REQUEST_DENIED)
TOO_LATE = (*DENIED, messages.TOO_LATE)
NO_BINDING = (messages.REQUESTER, messages.UNSUPPORTED_BINDING)
NO_NAME = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
NO_REQUEST = (messages.RESPONDER, messages.REQUEST_UNSUPPORTED)
NO_LEVEL = (messages.RESPONDER, messages.NO_AUTHN_CONTEXT)

ATTACKER = "https://attacker.test/acs"


@dataclass(frozen=True)
class Ask:
    """What a participant may ask."""

    sender: Party
    member: Party
    hub: str
    #: Where it asks, and where it is answered; where the other member is.
    destination: str
    acs: str
    member_acs: str

    def element(self, **changes: Any) -> etree._Element:
        """A good AuthnRequest, but for ``changes``; not signed yet."""
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.sender.entity_id,
            destination=self.destination,
            acs_url=self.acs,
            protocol_binding=bindings.POST,
            level_classes=(DIGID.class_of("basis"),),
        )
        return messages.write_authn_request(replace(request, **changes))

    @property
    def bare(self) -> etree._Element:
        """One that says nothing of where the answer goes."""
        return self.element(acs_url="", protocol_binding="")


Make = Callable[[Ask], etree._Element]  # noqa: SLF001 - lxml has no other name for it


def _changed(**changes: Any) -> Make:
    return lambda ask: ask.element(**changes)


def _attributes(**attributes: "str | None") -> Make:
    return lambda ask: having(ask.element(), **attributes)


def _without_address(**attributes: "str | None") -> Make:
    return lambda ask: having(ask.bare, **attributes)


# --- who asks, and in which words ---------------------------------------------------


@REFUSED("aq-issuer-missing")
def issuer_missing(ask: Ask) -> etree._Element:
    return gone(ask.element(), "saml:Issuer")


@REFUSED("aq-issuer-empty")
def issuer_empty(ask: Ask) -> etree._Element:
    return worded(ask.element(), "saml:Issuer", "")


REFUSED("aq-issuer-unknown", reasons=(UNKNOWN_PEER,))(
    _changed(issuer="https://nobody.test/metadata")
)


@REFUSED("aq-issuer-member", reasons=(UNTRUSTED,))
def issuer_member(ask: Ask) -> etree._Element:
    return ask.element(issuer=ask.member.entity_id)


@REFUSED("aq-issuer-hub", reasons=(UNKNOWN_PEER,))
def issuer_hub(ask: Ask) -> etree._Element:
    return ask.element(issuer=ask.hub)


@REFUSED("aq-issuer-case", reasons=(UNKNOWN_PEER,))
def issuer_case(ask: Ask) -> etree._Element:
    return ask.element(issuer=ask.sender.entity_id.upper())


@REFUSED("aq-issuer-space", reasons=(UNKNOWN_PEER,))
def issuer_space(ask: Ask) -> etree._Element:
    return ask.element(issuer=f"{ask.sender.entity_id} ")


@REFUSED("aq-issuer-format")
def issuer_format(ask: Ask) -> etree._Element:
    root = ask.element()
    having(node(root, "saml:Issuer"), Format=messages.PERSISTENT)
    return root


@REFUSED("aq-issuer-qualifier", rule="policy")
def issuer_qualifier(ask: Ask) -> etree._Element:
    root = ask.element()
    having(node(root, "saml:Issuer"), SPNameQualifier=ask.member.entity_id)
    return root


@REFUSED("aq-two-issuers")
def two_issuers(ask: Ask) -> etree._Element:
    other = made("saml:Issuer", ask.member.entity_id)
    return behind(ask.element(), "saml:Issuer", other)


for _name, _said in {
    "aq-version-1.1": {"Version": "1.1"},
    "aq-version-missing": {"Version": None},
    "aq-id-empty": {"ID": ""},
    "aq-id-bad": {"ID": "1 <2>"},
    "aq-id-huge": {"ID": "_" + "a" * 256},
    "aq-issueinstant-missing": {"IssueInstant": None},
    "aq-issueinstant-local": {"IssueInstant": "2026-01-31T12:00:00"},
    "aq-issueinstant-garbage": {"IssueInstant": "today"},
    "aq-forceauthn-garbage": {"ForceAuthn": "perhaps"},
    "aq-ispassive-garbage": {"IsPassive": "TRUE"},
    "aq-unknown-attribute": {"Also": "x"},
    "aq-providername-huge": {"ProviderName": "a" * 1025},
    "aq-providername-control": {"ProviderName": "a\x85b"},
}.items():
    REFUSED(_name)(_attributes(**_said))

# --- where it was sent --------------------------------------------------------------

for _name, _change in NEAR.items():
    REFUSED(f"aq-destination-{_name}", reasons=(MISDIRECTED,))(
        lambda ask, change=_change: ask.element(destination=change(ask.destination))
    )
REFUSED("aq-destination-missing", reasons=(MISDIRECTED,))(_attributes(Destination=None))
REFUSED("aq-destination-empty", reasons=(MISDIRECTED,))(_attributes(Destination=""))


@REFUSED("aq-destination-slo", reasons=(MISDIRECTED,))
def destination_slo(ask: Ask) -> etree._Element:
    return ask.element(destination=ask.destination.replace("/sso", "/slo"))


# --- where the answer is to go ------------------------------------------------------

for _name, _change in NEAR.items():
    REFUSED(f"aq-acs-{_name}", reasons=(MISDIRECTED,))(
        lambda ask, change=_change: ask.element(acs_url=change(ask.acs))
    )
    REFUSED(f"aq-acs-{_name}-without-binding", reasons=(MISDIRECTED,))(
        lambda ask, change=_change: ask.element(
            acs_url=change(ask.acs), protocol_binding=""
        )
    )
for _name, _url in {
    "javascript": "javascript:alert(document.domain)",
    "data": "data:text/html,x",
    "scheme-relative": "//attacker.test/acs",
    "backslash": "/\\attacker.test/acs",
    "relative": "/eilogin/acs",
    "file": "file:///etc/passwd",
    "idn": "https://uwv.xn--localhost-x/eilogin/acs",
}.items():
    REFUSED(f"aq-acs-{_name}", reasons=(MISDIRECTED,))(_changed(acs_url=_url))
REFUSED("aq-acs-empty")(_attributes(AssertionConsumerServiceURL=""))
REFUSED("aq-acs-lines")(_attributes(AssertionConsumerServiceURL=f"{ATTACKER}\r\nx: y"))
REFUSED("aq-acs-huge")(
    _attributes(AssertionConsumerServiceURL=f"{ATTACKER}{'x' * 1024}")
)


@REFUSED("aq-acs-member", reasons=(MISDIRECTED,))
def at_the_member(ask: Ask) -> etree._Element:
    return ask.element(acs_url=ask.member_acs)


@REFUSED("aq-acs-hub", reasons=(MISDIRECTED,))
def at_the_hub(ask: Ask) -> etree._Element:
    return ask.element(acs_url=ask.destination)


for _name, _index in {"unknown": "99", "large": "65535"}.items():
    REFUSED(f"aq-acs-index-{_name}", reasons=(MISDIRECTED,))(
        _without_address(AssertionConsumerServiceIndex=_index)
    )
for _name, _index in {
    "negative": "-1",
    "too-large": "100000",
    "empty": "",
    "word": "first",
    "hexadecimal": "0x0",
    "arabic": "\u0661",
}.items():
    REFUSED(f"aq-acs-index-{_name}")(
        _without_address(AssertionConsumerServiceIndex=_index)
    )

# --- what is asked ------------------------------------------------------------------


@REFUSED("aq-context-empty")
def no_class(ask: Ask) -> etree._Element:
    return gone(ask.element(), "saml:AuthnContextClassRef")


@REFUSED("aq-context-class-and-declaration")
def class_and_declaration(ask: Ask) -> etree._Element:
    other = made("saml:AuthnContextDeclRef", "urn:x")
    return behind(ask.element(), "saml:AuthnContextClassRef", other)


@REFUSED("aq-context-comparison")
def compared_otherwise(ask: Ask) -> etree._Element:
    root = ask.element()
    having(node(root, "samlp:RequestedAuthnContext"), Comparison="less")
    return root


@REFUSED("aq-context-twice")
def two_contexts(ask: Ask) -> etree._Element:
    other = made("samlp:RequestedAuthnContext")
    other.append(made("saml:AuthnContextClassRef", DIGID.class_of("basis")))
    return behind(ask.element(), "samlp:RequestedAuthnContext", other)


@REFUSED("aq-duplicate-first")
def two_policies(ask: Ask) -> etree._Element:
    root = ask.element(name_id_format=messages.TRANSIENT)
    other = made("samlp:NameIDPolicy", Format=messages.PERSISTENT)
    return behind(root, "samlp:NameIDPolicy", other)


@REFUSED("aq-unknown-child")
def unknown_child(ask: Ask) -> etree._Element:
    root = ask.element()
    etree.SubElement(root, "{urn:x}Also")
    return root


@REFUSED("aq-other-namespace")
def of_another_vocabulary(ask: Ask) -> etree._Element:
    root = ask.element()
    root.tag = "{urn:oasis:names:tc:SAML:1.0:protocol}AuthnRequest"
    return root


@REFUSED("aq-is-logoutrequest")
def a_logout(ask: Ask) -> etree._Element:
    return ask.sender.logout_request(NameID("x"), ask.destination)


@REFUSED("aq-is-authnquery")
def a_query(ask: Ask) -> etree._Element:
    """Another message of SAML that asks about somebody."""
    root = ask.bare
    for child in root.findall(safe_xml.q("samlp:RequestedAuthnContext")):
        root.remove(child)
    root.tag = safe_xml.q("samlp:AuthnQuery")
    subject = safe_xml.add(root, "saml:Subject")
    safe_xml.add(subject, "saml:NameID", "x")
    return root


@REFUSED("aq-is-response")
def an_answer(ask: Ask) -> etree._Element:
    return messages.write_response(
        messages.Response(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=ask.sender.entity_id,
            status=messages.Status(),
            destination=ask.destination,
        ),
        None,
    )


# --- what the member is told --------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A question that gets no login, and the status codes that say so."""

    name: str
    make: Make = field(repr=False)
    codes: Sequence[str]

    def __str__(self) -> str:
        return self.name


def _issued(seconds: float) -> Make:
    return lambda ask: ask.element(issued=clock.now() + seconds)


def _about_somebody(ask: Ask) -> etree._Element:
    subject = made("saml:Subject")
    subject.append(made("saml:NameID", "admin"))
    return behind(ask.element(), "saml:Issuer", subject)


def _policy(**attributes: str) -> Make:
    def make(ask: Ask) -> etree._Element:
        root = ask.element(name_id_format=messages.TRANSIENT)
        policy = node(root, "samlp:NameIDPolicy")
        policy.attrib.clear()
        having(policy, **attributes)
        return root

    return make


def _declared(ask: Ask) -> etree._Element:
    root = ask.element()
    node(root, "saml:AuthnContextClassRef").tag = safe_xml.q("saml:AuthnContextDeclRef")
    return root


TOLD = [
    Told("aq-old", _issued(-600), TOO_LATE),
    Told("aq-old-a-second", _issued(-181), TOO_LATE),
    Told("aq-old-a-year", _issued(-31_536_000), TOO_LATE),
    Told("aq-future", _issued(600), DENIED),
    Told("aq-future-a-little", _issued(90), DENIED),
    Told("aq-acs-index-and-url", _changed(acs_index=0, protocol_binding=""), DENIED),
    Told("aq-acs-index-and-binding", _changed(acs_index=0, acs_url=""), DENIED),
    Told(
        "aq-acs-index-and-url-of-attacker",
        _changed(acs_index=0, acs_url=ATTACKER, protocol_binding=""),
        DENIED,
    ),
    Told(
        "aq-binding-redirect", _changed(protocol_binding=bindings.REDIRECT), NO_BINDING
    ),
    Told("aq-binding-soap", _changed(protocol_binding=bindings.SOAP), NO_BINDING),
    Told("aq-binding-unknown", _changed(protocol_binding="urn:x"), NO_BINDING),
    Told("aq-subject", _about_somebody, NO_REQUEST),
    Told("aq-nameidpolicy", _policy(Format="urn:x"), NO_NAME),
    Told("aq-spnamequalifier", _policy(SPNameQualifier="https://other.test/"), NO_NAME),
    Told("aq-authncontext", _changed(level_classes=("urn:x",)), NO_LEVEL),
    Told("aq-authncontext-declaration", _declared, NO_LEVEL),
]

# --- what is good -------------------------------------------------------------------


def _scoped(ask: Ask) -> etree._Element:
    """With a list of hubs and of who asks behind it: nobody else is asked here."""
    root = ask.element()
    scoping = safe_xml.add(root, "samlp:Scoping", ProxyCount="0")
    listed = safe_xml.add(scoping, "samlp:IDPList")
    safe_xml.add(
        listed, "samlp:IDPEntry", ProviderID=ask.member.entity_id, Loc=ATTACKER
    )
    safe_xml.add(scoping, "samlp:RequesterID", ask.member.entity_id)
    return root


def _extended(ask: Ask) -> etree._Element:
    extensions = made("samlp:Extensions")
    etree.SubElement(extensions, "{urn:x}Login").text = ATTACKER
    return behind(ask.element(), "saml:Issuer", extensions)


def _with_conditions(ask: Ask) -> etree._Element:
    root = ask.element()
    conditions = made("saml:Conditions", NotOnOrAfter=write_instant(clock.now() + 600))
    restriction = safe_xml.add(conditions, "saml:AudienceRestriction")
    safe_xml.add(restriction, "saml:Audience", ask.member.entity_id)
    node(root, "samlp:RequestedAuthnContext").addprevious(conditions)
    return root


#: Odd, and answered as any other: what is odd is of no consequence.
GOOD = {
    "aq-ok": Ask.element,
    "aq-ok-default-address": lambda ask: ask.bare,
    "aq-ok-index": lambda ask: having(ask.bare, AssertionConsumerServiceIndex="0"),
    "aq-ok-address-alone": _changed(protocol_binding=""),
    "aq-ok-binding-alone": _changed(acs_url=""),
    "aq-ok-scoping": _scoped,
    "aq-ok-extensions": _extended,
    "aq-ok-conditions": _with_conditions,
    "aq-ok-provider-name": _changed(provider_name="<script>alert(1)</script>'\""),
    "aq-ok-service-index": _changed(consumer_service_index=65535),
    "aq-ok-own-qualifier": lambda ask: having_policy(
        ask, SPNameQualifier=ask.sender.entity_id
    ),
    "aq-ok-lines-around-class": lambda ask: worded(
        ask.element(),
        "saml:AuthnContextClassRef",
        f"\r\n\t {DIGID.class_of('basis')} \n",
    ),
    "aq-ok-consent": lambda ask: having(ask.element(), Consent="urn:x"),
    "aq-ok-empty-policy-format": lambda ask: having_policy(ask, Format=""),
    "aq-ok-empty-policy": lambda ask: having_policy(ask, Format="", SPNameQualifier=""),
    "aq-ok-empty-binding": lambda ask: having(ask.element(), ProtocolBinding=""),
    "aq-ok-empty-binding-alone": lambda ask: having(ask.bare, ProtocolBinding=""),
    "aq-ok-empty-provider-name": lambda ask: having(ask.element(), ProviderName=""),
    "aq-ok-a-little-old": _issued(-170),
    "aq-ok-a-little-early": _issued(50),
}


def having_policy(ask: Ask, **attributes: str) -> etree._Element:
    return _policy(**attributes)(ask)
