"""Read stored records of logouts, which another version may have written."""

from collections.abc import Iterator
from contextlib import contextmanager

from eilogin.errors import MessageUnexpected
from eilogin.sessions import UNREADABLE


@contextmanager
def readable_record() -> Iterator[None]:
    """Raise MessageUnexpected for a record that this version cannot read."""
    try:
        yield
    except UNREADABLE:
        raise MessageUnexpected(
            "this hub cannot read the record of this logout"
        ) from None
