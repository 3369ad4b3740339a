"""The files of this machine that the members come from: whether they are others now.

Nobody has to wait an hour for what lies here. To look at them costs a call of the
system for each, so that is done often; to read them is left to a refresh.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from eilogin.errors import MetadataUnusable
from eilogin.federation.sources.metadata_sources import files_in
from eilogin.federation.sources.source_lines import FederationFile, FederationLine


def look_at(lines: Sequence[FederationLine]) -> str:
    """A fingerprint of the local files that ``lines`` name; it changes with them.

    It is "" if they name none; a missing file has a fingerprint too.
    """
    looks = [_look(path) for line in lines for path in _files_of(line)]
    return hashlib.sha256(repr(looks).encode()).hexdigest() if looks else ""


def _files_of(line: FederationLine) -> Iterator[Path]:
    """The local files of a line, including its lists of wanted members."""
    if isinstance(line, FederationFile):
        yield line.path
        yield from _in_folder(line.path)
    lists = (*line.choice.include, *line.choice.exclude)
    yield from (one for one in lists if isinstance(one, Path))


def _in_folder(path: Path) -> Sequence[Path]:
    try:
        return files_in(path) if path.is_dir() else ()
    except MetadataUnusable:
        # Empty for now, or out of reach: a refresh says so.
        return ()


def _look(path: Path) -> tuple[str, int, int, int] | str:
    try:
        found = path.stat()
    except OSError:
        return str(path)
    return (str(path), found.st_ino, found.st_mtime_ns, found.st_size)
