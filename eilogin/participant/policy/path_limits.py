"""The limits ``idle=`` and ``max_age=`` of a line of ``protect``.

``idle=5m`` rejects a session that had a longer pause since the last proof of identity,
on any path. The request that ends a pause records it, before it counts as activity.
``max_age=10m`` rejects an older proof. The visitor then has to give a fresh proof for
this path (ForceAuthn), and stays signed in on other paths.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf, isfinite

from eilogin import clock
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.strictest_rule import PathRule
from eilogin.sessions import Login
from eilogin.web.visit import Visit


def needs_proof(visit: Visit, login: Login | None, rule: PathRule) -> bool:
    """Return whether a limit of this rule rejects a login; raise StoreUnavailable."""
    if login is None or not rule.has_limits:
        return False
    proven = login.proven_at(rule.need)
    if rule.max_age is not None and clock.now() - proven > rule.max_age:
        return True
    return rule.idle is not None and _had_pause(visit, login, rule.idle, proven)


def wants_proof_at_login(visit: Visit, rule: PathRule) -> bool:
    """Return whether an anonymous visitor has to give a fresh proof at the login."""
    # DigiD does not state the age of a proof, so eilogin would reject any other.
    has_age = rule.idle is not None or rule.max_age is not None
    return has_age and not visit.trust.own.profile.tells_proof_age


def _had_pause(visit: Visit, login: Login, limit: float, since: float) -> bool:
    return (
        _idle_for(visit, login) > limit
        or login.started - since > limit
        or _last_pause(visit, login, limit) > since
    )


def note_pause(visit: Visit, login: Login, limits: Sequence[float]) -> None:
    """Record these limits if the pause has passed them; raise StoreUnavailable."""
    for limit in limits:
        if _idle_for(visit, login) > limit:
            _note(visit, login, limit)


def note_visitor_pause(visit: Visit, rules: PathRules) -> None:
    """Record the pause of a visitor with a session, before a new login ends it."""
    login = visit.session
    if login is not None:
        note_pause(visit, login, rules.idle_limits)


def _idle_for(visit: Visit, login: Login) -> float:
    sessions = visit.sessions
    return clock.now() - (sessions.idle_at(login) - sessions.idle)


def _note(visit: Visit, login: Login, limit: float) -> None:
    values, key, now = visit.values, _key(login, limit), clock.now()
    # The longest time, because the hub may prolong a login that ends sooner.
    until = now + visit.sessions.max_session
    recorded = values.get(key)
    if recorded is None:
        values.add(key, repr(now), until, durable=False)
    else:
        values.swap(key, recorded, repr(now), until, durable=False)


def _last_pause(visit: Visit, login: Login, limit: float) -> float:
    record = visit.values.get(_key(login, limit))
    if record is None:
        return 0.0
    with suppress(ValueError):
        ended = float(record)
        if isfinite(ended):
            return ended
    # Replace it, or no proof would ever be later than the last pause.
    _note(visit, login, limit)
    return inf


def _key(login: Login, limit: float) -> str:
    # A fresh proof keeps the family. It is a secret, so the key has its hash.
    digest = hashlib.sha256(f"pause\0{login.family}".encode()).hexdigest()
    return f"pause:{digest}:{limit:.0f}"


def proven_at(
    instant: float, level: str, *, asked: float | None, before: Login | None
) -> Mapping[str, float]:
    """Return when a level was proven, at least the instant of the login ``before``.

    ``instant``: the hub's AuthnInstant. ``asked``: when we requested a fresh proof.
    """
    earlier = before.proven.get(level, 0.0) if before is not None else 0.0
    return {level: max(earlier, min(instant, clock.now()), asked or 0.0)}
