"""The members of the federation, as the operator's signed metadata names them."""

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from eilogin import clock
from eilogin.errors import ConfigurationError, Refused, UnknownPeer
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata, read_federation


class Federation:
    """The members by entityID. What is expired is not there: checked at every use."""

    def __init__(self, metadata: FederationMetadata) -> None:
        self._entities = {entity.entity_id: entity for entity in metadata.entities}
        #: The name that the operator gave it.
        self.name = metadata.name

    @classmethod
    def from_file(cls, path: Path, keys: Sequence[RSAPublicKey]) -> "Federation":
        """Read metadata that one of the operator's ``keys`` signed.

        Raises :class:`eilogin.errors.ConfigurationError`, naming the file, where it
        cannot be read, is not well signed, or has expired.
        """
        try:
            metadata = read_federation(path.read_bytes(), keys)
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        except Refused as error:
            raise ConfigurationError(f"{path}: {error}") from error
        if metadata.valid_until is not None and metadata.valid_until <= clock.now():
            ended = clock.utc(metadata.valid_until).isoformat()
            raise ConfigurationError(f"{path}: this metadata expired at {ended}")
        return cls(metadata)

    @property
    def entities(self) -> list[EntityDescriptor]:
        """All members that are valid now, in the order of the metadata."""
        return [e for e in self._entities.values() if _is_valid(e)]

    def entity(self, entity_id: str) -> EntityDescriptor:
        """The member with this entityID, or :class:`eilogin.errors.UnknownPeer`."""
        found = self._entities.get(entity_id)
        if found is None:
            raise UnknownPeer(f"{entity_id!r} is not a member of the federation")
        if not _is_valid(found):
            raise UnknownPeer(f"the metadata of {entity_id!r} has expired")
        return found

    def name_of(self, entity_id: str, language: str) -> str:
        """What people call a party, also one that has left the federation."""
        found = self._entities.get(entity_id)
        return entity_id if found is None else found.name(language)

    def link_of(self, entity_id: str, language: str) -> str:
        """A party's page for visitors, or ""."""
        found = self._entities.get(entity_id)
        return "" if found is None else found.information_url(language)

    def only_hub(self) -> str | None:
        """The entityID of the hub, where the federation has exactly one."""
        hubs = [e.entity_id for e in self.entities if e.identity_provider]
        return hubs[0] if len(hubs) == 1 else None


def _is_valid(entity: EntityDescriptor) -> bool:
    return entity.valid_until is None or clock.now() < entity.valid_until
