r"""Tell the application who its visitor is, and remove what a client forged.

*Needs* ``session`` and ``trust`` before it. *Reads* ``eilogin.session``. *Writes*
REMOTE_USER, AUTH_TYPE, the attributes and the request headers that are asked for, with
``allow_attributes`` another ``eilogin.session`` and ``eilogin.login``, all in a copy of
environ, so that an access log outside never sees them. *Changes in the answer*:
nothing::

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
values, in their order, with ``;`` between them; in a value ``\;`` is one, as Shibboleth
writes it, and ``\\`` a backslash. In it and in a header the ends of lines, and other
characters that control something, are blanks. All of them are as WSGI has strings
(UTF-8 seen as latin-1, PEP 3333), but in Zope (``path_style = zope``), which decodes
none of them, they are plain text.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlencode

from pydantic import BeforeValidator
from webob import Response

from eilogin.config import (
    Flag,
    Options,
    name_of,
    option,
    read,
    read_lines,
    split,
)
from eilogin.errors import IdentityMissing, PipelineOrder
from eilogin.participant.policy.attribute_access import listed
from eilogin.saml.printable_text import CONTROL
from eilogin.saml.sector_names import NUMBERS
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.composition import parts_inside
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: What an identity is taken from: a login, to text, or None where it has none.
Source = Callable[[Login], str | None]

#: Environ keys by which a client or an outer server could say who somebody is. All
#: spellings of a header (``Remote-User``, ``X_Remote_User``) end in these.
_FORGEABLE = (
    "REMOTE_USER",
    "AUTH_TYPE",
    "HTTP_AUTH_TYPE",
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


_PREFIX = re.compile(r"[A-Za-z0-9._:@/-]{1,60}").fullmatch

_NAME_OF_HEADER = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9][A-Za-z0-9-]*").fullmatch


def _source(word: str) -> Source | None:
    """What ``subject``, ``level``, ``bsn`` or ``attribute:NAME`` stands for, if any."""
    if word in ("subject", "level"):
        # No function of ours: it is called at every request.
        return attrgetter(word)
    if word == "bsn":
        return _attribute("bsn")
    kind, _, name = word.partition(":")
    return _attribute(name_of(name)) if kind == "attribute" and name else None


def _of_one_line(source: Source) -> Source:
    """The same, but nothing where a character in it controls something.

    Two names must not become one because of what cannot be passed on.
    """

    def found(login: Login) -> str | None:
        text = source(login)
        return None if text is None or CONTROL.search(text) else text

    return found


def _attribute(name: str) -> Source:
    def first(login: Login) -> str | None:
        values = login.attributes.get(name)
        return values[0] if values else None

    return first


@dataclass(frozen=True, slots=True)
class Header:
    """A request header that only eilogin may set."""

    #: Its key in environ; for a pattern what the keys begin with.
    key: str
    #: Its value; None where there never is one.
    source: Source | None = None
    #: Whether all headers are meant whose names begin so.
    is_pattern: bool = False


def _header(line: str) -> Header:
    name, value = [*line.split(maxsplit=1), ""][:2]
    is_pattern, name = name.endswith("*"), name.removesuffix("*")
    is_one = len(value.split()) == 1 or value.startswith('"')
    if not is_one or not _NAME_OF_HEADER(name):
        raise ValueError("lines such as 'X-Name attribute:name' or 'X-Role none'")
    key = "HTTP_" + name.upper().replace("-", "_")
    if _READ_BY_OTHERS(key):
        raise ValueError("another header: servers or eilogin read this one themselves")
    if value == "none":
        return Header(key, is_pattern=is_pattern)
    if is_pattern:
        raise ValueError("'none' as the value of a name that ends in '*'")
    source = _source(value) or _constant(value)
    if source is None:
        raise ValueError(
            "a name, followed by 'subject', 'level', 'bsn', 'attribute:NAME', a "
            "text in double quotes, or 'none'"
        )
    return Header(key, source)


def _constant(value: str) -> Source | None:
    """What a text in double quotes stands for, if it is one: always itself."""
    text = value[1:-1]
    if value != f'"{text}"' or not text.isprintable() or '"' in text or not text:
        return None
    return lambda _: text


@dataclass(frozen=True, slots=True)
class Variable:
    """An environ key for the application, and the attribute whose values it holds."""

    key: str
    name: str

    @property
    def as_header(self) -> str:
        """The key of a header of that name, by which a client could say the same.

        Some applications look there too, because other software hands identity over in
        headers. The key itself where that is a header of the browser's own.
        """
        header = "HTTP_" + self.key.upper().replace("-", "_")
        return self.key if _READ_BY_OTHERS(header) else header


def _variable(line: str) -> Variable:
    match line.rsplit(maxsplit=1):
        case [name, key] if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key):
            name_of(name)
        case _:
            raise ValueError(
                "lines with an attribute and a key of environ: 'mail MAIL'"
            )
    if _OF_SERVERS(key):
        raise ValueError(
            "another key: servers use this one (use 'headers' for headers, and "
            "'user' for REMOTE_USER)"
        )
    return Variable(key, name)


def _variables(value: object) -> object:
    return read_lines(split(value), _variable) if isinstance(value, str) else value


def _allowed(value: object) -> object:
    if not isinstance(value, str):
        return value
    match names := tuple(map(name_of, value.split())):
        case ():
            raise ValueError("names of attributes, 'all' or 'none'")
        case ("all",):
            return None
        case ("none",):
            return frozenset()
        case _:
            return frozenset(names)


def _headers(value: object) -> object:
    if not isinstance(value, str):
        return value
    headers = read_lines(split(value), _header)
    keys = [header.key + "*" * header.is_pattern for header in headers]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        # Else who is told by one of them could be told by the other one's value.
        name = twice.removeprefix("HTTP_").replace("_", "-")
        raise ValueError(f"each header once: {name} occurs twice")
    return headers


class Name(NamedTuple):
    """What REMOTE_USER may be."""

    #: What the source is called, on a page too.
    of: str
    source: Source


def _user(value: str | Sequence[str]) -> tuple[Name, ...]:
    words = value.split() if isinstance(value, str) else value
    sources = [None if word == "level" else _source(word) for word in words]
    found = tuple(
        # A subject has been looked at when she logged in.
        Name(
            word.removeprefix("attribute:"),
            source if word == "subject" else _of_one_line(source),
        )
        for word, source in zip(words, sources, strict=True)
        if source is not None
    )
    if len(found) < len(sources):
        raise ValueError(
            "'subject', 'bsn' or 'attribute:NAME' (a level does not identify a visitor)"
        )
    return found


def _prefix(value: str) -> str:
    if value and not _PREFIX(value):
        raise ValueError("only letters, digits and . _ - : @ /, such as 'burger-'")
    return value


class IdentityOptions(Options, name="identity"):
    """What ``[filter:…] use = egg:eilogin#identity`` understands."""

    user: Annotated[tuple[Name, ...], BeforeValidator(_user)] = option(
        "Chooses the value of REMOTE_USER: ``subject``, ``bsn`` or "
        "``attribute:NAME``. With several, the first that the login has "
        "counts. ``subject`` is opaque, and differs at every participant.",
        default=("subject",),
    )
    user_prefix: Annotated[str, BeforeValidator(_prefix)] = option(
        "Puts this text before REMOTE_USER, such as ``burger-``. With it no "
        "visitor can have the name of a user that the application knows "
        "already.",
        default="",
        shown="none",
    )
    attributes: Annotated[tuple[Variable, ...], BeforeValidator(_variables)] = option(
        "Copies attributes into environ, one on each line: the attribute "
        "and the key. If a key has several lines, the first attribute that "
        "the login has counts. Several values are joined by ``;``.",
        default=(),
        shown="none",
    )
    allow_attributes: Annotated[frozenset[str] | None, BeforeValidator(_allowed)] = (
        option(
            "Limits the attributes in ``eilogin.session``. Names, separated by "
            "blanks; ``all`` (except DigiD's ``bsn`` and ``sofi``); or "
            "``none``.",
            default=None,
            shown="``all``",
        )
    )
    headers: Annotated[tuple[Header, ...], BeforeValidator(_headers)] = option(
        "Sets request headers for the application, one on each line: a name "
        "and a value. For a signed-in visitor the value is ``subject``, "
        '``level``, ``bsn``, ``attribute:NAME`` or a ``"text"``. ``none`` '
        "removes the header (``X-Role none``; ``X-Wiki-* none`` for all "
        "names with that prefix). No client can send a header of these "
        "lines: name every header that the application trusts.",
        default=(),
        shown="none",
    )

    pass_session_cookie: Flag = option(
        "Passes eilogin's session cookie on to the application. Only needed "
        "if the application sends requests to this site in the name of the "
        "visitor.",
        default=False,
    )


