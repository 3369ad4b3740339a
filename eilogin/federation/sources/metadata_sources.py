"""Sources of metadata: a local file, or an address (``metadata_downloads``).

Metadata is trusted for its signature alone, never for its origin. The exception is an
unsigned file that the options allow. If a source is unavailable or its metadata is
refused, the last good copy replaces it while that is valid. The copy is verified as if
it had just arrived.

An attacker on the network, or at the address, could replay metadata that was signed
before, with keys that have been lost since. So eilogin refuses metadata that states an
earlier creation than the last one, or none although the last one stated it. The time is
the creationInstant of a PublicationInfo (mdrpi 2.2), which states nothing else; a
validUntil may become earlier. Metadata that eilogin had and replaced counts as older,
whatever it states. With the same instant, metadata with another ID that expires sooner
counts as older too. Without a last one, nothing is known to be newer.

eilogin refuses a creation in the future, because nothing would be newer. The last one
can have such a time if our own clock was ahead; then its time means nothing.

This module stores nothing: the caller keeps the record for the next time.
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
from eilogin.federation.sources.metadata_acceptance import understood
from eilogin.saml.message_checks import SKEW
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import FederationMetadata
from eilogin.saml.metadata.packed_members import as_kept
from eilogin.saml.signing_keys import PublicKey

#: Bytes of the longest metadata that is taken: 10,000 entities.
LONGEST = 80 * 1024 * 1024

#: How many of those that were there are known again.
_MOST_RECENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMetadata:
    """The metadata that was accepted last from a source, as far as it identifies it."""

    etag: str = ""
    last_modified: str = ""
    #: creationInstant, validUntil and ID of its root, if it has them.
    created: float | None = None
    valid_until: float | None = None
    id: str = ""
    sha256: str = ""
    #: The SHA-256 of what it was before that, the newest first.
    recent: tuple[str, ...] = ()
    #: The filters of its members: see :attr:`Fetched.choice`.
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedCopy(AcceptedMetadata):
    """The same, and where a copy is."""

    #: The file with the whole content, or None if none is stored. Removing the file
    #: makes eilogin forget the content.
    copy: Path | None = None


@dataclass(frozen=True, slots=True)
class SourceContent:
    """The present content of a source."""

    octets: bytes
    #: The version that it states, or "".
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    #: For how many seconds it is good, or None.
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The accepted metadata of a source, and the record that identifies it."""

    metadata: FederationMetadata
    octets: bytes
    sha256: str
    etag: str = ""
    last_modified: str = ""
    #: Which choice of its members was made; "" where anybody is wanted.
    choice: str = ""
    #: The entityIDs of its members that eilogin skips because they belong to another
    #: source.
    passed: tuple[str, ...] = ()
    #: Whether it is another one than before, or others are wanted of it.
    is_new: bool = True
    #: Why the copy stands in for what is there, with the error's code; "" where it
    #: does not.
    failure: str = ""
    #: For how many seconds its server says that it is good, or None.
    max_age: float | None = None

    @property
    def created(self) -> float | None:
        """When the operator made it, or None."""
        return self.metadata.created

    @property
    def id(self) -> str:
        """The ID of its root, or ""."""
        return self.metadata.id

    def known(
        self, before: AcceptedCopy | None, copy: Path | None = None
    ) -> AcceptedCopy:
        """The record to store for the next time, if this metadata is accepted.

        ``before`` is the record until now, ``copy`` the file that holds the metadata.
        """
        were = () if before is None else (before.sha256, *before.recent)
        recent = dict.fromkeys(one for one in were if one not in ("", self.sha256))
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
    """Where metadata comes from; its text names it in errors."""

    #: The entityID of the only party that it is asked for, or "".
    only: str = ""
    #: Whether members may be on this machine.
    on_loopback: bool = False
    #: How many seconds it may be valid from now on, without end being infinite; None
    #: where what is usual counts.
    validity: float | None = None
    #: The filters of its members.
    choice: MemberFilters = ANYBODY

    @property
    def line(self) -> str:
        """The location in its line of the options: a folder has several sources."""
        return self.address

    @property
    @abstractmethod
    def address(self) -> str:
        """Its path or URL in full, by which it is known again.

        A query in it may be a secret, which no log should show.
        """

    @property
    @abstractmethod
    def signers(self) -> Sequence[PublicKey] | None:
        """The keys of who may have signed it; None where it is believed unsigned."""

    @abstractmethod
    def look(self, before: AcceptedCopy | None, kept: bytes | None) -> SourceContent:
        """Read the present content; ``kept`` is the earlier content, if available."""

    def load(self, longest: float | None) -> FederationMetadata:
        """Read the present content, verified and in time; as :meth:`fetch`."""
        return self.fetch(None, longest).metadata

    def fetch(self, before: AcceptedCopy | None, longest: float | None) -> Fetched:
        """Read the present content, or the earlier copy if that must be refused.

        ``longest`` is the longest allowed validity in seconds if the source states
        none, None for no limit. Raises a :class:`eilogin.errors.ConfigurationError`
        that names the source.
        """
        kept = _kept(before)
        if before and before.copy and _is_gone(before.copy):
            before = None
        try:
            return self._taken(self.look(before, kept), before, longest)
        except ConfigurationError as error:
            return self._from_before(error, before, longest)

    def _taken(
        self, came: SourceContent, before: AcceptedCopy | None, longest: float | None
    ) -> Fetched:
        chosen = self.choice.read()
        try:
            metadata = self._understood(str(self), came.octets, longest)
        except (MetadataUnusable, MetadataUntrusted) as error:
            if not came.content_type:
                raise
            what = f"{len(came.octets)} bytes of {came.content_type[:80]!r}"
            raise type(error)(f"{error}; the server sent {what}") from error
        sha256 = sha256_of(came.octets)
        is_another = before is None or sha256 != before.sha256
        if self.signers is not None:
            self._require_made(metadata.created)
            if before is not None and is_another:
                self._require_no_older(metadata, sha256, before)
        return Fetched(
            chosen.of(str(self), metadata),
            came.octets,
            sha256,
            came.etag,
            came.last_modified,
            chosen.version,
            is_new=before is None or is_another or chosen.version != before.choice,
            max_age=came.max_age,
        )

    def _understood(
        self, name: str, octets: bytes, longest: float | None
    ) -> FederationMetadata:
        metadata = understood(
            name,
            octets,
            self.signers,
            self._longest(longest),
            on_loopback=self.on_loopback,
        )
        names = (one.entity_id for one in as_kept(metadata.entities))
        found = [*names, *metadata.left_out] if self.only else []
        if self.only and found != [self.only]:
            raise MetadataUnusable(
                f"{name}: found {found[:3]}; expected the metadata of {self.only!r}"
                " alone. Ask the administrator of that address"
            )
        return metadata

    def _longest(self, usual: float | None) -> float | None:
        if self.validity is None:
            return usual
        return None if math.isinf(self.validity) else self.validity

    def _require_made(self, created: float | None) -> None:
        """Refuse what is of a time to come."""
        if created is not None and _is_to_come(created):
            made, told = map(write_instant, (created, clock.now()))
            raise MetadataUnusable(
                f"{self}: found metadata with the time {made}, and the time here is"
                f" {told}; expected no time in the future. Check the clock here, or"
                " ask the operator to sign it again with the right time"
            )

    def _require_no_older(
        self, metadata: FederationMetadata, sha256: str, before: AcceptedCopy
    ) -> None:
        """Refuse what was made before what was there, also where that is over."""
        if not _is_older(metadata, sha256, before):
            return
        found = (
            "without a time"
            if metadata.created is None
            else f"made at {write_instant(metadata.created)}"
        )
        had = (
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
            f" {had}. Ask the operator whether somebody serves an old file; {cure}"
        )

    def _from_before(
        self,
        error: ConfigurationError,
        before: AcceptedCopy | None,
        longest: float | None,
    ) -> Fetched:
        if before is None or before.copy is None:
            raise error
        try:
            return self.copied(before, longest, f"{error} ({error.code})")
        except ConfigurationError as worse:
            raise type(error)(
                f"{error}; eilogin cannot use the previous copy either: {worse}"
            ) from error

    def copied(
        self, before: AcceptedCopy, longest: float | None, failure: str = ""
    ) -> Fetched:
        """Read the earlier copy under the present signers and filters.

        ``failure`` is the reason why it replaces the present content, or "". Raises as
        :meth:`fetch`.
        """
        chosen, copy = self.choice.read(), before.copy
        try:
            octets = b"" if copy is None else copy.read_bytes()
        except OSError as error:
            raise MetadataUnusable(f"{copy}: {error.strerror}") from error
        metadata = self._understood(str(copy), octets, longest)
        return Fetched(
            replace(chosen.of(str(self), metadata), instead_of=failure),
            octets,
            sha256_of(octets),
            before.etag,
            before.last_modified,
            chosen.version,
            is_new=chosen.version != before.choice,
            failure=failure,
        )


