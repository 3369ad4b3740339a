"""What options say about a federation: their lines, read into values.

Each says in its error what was expected, in the words of who wrote the file.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from eilogin.backchannel import named
from eilogin.saml.algorithms import WEAK
from eilogin.saml.levels import LEVELS, Classes
from eilogin.settings import (
    Lines,
    did_you_mean,
    from_ini,
    is_there,
    name_of,
    read_lines,
    readable_file,
    split,
    web_address,
    words_of,
)

#: An absolute URI, as far as anything is made of it here.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")

_DAY = 86400.0

#: The word behind the name of an attribute that a site cannot do without.
_REQUIRED = "required"


def _weak(value: object) -> object:
    names = words_of(value)
    if not isinstance(names, tuple):
        return names
    for name in names:
        if name not in WEAK:
            hint = did_you_mean(name, WEAK)
            raise ValueError(f"some of {' '.join(WEAK)}, not {name!r}{hint}")
    return frozenset(names)


def _classes(value: object) -> object:
    if not isinstance(value, str):
        return value
    by_level: dict[str, tuple[str, ...]] = {}
    said: set[str] = set()

    def read(line: str) -> None:
        level, *classes = line.split()
        if level not in LEVELS:
            hint = did_you_mean(level, LEVELS)
            raise ValueError(f"a level ({', '.join(LEVELS)}) first{hint}")
        if level in by_level:
            raise ValueError("each level once, with all its classes behind it")
        if not classes or not all(map(_URI.fullmatch, classes)):
            raise ValueError("a level, and the URIs of its classes behind it")
        if len(set(classes)) < len(classes) or said & set(classes):
            raise ValueError("each class once, at one level")
        by_level[level] = tuple(classes)
        said.update(classes)

    read_lines(split(value), read)
    if not by_level:
        raise ValueError("a line for each level, with its classes")
    return Classes({level: by_level[level] for level in LEVELS if level in by_level})


@dataclass(frozen=True, slots=True)
class RequestedAttribute:
    """An attribute that a participant asks for."""

    name: str
    is_required: bool = False


def _requested(line: str) -> RequestedAttribute:
    name, _, word = line.rpartition(" ")
    # There may be blanks in the name of an attribute.
    is_slip = name and word != _REQUIRED and _REQUIRED in word.lower()
    if word != _REQUIRED or not name:
        name, word = line, ""
    name = name.strip()
    if not name.isprintable() or is_slip:
        raise ValueError("the name of an attribute, and 'required' behind it or not")
    return RequestedAttribute(name_of(name), is_required=bool(word))


def _of_lines(read_line: Callable[[str], object]) -> Callable[[object], object]:
    def read(value: object) -> object:
        return read_lines(split(value), read_line) if isinstance(value, str) else value

    return read


def _uri(line: str) -> str:
    if not _URI.fullmatch(line):
        raise ValueError("a URI such as 'https://refeds.org/category/personalized'")
    return line


@dataclass(frozen=True, slots=True)
class FederationFile:
    """A line of ``federation``: a file, and the certificate of who signs it."""

    path: Path
    #: None where that of ``federation_certificate`` counts.
    certificate: Path | None = None

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class FederationAddress:
    """A line of ``federation``: where metadata is fetched, and the same certificate."""

    url: str
    certificate: Path | None = None
    #: Whether it is of a responder, which is asked for one party at a time.
    is_query: bool = False

    def __str__(self) -> str:
        return f"{_QUERY if self.is_query else ''}{named(self.url)}"


#: What stands before the address of a responder of the Metadata Query Protocol.
_QUERY = "mdq:"


def _federation_address(line: str, info: ValidationInfo) -> FederationAddress:
    url, _, certificate = line.partition(" ")
    is_query = url.startswith(_QUERY)
    url = url.removeprefix(_QUERY)
    web_address(url)
    if is_query and "?" in url:
        raise ValueError("an address without a query behind 'mdq:'")
    signer = readable_file(certificate, info) if certificate else None
    return FederationAddress(url, signer, is_query)


def _federation_files(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value

    def read(line: str) -> FederationFile | FederationAddress:
        if re.match(r"(mdq:|https?://)", line):
            return _federation_address(line, info)
        file, _, certificate = line.rpartition(" ")
        # There may be blanks in the path of a file.
        if not file or is_there(from_ini(line, info).exists):
            return FederationFile(readable_file(line, info))
        return FederationFile(
            readable_file(file, info), readable_file(certificate, info)
        )

    found = read_lines(split(value), read)
    if not found:
        raise ValueError("the path of a file, or of several, one a line")
    if sum(isinstance(one, FederationAddress) and one.is_query for one in found) > 1:
        raise ValueError("at most one line with 'mdq:'")
    return found


def _days(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip() == "off":
        return None
    days = re.fullmatch(r"\s*([1-9]\d{0,4})\s*d\s*", value, re.ASCII)
    if days is None:
        raise ValueError("a number of days such as '30d', or 'off'")
    return int(days[1]) * _DAY


#: Files and addresses of metadata, each with the certificate of who signs it, if that
#: is its own.
FederationFiles = Annotated[
    tuple[FederationFile | FederationAddress, ...], BeforeValidator(_federation_files)
]
#: Days, in seconds; None for ``off``.
Days = Annotated[float | None, BeforeValidator(_days)]
#: Names of :mod:`eilogin.saml.algorithms`.
WeakAlgorithms = Annotated[frozenset[str], BeforeValidator(_weak)]
#: The AuthnContext classes of each level.
LevelClasses = Annotated[Classes, BeforeValidator(_classes)]
RequestedAttributes = Annotated[
    tuple[RequestedAttribute, ...], BeforeValidator(_of_lines(_requested))
]
#: URIs, one a line.
URIs = Annotated[Lines, BeforeValidator(_of_lines(_uri))]
