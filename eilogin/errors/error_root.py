"""The root of all errors."""

from typing import ClassVar


class EiloginError(Exception):
    """The root of all errors that eilogin raises on purpose."""

    #: Stable name of the cause, in logs and audit events.
    code: ClassVar[str] = "internal"
    #: HTTP status of the page that the visitor gets.
    status: ClassVar[int] = 500
    #: entityID of the party that sent the rejected message, or does not answer; or "".
    peer: str = ""
    #: The reference number if both logs already contain the error, or "".
    reference: str = ""
