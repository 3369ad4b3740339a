"""Delivery of a LogoutRequest to the hub: by the browser, over SOAP, or later."""

from typing import TYPE_CHECKING
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
from eilogin.participant.login.hub_reachability import is_reachable
from eilogin.participant.logout import logout_state, unconfirmed_logouts
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import AfterLogout, LogoutPages
from eilogin.participant.logout.logout_requests import LogoutRequestSender
from eilogin.participant.logout.logout_retry_queue import LogoutQueue, LogoutQueueThread
from eilogin.participant.logout.logout_state import LogoutState
from eilogin.participant.logout.unconfirmed_logouts import UnconfirmedLogout
from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint
from eilogin.web import environ as env
from eilogin.web.outbound_messages import send_through_browser
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_records import note_refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameter of another try: the browser goes to the hub, even if this server cannot
#: reach it. A reload does not.
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
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        then: AfterLogout,
        *,
        in_any_case: bool = False,
    ) -> Response:
        """Deliver a logout; return the redirect or page for the visitor.

        ``in_any_case``: send the browser to the hub even if it does not answer here.
        """
        trust, login = env.trust(environ), notice.login
        try:
            endpoints = self._sender.endpoints(trust, login)
        except UnknownPeer as error:
            return self._undeliverable(environ, notice, then, error)
        reference, is_away = "", False
        for endpoint in endpoints:
            if endpoint.binding != bindings.SOAP:
                hub, is_kept = login.who.issuer, bool(notice.secret)
                can_wait = is_kept and not in_any_case
                if can_wait and not is_reachable(trust, hub, endpoint, in_doubt=True):
                    return self._unreachable(environ, notice, then)
                try:
                    return self._send(environ, notice, endpoint, then)
                except AlgorithmMissing as error:
                    return self._undeliverable(environ, notice, then, error)
            try:
                outcome = self._sender.directly(environ, notice, endpoint)
            except EiloginError as error:
                reference = note_refusal(error, "logout.answered", environ)
                is_away = isinstance(error, Unavailable)
            else:
                return self._confirmed(environ, notice, then, outcome)
        return self._unconfirmed(
            environ,
            notice,
            then,
            SingleLogoutOutcome.UNCONFIRMED,
            reference,
            may_queue=is_away,
        )

    def _send(
        self,
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        endpoint: Endpoint,
        then: AfterLogout,
    ) -> Response:
        trust, hub = env.trust(environ), notice.login.who.issuer
        # The hub's LogoutResponse will name this ID (InResponseTo).
        state = LogoutState(hub, then, notice.key)
        logout_state.begin(environ, notice.request_id, state)
        cookie = logout_state.cookie(notice.request_id)
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            bindings.REQUEST,
            self._sender.request(trust, notice, endpoint),
            key=trust.key_for(hub),
            headers=[*_marked(environ, notice), cookie],
        )

    def _confirmed(
        self,
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
    ) -> Response:
        hub, own = notice.login.who.issuer, env.trust(environ).own
        state = LogoutState(hub, then, notice.key, clock.now(), outcome)
        # An earlier redirect may have stored a state for the same message.
        logout_state.keep(environ, notice.request_id, state)
        cookie = logout_state.cookie(notice.request_id)
        hints = [cookie, *logout_hint.let_go(environ)]
        return self._settled(
            environ, notice, then, outcome, hints, page_at=own.url("slo")
        )

    def _settled(  # noqa: PLR0913, PLR0917 - the parts of one logout
        self,
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
        hints: list[tuple[str, str]],
        page_at: str = "",
    ) -> Response:
        logout_state.forget_notice(environ, notice.key)
        gone = [env.cookie(environ).expire(), *unconfirmed_logouts.let_go(environ)]
        headers = [*gone, *(hints or logout_hint.let_go(environ))]
        return self._logout_pages.answer(
            environ, then, outcome, headers=headers, page_at=page_at
        )

    def _undeliverable(
        self,
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        then: AfterLogout,
        error: EiloginError,
    ) -> Response:
        note_refusal(error, "logout.sent", environ)
        # The hub still knows this browser, and must not sign it in silently.
        mark = logout_hint.mark(environ, notice.login, "")
        return self._settled(environ, notice, then, SingleLogoutOutcome.NOT_TOLD, mark)

    def _unreachable(
        self, environ: "WSGIEnvironment", notice: UnconfirmedLogout, then: AfterLogout
    ) -> Response:
        error = PeerUnavailable(
            f"{notice.login.who.issuer!r} accepts no connections, or a gateway "
            "answers in its place. eilogin does not send the browser there until "
            "the visitor asks for it"
        )
        error.peer = notice.login.who.issuer
        note_refusal(error, "logout.sent", environ)
        return self._unconfirmed(environ, notice, then, SingleLogoutOutcome.NOT_TOLD)

    def _unconfirmed(  # noqa: PLR0913 - the parts of one logout
        self,
        environ: "WSGIEnvironment",
        notice: UnconfirmedLogout,
        then: AfterLogout,
        outcome: SingleLogoutOutcome,
        reference: str = "",
        *,
        may_queue: bool = True,
    ) -> Response:
        headers = _marked(environ, notice)
        if may_queue and self._has_queued(environ, notice, then):
            outcome = SingleLogoutOutcome.RETRYING
            name = logout_state.queued_name(notice.key)
            headers.append(logout_state.cookie(name))
        return self._logout_pages.answer(
            environ,
            then,
            outcome,
            headers=headers,
            reference=reference,
            again=retry_url(environ, then.target),
        )

    # --- without the browser ----------------------------------------------------------

    def directly(
        self, environ: "WSGIEnvironment", notice: UnconfirmedLogout
    ) -> SingleLogoutOutcome:
        """Deliver a logout over SOAP; PENDING if the hub did not confirm."""
        try:
            endpoints = self._sender.endpoints(env.trust(environ), notice.login)
            for endpoint in endpoints:
                if endpoint.binding == bindings.SOAP:
                    return self._sender.directly(environ, notice, endpoint)
        except EiloginError as error:
            note_refusal(error, "logout.answered", environ)
        return SingleLogoutOutcome.PENDING

    def by_script(
        self, environ: "WSGIEnvironment", notice: UnconfirmedLogout
    ) -> list[tuple[str, str]]:
        """Deliver a logout without a page; return the headers for the browser."""
        held = _held(environ, notice)
        if self.directly(environ, notice):
            unconfirmed_logouts.keep_briefly(environ, notice)
            return [*held, *logout_hint.let_go(environ)]
        self._has_queued(environ, notice, AfterLogout(self._usual))
        return [*held, *logout_hint.mark(environ, notice.login, notice.key)]

    def deliver_queued(self, environ: "WSGIEnvironment") -> int:
        """Deliver due logouts; count the confirmed ones. Raises StoreUnavailable."""
        return self._queue.deliver(environ)

    def _has_queued(
        self, environ: "WSGIEnvironment", notice: UnconfirmedLogout, then: AfterLogout
    ) -> bool:
        try:
            if not self._queue.add(environ, notice):
                return False
        except (StoreUnavailable, UnknownPeer) as error:
            note_refusal(error, "logout.sent", environ)
            return False
        # The result page shows the outcome of the delivery.
        state = LogoutState(notice.login.who.issuer, then, notice.key)
        logout_state.keep(environ, logout_state.queued_name(notice.key), state)
        self.queue_thread.wake(environ)
        return True


def retry_url(environ: "WSGIEnvironment", target: str) -> str:
    """Return the address of another try, which leads to ``target``."""
    query = {RETRY: RETRY_NOW, **({"next": target} if target else {})}
    return f"{env.trust(environ).own.url('logout')}?{urlencode(query)}"


def _held(
    environ: "WSGIEnvironment", notice: UnconfirmedLogout
) -> list[tuple[str, str]]:
    """Return the headers that let a browser without a session try again."""
    held = [unconfirmed_logouts.hold(notice)] if notice.secret else []
    return [env.cookie(environ).expire(), *held]


def _marked(
    environ: "WSGIEnvironment", notice: UnconfirmedLogout
) -> list[tuple[str, str]]:
    """Return :func:`_held`, with the mark of an unconfirmed logout."""
    held = _held(environ, notice)
    return [*held, *logout_hint.mark(environ, notice.login, notice.key)]
