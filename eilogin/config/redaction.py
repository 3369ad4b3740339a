"""Show a value in an error or a log without its secrets."""

import re
from typing import Any, get_args

from pydantic import SecretBytes


def shown_value(annotation: Any, value: str) -> str:
    """Return the value of an option of this type, shortened, or "***" for a secret.

    The place of a secret is no secret. A PEM key is one in any option, because it
    may stand where the path of its file belongs.
    """
    is_place = _PLACE_OF_SECRET.fullmatch(value.strip())
    if _PEM in value or (is_secret(annotation) and not is_place):
        return "***"
    text = without_password(" ".join(value.split()))
    return repr(
        text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
    )


#: The place of a secret, in a form that :func:`_secret` also shows if it is missing.
_PLACE_OF_SECRET = re.compile(r"env:[A-Za-z0-9_]{1,64}|file:[A-Za-z0-9_./-]{1,80}")


#: The start of a key in PEM (RFC 7468 2).
_PEM = "-----BEGIN"


def without_password(url: str) -> str:
    """Return a URL without its user, if that has a password; for Redis always."""
    # A Redis password without its colon looks like a user name. A password may contain
    # characters that should be encoded, so everything before the last "@" is hidden. If
    # a blank follows a whole address, it separates the next value. Without an "@", a
    # Redis URL shows only text that is a host.
    shown = _WITH_BLANKS.sub(r"\1***@", url)
    shown = re.sub(r"(://(?=[^/?]*:\S*@))\S*@", r"\1***@", shown)
    return _REDIS.sub(_redis_without_password, _NO_SCHEME.sub(r"\1***@", shown))


#: A URL without its scheme, or without that colon: ``redis//user:password@host``.
_NO_SCHEME = re.compile(r"(?<!\S)(?!\S*://|mailto:)([\w+.-]*//)?[^\s:]*:\S*@")


_REDIS = re.compile(
    r"(?P<scheme>redis[a-z+]*:/*)(?P<user>.*@)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)


_HOST = r"(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d+)?"


_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*(?:[/?].*)?", re.IGNORECASE | re.DOTALL)


#: The user of a URL, unless the text begins with a whole address: a host and a path.
_WITH_BLANKS = re.compile(
    rf"((?<!/)//(?=[^/?]*:.*@)(?!{_HOST}[/?])).*@", re.IGNORECASE | re.DOTALL
)


def _redis_without_password(match: re.Match[str]) -> str:
    if match["user"]:
        return f"{match['scheme']}***@{match['rest']}"
    is_shown = not match["rest"] or _HOSTS.fullmatch(match["rest"])
    return match["scheme"] + (match["rest"] if is_shown else "***")


#: Most characters of a value in an error.
_LONGEST_SHOWN = 120


def is_secret(annotation: Any) -> bool:
    """Return whether a type is, or may be, :data:`Secret`."""
    return annotation is SecretBytes or any(map(is_secret, get_args(annotation)))
