"""The hub as a WSGI app, behind the filters ``session`` and ``trust``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from webob import Response

from eilogin.config import read
from eilogin.errors import ConfigurationError, NotFound, Refused, Unavailable
from eilogin.federation import Trust
from eilogin.hub.digid.digid_artifacts import resolve_digid_artifact
from eilogin.hub.digid.digid_logout import DigidSingleLogout
from eilogin.hub.digid.digid_sso import digid_single_sign_on
from eilogin.hub.digid.reauthentication import presence_by_timers
from eilogin.hub.hub_home import HubHome, Presence, presence_by_session
from eilogin.hub.hub_jobs import HubJobs
from eilogin.hub.hub_options import HubOptions, contradictions
from eilogin.hub.hub_threads import HubThreads
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.single_logout import SingleLogout
from eilogin.hub.logout_from_above import LogoutFromAbove
from eilogin.hub.participants.attribute_release import AttributeRelease
from eilogin.hub.participants.logout_bindings import LogoutBindings
from eilogin.hub.participants.name_ids import FORMATS, NameIDs
from eilogin.hub.signin.citizen_accounts import Citizens
from eilogin.hub.signin.password_signin import PasswordSignIn
from eilogin.hub.signin.upstream_signin import UpstreamSignIn
from eilogin.hub.sso.activity_intake import ActivityReportIntake
from eilogin.hub.sso.artifact_resolving import resolve_artifact
from eilogin.hub.sso.existing_session_page import (
    ExistingSessionPage,
    SamlExistingSessions,
)
from eilogin.hub.sso.response_delivery import ResponseDelivery
from eilogin.hub.sso.response_writing import ResponseWriter
from eilogin.hub.sso.single_sign_on import SingleSignOn
from eilogin.hub.sso.sso_steps import SamlSsoSteps
from eilogin.participant.login.pending_logins import require_store
from eilogin.participant.logout import pending_logouts
from eilogin.participant.logout.pending_logouts import PendingLogouts
from eilogin.sessions import Sessions
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.logout_above import InnerHubLogout
from eilogin.web.metrics_address import Numbers
from eilogin.web.outbound_messages import soap_fault
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_records import note_refusal
from eilogin.web.pages.security_headers import with_hsts
from eilogin.web.pipeline.pipeline_objects import PipelineObjects
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.site_urls import root, this_page
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


#: Addresses at which another page may come first.
_PAGES = ("home", "login", "sso")

#: Addresses that show the page of a pending logout instead.
_SHOWN = ("home", "login")

#: Addresses that a full store still accepts.
_LOGOUTS = ("logout", "slo", "slo_soap")

#: Audit events for refusals; a login at any other address.
_EVENTS = {
    "logout": "logout",
    "slo": "logout",
    "slo_soap": "logout",
    # A client with an old token is no failed sign-in.
    "metrics": "address",
    "activity": "address",
}


class Hub(PipelinePart):
    """The WSGI app."""

    eilogin_part = ROLE = "hub"
    NEEDS, SPARES = (env.SESSION, env.TRUST), ("identity",)

    def __init__(self, options: HubOptions) -> None:
        self.pages = Pages("eilogin.hub")
        self._options = options
        self._names = _names(options)
        self._propagation = Propagation(
            options.logout_timeout,
            LogoutBindings(options.logout_binding),
            encrypts=options.encrypt_name_id,
        )
        self._logout = logout = SingleLogout(
            self.pages,
            self._propagation,
            is_below=options.sign_in == "above",
            at_once=options.logouts_at_once,
            of_browser=options.logout_scope == "browser",
            asks_first=options.confirm_logout,
            one_by_one=options.logout_in_browser == "one-by-one",
        )
        self._numbers = Numbers(options.metrics_token)
        self._worker = HubThreads() if options.work else None
        self._latest_jobs: HubJobs | None = None
        self._pending = PendingLogouts(self._carry_out, _end_pending)
        sign_in = self._sign_in(options)
        self._id_of = sign_in.id_of
        sso = self._single_sign_on(sign_in)
        self._addresses: Mapping[str, Callable[[Visit], Response]] = {
            "home": self._home(presence_by_session),
            "health": self._health,
            "metrics": self._measured,
            "login": sign_in.respond,
            "sso": _also_for_head(sso.respond),
            "artifact": resolve_artifact,
            "logout": logout.button.everywhere,
            "slo": _also_for_head(logout.respond),
            "slo_soap": logout.respond_soap,
            "activity": ActivityReportIntake().respond,
        }
        digid = {**self._addresses, **self._addresses_of_digid(sign_in)}
        self._by_rules = {"saml": self._addresses, "digid": digid}

    def _home(self, presence: Presence) -> Callable[[Visit], Response]:
        return HubHome(
            self.pages,
            self._logout.completion,
            presence,
            rehearses=self._options.rehearsal,
        ).respond

    def _addresses_of_digid(
        self, sign_in: PasswordSignIn | UpstreamSignIn
    ) -> Mapping[str, Callable[[Visit], Response]]:
        if not isinstance(sign_in, PasswordSignIn):
            return {}
        logout = DigidSingleLogout(
            self.pages,
            self._propagation,
            rehearses=self._options.rehearsal,
            at_once=self._options.logouts_at_once,
        )
        sso = digid_single_sign_on(
            sign_in,
            self.pages,
            self._names,
            logout.button.make_way,
            sectors=self._options.sectors,
            inactive=self._options.inactive,
            shows_session=self._options.show_session,
            rehearses=self._options.rehearsal,
        )
        return {
            "home": self._home(presence_by_timers),
            "sso": _also_for_head(sso.respond),
            "artifact": resolve_digid_artifact,
            "slo": _also_for_head(logout.respond),
            "slo_soap": logout.respond_soap,
            "activity": _not_as_digid,
        }

    def _single_sign_on(self, sign_in: PasswordSignIn | UpstreamSignIn) -> SingleSignOn:
        options = self._options
        steps = SamlSsoSteps(
            self._names,
            AttributeRelease(
                options.release, options.default_attributes, options.attribute_names
            ),
            sign_in.offered,
            asks_above=sign_in.leads_away,
            served=options.passed_on_to if options.sign_in == "above" else None,
        )
        return SingleSignOn(
            sign_in,
            steps,
            ResponseWriter(options.sign, options.encrypt),
            ResponseDelivery(self.pages, leads_away=sign_in.leads_away),
            ExistingSessionPage(self.pages, SamlExistingSessions(sign_in.username_of)),
            self._logout.button.make_way if options.show_session else None,
        )

    def _sign_in(self, options: HubOptions) -> PasswordSignIn | UpstreamSignIn:
        logout = self._logout
        if options.sign_in == "above" or options.citizens is None:
            end_unseen = logout.endings.end_unseen
            return UpstreamSignIn(self._names, logout.button.make_way, end_unseen)
        citizens = Citizens.load(options.citizens)
        return PasswordSignIn(
            citizens,
            self.pages,
            logout.button.make_way_in_room,
            logout.endings.slots.slot,
            logout.endings.end_unseen,
            is_demo=options.demo,
            rehearses=options.rehearsal,
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one of the hub's addresses."""
        visit = Visit(environ)
        if pending_logouts.is_there(visit):
            return self._pending.respond(visit, start_response, self._answer)
        return self._answer(visit, start_response)

    def _answer(self, visit: Visit, start_response: "StartResponse") -> Iterable[bytes]:
        try:
            answer = self._respond(visit)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(visit, error)
        return with_hsts(visit, answer)(visit.environ, start_response)

    def _refusal(self, visit: Visit, error: Exception) -> Response:
        address = visit.address_or_none
        event = _EVENTS.get(address or "", "login")
        is_soap = address in ("slo_soap", "artifact", "activity")
        # DigiD answers nothing to an unknown sender (DigiD 1.6).
        is_for_known_sender = not isinstance(error, NotFound)
        if is_soap and is_for_known_sender and visit.method == "POST":
            return soap_fault(error, note_refusal(error, event, visit))
        headers = pending_logouts.begun(visit, error) if address == "logout" else []
        answer = self.pages.refuse(
            visit,
            error,
            event=event,
            again=_again(visit, error),
            ways_back=list(_return_links(visit, error)),
            is_pending=bool(headers),
        )
        answer.headerlist.extend(headers)
        return answer

    def _respond(self, visit: Visit) -> Response:
        address = visit.address or ""
        if address not in self._addresses:
            raise NotFound("no address of the hub")
        # Each process sees who has left, whichever process does the work.
        hub = self._jobs(visit.trust, visit.sessions)
        if self._worker is not None:
            self._worker.see(hub)
        own = visit.trust.own
        for name, expected in contradictions(
            self._options, own.public_url, own.profile
        ):
            raise ConfigurationError(f"{name}: {expected}")
        page = self._in_place_of_other(visit, address)
        if page is not None:
            return page
        return self._answer_at(visit, address)

    def _answer_at(self, visit: Visit, address: str) -> Response:
        addresses = self._by_rules[visit.trust.own.profile.hub_rules]
        if address not in _LOGOUTS:
            return addresses[address](visit)
        with logout_reserve.for_logout():
            answer = addresses[address](visit)
        if address == "logout" and visit.method == "POST":
            answer.headerlist.extend(pending_logouts.let_go(visit))
        return answer

    def _carry_out(self, visit: Visit) -> Response:
        try:
            with logout_reserve.for_logout():
                answer = self._logout.button.carry_out(visit)
        except Unavailable:
            return Response(status=pending_logouts.NOT_YET)
        is_page = visit.address in _SHOWN and visit.wants_page
        if answer is None or not is_page:
            cookies = [] if answer is None else pending_logouts.cookies_of(answer)
            answer = Response(status=pending_logouts.DONE)
            answer.headerlist.extend(cookies)
        answer.headerlist.extend(pending_logouts.let_go(visit))
        return answer

    def _in_place_of_other(self, visit: Visit, address: str) -> Response | None:
        """Return the page to show first if another person has left this browser."""
        login = visit.session_or_none
        if login is None:
            return None
        own = visit.trust.own
        is_page = address in _PAGES and visit.method == "GET"
        page = this_page(visit, own.public_url) if is_page else root(own.public_url)
        notice = self._logout.completion.mind(visit, login, page)
        return notice if is_page else None

    def hand_on(self, outer: PipelineObjects) -> Iterable[object]:
        """Return the background work, and the logout for a participant's filters."""
        trust, sessions = outer.get(Trust), outer.get(Sessions)
        if trust and sessions:
            yield self._jobs(trust, sessions)
            logout = LogoutFromAbove(trust, sessions, self._logout, self._names)
            yield InnerHubLogout(trust.own.url("home"), logout.end)

    def _jobs(self, trust: Trust, sessions: Sessions) -> HubJobs:
        if self._latest_jobs is None:
            self._latest_jobs = HubJobs(
                trust,
                sessions,
                self._logout.endings,
                self._propagation,
                self._names,
                self._id_of,
            )
        elif self._latest_jobs.trust.federation is not trust.federation:
            self._latest_jobs.follow(trust)
        return self._latest_jobs

    def _health(self, visit: Visit) -> Response:
        # HAProxy uses OPTIONS by default.
        visit.allow_only("GET", "HEAD", "OPTIONS")
        answer = Response(text="ok\n", content_type="text/plain")
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _measured(self, visit: Visit) -> Response:
        hub = self._jobs(visit.trust, visit.sessions)
        return self._numbers.respond(
            visit, visit.trust, hub.certificates.soon, hub.undelivered.count
        )