@dataclass(frozen=True, slots=True)
class MetadataFile(MetadataSource):
    """A file with metadata, and the keys of who may have signed it.

    Where ``keys`` is None it is believed as it lies there, signed or not.
    """

    path: Path
    keys: Sequence[PublicKey] | None
    #: How many bytes it may have.
    longest: int = LONGEST
    #: The folder that is named in its place, or None.
    folder: Path | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def line(self) -> str:
        """The folder that it came from, or itself."""
        return str((self.folder or self.path).absolute())

    @property
    def address(self) -> str:
        """Its path, from the root."""
        return str(self.path.absolute())

    @property
    def signers(self) -> Sequence[PublicKey] | None:
        """Its keys."""
        return self.keys

    def look(self, before: AcceptedCopy | None, kept: bytes | None) -> SourceContent:
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
    """The metadata files in a folder, sorted by name, without editors' leftovers.

    Raises :class:`eilogin.errors.MetadataUnusable`, which names the folder. An empty
    folder is an error too: probably another folder was meant, or it is not mounted.
    """
    try:
        found = [path for path in sorted(folder.iterdir()) if _is_metadata(path)]
    except OSError as error:
        raise MetadataUnusable(f"{folder}: {error.strerror}") from None
    if not found:
        raise MetadataUnusable(
            f"{folder}: found no file '*.xml' in this folder; expected SAML metadata"
        )
    return found


