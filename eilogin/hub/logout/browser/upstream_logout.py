"""Notify participants of a logout from above, in the browser that brings it.

Mostly that is a frame of the hub above, and our page in it has frames, which send no
cookies. So the addresses are secrets of the browser with the signed LogoutRequest, each
frame works once, and the page names no participant.
"""

import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from webob import Response

from eilogin import clock
from eilogin.errors import MessageUnexpected
from eilogin.hub.browser_proof import new_proof
from eilogin.hub.logout.browser.browser_logout import address
from eilogin.hub.logout.browser.logout_frames import FrameNotifier
from eilogin.hub.logout.logout_outcomes import EndingResult
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.saml import messages
from eilogin.saml.message_checks import KNOWN_FOR
from eilogin.saml.metadata import ServiceProvider
from eilogin.web.inbound_messages import Inbound
from eilogin.web.logout_above import Through
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    pass

#: Parameters of ``/slo``: show the page, notify one participant.
LEAD, LED = "lead", "led"
#: Seconds until the page continues; our own hub above waits ten for all.
_GOES_ON_AFTER = 5


class UpstreamNotifier(FrameNotifier):
    """Shows the page whose frames notify participants of a logout from above."""

    @property
    def shows(self) -> Mapping[str, Callable[[Visit, str], Response]]:
        """The methods by parameter of ``/slo``."""
        return {LEAD: self._lead, LED: self.tell}

    def prepare(
        self, visit: Visit, through: Through, ending: EndingResult
    ) -> Collection[Recipient]:
        """Prepare the page: return its messages, and give ``through`` its address."""
        begun = Receipt(
            ending.handle, proof=new_proof(), begun=clock.now(), older=ending.older
        )
        receipt = self.begin(visit, begun, ending.missed)
        if receipt is None or not receipt.asked:
            return ()
        values, until = visit.values, clock.now() + KNOWN_FOR
        for request_id in receipt.asked:
            values.add(_led(request_id), through.framed_by, until, durable=False)
        record = json.dumps([[*receipt.asked], through.framed_by, through.back])
        handle = secrets.token_urlsafe(16)
        values.add(_lead(handle), record, until, durable=False)
        through.way_on = address(visit.trust, LEAD, handle)
        return [*receipt.asked.values()]

    def has_asked(self, visit: Visit, inbound: Inbound[ServiceProvider]) -> bool:
        """Whether a LogoutResponse answers a LogoutRequest of such a page."""
        response = messages.read_logout_response(inbound.element)
        return bool(self._framed_by(visit, response.in_response_to))

    def tell(self, visit: Visit, request_id: str) -> Response:
        """Redirect a frame to a participant, once; then raise MessageUnexpected."""
        values, until = visit.values, clock.now() + KNOWN_FOR
        framed_by = self._framed_by(visit, request_id)
        if not framed_by or not values.add(_turn(request_id), "", until, durable=False):
            raise MessageUnexpected(
                "the hub has already notified this participant, or the time is over"
            )
        recipients = self._receipts.asking(visit, request_id).asked[request_id]
        own = visit.trust.own.public_url
        return self._send(visit, recipients, request_id, framed_by=f"{own} {framed_by}")

    def _lead(self, visit: Visit, handle: str) -> Response:
        stored = visit.values.get(_lead(handle))
        if stored is None:
            raise MessageUnexpected("this logout is over")
        with readable_record():
            request_ids, framed_by, back, *_ = json.loads(stored)
        trust = visit.trust
        asked = self._receipts.asking(visit, request_ids[0]).asked
        endpoints = [
            self._endpoint(trust, asked[request_id]) for request_id in request_ids
        ]
        return self._pages.page(
            visit,
            "logging_out_from_above.html",
            headers=[("Refresh", f"{_GOES_ON_AFTER + 1}; url={back}")],
            frames=[endpoint.location for endpoint in endpoints if endpoint],
            framed_by=framed_by,
            script="frames.js",
            ways=[address(trust, LED, request_id) for request_id in request_ids],
            within=_GOES_ON_AFTER * 1000,
            back_url=back,
        )

    def _framed_by(self, visit: Visit, request_id: str) -> str:
        return visit.values.get(_led(request_id)) or ""


def _lead(handle: str) -> str:
    return f"lead-logout:{handle}"


def _led(request_id: str) -> str:
    return f"led-logout:{request_id}"


def _turn(request_id: str) -> str:
    return f"led-turn:{request_id}"
