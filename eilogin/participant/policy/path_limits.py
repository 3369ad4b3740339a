"""Stricter limits of some paths: ``idle=`` and ``max_age=`` in a line of ``protect``.

``idle=5m``: there nobody is let in of whom nothing was seen for longer than that, at
whatever path, since she last proved who she is. So a pause is remembered, or a visit to
the first page would undo it. ``max_age=10m``: her last proof at the hub may not be
older. Whom a limit keeps out stays logged in elsewhere, and is asked for a fresh proof
(ForceAuthn).

A pause is written with the request that ends it, before she counts as seen again. Only
paths with ``idle=`` ask whether there was one: there it is a second read of the store.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf, isfinite
from typing import TYPE_CHECKING

from eilogin import clock
from eilogin.participant.policy.path_rules import PathRule, PathRules
from eilogin.sessions import Login
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def needs_proof(
    environ: "WSGIEnvironment", login: Login | None, rule: PathRule
) -> bool:
    """Whether this login is kept out by a limit of this rule.

    Raises :class:`eilogin.errors.StoreUnavailable`.
    """
    if login is None or not rule.has_limits:
        return False
    proven = login.proven_at(rule.need)
    if rule.max_age is not None and clock.now() - proven > rule.max_age:
        return True
    return rule.idle is not None and _had_pause(environ, login, rule.idle, proven)


def wants_proof_at_login(environ: "WSGIEnvironment", rule: PathRule) -> bool:
    """Whether who is not logged in is asked for a fresh proof at once.

    DigiD's answer does not say how old a proof is: where that counts, any other one
    would be asked for again.
    """
    has_age = rule.idle is not None or rule.max_age is not None
    return has_age and env.trust(environ).own.is_digid


def _had_pause(
    environ: "WSGIEnvironment", login: Login, limit: float, since: float
) -> bool:
    """Whether nothing was seen of her for longer than ``limit`` at a time.

    What she did elsewhere between her proof and her coming here nobody knows.
    """
    return (
        _idle_for(environ, login) > limit
        or login.started - since > limit
        or _last_pause(environ, login, limit) > since
    )


def note_pause(
    environ: "WSGIEnvironment", login: Login, limits: Sequence[float]
) -> None:
    """Remember which of these limits she has passed, before she counts as seen.

    Raises :class:`eilogin.errors.StoreUnavailable`.
    """
    for limit in limits:
        if _idle_for(environ, login) > limit:
            _note(environ, login, limit)


def note_visitor_pause(environ: "WSGIEnvironment", rules: PathRules) -> None:
    """The same for who comes, if she is logged in.

    What she did not do until now counts, though a new login begins.
    """
    login = env.session(environ)
    if login is not None:
        note_pause(environ, login, rules.idle_limits)


def _idle_for(environ: "WSGIEnvironment", login: Login) -> float:
    sessions = env.sessions(environ)
    return clock.now() - (sessions.idle_at(login) - sessions.idle)


def _note(environ: "WSGIEnvironment", login: Login, limit: float) -> None:
    values, key, now = env.values(environ), _key(login, limit), clock.now()
    # No login lasts longer than this; the hub may prolong one that ends sooner.
    until = now + env.sessions(environ).max_session
    known = values.get(key)
    if known is None:
        values.add(key, repr(now), until, durable=False)
    else:
        values.swap(key, known, repr(now), until, durable=False)


def _last_pause(environ: "WSGIEnvironment", login: Login, limit: float) -> float:
    """When the last pause ended; what is no time is one that ends now."""
    said = env.values(environ).get(_key(login, limit))
    if said is None:
        return 0.0
    with suppress(ValueError):
        ended = float(said)
        if isfinite(ended):
            return ended
    # Or no proof would ever be later than it.
    _note(environ, login, limit)
    return inf


def _key(login: Login, limit: float) -> str:
    # The family stays the same when she proves who she is; it is a secret.
    digest = hashlib.sha256(f"pause\0{login.family}".encode()).hexdigest()
    return f"pause:{digest}:{limit:.0f}"


def proven_at(
    instant: float, level: str, *, asked: float | None, before: Login | None
) -> Mapping[str, float]:
    """When a level was proven, for a login: never earlier than was known before.

    ``instant`` is what the hub says; ``asked`` is when a fresh proof was asked for, if
    it was: by our clock, which the limits go by, it cannot be older than that.
    """
    known = before.proven.get(level, 0.0) if before is not None else 0.0
    return {level: max(known, min(instant, clock.now()), asked or 0.0)}
