"""The members of the federation, as the metadata names them that we trust."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from eilogin import clock, logos
from eilogin.config import did_you_mean
from eilogin.errors import UnknownPeer
from eilogin.federation.members.member_index import MemberIndex, open_index
from eilogin.federation.sources.metadata_sources import MetadataSource
from eilogin.federation.sources.source_merging import fetch_all
from eilogin.saml.message_checks import SKEW
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata

_log = logging.getLogger("eilogin")

#: Characters of a name, and how many names, that are compared for a hint in a log.
_LONGEST_COMPARED, _MOST_COMPARED = 120, 50


class Membership:
    """The members by entityID, without expired ones: each use checks the validity.

    ``sources`` are pieces of metadata. A member that several of them have is usable in
    at most one.
    """

    def __init__(self, *sources: FederationMetadata) -> None:
        self._know(MemberIndex.of(sources))

    @classmethod
    def from_index(cls, path: Path) -> "Membership":
        """Open what ``write_index`` wrote, without reading all of it.

        A member is read at its first use. Raises MetadataUnusable if the index is
        incomplete, or of another version of eilogin.
        """
        federation = cls()
        federation._know(open_index(path))
        return federation

    def _know(self, known: MemberIndex) -> None:
        self._known = known
        self._entities = known.members
        #: Why a member is left out, by its entityID: of all that there is of it.
        self.left_out = known.left_out
        #: The parts of members' metadata that eilogin skipped.
        self.remarks = known.remarks
        #: The faults of sources that an earlier copy replaces.
        self.copies = known.copies
        #: Whether any is an aggregate, of which one is a member or not.
        self.is_aggregate = known.is_aggregate
        #: The name that the operator gave it.
        self.name = known.name

    @classmethod
    def from_files(
        cls, files: Sequence[MetadataSource], longest: float | None = None
    ) -> "Membership":
        """Read metadata; ``longest`` is how many seconds each may last from now on.

        Where ``longest`` is None it may last for ever. Raises as
        :func:`eilogin.federation.sources.source_merging.fetch_all`.
        """
        return cls(*(fetched.metadata for _, fetched in fetch_all(files, longest)))

    @property
    def members(self) -> Mapping[str, EntityDescriptor]:
        """All members by entityID, also those that are over."""
        return self._entities

    def end_of(self, entity_id: str) -> float | None:
        """When a member is over, or was; None where it never is."""
        return self._known.outlines[entity_id].valid_until

    @property
    def entities(self) -> list[EntityDescriptor]:
        """All members that are valid now, in the order of the metadata."""
        return [self._entities[name] for name in self._names(are_over=False)]

    @property
    def digests(self) -> Mapping[str, bytes]:
        """A hash of what is known of each member but its end, by its entityID."""
        return self._known.digests

    @property
    def digest(self) -> str:
        """A hash of all that is known."""
        return self._known.digest

    def entity(self, entity_id: str) -> EntityDescriptor:
        """The member with this entityID, or :class:`eilogin.errors.UnknownPeer`."""
        found = self._entities.get(entity_id)
        if found is None:
            if entity_id in self.left_out:
                error = self.left_out[entity_id]
                raise UnknownPeer(f"left out ({error.code}): {error}")
            raise UnknownPeer(f"{entity_id!r} is not a member of the federation")
        if found.valid_until is not None and _is_over(found.valid_until):
            ended = write_instant(found.valid_until)
            raise UnknownPeer(f"the metadata of {entity_id!r} expired at {ended}")
        return found

    def scopes_of(self, entity_id: str) -> frozenset[str] | None:
        """The scopes of a hub, None where its metadata lists none, or there is none.

        Also of one whose metadata has expired: they are nobody else's for that.
        """
        found = self._entities.get(entity_id)
        role = None if found is None else found.identity_provider
        return None if role is None else role.scopes

    def hint_for(self, entity_id: str) -> str:
        """The addition of a log to an entityID for which :meth:`entity` has no member.

        It has similar entityIDs, and the contact.
        """
        if entity_id in self.left_out:
            return ""  # The contact is a part of the reason.
        if entity_id in self._entities:
            return (
                "; read the newer one ('eilogin trust refresh', or a restart), or"
                " ask the federation's operator for it"
            )
        known = _compared(entity_id, self._entities)
        hint = did_you_mean(entity_id, known, most=3, cutoff=0.8)
        cure = (
            "it should be one, add its metadata to 'federation' and refresh"
            " ('eilogin trust refresh', or a restart), or ask the federation's"
            " operator"
        )
        return f"{hint} If {cure}" if hint else f"; if {cure}"

    def name_of(self, entity_id: str, language: str) -> str:
        """The name of an entity for people, or the host of its site, or its entityID.

        It works for expired and former members too. Some metadata has no names for
        people: that of Shibboleth, as installed.
        """
        found = self._entities.get(entity_id)
        name = entity_id if found is None else found.name(language)
        if name != entity_id:
            return name
        return _host(entity_id) or (_site(found) if found else "") or entity_id

    def link_of(self, entity_id: str, language: str) -> str:
        """A party's page for visitors, or ""."""
        found = self._entities.get(entity_id)
        return "" if found is None else found.information_url(language)

    def logo_of(self, entity_id: str, language: str) -> str:
        """The ``data:`` address of a party's logo, safe to show, or "".

        Its largest in ``language``, or else in another. Nothing is fetched.
        """
        found = self._entities.get(entity_id)
        known = () if found is None else found.logos_in(language)
        shown = (_shown(entity_id, one.url) for one in known)
        return next(filter(None, shown), "")

    def keywords_of(self, entity_id: str, language: str) -> Sequence[str]:
        """Words by which people look for a party; a few, and none of them long."""
        found = self._entities.get(entity_id)
        return () if found is None else found.keywords_in(language)

    @property
    def hubs(self) -> list[str]:
        """The entityIDs of all hubs, in the order of the metadata."""
        return self._hubs(are_over=False)

    @cached_property
    def sso_domains(self) -> Mapping[str, int]:
        """How many participants each SSO domain has."""
        outlines = self._known.outlines.values()
        return Counter(one.sso_domain for one in outlines if one.is_participant)

    @property
    def lost_hubs(self) -> list[str]:
        """The entityIDs of those that would be hubs, and are left out or expired."""
        left_out = [name for name, error in self.left_out.items() if error.is_hub]
        return left_out + self._hubs(are_over=True)

    @property
    def expired(self) -> list[EntityDescriptor]:
        """The members whose own metadata is over."""
        return [self._entities[name] for name in self._names(are_over=True)]

    def _hubs(self, *, are_over: bool) -> list[str]:
        outlines = self._known.outlines
        return [n for n in self._names(are_over=are_over) if outlines[n].is_hub]

    def _names(self, *, are_over: bool) -> Iterator[str]:
        """The entityIDs of the members that are valid now, or that are over."""
        for name, outline in self._known.outlines.items():
            if _is_over(outline.valid_until) == are_over:
                yield name


