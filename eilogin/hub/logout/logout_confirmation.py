"""A LogoutRequest through the browser that is kept until she says what she means by it.

Its address stands in histories and logs, and must not log anybody out by itself. So it
is good in one browser, by a cookie of its own; and what she has answered first counts,
however often she looks at it again.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.errors import MessageUnexpected
from eilogin.hub.logout.browser.browser_logout import address
from eilogin.hub.logout.logout_receipts import ReplyTo
from eilogin.hub.logout.session_endings import RequestedLogout
from eilogin.hub.logout.stored_pages import readable_record
from eilogin.saml.message_checks import SKEW
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameter of ``/slo`` that names one; and the one that names a logout which has
#: to wait for its turn.
CONFIRM, TURN = "confirm", "turn"
#: How long she may take for it, in seconds.
ASKED_FOR = 60 * 60.0
#: Known to the browser in which a logout is confirmed, and part of its name.
_ITS_OWN = Cookie("eilogin-leaving")


class PendingLogoutRequest(NamedTuple):
    """One that was found to be good."""

    named: RequestedLogout
    back: ReplyTo
    is_asynchronous: bool
    #: When it came here.
    received: float

    def keep(self, environ: "WSGIEnvironment") -> tuple[str, Sequence[tuple[str, str]]]:
        """Keep it, as :func:`keep_here` does."""
        return keep_here(environ, CONFIRM, self.back, self._text())

    def keep_turn(self, environ: "WSGIEnvironment") -> str:
        """Keep a logout that has to wait for its turn; the address that tries it again.

        The address works in any browser, as the message of a Redirect does, because a
        frame of another site has no cookie of ours. However often the message comes,
        the store keeps it once, under a handle that nobody else can make.
        """
        name = f"{self.back.entity_id}\0{self.back.request_id}"
        return keep_text(environ, TURN, tag(environ, TURN, name), self._text())

    def _text(self) -> str:
        return json.dumps([self.named.parts(), *self[1:]])

    def as_it_came(self) -> "PendingLogoutRequest":
        """The same, for what is known of her since then, and not of now."""
        # Instants of proofs may be of other clocks.
        return self._replace(named=self.named._replace(since=self.received + SKEW))

    @classmethod
    def kept(cls, environ: "WSGIEnvironment", handle: str) -> "PendingLogoutRequest":
        """The one that was kept under a handle, in this browser.

        Raises :class:`eilogin.errors.MessageUnexpected` for any other one.
        """
        asked = cls._read(kept_text(environ, CONFIRM, handle))
        if not is_of_here(environ, asked.back, handle):
            raise other_browser()
        return asked

    @classmethod
    def waiting(cls, environ: "WSGIEnvironment", handle: str) -> "PendingLogoutRequest":
        """The one that waits for its turn under a handle, as it came.

        Raises :class:`eilogin.errors.MessageUnexpected` where there is none.
        """
        return cls._read(kept_text(environ, TURN, handle)).as_it_came()

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


def keep_here(
    environ: "WSGIEnvironment", what: str, back: ReplyTo, text: str
) -> tuple[str, Sequence[tuple[str, str]]]:
    """Keep what is known of a logout; the address that goes on with it in this browser.

    That is ours, with the parameter ``what``. And the headers by which the browser is
    known there.
    """
    brought = _ITS_OWN.read(environ)
    own = brought or secrets.token_urlsafe(16)
    headers = [] if brought else [_ITS_OWN.set(own)]
    return keep_text(environ, what, _handle_of(back, own), text), headers


def is_of_here(environ: "WSGIEnvironment", back: ReplyTo, handle: str) -> bool:
    """Whether the logout that has this handle was kept in this browser."""
    expected = _handle_of(back, _ITS_OWN.read(environ) or "")
    return hmac.compare_digest(handle.encode(), expected.encode())


def other_browser() -> MessageUnexpected:
    """The refusal of one that was not."""
    return MessageUnexpected(
        "another browser began this logout, or this browser lost its cookie"
    )


def tag(environ: "WSGIEnvironment", what: str, name: str) -> str:
    """Make the handle of a name: always the same, and nobody else can make it.

    ``what`` is the parameter of our address that has the handle.
    """
    return Sealer(env.trust(environ).own.sealing_secrets, f"waiting {what}").tag(name)


def keep_text(environ: "WSGIEnvironment", what: str, handle: str, text: str) -> str:
    """Keep a text under a handle; the address of ours that has it."""
    until = clock.now() + ASKED_FOR
    env.values(environ).add(_kept(what, handle), text, until, durable=False)
    return address(env.trust(environ), what, handle)


def kept_text(environ: "WSGIEnvironment", what: str, handle: str) -> str:
    """What was kept so; MessageUnexpected where that is too long ago, or never was."""
    text = env.values(environ).get(_kept(what, handle))
    if text is None:
        raise MessageUnexpected("this logout is over")
    return text


def _handle_of(back: ReplyTo, own: str) -> str:
    """What names a logout in its address, in the browser whose ``own`` cookie is so."""
    name = f"{own}\0logout-request:{back.entity_id}\0{back.request_id}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def answer_to(environ: "WSGIEnvironment", handle: str) -> str:
    """What she has said first to one that is kept; "" where she has said nothing."""
    return env.values(environ).get(_answered(handle)) or ""


def note_answer(environ: "WSGIEnvironment", handle: str, answer: str) -> None:
    """Keep what she has said."""
    until = clock.now() + ASKED_FOR
    env.values(environ).add(_answered(handle), answer, until, durable=False)


def _kept(what: str, handle: str) -> str:
    return f"{what}-logout:{handle}"


def _answered(handle: str) -> str:
    return f"answered-logout:{handle}"
