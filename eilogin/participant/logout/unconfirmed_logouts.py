"""What a hub has to hear of a logout, for as long as it is not known to have heard it.

She clicks twice, and her browser forgets the way to the hub that it got for the first
click; or the hub does not answer, or nobody can believe what it says. Her session here
is over by then. So it is kept for an hour what the hub has to hear, and each further
click on the logout has it told again: as the very same message while that may be taken,
for a hub that has seen it answers what came of it.

It is kept in the store, encrypted by two secrets: ours, and one that this browser alone
has: of its old session's cookie, which a second click may bring still, for as long as
its message may be taken, and afterwards in a cookie of its own. So nothing of it is in
an address; who has the store can read none of it; and it is gone once the hub has
confirmed, or when somebody logs in at this browser.
"""

import hashlib
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from eilogin import clock
from eilogin.participant import logout_hint
from eilogin.saml import messages
from eilogin.saml.message_checks import LIFETIME
from eilogin.sessions import UNREADABLE, Login
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.browser.sealing import Sealer, as_text, from_text

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: For how long it is kept, in seconds.
KEPT_FOR = 60 * 60.0

#: The secret of a browser; it opens nothing but what is kept here.
_COOKIE = Cookie("eilogin-logout-again")


class UnconfirmedLogout(NamedTuple):
    """What a hub has to hear."""

    #: The login that ended.
    login: Login
    #: ID of the LogoutRequest, and when it was issued.
    request_id: str
    issued: float
    #: Whether somebody was not reached, whatever the hub says.
    is_partial: bool = False
    #: The secret of the browser in which it is kept, or "" where it is not.
    secret: str = ""

    @property
    def key(self) -> str:
        """Where it is kept in the store; "" where it is not."""
        return _key(self.secret) if self.secret else ""


def new_notice(login: Login) -> UnconfirmedLogout:
    """One of a login that ends now, and that is not kept."""
    return UnconfirmedLogout(login, messages.new_id(), clock.now(), bool(login.left))


def keep(environ: "WSGIEnvironment", login: Login, held: str = "") -> UnconfirmedLogout:
    """The notice of a login that is about to end, kept for this browser.

    ``held`` is a secret cookie of this browser, by default that of its session.

    It is that of another click, if there was one meanwhile, or of one long ago that did
    not end it. Not kept is what no message can say: who it is about has no NameID.
    """
    token = held or env.cookie(environ).read(environ) or ""
    notice = new_notice(login)
    if not token or login.named is None:
        return notice
    # Whom a hub that stands inside has reached, nobody knows yet.
    has_hub = env.trust(environ).own.hub_inside is not None
    notice = notice._replace(
        is_partial=notice.is_partial or has_hub, secret=_secret_of(token)
    )
    if _write(environ, notice):
        return notice
    earlier = _read(environ, notice.secret)
    return notice if earlier is None else as_of_now(environ, earlier)


def find(environ: "WSGIEnvironment") -> UnconfirmedLogout | None:
    """What is kept for this browser, if it holds the secret of anything."""
    held = _COOKIE.read(environ)
    notice = None if held is None else _read(environ, held)
    if notice is not None:
        return notice
    # Of the cookie that logged her in there may be a copy, which is not to make a new
    # message long afterwards.
    tokens = (env.cookie(environ).read(environ), logout_hint.held(environ))
    notices = (_read(environ, _secret_of(token)) for token in tokens if token)
    return next((kept for kept in notices if kept is not None and _is_new(kept)), None)


def of_session(environ: "WSGIEnvironment") -> UnconfirmedLogout | None:
    """Return what is kept for the session cookie of a request, however old it is.

    For a pending logout alone (``pending_logouts``): its sealed cookie
    says that this browser wants the hub to hear of it.
    """
    token = env.cookie(environ).read(environ)
    return _read(environ, _secret_of(token)) if token else None


def _is_new(notice: UnconfirmedLogout) -> bool:
    return 0 <= clock.now() - notice.issued < LIFETIME


