"""Compare a new federation with the active one, and say which changes need approval.

A signer can make a mistake, and a thief of the signing key can sign. So after a change
that could hand logins to somebody else, the member keeps its old record until an
operator has approved it (``eilogin trust``).

Common changes apply at once: a new member, a key beside the old one, an address on the
same host, a new name. A thief needs only a key beside the old one. But every rollover
does this, and approvals would end all logins at sites that nobody maintains.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from eilogin.errors import PeerUnusable
from eilogin.federation.changes.member_differences import (
    ADDED,
    GONE,
    KINDS,
    LEFT_OUT,
    OTHER,
    ROLES,
    VALIDITY,
    Change,
    differences,
    introduced,
    words,
)
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import entity_id_of
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import EntityDescriptor

#: The most changes of a kind in a report.
MOST_SHOWN = 50
MOST_LOGGED = 100
#: A single member is never a large part.
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The options that say which further changes need approval."""

    #: Percentage that may be gone or changed at once; None for any.
    percent: float | None = 25.0
    takes_all_hubs: bool = False
    #: Whether ``hub`` is empty, so that the only hub of the metadata is ours.
    takes_only_hub: bool = False
    people: int = 1

    @classmethod
    def of(cls, options: TrustOptions) -> "ApprovalRules":
        """Read the rules."""
        return cls(
            options.federation_changes,
            options.role != HUB and hub_requirements.ALL in options.hub,
            options.role != HUB and not options.hub,
            2 if options.four_eyes else 1,
        )


class _MassChange(NamedTuple):
    """More members than ``federation_changes`` allows, and the reason in words."""

    names: Sequence[str]
    reason: str


class _NewValidity(NamedTuple):
    """The end of a member's metadata, before and after; None for no end."""

    before: float | None
    after: float | None


