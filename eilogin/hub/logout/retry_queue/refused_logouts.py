"""Count how often a participant answered a LogoutRequest without confirming it.

A service provider that lost its sessions in a restart answers each LogoutRequest so:
Shibboleth with Responder and PartialLogout, mod_auth_mellon with RequestDenied. More
LogoutRequests would change nothing. So the hub stops after a few answers, and the
logout receipt says that the participant was reached and did not confirm.

Only answers that a key of the participant signed count, and each of them once.
"""

import json
from typing import NamedTuple

from eilogin.errors import PrincipalUnknown
from eilogin.hub.logout.logout_propagation import Recipient
from eilogin.sessions import UNREADABLE
from eilogin.stores import Values

#: A participant that answered so often that it has no such session, or that it denies
#: the request, gets no more messages.
_MOST = 3
#: The same for answers that say only that it failed (Responder without more), which
#: may be over soon: the last of them comes some eight minutes after the logout.
_MOST_FAILURES = 10


class RefusalCounts(NamedTuple):
    """How often one participant has not confirmed the end of one subject's sessions."""

    #: All such answers.
    all: int = 0
    #: With a status that says why: it has no such session, or denies the request.
    explicit: int = 0
    #: The explicit ones that came in the visitor's browser.
    in_browser: int = 0

    def is_final(self, *, needs_browser: bool) -> bool:
        """Whether the participant is asked no more.

        If it ``needs_browser``, nobody can ask it again without the visitor. Then one
        explicit answer there suffices.
        """
        is_over = self.explicit >= _MOST or self.all >= _MOST_FAILURES
        return is_over or (needs_browser and self.in_browser > 0)


def note(  # noqa: PLR0913 - the parts of one answer
    values: Values,
    handle: str,
    told: Recipient,
    reason: str,
    until: float,
    *,
    in_browser: bool,
) -> None:
    """Count one answer to the logout of this handle; ``reason`` is an error's code."""
    name = told.subject.told_label()
    explicit = int(reason == PrincipalUnknown.code)

    def counted(stored: str | None) -> str:
        found = _read(stored)
        known = found.get(name, RefusalCounts())
        found[name] = RefusalCounts(
            known.all + 1,
            known.explicit + explicit,
            known.in_browser + (explicit if in_browser else 0),
        )
        return json.dumps(found)

    values.change(_key(handle, told.entity_id), counted, until)


def find(values: Values, handle: str, told: Recipient) -> RefusalCounts:
    """Return what was counted of one subject at one participant."""
    found = _read(values.get(_key(handle, told.entity_id)))
    return found.get(told.subject.told_label(), RefusalCounts())


def has_any(values: Values, handle: str, entity_id: str) -> bool:
    """Whether a participant has answered a logout without confirming it."""
    return values.get(_key(handle, entity_id)) is not None


def _read(stored: str | None) -> dict[str, RefusalCounts]:
    try:
        found = json.loads(stored or "{}")
        return {
            name: RefusalCounts(*map(int, counts[:3])) for name, counts in found.items()
        }
    except UNREADABLE:
        # Another version, which shares the store, wrote it: start to count again.
        return {}


def _key(handle: str, entity_id: str) -> str:
    return f"refused-logout:{handle}\0{entity_id}"
