"""Extend the policy of a page so that one script of this site runs.

A Content-Security-Policy (CSP 3) may block the script of ``expiry_warning``. To each
policy, also one that only reports, :func:`extend` adds the least that lets it run:

* the hash of the script, which the tag has as ``integrity``. Browsers accept it for
  external scripts since Chromium 59, Firefox 116 and Safari 15.6;
* the address of the script, if ``'unsafe-inline'`` is in force. A hash would switch
  that off, and with it scripts of the application. Such a policy stops no attacker who
  can write into the page anyway;
* the address from which the script reads the time left, as one URL.

A new directive begins with the sources that were in force in its place (CSP 3, 6.8.3).
If an allowed address redirects, browsers do not compare paths (CSP 3, 7.6). So a
redirect of the application may lead a script's request to another address of this site.
"""

import re
from functools import lru_cache
from typing import NamedTuple

Headers = list[tuple[str, str]]

_ENFORCED = "content-security-policy"
_REPORTED = "content-security-policy-report-only"
#: Headers with which a page demands ``integrity`` of each script.
_INTEGRITY = frozenset(("integrity-policy", "integrity-policy-report-only"))
_NAMES = _INTEGRITY | {_ENFORCED, _REPORTED}

# RFC 9110 5.5; CSP 3, 2.2. Browsers disagree on other characters.
_PLAIN = re.compile(r"[\x21-\x7e \t]*")
# CSP 3, 2.3.1.
_KEY = re.compile(
    r"'(?:nonce|sha256|sha384|sha512)-[a-z0-9+/_-]+={0,2}'", re.IGNORECASE
)
_NONCE = re.compile(r"'nonce-[a-zA-Z0-9+/_-]+={0,2}'")
_ANY_NONCE = "'nonce-any'"
# An address (CSP 3, 2.3.1): no IPv6, no character that ends a directive.
_SOURCE = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]+)?/[a-zA-Z0-9/._~!$&()*+=:@%-]*")

_SCRIPT = ("script-src-elem", "script-src", "default-src")
_CONNECT = ("connect-src", "default-src")
#: A sandboxed page needs these for the script, its request and its login link.
_SANDBOX = frozenset(("allow-scripts", "allow-same-origin", "allow-popups"))

_ODD = "its Content-Security-Policy contains characters that are not allowed"
_SANDBOXED = (
    "its Content-Security-Policy has a sandbox without allow-scripts, allow-same-origin"
    " and allow-popups"
)
_NO_SOURCE = "a Content-Security-Policy cannot contain the address of this site"


class Ours(NamedTuple):
    """The script of eilogin, and the address from which it reads the time left."""

    #: Its origin, as in a Content-Security-Policy.
    origin: str
    #: Addresses without query.
    script: str
    session: str
    digest: str


class Extended(NamedTuple):
    """Headers whose policies allow the script."""

    headers: Headers
    #: Whether the script needs its hash in the tag.
    by_digest: bool = False
    #: Why the headers stay as they are, or "".
    obstacle: str = ""


def extend(headers: Headers, ours: Ours) -> Extended:
    """Return the headers of an answer, with policies that allow ``ours``."""
    extended = headers
    by_digest = False
    for place, (name, value) in enumerate(headers):
        kind = name.lower()
        if kind not in _NAMES:
            continue
        if kind in _INTEGRITY:
            by_digest |= "script" in value.lower()
            continue
        policies = _extended(value, ours, is_enforced=kind == _ENFORCED)
        if policies.obstacle:
            return Extended(headers, obstacle=policies.obstacle)
        by_digest |= policies.by_digest
        if policies.text != value:
            # A copy, because the list belongs to the application.
            extended = [*extended]
            extended[place] = (name, policies.text)
    return Extended(extended, by_digest)


class _Policies(NamedTuple):
    text: str
    by_digest: bool = False
    obstacle: str = ""


def _extended(text: str, ours: Ours, *, is_enforced: bool) -> _Policies:
    # The cache ignores the nonce, which differs in each answer.
    nonce = _NONCE.search(text)
    if nonce is None or _ANY_NONCE in text:
        return _extend(text, ours, is_enforced=is_enforced)
    cacheable = text.replace(nonce[0], _ANY_NONCE)
    policies = _extend(cacheable, ours, is_enforced=is_enforced)
    return policies._replace(text=policies.text.replace(_ANY_NONCE, nonce[0]))


