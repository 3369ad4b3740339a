"""Single sign-on at the hub: from an AuthnRequest to the answer that leaves.

The order is that of DIGID.md 2.4: a message that is not a member's gets a page and
nothing is sent anywhere; a member's question is answered at the address that its
metadata names, with a login or with the reason why there is none.
"""

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import LoginEnded, NotServed, Refused
from eilogin.federation import Trust
from eilogin.hub import contexts
from eilogin.hub.above import ServiceAbove, SignInAbove, go_on
from eilogin.hub.answers import ANSWER_FOR, Answers, Confirmed
from eilogin.hub.intake import DENIED, Asked, read_question
from eilogin.hub.names import Names
from eilogin.hub.questions import PARAMETER, Question, Questions
from eilogin.hub.release import Release
from eilogin.hub.signin import SignIn, SignInService
from eilogin.saml import bindings, messages, xml
from eilogin.saml.checks import check_artifact_resolve
from eilogin.saml.text import short
from eilogin.sessions import Login, Participant
from eilogin.web import environ as env
from eilogin.web.inbound import receive, receive_soap
from eilogin.web.outbound import soap_answer
from eilogin.web.pages import Pages, note_refusal
from eilogin.web.requests import allow_only, read_query
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

_TOO_LATE = "the citizen logged out while she was being answered"
#: For how many seconds a question that is refused once more gets the same artifact.
_SAME_REFUSAL = 60.0

# Why there is no login, as status codes (SAML core 3.2.2.2).
FAILED = (messages.RESPONDER, messages.AUTHN_FAILED)
NO_LEVEL = (messages.RESPONDER, messages.NO_AUTHN_CONTEXT)
_NOT_SILENTLY = (messages.RESPONDER, messages.NO_PASSIVE)

#: What the hub above says, in words, and is not a failure (web.environ.LoginService).
_ABOVE = {"NoAuthnContext": NO_LEVEL, "NoPassive": _NOT_SILENTLY}


