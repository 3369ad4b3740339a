"""A process that has used Beaker's backends, and forks; test_contract.py starts it.

Parent and child ask at the same time, each for what is its own. It prints "right" for
each of the two at each backend that got only that.
"""

import os
import sys

from eilogin import clock
from eilogin.stores.beaker import Backend, open_backend

TIMES = 100


def is_right(backend: Backend, name: str, text: str) -> bool:
    """Whether each answer is the one to this process's question."""
    put = backend.swap(name, None, text, clock.now() + 60)
    answers = {backend.get(name) for _ in range(TIMES)}
    backend.delete(name)
    return put and answers == {text}


def main(*arguments: str) -> None:
    for kind, where in zip(arguments[::2], arguments[1::2], strict=True):
        backend = open_backend(kind, where)
        backend.get("a" * 64)
        child = os.fork()
        if not child:
            os._exit(0 if is_right(backend, "c" * 64, "child") else 1)
        outcomes = [is_right(backend, "a" * 64, "parent")]
        outcomes.append(os.waitpid(child, 0)[1] == 0)
        for outcome in outcomes:
            print("right" if outcome else "wrong")  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
