"""SSO domains: the participants that share a sign-in.

The metadata says to which domain a participant belongs (``rule_attributes``); without
an entry it is in the usual one. A visitor has one session for all domains, so a logout
reaches all of them. But a proof for a participant of one domain counts in no other
domain. A proof for a participant without single sign-on (``none``) counts for that
request alone (DigiD 2.1).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from eilogin.saml.assurance_levels import LEVELS, reaches
from eilogin.saml.metadata import NO_SSO
from eilogin.sessions import USUAL_DOMAIN, Login

#: Instants of proofs by SSO domain and level; None if all were for the usual one.
ByDomain = Mapping[str, Mapping[str, float]] | None


def proven_for(login: Login, domain: str, since: float = inf) -> Login | None:
    """Return a session with the proofs for one domain; None without any.

    Without single sign-on it is the latest proof, if that was given ``since`` an
    instant: a later proof for another participant does not count.
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
    """Return the domains for which a proof for a participant of one counts."""
    if domain == USUAL_DOMAIN:
        return None
    return {} if domain == NO_SSO else {domain: proven}


def shared_with(domain: str, participants: Mapping[str, int]) -> str:
    """Return with which other participants one of a domain shares a sign-in.

    ``all``, ``some`` or ``none``; ``participants`` is the number in each domain.
    """
    theirs = 1 if domain == NO_SSO else participants.get(domain, 1)
    if theirs == 1:
        return "none"
    return "all" if theirs == sum(participants.values()) else "some"


def is_apart(login: Login, domain: str, level: str) -> bool:
    """Whether a session is sufficient, but not proven for participants of a domain.

    Then the visitor signs in once more for those.
    """
    if not reaches(login.level, level):
        return False
    known = proven_for(login, domain)
    return known is None or not reaches(known.level, level)
