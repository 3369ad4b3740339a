"""Options of ini sections: declared once, read by one function.

A filter or app declares its options as a subclass of :class:`Options`, with
:func:`option` for each of them. From that one declaration come the check at start,
the error, ``eilogin options NAME`` and contrib/manual/reference/options.rst::

    class IdentityOptions(Options, name="identity"):
        user: Lines = option("Chooses the value of REMOTE_USER.", default=("subject",))

    def make_identity(app, global_conf, **local_conf):
        return Identity(app, read(IdentityOptions, global_conf, local_conf))

An unknown option is refused, with "did you mean"; all faults of a section are told
at once; what was found is never shown where the option is a secret. A path that is
not absolute is meant from the folder of the ini file, whatever the working folder is.
"""

import configparser
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args
from urllib.parse import quote, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretBytes,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails, PydanticUndefined

from eilogin import metrics
from eilogin.errors import ConfigurationError, Fault, InvalidOptions

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
    #: The ini file, and what it says: see :meth:`told_to`.
    _file: str = PrivateAttr("")
    _said: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def came_from(self, file: str, values: Mapping[str, str]) -> None:
        """Note the ini file, and what it says."""
        self._file = file and str(Path(file).absolute())
        self._said = dict(values)

    def told_to(self, declared: "type[Options]") -> tuple[str, dict[str, str]]:
        """The ini file, and what it says of other options: but for secrets.

        For another process, which reads them as we did.
        """
        fields = declared.model_fields
        return self._file, {
            name: value
            for name, value in self._said.items()
            if name in fields and not is_secret(fields[name].annotation)
        }

    def __init_subclass__(cls, name: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name:
            cls.entry_point = name
            REGISTRY[name] = cls


OptionsT = TypeVar("OptionsT", bound=Options)
_T = TypeVar("_T")


def option(
    meaning: str, default: Any = PydanticUndefined, *, shown: str | None = None
) -> Any:
    """Declare one option.

    ``meaning`` is its line in the documentation; without a ``default`` the option is
    required; ``shown`` says in words what the default is, where its value does not. An
    empty default means "not given", which no type need allow.
    """
    return Field(
        default,
        validate_default=False if default == "" else None,
        description=meaning,
        json_schema_extra=None if shown is None else {"shown": shown},
    )


# --- types: from the strings of an ini file -------------------------------------
# Each says in its error what was expected, in the words of who wrote the file.

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def seconds_of(value: object) -> object:
    """The duration that a text says; another value as it is."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]*)\s*", value)
    if not match or match[2] not in _UNITS or int(match[1]) == 0:
        raise ValueError("a duration such as '90', '90s', '15m' or '2h'")
    return float(int(match[1]) * _UNITS[match[2]])


_SIZES = {"": 1, "k": 1024, "m": 1024**2}
#: What is kept by size is held in memory and in the store.
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


#: The largest number of things at a time that anybody can mean.
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
    """The lines of a text that are not blank, each without blanks around it.

    For validators; what is not a text stays as it is.
    """
    return split(value) if isinstance(value, str) else value


def words_of(value: object) -> object:
    """The words of a text, once each; for validators, as :func:`lines_of`."""
    if not isinstance(value, str):
        return value
    words = tuple(dict.fromkeys(value.split()))
    for word in words:
        _require_word(word, ",")
    return words


def names_of(value: object) -> object:
    """The same of names that are no addresses."""
    words = words_of(value)
    return tuple(map(name_of, words)) if isinstance(words, tuple) else words


def name_of(text: str) -> str:
    """A name that stands in a list or table; ValueError for what is a slip."""
    return _require_word(text, (",", "="))


def _require_word(text: str, slips: str | tuple[str, ...]) -> str:
    if text.endswith(slips):
        raise ValueError(f"names with blanks between them, found {text!r}")
    return text


def split(text: str) -> tuple[str, ...]:
    """The lines of a text that are not blank, each without blanks around it."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


_AN_ADDRESS = "an address such as 'https://uwv.example.nl'"


def _public_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(_AN_ADDRESS) from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not port_is_fine
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not re.fullmatch(r"[!-~]+", text)
    ):
        raise ValueError(_AN_ADDRESS)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("an https address (http is for loopback only)")
    return text


