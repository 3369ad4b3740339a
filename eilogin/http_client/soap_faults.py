"""Turn a response with an error status to a SOAP message into an error."""

import html
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from eilogin.errors import PeerUnavailable
from eilogin.http_client.peer_urls import named

_LONGEST_TEXT = 200


#: SOAP 1.1, 4.4: the text for people.
_FAULT_STRING = re.compile(r"<(?:[\w.-]{1,40}:)?faultstring(?:\s[^<>]*)?>([^<]+)<")


#: In an error response, the mark of a SOAP endpoint.
_FAULT = re.compile(rb"<(?:[\w.-]{1,40}:)?Fault[\s/>]")


#: Client errors after which a later try can succeed.
_TEMPORARY = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


_HTML = ("text/html", "application/xhtml+xml")


#: SOAP 1.1, 4.4.1: maybe with a more specific part after a dot.
_FAULT_CODE = re.compile(
    rb"<(?:[\w.-]{1,40}:)?faultcode(?:\s[^<>]*)?>\s*(?:[\w-]{1,40}:)?(Client|Server)[.\s<]"
)


#: The mark of a message about a person, whom the response may name too. Only responses
#: of eilogin never do.
_NAMES_A_PERSON = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:NameID|BaseID|EncryptedID)[\s/>]")


_TEXT_OF_EILOGIN = re.compile(r"refused, see [2-9A-Z]{3}-[2-9A-Z]{3}")


#: No log may show these parts: an artifact, which may still be valid, and numbers like
#: a BSN.
_ARTIFACT = re.compile(rb"<(?:[\w.-]{1,40}:)?Artifact(?:\s[^<>]*)?>([^<]+)<")


_NUMBER = re.compile(r"(?<!\d)\d(?:[\s.-]*\d){8}(?!\d)")


#: Characters of the shortest removed part of an artifact.
_SHORTEST_PART = 6


def failed(  # noqa: PLR0913 - the parts of an answer
    url: str,
    status: int,
    body: bytes,
    *,
    request: bytes = b"",
    clocks: Sequence[str] = (),
    content_type: str = "",
) -> PeerUnavailable:
    """Return the error for a response to a SOAP request with another status than 200.

    It contains ``clocks``, and the text of a SOAP fault that cannot name a person.
    """
    facts = [f"answered with status {status}"]
    fault_text = _fault_text(body, request)
    if (
        fault_text
        and _NAMES_A_PERSON.search(request)
        and not _TEXT_OF_EILOGIN.fullmatch(fault_text)
    ):
        facts.append(
            "eilogin does not repeat its message, which may name a person: "
            "see the log of the peer"
        )
    elif fault_text:
        facts.append(f"it says {fault_text!r}")
    error = PeerUnavailable(f"{named(url)} {'; '.join([*facts, *clocks])}")
    # Without a SOAP fault, the response may be a gateway's.
    error.has_answered = status == HTTPStatus.OK or bool(_FAULT.search(body))
    is_for_good = (
        HTTPStatus(400) <= status < HTTPStatus(500) and status not in _TEMPORARY
    )
    is_html = content_type.lower().startswith(_HTML)
    error.is_page = is_for_good and is_html and not error.has_answered
    code_match = _FAULT_CODE.search(body)
    error.fault = code_match[1].decode() if code_match else ""
    return error


def _fault_text(body: bytes, request: bytes) -> str:
    """Return the faultstring for one line of a log, or "".

    It contains no artifact of the request, and no number like a BSN.
    """
    # Search the text, without an XML parser: only this unsigned element counts.
    match = _FAULT_STRING.search(body.decode(errors="replace"))
    words = html.unescape(match[1]) if match else ""
    readable = "".join(c if c.isprintable() else " " for c in words)
    for text in _parts_of_artifact(request):
        readable = re.sub(re.escape(text), "…", readable, flags=re.IGNORECASE)
    return " ".join(_NUMBER.sub("…", readable).split())[:_LONGEST_TEXT]


def _parts_of_artifact(request: bytes) -> Iterator[str]:
    """Yield the artifact in a message, then its parts."""
    for artifact in _ARTIFACT.findall(request):
        text = html.unescape(artifact.decode(errors="replace")).strip()
        parts = re.split(r"[^\w-]+", text)
        yield from (part for part in (text, *parts) if len(part) >= _SHORTEST_PART)
