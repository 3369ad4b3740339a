"""Execute each logout once, and a limited number at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

from eilogin import clock
from eilogin.errors import Busy, Unavailable
from eilogin.stores import Values
from eilogin.web.limits.client_network import network_here
from eilogin.web.limits.slots import DEFAULT_SLOTS, Full, Slots
from eilogin.web.visit import Visit

#: Seconds between looks for the result of the same logout.
_LOOK_AGAIN = 0.1
#: Threads for the same message: one executes it, another waits.
_WITH_THE_SAME = 2
#: A logout is dead without a result after so many times its longest duration.
_DEAD_AFTER = 2
#: Begins the mark of a pending logout, before its instant; no JSON begins so.
_PENDING = "@"
_FAILED = f"{_PENDING}0"

_PATIENCE = 5.0
#: Slots by message; "" for all.
_WAITING = Slots()


class LogoutSlots:
    """Slots for ``at_once`` logouts, of at most ``longest`` seconds."""

    def __init__(self, at_once: int, longest: float) -> None:
        self._at_once = at_once
        self._longest = longest

    @contextmanager
    def slot(
        self, visit: Visit, message: str = "", *, by_server: str = ""
    ) -> Iterator[None]:
        """Hold a slot for a logout that waits for participants, or raise Busy.

        A repeated ``message`` gets few slots. One network gets half of all, so that
        nobody blocks all others. So does a member's authenticated server
        (``by_server``), but at least :data:`DEFAULT_SLOTS`: it sends for all of its
        visitors.
        """
        if by_server:
            client, at_least = f"soap {by_server}", DEFAULT_SLOTS
        else:
            client, at_least = network_here(visit), 1
        try:
            same = _WAITING.hold(message, _WITH_THE_SAME) if message else nullcontext()
            # A request that waits for another one holds a thread too.
            place = _WAITING.hold(
                "", self._at_once, client, at_least=at_least, patience=_PATIENCE
            )
            with same, place:
                yield
        except Full as full:
            raise Busy(
                f"logouts that wait for participants: {full.in_use}, so no slot is"
                " free (one network, or the server of one member, gets half of"
                " the slots). Check for a participant that answers slowly"
                " (logouts_at_once, logout_timeout), or a message that is sent"
                " again and again"
            ) from None

    def once(
        self,
        visit: Visit,
        name: str,
        until: float,
        execute: Callable[[str], str],
        *,
        by_server: str = "",
    ) -> str:
        """Execute a message once, and return its result; ``until`` is an instant.

        After a failed attempt, ``execute`` runs again, with the mark of that attempt
        ("" for none): which sessions it ended is unknown.
        """
        values = visit.values
        with self.slot(visit, name, by_server=by_server):
            mark = f"{_PENDING}{clock.now()}"
            earlier = self._earlier_result(values, name, mark, until)
            if earlier and not earlier.startswith(_PENDING):
                return earlier
            # If the store fails here, the mark expires, with the same effect.
            try:
                text = execute(earlier)
            except Exception:
                with suppress(Unavailable):
                    values.swap(name, mark, _FAILED, until)
                raise
            with suppress(Unavailable):
                values.swap(name, mark, text, until)
            return text

    def _earlier_result(
        self, values: Values, name: str, mark: str, until: float
    ) -> str:
        # With "" or a failed mark, the caller executes.
        for _ in range(int(self._longest / _LOOK_AGAIN) + 1):
            text = values.get(name)
            if text is None:
                if values.add(name, mark, until):
                    return ""
            elif not text.startswith(_PENDING) or (
                self._is_dead(text) and values.swap(name, text, mark, until)
            ):
                return text
            time.sleep(_LOOK_AGAIN)
        raise Unavailable("the same logout is pending and takes too long")

    def _is_dead(self, mark: str) -> bool:
        age = abs(clock.now() - float(mark.removeprefix(_PENDING)))
        return age > _DEAD_AFTER * self._longest
