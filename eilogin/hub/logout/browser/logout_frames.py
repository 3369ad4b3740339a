"""Notify participants of a logout in hidden frames of one page of the hub.

A frame sends no cookies, so the participant must find the session by the LogoutRequest.
The page waits only a while.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from webob import Response

from eilogin.errors import Refused
from eilogin.hub.logout.browser.browser_logout import (
    LOOK,
    TELL,
    BrowserNotifier,
    address,
    requester_name,
)
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.saml import messages
from eilogin.web import environ as env
from eilogin.web.inbound_messages import Inbound
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.refusal_records import note_refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class FrameNotifier(BrowserNotifier):
    """The page with frames, and their content."""

    def page(
        self,
        environ: "WSGIEnvironment",
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """Show the page whose frames notify the recipients."""
        trust, language = env.trust(environ), language_of(environ)
        self._receipts.begin(environ, receipt)
        endpoints = [
            self._endpoint(trust, recipient) for recipient in receipt.asked.values()
        ]
        frames: dict[str, list[str]] = {}
        for request_id, recipient in receipt.asked.items():
            way = address(trust, TELL, request_id)
            frames.setdefault(recipient.entity_id, []).append(way)
        return self._pages.page(
            environ,
            "logging_out.html",
            headers=headers,
            of_another=receipt.is_of_another,
            frames=[endpoint.location for endpoint in endpoints if endpoint],
            script="frames.js",
            services=[
                (trust.federation.name_of(entity_id, language), ways)
                for entity_id, ways in frames.items()
            ],
            name=requester_name(trust, receipt, language),
            look_url=address(trust, LOOK, receipt.handle),
        )

    def tell(self, environ: "WSGIEnvironment", request_id: str) -> Response:
        """Lead a frame to a participant with its LogoutRequest."""
        recipients = self._asking(environ, request_id).asked[request_id]
        own = env.trust(environ).own
        return self._bring(environ, recipients, request_id, framed_by=own.public_url)

    def answered(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """Note a LogoutResponse, and show the result in the frame."""
        response = messages.read_logout_response(inbound.element)
        request_id = response.in_response_to
        recipient = self._receipts.asking(environ, request_id).asked[request_id]
        try:
            confirmed = self._note(environ, recipient, response)
        except Refused as error:
            reference = note_refusal(error, "logout.delivered", environ)
            return self._pages.page(
                environ,
                "logged_out_in_frame.html",
                status=error.status,
                framed_by=self._framed_by(environ, request_id),
                confirmed=False,
                reference=reference,
                telephone=env.trust(environ).own.telephone,
            )
        return self._pages.page(
            environ,
            "logged_out_in_frame.html",
            framed_by=self._framed_by(environ, request_id),
            confirmed=confirmed,
        )

    def _framed_by(self, environ: "WSGIEnvironment", request_id: str) -> str:
        """Return other origins that may frame the last page; or ""."""
        return ""