def _end_pending(visit: Visit) -> None:
    login = visit.session_to_end()
    if login is not None:
        visit.sessions.drop(login)


def _also_for_head(
    respond: Callable[[Visit], Response],
) -> Callable[[Visit], Response]:
    """Answer HEAD too: participants check the hub, and its store, before a visit."""

    def respond_to_head(visit: Visit) -> Response:
        visit.allow_only("GET", "HEAD", "POST")
        if visit.method == "HEAD":
            require_store(visit)
            return Response(status=204, cache_control="no-store")
        return respond(visit)

    return respond_to_head


def _not_as_digid(_: Visit) -> Response:
    raise NotFound("no address of the hub with profile = digid")


def _again(visit: Visit, error: Exception) -> str | None:
    # The sign-in form has the address of its page, so a link can repeat it.
    can_ask = visit.wants_page or visit.address_or_none == "login"
    if not isinstance(error, Unavailable) or not can_ask:
        return None
    return this_page(visit, visit.trust.own.public_url)


def _return_links(visit: Visit, error: Exception) -> Iterator[tuple[str, str]]:
    trust = visit.trust_or_none
    if trust is None or not isinstance(error, Refused | Unavailable):
        return
    language = language_of(visit)
    link = trust.federation.link_of(error.peer, language)
    # DigiD does not know its sender then (DigiD 1.6).
    if link and not isinstance(error, NotFound):
        yield link, trust.federation.name_of(error.peer, language)
    yield trust.own.url("home"), ""


def _names(options: HubOptions) -> NameIDs:
    return NameIDs(
        options.name_id_key.get_secret_value(),
        FORMATS[options.name_id],
        {FORMATS[word]: name for word, name in options.name_id_attributes.items()},
        options.nameless,
    )


def make_hub(global_conf: Mapping[str, str], **local_conf: str) -> Hub:
    """PasteDeploy's factory for ``egg:eilogin#hub``."""
    options = read(HubOptions, global_conf, local_conf)
    return Hub(options)
