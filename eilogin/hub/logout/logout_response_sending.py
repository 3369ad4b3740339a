"""Send the LogoutResponse to the requester of a logout, through the browser."""

import logging

from webob import Response

from eilogin.errors import UnknownPeer
from eilogin.federation import Peer
from eilogin.hub.logout.receipts.receipt_records import ReplyTo
from eilogin.hub.logout.result_pages import ResultPages, expired_cookie
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.web.outbound_messages import (
    binding_missing,
    logout_response,
    send_through_browser,
)
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.visit import Visit

_log = logging.getLogger("eilogin")


class LogoutResponseSender:
    """Sends LogoutResponses; shows the page of ``result`` if it cannot."""

    def __init__(self, pages: Pages, result: ResultPages) -> None:
        self._pages = pages
        self._result = result

    def send(
        self,
        visit: Visit,
        back: ReplyTo,
        status: messages.Status,
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        """Redirect to ``requester`` with the LogoutResponse; None looks the peer up."""
        trust = visit.trust
        try:
            peer = requester or trust.participant(back.entity_id)
        except UnknownPeer:
            # It has left the federation; the visitor is logged out all the same.
            return self._result.logged_out(visit, status)
        endpoint = self.endpoint(peer.role)
        if endpoint is None:
            _log.warning(
                "cannot answer a LogoutRequest: %s",
                binding_missing(
                    trust,
                    back.entity_id,
                    "a LogoutResponse",
                    (bindings.REDIRECT, bindings.POST),
                    peer.role.single_logouts,
                ),
            )
            return self._result.logged_out(visit, status, back.entity_id)
        return send_through_browser(
            visit,
            self._pages,
            endpoint,
            bindings.RESPONSE,
            logout_response(
                trust, back.request_id, status=status, destination=endpoint.for_answers
            ),
            key=trust.key_for(peer),
            relay_state=back.relay_state,
            headers=expired_cookie(visit),
        )

    def endpoint(self, role: ServiceProvider) -> Endpoint | None:
        """Return the endpoint for LogoutResponses, or None."""
        return role.single_logout(bindings.REDIRECT, bindings.POST)
