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
#: Characters of the ID of a change.
_ID = 32
#: The separator between a user's name in the system and the name before sudo.
BY_SUDO = ", by sudo of "
#: The name of users whom the system has no name for.
NAMELESS = "a user without a name"
#: Bytes of the longest file of these that is read.
LONGEST = 64 * 1024 * 1024

#: The files that come and go: those that no state names are removed.
PASSING = re.compile(
    r"index-\d+|copy-[0-9a-f]{64}\.xml|held-[0-9a-f]{64}\.jsonl|[^/]*\.new"
)


@dataclass(frozen=True, slots=True)
class Source(AcceptedMetadata):
    """The record of one source: the metadata that was accepted, and the last tries."""

    #: As a log names it; and by what it is known again, whatever it is called.
    name: str
    key: str
    #: A hash of what its line of the options names, which a folder has for several.
    line: str = ""
    #: A hash of the keys of who may sign the copy.
    signers: str = ""
    #: The file of the copy, in the folder.
    copy: str = ""
    #: The number of members, and the entityIDs of members that eilogin skips because
    #: they belong to another source.
    members: int = 0
    passed: tuple[str, ...] = ()
    #: When it was tried last, when that was well, how often it was not since then, why.
    tried: float = 0.0
    worked: float = 0.0
    failures: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """All metadata together, as it came at one time."""

    generation: int
    #: When it came.
    made: float
    #: The ID by which a person tells the state from others; signing the same members
    #: again does not change it
    #: (:func:`eilogin.federation.changes.federation_changes.id_of`).
    id: str
    #: The digest of the members: it changes whenever a member does.
    digest: str
    #: A hash of the options that say which sources and keys to trust.
    configuration: str
    #: The file of its index, in the folder.
    index: str
    members: int
    sources: tuple[Source, ...] = ()
    #: The file of the members in quarantine (:mod:`.quarantine`), and the index of all
    #: members as they were signed; "" where nobody is in quarantine.
    held: str = ""
    signed: str = ""

    @property
    def files(self) -> set[str]:
        """The files in the folder that it needs."""
        found = {self.index, self.held, self.signed, *(x.copy for x in self.sources)}
        return found - {""}

    def source(self, key: str) -> Source | None:
        """Return the record of a source by its key."""
        return next((one for one in self.sources if one.key == key), None)


@dataclass(frozen=True, slots=True)
class Tries:
    """How refreshing goes."""

    tried: float = 0.0
    worked: float = 0.0
    #: How often it did not go well since then, and why the last time.
    failures: int = 0
    why: str = ""
    #: When it is tried next.
    due: float = 0.0
    #: The ID of a whole state that somebody has rejected: it is not asked again.
    rejected: str = ""
    #: How the files of this machine looked then (:mod:`.local_files`).
    look: str = ""
    #: The configuration of the last try, as in :attr:`State.configuration`; "" if
    #: unknown.
    by: str = ""

    @property
    def is_due(self) -> bool:
        """Whether it is time: also where the last try is yet to come.

        Then the clock was ahead of the time, by however much.
        """
        now = clock.now()
        return self.due <= now or now < self.tried - SKEW


@dataclass(frozen=True, slots=True)
class Active:
    """The state that is active, and what became of the tries to get a newer one."""

    state: State
    tries: Tries
    #: When it became active, and the file of the index that was active before.
    since: float
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval: the user's name and number in the system, and the time."""

    name: str
    uid: int
    at: float
    #: The user before sudo, if it was another one.
    sudo_uid: int | None = None

    def is_by_who(self, other: "Approval") -> bool:
        """Whether it is by one person, whoever that became by sudo.

        Another node may have another number for the same name.
        """
        return not _identities(self).isdisjoint(_identities(other))


def _identities(who: Approval) -> set[int | str | None]:
    """All numbers and names of a person."""
    return {who.uid, who.sudo_uid, *who.name.split(BY_SUDO)} - {None, NAMELESS}


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of one member that waits until it is approved, and why it does."""

    #: The ID of the change: a hash of the record before and after it.
    id: str
    #: The member that changes; "" for all members, where nothing can be compared.
    entity_id: str
    reasons: tuple[str, ...]
    since: float
    approvals: tuple[Approval, ...] = ()
    #: Whether somebody has rejected it: then the member stays as it was, unasked.
    is_rejected: bool = False
    #: Whether it waits because so many members change at once.
    is_mass: bool = False

    def lacks(self, needed: int) -> int:
        """How many people more have to approve it."""
        return max(needed - len(self.approvals), 0)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision of a person on one change, here or at another node of the site."""

    #: The ID of the change.
    id: str
    is_approved: bool
    who: Approval


