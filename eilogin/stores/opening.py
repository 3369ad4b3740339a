"""From the ``store`` option of an ini file to a store."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from eilogin.errors import ConfigurationError
from eilogin.settings import from_ini
from eilogin.stores.interface import Store
from eilogin.stores.memory import MemoryStore
from eilogin.stores.sqlite import SQLiteStore

_MEMORY = "memory:"
_SQLITE = "sqlite:///"
_EXPECTED = f"'{_MEMORY}' or a file such as 'sqlite:////var/lib/eilogin/eilogin.db'"


def open_store(url: str) -> Store:
    """The store that a URL names; nothing is opened before its first verb.

    ``memory:`` is a new store in this process. ``sqlite:///`` is followed by a path:
    one that starts with a slash itself is absolute (four slashes in all, which
    ``sqlite:///%(here)s/…`` gives), another is relative to the working folder.

    Raises :class:`eilogin.errors.ConfigurationError`, which says what was found and
    what was expected, for anything else.
    """
    if url == _MEMORY:
        return MemoryStore()
    path = url.removeprefix(_SQLITE)
    if path == url or not path.strip("/") or "\0" in path:
        raise ConfigurationError(f"store: found {url!r}; expected {_hint(url)}")
    return SQLiteStore(Path(path))


def _hint(url: str) -> str:
    if url.startswith(("redis:", "rediss:")):
        return f"{_EXPECTED}; this version has no store for redis yet"
    return _EXPECTED


def _store_url(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    url = value.strip()
    try:
        store = open_store(url)
    except ConfigurationError:
        raise ValueError(_hint(url)) from None
    if isinstance(store, SQLiteStore):
        return f"{_SQLITE}{from_ini(str(store.path), info)}"
    return url


#: The type of a ``store`` option: the URL, checked as :func:`open_store` takes it. A
#: relative path is meant from the folder of the ini file.
StoreURL = Annotated[str, BeforeValidator(_store_url)]
