"""The hub's LogoutResponse through the browser, and the page of its result."""

import hmac
from collections.abc import Iterable

from webob import Response

from eilogin import clock
from eilogin.errors import MessageUnexpected, Refused
from eilogin.federation import Trust
from eilogin.participant.logout import logout_state, unconfirmed_logouts
from eilogin.participant.logout.logout_delivery import retry_url
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import LogoutPages
from eilogin.participant.logout.logout_requests import logout_outcome_in
from eilogin.participant.logout.logout_state import LogoutState
from eilogin.saml import bindings, messages
from eilogin.web.inbound_messages import verify
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.visit import Visit


class LogoutResponses:
    """Receives LogoutResponses; ``usual`` is the target of a logout that names none."""

    def __init__(self, pages: LogoutPages, usual: str) -> None:
        self._pages = pages
        self._usual = usual

    def receive(self, visit: Visit, received: bindings.Received) -> Response:
        """Handle a LogoutResponse in the browser (SAML profiles 4.4.3.5)."""
        # The visitor can reload the page of the result. For an unverified message, it
        # says only that the visitor is signed out here.
        trust = visit.trust
        request_id, stored = logout_state.of_browser(visit)
        # A visitor who has signed in again must not read "logged out".
        if stored is None or visit.session is not None:
            # Reject it; only the reason depends on the signature.
            verify(received, trust.hub_peer, trust.weak)
            raise _not_started_here()
        state = LogoutState.read(stored, self._usual)
        headers: list[tuple[str, str]] = []
        # After "everywhere", it is a double click or a reload of the hub's page.
        if state.outcome != SingleLogoutOutcome.EVERYWHERE:
            try:
                outcome = _outcome_in(trust, received, state, request_id)
            except Refused as error:
                if not state.outcome:
                    return self._not_verified(visit, state, error)
                note_refusal(error, "logout.answered", visit)
                outcome = state.outcome
            if not outcome:
                raise _not_started_here()
            if not state.outcome or outcome == SingleLogoutOutcome.EVERYWHERE:
                state = state._replace(answered=clock.now(), outcome=outcome)
                headers = logout_state.note_answer(visit, request_id, stored, state)
        return self._pages.answer(
            visit,
            state.then,
            state.outcome,
            headers=headers,
            page_at=trust.own.url("slo"),
        )

    def _not_verified(
        self, visit: Visit, state: LogoutState, error: Refused
    ) -> Response:
        reference = note_refusal(error, "logout.answered", visit)
        can_retry = unconfirmed_logouts.is_stored(visit, state.notice_key)
        return self._pages.answer(
            visit,
            state.then,
            SingleLogoutOutcome.UNCONFIRMED,
            reference=reference,
            again=retry_url(visit, state.then.target) if can_retry else "",
            status=error.status,
        )

    def result_page(
        self,
        visit: Visit,
        target: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response | None:
        """Return the page of this browser's last logout, if the hub has answered.

        ``target`` replaces that of the logout. None also if an inner hub began it.
        """
        _, stored = logout_state.of_browser(visit)
        state = LogoutState.read(stored, self._usual)
        if state.notice_key and not state.outcome:
            # This server may have delivered it meanwhile.
            stored = logout_state.of_queued(visit, state.notice_key)
            state = LogoutState.read(stored, self._usual)
        if not state.outcome or state.then.begun_inside:
            return None
        then = state.then if target is None else state.then._replace(target=target)
        return self._pages.answer(
            visit,
            then,
            state.outcome,
            headers=headers,
            at_instant=state.answered,
            is_past=not state.is_new,
        )


def _outcome_in(
    trust: Trust, received: bindings.Received, state: LogoutState, request_id: str
) -> SingleLogoutOutcome:
    inbound = verify(received, trust.hub_peer, trust.weak)
    response = messages.read_logout_response(inbound.element)
    # As bytes: a client may send any text.
    answers_ours = hmac.compare_digest(
        request_id.encode(), response.in_response_to.encode()
    )
    if not answers_ours:
        return SingleLogoutOutcome.PENDING
    return logout_outcome_in(response, state.hub, request_id, trust.own.url("slo"))


def _not_started_here() -> MessageUnexpected:
    return MessageUnexpected("a logout that did not start here")
