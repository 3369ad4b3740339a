"""Add to an error the peer that sent the message, or that the hub signed it."""

from types import TracebackType

from eilogin.errors.login_refusals import LoginLost
from eilogin.errors.message_refusals import MessageUnexpected, Refused
from eilogin.errors.unavailability import Unavailable


class InNameOf:
    """``with InNameOf(peer):`` adds the peer to an error raised inside the block."""

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
    """``with Proven():`` surrounds the processing of a verified Response of the hub.

    A refusal inside is then a failure of that login, unless the message answers another
    request, or a login that is not pending any more.
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
