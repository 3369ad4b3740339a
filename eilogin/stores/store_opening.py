"""Open the store that the ``store`` option of an ini file names."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, InstanceOf, TypeAdapter, ValidationError
from pydantic import ValidationInfo as Info

from eilogin.config import Secret, comment_in, from_ini, without_password
from eilogin.errors import ConfigurationError
from eilogin.stores.memory_store import MemoryStore
from eilogin.stores.redis.redis_urls import RedisURL, with_files
from eilogin.stores.sqlite import SQLiteStore
from eilogin.stores.store_interface import TIMEOUT, Store
from eilogin.stores.store_locations import (
    MEMORY,
    SQLITE,
    file_of,
    is_in_process,
    is_redis,
)

#: Other programs' names for a store in memory; SQLite would make a file of that name.
_NOT_MEMORY = ("sqlite://", "sqlite:///:memory:", "sqlite://:memory:")
_EXPECTED = (
    f"'{MEMORY}', a file such as 'sqlite:////var/lib/eilogin/eilogin.db' or a server"
    " such as 'redis://localhost:6379'"
)


def open_store(url: str, timeout: float = TIMEOUT) -> Store:
    """Return the store that a URL names; the first operation opens it.

    * ``memory:`` is a new store in this process.
    * ``sqlite:///PATH`` is a file. The path is absolute with a fourth slash
      (``sqlite:///%(here)s/…``), else relative to the working folder; in an ini file,
      to the folder of that file (:data:`StoreURL`).
    * ``redis:`` and others, which need the extra ``eilogin[redis]``: see
      :mod:`eilogin.stores.redis.redis_urls`.

    An operation waits ``timeout`` seconds for a server, or for other writers of the
    file.

    Raises :class:`eilogin.errors.ConfigurationError` for any other URL, which it shows
    without a password.
    """
    try:
        return _new_store(url, timeout)
    except ValueError as error:
        raise ConfigurationError(
            f"store: found {without_password(url)!r}; expected {error}"
        ) from None


def _new_store(url: str, timeout: float) -> Store:
    _check_comment(url)
    if url in _NOT_MEMORY:
        raise ValueError(f"'{MEMORY}' for a store in the memory of this process")
    if is_in_process(url):
        return MemoryStore()
    if is_redis(url):
        return _redis_store(RedisURL.parse(url), timeout)
    path = url.removeprefix(SQLITE)
    if path == url or not path.strip("/") or "\0" in path:
        raise ValueError(_EXPECTED)
    if "?" in path:
        # SQLite's own URLs have options. Here they would be a part of the file's name.
        raise ValueError("a path without '?': eilogin has no options for SQLite files")
    return SQLiteStore(Path(path), timeout)


def _check_comment(url: str) -> None:
    if comment_in(url):
        raise ValueError("only a URL, without ' #' or ' ;' and a comment")


def _redis_store(url: RedisURL, timeout: float) -> Store:
    url.check_files()
    try:
        from eilogin.stores.redis.redis_store import RedisStore  # noqa: PLC0415
    except ImportError:
        raise ValueError(
            "the package 'redis' for this store: pip install 'eilogin[redis]'"
        ) from None
    store: Store = RedisStore(url, timeout)
    return store


class StoreAddress(str):
    """The URL of a store; ``repr`` hides it, because it may hold a password."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(without_password(str(self)))


#: References to a URL elsewhere, as in :data:`eilogin.config.Secret`.
_REFERENCES = ("env:", "file:", "credential:")


def _store_url(value: object, info: Info) -> object:
    if not isinstance(value, str):
        return value
    url = referenced(value.strip(), info)
    _check_comment(url)
    if is_redis(url):
        files = RedisURL.parse(url).files
        if files:
            absolute_paths = {
                name: from_ini(str(path), info) for name, path in files.items()
            }
            url = with_files(url, absolute_paths)
    _new_store(url, TIMEOUT)
    if (path := file_of(url)) is not None:
        url = f"{SQLITE}{from_ini(str(path), info)}"
    return StoreAddress(url)


def referenced(text: str, info: Info) -> str:
    """Return an address, or the one to which ``text`` refers; for validators.

    Raises ValueError if that is missing.
    """
    if not text.startswith(_REFERENCES):
        return text
    try:
        secret = TypeAdapter(Secret).validate_python(text, context=info.context)
    except ValidationError as error:
        [fault] = error.errors(include_input=False, include_url=False)
        raise ValueError(str(fault["ctx"]["error"])) from None
    return secret.get_secret_value().decode(errors="replace")


#: Type of a ``store`` option: a URL for :func:`open_store`, or a reference
#: (``env:NAME``, ``file:PATH``, ``credential:NAME``). Relative paths start at the ini
#: file's folder.
StoreURL = Annotated[InstanceOf[StoreAddress], BeforeValidator(_store_url)]
