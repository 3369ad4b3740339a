"""A federation on real servers, before which attackers try, and what must then hold.

One participant takes answers by POST (``uwv``), one by artifact (``svb``), one has two
keys and opens what is encrypted (``kadaster``); the hub is ours. A test speaks for any
member, with its real key, and for strangers. Everything goes over HTTP; stores are
files, which the arena reads between two requests.

After every message the invariants of the attacks are looked at (:meth:`Arena.refuses`,
:meth:`Arena.takes`), by their numbers:

=== ==============================================================================
I1  what was taken says what the trusted key signed, to the letter
I2  what was refused gets a 4xx with a code and a reference number that the log
    knows too (a SOAP fault over SOAP); no traceback, nothing of it on the page
I3  what was refused changed no store, no login under way, no trust; others stay
    signed in
I4  one assertion makes at most one session
I5  five seconds of CPU, 50 MB, no file and no connection outside are the bounds
I6  identity comes from the session only
I7  every Location and every form goes to an address that is known to be good
I8  the good twin is taken after all that was refused, in the same login
I9  what we take, python3-saml takes too: the filters ask it by themselves, and
    ``second_opinion`` is a code in the log
=== ==============================================================================
"""

import hashlib
import http.client
import json
import logging
import os
import re
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import waitress
from cpu_time import no_collection
from real_parts import free_ports
from waitress import wasyncore

from eilogin import clock
from eilogin.federation import Trust
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.testing.in_process_federation import Federation

HUB, UWV, SVB, KADASTER = (
    f"{name}.localhost" for name in ("inloggen", "uwv", "svb", "kadaster")
)
#: Who signs in at our hub in these tests, and who is signed in all the while.
ATTACKER, VICTIM = "sem", "anna"
#: Seconds of CPU time and bytes that one message may take (I5). The usual message takes
#: some hundredths of a second. Under coverage on a busy machine a large one takes more
#: than one second, and one that costs the square of its length takes minutes.
LONGEST, MOST_MEMORY = 5.0, 50 * 1024 * 1024

FORM = "application/x-www-form-urlencoded"
_REFERENCE = re.compile(
    r'(?:class="reference">|refused, see )([2-9A-Z]{3}-[2-9A-Z]{3})<'
)
_ACTION = re.compile(r'<form[^>]*\baction="([^"]*)"')
_FIELD = re.compile(r'<input[^>]*\bname="([^"]*)"[^>]*\bvalue="([^"]*)"')
#: What is in a store, and before each row when it is over.
_OF_SESSION = (
    "SELECT sessions.until, {0}.* FROM {0} JOIN sessions ON sessions.id = {0}.session"
)
_ROWS = {
    **{one: f"SELECT until, * FROM {one}" for one in ("sessions", "texts", "marks")},  # noqa: S608
    **{one: _OF_SESSION.format(one) for one in ("labels", "items")},
}
#: Seconds in which a message has come and gone.
_SOON = 30.0


class Witness:
    """The application of every participant: it says whom it saw, and keeps it."""

    def __init__(self) -> None:
        self.seen: list[dict[str, object]] = []

    def __call__(self, environ, start_response):
        self.seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"user=[{environ.get('REMOTE_USER', '')}]".encode("latin-1")]


