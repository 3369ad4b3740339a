"""``ext:redis``: a Redis, for several machines; at the names that Beaker gives."""

import math
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ResponseError
from redis.retry import Retry

from eilogin import clock

# KEYS[1] the name; ARGV: the old text ('' for none), the new one, seconds.
_SWAP = """
if redis.call('STRLEN', KEYS[1]) ~= #ARGV[1] then return 0 end
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Redis:
    """See :class:`eilogin.stores.beaker.NamedTexts`; raises ``RedisError`` too.

    ``url`` is one of redis-py's; another is a ``ValueError``.
    """

    def __init__(self, url: str, timeout: float, largest: int) -> None:
        _check(url)
        self._largest = largest
        # Reconnect once if the server closed a connection.
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),
        )

    def get(self, name: str) -> str | None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.get`."""
        try:
            octets = self._client.getrange(_key(name), 0, self._largest)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            octets = None
        if octets is None or len(octets) > self._largest:
            # A value of another program blocks ours.
            self.delete(name)
            return None
        return octets.decode("latin-1") or None

    def swap(self, name: str, old: str | None, new: str, until: float) -> bool:
        """See :meth:`eilogin.stores.beaker.NamedTexts.swap`."""
        old_octets, new_octets = ((text or "").encode("latin-1") for text in (old, new))
        seconds = max(1, math.ceil(until - clock.now()))
        return bool(
            self._client.eval(_SWAP, 1, _key(name), old_octets, new_octets, seconds)
        )

    def delete(self, name: str) -> None:
        """See :meth:`eilogin.stores.beaker.NamedTexts.delete`."""
        self._client.delete(_key(name))


_ALLOWED_OPTIONS = (
    "connection_class",
    "host",
    "port",
    "path",
    "db",
    "username",
    "password",
)


def _check(url: str) -> None:
    try:
        options = dict(parse_url(url))
    except ValueError:
        raise ValueError("a server such as 'redis://localhost:6379/1'") from None
    # Other options, such as decoding, would change the answers.
    if any(
        name not in _ALLOWED_OPTIONS and not name.startswith("ssl_") for name in options
    ):
        raise ValueError("only options 'ssl_…' of redis-py after '?'")


def _key(name: str) -> str:
    return f"beaker_cache:{name}:session"
