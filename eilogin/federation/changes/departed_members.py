"""Keep the last record of members that left, to compare it when they return.

Otherwise an attacker could remove a member today, and add it tomorrow with other keys
and addresses. The records have their own file, one member a line, because no metadata
has them, and another version cannot read an index. If a line is unreadable, eilogin
accepts no metadata until somebody repairs the file.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from pydantic import TypeAdapter, ValidationError

from eilogin.errors import ConfigurationError
from eilogin.federation.members.membership import Membership
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.saml.metadata import EntityDescriptor

_FILE = "departed.jsonl"
#: The most records; the newest stay.
_MOST = 10_000


class Departed(Mapping[str, EntityDescriptor]):
    """The departed members by entityID, parsed on access."""

    def __init__(self, lines: Mapping[str, bytes], place: str = "") -> None:
        self.lines = lines
        self._place = place

    def __getitem__(self, entity_id: str) -> EntityDescriptor:
        try:
            return _type().validate_json(self.lines[entity_id])
        except ValidationError as error:
            raise _unusable(self._place, repr(entity_id)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


NOBODY = Departed({})


def departed_of(folder: SiteFolder) -> Departed:
    """The members that left; raises ConfigurationError, here or on access."""
    path = folder.path / _FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return NOBODY
    except OSError as error:
        raise ConfigurationError(
            f"federation_folder: {path}: {error.strerror}"
        ) from error
    try:
        return Departed(dict(map(_parsed_line, lines)), str(path))
    except ValueError as error:
        raise _unusable(str(path), "a line without an entityID") from error


def note_departed(
    folder: SiteFolder,
    old: Membership,
    new: Membership,
    last_records: Mapping[str, EntityDescriptor] = MappingProxyType({}),
) -> None:
    """Store the members that ``new`` lacks, before its activation; under the lock.

    ``last_records`` has the whole records of members in quarantine. Raises
    ConfigurationError if the file cannot be read or written.
    """
    before = departed_of(folder).lines
    leaving = [name for name in old.members if name not in new.members]
    staying = [n for n in before if n not in new.members and n not in old.members]
    if not leaving and len(staying) == len(before):
        return
    lines = {name: before[name] for name in staying}
    for name in leaving:
        lines[name] = _type().dump_json(last_records.get(name) or old.members[name])
    newest = [*lines.items()][-_MOST:]
    folder.write(_FILE, b"".join(_line(*entry) for entry in newest))


def _line(entity_id: str, member: bytes) -> bytes:
    return json.dumps(entity_id).encode() + b"\t" + member + b"\n"


def _parsed_line(line: bytes) -> tuple[str, bytes]:
    entity_id, _, member = line.partition(b"\t")
    return str(json.loads(entity_id)), member


@cache
def _type() -> TypeAdapter[EntityDescriptor]:
    return TypeAdapter(EntityDescriptor)


def _unusable(place: str, unreadable: str) -> ConfigurationError:
    return ConfigurationError(
        f"federation_folder: {place}: cannot read {unreadable}; expected the last "
        "records of former members. Restore the file, or remove it: eilogin then "
        "compares a returning member with no old record"
    )
