"""Single logout at the hub: what asks for it, and what the citizen gets to see.

A participant asks through the browser or over SOAP, or the citizen on the hub's own
page. All her sessions here end, whoever's browser brings the message, and everybody
else is told: over SOAP (:mod:`eilogin.hub.propagation`), and whom that does not reach
through her browser, where there is one (:mod:`eilogin.hub.frames`). Who was not reached
is named to her, and who asked hears of success only where all have confirmed.

Where she is logged in is shown to nobody but her: to the browser that brings the cookie
of a session that was ended. Any other one, and a participant that has no browser behind
it at all, gets the LogoutResponse and no page.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected, Unavailable
from eilogin.hub import untold
from eilogin.hub.above import go_on, logout_above
from eilogin.hub.frames import (
    CONTINUE,
    LOOK,
    TELL,
    Back,
    Frames,
    Unfinished,
    address,
    brings_proof,
    new_proof,
    proof_cookie,
)
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
from eilogin.web.urls import at, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: How often to look whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1

#: The parameter of ``/slo`` with which she goes up to the hub above, and comes back.
_ABOVE = "above"
#: The one with which she comes again with her cookies, after a form of another site.
_HERE = "here"
#: How long she may take for either, in seconds.
_KEPT_FOR = 60 * 60.0

_DONE = messages.Status()
_PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: Nobody is known by what was named, so nobody can be said to be logged out.
_UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))
#: What the last page says of the others (logged_out.html); "partly" of any other.
_OTHERS = {_DONE: "", _UNKNOWN: "unknown"}


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
    #: Names of the logins at the hub above that it came from.
    above: Sequence[str] = ()
    #: Keys of her sessions that it has ended, in whatever browsers.
    ended: Sequence[str] = ()
    #: What the cookie of her browser says by which it is known afterwards.
    proof: str = ""

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        missed = [told.as_json() for told in self.missed]
        return json.dumps([self.is_known, self.handle, missed, *self[3:]])

    @classmethod
    def from_json(cls, text: str) -> "_Outcome":
        """The value of which :meth:`to_json` made this."""
        is_known, handle, missed, *rest = json.loads(text)
        return cls(is_known, handle, [Told.from_json(one) for one in missed], *rest)

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
            _HERE: self._here,
        }

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest (SAML profiles 4.4.3.1), and the way back.

        Also its LogoutResponse, in a frame of ours.
        """
        allow_only(environ, "GET", "POST")
        page = self._of_ours(environ)
        if page is not None:
            return page
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
        if outcome.missed and inbound.binding == bindings.POST:
            # Whose browser it is, her cookies tell, which came along with no form of
            # another site.
            return see_other(_keep(environ, _HERE, outcome, back))
        return self._finish(environ, outcome, back)

    def _of_ours(self, environ: "WSGIEnvironment") -> Response | None:
        """What an address of the pages of a logout shows; None at any other."""
        way, _, _ = environ.get("QUERY_STRING", "").partition("=")
        if way not in self._ways:
            return None
        return self._ways[way](environ, read_query(environ).get(way, ""))

    def _here(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._finish(environ, *_kept(environ, _HERE, handle))

    def _finish(
        self, environ: "WSGIEnvironment", outcome: _Outcome, back: Back | None
    ) -> Response:
        """The rest of a logout, where all servers were told that could be."""
        if outcome.missed and _is_hers(environ, outcome):
            return self._go_through_browser(environ, outcome, back)
        if back is None:
            return self._done(environ, outcome.status)
        return self._back(environ, back, outcome.status)

    def _go_up(
        self, environ: "WSGIEnvironment", outcome: _Outcome, back: Back | None
    ) -> Response:
        """Tell the hub above, from an address to which she can come back.

        Her cookies, by which her login above is found, come along there too.
        """
        url = _keep(environ, _ABOVE, outcome, back)
        headers = _expired_cookie(environ)
        if _is_hers(environ, outcome):
            headers.append(proof_cookie(outcome.proof))
        return go_on(environ, self._pages, url, headers)

    def _above(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """On her way up, and back again with what the hub above says."""
        outcome, back = _kept(environ, _ABOVE, handle)
        service = logout_above(environ)
        url = urlsplit(address(env.trust(environ), _ABOVE, handle))
        target = f"{url.path}?{url.query}"
        is_everywhere = service.outcome(target)
        if is_everywhere is None:
            answer = service.leave(target, outcome.above)
            if answer is not None:
                # It is hers, as the cookie of her login above has told.
                answer.headerlist.append(proof_cookie(outcome.proof))
                return answer
            # Another browser brought the message than the one she is logged in in.
            is_everywhere = service.end(outcome.above)
        if not is_everywhere:
            outcome = outcome._replace(is_overtaken=True)
        return self._finish(environ, outcome, back)

    def _go_through_browser(
        self,
        environ: "WSGIEnvironment",
        outcome: _Outcome,
        back: Back | None,
        target: str = "",
    ) -> Response:
        """Tell those who were missed in her browser, as far as they can be.

        She goes on to ``back`` or ``target`` then.
        """
        begun = Unfinished(
            outcome.handle,
            back=back,
            is_overtaken=outcome.is_overtaken,
            target=target,
            proof=outcome.proof,
        )
        unfinished = self._frames.begin(environ, begun, outcome.missed)
        if not unfinished.missed:
            return self._on(environ, unfinished)
        # Who signs in in the place of another one gets a cookie of her own.
        headers = [] if target else _expired_cookie(environ)
        headers.append(proof_cookie(outcome.proof))
        if unfinished.asked:
            return self._frames.page(environ, unfinished, headers)
        return self._partly(environ, unfinished, headers)

    def _look(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Whom the frames have reached by now: all, and on; or else their names."""
        unfinished = self._frames.find(environ, handle)
        if unfinished.missed:
            return self._partly(environ, unfinished, _expired_cookie(environ))
        return self._on(environ, unfinished)

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._on(environ, self._frames.find(environ, handle))

    def _on(self, environ: "WSGIEnvironment", unfinished: Unfinished) -> Response:
        """The end of a logout, with what is known of it now."""
        if unfinished.target:
            return see_other(at(env.trust(environ).own.public_url, unfinished.target))
        is_done = not unfinished.missed and not unfinished.is_overtaken
        status = _DONE if is_done else _PARTLY
        if unfinished.back is None:
            return self._done(environ, status)
        return self._back(environ, unfinished.back, status)

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
            return self._done(environ, status)
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
        outcome = _Outcome(
            is_known=True,
            handle=_new_handle(),
            missed=missed or (),
            # On a second click there is nothing to end, and the first knows who was
            # told.
            is_overtaken=missed is None,
            above=[] if login is None else [login.session_index or ""],
            ended=[_key_brought(environ)],
            proof=new_proof(),
        )
        if self._is_below and login is not None:
            return self._go_up(environ, outcome, None)
        if missed is None:
            return self._done(environ, _UNKNOWN)
        return self._finish(environ, outcome, None)

    def make_way(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """End everything of who was logged in in a browser that is another's now.

        None where everybody knows it; else the page of who does not yet, in whose place
        the first one would be met still. It leads on to ``target``.
        """
        missed = self.end_everywhere(environ, login)
        if not missed:
            # Another logout that was faster has the list, and shows it.
            return None
        outcome = _Outcome(
            is_known=True, handle=_new_handle(), missed=missed, proof=new_proof()
        )
        return self._go_through_browser(environ, outcome, None, target)

    def end_everywhere(
        self, environ: "WSGIEnvironment", login: Login
    ) -> list[Told] | None:
        """End all sessions of a citizen; whom no message to a server has reached.

        None where another logout has ended them meanwhile: it tells the participants.
        """
        noted = untold.note(environ, [login.who]) if self._is_below else []
        participants = env.sessions(environ).end_citizen(login)
        if participants is None:
            return None
        missed = self._propagation.tell(env.trust(environ), participants)
        if not missed:
            untold.forget(environ, noted)
        return missed

    def end_subjects(
        self,
        environ: "WSGIEnvironment",
        subjects: Collection[Subject],
        above: Collection[str],
    ) -> bool:
        """End all sessions of some; whether all whom they concern know it.

        ``above`` names the logins above that have ended: what a logout before this one
        did not reach is not reached now either.
        """
        sessions = env.sessions(environ)
        was_missed = untold.is_noted(environ, above)
        noted = untold.note(environ, subjects)
        ended = [sessions.end_all_of(subject) for subject in subjects]
        told = [participant for told in ended if told for participant in told]
        missed = self._propagation.tell(env.trust(environ), told)
        if missed or was_missed:
            return False
        untold.forget(environ, noted)
        return True

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
        citizens = {login.who for login in logins}
        keys = [
            login.key
            for who in citizens
            for login in env.sessions(environ).find_all_of(who)
        ]
        noted = untold.note(environ, citizens) if self._is_below else []
        ended = [env.sessions(environ).end_citizen(login) for login in logins]
        participants = [
            participant for told in ended if told is not None for participant in told
        ]
        audit.event("logout.received", peer=issuer)
        others = _others(participants, request, issuer)
        missed = self._propagation.tell(trust, others)
        # All are of one citizen, so the first of them has ended all that there were.
        is_overtaken = bool(ended) and ended[0] is None
        if not missed and not is_overtaken:
            untold.forget(environ, noted)
        outcome = _Outcome(
            bool(logins),
            _new_handle(),
            missed,
            is_overtaken,
            above=[login.session_index for login in logins if login.session_index],
            ended=keys,
            proof=new_proof(),
        )
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

    def _done(self, environ: "WSGIEnvironment", status: messages.Status) -> Response:
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=_expired_cookie(environ),
            at=clock.now(),
            everywhere=status == _DONE,
            others=_OTHERS.get(status, "partly"),
            website_url=own.url("home"),
            login_url=own.url("login"),
        )

    def _partly(
        self,
        environ: "WSGIEnvironment",
        unfinished: Unfinished,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        trust, language = env.trust(environ), language_of(environ)
        handle = unfinished.handle
        # A service that is told in her browser may be done a little later.
        look_url = address(trust, LOOK, handle) if unfinished.asked else None
        leads_on = unfinished.back or unfinished.target
        continue_url = address(trust, CONTINUE, handle) if leads_on else None
        return self._pages.page(
            environ,
            "partly_logged_out.html",
            headers=headers,
            of_another=bool(unfinished.target),
            all_others_done=not unfinished.is_overtaken,
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


def _keep(
    environ: "WSGIEnvironment", way: str, outcome: _Outcome, back: Back | None
) -> str:
    """Keep what has come of a logout; the address of ours that goes on with it."""
    pending = json.dumps([outcome.to_json(), back])
    key, until = f"{way}-logout:{outcome.handle}", clock.now() + _KEPT_FOR
    env.values(environ).add(key, pending, until, durable=False)
    return address(env.trust(environ), way, outcome.handle)


def _kept(
    environ: "WSGIEnvironment", way: str, handle: str
) -> tuple[_Outcome, Back | None]:
    stored = env.values(environ).get(f"{way}-logout:{handle}")
    if stored is None:
        raise MessageUnexpected("this logout is over")
    text, back = json.loads(stored)
    return _Outcome.from_json(text), back and Back(*back)


def _is_hers(environ: "WSGIEnvironment", outcome: _Outcome) -> bool:
    """Whether a request comes from a browser in which it has ended a session."""
    return brings_proof(environ, outcome.proof) or (
        _key_brought(environ) in outcome.ended
    )


def _key_brought(environ: "WSGIEnvironment") -> str:
    """The key of the session whose cookie a request brings, ended or not; or ""."""
    token = env.cookie(environ).read(environ)
    return env.sessions(environ).key_of(token) if token else ""


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
