"""The members of the federation, as the metadata names them that we trust."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from eilogin import clock
from eilogin.errors import (
    MalformedMessage,
    MetadataExpired,
    MetadataLifetime,
    MetadataUntrusted,
    MetadataUnusable,
    PeerUnusable,
    Refused,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.saml.checks import SKEW
from eilogin.saml.keys import PublicKey
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import (
    EntityDescriptor,
    FederationMetadata,
    read_federation,
    read_unsigned,
)
from eilogin.saml.text import CONTROL
from eilogin.saml.xml import in_full
from eilogin.settings import did_you_mean

#: Characters of a name, and how many names, that are compared for a hint in a log.
_LONGEST_COMPARED, _MOST_COMPARED = 120, 50


class MetadataSource(Protocol):
    """Where metadata comes from; its text names it in errors."""

    @property
    def only(self) -> str:
        """The entityID of the only party that it is asked for, or ""."""

    def load(self, longest: float | None) -> FederationMetadata:
        """The metadata, verified and in time; as :meth:`Federation.from_files`."""


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """A file with metadata, and the keys of who may have signed it.

    Where ``keys`` is None it is believed as it lies there, signed or not.
    """

    path: Path
    keys: Sequence[PublicKey] | None
    only: str = ""
    #: Whether members may be on this machine.
    on_loopback: bool = False

    def __str__(self) -> str:
        return str(self.path)

    def load(self, longest: float | None) -> FederationMetadata:
        """What the file says now."""
        try:
            octets = self.path.read_bytes()
        except OSError as error:
            raise MetadataUnusable(f"{self}: {error.strerror}") from None
        return understood(
            str(self), octets, self.keys, longest, on_loopback=self.on_loopback
        )


class Federation:
    """The members by entityID. What is expired is not there: checked at every use.

    ``sources`` are pieces of metadata that have no member in common, but such as can
    be used in one of them only.
    """

    def __init__(self, *sources: FederationMetadata) -> None:
        self._entities = {e.entity_id: e for one in sources for e in one.entities}
        #: Why a member is left out, by its entityID: of all that there is of it.
        self.left_out = {
            entity_id: error
            for one in sources
            for entity_id, error in one.left_out.items()
            if entity_id not in self._entities
        }
        #: What was passed over in the metadata of members.
        self.remarks = tuple(text for one in sources for text in one.remarks)
        #: What is wrong at sources for which a copy from before stands in.
        self.copies = tuple(one.instead_of for one in sources if one.instead_of)
        #: Whether any is an aggregate, of which one is a member or not.
        self.is_aggregate = any(one.is_aggregate for one in sources)
        #: The name that the operator gave it.
        self.name = next((one.name for one in sources if one.name), "")

    @classmethod
    def from_files(
        cls, files: Sequence[MetadataSource], longest: float | None = None
    ) -> "Federation":
        """Read metadata; ``longest`` is how many seconds each may last from now on.

        Where ``longest`` is None it may last for ever. Raises a
        :class:`eilogin.errors.ConfigurationError` that names the file: what cannot be
        read is MetadataUnusable, what is not well signed MetadataUntrusted, what is
        over MetadataExpired, what lasts too long MetadataLifetime, and PeerUnusable
        where that is all that there is. Who is asked for one party only is not asked
        where that one is in an earlier source. One that cannot be used does not count:
        it may be in another source too, and be used as that has it.
        """
        sources: list[FederationMetadata] = []
        seen: set[str] = set()
        for file in files:
            if file.only in seen:
                continue
            source = file.load(longest)
            sources.append(source)
            members = {e.entity_id for e in source.entities}
            if twice := sorted(seen & members):
                told = f"{file}: {twice[0]!r} is in another file of 'federation' too"
                raise MetadataUnusable(f"{told}; one of them should go")
            seen |= members
        return cls(*sources)

    @property
    def entities(self) -> list[EntityDescriptor]:
        """All members that are valid now, in the order of the metadata."""
        return [e for e in self._entities.values() if _is_valid(e)]

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
        """What a log adds of an entityID for which :meth:`entity` finds nobody valid.

        Which ones are written much like it, and whom to ask.
        """
        if entity_id in self.left_out:
            return ""  # whom to ask is a part of the reason
        if entity_id in self._entities:
            return (
                "; metadata is read at the start: restart to read the newer one, or ask"
                " the federation's operator for it"
            )
        known = _compared(entity_id, self._entities)
        hint = did_you_mean(entity_id, known, most=3, cutoff=0.8)
        cure = (
            "it should be one, add its metadata to 'federation' and restart, or ask"
            " the federation's operator"
        )
        return f"{hint} If {cure}" if hint else f"; if {cure}"

    def name_of(self, entity_id: str, language: str) -> str:
        """What people call a party, or else the host of its site, or else its entityID.

        Also one whose metadata is over, or that has left. Some metadata has no names
        for people: that of Shibboleth, as it comes.
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

    @property
    def hubs(self) -> list[str]:
        """The entityIDs of all hubs, in the order of the metadata."""
        return [e.entity_id for e in self.entities if e.identity_provider]

    @property
    def lost_hubs(self) -> list[str]:
        """The entityIDs of those that would be hubs, and are left out or expired."""
        left_out = [name for name, error in self.left_out.items() if error.is_hub]
        return left_out + [e.entity_id for e in self.expired if e.identity_provider]

    @property
    def expired(self) -> list[EntityDescriptor]:
        """The members whose own metadata is over."""
        return [e for e in self._entities.values() if not _is_valid(e)]


