"""All that comes out of a federation, searched for all that must stay inside.

A :class:`Camera` stands around the applications, where a server or a middleware that
logs would stand. It learns each secret from the traffic itself (cookies, passwords,
messages and what is in them), and keeps what somebody else than the two ends gets to
see: a line for the access log, environ as a logging middleware prints it, the headers
of the answer, the pages of errors, the addresses that a browser is sent to and the
forms that it is given. :class:`Everything` takes these, the records of all loggers and
what else a test hands it, and finds secrets in it: also in base64, percent-encoded or
deflated.
"""

import base64
import io
import logging
import re
import zlib
from collections import defaultdict
from html import unescape
from itertools import pairwise
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

from lxml import etree, html

from eilogin.testing import Browser

#: Texts that may be base64; shorter ones hold no secret of ours.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
#: A value of a cookie that is shorter is no secret: "yes".
_SHORTEST_COOKIE = 16
#: And of an attribute: levels and the like.
_SHORTEST_VALUE = 6
_MESSAGES = ("SAMLRequest", "SAMLResponse")
#: It says which LogoutRequest is under way, and no more: its ID, which travels too.
_NO_SECRET = "__Host-eilogin-logout"
#: Where names and values stand in a message.
_NAMES = "//*[local-name()='NameID']"
_VALUES = "//*[local-name()='AttributeValue']"
#: What only a message has in it, in any of the ways to write one.
_PARTS = "//*[local-name()='SignatureValue' or local-name()='CipherValue']"
#: An environ's keys that hold the very thing: how the browser proves who it is.
_OF_BROWSER = ("HTTP_COOKIE",)


class Secrets:
    """What must not come out, by kind."""

    def __init__(self):
        self.known = defaultdict(set)

    def add(self, kind, *texts):
        self.known[kind].update(text for text in texts if text)

    def learn_message(self, octets):
        """The names, values and signatures in an XML message."""
        try:
            root = etree.fromstring(octets)
        except (etree.XMLSyntaxError, ValueError):
            return
        self.add("NameID", *(e.text for e in root.xpath(_NAMES)))
        values = (e.text or "" for e in root.xpath(_VALUES))
        self.add("attribute", *(v for v in values if len(v) >= _SHORTEST_VALUE))
        for element in root.xpath(_PARTS):
            self.add("message", "".join((element.text or "").split())[:60])
        for element in root.xpath("//*[local-name()='Artifact']"):
            self.add("artifact", element.text)
        if root.xpath("//*[local-name()='Assertion']"):
            self.add("assertion", *(e.get("ID") for e in root.xpath(_ASSERTIONS)))

    def learn_fields(self, pairs, *, is_query=False):
        """Those of a form, or of a query: what is in an address is one itself."""
        for name, value in pairs:
            if name in ("password", "code"):
                self.add(name, value)
            elif name in _MESSAGES and value:
                if not is_query:
                    self.add("message", value)
                self.learn_message(decoded(value))
            elif name == "SAMLart":
                self.add("artifact", value)

    def learn_cookie(self, header):
        name, _, rest = header.partition("=")
        value = rest.partition(";")[0]
        if len(value) >= _SHORTEST_COOKIE and name != _NO_SECRET:
            kind = "session cookie" if name.endswith("eilogin") else "other cookie"
            self.add(kind, value)


_ASSERTIONS = "//*[local-name()='Assertion']"


def decoded(text):
    """Base64 undone, and inflated where it is deflated."""
    text = text.replace("-", "+").replace("_", "/")
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(octets, 1_000_000)
    except zlib.error:
        return octets


def readings(text):
    """A text in all the ways in which somebody may read it."""
    plain = [text, unquote(text), unescape(text), text.replace("\\/", "/")]
    yield from dict.fromkeys(plain)
    for one in {text, unquote_plus(text), unescape(text)}:
        for match in _BASE64.finditer(one):
            octets = decoded(match[0])
            if octets:
                yield octets.decode("utf-8", "replace")


class Everything:
    """What came out, by where; and what must not have."""

    def __init__(self):
        self.secrets = Secrets()
        self.came_out = defaultdict(list)

    def tell(self, place, text):
        self.came_out[place].append(text)

    def found(self, exceptions=()):
        """Each secret that came out: place, kind, and the text around it.

        ``exceptions`` are pairs of a place and a kind.
        """
        for place, texts in self.came_out.items():
            lines = dict.fromkeys("\n".join(dict.fromkeys(texts)).split("\n"))
            read = "\n".join(dict.fromkeys(readings("\n".join(lines))))
            for kind, secrets in self.secrets.known.items():
                if (place, kind) not in exceptions:
                    yield from ((place, kind, a) for a in _around(secrets, read))


def _around(secrets, text):
    """The text around each secret that stands in it, as a whole word."""
    for secret in secrets:
        found = (_place_of(one, text) for one in {secret, quote(secret, safe="")})
        at = next(filter(None, found), None)
        if at:
            yield text[max(0, at.start() - 200) : at.end() + 200]


def _place_of(spelling, text):
    word = re.escape(spelling)
    if spelling.isdigit():
        # The six digits of a code are part of many a number.
        word = rf"(?<![\w.]){word}(?!\w)"
    return re.search(word, text) if spelling in text else None


