"""What a browser allows under a Content-Security-Policy, read by the standard (CSP 3).

It is written apart from ``content_security_policy``, to judge it.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

#: By what is loaded: the directives, of which the first that is there counts (6.8.3).
FALLBACKS = {
    "script-elem": ("script-src-elem", "script-src", "default-src"),
    "script-attr": ("script-src-attr", "script-src", "default-src"),
    "eval": ("script-src", "default-src"),
    "worker": ("worker-src", "child-src", "script-src", "default-src"),
    "style": ("style-src-elem", "style-src", "default-src"),
    "connect": ("connect-src", "default-src"),
    "frame": ("frame-src", "child-src", "default-src"),
    **{
        kind: (f"{kind}-src", "default-src")
        for kind in ("img", "font", "media", "object", "manifest")
    },
}
#: Directives with no sources, whose values must stay.
OTHERS = ("base-uri", "form-action", "frame-ancestors", "sandbox", "report-uri")
_KEY = re.compile(
    r"'(nonce|sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})'", re.IGNORECASE
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SOURCE = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<wild>\*\.)?(?P<host>[A-Za-z0-9.-]+)"
    r"(?::(?P<port>[0-9]+|\*))?(?P<path>/.*)?",
    re.IGNORECASE,
)


class Load(NamedTuple):
    """One thing that a page does; ``digest`` is that of an inline script or tag."""

    kind: str
    url: str = ""
    nonce: str = ""
    digest: str = ""


def allows(header, load, page):
    """Whether all policies of a header let the page at ``page`` do this."""
    return all(_allows(policy, load, page) for policy in header.split(","))


def directives(policy):
    found = {}
    for directive in policy.split(";"):
        words = re.split(r"[ \t]+", directive.strip(" \t"))
        if words[0]:
            found.setdefault(words[0].lower(), words[1:])
    return found


def _allows(policy, load, page):
    found = directives(policy)
    for name in FALLBACKS[load.kind]:
        if name in found:
            return _matches(found[name], load, page)
    return True


def _matches(words, load, page):
    lower = [word.lower() for word in words]
    if load.kind == "eval":
        return "'unsafe-eval'" in lower
    is_script = load.kind.startswith("script")
    is_strict = is_script and "'strict-dynamic'" in lower
    keys = [match for match in map(_KEY.fullmatch, words) if match]
    if is_script or load.kind == "style":
        if any(_opens(key, load, lower) for key in keys):
            return True
        if not load.url:
            return "'unsafe-inline'" in lower and not keys and not is_strict
    return not is_strict and any(_names(word, load.url, page) for word in words)


def _opens(key, load, lower):
    """Whether a nonce or hash of a policy is that of a script or style."""
    kind = key[1].lower()
    if kind == "nonce":
        return load.kind != "script-attr" and load.nonce == key[2]
    is_hashed = load.kind != "script-attr" or "'unsafe-hashes'" in lower
    return is_hashed and load.digest == f"{kind}-{key[2]}"


def _names(word, url, page):
    asked, here = urlsplit(url), urlsplit(page)
    if word == "*":
        return asked.scheme in ("http", "https")
    if word.lower() == "'self'":
        return (asked.scheme, asked.netloc) == (here.scheme, here.netloc)
    if _SCHEME.fullmatch(word):
        return _is_scheme(word[:-1].lower(), asked.scheme)
    source = _SOURCE.fullmatch(word)
    return bool(
        source
        and _is_scheme((source["scheme"] or here.scheme).lower(), asked.scheme)
        and _is_host(source, asked)
        and _is_path(unquote(source["path"] or "/"), unquote(asked.path))
    )


def _is_scheme(said, asked):
    return asked == said or (said, asked) == ("http", "https")


def _is_host(source, asked):
    name, host = (asked.hostname or "").lower(), source["host"].lower()
    if not (name.endswith(f".{host}") if source["wild"] else name == host):
        return False
    default = {"http": 80, "https": 443}[asked.scheme]
    return source["port"] == "*" or int(source["port"] or default) == (
        asked.port or default
    )


def _is_path(said, asked):
    return asked.startswith(said) if said.endswith("/") else asked == said
