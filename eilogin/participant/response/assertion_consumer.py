"""The AssertionConsumerService ``/eilogin/acs``."""

from collections.abc import Sequence

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
    redirect_as_lost,
    store_and_redirect,
)
from eilogin.participant.response.response_intake import ResponseReader
from eilogin.participant.response.scoped_values import of_own_scope
from eilogin.participant.response.session_creation import (
    SessionCreator,
    answer_repeated_response,
)
from eilogin.participant.session_end import SessionEnd
from eilogin.saml import messages
from eilogin.saml.bindings import read_artifact_query
from eilogin.web.limits.client_network import ClientNetworkCheck
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root
from eilogin.web.visit import Visit


class AssertionConsumer:
    """Answers at ``/eilogin/acs``; every login needs the attributes ``required``."""

    def __init__(  # noqa: PLR0913 - one part for each step
        self,
        pages: Pages,
        *,
        rules: PathRules,
        required: Sequence[str],
        client_network: ClientNetworkCheck,
        response_reader: ResponseReader,
        session_creator: SessionCreator,
        failed_logins: FailedLogins,
        error_pages: LoginErrorPages,
        session_end: SessionEnd,
    ) -> None:
        self._pages = pages
        self._rules = rules
        self._required = required
        self._client_network = client_network
        self._response_reader = response_reader
        self._session_creator = session_creator
        self._failed_logins = failed_logins
        self._error_pages = error_pages
        self._session_end = session_end

    def answer(self, visit: Visit) -> Response:
        """Redirect the signed-in visitor to their page, or answer with another page."""
        try:
            return self._received(visit)
        except (Refused, Unavailable) as error:
            profile = visit.trust.own.profile
            if not profile.failed_login_ends_session or not is_failure(error):
                raise
            ended = self._session_end.end_here(visit, error.code)
            answer = self._error_pages.answer_of_digid(visit, error, ended=bool(ended))
            # Otherwise a second delivery would end the visitor's next session.
            handle = _handle_in(visit)
            pending_logins.close(visit, handle)
            answer.headerlist.extend([*ended, pending_logins.drop(handle)])
            return answer

    def _received(self, visit: Visit) -> Response:
        try:
            answer = self._response_reader.receive(visit)
        except LoginLost as error:
            return self._lost(visit, error)
        return answer if isinstance(answer, Response) else self._handle(visit, answer)

    def _lost(self, visit: Visit, error: LoginLost) -> Response:
        if visit.method == "POST" and error.handle:
            # A POST of another site lacks the Lax cookies, so come back with a GET.
            return redirect_as_lost(visit.trust, error.handle)
        login = self._client_network.of_this_network(visit, visit.session)
        restart = login_restart.begin(visit, error, login)
        if restart is not None:
            return restart
        if login is None or isinstance(error, CookiesRefused):
            raise error
        return self._failed_logins.forgotten(visit, error)

    def _handle(self, visit: Visit, answer: ReceivedResponse) -> Response:
        if answer.assertion is not None:
            with Proven():
                if self._needs_consent(visit, answer):
                    return self._ask_consent(visit, answer, answer.assertion)
                return self._create_session(visit, answer.pending, answer.assertion)
        if answer.failure is not None:
            return self._failed_logins.answer(visit, answer.pending, answer.failure)
        if answer.is_unusable:
            return self._failed_logins.silently(visit, answer.pending)
        return answer_repeated_response(visit, answer.pending)

    def _refuse_after_logout(self, visit: Visit, pending: PendingLogin) -> Response:
        if pending.is_passive:
            return self._failed_logins.silently(visit, pending)
        error = LoginEnded(
            "this browser has logged out since it sent the AuthnRequest, and the "
            "hub has not confirmed that logout; expected a new login"
        )
        return self._failed_logins.refused(visit, pending, error)

    def _create_session(
        self,
        visit: Visit,
        pending: PendingLogin,
        assertion: messages.Assertion,
    ) -> Response:
        if not pending.is_forced and logout_hint.has_left(visit):
            return self._refuse_after_logout(visit, pending)
        assertion = of_own_scope(visit.trust, assertion)
        try:
            attribute_access.require_attributes(visit, assertion, self._required)
            path_limits.note_visitor_pause(visit, self._rules)
            return self._session_creator.log_in(visit, pending, assertion)
        except (AttributeMissing, SubjectMissing) as error:
            return self._failed_logins.lacking(visit, pending, error)
        except (LevelTooLow, ProofTooOld) as error:
            return self._failed_logins.too_low(visit, pending, error)
        except Refused as error:
            return self._failed_logins.refused(visit, pending, error)

    def _needs_consent(self, visit: Visit, answer: ReceivedResponse) -> bool:
        return not answer.is_agreed and (
            answer.pending.is_unsolicited
            or self._session_creator.would_replace(visit, answer.pending)
        )

    def _ask_consent(
        self,
        visit: Visit,
        answer: ReceivedResponse,
        assertion: messages.Assertion,
    ) -> Response:
        # Another site may have sent an unsolicited or late login, so that the visitor
        # works under another's name.
        if answer.pending.is_passive:
            return redirect_to_target(visit, without_mark(visit, answer.pending.target))
        if not answer.key:
            # It came by artifact: redirect to an address that can be reloaded.
            return store_and_redirect(visit, answer.pending.handle, assertion)
        trust, language = visit.trust, language_of(visit)
        return self._pages.page(
            visit,
            "agree_to_login.html",
            # The page may redirect anywhere.
            form_action=None,
            action=trust.own.url("acs"),
            answer=answer.key,
            logged_in=visit.session is not None,
            service=name_of(trust.own, language),
            hub=trust.federation.name_of(answer.pending.hub, language),
            website_url=root(trust.own.public_url),
        )


def _handle_in(visit: Visit) -> str:
    return read_artifact_query(visit.query_string).relay_state
