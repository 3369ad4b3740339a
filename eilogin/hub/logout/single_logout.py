"""Single logout at the hub: what asks for it, and what the citizen gets to see.

A participant asks through the browser or over SOAP, or the citizen on the hub's own
page. All her sessions here end, whoever's browser brings the message, and everybody
else is told: over SOAP (``logout_propagation``), and whom that does not reach
through her browser, where there is one (``browser_logout``). Who was not
reached is named to her, and who asked hears of success only where all have confirmed.

Where she is logged in is shown to nobody but her: to the browser that brings the cookie
of a session that was ended. Any other one, and a participant that has no browser behind
it at all, gets the LogoutResponse and no page.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import Busy, Refused, UnknownPeer
from eilogin.hub.browser_proof import brings_proof, proof_cookie
from eilogin.hub.logout.browser.browser_logout import (
    CONTINUE,
    LOOK,
    BrowserNotifier,
    address,
    redirect_to_receipt,
)
from eilogin.hub.logout.browser.logout_frames import FrameNotifier
from eilogin.hub.logout.browser.logout_redirects import RedirectNotifier
from eilogin.hub.logout.browser.upstream_logout import UpstreamNotifier
from eilogin.hub.logout.logout_confirmation import (
    ASKED_FOR,
    CONFIRM,
    TURN,
    PendingLogoutRequest,
    answer_to,
    keep_text,
    kept_text,
    note_answer,
    tag,
)
from eilogin.hub.logout.logout_propagation import Propagation, Recipient
from eilogin.hub.logout.logout_receipts import Receipt, Receipts, ReplyTo
from eilogin.hub.logout.session_endings import (
    DONE,
    PARTLY,
    UNKNOWN,
    EndingResult,
    LogoutOutcome,
    SessionEndings,
)
from eilogin.hub.logout.stored_pages import readable_record
from eilogin.hub.participants.signed_in_services import note_left, services_of, where_in
from eilogin.hub.signin.upstream_signin import go_on, logout_above
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import KNOWN_FOR
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.inbound_messages import read_message, receive_soap, verify
from eilogin.web.limits.slots import USUAL
from eilogin.web.outbound_messages import (
    binding_missing,
    logout_response,
    send_through_browser,
    soap_answer,
)
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.requests import allow_only, read_form, read_query, require_own_form
from eilogin.web.site_urls import at, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_log = logging.getLogger("eilogin")

#: The parameter of ``/slo`` with which she goes up to the hub above, and comes back.
_ABOVE = "above"
#: The one with which she comes again with her cookies, after a form of another site.
_HERE = "here"
#: The one that names a logout of the hub's own button which waits for its turn.
_LEAVE = "leave"
#: What she may say to the question whether she means everywhere.
_ONLY_HERE = "only-here"
#: The answer to a logout that she wants to be of one service alone.
_CHOSEN = replace(PARTLY, message=messages.STAYS)
#: What her form to forget the receipt sends.
_FORGET = "forget"

#: What the last page says of the others (logged_out.html); "partly" of any other.
_OTHERS = {DONE: "", UNKNOWN: "unknown"}


class SingleLogout:
    """Logs out everywhere; participants are told by ``propagation``.

    ``is_below`` another hub, to which a logout goes up; so many are told ``at_once``.
    ``of_browser``, ``asks_first`` and ``one_by_one`` are the options ``logout_scope``,
    ``confirm_logout`` and ``logout_in_browser``.
    """

    def __init__(  # noqa: PLR0913 - its parts and options
        self,
        pages: Pages,
        propagation: Propagation,
        *,
        is_below: bool = False,
        at_once: int = USUAL,
        of_browser: bool = False,
        asks_first: bool = False,
        one_by_one: bool = False,
    ) -> None:
        self._pages = pages
        self._asks_first = asks_first
        self._of_browser = of_browser
        self._is_below = is_below
        self._propagation = propagation
        #: What ends sessions, and has others hear of it.
        self.endings = SessionEndings(
            propagation, is_below=is_below, at_once=at_once, of_browser=of_browser
        )
        self._receipts = Receipts(propagation)
        kind = RedirectNotifier if one_by_one else FrameNotifier
        self._in_browser: BrowserNotifier = kind(pages, propagation, self._receipts)
        self._from_above = UpstreamNotifier(pages, propagation, self._receipts)
        #: The method for each page of ours, by the one parameter of its query.
        self._shows: Mapping[str, Callable[[WSGIEnvironment, str], Response]] = {
            LOOK: self._look,
            CONTINUE: self._go_on,
            _ABOVE: self._above,
            _HERE: self._here,
            CONFIRM: self._confirm,
            TURN: self._in_turn,
            _LEAVE: self._leave_in_turn,
            **self._in_browser.shows,
            **self._from_above.shows,
        }

    # --- /slo: through the browser --------------------------------------------------

    def respond(self, environ: "WSGIEnvironment") -> Response:
        """A participant's LogoutRequest (SAML profiles 4.4.3.1), and the way back.

        Also its LogoutResponse, where her browser told it.
        """
        allow_only(environ, "GET", "POST")
        page = self._of_ours(environ)
        if page is not None:
            return page
        trust, kind = env.trust(environ), ""
        try:
            received = read_message(environ)
            kind = received.kind
            inbound = verify(received, trust.participant_keys, trust.weak)
            if kind == bindings.RESPONSE:
                is_led = self._from_above.has_asked(environ, inbound)
                told = self._from_above if is_led else self._in_browser
                return told.answered(environ, inbound)
        except Refused as error:
            # Who asks for a logout is to read why that is none.
            is_asked = kind == bindings.REQUEST
            way_on = None if is_asked else self._in_browser.refused(environ, error)
            if way_on is None:
                raise
            return way_on
        request = _read_request(environ, inbound.element)
        named = self.endings.requested_by(environ, request, inbound.issuer, "slo")
        asked = PendingLogoutRequest(
            named,
            ReplyTo(inbound.issuer, request.id, inbound.relay_state),
            request.is_asynchronous,
            clock.now(),
        )
        is_posted = inbound.binding == bindings.POST
        is_of_here = self._of_browser and not named.indexes
        if self._asks_first or (is_posted and is_of_here):
            # Whose browser it is, her cookies tell, which came along with no form of
            # another site; and her history does not keep the message.
            return see_other(*asked.keep(environ))
        try:
            return self._execute(environ, asked, is_posted=is_posted)
        except Busy:
            if not is_posted:
                raise
            # Its page reloads itself, which a form cannot.
            return see_other(asked.keep_turn(environ))

    def _in_turn(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """A LogoutRequest that had to wait for its turn; Busy if it still has to."""
        return self._execute(environ, PendingLogoutRequest.waiting(environ, handle))

    def _execute(
        self,
        environ: "WSGIEnvironment",
        asked: PendingLogoutRequest,
        *,
        is_posted: bool = False,
    ) -> Response:
        """End what was asked for, and go on with what came of it."""
        outcome = self.endings.execute(
            environ,
            asked.named,
            # It may come again for as long as she may answer a page.
            known_for=ASKED_FOR if self._asks_first or self._of_browser else KNOWN_FOR,
        )
        # Who asked may want no answer, and she stays here (asynchronous logout 2.3).
        back = None if asked.is_asynchronous else asked.back
        if self._is_below and outcome.is_known:
            return self._go_up(environ, outcome, back)
        is_shown = outcome.missed and _is_hers(environ, outcome)
        if is_shown or (is_posted and back is not None):
            # The form of another site brings no cookies, and those tell what is known
            # of this browser. The address of a page does not say what it is about.
            return see_other(_keep(environ, _HERE, outcome, back))
        return self._finish(environ, outcome, back)

    # --- whether she means everywhere -----------------------------------------------

    def _ask_first(
        self, environ: "WSGIEnvironment", asked: PendingLogoutRequest
    ) -> Response | None:
        """The page that asks; None where there is nothing to ask her.

        It is her browser then that brings the message, and she is in at others too.
        """
        login = env.session_to_end(environ)
        found = self.endings.found(environ, asked.named)
        if login is None or login.name not in {one.name for one in found}:
            return None
        issuer = asked.back.entity_id
        note_left(environ, login, issuer, asked.received)
        others = where_in(environ, login)
        if not others:
            return None
        trust, language = env.trust(environ), language_of(environ)
        _, role = trust.participant(issuer)
        endpoint = self._answered_at(role)
        action, of_browser = asked.keep(environ)
        return self._pages.page(
            environ,
            "confirm_everywhere.html",
            headers=of_browser,
            # Its redirect leads on to who asked.
            form_action=[endpoint.for_answers] if endpoint else [],
            action=action,
            name=trust.federation.name_of(issuer, language),
            services=services_of(trust, others, language),
        )

    def _confirm(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """That page again, or what she says there."""
        asked = PendingLogoutRequest.kept(environ, handle)
        answer = answer_to(environ, handle)
        if environ["REQUEST_METHOD"] != "POST":
            # Nobody says now that she wants it: a page may be looked at again.
            asked, is_open = asked.as_it_came(), self._asks_first and not answer
            page = self._ask_first(environ, asked) if is_open else None
            if page is not None:
                return page
        elif not answer:
            require_own_form(environ, env.trust(environ).own.public_url)
            answer = _ONLY_HERE if _ONLY_HERE in read_form(environ) else CONFIRM
            note_answer(environ, handle, answer)
        if answer != _ONLY_HERE:
            return self._execute(environ, asked)
        # She has logged out where she clicked, and there alone.
        audit.event("logout.received", peer=asked.back.entity_id, reason="only-there")
        if asked.is_asynchronous:
            return see_other(env.trust(environ).own.url("home"))
        return self._back(environ, asked.back, _CHOSEN)

    def _of_ours(self, environ: "WSGIEnvironment") -> Response | None:
        """What an address of the pages of a logout shows; None at any other."""
        what, _, _ = environ.get("QUERY_STRING", "").partition("=")
        if what not in self._shows:
            return None
        return self._shows[what](environ, read_query(environ).get(what, ""))

    def _here(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._finish(environ, *_kept(environ, _HERE, handle))

    def _finish(
        self, environ: "WSGIEnvironment", outcome: LogoutOutcome, back: ReplyTo | None
    ) -> Response:
        """The rest of a logout, where all servers were told that could be."""
        if outcome.is_known and _is_hers(environ, outcome):
            return self._go_through_browser(environ, outcome, back)
        self._note_no_browser(environ, outcome)
        if back is None:
            return self._done(environ, outcome.status)
        status = outcome.status
        if not outcome.is_known:
            status = self._status_before(environ, back.entity_id) or status
        return self._back(environ, back, status)

    def _status_before(
        self, environ: "WSGIEnvironment", entity_id: str
    ) -> messages.Status | None:
        """The status of the last logout in this browser, for one of its participants.

        For a second logout in the same browser, of a session that the first has ended.
        None if no logout is known, or if it did not concern this participant.
        """
        receipt = self._last_receipt(environ)
        if receipt is None or not receipt.is_of(entity_id):
            return None
        return DONE if receipt.is_everywhere else PARTLY

    def _last_receipt(self, environ: "WSGIEnvironment") -> Receipt | None:
        """The receipt of the last logout in this browser, if it still says all.

        None where a later session of this browser ended without it (its cookie is left
        then), and where another logout of the same citizen has not reached all.
        """
        if env.cookie(environ).read(environ) is not None:
            return None
        receipt = self._receipts.here(environ)
        return (
            receipt if receipt and self._receipts.says_all(environ, receipt) else None
        )

    def _note_no_browser(
        self, environ: "WSGIEnvironment", outcome: LogoutOutcome
    ) -> None:
        """Write down whom her browser alone would tell; once, if it is asked again."""
        if not outcome.missed:
            return
        key, until = f"no-browser:{outcome.handle}", clock.now() + ASKED_FOR
        if env.values(environ).add(key, "", until, durable=False):
            self._propagation.note_no_browser(env.trust(environ), outcome.missed)

    def _go_up(
        self, environ: "WSGIEnvironment", outcome: LogoutOutcome, back: ReplyTo | None
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
        outcome: LogoutOutcome,
        back: ReplyTo | None,
        target: str = "",
    ) -> Response:
        """Tell those who were missed in her browser, as far as they can be.

        She goes on to ``back`` or ``target`` then, and has her receipt.
        """
        now = clock.now()
        out = [*outcome.reached, *([back.entity_id] if back else [])]
        begun = Receipt(
            outcome.handle,
            back=back,
            is_overtaken=outcome.is_overtaken,
            target=target,
            proof=outcome.proof,
            whose=outcome.whose,
            begun=now,
            older=outcome.older,
            reached={
                one: now
                for one in out
                if one not in {told.entity_id for told in outcome.missed}
            },
        )
        receipt = self._in_browser.begin(environ, begun, outcome.missed)
        if receipt is None:
            return redirect_to_receipt(environ)
        # Who signs in in the place of another one gets a cookie of her own.
        headers = [] if target else _expired_cookie(environ)
        headers.append(proof_cookie(outcome.proof))
        if receipt.asked:
            return self._in_browser.page(environ, receipt, headers)
        if receipt.missed or not (back or target):
            return self._receipt_page(environ, receipt, headers)
        answer = self._on(environ, receipt)
        answer.headerlist.append(proof_cookie(outcome.proof))
        return answer

    def _look(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Whom her browser has told by now: all, and on; or else their names."""
        receipt = self._receipts.find(environ, handle)
        if receipt is None:
            return redirect_to_receipt(environ)
        if receipt.missed or not (receipt.back or receipt.target):
            headers = _expired_cookie(environ)
            return self._receipt_page(environ, receipt, headers)
        return self._on(environ, receipt)

    def unseen(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """The way to a logout in this browser whose page she left before the end.

        Who has a ``login`` there now goes to that of who was there before alone.
        """
        handle = self._receipts.unseen(environ, of_another=login is not None)
        if handle is None:
            return None
        return see_other(address(env.trust(environ), LOOK, handle))

    def mind(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """Who is logged in now is not shown where somebody else was, nor later on.

        Where that one waits for this browser to tell who would take them for each
        other, the page that does so first, and leads on to ``target``.
        """
        receipt = self._receipts.of_other(environ, login)
        if receipt is None:
            return None
        if self._in_browser.way_on(environ, receipt) is None:
            self._receipts.forget(environ)
            return None
        receipt = self._receipts.hand_over(environ, receipt, target)
        return self._in_browser.page(environ, receipt, ())

    def is_out_everywhere(self, environ: "WSGIEnvironment") -> bool | None:
        """Whether she is known to be out at all by now; None where nothing is known.

        Of the last logout in this browser.
        """
        receipt = self._receipts.here(environ)
        return None if receipt is None else receipt.is_everywhere

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        receipt = self._receipts.find(environ, handle)
        if receipt is None:
            return redirect_to_receipt(environ)
        if not (receipt.back or receipt.target):
            return self._receipt_page(environ, receipt)
        return self._on(environ, receipt)

    def _on(self, environ: "WSGIEnvironment", receipt: Receipt) -> Response:
        """To where she goes on after a logout, with what is known of it now."""
        if receipt.back is None:
            return see_other(at(env.trust(environ).own.public_url, receipt.target))
        if env.session_beyond_idle(environ) is not None:
            # She is in again since, and who asked would say that she is out.
            return see_other(env.trust(environ).own.url("home"))
        status = DONE if receipt.is_everywhere else PARTLY
        return self._back(environ, receipt.back, status)

    def _back(
        self, environ: "WSGIEnvironment", back: ReplyTo, status: messages.Status
    ) -> Response:
        """Send the citizen back to where she clicked, with the LogoutResponse."""
        trust = env.trust(environ)
        try:
            _, role = trust.participant(back.entity_id)
        except UnknownPeer:
            # It has left since it asked, and she is out all the same.
            return self._done(environ, status)
        endpoint = self._answered_at(role)
        if endpoint is None:
            _log.warning(
                "cannot answer a LogoutRequest: %s",
                binding_missing(
                    trust,
                    back.entity_id,
                    "a LogoutResponse",
                    (bindings.REDIRECT, bindings.POST),
                    role.single_logouts,
                ),
            )
            return self._done(environ, status, back.entity_id)
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
        named = self.endings.requested_by(environ, request, issuer, "slo_soap")
        outcome = self.endings.execute(environ, named, by_server=True)
        self._note_no_browser(environ, outcome)
        if self._is_below and not logout_above(environ).end(outcome.above):
            outcome = outcome._replace(is_overtaken=True)
        answer = logout_response(trust, request.id, status=outcome.status)
        return soap_answer(answer, trust.key_for(issuer))

    # --- /logout: the button on the hub's own page ----------------------------------

    def everywhere(self, environ: "WSGIEnvironment") -> Response:
        """End everything, because the citizen says so here; and what came of it."""
        allow_only(environ, "GET", "HEAD", "POST")
        if environ["REQUEST_METHOD"] != "POST":
            return self._receipt(environ)
        require_own_form(environ, env.trust(environ).own.public_url)
        if _FORGET in read_form(environ):
            return self._forget(environ)
        login = env.session_to_end(environ)
        if login is None:
            # A second click: the receipt of the first says who was told.
            receipt = self._last_receipt(environ)
            if receipt is None:
                return self._done(environ, UNKNOWN)
            return see_other(env.trust(environ).own.url("logout"))
        try:
            return self._end_here(environ, login)
        except Busy:
            # Its page reloads itself, which a form cannot. Each session waits once.
            handle = tag(environ, _LEAVE, login.name)
            return see_other(keep_text(environ, _LEAVE, handle, login.name))

    def carry_out(self, environ: "WSGIEnvironment") -> Response | None:
        """Carry out the pending logout of this browser, and answer what came of it.

        See ``pending_logouts``. None if its session has ended already.
        """
        login = env.session_to_end(environ)
        return None if login is None else self._end_here(environ, login)

    def _leave_in_turn(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """A logout of that button that had to wait; Busy if it still has to.

        Only in the browser of that session, whoever knows the address.
        """
        name, login = kept_text(environ, _LEAVE, handle), env.session_to_end(environ)
        if login is None or login.name != name:
            return redirect_to_receipt(environ)
        return self._end_here(environ, login)

    def _end_here(self, environ: "WSGIEnvironment", login: Login) -> Response:
        """End everything of who is logged in in this browser."""
        with self.endings.room(environ):
            ending = self.endings.end_everywhere(environ, login, "here")
        outcome = ending.outcome()._replace(
            # She was logged in when she clicked, whoever has ended that since.
            is_known=True,
            above=[login.session_index or ""],
            ended=[_key_brought(environ)],
            whose=login.who.label(),
        )
        if self._is_below:
            return self._go_up(environ, outcome, None)
        if ending.is_overtaken:
            return self._done(environ, UNKNOWN)
        return self._finish(environ, outcome, None)

    def lead(
        self,
        environ: "WSGIEnvironment",
        through: env.Through | None,
        ending: EndingResult,
    ) -> Collection[Recipient]:
        """Prepare to tell participants that a logout from above missed, in the browser.

        Return the messages that the browser brings; none without a browser.
        """
        if through is None:
            return ()
        return self._from_above.prepare(environ, through, ending)

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
        ending = self.endings.end_everywhere(environ, login, "another-citizen")
        if not ending.missed:
            # Another logout that was faster has the list, and shows it.
            return None
        return self._go_through_browser(environ, ending.outcome(), None, target)

    # --- pages ----------------------------------------------------------------------

    def _done(
        self, environ: "WSGIEnvironment", status: messages.Status, entity_id: str = ""
    ) -> Response:
        """The last page, which leads to who asked, if that has a page for visitors."""
        trust = env.trust(environ)
        website = trust.federation.link_of(entity_id, language_of(environ))
        own = trust.own
        return self._pages.page(
            environ,
            "logged_out.html",
            headers=_expired_cookie(environ),
            at=clock.now(),
            everywhere=status == DONE,
            others=_OTHERS.get(status, "partly"),
            again_url="",
            website_url=website,
            website_name=_name_of(environ, entity_id) if website else "",
            start_url="" if website else own.url("home"),
            login_url=own.url("login"),
        )

    def _receipt(self, environ: "WSGIEnvironment") -> Response:
        """Where she has logged out in this browser of late; the first page if not."""
        receipt = self._receipts.here(environ)
        if receipt is None:
            return see_other(env.trust(environ).own.url("home"))
        return self._receipt_page(environ, receipt, leads_on=False)

    def _forget(self, environ: "WSGIEnvironment") -> Response:
        self._receipts.forget(environ)
        return see_other(env.trust(environ).own.url("home"))

    def _receipt_page(
        self,
        environ: "WSGIEnvironment",
        receipt: Receipt,
        headers: Iterable[tuple[str, str]] = (),
        *,
        leads_on: bool = True,
    ) -> Response:
        """Where she is logged out, and where not yet; ``leads_on`` to where she was."""
        trust, language = env.trust(environ), language_of(environ)
        handle = receipt.handle
        has_next = leads_on and (receipt.back or receipt.target)
        way_on = self._in_browser.way_on(environ, receipt)
        may_change = receipt.may_change
        receipt_url = trust.own.url("logout")
        look_url = address(trust, LOOK, handle) if leads_on else receipt_url
        name_of = trust.federation.name_of
        states = [(name_of(one, language), *rest) for one, *rest in receipt.states()]
        return self._pages.page(
            environ,
            "receipt.html",
            headers=headers,
            of_another=receipt.is_of_another,
            is_everywhere=receipt.is_everywhere,
            is_unsure=receipt.is_overtaken,
            services=states,
            kept_until=receipt.kept_until,
            tell_url=way_on,
            continue_url=address(trust, CONTINUE, handle) if has_next else None,
            # A service that is told now may be done a little later.
            look_url=look_url if may_change else None,
            receipt_url=None if receipt.is_of_another else receipt_url,
            website_url=None if has_next else trust.own.url("home"),
            login_url=None if has_next else trust.own.url("login"),
            script="receipt.js" if may_change and not receipt.is_of_another else "",
            at=clock.now(),
        )


def _name_of(environ: "WSGIEnvironment", entity_id: str) -> str:
    """Return the name of a service in the language of the page."""
    federation = env.trust(environ).federation
    return federation.name_of(entity_id, language_of(environ))


def _keep(
    environ: "WSGIEnvironment", what: str, outcome: LogoutOutcome, back: ReplyTo | None
) -> str:
    """Keep what has come of a logout; the address of ours that goes on with it."""
    pending = json.dumps([outcome.to_json(), back])
    return keep_text(environ, what, outcome.handle, pending)


def _kept(
    environ: "WSGIEnvironment", what: str, handle: str
) -> tuple[LogoutOutcome, ReplyTo | None]:
    stored = kept_text(environ, what, handle)
    with readable_record():
        text, back, *_ = json.loads(stored)
        return LogoutOutcome.from_json(text), back and ReplyTo.from_parts(back)


def _is_hers(environ: "WSGIEnvironment", outcome: LogoutOutcome) -> bool:
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
