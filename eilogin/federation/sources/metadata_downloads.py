"""Metadata over HTTP: from an address, or one party at a time.

The latter is the Metadata Query Protocol (draft-young-md-query, with its SAML profile).
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from eilogin.config import is_loopback
from eilogin.errors import MalformedMessage, MetadataUnavailable, PeerUnavailable
from eilogin.federation.sources.metadata_sources import (
    LONGEST,
    AcceptedCopy,
    MetadataSource,
    SourceContent,
)
from eilogin.http_client import (
    NO_VALIDATORS,
    USUAL_OPTIONS,
    BackChannel,
    ClientCertificate,
    OptionNames,
    PeerResponse,
    Validators,
    named,
)
from eilogin.saml.metadata.metadata_addresses import require_address
from eilogin.saml.signing_keys import PublicKey

#: SAML metadata appendix A.
_TYPE = "application/samlmetadata+xml"

_OK = 200
_NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class MetadataClient:
    """An HTTP client for metadata; fields as those of :class:`BackChannel`."""

    ca_file: Path | None = None
    client_certificate: ClientCertificate | None = None
    proxy: str | None = None
    #: Seconds, redirects included.
    timeout: float = 5.0
    longest: int = LONGEST
    option_names: OptionNames = USUAL_OPTIONS

    def fetch(self, url: str, validators: Validators = NO_VALIDATORS) -> PeerResponse:
        """Fetch an address, following at most 5 redirects.

        ``validators`` are those of the stored copy; status 304 if it is current, else
        200. Raises MetadataUnavailable, which names the address.
        """
        try:
            return self._follow(url, validators)
        except PeerUnavailable as error:
            raise _failed(url, str(error)) from error

    def _follow(self, url: str, validators: Validators) -> PeerResponse:
        deadline = time.monotonic() + self.timeout
        current = url
        for _ in range(_MOST_REDIRECTS + 1):
            timeout = max(round(deadline - time.monotonic(), 1), 0.1)
            is_elsewhere = _host(current) != _host(url)
            with closing(self._channel(is_elsewhere=is_elsewhere)) as channel:
                answer = channel.get(
                    current,
                    _TYPE,
                    longest=self.longest,
                    timeout=timeout,
                    validators=validators,
                )
            is_current = answer.status == _NOT_MODIFIED and any(validators)
            if answer.status == _OK or is_current:
                return answer
            if answer.status not in _REDIRECTS or not answer.location:
                fault = f"{named(current)} answered with status {answer.status}"
                raise _failed(url, fault)
            current = _redirect_target(url, current, answer.location)
        fault = f"more than {_MOST_REDIRECTS} redirects, the last to {named(current)}"
        raise _failed(url, fault)

    def _channel(self, *, is_elsewhere: bool) -> BackChannel:
        """Return the channel; only the configured host sees our certificate."""
        return BackChannel(
            ca_file=self.ca_file,
            client_certificate=None if is_elsewhere else self.client_certificate,
            proxy=self.proxy,
            timeout=self.timeout,
            option_names=self.option_names,
        )


@dataclass(frozen=True, slots=True)
class MetadataURL(MetadataSource):
    """An address of metadata, and the keys that may sign it."""

    url: str
    keys: Sequence[PublicKey]
    client: MetadataClient

    def __str__(self) -> str:
        return named(self.url)

    @classmethod
    def of_entity(
        cls,
        base: str,
        entity_id: str,
        keys: Sequence[PublicKey],
        client: MetadataClient,
    ) -> "MetadataURL":
        """The query for one party to the responder at ``base`` (MDQ 3.1)."""
        url = f"{base.rstrip('/')}/entities/{quote(entity_id, safe='')}"
        return cls(url, keys, client, only=entity_id)

    @property
    def address(self) -> str:
        """The URL."""
        return self.url

    @property
    def signers(self) -> Sequence[PublicKey]:
        """The keys."""
        return self.keys

    def read_content(self, before: AcceptedCopy | None) -> SourceContent:
        """Fetch the present content."""
        if before is None or before.copy is None or not before.is_kept:
            return _content_of(self.client.fetch(self.url))
        validators = Validators(before.etag, before.last_modified)
        answer = self.client.fetch(self.url, validators)
        if answer.status != _NOT_MODIFIED:
            return _content_of(answer)
        try:
            # Only now: both in memory would be twice as much.
            kept = before.copy.read_bytes()
        except OSError as error:
            raise MetadataUnavailable(f"{before.copy}: {error.strerror}") from error
        return SourceContent(
            kept,
            etag=answer.etag or before.etag,
            last_modified=answer.last_modified or before.last_modified,
            max_age=answer.max_age,
        )


def _content_of(answer: PeerResponse) -> SourceContent:
    return SourceContent(
        answer.body,
        answer.content_type or "nothing",
        answer.etag,
        answer.last_modified,
        answer.max_age,
    )


def _redirect_target(url: str, current: str, location: str) -> str:
    """The target of a redirect, if as safe as the ``current`` address."""
    # Others must not redirect us to loopback: a service there may trust every request.
    try:
        target = urldefrag(urljoin(current, location)).url
        require_address(target, on_loopback=is_loopback(_host(current)))
    except (ValueError, MalformedMessage) as error:
        fault = (
            f"{named(current)} redirected to an address that eilogin does not follow"
            f" from there: {error}"
        )
        raise _failed(url, fault) from error
    return target


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _failed(url: str, fault: str) -> MetadataUnavailable:
    # The fault may come from a redirect.
    prefix = "" if fault.startswith(f"{named(url)} ") else f"{named(url)}: "
    return MetadataUnavailable(
        f"{prefix}{fault}; expected SAML metadata, with status 200. Ask the"
        " administrator of that address"
    )
