"""Read and verify the SAML message of a request, whose Issuer selects the keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lxml import etree

from eilogin.errors import InNameOf, MalformedMessage
from eilogin.federation import Peer
from eilogin.saml import bindings, safe_xml, xml_signatures
from eilogin.saml.message_checks import verified
from eilogin.saml.metadata import Role
from eilogin.web.requests import read_form_body, read_whole_body
from eilogin.web.visit import Visit

R = TypeVar("R", bound=Role)

#: Looks a sender up by its entityID; raises UnknownPeer.
PeerOf = Callable[[str], Peer[R]]


@dataclass(frozen=True)
class Inbound(Generic[R]):
    """A verified message that came through the browser."""

    #: ``SAMLRequest`` or ``SAMLResponse``.
    kind: str
    #: The signed element alone.
    element: etree._Element
    issuer: str
    peer: Peer[R]
    relay_state: str
    #: :data:`~eilogin.saml.bindings.REDIRECT`, or ``POST``.
    binding: str = ""


def receive(
    visit: Visit, peer_of: PeerOf[R], weak: frozenset[str] = frozenset()
) -> Inbound[R]:
    """The verified message of a Redirect (GET) or POST (SAML bindings 3.4, 3.5).

    ``weak`` names the accepted ``weak_algorithms``. Raises Refused.
    """
    return verify(read_message(visit), peer_of, weak)


def read_message(visit: Visit) -> bindings.Received:
    """The unverified message of a Redirect or POST request."""
    visit.allow_only("GET", "POST")
    query = visit.query_string
    if visit.method == "POST":
        bindings.require_form_alone(query)
        return bindings.read_post(read_form_body(visit, bindings.LONGEST_FORM))
    return bindings.read_redirect(query)


def verify(
    received: bindings.Received, peer_of: PeerOf[R], weak: frozenset[str] = frozenset()
) -> Inbound[R]:
    """Verify that the message comes from its Issuer."""
    root = safe_xml.parse(received.octets)
    issuer = _issuer_of(root)
    peer = peer_of(issuer)
    with InNameOf(issuer):
        if received.binding == bindings.POST:
            return _inbound(received, verified(root, peer.keys), issuer, peer)
        bindings.verify_redirect(received, peer.keys, weak)
        xml_signatures.check_structure(root)
        safe_xml.validate(root, "protocol")
        return _inbound(received, root, issuer, peer)


def _inbound(
    received: bindings.Received, element: etree._Element, issuer: str, peer: Peer[R]
) -> Inbound[R]:
    return Inbound(
        received.kind, element, issuer, peer, received.relay_state, received.binding
    )


def receive_soap(visit: Visit, peer_of: PeerOf[R]) -> tuple[etree._Element, Peer[R]]:
    """The verified message and the sender of a SOAP request (SAML bindings 3.2)."""
    visit.allow_only("POST")
    return open_soap(read_whole_body(visit, bindings.LONGEST_FORM), peer_of)


def open_soap(octets: bytes, peer_of: PeerOf[R]) -> tuple[etree._Element, Peer[R]]:
    """The verified message in a SOAP envelope, and its sender."""
    inner = bindings.unwrap_soap(octets)
    issuer = _issuer_of(inner)
    peer = peer_of(issuer)
    with InNameOf(issuer):
        return verified(inner, peer.keys), peer


def open_soap_answer(
    octets: bytes, peer: Peer[R], peer_of: PeerOf[R]
) -> tuple[etree._Element, Peer[R]]:
    """The verified answer of a SOAP call to ``peer``, and its sender.

    Only another sender is looked up.
    """

    def sender(entity_id: str) -> Peer[R]:
        return peer if entity_id == peer.entity_id else peer_of(entity_id)

    return open_soap(octets, sender)


def _issuer_of(element: etree._Element) -> str:
    issuer: str | None = element.findtext(safe_xml.q("saml:Issuer"))
    if not issuer:
        raise MalformedMessage("the message has no Issuer")
    return issuer
