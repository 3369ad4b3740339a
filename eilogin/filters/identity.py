r"""Tell the application who its visitor is, and remove what a client forged.

*Needs* ``session`` before it. *Reads* ``eilogin.session``. *Writes* REMOTE_USER,
AUTH_TYPE, the attributes and the request headers that are asked for, and with
``allow_attributes`` another ``eilogin.session``, all in a copy of environ, so that an
access log outside never sees them. *Changes in the answer*: nothing::

    [filter:identity]
    use = egg:eilogin#identity
    user = attribute:urn:oid:0.9.2342.19200300.100.1.3 subject
    attributes =
        urn:oid:0.9.2342.19200300.100.1.3   MAIL
        mail                                MAIL
        urn:oid:1.3.6.1.4.1.5923.1.1.1.1    affiliation
    headers =
        X-Name    attribute:name
        X-Level   level

The application finds the whole login in ``environ['eilogin.session']``: subject,
level, since, until, and attributes as a mapping of lists of strings, of which
``allow_attributes`` names those that it may see. A key of ``attributes`` holds all
values, in their order, with ``;`` between them and ``\;`` for one in a value, as
Shibboleth writes them. In it and in a header the ends of lines, and other characters
that control something, are blanks.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from eilogin.errors import IdentityMissing, PipelineOrder
from eilogin.saml.sectors import NUMBERS
from eilogin.saml.text import CONTROL
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


#: Attributes that are a citizen's number in DigiD.
_NUMBERS = frozenset(NUMBERS.values())

#: Request headers by which a server, or eilogin, knows what it is asked: what the
#: browser said in them would not reach the application.
_READ_BY_OTHERS = re.compile(
    r"HTTP_(HOST|COOKIE|ORIGIN|REFERER|DESTINATION|RANGE|ACCEPT(_.*)?|SEC_.*|PURPOSE"
    r"|CONTENT_.*|CONNECTION|TRANSFER_ENCODING|UPGRADE|EXPECT|FORWARDED"
    r"|X_FORWARDED_(FOR|HOST|PORT|PREFIX|PROTO|SCHEME|SSL)|X_REQUESTED_WITH|X_HTTP_METHOD"
    r"|X_(HTTP_)?METHOD_OVERRIDE|X_ORIGINAL_URL|X_REWRITE_URL|X_SCRIPT_NAME|X_VHM_ROOT)"
).fullmatch


#: Variables by which a server says what was asked and by whom (RFC 3875 4.1, mod_ssl),
#: or by which another program is steered.
_OF_SERVERS = re.compile(
    r"HTTPS?(_.*)?|REMOTE_.*|SERVER_.*|AUTH_TYPE|GATEWAY_INTERFACE|CONTENT_.*|SSL_.*"
    r"|REQUEST_(METHOD|URI|SCHEME)|SCRIPT_(NAME|FILENAME|URI|URL)|PATH(_.*)?|RAW_URI"
    r"|QUERY_STRING|DOCUMENT_ROOT|CONTEXT_.*|WSGI_.*|UWSGI_.*|PYTHON.*|LD_.*|MOD_WSGI.*",
    re.IGNORECASE,
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


@dataclass(frozen=True, slots=True)
class Variable:
    """An environ key for the application, and the attribute whose values it holds."""

    key: str
    name: str


def _variable(line: str) -> Variable:
    match line.rsplit(maxsplit=1):
        case [name, key] if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key):
            pass
        case _:
            raise ValueError("lines of an attribute and a key of environ: 'mail MAIL'")
    if _OF_SERVERS(key):
        raise ValueError(
            "a key of your own: servers speak by this one (for headers there is"
            " 'headers', for REMOTE_USER 'user')"
        )
    return Variable(key, name)


def _variables(value: object) -> object:
    return read_lines(split(value), _variable) if isinstance(value, str) else value


def _allowed(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = value.split()
    match names:
        case []:
            raise ValueError("names of attributes, 'all' or 'none'")
        case ["all"]:
            return None
        case ["none"]:
            return frozenset()
        case _:
            return frozenset(names)


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
    attributes: Annotated[tuple[Variable, ...], BeforeValidator(_variables)] = option(
        "lines of an attribute and the key of environ that the application finds its "
        "values under, with ``;`` between them; of lines with the same key the first "
        "whose attribute the login has",
        default=(),
        shown="none",
    )
    allow_attributes: Annotated[frozenset[str] | None, BeforeValidator(_allowed)] = (
        option(
            "names of the attributes that ``eilogin.session`` has for the application, "
            "``all`` (but DigiD's ``bsn`` and ``sofi``) or ``none``",
            default=None,
            shown="``all``",
        )
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
        self._variables = options.attributes
        self._allowed = options.allow_attributes
        # Known when the first visitor comes who is logged in.
        self._is_digid: bool | None = None
        # At most requests nobody looks at them, for that takes a while.
        self._looks_inside = bool(self._variables) or self._allowed is not None
        self._removed = (
            *_FORGEABLE,
            *(header.key for header in options.headers),
            *(variable.key for variable in options.attributes),
        )

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
            if self._is_digid is None:
                self._is_digid = _is_of_digid(environ)
            if self._looks_inside or self._is_digid:
                inner.update(self._attributes_of(login))
        return inner

    def _attributes_of(self, login: Login) -> "WSGIEnvironment":
        """The keys that the login has something for, and what of it may be seen.

        A number by which DigiD names her only where an option names that.
        """
        attributes = login.attributes
        found: dict[str, Any] = {}
        for variable in self._variables:
            values = attributes.get(variable.name)
            if values and variable.key not in found:
                found[variable.key] = _for_environ(_joined(values))
        if self._allowed is not None:
            allowed = {n: v for n, v in attributes.items() if n in self._allowed}
            found[env.SESSION] = replace(login, attributes=allowed)
        elif self._is_digid:
            others = {n: v for n, v in attributes.items() if n not in _NUMBERS}
            found[env.SESSION] = replace(login, attributes=others)
        return found

    def _user_of(self, login: Login) -> str:
        for source in self._user:
            user = source(login)
            # Two names must not become one because of what cannot be passed on.
            if user and not _has_control(user):
                return user
        raise IdentityMissing("the login has nothing that REMOTE_USER could be")


def _is_of_digid(environ: "WSGIEnvironment") -> bool:
    trust = environ.get(env.TRUST)
    return trust is not None and trust.own.is_digid


def _joined(values: Sequence[str]) -> str:
    return ";".join([value.replace(";", "\\;") for value in values])


def _for_environ(text: str) -> str:
    """Text as WSGI hands it over: UTF-8, seen as latin-1 (PEP 3333).

    In one line, whatever the hub told: the ends of lines in an address become blanks.
    """
    if _has_control(text):
        text = CONTROL.sub(" ", text)
    return text if text.isascii() else text.encode().decode("latin-1")


def _has_control(text: str) -> bool:
    # What is printable holds no control character, and is sooner seen to be so.
    return not text.isprintable() and CONTROL.search(text) is not None


def make_identity(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> IdentityFilter:
    """PasteDeploy's factory for ``egg:eilogin#identity``."""
    options = read(IdentityOptions, global_conf, local_conf)
    return IdentityFilter(app, options)
