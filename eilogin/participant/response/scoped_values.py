"""Values with a scope, such as ``anna@stad.nl``, which only the hub of it may give.

Where several hubs log citizens in, each could say of hers that she is of another. The
metadata tells which scopes are whose (``shibmd:Scope``, Shibboleth metadata extension
1.0); a value of a scope that its hub does not have is left out, as if it had not been
told. A hub whose metadata lists none may use any that is not another hub's. Where no
hub lists any, nothing is looked at.

Scopes are names of domains, and compared as such: without regard to case, and in ASCII
(``xn--``), so that no other spelling of one passes for another. A regular expression is
none of ours, and whoever lists only such has none.
"""

import logging
import re
from dataclasses import replace

from eilogin.federation import Trust
from eilogin.saml.messages import Assertion
from eilogin.saml.printable_text import some

_log = logging.getLogger("eilogin")

#: Attributes whose values have a scope, by the names that they go under (eduPerson,
#: SAML subject identifier attributes 1.0).
SCOPED = frozenset(
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        "urn:mace:dir:attribute-def:eduPersonPrincipalName",
        "eduPersonPrincipalName",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "urn:mace:dir:attribute-def:eduPersonScopedAffiliation",
        "eduPersonScopedAffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
        "urn:mace:dir:attribute-def:eduPersonUniqueId",
        "eduPersonUniqueId",
        "urn:oasis:names:tc:SAML:attribute:subject-id",
        "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    )
)
#: A value of a domain, and of one only.
_VALUE = re.compile(
    r"[^@]+@([a-z0-9]+(?:(?:\.|-+)[a-z0-9]+)*+)", re.IGNORECASE | re.ASCII
)
#: How many scopes a log names.
_MOST_NAMED = 5


def of_own_scope(trust: Trust, assertion: Assertion) -> Assertion:
    """The assertion without the values that its issuer may not give."""
    scoped = {
        name: values for name, values in assertion.attributes.items() if name in SCOPED
    }
    if not scoped:
        return assertion
    own, foreign = _scopes(trust, assertion.issuer)
    if own is None and not foreign:
        return assertion
    attributes = dict(assertion.attributes)
    for name, values in scoped.items():
        kept = [value for value in values if _is_in(value, own, foreign)]
        if kept:
            attributes[name] = kept
        else:
            del attributes[name]
        if len(kept) < len(values):
            _log.warning(
                "attributes: %d value(s) of %s from %r have a foreign scope; "
                "eilogin drops them. Expected %s (shibmd:Scope in "
                "metadata); %s",
                len(values) - len(kept),
                name,
                assertion.issuer,
                _expected(own),
                trust.whom_to_ask(assertion.issuer),
            )
    return replace(assertion, attributes=attributes)


def _expected(own: frozenset[str] | None) -> str:
    if own is None:
        return "a scope that no other hub lists"
    if not own:
        return "no value, because the hub lists no scope as text"
    return f"the scope {some(sorted(own), _MOST_NAMED)}"


def _scopes(trust: Trust, issuer: str) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The scopes of a hub, None where none are listed, and those of all the others."""
    scopes_of = trust.federation.scopes_of
    foreign = (scopes_of(hub) or () for hub in trust.hub_ids if hub != issuer)
    return scopes_of(issuer), frozenset().union(*foreign)


def _is_in(value: str, own: frozenset[str] | None, foreign: frozenset[str]) -> bool:
    match = _VALUE.fullmatch(value)
    if match is None:
        return False
    scope = match[1].lower()
    return scope not in foreign if own is None else scope in own
