"""The outcome of a logout, its stored form, and the status of its LogoutResponse."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from eilogin.hub.browser_proof import new_proof
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.logout_record_reading import readable_record
from eilogin.saml import messages

DONE = messages.Status()
PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))
#: No session matches, so nobody can be reported as logged out.
UNKNOWN = messages.Status((messages.RESPONDER, messages.UNKNOWN_PRINCIPAL))

#: The stored parts; a new one goes to the end.
_STORED = (
    "is_known",
    "handle",
    "missed",
    "is_overtaken",
    "above",
    "ended",
    "proof",
    "reached",
    "whose",
    "older",
)


class LogoutOutcome(NamedTuple):
    """The outcome of a LogoutRequest."""

    is_known: bool
    handle: str
    #: Recipients that SOAP did not reach.
    missed: Sequence[Recipient]
    #: Whether another logout ended it first, and knows the missed recipients.
    is_overtaken: bool = False
    #: Names of the logins at the hub above.
    above: Sequence[str] = ()
    #: Keys of the sessions that it ended, in any browser.
    ended: Sequence[str] = ()
    #: The browser's cookie after the logout.
    proof: str = ""
    #: entityIDs that confirmed it.
    reached: Sequence[str] = ()
    #: The label of the visitor's sessions.
    whose: str = ""
    #: Handles of the visitor's unfinished earlier logouts.
    older: Sequence[str] = ()

    def to_json(self) -> str:
        """Return JSON text for the store."""
        parts = self._asdict()
        parts["missed"] = [recipient.as_json() for recipient in self.missed]
        return json.dumps([parts[name] for name in _STORED])

    @classmethod
    def from_json(cls, text: str) -> "LogoutOutcome":
        """Read :meth:`to_json`, or raise MessageUnexpected."""
        with readable_record():
            # Another version writes fewer parts or more.
            parts = dict(zip(_STORED, json.loads(text), strict=False))
            missed = [Recipient.from_json(stored) for stored in parts.pop("missed")]
            return cls(missed=missed, **parts)

    @property
    def status(self) -> messages.Status:
        """The status for the LogoutResponse (SAML core 3.7.3.2)."""
        if not self.is_known:
            return UNKNOWN
        return PARTLY if self.missed or self.is_overtaken else DONE


class EndingResult(NamedTuple):
    """The result of ending sessions; more fields in :class:`LogoutOutcome`."""

    handle: str
    missed: Sequence[Recipient]
    reached: Sequence[str]
    older: Sequence[str]
    #: Whether it had a session, or continued an earlier attempt.
    is_known: bool
    is_overtaken: bool
    is_resumed: bool

    def outcome(self) -> LogoutOutcome:
        """Return the outcome with a new proof."""
        return LogoutOutcome(
            self.is_known,
            self.handle,
            self.missed,
            self.is_overtaken,
            proof=new_proof(),
            reached=self.reached,
            older=self.older,
        )
