"""Drop attribute values whose scope belongs to another hub (``anna@stad.nl``).

Otherwise each hub could claim to have signed in a visitor of another hub. The metadata
lists a hub's scopes (``shibmd:Scope``, Shibboleth metadata extension 1.0). A hub
without scopes may use any that no other hub lists. One with only regular expressions
may use none. eilogin compares these domain names in ASCII (``xn--``) without regard to
case, and drops every other spelling.
"""

import logging
import re
from dataclasses import replace

from eilogin.federation import Trust
from eilogin.saml.messages import Assertion
from eilogin.saml.printable_text import some

_log = logging.getLogger("eilogin")

#: Attributes with a scope: eduPerson; SAML subject identifier attributes 1.0.
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
#: A value with exactly one domain as its scope.
_VALUE = re.compile(
    r"[^@]+@([a-z0-9]+(?:(?:\.|-+)[a-z0-9]+)*+)", re.IGNORECASE | re.ASCII
)
#: Scopes in a log line.
_MOST_NAMED = 5


def of_own_scope(trust: Trust, assertion: Assertion) -> Assertion:
    """Return the assertion without the values that its issuer may not send."""
    scoped = {
        name: values for name, values in assertion.attributes.items() if name in SCOPED
    }
    if not scoped:
        return assertion
    own_scopes, foreign_scopes = _scopes(trust, assertion.issuer)
    if own_scopes is None and not foreign_scopes:
        return assertion
    attributes = dict(assertion.attributes)
    for name, values in scoped.items():
        accepted = [
            value for value in values if _is_in(value, own_scopes, foreign_scopes)
        ]
        if accepted:
            attributes[name] = accepted
        else:
            del attributes[name]
        if len(accepted) < len(values):
            _log.warning(
                "attributes: %d value(s) of %s from %r have a foreign scope; "
                "eilogin drops them. Expected %s (shibmd:Scope in "
                "metadata); %s",
                len(values) - len(accepted),
                name,
                assertion.issuer,
                _expected(own_scopes),
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
    scopes_of = trust.federation.scopes_of
    foreign = (scopes_of(hub) or () for hub in trust.hub_ids if hub != issuer)
    return scopes_of(issuer), frozenset().union(*foreign)


def _is_in(value: str, own: frozenset[str] | None, foreign: frozenset[str]) -> bool:
    match = _VALUE.fullmatch(value)
    if match is None:
        return False
    scope = match[1].lower()
    return scope not in foreign if own is None else scope in own