@dataclass(frozen=True)
class Answer:
    """What a server answered, and after how many seconds at work.

    They are those of this process, which serves too: a busy machine makes them no more.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)
    seconds: float = 0.0

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def reference(self) -> str | None:
        """The number on the page or in the fault, if there is one."""
        found = _REFERENCE.search(self.text)
        return found and found[1]

    @property
    def location(self) -> str | None:
        return {k.lower(): v for k, v in self.headers}.get("location")

    @property
    def form(self) -> tuple[str, dict[str, str]] | None:
        """Where the form of the page goes, and its fields."""
        action = _ACTION.search(self.text)
        if action is None:
            return None
        fields = {k: unescape(v) for k, v in _FIELD.findall(self.text)}
        return unescape(action[1]), fields

    @property
    def targets(self) -> list[str]:
        """All addresses to which it sends a browser by itself or by a button."""
        found = [unescape(url) for url in _ACTION.findall(self.text)]
        return found + ([self.location] if self.location else [])

    @property
    def is_fault(self) -> bool:
        return self.status == 500 and b":Fault>" in self.body


class Visitor:
    """Somebody at a browser that follows nothing; it keeps cookies by host."""

    def __init__(self, arena: "Arena") -> None:
        self._arena = arena
        self.cookies: dict[str, dict[str, str]] = {}

    def get(self, url: str, **headers: str) -> Answer:
        return self._send("GET", url, b"", {"Sec-Fetch-Mode": "navigate"} | headers)

    def post(
        self, url: str, form: "Mapping[str, str] | bytes", **headers: str
    ) -> Answer:
        """Send a form as the page of another site does; octets go as they are."""
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        said = {"Content-Type": FORM, "Sec-Fetch-Site": "cross-site"}
        return self._send("POST", url, body, said | headers)

    def _send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        host = urlsplit(url).hostname or ""
        jar = self.cookies.setdefault(host, {})
        said = {"Accept": "text/html", "Accept-Language": "nl"}
        if jar:
            said["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        said |= {k.replace("_", "-"): v for k, v in headers.items()}
        answer = self._arena.ask(method, url, body, said)
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self._keep(jar, value)
        return answer

    def _keep(self, jar: dict[str, str], header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel.value:
                jar[name] = morsel.value
            else:
                jar.pop(name, None)


@dataclass(frozen=True)
class UnderWay:
    """A login that somebody has begun, up to the hub."""

    visitor: Visitor
    #: The page that she wanted.
    page: str
    request: messages.AuthnRequest
    relay_state: str
    #: The address and form, or the address alone, by which the question came.
    question: Answer


class Voice:
    """A server as a test wants it: what the hub answers for an artifact."""

    def __init__(self, answers: "Callable[[bytes], bytes]") -> None:
        #: Gives the octets of an answer to those of a question.
        self.answers = answers
        #: With what they come.
        self.status, self.headers = "200 OK", [("Content-Type", "text/xml")]

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        octets = self.answers(body)
        start_response(self.status, self.headers)
        return [octets]


class _Members(Federation):
    """The federation on servers: its addresses have a port, its back channel is one."""

    def __init__(self, folder: Path, port: int, app, options, hub_options) -> None:
        self._port = port
        #: What answers in the place of a member, by its host and a path.
        self.instead: dict[tuple[str, str], Callable] = {}
        apps = dict.fromkeys(options, app)
        super().__init__(
            folder, apps, options=options, hub_options=hub_options, hub=HUB
        )

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        other = self.instead.get((environ["HTTP_HOST"].partition(":")[0], path))
        if other is not None:
            return other(environ, start_response)
        return super().__call__(environ, start_response)

    def _own(self, host: str) -> dict[str, str]:
        return super()._own(host) | {"public_url": f"http://{host}:{self._port}"}

    def _trust(self, host: str, options: TrustOptions) -> Trust:
        self.trusts[host] = trust_of(options)
        return self.trusts[host]


class Arena:
    """The servers, their stores, and the rules; see the module."""

    def __init__(self, folder: Path, profile: str = "saml") -> None:
        (self.port,) = free_ports(1)
        self.folder, self.witness = folder, Witness()
        # DigiD answers by artifact alone.
        by_post = "artifact" if profile == "digid" else "post"
        options = {
            UWV: {"acs": by_post, **self._store(UWV)},
            SVB: {"acs": "artifact", **self._store(SVB)},
            KADASTER: {
                "acs": by_post,
                **self._store(KADASTER),
                **self._two_keys(),
            },
        }
        self.federation = _Members(
            folder,
            self.port,
            self.witness,
            options={
                host: {"profile": profile, **said} for host, said in options.items()
            },
            hub_options={"profile": profile, **self._store(HUB)},
        )
        self.outside = _Listener()
        self._stored: dict[Path, _Stored] = {}
        #: A key that nobody knows, and one of a member who is no hub.
        self.stranger = SigningKey.load(*new_key_pair("stranger"))
        self.member = self.federation.trusts[SVB].own.key
        self._log = _Log()

    def _two_keys(self) -> dict[str, str]:
        """The keys of a party that decrypts with one of before, too."""
        keys = self.folder / "keys"
        keys.mkdir()
        for name, begins in (("new", 2.0), ("old", 1.0)):
            pair = new_key_pair(name, 36_525, begins=begins)
            for ending, octets in zip((".key", ".crt"), pair, strict=True):
                (keys / f"{name}{ending}").write_bytes(octets)
        (keys / "keys.ini").write_text("[old]\nuse = encryption\n")
        self.old_key = SigningKey.load(*pair)
        return {
            "keys": str(keys),
            "secret": "a secret of this participant",
            "pseudonym_key": "another of this participant",
        }

    def _store(self, host: str) -> dict[str, str]:
        return {"store": f"sqlite:///{self.folder / host}.db"}

    @contextmanager
    def open(self) -> Iterator["Arena"]:
        """Serve, with somebody signed in at every participant."""
        channels: dict[int, object] = {}
        server = waitress.create_server(
            self.federation,
            host="127.0.0.1",
            port=self.port,
            threads=8,
            map=channels,
        )
        logger = logging.getLogger("eilogin")
        logger.addHandler(self._log)
        before = logger.level
        logger.setLevel(logging.DEBUG)

        def run() -> None:
            # What it waits for is closed under it in the end.
            with suppress(OSError):
                server.run()

        runs = threading.Thread(target=run, daemon=True)
        runs.start()
        try:
            self.sign_in_victim()
            yield self
        finally:
            server.close()
            # Members keep connections to each other.
            wasyncore.close_all(channels, ignore_all=True)
            runs.join(30)
            for stored in self._stored.values():
                stored.close()
            self.outside.close()
            logger.setLevel(before)
            logger.removeHandler(self._log)

    participants = (UWV, SVB, KADASTER)

    # --- who does what ----------------------------------------------------------------

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"

    def ask(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """One request over a connection of its own."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        said = {"Host": parts.netloc} | dict(headers)
        with closing(connection), no_collection():
            began = time.process_time()
            connection.request(method, path, body or None, said)
            got = connection.getresponse()
            content = got.read()
            seconds = time.process_time() - began
        return Answer(got.status, got.getheaders(), content, seconds)

    def soap(self, url: str, octets: bytes) -> Answer:
        """Bring an envelope, as a server does."""
        kind = {"Content-Type": "text/xml; charset=utf-8"}
        return self.ask("POST", url, octets, kind)

    def begin(self, host: str, path: str = "/mijn") -> UnderWay:
        """Somebody new, who wants a page and is at the hub."""
        visitor, page = Visitor(self), self.url(host, path)
        answer = visitor.get(page)
        if answer.form and "SAMLRequest" in answer.form[1]:
            body = urlencode(answer.form[1]).encode()
            received = bindings.read_post(body)
        else:
            received = bindings.read_redirect(urlsplit(answer.location or "").query)
        request = messages.read_authn_request(safe_xml.parse(received.octets))
        return UnderWay(visitor, page, request, received.relay_state, answer)

    def log_in(self, visitor: Visitor, name: str, *hosts: str) -> None:
        """The whole journey, by password at our hub where she is asked for it."""
        for host in hosts:
            page = self.url(host, "/mijn")
            answer = self.arrive(visitor, page, name)
            assert self.user(answer), (answer, answer.text)

    def arrive(self, visitor: Visitor, url: str, name: str = ATTACKER) -> Answer:
        """Follow redirects, forms and the sign-in from an address to where it ends."""
        answer = visitor.get(url)
        for _ in range(20):
            if answer.location:
                url = urljoin(url, answer.location)
                answer = visitor.get(url)
                continue
            form = answer.form
            if form is None or self.user(answer):
                return answer
            url = urljoin(url, form[0]) if form[0] else url
            fields = form[1]
            site = "cross-site"
            if 'name="password"' in answer.text:
                fields = fields | {"username": name, "password": f"demo-{name}"}
                site = "same-origin"
            elif not fields.keys() & {"SAMLRequest", "SAMLResponse"}:
                return answer
            origin = {"Origin": "{0.scheme}://{0.netloc}".format(urlsplit(url))}
            more = {"Sec-Fetch-Site": site}
            if site == "same-origin":
                more |= origin
            answer = visitor.post(url, fields, **more)
        raise AssertionError(f"goes round: {url}")

    def user(self, answer: Answer) -> str:
        """Whom the application saw who gave this answer; "" for nobody."""
        found = re.fullmatch(r"user=\[(.*)\]", answer.text)
        return found[1] if found else ""

    # --- the rules --------------------------------------------------------------------

    def state(self, but: Sequence[str] = (), since: float = 0) -> Mapping[str, object]:
        """All that a refused message must leave as it was (I3, I5).

        But for what is over ``since`` an instant: stores throw that away now and then.
        """
        stores = {
            path.stem: {
                table: [
                    row
                    for until, row in rows
                    if until > since and not any(text in row for text in but)
                ]
                for table, rows in self._stored_in(path).rows.items()
            }
            for path in sorted(self.folder.glob("*.db"))
        }
        files = {path: _digest(path) for path in _paths_below(self.folder)}
        return {**stores, **files, "trust": self._trusted(), "out": self.outside.count}

    def _stored_in(self, path: Path) -> "_Stored":
        if path not in self._stored:
            self._stored[path] = _Stored(path)
        return self._stored[path]

    def _trusted(self) -> str:
        told = "".join(
            repr((host, trust.federation, trust.own))
            for host, trust in sorted(self.federation.trusts.items())
        )
        return hashlib.sha256(told.encode()).hexdigest()

    @contextmanager
    def unchanged(self, *but: str) -> Iterator[None]:
        """Whatever is sent meanwhile changes nothing, and takes little (I3, I5).

        Rows of a store that have one of ``but`` in them may come and go.
        """
        soon = clock.now() + _SOON
        before, room = self.state(but, soon), _resident()
        yield
        assert self.state(but, soon) == before, "I3: something was changed"
        grown = _resident() - room
        assert grown < MOST_MEMORY, f"I5: {grown} bytes more"

    def refuses(
        self, answer: Answer, *, soap: bool = False, sent: Sequence[str] = ()
    ) -> Mapping[str, object]:
        """What the log says of a refusal, which looks as one must (I2, I5, I7).

        ``sent`` are texts of the attacker that no page may show.
        """
        assert answer.seconds < LONGEST, f"I5: {answer.seconds} s"
        assert "Traceback" not in answer.text, "I2"
        assert not self.user(answer), "I6: somebody is signed in"
        for text in sent:
            assert text not in answer.text, f"I2: the page shows {text!r}"
        for url in answer.targets:
            assert self.is_ours(url), f"I7: {url}"
        if soap:
            assert answer.is_fault, (answer, answer.text)
            # Not the last one: others of this process log too.
            return self.told(answer)
        assert 400 <= answer.status < 500, (answer, answer.text)
        return self.told(answer)

    def told(self, answer: Answer) -> Mapping[str, object]:
        """What the log says of a page or fault that says what went wrong (I2)."""
        assert answer.reference, f"I2: no reference: {answer.text}"
        told = self._log.by_reference(answer.reference)
        assert told is not None, f"I2: the log does not know {answer.reference}"
        assert told["reason"], f"I2: no code: {told}"
        return told

    def refuses_answer(
        self,
        under_way: UnderWay,
        octets: "bytes | Mapping[str, str]",
        sent: Sequence[str] = (),
    ) -> Mapping[str, object]:
        """Bring what claims to be the answer to a login by POST: it must be refused.

        ``octets`` are XML, or the fields of the whole form. What the log says of it.
        """
        with self.unchanged():
            answer = self.brings(under_way, octets)
        told = self.refuses(answer, sent=sent)
        assert not self.is_logged_in(under_way), "I3, I6"
        return told

    def is_logged_in(self, under_way: UnderWay) -> bool:
        """Whether the participant knows who is there; that begins no other login."""
        url = urljoin(under_way.page, "/eilogin/session")
        return bool(json.loads(under_way.visitor.get(url).text)["logged_in"])

    def takes_answer(self, under_way: UnderWay, octets: bytes, name: str) -> Answer:
        """Bring a good answer: she is signed in as ``name``, and at her page (I1, I8).

        Once: the same assertion makes no second session (I4).
        """
        answer = self.brings(under_way, octets)
        assert answer.status in (302, 303), (answer, answer.text)
        page = self.arrive(under_way.visitor, answer.location or "")
        assert self.user(page) == name, (page, page.text)
        with self.unchanged():
            self.brings(under_way, octets)
        return page

    def brings(
        self, under_way: UnderWay, octets: "bytes | Mapping[str, str]"
    ) -> Answer:
        """The same, whatever comes of it."""
        form = octets
        if isinstance(octets, bytes):
            form = bindings.post_fields("SAMLResponse", octets, under_way.relay_state)
        return under_way.visitor.post(under_way.request.acs_url, form)

    def is_ours(self, url: str) -> bool:
        """Whether an address is one of a member, or of the page itself."""
        parts = urlsplit(url)
        if not parts.scheme and not parts.netloc:
            return not url.startswith(("//", "/\\", "\\"))
        return url.startswith(tuple(f"http://{h}:{self.port}/" for h in self._hosts))

    @property
    def _hosts(self) -> Sequence[str]:
        return [HUB, *self.participants]

    def sign_in_victim(self) -> None:
        """Have somebody signed in at every participant."""
        self.victim = Visitor(self)
        self.log_in(self.victim, VICTIM, *self.participants)

    def others_stay(self) -> None:
        """Who was signed in before is so still, everywhere (I3)."""
        for host in self.participants:
            answer = self.victim.get(self.url(host, "/mijn"))
            assert self.user(answer), f"I3: the victim lost her session at {host}"


