"""The members of the federation, from trusted metadata."""

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

#: For a hint: characters of a name, and names.
_LONGEST_COMPARED, _MOST_COMPARED = 120, 50


class Membership:
    """The members by entityID, without expired ones: each use checks the validity."""

    def __init__(self, *sources: FederationMetadata) -> None:
        self._use_index(MemberIndex.of(sources))

    @classmethod
    def from_index(cls, path: Path) -> "Membership":
        """Open an index, decoded at use; raises MetadataUnusable."""
        federation = cls()
        federation._use_index(open_index(path))
        return federation

    def _use_index(self, index: MemberIndex) -> None:
        self._index = index
        self._entities = index.members
        self.left_out = index.left_out
        self.remarks = index.remarks
        #: The reason for each source of which eilogin uses an older copy.
        self.copies = index.copies
        #: Whether a source lists all members.
        self.is_aggregate = index.is_aggregate
        self.name = index.name

    @classmethod
    def from_files(
        cls, files: Sequence[MetadataSource], longest: float | None = None
    ) -> "Membership":
        """Read metadata; ``longest`` in seconds from now. Raises as `fetch_all`."""
        return cls(*(fetched.metadata for _, fetched in fetch_all(files, longest)))

    @property
    def members(self) -> Mapping[str, EntityDescriptor]:
        """All members, expired ones too."""
        return self._entities

    def end_of(self, entity_id: str) -> float | None:
        """The end of a member's validity, or None."""
        return self._index.outlines[entity_id].valid_until

    @property
    def entities(self) -> list[EntityDescriptor]:
        """The valid members, in the order of the metadata."""
        return [self._entities[name] for name in self._names(are_over=False)]

    @property
    def digests(self) -> Mapping[str, bytes]:
        """Hashes of the members without validity, by entityID."""
        return self._index.digests

    @property
    def digest(self) -> str:
        """A hash of all content."""
        return self._index.digest

    def entity(self, entity_id: str) -> EntityDescriptor:
        """The valid member with this entityID, or UnknownPeer."""
        entity = self._entities.get(entity_id)
        if entity is None:
            if entity_id in self.left_out:
                error = self.left_out[entity_id]
                raise UnknownPeer(f"left out ({error.code}): {error}")
            raise UnknownPeer(f"{entity_id!r} is not a member of the federation")
        if entity.valid_until is not None and _is_over(entity.valid_until):
            ended = write_instant(entity.valid_until)
            raise UnknownPeer(f"the metadata of {entity_id!r} expired at {ended}")
        return entity

    def scopes_of(self, entity_id: str) -> frozenset[str] | None:
        """The scopes of a hub; None if unlisted or no hub."""
        # Expired hubs count: their scopes belong to nobody else.
        entity = self._entities.get(entity_id)
        role = None if entity is None else entity.identity_provider
        return None if role is None else role.scopes

    def hint_for(self, entity_id: str) -> str:
        """A hint for the log if :meth:`entity` fails: similar names, a cure."""
        if entity_id in self.left_out:
            return ""  # The reason has the contact already.
        if entity_id in self._entities:
            return (
                "; read the newer one ('eilogin trust refresh', or a restart), or"
                " ask the federation's operator for it"
            )
        compared = _compared(entity_id, self._entities)
        hint = did_you_mean(entity_id, compared, most=3, cutoff=0.8)
        cure = (
            "it should be one, add its metadata to 'federation' and refresh"
            " ('eilogin trust refresh', or a restart), or ask the federation's"
            " operator"
        )
        return f"{hint} If {cure}" if hint else f"; if {cure}"

    def name_of(self, entity_id: str, language: str) -> str:
        """The name of an entity, or its host (as for Shibboleth), or its entityID."""
        entity = self._entities.get(entity_id)
        name = entity_id if entity is None else entity.name(language)
        if name != entity_id:
            return name
        return _host(entity_id) or (_site(entity) if entity else "") or entity_id

    def link_of(self, entity_id: str, language: str) -> str:
        """A party's page for visitors, or ""."""
        entity = self._entities.get(entity_id)
        return "" if entity is None else entity.information_url(language)

    def logo_of(self, entity_id: str, language: str) -> str:
        """A party's logo in ``language``, or another: a safe ``data:`` URI, or ""."""
        entity = self._entities.get(entity_id)
        logos_of_entity = () if entity is None else entity.logos_in(language)
        uris = (_shown(entity_id, logo.url) for logo in logos_of_entity)
        return next(filter(None, uris), "")

    def keywords_of(self, entity_id: str, language: str) -> Sequence[str]:
        """A few short search words for a party."""
        entity = self._entities.get(entity_id)
        return () if entity is None else entity.keywords_in(language)

    @property
    def hubs(self) -> list[str]:
        """The valid hubs, in the order of the metadata."""
        return self._hubs(are_over=False)

    @cached_property
    def sso_domains(self) -> Mapping[str, int]:
        """Participants of each SSO domain."""
        outlines = self._index.outlines.values()
        return Counter(
            outline.sso_domain for outline in outlines if outline.is_participant
        )

    @property
    def lost_hubs(self) -> list[str]:
        """The hubs that are left out or expired."""
        left_out = [name for name, error in self.left_out.items() if error.is_hub]
        return left_out + self._hubs(are_over=True)

    @property
    def expired(self) -> list[EntityDescriptor]:
        """The expired members."""
        return [self._entities[name] for name in self._names(are_over=True)]

    def _hubs(self, *, are_over: bool) -> list[str]:
        outlines = self._index.outlines
        return [n for n in self._names(are_over=are_over) if outlines[n].is_hub]

    def _names(self, *, are_over: bool) -> Iterator[str]:
        for name, outline in self._index.outlines.items():
            if _is_over(outline.valid_until) == are_over:
                yield name


def _compared(name: str, names: Collection[str]) -> Iterable[str]:
    """Select the names for a hint: of many, only those of the same host."""
    host = "".join(name.split("/", 3)[2:3])
    if len(name) > _LONGEST_COMPARED or (len(names) > _MOST_COMPARED and not host):
        return ()
    is_small = len(names) <= _MOST_COMPARED
    return islice(
        (candidate for candidate in names if is_small or host in candidate),
        _MOST_COMPARED,
    )


@lru_cache(256)
def _shown(entity_id: str, url: str) -> str:
    """A logo to show, or "", and log the fault."""
    # Never a web address: each browser would report to that site.
    if not logos.is_candidate(url):
        return ""
    if fault := logos.fault_of(url):
        _log.warning(
            "federation: eilogin does not show the logo of '%s': %s", entity_id, fault
        )
    return logos.shown(url)


def _site(entity: EntityDescriptor) -> str:
    participant, hub = entity.service_provider, entity.identity_provider
    endpoints = [
        *(participant.assertion_consumers if participant else ()),
        *(hub.single_sign_ons if hub else ()),
    ]
    return next((_host(endpoint.location) for endpoint in endpoints), "")


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def _is_over(valid_until: float | None) -> bool:
    return valid_until is not None and clock.now() >= valid_until + SKEW