def as_of_now(
    environ: "WSGIEnvironment", notice: UnconfirmedLogout
) -> UnconfirmedLogout:
    """One that is kept, as another message where the one of before is too old."""
    newer = renewed(notice)
    if newer is not notice:
        env.values(environ).take(notice.key)
        _write(environ, newer)
    return newer


def renewed(notice: UnconfirmedLogout) -> UnconfirmedLogout:
    """The same notice; as another message where the one of before is too old."""
    if _is_new(notice):
        return notice
    return notice._replace(request_id=messages.new_id(), issued=clock.now())


def keep_briefly(environ: "WSGIEnvironment", notice: UnconfirmedLogout) -> None:
    """Keep one that was heard for as long as its message may be told again.

    It brings no news to the hub then, and to her what came of it.
    """
    forget(environ, notice.key)
    _write(environ, notice, notice.issued + LIFETIME)


def forget(environ: "WSGIEnvironment", key: str) -> None:
    """Keep nothing under this key any more, if it is one: the hub has heard it."""
    if key:
        env.values(environ).take(key)


def is_kept(environ: "WSGIEnvironment", key: str) -> bool:
    """Whether anything is kept under this key, if it is one, still."""
    return bool(key) and env.values(environ).get(key) is not None


def hold(notice: UnconfirmedLogout) -> tuple[str, str]:
    """The header by which this browser keeps the secret of a notice."""
    return _COOKIE.set(notice.secret, max_age=int(KEPT_FOR))


def void(environ: "WSGIEnvironment") -> None:
    """Keep nothing for this browser any more, nor for who has copied its cookies.

    Raises StoreUnavailable.
    """
    if held := _COOKIE.read(environ):
        forget(environ, _key(held))


def let_go(environ: "WSGIEnvironment") -> list[tuple[str, str]]:
    """The header after which this browser keeps none, if it does."""
    return [] if _COOKIE.read(environ) is None else [_COOKIE.expire()]


def _secret_of(token: str) -> str:
    """The secret that a browser has by the cookie of the session that it had."""
    return hashlib.sha256(b"eilogin logout again\0" + token.encode()).hexdigest()


def _write(
    environ: "WSGIEnvironment", notice: UnconfirmedLogout, until: float = math.inf
) -> bool:
    """Whether it is kept now; not where the same browser has one of this session."""
    # All that a LogoutRequest needs of it, and no more.
    login = replace(notice.login, attributes={}, family="")
    fields = [login.to_json(), notice.request_id, notice.issued, notice.is_partial]
    octets = json.dumps(fields).encode()
    sealed = _sealer(environ).seal(
        octets, *_bound_to(environ), also_by=notice.secret.encode()
    )
    until = min(clock.now() + KEPT_FOR, notice.login.ends, until)
    # A power failure may undo it: she reads then that nobody knows.
    values = env.values(environ)
    return values.add(notice.key, as_text(sealed), until, durable=False)


def _read(environ: "WSGIEnvironment", secret: str) -> UnconfirmedLogout | None:
    text = env.values(environ).get(_key(secret))
    if text is None:
        return None
    try:
        octets = _sealer(environ).open(
            from_text(text), *_bound_to(environ), also_by=secret.encode()
        )
        login, request_id, issued, is_partial = json.loads(octets)
        kept = Login.from_json(login, key="", seen=0.0)
    except UNREADABLE:
        # Sealed with a key that is not ours any more, or by another version.
        return None
    return UnconfirmedLogout(kept, request_id, issued, is_partial, secret)


def _key(secret: str) -> str:
    # Who reads the store's keys does not learn the secret.
    return f"unheard:{hashlib.sha256(secret.encode()).hexdigest()}"


def _sealer(environ: "WSGIEnvironment") -> Sealer:
    return Sealer(env.trust(environ).own.sealing_secrets, "logout")


def _bound_to(environ: "WSGIEnvironment") -> tuple[str, ...]:
    return (env.trust(environ).own.entity_id,)
