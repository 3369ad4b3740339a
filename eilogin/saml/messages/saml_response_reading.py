"""Read a Response, its assertions aside (SAML core 3.3.3)."""

from lxml import etree

from eilogin.saml.messages.element_reading import optional_attribute, uri_of
from eilogin.saml.messages.message_parts import (
    open_message,
    read_destination,
    read_id,
    read_issued,
    read_issuer,
    read_status,
)
from eilogin.saml.messages.message_values import Response
from eilogin.saml.safe_xml import q


def read_response(element: etree._Element) -> Response:
    """Read a ``samlp:Response``, its assertions aside; an absent Issuer is ""."""
    parts = open_message(element, "samlp:Response")
    return Response(
        id=read_id(element),
        issued=read_issued(element),
        issuer=read_issuer(parts, uri_of) if q("saml:Issuer") in parts else "",
        status=read_status(parts),
        in_response_to=optional_attribute(element, "InResponseTo"),
        destination=read_destination(element),
    )
