"""Notify participants of a logout one after another, in the visitor's own window.

So each participant gets its own cookies, without which some end nothing. A page of the
hub comes between two of them: a browser follows some twenty redirects in a row.

If a participant does not redirect back, a button at the hub continues. So participants
that SOAP can reach come last: they are most likely to be down.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from webob import Response

from eilogin.errors import MessageUnexpected, Refused, UnknownPeer
from eilogin.hub.logout.browser.browser_logout import (
    LOOK,
    TELL,
    BrowserNotifier,
    address,
    redirect_to_receipt,
    requester_name,
)
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.saml import messages
from eilogin.saml.metadata import ServiceProvider
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.inbound_messages import Inbound
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.reporting.reference_numbers import read_reference
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    pass

#: The parameter of ``/slo`` for the next participant; "" for this browser's logout.
NEXT = "next"
#: The reference of a refused form, and the seconds that the cookie lasts.
_REFUSED, _READ_FOR = Cookie("eilogin-refused"), 60


class RedirectNotifier(BrowserNotifier):
    """Redirects to each participant and back, with a page of the hub between them."""

    @property
    def shows(self) -> Mapping[str, Callable[[Visit, str], Response]]:
        """The methods by parameter of ``/slo``."""
        return {**super().shows, NEXT: self._next}

    def page(
        self,
        visit: Visit,
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """Show the page that leads to the next participant, or to the receipt."""
        trust, language = visit.trust, language_of(visit)
        turn = self._turn(visit, receipt)
        if turn is None:
            return see_other(address(trust, LOOK, receipt.handle), headers)
        self._receipts.begin(visit, receipt)
        url = address(trust, TELL, turn)
        return self._pages.page(
            visit,
            "logging_out_one_by_one.html",
            # As in eilogin.hub.signin.upstream_signin: it needs no JavaScript.
            headers=[("Refresh", f"0; url={url}"), *headers],
            of_another=receipt.is_of_another,
            name=requester_name(trust, receipt, language),
            service=trust.federation.name_of(receipt.asked[turn].entity_id, language),
            url=url,
        )

    def tell(self, visit: Visit, request_id: str) -> Response:
        """Send the browser to a participant with its LogoutRequest, once."""
        receipt = self._receipt_of(visit, request_id)
        self._receipts.note_turn(visit, request_id)
        try:
            return self._send(visit, receipt.asked[request_id], request_id)
        except UnknownPeer as error:
            note_refusal(error, "logout.delivered", visit)
            return self._lead_on(visit, receipt.handle)

    def answered(self, visit: Visit, inbound: Inbound[ServiceProvider]) -> Response:
        """Note a LogoutResponse, and continue with the next participant."""
        response = messages.read_logout_response(inbound.element)
        request_id = response.in_response_to
        receipt = self._receipts.asking(visit, request_id)
        try:
            self._note(visit, receipt.asked[request_id], response)
        except Refused as error:
            note_refusal(error, "logout.delivered", visit)
        self._receipts.note_return(visit, request_id)
        return self._lead_on(visit, receipt.handle)

    def refused(self, visit: Visit, error: Exception) -> Response | None:
        """Continue after a bad message that the browser brought back.

        A form of another site comes without cookies, so the next address decides.
        """
        is_posted = visit.method == "POST"
        if not is_posted and self._pending_handle(visit) is None:
            return None
        reference = note_refusal(error, "logout", visit)
        answer = self._lead_on(visit, "")
        if is_posted:
            answer.headerlist.append(_REFUSED.set(reference, max_age=_READ_FOR))
        return answer

    def way_on(self, visit: Visit, receipt: Receipt) -> str | None:
        """Return the address that continues with the remaining participants."""
        if self._turn(visit, receipt) is None:
            return None
        return address(visit.trust, NEXT, receipt.handle)

    def _next(self, visit: Visit, name: str) -> Response:
        handle = name or self._pending_handle(visit) or ""
        if not handle:
            error = MessageUnexpected("this browser has no pending logout")
            error.reference = read_reference(_REFUSED.read(visit.cookie_header) or "")
            raise error
        receipt = self._receipts.find(visit, handle)
        if receipt is None:
            return redirect_to_receipt(visit)
        if not name:
            self._receipts.note_return_of_one(visit, receipt)
        return self.page(visit, receipt, ())

    def _pending_handle(self, visit: Visit) -> str | None:
        # If signed in, only a logout of the previous person counts.
        is_in = visit.session_beyond_idle() is not None
        return self._receipts.unseen(visit, of_another=is_in)

    def _turn(self, visit: Visit, receipt: Receipt) -> str | None:
        trust = visit.trust
        waiting = self._receipts.waiting_for_turn(visit, receipt)
        return min(
            waiting,
            key=lambda request_id: self._propagation.can_reach(
                trust, receipt.asked[request_id]
            ),
            default=None,
        )

    def _lead_on(self, visit: Visit, handle: str) -> Response:
        return see_other(address(visit.trust, NEXT, handle))
