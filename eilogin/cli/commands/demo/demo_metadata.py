"""The signed metadata of the demo, in the folder of its operator."""

from collections.abc import Iterable
from pathlib import Path

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.registry import (
    MEMBERS,
    Folder,
    differences,
    elements_to_sign,
    last_signed,
    read_member,
)
from eilogin.saml.metadata import EntityDescriptor, write_entity

#: Validity of a signature, and seconds before its end to sign again.
VALIDITY = "90d"
_RENEWAL = 30 * 86_400.0
_NOTE = "made by eilogin demo"


def operator_folder_of(federation: Path) -> Path:
    """Return the folder of the operator who signs this file."""
    return federation.with_suffix("")


def update_members(folder: Folder, entries: Iterable[EntityDescriptor]) -> bool:
    """Replace the demo's members; return whether an existing one has changed."""
    has_changed = False
    departed = {name for name, member in folder.members.items() if member.note == _NOTE}
    for entry in entries:
        member = read_member("paste.ini", write_entity(entry), on_loopback=True)
        departed.discard(member.entity_id)
        old_member = folder.members.get(member.entity_id)
        if old_member is None or old_member.descriptor != member.descriptor:
            folder.put(member, _NOTE)
            has_changed = has_changed or old_member is not None
    for entity_id in departed:
        folder.remove(entity_id)
    return has_changed


def member_files_in(folder: Path) -> list[Path]:
    """Return the files of the demo's members in the folder of an operator."""
    mark = f"<!-- {_NOTE} -->".encode()
    paths = (folder / MEMBERS).glob("*.xml")
    return [path for path in paths if path.read_bytes().startswith(mark)]


def is_signed(folder: Folder) -> bool:
    """Return whether the present metadata is signed, and not about to expire."""
    try:
        last = last_signed(folder)
    except ConfigurationError:
        return False
    if last is None:
        return False
    is_unchanged = not any(differences(last.elements, elements_to_sign(folder)))
    return is_unchanged and last.ends - clock.now() > _RENEWAL
