"""Logouts as attackers ask for them and answer them: all are signed by the right key.

A LogoutRequest is brought by Redirect, by POST and over SOAP; what differs between
those (signatures, envelopes, queries) is in the families that fit any message. These
say the wrong thing, or name somebody in another way than she is called.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree
from parties import Party

from eilogin import clock
from eilogin.saml import messages, safe_xml, xml_encryption
from eilogin.saml.messages import NameID, write_instant
from forging import MALFORMED, TOO_LARGE, UNTRUSTED, Family
from forging.trees import NEAR, behind, gone, having, made, node, worded

REDIRECT, POST, SOAP = "redirect", "post", "soap"
BINDINGS = (REDIRECT, POST, SOAP)
#: Those in which a message says where it is sent.
BY_BROWSER = (REDIRECT, POST)

EXPIRED, MISDIRECTED = "message-expired", "message-misdirected"
UNKNOWN_PEER, UNEXPECTED = "peer-unknown", "message-unexpected"
UNDECIPHERED = "decryption-failed"

PERSISTENT = messages.PERSISTENT
NONE, NAMED, ALL = "nobody", "the one session", "all of hers"

REQUESTS = Family("logout", places=BINDINGS, reasons=(MALFORMED,))
RESPONSES = Family("logout-response", places=BY_BROWSER, reasons=(MALFORMED,))


@dataclass(frozen=True)
class Logout:
    """What a party may ask for: that somebody is logged out who is logged in."""

    sender: Party
    #: entityID of who receives it, and the address to which it is brought.
    receiver: str
    destination: str
    name_id: NameID
    index: str
    #: Another member, whose key is not the sender's.
    member: Party
    #: Somebody else who is logged in, and her session.
    other: NameID
    other_index: str
    #: The same address over another binding.
    elsewhere: str

    def element(self, **changes: Any) -> etree._Element:
        """A good LogoutRequest, but for ``changes``; not signed yet."""
        said = {"session_indexes": (self.index,)} | changes
        name_id = said.pop("name_id", self.name_id)
        destination = said.pop("destination", self.destination)
        return self.sender.logout_request(name_id, destination, **said)

    def named(self, name_id: NameID, *indexes: str) -> etree._Element:
        return self.element(name_id=name_id, session_indexes=indexes or (self.index,))


# --- who says so, and which version -------------------------------------------------


@REQUESTS("lr-issuer-missing")
def issuer_missing(logout: Logout) -> etree._Element:
    return gone(logout.element(), "saml:Issuer")


@REQUESTS("lr-issuer-empty")
def issuer_empty(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:Issuer", "")


@REQUESTS("lr-issuer-nobody", reasons=(UNKNOWN_PEER,))
def issuer_nobody(logout: Logout) -> etree._Element:
    return logout.element(issuer="https://nobody.test/metadata")


@REQUESTS("lr-issuer-member", reasons=(UNTRUSTED, UNKNOWN_PEER))
def issuer_member(logout: Logout) -> etree._Element:
    return logout.element(issuer=logout.member.entity_id)


@REQUESTS("lr-issuer-receiver", reasons=(UNKNOWN_PEER,))
def issuer_receiver(logout: Logout) -> etree._Element:
    return logout.element(issuer=logout.receiver)


@REQUESTS("lr-issuer-case", reasons=(UNKNOWN_PEER,))
def issuer_case(logout: Logout) -> etree._Element:
    return logout.element(issuer=logout.sender.entity_id.upper())


@REQUESTS("lr-issuer-space", reasons=(UNKNOWN_PEER,))
def issuer_space(logout: Logout) -> etree._Element:
    return logout.element(issuer=f" {logout.sender.entity_id}\n")


@REQUESTS("lr-issuer-format")
def issuer_format(logout: Logout) -> etree._Element:
    root = logout.element()
    having(node(root, "saml:Issuer"), Format=PERSISTENT)
    return root


@REQUESTS("lr-issuer-qualifier", rule="policy")
def issuer_qualifier(logout: Logout) -> etree._Element:
    root = logout.element()
    having(node(root, "saml:Issuer"), NameQualifier=logout.member.entity_id)
    return root


@REQUESTS("lr-two-issuers")
def two_issuers(logout: Logout) -> etree._Element:
    other = made("saml:Issuer", logout.member.entity_id)
    return behind(logout.element(), "saml:Issuer", other)


@REQUESTS("lr-issuer-element")
def issuer_holds_an_element(logout: Logout) -> etree._Element:
    root = logout.element()
    node(root, "saml:Issuer").append(made("saml:Issuer", "x"))
    return root


@REQUESTS("lr-version-1.1")
def version_old(logout: Logout) -> etree._Element:
    return having(logout.element(), Version="1.1")


@REQUESTS("lr-version-2.1", rule="policy")
def version_new(logout: Logout) -> etree._Element:
    return having(logout.element(), Version="2.1")


@REQUESTS("lr-version-missing")
def version_missing(logout: Logout) -> etree._Element:
    return having(logout.element(), Version=None)


@REQUESTS("lr-id-empty", places=(REDIRECT,))
def id_empty(logout: Logout) -> etree._Element:
    return having(logout.element(), ID="")


@REQUESTS("lr-id-no-name")
def id_no_name(logout: Logout) -> etree._Element:
    return having(logout.element(), ID="1 2")


@REQUESTS("lr-id-huge", rule="policy")
def id_huge(logout: Logout) -> etree._Element:
    return having(logout.element(), ID="_" + "a" * 256)


# --- when ---------------------------------------------------------------------------


def _ago(seconds: float) -> Callable[[Logout], etree._Element]:
    def make(logout: Logout) -> etree._Element:
        return logout.element(issued=clock.now() - seconds)

    return make


def _saying(name: str, value: "str | None") -> Callable[[Logout], etree._Element]:
    def make(logout: Logout) -> etree._Element:
        return having(logout.element(), **{name: value})

    return make


for _name, _seconds in {
    "lr-old-issueinstant": 600,
    "lr-old-a-second": 181,
    "lr-old-a-year": 31_536_000,
    "lr-future": -600,
    "lr-future-a-little": -90,
}.items():
    REQUESTS(_name, reasons=(EXPIRED,))(_ago(_seconds))

for _name, _value in {
    "lr-issueinstant-missing": None,
    "lr-issueinstant-empty": "",
    "lr-issueinstant-local": "2026-01-31T12:00:00",
    "lr-issueinstant-offset": "2026-01-31T12:00:00+02:00",
    "lr-issueinstant-garbage": "now",
    "lr-issueinstant-year-0": "0000-01-01T00:00:00Z",
    "lr-issueinstant-day-32": "2026-01-32T00:00:00Z",
}.items():
    REQUESTS(_name)(_saying("IssueInstant", _value))


@REQUESTS("lr-notonorafter-past", reasons=(EXPIRED,))
def ended_before(logout: Logout) -> etree._Element:
    return logout.element(not_on_or_after=clock.now() - 61)


@REQUESTS("lr-notonorafter-garbage")
def ended_never(logout: Logout) -> etree._Element:
    return having(logout.element(), NotOnOrAfter="never")


# --- for whom -----------------------------------------------------------------------


def _sent_to(change: Callable[[str], str]) -> Callable[[Logout], etree._Element]:
    def make(logout: Logout) -> etree._Element:
        return having(logout.element(), Destination=change(logout.destination))

    return make


for _name, _change in NEAR.items():
    REQUESTS(f"lr-destination-{_name}", reasons=(MISDIRECTED,))(_sent_to(_change))


@REQUESTS("lr-destination-missing", places=BY_BROWSER, reasons=(MISDIRECTED,))
def destination_missing(logout: Logout) -> etree._Element:
    return having(logout.element(), Destination=None)


@REQUESTS("lr-destination-empty", places=BY_BROWSER, reasons=(MISDIRECTED,))
def destination_empty(logout: Logout) -> etree._Element:
    return having(logout.element(), Destination="")


@REQUESTS("lr-destination-elsewhere", reasons=(MISDIRECTED,))
def destination_elsewhere(logout: Logout) -> etree._Element:
    """Meant for the same party, at its address for another binding."""
    return logout.element(destination=logout.elsewhere)


@REQUESTS("lr-destination-sender", reasons=(MISDIRECTED,))
def destination_sender(logout: Logout) -> etree._Element:
    return logout.element(destination=logout.sender.entity_id)


@REQUESTS("lr-destination-control")
def destination_with_a_control(logout: Logout) -> etree._Element:
    return having(logout.element(), Destination=f"{logout.destination}\x85")


# --- who is named -------------------------------------------------------------------


@REQUESTS("lr-no-nameid")
def nobody_named(logout: Logout) -> etree._Element:
    return gone(logout.element(), "saml:NameID")


@REQUESTS("lr-empty-nameid")
def empty_name(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", "")


@REQUESTS("lr-blank-nameid")
def blank_name(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", " \n\t ")


@REQUESTS("lr-huge-nameid")
def huge_name(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", "a" * 257)


@REQUESTS("lr-two-nameids")
def two_names(logout: Logout) -> etree._Element:
    other = made("saml:NameID", logout.other.value)
    return behind(logout.element(), "saml:NameID", other)


@REQUESTS("lr-nameid-element")
def name_holds_an_element(logout: Logout) -> etree._Element:
    root = logout.element()
    node(root, "saml:NameID").append(made("saml:NameID", logout.other.value))
    return root


@REQUESTS("lr-nameid-control")
def name_with_a_control(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", f"{logout.name_id.value}\u0085")


@REQUESTS("lr-nameid-lines")
def name_with_lines(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", f"\n{logout.name_id.value}\n")


@REQUESTS("lr-nameid-line-separator")
def name_with_a_line_separator(logout: Logout) -> etree._Element:
    return worded(logout.element(), "saml:NameID", f"{logout.name_id.value}\u2028")


@REQUESTS("lr-nameid-other-namespace")
def name_of_another_vocabulary(logout: Logout) -> etree._Element:
    root = logout.element()
    node(root, "saml:NameID").tag = safe_xml.q("samlp:NameID")
    return root


@REQUESTS("lr-format-attribute")
def name_as_an_attribute(logout: Logout) -> etree._Element:
    """A Format by which we ourselves call who is known by an attribute."""
    name_id = replace(logout.name_id, format="attribute:bsn")
    return logout.named(name_id)


@REQUESTS("lr-baseid")
def base_id(logout: Logout) -> etree._Element:
    root = logout.element()
    name = node(root, "saml:NameID")
    base = etree.fromstring(
        f'<saml:BaseID xmlns:saml="{safe_xml.SAML}" xmlns:xsi="{safe_xml.XSI}"'
        ' xmlns:x="urn:x" xsi:type="x:T"/>'
    )
    name.getparent().replace(name, base)
    return root


@REQUESTS("lr-nameid-twice-encrypted")
def clear_and_encrypted(logout: Logout) -> etree._Element:
    root = logout.element()
    inner = made("saml:NameID", logout.other.value)
    wrapper = encrypted(inner, logout.sender.key.public)
    return behind(root, "saml:NameID", wrapper)


@REQUESTS("lr-encrypted-for-another", reasons=(UNDECIPHERED,))
def encrypted_for_another(logout: Logout) -> etree._Element:
    root = logout.element()
    name = node(root, "saml:NameID")
    parent, place = name.getparent(), name.getparent().index(name)
    wrapper = encrypted(name, logout.member.key.public)
    parent.insert(place, wrapper)
    return root


def encrypted(name: etree._Element, key: Any) -> etree._Element:
    """An EncryptedID of a name, which is taken out of where it stands."""
    holder = etree.Element("holder", nsmap={"saml": safe_xml.SAML})
    holder.append(name)
    return xml_encryption.encrypt(name, "saml:EncryptedID", key)


@REQUESTS("lr-sessionindex-empty")
def no_session_by_name(logout: Logout) -> etree._Element:
    """It must not be taken for none at all, which means all of them."""
    return worded(logout.element(), "samlp:SessionIndex", "")


@REQUESTS("lr-sessionindex-huge")
def huge_index(logout: Logout) -> etree._Element:
    return worded(logout.element(), "samlp:SessionIndex", "a" * 1025)


@REQUESTS("lr-sessionindex-many", reasons=(MALFORMED, TOO_LARGE))
def many_indexes(logout: Logout) -> etree._Element:
    return logout.element(session_indexes=[f"i{n}" for n in range(101)])


@REQUESTS("lr-sessionindex-element")
def index_holds_an_element(logout: Logout) -> etree._Element:
    root = logout.element()
    node(root, "samlp:SessionIndex").append(made("saml:Advice"))
    return root


@REQUESTS("lr-sessionindex-before-nameid")
def index_before_name(logout: Logout) -> etree._Element:
    root = logout.element()
    node(root, "saml:NameID").addprevious(node(root, "samlp:SessionIndex"))
    return root


# --- what else it is ----------------------------------------------------------------


@REQUESTS("lr-unknown-child")
def unknown_child(logout: Logout) -> etree._Element:
    root = logout.element()
    etree.SubElement(root, "{urn:x}Also").text = logout.other.value
    return root


@REQUESTS("lr-unknown-attribute")
def unknown_attribute(logout: Logout) -> etree._Element:
    return having(logout.element(), Also="x")


@REQUESTS("lr-other-name")
def of_another_name(logout: Logout) -> etree._Element:
    root = logout.element()
    root.tag = safe_xml.q("samlp:LogoutRequests")
    return root


@REQUESTS("lr-other-namespace")
def of_another_vocabulary(logout: Logout) -> etree._Element:
    """SAML 1.1's."""
    root = logout.element()
    root.tag = "{urn:oasis:names:tc:SAML:1.0:protocol}LogoutRequest"
    return root


