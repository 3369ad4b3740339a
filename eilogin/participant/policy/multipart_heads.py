"""Read the heads of the parts of a form with files (``multipart/form-data``, RFC 7578).

Parsers differ about boundaries and the end of a head. So a *head* here is everything
from a delimiter, wherever it is, to the next empty line.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from eilogin.errors import FormRefused
from eilogin.web.requests import body_in_pieces
from eilogin.web.visit import Visit

#: Most bytes of a copy (Zope's FORM_DISK_LIMIT), and of its part in memory.
_LARGEST = 2**30
_IN_MEMORY = 2**20
_PIECE = 2**16
#: Bytes of a head; more than browsers send or parsers read.
_LONGEST_HEAD = 2**15
#: Parts of a form; more than any page has.
_MOST_PARTS = 10_000

_EMPTY_LINE = b"\r\n\r\n"
#: A boundary that all parsers read alike: in quotes as in RFC 2046 5.1.1, otherwise a
#: token (RFC 9110 5.6.2) that no parser decodes.
_BOUNDARY = re.compile(
    r";[ \t]*boundary="
    r"(?:\"(?! )([A-Za-z0-9'()+_,./:=? -]{1,200})(?<! )\"|([\w!#$&'+.^`|~-]{1,200}))"
    r"[ \t]*(?:;|\Z)",
    re.IGNORECASE | re.ASCII,
)
_NAMES_BOUNDARY = re.compile(r"boundary[*0-9 \t]*=", re.IGNORECASE)
#: The start of a head with the name of a file, as all browsers write it.
_OF_BROWSERS = re.compile(
    rb"\A\r\nContent-Disposition: form-data; name=\"[^\"\\\r\n]*\""
    rb"(; filename=\"[^\"\\\r\n;=]*\")(?=\r\n|\Z)"
)


class _Copy(SpooledTemporaryFile[bytes]):
    def __del__(self) -> None:
        self.close()


def heads(visit: Visit) -> Iterator[bytes]:
    """Return the head of each part; the form stays readable.

    Raise FormRefused for ambiguous parts, or more or longer heads than a page makes,
    and the errors of ``body_in_pieces``.
    """
    delimiter = _delimiter(visit.environ.get("CONTENT_TYPE", ""))
    stream = _rewindable(visit)
    start = stream.tell()
    pieces = iter(partial(stream.read, _PIECE), b"")
    for count, head in enumerate(_possible_heads(pieces, delimiter)):
        if count >= _MOST_PARTS:
            raise FormRefused(f"the form has more than {_MOST_PARTS} parts")
        file_part = _OF_BROWSERS.match(head)
        yield (
            head[: file_part.start(1)] + head[file_part.end(1) :] if file_part else head
        )
    stream.seek(start)


def _delimiter(content_type: str) -> bytes:
    match = _BOUNDARY.search(content_type)
    if match is None or len(_NAMES_BOUNDARY.findall(content_type)) > 1:
        raise FormRefused("the form has files, and no valid boundary")
    return b"--" + (match[1] or match[2]).encode()


def _rewindable(visit: Visit) -> IO[bytes]:
    source: IO[bytes] = visit.environ["wsgi.input"]
    can_rewind = getattr(source, "seekable", None)
    if can_rewind is not None and can_rewind():
        return source
    copy = _Copy(_IN_MEMORY)
    for piece in body_in_pieces(visit, _LARGEST, _PIECE):
        copy.write(piece)
    copy.seek(0)
    visit.environ["wsgi.input"] = copy
    return copy


def _possible_heads(pieces: Iterable[bytes], delimiter: bytes) -> Iterator[bytes]:
    unread, is_head = b"", False
    for piece in pieces:
        unread += piece
        position = 0
        while (
            end := unread.find(_EMPTY_LINE if is_head else delimiter, position)
        ) >= 0:
            if is_head:
                yield unread[position:end]
            position = end + len(_EMPTY_LINE if is_head else delimiter)
            is_head = not is_head
        if is_head and len(unread) - position > _LONGEST_HEAD:
            raise FormRefused(
                f"a part of the form has a head of more than {_LONGEST_HEAD} bytes"
            )
        # A delimiter may have begun at the end.
        unread = (
            unread[position:]
            if is_head
            else unread[max(position, len(unread) - len(delimiter) + 1) :]
        )
    if is_head:
        yield unread
