"""Single sign-on at the hub: from an AuthnRequest to the answer that leaves.

The order is that of DIGID.md 2.4: a message that is not a member's gets a page and
nothing is sent anywhere; a member's question is answered at the address that its
metadata names, with a login or with the reason why there is none.
"""

import hashlib
import logging
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
from eilogin.federation import Trust
from eilogin.hub import pending_requests
from eilogin.hub.participants import requested_levels, sso_domains
from eilogin.hub.participants.attribute_release import Release
from eilogin.hub.participants.name_ids import Names
from eilogin.hub.participants.signed_in_services import (
    note_answered,
    services_of,
    where_in,
)
from eilogin.hub.pending_requests import PARAMETER, Question, address_of
from eilogin.hub.signin.password_signin import (
    MakeWay,
    SignIn,
    SignInService,
    way_made_for,
)
from eilogin.hub.signin.upstream_signin import ServiceAbove, SignInAbove, go_on
from eilogin.hub.sso.authn_request_intake import DENIED, NO_LEVEL, Asked, read_question
from eilogin.hub.sso.response_writing import ANSWER_FOR, Answers, Confirmed
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
from eilogin.web.pages.page_rendering import Pages, note_refusal
from eilogin.web.requests import (
    allow_only,
    read_form,
    read_query,
    require_own_form,
)
from eilogin.web.site_urls import at, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

_TOO_LATE = "the visitor logged out while the hub made the Response"
#: For how many seconds a question that is refused once more gets the same artifact.
_SAME_REFUSAL = 60.0

# Why there is no login, as status codes (SAML core 3.2.2.2).
FAILED = (messages.RESPONDER, messages.AUTHN_FAILED)
_OVER = (messages.RESPONDER, messages.AUTHN_FAILED, messages.TOO_LATE)
_NOT_SILENTLY = (messages.RESPONDER, messages.NO_PASSIVE)

#: The parameter that marks a browser which was given a cookie and brought none.
_PROBED, _PROBE = "cookies", Cookie("eilogin-sign-in")

#: The button of the page that names where she is logged in already.
_NOT_ME = "not-me"

#: What the hub above says, in words, and is not a failure (web.environ.LoginService).
_ABOVE = {"NoAuthnContext": NO_LEVEL, "NoPassive": _NOT_SILENTLY}


class KnownHere(NamedTuple):
    """Of a login at the hub where she is in by it, and until when she can go on so."""

    participants: Sequence[Participant]
    until: float


