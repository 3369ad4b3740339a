"""Complete a logout after SOAP; only the browser of an ended session sees pages."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from webob import Response

from eilogin import clock
from eilogin.federation import Peer
from eilogin.hub.browser_proof import brings_proof, proof_cookie
from eilogin.hub.logout.browser.browser_logout import (
    CONTINUE,
    LOOK,
    BrowserNotifier,
    address,
    redirect_to_receipt,
)
from eilogin.hub.logout.logout_confirmation import ASKED_FOR, store_text, stored_text
from eilogin.hub.logout.logout_outcomes import DONE, PARTLY, LogoutOutcome
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.hub.logout.logout_response_sending import LogoutResponseSender
from eilogin.hub.logout.receipts.logout_receipts import Receipts
from eilogin.hub.logout.receipts.receipt_records import Receipt, ReplyTo
from eilogin.hub.logout.result_pages import ResultPages, expired_cookie
from eilogin.hub.signin.upstream_signin import go_on, logout_above
from eilogin.saml import messages
from eilogin.saml.metadata import ServiceProvider
from eilogin.sessions import Login
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import at, see_other
from eilogin.web.visit import Visit

#: The parameter of ``/slo`` that leads to the hub above and back.
_ABOVE = "above"
#: After a form of another site, this address gets the browser's cookies.
HERE = "here"


class LogoutCompletion:
    """Continues with the outcome, in the browser and at the hub above."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        pages: Pages,
        propagation: Propagation,
        receipts: Receipts,
        in_browser: BrowserNotifier,
        result: ResultPages,
        responses: LogoutResponseSender,
    ) -> None:
        self._pages = pages
        self._propagation = propagation
        self._receipts = receipts
        self._in_browser = in_browser
        self._result = result
        self._responses = responses
        self.shows: Mapping[str, Callable[[Visit, str], Response]] = {
            LOOK: self._look,
            CONTINUE: self._go_on,
            _ABOVE: self._return_from_above,
            HERE: self._continue,
        }

    def _continue(self, visit: Visit, handle: str) -> Response:
        return self.finish(visit, *_stored_outcome(visit, HERE, handle))

    def finish(
        self,
        visit: Visit,
        outcome: LogoutOutcome,
        back: ReplyTo | None,
        requester: Peer[ServiceProvider] | None = None,
    ) -> Response:
        """Finish a logout after SOAP."""
        if outcome.is_known and is_of_browser(visit, outcome):
            return self.go_through_browser(visit, outcome, back)
        self.note_no_browser(visit, outcome)
        if back is None:
            return self._result.logged_out(visit, outcome.status)
        status = outcome.status
        if not outcome.is_known:
            status = self._status_before(visit, back.entity_id) or status
        return self._responses.send(visit, back, status, requester)

    def _status_before(self, visit: Visit, entity_id: str) -> messages.Status | None:
        # This logout may repeat the browser's last one.
        receipt = self.last_receipt(visit)
        if receipt is None or not receipt.is_of(entity_id):
            return None
        return DONE if receipt.is_everywhere else PARTLY

    def last_receipt(self, visit: Visit) -> Receipt | None:
        """Return the receipt of this browser's last logout, if it is complete.

        None if the cookie of a later session is left, or if another logout of the
        citizen is open.
        """
        if visit.token is not None:
            return None
        receipt = self._receipts.here(visit)
        return receipt if receipt and self._receipts.says_all(visit, receipt) else None

    def note_no_browser(self, visit: Visit, outcome: LogoutOutcome) -> None:
        """Log the recipients that only a browser could reach, once."""
        if not outcome.missed:
            return
        key, until = f"no-browser:{outcome.handle}", clock.now() + ASKED_FOR
        if visit.values.add(key, "", until, durable=False):
            self._propagation.note_no_browser(visit.trust, outcome.missed)

    def go_up(
        self, visit: Visit, outcome: LogoutOutcome, back: ReplyTo | None
    ) -> Response:
        """Redirect to the hub above, by an address that gets the browser's cookies."""
        url = store_outcome(visit, _ABOVE, outcome, back)
        headers = expired_cookie(visit)
        if is_of_browser(visit, outcome):
            headers.append(proof_cookie(outcome.proof))
        return go_on(visit, self._pages, url, headers)

    def _return_from_above(self, visit: Visit, handle: str) -> Response:
        outcome, back = _stored_outcome(visit, _ABOVE, handle)
        service = logout_above(visit)
        url = urlsplit(address(visit.trust, _ABOVE, handle))
        target = f"{url.path}?{url.query}"
        is_everywhere = service.outcome(target)
        if is_everywhere is None:
            answer = service.leave(target, outcome.above)
            if answer is not None:
                # The cookie of their login above proves the visitor's browser.
                answer.headerlist.append(proof_cookie(outcome.proof))
                return answer
            # It is not the browser of the session.
            is_everywhere = service.end(outcome.above)
        if not is_everywhere:
            outcome = outcome._replace(is_overtaken=True)
        return self.finish(visit, outcome, back)

    def go_through_browser(
        self,
        visit: Visit,
        outcome: LogoutOutcome,
        back: ReplyTo | None,
        target: str = "",
    ) -> Response:
        """Let the browser notify the missed participants, and continue."""
        now = clock.now()
        logged_out_ids = [*outcome.reached, *([back.entity_id] if back else [])]
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
                entity_id: now
                for entity_id in logged_out_ids
                if entity_id
                not in {recipient.entity_id for recipient in outcome.missed}
            },
        )
        receipt = self._in_browser.begin(visit, begun, outcome.missed)
        if receipt is None:
            return redirect_to_receipt(visit)
        # The next person gets a new session cookie.
        headers = [] if target else expired_cookie(visit)
        headers.append(proof_cookie(outcome.proof))
        if receipt.asked:
            return self._in_browser.page(visit, receipt, headers)
        if receipt.missed or not (back or target):
            return self._result.receipt(visit, receipt, headers)
        answer = self._lead_on(visit, receipt)
        answer.headerlist.append(proof_cookie(outcome.proof))
        return answer

    def _look(self, visit: Visit, handle: str) -> Response:
        receipt = self._receipts.find(visit, handle)
        if receipt is None:
            return redirect_to_receipt(visit)
        if receipt.missed or not (receipt.back or receipt.target):
            headers = expired_cookie(visit)
            return self._result.receipt(visit, receipt, headers)
        return self._lead_on(visit, receipt)

    def unseen(self, visit: Visit, login: Login | None) -> Response | None:
        """Redirect to a logout that was left early (``login``: by another person)."""
        handle = self._receipts.unseen(visit, of_another=login is not None)
        if handle is None:
            return None
        return see_other(address(visit.trust, LOOK, handle))

    def mind(self, visit: Visit, login: Login, target: str) -> Response | None:
        """Protect the receipt of the previous person in this browser from the next one.

        Delete it, or return a page that notifies participants first: they could mistake
        one person for the other.
        """
        receipt = self._receipts.of_other(visit, login)
        if receipt is None:
            return None
        if self._in_browser.way_on(visit, receipt) is None:
            self._receipts.forget(visit)
            return None
        receipt = self._receipts.hand_over(visit, receipt, target)
        return self._in_browser.page(visit, receipt, ())

    def is_out_everywhere(self, visit: Visit) -> bool | None:
        """Whether this browser's last logout reached all, or None."""
        receipt = self._receipts.here(visit)
        return None if receipt is None else receipt.is_everywhere

    def _go_on(self, visit: Visit, handle: str) -> Response:
        receipt = self._receipts.find(visit, handle)
        if receipt is None:
            return redirect_to_receipt(visit)
        if not (receipt.back or receipt.target):
            return self._result.receipt(visit, receipt)
        return self._lead_on(visit, receipt)

    def _lead_on(self, visit: Visit, receipt: Receipt) -> Response:
        if receipt.back is None:
            return see_other(at(visit.trust.own.public_url, receipt.target))
        if visit.session_beyond_idle() is not None:
            # The requester would show them as logged out.
            return see_other(visit.trust.own.url("home"))
        status = DONE if receipt.is_everywhere else PARTLY
        return self._responses.send(visit, receipt.back, status)

    def show_last(self, visit: Visit) -> Response:
        """Show the receipt of this browser's last logout, or the home page."""
        receipt = self._receipts.here(visit)
        if receipt is None:
            return see_other(visit.trust.own.url("home"))
        return self._result.receipt(visit, receipt, leads_on=False)

    def forget(self, visit: Visit) -> Response:
        """Delete the receipt of this browser's last logout."""
        self._receipts.forget(visit)
        return see_other(visit.trust.own.url("home"))


def store_outcome(
    visit: Visit, parameter: str, outcome: LogoutOutcome, back: ReplyTo | None
) -> str:
    """Store an outcome; return our address that continues with it."""
    pending = json.dumps([outcome.to_json(), back])
    return store_text(visit, parameter, outcome.handle, pending)


def _stored_outcome(
    visit: Visit, parameter: str, handle: str
) -> tuple[LogoutOutcome, ReplyTo | None]:
    stored = stored_text(visit, parameter, handle)
    with readable_record():
        text, back, *_ = json.loads(stored)
        return LogoutOutcome.from_json(text), back and ReplyTo.from_parts(back)


def is_of_browser(visit: Visit, outcome: LogoutOutcome) -> bool:
    """Whether the logout ended a session of this browser."""
    return brings_proof(visit, outcome.proof) or (key_brought(visit) in outcome.ended)


def key_brought(visit: Visit) -> str:
    """Return the key of the session cookie, ended or not; or ""."""
    token = visit.token
    return visit.sessions.key_of(token) if token else ""
