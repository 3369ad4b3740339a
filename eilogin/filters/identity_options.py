"""The options of the filter ``identity``, and the sources of an identity."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from eilogin.config import (
    Flag,
    Options,
    name_of,
    option,
    read_lines,
    split,
)
from eilogin.saml.printable_text import CONTROL
from eilogin.saml.sector_names import NUMBERS
from eilogin.sessions import Login

Source = Callable[[Login], str | None]


NUMBER_ATTRIBUTES = frozenset(NUMBERS.values())


#: Request headers that a server or eilogin reads itself. An option must not hide the
#: browser's value from the application.
READ_BY_OTHERS = re.compile(
    r"HTTP_(HOST|COOKIE|ORIGIN|REFERER|DESTINATION|RANGE|ACCEPT(_.*)?|SEC_.*|PURPOSE"
    r"|CONTENT_.*|CONNECTION|TRANSFER_ENCODING|UPGRADE|EXPECT|FORWARDED"
    r"|X_FORWARDED_(FOR|HOST|PORT|PREFIX|PROTO|SCHEME|SSL)|X_REQUESTED_WITH|X_HTTP_METHOD"
    r"|X_(HTTP_)?METHOD_OVERRIDE|X_ORIGINAL_URL|X_REWRITE_URL|X_SCRIPT_NAME|X_VHM_ROOT)"
).fullmatch


#: Variables that describe the request and the client (RFC 3875 4.1, mod_ssl), or
#: control another program.
_OF_SERVERS = re.compile(
    r"HTTPS?(_.*)?|REMOTE_.*|SERVER_.*|AUTH_TYPE|GATEWAY_INTERFACE|CONTENT_.*|SSL_.*"
    r"|REQUEST_(METHOD|URI|SCHEME)|SCRIPT_(NAME|FILENAME|URI|URL)|PATH(_.*)?|RAW_URI"
    r"|QUERY_STRING|DOCUMENT_ROOT|CONTEXT_.*|WSGI_.*|UWSGI_.*|PYTHON.*|LD_.*|MOD_WSGI.*",
    re.IGNORECASE,
).fullmatch


_PREFIX = re.compile(r"[A-Za-z0-9._:@/-]{1,60}").fullmatch


_NAME_OF_HEADER = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9][A-Za-z0-9-]*").fullmatch


def _source(word: str) -> Source | None:
    if word in ("subject", "level"):
        # Not a Python function: it runs at every request.
        return attrgetter(word)
    if word == "bsn":
        return _attribute("bsn")
    kind, _, name = word.partition(":")
    return _attribute(name_of(name)) if kind == "attribute" and name else None


def _of_one_line(source: Source) -> Source:
    # Without control characters: two values could become one.
    def value(login: Login) -> str | None:
        text = source(login)
        return None if text is None or CONTROL.search(text) else text

    return value


def _attribute(name: str) -> Source:
    def first(login: Login) -> str | None:
        values = login.attributes.get(name)
        return values[0] if values else None

    return first


@dataclass(frozen=True, slots=True)
class Header:
    """A request header that only eilogin may set."""

    #: Its key in environ, or for a pattern the prefix of its keys.
    key: str
    #: The source of its value; None if it has none.
    source: Source | None = None
    is_pattern: bool = False


def _header(line: str) -> Header:
    name, value = [*line.split(maxsplit=1), ""][:2]
    is_pattern, name = name.endswith("*"), name.removesuffix("*")
    is_one_value = len(value.split()) == 1 or value.startswith('"')
    if not is_one_value or not _NAME_OF_HEADER(name):
        raise ValueError("lines such as 'X-Name attribute:name' or 'X-Role none'")
    key = "HTTP_" + name.upper().replace("-", "_")
    if READ_BY_OTHERS(key):
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
        """The key of a header of that name, in which a client could claim the same."""
        # Some applications read that too. The browser's own headers do not count.
        header = "HTTP_" + self.key.upper().replace("-", "_")
        return self.key if READ_BY_OTHERS(header) else header


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
    if repeated := next((key for key in keys if keys.count(key) > 1), None):
        # Otherwise the value of one could go to a reader of the other.
        name = repeated.removeprefix("HTTP_").replace("_", "-")
        raise ValueError(f"each header once: {name} occurs twice")
    return headers


class Name(NamedTuple):
    """A possible source of REMOTE_USER."""

    #: The name of the source, also on a page.
    of: str
    source: Source


def _user(value: str | Sequence[str]) -> tuple[Name, ...]:
    words = value.split() if isinstance(value, str) else value
    sources = [None if word == "level" else _source(word) for word in words]
    names = tuple(
        # A subject has been checked at login.
        Name(
            word.removeprefix("attribute:"),
            source if word == "subject" else _of_one_line(source),
        )
        for word, source in zip(words, sources, strict=True)
        if source is not None
    )
    if len(names) < len(sources):
        raise ValueError(
            "'subject', 'bsn' or 'attribute:NAME' (a level does not identify a visitor)"
        )
    return names


def _prefix(value: str) -> str:
    if value and not _PREFIX(value):
        raise ValueError("only letters, digits and . _ - : @ /, such as 'burger-'")
    return value


class IdentityOptions(Options, name="identity"):
    """The options of ``[filter:…] use = egg:eilogin#identity``."""

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
