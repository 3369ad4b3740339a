"""The logout endpoints of the hub, and the pages that the visitor sees.

A participant requests a logout through the browser or over SOAP, or the visitor does on
the hub's own page. All the visitor's sessions here end, whatever browser brings the
message. The other participants are notified over SOAP (``logout_propagation``), and
those that SOAP misses through the visitor's browser, if there is one
(``browser_logout``). The receipt lists the participants that were missed. The requester
gets Success only if all have confirmed.

Only the browser with the cookie of an ended session sees where the visitor was signed
in. Any other browser, and a participant over SOAP, gets the LogoutResponse and no page.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping
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
from eilogin.hub.logout.logout_outcomes import (
    DONE,
    PARTLY,
    UNKNOWN,
    EndingResult,
    LogoutOutcome,
)
from eilogin.hub.logout.logout_propagation import Propagation, Recipient
from eilogin.hub.logout.receipts.logout_receipts import Receipts
from eilogin.hub.logout.receipts.receipt_records import Receipt, ReplyTo
from eilogin.hub.logout.requested_logouts import requested_by
from eilogin.hub.logout.result_pages import ResultPages, expired_cookie
from eilogin.hub.logout.session_endings import SessionEndings
from eilogin.hub.logout.stored_pages import readable_record
from eilogin.hub.participants.signed_in_services import note_left, services_of, where_in
from eilogin.hub.signin.upstream_signin import go_on, logout_above
from eilogin.saml import bindings, messages
from eilogin.saml.message_checks import KNOWN_FOR
from eilogin.saml.metadata import Endpoint, ServiceProvider
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.inbound_messages import Inbound, read_message, receive_soap, verify
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

#: The parameter of ``/slo`` that leads to the hub above and back.
_ABOVE = "above"
#: The one that returns with the browser's cookies, after a form of another site.
_HERE = "here"
#: The one with a logout of the hub's own button that waits for a free slot.
_LEAVE = "leave"
#: The form field of a visitor who wants to log out of one service only.
_ONLY_HERE = "only-here"
#: The status after a visitor chose to log out of one service only.
_CHOSEN = replace(PARTLY, message=messages.STAYS)
#: The form field that deletes the receipt.
_FORGET = "forget"


class SingleLogout:
    """Logs out everywhere; ``propagation`` notifies the participants.

    With ``is_below``, a logout goes up to the hub above. At most ``at_once`` logouts
    wait for participants. ``of_browser``, ``asks_first`` and ``one_by_one`` are the
    options ``logout_scope``, ``confirm_logout`` and ``logout_in_browser``.
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
        #: Ends sessions, and notifies participants.
        self.endings = SessionEndings(
            propagation, is_below=is_below, at_once=at_once, of_browser=of_browser
        )
        self._receipts = Receipts(propagation)
        kind = RedirectNotifier if one_by_one else FrameNotifier
        self._in_browser: BrowserNotifier = kind(pages, propagation, self._receipts)
        self._result = ResultPages(pages, self._in_browser)
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
        """Answer a LogoutRequest through the browser (SAML profiles 4.4.3.1).

        Also a LogoutResponse, to a LogoutRequest that the browser brought.
        """
        allow_only(environ, "GET", "POST")
        page = self._of_ours(environ)
        if page is not None:
            return page
        inbound = self._receive(environ)
        if isinstance(inbound, Response):
            return inbound
        request = _read_request(environ, inbound.element)
        named = requested_by(environ, request, inbound.issuer, "slo")
        asked = PendingLogoutRequest(
            named,
            ReplyTo(inbound.issuer, request.id, inbound.relay_state),
            request.is_asynchronous,
            clock.now(),
        )
        is_posted = inbound.binding == bindings.POST
        is_of_here = self._of_browser and not named.indexes
        if self._asks_first or (is_posted and is_of_here):
            # A form of another site sends no cookies, which identify the browser. After
            # this redirect the browser sends them, and its history does not keep the
            # message.
            return see_other(*asked.keep(environ))
        try:
            return self._execute(environ, asked, is_posted=is_posted)
        except Busy:
            if not is_posted:
                raise
            # Its page reloads itself, which a form cannot.
            return see_other(asked.keep_turn(environ))

    def _receive(self, environ: "WSGIEnvironment") -> Inbound | Response:
        """Return a valid LogoutRequest, or the answer to another message."""
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
            # A requester learns why its LogoutRequest is rejected.
            is_asked = kind == bindings.REQUEST
            way_on = None if is_asked else self._in_browser.refused(environ, error)
            if way_on is None:
                raise
            return way_on
        return inbound

    def _in_turn(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Execute a LogoutRequest that waited for a slot; Busy if none is free yet."""
        return self._execute(environ, PendingLogoutRequest.waiting(environ, handle))

    def _execute(
        self,
        environ: "WSGIEnvironment",
        asked: PendingLogoutRequest,
        *,
        is_posted: bool = False,
    ) -> Response:
        """End the sessions of a request, and continue with the outcome."""
        outcome = self.endings.execute(
            environ,
            asked.named,
            # The request may come again for as long as the visitor may answer a page.
            known_for=ASKED_FOR if self._asks_first or self._of_browser else KNOWN_FOR,
        )
        # An asynchronous logout wants no answer, and the visitor stays here
        # (asynchronous logout 2.3).
        back = None if asked.is_asynchronous else asked.back
        if self._is_below and outcome.is_known:
            return self._go_up(environ, outcome, back)
        is_shown = outcome.missed and _is_hers(environ, outcome)
        if is_shown or (is_posted and back is not None):
            # A form of another site sends no cookies, which tell the state of this
            # browser. The address of a page does not reveal its content.
            return see_other(_keep(environ, _HERE, outcome, back))
        return self._finish(environ, outcome, back)

    # --- whether she means everywhere -----------------------------------------------

    def _ask_first(
        self, environ: "WSGIEnvironment", asked: PendingLogoutRequest
    ) -> Response | None:
        """Return the page that asks whether the visitor means everywhere, or None.

        It asks only if the visitor's own browser brings the message, and the visitor is
        signed in at other participants too.
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
            # The browser blocks a redirect after a form unless the policy allows its
            # target.
            form_action=[endpoint.for_answers] if endpoint else [],
            action=action,
            name=trust.federation.name_of(issuer, language),
            services=services_of(trust, others, language),
        )

    def _confirm(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Show the page again, or handle the visitor's answer."""
        asked = PendingLogoutRequest.kept(environ, handle)
        answer = answer_to(environ, handle)
        if environ["REQUEST_METHOD"] != "POST":
            # A GET is no new consent of the visitor: a page can be opened again.
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
        # The visitor has logged out at that service, and only there.
        audit.event("logout.received", peer=asked.back.entity_id, reason="only-there")
        if asked.is_asynchronous:
            return see_other(env.trust(environ).own.url("home"))
        return self._back(environ, asked.back, _CHOSEN)

    def _of_ours(self, environ: "WSGIEnvironment") -> Response | None:
        """Answer an address of our own logout pages; None for any other."""
        what, _, _ = environ.get("QUERY_STRING", "").partition("=")
        if what not in self._shows:
            return None
        return self._shows[what](environ, read_query(environ).get(what, ""))

    def _here(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return self._finish(environ, *_kept(environ, _HERE, handle))

    def _finish(
        self, environ: "WSGIEnvironment", outcome: LogoutOutcome, back: ReplyTo | None
    ) -> Response:
        """Finish a logout, after SOAP notified all participants that it could."""
        if outcome.is_known and _is_hers(environ, outcome):
            return self._go_through_browser(environ, outcome, back)
        self._note_no_browser(environ, outcome)
        if back is None:
            return self._result.logged_out(environ, outcome.status)
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
        """Return the receipt of the last logout in this browser, if it is complete.

        None if a later session of this browser ended without it (then its cookie is
        left), or if another logout of the same citizen has not reached all.
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
        """Log the recipients that only a browser could reach, once for each logout."""
        if not outcome.missed:
            return
        key, until = f"no-browser:{outcome.handle}", clock.now() + ASKED_FOR
        if env.values(environ).add(key, "", until, durable=False):
            self._propagation.note_no_browser(env.trust(environ), outcome.missed)

    def _go_up(
        self, environ: "WSGIEnvironment", outcome: LogoutOutcome, back: ReplyTo | None
    ) -> Response:
        """Lead to the hub above, from an address to which the browser can return.

        There the browser sends its cookies, which identify the login above.
        """
        url = _keep(environ, _ABOVE, outcome, back)
        headers = expired_cookie(environ)
        if _is_hers(environ, outcome):
            headers.append(proof_cookie(outcome.proof))
        return go_on(environ, self._pages, url, headers)

    def _above(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Lead the browser to the hub above, and continue with its answer."""
        outcome, back = _kept(environ, _ABOVE, handle)
        service = logout_above(environ)
        url = urlsplit(address(env.trust(environ), _ABOVE, handle))
        target = f"{url.path}?{url.query}"
        is_everywhere = service.outcome(target)
        if is_everywhere is None:
            answer = service.leave(target, outcome.above)
            if answer is not None:
                # It is the visitor's browser, by the cookie of their login above.
                answer.headerlist.append(proof_cookie(outcome.proof))
                return answer
            # Another browser brought the message than that of the session.
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
        """Let the browser notify the missed participants that it can reach.

        Then the visitor gets the receipt, and continues to ``back`` or ``target``.
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
        # A person who signs in after another one gets a new session cookie.
        headers = [] if target else expired_cookie(environ)
        headers.append(proof_cookie(outcome.proof))
        if receipt.asked:
            return self._in_browser.page(environ, receipt, headers)
        if receipt.missed or not (back or target):
            return self._result.receipt(environ, receipt, headers)
        answer = self._on(environ, receipt)
        answer.headerlist.append(proof_cookie(outcome.proof))
        return answer

    def _look(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Show the receipt; if all have confirmed, continue."""
        receipt = self._receipts.find(environ, handle)
        if receipt is None:
            return redirect_to_receipt(environ)
        if receipt.missed or not (receipt.back or receipt.target):
            headers = expired_cookie(environ)
            return self._result.receipt(environ, receipt, headers)
        return self._on(environ, receipt)

    def unseen(
        self, environ: "WSGIEnvironment", login: Login | None
    ) -> Response | None:
        """Redirect to a logout of this browser that the visitor left early.

        With a ``login``, only to a logout of the previous person in the browser.
        """
        handle = self._receipts.unseen(environ, of_another=login is not None)
        if handle is None:
            return None
        return see_other(address(env.trust(environ), LOOK, handle))

    def mind(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """Protect the receipt of the previous person in this browser from the next one.

        If the browser still has to notify participants that could mistake one person
        for the other, return the page that does so; it leads on to ``target``.
        Otherwise delete the receipt.
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
        """Whether the last logout in this browser reached all participants.

        None if no logout is known.
        """
        receipt = self._receipts.here(environ)
        return None if receipt is None else receipt.is_everywhere

    def _go_on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        receipt = self._receipts.find(environ, handle)
        if receipt is None:
            return redirect_to_receipt(environ)
        if not (receipt.back or receipt.target):
            return self._result.receipt(environ, receipt)
        return self._on(environ, receipt)

    def _on(self, environ: "WSGIEnvironment", receipt: Receipt) -> Response:
        """Continue to the next address after a logout, with the latest state."""
        if receipt.back is None:
            return see_other(at(env.trust(environ).own.public_url, receipt.target))
        if env.session_beyond_idle(environ) is not None:
            # The visitor has signed in again, and the requester would report them as
            # logged out.
            return see_other(env.trust(environ).own.url("home"))
        status = DONE if receipt.is_everywhere else PARTLY
        return self._back(environ, receipt.back, status)

    def _back(
        self, environ: "WSGIEnvironment", back: ReplyTo, status: messages.Status
    ) -> Response:
        """Send the visitor back to the requester, with the LogoutResponse."""
        trust = env.trust(environ)
        try:
            _, role = trust.participant(back.entity_id)
        except UnknownPeer:
            # It has left the federation since; the visitor is logged out all the same.
            return self._result.logged_out(environ, status)
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
            return self._result.logged_out(environ, status, back.entity_id)
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
            headers=expired_cookie(environ),
            is_response=True,
        )

    def _answered_at(self, role: ServiceProvider) -> Endpoint | None:
        """Return the endpoint of a participant for LogoutResponses, or None."""
        return role.single_logout(bindings.REDIRECT, bindings.POST)

    # --- /slo/soap: from server to server -------------------------------------------

    def respond_soap(self, environ: "WSGIEnvironment") -> Response:
        """Answer a participant's LogoutRequest over SOAP."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.participant_keys)
        request = _read_request(environ, element)
        named = requested_by(environ, request, issuer, "slo_soap")
        outcome = self.endings.execute(environ, named, by_server=True)
        self._note_no_browser(environ, outcome)
        if self._is_below and not logout_above(environ).end(outcome.above):
            outcome = outcome._replace(is_overtaken=True)
        answer = logout_response(trust, request.id, status=outcome.status)
        return soap_answer(answer, trust.key_for(issuer))

    # --- /logout: the button on the hub's own page ----------------------------------

    def everywhere(self, environ: "WSGIEnvironment") -> Response:
        """End all sessions for the visitor's click here, and show the result."""
        allow_only(environ, "GET", "HEAD", "POST")
        if environ["REQUEST_METHOD"] != "POST":
            return self._receipt(environ)
        require_own_form(environ, env.trust(environ).own.public_url)
        if _FORGET in read_form(environ):
            return self._forget(environ)
        login = env.session_to_end(environ)
        if login is None:
            # A second click: the receipt of the first lists the participants.
            receipt = self._last_receipt(environ)
            if receipt is None:
                return self._result.logged_out(environ, UNKNOWN)
            return see_other(env.trust(environ).own.url("logout"))
        try:
            return self._end_here(environ, login)
        except Busy:
            # The page of Busy reloads itself, which a form cannot. Each session waits
            # once.
            handle = tag(environ, _LEAVE, login.name)
            return see_other(keep_text(environ, _LEAVE, handle, login.name))

    def carry_out(self, environ: "WSGIEnvironment") -> Response | None:
        """Carry out the pending logout of this browser, and answer what came of it.

        See ``pending_logouts``. None if its session has ended already.
        """
        login = env.session_to_end(environ)
        return None if login is None else self._end_here(environ, login)

    def _leave_in_turn(self, environ: "WSGIEnvironment", handle: str) -> Response:
        """Execute a logout of our button that waited for a slot; Busy if none is free.

        Only in the browser of that session, whoever knows the address.
        """
        name, login = kept_text(environ, _LEAVE, handle), env.session_to_end(environ)
        if login is None or login.name != name:
            return redirect_to_receipt(environ)
        return self._end_here(environ, login)

    def _end_here(self, environ: "WSGIEnvironment", login: Login) -> Response:
        """End everything of the visitor who is signed in in this browser."""
        with self.endings.slots.slot(environ):
            ending = self.endings.end_everywhere(environ, login, "here")
        outcome = ending.outcome()._replace(
            # The visitor was signed in when they clicked, even if another logout was
            # faster.
            is_known=True,
            above=[login.session_index or ""],
            ended=[_key_brought(environ)],
            whose=login.who.label(),
        )
        if self._is_below:
            return self._go_up(environ, outcome, None)
        if ending.is_overtaken:
            return self._result.logged_out(environ, UNKNOWN)
        return self._finish(environ, outcome, None)

    def lead(
        self,
        environ: "WSGIEnvironment",
        through: env.Through | None,
        ending: EndingResult,
    ) -> Collection[Recipient]:
        """Prepare to notify missed participants of a logout from above, in the browser.

        Return the messages that the browser brings; none without a browser.
        """
        if through is None:
            return ()
        return self._from_above.prepare(environ, through, ending)

    def make_way(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """End everything of the previous person in this browser.

        None if all participants know of it. Otherwise return the page that notifies the
        others, which could mistake the new person for the previous one; it leads on to
        ``target``. Busy, and nothing ends, if no slot is free.
        """
        with self.endings.slots.slot(environ):
            return self.make_way_in_room(environ, login, target)

    def make_way_in_room(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response | None:
        """Do the same with a slot (``LogoutSlots.slot``) of the caller."""
        ending = self.endings.end_everywhere(environ, login, "another-citizen")
        if not ending.missed:
            # A faster logout has the list of missed participants, and shows it.
            return None
        return self._go_through_browser(environ, ending.outcome(), None, target)

    # --- pages ----------------------------------------------------------------------

    def _receipt(self, environ: "WSGIEnvironment") -> Response:
        """Show the receipt of this browser's last logout; else go to the first page."""
        receipt = self._receipts.here(environ)
        if receipt is None:
            return see_other(env.trust(environ).own.url("home"))
        return self._result.receipt(environ, receipt, leads_on=False)

    def _forget(self, environ: "WSGIEnvironment") -> Response:
        self._receipts.forget(environ)
        return see_other(env.trust(environ).own.url("home"))


def _keep(
    environ: "WSGIEnvironment", what: str, outcome: LogoutOutcome, back: ReplyTo | None
) -> str:
    """Store the outcome of a logout; return our address that continues with it."""
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
    """Whether the request comes from a browser in which the logout ended a session."""
    return brings_proof(environ, outcome.proof) or (
        _key_brought(environ) in outcome.ended
    )


def _key_brought(environ: "WSGIEnvironment") -> str:
    """Return the key of the session cookie in a request, ended or not; or ""."""
    token = env.cookie(environ).read(environ)
    return env.sessions(environ).key_of(token) if token else ""


def _read_request(
    environ: "WSGIEnvironment", element: etree._Element
) -> messages.LogoutRequest:
    """Read a LogoutRequest, and decrypt its NameID if necessary."""
    return messages.read_logout_request(element, env.trust(environ).decrypter)