@REQUESTS("lr-is-authnrequest")
def a_question(logout: Logout) -> etree._Element:
    return messages.write_authn_request(
        messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=logout.sender.entity_id,
            destination=logout.destination,
        )
    )


@REQUESTS("lr-is-logoutresponse")
def an_answer(logout: Logout) -> etree._Element:
    request = messages.read_logout_request(logout.element())
    return logout.sender.logout_response(request, logout.destination)


@REQUESTS("lr-is-artifactresolve")
def a_resolve(logout: Logout) -> etree._Element:
    return messages.write_artifact_resolve(
        messages.ArtifactResolve(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=logout.sender.entity_id,
            artifact="x",
        )
    )


@REQUESTS("lr-is-managenameid")
def a_name_to_end(logout: Logout) -> etree._Element:
    """Another message of SAML that names somebody, and is none of ours."""
    root = logout.element(session_indexes=())
    root.tag = safe_xml.q("samlp:ManageNameIDRequest")
    safe_xml.add(root, "samlp:Terminate")
    return root


# --- who is meant -------------------------------------------------------------------


@dataclass(frozen=True)
class Naming:
    """A good message that names somebody as only a careless reader would know her."""

    name: str
    make: Callable[[Logout], etree._Element] = field(repr=False)
    #: Whose sessions end by it: :data:`NONE`, :data:`NAMED` or :data:`ALL`.
    ends: str = NONE

    def __str__(self) -> str:
        return self.name


