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
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lxml import etree
from webob import Response

from eilogin import clock
from eilogin.errors import MessageUnexpected
from eilogin.hub.above import go_on, logout_above
from eilogin.hub.browser_proof import brings_proof, new_proof, proof_cookie
from eilogin.hub.ending import DONE, PARTLY, UNKNOWN, Endings, Outcome, new_handle
from eilogin.hub.frames import (
    CONTINUE,
    LOOK,
    TELL,
    Back,
    Frames,
    Unfinished,
    address,
)
from eilogin.hub.propagation import Propagation
from eilogin.saml import bindings, messages
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.inbound import receive, receive_soap
from eilogin.web.outbound import (
    binding_missing,
    logout_response,
    send_through_browser,
    soap_answer,
)
from eilogin.web.pages import Pages, language_of
from eilogin.web.places import USUAL
from eilogin.web.requests import allow_only, read_query, require_own_form
from eilogin.web.urls import at, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: The parameter of ``/slo`` with which she goes up to the hub above, and comes back.
_ABOVE = "above"
#: The one with which she comes again with her cookies, after a form of another site.
_HERE = "here"
#: How long she may take for either, in seconds.
_KEPT_FOR = 60 * 60.0

#: What the last page says of the others (logged_out.html); "partly" of any other.
_OTHERS = {DONE: "", UNKNOWN: "unknown"}


class SingleLogout:
    """Logs out everywhere; participants are told by ``propagation``.

    ``is_below`` another hub, to which a logout goes up; so many are told ``at_once``.
    """

    def __init__(
        self,
        pages: Pages,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = USUAL,
    ) -> None:
        self._pages = pages
        self._is_below = is_below
        self._propagation = propagation
        #: What ends sessions, and has others hear of it.
        self.endings = Endings(propagation, is_below=is_below, at_once=at_once)
        self._frames = Frames(pages, propagation)
        #: What shows the page that a query of ours asks for, by its one parameter.
        self._shows: Mapping[str, Callable[[WSGIEnvironment, str], Response]] = {
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
        outcome = self.endings.execute(environ, request, inbound.issuer, "slo")
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
        what, _, _ = environ.get("QUERY_STRING", "").partition("=")
        if what not in self._shows:
            return None
        return self._shows[what](environ, read_query(environ).get(what, ""))

    def _here(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._finish(environ, *_kept(environ, _HERE, handle))

    def _finish(
        self, environ: "WSGIEnvironment", outcome: Outcome, back: Back | None
    ) -> Response:
        """The rest of a logout, where all servers were told that could be."""
        if outcome.missed and _is_hers(environ, outcome):
            return self._go_through_browser(environ, outcome, back)
        self._note_no_browser(environ, outcome)
        if back is None:
            return self._done(environ, outcome.status)
        return self._back(environ, back, outcome.status)

    def _note_no_browser(self, environ: "WSGIEnvironment", outcome: Outcome) -> None:
        """Write down whom her browser alone would tell; once, if it is asked again."""
        if not outcome.missed:
            return
        key, until = f"no-browser:{outcome.handle}", clock.now() + _KEPT_FOR
        if env.values(environ).add(key, "", until, durable=False):
            self._propagation.note_no_browser(env.trust(environ), outcome.missed)

    def _go_up(
        self, environ: "WSGIEnvironment", outcome: Outcome, back: Back | None
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
        outcome: Outcome,
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

    def unseen(self, environ: "WSGIEnvironment") -> Response | None:
        """The way to a logout in this browser whose page she left before the end."""
        handle = self._frames.unseen(environ)
        if handle is None:
            return None
        return see_other(address(env.trust(environ), LOOK, handle))

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._on(environ, self._frames.find(environ, handle))

    def _on(self, environ: "WSGIEnvironment", unfinished: Unfinished) -> Response:
        """The end of a logout, with what is known of it now."""
        if unfinished.target:
            return see_other(at(env.trust(environ).own.public_url, unfinished.target))
        is_done = not unfinished.missed and not unfinished.is_overtaken
        status = DONE if is_done else PARTLY
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
        outcome = self.endings.execute(environ, request, issuer, "slo_soap")
        self._note_no_browser(environ, outcome)
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
        missed = None
        if login is not None:
            with self.endings.room(environ):
                missed = self.endings.end_everywhere(environ, login)
        outcome = Outcome(
            is_known=True,
            handle=new_handle(),
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
            return self._done(environ, UNKNOWN)
        return self._finish(environ, outcome, None)

    def make_way(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """End everything of who was logged in in a browser that is another's now.

        None where everybody knows it; else the page of who does not yet, in whose place
        the first one would be met still. It leads on to ``target``. Busy, and nothing
        is ended, where as many wait for participants as may.
        """
        with self.endings.room(environ):
            return self.make_way_in_room(environ, login, target)

    def make_way_in_room(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """The same for who has room for it (``endings.room``) already."""
        missed = self.endings.end_everywhere(environ, login)
        if not missed:
            # Another logout that was faster has the list, and shows it.
            return None
        outcome = Outcome(
            is_known=True, handle=new_handle(), missed=missed, proof=new_proof()
        )
        return self._go_through_browser(environ, outcome, None, target)

    # --- pages ----------------------------------------------------------------------

    def _done(self, environ: "WSGIEnvironment", status: messages.Status) -> Response:
        own = env.trust(environ).own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=_expired_cookie(environ),
            at=clock.now(),
            everywhere=status == DONE,
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


def _keep(
    environ: "WSGIEnvironment", what: str, outcome: Outcome, back: Back | None
) -> str:
    """Keep what has come of a logout; the address of ours that goes on with it."""
    pending = json.dumps([outcome.to_json(), back])
    key, until = f"{what}-logout:{outcome.handle}", clock.now() + _KEPT_FOR
    env.values(environ).add(key, pending, until, durable=False)
    return address(env.trust(environ), what, outcome.handle)


def _kept(
    environ: "WSGIEnvironment", what: str, handle: str
) -> tuple[Outcome, Back | None]:
    stored = env.values(environ).get(f"{what}-logout:{handle}")
    if stored is None:
        raise MessageUnexpected("this logout is over")
    text, back = json.loads(stored)
    return Outcome.from_json(text), back and Back(*back)


def _is_hers(environ: "WSGIEnvironment", outcome: Outcome) -> bool:
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
