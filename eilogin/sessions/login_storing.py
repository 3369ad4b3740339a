"""The steps of storing a new login, and the error if the store rejects it."""

import hashlib
import logging
import secrets
from dataclasses import replace
from typing import NoReturn

from eilogin import clock
from eilogin.errors import LoginEnded
from eilogin.sessions.session_records import Login, Participant
from eilogin.stores import Store, StoredSession

_log = logging.getLogger("eilogin.sessions")


def key_of(token: str) -> str:
    """Return the store's key for a cookie value."""
    return f"{token[:2]}:{hashlib.sha256(token.encode()).hexdigest()}"


def filled_in(
    login: Login, token: str, predecessor: Login | None, max_session: float
) -> Login:
    """Fill in the limit, family, key and last activity of a new login."""
    # "predecessor" is the login of the same subject that it replaces.
    started = (
        login.started
        if predecessor is None
        else min(login.started, predecessor.started)
    )
    return replace(
        login,
        started=started,
        ends=min(login.ends, started + max_session),
        family=secrets.token_urlsafe(32) if predecessor is None else predecessor.family,
        key=key_of(token),
        seen=clock.now(),
    )


def add_other_labels(store: Store, login: Login, issued: float) -> None:
    """Add the labels of the hub's other NameID; raise LoginEnded after a logout."""
    labels = login.other_labels()
    # As an item, it moves to the heir with the labels.
    index = login.session_index or ""
    participant = Participant(login.audience, login.also or login.who, index, since=0.0)
    item = participant.to_json()
    if item in store.items(login.key):
        return
    # Labels before marks, so that no logout misses both. Marks are at their labels,
    # maybe in another shard. There, an unusable session meets them.
    is_labelled = store.append(login.key, item, labels)
    shard = labels[0].partition(":")[0]
    key = key_of(shard + secrets.token_urlsafe(32))
    probe = StoredSession(key, "", login.seen, login.ends, labels)
    is_free = store.create(probe, issued=issued)
    store.end(keys=(key,))
    if not (is_labelled and is_free):
        store.end(keys=(login.key,), labels=(login.name,))
        raise LoginEnded("the login was logged out before its Response came")


def reject_login(store: Store, login: Login, idle: float) -> NoReturn:
    """Raise LoginEnded for a login that the store rejected."""
    if _rejects_everybody(store, login.who.shard, idle):
        _log.error(
            "login: the store rejects every new session, because all "
            "sessions were ended at a time in the future of this clock. "
            "If the clock is wrong, set it (NTP); else wait until that "
            "time"
        )
    raise LoginEnded("the login had ended, or was logged out, before its Response came")


def _rejects_everybody(store: Store, shard: str, idle: float) -> bool:
    # The mark of Store.end_all is in the future.
    now = clock.now()
    key = key_of(shard + secrets.token_urlsafe(32))
    probe = StoredSession(key, "", now, now + idle)
    if not store.create(probe, issued=now):
        return True
    store.end(keys=(key,))
    return False
