"""What is kept of a federation, as values, and as the JSON that they are written as."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from eilogin import clock
from eilogin.federation.sources import Taken
from eilogin.saml.checks import SKEW

#: What they are written as; another one is not read.
_VERSION = 1
#: Bytes of the longest file of these that is read.
LONGEST = 64 * 1024 * 1024

#: The files that come and go: those that no state names are removed.
PASSING = re.compile(r"index-\d+|copy-[0-9a-f]{64}\.xml|[^/]*\.new")


@dataclass(frozen=True, slots=True)
class Source(Taken):
    """What is known of one source: what was taken of it, and how it went lately."""

    #: As a log names it; and by what it is known again, whatever it is called.
    name: str
    key: str
    #: A hash of what its line of the options names, which a folder has for several.
    line: str = ""
    #: A hash of the keys of who may sign the copy.
    signers: str = ""
    #: The file of the copy, in the folder.
    copy: str = ""
    #: How many members it has; and the entityIDs of those that are passed over, for
    #: they are of another source.
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
    #: By what a person tells it from another one; the same where it is only signed anew
    #: (:func:`eilogin.federation.changes.id_of`).
    id: str
    #: The digest of its members: what tells whether anything is otherwise.
    digest: str
    #: What it was made by: a hash of the options that say whom to believe.
    configuration: str
    #: The file of its index, in the folder.
    index: str
    members: int
    sources: tuple[Source, ...] = ()

    def source(self, key: str) -> Source | None:
        """What is known of a source, by its key."""
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
    #: The ID of a state that somebody has rejected: it is not asked again.
    rejected: str = ""
    #: How the files of this machine looked then (:mod:`.local_files`).
    look: str = ""
    #: By which options the last one was, as :attr:`State.configuration` is; "" where
    #: that cannot be told.
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
    """Who has approved what waits, by the name and number of the system, and when."""

    name: str
    uid: int
    at: float
    #: Who that was before sudo, where it was another one.
    sudo_uid: int | None = None

    def is_by_who(self, other: "Approval") -> bool:
        """Whether it is by one person, whoever that became by sudo."""
        ours = {self.uid, self.sudo_uid} - {None}
        return not ours.isdisjoint({other.uid, other.sudo_uid})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A state that waits until it is approved, and why it does."""

    state: State
    reasons: tuple[str, ...]
    since: float
    approvals: tuple[Approval, ...] = ()
    #: The digest of what was active then: what it is compared with.
    than: str = ""

    @property
    def judged(self) -> tuple[object, ...]:
        """What is the same of the same change that was judged in the same way."""
        return self.than, self.state.id, self.state.configuration, self.reasons

    def is_judged_by(self, active: Active | None) -> bool:
        """Whether it was compared with this, by the options of the last try.

        Else it waits to be judged anew: nobody approves what nobody has judged.
        """
        return (
            active is not None
            and self.than == active.state.digest
            and self.state.configuration == active.tries.by
        )


# --- as JSON --------------------------------------------------------------------------


def written(value: Active | Waiting) -> bytes:
    """The file of a value."""
    return json.dumps({"version": _VERSION, **asdict(value)}, indent=1).encode()


def read_active(octets: bytes) -> Active:
    """What is active, of its file.

    Raises ValueError, TypeError, KeyError or AttributeError for what is not as we write
    it.
    """
    found = _read(octets)
    state = _state(found.pop("state"))
    return Active(state, Tries(**found.pop("tries")), **found)


def read_waiting(octets: bytes) -> Waiting:
    """What waits, of its file; raises as :func:`read_active`."""
    found = _read(octets)
    return Waiting(
        _state(found["state"]),
        tuple(found["reasons"]),
        found["since"],
        tuple(Approval(**one) for one in found["approvals"]),
        found.get("than", ""),
    )


def _read(octets: bytes) -> dict[str, Any]:
    if len(octets) > LONGEST:
        raise ValueError(f"more than {LONGEST} bytes")
    found = json.loads(octets)
    if found.pop("version") != _VERSION:
        raise ValueError("another version")
    return dict(found)


def _state(found: dict[str, Any]) -> State:
    sources = tuple(map(_source, found["sources"]))
    names = [found["index"], *(one.copy for one in sources if one.copy)]
    if not all(PASSING.fullmatch(name) for name in names):
        # Nothing is read, and no more removed, elsewhere.
        raise ValueError("names of other files")
    return State(**{**found, "sources": sources})


def _source(found: dict[str, Any]) -> Source:
    lists = {name: tuple(found.get(name, ())) for name in ("recent", "passed")}
    return Source(**{**found, **lists})
