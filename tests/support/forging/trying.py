"""How tests try forgeries: some of one kind in each test, and each by its name."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import pytest

from forging import Forgery

#: Forgeries in one test: to begin one anew takes longer than to bring a message.
_MOST = 12


def by_kind(forgeries: Iterable[Forgery]) -> list[Any]:
    """Parameters of a test: forgeries of one kind, by which it is called."""
    kinds: dict[str, list[Forgery]] = {}
    for forgery in forgeries:
        kinds.setdefault(forgery.kind, []).append(forgery)
    return [
        pytest.param(found[begin : begin + _MOST], id=f"{kind}-{begin // _MOST}")
        for kind, found in kinds.items()
        for begin in range(0, len(found), _MOST)
    ]


@contextmanager
def by_name(forgery: object, how: str = "") -> Iterator[None]:
    """What fails inside tells by which forgery."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"by {forgery} {how}")
        raise


def is_even(forgery: Forgery) -> bool:
    """Of half of all forgeries, always the same: where each is tried in one of two."""
    return crc32(forgery.name.encode()) % 2 == 0
