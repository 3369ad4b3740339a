"""Single sign-on at the hub: from an AuthnRequest to the answer that leaves.

The order is that of DIGID.md 2.4: a message that is not a member's gets a page and
nothing is sent anywhere; a member's question is answered at the address that its
metadata names, with a login or with the reason why there is none.
"""

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import LoginEnded, MalformedMessage, MessageMisdirected
from eilogin.federation import Trust
from eilogin.hub.questions import PARAMETER, Question, Questions
from eilogin.hub.signin import OFFERED, SignIn
from eilogin.saml import bindings, messages, signatures, xml
from eilogin.saml.checks import check_artifact_resolve, check_authn_request
from eilogin.saml.levels import LEVELS, Classes
from eilogin.sessions import Login, Participant, Subject
from eilogin.web import environ as env
from eilogin.web.inbound import receive, receive_soap
from eilogin.web.outbound import soap_answer
from eilogin.web.pages import Pages
from eilogin.web.requests import allow_only, read_query
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TOO_LATE = "the citizen logged out while she was being answered"

#: How long a participant may take to use an answer, in seconds.
_ANSWER_FOR = 120.0
#: NotBefore is set back by so much: participants' clocks are not ours.
_SET_BACK = 60.0


class SingleSignOn:
    """Answers participants; ``name_id_key`` is what NameIDs are derived with."""

    def __init__(self, sign_in: SignIn, pages: Pages, name_id_key: bytes) -> None:
        self._sign_in = sign_in
        self._pages = pages
        self._name_id_key = name_id_key

    # --- /sso -----------------------------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """An AuthnRequest by Redirect or POST, or the way on with one that is kept."""
        allow_only(environ, "GET", "POST")
        questions = Questions(env.values(environ))
        text = environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] == "GET" and text.startswith(f"{PARAMETER}="):
            query = read_query(environ)
            question = questions.find(query.get(PARAMETER, ""))
            if "cancel" in query:
                return self._refuse(environ, question, messages.AUTHN_FAILED)
            return self._proceed(environ, question)
        question = questions.remember(self._question(environ))
        if environ["REQUEST_METHOD"] == "POST":
            return see_other(_way_on(environ, question))
        return self._proceed(environ, question)

    def _question(self, environ: "WSGIEnvironment") -> Question:
        trust = env.trust(environ)
        inbound = receive(environ, trust.participant_keys)
        if inbound.kind != "SAMLRequest":
            raise MalformedMessage("an AuthnRequest is a SAMLRequest")
        request = messages.read_authn_request(inbound.element)
        now = clock.now()
        check_authn_request(request, destination=trust.own.url("sso"), now=now)
        url, binding = _consumer(trust, inbound.issuer, request)
        return Question(
            request_id=request.id,
            issuer=inbound.issuer,
            acs_url=url,
            binding=binding,
            relay_state=inbound.relay_state,
            level=_level(request, trust.classes),
            is_exact=request.comparison == "exact",
            force=request.force_authn,
            passive=request.is_passive,
            received=now,
        )

    def _proceed(self, environ: "WSGIEnvironment", question: Question) -> Response:
        """The answer, or the page that has to come before it."""
        if question.level not in OFFERED:
            return self._refuse(environ, question, messages.NO_AUTHN_CONTEXT)
        login = env.session(environ)
        is_fresh = (
            login is not None and login.proven_at(question.level) >= question.received
        )
        way_on = urlsplit(_way_on(environ, question))
        service = self._sign_in.service(environ, f"{way_on.path}?{way_on.query}")
        page = service.require(question.level, force=question.force and not is_fresh)
        if page is None:
            return self._confirm(environ, question)
        if question.passive:
            return self._refuse(environ, question, messages.NO_PASSIVE)
        return page

    # --- the answer -----------------------------------------------------------------

    def _confirm(self, environ: "WSGIEnvironment", question: Question) -> Response:
        trust, sessions = env.trust(environ), env.sessions(environ)
        login = env.session(environ)
        # Issued as of now, before anybody is told: the mark that a logout leaves from
        # here on is at or after this instant, and refuses the answer.
        now = clock.now()
        if login is None:
            raise LoginEnded(_TOO_LATE)
        participant = sessions.add_participant(
            login, self._participant(trust, login, question, now)
        )
        if participant is None:
            raise LoginEnded(_TOO_LATE)
        sessions.rearm(login)
        assertion = messages.write_assertion(
            _assertion(trust, login, question, participant, now)
        )
        signatures.sign(assertion, trust.own.key)
        response = messages.write_response(
            _response(trust, question, messages.Status()), assertion
        )
        audit.event(
            "login",
            pseudonym=trust.own.pseudonym(login.subject),
            peer=question.issuer,
            level=login.level,
        )
        return self._deliver(environ, question, response, login)

    def _refuse(
        self, environ: "WSGIEnvironment", question: Question, reason: str
    ) -> Response:
        """Answer that there is no login (SAML core 3.2.2.2)."""
        trust = env.trust(environ)
        status = messages.Status((messages.RESPONDER, reason))
        response = messages.write_response(_response(trust, question, status), None)
        signatures.sign(response, trust.own.key)
        audit.event(
            "login", "refused", peer=question.issuer, reason=reason.rpartition(":")[2]
        )
        return self._deliver(environ, question, response, None)

    def _participant(
        self, trust: Trust, login: Login, question: Question, now: float
    ) -> Participant:
        """What a participant is told: her name there, and the session's."""
        subject = Subject(
            issuer=trust.own.entity_id,
            audience=question.issuer,
            name_id=self._name_id(login.subject, question.issuer),
            format=messages.PERSISTENT,
            name_qualifier=trust.own.entity_id,
            sp_name_qualifier=question.issuer,
        )
        index = self._session_index(login, question.issuer)
        return Participant(question.issuer, subject, index, now)

    def _name_id(self, citizen_id: str, entity_id: str) -> str:
        """Her NameID at one participant: opaque, and the same at every login there."""
        text = f"{citizen_id}\0{entity_id}".encode()
        return hmac.digest(self._name_id_key, text, hashlib.sha256).hex()

    def _session_index(self, login: Login, entity_id: str) -> str:
        """What one participant calls this session: it tells nobody anything.

        Derived, not drawn, so that two tabs that are answered at once have the same.
        """
        text = f"{login.family}\0{entity_id}".encode()
        return "_" + hmac.digest(self._name_id_key, text, hashlib.sha256).hex()[:32]

    def _deliver(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        response: etree._Element,
        login: Login | None,
    ) -> Response:
        """Send an answer on its way; one about a ``login`` only while that lives."""
        octets = xml.serialize(response)
        if question.binding == bindings.POST:
            if login is not None and not env.sessions(environ).is_live(login):
                raise LoginEnded(_TOO_LATE)
            fields = bindings.post_fields("SAMLResponse", octets, question.relay_state)
            return self._pages.auto_post(environ, question.acs_url, fields)
        artifact = bindings.new_artifact(env.trust(environ).own.entity_id)
        key = _artifact_key(artifact, question.issuer)
        until = clock.now() + _ANSWER_FOR
        if login is None:
            env.sessions(environ).store.add(key, octets.decode(), until, durable=False)
        elif not env.sessions(environ).keep_with(login, key, octets.decode(), until):
            raise LoginEnded(_TOO_LATE)
        return see_other(
            bindings.artifact_url(question.acs_url, artifact, question.relay_state)
        )

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
        octets = store.take(_artifact_key(request.artifact, issuer))
        denied = messages.Status((messages.REQUESTER, messages.REQUEST_DENIED))
        response = messages.write_artifact_response(
            messages.ArtifactResponse(
                id=messages.new_id(),
                issued=clock.now(),
                issuer=trust.own.entity_id,
                # DIGID.md 1.6: a wrong, used or foreign artifact.
                status=denied if octets is None else messages.Status(),
                in_response_to=request.id,
            ),
            None if octets is None else xml.parse(octets.encode()),
        )
        return soap_answer(response, trust.own.key)


