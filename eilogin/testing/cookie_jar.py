"""Keep and send the cookies of a browser for tests (RFC 6265, section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from eilogin import clock

_NEVER = float("inf")


@dataclass(frozen=True)
class _Cookie:
    name: str
    value: str
    host: str
    is_for_all_below: bool = False
    path: str = "/"
    same_site: str = "lax"
    expires: float = _NEVER

    def is_for_host(self, host: str) -> bool:
        """Section 5.1.3."""
        is_below = self.is_for_all_below and host.endswith(f".{self.host}")
        return host == self.host or is_below

    def is_for_path(self, path: str) -> bool:
        """Section 5.1.4."""
        return f"{path}/".startswith(f"{self.path.rstrip('/')}/")

    def may_come_from_elsewhere(self, method: str) -> bool:
        """Return whether a request from another site sends it."""
        is_lax = self.same_site == "lax" and method == "GET"
        return self.same_site == "none" or is_lax


class CookieJar:
    """Cookies by name, host and path, without expired ones."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, bool, str], _Cookie] = {}

    def store(self, url: str, header: str) -> None:
        """Store a Set-Cookie; AssertionError for a malformed ``__Host-`` cookie."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        name, value, attributes = _parsed(header)
        if name.startswith("__Host-"):
            is_fine = "secure" in attributes and attributes.get("path") == "/"
            assert is_fine, header  # noqa: S101 - for tests
            assert "domain" not in attributes, header  # noqa: S101 - for tests
        domain = attributes.get("domain", "").lower().removeprefix(".")
        path = attributes.get("path", "")
        if not path.startswith("/"):
            path = parts.path.rpartition("/")[0] or "/"
        cookie = _Cookie(
            name,
            value,
            domain or host,
            bool(domain),
            path,
            attributes.get("samesite", "lax").lower(),
            _expires(attributes),
        )
        # A name without a dot is a public suffix.
        is_foreign = domain and (not cookie.is_for_host(host) or "." not in domain)
        if not is_foreign:
            self._put(cookie)

    def plant(self, host: str, name: str, value: str) -> None:
        """Add a cookie for all paths of a host."""
        self._put(_Cookie(name, value, host))

    def held_for(self, host: str) -> dict[str, str]:
        """Return values by name; of several, the one that is sent first."""
        values: dict[str, str] = {}
        for cookie in self._of(host):
            values.setdefault(cookie.name, cookie.value)
        return values

    def forget(self, host: str) -> None:
        """Remove the cookies of a host."""
        for key, cookie in list(self._cookies.items()):
            if cookie.is_for_host(host):
                del self._cookies[key]

    def header(self, url: str, method: str, *, is_cross_site: bool) -> str:
        """Return the Cookie header of a request, or ""."""
        parts = urlsplit(url)
        return "; ".join(
            f"{cookie.name}={cookie.value}"
            for cookie in self._of(parts.hostname or "")
            if cookie.is_for_path(parts.path or "/")
            and (not is_cross_site or cookie.may_come_from_elsewhere(method))
        )

    def _of(self, host: str) -> Iterator[_Cookie]:
        """Return the cookies for a host: longer paths first, then older ones (5.4)."""
        now = clock.now()
        cookies = [c for c in self._cookies.values() if c.is_for_host(host)]
        cookies.sort(key=lambda cookie: -len(cookie.path))
        return (cookie for cookie in cookies if cookie.expires > now)

    def _put(self, cookie: _Cookie) -> None:
        key = (cookie.name, cookie.host, cookie.is_for_all_below, cookie.path)
        if cookie.expires > clock.now():
            self._cookies[key] = cookie
        else:
            self._cookies.pop(key, None)


def _parsed(header: str) -> tuple[str, str, dict[str, str]]:
    pair, *texts = (part.strip() for part in header.split(";"))
    name, _, value = pair.partition("=")
    attributes = {}
    for text in texts:
        key, _, value_of_attribute = text.partition("=")
        attributes[key.strip().lower()] = value_of_attribute.strip()
    return name, value, attributes


def _expires(attributes: dict[str, str]) -> float:
    if "max-age" in attributes:
        return clock.now() + int(attributes["max-age"])
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (KeyError, ValueError):
        return _NEVER
