"""LogoutRequests that the hub stores until the visitor answers a page.

Histories and logs keep the page's address, so it works in one browser only, by a cookie
of its own. The first answer counts.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import MessageUnexpected
from eilogin.hub.logout.browser.browser_logout import address
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.hub.logout.receipts.receipt_records import ReplyTo
from eilogin.hub.logout.requested_logouts import RequestedLogout
from eilogin.saml.message_checks import SKEW
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer
from eilogin.web.visit import Visit

#: Parameters of ``/slo``: a logout to confirm, and one that waits for a slot.
CONFIRM, TURN = "confirm", "turn"
#: Seconds until the visitor must answer.
ASKED_FOR = 60 * 60.0
#: The secret of this browser in the handles of its logouts.
_ITS_OWN = Cookie("eilogin-leaving")


class PendingLogoutRequest(NamedTuple):
    """A valid LogoutRequest that waits for the visitor or a slot."""

    named: RequestedLogout
    back: ReplyTo
    is_asynchronous: bool
    received: float

    def store(self, visit: Visit) -> tuple[str, Sequence[tuple[str, str]]]:
        """Store the request, as :func:`store_for_browser` does."""
        return store_for_browser(visit, CONFIRM, self.back, self._text())

    def store_turn(self, visit: Visit) -> str:
        """Store a logout that waits for a slot; return the address to retry it.

        It works in any browser, because a frame of another site sends no cookie. Only
        this hub can make its handle.
        """
        name = f"{self.back.entity_id}\0{self.back.request_id}"
        return store_text(visit, TURN, tag(visit, TURN, name), self._text())

    def _text(self) -> str:
        return json.dumps(
            [self.named.parts(), self.back, self.is_asynchronous, self.received]
        )

    def as_it_came(self) -> "PendingLogoutRequest":
        """Return the same, limited to sessions from before it came."""
        # Machines with other clocks may have stored the sign-ins.
        return self._replace(named=self.named._replace(since=self.received + SKEW))

    @classmethod
    def stored(cls, visit: Visit, handle: str) -> "PendingLogoutRequest":
        """Return the stored request; MessageUnexpected in another browser."""
        request = cls._read(stored_text(visit, CONFIRM, handle))
        if not is_of_this_browser(visit, request.back, handle):
            raise other_browser()
        return request

    @classmethod
    def waiting(cls, visit: Visit, handle: str) -> "PendingLogoutRequest":
        """Return the request that waits for a slot, or raise MessageUnexpected."""
        return cls._read(stored_text(visit, TURN, handle)).as_it_came()

    @classmethod
    def _read(cls, text: str) -> "PendingLogoutRequest":
        with readable_record():
            named, back, is_asynchronous, received, *_ = json.loads(text)
            return cls(
                RequestedLogout.from_parts(*named),
                ReplyTo.from_parts(back),
                is_asynchronous,
                float(received),
            )


def store_for_browser(
    visit: Visit, parameter: str, back: ReplyTo, text: str
) -> tuple[str, Sequence[tuple[str, str]]]:
    """Store a text for this browser; return its address, and the cookie's header."""
    brought = _ITS_OWN.read(visit.cookie_header)
    own = brought or secrets.token_urlsafe(16)
    headers = [] if brought else [_ITS_OWN.set(own)]
    return store_text(visit, parameter, _handle_of(back, own), text), headers


def is_of_this_browser(visit: Visit, back: ReplyTo, handle: str) -> bool:
    """Whether this browser stored the logout with a handle."""
    expected = _handle_of(back, _ITS_OWN.read(visit.cookie_header) or "")
    return hmac.compare_digest(handle.encode(), expected.encode())


def other_browser() -> MessageUnexpected:
    """Return the error for a logout of another browser."""
    return MessageUnexpected(
        "another browser began this logout, or this browser lost its cookie"
    )


def tag(visit: Visit, parameter: str, name: str) -> str:
    """Return the handle of a name; only this hub can make it."""
    return Sealer(visit.trust.own.sealing_secrets, f"waiting {parameter}").tag(name)


def store_text(visit: Visit, parameter: str, handle: str, text: str) -> str:
    """Store a text under a handle; return its address."""
    until = clock.now() + ASKED_FOR
    visit.values.add(_stored_key(parameter, handle), text, until, durable=False)
    return address(visit.trust, parameter, handle)


def stored_text(visit: Visit, parameter: str, handle: str) -> str:
    """Return the stored text, or raise MessageUnexpected."""
    text = visit.values.get(_stored_key(parameter, handle))
    if text is None:
        raise MessageUnexpected("this logout is over")
    return text


def _handle_of(back: ReplyTo, own: str) -> str:
    name = f"{own}\0logout-request:{back.entity_id}\0{back.request_id}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def answer_to(visit: Visit, handle: str) -> str:
    """Return the visitor's first answer to a stored logout, or ""."""
    return visit.values.get(_answer_key(handle)) or ""


def note_answer(visit: Visit, handle: str, answer: str) -> None:
    """Store the visitor's answer, unless there is one."""
    until = clock.now() + ASKED_FOR
    visit.values.add(_answer_key(handle), answer, until, durable=False)


def _stored_key(parameter: str, handle: str) -> str:
    return f"{parameter}-logout:{handle}"


def _answer_key(handle: str) -> str:
    return f"answered-logout:{handle}"