def _way_on(environ: "WSGIEnvironment", question: Question) -> str:
    query = urlencode({PARAMETER: question.handle})
    return f"{env.trust(environ).own.url('sso')}?{query}"


def _consumer(
    trust: Trust, issuer: str, request: messages.AuthnRequest
) -> tuple[str, str]:
    """Where the answer goes: an address of the issuer's metadata, and its binding.

    SAML profiles 4.1.4.1: never one that the request alone names.
    """
    _, role = trust.participant(issuer)
    endpoint = role.consumer(
        index=request.acs_index,
        url=request.acs_url,
        binding=request.protocol_binding,
    )
    if endpoint is None:
        raise MessageMisdirected(
            "the AssertionConsumerService that is asked for is not in the metadata "
            f"of {issuer!r}"
        )
    return endpoint.location, endpoint.binding


def _level(request: messages.AuthnRequest, classes: Classes) -> str:
    """The lowest level that would be enough; the highest where we know none such."""
    if not request.level_classes:
        return LEVELS[0]
    if request.comparison not in ("minimum", "exact"):
        return LEVELS[-1]
    named = map(classes.level_of, request.level_classes)
    known = [level for level in named if level is not None]
    return min(known, key=LEVELS.index, default=LEVELS[-1])


def _response(
    trust: Trust, question: Question, status: messages.Status
) -> messages.Response:
    return messages.Response(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        status=status,
        in_response_to=question.request_id,
        destination=question.acs_url,
    )


def _assertion(
    trust: Trust,
    login: Login,
    question: Question,
    participant: Participant,
    now: float,
) -> messages.Assertion:
    level = question.level if question.is_exact else login.level
    return messages.Assertion(
        id=messages.new_id(),
        issued=now,
        issuer=trust.own.entity_id,
        name_id=participant.subject.as_name_id(),
        recipient=question.acs_url,
        in_response_to=question.request_id,
        confirmation_ends=now + _ANSWER_FOR,
        not_before=now - _SET_BACK,
        not_on_or_after=now + _ANSWER_FOR,
        audiences=((question.issuer,),),
        authn_instant=login.proven_at(level),
        session_index=participant.session_index,
        session_ends=login.ends,
        level_class=trust.classes.class_of(level),
        attributes=login.attributes,
    )


def _artifact_key(artifact: str, entity_id: str) -> str:
    """Who asks is part of the name: nobody else finds it."""
    digest = hashlib.sha256(f"{artifact}\0{entity_id}".encode()).hexdigest()
    return f"artifact:{digest}"
