"""A line of the option ``federation``: a source, its signers, and its settings.

::

    SOURCE [CERTIFICATE …] [NAME=VALUE …]

A source is a file, a folder, an https address, or ``mdq:`` and a responder's address.
Paths may contain blanks: the existing files decide where each path ends.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, TypeAdapter, ValidationError, ValidationInfo

from eilogin.config import (
    Flag,
    Seconds,
    did_you_mean,
    from_ini,
    is_there,
    read_lines,
    readable_file,
    split,
    web_address,
    without_password,
)
from eilogin.federation.local.option_values import Days, uri
from eilogin.federation.sources.member_filters import ANYBODY, ENTITY_ID, MemberFilters
from eilogin.http_client import named
from eilogin.saml.safe_xml import METADATA

#: A Metadata Query responder.
_QUERY = "mdq:"

_ADDRESS = re.compile(r"(mdq:|https?://)")
#: Another scheme, or a mistyped one.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")

_NAME = re.compile(r"(?<=\s)([A-Za-z][A-Za-z_-]*)=")


_MOST_COMPARED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationLine:
    """A line of ``federation``, for any kind of source."""

    #: Its signers; if empty, ``federation_certificate`` counts.
    certificates: tuple[Path, ...] = ()
    #: Seconds, infinite for no limit; None for ``federation_validity``.
    validity: float | None = None
    #: Bytes; None for the usual.
    longest: int | None = None
    choice: MemberFilters = ANYBODY


@dataclass(frozen=True, slots=True)
class FederationFile(FederationLine):
    """A line with a file, or a folder of them."""

    path: Path
    #: Whether it needs no signature.
    is_unsigned: bool = False

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class FederationAddress(FederationLine):
    """A line with an address; None means the value of the back channel."""

    url: str
    is_query: bool = False
    #: Seconds.
    timeout: float | None = None
    #: "" for none.
    proxy: str | None = None
    ca: Path | None = None

    def __str__(self) -> str:
        return f"{_QUERY if self.is_query else ''}{named(self.url)}"


# --- the values of settings -------------------------------------------------------


def _reader_of(kind: Any) -> "_Reader":
    adapter = TypeAdapter(kind)

    def read(text: str, _: ValidationInfo) -> Any:
        try:
            return adapter.validate_python(text)
        except ValidationError as error:
            raise ValueError(str(error.errors()[0]["ctx"]["error"])) from None

    return read


def _validity(text: str, info: ValidationInfo) -> float:
    seconds: float | None = _reader_of(Days)(text, info)
    return math.inf if seconds is None else seconds


_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def _size(text: str, _: ValidationInfo) -> int:
    match = re.fullmatch(r"([1-9]\d{0,8})([km]?)b?", text.lower(), re.ASCII)
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < size <= METADATA.octets:
        most = METADATA.octets // _UNITS["m"]
        raise ValueError(f"a size such as '80MB', at most '{most}MB'")
    return size


def _proxy(text: str, _: ValidationInfo) -> str:
    if text == "off":
        return ""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        is_address = None
    if not is_address:
        raise ValueError("an address such as 'http://proxy.example.nl:3128', or 'off'")
    return text


_ROLES = ("hub", "participant")


def _role(text: str, _: ValidationInfo) -> str:
    if text not in _ROLES:
        raise ValueError("'hub' or 'participant'")
    return text


def _role_hint(text: str, _: ValidationInfo) -> str:
    return did_you_mean(text, _ROLES)


def _pattern(text: str, _: ValidationInfo) -> str:
    if not re.fullmatch(r"[!-~]{1,1024}", text):
        raise ValueError("an entityID, in which '*' stands for any characters")
    return text


def _entity_id_or_file(text: str, info: ValidationInfo) -> str | Path:
    if ENTITY_ID.fullmatch(text):
        return text
    try:
        return readable_file(text, info)
    except ValueError as fault:
        raise ValueError(f"an entityID, or {fault} with one on each line") from None


def _path_hint(text: str, info: ValidationInfo) -> str:
    for path_text, _ in _splits(text):
        path = from_ini(path_text, info)
        try:
            files = list(islice(path.parent.iterdir(), _MOST_COMPARED))
        except OSError:
            continue
        # A file of another kind, such as the program, was not meant.
        names = [
            file.name for file in files if did_you_mean(file.suffix, [path.suffix])
        ]
        if hint := did_you_mean(path.name, sorted(names)):
            return hint
    return ""


_Reader = Callable[[str, ValidationInfo], Any]


@dataclass(frozen=True, slots=True)
class _Setting:
    field: str
    read: _Reader
    #: Whether it is a field of MemberFilters.
    is_filter: bool = False
    is_repeated: bool = False
    hint: Callable[[str, ValidationInfo], str] = lambda *_: ""
    only_of: type[FederationLine] = FederationLine


def _uri(text: str, _: ValidationInfo) -> str:
    return uri(text)


_SETTINGS: Mapping[str, _Setting] = {
    "validity": _Setting("validity", _validity),
    "longest": _Setting("longest", _size),
    "unsigned": _Setting("is_unsigned", _reader_of(Flag), only_of=FederationFile),
    "timeout": _Setting("timeout", _reader_of(Seconds), only_of=FederationAddress),
    "proxy": _Setting("proxy", _proxy, only_of=FederationAddress),
    "ca": _Setting("ca", readable_file, hint=_path_hint, only_of=FederationAddress),
    "role": _Setting("role", _role, is_filter=True, hint=_role_hint),
    "entity": _Setting("entities", _pattern, is_filter=True, is_repeated=True),
    "registrar": _Setting("registrars", _uri, is_filter=True, is_repeated=True),
    "category": _Setting("categories", _uri, is_filter=True, is_repeated=True),
    "include": _Setting(
        "include",
        _entity_id_or_file,
        is_filter=True,
        is_repeated=True,
        hint=_path_hint,
    ),
    "exclude": _Setting(
        "exclude",
        _entity_id_or_file,
        is_filter=True,
        is_repeated=True,
        hint=_path_hint,
    ),
}

#: Why a setting of one kind of source does not apply to the other.
_ONLY_OF_REASONS = {
    FederationFile: "behind an address: metadata from a URL must be signed",
    FederationAddress: "behind a file or folder: eilogin fetches nothing for those",
}


# --- the line ---------------------------------------------------------------------


def read_line(line: str, info: ValidationInfo) -> FederationFile | FederationAddress:
    """Parse a line; raises ValueError with the expected form."""
    if is_address := bool(_ADDRESS.match(line)):
        head, assignments = _split_settings(line)
    elif is_there(from_ini(line, info).exists):
        head, assignments = line, []
    else:
        head, assignments = _split_settings(line)
    kind = FederationAddress if is_address else FederationFile
    fields, filters = _read_settings(assignments, kind, info)
    if is_address:
        location, rest = _read_address(head)
    else:
        location, rest = _read_path(head, info)
    certificates = tuple(_certificate_paths(rest, info))
    if certificates and fields.get("is_unsigned"):
        raise ValueError("either a certificate or 'unsigned=true' behind it")
    return kind(
        **location,
        **fields,
        certificates=certificates,
        choice=MemberFilters(**filters),
    )


def _split_settings(line: str) -> tuple[str, list[tuple[str, str]]]:
    names = list(_NAME.finditer(line))
    ends = [*(name.start() for name in names), len(line)]
    assignments = [
        (name[1], line[name.end() : end].strip())
        for name, end in zip(names, ends[1:], strict=True)
    ]
    head = line[: ends[0]].strip()
    if "=" in head.split() or any(
        not value or " = " in value for _, value in assignments
    ):
        raise ValueError("NAME=VALUE, without spaces around the '='")
    return head, assignments


def _read_settings(
    assignments: Sequence[tuple[str, str]],
    kind: type[FederationLine],
    info: ValidationInfo,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the fields of a line, and those of its MemberFilters."""
    fields: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    for name, text in assignments:
        setting = _setting(name, kind)
        try:
            value = setting.read(text, info)
        except ValueError as fault:
            found = f"{without_password(text)!r}{setting.hint(text, info)}"
            raise ValueError(f"behind '{name}=' {fault}, and not {found}") from None
        target = filters if setting.is_filter else fields
        if setting.is_repeated:
            value = (*target.get(setting.field, ()), value)
        elif setting.field in target:
            raise ValueError(f"'{name}=' once")
        target[setting.field] = value
    return fields, filters


