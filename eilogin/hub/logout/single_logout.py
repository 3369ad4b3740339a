"""The logout endpoints of the hub, and the pages that the visitor sees.

The visitor's sessions end in all browsers. The hub notifies the other participants over
SOAP (``logout_propagation``), then through the browser (``browser_logout``). The
requester gets Success only if all have confirmed. The pages say where the visitor was
signed in only to the browser with the cookie of an ended session.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import Busy, Refused
from eilogin.federation import Peer
from eilogin.hub.logout.browser.browser_logout import (
    BrowserNotifier,
)
from eilogin.hub.logout.browser.logout_frames import FrameNotifier
from eilogin.hub.logout.browser.logout_redirects import RedirectNotifier
from eilogin.hub.logout.browser.upstream_logout import UpstreamNotifier
from eilogin.hub.logout.hub_logout import LEAVE, HubLogout
from eilogin.hub.logout.logout_completion import (
    HERE,
    LogoutCompletion,
    is_of_browser,
    store_outcome,
)
from eilogin.hub.logout.logout_confirmation import (
    ASKED_FOR,
    CONFIRM,
    TURN,
    PendingLogoutRequest,
    answer_to,
    note_answer,
)
from eilogin.hub.logout.logout_outcomes import PARTLY, EndingResult
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.logout_response_sending import LogoutResponseSender
from eilogin.hub.logout.receipts.logout_receipts import Receipts
from eilogin.hub.logout.receipts.receipt_records import ReplyTo
from eilogin.hub.logout.requested_logouts import requested_by
from eilogin.hub.logout.result_pages import ResultPages
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.hub.participants.signed_in_services import note_left, services_of, where_in
from eilogin.hub.signin.upstream_signin import logout_above
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import KNOWN_FOR
from eilogin.saml.metadata import ServiceProvider
from eilogin.web.inbound_messages import Inbound, read_message, receive_soap, verify
from eilogin.web.limits.slots import DEFAULT_SLOTS
from eilogin.web.logout_above import Through
from eilogin.web.outbound_messages import (
    logout_response,
    soap_answer,
)
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import read_form, read_query, require_own_form
from eilogin.web.site_urls import see_other
from eilogin.web.visit import Visit

#: The button to log out of one service only, and its status.
_ONLY_HERE = "only-here"
_CHOSEN = replace(PARTLY, message=messages.STAYS)


class SingleLogout:
    """Logs out everywhere, of the hub above too (``is_below``).

    ``at_once`` logouts may wait for participants. ``of_browser``, ``asks_first`` and
    ``one_by_one`` are ``logout_scope``, ``confirm_logout`` and ``logout_in_browser``.
    """

    def __init__(  # noqa: PLR0913 - its parts and options
        self,
        pages: Pages,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = DEFAULT_SLOTS,
        of_browser: bool = False,
        asks_first: bool = False,
        one_by_one: bool = False,
        sender: Callable[[Pages, ResultPages], LogoutResponseSender] = (
            LogoutResponseSender
        ),
    ) -> None:
        self._pages = pages
        self._asks_first = asks_first
        self._of_browser = of_browser
        self._is_below = is_below
        self.endings = SessionEndings(
            propagation, is_below=is_below, at_once=at_once, of_browser=of_browser
        )
        receipts = Receipts(propagation)
        kind = RedirectNotifier if one_by_one else FrameNotifier
        self._in_browser: BrowserNotifier = kind(pages, propagation, receipts)
        self._from_above = UpstreamNotifier(pages, propagation, receipts)
        result = ResultPages(pages, self._in_browser)
        self.responses = sender(pages, result)
        self.completion = LogoutCompletion(
            pages, propagation, receipts, self._in_browser, result, self.responses
        )
        self.button = HubLogout(
            self.endings, self.completion, result, is_below=is_below
        )
        self._shows: Mapping[str, Callable[[Visit, str], Response]] = {
            CONFIRM: self._confirm,
            TURN: self._in_turn,
            LEAVE: self.button.leave_in_turn,
            **self.completion.shows,
            **self._in_browser.shows,
            **self._from_above.shows,
        }

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, visit: Visit) -> Response:
        """Answer a LogoutRequest or LogoutResponse (SAML profiles 4.4.3.1)."""
        visit.allow_only("GET", "POST")
        page = self.own_page(visit)
        if page is not None:
            return page
        inbound = self._receive(visit)
        if isinstance(inbound, Response):
            return inbound
        request = _read_request(visit, inbound.element)
        named = requested_by(visit, request, inbound.issuer, "slo")
        pending = PendingLogoutRequest(
            named,
            ReplyTo(inbound.issuer, request.id, inbound.relay_state),
            request.is_asynchronous,
            clock.now(),
        )
        is_posted = inbound.binding == bindings.POST
        is_of_here = self._of_browser and not named.indexes
        if self._asks_first or (is_posted and is_of_here):
            # A form of another site sends no cookies; after this redirect the browser
            # does, and its history does not keep the message.
            return see_other(*pending.store(visit))
        try:
            return self._execute(
                visit, pending, is_posted=is_posted, requester=inbound.peer
            )
        except Busy:
            if not is_posted:
                raise
            # Its page reloads itself, which a form cannot.
            return see_other(pending.store_turn(visit))

    def _receive(self, visit: Visit) -> Inbound[ServiceProvider] | Response:
        trust, kind = visit.trust, ""
        try:
            received = read_message(visit)
            kind = received.kind
            inbound = verify(received, trust.participant, trust.weak)
            if kind == bindings.RESPONSE:
                is_led = self._from_above.has_asked(visit, inbound)
                notifier = self._from_above if is_led else self._in_browser
                return notifier.answered(visit, inbound)
        except Refused as error:
            # A requester learns why its LogoutRequest is rejected.
            is_request = kind == bindings.REQUEST
            way_on = None if is_request else self._in_browser.refused(visit, error)
            if way_on is None:
                raise
            return way_on
        return inbound

    def _in_turn(self, visit: Visit, handle: str) -> Response:
        return self._execute(visit, PendingLogoutRequest.waiting(visit, handle))

    def _execute(
        self,
        visit: Visit,
        pending: PendingLogoutRequest,
        *,
        is_posted: bool = False,
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        outcome = self.endings.execute(
            visit,
            pending.named,
            # It may come again while the visitor may answer a page.
            known_for=ASKED_FOR if self._asks_first or self._of_browser else KNOWN_FOR,
        )
        # An asynchronous logout wants no answer (asynchronous logout 2.3).
        back = None if pending.is_asynchronous else pending.back
        if self._is_below and outcome.is_known:
            return self.completion.go_up(visit, outcome, back)
        is_shown = outcome.missed and is_of_browser(visit, outcome)
        if is_shown or (is_posted and back is not None):
            # A form of another site sends no cookies, and this address reveals nothing.
            return see_other(store_outcome(visit, HERE, outcome, back))
        return self.completion.finish(visit, outcome, back, requester)

    # --- ask the visitor first ------------------------------------------------------

    def _ask_first(
        self, visit: Visit, pending: PendingLogoutRequest
    ) -> Response | None:
        # Only in the visitor's own browser.
        login = visit.session_to_end()
        sessions = self.endings.sessions_to_end(visit, pending.named)
        if login is None or login.name not in {session.name for session in sessions}:
            return None
        issuer = pending.back.entity_id
        note_left(visit, login, issuer, pending.received)
        other_participants = where_in(visit, login)
        if not other_participants:
            return None
        trust, language = visit.trust, language_of(visit)
        _, role = trust.participant(issuer)
        endpoint = self.responses.endpoint(role)
        action, of_browser = pending.store(visit)
        return self._pages.page(
            visit,
            "confirm_everywhere.html",
            headers=of_browser,
            # Without this, the browser blocks a redirect after the form.
            form_action=[endpoint.for_answers] if endpoint else [],
            action=action,
            name=trust.federation.name_of(issuer, language),
            services=services_of(trust, other_participants, language),
        )

    def _confirm(self, visit: Visit, handle: str) -> Response:
        pending = PendingLogoutRequest.stored(visit, handle)
        answer = answer_to(visit, handle)
        if visit.method != "POST":
            # A GET is no consent: a page can be opened again.
            pending, is_open = pending.as_it_came(), self._asks_first and not answer
            page = self._ask_first(visit, pending) if is_open else None
            if page is not None:
                return page
        elif not answer:
            require_own_form(visit, visit.trust.own.public_url)
            answer = _ONLY_HERE if _ONLY_HERE in read_form(visit) else CONFIRM
            note_answer(visit, handle, answer)
        if answer != _ONLY_HERE:
            return self._execute(visit, pending)
        audit.event("logout.received", peer=pending.back.entity_id, reason="only-there")
        if pending.is_asynchronous:
            return see_other(visit.trust.own.url("home"))
        return self.responses.send(visit, pending.back, _CHOSEN)

    def own_page(self, visit: Visit) -> Response | None:
        """Answer at one of the hub's own addresses for a logout; None at another."""
        name, _, _ = visit.query_string.partition("=")
        if name not in self._shows:
            return None
        return self._shows[name](visit, read_query(visit).get(name, ""))

    # --- /slo/soap: from server to server -------------------------------------------

    def respond_soap(self, visit: Visit) -> Response:
        """Answer a participant's LogoutRequest over SOAP."""
        trust = visit.trust
        element, peer = receive_soap(visit, trust.participant)
        request = _read_request(visit, element)
        named = requested_by(visit, request, peer.entity_id, "slo_soap")
        outcome = self.endings.execute(visit, named, by_server=True)
        self.completion.note_no_browser(visit, outcome)
        if self._is_below and not logout_above(visit).end(outcome.above):
            outcome = outcome._replace(is_overtaken=True)
        answer = logout_response(trust, request.id, status=outcome.status)
        return soap_answer(answer, trust.key_for(peer))

    def lead(
        self,
        visit: Visit,
        through: Through | None,
        ending: EndingResult,
    ) -> Collection[Recipient]:
        """Prepare the page for a logout from above; return its recipients."""
        if through is None:
            return ()
        return self._from_above.prepare(visit, through, ending)


def _read_request(visit: Visit, element: etree._Element) -> messages.LogoutRequest:
    return messages.read_logout_request(element, visit.trust.decrypter)
