"""SAML messages that leave through the browser, or in a SOAP response."""

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import BindingMissing, Refused
from eilogin.federation import Own, Peer, Trust
from eilogin.federation.federation_trust import Role_co
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.metadata import Endpoint, Role, bindings_of
from eilogin.saml.printable_text import short
from eilogin.saml.safe_xml import serialize
from eilogin.saml.sector_names import tells_number
from eilogin.saml.signing_keys import SigningKey
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit


class Route(NamedTuple, Generic[Role_co]):
    """A recipient, looked up for one message, and its endpoint for that."""

    peer: Peer[Role_co]
    endpoint: Endpoint


def send_through_browser(  # noqa: PLR0913 - the parts of one message on its way
    visit: Visit,
    pages: Pages,
    endpoint: Endpoint,
    kind: str,
    message: etree._Element,
    *,
    key: SigningKey,
    relay_state: str = "",
    headers: Iterable[tuple[str, str]] = (),
    framed_by: str = "",
) -> Response:
    """Send an unsigned message through the browser to ``endpoint``, over its binding.

    ``kind`` is ``SAMLRequest`` or ``SAMLResponse``; a response goes to the endpoint's
    address for responses. Redirect signs the query (SAML bindings
    3.4), POST the message (3.5). URLs in ``framed_by``, separated by blanks, may frame
    the page of a POST.
    """
    is_response = kind == bindings.RESPONSE
    location = endpoint.for_answers if is_response else endpoint.location
    if endpoint.binding == bindings.REDIRECT:
        url = bindings.redirect_url(
            location, kind, serialize(message), relay_state, key
        )
        return see_other(url, headers, status=302)
    xml_signatures.sign(message, key)
    fields = bindings.post_fields(kind, serialize(message), relay_state)
    # A hub may redirect a request to a hub above it, and form-action would make
    # Chromium stop that.
    return pages.auto_post(
        visit,
        location,
        fields,
        headers=headers,
        leads_on=not is_response,
        framed_by=framed_by,
    )


def browser_bindings(own: Own, name_id: str = "") -> tuple[str, str]:
    """The browser bindings, the preferred first; no BSN gets into URLs and logs."""
    if tells_number(name_id):
        return (bindings.POST, bindings.REDIRECT)
    return own.profile.browser_bindings


def answer_bindings(own: Own) -> Sequence[str]:
    """The bindings for a hub's Responses; DigiD allows artifacts alone."""
    return own.profile.response_bindings


def binding_missing(
    trust: Trust,
    entity_id: str,
    message: str,
    wanted: Sequence[str],
    endpoints: Sequence[Endpoint],
) -> BindingMissing:
    """The error for a peer without the ``wanted`` bindings for a ``message``."""
    return BindingMissing(
        f"{entity_id!r} accepts {message} by none of "
        f"{', '.join(map(short, wanted))}; its metadata has: "
        f"{bindings_of(endpoints)}; {trust.whom_to_ask(entity_id)}"
    )


def encryption_key(role: Role, *, wanted: bool) -> RSAPublicKey | None:
    """The key to encrypt for a peer, or None for clear text."""
    return next(iter(role.encryption_keys), None) if wanted else None


def logout_response(
    trust: Trust,
    request_id: str,
    *,
    status: messages.Status = messages.Status(),  # noqa: B008 - frozen
    destination: str = "",
) -> etree._Element:
    """Our unsigned LogoutResponse (SAML core 3.7.2); no ``destination`` over SOAP."""
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
    """A signed message as a SOAP response (SAML bindings 3.2.3)."""
    xml_signatures.sign(message, key)
    return _soap(bindings.wrap_soap(message), 200)


def soap_fault(error: Exception, reference: str) -> Response:
    """The SOAP fault (SOAP 1.1, 4.4); the log has the cause under ``reference``."""
    code = "Client" if isinstance(error, Refused) else "Server"
    return _soap(bindings.soap_fault(code, f"refused, see {reference}"), 500)


def _soap(octets: bytes, status: int) -> Response:
    response = Response(body=octets, status=status, content_type="text/xml")
    # SAML bindings 3.2.3.2
    response.headers["Cache-Control"] = "no-cache, no-store"
    response.headers["Pragma"] = "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
