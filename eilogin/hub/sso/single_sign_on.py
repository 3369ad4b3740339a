"""Single sign-on at the hub: from an AuthnRequest to its Response.

The order is that of DigiD 2.4. If a message is not a member's, the hub shows a page
and sends nothing. A member gets a Response at the address of its metadata, with a login
or with the reason for none.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import (
    CookiesRefused,
    InNameOf,
    LoginEnded,
    MessageMisdirected,
    NotServed,
    Refused,
)
from eilogin.hub import pending_authn_requests
from eilogin.hub.participants import sso_domains
from eilogin.hub.participants.attribute_release import AttributeRelease
from eilogin.hub.participants.name_ids import NameIDs
from eilogin.hub.participants.signed_in_services import (
    note_answered,
    services_of,
    where_in,
)
from eilogin.hub.pending_authn_requests import (
    PARAMETER,
    PendingAuthnRequest,
    address_of,
)
from eilogin.hub.signin.password_login_service import PasswordLoginService
from eilogin.hub.signin.password_signin import (
    LogOutOther,
    PasswordSignIn,
)
from eilogin.hub.signin.signin_page import way_made_for
from eilogin.hub.signin.upstream_signin import (
    UpstreamLoginService,
    UpstreamSignIn,
    go_on,
)
from eilogin.hub.sso.artifact_endpoint import (
    artifact_key,
    artifact_response,
    note_unknown_artifact,
)
from eilogin.hub.sso.authn_request_intake import (
    DENIED,
    NO_LEVEL,
    ReceivedAuthnRequest,
    accept_authn_request,
)
from eilogin.hub.sso.response_writing import (
    RESPONSE_LIFETIME,
    AssertedLogin,
    ResponseWriter,
)
from eilogin.hub.sso.session_reuse import (
    domain_of,
    is_high_enough,
    satisfying,
    wants_proof,
)
from eilogin.participant.login.pending_logins import require_store
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.message_checks import check_artifact_resolve
from eilogin.saml.printable_text import short
from eilogin.sessions import USUAL_DOMAIN, Login, Participant
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.inbound_messages import receive, receive_soap
from eilogin.web.outbound_messages import soap_answer
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pages.refusal_notes import note_refusal
from eilogin.web.requests import allow_only, read_form, read_query, require_own_form
from eilogin.web.site_urls import at, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TOO_LATE = "the visitor logged out while the hub made the Response"
#: Seconds for which a repeated request gets the same artifact of a refusal.
_SAME_REFUSAL = 60.0

# Status codes without a login (SAML core 3.2.2.2).
FAILED = (messages.RESPONDER, messages.AUTHN_FAILED)
_OVER = (messages.RESPONDER, messages.AUTHN_FAILED, messages.TOO_LATE)
_NOT_SILENTLY = (messages.RESPONDER, messages.NO_PASSIVE)

#: The parameter after a probe for cookies, and the cookie of the probe.
_PROBED, _PROBE = "cookies", Cookie("eilogin-sign-in")

#: The button "that is not me".
_NOT_ME = "not-me"

#: Status codes for what the hub above reports and is no failure
#: (web.environ.LoginService).
_ABOVE = {"NoAuthnContext": NO_LEVEL, "NoPassive": _NOT_SILENTLY}


class ExistingSession(NamedTuple):
    """Where the visitor is signed in by a session, and until when it can be used."""

    participants: Sequence[Participant]
    until: float


class SingleSignOn:
    """Answers AuthnRequests; ``release`` chooses attributes, ``names`` NameIDs.

    ``served`` are the entityIDs that get a login; None means all. With ``make_way``,
    which ends the sessions of another person, a page shows where the visitor is signed
    in before the login goes on to another service (``show_session``).
    """

    #: Status codes without a suitable NameID.
    _nameless: Sequence[str] = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
    #: Whether the visitor has to sign in whatever they have proven.
    _asks_anew = False

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        sign_in: PasswordSignIn | UpstreamSignIn,
        pages: Pages,
        names: NameIDs,
        release: AttributeRelease,
        answers: ResponseWriter,
        make_way: LogOutOther | None = None,
        served: Collection[str] | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._pages = pages
        self._names = names
        self._release = release
        self._answers = answers
        self._make_way = make_way
        self._served = served

    # --- /sso -----------------------------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """Accept an AuthnRequest by Redirect or POST, or go on with a pending one."""
        allow_only(environ, "GET", "POST")
        if _is_pending(environ):
            if environ["REQUEST_METHOD"] == "GET":
                return self._go_on(environ, read_query(environ))
            if self._make_way is not None:
                return self._by_form(environ, self._make_way)
        return self._begin(environ, self._asked(environ))

    def _begin(
        self, environ: "WSGIEnvironment", asked: ReceivedAuthnRequest
    ) -> Response:
        """Answer a new request, or redirect to the page before the Response."""
        if asked.refusal:
            return self._refuse(environ, asked.pending, asked.refusal, asked.cause)
        cause = self._not_served(asked.pending)
        if cause is not None:
            return self._refuse(environ, asked.pending, DENIED, cause)
        if environ["REQUEST_METHOD"] == "POST" or self._sign_in.leads_away:
            return _to_own_address(environ, asked.pending)
        return self._proceed(environ, asked.pending)

    def _go_on(self, environ: "WSGIEnvironment", query: Mapping[str, str]) -> Response:
        """Answer a pending request, with what has happened since."""
        try:
            pending = self._question(environ, query)
        except CookiesRefused:
            if _PROBED not in query:
                return _probe_cookies(environ)
            raise
        if "cancel" in query or env.REFUSED in query:
            codes = _ABOVE.get(query.get(env.REFUSED, ""), FAILED)
            return self._refuse(environ, pending, codes)
        if pending.is_over:
            return self._refuse_late(environ, pending)
        return self._proceed(environ, pending)

    def _refuse_late(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> Response:
        """Tell the participant that the visitor took too long, so that it can retry."""
        return self._refuse(environ, pending, _OVER)

    def _question(
        self, environ: "WSGIEnvironment", query: Mapping[str, str]
    ) -> PendingAuthnRequest:
        """Return the pending request of an address, if it can still be answered."""
        pending = pending_authn_requests.named_in(environ, query)
        _, role = env.trust(environ).participant(pending.issuer)
        # A participant may have removed the address from its metadata.
        if role.consumer(url=pending.acs_url, binding=pending.binding) is None:
            with InNameOf(pending.issuer):
                raise MessageMisdirected(
                    f"the AssertionConsumerService {pending.acs_url} is not in the"
                    f" metadata of {pending.issuer!r} any more"
                )
        return pending

    def _asked(self, environ: "WSGIEnvironment") -> ReceivedAuthnRequest:
        """Read the AuthnRequest of a request."""
        trust = env.trust(environ)
        inbound = receive(environ, trust.participant_keys)
        return accept_authn_request(
            inbound,
            trust,
            self._names,
            self._sign_in.offered,
            asks_above=self._sign_in.leads_away,
        )

    def _not_served(self, pending: PendingAuthnRequest) -> Refused | None:
        """Explain why an option of ours denies all logins to a participant."""
        if self._served is None or pending.issuer in self._served:
            return None
        return NotServed(
            f"{pending.issuer} gets no login: passed_on_to does not name it, and"
            " only those participants get a login from the hub above"
        )

    def _proceed(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> Response:
        """Return the Response, or the page that has to come before it."""
        trust = env.trust(environ)
        _, role = trust.participant(pending.issuer)
        if not pending.level or not is_high_enough(environ, pending):
            return self._refuse(environ, pending, NO_LEVEL)
        # Ask the visitor nothing if no Response could be signed.
        trust.key_for(pending.issuer)
        obstacle = self._answers.obstacle(role, pending)
        if obstacle is not None:
            return self._refuse(environ, pending, *obstacle)
        here = urlsplit(address_of(environ, pending))
        service = self._sign_in.service(environ, f"{here.path}?{here.query}")
        answer = service.first or self._answer(environ, pending, service)
        answer.headerlist.extend(service.headers)
        return answer

    def _answer(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        service: PasswordLoginService | UpstreamLoginService,
    ) -> Response:
        is_proven = service.take_proof()
        login = self._certain(environ, pending, service, is_proven=is_proven)
        if login is None:
            force = self._asks_anew or self._needs_proof(environ, pending, service)
            if not pending.passive and not _is_pending(environ):
                return _to_own_address(environ, pending)
            page = service.require(pending.level, force=force, passive=pending.passive)
            if page is not None:
                return page
            login = self._certain(environ, pending, service, is_proven=is_proven)
        if login is not None:
            return self._pass_on(environ, pending, login, is_proven=is_proven)
        if pending.passive:
            return self._refuse(environ, pending, _not_silently(environ, pending))
        raise LoginEnded(_TOO_LATE)

    def _certain(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        service: PasswordLoginService | UpstreamLoginService,
        *,
        is_proven: bool,
    ) -> Login | None:
        """Return the session that satisfies a request, or None.

        ``is_proven`` says whether the visitor signed in for this request.
        """
        domain = domain_of(environ, pending)
        return satisfying(service.login, pending, domain, is_proven=is_proven)

    def _needs_proof(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        service: PasswordLoginService | UpstreamLoginService,
    ) -> bool:
        """Whether the visitor has to sign in although the level is sufficient."""
        if wants_proof(pending):
            return True
        domain = domain_of(environ, pending)
        if service.login is None:
            # The hub above, if there is one, knows of no domain.
            return domain != USUAL_DOMAIN
        return sso_domains.is_apart(service.login, domain, pending.level)

    def _pass_on(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        login: Login,
        *,
        is_proven: bool,
    ) -> Response:
        """Answer with a sufficient session, or show the page before that."""
        is_shown = self._make_way is not None and not (is_proven or pending.passive)
        if is_shown and self._is_new(environ, pending, login):
            if not _is_pending(environ):
                return _to_own_address(environ, pending)
            return self._known_page(environ, pending, login)
        return self._decide(environ, pending, login)

    def _decide(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Response:
        """Answer with a session, without further questions."""
        return self._confirm(environ, pending, login)

    # --- where she is logged in already ---------------------------------------------

    def _is_new(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> bool:
        """Whether the visitor is not signed in at the participant yet."""
        told = where_in(environ, login)
        return pending.issuer not in {one.entity_id for one in told}

    def _known(self, environ: "WSGIEnvironment", login: Login) -> ExistingSession:
        """Collect what that page says of the session."""
        sessions = env.sessions(environ)
        until = min(login.ends, login.seen + sessions.idle)
        return ExistingSession(where_in(environ, login), until)

    def _username(self, login: Login) -> str:
        """Return the username of the visitor; "" if they sign in elsewhere."""
        sign_in = self._sign_in
        return (
            sign_in.username_of(login.subject)
            if isinstance(sign_in, PasswordSignIn)
            else ""
        )

    def _choices(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Mapping[str, Any]:
        """Return more variables of that page."""
        return {}

    def _known_page(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Response:
        trust, language = env.trust(environ), language_of(environ)
        known, action = self._known(environ, login), address_of(environ, pending)
        left = max(1, math.ceil(known.until - clock.now()))
        return self._pages.page(
            environ,
            "known_already.html",
            # After that the session is over, and the page must not show its services.
            headers=[("Refresh", f"{left}; url={action}")],
            script="count_down.js",
            # Its redirects lead on to the participant.
            form_action=[pending.acs_url],
            action=action,
            cancel_url=f"{action}&cancel=1",
            known_as=self._username(login),
            name=trust.federation.name_of(pending.issuer, language),
            service_logo=trust.federation.logo_of(pending.issuer, language),
            services=services_of(trust, known.participants, language),
            since=login.since,
            until=known.until,
            seconds_left=left,
            **self._choices(environ, pending, login),
        )

    def _by_form(self, environ: "WSGIEnvironment", make_way: LogOutOther) -> Response:
        """Read the answer of the visitor: go on, or "that is another person"."""
        require_own_form(environ, env.trust(environ).own.public_url)
        fields = read_form(environ)
        pending = self._question(environ, {**fields, **read_query(environ)})
        login = env.session_beyond_idle(environ)
        if login is not None and _NOT_ME in fields:
            way = urlsplit(address_of(environ, pending))
            first = make_way(environ, login, f"{way.path}?{way.query}")
            # Otherwise the page in ``first`` says so.
            answer = first or see_other(way.geturl(), [way_made_for(pending)])
            answer.headerlist.append(env.cookie(environ).expire())
            return answer
        certain = self._still_certain(environ, pending)
        is_late = pending.is_over or not is_high_enough(environ, pending)
        if certain is None or is_late:
            # The visitor took too long, or the operator changed the required level.
            return see_other(address_of(environ, pending))
        return self._go_on_as(environ, pending, certain, fields)

    def _still_certain(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest
    ) -> Login | None:
        """Return the session if it still satisfies the request."""
        login, domain = env.session(environ), domain_of(environ, pending)
        return satisfying(login, pending, domain, is_proven=False)

    def _go_on_as(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        login: Login,
        fields: Mapping[str, str],
    ) -> Response:
        """Answer after the visitor has confirmed who they are."""
        return self._decide(environ, pending, login)

    # --- the answer -----------------------------------------------------------------

    def _confirm(
        self, environ: "WSGIEnvironment", pending: PendingAuthnRequest, login: Login
    ) -> Response:
        trust, sessions = env.trust(environ), env.sessions(environ)
        # Issued before the participant is recorded: a logout from now on leaves a mark
        # at or after this instant, and that mark rejects the Response.
        told = self._told(environ, pending, login, clock.now())
        if told is None:
            cause = _without_name(environ, pending, self._names, self._release)
            return self._refuse(environ, pending, self._nameless, cause)
        participant = sessions.add_participant(login, told.participant)
        if participant is None:
            raise LoginEnded(_TOO_LATE)
        note_answered(environ, login, participant, pending.issued)
        sessions.rearm(login)
        _, role = trust.participant(pending.issuer)
        response = self._answers.login(
            trust, role, replace(told, participant=participant)
        )
        audit.event(
            "login",
            pseudonym=trust.own.pseudonym(login.subject),
            peer=pending.issuer,
            level=login.level,
        )
        return self._deliver(environ, pending, response, login)

    def _told(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        login: Login,
        now: float,
    ) -> AssertedLogin | None:
        """Collect the contents of the Response; None without a suitable NameID."""
        entity, role = env.trust(environ).participant(pending.issuer)
        released = self._release.of(entity, login.attributes, pending.service_index)
        subject = self._names.name(
            login,
            pending.issuer,
            pending.name_id_format,
            preferred=role.name_id_formats,
            released=released,
        )
        if subject is None:
            return None
        index = self._names.session_index(login, pending.issuer)
        return AssertedLogin(
            pending,
            Participant(pending.issuer, subject, index, now),
            login,
            self._release.outside(released),
            now,
            self._release.formats,
        )

    def _refuse(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        codes: Sequence[str],
        cause: Refused | None = None,
    ) -> Response:
        """Answer without a login (SAML core 3.2.2.2).

        The participant gets the status codes. A ``cause`` that somebody can correct
        goes to our log.
        """
        response = self._answers.refusal(env.trust(environ), pending, codes)
        if cause is not None:
            cause.peer = pending.issuer
            note_refusal(cause, "login", environ)
        else:
            reason = short(codes[-1])
            audit.event("login", "refused", peer=pending.issuer, reason=reason)
        return self._deliver(environ, pending, response, None)

    def _deliver(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        response: etree._Element,
        login: Login | None,
    ) -> Response:
        """Send a Response; one about a session only while that is live."""
        answered = pending_authn_requests.answered(environ, pending)
        octets = safe_xml.serialize(response)
        if pending.binding == bindings.POST:
            if login is not None and not env.sessions(environ).is_live(login):
                raise LoginEnded(_TOO_LATE)
            fields = bindings.post_fields("SAMLResponse", octets, pending.relay_state)
            # The next page may lead to the hub above.
            return self._pages.auto_post(
                environ,
                pending.acs_url,
                fields,
                headers=answered,
                leads_on=self._sign_in.leads_away,
            )
        if login is None:
            artifact = self._refused_by(environ, pending, response, octets.decode())
        else:
            artifact = bindings.new_artifact(env.trust(environ).own.entity_id)
            key = artifact_key(artifact, pending.issuer)
            kept, until = self._kept(pending, octets.decode())
            if not env.sessions(environ).keep_with(login, key, kept, until):
                raise LoginEnded(_TOO_LATE)
        url = bindings.artifact_url(pending.acs_url, artifact, pending.relay_state)
        if self._sign_in.leads_away:
            return go_on(environ, self._pages, url, answered)
        return see_other(url, answered)

    def _refused_by(
        self,
        environ: "WSGIEnvironment",
        pending: PendingAuthnRequest,
        response: etree._Element,
        text: str,
    ) -> str:
        """Return the artifact of a refusal; one request gets one each minute.

        Requests for more of them, which nobody fetches, would cost an attacker nothing.
        """
        codes = [
            one.get("Value", "")
            for one in response.iter(safe_xml.q("samlp:StatusCode"))
        ]
        name = f"refused:{pending.name}:{' '.join(codes)}"
        values, store = env.values(environ), env.sessions(environ).store
        before = values.get(name)
        if before and store.get(artifact_key(before, pending.issuer)) is not None:
            return before
        artifact = bindings.new_artifact(env.trust(environ).own.entity_id)
        kept, until = self._kept(pending, text)
        store.add(artifact_key(artifact, pending.issuer), kept, until, durable=False)
        values.take(name)
        values.add(name, artifact, clock.now() + _SAME_REFUSAL, durable=False)
        return artifact

    def _kept(self, pending: PendingAuthnRequest, text: str) -> tuple[str, float]:
        """Return what the store keeps for an artifact, and until when."""
        return text, clock.now() + RESPONSE_LIFETIME

    # --- /artifact ------------------------------------------------------------------

    def resolve(self, environ: "WSGIEnvironment") -> Response:
        """Give a Response to its participant, once (SAML bindings 3.6.6)."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        request = messages.read_artifact_resolve(element)
        check_artifact_resolve(
            request,
            issuer=issuer,
            destination=trust.own.url("artifact"),
            now=clock.now(),
        )
        store = env.sessions(environ).store
        text = store.take(artifact_key(request.artifact, issuer))
        if text is None:
            # DigiD 1.6: a wrong, used or foreign artifact.
            note_unknown_artifact(issuer)
            response = artifact_response(trust, request.id, messages.Status(DENIED))
        else:
            carried = safe_xml.parse(text.encode())
            response = artifact_response(trust, request.id, messages.Status(), carried)
        return soap_answer(response, trust.key_for(issuer))


