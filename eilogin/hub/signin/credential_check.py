"""Check a username, a password and a code, within the limits for attempts.

``Citizens.verify`` checks the hash of the password.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from eilogin import clock
from eilogin.errors import Busy
from eilogin.hub.signin.citizen_accounts import Citizen, Citizens
from eilogin.hub.signin.hashing_threads import HashingThreads
from eilogin.hub.signin.signin_attempts import SignInAttempts
from eilogin.saml.assurance_levels import LEVELS
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.visit import Visit

PASSWORD, WITH_CODE = LEVELS[0], LEVELS[1]
OFFERED = (PASSWORD, WITH_CODE)

#: Seconds that a code stays used: it is valid for 90, and clocks are set back.
_CODE_FOR = 180.0


class CheckedCredentials(NamedTuple):
    """The result of a sign-in form."""

    citizen: Citizen | None = None
    #: For the audit log: ``wrong``, ``too-often`` or ``blocked``.
    problem: str = ""
    #: For the page: the same, but only from attempts in this browser or network.
    shown_problem: str = ""
    #: Whether few attempts are left, for existing and unknown usernames alike.
    few_left: bool = False


class CredentialCheck:
    """Checks sign-in forms against the citizens."""

    def __init__(self, citizens: Citizens) -> None:
        self._citizens = citizens
        self._hashing = HashingThreads()

    def check(
        self,
        visit: Visit,
        form: Mapping[str, str],
        level: str,
        session_citizen: Citizen | None,
    ) -> CheckedCredentials:
        """Return the citizen that this form proves at a level, or the problem.

        The code of the ``session_citizen`` counts as a try at the password too. Raise
        Busy, and count no attempt, if too many passwords wait for their check.
        """
        username = form.get("username", "")
        attempts = SignInAttempts(visit, username, self._citizens.called(username))
        if not attempts.may_try_here():
            return CheckedCredentials(problem="blocked", shown_problem="blocked")
        may_try = attempts.may_try_password()
        if not may_try and attempts.is_in_known_browser:
            # This browser learns only of its own attempts.
            return CheckedCredentials(problem="too-often", shown_problem="too-often")
        try:
            candidate = session_citizen or self._verified(
                visit, username, form.get("password", "")
            )
        except Busy:
            attempts.give_back()
            raise
        citizen = candidate if may_try else None
        if level != PASSWORD and not self._takes_code(visit, attempts, citizen, form):
            citizen = None
        if citizen is None:
            # Also for an unknown username.
            problem = "wrong" if may_try else "too-often"
            return CheckedCredentials(
                problem=problem,
                shown_problem="too-often" if attempts.has_none_left else problem,
                few_left=attempts.has_few_left,
            )
        attempts.forget(citizen.id, with_code=level != PASSWORD)
        return CheckedCredentials(citizen)

    def _verified(self, visit: Visit, username: str, password: str) -> Citizen | None:
        verify = partial(self._citizens.verify, username, password)
        # One household may have many networks, and would take most of the turns.
        return self._hashing.run(wider(network_here(visit)), verify)

    def _takes_code(
        self,
        visit: Visit,
        attempts: SignInAttempts,
        citizen: Citizen | None,
        form: Mapping[str, str],
    ) -> bool:
        # Without a citizen, it takes the same steps, so that the time reveals nothing
        # about the password.
        code = form.get("code", "")
        may_try = attempts.may_try_code(citizen.id if citizen else "")
        is_right = self._citizens.verify_code(citizen, code)
        if citizen is None or not may_try or not is_right:
            return False
        # A code counts once (RFC 6238 5.2).
        used = used_code(citizen, "".join(code.split()))
        return visit.values.add(used, "", clock.now() + _CODE_FOR)


def used_code(citizen: Citizen, code: str) -> str:
    """Return the store's key of a used code."""
    return f"code:{citizen.id}:{code}"