def _is_metadata(path: Path) -> bool:
    is_left_over = path.name.startswith((".", "#", "~"))
    # Reading reports a link to a missing file.
    is_other = path.exists() and not path.is_file()
    return path.suffix == ".xml" and not is_left_over and not is_other


def sha256_of(octets: bytes) -> str:
    """By what octets are known again."""
    return hashlib.sha256(octets).hexdigest()


def _kept(before: AcceptedCopy | None) -> bytes | None:
    """The earlier content as a whole; None if it is unavailable."""
    if before is None or before.copy is None:
        return None
    try:
        octets = before.copy.read_bytes()
    except OSError:
        return None
    return octets if sha256_of(octets) == before.sha256 else None


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _is_older(metadata: FederationMetadata, sha256: str, before: AcceptedCopy) -> bool:
    """Whether metadata was made before what was there, as far as they say it."""
    created, there = metadata.created, before.created
    if sha256 in before.recent:
        return True
    if there is not None and _is_to_come(there):
        return False
    if created == there:
        return (
            created is not None
            and "" != before.id != metadata.id != ""
            and _ends_sooner(metadata.valid_until, before.valid_until)
        )
    return there is not None and (created is None or created < there)


def _ends_sooner(one: float | None, other: float | None) -> bool:
    return one is not None and (other is None or one < other)


def _is_to_come(made: float) -> bool:
    """Whether an instant is yet to come, by whichever clock is behind."""
    return made > clock.now() + SKEW
