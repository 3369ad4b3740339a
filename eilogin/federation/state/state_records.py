"""The records of a federation's state, as values and as the JSON on disk."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eilogin import clock
from eilogin.federation.sources.metadata_sources import AcceptedMetadata
from eilogin.saml.message_checks import SKEW

#: The version of the format; eilogin reads no other.
_VERSION = 1
#: Characters.
_ID_LENGTH = 32
#: Separates the name of the user from the name before sudo.
BY_SUDO = ", by sudo of "
NAMELESS = "a user without a name"
#: Bytes. eilogin reads no longer file.
LONGEST = 64 * 1024 * 1024

#: eilogin removes such files if no state names them.
REMOVABLE = re.compile(
    r"index-\d+|copy-[0-9a-f]{64}\.xml|held-[0-9a-f]{64}\.jsonl|members-\w+|[^/]*\.new"
)


@dataclass(frozen=True, slots=True)
class Source(AcceptedMetadata):
    """The record of one source: the accepted metadata, and the last tries."""

    #: ``name`` is for logs, and ``key`` identifies the source.
    name: str
    key: str
    #: A hash of its line in the options, which several files of a folder share.
    line: str = ""
    #: A hash of the keys that may sign the copy.
    signers: str = ""
    #: A file in the folder.
    copy: str = ""
    #: The number of members, and the entityIDs that belong to another source.
    members: int = 0
    passed: tuple[str, ...] = ()
    #: Times of the last try and success; failures since then, and the last reason.
    tried: float = 0.0
    worked: float = 0.0
    failures: int = 0
    why: str = ""

    @property
    def cache(self) -> str:
        """A file in the folder, if any, with its members by their octets."""
        return f"members-{self.key}"


@dataclass(frozen=True, slots=True)
class State:
    """All metadata together, as fetched at one time."""

    generation: int
    made: float
    #: An ID for persons, which stays if somebody signs the same members again.
    id: str
    digest: str
    #: A hash of the options that select sources and keys.
    configuration: str
    #: A file in the folder.
    index: str
    members: int
    sources: tuple[Source, ...] = ()
    #: The file of members in quarantine, and the index of all as signed; or "".
    held: str = ""
    signed: str = ""

    @property
    def files(self) -> set[str]:
        """The files in the folder that it needs."""
        copies = (source.copy for source in self.sources)
        caches = (source.cache for source in self.sources)
        return {self.index, self.held, self.signed, *copies, *caches} - {""}

    def source(self, key: str) -> Source | None:
        """Return the record of a source by its key."""
        return next((source for source in self.sources if source.key == key), None)


@dataclass(frozen=True, slots=True)
class Tries:
    """The result of past tries to refresh, and the time of the next."""

    tried: float = 0.0
    worked: float = 0.0
    #: Failures since the last success, and the last reason.
    failures: int = 0
    why: str = ""
    due: float = 0.0
    #: The ID of a whole state that somebody rejected: eilogin does not ask again.
    rejected: str = ""
    #: The fingerprint of the local files then.
    look: str = ""
    #: The configuration of the last try; "" if unknown.
    by: str = ""

    @property
    def is_due(self) -> bool:
        """Whether it is time, or our clock was ahead at the last try."""
        now = clock.now()
        return self.due <= now or now < self.tried - SKEW


@dataclass(frozen=True, slots=True)
class Active:
    """The active state, and the tries to get a newer one."""

    state: State
    tries: Tries
    #: The time of activation, and the file of the index before.
    since: float
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval: the user's name and uid in the system, and the time."""

    name: str
    uid: int
    at: float
    #: The user before sudo, if another one.
    sudo_uid: int | None = None

    def is_by_same_person(self, other: "Approval") -> bool:
        """Whether one person gave both: nodes may have different uids for a name."""
        return not _identities(self).isdisjoint(_identities(other))


def _identities(who: Approval) -> set[int | str | None]:
    return {who.uid, who.sudo_uid, *who.name.split(BY_SUDO)} - {None, NAMELESS}


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of one member that waits for approval."""

    #: A hash of the record before and after the change.
    id: str
    #: The member; "" for all members, if eilogin cannot compare.
    entity_id: str
    reasons: tuple[str, ...]
    since: float
    approvals: tuple[Approval, ...] = ()
    #: Whether somebody rejected it: eilogin does not ask again.
    is_rejected: bool = False
    #: Whether it waits because so many members change at once.
    is_mass: bool = False

    def lacks(self, needed: int) -> int:
        """How many more people have to approve it."""
        return max(needed - len(self.approvals), 0)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's decision on one change, here or at another node of the site."""

    id: str
    is_approved: bool
    who: Approval