class SingleSignOn:
    """Answers participants; ``release`` says what they learn, ``names`` of whom.

    ``served`` are the entityIDs of who gets a login at all; None means everybody.
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
        served: Collection[str] | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._pages = pages
        self._names = names
        self._release = release
        self._answers = answers
        self._served = served

    # --- /sso -----------------------------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """An AuthnRequest by Redirect or POST, or the way on with one that is kept."""
        allow_only(environ, "GET", "POST")
        text = environ.get("QUERY_STRING", "")
        if environ["REQUEST_METHOD"] == "GET" and text.startswith(f"{PARAMETER}="):
            return self._go_on(environ, read_query(environ))
        return self._begin(environ, self._asked(environ))

    def _begin(self, environ: "WSGIEnvironment", asked: Asked) -> Response:
        """The answer to what was never asked before, or the way to it."""
        if asked.refusal:
            return self._refuse(environ, asked.question, asked.refusal, asked.cause)
        cause = self._not_served(asked.question)
        if cause is not None:
            return self._refuse(environ, asked.question, DENIED, cause)
        question = Questions(env.values(environ)).remember(asked.question)
        if environ["REQUEST_METHOD"] == "POST" or self._sign_in.leads_away:
            return see_other(way_on(environ, question))
        return self._proceed(environ, question)

    def _go_on(self, environ: "WSGIEnvironment", query: Mapping[str, str]) -> Response:
        """Answer what is kept, in the light of what has come of it meanwhile."""
        question = self._question(environ, query)
        if "cancel" in query or env.REFUSED in query:
            codes = _ABOVE.get(query.get(env.REFUSED, ""), FAILED)
            return self._refuse(environ, question, codes)
        return self._proceed(environ, question)

    def _question(
        self, environ: "WSGIEnvironment", query: Mapping[str, str]
    ) -> Question:
        """What an address of ours goes on with."""
        return Questions(env.values(environ)).find(query.get(PARAMETER, ""))

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
            f"{question.issuer} gets no login: passed_on_to does not name it, and a"
            " login that comes from another hub is for the applications of one"
            " connection"
        )

    def _proceed(self, environ: "WSGIEnvironment", question: Question) -> Response:
        """The answer, or the page that has to come before it."""
        if not question.level:
            return self._refuse(environ, question, NO_LEVEL)
        trust = env.trust(environ)
        # Where no answer could be signed, nobody is asked anything.
        trust.key_for(question.issuer)
        _, role = trust.participant(question.issuer)
        obstacle = self._answers.obstacle(role, question)
        if obstacle is not None:
            return self._refuse(environ, question, *obstacle)
        here = urlsplit(way_on(environ, question))
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
            force = self._asks_anew or wants_proof(question)
            page = service.require(
                question.level, force=force, passive=question.passive
            )
            if page is not None:
                return page
            login = self._certain(environ, question, service, is_proven=is_proven)
        if login is not None:
            return self._pass_on(environ, question, login, is_proven=is_proven)
        if question.passive:
            return self._refuse(environ, question, _NOT_SILENTLY)
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
        return satisfying(service.login, question, is_proven=is_proven)

    def _pass_on(
        self,
        environ: "WSGIEnvironment",
        question: Question,
        login: Login,
        *,
        is_proven: bool,
    ) -> Response:
        """What comes of a login that the question can be answered with."""
        return self._confirm(environ, question, login)

    # --- the answer -----------------------------------------------------------------

    def _confirm(
        self, environ: "WSGIEnvironment", question: Question, login: Login
    ) -> Response:
        trust, sessions = env.trust(environ), env.sessions(environ)
        # Issued as of now, before anybody is told: the mark that a logout leaves from
        # here on is at or after this instant, and refuses the answer.
        told = self._told(environ, question, login, clock.now())
        if told is None:
            return self._refuse(environ, question, self._nameless)
        participant = sessions.add_participant(login, told.participant)
        if participant is None:
            raise LoginEnded(_TOO_LATE)
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
        octets = xml.serialize(response)
        if question.binding == bindings.POST:
            if login is not None and not env.sessions(environ).is_live(login):
                raise LoginEnded(_TOO_LATE)
            fields = bindings.post_fields("SAMLResponse", octets, question.relay_state)
            # What she asks for there may need a question more, which then goes above.
            return self._pages.auto_post(
                environ,
                question.acs_url,
                fields,
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
            return go_on(environ, self._pages, url)
        return see_other(url)

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
            one.get("Value", "") for one in response.iter(xml.q("samlp:StatusCode"))
        ]
        name = f"refused:{question.handle}:{' '.join(codes)}"
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
            carried = xml.parse(text.encode())
            response = artifact_response(trust, request.id, messages.Status(), carried)
        return soap_answer(response, trust.key_for(issuer))


def way_on(environ: "WSGIEnvironment", question: Question) -> str:
    """The address at which an answer is gone on with."""
    query = urlencode({PARAMETER: question.handle})
    return f"{env.trust(environ).own.url('sso')}?{query}"


def wants_proof(question: Question) -> bool:
    """Whether only what she proves for this very question is an answer to it."""
    return question.force or question.level in contexts.ALWAYS_FRESH


def satisfying(
    login: Login | None, question: Question, *, is_proven: bool
) -> Login | None:
    """What of a login the question can be answered with; None where it cannot.

    ``is_proven`` says whether she has proven herself for this very question.
    """
    if login is None:
        return None
    is_fresh = is_proven and login.proven_at(question.level) >= question.received
    if wants_proof(question) and not is_fresh:
        return None
    certain = contexts.certain(login, question.received if is_fresh else inf)
    found = contexts.to_confirm(question.levels, certain.level)
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
        "an artifact that %r brings is not known here: used already, too old, made for"
        " another participant, or kept in another store (memory:, with two processes?)",
        issuer,
    )
    audit.event("login", "refused", peer=issuer, reason=short(DENIED[-1]))


def artifact_key(artifact: str, entity_id: str) -> str:
    """The name in the store of the answer that an artifact stands for.

    Who asks is part of the name: nobody else finds it.
    """
    digest = hashlib.sha256(f"{artifact}\0{entity_id}".encode()).hexdigest()
    return f"artifact:{digest}"
