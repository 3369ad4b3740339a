"""Single logout at the hub: end the citizen's sessions, tell all who were told.

Everybody else is told in parallel, server to server, each with a time-out; one that
fails stops nobody. Who was not reached is named to the citizen.
"""

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.errors import EiloginError, MalformedMessage, MessageUnexpected
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.answers import (
    LIFETIME,
    SKEW,
    check_logout_request,
    check_logout_response,
)
from eilogin.saml.xml import serialize
from eilogin.sessions import Login, Participant, Subject
from eilogin.web import environ as env
from eilogin.web.inbound import open_soap, receive, receive_soap
from eilogin.web.pages import Pages, language_of
from eilogin.web.requests import require_own_form
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: So many participants are told at the same time by one process.
_AT_ONCE = 64
#: How long a citizen may look at the page of a partial logout, in seconds.
_CONTINUE_FOR = 60 * 60.0
_CONTINUE = "continue"


class SingleLogout:
    """Logs out everywhere; ``timeout`` is what each participant gets, in seconds."""

    def __init__(self, pages: Pages, timeout: float) -> None:
        self._pages = pages
        self._timeout = timeout
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest (SAML profiles 4.4.3.1), and the way back."""
        query = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=20)
        if environ["REQUEST_METHOD"] == "GET" and _CONTINUE in query:
            return self._go_on(environ, query[_CONTINUE][0])
        inbound = receive(environ, env.trust(environ).participant_keys)
        if inbound.kind != "SAMLRequest":
            raise MessageUnexpected("nobody was asked to log out through the browser")
        request = messages.read_logout_request(inbound.element)
        unreached = self._execute(
            environ, request, inbound.issuer, "slo", is_direct=False
        )
        back = _Back(request.issuer, request.id, inbound.relay_state)
        expired = [env.cookie(environ).expire()]
        if not unreached:
            return self._back(environ, back, messages.Status(), expired)
        handle = secrets.token_urlsafe(16)
        env.sessions(environ).store.add(
            f"continue:{handle}", json.dumps(back), clock.now() + _CONTINUE_FOR
        )
        query_on = urlencode({_CONTINUE: handle})
        return self._partly(
            environ, unreached, f"{env.trust(environ).own.url('slo')}?{query_on}"
        )

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        stored = env.sessions(environ).store.get(f"continue:{handle}")
        if stored is None:
            raise MessageUnexpected("this logout is over")
        partial = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
        return self._back(environ, _Back(*json.loads(stored)), partial, [])

    def _back(
        self,
        environ: "WSGIEnvironment",
        back: "_Back",
        status: messages.Status,
        headers: Sequence[tuple[str, str]],
    ) -> Response:
        """Send the citizen back to where she clicked, with the LogoutResponse."""
        trust = env.trust(environ)
        _, role = trust.participant(back.entity_id)
        endpoint = role.single_logout(bindings.REDIRECT)
        if endpoint is None:
            return self._done(environ, headers)
        destination = endpoint.response_location or endpoint.location
        response = messages.LogoutResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            status=status,
            in_response_to=back.request_id,
            destination=destination,
        )
        location = bindings.redirect_url(
            destination,
            "SAMLResponse",
            serialize(messages.write_logout_response(response)),
            back.relay_state,
            trust.own.key,
        )
        return see_other(location, headers, status=302)

    # --- /slo/soap: from server to server -------------------------------------------

    def respond_soap(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest over SOAP."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        request = messages.read_logout_request(element)
        unreached = self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        codes = (messages.SUCCESS, messages.PARTIAL_LOGOUT)
        answer = messages.write_logout_response(
            messages.LogoutResponse(
                id=messages.new_id(),
                issued=clock.now(),
                issuer=trust.own.entity_id,
                status=messages.Status(codes if unreached else codes[:1]),
                in_response_to=request.id,
            )
        )
        signatures.sign(answer, trust.own.key)
        return Response(body=bindings.wrap_soap(answer), content_type="text/xml")

    # --- /logout: the button on the hub's own page ----------------------------------

    def everywhere(self, environ: "WSGIEnvironment") -> Response:
        """End everything, because the citizen says so here."""
        require_own_form(environ, env.trust(environ).own.public_url)
        token = env.cookie(environ).read(environ)
        login = env.sessions(environ).find_beyond_idle(token) if token else None
        unreached = [] if login is None else self.end_everywhere(environ, login)
        headers = [env.cookie(environ).expire()]
        if unreached:
            return self._partly(environ, unreached, None)
        return self._done(environ, headers)

    def end_everywhere(self, environ: "WSGIEnvironment", login: Login) -> list[str]:
        """End all sessions of a citizen; the entityIDs of who was not reached."""
        participants = env.sessions(environ).end_citizen(login)
        return self._tell(env.trust(environ), participants)

    # --- doing it -------------------------------------------------------------------

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        *,
        is_direct: bool,
    ) -> list[str]:
        """End what is named, and with it all of hers; who was not reached.

        A request that was seen before has the outcome that it had, and ends nothing.
        """
        trust, sessions = env.trust(environ), env.sessions(environ)
        now = clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=not is_direct,
            now=now,
        )
        seen = f"logout-request:{request.issuer}\0{request.id}"
        recorded = sessions.store.get(seen)
        if recorded is not None:
            outcome: list[str] = json.loads(recorded)
            return outcome
        participants = [
            participant
            for login in self._named(environ, request)
            for participant in sessions.end_citizen(login)
        ]
        audit.event("logout.received", peer=request.issuer)
        unreached = self._tell(trust, _others(participants, request))
        sessions.store.add(seen, json.dumps(unreached), now + LIFETIME + 2 * SKEW)
        return unreached

    def _named(
        self, environ: "WSGIEnvironment", request: messages.LogoutRequest
    ) -> list[Login]:
        """The sessions that a LogoutRequest names, whoever's browser brings it."""
        name_id = request.name_id
        subject = Subject(
            issuer=env.trust(environ).own.entity_id,
            audience=request.issuer,
            name_id=name_id.value,
            format=name_id.format,
            name_qualifier=name_id.name_qualifier,
            sp_name_qualifier=name_id.sp_name_qualifier,
        )
        sessions = env.sessions(environ)
        indexes: Sequence[str | None] = request.session_indexes or (None,)
        found = [
            login for index in indexes for login in sessions.find_told(subject, index)
        ]
        return list({login.key: login for login in found}.values())

    def _tell(self, trust: Trust, participants: Iterable[Participant]) -> list[str]:
        """Tell participants in parallel; the entityIDs of who was not reached."""
        indexes: dict[tuple[str, Subject], list[str]] = {}
        for participant in participants:
            known_as = (participant.entity_id, participant.subject)
            indexes.setdefault(known_as, []).append(participant.session_index)
        told = {
            self._threads().submit(
                self._tell_one, trust, entity_id, subject, named
            ): entity_id
            for (entity_id, subject), named in indexes.items()
        }
        # A little more than each has: who is last in line has its own time-out.
        wait(told, timeout=self._timeout * 1.5)
        return sorted(
            {name for task, name in told.items() if not (task.done() and task.result())}
        )

    def _tell_one(
        self, trust: Trust, entity_id: str, subject: Subject, indexes: Sequence[str]
    ) -> bool:
        """Whether a participant confirms that the citizen is logged out there."""
        try:
            self._deliver(trust, entity_id, subject, indexes)
        except EiloginError as error:
            audit.event("logout.delivered", "failed", peer=entity_id, reason=error.code)
            return False
        audit.event("logout.delivered", peer=entity_id)
        return True

    def _deliver(
        self, trust: Trust, entity_id: str, subject: Subject, indexes: Sequence[str]
    ) -> None:
        """Send a LogoutRequest over SOAP and judge the answer (profiles 4.4.3.2)."""
        _, role = trust.participant(entity_id)
        endpoint = role.single_logout(bindings.SOAP)
        if endpoint is None:
            raise MalformedMessage(f"{entity_id!r} takes no logout over SOAP")
        request = messages.LogoutRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            name_id=messages.NameID(
                subject.name_id,
                subject.format,
                subject.name_qualifier,
                subject.sp_name_qualifier,
            ),
            destination=endpoint.location,
            session_indexes=tuple(indexes),
        )
        element = messages.write_logout_request(request)
        signatures.sign(element, trust.own.key)
        answer = trust.back_channel.post(
            endpoint.location, bindings.wrap_soap(element), timeout=self._timeout
        )
        signed, issuer = open_soap(answer, trust.participant_keys)
        response = messages.read_logout_response(signed)
        check_logout_response(
            response,
            issuer=entity_id,
            in_response_to=request.id,
            # An answer over SOAP goes to no address of ours (SAML bindings 3.2.3).
            destination=response.destination,
            destination_required=False,
            now=clock.now(),
        )
        if issuer != entity_id or not response.status.is_success:
            raise MessageUnexpected(f"{entity_id!r} did not log the citizen out")

    def _threads(self) -> ThreadPoolExecutor:
        """The threads of this very process: those of its parent do not run here."""
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = (os.getpid(), ThreadPoolExecutor(_AT_ONCE, "eilogin-logout"))
        return self._pool[1]

    # --- pages ----------------------------------------------------------------------

    def _done(
        self, environ: "WSGIEnvironment", headers: Sequence[tuple[str, str]]
    ) -> Response:
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=headers,
            at=clock.now(),
            everywhere=True,
            website_url=own.url("home"),
            login_url=own.url("login"),
        )

    def _partly(
        self,
        environ: "WSGIEnvironment",
        unreached: Sequence[str],
        continue_url: str | None,
    ) -> Response:
        federation, language = env.trust(environ).federation, language_of(environ)
        return self._pages.page(
            environ,
            "partly_logged_out.html",
            headers=[env.cookie(environ).expire()],
            not_reached=[federation.name_of(e, language) for e in unreached],
            continue_url=continue_url,
            at=clock.now(),
        )


class _Back(NamedTuple):
    """To whom a logout is answered."""

    entity_id: str
    request_id: str
    relay_state: str


def _others(
    participants: Iterable[Participant], request: messages.LogoutRequest
) -> list[Participant]:
    """All but the sessions that the participant who asks has ended itself."""
    own_indexes = request.session_indexes
    return [
        participant
        for participant in participants
        if participant.entity_id != request.issuer
        or (own_indexes and participant.session_index not in own_indexes)
    ]