class _Log(logging.Handler):
    """The events of the audit log, and all other lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.events: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.lines.append(text)
        if record.name == "eilogin.audit":
            self.events.append(json.loads(text))

    def by_reference(self, reference: str) -> dict[str, object] | None:
        found = (e for e in reversed(self.events) if e["reference"] == reference)
        return next(found, None)


class _Stored:
    """What is in a store, looked at anew where somebody has written to it since."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._version, self._rows = -1, {}

    @property
    def rows(self) -> Mapping[str, Sequence[tuple[float, str]]]:
        """The rows of each table, with when they are over."""
        ((version,),) = self._database.execute("PRAGMA data_version")
        if version != self._version:
            self._version, self._rows = version, self._of_now()
        return self._rows

    def _of_now(self) -> dict[str, Sequence[tuple[float, str]]]:
        rows = {table: self._database.execute(asked) for table, asked in _ROWS.items()}
        return {
            table: sorted((until, repr(row)) for until, *row in found)
            for table, found in rows.items()
        }

    def close(self) -> None:
        self._database.close()


class _Listener:
    """An address of loopback at which nothing of ours may ever connect (I5)."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.count = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                connection.close()
                self.count += 1

    def close(self) -> None:
        # An accept that waits does not end by close alone.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def _paths_below(folder: Path) -> Iterator[str]:
    """The files of a folder that belong to no store.

    Not by ``rglob``: tests ask thousands of times, and Path objects cost most of it.
    """
    for above, _, names in os.walk(folder):
        for name in names:
            if ".db" not in name:
                yield f"{above}/{name}"


def _digest(path: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - see above
        return hashlib.sha256(file.read()).hexdigest()


def _resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
