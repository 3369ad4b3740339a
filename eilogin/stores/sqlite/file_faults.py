"""Find the reason why no store can be in a file, without making the file."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from eilogin.errors import Fault, InvalidOptions, StoreUnavailable
from eilogin.stores.sqlite import mounts, sqlite_schema
from eilogin.stores.sqlite.reserve_file import shortage_at


def faults_of(path: Path, ini_folder: Path | None) -> Iterator[Fault]:
    """Yield the fault of an option ``store`` that names this file.

    ``ini_folder`` is where a relative path begins; None for an absolute path.
    """
    if shortage := shortage_at(path):
        text = f"the store {path}: {shortage}, so nobody can log in"
        yield _fault("", text, StoreUnavailable.code)
    elif fault := _fault_of_place(path, ini_folder):
        yield _fault(repr(str(path)), fault)
    elif path.exists() and (fault := sqlite_schema.fault_of(path)):
        # The message names the file.
        yield _fault("", fault)


def _fault(value: str, expected: str, code: str = InvalidOptions.code) -> Fault:
    return Fault("", "", "store", value, expected, code)


def _fault_of_place(path: Path, ini_folder: Path | None) -> str:
    """Return the reason why nothing could be stored there; "" if none is known."""
    try:
        return _fault_seen_at(path, ini_folder)
    except OSError as error:
        # A folder above it that this user may not enter, or an invalid name.
        return f"cannot check it ({error.strerror})"


def _fault_seen_at(path: Path, ini_folder: Path | None) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"its folder does not exist{_missing_slash_hint(path, ini_folder)}"
    kind = mounts.network_file_system(path)
    if kind is not None:
        return f"is on a network file system ({kind}); expected a local disk"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user cannot write to its folder{_owner_and_user(folder)}"
    if path.exists() and not path.is_file():
        return "is no file"
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return f"this user cannot write to it{_owner_and_user(path)}"
    return ""


def _missing_slash_hint(path: Path, ini_folder: Path | None) -> str:
    """Hint at a path that exists from the root, and not from this folder."""
    if ini_folder is None or not path.is_relative_to(ini_folder):
        return ""
    absolute = Path("/") / path.relative_to(ini_folder)
    if absolute.parent == Path("/") or not absolute.parent.is_dir():
        return ""
    hint = "a path with three slashes is relative to the folder of this file"
    return f"; did you mean 'sqlite:///{absolute}'? ({hint})"


def _owner_and_user(path: Path) -> str:
    owner, user = map(_name_of, (path.stat().st_uid, os.geteuid()))
    return f": it belongs to {owner}, and this user is {user}"


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
