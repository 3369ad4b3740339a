"""From what the hub signed to a session of this visitor, and on to her page.

What comes before, from the request to the assertion, is :mod:`eilogin.visit.answers`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.errors import LevelTooLow, LoginLost
from eilogin.saml import messages
from eilogin.saml.checks import SKEW
from eilogin.saml.levels import Classes, reaches
from eilogin.sessions import Login, Subject, create_in_place
from eilogin.visit import limits, rounds, under_way
from eilogin.visit.again import SecondChance
from eilogin.visit.asking import forget_asking
from eilogin.visit.under_way import PendingLogin
from eilogin.visit.whereabouts import Whereabouts
from eilogin.web import environ as env
from eilogin.web.urls import at, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def log_in(
    environ: "WSGIEnvironment",
    pending: PendingLogin,
    assertion: messages.Assertion,
    forms: SecondChance,
    whereabouts: Whereabouts,
) -> Response:
    """Make the login that an assertion speaks of, and go on to the page.

    ``assertion`` was verified and answers ``pending``, which is this browser's. Raises
    :class:`eilogin.errors.LevelTooLow`, :class:`eilogin.errors.MessageReplayed`,
    :class:`eilogin.errors.LoginEnded` or :class:`eilogin.errors.StoreUnavailable`;
    nobody is logged in then.
    """
    sessions, trust = env.sessions(environ), env.trust(environ)
    own, level = trust.own, _level_reached(pending, assertion, trust.classes)
    said = _login_of(assertion, level, own.entity_id)
    said = replace(said, address=whereabouts.mark(environ))
    current = whereabouts.of_this_network(environ, env.session(environ))
    name = f"assertion:{assertion.issuer}\0{assertion.id}"
    if not under_way.claim(environ, pending):
        return once_more(environ, under_way.of_browser(environ, pending.handle))
    sessions.use_once(name, assertion.confirmation_ends + SKEW)
    made = create_in_place(
        sessions,
        _merged(pending, assertion, said, current),
        alone=_merged(pending, assertion, said, None),
        issued=assertion.issued,
        current=current,
    )
    if made is None:
        return go_to(environ, pending.target)
    token, login = made
    under_way.spend(environ, pending, sessions.key_of(token))
    audit.event(
        _what_happened(current, login),
        pseudonym=own.pseudonym(login.subject),
        session=own.pseudonym(token),
        peer=assertion.issuer,
        level=login.level,
    )
    headers = [
        env.cookie(environ).set(token),
        forget_asking(),
        *forms.whose_cookie(environ, login, token),
        under_way.spent_cookie(environ, pending),
    ]
    if not pending.is_passive:
        headers.append(rounds.note(environ, pending.target))
    return go_to(environ, pending.target, headers)


def once_more(environ: "WSGIEnvironment", pending: PendingLogin) -> Response:
    """On to the page, for who brings the answer to a login for the second time.

    Her session may be on its way to this browser, or its cookie was lost because she
    clicked twice: then the page asks the hub, which knows her. After a logout there is
    no page to go on to by itself.
    """
    if env.session(environ) is not None:
        return go_to(environ, pending.target)
    came_of_it = pending.spent_by
    is_under_way = came_of_it == under_way.CLAIMED
    if not is_under_way and env.sessions(environ).store.read(came_of_it) is None:
        raise LoginLost("this answer was used, and its session is over")
    return go_to(environ, pending.target, [rounds.note(environ, pending.target)])


def _level_reached(
    pending: PendingLogin, assertion: messages.Assertion, classes: Classes
) -> str:
    """The level that was confirmed, if that is what was asked for; or LevelTooLow."""
    level = classes.level_of(assertion.level_class)
    if level is None or not reaches(level, pending.level):
        raise LevelTooLow(
            f"{pending.level} was asked for; {assertion.level_class!r} came"
        )
    if pending.is_forced and assertion.authn_instant < pending.asked - SKEW:
        raise LevelTooLow("a fresh proof was asked for; an old one came")
    return level


def _login_of(assertion: messages.Assertion, level: str, audience: str) -> Login:
    now = clock.now()
    return Login(
        who=Subject.named(
            assertion.name_id, issuer=assertion.issuer, audience=audience
        ),
        level=level,
        # First sight of her here: a hub may tell no end, and may have confirmed her
        # long ago.
        started=now,
        ends=assertion.session_ends or float("inf"),
        confirmed=now,
        attributes=assertion.attributes,
        session_index=assertion.session_index,
        ahead=max(0.0, assertion.issued - now),
    )


def _merged(
    pending: PendingLogin,
    assertion: messages.Assertion,
    said: Login,
    current: Login | None,
) -> Login:
    """What the hub said, with what was confirmed of the same citizen before."""
    before = current if current is not None and current.who == said.who else None
    proven = limits.proven_at(
        assertion.authn_instant,
        said.level,
        asked=pending.asked if pending.is_forced else None,
        before=before,
    )
    login = replace(said, proven=proven)
    return login if before is None else before.confirmed_by(login)


def _what_happened(before: Login | None, now: Login) -> str:
    if before is None or before.who != now.who:
        return "login"
    return "keep-alive" if before.level == now.level else "step-up"


def go_to(
    environ: "WSGIEnvironment",
    target: str,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """A redirect to a path of this site, with its query."""
    return see_other(at(env.trust(environ).own.public_url, target), headers)
