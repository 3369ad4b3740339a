"""Read the response to a request, within a limit of bytes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from io import BytesIO
from typing import NamedTuple

import urllib3
from urllib3.exceptions import HTTPError

from eilogin.errors import PeerUnavailable
from eilogin.http_client.peer_urls import named


class Validators(NamedTuple):
    """Validators of a copy, for a conditional request (RFC 9110 8.8), or ""."""

    etag: str = ""
    last_modified: str = ""


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class PeerResponse:
    """The response of a peer; a ``body`` is certain only with status 200."""

    status: int
    location: str
    content_type: str
    body: bytes
    #: Instant of ``Date``.
    dated: float | None
    #: See :class:`Validators`.
    etag: str = ""
    last_modified: str = ""
    #: Seconds (RFC 9111 5.2.2.1).
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """A request to a peer; the response may have ``longest`` bytes."""

    method: str
    headers: Mapping[str, str]
    longest: int
    body: bytes | None = None
    #: Bytes of an error response (status 400 and above).
    longest_fault: int = 0


def read_response(
    url: str, response: urllib3.BaseHTTPResponse, request: PeerRequest
) -> PeerResponse:
    """Read the body, as far as the status requires one, and the relevant headers.

    Raises :class:`eilogin.errors.PeerUnavailable` if the body is too long.
    """
    body = b""
    if response.status == HTTPStatus.OK:
        # One byte more than the limit; never wait for another.
        body = _joined(_chunks(response, request.longest + 1))
        if len(body) > request.longest:
            error = PeerUnavailable(
                f"{named(url)} answered with more than {request.longest} bytes"
            )
            error.has_answered = True
            raise error
    elif response.status >= HTTPStatus.BAD_REQUEST and request.longest_fault:
        # The status matters, even without the rest.
        with suppress(HTTPError, OSError):
            body = b"".join(_chunks(response, request.longest_fault))
    return PeerResponse(
        response.status,
        response.headers.get("Location", ""),
        response.headers.get("Content-Type", ""),
        body,
        _instant(response.headers.get("Date", "")),
        _validator(response, "ETag"),
        _validator(response, "Last-Modified"),
        _max_age(response.headers.get("Cache-Control", "")),
    )


def _validator(response: urllib3.BaseHTTPResponse, name: str) -> str:
    """Return a header to send back unchanged; "" if that is impossible."""
    text = response.headers.get(name, "")
    return text if re.fullmatch(r"[ -~]{1,500}", text) else ""


def _max_age(cache_control: str) -> float | None:
    match = re.search(r"(?:^|[,\s])max-age=\"?(\d{1,9})(?!\d)", cache_control.lower())
    return float(match[1]) if match else None


def _chunks(response: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
    bytes_left = most
    while bytes_left and (
        chunk := response.read(min(65_536, bytes_left), decode_content=False)
    ):
        bytes_left -= len(chunk)
        yield chunk


def _joined(chunks: Iterable[bytes]) -> bytes:
    """Join chunks as they come, so that a large body is in memory once."""
    body = BytesIO()
    body.writelines(chunks)
    return body.getvalue()


def _instant(date: str) -> float | None:
    """The time of a ``Date`` (RFC 9110 6.6.1), or None."""
    try:
        parsed = parsedate_to_datetime(date)
        aware = parsed.replace(tzinfo=parsed.tzinfo or UTC)
        return aware.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