@dataclass(frozen=True)
class Changes:
    """All differences between two states of a federation."""

    changes: tuple[Change, ...] = ()
    #: The number of members outside quarantine, and the gone or changed ones.
    before: int = 0
    gone: Sequence[str] = ()
    changed: Sequence[str] = ()
    new_hubs: tuple[Change, ...] = ()
    #: Unusable entities that would be new hubs.
    lost_hubs: tuple[Change, ...] = ()
    #: The members whose changes can be pending; None for all.
    concerned: Collection[str] | None = None

    def concerns(self, entity_id: str) -> bool:
        """Whether a change of this member can be pending."""
        return self.concerned is None or entity_id in self.concerned

    def __bool__(self) -> bool:
        return bool(self.count)

    @property
    def lines(self) -> list[str]:
        """Lines by kind, up to ``MOST_SHOWN`` each; ``!`` marks a need of approval."""
        return self._lines(MOST_SHOWN)

    @property
    def all_lines(self) -> list[str]:
        """All lines."""
        return self._lines(len(self.changes))

    @property
    def count(self) -> int:
        """The number of changes, except of validity."""
        return sum(change.kind != VALIDITY for change in self.changes)

    @property
    def hidden(self) -> int:
        """The number of changes that :attr:`lines` omits."""
        counts = Counter(
            change.kind for change in self.changes if change.kind != VALIDITY
        )
        return sum(max(count - MOST_SHOWN, 0) for count in counts.values())

    def _lines(self, most: int) -> list[str]:
        lines = []
        for kind, changes in self._by_kind(self.changes):
            lines.append(f"{kind} ({len(changes)}):")
            # Changes that need approval come first, so that others cannot hide them.
            first = sorted(changes, key=lambda change: not change.waits)[:most]
            lines += [f"  {'!' if change.waits else ' '} {change}" for change in first]
            lines += _and_more(changes, most)
        return lines

    def of(self, names: Collection[str]) -> "Changes":
        """The changes of some members."""
        return replace(
            self, changes=tuple(x for x in self.changes if x.entity_id in names)
        )

    def waits(self, rules: ApprovalRules) -> list[str]:
        """The reasons for approval, if any."""
        reasons = [change.reason for change in self._mass_changes(rules.percent)]
        waiting = [change for change in self.changes if change.waits]
        for _, changes in self._by_kind(waiting):
            reasons += [*map(str, changes[:MOST_SHOWN]), *_and_more(changes)]
        new = [*self._more_hubs(rules)]
        reasons += [*map(str, new[:MOST_SHOWN]), *_and_more(new)]
        # A replaced key with two uses is one reason.
        return [*dict.fromkeys(reasons)]

    def held(self, rules: ApprovalRules) -> dict[str, list[str]]:
        """The reasons by entityID."""
        reasons: dict[str, list[str]] = {}
        for change in (*self.changes, *self._more_hubs(rules)):
            if change.waits:
                reasons.setdefault(change.entity_id, []).append(str(change))
        return reasons

    def mass(self, rules: ApprovalRules) -> dict[str, str]:
        """The reason of each member of a mass change."""
        reasons: dict[str, str] = {}
        for change in self._mass_changes(rules.percent):
            reasons |= dict.fromkeys(change.names, change.reason)
        return reasons

    def _more_hubs(self, rules: ApprovalRules) -> Iterator[Change]:
        if rules.takes_all_hubs:
            reason = "a new hub, and 'hub = all' offers it to visitors"
        elif rules.takes_only_hub:
            reason = "a new hub, and the option 'hub' does not name yours"
        else:
            return
        lost = self.lost_hubs if rules.takes_only_hub else ()
        for change in (*self.new_hubs, *lost):
            yield replace(change, text=f"{reason}: {change.text}", waits=True)

    def _mass_changes(self, percent: float | None) -> Iterator[_MassChange]:
        for names, verb in ((self.gone, "gone"), (self.changed, "otherwise")):
            part = 100 * len(names) / self.before if self.before else 0.0
            if percent is not None and part > percent and len(names) >= _FEWEST:
                yield _MassChange(
                    names,
                    f"{len(names)} of {self.before} members are {verb} at once"
                    f" ({part:.0f} %; federation_changes = {percent:g})",
                )

    @staticmethod
    def _by_kind(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
        listed = [*changes]
        for kind in KINDS:
            if fitting := [change for change in listed if change.kind == kind]:
                yield kind, fitting


def changes_for(
    options: TrustOptions,
    old: Membership,
    new: Membership,
    departed: Mapping[str, EntityDescriptor],
    held: Mapping[str, EntityDescriptor | None] = MappingProxyType({}),
) -> Changes:
    """Compare for the site of these options, as :func:`compare`."""
    hubs = _hubs_before(options, old)
    # A hub answers for its participants; a participant depends on its hubs only.
    concerned = None if options.role == HUB else {*hubs, entity_id_of(options)}
    return compare(old, new, hubs, departed, concerned=concerned, held=held)


def id_of(federation: Membership, parts: Sequence[object] = ()) -> str:
    """The ID of a state; signing the same members again keeps it.

    ``parts`` name the origins of members, if several. Long, because an attacker could
    find two states with one short ID, and have the hidden one approved.
    """
    parts_of_id = [
        sorted((name, digest.hex()) for name, digest in federation.digests.items()),
        sorted((name, _why(error)) for name, error in federation.left_out.items()),
        federation.name,
        *parts,
    ]
    return hashlib.sha256(json.dumps(parts_of_id).encode()).hexdigest()[:32]


def compare(  # noqa: PLR0913 - each of them is one thing that is known
    old: Membership,
    new: Membership,
    hubs: Collection[str] = (),
    departed: Mapping[str, EntityDescriptor] | None = None,
    *,
    concerned: Collection[str] | None = None,
    held: Mapping[str, EntityDescriptor | None] = MappingProxyType({}),
) -> Changes:
    """Compare ``new`` with ``old``, where ``hubs`` are the hubs of our visitors.

    ``departed`` are former members. Changes of members outside ``concerned`` (None:
    all) need approval only if a participant becomes a hub. ``held`` has the last known
    records in quarantine, None for a new member.

    Expired members are compared too. Otherwise an attacker could wait for the end of
    the old state and add any member as new.
    """
    comparison = _Comparison(
        old, new, frozenset(hubs), departed or {}, concerned=concerned, held=held
    )
    return Changes(
        changes=(*comparison.changes, *comparison.validity),
        before=sum(name not in held for name in old.members),
        gone=tuple(name for name in comparison.gone if name not in held),
        changed=tuple(name for name in comparison.changed if name not in held),
        new_hubs=comparison.new_hubs,
        lost_hubs=comparison.lost_hubs,
        concerned=concerned,
    )


class _Comparison:
    def __init__(  # noqa: PLR0913 - each of them is one thing that is known
        self,
        old: Membership,
        new: Membership,
        hubs: frozenset[str],
        departed: Mapping[str, EntityDescriptor],
        *,
        concerned: Collection[str] | None,
        held: Mapping[str, EntityDescriptor | None],
    ) -> None:
        self.old, self.new, self.hubs, self.departed = old, new, hubs, departed
        self.concerned, self.held = concerned, held
        self.added = [name for name in new.members if name not in old.members]
        self.gone = [name for name in old.members if name not in new.members]
        self.changed: list[str] = []
        self._validities: Counter[_NewValidity] = Counter()
        self.changes = tuple(self._all())

    @property
    def validity(self) -> Iterator[Change]:
        for (before, after), count in self._validities.items():
            ends = f"valid until {_end(after)}; before: {_end(before)}"
            who = "1 member" if count == 1 else f"{count} members"
            yield Change(VALIDITY, "", f"{who}: {ends}")

    @cached_property
    def new_hubs(self) -> tuple[Change, ...]:
        return tuple(
            Change(ADDED, name, introduced(self.new.members[name]))
            for name in self.added
            if self.new.members[name].identity_provider
        )

    @cached_property
    def lost_hubs(self) -> tuple[Change, ...]:
        return tuple(
            Change(LEFT_OUT, name, _why(error))
            for name, error in self.new.left_out.items()
            if error.is_hub
            and name not in self.old.left_out
            and name not in self.old.members
        )

    def _all(self) -> Iterator[Change]:
        yield from self._removed()
        yield from self._added()
        yield from self._left_out()
        for name in self.old.members:
            if name in self.new.members:
                yield from self._changed(name)
        yield from self._of_all()

    def _removed(self) -> Iterator[Change]:
        for name in self.gone:
            entity = self.old.members[name]
            text = introduced(entity)
            if name in self.new.left_out:
                text += f"; left out: {_why(self.new.left_out[name])}"
            is_ours = name in self.hubs and entity.identity_provider is not None
            prefix = "our hub: " if is_ours else ""
            yield Change(GONE, name, prefix + text, is_ours)

    def _added(self) -> Iterator[Change]:
        for name in self.added:
            entity = self.new.members[name]
            again = "; was left out before" if name in self.old.left_out else ""
            before = self.departed.get(name)
            if before is not None:
                again = "; was a member before"
                yield from self._differences(before, entity)
            yield Change(ADDED, name, introduced(entity) + again)

    def _left_out(self) -> Iterator[Change]:
        old_errors, new_errors = self.old.left_out, self.new.left_out
        for name, error in new_errors.items():
            before = old_errors.get(name)
            if name not in self.old.members and _why(before) != _why(error):
                yield Change(LEFT_OUT, name, _why(error))
        for name in old_errors:
            if name not in new_errors and name not in self.new.members:
                yield Change(
                    LEFT_OUT, name, "is no longer in the metadata; was left out before"
                )

    def _changed(self, name: str) -> Iterator[Change]:
        validity = _NewValidity(self.old.end_of(name), self.new.end_of(name))
        if validity.before != validity.after:
            self._validities[validity] += 1
        # Most members need no parsing: the digests leave out the end of validity.
        quarantined = self.held.get(name)
        if quarantined is None and self.old.digests[name] == self.new.digests[name]:
            return
        before, after = quarantined or self.old.members[name], self.new.members[name]
        changes = [*self._differences(before, after)]
        if changes:
            self.changed.append(name)
        yield from changes

    def _differences(
        self, before: EntityDescriptor, after: EntityDescriptor
    ) -> Iterator[Change]:
        name = after.entity_id
        is_concerned = self.concerned is None or name in self.concerned
        for change in differences(before, after, is_our_hub=name in self.hubs):
            yield (
                change
                if is_concerned or change.kind == ROLES
                else replace(change, waits=False)
            )

    def _of_all(self) -> Iterator[Change]:
        if self.old.name != self.new.name:
            text = f"name of the federation: '{words(self.new.name)}'"
            yield Change(OTHER, "", f"{text}; before: '{words(self.old.name)}'")


def _hubs_before(options: TrustOptions, old: Membership) -> Sequence[str]:
    """The hubs that the options mean, expired ones too."""
    if options.role == HUB:
        return ()
    if options.hub and hub_requirements.ALL not in options.hub:
        return options.hub
    return [name for name in (*old.hubs, *old.lost_hubs) if name in old.members]


def _why(error: PeerUnusable | None) -> str:
    return "" if error is None else words(f"{error.code}: {error}")


def _end(instant: float | None) -> str:
    return "for ever" if instant is None else write_instant(instant)


def _and_more(changes: Sequence[Change], most: int = MOST_SHOWN) -> list[str]:
    more = len(changes) - most
    return [f"    and {more} more"] if more > 0 else []
