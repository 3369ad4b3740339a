"""Count how often a participant answered a LogoutRequest without confirming it.

Shibboleth and mod_auth_mellon answer with an error if they lost their sessions in a
restart. So the hub stops after a few answers. Only signed ones count, each once.
"""

import json
from typing import NamedTuple

from eilogin.errors import PrincipalUnknown
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.sessions import UNREADABLE
from eilogin.stores import Values

#: Most answers that it has no such session, or denies the request.
_MOST = 3
#: Most answers by Responder alone, which may be over soon: eight minutes of retries.
_MOST_FAILURES = 10


class RefusalCounts(NamedTuple):
    """Answers of one participant about one subject, without confirmation."""

    all: int = 0
    #: That it has no such session, or denies the request.
    explicit: int = 0
    #: Explicit ones in the browser.
    in_browser: int = 0

    def is_final(self, *, needs_browser: bool) -> bool:
        """Whether it gets no more messages: one refusal if it ``needs_browser``."""
        is_over = self.explicit >= _MOST or self.all >= _MOST_FAILURES
        return is_over or (needs_browser and self.in_browser > 0)


def note(  # noqa: PLR0913 - the parts of one answer
    values: Values,
    handle: str,
    recipient: Recipient,
    reason: str,
    until: float,
    *,
    in_browser: bool,
) -> None:
    """Count an answer to a logout; ``reason`` is an error's code."""
    name = recipient.subject.hub_label()
    explicit = int(reason == PrincipalUnknown.code)

    def counted(stored: str | None) -> str:
        counts_by_name = _read(stored)
        earlier = counts_by_name.get(name, RefusalCounts())
        counts_by_name[name] = RefusalCounts(
            earlier.all + 1,
            earlier.explicit + explicit,
            earlier.in_browser + (explicit if in_browser else 0),
        )
        return json.dumps(counts_by_name)

    values.change(_key(handle, recipient.entity_id), counted, until)


def find(values: Values, handle: str, recipient: Recipient) -> RefusalCounts:
    """Return the counts of one subject at one participant."""
    counts_by_name = _read(values.get(_key(handle, recipient.entity_id)))
    return counts_by_name.get(recipient.subject.hub_label(), RefusalCounts())


def has_any(values: Values, handle: str, entity_id: str) -> bool:
    """Whether a participant answered a logout without confirming it."""
    return values.get(_key(handle, entity_id)) is not None


def _read(stored: str | None) -> dict[str, RefusalCounts]:
    try:
        stored_counts = json.loads(stored or "{}")
        return {
            name: RefusalCounts(*map(int, counts[:3]))
            for name, counts in stored_counts.items()
        }
    except UNREADABLE:
        # Another version wrote it: start to count again.
        return {}


def _key(handle: str, entity_id: str) -> str:
    return f"refused-logout:{handle}\0{entity_id}"
