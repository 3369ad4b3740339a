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

#: The most members that an ambiguous name lists.
_MOST_MEANT = 10


def chosen_member(known: Folder, said: str) -> RegistryMember:
    """The member with this entityID, or the only one whose entityID contains it.

    Raises :class:`eilogin.errors.ConfigurationError` if none does, or several do.
    """
    if said in known.members:
        return known.members[said]
    part = said.casefold()
    meant = [name for name in known.members if part and part in name.casefold()]
    if len(meant) == 1:
        return known.members[meant[0]]
    if meant:
        names = "\n".join(
            f"  {one}" for one in first_of([*map(as_word, meant)], _MOST_MEANT)
        )
        raise ConfigurationError(
            f"{known.path}: '{said}' is a part of {len(meant)} entityIDs; "
            f"expected a part of only one:\n{names}"
        )
    hint = config.did_you_mean(said, known.members)
    raise ConfigurationError(
        f"{known.path}: '{said}' is no member{hint}; "
        f"'{typed('eilogin federation list', known.path)}' lists all"
    )


def is_elsewhere(said: str) -> bool:
    """Tell whether a key is a variable, a credential or on a token, and no file."""
    return said.startswith(("env:", "credential:", TOKEN))


def seen_from(folder: Path, said: str) -> str:
    """Return a path of the working folder, as ``federation.ini`` has to name it."""
    mark = "file:" if said.startswith("file:") else ""
    path = Path(said.removeprefix(mark))
    if not said or is_elsewhere(said) or path.is_absolute():
        return said
    return mark + os.path.relpath(path.absolute(), folder.absolute())
