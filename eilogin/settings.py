"""Options of ini sections: declared once, read by one function.

A filter or app declares its options as a subclass of :class:`Options`, with
:func:`option` for each of them. From that one declaration come the check at start,
the error, ``eilogin options NAME`` and the table in README.rst::

    class IdentityOptions(Options, name="identity"):
        user: Words = option("what REMOTE_USER is, in order", default=("subject",))

    def make_identity(app, global_conf, **local_conf):
        return Identity(app, read(IdentityOptions, global_conf, local_conf))

An unknown option is refused, with "did you mean"; all faults of a section are told
at once; what was found is never shown where the option is a secret.
"""

import configparser
import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretBytes,
    ValidationError,
)
from pydantic_core import PydanticUndefined

from eilogin.errors import Fault, InvalidOptions

#: The declared options by the name of their filter or app, as in ``egg:eilogin#NAME``.
REGISTRY: "dict[str, type[Options]]" = {}


class Options(BaseModel):
    """What one ini section understands; frozen once it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )

    #: The entry point that takes these options, as in ``egg:eilogin#NAME``.
    entry_point: ClassVar[str] = ""

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.entry_point = name
            REGISTRY[name] = cls


OptionsT = TypeVar("OptionsT", bound=Options)


def option(
    meaning: str, default: Any = PydanticUndefined, *, shown: str | None = None
) -> Any:
    """Declare one option.

    ``meaning`` is its line in the documentation; without a ``default`` the option is
    required; ``shown`` is the default as a person would write it in an ini file.
    """
    extra = {"shown": shown} if shown is not None else None
    return Field(default, description=meaning, json_schema_extra=extra)


# --- types: from the strings of an ini file -------------------------------------
# Each says in its error what was expected, in the words of who wrote the file.

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]*)\s*", value)
    if not match or match[2] not in _UNITS or int(match[1]) == 0:
        raise ValueError("a duration such as '90', '90s', '15m' or '2h'")
    return float(int(match[1]) * _UNITS[match[2]])


def _flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError("'true' or 'false'")


def _count(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"\s*\d{1,9}\s*", value):
        raise ValueError("a whole number")
    return int(value)


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _lines(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def _public_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("/")
    parts = urlsplit(text)
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not port_is_fine
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not re.fullmatch(r"[!-~]+", text)
    ):
        raise ValueError("an address such as 'https://uwv.example.nl'")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("an https address (http is for loopback only)")
    return text


def is_loopback(host: str) -> bool:
    """Whether a host name can only be this machine: *.localhost, 127.*, ::1."""
    name = host.lower().rstrip(".")
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or name == "::1"
        or re.fullmatch(r"127\.\d+\.\d+\.\d+", name) is not None
    )


def _path_prefix(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text == "/":
        return ""
    if not re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", text) or "/." in text:
        raise ValueError("a path such as '/eilogin'")
    return text


def _readable_file(value: object) -> object:
    if not isinstance(value, str):
        return value
    path = Path(value.strip())
    if not path.is_file():
        raise ValueError("an existing file")
    if not os.access(path, os.R_OK):
        raise ValueError("a file that this user may read")
    return path


def _secret(value: object) -> object:
    """``file:PATH``, ``env:NAME``, ``credential:NAME`` (systemd), or the value."""
    if not isinstance(value, str):
        return value
    kind, separator, rest = value.strip().partition(":")
    if not separator or kind not in ("file", "env", "credential"):
        return value.strip().encode()
    if kind == "env":
        if rest not in os.environ:
            raise ValueError(f"the environment variable {rest} to be set")
        return os.environ[rest].encode()
    if kind == "credential":
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise ValueError("systemd to pass credentials (LoadCredential=)")
        rest = os.path.join(folder, rest)
    try:
        return Path(rest).read_bytes().strip()
    except OSError:
        raise ValueError(f"a readable file at {rest}") from None


Seconds = Annotated[float, BeforeValidator(_seconds)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Count = Annotated[int, BeforeValidator(_count)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]
PublicURL = Annotated[str, BeforeValidator(_public_url)]
PathPrefix = Annotated[str, BeforeValidator(_path_prefix)]
ReadableFile = Annotated[Path, BeforeValidator(_readable_file)]
Secret = Annotated[SecretBytes, BeforeValidator(_secret)]


# --- reading --------------------------------------------------------------------


def read(
    declared: type[OptionsT],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> OptionsT:
    """The options of one section, or :class:`InvalidOptions` with all its faults.

    ``global_conf`` and ``local_conf`` are what PasteDeploy gives to a factory.
    """
    try:
        return declared.model_validate(dict(local_conf))
    except ValidationError as error:
        file = global_conf.get("__file__", "")
        section = section_of(file, local_conf)
        raise InvalidOptions(
            _faults_of(error, declared, file, section, local_conf)
        ) from None


def faults(
    declared: type[Options], file: str, section: str, values: Mapping[str, str]
) -> list[Fault]:
    """Every fault in the ``values`` of one section; nothing is built."""
    try:
        declared.model_validate(dict(values))
    except ValidationError as error:
        return _faults_of(error, declared, file, section, values)
    return []


def _faults_of(
    error: ValidationError,
    declared: type[Options],
    file: str,
    section: str,
    values: Mapping[str, str],
) -> list[Fault]:
    found_faults = []
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        found = _shown(declared, name, values)
        match detail["type"]:
            case "extra_forbidden":
                expected = "unknown option" + _did_you_mean(name, declared)
                found = ""
            case "missing":
                meaning = declared.model_fields[name].description
                expected = f"is required ({meaning})"
            case "value_error" if name:
                expected = "expected " + str(detail["ctx"]["error"])
            case "value_error":
                # From a rule between options: its text names them.
                expected = str(detail["ctx"]["error"])
            case _:
                expected = "expected: " + detail["msg"]
        found_faults.append(Fault(file, section, name, found, expected))
    return found_faults


def _shown(declared: type[Options], name: str, values: Mapping[str, str]) -> str:
    """What was found, short, or "***" where it is a secret."""
    if name not in values:
        return ""
    field = declared.model_fields.get(name)
    if field is None or field.annotation is SecretBytes:
        return "***"
    text = " ".join(values[name].split())
    return repr(text if len(text) <= 120 else text[:117] + "...")


def _did_you_mean(name: str, declared: type[Options]) -> str:
    close = difflib.get_close_matches(name, declared.model_fields, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def section_of(file: str, local_conf: Mapping[str, str]) -> str:
    """The section that these values came from: PasteDeploy does not tell factories."""
    if not file or not os.path.isfile(file):
        return ""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return ""
    wanted = set(local_conf)
    best = [
        name
        for name in parser.sections()
        if wanted <= {o for o, _ in parser.items(name)}
        and parser.get(name, "use", fallback="").startswith("egg:eilogin")
    ]
    return best[0] if len(best) == 1 else ""


# --- telling --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Described:
    """One option as the documentation shows it."""

    name: str
    #: The default as it would stand in an ini file, or "required".
    default: str
    meaning: str


def describe(declared: type[Options]) -> list[Described]:
    """The options of a filter or app, in the order of their declaration."""
    rows = []
    for name, field in declared.model_fields.items():
        extra = field.json_schema_extra
        shown = extra.get("shown") if isinstance(extra, dict) else None
        if field.is_required():
            default = "required"
        elif shown is not None:
            default = str(shown)
        else:
            default = _as_ini(field.default)
        rows.append(Described(name, default, field.description or ""))
    return rows


def _as_ini(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return " ".join(map(str, value))
        case float() if value % 3600 == 0:
            return f"{value / 3600:.0f}h"
        case float() if value % 60 == 0:
            return f"{value / 60:.0f}m"
        case float():
            return f"{value:g}s"
        case _:
            return str(value)