def _called(**changes: str) -> Callable[[Logout], etree._Element]:
    def make(logout: Logout) -> etree._Element:
        return logout.named(replace(logout.name_id, **changes))

    return make


def _worded_so(change: Callable[[str], str]) -> Callable[[Logout], etree._Element]:
    def make(logout: Logout) -> etree._Element:
        return logout.named(
            replace(logout.name_id, value=change(logout.name_id.value)), logout.index
        )

    return make


def _indexed(*indexes: str) -> Callable[[Logout], etree._Element]:
    return lambda logout: logout.element(session_indexes=indexes)


def _split(logout: Logout) -> etree._Element:
    """``name`` and a comment and more: who reads up to the comment finds a name."""
    root = logout.element()
    node(root, "saml:NameID").append(etree.Comment(" "))
    node(root, "saml:NameID")[0].tail = "more"
    return root


#: Who is named by a message that is as good as any.
NAMINGS: Sequence[Naming] = [
    Naming("lr-nameid-case", _worded_so(str.swapcase)),
    Naming("lr-nameid-longer", _worded_so(lambda name: f"{name}x")),
    Naming("lr-nameid-shorter", _worded_so(lambda name: name[:-1])),
    Naming("lr-nameid-space", _worded_so(lambda name: f"{name} ")),
    Naming("lr-nameid-space-before", _worded_so(lambda name: f" {name}")),
    Naming("lr-nameid-lookalike", _worded_so(lambda name: f"{name}\u0301")),
    Naming("lr-nameid-wildcard", _worded_so(lambda _: "*")),
    Naming("lr-nameid-percent", _worded_so(lambda _: "%")),
    Naming("lr-comment-nameid", _split),
    Naming("lr-namequalifier", _called(name_qualifier="https://other.test/")),
    Naming("lr-spnamequalifier", _called(sp_name_qualifier="https://other.test/")),
    Naming("lr-nameid-format", _called(format=messages.EMAIL)),
    Naming("lr-other-sessionindex", _indexed("_another")),
    Naming(
        "lr-foreign-sessionindex",
        lambda logout: logout.element(session_indexes=(logout.other_index,)),
    ),
    Naming(
        "lr-sessionindex-case",
        lambda logout: logout.element(session_indexes=(logout.index.swapcase() + "x",)),
    ),
    Naming(
        "lr-sessionindex-space",
        lambda logout: logout.element(session_indexes=(f"{logout.index} ",)),
    ),
    Naming("lr-ok", lambda logout: logout.element(), NAMED),
    Naming(
        "lr-ok-also-foreign-sessionindex",
        lambda logout: logout.element(
            session_indexes=(logout.other_index, logout.index)
        ),
        NAMED,
    ),
    Naming("lr-ok-no-sessionindex", _indexed(), ALL),
    Naming(
        "lr-ok-issuer-format",
        lambda logout: _issuer_format(logout, messages.ENTITY),
        NAMED,
    ),
    Naming(
        "lr-ok-extensions-and-reason",
        lambda logout: having(
            behind(
                logout.element(), "saml:Issuer", _extensions(made("aslo:Asynchronous"))
            ),
            Reason="urn:oasis:names:tc:SAML:2.0:logout:user",
            Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified",
            NotOnOrAfter=write_instant(clock.now() + 60),
        ),
        NAMED,
    ),
    Naming(
        "lr-ok-empty-reason",
        lambda logout: having(logout.element(), Reason=""),
        NAMED,
    ),
    Naming("lr-ok-a-little-old", _ago(170), NAMED),
    Naming("lr-ok-a-little-early", _ago(-50), NAMED),
]


