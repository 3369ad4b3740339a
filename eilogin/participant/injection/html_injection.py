"""Insert one tag into a page of the application while it streams.

A tag for the browser (:class:`HeadPlace`) goes to the beginning of the head. eilogin
reads it token by token: a search for ``</head>`` would also match in a script, comment
or attribute. A paragraph for the visitor (:class:`ContentPlace`) goes to the start of
the content. eilogin holds back the page up to that place.

eilogin increases Content-Length by the length of the tag. If it then finds no place, it
sends blanks after the document instead. An answer that is too short, or does not begin
like a document, stays as it is. The answer to HEAD has the same headers.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]

#: Bytes before the place in the head: a banner in a comment may be long.
LONGEST_BEGINNING = 8192
#: Bytes before the body: heads with their own styles are long.
LONGEST_HEAD = 262_144
#: Bytes of the body before its content: menus are long.
LONGEST_MENU = 65_536

_BOM = b"\xef\xbb\xbf"
# A token before the place (HTML standard, 13.2.6.4.1 to 13.2.6.4.4), alike in HTML and
# XML.
_STEP = re.compile(
    rb"""
    [ \t\n\f\r]++
    | <!-- (?: -?> | .*?--!?> )
    | <\?[^>]*\?>
    | (?P<doctype> <!doctype [^>\[]* > )
    | <(?P<element> html | head )
      (?> (?: [ \t\n\f\r]+ [^ \t\n\f\r"'<>/=]+
          (?: [ \t\n\f\r]* = [ \t\n\f\r]*
              (?: "[^"]*" | '[^']*' | [^ \t\n\f\r"'=<>`]+ ) )? )* )
      [ \t\n\f\r]* (?P<empty> /? ) >
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# The usual beginning: these steps, all in one.
_USUAL = re.compile(
    rb"""
    (?: \xef\xbb\xbf )? [ \t\n\f\r]*+ <!doctype [ ] html> [ \t\n\f\r]*+
    <html (?: [ \t\n\f\r]+ [a-z:-]+ = "[^"]*+" )*+ > [ \t\n\f\r]*+ <head>
    """,
    re.VERBOSE | re.IGNORECASE,
)
_INCOMPLETE = re.compile(
    rb"<(?: !-- | \? | !doctype | (?:html|head)[ \t\n\f\r/>] | [^>]*\Z )",
    re.VERBOSE | re.IGNORECASE,
)

_SHORTEST_DOCUMENT = len(b"<head>")

#: Headers about the application's bytes (RFC 9530; RFC 9110 14.3).
_OF_THE_BYTES = frozenset(
    {"content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"}
)
_LENGTH, _ETAG = "content-length", "etag"
_OF_NOT_MODIFIED = _OF_THE_BYTES | {_LENGTH}
_ADJUSTED = _OF_NOT_MODIFIED | {_ETAG}


# The same before the body (13.2.6.4.4 to 13.2.6.4.6). A script with a comment may
# continue after its end tag.
_TAG_ENDS = rb"""(?> (?: [ \t\n\f\r/]+ [^ \t\n\f\r"'<>/=]+
      (?: [ \t\n\f\r]* = [ \t\n\f\r]*
          (?: "[^"]*" | '[^']*' | [^ \t\n\f\r"'=<>`]+ ) )? )* )
      [ \t\n\f\r]* /? >"""
_IN_HEAD = re.compile(
    rb"""
    [ \t\n\f\r]++
    | <!-- (?: -?> | .*?--!?> )
    | <\?[^>]*>
    | <!doctype [^>]* >
    | </head[ \t\n\f\r]*>
    | < (?: html | head | meta | link | base ) %(ends)s
    | < (?P<raw> script | style | title | noscript ) %(ends)s
      (?: (?!<!--) . )*? </ (?P=raw) [ \t\n\f\r]* >
    | (?P<body> < body %(ends)s )
    | (?P<frames> < frameset [ \t\n\f\r>] )
    """
    % {b"ends": _TAG_ENDS},
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_HEAD_INCOMPLETE = re.compile(
    rb"""
    < (?: !-- | \? | !doctype | [^>]*\Z
        | (?: html | head | meta | link | base | body ) [ \t\n\f\r/>] [^<]* \Z
        | (?: script | style | title | noscript ) [ \t\n\f\r/>] (?: (?!<!--) . )* \Z )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

# Tokens that every browser reads alike. After a script with a comment, or a misplaced
# quote, later tokens are uncertain, so there is no match.
_IN_BODY = re.compile(
    rb"""
    [^<]++
    | < (?= [^a-z!/?] )
    | <!-- (?: -?> | .*?--!?> )
    | < (?!!--) [!?][^>]*>
    | </ (?P<end> [a-z][^ \t\n\f\r/>]* ) [^>"']* >
    | < (?P<raw> %(raw)s ) %(ends)s (?: (?!<!--) . )*? </ (?P=raw) [ \t\n\f\r]* >
    | < (?! %(raw)s [ \t\n\f\r/>] )
      (?P<start> [a-z][^ \t\n\f\r/>]* ) (?P<rest> %(ends)s )
    """
    % {
        b"raw": rb"(?: script | style | title | textarea | iframe | xmp | noframes )",
        b"ends": rb"""(?= [ \t\n\f\r/>] )
      (?> (?: [ \t\n\f\r/]*+ [^ \t\n\f\r"'<>/=]++
          (?: [ \t\n\f\r]*+ = [ \t\n\f\r]*+
              (?: "[^"]*" | '[^']*' | [^ \t\n\f\r"'=<>`]++ ) )? )* )
      [ \t\n\f\r/]*+ >""",
    },
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_NO_CONTENT = frozenset(
    b"header nav aside footer dialog template noscript select svg math".split()
)
_HIDDEN = re.compile(rb"""[ \t\n\f\r"']hidden(?![a-z0-9_-])""", re.IGNORECASE)


class HeadPlace:
    """The beginning of the head of a stream; XML (``is_xml``) needs both start tags."""

    def __init__(self, *, is_xml: bool) -> None:
        self._is_xml = is_xml
        self._position = 0
        self._is_document = False

    def look(self, beginning: bytes) -> int | None:
        """Return the place in all input so far, -1 for none, None for more input."""
        if self._position == 0:
            if usual := _USUAL.match(beginning):
                return usual.end()
            if beginning.startswith(_BOM):
                self._position = len(_BOM)
        while step := _STEP.match(beginning, self._position):
            if (step["element"] or b"").lower() == b"head":
                is_empty = self._is_xml and step["empty"]
                return -1 if is_empty else step.end()
            self._position = step.end()
            self._is_document |= bool(step["doctype"] or step["element"])
        return self._place_before(beginning[self._position :], len(beginning))

    def _place_before(self, unread: bytes, length: int) -> int | None:
        if not unread or _BOM.startswith(unread) or _INCOMPLETE.match(unread):
            return -1 if length > LONGEST_BEGINNING else None
        return self._position if self._is_one_without_head(unread) else -1

    def _is_one_without_head(self, unread: bytes) -> bool:
        is_markup = unread.startswith((b"<!", b"<?", b"</"))
        return self._is_document and not self._is_xml and not is_markup

    def last(self) -> int:
        """Return the place at the end of the input; -1 for none."""
        return -1


class BodyPlace:
    """The beginning of an HTML body, for a visible element; -1 for frames."""

    def __init__(self) -> None:
        self._position = 0

    def look(self, beginning: bytes) -> int | None:
        """Return the place in ``beginning``, as :meth:`HeadPlace.look` does."""
        if self._position == 0 and beginning.startswith(_BOM):
            self._position = len(_BOM)
        while step := _IN_HEAD.match(beginning, self._position):
            if step["body"]:
                return step.end()
            if step["frames"]:
                return -1
            self._position = step.end()
        unread = beginning[self._position :]
        is_begun = (
            not unread or _BOM.startswith(unread) or _HEAD_INCOMPLETE.match(unread)
        )
        if is_begun and len(beginning) <= LONGEST_HEAD:
            return None
        return self._position


class ContentPlace:
    """The beginning of the content of an HTML document, for a visible element.

    It is before the first ``<h1>``, or the first place in ``<main>``, except in a
    header or menu; else in the body. In a grid, one more paragraph may move all others.
    """

    def __init__(self) -> None:
        self._body = BodyPlace()
        self._begin = -1
        self._position = 0
        self._depth = 0

    def look(self, beginning: bytes) -> int | None:
        """Return the place in ``beginning``, as :meth:`HeadPlace.look` does."""
        if self._begin < 0:
            begin = self._body.look(beginning)
            if begin is None or begin < 0:
                return begin
            self._begin = self._position = begin
        while step := _IN_BODY.match(beginning, self._position):
            if self._is_content(step):
                is_main = step["start"].lower() == b"main"
                return step.end() if is_main else step.start()
            self._position = step.end()
        is_over = len(beginning) - self._begin > LONGEST_MENU
        return self._begin if is_over else None

    def last(self) -> int:
        """Return the place at the end of the input, as :meth:`HeadPlace.last` does."""
        return self._begin

    def _is_content(self, step: "re.Match[bytes]") -> bool:
        start, end = (step["start"] or b"").lower(), (step["end"] or b"").lower()
        if start in _NO_CONTENT and not step["rest"].endswith(b"/>"):
            self._depth += 1
        if end in _NO_CONTENT:
            self._depth = max(0, self._depth - 1)
        begins_content = start in (b"h1", b"main") and not self._depth
        return begins_content and _HIDDEN.search(step["rest"]) is None


class Insertion(NamedTuple):
    """A tag for an answer, and its place."""

    tag: bytes
    #: None to change only the headers.
    place: HeadPlace | ContentPlace | None
    headers: Headers


#: Returns None to leave the answer with this status and headers as it is.
Choose = Callable[[str, Headers], Insertion | None]


class Injection:
    """One answer on its way out; ``is_head``: without a body."""

    def __init__(
        self, choose: Choose, start_response: "StartResponse", *, is_head: bool
    ) -> None:
        self._tag = b""
        self._choose = choose
        self._start_response = start_response
        self._is_head = is_head
        self._place: HeadPlace | ContentPlace | None = None
        self._held = b""
        self._blanks = b""
        self._is_started = False

    def start(self, status: str, headers: Headers, exc_info: Any = None, /) -> Write:
        """``start_response`` for the application (PEP 3333).

        Increase Content-Length; drop digests and Accept-Ranges. Make a strong ETag
        weak, because a login changes the bytes (RFC 9110 8.8.1), also that of a 304,
        whose Content-Length goes (8.6).
        """
        if self._held and exc_info:
            # The application has sent something, even if it has not gone out yet.
            raise exc_info[1].with_traceback(exc_info[2])
        self._is_started = True
        self._place, self._blanks = None, b""
        insertion = self._choose(status, headers)
        if insertion is not None:
            headers = self._adjusted_headers(insertion, headers)
        if self._place is None and status.startswith("304"):
            headers = [
                (name, _weak(value) if name.lower() == _ETAG else value)
                for name, value in headers
                if name.lower() not in _OF_NOT_MODIFIED
            ]
        if self._is_head:
            self._place, self._blanks = None, b""
        # A server may distinguish a missing exc_info from None.
        more = (exc_info,) if exc_info else ()
        write = self._start_response(status, headers, *more)

        def write_on(data: bytes, /) -> None:
            if ready := self.feed(data):
                write(ready)

        return write_on

    def _adjusted_headers(self, insertion: Insertion, headers: Headers) -> Headers:
        if insertion.place is None:
            return insertion.headers
        blanks = b""
        adjusted = []
        for header in insertion.headers:
            name = header[0].lower()
            if name not in _ADJUSTED:
                adjusted.append(header)
            elif name == _ETAG:
                adjusted.append((header[0], _weak(header[1])))
            elif name == _LENGTH and (text := header[1].strip()).isdecimal():
                if int(text) < _SHORTEST_DOCUMENT:
                    return headers
                blanks = b" " * len(insertion.tag)
                adjusted.append((header[0], str(int(text) + len(insertion.tag))))
            elif name == _LENGTH:
                adjusted.append(header)
        self._tag, self._place, self._blanks = insertion.tag, insertion.place, blanks
        return adjusted

    @property
    def is_started(self) -> bool:
        """Whether status and headers are known."""
        return self._is_started

    @property
    def is_pending(self) -> bool:
        """Whether something may have to be inserted or sent after it."""
        return not self._is_started or self._place is not None or bool(self._blanks)

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk of the application; return the bytes that can go out."""
        if self._place is None:
            return chunk
        self._held += chunk
        position = self._place.look(self._held)
        if position is None:
            return b""
        ready, self._held, self._place = self._held, b"", None
        if position < 0:
            return ready
        self._blanks = b""
        return self._with_tag(ready, position)

    def _with_tag(self, ready: bytes, position: int) -> bytes:
        # This copies the page only once.
        return b"".join((ready[:position], self._tag, memoryview(ready)[position:]))

    def finish(self) -> bytes:
        """Return the remaining bytes at the end of the answer."""
        position = -1 if self._place is None else self._place.last()
        ready, self._held, self._place = self._held, b"", None
        blanks, self._blanks = self._blanks, b""
        if position < 0:
            return ready + blanks
        return self._with_tag(ready, position)


def _weak(etag: str) -> str:
    return f"W/{etag}" if etag.startswith('"') else etag


class _Chunks:
    def __init__(self, chunks: Iterable[bytes], injection: Injection) -> None:
        self._chunks = chunks
        self._iterator: Iterator[bytes] | None = None
        self._injection = injection

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._chunks)
        try:
            return self._injection.feed(next(self._iterator))
        except StopIteration:
            if last := self._injection.finish():
                return last
            raise

    def close(self) -> None:
        if hasattr(self._chunks, "close"):
            self._chunks.close()


def inject(
    app: "WSGIApplication",
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    choose: Choose,
) -> Iterable[bytes]:
    """Return the answer of ``app`` with an insertion (:class:`Injection`)."""
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    injection = Injection(choose, start_response, is_head=is_head)
    chunks = app(environ, injection.start)
    # Unchanged, because a server may send a file in its own way.
    if not injection.is_pending:
        return chunks
    if type(chunks) is list and len(chunks) == 1 and injection.is_started:
        # A server can tell the length of one part, and keep the connection.
        return [injection.feed(chunks[0]) + injection.finish()]
    return _Chunks(chunks, injection)
