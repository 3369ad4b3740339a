"""Messages that leave through a browser, or as the answer over SOAP."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import BindingMissing, Refused
from eilogin.federation import Own, Trust
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.metadata import Endpoint, Role, bindings_of
from eilogin.saml.printable_text import short
from eilogin.saml.safe_xml import serialize
from eilogin.saml.sector_names import tells_number
from eilogin.saml.signing_keys import SigningKey
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def send_through_browser(  # noqa: PLR0913 - the parts of one message on its way
    environ: "WSGIEnvironment",
    pages: Pages,
    endpoint: Endpoint,
    kind: str,
    message: etree._Element,
    *,
    key: SigningKey,
    relay_state: str = "",
    headers: Iterable[tuple[str, str]] = (),
    is_response: bool = False,
    framed_by: str = "",
) -> Response:
    """Have the browser bring a message to ``endpoint``, over the binding that it has.

    By Redirect in a signed query (SAML bindings 3.4), by POST signed itself, in a page
    whose form sends it on (3.5). ``kind`` is ``SAMLRequest`` or ``SAMLResponse``; a
    response (``is_response``) goes where the endpoint takes answers. ``message``, not
    signed yet, names that very address as its Destination. ``framed_by`` are the
    addresses, with blanks between them, of who may show that page in a frame.
    """
    location = endpoint.for_answers if is_response else endpoint.location
    if endpoint.binding == bindings.REDIRECT:
        url = bindings.redirect_url(
            location, kind, serialize(message), relay_state, key
        )
        return see_other(url, headers, status=302)
    xml_signatures.sign(message, key)
    fields = bindings.post_fields(kind, serialize(message), relay_state)
    # Who takes a request may send the browser on to a third party (a hub that has a hub
    # above it), and form-action would have Chromium stop that.
    return pages.auto_post(
        environ,
        location,
        fields,
        headers=headers,
        leads_on=not is_response,
        framed_by=framed_by,
    )


def browser_bindings(own: Own, name_id: str = "") -> tuple[str, str]:
    """The bindings through a browser, the preferred one first, for a NameID of ours.

    One that is a BSN stays out of addresses, which end up in logs.
    """
    if own.is_digid or tells_number(name_id):
        return (bindings.POST, bindings.REDIRECT)
    return (bindings.REDIRECT, bindings.POST)


def answer_bindings(own: Own) -> Sequence[str]:
    """The bindings by which a hub's answers leave; DigiD's are for artifacts alone."""
    if own.is_digid:
        return (bindings.ARTIFACT,)
    return (bindings.ARTIFACT, bindings.POST)


def binding_missing(
    trust: Trust,
    entity_id: str,
    what: str,
    wanted: Sequence[str],
    found: Sequence[Endpoint],
) -> BindingMissing:
    """What to raise where a peer takes a message over none of the ``wanted`` bindings.

    ``what`` names the message, such as ``a LogoutResponse``; ``found`` are the
    addresses that its metadata has for it.
    """
    return BindingMissing(
        f"{entity_id!r} accepts {what} by none of "
        f"{', '.join(map(short, wanted))}; its metadata has: "
        f"{bindings_of(found)}; {trust.whom_to_ask(entity_id)}"
    )


def encryption_key(role: Role, *, wanted: bool) -> RSAPublicKey | None:
    """With what to encrypt for a peer; None where that is not ``wanted``, or not there.

    A peer without a key for it gets what others may read, as it always did.
    """
    return next(iter(role.encryption_keys), None) if wanted else None


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
    xml_signatures.sign(message, key)
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
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
