"""Commands that a person copies into a shell."""

import os
import shlex
from pathlib import Path


def typed(command: str, *words: object) -> str:
    """Append quoted words to a command; ``command`` is ours and stays unquoted."""
    return " ".join([command, *map(as_word, words)])


def as_word(word: object) -> str:
    """Quote one word for a shell; a path never becomes an option.

    The reader sees every character: it may come from others' files or metadata.
    """
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    # POSIX.1-2024 2.2.4; bash, zsh and ksh have long had it.
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in {"\\", "'"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