@dataclass(frozen=True, slots=True)
class Quarantine:
    """All pending and rejected changes."""

    pending: tuple[Pending, ...]
    #: The digest of the active state that eilogin compared them with.
    than: str
    #: As :attr:`State.configuration`, at that time.
    configuration: str
    #: The state to activate after approval, if eilogin cannot compare members.
    state: State | None = None

    @property
    def open(self) -> tuple[Pending, ...]:
        """The changes that nobody has rejected."""
        return tuple(change for change in self.pending if not change.is_rejected)

    @property
    def id(self) -> str:
        """The ID of all open changes together."""
        return joint_id([change.id for change in self.open])

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the open changes, each once."""
        reasons = (reason for change in self.open for reason in change.reasons)
        return tuple(dict.fromkeys(reasons))

    @property
    def since(self) -> float:
        """The time of the first open change."""
        return min((change.since for change in self.open), default=0.0)

    def named(self, change_id: str) -> tuple[Pending, ...]:
        """The open changes that an ID means: all of them, one, or none."""
        if change_id == self.id:
            return self.open
        return tuple(change for change in self.open if change.id == change_id)

    def is_judged_by(self, active: Active | None) -> bool:
        """Whether eilogin compared them under this configuration and state."""
        return (
            active is not None
            and self.than == active.state.digest
            and self.configuration == active.tries.by
        )


def joint_id(ids: Sequence[str]) -> str:
    """The ID of several changes together, or that of a single one."""
    if len(ids) == 1:
        return ids[0]
    return hashlib.sha256(json.dumps(sorted(ids)).encode()).hexdigest()[:_ID_LENGTH]


# --- as JSON --------------------------------------------------------------------------


def to_json(record: Active | Quarantine) -> bytes:
    """Write a record as JSON, without empty fields that an older version lacks."""
    fields = {"version": _VERSION, **asdict(record)}
    for state in filter(None, [fields.get("state")]):
        for name in ("held", "signed"):
            if not state[name]:
                del state[name]
    return json.dumps(fields, indent=1).encode()


def decisions_to_json(decisions: Sequence[Decision]) -> bytes:
    """Write recent decisions as JSON."""
    records = [asdict(decision) for decision in decisions]
    return json.dumps({"version": _VERSION, "decisions": records}, indent=1).encode()


def read_active(octets: bytes) -> Active:
    """Read the active state; raises ValueError, TypeError, KeyError, AttributeError."""
    fields = _read(octets)
    state = _state(fields.pop("state"))
    return Active(state, Tries(**fields.pop("tries")), **fields)


def read_quarantine(octets: bytes) -> Quarantine:
    """Read the quarantine; raises as :func:`read_active`."""
    fields = _read(octets)
    state = fields["state"]
    return Quarantine(
        tuple(map(_pending, fields["pending"])),
        fields["than"],
        fields["configuration"],
        None if state is None else _state(state),
    )


def read_old_quarantine(octets: bytes) -> Quarantine:
    """Read the pending state of older versions, which eilogin has to compare again."""
    fields = _read(octets)
    change = Pending(
        fields["state"]["id"],
        "",
        tuple(fields["reasons"]),
        fields["since"],
        tuple(Approval(**approval) for approval in fields["approvals"]),
    )
    return Quarantine((change,), "", "")


def read_decision(fields: dict[str, Any]) -> Decision:
    """Read a decision from JSON; raises as :func:`read_active`."""
    is_approved = fields["is_approved"]
    if not isinstance(fields["id"], str) or not isinstance(is_approved, bool):
        raise ValueError("no decision")  # noqa: TRY004 - of a file, not of a caller
    return Decision(fields["id"], is_approved, Approval(**fields["who"]))


def read_decisions(octets: bytes) -> tuple[Decision, ...]:
    """Read the file of recent decisions; raises as :func:`read_active`."""
    return tuple(map(read_decision, _read(octets)["decisions"]))


def _pending(fields: dict[str, Any]) -> Pending:
    lists = {
        "reasons": tuple(fields["reasons"]),
        "approvals": tuple(Approval(**approval) for approval in fields["approvals"]),
    }
    return Pending(**{**fields, **lists})


def _read(octets: bytes) -> dict[str, Any]:
    if len(octets) > LONGEST:
        raise ValueError(f"more than {LONGEST} bytes")
    fields = json.loads(octets)
    if fields.pop("version") != _VERSION:
        raise ValueError("another version")
    return dict(fields)


def _state(fields: dict[str, Any]) -> State:
    sources = tuple(map(_source, fields["sources"]))
    state = State(**{**fields, "sources": sources})
    if not state.index or not all(map(REMOVABLE.fullmatch, state.files)):
        # eilogin must not read or remove files elsewhere.
        raise ValueError("names of other files")
    return state


def _source(fields: dict[str, Any]) -> Source:
    lists = {name: tuple(fields.get(name, ())) for name in ("recent", "passed")}
    return Source(**{**fields, **lists})
