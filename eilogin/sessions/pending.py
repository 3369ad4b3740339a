"""Logins that are under way: from the redirect to the hub until its answer.

Each is a record in the store, found by an opaque handle (which travels as RelayState)
and tied to the browser by a secret in a short cookie of its own, one per tab. Where
the visitor wanted to go stays on the server. A login that succeeded is *spent*: for
two minutes its handle still leads the same session to the same page, so that a double
click or the back button does no harm.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field, replace

from eilogin import clock
from eilogin.errors import LoginLost
from eilogin.sessions.records import UNREADABLE
from eilogin.stores import Values

#: How long a visitor may take at the hub, in seconds.
LIFETIME = 30 * 60.0
#: How long a spent login still leads to its page, in seconds.
SPENT_LIFETIME = 2 * 60.0
#: In the place of a login's key while there is none yet.
_CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """What was asked of the hub, and where the visitor goes when it has answered."""

    #: ID of our AuthnRequest, which the answer must name in InResponseTo.
    request_id: str
    #: entityID of the hub that was asked, from which alone the answer may come.
    hub: str
    #: Path and query on this site.
    target: str
    level: str
    #: When we asked.
    asked: float
    is_passive: bool = False
    #: Whether a fresh proof was asked for (ForceAuthn).
    is_forced: bool = False
    #: The store's key of the login that came of it, once there is one.
    spent_by: str = ""
    handle: str = ""
    #: SHA-256 of the secret in this browser's cookie.
    browser: str = field(default="", repr=False)


class PendingLogins:
    """The logins under way at one participant, among what it keeps."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def start(self, pending: PendingLogin) -> tuple[PendingLogin, str]:
        """Remember a login; gives it with its handle, and the cookie's secret.

        Handles sort by age, so that the oldest of a browser can be told.
        """
        handle = f"{int(clock.now()):x}-{secrets.token_urlsafe(16)}"
        secret = secrets.token_urlsafe(24)
        pending = replace(pending, handle=handle, browser=_digest(secret))
        until = clock.now() + LIFETIME
        self._values.add(_key(handle), _text(pending), until, durable=False)
        return pending, secret

    def by_handle(self, handle: str) -> PendingLogin:
        """The login under way with this handle, whoever's it is.

        Good enough to check an answer against, not to log anybody in. Raises
        :class:`eilogin.errors.LoginLost`.
        """
        text = self._values.get(_key(handle)) if handle else None
        if text is None:
            raise LoginLost("no login under way has this RelayState")
        try:
            return PendingLogin(**json.loads(text))
        except UNREADABLE:
            raise LoginLost("this login was started by another version") from None

    def of_browser(self, handle: str, secret: str | None) -> PendingLogin:
        """The same, where the browser holds its secret; else LoginLost."""
        pending = self.by_handle(handle)
        if secret is None or not hmac.compare_digest(_digest(secret), pending.browser):
            raise LoginLost("this login was started in another browser")
        return pending

    def claim(self, pending: PendingLogin) -> PendingLogin | None:
        """Take a login for the one answer that it gets; None where that is taken.

        ``spent_by`` of what comes back is filled in by :meth:`spend`.
        """
        claimed = replace(pending, spent_by=_CLAIMED)
        return claimed if self._swap(pending, claimed) else None

    def spend(self, claimed: PendingLogin, login_key: str) -> None:
        """Note that the login with this key in the store came of it."""
        self._swap(claimed, replace(claimed, spent_by=login_key))

    def _swap(self, old: PendingLogin, new: PendingLogin) -> bool:
        until = clock.now() + SPENT_LIFETIME
        return self._values.swap(_key(old.handle), _text(old), _text(new), until)


def _key(handle: str) -> str:
    return f"pending:{handle}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _text(pending: PendingLogin) -> str:
    return json.dumps(asdict(pending), sort_keys=True)