def _issuer_format(logout: Logout, format_: str) -> etree._Element:
    root = logout.element()
    having(node(root, "saml:Issuer"), Format=format_)
    return root


def _extensions(*held: etree._Element) -> etree._Element:
    element = made("samlp:Extensions")
    element.extend(held)
    return element


# --- answers ------------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """The answer that a party owes to a LogoutRequest which it was sent."""

    sender: Party
    receiver: str
    #: To which it is brought, and the ID that it answers.
    destination: str
    request_id: str
    #: The ID of a request that was sent to another party, or of another browser.
    other_id: str
    member: Party

    def element(self, *codes: str, **changes: Any) -> etree._Element:
        request = messages.LogoutRequest(
            id=self.request_id,
            issued=clock.now(),
            issuer=self.receiver,
            name_id=NameID("x"),
        )
        said = {"status": messages.Status(codes)} if codes else {}
        said |= changes
        destination = said.pop("destination", self.destination)
        return self.sender.logout_response(request, destination, **said)

    def evil(self) -> etree._Element:
        """A success too, which is not the good one word by word."""
        status = messages.Status((messages.SUCCESS,), "evil")
        return self.element(status=status)


@RESPONSES("lresp-issuer-missing")
def answer_of_nobody(answered: Answered) -> etree._Element:
    return gone(answered.element(), "saml:Issuer")