#: A host as it can stand in every address and header of the web, in lower case: a name
#: in ASCII, an address of IPv4, or of IPv6 without its brackets and without a zone.
WEB_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


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


#: Most characters of a target: longer than any address that a person was sent to.
LONGEST_TARGET = 2048
# What stays as it is in an address (RFC 3986 2.2), what is encoded already included.
_IN_ADDRESS = "%!#$&'()*+,/:;=?@[]~"


def site_path(value: str) -> str:
    """A path of this site, maybe with a query, in ASCII; ValueError for another.

    What any browser or proxy could take for another site is none.
    """
    if not _is_path_of_this_site(value):
        raise ValueError("a path of this site, such as '/mijn'")
    # What is not ASCII is encoded: it would not survive in a Location header.
    return quote(value, safe=_IN_ADDRESS)


def _is_path_of_this_site(value: str) -> bool:
    """Whether every reading of ``value`` is a path with a plain first segment."""
    if len(value) > LONGEST_TARGET or not value.isprintable() or "\\" in value:
        return False
    reading = value.partition("?")[0].partition("#")[0]
    # Encoded once, twice or thrice: whatever still changes after that is a trick.
    for _ in range(3):
        if not _is_plain(reading):
            return False
        decoded = unquote(reading)
        if decoded == reading:
            return True
        reading = decoded
    return False


def _is_plain(path: str) -> bool:
    return (
        path.startswith("/")
        and path.isprintable()
        and not re.search(r"//|\\|/\.\.?(?:/|$)", path)
    )


IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Where who came by a Unix socket is: the IPv6 address that says that there is none,
#: which no machine has (RFC 4291 2.5.2).
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


def from_ini(text: str, info: ValidationInfo) -> Path:
    """A path as an ini file means it: from the folder of that file, if not absolute.

    For validators, which get ``info`` from pydantic. Without an ini file (options
    that a test or a program made) a path is meant from the working folder. Raises
    ``ValueError`` where there is no path.
    """
    if not text.strip():
        raise ValueError("the path of a file")
    return Path((info.context or {}).get("here", ""), text.strip())


def is_there(look: Callable[[], bool]) -> bool:
    """What ``path.is_file`` or its like says; no of a name that no file can have.

    ValueError where this user may not look.
    """
    try:
        return look()
    except PermissionError:
        raise ValueError("a path in folders that this user may enter") from None
    except OSError:
        return False


def _readable_file(value: object, info: ValidationInfo) -> object:
    return readable_file(value, info) if isinstance(value, str) else value


def readable_file(text: str, info: ValidationInfo) -> Path:
    """A file that an ini file names; for validators, as :func:`from_ini`."""
    path = from_ini(text, info)
    if not is_there(path.is_file):
        raise ValueError("an existing file")
    if not os.access(path, os.R_OK):
        raise ValueError("a file that this user may read")
    return path


def _folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = from_ini(value, info)
    if not is_there(path.is_dir):
        raise ValueError("an existing folder")
    return path


def _new_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    path = from_ini(value, info)
    if is_there(path.is_dir):
        return path
    if not _can_be_made(path):
        raise ValueError("a folder, or a new one in an existing folder of this user")
    return path


def _can_be_made(folder: Path) -> bool:
    """Whether a folder is missing, has a possible name, and may be made by us."""
    try:
        folder.lstat()
    except FileNotFoundError:
        return os.access(folder.parent, os.W_OK | os.X_OK)
    except (OSError, ValueError):
        return False
    return False


