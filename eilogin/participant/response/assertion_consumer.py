"""The AssertionConsumerService ``/eilogin/acs``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Response

from eilogin.errors import (
    AttributeMissing,
    CookiesRefused,
    LevelTooLow,
    LoginEnded,
    LoginLost,
    ProofTooOld,
    Proven,
    Refused,
    SubjectMissing,
    Unavailable,
)
from eilogin.participant import logout_hint
from eilogin.participant.digid_profile import is_failure
from eilogin.participant.inner_hub import InnerHub
from eilogin.participant.login import pending_logins
from eilogin.participant.login.passive_login import without_mark
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.participant.login.return_targets import redirect_to_target
from eilogin.participant.policy import attribute_access, path_limits
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.response import login_restart
from eilogin.participant.response.failed_logins import FailedLogins
from eilogin.participant.response.login_errors import LoginErrorPages
from eilogin.participant.response.pending_responses import (
    ReceivedResponse,
    keep,
    redirect_as_lost,
)
from eilogin.participant.response.response_intake import ResponseReader
from eilogin.participant.response.scoped_values import of_own_scope
from eilogin.participant.response.session_creation import (
    SessionCreator,
    answer_repeated_response,
)
from eilogin.participant.session_end import end_here
from eilogin.saml import messages
from eilogin.saml.bindings import read_artifact_query
from eilogin.web import environ as env
from eilogin.web.limits.client_network import Whereabouts
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class AssertionConsumer:
    """Answers at ``/eilogin/acs``; every login needs the attributes ``required``."""

    def __init__(  # noqa: PLR0913 - the rooms of a visit, each by its name
        self,
        pages: Pages,
        *,
        rules: PathRules,
        required: Sequence[str],
        whereabouts: Whereabouts,
        response_reader: ResponseReader,
        session_creator: SessionCreator,
        failed_logins: FailedLogins,
        error_pages: LoginErrorPages,
        inner_hub: InnerHub,
    ) -> None:
        self._pages = pages
        self._rules = rules
        self._required = required
        self._whereabouts = whereabouts
        self._response_reader = response_reader
        self._session_creator = session_creator
        self._failed_logins = failed_logins
        self._error_pages = error_pages
        self._inner_hub = inner_hub

    def answer(self, environ: "WSGIEnvironment") -> Response:
        """Redirect the signed-in visitor to their page, or answer with another page.

        With DigiD, a proven Response that signs nobody in ends the session.
        """
        try:
            return self._received(environ)
        except (Refused, Unavailable) as error:
            profile = env.trust(environ).own.profile
            if not profile.failed_login_ends_session or not is_failure(error):
                raise
            ended = end_here(environ, error.code, self._inner_hub)
            answer = self._error_pages.answer_of_digid(
                environ, error, ended=bool(ended)
            )
            # A second delivery would end the visitor's next session.
            handle = _handle_in(environ)
            pending_logins.close(environ, handle)
            answer.headerlist.extend([*ended, pending_logins.drop(handle)])
            return answer

    def _received(self, environ: "WSGIEnvironment") -> Response:
        try:
            answer = self._response_reader.receive(environ)
        except LoginLost as error:
            return self._lost(environ, error)
        return answer if isinstance(answer, Response) else self._handle(environ, answer)

    def _lost(self, environ: "WSGIEnvironment", error: LoginLost) -> Response:
        if environ["REQUEST_METHOD"] == "POST" and error.handle:
            # Lax cookies come only with a GET.
            return redirect_as_lost(env.trust(environ), error.handle)
        login = self._whereabouts.of_this_network(environ, env.session(environ))
        way = login_restart.begin(environ, error, login)
        if way is not None:
            return way
        if login is None or isinstance(error, CookiesRefused):
            raise error
        return self._failed_logins.forgotten(environ, error)

    def _handle(self, environ: "WSGIEnvironment", answer: ReceivedResponse) -> Response:
        if answer.assertion is not None:
            with Proven():
                if self._needs_consent(environ, answer):
                    return self._ask_consent(environ, answer, answer.assertion)
                return self._create_session(environ, answer.pending, answer.assertion)
        if answer.failure is not None:
            return self._failed_logins.answer(environ, answer.pending, answer.failure)
        if answer.is_unusable:
            return self._failed_logins.silently(environ, answer.pending)
        return answer_repeated_response(environ, answer.pending)

    def _since_logged_out(
        self, environ: "WSGIEnvironment", pending: PendingLogin
    ) -> Response:
        """Refuse a browser that has logged out since it asked the hub."""
        if pending.is_passive:
            return self._failed_logins.silently(environ, pending)
        error = LoginEnded(
            "this browser has logged out since it sent the AuthnRequest, and the "
            "hub has not confirmed that logout; expected a new login"
        )
        return self._failed_logins.refused(environ, pending, error)

    def _create_session(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Response:
        if not pending.is_forced and logout_hint.has_left(environ):
            return self._since_logged_out(environ, pending)
        assertion = of_own_scope(env.trust(environ), assertion)
        try:
            attribute_access.require_attributes(environ, assertion, self._required)
            path_limits.note_visitor_pause(environ, self._rules)
            return self._session_creator.log_in(environ, pending, assertion)
        except (AttributeMissing, SubjectMissing) as error:
            return self._failed_logins.lacking(environ, pending, error)
        except (LevelTooLow, ProofTooOld) as error:
            return self._failed_logins.too_low(environ, pending, error)
        except Refused as error:
            return self._failed_logins.refused(environ, pending, error)

    def _needs_consent(
        self, environ: "WSGIEnvironment", answer: ReceivedResponse
    ) -> bool:
        """Return whether a Response is unsolicited, or perhaps unwanted by now."""
        return not answer.is_agreed and (
            answer.pending.is_unsolicited
            or self._session_creator.would_replace(environ, answer.pending)
        )

    def _ask_consent(
        self,
        environ: "WSGIEnvironment",
        answer: ReceivedResponse,
        assertion: messages.Assertion,
    ) -> Response:
        """Ask the visitor to agree to an unsolicited or late login.

        Another site may have brought it, so that they work under somebody else's name.
        """
        if answer.pending.is_passive:
            return redirect_to_target(
                environ, without_mark(environ, answer.pending.target)
            )
        if not answer.key:
            # It came by artifact: keep it at an address that can be reloaded.
            return keep(environ, answer.pending.handle, assertion)
        trust, language = env.trust(environ), language_of(environ)
        return self._pages.page(
            environ,
            "agree_to_login.html",
            # The page may redirect anywhere.
            form_action=None,
            action=trust.own.url("acs"),
            answer=answer.key,
            logged_in=env.session(environ) is not None,
            service=name_of(trust.own, language),
            hub=trust.federation.name_of(answer.pending.hub, language),
            website_url=root(trust.own.public_url),
        )


def _handle_in(environ: "WSGIEnvironment") -> str:
    return read_artifact_query(environ["QUERY_STRING"])[1]
