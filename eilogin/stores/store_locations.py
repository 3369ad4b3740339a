"""The properties of a store that its URL alone tells, without opening it."""

from dataclasses import dataclass
from pathlib import Path

from eilogin.config import is_loopback
from eilogin.stores.redis.redis_urls import RedisURL

MEMORY = "memory:"
SQLITE = "sqlite:///"
FILE_SUFFIXES = ("", "-wal", "-shm", "-epoch", "-reserve")


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """The protection of the servers of a store."""

    #: Whether all servers are on this machine.
    is_local: bool
    has_credentials: bool
    is_encrypted: bool


def is_in_process(url: str) -> bool:
    """Whether the store exists only in the process that opens it."""
    return url == MEMORY


def is_redis(url: str) -> bool:
    """Whether the store is in Redis or Valkey."""
    return url.startswith("redis")


def file_of(url: str) -> Path | None:
    """Return the file that holds the store, if any."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def is_absolute_file(url: str) -> bool:
    """Whether the store is a file with an absolute path."""
    return url.startswith(f"{SQLITE}/")


def server_access(url: str) -> ServerAccess | None:
    """Return the protection of the servers, if any."""
    if not is_redis(url):
        return None
    parsed = RedisURL.parse(url)
    return ServerAccess(
        is_local=all(is_loopback(host) for host, _ in parsed.hosts),
        has_credentials=parsed.password is not None or parsed.cert is not None,
        is_encrypted=parsed.is_encrypted,
    )