def _readable_files(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    found = read_lines(split(value), lambda line: _readable_file(line, info))
    if not found:
        raise ValueError("the path of a file, or several paths, each on its own line")
    return found


def web_address(value: object) -> object:
    """As :func:`_public_url`, with what stands behind it kept: a slash, a query."""
    if isinstance(value, str):
        text = value.strip()
        _public_url(text.partition("?")[0])
        if not re.fullmatch(r"[!-\"$-~]+", text):
            raise ValueError(_AN_ADDRESS)
        return text
    return value


def _secret(value: object, info: ValidationInfo) -> object:
    """``file:PATH``, ``env:NAME``, ``credential:NAME`` (systemd), or the value."""
    if not isinstance(value, str):
        return value
    kind, _, name = value.strip().partition(":")
    match kind:
        case "env":
            if name not in os.environ:
                # Who writes the secret itself there must not find it in a log.
                is_name = re.fullmatch(r"[A-Za-z0-9_]{1,64}", name)
                told = name if is_name else "behind 'env:'"
                raise ValueError(f"the environment variable {told} to be set")
            secret = os.environ[name].encode()
        case "credential":
            folder = os.environ.get("CREDENTIALS_DIRECTORY")
            if not folder:
                raise ValueError("systemd to pass credentials (LoadCredential=)")
            secret = _content(Path(folder, name))
        case "file":
            secret = _content(from_ini(name, info))
        case _:
            secret = value.strip().encode()
    if not secret:
        raise ValueError("a secret that is not empty")
    return secret


#: Fewer bytes than this could be guessed.
_SHORTEST_SECRET = 16


def _secrets(value: object, info: ValidationInfo) -> object:
    """A secret of a line, each as :func:`_secret` reads it."""
    if not isinstance(value, str):
        return value
    secrets = tuple(_secret(line, info) for line in value.split("\n") if line.strip())
    if any(len(secret) < _SHORTEST_SECRET for secret in secrets):  # type: ignore[arg-type]
        raise ValueError(
            f"secrets of at least {_SHORTEST_SECRET} bytes, each on its own line"
        )
    return secrets


def _long_secret(value: object, info: ValidationInfo) -> object:
    secret = _secret(value, info)
    if isinstance(secret, bytes) and len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"a secret of at least {_SHORTEST_SECRET} bytes")
    return secret


def _metrics_token(value: object, info: ValidationInfo) -> object:
    """A secret as :func:`_long_secret` reads it, where something can be counted."""
    try:
        metrics.require()
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return _long_secret(value, info)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError:
        raise ValueError(f"a readable file at {path}") from None


def shown_size(size: int) -> str:
    """A number of bytes for a person, such as ``8 MB``."""
    for unit, length in (("MB", 1024**2), ("kB", 1024)):
        if size % length == 0:
            return f"{size // length} {unit}"
    return f"{size} bytes"


Seconds = Annotated[float, BeforeValidator(seconds_of)]
#: Bytes; 0 where it is off.
Size = Annotated[int, BeforeValidator(_size)]
#: How many of something there are, or may be.
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Lines = Annotated[tuple[str, ...], BeforeValidator(lines_of)]
Words = Annotated[tuple[str, ...], BeforeValidator(words_of)]
#: The same, for names of attributes.
Names = Annotated[tuple[str, ...], BeforeValidator(names_of)]
PublicURL = Annotated[str, BeforeValidator(_public_url)]
PathPrefix = Annotated[str, BeforeValidator(_path_prefix)]
#: A path of this site, maybe with a query.
SitePath = Annotated[str, AfterValidator(site_path)]
Networks = Annotated[tuple[IPNetwork, ...], BeforeValidator(_networks)]
#: An address with whatever query it has.
WebAddress = Annotated[str, BeforeValidator(web_address)]
ReadableFile = Annotated[Path, BeforeValidator(_readable_file)]
Folder = Annotated[Path, BeforeValidator(_folder)]
#: A folder that is made at its first use, where it is missing.
NewFolder = Annotated[Path, BeforeValidator(_new_folder)]
#: Several, one a line.
ReadableFiles = Annotated[tuple[Path, ...], BeforeValidator(_readable_files)]
Secret = Annotated[SecretBytes, BeforeValidator(_secret)]
#: One that others must not find by trying.
LongSecret = Annotated[SecretBytes, BeforeValidator(_long_secret)]
#: One for who reads the numbers of :mod:`eilogin.metrics`.
MetricsToken = Annotated[SecretBytes, BeforeValidator(_metrics_token)]
#: Several, one a line: the newest first.
Secrets = Annotated[tuple[SecretBytes, ...], BeforeValidator(_secrets)]


