"""Insert one tag into a page of the application while it streams.

A tag for the browser (:class:`HeadPlace`) goes to the very beginning of the head, after
the doctype and the start tags ``<html>`` and ``<head>``. Only a few kinds of token may
come before this place, and they are read one by one from the first byte on. So the
place is certain without reading the page; a search for ``</head>`` or ``</body>`` would
also match in a script, comment or attribute. Only this beginning is held back, of which
a browser shows nothing, so a streaming answer keeps streaming. An answer that does not
begin like a document stays as it is. A paragraph for the visitor
(:class:`ContentPlace`) goes to the start of the content. That is found in the same way,
head included, so more is held back.

If the answer has a Content-Length, it grows by the length of the tag; if no place is
found, blanks follow the document instead. An answer that is too short for a document
stays as it is. Other headers about the bytes of the answer are corrected too
(:meth:`Injection.start`). The answer to HEAD has the same headers as the one to GET.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]

#: Bytes that may come before the place: a banner in a comment is long at times.
LONGEST_BEGINNING = 8192
#: Bytes that may come before the body: heads with their own styles are long.
LONGEST_HEAD = 262_144
#: Bytes of the body that may come before its content: menus are long.
LONGEST_MENU = 65_536

_BOM = b"\xef\xbb\xbf"
# One token that may come before the place (HTML standard, 13.2.6.4.1 to 13.2.6.4.4) if
# HTML and XML read it alike. That is a comment, an XML declaration or instruction, the
# doctype, or a start tag.
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
# The beginning that most documents have: of these steps, all in one.
_USUAL = re.compile(
    rb"""
    (?: \xef\xbb\xbf )? [ \t\n\f\r]*+ <!doctype [ ] html> [ \t\n\f\r]*+
    <html (?: [ \t\n\f\r]+ [a-z:-]+ = "[^"]*+" )*+ > [ \t\n\f\r]*+ <head>
    """,
    re.VERBOSE | re.IGNORECASE,
)
# The beginning of an incomplete token.
_BEGUN = re.compile(
    rb"<(?: !-- | \? | !doctype | (?:html|head)[ \t\n\f\r/>] | [^>]*\Z )",
    re.VERBOSE | re.IGNORECASE,
)

#: The least that holds a place: one start tag.
_SHORTEST = len(b"<head>")

#: Headers that say something of the bytes as the application made them (RFC 9530; RFC
#: 9110 14.3, for parts are parts of those bytes).
_OF_THE_BYTES = frozenset(
    {"content-md5", "digest", "content-digest", "repr-digest", "accept-ranges"}
)
_LENGTH, _ETAG = "content-length", "etag"
_OF_NOT_MODIFIED = _OF_THE_BYTES | {_LENGTH}
_PUT_RIGHT = _OF_NOT_MODIFIED | {_ETAG}


# The same before the body of an HTML document (13.2.6.4.4 to 13.2.6.4.6), with
# the head. A script with a comment may continue after its end tag.
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
_HEAD_BEGUN = re.compile(
    rb"""
    < (?: !-- | \? | !doctype | [^>]*\Z
        | (?: html | head | meta | link | base | body ) [ \t\n\f\r/>] [^<]* \Z
        | (?: script | style | title | noscript ) [ \t\n\f\r/>] (?: (?!<!--) . )* \Z )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)

# The tokens of a body that every browser reads alike. A script with a comment may
# continue after its end tag, and a misplaced quote changes the meaning of the tokens
# after it: no place is found after these.
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
#: Elements with no content of the page in them, or none that is shown.
_NO_CONTENT = frozenset(
    b"header nav aside footer dialog template noscript select svg math".split()
)
_HIDDEN = re.compile(rb"""[ \t\n\f\r"']hidden(?![a-z0-9_-])""", re.IGNORECASE)


class HeadPlace:
    """The beginning of the head, searched in the bytes as they come.

    ``is_xml``: a browser reads the document as XML, which needs both start tags.
    """

    def __init__(self, *, is_xml: bool) -> None:
        self._is_xml = is_xml
        self._position = 0
        self._is_document = False

    def look(self, beginning: bytes) -> int | None:
        """Return the place in ``beginning``, -1 for no place, None for more input.

        ``beginning`` holds all input, and begins as it did the last time.
        """
        if self._position == 0:
            if usual := _USUAL.match(beginning):
                return usual.end()
            if beginning.startswith(_BOM):
                self._position = len(_BOM)
        while step := _STEP.match(beginning, self._position):
            if (step["element"] or b"").lower() == b"head":
                is_gone = self._is_xml and step["empty"]
                return -1 if is_gone else step.end()
            self._position = step.end()
            self._is_document |= bool(step["doctype"] or step["element"])
        return self._place_before(beginning[self._position :], len(beginning))

    def _place_before(self, rest: bytes, length: int) -> int | None:
        """Return the place before ``rest``, which begins with no whole token."""
        if not rest or _BOM.startswith(rest) or _BEGUN.match(rest):
            return -1 if length > LONGEST_BEGINNING else None
        return self._position if self._is_one_without_head(rest) else -1

    def _is_one_without_head(self, rest: bytes) -> bool:
        """Return whether ``rest`` is HTML whose head has no start tag."""
        is_markup = rest.startswith((b"<!", b"<?", b"</"))
        return self._is_document and not self._is_xml and not is_markup

    def last(self) -> int:
        """Return the place at the end of the input; -1 for none."""
        return -1


class BodyPlace:
    """The beginning of the body of an HTML document, for a visible element.

    The tokens of a head are skipped as a browser reads them; the body begins at any
    other token. A browser does the same, or puts the rest of the head into the body,
    where it still works. -1 for frames without a body.
    """

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
        rest = beginning[self._position :]
        is_begun = not rest or _BOM.startswith(rest) or _HEAD_BEGUN.match(rest)
        if is_begun and len(beginning) <= LONGEST_HEAD:
            return None
        return self._position


