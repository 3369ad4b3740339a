"""The outcome of a logout at the other participants."""

from enum import StrEnum


class SingleLogoutOutcome(StrEnum):
    """The state of the other sessions; templates and stored records use the values."""

    PENDING = ""
    EVERYWHERE = "everywhere"
    #: The hub did not reach all participants.
    PARTLY = "partly"
    #: The hub's answer is missing or could not be verified.
    UNCONFIRMED = "unconfirmed"
    #: The hub did not answer; this server retries.
    RETRYING = "retrying"
    #: The visitor chose to stay signed in elsewhere.
    CHOSEN = "chosen"
    #: The hub did not receive the LogoutRequest.
    NOT_TOLD = "not-told"
    #: Another logout notified the hub; its outcome is not known here.
    UNKNOWN = "unknown"
    NO_LOGIN = "no-login"
    #: Everywhere, at an earlier instant; the visitor may have logged in since.
    BEFORE = "before"

    @classmethod
    def read(cls, word: str) -> "SingleLogoutOutcome":
        """Return the member for a stored word; UNKNOWN for one of a newer version."""
        try:
            return cls(word)
        except ValueError:
            return cls.UNKNOWN
