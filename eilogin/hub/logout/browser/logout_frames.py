"""Notify participants in hidden frames of one page; a frame sends no cookies."""

from collections.abc import Iterable

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
from eilogin.saml.metadata import ServiceProvider
from eilogin.web.inbound_messages import Inbound
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.visit import Visit


class FrameNotifier(BrowserNotifier):
    """The page with frames, and their content."""

    def page(
        self,
        visit: Visit,
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """Show the page whose frames notify the recipients."""
        trust, language = visit.trust, language_of(visit)
        self._receipts.begin(visit, receipt)
        endpoints = [
            self._endpoint(trust, recipient) for recipient in receipt.asked.values()
        ]
        frames: dict[str, list[str]] = {}
        for request_id, recipient in receipt.asked.items():
            url = address(trust, TELL, request_id)
            frames.setdefault(recipient.entity_id, []).append(url)
        return self._pages.page(
            visit,
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

    def tell(self, visit: Visit, request_id: str) -> Response:
        """Redirect a frame to a participant with its LogoutRequest."""
        recipients = self._receipt_of(visit, request_id).asked[request_id]
        own = visit.trust.own
        return self._send(visit, recipients, request_id, framed_by=own.public_url)

    def answered(self, visit: Visit, inbound: Inbound[ServiceProvider]) -> Response:
        """Note a LogoutResponse, and show the result in the frame."""
        response = messages.read_logout_response(inbound.element)
        request_id = response.in_response_to
        recipient = self._receipts.asking(visit, request_id).asked[request_id]
        try:
            confirmed = self._note(visit, recipient, response)
        except Refused as error:
            reference = note_refusal(error, "logout.delivered", visit)
            return self._pages.page(
                visit,
                "logged_out_in_frame.html",
                status=error.status,
                framed_by=self._framed_by(visit, request_id),
                confirmed=False,
                reference=reference,
                telephone=visit.trust.own.telephone,
            )
        return self._pages.page(
            visit,
            "logged_out_in_frame.html",
            framed_by=self._framed_by(visit, request_id),
            confirmed=confirmed,
        )

    def _framed_by(self, visit: Visit, request_id: str) -> str:
        return ""
