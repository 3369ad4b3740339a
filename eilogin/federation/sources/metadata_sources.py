"""Sources of metadata: a local file, or an address (``metadata_downloads``).

Only a signature makes metadata trusted, except an unsigned file that the options allow.
If a source fails, the last good copy replaces it while valid. eilogin verifies the copy
again.

An attacker could replay older metadata, with lost keys. So eilogin rejects an earlier
creationInstant than the last one, or a missing one where the last had it
(PublicationInfo, mdrpi 2.2). A validUntil may become earlier. Replaced content counts
as older, whatever it states. With the same instant, another ID that expires sooner
counts as older.

eilogin rejects a creation in the future, because nothing would be newer. If the last
one has such a time, our own clock was ahead, and it does not count.
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eilogin import clock
from eilogin.errors import (
    ConfigurationError,
    MetadataOlder,
    MetadataUntrusted,
    MetadataUnusable,
)
from eilogin.federation.sources.member_filters import ANYBODY, MemberFilters
from eilogin.federation.sources.metadata_acceptance import read_acceptable
from eilogin.saml.message_checks import SKEW
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import FederationMetadata
from eilogin.saml.metadata.member_cache import MemberCache
from eilogin.saml.metadata.packed_members import without_decoding
from eilogin.saml.signing_keys import PublicKey

#: In bytes: 10,000 entities.
LONGEST = 80 * 1024 * 1024

#: Earlier versions that eilogin recognises.
_MOST_RECENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMetadata:
    """The identity of the metadata that was accepted last."""

    etag: str = ""
    last_modified: str = ""
    created: float | None = None
    valid_until: float | None = None
    id: str = ""
    sha256: str = ""
    #: SHA-256 of earlier versions, newest first.
    recent: tuple[str, ...] = ()
    #: A version of the filters; "" for all members.
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCopy(AcceptedMetadata):
    """Accepted metadata with a copy of it."""

    #: Removing the file makes eilogin forget the content.
    copy: Path | None = None
    #: Its members by their octets, if eilogin keeps them.
    cache: MemberCache | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the copy is there as it was accepted."""
        if self.copy is None:
            return False
        try:
            with self.copy.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class SourceContent:
    """The present content of a source."""

    octets: bytes
    #: As the server states them, or "".
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    #: Seconds, or None.
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The accepted metadata of a source, and its identity."""

    metadata: FederationMetadata
    octets: bytes
    sha256: str
    etag: str = ""
    last_modified: str = ""
    #: A version of the filters; "" for all members.
    choice: str = ""
    #: EntityIDs that another source has.
    passed: tuple[str, ...] = ()
    #: Whether content or filters changed.
    is_new: bool = True
    #: Why the copy replaces the content, with the error's code, or "".
    failure: str = ""
    max_age: float | None = None

    @property
    def created(self) -> float | None:
        """The creation time, or None."""
        return self.metadata.created

    @property
    def id(self) -> str:
        """The ID of its root, or ""."""
        return self.metadata.id

    def accepted_after(
        self, before: AcceptedCopy | None, copy: Path | None = None
    ) -> AcceptedCopy:
        """The record to store after ``before``; ``copy`` is the file of metadata."""
        earlier = () if before is None else (before.sha256, *before.recent)
        older = (sha256 for sha256 in earlier if sha256 not in ("", self.sha256))
        recent = dict.fromkeys(older)
        return AcceptedCopy(
            etag=self.etag,
            last_modified=self.last_modified,
            created=self.created,
            valid_until=self.metadata.valid_until,
            id=self.id,
            sha256=self.sha256,
            recent=tuple(recent)[:_MOST_RECENT],
            choice=self.choice,
            copy=copy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataSource(ABC):
    """A source of metadata; its text names it in errors."""

    #: The only wanted entityID, or "".
    only: str = ""
    on_loopback: bool = False
    #: Seconds from now, infinite for no limit; None for the usual.
    validity: float | None = None
    filters: MemberFilters = ANYBODY

    @property
    def line(self) -> str:
        """The location in the options: a folder has several sources."""
        return self.address

    @property
    @abstractmethod
    def address(self) -> str:
        """Its path or full URL, perhaps with a secret query that no log may show."""

    @property
    @abstractmethod
    def signers(self) -> Sequence[PublicKey] | None:
        """The keys that may sign it; None if no signature is needed."""

    @abstractmethod
    def read_content(self, before: AcceptedCopy | None) -> SourceContent:
        """Read the present content; ``before`` has the earlier one, if available."""

    def load(self, usual_validity: float | None) -> FederationMetadata:
        """Read the present content, verified; raises as :meth:`fetch`."""
        return self.fetch(None, usual_validity).metadata

    def fetch(
        self, before: AcceptedCopy | None, usual_validity: float | None
    ) -> Fetched:
        """Read the present content, or the earlier copy if eilogin rejects that.

        ``usual_validity`` is the longest validity in seconds for a source without its
        own; None for no limit. Raises ConfigurationError that names the source.
        """
        if before and before.copy and _is_missing(before.copy):
            before = None
        try:
            return self._accept(self.read_content(before), before, usual_validity)
        except ConfigurationError as error:
            return self._use_copy(error, before, usual_validity)

    def _accept(
        self,
        content: SourceContent,
        before: AcceptedCopy | None,
        usual_validity: float | None,
    ) -> Fetched:
        selection = self.filters.read()
        cache = None if before is None else before.cache
        try:
            metadata = self._verify(str(self), content.octets, usual_validity, cache)
        except (MetadataUnusable, MetadataUntrusted) as error:
            if not content.content_type:
                raise
            what = f"{len(content.octets)} bytes of {content.content_type[:80]!r}"
            raise type(error)(f"{error}; the server sent {what}") from error
        sha256 = sha256_of(content.octets)
        is_another = before is None or sha256 != before.sha256
        if self.signers is not None:
            self._require_not_in_future(metadata.created)
            if before is not None and is_another:
                self._require_no_older(metadata, sha256, before)
        return Fetched(
            selection.select(str(self), metadata),
            content.octets,
            sha256,
            content.etag,
            content.last_modified,
            selection.version,
            is_new=before is None or is_another or selection.version != before.choice,
            max_age=content.max_age,
        )

    def _verify(
        self,
        name: str,
        octets: bytes,
        usual_validity: float | None,
        cache: MemberCache | None,
    ) -> FederationMetadata:
        metadata = read_acceptable(
            name,
            octets,
            self.signers,
            self._longest_validity(usual_validity),
            on_loopback=self.on_loopback,
            cache=cache,
        )
        usable = (entity.entity_id for entity in without_decoding(metadata.entities))
        names = [*usable, *metadata.left_out] if self.only else []
        if self.only and names != [self.only]:
            raise MetadataUnusable(
                f"{name}: found {names[:3]}; expected the metadata of {self.only!r}"
                " alone. Ask the administrator of that address"
            )
        return metadata

    def _longest_validity(self, usual_validity: float | None) -> float | None:
        if self.validity is None:
            return usual_validity
        return None if math.isinf(self.validity) else self.validity

    def _require_not_in_future(self, created: float | None) -> None:
        if created is not None and _is_in_future(created):
            created_text, now_text = map(write_instant, (created, clock.now()))
            raise MetadataUnusable(
                f"{self}: found metadata with the time {created_text}, and the time"
                f" here is {now_text}; expected no time in the future. Check the clock"
                " here, or ask the operator to sign it again with the right time"
            )

    def _require_no_older(
        self, metadata: FederationMetadata, sha256: str, before: AcceptedCopy
    ) -> None:
        """Reject metadata older than the last, even if that has expired."""
        if not _is_older(metadata, sha256, before):
            return
        found = (
            "without a time"
            if metadata.created is None
            else f"made at {write_instant(metadata.created)}"
        )
        expected = (
            "which the operator published after it"
            if before.created is None
            else f"made at {write_instant(before.created)}"
        )
        cure = (
            f"if the older one is right, remove {before.copy}"
            if before.copy
            else "if the older one is right, ask the operator to sign it again"
        )
        raise MetadataOlder(
            f"{self}: found metadata {found}; expected none older than our copy,"
            f" {expected}. Ask the operator whether somebody serves an old file; {cure}"
        )

    def _use_copy(
        self,
        error: ConfigurationError,
        before: AcceptedCopy | None,
        usual_validity: float | None,
    ) -> Fetched:
        if before is None or before.copy is None:
            raise error
        try:
            return self.read_copy(before, usual_validity, f"{error} ({error.code})")
        except ConfigurationError as copy_error:
            raise type(error)(
                f"{error}; eilogin cannot use the previous copy either: {copy_error}"
            ) from error

    def read_copy(
        self, before: AcceptedCopy, usual_validity: float | None, failure: str = ""
    ) -> Fetched:
        """Read the earlier copy under the present signers and filters.

        ``failure``: why it replaces the present content. Raises as :meth:`fetch`.
        """
        selection, copy = self.filters.read(), before.copy
        try:
            octets = b"" if copy is None else copy.read_bytes()
        except OSError as error:
            raise MetadataUnusable(f"{copy}: {error.strerror}") from error
        metadata = self._verify(str(copy), octets, usual_validity, before.cache)
        return Fetched(
            replace(selection.select(str(self), metadata), instead_of=failure),
            octets,
            sha256_of(octets),
            before.etag,
            before.last_modified,
            selection.version,
            is_new=selection.version != before.choice,
            failure=failure,
        )


@dataclass(frozen=True, slots=True)
class MetadataFile(MetadataSource):
    """A file with metadata; if ``keys`` is None, no signature is needed."""

    path: Path
    keys: Sequence[PublicKey] | None
    #: In bytes.
    longest: int = LONGEST
    #: If the line names a folder.
    folder: Path | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def line(self) -> str:
        """Its folder, or itself."""
        return str((self.folder or self.path).absolute())

    @property
    def address(self) -> str:
        """Its absolute path."""
        return str(self.path.absolute())

    @property
    def signers(self) -> Sequence[PublicKey] | None:
        """The keys."""
        return self.keys

    def read_content(self, before: AcceptedCopy | None) -> SourceContent:
        """Read the file."""
        try:
            with self.path.open("rb") as file:
                octets = file.read(self.longest + 1)
        except OSError as error:
            raise MetadataUnusable(f"{self}: {error.strerror}") from None
        if len(octets) > self.longest:
            raise MetadataUnusable(
                f"{self}: is larger than {self.longest} bytes; expected smaller"
                " metadata, or a higher 'longest=' on its line of 'federation'"
            )
        return SourceContent(octets)


def files_in(folder: Path) -> list[Path]:
    """The metadata files in a folder by name; MetadataUnusable without any."""
    # An empty folder is probably the wrong one, or not mounted.
    try:
        files = [path for path in sorted(folder.iterdir()) if _is_metadata(path)]
    except OSError as error:
        raise MetadataUnusable(f"{folder}: {error.strerror}") from None
    if not files:
        raise MetadataUnusable(
            f"{folder}: found no file '*.xml' in this folder; expected SAML metadata"
        )
    return files


def _is_metadata(path: Path) -> bool:
    is_left_over = path.name.startswith((".", "#", "~"))
    # Reading reports a link to a missing file.
    is_other = path.exists() and not path.is_file()
    return path.suffix == ".xml" and not is_left_over and not is_other


def sha256_of(octets: bytes) -> str:
    """The hash that identifies content."""
    return hashlib.sha256(octets).hexdigest()


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _is_older(metadata: FederationMetadata, sha256: str, before: AcceptedCopy) -> bool:
    created, previous = metadata.created, before.created
    if sha256 in before.recent:
        return True
    if previous is not None and _is_in_future(previous):
        return False
    if created == previous:
        return (
            created is not None
            and "" != before.id != metadata.id != ""
            and _is_earlier(metadata.valid_until, before.valid_until)
        )
    return previous is not None and (created is None or created < previous)


def _is_earlier(expiry: float | None, previous: float | None) -> bool:
    """Whether an expiry is earlier than the previous one; None is never."""
    return expiry is not None and (previous is None or expiry < previous)


def _is_in_future(created: float) -> bool:
    return created > clock.now() + SKEW
