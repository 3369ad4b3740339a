"""Telling participants of a logout one after another, in the citizen's own window.

She is led to the first of them with a LogoutRequest; that one sends her back to the
hub's ``/slo`` with its answer, and she is led to the next. So its cookies come along,
without which some participants end nothing; no frame brings them there.

Between two of them a page of the hub goes on by itself: a browser follows some twenty
redirects in a row and no more, and she reads what goes on. Whether what comes back is
good or not, nobody has a second turn, so all of it ends. Who does not send her back has
her stay there; the rest have their turn when she comes to the hub again, where a button
leads on. So those come last that are told over SOAP again: they are most likely to be
away, and least need her.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from webob import Response

from eilogin.errors import MessageUnexpected, Refused, UnknownPeer
from eilogin.hub.logout.browser.browser_logout import (
    LOOK,
    TELL,
    BrowserNotifier,
    address,
    redirect_to_receipt,
    requester_name,
)
from eilogin.hub.logout.logout_receipts import Receipt
from eilogin.saml import messages
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.inbound_messages import Inbound
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import note_refusal
from eilogin.web.pages.reference_numbers import read_reference
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameter of ``/slo`` that leads to the next one, of a logout or of "" for that
#: which is under way in this browser.
NEXT = "next"
#: Under which reference it is noted that what a form has brought was refused; and for
#: how many seconds she may read that.
_REFUSED, _READ_FOR = Cookie("eilogin-refused"), 60


class RedirectNotifier(BrowserNotifier):
    """The page between two participants, and the way to and from each."""

    @property
    def shows(self) -> Mapping[str, Callable[["WSGIEnvironment", str], Response]]:
        """The method for each page of ours, by the one parameter of its query."""
        return {**super().shows, NEXT: self._next}

    def page(
        self,
        environ: "WSGIEnvironment",
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """The page that goes on to whose turn it is; where all had it, to the end."""
        trust, language = env.trust(environ), language_of(environ)
        turn = self._turn(environ, receipt)
        if turn is None:
            return see_other(address(trust, LOOK, receipt.handle), headers)
        self._receipts.begin(environ, receipt)
        url = address(trust, TELL, turn)
        return self._pages.page(
            environ,
            "logging_out_one_by_one.html",
            # As in eilogin.hub.signin.upstream_signin: it needs no JavaScript.
            headers=[("Refresh", f"0; url={url}"), *headers],
            of_another=receipt.is_of_another,
            name=requester_name(trust, receipt, language),
            service=trust.federation.name_of(receipt.asked[turn].entity_id, language),
            url=url,
        )

    def tell(self, environ: "WSGIEnvironment", request_id: str) -> Response:
        """Lead her to a participant, with its request; that was its turn."""
        receipt = self._asking(environ, request_id)
        self._receipts.note_turn(environ, request_id)
        try:
            return self._bring(environ, receipt.asked[request_id], request_id)
        except UnknownPeer as error:
            note_refusal(error, "logout.delivered", environ)
            return self._on(environ, receipt.handle)

    def answered(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """Note a participant's LogoutResponse, and lead her on.

        Where another browser brings it that one learns nothing.
        """
        response = messages.read_logout_response(inbound.element)
        request_id = response.in_response_to
        receipt = self._receipts.asking(environ, request_id)
        try:
            self._note(environ, receipt.asked[request_id], response)
        except Refused as error:
            note_refusal(error, "logout.delivered", environ)
        self._receipts.note_return(environ, request_id)
        return self._on(environ, receipt.handle)

    def refused(self, environ: "WSGIEnvironment", error: Exception) -> Response | None:
        """Lead her on where a participant has sent her back with what is no good.

        None where no logout is under way in her browser. A form of another site comes
        without the cookie that tells; that is known at the next address, and there she
        reads the reference under which it is noted here.
        """
        is_posted = environ["REQUEST_METHOD"] == "POST"
        if not is_posted and self._under_way(environ) is None:
            return None
        reference = note_refusal(error, "logout", environ)
        answer = self._on(environ, "")
        if is_posted:
            answer.headerlist.append(_REFUSED.set(reference, max_age=_READ_FOR))
        return answer

    def way_on(self, environ: "WSGIEnvironment", receipt: Receipt) -> str | None:
        """Where she goes on to those who have not had their turn."""
        if self._turn(environ, receipt) is None:
            return None
        return address(env.trust(environ), NEXT, receipt.handle)

    def _next(self, environ: "WSGIEnvironment", named: str) -> Response:
        handle = named or self._under_way(environ) or ""
        if not handle:
            error = MessageUnexpected("this browser has no pending logout")
            error.reference = read_reference(_REFUSED.read(environ) or "")
            raise error
        receipt = self._receipts.find(environ, handle)
        if receipt is None:
            return redirect_to_receipt(environ)
        if not named:
            self._receipts.note_return_of_one(environ, receipt)
        return self.page(environ, receipt, ())

    def _under_way(self, environ: "WSGIEnvironment") -> str | None:
        """The handle of the logout that is under way in this browser.

        Who is logged in there again has none of her own: hers is over.
        """
        is_in = env.session_beyond_idle(environ) is not None
        return self._receipts.unseen(environ, of_another=is_in)

    def _turn(self, environ: "WSGIEnvironment", receipt: Receipt) -> str | None:
        """The ID of the LogoutRequest whose turn it is."""
        trust = env.trust(environ)
        waiting = self._receipts.waiting_for_turn(environ, receipt)
        return min(
            waiting,
            key=lambda one: self._propagation.can_be_told(trust, receipt.asked[one]),
            default=None,
        )

    def _on(self, environ: "WSGIEnvironment", handle: str) -> Response:
        return see_other(address(env.trust(environ), NEXT, handle))
