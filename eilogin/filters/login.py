"""Send anonymous visitors to the hub, receive its Response, and require levels.

``use = egg:eilogin#login``. *Needs* ``session`` and ``trust`` before it. *Reads* their
keys. *Writes*:

* ``eilogin.login`` (the call ``require``);
* ``eilogin.fresh``, if a limit of the path needs a fresh proof;
* on ``off`` paths ``eilogin.off``, and None as ``eilogin.session``;
* that None also for a session of another client network (``bind_address = enforce``);
* new sessions, and when a visitor was last seen;
* for an inner hub (``hub_inside``) ``eilogin.activity``, which takes activity reports.

*Changes in the answer*: answers its own addresses and pages that need a login; adds the
script of ``warn``; tells browsers and shared caches whether to store an answer
(``no_store``).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from webob import Response

from eilogin.config import (
    read,
)
from eilogin.errors import NotFound
from eilogin.federation.local.local_entity import PARTICIPANT, Own
from eilogin.filters.login_options import LoginOptions, digid_faults
from eilogin.participant.access_control import AccessControl, ParticipantLoginService
from eilogin.participant.digid_profile import (
    cancel_texts,
    error_texts,
)
from eilogin.participant.expiry.activity_reports import ActivityReports
from eilogin.participant.expiry.expiry_warning import ExpiryWarning, tell_session
from eilogin.participant.expiry.keep_alive import KeepAlive
from eilogin.participant.forms.post_replay import PostReplay
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.inner_logout import InnerLogout
from eilogin.participant.login import cancelled_login
from eilogin.participant.login.authn_requests import (
    AuthnRequestSender,
)
from eilogin.participant.login.login_address import LoginAddress
from eilogin.participant.login.login_required import LoginRequired
from eilogin.participant.login.passive_login import PassiveLogin
from eilogin.participant.logout import pending_logouts
from eilogin.participant.logout.pending_logouts import PendingLogouts
from eilogin.participant.policy import path_limits, zope_paths
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.response.assertion_consumer import AssertionConsumer
from eilogin.participant.response.failed_logins import FailedLogins
from eilogin.participant.response.login_errors import LoginErrorPages
from eilogin.participant.response.response_intake import ResponseReader
from eilogin.participant.response.session_creation import SessionCreator
from eilogin.participant.session_end import SessionEnd
from eilogin.participant.subject_names import NAME_ID
from eilogin.saml.assurance_levels import LEVELS
from eilogin.web import environ as env
from eilogin.web.cache_headers import for_visitor
from eilogin.web.limits.client_network import ClientNetworkCheck
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.security_headers import with_hsts
from eilogin.web.pipeline.inner_parts import require_inside
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Addresses that need the session from any client network: a login or a logout ends it.
_FROM_ANYWHERE = frozenset(("acs", "logout", "slo", "slo_soap"))
_LOGOUTS = frozenset(("logout", "slo", env.APP_LOGOUT))


class _PageHandlers(NamedTuple):
    """The functions for a page of the application."""

    #: Return the response in place of the page, or None.
    stop: Callable[[Visit], Response | None]
    app: "WSGIApplication"


class LoginFilter(PipelinePart):
    """The filter; ``options`` define which paths need a login."""

    eilogin_part = "login"
    NEEDS = (env.SESSIONS, env.SESSION, env.COOKIE, env.TRUST, env.ADDRESS)
    WRITES = (
        *(env.LOGIN, env.OFF, env.FRESH, env.UNSEEN_PARTS, env.NAMELESS),
        *(env.PUBLIC_PAGE, env.ACTIVITY),
    )
    NEEDS_INSIDE = ("logout", "identity")
    ROLE = PARTICIPANT
    WITHOUT = "nobody has to log in"

    def __init__(self, app: "WSGIApplication", options: LoginOptions) -> None:
        pages = Pages()
        self.app = app
        self._pages = pages
        self._rules: PathRules = options.protect
        self._client_network = ClientNetworkCheck(options.bind_address)
        self._authn_requests = AuthnRequestSender(
            pages, binding=options.request_binding, comparison=options.comparison
        )
        inner_logout = InnerLogout(app)
        self._session_end = session_end = SessionEnd(InnerHub(app), inner_logout)
        self._pending = PendingLogouts(
            inner_logout.carry_out,
            lambda visit: session_end.end_here(visit, "logged-out-before"),
        )
        self._passive_login = PassiveLogin(
            self._authn_requests, inner_logout, is_on=options.silent
        )
        self._login_required = LoginRequired(
            pages,
            self._authn_requests,
            digid_faults(options),
            explains=options.explain_step_up,
        )
        self.activity = ActivityReports()
        self._forms = PostReplay(pages, options.keep_post, self._client_network)
        self._access_control = AccessControl(
            pages,
            self._rules,
            passive_login=self._passive_login,
            keep_alive=KeepAlive(
                self._authn_requests,
                self._rules,
                options.keep_alive,
                inner_logout,
                self.activity,
            ),
            login_required=self._login_required,
            forms=self._forms,
            inner_logout=inner_logout,
            refuses_when_down=options.store_down == "refuse",
        )
        self._no_store = options.no_store
        self._warns = options.warn is not None
        self._end_warning = ExpiryWarning(options.warn or 0)
        self._cancelled = cancel_texts(options.cancel_text, options.cancel_text_en)
        self._failed_logins = FailedLogins(
            pages,
            self._rules,
            passive_login_pause=options.keep_alive,
            is_exact=options.comparison == "exact",
            cancel_texts=self._cancelled,
            session_end=session_end,
        )
        self._error_pages = LoginErrorPages(
            pages, error_texts(options.error_text, options.error_text_en)
        )
        self._own_addresses = self._routes(options)
        self._has_nameless = options.subject != (NAME_ID,)
        self._inner: WSGIApplication = (
            partial(self._end_warning.answer, app) if self._warns else app
        )
        # Known from the first page on, which brings the profile.
        self._page_handlers: _PageHandlers | None = None

    def _routes(
        self, options: LoginOptions
    ) -> Mapping[str, Callable[[Visit], Response]]:
        login_address = LoginAddress(
            self._pages,
            self._rules,
            self._authn_requests,
            self._passive_login,
            self._login_required,
        )
        acs = AssertionConsumer(
            self._pages,
            rules=self._rules,
            required=options.require_attributes,
            client_network=self._client_network,
            response_reader=ResponseReader(
                second_opinion=options.second_opinion,
                unsolicited=options.unsolicited,
                response_signed=options.want_response_signed,
                encrypted=options.require_encryption,
                artifacts_at_once=options.artifacts_at_once,
            ),
            session_creator=SessionCreator(
                self._forms,
                self._client_network,
                subject=options.subject,
                mismatch=options.name_id_mismatch,
                sectors=options.sectors,
                quiet=options.keep_alive,
            ),
            failed_logins=self._failed_logins,
            error_pages=self._error_pages,
            session_end=self._session_end,
        )
        return {
            "login": login_address.answer,
            "discovery": login_address.answer,
            "acs": acs.answer,
            "session": self._tell_session,
            "again": self._send_again,
            "warning": self._warning_script,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses; require a login if a path needs one."""
        visit = Visit(environ)
        if pending_logouts.is_there(visit):
            return self._pending.respond(visit, start_response, self._respond)
        return self._respond(visit, start_response)

    def _respond(
        self, visit: Visit, start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit.environ[env.LOGIN] = ParticipantLoginService(
            self._access_control, visit, self._failed
        )
        address = page = None
        try:
            address = visit.address
            if self._client_network.is_on and address not in _FROM_ANYWHERE:
                self._client_network.check(visit)
            if address is None:
                page = self._page_handlers or self._choose_handlers(visit.trust.own)
                answer = page.stop(visit)
                address = visit.environ[env.ADDRESS]
                if env.UNSEEN_PARTS in visit.environ and answer is None:
                    # Only now that the application gets the form.
                    zope_paths.require_no_call_in_parts(visit)
            else:
                respond = self._own_addresses.get(address)
                answer = None if respond is None else respond(visit)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._failed(visit, error)
        if answer is not None:
            return with_hsts(visit, answer)(visit.environ, start_response)
        if address is None and page is not None:
            start = for_visitor(visit, start_response, no_store=self._no_store)
            return page.app(visit.environ, start)
        return self._pass_address(visit, start_response)

    def _failed(self, visit: Visit, error: Exception) -> Response:
        return with_hsts(visit, self._error_pages.answer(visit, error))

    def _pass_address(
        self, visit: Visit, start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit.environ[env.PUBLIC_PAGE] = self._public_page
        if self._has_nameless:
            visit.environ[env.NAMELESS] = True
        if visit.address in _LOGOUTS:
            start_response = self._passive_login.pausing(start_response)
        return self.app(visit.environ, start_response)

    def _public_page(self, environ: "WSGIEnvironment") -> str:
        return self._failed_logins.public_page(Visit(environ))

    def _choose_handlers(self, own: Own) -> _PageHandlers:
        if own.profile.returns_after_cancel:
            says_it_at = self._failed_logins.says_it_at
            handlers = _PageHandlers(
                self._stop_for_digid,
                cancelled_login.CancelledLoginNotice(
                    self._inner, self._cancelled, says_it_at
                ),
            )
        else:
            has_hub = own.hub_inside is not None
            handlers = _PageHandlers(
                self._access_control.stop,
                self._pass_on_to_hub if has_hub else self._inner,
            )
        self._page_handlers = handlers
        return handlers

    def _pass_on_to_hub(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        visit = Visit(environ)
        # No functools.partial: its repr shows environ, and so cookies, to any
        # middleware that logs environ.
        environ[env.ACTIVITY] = lambda name, instant: self.activity.note_inside(
            visit, name, instant
        )
        return self._inner(environ, start_response)

    def _stop_for_digid(self, visit: Visit) -> Response | None:
        led_back = None
        if cancelled_login.may_concern(visit):
            led_back = self._failed_logins.led_back(visit)
        return led_back or self._access_control.stop(visit)

    # --- our own addresses, beside those of a login -----------------------------------

    def _tell_session(self, visit: Visit) -> Response:
        if visit.method != "POST":
            return tell_session(visit)
        path_limits.note_visitor_pause(visit, self._rules)
        answer, login = tell_session(visit), visit.session
        if login is not None:
            self.activity.note(visit, login)
        return answer

    def _warning_script(self, visit: Visit) -> Response:
        if not self._warns:
            raise NotFound("warn is off, so no page of this site asks for the script")
        return self._end_warning.script(visit)

    def _send_again(self, visit: Visit) -> Response:
        visit.allow_only("GET", "HEAD")
        answer = self._access_control.require(visit, LEVELS[0])
        return answer or self._forms.show(visit)


def make_login(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LoginFilter:
    """Make the filter ``egg:eilogin#login`` for PasteDeploy."""
    options = read(LoginOptions, global_conf, local_conf)
    needed = LoginFilter.NEEDS_INSIDE
    require_inside(app, needed, LoginOptions, global_conf, local_conf)
    return LoginFilter(app, options)
