"""A hub that stands inside of our filters, and has its citizens signed in by them.

It is told of each login that ends here, and ends what it has of it at its own
participants; and it says in turn that she logs out, by ``environ['eilogin.logout']``.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from webob import Request

from eilogin import clock
from eilogin.sessions import Login, Subject
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger("eilogin")

#: What a hub answers that has ended what it was told of.
_KNOWS = 204
#: Keys of environ that do not come from a visitor.
_OURS = ("eilogin.", "wsgi.multi")
#: How long it is remembered what came of a logout, in seconds.
_REMEMBERED = 60 * 60.0


class Inside:
    """What stands inside of the filters: ``app``, which need not be a hub."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def tell(self, environ: "WSGIEnvironment", logins: Sequence[Login]) -> bool:
        """Have a hub end what it has of these; whether all know it.

        Where there is none, all do.
        """
        own = env.trust(environ).own
        if own.hub_inside is None or not logins:
            return True
        ended = env.Ended(logins)
        # A request of our own: nothing of the visitor's is in it.
        request = Request.blank(f"{own.hub_inside}/", base_url=own.public_url)
        ours = {k: v for k, v in environ.items() if k.startswith(_OURS)}
        request.environ.update(ours)
        request.environ.update({env.SESSION: None, env.ENDED: ended})
        request.environ.pop(env.SESSION_FAULT, None)
        answer = request.get_response(self._app)
        if answer.status_code != _KNOWS:
            _log.error(
                "logout: the hub inside does not answer (status %d), so what ended"
                " here is not ended at its participants; is %r, our 'hub_inside', its"
                " 'prefix'?",
                answer.status_code,
                own.hub_inside or "/",
            )
            return False
        return ended.is_everywhere


def note_missed(environ: "WSGIEnvironment", who: Subject) -> None:
    """Note that a hub inside has not reached all, where nobody hears of it yet."""
    # Whoever was not reached has no session for longer than that.
    until = clock.now() + env.sessions(environ).max_session
    env.values(environ).add(_missed(who), "", until, durable=False)


def take_missed(environ: "WSGIEnvironment", who: Subject) -> bool:
    """Whether that was noted, for who hears of it now."""
    return env.values(environ).take(_missed(who)) is not None


def _missed(who: Subject) -> str:
    return f"missed-inside:{who.label()}"


def remember_outcome(environ: "WSGIEnvironment", target: str, others: str) -> None:
    """Remember what came of a logout for the page to which it leads.

    The hub inside tells her, when it has put both halves together. ``others`` is what
    :class:`eilogin.visit.logged_out.LoggedOut` says of them.
    """
    until = clock.now() + _REMEMBERED
    env.values(environ).add(_key(target), others, until, durable=False)


def outcome(environ: "WSGIEnvironment", target: str) -> bool | None:
    """Whether she is logged out everywhere; None where that is not known yet."""
    others = env.values(environ).get(_key(target))
    return None if others is None else others == "everywhere"


def _key(target: str) -> str:
    return f"logout-outcome:{target}"