class ContentPlace:
    """The beginning of the content of an HTML document, for a visible element.

    That is before the first ``<h1>`` or at the beginning of ``<main>``, whichever comes
    first, except in a header or menu. There the element is in the column of the text.
    A body may be laid out in rows or a grid, in which one more paragraph moves all
    others. If neither comes early enough, the place is the beginning of the body.
    """

    def __init__(self) -> None:
        self._body = BodyPlace()
        self._begin = -1
        self._position = 0
        #: In how many elements without content.
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
        """Return whether the content begins at this token; track the depth."""
        start, end = (step["start"] or b"").lower(), (step["end"] or b"").lower()
        if start in _NO_CONTENT and not step["rest"].endswith(b"/>"):
            self._depth += 1
        if end in _NO_CONTENT:
            self._depth = max(0, self._depth - 1)
        is_one = start in (b"h1", b"main") and not self._depth
        return is_one and _HIDDEN.search(step["rest"]) is None


class Insertion(NamedTuple):
    """A tag for an answer, and its place."""

    tag: bytes
    #: None where only the headers are other ones.
    place: HeadPlace | ContentPlace | None
    #: The headers of the answer.
    headers: Headers


#: Gets status and headers of an answer; gives None where it is to be left as it is.
Choose = Callable[[str, Headers], Insertion | None]


class Injection:
    """One answer on its way out, with the insertion of ``choose``.

    ``is_head``: the answer has no body.
    """

    def __init__(
        self, choose: Choose, start_response: "StartResponse", *, is_head: bool
    ) -> None:
        self._tag = b""
        self._choose = choose
        self._start_response = start_response
        self._is_head = is_head
        self._place: HeadPlace | ContentPlace | None = None
        self._held = b""
        self._promised = b""
        self._is_started = False

    def start(self, status: str, headers: Headers, exc_info: Any = None, /) -> Write:
        """``start_response`` for the application (PEP 3333).

        Increases Content-Length; drops digests and Accept-Ranges. A strong ETag becomes
        weak: it means "the same page", and the bytes differ when the visitor is logged
        in (RFC 9110 8.8.1). Status 304 gets the same, as it does not name the type of
        its page; it loses its length (8.6).
        """
        if self._held and exc_info:
            # The application has sent something: it only has not gone out yet.
            raise exc_info[1].with_traceback(exc_info[2])
        self._is_started = True
        self._place, self._promised = None, b""
        chosen = self._choose(status, headers)
        if chosen is not None:
            headers = self._put_right(chosen, headers)
        if self._place is None and status.startswith("304"):
            headers = [
                (name, _weak(value) if name.lower() == _ETAG else value)
                for name, value in headers
                if name.lower() not in _OF_NOT_MODIFIED
            ]
        if self._is_head:
            self._place, self._promised = None, b""
        # A server may tell "no exc_info" from None.
        more = (exc_info,) if exc_info else ()
        write = self._start_response(status, headers, *more)

        def write_on(data: bytes, /) -> None:
            if ready := self.feed(data):
                write(ready)

        return write_on

    def _put_right(self, chosen: Insertion, headers: Headers) -> Headers:
        """Return the corrected headers with the insertion; as they were without."""
        if chosen.place is None:
            return chosen.headers
        promised = b""
        right = []
        for header in chosen.headers:
            name = header[0].lower()
            if name not in _PUT_RIGHT:
                right.append(header)
            elif name == _ETAG:
                right.append((header[0], _weak(header[1])))
            elif name == _LENGTH and (text := header[1].strip()).isdecimal():
                if int(text) < _SHORTEST:
                    return headers
                promised = b" " * len(chosen.tag)
                right.append((header[0], str(int(text) + len(chosen.tag))))
            elif name == _LENGTH:
                right.append(header)
        self._tag, self._place, self._promised = chosen.tag, chosen.place, promised
        return right

    @property
    def is_started(self) -> bool:
        """Whether status and headers are known."""
        return self._is_started

    @property
    def is_pending(self) -> bool:
        """Whether something may have to be inserted or sent after it."""
        return not self._is_started or self._place is not None or bool(self._promised)

    def feed(self, chunk: bytes) -> bytes:
        """Take ``chunk``; return the bytes that can go out."""
        if self._place is None:
            return chunk
        self._held += chunk
        position = self._place.look(self._held)
        if position is None:
            return b""
        ready, self._held, self._place = self._held, b"", None
        if position < 0:
            return ready
        self._promised = b""
        return self._with_tag(ready, position)

    def _with_tag(self, ready: bytes, position: int) -> bytes:
        # A page is copied once, and not twice.
        return b"".join((ready[:position], self._tag, memoryview(ready)[position:]))

    def finish(self) -> bytes:
        """Return the remaining bytes at the end of the answer."""
        position = -1 if self._place is None else self._place.last()
        ready, self._held, self._place = self._held, b"", None
        after, self._promised = self._promised, b""
        if position < 0:
            return ready + after
        return self._with_tag(ready, position)


def _weak(etag: str) -> str:
    return f"W/{etag}" if etag.startswith('"') else etag


class _Chunks:
    """The chunks of an answer, each as soon as it comes."""

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
    # As it came, where there is nothing to do: a server may send a file by itself.
    if not injection.is_pending:
        return chunks
    if type(chunks) is list and len(chunks) == 1 and injection.is_started:
        # Stays one part: a server can tell its length, and keep the connection.
        return [injection.feed(chunks[0]) + injection.finish()]
    return _Chunks(chunks, injection)
