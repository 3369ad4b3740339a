"""Execute each logout once, and a limited number of logouts at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.errors import Busy, Unavailable
from eilogin.stores import Values
from eilogin.web import environ as env
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.slots import USUAL, Full, Slots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How often to check whether the same logout is done elsewhere, in seconds.
_LOOK_AGAIN = 0.1
#: How many requests with the same message have threads here: one that executes it, and
#: one that waits for the result.
_WITH_THE_SAME = 2
#: A pending logout without a result after so many times its longest duration is dead:
#: its process was killed.
_DEAD_AFTER = 2
#: The prefix of the mark of a pending logout; its instant follows. No outcome, which is
#: JSON, begins so.
_PENDING = "@"
#: The mark of a logout that failed.
_FAILED = f"{_PENDING}0"

#: How many seconds a logout waits for a free slot.
_PATIENCE = 5.0
#: The slots of logouts that wait for participants, by message, and of all ("").
_WAITING = Slots()


class LogoutSlots:
    """The slots of logouts that wait for participants, ``at_once`` at most.

    ``longest`` is how many seconds one logout may last.
    """

    def __init__(self, at_once: int, longest: float) -> None:
        self._at_once = at_once
        self._longest = longest

    @contextmanager
    def slot(
        self, environ: "WSGIEnvironment", message: str = "", *, by_server: str = ""
    ) -> Iterator[None]:
        """Hold a slot for a logout that waits for participants; Busy if none is free.

        It waits a few seconds for a slot. After Busy nothing has happened, and the
        request may come again. A single ``message`` gets few slots in any case. One
        network gets half of all slots, so that nobody blocks all others. So does a
        member whose server sends the requests (``by_server``, which is authenticated).
        But a member gets at least as many slots as a participant uses at once: its
        requests are of all its visitors, and it shares them among networks itself.
        """
        if by_server:
            whose, at_least = f"soap {by_server}", USUAL
        else:
            whose, at_least = network_here(environ), 1
        try:
            same = _WAITING.one(message, _WITH_THE_SAME) if message else nullcontext()
            # A request that waits for another one has a slot too: it holds a thread as
            # well.
            place = _WAITING.one(
                "", self._at_once, whose, at_least=at_least, patience=_PATIENCE
            )
            with same, place:
                yield
        except Full as full:
            raise Busy(
                f"logouts that wait for participants: {full.taken}, so no slot is"
                " free (one network, or the server of one member, gets half of"
                " the slots). Check for a participant that answers slowly"
                " (logouts_at_once, logout_timeout), or a message that is sent"
                " again and again"
            ) from None

    def once(
        self,
        environ: "WSGIEnvironment",
        seen: str,
        until: float,
        execute: Callable[[str], str],
        *,
        by_server: str = "",
    ) -> str:
        """Return the result of a message that is executed once, named ``seen``.

        A repeated message gets the first result, even if that is still pending. If the
        first attempt failed, this one executes the message. ``execute`` gets the mark
        of the attempt that failed ("" for none): nobody knows which sessions that one
        ended.
        """
        values = env.values(environ)
        with self.slot(environ, seen, by_server=by_server):
            mark = f"{_PENDING}{clock.now()}"
            before = self._come_of(values, seen, mark, until)
            if before and not before.startswith(_PENDING):
                return before
            # If the store does not answer, the mark expires, which has the same effect.
            try:
                text = execute(before)
            except Exception:
                with suppress(Unavailable):
                    values.swap(seen, mark, _FAILED, until)
                raise
            with suppress(Unavailable):
                values.swap(seen, mark, text, until)
            return text

    def _come_of(self, values: Values, seen: str, mark: str, until: float) -> str:
        """Return the earlier result of a message.

        The caller has to execute it if that is "", or the mark of a failed attempt.
        """
        for _ in range(int(self._longest / _LOOK_AGAIN) + 1):
            text = values.get(seen)
            if text is None:
                if values.add(seen, mark, until):
                    return ""
            elif not text.startswith(_PENDING) or (
                self._is_dead(text) and values.swap(seen, text, mark, until)
            ):
                return text
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is pending and takes too long")

    def _is_dead(self, mark: str) -> bool:
        age = abs(clock.now() - float(mark.removeprefix(_PENDING)))
        return age > _DEAD_AFTER * self._longest
