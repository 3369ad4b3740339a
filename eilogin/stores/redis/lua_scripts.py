"""Lua scripts, which a server runs atomically: load them, and ask a server to run one.

The files are in ``lua``. Each script consists of ``arguments.lua``, ``sessions.lua`` or
``values.lua``, and the file of the operation.

A script gets one key. For sessions that is their *place*: the part in braces of all
keys that must be in one slot of a Cluster ("Hash tags",
https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). The script
makes the names that it needs from it:

==================  ======  =====================================================
``:s:KEY``          string  a session: "until seen data"
``:b:KEY``          hash    its labels, each with ``l``, or ``f`` for a label of another
                            place; under ``=`` the name of its lineage
``:i:KEY``          list    its items
``:x:LABEL``        zset    the sessions of this place with a label, by until
``:f:LABEL``        zset    hints: sessions of other places that may carry the label,
                            which only those places can confirm
``:m:LABEL``        string  a mark: "instant until"; without a label for everybody
``:n:NAME``         string  a lineage: the until of its session, or of its last heir
==================  ======  =====================================================

In indexes and data, names omit their own shard, to stay within 64 octets: servers then
need a quarter of the memory (``zset-max-listpack-value``).

The caller's clock decides about expiry; the server's own, a little later, only cleans
up. A server without memory refuses a script whose first write needs memory, so a script
for a logout begins with another (:meth:`Script.with_reserve`).

If another program stored another type at one of these names, the scripts treat it as
absent and delete it (``on``). A lost record errs on the side of the logout:

* The script makes an index again from the data of the sessions, in the same step.
* A session without readable labels may carry any label that needs an index again. It
  ends when it should get a label, an item or an heir.
* An unreadable mark rejects every session that was issued until now, and no later one,
  so that nobody is locked out.
* Hints stay until others were made (:mod:`.cluster_hints`), which needs all servers.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources

from eilogin.stores.store_interface import REFUSED_FOR

#: Milliseconds that a server keeps an expired record: its clock decides nothing.
SLACK = 60_000
#: Seconds.
LONGEST = 10 * 366 * 86400

Argument = str | bytes | float | Sequence[str | bytes]


#: A write that needs no memory and changes nothing, whatever the key holds.
_ACCEPTED_WHEN_FULL = "redis.pcall('ZREM', KEYS[1], '')\n"


@dataclass(frozen=True)
class Script:
    """A script, and the commands that run it."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # Servers name a script by its SHA-1, which protects nothing here.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

    @cached_property
    def with_reserve(self) -> "Script":
        """The script in a form that a server at ``maxmemory`` accepts.

        It checks memory only at the first write
        (https://redis.io/docs/latest/develop/programmability/eval-intro/).
        """
        return Script(_ACCEPTED_WHEN_FULL + self.text)

    def by_digest(self, key: bytes, arguments: Sequence[Argument]) -> bytes:
        """Return the command for a server that has cached the script."""
        return packed("EVALSHA", self.digest, "1", key, *flat(arguments))

    def by_text(self, key: bytes, arguments: Sequence[Argument]) -> bytes:
        """Return the command for a server that has not; the server caches it."""
        return packed("EVAL", self.text, "1", key, *flat(arguments))


def flat(arguments: Sequence[Argument]) -> list[str | bytes | float]:
    """Put the number of its texts before each list, as ``arguments.lua`` reads it."""
    words: list[str | bytes | float] = []
    for argument in arguments:
        if isinstance(argument, (str, bytes, float, int)):
            words.append(argument)
        else:
            words += [str(len(argument)), *argument]
    return words


def packed(*words: str | bytes | float) -> bytes:
    """Write a command in the protocol of the servers (RESP); numbers are exact."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        octets = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(octets), octets))
    return b"".join(parts)


_FOLDER = resources.files(__package__) / "lua"


def _text_of(name: str) -> str:
    return _FOLDER.joinpath(f"{name}.lua").read_text("utf-8")


_CONSTANTS = f"""\
local longest, slack, refused_for = {LONGEST}, {SLACK}, {REFUSED_FOR}
"""
_ARGUMENTS = _CONSTANTS + _text_of("arguments")


def _scripts_in(folder: str) -> Callable[[str], Script]:
    """Return a reader of operations in a folder, which the file FOLDER.lua begins.

    They return their result, and the names with a value of another type.
    """
    beginning = _ARGUMENTS + _text_of(folder)

    def script(name: str) -> Script:
        operation = _text_of(f"{folder}/{name}")
        return Script(
            f"{beginning}local function operation()\n{operation}end\n"
            "return {operation(), odd}\n"
        )

    return script


_on_sessions = _scripts_in("sessions")
CREATE = _on_sessions("create")
FORGET = _on_sessions("forget")
TOUCH = _on_sessions("touch")
APPEND = _on_sessions("append")
ITEMS = _on_sessions("items")
FIND = _on_sessions("find")
CARRY = _on_sessions("carry")
HINT = _on_sessions("hint")
UNHINT = _on_sessions("unhint")
END = _on_sessions("end")
WIPE = _on_sessions("wipe")
LINEAGE = _on_sessions("lineage")

_on_values = _scripts_in("values")
ADD = _on_values("add")
TAKE = _on_values("take")
SWAP = _on_values("swap")
DISCARD = _on_values("discard")

SCHEMA = Script(_text_of("schema"))
