"""What the store keeps of a logout for its pages, which may be of another version."""

from collections.abc import Iterator
from contextlib import contextmanager

from eilogin.errors import MessageUnexpected
from eilogin.sessions import UNREADABLE


@contextmanager
def readable_record() -> Iterator[None]:
    """Raise MessageUnexpected for what cannot be read here.

    While a hub is renewed, processes of two versions share the store.
    """
    try:
        yield
    except UNREADABLE:
        raise MessageUnexpected(
            "this hub cannot read the record of this logout"
        ) from None
