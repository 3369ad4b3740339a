"""Single sign-on at the hub: from an AuthnRequest to its Response (DigiD 2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from webob import Response

from eilogin import audit, clock
from eilogin.errors import (
    CookiesRefused,
    InNameOf,
    LoginEnded,
    MessageMisdirected,
    Refused,
)
from eilogin.hub import pending_authn_requests
from eilogin.hub.participants import sso_domains
from eilogin.hub.participants.signed_in_services import (
    note_answered,
)
from eilogin.hub.pending_authn_requests import (
    PARAMETER,
    PendingAuthnRequest,
    address_of,
)
from eilogin.hub.signin.hub_login_service import HubLoginService
from eilogin.hub.signin.password_signin import (
    LogOutOther,
    PasswordSignIn,
)
from eilogin.hub.signin.signin_page import way_made_for
from eilogin.hub.signin.signin_request import SignInRequest
from eilogin.hub.signin.upstream_signin import (
    UpstreamLoginService,
    UpstreamSignIn,
)
from eilogin.hub.sso.authn_request_intake import (
    DENIED,
    NO_LEVEL,
    ReceivedAuthnRequest,
)
from eilogin.hub.sso.existing_session_page import ExistingSessionPage
from eilogin.hub.sso.participant_request import ParticipantRequest
from eilogin.hub.sso.response_delivery import TOO_LATE, ResponseDelivery
from eilogin.hub.sso.response_writing import (
    ResponseWriter,
)
from eilogin.hub.sso.session_reuse import wants_proof
from eilogin.hub.sso.sso_steps import FAILED, LoginRefusal, SsoSteps
from eilogin.participant.login.pending_logins import require_store
from eilogin.saml import messages
from eilogin.saml.printable_text import short
from eilogin.sessions import USUAL_DOMAIN, Login
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.requests import read_form, read_query, require_own_form
from eilogin.web.site_urls import at, see_other, this_page
from eilogin.web.visit import Visit

#: For a passive request that would need a question.
_NOT_SILENTLY = (messages.RESPONDER, messages.NO_PASSIVE)

#: The parameter after a probe for cookies, and its cookie.
_PROBED, _PROBE = "cookies", Cookie("eilogin-sign-in")

_NOT_ME = "not-me"

#: Reports of the hub above (``env.LoginService``), other than a failure.
_ABOVE = {"NoAuthnContext": NO_LEVEL, "NoPassive": _NOT_SILENTLY}


class SingleSignOn:
    """Answers AuthnRequests; with ``make_way``, shows ``page`` before."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        sign_in: PasswordSignIn | UpstreamSignIn,
        steps: SsoSteps,
        answers: ResponseWriter,
        delivery: ResponseDelivery,
        page: ExistingSessionPage,
        make_way: LogOutOther | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._steps = steps
        self._answers = answers
        self._delivery = delivery
        self._page = page
        self._make_way = make_way

    # --- /sso -----------------------------------------------------------------------

    def respond(self, visit: Visit) -> Response:
        """Accept an AuthnRequest, or go on with a pending one."""
        visit.allow_only("GET", "POST")
        if _is_pending(visit):
            if visit.method == "GET":
                return self._go_on(visit, read_query(visit))
            if self._make_way is not None:
                return self._by_form(visit, self._make_way)
        received = self._steps.receive(visit)
        answer = self._begin(visit, received)
        answer.headerlist.extend(self._steps.headers(visit, received))
        return answer

    def _begin(self, visit: Visit, received: ReceivedAuthnRequest) -> Response:
        request, pending = received.request, received.request.pending
        if received.refusal:
            return self._refuse(visit, request, received.refusal, received.cause)
        cause = self._steps.not_served(pending)
        if cause is not None:
            return self._refuse(visit, request, DENIED, cause)
        if visit.method == "POST" or self._sign_in.leads_away:
            return _to_own_address(visit, pending)
        return self._proceed(visit, request)

    def _go_on(self, visit: Visit, query: Mapping[str, str]) -> Response:
        try:
            request = self._request(visit, query)
        except CookiesRefused:
            if _PROBED not in query:
                return _probe_cookies(visit)
            raise
        pending = request.pending
        if "cancel" in query or env.REFUSED in query:
            codes = _ABOVE.get(query.get(env.REFUSED, ""), FAILED)
            return self._refuse(visit, request, codes)
        if pending.is_over:
            return self._refuse(visit, request, self._steps.late(pending))
        return self._proceed(visit, request)

    def _request(self, visit: Visit, query: Mapping[str, str]) -> ParticipantRequest:
        pending = pending_authn_requests.named_in(visit, query)
        peer = visit.trust.participant(pending.issuer)
        # The metadata may have lost the address.
        if peer.role.consumer(url=pending.acs_url, binding=pending.binding) is None:
            with InNameOf(pending.issuer):
                raise MessageMisdirected(
                    f"the AssertionConsumerService {pending.acs_url} is not in the"
                    f" metadata of {pending.issuer!r} any more"
                )
        pending = self._steps.with_choice(pending, query)
        return ParticipantRequest(pending, peer)

    def _proceed(self, visit: Visit, request: ParticipantRequest) -> Response:
        pending = request.pending
        if not pending.level or not request.is_high_enough:
            return self._refuse(visit, request, NO_LEVEL)
        # Ask the visitor nothing if no Response could be signed.
        visit.trust.key_for(request.peer)
        obstacle = self._answers.obstacle(request.role, pending)
        if obstacle is not None:
            return self._refuse(visit, request, *obstacle)
        url = urlsplit(address_of(visit, pending))
        target = f"{url.path}?{url.query}"
        service = self._sign_in.service(
            visit, SignInRequest(target, pending, request.domain)
        )
        answer = service.first or self._answer(visit, request, service)
        answer.headerlist.extend(service.headers)
        return answer

    def _answer(
        self,
        visit: Visit,
        request: ParticipantRequest,
        service: HubLoginService | UpstreamLoginService,
    ) -> Response:
        pending = request.pending
        codes = self._steps.refusal(visit, request)
        if codes:
            return self._refuse(visit, request, codes)
        # A sign-in for this request knows its address.
        is_proven = _is_pending(visit) and service.take_proof()
        login = self._steps.session_for(
            visit, request, service.login, is_proven=is_proven
        )
        if login is None:
            force = self._needs_proof(request, service)
            if not pending.passive and not _is_pending(visit):
                return _to_own_address(visit, pending)
            page = service.require(pending.level, force=force, passive=pending.passive)
            if page is not None:
                return page
            login = self._steps.session_for(
                visit, request, service.login, is_proven=is_proven
            )
        if login is not None:
            return self._pass_on(visit, request, login, is_proven=is_proven)
        if pending.passive:
            return self._refuse(visit, request, _not_silently(visit, pending))
        raise LoginEnded(TOO_LATE)

    def _needs_proof(
        self,
        request: ParticipantRequest,
        service: HubLoginService | UpstreamLoginService,
    ) -> bool:
        if self._steps.asks_anew or wants_proof(request.pending):
            return True
        domain = request.domain
        if service.login is None:
            # The hub above knows of no domain.
            return domain != USUAL_DOMAIN
        return sso_domains.is_apart(service.login, domain, request.pending.level)

    def _pass_on(
        self,
        visit: Visit,
        request: ParticipantRequest,
        login: Login,
        *,
        is_proven: bool,
    ) -> Response:
        pending = request.pending
        is_shown = self._make_way is not None and not (is_proven or pending.passive)
        if is_shown and self._page.is_new(visit, pending, login):
            if not _is_pending(visit):
                return _to_own_address(visit, pending)
            return self._page.show(visit, pending, login)
        return self._confirm(visit, request, login)

    def _by_form(self, visit: Visit, make_way: LogOutOther) -> Response:
        require_own_form(visit, visit.trust.own.public_url)
        fields = read_form(visit)
        request = self._request(visit, {**fields, **read_query(visit)})
        pending = request.pending
        login = visit.session_beyond_idle()
        if login is not None and _NOT_ME in fields:
            url = urlsplit(address_of(visit, pending))
            page = make_way(visit, login, f"{url.path}?{url.query}")
            # Otherwise the page in ``first`` says so.
            answer = page or see_other(url.geturl(), [way_made_for(pending)])
            answer.headerlist.append(visit.cookie.expire())
            return answer
        certain = self._steps.session_for(
            visit, request, visit.session, is_proven=False
        )
        is_late = pending.is_over or not request.is_high_enough
        if certain is None or is_late:
            # It took too long, or the required level changed.
            return see_other(address_of(visit, pending))
        self._steps.confirmed(visit, certain, fields)
        return self._confirm(visit, request, certain)

    # --- the answer -----------------------------------------------------------------

    def _confirm(
        self, visit: Visit, request: ParticipantRequest, login: Login
    ) -> Response:
        pending, codes = self._steps.before_answer(visit, request.pending, login)
        request = replace(request, pending=pending)
        if codes:
            return self._refuse(visit, request, codes)
        return self._assert(visit, request, login)

    def _assert(
        self, visit: Visit, request: ParticipantRequest, login: Login
    ) -> Response:
        pending = request.pending
        trust, sessions = visit.trust, visit.sessions
        # Issued first: a logout from now on leaves a later mark, which rejects the
        # Response.
        contents = self._steps.asserted(visit, request, login, clock.now())
        if isinstance(contents, LoginRefusal):
            return self._refuse(visit, request, contents.codes, contents.cause)
        participant = sessions.add_participant(login, contents.participant)
        if participant is None:
            raise LoginEnded(TOO_LATE)
        is_first = participant is contents.participant
        note_answered(visit, login, participant, pending.issued, is_first=is_first)
        response = self._answers.login(
            trust, request.peer, replace(contents, participant=participant)
        )
        # After the signature: a logout meanwhile stops the Response.
        if not (sessions.rearm(login) or sessions.is_live(login)):
            raise LoginEnded(TOO_LATE)
        answer = self._delivery.send(visit, pending, response, login)
        # After the last check: an artifact ends with the login too.
        audit.event(
            "login",
            pseudonym=trust.own.pseudonym(login.subject),
            peer=pending.issuer,
            level=login.level,
        )
        self._steps.answered(visit, pending, login)
        return answer

    def _refuse(
        self,
        visit: Visit,
        request: ParticipantRequest,
        codes: Sequence[str],
        cause: Refused | None = None,
    ) -> Response:
        """Answer with status codes (SAML core 3.2.2.2); log a ``cause`` to correct."""
        pending = request.pending
        # Anybody may have replayed a request with a fault.
        if cause is None:
            self._steps.refused(visit, pending)
        response = self._answers.refusal(visit.trust, request.peer, pending, codes)
        if cause is not None:
            cause.peer = pending.issuer
            note_refusal(cause, "login", visit)
        else:
            reason = short(codes[-1])
            audit.event("login", "refused", peer=pending.issuer, reason=reason)
        return self._delivery.send(visit, pending, response, None)


def _not_silently(visit: Visit, pending: PendingAuthnRequest) -> Sequence[str]:
    """Return NoPassive, and Idle if the participant may keep its session."""
    login = visit.session_beyond_idle()
    if login is None or not visit.sessions.is_idle(login):
        return _NOT_SILENTLY
    participants = visit.sessions.participants(login)
    is_in = any(participant.entity_id == pending.issuer for participant in participants)
    return (*_NOT_SILENTLY, messages.IDLE) if is_in else _NOT_SILENTLY


def _is_pending(visit: Visit) -> bool:
    text: str = visit.query_string
    return text.startswith(f"{PARAMETER}=")


def _to_own_address(visit: Visit, pending: PendingAuthnRequest) -> Response:
    require_store(visit)
    headers = pending_authn_requests.remember(visit, pending)
    return see_other(address_of(visit, pending), headers)


def _probe_cookies(visit: Visit) -> Response:
    public_url = visit.trust.own.public_url
    target = f"{this_page(visit, public_url)}&{_PROBED}=yes"
    return see_other(at(public_url, target), [_PROBE.set("yes")])
