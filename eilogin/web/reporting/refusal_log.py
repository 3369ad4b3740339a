"""Bound what refusals of one kind write to the logs, however many a bot causes.

Each refusal of a visitor without a session has a *kind*: event, error code, peer. In a
minute the first :data:`FEW` of a kind have lines of their own. All further ones share
one reference, whose line says so. After that minute, the next refusal of any kind logs
how many they were. So every reference on a page leads to a line, and a flood to a few.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eilogin import clock
from eilogin.web.reporting.reference_numbers import new_reference

#: Refusals of one kind that have lines of their own in a minute.
FEW = 20
#: Seconds after which a kind begins anew.
MINUTE = 60.0
#: Most kinds that are counted by their peer: a message may claim to be of any peer.
MOST_KINDS = 50


class Kind(NamedTuple):
    """The common properties of refusals that share a reference."""

    event: str
    code: str
    peer: str = ""


class Line(NamedTuple):
    """How one refusal is written down."""

    reference: str
    #: Whether it has a line: False where that of another one stands for it.
    is_written: bool = True
    #: Whether further ones share its reference.
    is_shared: bool = False


class Total(NamedTuple):
    """How many refusals shared a reference in a minute that is over."""

    kind: Kind
    reference: str
    times: int


@dataclass
class _Count:
    count: int = 0
    reference: str = ""


class RefusalLines:
    """The refusals of this process, in the minute that runs now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[Kind, _Count] = {}
        self._began = 0.0

    def line_of(self, kind: Kind) -> tuple[Line, Sequence[Total]]:
        """Count a refusal.

        Returns how it is written down, and the totals that are to be written first.
        """
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
        # However far, and which way, the clock was set meanwhile.
        if 0 <= now - self._began < MINUTE:
            return ()
        before, self._kinds, self._began = self._kinds, {}, now
        return [
            Total(kind, counted.reference, counted.count - FEW)
            for kind, counted in before.items()
            if counted.count > FEW + 1
        ]