@RESPONSES("lresp-issuer-unknown", reasons=(UNKNOWN_PEER,))
def answer_of_a_stranger(answered: Answered) -> etree._Element:
    return answered.element(issuer="https://nobody.test/metadata")


@RESPONSES("lresp-issuer-member", reasons=(UNTRUSTED, UNKNOWN_PEER))
def answer_in_anothers_name(answered: Answered) -> etree._Element:
    return answered.element(issuer=answered.member.entity_id)


@RESPONSES("lresp-irt-missing", reasons=(UNEXPECTED,))
def answers_nothing(answered: Answered) -> etree._Element:
    return having(answered.element(), InResponseTo=None)


@RESPONSES("lresp-irt-empty", reasons=(MALFORMED, UNEXPECTED))
def answers_an_empty_one(answered: Answered) -> etree._Element:
    return having(answered.element(), InResponseTo="")


@RESPONSES("lresp-irt-another", reasons=(UNEXPECTED, UNKNOWN_PEER))
def answers_another(answered: Answered) -> etree._Element:
    return answered.element(in_response_to=answered.other_id)


@RESPONSES("lresp-irt-made-up", reasons=(UNEXPECTED,))
def answers_what_nobody_asked(answered: Answered) -> etree._Element:
    return answered.element(in_response_to=messages.new_id())


