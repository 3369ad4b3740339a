"""Read a LogoutRequest and a LogoutResponse (SAML core 3.7)."""

from lxml import etree

from eilogin.errors import MalformedMessage
from eilogin.saml.messages.element_reading import (
    instant_attribute,
    optional_attribute,
    optional_part,
    text_attribute,
    texts_of,
)
from eilogin.saml.messages.message_parts import (
    open_message,
    read_destination,
    read_id,
    read_issued,
    read_issuer,
    read_name_id,
    read_status,
)
from eilogin.saml.messages.message_values import LogoutRequest, LogoutResponse
from eilogin.saml.safe_xml import q
from eilogin.saml.xml_encryption import Decrypter


def read_logout_request(
    element: etree._Element, decrypter: Decrypter | None = None
) -> LogoutRequest:
    """Read a ``samlp:LogoutRequest`` (SAML core 3.7.1).

    The only known Extension is asynchronous logout, from Shibboleth.
    """
    parts = open_message(element, "samlp:LogoutRequest")
    name_id = read_name_id(parts, decrypter)
    if name_id is None:
        raise MalformedMessage("a LogoutRequest has no NameID")
    extensions = optional_part(parts, "samlp:Extensions")
    return LogoutRequest(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts),
        name_id=name_id,
        destination=read_destination(element),
        session_indexes=texts_of(parts, "samlp:SessionIndex"),
        not_on_or_after=instant_attribute(element, "NotOnOrAfter"),
        reason=text_attribute(element, "Reason"),
        is_asynchronous=extensions is not None
        and extensions.find(q("aslo:Asynchronous")) is not None,
    )


def read_logout_response(element: etree._Element) -> LogoutResponse:
    """Read a ``samlp:LogoutResponse`` (SAML core 3.7.2)."""
    parts = open_message(element, "samlp:LogoutResponse")
    return LogoutResponse(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts),
        status=read_status(parts),
        in_response_to=optional_attribute(element, "InResponseTo"),
        destination=read_destination(element),
    )
