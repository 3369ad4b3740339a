"""Notify participants that SOAP missed through the browser (SAML profiles 4.4).

The browser brings them LogoutRequests, and their LogoutResponses to ``/slo``: in frames
(``logout_frames``) or in its window (``logout_redirects``).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import InNameOf, MessageUnexpected, UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.logout.logout_propagation import (
    Propagation,
    is_partial,
    note_delivered,
    require_logged_out,
)
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.receipts.logout_receipts import Receipts, require_own_browser
from eilogin.hub.logout.receipts.receipt_records import Receipt
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.web.inbound_messages import Inbound
from eilogin.web.outbound_messages import Route, send_through_browser
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    pass

#: Parameters of ``/slo``: show the receipt, continue, notify a participant.
LOOK, CONTINUE, TELL = "look", "continue", "tell"
#: Messages (frames or redirects) to a participant about one subject.
_MOST_FOR_ONE = 8


class BrowserNotifier(ABC):
    """Continues a logout in the browser."""

    def __init__(
        self, pages: Pages, propagation: Propagation, receipts: Receipts
    ) -> None:
        self._pages = pages
        self._propagation = propagation
        self._receipts = receipts

    # --- what differs between the ways ------------------------------------------------

    @property
    def shows(self) -> Mapping[str, Callable[[Visit, str], Response]]:
        """The methods by parameter of ``/slo``."""
        return {TELL: self.tell}

    @abstractmethod
    def page(
        self,
        visit: Visit,
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """Show the page on which the browser begins to notify."""

    @abstractmethod
    def tell(self, visit: Visit, request_id: str) -> Response:
        """Send the browser to a participant with its LogoutRequest."""

    @abstractmethod
    def answered(self, visit: Visit, inbound: Inbound[ServiceProvider]) -> Response:
        """Answer the browser that brings a LogoutResponse."""

    def refused(self, visit: Visit, error: Exception) -> Response | None:
        """Return how the browser continues after a bad message, if it can."""
        return None

    def way_on(self, visit: Visit, receipt: Receipt) -> str | None:
        """Return the address for the remaining recipients, or None."""
        return None

    # --- what the ways share ----------------------------------------------------------

    def begin(
        self, visit: Visit, begun: Receipt, missed: Sequence[Recipient]
    ) -> Receipt | None:
        """Begin a logout in the browser, or reload it; None if it is forgotten."""
        trust = visit.trust
        to_notify = [
            recipient
            for recipient in missed
            if not recipient.is_partial
            and recipient.subject.has_name_id
            and self._endpoint(trust, recipient) is not None
        ]
        recipients = [part for whole in to_notify for part in _each_apart(whole)]
        receipt = replace(
            begun,
            asked={messages.new_id(): recipient for recipient in recipients},
            unreached=[r.entity_id for r in missed if r not in to_notify],
        )
        return self._receipts.store(visit, receipt)

    def _receipt_of(self, visit: Visit, request_id: str) -> Receipt:
        receipt = self._receipts.asking(visit, request_id)
        require_own_browser(visit, receipt)
        return receipt

    def _send(
        self,
        visit: Visit,
        recipient: Recipient,
        request_id: str,
        *,
        framed_by: str = "",
    ) -> Response:
        # ``framed_by`` lists origins, separated by spaces.
        trust = visit.trust
        route = self._route(trust, recipient)
        if route is None:
            raise UnknownPeer(
                f"{recipient.entity_id!r} no longer accepts a LogoutRequest"
            )
        return send_through_browser(
            visit,
            self._pages,
            route.endpoint,
            bindings.REQUEST,
            self._propagation.request(trust, recipient, route, request_id),
            key=trust.key_for(route.peer),
            framed_by=framed_by,
        )

    def _note(
        self,
        visit: Visit,
        recipient: Recipient,
        response: messages.LogoutResponse,
    ) -> bool:
        # SAML profiles 4.4.3.3. False for PartialLogout; raises Refused.
        with InNameOf(recipient.entity_id):
            destination = visit.trust.own.url("slo")
            try:
                require_logged_out(
                    response, recipient, response.in_response_to, destination
                )
            except MessageUnexpected as error:
                if not self._note_unknown_principal(visit, response, error):
                    raise
        partial = is_partial(response.status)
        is_new = self._receipts.confirm(
            visit, response.in_response_to, is_partial=partial
        )
        if is_new:
            note_delivered(recipient.entity_id, response.status)
        return not partial

    def _note_unknown_principal(
        self,
        visit: Visit,
        response: messages.LogoutResponse,
        error: MessageUnexpected,
    ) -> bool:
        # A participant that ended all sessions of one NameID by another message answers
        # UnknownPrincipal to this one. Any other refusal counts.
        if not error.is_refusal:
            return False
        request_id = response.in_response_to
        is_unknown = messages.UNKNOWN_PRINCIPAL in response.status.codes
        if is_unknown and self._receipts.note_unknown_principal(visit, request_id):
            return True
        self._receipts.note_refusal(visit, request_id, error.code)
        return False

    def _endpoint(self, trust: Trust, recipient: Recipient) -> Endpoint | None:
        route = self._route(trust, recipient)
        return None if route is None else route.endpoint

    def _route(
        self, trust: Trust, recipient: Recipient
    ) -> Route[ServiceProvider] | None:
        """Look a recipient up; return it with its endpoint, if it has one."""
        try:
            peer = trust.participant(recipient.entity_id)
        except UnknownPeer:
            return None
        endpoint = self._propagation.ways.browser_endpoint(
            trust.own, peer, recipient.subject.name_id
        )
        return None if endpoint is None else Route(peer, endpoint)


def address(trust: Trust, parameter: str, value: str) -> str:
    """Return our address with a parameter, such as :data:`LOOK`."""
    return f"{trust.own.url('slo')}?{urlencode({parameter: value})}"


def redirect_to_receipt(visit: Visit) -> Response:
    """Redirect to the receipt of this browser."""
    return see_other(visit.trust.own.url("logout"))


def requester_name(trust: Trust, receipt: Receipt, language: str) -> str:
    """Return the name of the requester, or "" without one or if it was missed."""
    back = receipt.back
    if back is None or back.entity_id in receipt.missed:
        return ""
    return trust.federation.name_of(back.entity_id, language)


def _each_apart(recipient: Recipient) -> Sequence[Recipient]:
    # mod_auth_mellon looks only at the oldest session with a NameID, and reports
    # success once it ended that one.
    indexes = recipient.session_indexes
    # A page holds only so many: the first names the older ones.
    older, newest = indexes[:-_MOST_FOR_ONE], indexes[-_MOST_FOR_ONE:]
    index_groups = [(*older, *newest[:1]), *((index,) for index in newest[1:])]
    return [replace(recipient, session_indexes=group) for group in index_groups]