def _setting(name: str, kind: type[FederationLine]) -> _Setting:
    setting = _SETTINGS.get(name)
    if setting is None:
        hint = did_you_mean(name.lower(), _SETTINGS)
        names = ", ".join(_SETTINGS)
        raise ValueError(f"one of {names} before a '=', and not {name!r}{hint}")
    if setting.only_of not in {FederationLine, kind}:
        raise ValueError(f"no '{name}=' {_ONLY_OF_REASONS[setting.only_of]}")
    return setting


def _read_address(head: str) -> tuple[dict[str, Any], str]:
    url, _, rest = head.partition(" ")
    is_query = url.startswith(_QUERY)
    url = url.removeprefix(_QUERY)
    web_address(url)
    if is_query and "?" in url:
        raise ValueError("an address without a query behind 'mdq:'")
    return {"url": url, "is_query": is_query}, rest


def _read_path(head: str, info: ValidationInfo) -> tuple[dict[str, Any], str]:
    for text, rest in _splits(head):
        path = from_ini(text, info)
        if is_there(path.is_dir):
            if not os.access(path, os.R_OK | os.X_OK):
                raise ValueError("a folder that this user can read")
            return {"path": path}, rest
        if is_there(path.is_file):
            return {"path": readable_file(text, info)}, rest
    if scheme := _SCHEME.match(head):
        hint = did_you_mean(scheme[1].lower(), ("https", "mdq"))
        raise ValueError(
            f"an https address, 'mdq:' and an https address, or a path{hint}"
        )
    hint = _path_hint(head, info)
    raise ValueError(f"an existing file or folder, or an https address{hint}")


def _certificate_paths(text: str, info: ValidationInfo) -> Iterator[Path]:
    text = text.strip()
    while text:
        for path_text, rest in _splits(text):
            if is_there(from_ini(path_text, info).is_file):
                yield readable_file(path_text, info)
                text = rest
                break
        else:
            raise ValueError(
                "an existing file with a certificate, or NAME=VALUE, and not"
                f" {text!r}{_path_hint(text, info)}"
            )


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """The ways to split a text at a blank, the longest path first."""
    yield text, ""
    for blank in reversed(list(re.finditer(r"\s+", text))):
        yield text[: blank.start()], text[blank.end() :]


def _federation_lines(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    lines = read_lines(split(value), lambda line: read_line(line, info))
    if not lines:
        raise ValueError("the path of a file, or several, one on each line")
    queries = [
        line for line in lines if isinstance(line, FederationAddress) and line.is_query
    ]
    if len(queries) > 1:
        raise ValueError("at most one line with 'mdq:'")
    return lines


FederationLines = Annotated[
    tuple[FederationFile | FederationAddress, ...], BeforeValidator(_federation_lines)
]
