"""SSO domains: the participants that share a sign-in.

The metadata names a participant's domain (``rule_attributes``); else it is the usual
one. A proof counts in its own domain, and without single sign-on (``none``) for its
request alone (DigiD 2.1). A logout reaches all domains.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import USUAL_DOMAIN, Login

#: Instants of proofs by domain and level; None if all are in the usual domain.
ByDomain = Mapping[str, Mapping[str, float]] | None


def proven_for(login: Login, domain: str, since: float = inf) -> Login | None:
    """Return a session with the proofs for one domain, or None.

    Without single sign-on, only the latest proof counts, if not before ``since``.
    """
    if domain == NO_SSO:
        since = max([since, *login.proven.values()])
        proven = {level: at for level, at in login.proven.items() if at >= since}
    elif login.domains is None and domain == USUAL_DOMAIN:
        return login
    else:
        proven = dict(login.by_domain.get(domain, {}))
    if not proven:
        return None
    return replace(login, level=max(proven, key=LEVELS.index), proven=proven)


def of_proof(domain: str, proven: Mapping[str, float]) -> ByDomain:
    """Return the domains in which a proof counts."""
    if domain == USUAL_DOMAIN:
        return None
    return {} if domain == NO_SSO else {domain: proven}


def shared_with(domain: str, participants: Mapping[str, int]) -> str:
    """Return whether a domain shares its sign-in with ``all``, ``some`` or ``none``."""
    members = 1 if domain == NO_SSO else participants.get(domain, 1)
    if members == 1:
        return "none"
    return "all" if members == sum(participants.values()) else "some"


def is_apart(login: Login, domain: str, level: str) -> bool:
    """Whether a sufficient session needs a proof for another domain."""
    if not reaches(login.level, level):
        return False
    login_of_domain = proven_for(login, domain)
    return login_of_domain is None or not reaches(login_of_domain.level, level)