def _compared(name: str, known: Collection[str]) -> Iterable[str]:
    """The names that one that somebody sent is compared with for a hint.

    Bounded in what it costs: among many those of the same host, and not all of them.
    """
    host = "".join(name.split("/", 3)[2:3])
    if len(name) > _LONGEST_COMPARED or (len(known) > _MOST_COMPARED and not host):
        return ()
    few = len(known) <= _MOST_COMPARED
    return islice((one for one in known if few or host in one), _MOST_COMPARED)


@lru_cache(256)
def _shown(entity_id: str, url: str) -> str:
    """The address by which a page shows a logo, or "", of which the log has the cause.

    One of the web is never shown: each browser would report to that site.
    """
    if not logos.is_candidate(url):
        return ""
    if fault := logos.fault_of(url):
        _log.warning(
            "federation: eilogin does not show the logo of '%s': %s", entity_id, fault
        )
    return logos.shown(url)


def _site(entity: EntityDescriptor) -> str:
    """The host of an address of a member, or ""."""
    participant, hub = entity.service_provider, entity.identity_provider
    endpoints = [
        *(participant.assertion_consumers if participant else ()),
        *(hub.single_sign_ons if hub else ()),
    ]
    return next((_host(one.location) for one in endpoints), "")


def _host(url: str) -> str:
    """The host of an address; "" of what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def _is_over(valid_until: float | None) -> bool:
    """Whether an end has come, by whichever clock is behind."""
    return valid_until is not None and clock.now() >= valid_until + SKEW
