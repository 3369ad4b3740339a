"""The root of all errors that eilogin raises on purpose."""

from typing import ClassVar


class EiloginError(Exception):
    """The root of all errors that eilogin raises on purpose."""

    #: Stable name of the cause, in logs and audit events.
    code: ClassVar[str] = "internal"
    #: HTTP status of the page that the visitor gets.
    status: ClassVar[int] = 500
    #: entityID of the party in whose name the message came that is refused, or that
    #: does not answer, or "".
    peer: str = ""
    #: The reference number under which it is in log and audit log already, or "".
    reference: str = ""
