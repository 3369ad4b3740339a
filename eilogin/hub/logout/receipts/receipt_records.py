"""The stored state of one logout, from which its receipt is shown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from eilogin.hub.browser_proof import KEPT_FOR
from eilogin.hub.logout.logout_recipients import Recipient
from eilogin.hub.logout.logout_record_reading import readable_record

#: The stored parts; a new one goes to the end.
_STORED = (
    "asked",
    "unreached",
    "back",
    "is_overtaken",
    "target",
    "proof",
    "reached",
    "whose",
    "begun",
    "older",
)


class ServiceState(StrEnum):
    """The state of a service; templates read the values."""

    OUT = "out"
    #: Maybe not everywhere behind it.
    PARTLY = "partly"
    #: The hub retries.
    AGAIN = "again"
    #: It answered without confirming: the hub retries, or does not.
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    #: Unknown, and out of reach.
    MISSED = "missed"


class ReceiptLine(NamedTuple):
    """One participant in a receipt."""

    entity_id: str
    state: ServiceState
    #: When it confirmed, or 0.
    confirmed: float = 0.0


class ReplyTo(NamedTuple):
    """The requester that gets the LogoutResponse."""

    entity_id: str
    request_id: str
    relay_state: str

    @classmethod
    def from_parts(cls, parts: Sequence[str]) -> "ReplyTo":
        """Read JSON parts, of a newer version too."""
        return cls(*parts[: len(cls._fields)])


@dataclass(frozen=True, slots=True)
class Receipt:
    """The stored state of one logout."""

    handle: str
    #: Recipients that the browser notifies, by ID of the LogoutRequest.
    asked: Mapping[str, Recipient] = field(default_factory=dict)
    #: entityIDs out of the browser's reach.
    unreached: Sequence[str] = ()
    #: None after a logout at the hub itself.
    back: ReplyTo | None = None
    #: Whether another logout or hub notified some participants, with unknown results.
    is_overtaken: bool = False
    #: The path where the visitor continues, instead of ``back``.
    target: str = ""
    proof: str = field(default="", repr=False)
    #: When each participant confirmed, by entityID.
    reached: Mapping[str, float] = field(default_factory=dict)
    #: The label of the visitor's sessions.
    whose: str = field(default="", repr=False)
    begun: float = 0.0
    #: Handles of the visitor's unfinished earlier logouts.
    older: Sequence[str] = ()
    #: Not stored: entityIDs to retry, with PartialLogout, and without confirmation.
    waiting: Sequence[str] = ()
    partly: Sequence[str] = ()
    refused: Sequence[str] = ()

    def to_json(self) -> str:
        """Return JSON text for the store."""
        asked = {
            request_id: recipient.as_json()
            for request_id, recipient in self.asked.items()
        }
        parts = [asked if name == "asked" else getattr(self, name) for name in _STORED]
        return json.dumps(parts)

    @classmethod
    def from_json(cls, handle: str, text: str) -> "Receipt":
        """Read :meth:`to_json`, or raise MessageUnexpected."""
        with readable_record():
            # Another version writes fewer parts or more.
            parts = dict(zip(_STORED, json.loads(text), strict=False))
            asked, back = parts.pop("asked"), parts.pop("back")
            return cls(
                handle,
                {name: Recipient.from_json(stored) for name, stored in asked.items()},
                tuple(parts.pop("unreached")),
                back and ReplyTo.from_parts(back),
                **parts,
            )

    @property
    def missed(self) -> Sequence[str]:
        """The sorted entityIDs without confirmation."""
        asked = {recipient.entity_id for recipient in self.asked.values()}
        return sorted({*self.unreached, *asked})

    @property
    def is_everywhere(self) -> bool:
        """Whether all participants have confirmed the logout."""
        return not self.missed and not self.is_overtaken

    def is_of(self, entity_id: str) -> bool:
        """Whether the receipt covers a participant."""
        return entity_id in self.reached or entity_id in self.missed

    @property
    def may_change(self) -> bool:
        """Whether the state may change without the visitor."""
        asked = {recipient.entity_id for recipient in self.asked.values()}
        return bool(self.waiting or asked.difference(self.partly, self.refused))

    @property
    def kept_until(self) -> float:
        """When the receipt expires."""
        return self.begun + KEPT_FOR

    @property
    def is_of_another(self) -> bool:
        """Whether another person uses the browser now."""
        return bool(self.target)

    def lines(self) -> Iterable[ReceiptLine]:
        """Yield the participants; of another person only unconfirmed ones."""
        for entity_id in self.missed:
            yield ReceiptLine(entity_id, self._state_of(entity_id))
        if not self.is_of_another:
            for entity_id, instant in self.reached.items():
                yield ReceiptLine(entity_id, ServiceState.OUT, instant)

    def _state_of(self, entity_id: str) -> ServiceState:
        is_refused = entity_id in self.refused
        if entity_id in self.waiting:
            return ServiceState.UNCONFIRMED if is_refused else ServiceState.AGAIN
        if entity_id in self.partly:
            return ServiceState.PARTLY
        return ServiceState.REFUSED if is_refused else ServiceState.MISSED

    def without(self, confirmed: Mapping[str, float]) -> "Receipt":
        """Return the same after confirmations, by LogoutRequest ID."""
        asked = {
            request_id: recipient
            for request_id, recipient in self.asked.items()
            if request_id not in confirmed
        }
        names = {recipient.entity_id for recipient in asked.values()} | {
            *self.unreached
        }
        reached = {
            self.asked[request_id].entity_id: instant
            for request_id, instant in confirmed.items()
            if self.asked[request_id].entity_id not in names
        }
        return replace(self, asked=asked, reached={**self.reached, **reached})

    def with_late(self, instants: Mapping[str, float]) -> "Receipt":
        """Return the same after late confirmations, by entityID."""
        return replace(
            self,
            asked={k: v for k, v in self.asked.items() if v.entity_id not in instants},
            unreached=[
                entity_id for entity_id in self.unreached if entity_id not in instants
            ],
            reached={**self.reached, **instants},
        )
