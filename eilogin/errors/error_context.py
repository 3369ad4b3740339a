"""Add to an error the peer that sent the message, or that the hub signed it."""

from types import TracebackType

from eilogin.errors.login_refusals import LoginLost
from eilogin.errors.message_refusals import MessageUnexpected, Refused
from eilogin.errors.unavailability import Unavailable


class InNameOf:
    """``with InNameOf(peer):`` has what is refused inside say whose message it was.

    And what does not answer inside, who that is.

    The log then says whom to ask: see ``note_refusal``.
    """

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Refused | Unavailable):
            error.peer = error.peer or self._peer


class Proven:
    """``with Proven():`` stands around what is done with an answer of the hub's own.

    It has verified as such, and answers what this very browser brought. Whatever is
    refused inside is then a failure of that login; but not where what it carries
    answers another question, or was used already.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_another = isinstance(error, LoginLost | MessageUnexpected)
        if isinstance(error, Refused) and not is_another:
            error.is_proven = True