@lru_cache(maxsize=64)
def _extend(text: str, ours: Ours, *, is_enforced: bool) -> _Policies:
    if not _PLAIN.fullmatch(text):
        return _Policies(text, obstacle=_ODD if is_enforced else "")
    policies = [_Policy(policy) for policy in text.split(",")]
    if is_enforced and not all(policy.has_origin for policy in policies):
        return _Policies(text, obstacle=_SANDBOXED)
    try:
        by_digest = [policy.allow(ours) for policy in policies]
    except ValueError:
        return _Policies(text, obstacle=_NO_SOURCE if is_enforced else "")
    return _Policies(",".join(map(str, policies)), any(by_digest))


class _Policy:
    def __init__(self, text: str) -> None:
        self._directives = text.split(";")
        self._places: dict[str, int] = {}
        for place, directive in enumerate(self._directives):
            name = directive.split()[:1]
            if name:
                # The first directive of a name is in force (2.2.1).
                self._places.setdefault(name[0].lower(), place)

    def __str__(self) -> str:
        return ";".join(self._directives)

    @property
    def has_origin(self) -> bool:
        place = self._places.get("sandbox")
        if place is None:
            return True
        allowed = self._directives[place].lower().split()[1:]
        return _SANDBOX.issubset(allowed)

    def allow(self, ours: Ours) -> bool:
        """Allow ``ours``; return whether by hash. ValueError if no source fits."""
        script = self._in_force(_SCRIPT)
        by_digest = False
        # With 'strict-dynamic' only scripts with a key are loaded (8.2).
        if script.is_strict or not script.allows(ours.script, ours.origin):
            by_digest = not script.has_inline
            added = f"'{ours.digest}'" if by_digest else _source(ours.script)
            self._add(script, "script-src", added)
        connect = self._in_force(_CONNECT)
        if not connect.allows(ours.session, ours.origin):
            self._add(connect, "connect-src", _source(ours.session))
        return by_digest

    def _in_force(self, names: tuple[str, ...]) -> "_Sources":
        for name in names:
            if name in self._places:
                words = self._directives[self._places[name]].split()
                return _Sources(name, words[0], words[1:])
        return _Sources("", "", ["*"])

    def _add(self, sources: "_Sources", name: str, source: str) -> None:
        words = [*sources.without_none, source]
        if sources.name == "default-src":
            if not self._directives[-1].strip():
                self._directives.pop()
            self._directives.append(f" {name} {' '.join(words)}")
            return
        place = self._places[sources.name]
        blank = " " if self._directives[place].startswith((" ", "\t")) else ""
        self._directives[place] = f"{blank}{sources.written} {' '.join(words)}"


class _Sources(NamedTuple):
    name: str
    written: str
    words: list[str]

    @property
    def without_none(self) -> list[str]:
        return [word for word in self.words if word.lower() != "'none'"]

    @property
    def has_inline(self) -> bool:
        """Whether ``'unsafe-inline'`` is in force (CSP 3, 6.7.3.2)."""
        return (
            self._has("'unsafe-inline'")
            and not self.is_strict
            and not any(map(_KEY.fullmatch, self.words))
        )

    @property
    def is_strict(self) -> bool:
        return self._has("'strict-dynamic'")

    def _has(self, keyword: str) -> bool:
        return any(word.lower() == keyword for word in self.words)

    def allows(self, address: str, origin: str) -> bool:
        """Return whether one of the sources surely allows an address of this site."""
        words = {word.lower() for word in self.words}
        # "http:" means https too (6.7.2.8).
        scheme = f"{origin.partition(':')[0]}:"
        matching = {"*", "'self'", "http:", scheme, origin, f"{origin}/"}
        return not matching.isdisjoint(words) or address in self.words


def _source(address: str) -> str:
    if not _SOURCE.fullmatch(address):
        raise ValueError(
            f"a Content-Security-Policy cannot contain this address: {address!r}"
        )
    return address
