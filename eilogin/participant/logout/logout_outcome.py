"""The outcome of a logout at the other participants."""

from enum import StrEnum


class SingleLogoutOutcome(StrEnum):
    """The state of the visitor's other sessions after a logout here.

    Templates and stored records contain these words.
    """

    #: The hub has not answered yet.
    PENDING = ""
    EVERYWHERE = "everywhere"
    #: The hub did not reach all participants.
    PARTLY = "partly"
    #: The answer of the hub is missing or could not be verified.
    UNCONFIRMED = "unconfirmed"
    #: The hub did not answer; this server retries.
    RETRYING = "retrying"
    #: The visitor chose to stay signed in elsewhere.
    CHOSEN = "chosen"
    #: The hub did not receive the LogoutRequest.
    NOT_TOLD = "not-told"
    #: Another logout notified the hub; its outcome is not known here.
    UNKNOWN = "unknown"
    #: There was no session here, so eilogin did nothing.
    NO_LOGIN = "no-login"
    #: Everywhere, at an earlier instant; a new login may exist since.
    BEFORE = "before"

    @classmethod
    def read(cls, word: str) -> "SingleLogoutOutcome":
        """Return the member for a stored word; UNKNOWN for one of a newer version."""
        try:
            return cls(word)
        except ValueError:
            return cls.UNKNOWN
