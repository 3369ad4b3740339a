"""Turn a response with an error status to a SOAP message into an error."""

import html
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from eilogin.errors import PeerUnavailable
from eilogin.http_client.peer_urls import named

_LONGEST_WORDS = 200


#: Where a SOAP fault has its words for people (SOAP 1.1, 4.4).
_FAULT_WORDS = re.compile(r"<(?:[\w.-]{1,40}:)?faultstring(?:\s[^<>]*)?>([^<]+)<")


#: By what an answer of another status shows that who speaks SOAP there has given it.
_FAULT = re.compile(rb"<(?:[\w.-]{1,40}:)?Fault[\s/>]")


#: The client error statuses that may pass by themselves: a later try can succeed.
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


#: The Content-Type of a page begins with one of these.
_HTML = ("text/html", "application/xhtml+xml")


#: And where it says whose fault it is, more closely behind a dot or not (4.4.1).
_FAULT_CODE = re.compile(
    rb"<(?:[\w.-]{1,40}:)?faultcode(?:\s[^<>]*)?>\s*(?:[\w-]{1,40}:)?(Client|Server)[.\s<]"
)


#: By what a question shows that it is about somebody: what is said of it may name her,
#: in whatever spelling. Only what a hub or participant of ours says is known not to.
_NAMES_A_PERSON = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:NameID|BaseID|EncryptedID)[\s/>]")


_OURS = re.compile(r"refused, see [2-9A-Z]{3}-[2-9A-Z]{3}")


#: What of another question may stand in no log: an artifact that may be good still. And
#: what a citizen's number looks like.
_ARTIFACT = re.compile(rb"<(?:[\w.-]{1,40}:)?Artifact(?:\s[^<>]*)?>([^<]+)<")


_NUMBER = re.compile(r"(?<!\d)\d(?:[\s.-]*\d){8}(?!\d)")


#: Characters of the shortest part of an artifact that is left out.
_SHORTEST_PART = 6


def failed(  # noqa: PLR0913 - the parts of an answer
    url: str,
    status: int,
    body: bytes,
    *,
    question: bytes = b"",
    clocks: Sequence[str] = (),
    content_type: str = "",
) -> PeerUnavailable:
    """The error for an answer of another status than 200 to a SOAP ``question``.

    It repeats what a SOAP fault in its ``body`` says, where that can name nobody, and
    ``clocks``.
    """
    told = [f"answered with status {status}"]
    words = _fault_words(body, question)
    if words and _NAMES_A_PERSON.search(question) and not _OURS.fullmatch(words):
        told.append(
            "eilogin does not repeat its message, which may name a person: "
            "see the log of the peer"
        )
    elif words:
        told.append(f"it says {words!r}")
    error = PeerUnavailable(f"{named(url)} {'; '.join([*told, *clocks])}")
    # A page of another status is a gateway's, for all that is known.
    error.has_answered = status == HTTPStatus.OK or bool(_FAULT.search(body))
    is_for_good = HTTPStatus(400) <= status < HTTPStatus(500) and status not in _PASSING
    is_html = content_type.lower().startswith(_HTML)
    error.is_page = is_for_good and is_html and not error.has_answered
    found = _FAULT_CODE.search(body)
    error.fault = found[1].decode() if found else ""
    return error


def _fault_words(body: bytes, question: bytes) -> str:
    """Return the faultstring of a SOAP fault for one line of a log, or "".

    Without the artifact of the ``question``, and without numbers of citizens.
    """
    # Read as text: nobody signed it, and nothing but these words is wanted of it.
    found = _FAULT_WORDS.search(body.decode(errors="replace"))
    words = html.unescape(found[1]) if found else ""
    readable = "".join(c if c.isprintable() else " " for c in words)
    for text in _parts_of_artifact(question):
        readable = re.sub(re.escape(text), "…", readable, flags=re.IGNORECASE)
    return " ".join(_NUMBER.sub("…", readable).split())[:_LONGEST_WORDS]


def _parts_of_artifact(question: bytes) -> Iterator[str]:
    """The artifact that a question is about, and the parts of it, the longest first."""
    for found in _ARTIFACT.findall(question):
        text = html.unescape(found.decode(errors="replace")).strip()
        parts = re.split(r"[^\w-]+", text)
        yield from (one for one in (text, *parts) if len(one) >= _SHORTEST_PART)
