"""Start a logout, receive one, and end the sessions that it names.

``use = egg:eilogin#logout``. *Needs* ``session`` and ``trust`` before it. *Reads* their
keys. *Writes* ``eilogin.logout`` for an inner hub (``hub_inside``); ends sessions.

*Changes in the answer*: answers ``/eilogin/logout``, ``/eilogin/slo`` and
``/eilogin/slo/soap`` itself, and seals the application's cookies (``app_cookies``).

eilogin ends the visitor's session here before it sends anything. Then it sends the hub
a LogoutRequest, through the browser or over SOAP, and the hub logs the visitor out
everywhere. If a participant may not have done so, a page says so before they go on. A
LogoutRequest of the hub ends the sessions of its NameID and SessionIndex.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from webob import Response

from eilogin.config import placing, read
from eilogin.errors import StoreUnavailable, UnknownPeer
from eilogin.federation import Trust
from eilogin.federation.local.local_entity import PARTICIPANT
from eilogin.filters.logout_options import LogoutOptions
from eilogin.participant import logout_hint
from eilogin.participant.application.app_cookies import AppCookies
from eilogin.participant.application.app_logout import AppLogout
from eilogin.participant.application.app_logout_call import (
    AppLogoutCall,
    HooksWithAppLogout,
)
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.inner_logout import LogoutForLogin
from eilogin.participant.logout import logout_state, pending_logouts
from eilogin.participant.logout.logout_delivery import LogoutDelivery
from eilogin.participant.logout.logout_hooks import GONE, LogoutHooks, load_hooks
from eilogin.participant.logout.logout_hooks import LogoutEvent as LogoutEvent
from eilogin.participant.logout.logout_intake import AFTER, LogoutRequestIntake
from eilogin.participant.logout.logout_outcome import SingleLogoutOutcome
from eilogin.participant.logout.logout_pages import AfterLogout, LogoutPages
from eilogin.participant.logout.logout_requests import LogoutRequestSender
from eilogin.participant.logout.logout_responses import LogoutResponses
from eilogin.participant.logout.logout_start import (
    ParticipantLogout,
    ParticipantLogoutService,
)
from eilogin.participant.logout.operator_logout import OperatorLogout
from eilogin.participant.response.login_errors import ways_back
from eilogin.saml import bindings
from eilogin.sessions import Login, Sessions
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.cache_headers import not_in_advance
from eilogin.web.inbound_messages import read_message, verify
from eilogin.web.outbound_messages import soap_fault
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import ASK, language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.pages.security_headers import with_hsts
from eilogin.web.pipeline.pipeline_objects import PipelineObjects
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.requests import (
    is_own_navigation,
    read_form,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.site_urls import at, root, see_other
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class LogoutFilter(PipelinePart):
    """The filter; ``options`` define how to log out, and the page after that."""

    eilogin_part = "logout"
    NEEDS = (env.SESSIONS, env.SESSION, env.COOKIE, env.TRUST, env.ADDRESS)
    WRITES = (env.LOGOUT,)
    AFTER = ("login",)
    ROLE = PARTICIPANT
    WITHOUT = "a logout elsewhere does not end the session here"

    def __init__(self, app: "WSGIApplication", options: LogoutOptions) -> None:
        self._next = options.next
        self._pages = Pages()
        self._logout_pages = LogoutPages(self._pages)
        inner_hub = InnerHub(app)
        self.app = inner = app
        named, wait = load_hooks(options.on_logout), options.on_logout_timeout
        hooks = LogoutHooks(named, wait)
        if options.app_logout_call is not None:
            inner = called = AppLogoutCall(app, options.app_logout_call)
            hooks = HooksWithAppLogout(named, wait, called)
        self._hooks = hooks
        delivery = LogoutDelivery(
            self._pages,
            LogoutRequestSender(
                options.logout_binding,
                timeout=options.logout_timeout,
                at_once=options.logouts_at_once,
                encrypts=options.encrypt_name_id,
            ),
            self._logout_pages,
            options.next,
        )
        self._logout = ParticipantLogout(delivery, inner_hub, hooks)
        self._responses = LogoutResponses(self._logout_pages, options.next)
        if options.app_cookies is not None:
            inner = AppCookies(inner, options.app_cookies)
        self._app_logout: AppLogout | None = None
        if options.app_logout:
            inner = self._app_logout = AppLogout(
                inner,
                options.app_logout,
                self._logout,
                self._ask_first,
                self._refusal,
                options.next,
            )
        self._for_login = LogoutForLogin(
            self._call_hooks, self._is_app_logout, self._carry_out_for_login
        )
        self._inner: WSGIApplication = inner
        self._elsewhere = LogoutRequestIntake(self._pages, inner_hub, hooks)
        self._own_addresses: Mapping[str | None, Callable[[Visit], Response]] = {
            "logout": self._start,
            "slo": self._front_channel,
            "slo_soap": self._elsewhere.directly,
            env.APP_LOGOUT: self._not_let_in,
        }
        # Known from the first page on, which shows whether there is a hub inside.
        self._page_app: WSGIApplication | None = None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses, and pass everything else on."""
        if environ.get(env.ADDRESS, "") is not None:
            visit = Visit(environ)
            try:
                answer = self._own_answer(visit)
            except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
                answer = self._refusal(visit, error)
            if answer is not None:
                return with_hsts(visit, answer)(environ, start_response)
        app = self._page_app
        if app is None:
            app = self._begin(Visit(environ))
        return app(environ, start_response)

    def hand_on(self, outer: PipelineObjects) -> Iterable[object]:
        """Return the logout for ``login``, and the one of the operator."""
        yield self._for_login
        sessions, cookie = outer.get(Sessions), outer.get(Cookie)
        trust = outer.get(Trust)
        if sessions is not None and cookie is not None and trust is not None:
            yield OperatorLogout(sessions, cookie, trust, self._logout)

    def _own_answer(self, visit: Visit) -> Response | None:
        respond = self._own_addresses.get(visit.address)
        if respond is None:
            return None
        with logout_reserve.for_logout():
            return respond(visit)

    def _begin(self, visit: Visit) -> "WSGIApplication":
        # An earlier process may have left logouts in the retry queue.
        self._logout.delivery.queue_thread.wake_if_queued(visit)
        has_hub = visit.trust.own.hub_inside is not None
        self._page_app = app = self._pass_on_to_hub if has_hub else self._inner
        return app

    def _pass_on_to_hub(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit = Visit(environ)
        environ[env.LOGOUT] = ParticipantLogoutService(self._logout, visit)
        return self._inner(environ, start_response)

    def _refusal(self, visit: Visit, error: Exception) -> Response:
        address = visit.address_or_none
        if address == "slo_soap" and visit.method == "POST":
            return soap_fault(error, note_refusal(error, "logout", visit))
        can_try = address == "logout" and isinstance(error, StoreUnavailable)
        again = visit.trust.own.url("logout") if can_try else None
        kept = pending_logouts.begun(visit, error)
        answer = self._pages.refuse(
            visit,
            error,
            event="logout",
            again=again,
            ways_back=ways_back(visit, again),
            is_pending=bool(kept),
        )
        answer.headerlist.extend(kept)
        return answer

    # --- /eilogin/logout: the visitor logs out --------------------------------------

    def _start(self, visit: Visit) -> Response:
        visit.allow_only("GET", "POST")
        if visit.is_in_advance:
            return not_in_advance()
        public_url = visit.trust.own.public_url
        if visit.method == "POST":
            require_own_form(visit, public_url)
            wanted = read_form(visit).get("next")
        elif is_own_navigation(visit, public_url) and not _is_asking(visit):
            wanted = read_query(visit).get("next")
        else:
            # A link on another site must not log anybody out by itself.
            return self._ask_first(visit)
        return self._log_out(visit, safe_next(wanted, self._next))

    def _not_let_in(self, visit: Visit) -> Response:
        # The visitor may not pass to the application's own logout.
        public_url = visit.trust.own.public_url
        if visit.method == "POST":
            # A POST of another site has no cookies, so the visitor is unknown.
            require_own_form(visit, public_url)
        if not is_own_navigation(visit, public_url):
            return self._ask_first(visit)
        return self._log_out(visit, self._next)

    def _log_out(self, visit: Visit, target: str) -> Response:
        answer = self._answer_to_logout(visit, target)
        answer.headerlist.extend(pending_logouts.let_go(visit))
        return answer

    def _answer_to_logout(self, visit: Visit, target: str) -> Response:
        # An idle session has ended here, but lives at the hub and so at others.
        login = visit.session_to_end()
        if login is None:
            expired = [visit.cookie.expire()]
            return (
                self._logout.leave_without_session(visit, target)
                or self._responses.result_page(visit, target, expired)
                or self._nobody_here(visit, target, expired)
            )
        return self._logout.leave(visit, login, target)

    # --- a logout that the store could not carry out before -------------------------

    def _carry_out_for_login(self, visit: Visit) -> Response:
        is_page = visit.address is None
        visit.environ[env.ADDRESS] = env.PENDING_LOGOUT
        carry_out = self._carry_out if is_page else self._carry_out_quietly
        try:
            with logout_reserve.for_logout():
                return with_hsts(visit, carry_out(visit))
        except Exception as error:  # noqa: BLE001 - the page of the visitor matters
            note_refusal(error, "logout", visit)
            return Response(status=pending_logouts.NOT_YET)

    def _carry_out(self, visit: Visit) -> Response:
        if not visit.wants_page or visit.method != "GET":
            return self._carry_out_quietly(visit)
        try:
            login = visit.session_to_end()
            if login is None:
                answer = self._logout.leave_ended(visit, self._next)
            else:
                answer = self._logout.leave(visit, login, self._next)
        except StoreUnavailable:
            return Response(status=pending_logouts.NOT_YET)
        if answer is None:
            answer = Response(status=pending_logouts.DONE)
            answer.headerlist += logout_hint.mark_spent(visit)
        answer.headerlist.extend(pending_logouts.let_go(visit))
        return answer

    def _carry_out_quietly(self, visit: Visit) -> Response:
        answer = Response(status=pending_logouts.DONE)
        try:
            login = visit.session_to_end()
            if login is None:
                answer.headerlist += self._logout.end_ended_by_script(visit)
            else:
                answer.headerlist += self._logout.end_by_script(visit, login)
        except StoreUnavailable:
            return Response(status=pending_logouts.NOT_YET)
        answer.headerlist.extend(pending_logouts.let_go(visit))
        return answer

    def _nobody_here(
        self,
        visit: Visit,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        # The visitor may be signed in elsewhere; eilogin does not know where.
        is_over = logout_state.was_here(visit)
        outcome = (
            SingleLogoutOutcome.UNKNOWN if is_over else SingleLogoutOutcome.NO_LOGIN
        )
        then = AfterLogout(target)
        return self._logout_pages.answer(
            visit,
            then,
            outcome,
            headers=headers,
            again=self._logout.again_url(visit, target),
        )

    def _ask_first(self, visit: Visit) -> Response:
        if not self._logout.is_known(visit):
            # The visitor has to read that nothing was done here; no cookie expires
            # either.
            return self._nobody_here(visit, "")
        trust = visit.trust
        own = trust.own
        return self._pages.page(
            visit,
            "confirm_logout.html",
            action=own.url("logout"),
            name=name_of(own, language_of(visit)),
            is_here=visit.session_to_end() is not None,
            back_url=at(own.public_url, root(own.public_url)),
            # The form's redirect leads to the hub.
            form_action=list(_logout_addresses(trust)),
        )

    # --- logins that ended after a Response of the hub --------------------------------

    def _is_app_logout(self, visit: Visit) -> bool:
        app_logout = self._app_logout
        return app_logout is not None and app_logout.is_at_one(visit.environ)

    def _call_hooks(self, visit: Visit, login: Login) -> None:
        self._hooks.tell(visit, [login], GONE)

    # --- /eilogin/slo: messages through the browser ---------------------------------

    def _front_channel(self, visit: Visit) -> Response:
        # Without a message, show the result of the hub's LogoutResponse.
        if visit.method == "GET" and not visit.query_string:
            return self._latest_result(visit)
        if visit.query_string.startswith(f"{AFTER}="):
            visit.allow_only("GET")
            handle = read_query(visit).get(AFTER, "")
            return self._elsewhere.after_browser(visit, handle)
        received = read_message(visit)
        if received.kind == bindings.RESPONSE:
            return self._responses.receive(visit, received)
        trust = visit.trust
        inbound = verify(received, trust.hub_peer, trust.weak)
        return self._elsewhere.through_browser(visit, inbound)

    def _latest_result(self, visit: Visit) -> Response:
        if visit.session is None:
            answered = self._responses.result_page(visit)
            return answered or self._nobody_here(visit, "")
        # The visitor has logged in again since.
        public_url = visit.trust.own.public_url
        return see_other(at(public_url, root(public_url)))


def _is_asking(visit: Visit) -> bool:
    return read_query(visit).get(ASK) == "yes"


def _logout_addresses(trust: Trust) -> Iterator[str]:
    # Without hubs whose metadata has expired.
    for hub in trust.hub_ids:
        with suppress(UnknownPeer):
            yield from (endpoint.location for endpoint in trust.hub(hub).single_logouts)


def make_logout(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LogoutFilter:
    """Make the filter ``egg:eilogin#logout`` for PasteDeploy."""
    options = read(LogoutOptions, global_conf, local_conf)
    with placing(LogoutOptions, global_conf, local_conf):
        return LogoutFilter(app, options)
