"""Tell the application who its visitor is, and remove what a client forged.

*Needs* ``session`` before it. *Reads* ``eilogin.session``. *Writes* REMOTE_USER,
AUTH_TYPE and the request headers that are asked for, in a copy of environ, so that an
access log outside never sees them. *Changes in the answer*: nothing::

    [filter:identity]
    use = egg:eilogin#identity
    user = attribute:mail subject
    headers =
        X-Name    attribute:name
        X-Level   level

The application finds the whole login in ``environ['eilogin.session']``: subject,
level, since, until, and attributes as a mapping of lists of strings.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from eilogin.errors import IdentityMissing, PipelineOrder
from eilogin.sessions import Login
from eilogin.settings import Options, option, read, read_lines, split
from eilogin.web import environ as env
from eilogin.web.pages import Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What an identity is taken from: a login, to text, or None where it has none.
Source = Callable[[Login], str | None]

#: Environ keys by which a client or an outer server could say who somebody is. All
#: spellings of a header (``Remote-User``, ``X_Remote_User``) end in these.
_FORGEABLE = (
    "REMOTE_USER",
    "AUTH_TYPE",
    "HTTP_REMOTE_USER",
    "HTTP_X_REMOTE_USER",
    "HTTP_X_FORWARDED_USER",
)


#: Request headers by which a server, or eilogin, knows what it is asked: what the
#: browser said in them would not reach the application.
_READ_BY_OTHERS = re.compile(
    r"HTTP_(HOST|COOKIE|ORIGIN|REFERER|DESTINATION|RANGE|ACCEPT(_.*)?|SEC_.*|PURPOSE"
    r"|CONTENT_.*|CONNECTION|TRANSFER_ENCODING|UPGRADE|EXPECT|FORWARDED"
    r"|X_FORWARDED_(FOR|HOST|PORT|PREFIX|PROTO|SCHEME|SSL)|X_REQUESTED_WITH|X_HTTP_METHOD"
    r"|X_(HTTP_)?METHOD_OVERRIDE|X_ORIGINAL_URL|X_REWRITE_URL|X_SCRIPT_NAME|X_VHM_ROOT)"
).fullmatch


def _source(word: str) -> Source | None:
    """What ``subject``, ``level``, ``bsn`` or ``attribute:NAME`` stands for, if any."""
    if word in ("subject", "level"):
        # No function of ours: it is called at every request.
        return attrgetter(word)
    if word == "bsn":
        return _attribute("bsn")
    kind, _, name = word.partition(":")
    return _attribute(name) if kind == "attribute" and name else None


def _attribute(name: str) -> Source:
    def first(login: Login) -> str | None:
        values = login.attributes.get(name)
        return values[0] if values else None

    return first


@dataclass(frozen=True, slots=True)
class Header:
    """A request header for the application: its environ key, and what it says."""

    key: str
    source: Source


def _header(line: str) -> Header:
    words = line.split()
    if len(words) != 2 or not words[0].replace("-", "").isalnum():  # noqa: PLR2004
        raise ValueError("lines such as 'X-Name attribute:name'")
    key = "HTTP_" + words[0].upper().replace("-", "_")
    if _READ_BY_OTHERS(key):
        raise ValueError("a header of your own: servers or eilogin read this one")
    source = _source(words[1])
    if source is None:
        raise ValueError("a name, and 'subject', 'level', 'bsn' or 'attribute:NAME'")
    return Header(key, source)


def _headers(value: object) -> object:
    return read_lines(split(value), _header) if isinstance(value, str) else value


def _user(value: str | Sequence[str]) -> tuple[Source, ...]:
    words = value.split() if isinstance(value, str) else value
    sources = [None if word == "level" else _source(word) for word in words]
    found = tuple(source for source in sources if source is not None)
    if len(found) < len(sources):
        raise ValueError(
            "'subject', 'bsn' or 'attribute:NAME' (a level tells nobody apart)"
        )
    return found


class IdentityOptions(Options, name="identity"):
    """What ``[filter:…] use = egg:eilogin#identity`` understands."""

    user: Annotated[tuple[Source, ...], BeforeValidator(_user)] = option(
        "what REMOTE_USER is, the first that the login has: ``subject`` (opaque, and "
        "another one at every participant), ``bsn`` or ``attribute:NAME``",
        default=("subject",),
    )
    headers: Annotated[tuple[Header, ...], BeforeValidator(_headers)] = option(
        "request headers for the application: lines of a name and ``subject``, "
        "``level``, ``bsn`` or ``attribute:NAME``",
        default=(),
        shown="none",
    )


class IdentityFilter:
    """The filter; ``options`` say what the application gets."""

    def __init__(self, app: "WSGIApplication", options: IdentityOptions) -> None:
        self.app = app
        self.pages = Pages()
        self._user = options.user
        self._headers = options.headers
        self._removed = (*_FORGEABLE, *(header.key for header in options.headers))

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass on with the visitor's identity, or with none."""
        try:
            inner = self._identified(environ)
        except (IdentityMissing, PipelineOrder) as error:
            refusal = self.pages.refuse(environ, error, event="identity")
            return refusal(environ, start_response)
        return self.app(inner, start_response)

    def _identified(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        """A copy of environ that says who the visitor is, and nothing forged."""
        login = env.session_or_none(environ)
        inner = environ.copy()
        for key in self._removed:
            if key in inner:
                del inner[key]
        if login is not None:
            inner["REMOTE_USER"] = _for_environ(self._user_of(login))
            inner["AUTH_TYPE"] = "eilogin"
            for header in self._headers:
                value = header.source(login)
                if value is not None:
                    inner[header.key] = _for_environ(value)
        return inner

    def _user_of(self, login: Login) -> str:
        for source in self._user:
            user = source(login)
            if user:
                return user
        raise IdentityMissing("the login has nothing that REMOTE_USER could be")


def _for_environ(text: str) -> str:
    """Text as WSGI hands it over: UTF-8, seen as latin-1 (PEP 3333)."""
    return text if text.isascii() else text.encode().decode("latin-1")


def make_identity(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> IdentityFilter:
    """PasteDeploy's factory for ``egg:eilogin#identity``."""
    options = read(IdentityOptions, global_conf, local_conf)
    return IdentityFilter(app, options)
