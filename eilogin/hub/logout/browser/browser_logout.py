"""Telling participants of a logout through the citizen's browser (SAML profiles 4.4).

For those whom no message from server to server has reached. Each is brought a
LogoutRequest by her browser, and sends that back to the hub's ``/slo`` with a
LogoutResponse, which is noted in the store: in hidden frames of one page
(``logout_frames``), or one after another in her own window
(``logout_redirects``). The pages, and the requests, are for the browser in
which she was logged in (:mod:`eilogin.hub.logout.logout_receipts`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import InNameOf, MessageUnexpected, UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.logout.logout_propagation import (
    Propagation,
    Recipient,
    is_partial,
    note_delivered,
    require_logged_out,
)
from eilogin.hub.logout.logout_receipts import Receipt, Receipts, require_own_browser
from eilogin.saml import messages
from eilogin.saml.metadata import Endpoint
from eilogin.web import environ as env
from eilogin.web.inbound_messages import Inbound
from eilogin.web.outbound_messages import send_through_browser
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameters of ``/slo`` that are no SAML: show the truth, go back with it, and
#: send one participant its request.
LOOK, CONTINUE, TELL = "look", "continue", "tell"
#: How many messages, each with a frame or a turn of its own, tell one participant
#: about one subject.
_MOST_FOR_ONE = 8


class BrowserNotifier(ABC):
    """The pages and messages of logouts that go on in the browser."""

    def __init__(
        self, pages: Pages, propagation: Propagation, receipts: Receipts
    ) -> None:
        self._pages = pages
        self._propagation = propagation
        self._receipts = receipts

    # --- what each way has of its own -------------------------------------------------

    @property
    def shows(self) -> Mapping[str, Callable[["WSGIEnvironment", str], Response]]:
        """The method for each page of ours, by the one parameter of its query."""
        return {TELL: self.tell}

    @abstractmethod
    def page(
        self,
        environ: "WSGIEnvironment",
        receipt: Receipt,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """The page on which those who are left are told, or begin to be."""

    @abstractmethod
    def tell(self, environ: "WSGIEnvironment", request_id: str) -> Response:
        """The way to a participant, with its request."""

    @abstractmethod
    def answered(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """What is shown to who brings the LogoutResponse of a participant."""

    def refused(self, environ: "WSGIEnvironment", error: Exception) -> Response | None:
        """The way on for who brings what is no good, where there is one."""
        return None

    def way_on(self, environ: "WSGIEnvironment", receipt: Receipt) -> str | None:
        """Where she goes on to tell who has not been told, if she can."""
        return None

    # --- what they share --------------------------------------------------------------

    def begin(
        self, environ: "WSGIEnvironment", begun: Receipt, missed: Sequence[Recipient]
    ) -> Receipt | None:
        """A logout that goes on in the browser for those whom SOAP has ``missed``.

        ``begun`` says all else of it. One that has begun by its ``handle`` goes on as
        it is: its page was reloaded. None where nobody is to see that any more.
        """
        trust = env.trust(environ)
        asked = [
            one
            for one in missed
            if not one.is_partial
            and one.subject.has_name_id
            and self._endpoint(trust, one) is not None
        ]
        each_apart = [each for one in asked for each in _each_apart(one)]
        receipt = replace(
            begun,
            asked={messages.new_id(): one for one in each_apart},
            unreached=[one.entity_id for one in missed if one not in asked],
        )
        return self._receipts.keep(environ, receipt)

    def _asking(self, environ: "WSGIEnvironment", request_id: str) -> Receipt:
        """The logout of this browser in which a participant gets this request."""
        receipt = self._receipts.asking(environ, request_id)
        require_own_browser(environ, receipt)
        return receipt

    def _bring(
        self,
        environ: "WSGIEnvironment",
        told: Recipient,
        request_id: str,
        *,
        framed_by: str = "",
    ) -> Response:
        """Have the browser bring a participant its request; UnknownPeer if it cannot.

        ``framed_by`` are the addresses, with blanks between them, of who may show what
        brings it in a frame.
        """
        trust = env.trust(environ)
        endpoint = self._endpoint(trust, told)
        if endpoint is None:
            raise UnknownPeer(f"{told.entity_id!r} no longer accepts a LogoutRequest")
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            "SAMLRequest",
            self._propagation.request(trust, told, endpoint, request_id),
            key=trust.key_for(told.entity_id),
            framed_by=framed_by,
        )

    def _note(
        self,
        environ: "WSGIEnvironment",
        told: Recipient,
        response: messages.LogoutResponse,
    ) -> bool:
        """Note what a participant says (SAML profiles 4.4.3.3); whether she is out.

        There and everywhere behind it. Refused where it does not say so.
        """
        with InNameOf(told.entity_id):
            destination = env.trust(environ).own.url("slo")
            try:
                require_logged_out(response, told, response.in_response_to, destination)
            except MessageUnexpected as error:
                if not self._has_nobody_left(environ, response, error):
                    raise
        partial = is_partial(response.status)
        is_new = self._receipts.confirm(
            environ, response.in_response_to, is_partial=partial
        )
        if is_new:
            note_delivered(told.entity_id, response.status)
        return not partial

    def _has_nobody_left(
        self,
        environ: "WSGIEnvironment",
        response: messages.LogoutResponse,
        error: MessageUnexpected,
    ) -> bool:
        """Whether a participant ended all sessions of one NameID by one message.

        It confirmed that one, and answers UnknownPrincipal to another. ``error`` is
        what is wrong with this answer. Counts any other answer that does not confirm
        the logout.
        """
        if not error.is_refusal:
            return False
        request_id = response.in_response_to
        is_unknown = messages.UNKNOWN_PRINCIPAL in response.status.codes
        if is_unknown and self._receipts.has_nobody_left(environ, request_id):
            return True
        self._receipts.note_refusal(environ, request_id, error.code)
        return False

    def _endpoint(self, trust: Trust, told: Recipient) -> Endpoint | None:
        """Where a participant takes a LogoutRequest through the browser, if it does."""
        try:
            _, role = trust.participant(told.entity_id)
        except UnknownPeer:
            return None
        wanted = self._propagation.ways.in_browser(
            trust.own, told.entity_id, told.subject.name_id
        )
        return role.single_logout(*wanted)


def address(trust: Trust, what: str, name: str) -> str:
    """The address of ours for one of the parameters, such as :data:`LOOK`."""
    return f"{trust.own.url('slo')}?{urlencode({what: name})}"


def redirect_to_receipt(environ: "WSGIEnvironment") -> Response:
    """To what there is to read in this browser now, if anything."""
    return see_other(env.trust(environ).own.url("logout"))


def requester_name(trust: Trust, receipt: Receipt, language: str) -> str:
    """The name of the participant at which she has logged out by now, or ""."""
    back = receipt.back
    if back is None or back.entity_id in receipt.missed:
        return ""
    return trust.federation.name_of(back.entity_id, language)


def _each_apart(told: Recipient) -> Sequence[Recipient]:
    """What is told, each session in a message of its own.

    mod_auth_mellon ends one session for a message that names several, the oldest that
    has this NameID, and says that it is done; for a message about a later one it does
    not look any further. So the oldest comes first.
    """
    indexes = told.session_indexes
    # Not more than a page can have: what is older is in the first message.
    first, rest = indexes[:-_MOST_FOR_ONE], indexes[-_MOST_FOR_ONE:]
    named = [(*first, *rest[:1]), *((each,) for each in rest[1:])]
    return [replace(told, session_indexes=each) for each in named]
