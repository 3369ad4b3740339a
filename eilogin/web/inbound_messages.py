"""Messages that a request carries, verified: the way in for every SAML endpoint.

Structure, schema and the signature by a key of who sent it; what comes out may be
read. The one thing read before that is the Issuer, to know whose keys to try: if it
lies, they do not fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from eilogin.errors import InNameOf, MalformedMessage
from eilogin.saml import bindings, safe_xml, xml_signatures
from eilogin.saml.message_checks import verified
from eilogin.saml.signing_keys import PublicKey
from eilogin.web.requests import allow_only, read_form_body, read_whole_body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The keys of a party by its entityID; raises UnknownPeer.
KeysOf = Callable[[str], Sequence[PublicKey]]


@dataclass(frozen=True)
class Inbound:
    """A message that came through the browser, and whose signature holds."""

    #: ``SAMLRequest`` or ``SAMLResponse``.
    kind: str
    #: What was signed, and nothing else.
    element: etree._Element
    issuer: str
    relay_state: str
    #: By which it came: :data:`~eilogin.saml.bindings.REDIRECT`, or ``POST``.
    binding: str = ""


def receive(
    environ: "WSGIEnvironment", keys_of: KeysOf, weak: frozenset[str] = frozenset()
) -> Inbound:
    """The message of a Redirect (GET) or POST request (SAML bindings 3.4, 3.5).

    ``weak`` names what is taken though it is weak (``weak_algorithms``).
    Raises :class:`eilogin.errors.Refused` of the kind that fits.
    """
    return verify(read_message(environ), keys_of, weak)


def read_message(environ: "WSGIEnvironment") -> bindings.Received:
    """The message of a Redirect or POST request, of which nothing is proven yet."""
    allow_only(environ, "GET", "POST")
    query = environ.get("QUERY_STRING", "")
    if environ["REQUEST_METHOD"] == "POST":
        bindings.require_form_alone(query)
        return bindings.read_post(read_form_body(environ, bindings.LONGEST_FORM))
    return bindings.read_redirect(query)


def verify(
    received: bindings.Received, keys_of: KeysOf, weak: frozenset[str] = frozenset()
) -> Inbound:
    """The same message, proven to be of who says that it is of theirs."""
    root = safe_xml.parse(received.octets)
    issuer = _issuer_of(root)
    keys = keys_of(issuer)
    with InNameOf(issuer):
        if received.binding == bindings.POST:
            return _inbound(received, verified(root, keys), issuer)
        bindings.verify_redirect(received, keys, weak)
        xml_signatures.check_structure(root)
        safe_xml.validate(root, "protocol")
        return _inbound(received, root, issuer)


def _inbound(
    received: bindings.Received, element: etree._Element, issuer: str
) -> Inbound:
    return Inbound(
        received.kind, element, issuer, received.relay_state, received.binding
    )


def receive_soap(
    environ: "WSGIEnvironment", keys_of: KeysOf
) -> tuple[etree._Element, str]:
    """The message in a SOAP request and its issuer (SAML bindings 3.2).

    Whatever else the request says (headers, cookies) is not looked at.
    """
    allow_only(environ, "POST")
    return open_soap(read_whole_body(environ, bindings.LONGEST_FORM), keys_of)


def open_soap(octets: bytes, keys_of: KeysOf) -> tuple[etree._Element, str]:
    """The message in a SOAP envelope, verified, and its issuer."""
    inner = bindings.unwrap_soap(octets)
    issuer = _issuer_of(inner)
    keys = keys_of(issuer)
    with InNameOf(issuer):
        return verified(inner, keys), issuer


def _issuer_of(element: etree._Element) -> str:
    """Who says that this is of theirs: nothing is proven yet."""
    issuer: str | None = element.findtext(safe_xml.q("saml:Issuer"))
    if not issuer:
        raise MalformedMessage("the message has no Issuer")
    return issuer
