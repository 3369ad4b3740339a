"""Put one tag into a page of an application, while the page streams by.

What is for the browser (:class:`HeadPlace`) goes to the very beginning of the document:
before all that is in its head, behind the doctype and the start tags ``<html>`` and
``<head>``. That place, and no other, is found for certain without reading the page:
what may stand before it is a handful of tokens, read here one by one from the first
byte on. A look for ``</head>`` or ``</body>`` would find them in a script, a comment or
an attribute too. Nothing is held back but this beginning, of which a browser shows
nothing, so that a streaming answer stays streaming; and what does not begin as a
document does is left as it is. What is for a person (:class:`ContentPlace`) goes to
where the content of the page begins, which is found in the same way, head included: so
much more is held back.

Where the application said how long its answer is, the answer is as long as the tag
longer: if no place was found, blanks follow the document in its stead. One that is too
short for any document is left as it is. Other headers that speak of the bytes of the
answer are put right too (:meth:`Injection.start`); the answer to HEAD has the headers
that the one to GET has.
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
# What may come before the place, one by one (HTML standard, 13.2.6.4.1 to 13.2.6.4.4),
# where HTML and XML read the same: a comment, an XML declaration or instruction, the
# doctype, and the two start tags. What only one of them could read is no match.
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
# What may become one of these when more has come: it began, and is not complete.
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


# What may come before the body of an HTML document (13.2.6.4.4 to 13.2.6.4.6): the
# same, and what a head holds. A script with a comment may go on behind its end tag.
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

# What a body is made of, as far as every browser reads it in the same way. A script
# with a comment may go on behind its end tag, and a quote where none belongs is read
# otherwise than it looks: nothing is found behind these.
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
    """Where in a document the tag goes, looked for in its bytes as they come.

    ``is_xml`` says that a browser will read it as XML, which needs both start tags.
    """

    def __init__(self, *, is_xml: bool) -> None:
        self._is_xml = is_xml
        self._position = 0
        self._is_document = False

    def look(self, beginning: bytes) -> int | None:
        """The place in ``beginning``, -1 where there is none, None for "go on".

        ``beginning`` is all that has come, and begins as it did the last time.
        """
        if self._position == 0:
            if usual := _USUAL.match(beginning):
                return usual.end()
            if beginning.startswith(_BOM):
                self._position = len(_BOM)
        while step := _STEP.match(beginning, self._position):
            if step["element"] and step["element"].lower() == b"head":
                is_gone = self._is_xml and step["empty"]
                return -1 if is_gone else step.end()
            self._position = step.end()
            self._is_document |= bool(step["doctype"] or step["element"])
        rest = beginning[self._position :]
        if not rest or _BOM.startswith(rest) or _BEGUN.match(rest):
            return -1 if len(beginning) > LONGEST_BEGINNING else None
        return self._position if self._is_one_without_head(rest) else -1

    def _is_one_without_head(self, rest: bytes) -> bool:
        """Whether ``rest`` is HTML whose head begins without a start tag."""
        is_markup = rest.startswith((b"<!", b"<?", b"</"))
        return self._is_document and not self._is_xml and not is_markup

    def last(self) -> int:
        """The place where all has come, and :meth:`look` says to go on; -1 for none."""
        return -1


class BodyPlace:
    """Where the body of an HTML document begins, for what a person is to see.

    What stands in a head is passed by, token by token, as a browser reads it; at what
    is not known to stand there the body begins. A browser reads it so as well, or puts
    the rest of the head into the body, where it works all the same. -1 where there is
    no body, but frames.
    """

    def __init__(self) -> None:
        self._position = 0

    def look(self, beginning: bytes) -> int | None:
        """The place in ``beginning``, as :meth:`HeadPlace.look` gives it."""
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
    """Where the content of an HTML document begins, for what a person is to see.

    In front of its first ``<h1>`` or at the beginning of ``<main>``, whichever comes
    first, but for those in a header or menu. There it stands in the column of the text;
    a body may be laid out in rows or a grid, in which one paragraph more moves all
    others. It is the beginning of the body where neither comes early enough.
    """

    def __init__(self) -> None:
        self._body = BodyPlace()
        self._begin = -1
        self._position = 0
        #: In how many elements without content.
        self._depth = 0

    def look(self, beginning: bytes) -> int | None:
        """The place in ``beginning``, as :meth:`HeadPlace.look` gives it."""
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
        """The place where all has come, as :meth:`HeadPlace.last` gives it."""
        return self._begin

    def _is_content(self, step: "re.Match[bytes]") -> bool:
        """Whether the content begins at this token; notes where it is."""
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
    """One answer on its way out, with what ``choose`` puts into it.

    ``is_head`` says that it has no body.
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
        """``start_response`` as the application gets it (PEP 3333).

        A longer Content-Length; no digest, and no offer of parts. A strong ETag
        becomes weak: it means "the same page", and the bytes are others when the
        visitor is logged in (RFC 9110 8.8.1). So it is with status 304, which does not
        say which kind of page it speaks of: there no length is said (8.6).
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
        """The headers with what was chosen in the answer; as they were, without."""
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
        """Whether something may have to be put in or sent after it."""
        return not self._is_started or self._place is not None or bool(self._promised)

    def feed(self, chunk: bytes) -> bytes:
        """What can go out when ``chunk`` has come."""
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
        """What is to go out when all has come."""
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
    """The answer of ``app``, with what ``choose`` puts in: see :class:`Injection`."""
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
