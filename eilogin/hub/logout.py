"""Single logout at the hub: what asks for it, and what the citizen gets to see.

A participant asks through the browser or over SOAP, or the citizen on the hub's own
page. All her sessions here end, whoever's browser brings the message, and everybody
else is told: over SOAP (:mod:`eilogin.hub.propagation`), and whom that does not reach
through her browser, where there is one (:mod:`eilogin.hub.frames`). Who was not reached
is named to her, and who asked hears of success only where all have confirmed.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected, Unavailable
from eilogin.hub.above import go_on, logout_above
from eilogin.hub.frames import CONTINUE, LOOK, TELL, Back, Frames, Unfinished, address
from eilogin.hub.propagation import Propagation, Told
from eilogin.saml import bindings, messages
from eilogin.saml.checks import LIFETIME, SKEW, check_logout_request
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login, Participant, Subject
from eilogin.stores import Values
from eilogin.web import environ as env
from eilogin.web.inbound import receive, receive_soap
from eilogin.web.outbound import (
    binding_missing,
    logout_response,
    send_through_browser,
    soap_answer,
)
from eilogin.web.pages import Pages, language_of
from eilogin.web.requests import allow_only, read_query, require_own_form

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How often to look whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1

#: The parameter of ``/slo`` with which she goes up to the hub above, and comes back.
_ABOVE = "above"
#: How long she may be there, in seconds.
_UP_FOR = 60 * 60.0

_DONE = messages.Status()
_PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: Nobody is known by what was named, so nobody can be said to be logged out.
_UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))


class _Outcome(NamedTuple):
    """What came of a LogoutRequest."""

    #: Whether any session was named by it.
    is_known: bool
    #: Names it in the addresses of its pages, if it has any.
    handle: str
    #: Whom no message from server to server has reached.
    missed: Sequence[Told]
    #: Whether another logout has ended it meanwhile, which knows who was not reached.
    is_overtaken: bool = False
    #: Keys of the logins at the hub above that it came from.
    above: Sequence[str] = ()

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        missed = [told.as_json() for told in self.missed]
        facts = [self.is_known, self.handle, missed, self.is_overtaken, self.above]
        return json.dumps(facts)

    @classmethod
    def from_json(cls, text: str) -> "_Outcome":
        """The value of which :meth:`to_json` made this."""
        is_known, handle, missed, is_overtaken, above = json.loads(text)
        told = [Told.from_json(one) for one in missed]
        return cls(is_known, handle, told, is_overtaken, above)

    @property
    def status(self) -> messages.Status:
        """The status to answer with (SAML core 3.7.3.2)."""
        if not self.is_known:
            return _UNKNOWN
        return _PARTLY if self.missed or self.is_overtaken else _DONE


class SingleLogout:
    """Logs out everywhere; ``timeout`` is what each participant gets, in seconds.

    ``encrypts`` the NameID for participants that have a key for that. ``is_below``
    another hub, to which a logout goes up.
    """

    def __init__(
        self,
        pages: Pages,
        timeout: float,
        *,
        encrypts: bool = False,
        is_below: bool = False,
    ) -> None:
        self._pages = pages
        self._is_below = is_below
        self._propagation = Propagation(timeout, encrypts=encrypts)
        self._frames = Frames(pages, self._propagation)
        #: What a query of ours asks for, by its one parameter.
        self._ways: Mapping[str, Callable[[WSGIEnvironment, str], Response]] = {
            LOOK: self._look,
            CONTINUE: self._go_on,
            TELL: self._frames.tell,
            _ABOVE: self._above,
        }

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest (SAML profiles 4.4.3.1), and the way back.

        Also its LogoutResponse, in a frame of ours.
        """
        allow_only(environ, "GET", "POST")
        way, _, _ = environ.get("QUERY_STRING", "").partition("=")
        if way in self._ways:
            return self._ways[way](environ, read_query(environ).get(way, ""))
        trust = env.trust(environ)
        inbound = receive(environ, trust.participant_keys, trust.weak)
        if inbound.kind == bindings.RESPONSE:
            return self._frames.answered(environ, inbound)
        request = _read_request(environ, inbound.element)
        outcome = self._execute(
            environ, request, inbound.issuer, "slo", is_direct=False
        )
        back: Back | None = Back(inbound.issuer, request.id, inbound.relay_state)
        if request.is_asynchronous:
            # Who asked wants no answer, and she stays here (asynchronous logout 2.3).
            back = None
        if self._is_below and outcome.is_known:
            return self._go_up(environ, outcome, back)
        return self._finish(environ, outcome, back)

    def _finish(
        self, environ: "WSGIEnvironment", outcome: _Outcome, back: Back | None
    ) -> Response:
        """The rest of a logout, where all servers were told that could be."""
        if outcome.missed:
            return self._go_through_browser(environ, outcome, back)
        if back is None:
            return self._done(environ, everywhere=outcome.status == _DONE)
        return self._back(environ, back, outcome.status)

    def _go_up(
        self, environ: "WSGIEnvironment", outcome: _Outcome, back: Back | None
    ) -> Response:
        """Tell the hub above, from an address to which she can come back.

        Her cookies, by which her login above is found, come along there too.
        """
        pending = json.dumps([outcome.to_json(), back])
        key, until = f"{_ABOVE}-logout:{outcome.handle}", clock.now() + _UP_FOR
        env.values(environ).add(key, pending, until, durable=False)
        url = address(env.trust(environ), _ABOVE, outcome.handle)
        return go_on(environ, self._pages, url, _expired_cookie(environ))

    def _above(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """On her way up, and back again with what the hub above says."""
        stored = env.values(environ).get(f"{_ABOVE}-logout:{handle}")
        if stored is None:
            raise MessageUnexpected("this logout is over")
        text, back = json.loads(stored)
        outcome = _Outcome.from_json(text)
        service = logout_above(environ)
        url = urlsplit(address(env.trust(environ), _ABOVE, handle))
        target = f"{url.path}?{url.query}"
        is_everywhere = service.outcome(target)
        if is_everywhere is None:
            answer = service.leave(target)
            if answer is not None:
                return answer
            # Another browser brought the message than the one she is logged in in.
            is_everywhere = service.end(outcome.above)
        if not is_everywhere:
            outcome = outcome._replace(is_overtaken=True)
        return self._finish(environ, outcome, back and Back(*back))

    def _go_through_browser(
        self, environ: "WSGIEnvironment", outcome: _Outcome, back: Back | None
    ) -> Response:
        """Tell those who were missed in her browser, as far as they can be."""
        unfinished = self._frames.begin(
            environ,
            outcome.handle,
            outcome.missed,
            back,
            is_overtaken=outcome.is_overtaken,
        )
        if not unfinished.missed:
            return self._on(environ, unfinished)
        if unfinished.asked:
            headers = _expired_cookie(environ)
            return self._frames.page(environ, unfinished, headers)
        return self._partly(environ, unfinished)

    def _look(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Whom the frames have reached by now: all, and on; or else their names."""
        unfinished = self._frames.find(environ, handle)
        if unfinished.missed:
            return self._partly(environ, unfinished)
        return self._on(environ, unfinished)

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._on(environ, self._frames.find(environ, handle))

    def _on(self, environ: "WSGIEnvironment", unfinished: Unfinished) -> Response:
        """The end of a logout, with what is known of it now."""
        is_done = not unfinished.missed and not unfinished.is_overtaken
        if unfinished.back is None:
            return self._done(environ, everywhere=is_done)
        return self._back(environ, unfinished.back, _DONE if is_done else _PARTLY)

    def _back(
        self, environ: "WSGIEnvironment", back: Back, status: messages.Status
    ) -> Response:
        """Send the citizen back to where she clicked, with the LogoutResponse."""
        trust = env.trust(environ)
        _, role = trust.participant(back.entity_id)
        endpoint = self._answered_at(role)
        if endpoint is None:
            _log.warning(
                "logout not answered: %s",
                binding_missing(
                    trust,
                    back.entity_id,
                    "a LogoutResponse",
                    (bindings.REDIRECT, bindings.POST),
                    role.single_logouts,
                ),
            )
            return self._done(environ, everywhere=status == _DONE)
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            bindings.RESPONSE,
            logout_response(
                trust, back.request_id, status=status, destination=endpoint.for_answers
            ),
            key=trust.key_for(back.entity_id),
            relay_state=back.relay_state,
            headers=_expired_cookie(environ),
            is_response=True,
        )

    def _answered_at(self, role: ServiceProvider) -> Endpoint | None:
        """Where a participant takes the answer to its LogoutRequest, if it does."""
        return role.single_logout(bindings.REDIRECT, bindings.POST)

    # --- /slo/soap: from server to server -------------------------------------------

    def respond_soap(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest over SOAP."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        request = _read_request(environ, element)
        outcome = self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        if self._is_below and not logout_above(environ).end(outcome.above):
            outcome = outcome._replace(is_overtaken=True)
        answer = logout_response(trust, request.id, status=outcome.status)
        return soap_answer(answer, trust.key_for(issuer))

    # --- /logout: the button on the hub's own page ----------------------------------

    def everywhere(self, environ: "WSGIEnvironment") -> Response:
        """End everything, because the citizen says so here."""
        allow_only(environ, "POST")
        require_own_form(environ, env.trust(environ).own.public_url)
        login = env.session_to_end(environ)
        missed = None if login is None else self.end_everywhere(environ, login)
        if self._is_below and login is not None:
            is_overtaken, above = missed is None, [login.session_index or ""]
            outcome = _Outcome(
                is_known=True,
                handle=_new_handle(),
                missed=missed or (),
                is_overtaken=is_overtaken,
                above=above,
            )
            return self._go_up(environ, outcome, None)
        if missed:
            outcome = _Outcome(is_known=True, handle=_new_handle(), missed=missed)
            return self._go_through_browser(environ, outcome, None)
        # On a second click there is nothing to end, and the first knows who was told.
        return self._done(environ, everywhere=missed is not None)

    def end_everywhere(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[Told] | None:
        """End all sessions of a citizen; whom no message to a server has reached.

        None where another logout has ended them meanwhile: it tells the participants.
        """
        participants = env.sessions(environ).end_citizen(login)
        if participants is None:
            return None
        return self._propagation.tell(env.trust(environ), participants)

    def end_subjects(
        self, environ: "WSGIEnvironment", subjects: Iterable[Subject]
    ) -> bool:
        """End all sessions of some; whether all whom they concern know it."""
        sessions = env.sessions(environ)
        ended = [sessions.end_all_of(subject) for subject in subjects]
        told = [participant for told in ended if told for participant in told]
        return not self._propagation.tell(env.trust(environ), told)

    # --- doing it -------------------------------------------------------------------

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        *,
        is_direct: bool,
    ) -> _Outcome:
        """End what is named, and with it all of hers.

        A request that was seen before has the outcome that it had, and ends nothing.
        """
        trust, values = env.trust(environ), env.values(environ)
        now = clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=not is_direct,
            now=now,
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        until = now + LIFETIME + 2 * SKEW
        if not values.add(seen, "", until):
            return _Outcome.from_json(self._recorded(values, seen))
        logins = self._named(environ, request, issuer)
        ended = [env.sessions(environ).end_citizen(login) for login in logins]
        participants = [
            participant for told in ended if told is not None for participant in told
        ]
        audit.event("logout.received", peer=issuer)
        others = _others(participants, request, issuer)
        missed = self._propagation.tell(trust, others)
        # All are of one citizen, so the first of them has ended all that there were.
        is_overtaken = bool(ended) and ended[0] is None
        above = [login.session_index for login in logins if login.session_index]
        outcome = _Outcome(bool(logins), _new_handle(), missed, is_overtaken, above)
        values.swap(seen, "", outcome.to_json(), until)
        return outcome

    def _recorded(self, values: Values, seen: str) -> str:
        """What came of a request that came before, also if it is under way still."""
        for _ in range(int(self._propagation.deadline / _LOOK_AGAIN) + 1):
            text = values.get(seen)
            if text:
                return text
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is under way, and takes too long")

    def _named(
        self, environ: "WSGIEnvironment", request: messages.LogoutRequest, issuer: str
    ) -> list[Login]:
        """The sessions that a LogoutRequest names, whoever's browser brings it."""
        hub = env.trust(environ).own.entity_id
        subject = Subject.named(request.name_id, issuer=hub, audience=issuer)
        indexes: Sequence[str | None] = request.session_indexes or (None,)
        found = [
            login
            for index in indexes
            for login in env.sessions(environ).find_told(subject, index)
        ]
        return list({login.key: login for login in found}.values())

    # --- pages ----------------------------------------------------------------------

    def _done(self, environ: "WSGIEnvironment", *, everywhere: bool) -> Response:
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=_expired_cookie(environ),
            at=clock.now(),
            everywhere=everywhere,
            website_url=own.url("home"),
            login_url=own.url("login"),
        )

    def _partly(self, environ: "WSGIEnvironment", unfinished: Unfinished) -> Response:
        trust, language = env.trust(environ), language_of(environ)
        handle = unfinished.handle
        # A service that is told in her browser may be done a little later.
        look_url = address(trust, LOOK, handle) if unfinished.asked else None
        continue_url = address(trust, CONTINUE, handle) if unfinished.back else None
        return self._pages.page(
            environ,
            "partly_logged_out.html",
            headers=_expired_cookie(environ),
            not_reached=[
                trust.federation.name_of(entity_id, language)
                for entity_id in unfinished.missed
            ],
            continue_url=continue_url,
            look_url=look_url,
            at=clock.now(),
        )


def _new_handle() -> str:
    return secrets.token_urlsafe(16)


def _read_request(
    environ: "WSGIEnvironment", element: etree._Element
) -> messages.LogoutRequest:
    """A LogoutRequest, its NameID decrypted where it has to be."""
    return messages.read_logout_request(element, env.trust(environ).decrypter)


def _expired_cookie(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The header that takes the cookie away, unless it is of a session that lives.

    A link or form with somebody else's LogoutRequest must not cost a citizen her way
    to log out. With a form of another site no cookie comes, and nobody can tell.
    """
    cookie = env.cookie(environ)
    is_over = env.session_beyond_idle(environ) is None
    return [cookie.expire()] if cookie.read(environ) and is_over else []


def _others(
    participants: Iterable[Participant],
    request: messages.LogoutRequest,
    issuer: str,
) -> list[Participant]:
    """All but the sessions that the participant who asks has ended itself."""
    own_indexes = request.session_indexes
    return [
        participant
        for participant in participants
        if participant.entity_id != issuer
        or (own_indexes and participant.session_index not in own_indexes)
    ]
