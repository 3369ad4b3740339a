"""Commands that a person copies into a shell."""

import os
import shlex
from pathlib import Path


def typed(command: str, *words: object) -> str:
    """A command with these words behind it; ``command`` is ours, and stays as it is."""
    return " ".join([command, *map(as_word, words)])


def as_word(word: object) -> str:
    """One word, as it is typed in a shell of today.

    What is in it is up to whoever made the file, or the metadata, that it comes from:
    in the shell it is that word and nothing else; a path is no option; and all of it is
    seen where it stands.
    """
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    # POSIX.1-2024 2.2.4: bash, zsh and ksh have had it for long.
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in {"\\", "'"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
