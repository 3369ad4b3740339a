"""The option ``app_cookies``: the cookies of the application that eilogin guards."""

import re
from collections.abc import Iterable
from typing import NamedTuple

#: The prefix of the names of eilogin's own cookies.
OURS = "__Host-eilogin"
#: A name in the option (RFC 9110 5.6.2), perhaps with ``-`` before it and ``*`` behind.
_is_pattern = re.compile(
    r"-?[A-Za-z0-9!#$%&'+.^_`|~][A-Za-z0-9!#$%&'+.^_`|~-]*\*?"
).fullmatch


class CookieNamePatterns(NamedTuple):
    """Names of cookies: whole names and prefixes."""

    whole: frozenset[str] = frozenset()
    starts: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "CookieNamePatterns":
        """Parse ``name`` and ``name*``."""
        all_patterns = set(patterns)
        starts = {pattern for pattern in all_patterns if pattern.endswith("*")}
        prefixes = tuple(sorted(pattern[:-1] for pattern in starts))
        return cls(frozenset(all_patterns - starts), prefixes)

    def has(self, name: str) -> bool:
        """Return whether a name matches."""
        return name in self.whole or name.startswith(self.starts)


class AppCookieChoice(NamedTuple):
    """The cookies of the application that eilogin guards."""

    #: Whether to guard all HttpOnly cookies.
    is_auto: bool = False
    also: CookieNamePatterns = CookieNamePatterns()
    exempt: CookieNamePatterns = CookieNamePatterns()

    def guards(self, name: str, *, is_http_only: bool) -> bool:
        """Return whether eilogin guards a cookie that the application sets."""
        if name.startswith(OURS) or self.exempt.has(name):
            return False
        return (self.is_auto and is_http_only) or self.also.has(name)

    def without(self, name: str) -> "AppCookieChoice":
        """Return this choice with one more exempt name."""
        return self._replace(
            exempt=self.exempt._replace(whole=self.exempt.whole | {name})
        )

    def may_guard(self, name: str) -> bool:
        """Return whether eilogin guards a cookie once it is set HttpOnly."""
        return self.guards(name, is_http_only=True)


def read_app_cookies(value: object) -> object:
    """Parse ``auto``, ``NAME`` and ``-NAME``; None for ``off``; a non-string stays."""
    if not isinstance(value, str):
        return value
    words = value.split()
    if words == ["off"]:
        return None
    exempt = [word[1:] for word in words if word.startswith("-")]
    also = [word for word in words if not word.startswith("-") and word != "auto"]
    is_auto = "auto" in words
    if "off" in also or not all(map(_is_pattern, words)) or not (is_auto or also):
        raise ValueError("'auto', 'off', or names such as 'sessionid remember_*'")
    return AppCookieChoice(
        is_auto, CookieNamePatterns.of(also), CookieNamePatterns.of(exempt)
    )