# --- reading --------------------------------------------------------------------


def read(
    declared: type[OptionsT],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> OptionsT:
    """The options of one section, or :class:`InvalidOptions` with all its faults.

    ``global_conf`` and ``local_conf`` are what PasteDeploy gives to a factory.
    """
    file = global_conf.get("__file__", "")
    options, found = attempt(declared, file, "", local_conf)
    if options is None:
        section = section_of(declared, file, local_conf)
        raise InvalidOptions([replace(fault, section=section) for fault in found])
    return options


@contextmanager
def placing(
    declared: type[Options],
    global_conf: Mapping[str, str],
    local_conf: Mapping[str, str],
) -> Iterator[None]:
    """Faults of a section that say neither file nor section are told with both."""
    try:
        yield
    except InvalidOptions as error:
        file = global_conf.get("__file__", "")
        section = section_of(declared, file, local_conf)
        raise InvalidOptions(
            [
                fault if fault.file else replace(fault, file=file, section=section)
                for fault in error.faults
            ]
        ) from error.__cause__


def attempt(
    declared: type[OptionsT], file: str, section: str, values: Mapping[str, str]
) -> tuple[OptionsT | None, list[Fault]]:
    """The options of one section, or None with every fault in its ``values``.

    Nothing is built. ``file`` and ``section`` are the place that the faults name.
    """
    try:
        return _validated(declared, file, values), []
    except ValidationError as error:
        faults = _faults_of(error, declared, file, section, values)
        details = error.errors(include_input=False, include_url=False)
    # Rules between options are looked at where each option is well: here without those
    # that nobody knows, so that what is missing because of a slip is told with it.
    if all(detail["type"] == "extra_forbidden" for detail in details):
        fields = declared.model_fields
        known = {name: value for name, value in values.items() if name in fields}
        faults += attempt(declared, file, section, known)[1]
    return None, faults


def _validated(
    declared: type[OptionsT], file: str, values: Mapping[str, str]
) -> OptionsT:
    context = {"here": Path(file).absolute().parent} if file else None
    options = declared.model_validate(dict(values), context=context)
    options.came_from(file, values)
    return options


def _faults_of(
    error: ValidationError,
    declared: type[Options],
    file: str,
    section: str,
    values: Mapping[str, str],
) -> list[Fault]:
    found_faults = []
    # Neither the input nor its repr: either may be a secret.
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        expected = _expected(declared, name, detail)
        if not name:
            name, expected = placed(declared, expected)
        value = str(values.get(name, ""))
        known = name in declared.model_fields and name in values
        found = _shown(declared, name, value) if known else ""
        if _is_quoted(value, expected):
            # The lines that are wrong, and not those that are well.
            found = ""
        found_faults.append(
            Fault(file, section, name, found, expected + no_comments(value))
        )
    return found_faults


def placed(declared: type[Options], text: str) -> tuple[str, str]:
    """The option that a text such as ``prefix: expected …`` is about, and the rest.

    "" and the text itself where it begins with no option.
    """
    name, colon, rest = text.partition(": ")
    return (name, rest) if colon and name in declared.model_fields else ("", text)


def read_lines(lines: Sequence[str], read_line: Callable[[str], _T]) -> tuple[_T, ...]:
    """What ``read_line`` makes of each line; ValueError with the faults of all."""
    found, faults = [], []
    for number, line in enumerate(lines, 1):
        try:
            found.append(read_line(line))
        except ValueError as fault:
            faults.append(f"{fault}{_in_line(number, line)}")
    if faults:
        raise ValueError("; expected ".join(faults))
    return tuple(found)


def _in_line(number: int, line: str) -> str:
    return f" (line {number}: {without_password(line)!r})"


def _is_quoted(value: str, expected: str) -> bool:
    lines = enumerate(split(value), 1)
    return any(_in_line(number, line) in expected for number, line in lines)


def comment_in(value: str) -> str:
    """What a value has in it that begins a comment elsewhere; "" where nothing does."""
    return next((mark for mark in (" ;", " #") if mark in value), "")


def no_comments(value: str) -> str:
    """What is said where a value looks as if a comment had been meant; "" elsewhere."""
    mark = comment_in(value)
    told = f"an ini file has no comments after a value: '{mark}' is a part of it"
    return f" ({told})" if mark else ""


def _expected(declared: type[Options], name: str, detail: ErrorDetails) -> str:
    """What to say about one fault that pydantic found."""
    match detail["type"]:
        case "extra_forbidden":
            return "unknown option" + (
                _of_others(name) or did_you_mean(name, declared.model_fields)
            )
        case "missing":
            return f"is required ({_aim(declared.model_fields[name].description)})"
        case "value_error" if name:
            return f"expected {detail['ctx']['error']}"
        case "value_error":
            # From a rule between options: its text names them.
            return str(detail["ctx"]["error"])
        case "literal_error":
            return f"expected {detail['ctx']['expected']}"
        case _:
            return f"expected: {detail['msg']}"


def _aim(meaning: str | None) -> str:
    """The first sentence of a meaning, to stand within another one."""
    first = plain(meaning).partition(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]


def _of_others(name: str) -> str:
    """``; it is an option of 'NAME'`` where others have one of this name, else nothing.

    What ``egg:eilogin`` has is told by the filter that it comes from.
    """
    others = sorted(
        n for n, options in REGISTRY.items() if name in options.model_fields
    )
    own = [one for one in others if one != "main"] or others
    return f"; it is an option of {' and '.join(map(repr, own))}" if own else ""


def plain(text: str | None) -> str:
    """A text of the documentation as a terminal shows it."""
    return (text or "").replace("``", "")


def _shown(declared: type[Options], name: str, value: str) -> str:
    """What was found, short, or "***" where it is a secret, and not where that is.

    So is a key that stands where the path of its file should.
    """
    is_place = _PLACE_OF_SECRET.fullmatch(value.strip())
    if _PEM in value or (
        is_secret(declared.model_fields[name].annotation) and not is_place
    ):
        return "***"
    text = without_password(" ".join(value.split()))
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


#: Where a secret is kept, as far as :func:`_secret` says it too where it is not there.
_PLACE_OF_SECRET = re.compile(r"env:[A-Za-z0-9_]{1,64}|file:[A-Za-z0-9_./-]{1,80}")
#: With which a key in PEM begins (RFC 7468 2).
_PEM = "-----BEGIN"


def without_password(url: str) -> str:
    """A URL as it may be shown: without the user where there is a password.

    Of a Redis always: who forgets the colon before the password writes a user's name.
    A password may have any character in it that should have been encoded, so nothing is
    shown before the last ``@``, nor anything without one that is no host.
    """
    shown = re.sub(r"(://(?=[^/?@]*:))\S*@", r"\1***@", url)
    return _REDIS.sub(_redis_without_password, _UNFINISHED.sub(r"\1***@", shown))


#: An address whose scheme was forgotten, or its colon: ``redis//user:password@host``.
_UNFINISHED = re.compile(r"(?<!\S)(?!\S*://|mailto:)([\w+.-]*//)?[^\s:]*:\S*@")
_REDIS = re.compile(
    r"(?P<scheme>redis[a-z+]*:/*)(?P<user>.*@)?(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_HOST = r"(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d+)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*(?:[/?].*)?", re.IGNORECASE | re.DOTALL)


def _redis_without_password(match: re.Match[str]) -> str:
    if match["user"]:
        return f"{match['scheme']}***@{match['rest']}"
    is_shown = not match["rest"] or _HOSTS.fullmatch(match["rest"])
    return match["scheme"] + (match["rest"] if is_shown else "***")


#: How much of a value an error shows.
_SHOWN = 120


def is_secret(annotation: Any) -> bool:
    """Whether a type is, or may be, :data:`Secret`."""
    return annotation is SecretBytes or any(map(is_secret, get_args(annotation)))


def did_you_mean(
    name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6
) -> str:
    """``; did you mean 'NAME'?`` where known names are close, else nothing.

    It has ``most`` of them, each as close as ``cutoff`` says at least: 1 is the same.
    What begins with all of ``name`` comes before what is closer: it was cut short.
    Of addresses the hosts are close too: all else in them often is the same.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, max(len(names), 1), cutoff)
    close = [one for one in close if _are_hosts_close(name, one)]
    close.sort(key=lambda one: not one.startswith(name))
    return f"; did you mean {' or '.join(map(repr, close[:most]))}?" if close else ""


def _are_hosts_close(name: str, other: str) -> bool:
    """Whether two hosts are much the same but for the labels that end both.

    Of names that are no addresses there is nothing to say.
    """
    found = _HOST_IN.match(name), _HOST_IN.match(other)
    hosts = [host[1].lower().split(".") for host in found if host]
    if len(hosts) < len(found):
        return True
    one, two = hosts
    while one and two and one[-1] == two[-1]:
        one.pop()
        two.pop()
    if not one or not two:
        return True
    compared = difflib.SequenceMatcher(None, ".".join(one), ".".join(two))
    return compared.ratio() >= _CLOSE_HOST


_HOST_IN = re.compile(r"[a-z][a-z0-9+.-]*://([^/:?#]+)", re.IGNORECASE)
_CLOSE_HOST = 0.6


def section_of(
    declared: type[Options], file: str, local_conf: Mapping[str, str]
) -> str:
    """The section that these values came from, or "" where that is not clear.

    PasteDeploy does not tell a factory its section. It is one that uses the entry
    point and has these options with these values, as far as they can be compared:
    a value with a ``%`` is not, because PasteDeploy has replaced something in it.
    """
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        # In the encoding of the locale, in which PasteDeploy has read it.
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError):
        return ""
    uses = {f"egg:eilogin#{declared.entry_point}"}
    if declared.entry_point == "main":
        uses.add("egg:eilogin")
    fitting = [
        name
        for name in parser.sections()
        if parser.get(name, "use", fallback="") in uses
        and _could_give(dict(parser.items(name)), local_conf)
    ]
    return fitting[0] if len(fitting) == 1 else ""


def _could_give(raw: Mapping[str, str], values: Mapping[str, str]) -> bool:
    return all(
        option in raw and ("%" in raw[option] or raw[option] == value)
        for option, value in values.items()
    )


# --- telling --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Described:
    """One option as the documentation shows it."""

    name: str
    #: The default as it would stand in an ini file, or words for it, or "required".
    default: str
    meaning: str
    #: Whether ``default`` could be copied into an ini file as it stands.
    is_literal: bool


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
        is_literal = shown is None and not field.is_required() and default != ""
        rows.append(Described(name, default, field.description or "", is_literal))
    return rows


def _as_ini(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return " ".join(map(str, value))
        case float():
            return _duration(value)
        case _:
            return str(value)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"
