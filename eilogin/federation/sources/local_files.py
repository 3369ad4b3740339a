"""Detect changes of local metadata, at the cost of one system call for each file."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from eilogin.errors import MetadataUnusable
from eilogin.federation.sources.metadata_sources import files_in
from eilogin.federation.sources.source_lines import FederationFile, FederationLine


def fingerprint_of(lines: Sequence[FederationLine]) -> str:
    """A fingerprint of the local files that ``lines`` name, even if missing, or ""."""
    identities = [_identity(path) for line in lines for path in _files_of(line)]
    return hashlib.sha256(repr(identities).encode()).hexdigest() if identities else ""


def _files_of(line: FederationLine) -> Iterator[Path]:
    if isinstance(line, FederationFile):
        yield line.path
        yield from _in_folder(line.path)
    lists = (*line.choice.include, *line.choice.exclude)
    yield from (entry for entry in lists if isinstance(entry, Path))


def _in_folder(path: Path) -> Sequence[Path]:
    try:
        return files_in(path) if path.is_dir() else ()
    except MetadataUnusable:
        # A refresh reports the folder.
        return ()


def _identity(path: Path) -> tuple[str, int, int, int] | str:
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return (str(path), status.st_ino, status.st_mtime_ns, status.st_size)
