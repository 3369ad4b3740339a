"""Limits on the storage of forms: for one site, and for one client network.

Each limit counts the bytes reserved in the last 60 to 90 minutes, by half hours. A form
beyond it is not stored, so that it displaces no form of others.
"""

from eilogin import clock
from eilogin.stores import Values
from eilogin.web.reporting import rate_limited_log

_FORMS = "kept forms"
_MEGA = 1024**2
#: Bytes of one site, unless its largest forms need more.
MOST_IN_ALL = 128 * _MEGA
#: Forms of the largest size that fit at least.
_LARGEST_FORMS = 16
#: Divisor for one client network.
_SHARE_OF_NETWORK = 4
#: Least bytes that a form counts for: its row in the store.
_LEAST = 4096

#: Seconds of a slice, and slices that count: at least an hour.
_SLICE = 30 * 60
_SLICES = 3


def counted(size: int) -> int:
    """The bytes that a form of ``size`` bytes counts for."""
    return max(size, _LEAST)


class Room:
    """Reservations among ``values``, for forms of at most ``limit`` bytes.

    All ``contents`` have ``in_all`` bytes together (0: :data:`MOST_IN_ALL`), or
    :data:`_LARGEST_FORMS` times ``limit`` if that is more.
    """

    def __init__(
        self,
        values: Values,
        limit: int,
        *,
        contents: str = _FORMS,
        in_all: int = 0,
    ) -> None:
        self._values = values
        self._most = max(in_all or MOST_IN_ALL, _LARGEST_FORMS * limit)
        self._contents = contents

    def reserve(self, size: int, network: str) -> bool:
        """Reserve bytes for a form (:func:`counted`); False if a limit is reached.

        ``network`` is the client network, or "". Raises StoreUnavailable.
        """
        instant = clock.now()
        if network and not self._add(
            self._of(network), size, self._most // _SHARE_OF_NETWORK, instant
        ):
            self._warn("for this client network")
            return False
        if self._add(self._of(""), size, self._most, instant):
            return True
        self._warn("at this site")
        if network:
            self._add(self._of(network), -size, self._most, instant)
        return False

    def give_back(self, size: int, network: str, instant: float) -> None:
        """Give back bytes of a reservation that was made at ``instant``."""
        for key in {self._of(""), self._of(network)}:
            self._add(key, -size, self._most, instant)

    def _warn(self, where: str) -> None:
        rate_limited_log.warn(
            f"{self._contents}: not kept, because the store has no space left {where}"
        )

    def _of(self, network: str) -> str:
        kind = "" if self._contents == _FORMS else f"{self._contents}:"
        return f"kept-bytes:{kind}{network}"

    def _add(self, key: str, size: int, most: int, instant: float) -> bool:
        current_slice, its_slice = int(clock.now() // _SLICE), int(instant // _SLICE)
        is_full = False

        def summed(stored: str | None) -> str | None:
            nonlocal is_full
            counts = {s: n for s, n in _read(stored) if s > current_slice - _SLICES}
            is_full = size > 0 and sum(counts.values()) + size > most
            if is_full:
                return None
            counts[its_slice] = max(0, counts.get(its_slice, 0) + size)
            return " ".join(
                f"{slice_number}:{count}" for slice_number, count in counts.items()
            )

        until = (current_slice + _SLICES) * float(_SLICE)
        return self._values.change(key, summed, until) and not is_full


def _read(stored: str | None) -> list[tuple[int, int]]:
    pairs = (pair.partition(":") for pair in (stored or "").split())
    return [(int(slice_number), int(count)) for slice_number, _, count in pairs]
