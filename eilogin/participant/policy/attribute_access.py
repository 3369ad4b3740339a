"""Who is kept out by what the hub told of her, or did not tell.

At her login by the option ``require_attributes``: then there is no session. On a path
by the attributes that a line of ``protect`` names (``attribute_conditions``):
then she stays logged in, and gets a page that says what is missing. Neither the page
nor the log says what the hub told of her: only which attributes, by name.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import AttributeMissing, AttributeRefused
from eilogin.participant.policy import path_limits
from eilogin.participant.policy.attribute_conditions import (
    Attributes,
    Condition,
    has_value,
)
from eilogin.participant.policy.path_rules import OFF, OPTIONAL, PathRule
from eilogin.saml.assurance_levels import reaches
from eilogin.saml.messages import Assertion
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Names of attributes that one line of the log says.
_MOST_NAMES = 20


# --- at a login -----------------------------------------------------------------


def require_attributes(
    environ: "WSGIEnvironment", assertion: Assertion, names: Sequence[str]
) -> None:
    """Raise AttributeMissing where the hub did not tell each of these of somebody."""
    missing = _not_told(assertion.attributes, names)
    if missing:
        raise AttributeMissing(
            f"require_attributes expects {listed(missing)};"
            f" {_what_came(environ, assertion.issuer, assertion.attributes)}",
            missing,
        )


# --- on a path ------------------------------------------------------------------


def unmet(login: Login | None, rule: PathRule) -> Sequence[Condition]:
    """The conditions of a rule that keep this login out, in the order of their names.

    None of them where it does not reach the level: that she is asked for first.
    """
    if not rule.conditions or login is None or not reaches(login.level, rule.need):
        return ()
    attributes = login.attributes
    found = [one for one in rule.conditions if not one.is_met(attributes)]
    return sorted(found, key=lambda one: (one.name, sorted(one.values or ())))


def is_open_to(environ: "WSGIEnvironment", login: Login | None, rule: PathRule) -> bool:
    """Whether a page with this rule is open to who has this login, or none.

    Raises :class:`eilogin.errors.StoreUnavailable`.
    """
    return rule.need in (OFF, OPTIONAL) or (
        login is not None
        and reaches(login.level, rule.need)
        and not path_limits.needs_proof(environ, login, rule)
        and not unmet(login, rule)
    )


def refuse(
    environ: "WSGIEnvironment",
    pages: Pages,
    login: Login,
    conditions: Sequence[Condition],
) -> Response:
    """The page for whom these conditions keep out; for a script 403 and JSON."""
    own = env.trust(environ).own
    after = urlencode({"next": this_page(environ, own.public_url)})
    return pages.refuse(
        environ,
        _error(environ, login, conditions),
        event="access",
        again=root(own.public_url),
        template="no_access.html",
        needed=[(one.name, one.shown) for one in conditions],
        name=name_of(own, language_of(environ)),
        logout_url=f"{own.url('logout')}?{after}",
    )


def _error(
    environ: "WSGIEnvironment", login: Login, conditions: Sequence[Condition]
) -> AttributeMissing | AttributeRefused:
    names, attributes = [one.name for one in conditions], login.attributes
    came = _what_came(environ, login.who.issuer, attributes)
    missing = _not_told(attributes, names)
    lines = " and ".join(dict.fromkeys(repr(one.path) for one in conditions))
    if missing:
        return AttributeMissing(
            f"the line of protect for {lines} expects {listed(missing)}; {came}",
            missing,
        )
    wanted = " and ".join(repr(one.told) for one in conditions)
    return AttributeRefused(
        f"the line of protect for {lines} expects {wanted}; found another value: {came}"
    )


# --- small parts ----------------------------------------------------------------


def _not_told(attributes: Attributes, names: Iterable[str]) -> tuple[str, ...]:
    wanted = dict.fromkeys(names)
    return tuple(name for name in wanted if not has_value(attributes, name))


def listed(names: Iterable[str]) -> str:
    """Names of attributes for the log, and never a value."""
    found = sorted(set(names))
    more = ", …" if len(found) > _MOST_NAMES else ""
    listed = ", ".join(map(repr, found[:_MOST_NAMES]))
    return f"the attributes {listed}{more}" if found else "no attributes"


def _what_came(environ: "WSGIEnvironment", hub: str, attributes: Attributes) -> str:
    """For the log: of what the hub told, and whom to ask for more."""
    whom = env.trust(environ).whom_to_ask(hub)
    empty = [name for name in attributes if not has_value(attributes, name)]
    note = f", but without a value {listed(empty)}" if empty else ""
    return (
        f"{hub!r} sent {listed(attributes)}{note}. The hub decides which "
        f"attributes it sends: {whom}"
    )
