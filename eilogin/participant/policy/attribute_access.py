"""Refuse visitors by the attributes that the hub sent.

Without one of ``require_attributes``, eilogin creates no session. Without one of a
path, the visitor stays signed in. Page and log show no values from the hub.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from webob import Response

from eilogin.errors import AttributeMissing, AttributeRefused
from eilogin.participant.policy import path_limits
from eilogin.participant.policy.attribute_conditions import (
    Attributes,
    Condition,
    has_value,
)
from eilogin.participant.policy.strictest_rule import OFF, OPTIONAL, PathRule
from eilogin.saml.assurance_levels import reaches
from eilogin.saml.messages import Assertion
from eilogin.sessions import Login
from eilogin.web.pages.page_frame import name_of
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root, this_page
from eilogin.web.visit import Visit

#: Names of attributes in a log line.
_MOST_NAMES = 20


def require_attributes(
    visit: Visit, assertion: Assertion, names: Sequence[str]
) -> None:
    """Raise AttributeMissing unless the hub sent each of these attributes."""
    missing = _missing(assertion.attributes, names)
    if missing:
        raise AttributeMissing(
            f"require_attributes expects {listed(missing)};"
            f" {_received(visit, assertion.issuer, assertion.attributes)}",
            missing,
        )


def unmet(login: Login | None, rule: PathRule) -> Sequence[Condition]:
    """Return the unmet conditions of a rule, sorted by name; () without its level."""
    if not rule.conditions or login is None or not reaches(login.level, rule.need):
        return ()
    attributes = login.attributes
    conditions = [cond for cond in rule.conditions if not cond.is_met(attributes)]
    return sorted(conditions, key=lambda cond: (cond.name, sorted(cond.values or ())))


def is_open_to(visit: Visit, login: Login | None, rule: PathRule) -> bool:
    """Return whether a page with this rule is open; raise StoreUnavailable."""
    return rule.need in (OFF, OPTIONAL) or (
        login is not None
        and reaches(login.level, rule.need)
        and not path_limits.needs_proof(visit, login, rule)
        and not unmet(login, rule)
    )


def refuse(
    visit: Visit,
    pages: Pages,
    login: Login,
    conditions: Sequence[Condition],
) -> Response:
    """Return the page about these unmet conditions; for a script 403 and JSON."""
    own = visit.trust.own
    query = urlencode({"next": this_page(visit, own.public_url)})
    return pages.refuse(
        visit,
        _error(visit, login, conditions),
        event="access",
        again=root(own.public_url),
        template="no_access.html",
        needed=[(condition.name, condition.shown) for condition in conditions],
        name=name_of(own, language_of(visit)),
        logout_url=f"{own.url('logout')}?{query}",
    )


def _error(
    visit: Visit, login: Login, conditions: Sequence[Condition]
) -> AttributeMissing | AttributeRefused:
    names, attributes = [condition.name for condition in conditions], login.attributes
    received = _received(visit, login.who.issuer, attributes)
    missing = _missing(attributes, names)
    lines = " and ".join(dict.fromkeys(repr(cond.path) for cond in conditions))
    if missing:
        return AttributeMissing(
            f"the line of protect for {lines} expects {listed(missing)}; {received}",
            missing,
        )
    expected = " and ".join(repr(condition.log_text) for condition in conditions)
    return AttributeRefused(
        f"the line of protect for {lines} expects {expected}; found another value: "
        f"{received}"
    )


def _missing(attributes: Attributes, names: Iterable[str]) -> tuple[str, ...]:
    distinct = dict.fromkeys(names)
    return tuple(name for name in distinct if not has_value(attributes, name))


def listed(names: Iterable[str]) -> str:
    """Return names for the log, and never a value."""
    distinct = sorted(set(names))
    more = ", …" if len(distinct) > _MOST_NAMES else ""
    listed = ", ".join(map(repr, distinct[:_MOST_NAMES]))
    return f"the attributes {listed}{more}" if distinct else "no attributes"


def _received(visit: Visit, hub: str, attributes: Attributes) -> str:
    ask = visit.trust.whom_to_ask(hub)
    empty = [name for name in attributes if not has_value(attributes, name)]
    note = f", but without a value {listed(empty)}" if empty else ""
    return (
        f"{hub!r} sent {listed(attributes)}{note}. The hub decides which "
        f"attributes it sends: {ask}"
    )
