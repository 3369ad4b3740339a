"""Delivery of a LogoutRequest to the hub: by the browser, over SOAP, or later."""

from urllib.parse import urlencode

from webob import Response

from eilogin import clock
from eilogin.errors import (
    AlgorithmMissing,
    EiloginError,
    PeerUnavailable,
    StoreUnavailable,
    Unavailable,
    UnknownPeer,
)
from eilogin.participant import logout_hint
from eilogin.participant.login.hub_reachability import RouteToHub, is_reachable
from eilogin.participant.logout import logout_state, unconfirmed_logouts
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import AfterLogout, LogoutPages
from eilogin.participant.logout.logout_requests import LogoutRequestSender
from eilogin.participant.logout.logout_retry_queue import LogoutQueue, LogoutQueueThread
from eilogin.participant.logout.logout_state import LogoutState
from eilogin.participant.logout.unconfirmed_logouts import UnconfirmedLogout
from eilogin.saml import bindings
from eilogin.web.outbound_messages import send_through_browser
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.visit import Visit

#: The parameter of another try: the browser goes to the hub even if this server cannot
#: reach it.
RETRY, RETRY_NOW = "again", "yes"


class LogoutDelivery:
    """Delivers the LogoutRequests of a participant; ``usual`` is the default target."""

    def __init__(
        self,
        pages: Pages,
        sender: LogoutRequestSender,
        logout_pages: LogoutPages,
        usual: str,
    ) -> None:
        self._pages = pages
        self._sender = sender
        self._queue = LogoutQueue(sender, logout_state.note_delivery)
        self.queue_thread = LogoutQueueThread(self._queue)
        self._logout_pages = logout_pages
        self._usual = usual

    # --- in the browser of the visitor ------------------------------------------------

    def answer(
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        then: AfterLogout,
        *,
        in_any_case: bool = False,
    ) -> Response:
        """Deliver a logout; return the redirect or page for the visitor."""
        # "in_any_case": by the browser, even if this server cannot reach the hub.
        trust, login = visit.trust, notice.login
        try:
            routes = self._sender.routes(trust, login)
        except UnknownPeer as error:
            return self._undeliverable(visit, notice, then, error)
        reference, is_unavailable = "", False
        for route in routes:
            if route.endpoint.binding != bindings.SOAP:
                can_wait = bool(notice.secret) and not in_any_case
                if can_wait and not is_reachable(trust, route, in_doubt=True):
                    return self._unreachable(visit, notice, then)
                try:
                    return self._send(visit, notice, route, then)
                except AlgorithmMissing as error:
                    return self._undeliverable(visit, notice, then, error)
            try:
                outcome = self._sender.directly(visit, notice, route)
            except EiloginError as error:
                reference = note_refusal(error, "logout.answered", visit)
                is_unavailable = isinstance(error, Unavailable)
            else:
                return self._confirmed(visit, notice, then, outcome)
        return self._unconfirmed(
            visit,
            notice,
            then,
            SingleLogoutOutcome.UNCONFIRMED,
            reference,
            may_queue=is_unavailable,
        )

    def _send(
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        route: RouteToHub,
        then: AfterLogout,
    ) -> Response:
        trust, hub = visit.trust, route.peer.entity_id
        # The hub's LogoutResponse will name this ID (InResponseTo).
        state = LogoutState(hub, then, notice.key)
        logout_state.begin(visit, notice.request_id, state)
        cookie = logout_state.cookie(notice.request_id)
        return send_through_browser(
            visit,
            self._pages,
            route.endpoint,
            bindings.REQUEST,
            self._sender.request(trust, notice, route),
            key=trust.key_for(route.peer),
            headers=[*_headers_with_mark(visit, notice), cookie],
        )

    def _confirmed(
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
    ) -> Response:
        hub, own = notice.login.who.issuer, visit.trust.own
        state = LogoutState(hub, then, notice.key, clock.now(), outcome)
        # It replaces the state that an earlier redirect may have stored.
        logout_state.store(visit, notice.request_id, state)
        cookie = logout_state.cookie(notice.request_id)
        hints = [cookie, *logout_hint.let_go(visit)]
        return self._settled(
            visit, notice, then, outcome, hints, page_at=own.url("slo")
        )

    def _settled(  # noqa: PLR0913, PLR0917 - the parts of one logout
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
        hints: list[tuple[str, str]],
        page_at: str = "",
    ) -> Response:
        logout_state.forget_notice(visit, notice.key)
        expiring = [visit.cookie.expire(), *unconfirmed_logouts.let_go(visit)]
        headers = [*expiring, *(hints or logout_hint.let_go(visit))]
        return self._logout_pages.answer(
            visit, then, outcome, headers=headers, page_at=page_at
        )

    def _undeliverable(
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        then: AfterLogout,
        error: EiloginError,
    ) -> Response:
        note_refusal(error, "logout.sent", visit)
        # The hub still has a session, with which a passive login must not sign in.
        mark = logout_hint.mark(visit, notice.login, "")
        return self._settled(visit, notice, then, SingleLogoutOutcome.NOT_TOLD, mark)

    def _unreachable(
        self, visit: Visit, notice: UnconfirmedLogout, then: AfterLogout
    ) -> Response:
        error = PeerUnavailable(
            f"{notice.login.who.issuer!r} accepts no connections, or a gateway "
            "answers in its place. eilogin does not send the browser there until "
            "the visitor asks for it"
        )
        error.peer = notice.login.who.issuer
        note_refusal(error, "logout.sent", visit)
        return self._unconfirmed(visit, notice, then, SingleLogoutOutcome.NOT_TOLD)

    def _unconfirmed(  # noqa: PLR0913 - the parts of one logout
        self,
        visit: Visit,
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
        reference: str = "",
        *,
        may_queue: bool = True,
    ) -> Response:
        headers = _headers_with_mark(visit, notice)
        if may_queue and self._has_queued(visit, notice, then):
            outcome = SingleLogoutOutcome.RETRYING
            name = logout_state.queued_name(notice.key)
            headers.append(logout_state.cookie(name))
        return self._logout_pages.answer(
            visit,
            then,
            outcome,
            headers=headers,
            reference=reference,
            again=retry_url(visit, then.target),
        )

    # --- without the browser ----------------------------------------------------------

    def directly(self, visit: Visit, notice: UnconfirmedLogout) -> SingleLogoutOutcome:
        """Deliver a logout over SOAP; PENDING if the hub did not confirm."""
        try:
            for route in self._sender.routes(visit.trust, notice.login):
                if route.endpoint.binding == bindings.SOAP:
                    return self._sender.directly(visit, notice, route)
        except EiloginError as error:
            note_refusal(error, "logout.answered", visit)
        return SingleLogoutOutcome.PENDING

    def by_script(
        self, visit: Visit, notice: UnconfirmedLogout
    ) -> list[tuple[str, str]]:
        """Deliver a logout without a page; return the headers for the browser."""
        retry_headers = _retry_headers(visit, notice)
        if self.directly(visit, notice):
            unconfirmed_logouts.store_briefly(visit, notice)
            return [*retry_headers, *logout_hint.let_go(visit)]
        self._has_queued(visit, notice, AfterLogout(self._usual))
        return [*retry_headers, *logout_hint.mark(visit, notice.login, notice.key)]

    def deliver_queued(self, visit: Visit) -> int:
        """Deliver due logouts; return the number confirmed. Raise StoreUnavailable."""
        return self._queue.deliver(visit)

    def _has_queued(
        self, visit: Visit, notice: UnconfirmedLogout, then: AfterLogout
    ) -> bool:
        try:
            if not self._queue.add(visit, notice):
                return False
        except (StoreUnavailable, UnknownPeer) as error:
            note_refusal(error, "logout.sent", visit)
            return False
        # The result page shows the outcome of the delivery.
        state = LogoutState(notice.login.who.issuer, then, notice.key)
        logout_state.store(visit, logout_state.queued_name(notice.key), state)
        self.queue_thread.wake(visit)
        return True


def retry_url(visit: Visit, target: str) -> str:
    """Return the address of another try, which leads to ``target``."""
    query = {RETRY: RETRY_NOW, **({"next": target} if target else {})}
    return f"{visit.trust.own.url('logout')}?{urlencode(query)}"


def _retry_headers(visit: Visit, notice: UnconfirmedLogout) -> list[tuple[str, str]]:
    secret = [unconfirmed_logouts.hold(notice)] if notice.secret else []
    return [visit.cookie.expire(), *secret]


def _headers_with_mark(
    visit: Visit, notice: UnconfirmedLogout
) -> list[tuple[str, str]]:
    headers = _retry_headers(visit, notice)
    return [*headers, *logout_hint.mark(visit, notice.login, notice.key)]