class SingleSignOn:
    """Answers participants; ``release`` says what they learn, ``names`` of whom.

    ``served`` are the entityIDs of who gets a login at all; None means everybody. With
    ``make_way``, which ends the sessions of somebody else, a page names where she is
    logged in already before she is passed on to another service (``show_session``).
    """

    #: The status codes where she has no name that the participant can have.
    _nameless: Sequence[str] = (messages.REQUESTER, messages.INVALID_NAME_ID_POLICY)
    #: Whether who is not answered has to sign in, whatever she has proven.
    _asks_anew = False

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        sign_in: SignIn | SignInAbove,
        pages: Pages,
        names: Names,
        release: Release,
        answers: Answers,
        make_way: MakeWay | None = None,
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
        """An AuthnRequest by Redirect or POST, or the way on with one that is kept."""
        allow_only(environ, "GET", "POST")
        if _is_pending(environ):
            if environ["REQUEST_METHOD"] == "GET":
                return self._go_on(environ, read_query(environ))
            if self._make_way is not None:
                return self._by_form(environ, self._make_way)
        return self._begin(environ, self._asked(environ))

    def _begin(self, environ: "WSGIEnvironment", asked: Asked) -> Response:
        """The answer to what was never asked before, or the way to it."""
        if asked.refusal:
            return self._refuse(environ, asked.question, asked.refusal, asked.cause)
        cause = self._not_served(asked.question)
        if cause is not None:
            return self._refuse(environ, asked.question, DENIED, cause)
        if environ["REQUEST_METHOD"] == "POST" or self._sign_in.leads_away:
            return _to_own_address(environ, asked.question)
        return self._proceed(environ, asked.question)

    def _go_on(self, environ: "WSGIEnvironment", query: Mapping[str, str]) -> Response:
        """Answer what is kept, in the light of what has come of it meanwhile."""
        try:
            question = self._question(environ, query)
        except CookiesRefused:
            if _PROBED not in query:
                return _probe_cookies(environ)
            raise
        if "cancel" in query or env.REFUSED in query:
            codes = _ABOVE.get(query.get(env.REFUSED, ""), FAILED)
            return self._refuse(environ, question, codes)
        if question.is_over:
            return self._refuse_late(environ, question)
        return self._proceed(environ, question)

    def _refuse_late(self, environ: "WSGIEnvironment", question: Question) -> Response:
        """Tell the participant that the login is over, so that it begins anew."""
        return self._refuse(environ, question, _OVER)

    def _question(
        self, environ: "WSGIEnvironment", query: Mapping[str, str]
    ) -> Question:
        """What an address of ours goes on with, if it can still be answered there."""
        question = pending_requests.named_in(environ, query)
        _, role = env.trust(environ).participant(question.issuer)
        # Who has taken an address out of its metadata may not have it any more.
        if role.consumer(url=question.acs_url, binding=question.binding) is None:
            with InNameOf(question.issuer):
                raise MessageMisdirected(
                    f"the AssertionConsumerService {question.acs_url} is not in the"
                    f" metadata of {question.issuer!r} any more"
                )
        return question

    def _asked(self, environ: "WSGIEnvironment") -> Asked:
        """What a participant asks by this request."""
        trust = env.trust(environ)
        inbound = receive(environ, trust.participant_keys)
        return read_question(
            inbound,
            trust,
            self._names,
            self._sign_in.offered,
            asks_above=self._sign_in.leads_away,
        )

    def _not_served(self, question: Question) -> Refused | None:
        """Why an option of ours leaves this participant without any login."""
        if self._served is None or question.issuer in self._served:
            return None
        return NotServed(
            f"{question.issuer} gets no login: passed_on_to does not name it, and"
            " only those participants get a login from the hub above"
        )

    def _proceed(self, environ: "WSGIEnvironment", question: Question) -> Response:
        """The answer, or the page that has to come before it."""
        trust = env.trust(environ)
        _, role = trust.participant(question.issuer)
        if not question.level or not _is_high_enough(environ, question):
            return self._refuse(environ, question, NO_LEVEL)
        # Where no answer could be signed, nobody is asked anything.
        trust.key_for(question.issuer)
        obstacle = self._answers.obstacle(role, question)
        if obstacle is not None:
            return self._refuse(environ, question, *obstacle)
        here = urlsplit(address_of(environ, question))
        service = self._sign_in.service(environ, f"{here.path}?{here.query}")
        answer = service.first or self._answer(environ, question, service)
        answer.headerlist.extend(service.headers)
        return answer

    def _answer(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        service: SignInService | ServiceAbove,
    ) -> Response:
        is_proven = service.take_proof()
        login = self._certain(environ, question, service, is_proven=is_proven)
        if login is None:
            force = self._asks_anew or self._needs_proof(environ, question, service)
            if not question.passive and not _is_pending(environ):
                return _to_own_address(environ, question)
            page = service.require(
                question.level, force=force, passive=question.passive
            )
            if page is not None:
                return page
            login = self._certain(environ, question, service, is_proven=is_proven)
        if login is not None:
            return self._pass_on(environ, question, login, is_proven=is_proven)
        if question.passive:
            return self._refuse(environ, question, _not_silently(environ, question))
        raise LoginEnded(_TOO_LATE)

    def _certain(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        service: SignInService | ServiceAbove,
        *,
        is_proven: bool,
    ) -> Login | None:
        """What the question can be answered with; None where it cannot (yet).

        ``is_proven`` says whether she has signed in for this very question.
        """
        domain = domain_of(environ, question)
        return satisfying(service.login, question, domain, is_proven=is_proven)

    def _needs_proof(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        service: SignInService | ServiceAbove,
    ) -> bool:
        """Whether she has to sign in for it though she is certain enough."""
        if wants_proof(question):
            return True
        domain = domain_of(environ, question)
        if service.login is None:
            # The hub above, if there is one, knows of no domain.
            return domain != USUAL_DOMAIN
        return sso_domains.is_apart(service.login, domain, question.level)

    def _pass_on(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        login: Login,
        *,
        is_proven: bool,
    ) -> Response:
        """What comes of a login that the question can be answered with."""
        is_shown = self._make_way is not None and not (is_proven or question.passive)
        if is_shown and self._is_new(environ, question, login):
            if not _is_pending(environ):
                return _to_own_address(environ, question)
            return self._known_page(environ, question, login)
        return self._decide(environ, question, login)

    def _decide(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> Response:
        """The answer with a login, of which nothing is asked any more."""
        return self._confirm(environ, question, login)

    # --- where she is logged in already ---------------------------------------------

    def _is_new(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> bool:
        """Whether the service that asks is none of those where she is in."""
        told = where_in(environ, login)
        return question.issuer not in {one.entity_id for one in told}

    def _known(self, environ: "WSGIEnvironment", login: Login) -> KnownHere:
        """What that page says of her login."""
        sessions = env.sessions(environ)
        until = min(login.ends, login.seen + sessions.idle)
        return KnownHere(where_in(environ, login), until)

    def _username(self, login: Login) -> str:
        """Return the username of the visitor; "" if they sign in elsewhere."""
        sign_in = self._sign_in
        return sign_in.username_of(login.subject) if isinstance(sign_in, SignIn) else ""

    def _choices(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> Mapping[str, Any]:
        """What else stands on that page."""
        return {}

    def _known_page(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> Response:
        trust, language = env.trust(environ), language_of(environ)
        known, action = self._known(environ, login), address_of(environ, question)
        left = max(1, math.ceil(known.until - clock.now()))
        return self._pages.page(
            environ,
            "known_already.html",
            # Then she has to sign in, and nobody reads here any more where she was.
            headers=[("Refresh", f"{left}; url={action}")],
            script="count_down.js",
            # Its redirects lead on to the participant.
            form_action=[question.acs_url],
            action=action,
            cancel_url=f"{action}&cancel=1",
            known_as=self._username(login),
            name=trust.federation.name_of(question.issuer, language),
            service_logo=trust.federation.logo_of(question.issuer, language),
            services=services_of(trust, known.participants, language),
            since=login.since,
            until=known.until,
            seconds_left=left,
            **self._choices(environ, question, login),
        )

    def _by_form(self, environ: "WSGIEnvironment", make_way: MakeWay) -> Response:
        """What she says to that: go on, or that it is somebody else."""
        require_own_form(environ, env.trust(environ).own.public_url)
        fields = read_form(environ)
        question = self._question(environ, {**fields, **read_query(environ)})
        login = env.session_beyond_idle(environ)
        if login is not None and _NOT_ME in fields:
            way = urlsplit(address_of(environ, question))
            first = make_way(environ, login, f"{way.path}?{way.query}")
            # The page that is first tells her, otherwise.
            answer = first or see_other(way.geturl(), [way_made_for(question)])
            answer.headerlist.append(env.cookie(environ).expire())
            return answer
        certain = self._still_certain(environ, question)
        is_late = question.is_over or not _is_high_enough(environ, question)
        if certain is None or is_late:
            # It took her too long, or the operator has ruled otherwise meanwhile.
            return see_other(address_of(environ, question))
        return self._go_on_as(environ, question, certain, fields)

    def _still_certain(
        self, environ: "WSGIEnvironment", question: Question
    ) -> Login | None:
        """What the question can be answered with still, when she goes on."""
        login, domain = env.session(environ), domain_of(environ, question)
        return satisfying(login, question, domain, is_proven=False)

    def _go_on_as(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        login: Login,
        fields: Mapping[str, str],
    ) -> Response:
        """Answer as whom she says she is."""
        return self._decide(environ, question, login)

    # --- the answer -----------------------------------------------------------------

    def _confirm(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> Response:
        trust, sessions = env.trust(environ), env.sessions(environ)
        # Issued as of now, before anybody is told: the mark that a logout leaves from
        # here on is at or after this instant, and refuses the answer.
        told = self._told(environ, question, login, clock.now())
        if told is None:
            cause = self._without_name(environ, question)
            return self._refuse(environ, question, self._nameless, cause)
        participant = sessions.add_participant(login, told.participant)
        if participant is None:
            raise LoginEnded(_TOO_LATE)
        note_answered(environ, login, participant, question.issued)
        sessions.rearm(login)
        _, role = trust.participant(question.issuer)
        response = self._answers.login(
            trust, role, replace(told, participant=participant)
        )
        audit.event(
            "login",
            pseudonym=trust.own.pseudonym(login.subject),
            peer=question.issuer,
            level=login.level,
        )
        return self._deliver(environ, question, response, login)

    def _told(
        self, environ: "WSGIEnvironment", question: Question, login: Login, now: float
    ) -> Confirmed | None:
        """What the participant is told; None where she has no name that it can have."""
        entity, role = env.trust(environ).participant(question.issuer)
        released = self._release.of(entity, login.attributes, question.service_index)
        subject = self._names.name(
            login,
            question.issuer,
            question.name_id_format,
            preferred=role.name_id_formats,
            released=released,
        )
        if subject is None:
            return None
        index = self._names.session_index(login, question.issuer)
        return Confirmed(
            question,
            Participant(question.issuer, subject, index, now),
            login,
            self._release.outside(released),
            now,
            self._release.formats,
        )

    def _without_name(
        self, environ: "WSGIEnvironment", question: Question
    ) -> Refused | None:
        """The cause for the log where an attribute is the NameID, and is not there."""
        wanted = question.name_id_format
        attribute = self._names.attribute_of(wanted)
        if not attribute:
            return None
        entity, _ = env.trust(environ).participant(question.issuer)
        probe = {attribute: ("",)}
        cause = f"this visitor has no attribute '{attribute}'"
        if not self._release.of(entity, probe, question.service_index):
            cause = (
                f"the participant may not get the attribute '{attribute}': add that"
                " to its line in release, or have it ask for another format"
            )
        return NotServed(
            f"{question.issuer!r} gets no login (InvalidNameIDPolicy): it asks for"
            f" a NameID in the format {wanted}, but {cause}"
        )

    def _refuse(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        codes: Sequence[str],
        cause: Refused | None = None,
    ) -> Response:
        """Answer that there is no login (SAML core 3.2.2.2).

        The participant learns the status codes; a ``cause`` that somebody could mend
        is for our log.
        """
        response = self._answers.refusal(env.trust(environ), question, codes)
        if cause is not None:
            cause.peer = question.issuer
            note_refusal(cause, "login", environ)
        else:
            reason = short(codes[-1])
            audit.event("login", "refused", peer=question.issuer, reason=reason)
        return self._deliver(environ, question, response, None)

    def _deliver(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        response: etree._Element,
        login: Login | None,
    ) -> Response:
        """Send an answer on its way; one about a ``login`` only while that lives."""
        answered = pending_requests.answered(environ, question)
        octets = safe_xml.serialize(response)
        if question.binding == bindings.POST:
            if login is not None and not env.sessions(environ).is_live(login):
                raise LoginEnded(_TOO_LATE)
            fields = bindings.post_fields("SAMLResponse", octets, question.relay_state)
            # What she asks for there may need a question more, which then goes above.
            return self._pages.auto_post(
                environ,
                question.acs_url,
                fields,
                headers=answered,
                leads_on=self._sign_in.leads_away,
            )
        if login is None:
            artifact = self._refused_by(environ, question, response, octets.decode())
        else:
            artifact = bindings.new_artifact(env.trust(environ).own.entity_id)
            key = artifact_key(artifact, question.issuer)
            kept, until = self._kept(question, octets.decode())
            if not env.sessions(environ).keep_with(login, key, kept, until):
                raise LoginEnded(_TOO_LATE)
        url = bindings.artifact_url(question.acs_url, artifact, question.relay_state)
        if self._sign_in.leads_away:
            return go_on(environ, self._pages, url, answered)
        return see_other(url, answered)

    def _refused_by(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        response: etree._Element,
        text: str,
    ) -> str:
        """The artifact of a refusal, of which one question has one a minute.

        To ask for another one, which nobody fetches, costs nobody anything.
        """
        codes = [
            one.get("Value", "")
            for one in response.iter(safe_xml.q("samlp:StatusCode"))
        ]
        name = f"refused:{question.name}:{' '.join(codes)}"
        values, store = env.values(environ), env.sessions(environ).store
        before = values.get(name)
        if before and store.get(artifact_key(before, question.issuer)) is not None:
            return before
        artifact = bindings.new_artifact(env.trust(environ).own.entity_id)
        kept, until = self._kept(question, text)
        store.add(artifact_key(artifact, question.issuer), kept, until, durable=False)
        values.take(name)
        values.add(name, artifact, clock.now() + _SAME_REFUSAL, durable=False)
        return artifact

    def _kept(self, question: Question, text: str) -> tuple[str, float]:
        """What is kept of an answer for its artifact, and until when."""
        return text, clock.now() + ANSWER_FOR

    # --- /artifact ------------------------------------------------------------------

    def resolve(self, environ: "WSGIEnvironment") -> Response:
        """Give an answer to who it was made for, once (SAML bindings 3.6.6)."""
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
            # DIGID.md 1.6: a wrong, used or foreign artifact.
            note_unknown_artifact(issuer)
            response = artifact_response(trust, request.id, messages.Status(DENIED))
        else:
            carried = safe_xml.parse(text.encode())
            response = artifact_response(trust, request.id, messages.Status(), carried)
        return soap_answer(response, trust.key_for(issuer))


def _not_silently(environ: "WSGIEnvironment", question: Question) -> Sequence[str]:
    """The status codes of who would have to be asked.

    Where she has been away for a while who was told of this login learns that she has
    not logged out, and ends nothing for it.
    """
    login = env.session_beyond_idle(environ)
    if login is None or not env.sessions(environ).is_idle(login):
        return _NOT_SILENTLY
    told = env.sessions(environ).participants(login)
    is_in = any(one.entity_id == question.issuer for one in told)
    return (*_NOT_SILENTLY, messages.IDLE) if is_in else _NOT_SILENTLY


def _is_pending(environ: "WSGIEnvironment") -> bool:
    """Whether a request goes on with a pending login, and brings no message."""
    text: str = environ.get("QUERY_STRING", "")
    return text.startswith(f"{PARAMETER}=")


def _to_own_address(environ: "WSGIEnvironment", question: Question) -> Response:
    """Redirect to the page before the answer, at an address that can be reloaded.

    Nobody is asked for a password while the store does not answer.
    """
    require_store(environ)
    headers = pending_requests.remember(environ, question)
    return see_other(address_of(environ, question), headers)


def _probe_cookies(environ: "WSGIEnvironment") -> Response:
    """To the same address, with a cookie that shows whether this browser keeps any."""
    public_url = env.trust(environ).own.public_url
    target = f"{this_page(environ, public_url)}&{_PROBED}=yes"
    return see_other(at(public_url, target), [_PROBE.set("yes")])


def wants_proof(question: Question) -> bool:
    """Whether only what she proves for this very question is an answer to it."""
    return question.force or question.level in requested_levels.ALWAYS_FRESH


def _is_high_enough(environ: "WSGIEnvironment", question: Question) -> bool:
    """Whether all levels that would do are as high as the operator requires by now."""
    entity, _ = env.trust(environ).participant(question.issuer)
    high = requested_levels.at_least(question.levels, entity.required_level)
    return high == question.levels


def domain_of(environ: "WSGIEnvironment", question: Question) -> str:
    """The SSO domain of who asks."""
    entity, _ = env.trust(environ).participant(question.issuer)
    return entity.sso_domain


def satisfying(
    login: Login | None, question: Question, domain: str, *, is_proven: bool
) -> Login | None:
    """What of a login the question can be answered with; None where it cannot.

    ``domain`` is the SSO domain of who asks; ``is_proven`` says whether she has proven
    herself for this very question.
    """
    since = question.received if is_proven else math.inf
    login = login and sso_domains.proven_for(login, domain, since)
    if login is None:
        return None
    is_fresh = is_proven and login.proven_at(question.level) >= question.received
    if wants_proof(question) and not is_fresh:
        return None
    certain = requested_levels.certain(
        login, question.received if is_fresh else math.inf
    )
    found = requested_levels.to_confirm(question.levels, certain.level)
    return certain if found else None


def artifact_response(
    trust: Trust,
    request_id: str,
    status: messages.Status,
    carried: etree._Element | None = None,
) -> etree._Element:
    """What an artifact stands for, or why nothing is had for it, not signed yet."""
    return messages.write_artifact_response(
        messages.ArtifactResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            status=status,
            in_response_to=request_id,
        ),
        carried,
    )


def note_unknown_artifact(issuer: str) -> None:
    """Tell our logs of a participant that brings an artifact which is not here."""
    _log.warning(
        "the hub does not know the artifact of %r: it was used already, is too old,"
        " is for another participant, or is in another store (memory:, with two"
        " processes?)",
        issuer,
    )
    audit.event("login", "refused", peer=issuer, reason=short(DENIED[-1]))


def artifact_key(artifact: str, entity_id: str) -> str:
    """The name in the store of the answer that an artifact stands for.

    Who asks is part of the name: nobody else finds it.
    """
    digest = hashlib.sha256(f"{artifact}\0{entity_id}".encode()).hexdigest()
    return f"artifact:{digest}"