def _not_silently(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest
) -> Sequence[str]:
    """Return the status codes if a passive request would need a question.

    If the session is idle and the participant knows of it, the codes say so: then
    the participant does not end its own session.
    """
    login = env.session_beyond_idle(environ)
    if login is None or not env.sessions(environ).is_idle(login):
        return _NOT_SILENTLY
    told = env.sessions(environ).participants(login)
    is_in = any(one.entity_id == pending.issuer for one in told)
    return (*_NOT_SILENTLY, messages.IDLE) if is_in else _NOT_SILENTLY


def _is_pending(environ: "WSGIEnvironment") -> bool:
    """Whether a request goes on with a pending AuthnRequest, and brings none."""
    text: str = environ.get("QUERY_STRING", "")
    return text.startswith(f"{PARAMETER}=")


def _to_own_address(
    environ: "WSGIEnvironment", pending: PendingAuthnRequest
) -> Response:
    """Redirect to the page before the Response, at an address that can be reloaded.

    The hub asks nobody for a password while the store does not answer.
    """
    require_store(environ)
    headers = pending_authn_requests.remember(environ, pending)
    return see_other(address_of(environ, pending), headers)


def _probe_cookies(environ: "WSGIEnvironment") -> Response:
    """Redirect to the same address with a cookie, to see if the browser keeps it."""
    public_url = env.trust(environ).own.public_url
    target = f"{this_page(environ, public_url)}&{_PROBED}=yes"
    return see_other(at(public_url, target), [_PROBE.set("yes")])


def _without_name(
    environ: "WSGIEnvironment",
    pending: PendingAuthnRequest,
    names: NameIDs,
    release: AttributeRelease,
) -> Refused | None:
    """Explain for the log that the attribute of the NameID is missing."""
    wanted = pending.name_id_format
    attribute = names.attribute_of(wanted)
    if not attribute:
        return None
    entity, _ = env.trust(environ).participant(pending.issuer)
    probe = {attribute: ("",)}
    cause = f"this visitor has no attribute '{attribute}'"
    if not release.of(entity, probe, pending.service_index):
        cause = (
            f"the participant may not get the attribute '{attribute}': add that"
            " to its line in release, or have it ask for another format"
        )
    return NotServed(
        f"{pending.issuer!r} gets no login (InvalidNameIDPolicy): it asks for"
        f" a NameID in the format {wanted}, but {cause}"
    )