class IdentityFilter:
    """The filter; ``options`` say what the application gets."""

    eilogin_part = "identity"

    def __init__(self, app: "WSGIApplication", options: IdentityOptions) -> None:
        self.app = app
        self.pages = Pages()
        self._user = [name.source for name in options.user]
        self._names = [name.of for name in options.user]
        self._prefix = options.user_prefix
        self._headers = [
            (header.key, header.source)
            for header in options.headers
            if header.source is not None
        ]
        self._variables = options.attributes
        self._allowed = options.allow_attributes
        # The first visitor who is logged in finds out the one; at most sites nobody
        # looks inside of a login after that, for it takes a while.
        self._is_digid = self._has_hub = False
        self._looks_inside: bool | None = None
        # Filters further inside may look for a cookie of the same name: a hub, say.
        is_read_inside = "session" in parts_inside(app)
        self._passes_cookie = options.pass_session_cookie or is_read_inside
        self._removed = (
            *_FORGEABLE,
            *(header.key for header in options.headers if not header.is_pattern),
            *(variable.key for variable in options.attributes),
            *(variable.as_header for variable in options.attributes),
        )
        self._removed_starts = tuple(
            header.key for header in options.headers if header.is_pattern
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass on with the visitor's identity, or with none."""
        try:
            inner = self._identified(environ)
        except (IdentityMissing, PipelineOrder) as error:
            refusal = self._refuse(environ, error)
            return refusal(environ, start_response)
        return self.app(inner, start_response)

    def _refuse(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        """The page for whom the application could not be told who she is."""
        if not isinstance(error, IdentityMissing):
            return self.pages.refuse(environ, error, event="identity")
        trust, ways = environ.get(env.TRUST), {}
        if trust is not None:
            own = trust.own
            after = urlencode({"next": this_page(environ, own.public_url)})
            ways = {
                "again": root(own.public_url),
                "logout_url": f"{own.url('logout')}?{after}",
            }
        return self.pages.refuse(
            environ,
            error,
            event="identity",
            needed=self._names,
            one_will_do=True,
            **ways,
        )

    def _identified(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        """A copy of environ that says who the visitor is, and nothing forged."""
        login = env.session_checked(environ)
        inner = self._without_forged(environ)
        if login is not None:
            written = _for_zope if env.VISIBLE in environ else _for_environ
            inner["REMOTE_USER"] = written(self._prefix + self._user_of(login))
            inner["AUTH_TYPE"] = "eilogin"
            for key, source in self._headers:
                value = source(login)
                if value is not None:
                    inner[key] = written(value)
            if self._looks_inside is None:
                self._looks_inside = self._has_to_look(environ)
            if self._looks_inside:
                inner.update(self._attributes_of(login, written))
                self._keep_from_application(inner, login)
        return inner

    def _without_forged(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        inner = environ.copy()
        for key in self._removed:
            if key in inner:
                del inner[key]
        if self._removed_starts:
            for key in _of_pattern(environ, self._removed_starts):
                inner.pop(key, None)
        if not self._passes_cookie and "HTTP_COOKIE" in inner:
            _leave_out_session(inner)
        return inner

    def _has_to_look(self, environ: "WSGIEnvironment") -> bool:
        """Whether anything depends on the attributes of a login."""
        trust = environ.get(env.TRUST)
        self._is_digid = trust is not None and trust.own.is_digid
        self._has_hub = trust is not None and trust.own.hub_inside is not None
        return bool(self._variables) or self._allowed is not None or self._is_digid

    def _attributes_of(
        self, login: Login, written: Callable[[str], str]
    ) -> "WSGIEnvironment":
        """The keys that the login has something for."""
        attributes = login.attributes
        found: dict[str, Any] = {}
        for variable in self._variables:
            values = attributes.get(variable.name)
            if values and variable.key not in found:
                found[variable.key] = written(_joined(values))
        return found

    def _keep_from_application(self, inner: "WSGIEnvironment", login: Login) -> None:
        """Take out of it what the application may not see of a login.

        A number by which DigiD names her it sees only where an option names that. A hub
        inside may tell it its own participants, where no option says otherwise.
        """
        if self._allowed is None and not self._is_digid:
            return
        inner[env.SESSION] = self._seen(login)
        service = inner.get(env.LOGIN)
        if service is not None and (self._allowed is not None or not self._has_hub):
            shown: env.LoginService = _ForApplication(service, self._seen)
            inner[env.LOGIN] = shown

    def _seen(self, login: Login) -> Login:
        """A login as the application may see it."""
        attributes, allowed = login.attributes, self._allowed
        if allowed is None:
            seen = {n: v for n, v in attributes.items() if n not in _NUMBERS}
        else:
            seen = {n: v for n, v in attributes.items() if n in allowed}
        return replace(login, attributes=seen)

    def _user_of(self, login: Login) -> str:
        """REMOTE_USER, without its prefix."""
        for source in self._user:
            user = source(login)
            if user:
                return user
        error = IdentityMissing(
            "found no value for REMOTE_USER; 'user' expects one of "
            f"{' '.join(self._names)}; the hub sent {listed(login.attributes)}"
        )
        error.peer = login.who.issuer
        raise error


def _leave_out_session(inner: "WSGIEnvironment") -> None:
    """Take our session cookie out: whoever reads it can be the visitor."""
    brought = inner["HTTP_COOKIE"]
    left = inner["HTTP_COOKIE"] = env.cookie(inner).left_out_of(brought)
    if brought and not left:
        del inner["HTTP_COOKIE"]


def _of_pattern(environ: "WSGIEnvironment", starts: tuple[str, ...]) -> Iterable[str]:
    """The keys of the headers that begin so, but for those that are the browser's own.

    However a server writes them: names of headers have no case, and CGI no dashes.
    """
    for key in environ:
        plain = key.upper().replace("-", "_")
        if plain.startswith(starts) and not _READ_BY_OTHERS(plain):
            yield key


class _ForApplication:
    """``environ['eilogin.login']`` with a login as the application may see it."""

    __slots__ = ("_seen", "_service")

    def __init__(
        self, service: env.LoginService, seen: Callable[[Login], Login]
    ) -> None:
        self._service = service
        self._seen = seen

    @property
    def login(self) -> Login | None:
        login = self._service.login
        return None if login is None else self._seen(login)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        return self._service.require(level, force=force, passive=passive)

    @property
    def tells_proof(self) -> bool:
        return self._service.tells_proof

    def take_proof(self) -> bool:
        return self._service.take_proof()


def _joined(values: Sequence[str]) -> str:
    # Or ``x\`` and ``admin`` would be what ``x;admin`` is.
    plain = [value.replace("\\", "\\\\") for value in values]
    return ";".join([value.replace(";", "\\;") for value in plain])


def _for_environ(text: str) -> str:
    """Text as WSGI hands it over: UTF-8, seen as latin-1 (PEP 3333).

    In one line, whatever the hub told: the ends of lines in an address become blanks.
    """
    text = _for_zope(text)
    return text if text.isascii() else text.encode().decode("latin-1")


def _for_zope(text: str) -> str:
    """Text in one line, as it is: Zope and its plugins decode nothing of environ."""
    # A printable text holds no control character, and that test is the faster one.
    return text if text.isprintable() else CONTROL.sub(" ", text)


def make_identity(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> IdentityFilter:
    """PasteDeploy's factory for ``egg:eilogin#identity``."""
    options = read(IdentityOptions, global_conf, local_conf)
    return IdentityFilter(app, options)
