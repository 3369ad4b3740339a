"""Where metadata comes from: a file here, or what is fetched (``downloads``).

What comes is believed for its signature alone, never for where it came from, but for a
file that nobody signs and of which the options say so. Where it cannot be had or cannot
be taken, the last good copy stands in for as long as that is valid: it is verified as
if it had just come.

Who is on the way, or runs the address, could bring back what was signed before, with
the keys that somebody lost since then. So what says that it was made before what was
there, or does not say when though that does, cannot be taken either (mdrpi 2.2: the
creationInstant of a PublicationInfo, which says nothing but that; a validUntil may
become an earlier one). What was there already and was replaced is older whatever it
says; of the same instant also that which is over sooner, of another ID. Where nothing
was there nothing is known that it could be older than. What says that it is made in a
time to come cannot be taken: nothing would be newer. What is there can be of such a
time where our own clock was ahead; then its time says nothing.

Nothing is written here: who asks keeps what is to be known the next time.
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
from eilogin.federation.sources.member_filters import ANYBODY, Choice
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
class Taken:
    """What was taken of a source the last time, as far as it is known again."""

    etag: str = ""
    last_modified: str = ""
    #: creationInstant, validUntil and ID of its root, if it has them.
    created: float | None = None
    valid_until: float | None = None
    id: str = ""
    sha256: str = ""
    #: The SHA-256 of what it was before that, the newest first.
    recent: tuple[str, ...] = ()
    #: What of its members was wanted: see :attr:`Fetched.choice`.
    choice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before(Taken):
    """The same, and where a copy is."""

    #: The file with all of it, or None where none is kept. Who removes the file wants
    #: nothing to be known any more.
    copy: Path | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """What lies at a source now."""

    octets: bytes
    #: What it says that it is, or "".
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    #: For how many seconds it is good, or None.
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was taken of a source, and by what it is known again."""

    metadata: FederationMetadata
    octets: bytes
    sha256: str
    etag: str = ""
    last_modified: str = ""
    #: Which choice of its members was made; "" where anybody is wanted.
    choice: str = ""
    #: The entityIDs of its members that are passed over: they are of another source.
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

    def known(self, before: Before | None, copy: Path | None = None) -> Before:
        """What is to be known of it the next time, if it is taken.

        ``before`` is what was known until now, ``copy`` the file where it is kept.
        """
        were = () if before is None else (before.sha256, *before.recent)
        recent = dict.fromkeys(one for one in were if one not in ("", self.sha256))
        return Before(
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
    #: Who is wanted of its members.
    choice: Choice = ANYBODY

    @property
    def line(self) -> str:
        """What its line of the options names: a folder has several sources."""
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
    def look(self, before: Before | None, kept: bytes | None) -> Came:
        """What lies there; ``kept`` is what was there before, if that is at hand."""

    def load(self, longest: float | None) -> FederationMetadata:
        """What lies there now, verified and in time; as :meth:`fetch`."""
        return self.fetch(None, longest).metadata

    def fetch(self, before: Before | None, longest: float | None) -> Fetched:
        """What lies there now, or the copy from before where that cannot be taken.

        ``longest`` is for how many seconds it may be valid where the source does not
        say so itself, None for ever. Raises a
        :class:`eilogin.errors.ConfigurationError` that names the source.
        """
        kept = _kept(before)
        if before and before.copy and _is_gone(before.copy):
            before = None
        try:
            return self._taken(self.look(before, kept), before, longest)
        except ConfigurationError as error:
            return self._from_before(error, before, longest)

    def _taken(
        self, came: Came, before: Before | None, longest: float | None
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
        self, metadata: FederationMetadata, sha256: str, before: Before
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
        self, error: ConfigurationError, before: Before | None, longest: float | None
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
        self, before: Before, longest: float | None, failure: str = ""
    ) -> Fetched:
        """What the copy from before says, by who may sign and who is wanted now.

        ``failure`` is why it stands in for what is there, or "". Raises as
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

    def look(self, before: Before | None, kept: bytes | None) -> Came:
        """What the file says now."""
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
        return Came(octets)


def files_in(folder: Path) -> list[Path]:
    """The files of metadata in a folder, by their names; what editors leave is none.

    Raises :class:`eilogin.errors.MetadataUnusable`, which names the folder: also where
    there is no file, for then it is another folder that was meant, or one that is not
    mounted.
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
    # A link to what is gone is told when it is read.
    is_other = path.exists() and not path.is_file()
    return path.suffix == ".xml" and not is_left_over and not is_other


def sha256_of(octets: bytes) -> str:
    """By what octets are known again."""
    return hashlib.sha256(octets).hexdigest()


def _kept(before: Before | None) -> bytes | None:
    """What was there before, whole; None where it is not at hand."""
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


def _is_older(metadata: FederationMetadata, sha256: str, before: Before) -> bool:
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