def understood(
    name: str,
    octets: bytes,
    keys: Sequence[PublicKey] | None,
    longest: float | None,
    *,
    on_loopback: bool,
) -> FederationMetadata:
    """What octets of metadata say that came from ``name``.

    ``longest`` is as in :meth:`Federation.from_files`, and so is what it raises; the
    rest is as in :class:`MetadataFile`.
    """
    try:
        if keys is None:
            metadata = read_unsigned(octets, on_loopback=on_loopback)
        else:
            metadata = read_federation(octets, keys, on_loopback=on_loopback)
    except PeerUnusable as error:
        raise type(error)(f"{name}: {error}") from error
    except UntrustedSignature as error:
        raise MetadataUntrusted(f"{name}: {error}; {_instead(keys)}") from error
    except Refused as error:
        told = in_full(error) if isinstance(error, MalformedMessage) else str(error)
        # It may quote what somebody sent.
        told = CONTROL.sub(" ", told)
        but = _if_html(octets)
        raise MetadataUnusable(
            f"{name}: {told}; expected SAML metadata{but}: ask the operator for it"
        ) from error
    _require_in_time(name, metadata.valid_until, longest)
    return metadata


def _compared(name: str, known: Collection[str]) -> Iterable[str]:
    """The names that one that somebody sent is compared with for a hint.

    Bounded in what it costs: among many those of the same host, and not all of them.
    """
    host = "".join(name.split("/", 3)[2:3])
    if len(name) > _LONGEST_COMPARED or (len(known) > _MOST_COMPARED and not host):
        return ()
    few = len(known) <= _MOST_COMPARED
    return islice((one for one in known if few or host in one), _MOST_COMPARED)


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


def _instead(keys: Sequence[PublicKey] | None) -> str:
    """What was expected of a signature that is not taken, and whom to ask."""
    if keys is None:
        return (
            "'federation_unsigned' asks for no signature, but that of the whole has to"
            " be sound if there is one: ask who made this metadata for one signed"
            " otherwise, or not at all"
        )
    return (
        "expected the signature of its operator, whose certificate"
        " 'federation_certificate' names, or its own line: ask the operator which it is"
    )


def _if_html(octets: bytes) -> str:
    start = octets.lstrip()[:100].lower()
    is_html = start.startswith((b"<!doctype html", b"<html"))
    return ", and this looks like a page of HTML" if is_html else ""


def _require_in_time(
    name: str, valid_until: float | None, longest: float | None
) -> None:
    """Refuse what is over, or was not made to be so soon enough."""
    now = clock.now()
    if valid_until is not None and _is_over(valid_until):
        ended, told = map(write_instant, (valid_until, now))
        raise MetadataExpired(
            f"{name}: this metadata expired at {ended}, and it is {told} here; ask the"
            " operator for a newer one"
        )
    if longest is None:
        return
    latest = now + longest
    if valid_until is None or valid_until > latest + SKEW:
        found = (
            "has no validUntil"
            if valid_until is None
            else f"is valid until {write_instant(valid_until)}"
        )
        raise MetadataLifetime(
            f"{name}: this metadata {found}; expected a validUntil on"
            f" its root, by {write_instant(latest)} at the latest"
            f" (federation_validity): ask the operator"
        )


def _is_over(valid_until: float) -> bool:
    """Whether an end has come, by whichever clock is behind."""
    return clock.now() >= valid_until + SKEW


def _is_valid(entity: EntityDescriptor) -> bool:
    return entity.valid_until is None or not _is_over(entity.valid_until)
