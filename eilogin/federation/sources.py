"""Metadata that is fetched over HTTP: from an address, or of one party at a time.

The latter is the Metadata Query Protocol (draft-young-md-query, with its SAML profile):
a responder is asked for the party that an entityID names, and for no other.

What comes is believed for its signature alone, never for where it came from. It is
fetched once, at the start, by who makes the trust; nothing runs on after that, and no
connection is kept. Where the source is down, or sends what cannot be taken, the last
good copy stands in for as long as that is valid: it is verified as if it had just come.

Who is on the way, or runs the address, could bring back what was signed before, with
the keys that somebody lost since then. So what says that it was made before the copy,
or does not say when though that does, cannot be taken either (mdrpi 2.2: the
creationInstant of a PublicationInfo, which says nothing but that; a validUntil may
become an earlier one). Without a copy nothing is known that it could be older than.
What says that it is made in a time to come cannot be taken: nothing would be newer.
"""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from eilogin import clock
from eilogin.backchannel import Answer, BackChannel, named
from eilogin.errors import (
    ConfigurationError,
    MetadataOlder,
    MetadataUnavailable,
    MetadataUntrusted,
    MetadataUnusable,
    PeerUnavailable,
    Refused,
)
from eilogin.federation.members import understood
from eilogin.saml.checks import SKEW
from eilogin.saml.keys import PublicKey
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import FederationMetadata, read_created
from eilogin.settings import is_loopback

_log = logging.getLogger("eilogin")

#: SAML metadata appendix A.
_TYPE = "application/samlmetadata+xml"

#: Bytes of the longest metadata that is fetched: 10,000 entities.
LONGEST = 80 * 1024 * 1024

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Web:
    """How metadata is fetched; the fields are those of :class:`BackChannel`."""

    ca_file: Path | None = None
    client_certificate: tuple[Path, Path] | None = None
    proxy: str | None = None
    #: Seconds for the whole of it, redirects included.
    timeout: float = 5.0
    longest: int = LONGEST

    def fetch(self, url: str) -> Answer:
        """What lies at an address, after at most 5 redirects.

        Raises :class:`eilogin.errors.MetadataUnavailable`, which names the address:
        no answer, another status than 200, too many bytes, too slow, a redirect too
        many or to where it is not safe.
        """
        channel = BackChannel(
            ca_file=self.ca_file,
            client_certificate=self.client_certificate,
            proxy=self.proxy,
            timeout=self.timeout,
        )
        try:
            return self._follow(channel, url)
        except PeerUnavailable as error:
            raise _failed(url, str(error)) from error
        finally:
            channel.close()

    def _follow(self, channel: BackChannel, url: str) -> Answer:
        ends = time.monotonic() + self.timeout
        here = url
        for _ in range(_MOST_REDIRECTS + 1):
            left = max(round(ends - time.monotonic(), 1), 0.1)
            answer = channel.get(here, _TYPE, longest=self.longest, timeout=left)
            if answer.status == _OK:
                return answer
            if answer.status not in _REDIRECTS or not answer.location:
                told = f"{named(here)} answered with status {answer.status}"
                raise _failed(url, told)
            here = _led_to(url, here, answer.location)
        told = f"more than {_MOST_REDIRECTS} redirects, the last to {named(here)}"
        raise _failed(url, told)


def _led_to(url: str, here: str, location: str) -> str:
    """The address of a redirect, if it is as safe as where it comes from."""
    try:
        there = urljoin(here, location)
        parts = urlsplit(there)
        is_safe = parts.scheme == "https" or (
            # This machine is not for others to send us to.
            parts.scheme == "http"
            and is_loopback(parts.hostname or "")
            and is_loopback(urlsplit(here).hostname or "")
        )
    except ValueError:
        is_safe = False
    if not is_safe:
        raise _failed(url, f"{named(here)} sent us to what is no https address")
    return there


def _is_to_come(made: float) -> bool:
    """Whether an instant is yet to come, by whichever clock is behind."""
    return made > clock.now() + SKEW


def _failed(url: str, what: str) -> MetadataUnavailable:
    # What went wrong may have been after a redirect, at another address.
    asked = "" if what.startswith(f"{named(url)} ") else f"{named(url)}: "
    return MetadataUnavailable(
        f"{asked}{what}; expected SAML metadata, with status 200: ask who runs that"
        " address"
    )


