"""Check whether a NameID has the requested format.

One value in two formats can mean two people. So eilogin rejects another format than
``name_id_format``. With ``name_id_mismatch = warn``, it gets another REMOTE_USER.
"""

import logging
import threading
from typing import Literal

from eilogin import clock
from eilogin.errors import SubjectMissing
from eilogin.federation import Trust
from eilogin.participant.subject_names import (
    is_of_other_format,
    is_unspecified,
    requested_format,
)
from eilogin.saml.messages import EMAIL
from eilogin.saml.printable_text import printable, short
from eilogin.sessions import Subject

_log = logging.getLogger("eilogin")

Mismatch = Literal["refuse", "warn"]

#: Seconds between warnings about a hub.
_QUIET = 3600.0
#: Characters of a quoted format.
_LONGEST = 100


class NameIDFormatCheck:
    """Checks NameIDs of hubs; ``mismatch`` is the option ``name_id_mismatch``."""

    def __init__(self, mismatch: Mismatch) -> None:
        self._refuses = mismatch == "refuse"
        self._lock = threading.Lock()
        # By entityID: the last format, and the instant of the last warning.
        self._last_format: dict[str, str] = {}
        self._warned: dict[str, float] = {}

    def check(self, trust: Trust, who: Subject) -> None:
        """Compare the NameID's format with the requested one; raise SubjectMissing."""
        # Warn once an hour for each hub if the format is missing, differs, or has
        # changed while any is allowed.
        if not who.has_name_id:
            return
        if not requested_format(trust):
            self._note_change(who)
        elif is_unspecified(who):
            self._warn(
                who,
                f"{who.issuer!r} sent a NameID without a format; expected "
                f"{_format_text(requested_format(trust))!r} (name_id_format). If that "
                "is right, set name_id_format = unspecified",
            )
        elif is_of_other_format(trust, who):
            self._refuse_or_warn(trust, who)

    def _refuse_or_warn(self, trust: Trust, who: Subject) -> None:
        hub = who.issuer
        fault = (
            f"{hub!r} sent a NameID in the format {_format_text(who.format)!r}; "
            f"expected {_format_text(requested_format(trust))!r} (name_id_format)"
        )
        if self._refuses:
            raise SubjectMissing(
                f"{fault}. Set name_id_format to the format of this hub, accept "
                f"it with name_id_mismatch = warn, or {trust.whom_to_ask(hub)}"
            )
        self._warn(
            who, f"{fault}. eilogin accepts it as a different user (name_id_mismatch)"
        )

    def _note_change(self, who: Subject) -> None:
        with self._lock:
            earlier = self._last_format.get(who.issuer, who.format)
            self._last_format[who.issuer] = who.format
        if earlier != who.format:
            self._warn(
                who,
                f"{who.issuer!r} sent a NameID in the format "
                f"{_format_text(who.format)!r}, and earlier ones in "
                f"{_format_text(earlier)!r}: one visitor may become two users. "
                "Set name_id_format to the right format",
            )

    def _warn(self, who: Subject, text: str) -> None:
        now = clock.now()
        with self._lock:
            # The difference is negative after the clock was set back.
            if 0 <= now - self._warned.get(who.issuer, -_QUIET) < _QUIET:
                return
            self._warned[who.issuer] = now
        _log.warning("%s", text)


def _format_text(name_id_format: str) -> str:
    if name_id_format == EMAIL:
        return "email"
    return printable(short(name_id_format)[:_LONGEST])
