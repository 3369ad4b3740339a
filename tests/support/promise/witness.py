"""What stands outside and inside of a participant's filters, and writes down.

Outside: when a request came to the session filter, and when an answer left it that says
that a session is over. Inside, in the place of the application: whom it was told that
it serves. One line of JSON each, in a file of the process: what is written is there,
also when the process is killed in the next moment. The clock is the machine's own, the
same one in all its processes.
"""

import base64
import hashlib
import io
import json
import os
import re
import time
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import BinaryIO

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    _Headers = Sequence[tuple[str, str]]

#: The session cookie, and where what is written down goes.
COOKIE = "__Host-eilogin"
FOLDER = "PROMISE_FOLDER"
#: When a request came, for who stands inside.
_ENTERED = "promise.entered"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_NAMES = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
}


def cookie_hash(value: str) -> str:
    """What stands for the value of a cookie in what is written down."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


class Event(NamedTuple):
    """What a witness has written down."""

    #: When, by the machine's monotonic clock.
    at: float
    #: ``asked`` and ``served`` (``at`` is when the request came to the session filter),
    #: ``ended`` (at the hub's word) or ``left`` (at her own).
    what: str
    site: str
    #: Who, as this participant knows her; "" where nothing but the cookie is known.
    user: str = ""
    #: Which of her sessions, as the hub named them.
    indexes: tuple[str, ...] = ()
    #: The hash of the session cookie; "" of what ``ended``, which needs none.
    cookie: str = ""
    #: By which way the hub's word of an end came: ``soap`` or ``browser``.
    how: str = ""


def read(folder: Path) -> list[Event]:
    """All that was written down until now, the oldest first."""
    found = []
    for file in folder.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            said = json.loads(line)
            found.append(Event(**said | {"indexes": tuple(said.get("indexes", ()))}))
    return sorted(found)


# --- outside --------------------------------------------------------------------------


class Outside:
    """The filter; one for all participants of a process."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> "Iterable[bytes]":
        """Pass on, and look at what comes back from where logouts are answered."""
        environ[_ENTERED] = time.monotonic()
        look = _LOOKS.get(environ["PATH_INFO"])
        if look is None:
            if cookie := _cookie_of(environ):
                _write(environ, at=environ[_ENTERED], what="asked", cookie=cookie)
            return self._app(environ, start_response)
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(asked)
        said: list[Any] = []

        def keep(status: str, headers: Any, exc_info: Any = None) -> Any:
            said[:] = [status, headers]
            return start_response(status, headers, exc_info)

        answer = self._app(environ, keep)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        # Now: nothing of it has left yet, and all that it says has to be so.
        look(environ, asked, said[1], body)
        return [body]


def make_outside(global_conf: "Mapping[str, str]") -> type[Outside]:
    """PasteDeploy's factory of filters."""
    return Outside


def _look_at_soap(
    environ: "WSGIEnvironment", asked: bytes, headers: "_Headers", body: bytes
) -> None:
    _note_end(environ, "soap", _parsed(asked), _parsed(body))


def _look_at_redirect(
    environ: "WSGIEnvironment", asked: bytes, headers: "_Headers", body: bytes
) -> None:
    request = _inflated(environ["QUERY_STRING"], "SAMLRequest")
    location = dict(headers).get("Location", "")
    answer = _inflated(urlsplit(location).query, "SAMLResponse")
    _note_end(environ, "browser", request, answer)


def _look_at_own(
    environ: "WSGIEnvironment", asked: bytes, headers: "_Headers", body: bytes
) -> None:
    """Her own logout here: the answer takes her cookie away."""
    cookie = _cookie_of(environ)
    if cookie and any(value.startswith(f"{COOKIE}=;") for _, value in headers):
        _write(environ, what="left", cookie=cookie)


_LOOKS = {
    "/eilogin/slo/soap": _look_at_soap,
    "/eilogin/slo": _look_at_redirect,
    "/eilogin/logout": _look_at_own,
}


def _note_end(
    environ: "WSGIEnvironment",
    how: str,
    request: etree._Element | None,
    answer: etree._Element | None,
) -> None:
    """Note which sessions an answer says to be over, if it says so without a but."""
    codes = [] if answer is None else answer.xpath("//samlp:StatusCode/@Value", **_NS)
    if request is None or codes != [_SUCCESS]:
        return
    [name] = request.xpath("//samlp:LogoutRequest/saml:NameID/text()", **_NS)
    indexes = request.xpath("//samlp:SessionIndex/text()", **_NS)
    _write(
        environ,
        what="ended",
        how=how,
        user=str(name),
        indexes=[*map(str, indexes)],
    )


_NS: Any = {"namespaces": _NAMES}


def _parsed(octets: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(octets)
    except etree.XMLSyntaxError:
        return None


def _inflated(query: str, name: str) -> etree._Element | None:
    found = parse_qs(query).get(name)
    return found and _parsed(zlib.decompress(base64.b64decode(found[0]), -15))


# --- inside ---------------------------------------------------------------------------


def show_visitor(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "Iterable[bytes]":
    """An application that says whom it serves, and writes it down."""
    user = environ.get("REMOTE_USER", "")
    if user:
        login = environ["eilogin.session"]
        _write(
            environ,
            at=environ[_ENTERED],
            what="served",
            user=user,
            indexes=[login.session_index],
            cookie=_cookie_of(environ),
        )
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    page = f'<p>user=[{user}]</p><a href="/eilogin/logout">Uitloggen</a>'
    return [page.encode("latin-1")]


# --- writing down ---------------------------------------------------------------------


def _cookie_of(environ: "WSGIEnvironment") -> str:
    found = re.search(rf"{COOKIE}=([^;]+)", environ.get("HTTP_COOKIE", ""))
    return cookie_hash(found[1]) if found else ""


def _write(environ: "WSGIEnvironment", *, at: float | None = None, **what: Any) -> None:
    moment = time.monotonic() if at is None else at
    site = environ["HTTP_HOST"].partition(".")[0]
    line = json.dumps({"at": moment, "site": site, **what}) + "\n"
    _file(os.getpid()).write(line.encode())


@cache
def _file(pid: int) -> "BinaryIO":
    """Of this very process; each line is there as soon as it is written."""
    return Path(os.environ[FOLDER], f"{pid}.jsonl").open("ab", buffering=0)
