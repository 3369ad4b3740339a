"""From the ``store`` option of an ini file to a store."""

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
    is_on_servers,
)

#: Other programs' names for it; here SQLite would make a file of that name.
_NOT_MEMORY = ("sqlite://", "sqlite:///:memory:", "sqlite://:memory:")
_EXPECTED = (
    f"'{MEMORY}', a file such as 'sqlite:////var/lib/eilogin/eilogin.db' or a server"
    " such as 'redis://localhost:6379'"
)


def open_store(url: str, timeout: float = TIMEOUT) -> Store:
    """Return the store that a URL names; the first operation opens it.

    ``memory:`` is a new store in this process. ``sqlite:///`` is followed by a path. A
    path with a slash of its own is absolute (four slashes in all, which
    ``sqlite:///%(here)s/…`` gives). Another path is relative to the working folder (in
    an ini file, to the file's own: :data:`StoreURL`).
    :mod:`eilogin.stores.redis.redis_urls` describes ``redis:``, ``rediss:``,
    ``redis+sentinel:`` and so on, which need the extra ``eilogin[redis]``.

    ``timeout`` is how many seconds an operation waits for a server that does not
    answer, or for others that write to the same file.

    For any other URL, raises :class:`eilogin.errors.ConfigurationError`, which says
    what was found (without a password) and what was expected.
    """
    try:
        return _opened(url, timeout)
    except ValueError as error:
        raise ConfigurationError(
            f"store: found {without_password(url)!r}; expected {error}"
        ) from None


def _opened(url: str, timeout: float) -> Store:
    """The same; ``ValueError``, which says what was expected, where there is none."""
    _check_comment(url)
    if url in _NOT_MEMORY:
        raise ValueError(f"'{MEMORY}' for a store in the memory of this process")
    if is_in_process(url):
        return MemoryStore()
    if is_on_servers(url):
        return _redis_store(RedisURL.parse(url), timeout)
    path = url.removeprefix(SQLITE)
    if path == url or not path.strip("/") or "\0" in path:
        raise ValueError(_EXPECTED)
    if "?" in path:
        # SQLite's own URLs have them; here they would be a part of the file's name.
        raise ValueError("a path without '?': eilogin has no options for SQLite files")
    return SQLiteStore(Path(path), timeout)


def _check_comment(url: str) -> None:
    if comment_in(url):
        raise ValueError("only a URL, without ' #' or ' ;' and a comment")


def _is_redis(url: str) -> bool:
    return url.startswith("redis")


def _redis_store(url: RedisURL, timeout: float) -> Store:
    url.check_files()
    try:
        # An extra: who keeps sessions elsewhere need not have it.
        from eilogin.stores.redis.redis_store import RedisStore  # noqa: PLC0415
    except ImportError:
        raise ValueError(
            "the package 'redis' for this store: pip install 'eilogin[redis]'"
        ) from None
    store: Store = RedisStore(url, timeout)
    return store


class StoreAddress(str):
    """The URL of a store; it may hold a password, which is not shown by ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(without_password(str(self)))


#: Ways to say where a URL stands, in the place of the URL; see Secret in settings.
_REFERENCES = ("env:", "file:", "credential:")


def _store_url(value: object, info: Info) -> object:
    if not isinstance(value, str):
        return value
    url = referenced(value.strip(), info)
    _check_comment(url)
    if is_on_servers(url):
        files = RedisURL.parse(url).files
        if files:
            here = {name: from_ini(str(path), info) for name, path in files.items()}
            url = with_files(url, here)
    _opened(url, TIMEOUT)
    if (path := file_of(url)) is not None:
        url = f"{SQLITE}{from_ini(str(path), info)}"
    return StoreAddress(url)


def referenced(text: str, info: Info) -> str:
    """An address, or what stands where ``text`` says; for validators.

    Raises ``ValueError`` where there is nothing.
    """
    if not text.startswith(_REFERENCES):
        return text
    try:
        secret = TypeAdapter(Secret).validate_python(text, context=info.context)
    except ValidationError as error:
        [fault] = error.errors(include_input=False, include_url=False)
        raise ValueError(str(fault["ctx"]["error"])) from None
    return secret.get_secret_value().decode(errors="replace")


#: The type of a ``store`` option: the URL, checked as :func:`open_store` takes it, or
#: a reference to where it stands (``env:NAME``, ``file:PATH``, ``credential:NAME``). A
#: relative path is meant from the folder of the ini file.
StoreURL = Annotated[InstanceOf[StoreAddress], BeforeValidator(_store_url)]
