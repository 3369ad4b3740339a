"""SSO domains: among which participants a login at one serves the others too.

The operator says in the metadata to which domain a participant belongs
(``rule_attributes``); who has none is in the usual one. A session is
one, whatever domains she goes to, so that a logout reaches all; but what she has
proven for a participant of one domain is no answer to any of another, and for one
without single sign-on (``none``) it answers that very question alone (DIGID.md 2.1).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import USUAL_DOMAIN, Login

#: By SSO domain what was proven for it, and when; None where all was for the usual one.
ByDomain = Mapping[str, Mapping[str, float]] | None


def proven_for(login: Login, domain: str, since: float = inf) -> Login | None:
    """A login as far as it was proven for participants of a domain; None if it was not.

    Where there is no single sign-on, what was proven last, if that was ``since`` an
    instant: what she has proven for others meanwhile is not for it.
    """
    if domain == NO_SSO:
        since = max([since, *login.proven.values()])
        found = {level: at for level, at in login.proven.items() if at >= since}
    elif login.domains is None and domain == USUAL_DOMAIN:
        return login
    else:
        found = dict(login.by_domain.get(domain, {}))
    if not found:
        return None
    return replace(login, level=max(found, key=LEVELS.index), proven=found)


def of_proof(domain: str, proven: Mapping[str, float]) -> ByDomain:
    """For which domain a proof is good that is given for a participant of one."""
    if domain == USUAL_DOMAIN:
        return None
    return {} if domain == NO_SSO else {domain: proven}


def shared_with(domain: str, participants: Mapping[str, int]) -> str:
    """Of all other participants, those with whom one of a domain shares a login.

    ``all``, ``some`` or ``none``; ``participants`` is how many each domain has.
    """
    theirs = 1 if domain == NO_SSO else participants.get(domain, 1)
    if theirs == 1:
        return "none"
    return "all" if theirs == sum(participants.values()) else "some"


def is_apart(login: Login, domain: str, level: str) -> bool:
    """Whether a login would do, but was not proven for participants of a domain.

    Then she proves for those what she has proven for others.
    """
    if not reaches(login.level, level):
        return False
    known = proven_for(login, domain)
    return known is None or not reaches(known.level, level)