@dataclass(frozen=True, slots=True)
class Waiting:
    """The quarantine: all changes that somebody has to decide on, or has rejected."""

    pending: tuple[Pending, ...]
    #: The digest of what is active: what they are compared with.
    than: str
    #: The options that judged them, as :attr:`State.configuration` is.
    configuration: str
    #: Where nothing can be compared, the state that becomes active if it is approved.
    state: State | None = None

    @property
    def open(self) -> tuple[Pending, ...]:
        """The changes that nobody has rejected."""
        return tuple(one for one in self.pending if not one.is_rejected)

    @property
    def id(self) -> str:
        """The ID of all open changes together."""
        return joint_id([one.id for one in self.open])

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the open changes, each once."""
        return tuple(dict.fromkeys(why for one in self.open for why in one.reasons))

    @property
    def since(self) -> float:
        """Since when the first of those waits."""
        return min((one.since for one in self.open), default=0.0)

    def named(self, change_id: str) -> tuple[Pending, ...]:
        """The open changes that an ID means: all of them, or one; none of another."""
        if change_id == self.id:
            return self.open
        return tuple(one for one in self.open if one.id == change_id)

    def is_judged_by(self, active: Active | None) -> bool:
        """Whether the changes were compared under this configuration and state.

        If not, eilogin has to compare them again: nobody can approve them before.
        """
        return (
            active is not None
            and self.than == active.state.digest
            and self.configuration == active.tries.by
        )


def joint_id(ids: Sequence[str]) -> str:
    """The ID of several changes together; of one its own."""
    if len(ids) == 1:
        return ids[0]
    return hashlib.sha256(json.dumps(sorted(ids)).encode()).hexdigest()[:_ID]


# --- as JSON --------------------------------------------------------------------------


def written(value: Active | Waiting) -> bytes:
    """The file of a value.

    A field that says nothing is not written, so that the version before can read it.
    """
    fields = {"version": _VERSION, **asdict(value)}
    for state in filter(None, [fields.get("state")]):
        for name in ("held", "signed"):
            if not state[name]:
                del state[name]
    return json.dumps(fields, indent=1).encode()


def written_decisions(decisions: Sequence[Decision]) -> bytes:
    """The file of what was decided lately."""
    found = [asdict(one) for one in decisions]
    return json.dumps({"version": _VERSION, "decisions": found}, indent=1).encode()


def read_active(octets: bytes) -> Active:
    """Read the active state from its file.

    Raises ValueError, TypeError, KeyError or AttributeError for another format.
    """
    found = _read(octets)
    state = _state(found.pop("state"))
    return Active(state, Tries(**found.pop("tries")), **found)


def read_waiting(octets: bytes) -> Waiting:
    """The quarantine, of its file; raises as :func:`read_active`."""
    found = _read(octets)
    state = found["state"]
    return Waiting(
        tuple(map(_pending, found["pending"])),
        found["than"],
        found["configuration"],
        None if state is None else _state(state),
    )


def read_whole(octets: bytes) -> Waiting:
    """Read the pending state of older versions, which approved a state as a whole.

    eilogin has to compare it again, member by member. Raises as :func:`read_active`.
    """
    found = _read(octets)
    state, approvals = found["state"], tuple(Approval(**x) for x in found["approvals"])
    one = Pending(state["id"], "", tuple(found["reasons"]), found["since"], approvals)
    return Waiting((one,), "", "")


def read_decision(found: dict[str, Any]) -> Decision:
    """A decision, of its JSON; raises as :func:`read_active`."""
    is_approved = found["is_approved"]
    if not isinstance(found["id"], str) or not isinstance(is_approved, bool):
        raise ValueError("no decision")  # noqa: TRY004 - of a file, not of a caller
    return Decision(found["id"], is_approved, Approval(**found["who"]))


def read_decisions(octets: bytes) -> tuple[Decision, ...]:
    """Read the file of recent decisions; raises as :func:`read_active`."""
    return tuple(map(read_decision, _read(octets)["decisions"]))


def _pending(found: dict[str, Any]) -> Pending:
    lists = {
        "reasons": tuple(found["reasons"]),
        "approvals": tuple(Approval(**one) for one in found["approvals"]),
    }
    return Pending(**{**found, **lists})


def _read(octets: bytes) -> dict[str, Any]:
    if len(octets) > LONGEST:
        raise ValueError(f"more than {LONGEST} bytes")
    found = json.loads(octets)
    if found.pop("version") != _VERSION:
        raise ValueError("another version")
    return dict(found)


def _state(found: dict[str, Any]) -> State:
    sources = tuple(map(_source, found["sources"]))
    state = State(**{**found, "sources": sources})
    if not state.index or not all(map(PASSING.fullmatch, state.files)):
        # Nothing is read, and no more removed, elsewhere.
        raise ValueError("names of other files")
    return state


def _source(found: dict[str, Any]) -> Source:
    lists = {name: tuple(found.get(name, ())) for name in ("recent", "passed")}
    return Source(**{**found, **lists})
