"""Limit the lines that refusals of one kind write to the logs.

Each refusal of a visitor without a session has a *kind*: event, error code, peer. In a
minute, the first :data:`FEW` of a kind have lines of their own. All further ones share
one reference, and its line states that. The next refusal of any kind after that minute
logs their number. So every reference on a page leads to a line, and a flood of refusals
writes few lines.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eilogin import clock
from eilogin.web.reporting.reference_numbers import new_reference

#: Refusals of one kind with lines of their own in a minute.
FEW = 20
#: Seconds after which the counts start again.
MINUTE = 60.0
#: Most kinds that are counted by peer, because a message may claim any peer.
MOST_KINDS = 50


class Kind(NamedTuple):
    """The common properties of refusals that share a reference."""

    event: str
    code: str
    peer: str = ""


class Line(NamedTuple):
    """The place of one refusal in the log."""

    reference: str
    #: Whether it has a line of its own; otherwise an earlier line covers it.
    is_written: bool = True
    #: Whether further refusals share its reference.
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
        """Count a refusal.

        Returns its place in the log, and the totals to log before it.
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
        # The clock may have been set meanwhile, forward or back.
        if 0 <= now - self._began < MINUTE:
            return ()
        before, self._kinds, self._began = self._kinds, {}, now
        return [
            Total(kind, counted.reference, counted.count - FEW)
            for kind, counted in before.items()
            if counted.count > FEW + 1
        ]
