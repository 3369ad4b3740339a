"""Types of options that are numbers, flags, words, lines or networks."""

import ipaddress
import re
from typing import Annotated

from pydantic import (
    BeforeValidator,
)

from eilogin.config.option_lines import split

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def seconds_of(value: object) -> object:
    """Return the seconds of a duration; a value that is no text stays unchanged."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]*)\s*", value)
    if not match or match[2] not in _UNITS or int(match[1]) == 0:
        raise ValueError("a duration such as '90', '90s', '15m' or '2h'")
    return float(int(match[1]) * _UNITS[match[2]])


_SIZES = {"": 1, "k": 1024, "m": 1024**2}


#: Bytes of the largest size, because memory and store hold such values.
_LARGEST = 64 * 1024**2


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in ("no", "off", "none"):
        return 0
    match = re.fullmatch(r"(\d{1,9})\s*([km]?)b?", word)
    size = int(match[1]) * _SIZES[match[2]] if match else -1
    if not 0 <= size <= _LARGEST:
        raise ValueError("a size such as '500k' or '1m', at most '64m', or 'off'")
    return size


#: The largest plausible number of anything.
_MOST = 1000


def _count(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip()
    if not re.fullmatch(r"[0-9]{1,4}", word) or not 1 <= int(word) <= _MOST:
        raise ValueError(f"a whole number from 1 to {_MOST}")
    return int(word)


def _flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError("'true' or 'false'")


def lines_of(value: object) -> object:
    """Split a text into lines, as :func:`split`; other values stay unchanged."""
    return split(value) if isinstance(value, str) else value


def words_of(value: object) -> object:
    """Split a text into words, each once; other values stay unchanged."""
    if not isinstance(value, str):
        return value
    words = tuple(dict.fromkeys(value.split()))
    for word in words:
        _require_word(word, ",")
    return words


def names_of(value: object) -> object:
    """Split a text into names, which are not URLs, as :func:`words_of`."""
    words = words_of(value)
    return tuple(map(name_of, words)) if isinstance(words, tuple) else words


def name_of(text: str) -> str:
    """Check a name from a list or table, or raise ValueError for an obvious slip."""
    return _require_word(text, (",", "="))


def _require_word(text: str, slips: str | tuple[str, ...]) -> str:
    if text.endswith(slips):
        raise ValueError(f"names with blanks between them, found {text!r}")
    return text


IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


#: The network of a peer on a Unix socket: an address that no machine has (RFC 4291
#: 2.5.2).
UNIX = ipaddress.IPv6Network("::/128")


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(map(_network, value.split()))
    except ValueError:
        raise ValueError(
            "addresses or networks such as '127.0.0.1 10.0.0.0/8', or 'unix'"
        ) from None


def _network(word: str) -> IPNetwork:
    return UNIX if word == "unix" else ipaddress.ip_network(word)


def shown_size(size: int) -> str:
    """Return a number of bytes for a person, such as ``8 MB``."""
    for unit, length in (("MB", 1024**2), ("kB", 1024)):
        if size % length == 0:
            return f"{size // length} {unit}"
    return f"{size} bytes"


Seconds = Annotated[float, BeforeValidator(seconds_of)]


#: Bytes; 0 for "off".
Size = Annotated[int, BeforeValidator(_size)]


Count = Annotated[int, BeforeValidator(_count)]


Flag = Annotated[bool, BeforeValidator(_flag)]


Lines = Annotated[tuple[str, ...], BeforeValidator(lines_of)]


Words = Annotated[tuple[str, ...], BeforeValidator(words_of)]


#: The same, for names of attributes.
Names = Annotated[tuple[str, ...], BeforeValidator(names_of)]


Networks = Annotated[tuple[IPNetwork, ...], BeforeValidator(_networks)]
