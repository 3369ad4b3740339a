"""Messages that leave through a browser's redirect, or as the answer over SOAP."""

from collections.abc import Iterable

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import Refused
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.keys import SigningKey
from eilogin.saml.xml import serialize
from eilogin.web.urls import see_other


def redirect_with(  # noqa: PLR0913 - the parts of one redirect
    location: str,
    kind: str,
    message: etree._Element,
    *,
    key: SigningKey,
    relay_state: str = "",
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    """Send the browser to ``location`` with a signed message (SAML bindings 3.4).

    ``kind`` is ``SAMLRequest`` or ``SAMLResponse``.
    """
    url = bindings.redirect_url(location, kind, serialize(message), relay_state, key)
    return see_other(url, headers, status=302)


def logout_response(
    trust: Trust,
    request_id: str,
    *,
    status: messages.Status = messages.Status(),  # noqa: B008 - frozen
    destination: str = "",
) -> etree._Element:
    """Our LogoutResponse to a LogoutRequest (SAML core 3.7.2), not signed yet.

    ``destination`` is where a browser takes it; over SOAP it goes to no address.
    """
    return messages.write_logout_response(
        messages.LogoutResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            status=status,
            in_response_to=request_id,
            destination=destination,
        )
    )


def soap_answer(message: etree._Element, key: SigningKey) -> Response:
    """A signed message as the answer over SOAP (SAML bindings 3.2.3)."""
    signatures.sign(message, key)
    return _soap(bindings.wrap_soap(message), 200)


def soap_fault(error: Exception, reference: str) -> Response:
    """What a server is told whose message we do not take (SOAP 1.1, 4.4 and 6.2).

    Not why: that is in the log, under the reference.
    """
    code = "Client" if isinstance(error, Refused) else "Server"
    return _soap(bindings.soap_fault(code, f"refused, see {reference}"), 500)


def _soap(octets: bytes, status: int) -> Response:
    response = Response(body=octets, status=status, content_type="text/xml")
    # SAML bindings 3.2.3.2
    response.headers["Cache-Control"] = "no-cache, no-store"
    response.headers["Pragma"] = "no-cache"
    return response