@dataclass(frozen=True, slots=True)
class MetadataURL:
    """An address of metadata, and the keys of who may have signed it."""

    url: str
    keys: Sequence[PublicKey]
    web: Web
    #: The entityID of the only party that is asked for, or "".
    only: str = ""
    #: Folder of the copies, or None.
    copies: Path | None = None
    #: Whether what comes is kept there.
    keeps: bool = False
    #: Whether members may be on this machine.
    on_loopback: bool = False

    def __str__(self) -> str:
        return named(self.url)

    @classmethod
    def of_entity(
        cls, base: str, entity_id: str, keys: Sequence[PublicKey], web: Web
    ) -> "MetadataURL":
        """The question to a responder at ``base`` for one party (MDQ 3.1)."""
        url = f"{base.rstrip('/')}/entities/{quote(entity_id, safe='')}"
        return cls(url, keys, web, only=entity_id)

    def load(self, longest: float | None) -> FederationMetadata:
        """What lies there now, or the copy from before where that cannot be taken.

        Raises a :class:`eilogin.errors.ConfigurationError` that names the address.
        """
        try:
            answer, metadata = self._fetched(longest)
            self._require_made(metadata.created)
            self._require_no_older(answer.body, metadata.created)
        except ConfigurationError as error:
            return self._from_before(error, longest)
        if self.copies and self.keeps:
            self._keep(self.copies, answer.body)
        return metadata

    def _fetched(self, longest: float | None) -> tuple[Answer, FederationMetadata]:
        answer = self.web.fetch(self.url)
        try:
            return answer, self._understood(str(self), answer.body, longest)
        except (MetadataUnusable, MetadataUntrusted) as error:
            came = f"{len(answer.body)} bytes of {answer.content_type[:80]!r}"
            raise type(error)(f"{error}; what came were {came}") from error

    def _understood(
        self, name: str, octets: bytes, longest: float | None
    ) -> FederationMetadata:
        metadata = understood(
            name, octets, self.keys, longest, on_loopback=self.on_loopback
        )
        found = [*(e.entity_id for e in metadata.entities), *metadata.left_out]
        if self.only and found != [self.only]:
            raise MetadataUnusable(
                f"{name}: found {found[:3]}; expected the metadata of {self.only!r} and"
                " of nobody else: ask who runs that address"
            )
        return metadata

    def _require_made(self, created: float | None) -> None:
        """Refuse what is of a time to come."""
        if created is not None and _is_to_come(created):
            made, told = map(write_instant, (created, clock.now()))
            raise MetadataUnusable(
                f"{self}: found metadata made at {made}, and it is {told} here;"
                " expected no time to come: look at the clock here, or ask the operator"
                " to sign it anew by the right one"
            )

    def _require_no_older(self, octets: bytes, created: float | None) -> None:
        """Refuse what was made before the copy, also where that is over by now."""
        if self.copies is None:
            return
        copy = self._place(self.copies)
        try:
            kept = copy.read_bytes()
            before = created if kept == octets else read_created(kept, self.keys)
        except FileNotFoundError:
            return
        except (OSError, Refused) as error:
            # Such as after the operator took another key: then it is no good copy.
            _log.warning("federation_copies: no copy of %s to compare: %s", self, error)
            return
        if before is None or _is_to_come(before):
            return
        if created is not None and created >= before:
            return
        found = (
            "which does not say when it was made"
            if created is None
            else f"made at {write_instant(created)}"
        )
        raise MetadataOlder(
            f"{self}: found metadata {found}; expected none older than the copy that we"
            f" have, made at {write_instant(before)}: ask the operator whether somebody"
            f" brings back what is over; if it is meant so, remove {copy}"
        )

    def _from_before(
        self, error: ConfigurationError, longest: float | None
    ) -> FederationMetadata:
        if self.copies is None:
            raise error
        path = self._place(self.copies)
        try:
            metadata = self._understood(str(path), path.read_bytes(), longest)
        except FileNotFoundError:
            raise error from None
        except (OSError, ConfigurationError) as worse:
            raise type(error)(
                f"{error}; nor can the copy from before be used: {worse}"
            ) from error
        return replace(metadata, instead_of=f"{error} ({error.code})")

    def _place(self, folder: Path) -> Path:
        """The file of the copy; what signs it is no part of its name, but checked."""
        return folder / f"{hashlib.sha256(self.url.encode()).hexdigest()[:32]}.xml"

    def _keep(self, folder: Path, octets: bytes) -> None:
        """Put the copy in its place as a whole, or leave the one that is there."""
        place = self._place(folder)
        try:
            number, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".new")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(octets)
                    file.flush()
                    # Metadata is public, and who checks may be another user.
                    os.fchmod(number, 0o644)
                    os.fsync(number)
                Path(name).replace(place)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            _log.warning(
                "federation_copies: no copy of %s is kept: %s: %s",
                self,
                folder,
                error.strerror,
            )
