"""The folder of a federation on the command line, its members and paths."""

import getpass
import os
from pathlib import Path

from eilogin import config
from eilogin.errors import ConfigurationError
from eilogin.registry import TOKEN, Folder, RegistryMember
from eilogin.saml.printable_text import first_of
from eilogin.shell_quoting import as_word, typed

_MOST_NAMED = 10


def chosen_member(registry: Folder, name: str) -> RegistryMember:
    """Return the member of an entityID or a unique part; raise ConfigurationError."""
    if name in registry.members:
        return registry.members[name]
    fragment = name.casefold()
    matches = [
        entity_id
        for entity_id in registry.members
        if fragment and fragment in entity_id.casefold()
    ]
    if len(matches) == 1:
        return registry.members[matches[0]]
    if matches:
        lines = first_of([*map(as_word, matches)], _MOST_NAMED)
        names = "\n".join(f"  {line}" for line in lines)
        raise ConfigurationError(
            f"{registry.path}: '{name}' is a part of {len(matches)} entityIDs; "
            f"expected a part of only one:\n{names}"
        )
    hint = config.did_you_mean(name, registry.members)
    raise ConfigurationError(
        f"{registry.path}: '{name}' is no member{hint}; "
        f"'{typed('eilogin federation list', registry.path)}' lists all"
    )


def sign_hint(folder: Path) -> str:
    """Name the command that activates a change."""
    return f"'{typed('eilogin federation sign', folder)}' makes it count"


def is_elsewhere(key: str) -> bool:
    """Return whether a key is a variable, a credential or on a token."""
    return key.startswith(("env:", "credential:", TOKEN))


def relative_to_folder(folder: Path, location: str) -> str:
    """Write a path from the working folder as ``federation.ini`` has to name it."""
    prefix = "file:" if location.startswith("file:") else ""
    path = Path(location.removeprefix(prefix))
    if not location or is_elsewhere(location) or path.is_absolute():
        return location
    return prefix + os.path.relpath(path.absolute(), folder.absolute())


def user_name() -> str:
    """Return the name of the user who types the command."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an unknown user"