@RESPONSES("lresp-irt-prefix", reasons=(UNEXPECTED,))
def answers_part_of_it(answered: Answered) -> etree._Element:
    return answered.element(in_response_to=answered.request_id[:-1])


@RESPONSES("lresp-old", reasons=(EXPIRED,))
def answers_late(answered: Answered) -> etree._Element:
    return answered.element(issued=clock.now() - 600)


@RESPONSES("lresp-future", reasons=(EXPIRED,))
def answers_early(answered: Answered) -> etree._Element:
    return answered.element(issued=clock.now() + 600)


@RESPONSES("lresp-destination-missing", reasons=(MISDIRECTED,))
def answers_nowhere(answered: Answered) -> etree._Element:
    return having(answered.element(), Destination=None)


@RESPONSES("lresp-destination-suffix", reasons=(MISDIRECTED,))
def answers_elsewhere(answered: Answered) -> etree._Element:
    return answered.element(destination=f"{answered.destination}2")


@RESPONSES("lresp-version")
def answers_by_an_old_version(answered: Answered) -> etree._Element:
    return having(answered.element(), Version="1.1")


@RESPONSES("lresp-status-missing")
def says_nothing(answered: Answered) -> etree._Element:
    return gone(answered.element(), "samlp:Status")


@RESPONSES("lresp-status-empty")
def says_an_empty_thing(answered: Answered) -> etree._Element:
    return gone(answered.element(), "samlp:StatusCode")


@RESPONSES("lresp-status-two")
def says_two_things(answered: Answered) -> etree._Element:
    root = answered.element(messages.RESPONDER)
    code = made("samlp:StatusCode", Value=messages.SUCCESS)
    return behind(root, "samlp:StatusCode", code)


@RESPONSES("lresp-status-two-whole")
def says_it_twice(answered: Answered) -> etree._Element:
    root = answered.element(messages.RESPONDER)
    status = made("samlp:Status")
    status.append(made("samlp:StatusCode", Value=messages.SUCCESS))
    return behind(root, "samlp:Status", status)


@RESPONSES("lresp-is-response")
def an_answer_to_a_login(answered: Answered) -> etree._Element:
    root = answered.element()
    root.tag = safe_xml.q("samlp:Response")
    return root


@RESPONSES("lresp-is-logoutrequest")
def a_request(answered: Answered) -> etree._Element:
    return answered.sender.logout_request(NameID("x"), answered.destination)
