"""Publish metadata as files that any web server can serve.

``metadata.xml`` has all members. ``entities/`` has a signed response for each, for the
Metadata Query Protocol (draft-young-md-query 3.1, with its SAML profile), named by the
percent-encoded entityID and by its SHA-1.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from urllib.parse import quote

from eilogin import clock
from eilogin.atomic_files import PUBLIC, write, write_under
from eilogin.errors import ConfigurationError, MetadataExpired, MetadataUnusable
from eilogin.registry.metadata_repair import fault_of
from eilogin.registry.metadata_signing import SignedMetadata, last_signed
from eilogin.registry.registry_folder import SIGNED, Folder
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import sign_entity
from eilogin.saml.safe_xml import METADATA, parse
from eilogin.saml.signing_keys import SigningKey
from eilogin.shell_quoting import typed

ENTITIES = "entities"

#: Bytes of a file name.
_LONGEST = 255
#: The files that eilogin may remove.
_OURS = re.compile(r"\{sha1\}[0-9a-f]{40}|[A-Za-z][A-Za-z0-9+.-]*%3A[A-Za-z0-9%._~-]*")

Progress = Callable[[list[str]], Iterable[str]]


def publish(
    folder: Folder, target: Path, key: SigningKey | None, progress: Progress = iter
) -> int:
    """Put the last signed metadata into a folder; return the number of responses.

    Without a ``key`` there are none. Each file is written whole, and responses of
    former members are removed last. Raises ConfigurationError if the signed metadata is
    missing, has expired or breaks the schemas.
    """
    last = last_signed(folder)
    if last is None:
        raise ConfigurationError(
            f"{folder.signed}: does not exist;"
            f" '{typed('eilogin federation sign', folder.path)}' makes it"
        )
    _require_valid(folder, last)
    names: set[str] = set()
    if key is not None:
        for entity_id in progress(list(last.elements)):
            response = sign_entity(
                deepcopy(last.elements[entity_id]),
                publisher=folder.options.publisher or folder.options.name,
                valid_until=last.ends,
                key=key,
            )
            own = names_of(entity_id)
            write_under([target / ENTITIES / n for n in own], response, mode=PUBLIC)
            names.update(own)
    write(target / SIGNED, last.octets, mode=PUBLIC)
    for path in (target / ENTITIES).glob("*"):
        if path.name not in names and _OURS.fullmatch(path.name):
            path.unlink()
    return len(last.elements) if key else 0


def _require_valid(folder: Folder, last: SignedMetadata) -> None:
    if last.ends <= clock.now():
        raise MetadataExpired(
            f"{folder.signed}: expired at {write_instant(last.ends)}; sign it again"
        )
    if fault := fault_of(parse(last.octets, METADATA)):
        # An older version did not check before signing.
        raise MetadataUnusable(
            f"{folder.signed}: other products would reject it, because it is not"
            f" valid: {fault}. Sign it again:"
            f" '{typed('eilogin federation sign', folder.path)}'"
        )


def names_of(entity_id: str) -> list[str]:
    """The file names of a member: its entityID, if usable as a name, and its hash."""
    digest = hashlib.sha1(entity_id.encode(), usedforsecurity=False).hexdigest()
    names = [quote(entity_id, safe=""), "{sha1}" + digest]
    return [n for n in names if len(n) <= _LONGEST and _OURS.fullmatch(n)]