class Listening(logging.Handler):
    """Every record of every logger, at every level, as a formatter writes it.

    With the traceback, of causes and contexts too, and with what it was made of.
    """

    def __init__(self, everything):
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self._everything = everything
        self.loggers = set()

    def emit(self, record):
        self.loggers.add(record.name)
        self._everything.tell("log", f"{self.format(record)} {record.args!r}")
        error = record.exc_info and record.exc_info[1]
        while error:
            self._everything.tell("log", f"{error!r} {vars(error)!r}")
            error = error.__cause__ or error.__context__


class Camera:
    """A logging middleware around an application, and the server's access log."""

    def __init__(self, app, everything, *, learns=True):
        self._app = app
        self._everything = everything
        self._learns = learns

    def __getattr__(self, name):
        # Tests look into the filter that stands first.
        return getattr(self._app, name)

    def __call__(self, environ, start_response):
        tell, began = self._everything.tell, {}
        body = self._body_of(environ)
        tell("middleware", _printed(environ))

        def answered(status, headers, exc_info=None):
            began.update(status=status, headers=list(headers))
            if exc_info:
                return start_response(status, headers, exc_info)
            return start_response(status, headers)

        chunks = self._app(environ, answered)
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        # What eilogin has left in it: some print it once the answer is there.
        tell("middleware", _printed(environ))
        tell("access log", access_line(environ, began["status"], content))
        headers = began["headers"]
        if self._learns:
            self._learn(environ, body, headers, content)
        self._watch_headers(headers)
        kind = {k.lower(): v for k, v in headers}.get("content-type", "")
        if kind.startswith(("text/html", "application/json")):
            self._watch_page(began["status"], kind, content.decode("utf-8", "replace"))
        return [content]

    @staticmethod
    def _body_of(environ):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = _Body(body)
        return body

    def _learn(self, environ, body, headers, content):
        secrets = self._everything.secrets
        secrets.learn_fields(parse_qsl(environ.get("QUERY_STRING", "")), is_query=True)
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form"):
            secrets.learn_fields(parse_qsl(body.decode("latin-1")))
        for octets in (body, content):
            if octets.lstrip().startswith(b"<") and b"Envelope" in octets[:200]:
                secrets.learn_message(octets)
        for name, value in headers:
            if name.lower() == "set-cookie":
                secrets.learn_cookie(value)

    def _watch_headers(self, headers):
        for name, value in headers:
            lower = name.lower()
            if lower == "set-cookie":
                # The value is how the browser gets it: only the rest is looked at.
                key, _, rest = value.partition("=")
                said = rest.partition(";")[2]
                self._everything.tell("middleware", f"{key}=; {said}")
                self._everything.tell("cookie", rest.partition(";")[0])
                continue
            place = "URL" if lower in ("location", "refresh") else "middleware"
            self._everything.tell(place, f"{name}: {value}")

    def _watch_page(self, status, kind, text):
        """Pages of errors whole; of others where they lead, and what they say."""
        if status[0] in "45" or kind.startswith("application/json"):
            self._everything.tell("error page", text)
            return
        tree = html.document_fromstring(text or "<p></p>")
        for element, _, link, _ in tree.iterlinks():
            if element.tag != "link" and not link.startswith("data:"):
                self._everything.tell("URL", link)


class _Body(io.BytesIO):
    """A body whose repr, as a middleware prints it, is not its content."""


def access_line(environ, status, content):
    """As the combined log format has it, with more than one header."""
    query = environ.get("QUERY_STRING", "")
    target = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    line = f"{target}?{query}" if query else target
    return (
        f"{environ.get('REMOTE_ADDR')} - {environ.get('REMOTE_USER', '-')}"
        f' "{environ["REQUEST_METHOD"]} {line} HTTP/1.1" {status[:3]} {len(content)}'
        f' "{environ.get("HTTP_REFERER", "-")}" "{environ.get("HTTP_USER_AGENT", "-")}"'
        f' "{environ.get("HTTP_X_FORWARDED_FOR", "-")}"'
        f' "{environ.get("HTTP_AUTHORIZATION", "-")}"'
    )


def _printed(environ):
    """All of environ, but what the browser proves itself with."""
    return repr({k: v for k, v in environ.items() if k not in _OF_BROWSER})


# --- around a server that runs by itself ----------------------------------------------


def make_camera(app, global_conf):
    """PasteDeploy's filter factory: prints what it sees, for the server's own log."""
    return Camera(app, _Printing(), learns=False)


class _Printing:
    """In the place of :class:`Everything` where another process looks at it."""

    def __init__(self):
        self._log = logging.getLogger("leaks")

    def tell(self, place, text):
        if place not in ("cookie", "URL", "error page"):
            self._log.info("%s %s", place, text)


class Sending(Browser):
    """A browser that says where it comes from, as the policy of the page has it."""

    def _request(self, method, url, fields, site):
        request = super()._request(method, url, fields, site)
        if site != "none" and self.url:
            referer = self._referer_for(url)
            if referer:
                request.headers["Referer"] = referer
        return request

    def _referer_for(self, url):
        """Referrer Policy 3 and 8.3; browsers' default where a page says none."""
        policy = self.page.headers.get("Referrer-Policy", "")
        here, there = urlsplit(self.url), urlsplit(url)
        is_same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
        if policy == "no-referrer" or (policy == "same-origin" and not is_same):
            return ""
        whole = self.url.partition("#")[0]
        return whole if is_same else f"{here.scheme}://{here.netloc}/"


def pem_lines(pem):
    """The lines of a private key that are its own."""
    lines = [line for line in pem.decode().splitlines() if len(line) >= 40]
    # The first ones say what kind it is, and are the same in many.
    return [after for _, after in pairwise(lines)]
