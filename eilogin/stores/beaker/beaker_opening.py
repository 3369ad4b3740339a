"""Open a backend of Beaker's by the options of an ini file."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, InstanceOf
from pydantic import ValidationInfo as Info

from eilogin.config import comment_in, from_ini, is_there, without_password
from eilogin.stores.beaker.beaker_backend import Backend
from eilogin.stores.store_interface import TIMEOUT
from eilogin.stores.store_opening import StoreAddress, referenced

_SQLITE = "sqlite:///"
#: Default octets of a text.
LARGEST = 1024**2


def _memory(_: str, __: float, ___: int) -> Backend:
    from eilogin.stores.beaker.beaker_memory import Memory  # noqa: PLC0415

    return Backend(Memory(), "memory", ())


def _file(path: str, timeout: float, largest: int) -> Backend:
    from eilogin.stores.beaker.beaker_files import Files  # noqa: PLC0415

    folder = Path(path)
    _require_writable(folder)
    return Backend(Files(folder, timeout, largest), path, (OSError,))


def _database(url: str, timeout: float, largest: int) -> Backend:
    from eilogin.stores.beaker.beaker_database import Database  # noqa: PLC0415

    path = Path(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or "?" in url or path.name in ("", ":memory:"):
        raise ValueError("a file such as 'sqlite:////var/lib/myapp/appsessions.db'")
    _require_writable(path.parent)
    return Backend(Database(url, timeout, largest), url, (OSError,))


def _redis(url: str, timeout: float, largest: int) -> Backend:
    from redis.exceptions import RedisError  # noqa: PLC0415

    from eilogin.stores.beaker.beaker_redis import Redis  # noqa: PLC0415

    failures = (RedisError, OSError)
    return Backend(Redis(url, timeout, largest), without_password(url), failures)


def _memcached(url: str, timeout: float, _: int) -> Backend:
    from eilogin.stores.beaker.beaker_memcached import Memcached  # noqa: PLC0415

    return Backend(Memcached(url, timeout), url, (OSError,))


def _require_writable(folder: Path) -> None:
    if not is_there(folder.is_dir):
        raise ValueError(f"an existing folder {str(folder)!r}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"a folder {str(folder)!r} that this user may write to")


class _Kind(NamedTuple):
    make: Callable[[str, float, int], Backend]
    #: The extra of eilogin with its driver, or "".
    extra: str = ""


KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "memory": _Kind(_memory),
        "file": _Kind(_file),
        "ext:database": _Kind(_database, "database"),
        "ext:redis": _Kind(_redis, "redis"),
        "ext:memcached": _Kind(_memcached, "memcached"),
    }
)


def open_backend(
    kind: str, place: str = "", *, largest: int = LARGEST, timeout: float = TIMEOUT
) -> Backend:
    """Return the backend of a ``kind``, at a place; the first operation opens it.

    ``place`` is a folder for ``file``, an address for ``ext:``, and "" for ``memory``,
    one for this process. A text of more than ``largest`` octets counts as absent,
    except in ``memory`` and memcached. Operations wait ``timeout`` seconds.

    Raises ``ValueError``, with the expected form, for an invalid place or a missing
    driver.
    """
    if comment_in(place):
        raise ValueError("only an address, without ' #' or ' ;' and a comment")
    make, extra = KINDS[kind]
    try:
        return make(place, timeout, largest)
    except ImportError as error:
        raise ValueError(
            f"the package {error.name!r} for {kind}: pip install 'eilogin[{extra}]'"
        ) from None


def _backend_url(value: object, info: Info) -> object:
    if not isinstance(value, str):
        return value
    url = referenced(value.strip(), info)
    path = url.removeprefix(_SQLITE)
    if path != url:
        url = f"{_SQLITE}{from_ini(path, info)}"
    return StoreAddress(url)


#: Type of a ``url`` option: an address, or a reference (``env:NAME``, ``file:PATH``,
#: ``credential:NAME``). SQLite's relative paths start at the ini file's folder.
BackendURL = Annotated[InstanceOf[StoreAddress], BeforeValidator(_backend_url)]
