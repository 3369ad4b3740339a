"""Run commands and scripts at the right server of a store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from eilogin import clock
from eilogin.errors import StoreUnavailable
from eilogin.stores import logout_reserve
from eilogin.stores.redis.lua_scripts import Argument, Script, packed
from eilogin.stores.redis.redis_checks import check
from eilogin.stores.redis.redis_servers import Servers, servers_of
from eilogin.stores.redis.redis_urls import RedisURL
from eilogin.stores.store_interface import shard_of
from eilogin.stores.unreadable_records import Garbage

#: Most retries after changes by others, of which one succeeded each time.
MOST_RETRIES = 50

#: A part of every server's error for a key of another type.
_WRONG_TYPE = "wrong kind of value"


class Client:
    """The servers of a URL.

    The only error is :class:`eilogin.errors.StoreUnavailable`. A server has ``timeout``
    seconds to answer.
    """

    def __init__(self, url: RedisURL, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self.garbage = Garbage(f"the store {url}")
        self._has_shards = url.kind == "cluster"
        self._servers = servers_of(url, timeout)
        self._is_checked = False

    # --- names ---

    def place_of(self, name: str) -> bytes:
        """Return the prefix of all keys at the place of this name.

        In a Cluster, the shard in the name of a session or a label.
        """
        shard = f":{shard_of(name)}" if self._has_shards else ""
        return f"{{{self.url.prefix}{shard}}}".encode()

    # --- commands and scripts ---

    def ask(self, name: bytes, command: bytes) -> Any:
        """Return the answer to a query of one key; None if it is of another type."""
        # Like ``guarded``, at a third of the cost: every request comes here.
        try:
            return self.servers().ask(name, command)
        except (RedisError, OSError) as error:
            if isinstance(error, ResponseError) and _WRONG_TYPE in str(error):
                self._note_wrong_type(name)
                return None
            raise self._unavailable(error) from error

    def run(
        self,
        script: Script,
        place: bytes,
        *arguments: Argument,
        durable: bool = True,
        is_question: bool = False,
    ) -> Any:
        """Run a script that reads everything at a place, and return its answer.

        With ``durable``, a script that writes waits for the replicas.
        """
        return self._run_script(
            script,
            place,
            arguments,
            durable=durable and not is_question,
            is_question=is_question,
            is_alone=False,
        )

    def run_alone(
        self, script: Script, name: bytes, *arguments: Argument, durable: bool = True
    ) -> Any:
        """Run a script that reads one key, and return its answer."""
        return self._run_script(
            script, name, arguments, durable=durable, is_question=False, is_alone=True
        )

    def _run_script(
        self,
        script: Script,
        name: bytes,
        arguments: Sequence[Argument],
        **options: bool,
    ) -> Any:
        values = (clock.now(), *arguments)
        if logout_reserve.may_be_used():
            script = script.with_reserve
        with self.guarded():
            servers = self.servers()
            try:
                reply = servers.ask(name, script.by_digest(name, values), **options)
            except NoScriptError:
                # The server was restarted, or has just become the master.
                reply = servers.ask(name, script.by_text(name, values), **options)
        result, wrong_types = reply
        for wrong_name in wrong_types:
            self._note_wrong_type(wrong_name)
        return result

    def _note_wrong_type(self, name: bytes) -> None:
        # The name of a value may be secret.
        place, kind, _ = text_of(name).partition(":v:")
        self.garbage.note(f"{place}{kind} is of another type")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn all errors of a server in the block into one."""
        try:
            yield
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"the store {self.url}: {error}")

    def too_busy(self) -> StoreUnavailable:
        """Return the error for more than :data:`MOST_RETRIES` retries."""
        return StoreUnavailable(
            f"the store {self.url}: other clients change the same keys all the time"
        )

    # --- all records ---

    def sessions(self) -> Iterator[list[str]]:
        """Yield the keys of all sessions, in batches."""
        for names in self.scanned(self.place_of("*:") + b":s:*"):
            yield [name.partition("}:s:")[2] for name in names]

    def scanned(self, pattern: bytes) -> Iterator[list[str]]:
        """Yield the matching names, in batches, maybe repeated."""
        with self.guarded():
            nodes = self.servers().masters()
        for node in nodes:
            cursor = b"0"
            while True:
                command = packed("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
                with self.guarded():
                    cursor, names = node.ask(command)
                yield [text_of(name) for name in names]
                if cursor == b"0":
                    break

    # --- servers ---

    def servers(self) -> Servers:
        """Return the servers, checked now if they were not checked at the start."""
        servers = self.own_servers()
        if not self._is_checked:
            check(servers)
            self._is_checked = True
        return servers

    def own_servers(self) -> Servers:
        """Return the servers, with connections of this process."""
        if not self._servers.is_of_this_process():
            self._servers = servers_of(self.url, self.timeout)
        return self._servers

    def note_checked(self) -> None:
        """Note that the servers fit, and need no more checks."""
        self._is_checked = True

    def close_idle(self) -> None:
        """Close the idle connections; keep all knowledge of the servers."""
        self._servers.close_idle()

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        old, self._servers = self._servers, servers_of(self.url, self.timeout)
        old.close()


def text_of(octets: bytes) -> str:
    """Decode octets; characters that are invalid are replaced."""
    return octets.decode(errors="replace")
