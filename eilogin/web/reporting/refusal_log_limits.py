"""Limit the lines that refusals of one kind write to the logs.

The *kind* of a refusal without a session is its event, error code and peer. In a
minute, the first :data:`FEW` have lines of their own. The others share one reference,
and its line says so; the next refusal later logs their number.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eilogin import clock
from eilogin.web.reporting.reference_numbers import new_reference

#: Own lines of a kind in a minute.
FEW = 20
#: Seconds.
MINUTE = 60.0
#: Most kinds counted by peer: a message may claim any peer.
MOST_KINDS = 50


class Kind(NamedTuple):
    """The properties that refusals with one reference share."""

    event: str
    code: str
    peer: str = ""


class Line(NamedTuple):
    """The place of one refusal in the log."""

    reference: str
    #: False if an earlier line covers it.
    is_written: bool = True
    is_shared: bool = False


class Total(NamedTuple):
    """The number of refusals that shared a reference in a past minute."""

    kind: Kind
    reference: str
    times: int


@dataclass
class _Count:
    count: int = 0
    reference: str = ""


class RefusalLines:
    """The refusals of this process, in the current minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[Kind, _Count] = {}
        self._began = 0.0

    def line_of(self, kind: Kind) -> tuple[Line, Sequence[Total]]:
        """Count a refusal; return its place in the log, and totals to log before."""
        with self._lock:
            totals = self._begun_anew()
            if kind not in self._kinds and len(self._kinds) >= MOST_KINDS:
                kind = kind._replace(peer="")
            counted = self._kinds.setdefault(kind, _Count())
            counted.count += 1
            if counted.count <= FEW:
                return Line(new_reference()), totals
            if counted.reference:
                return Line(counted.reference, is_written=False), totals
            counted.reference = new_reference()
            return Line(counted.reference, is_shared=True), totals

    def forget(self) -> None:
        """Forget all refusals of this minute."""
        with self._lock:
            self._kinds = {}

    def _begun_anew(self) -> Sequence[Total]:
        now = clock.now()
        # The clock may have been set forward or back.
        if 0 <= now - self._began < MINUTE:
            return ()
        before, self._kinds, self._began = self._kinds, {}, now
        return [
            Total(kind, counted.reference, counted.count - FEW)
            for kind, counted in before.items()
            if counted.count > FEW + 1
        ]
