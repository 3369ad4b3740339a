"""Types of options that are files and folders, relative to that of the ini file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import (
    BeforeValidator,
    ValidationInfo,
)

from eilogin.config.option_lines import read_lines, split


def from_ini(text: str, info: ValidationInfo) -> Path:
    """Return the path that a text of an ini file means, relative to that file's folder.

    For validators, which get ``info`` from pydantic. Options made by a program are
    relative to the working folder. Raise ValueError for a blank text.
    """
    if not text.strip():
        raise ValueError("the path of a file")
    return Path((info.context or {}).get("here", ""), text.strip())


def is_there(check: Callable[[], bool]) -> bool:
    """Call ``path.is_file`` or a similar method; False for an impossible file name."""
    try:
        return check()
    except PermissionError:
        raise ValueError("a path in folders that this user may enter") from None
    except OSError:
        return False


def _readable_file(value: object, info: ValidationInfo) -> object:
    return readable_file(value, info) if isinstance(value, str) else value


def readable_file(text: str, info: ValidationInfo) -> Path:
    """Return a readable file; otherwise like :func:`from_ini`."""
    path = from_ini(text, info)
    if not is_there(path.is_file):
        raise ValueError("an existing file")
    if not os.access(path, os.R_OK):
        raise ValueError("a file that this user may read")
    return path


def _folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = from_ini(value, info)
    if not is_there(path.is_dir):
        raise ValueError("an existing folder")
    return path


def _new_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = from_ini(value, info)
    if is_there(path.is_dir):
        return path
    if not _can_be_made(path):
        raise ValueError("a folder, or a new one in an existing folder of this user")
    return path


def _can_be_made(folder: Path) -> bool:
    try:
        folder.lstat()
    except FileNotFoundError:
        return os.access(folder.parent, os.W_OK | os.X_OK)
    except (OSError, ValueError):
        return False
    return False


def _readable_files(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    paths = read_lines(split(value), lambda line: _readable_file(line, info))
    if not paths:
        raise ValueError("the path of a file, or several paths, each on its own line")
    return paths


ReadableFile = Annotated[Path, BeforeValidator(_readable_file)]


Folder = Annotated[Path, BeforeValidator(_folder)]


#: A folder that eilogin makes at its first use if it is missing.
NewFolder = Annotated[Path, BeforeValidator(_new_folder)]


#: Several files, one for each line.
ReadableFiles = Annotated[tuple[Path, ...], BeforeValidator(_readable_files)]
