"""Find the folder of a federation, and the member that a command means."""

import os
from pathlib import Path

import click

from eilogin import config
from eilogin.errors import ConfigurationError
from eilogin.registry import TOKEN, Folder, RegistryMember
from eilogin.saml.printable_text import first_of
from eilogin.shell_quoting import as_word, typed

DIR = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))

#: Most members that a message lists.
_MOST_MEANT = 10


def chosen_member(registry: Folder, name: str) -> RegistryMember:
    """Return the member with this entityID, or the only one that contains it.

    Raises :class:`eilogin.errors.ConfigurationError`.
    """
    if name in registry.members:
        return registry.members[name]
    part = name.casefold()
    fitting = [it for it in registry.members if part and part in it.casefold()]
    if len(fitting) == 1:
        return registry.members[fitting[0]]
    if fitting:
        lines = first_of([*map(as_word, fitting)], _MOST_MEANT)
        names = "\n".join(f"  {line}" for line in lines)
        raise ConfigurationError(
            f"{registry.path}: '{name}' is a part of {len(fitting)} entityIDs; "
            f"expected a part of only one:\n{names}"
        )
    hint = config.did_you_mean(name, registry.members)
    raise ConfigurationError(
        f"{registry.path}: '{name}' is no member{hint}; "
        f"'{typed('eilogin federation list', registry.path)}' lists all"
    )


def sign_hint(folder: Path) -> str:
    """Name the command after which a change counts."""
    return f"'{typed('eilogin federation sign', folder)}' makes it count"


def is_elsewhere(key: str) -> bool:
    """Return whether a key is a variable, a credential or on a token, and no file."""
    return key.startswith(("env:", "credential:", TOKEN))


def seen_from(folder: Path, place: str) -> str:
    """Write a path of the working folder as ``federation.ini`` has to name it."""
    mark = "file:" if place.startswith("file:") else ""
    path = Path(place.removeprefix(mark))
    if not place or is_elsewhere(place) or path.is_absolute():
        return place
    return mark + os.path.relpath(path.absolute(), folder.absolute())
