"""Resolve an artifact to a Response at the hub (SAML bindings 3.6).

Anybody can invent an artifact, but resolving one costs eilogin a signature, a call, and
a thread. So eilogin resolves few artifacts for a pending login, only for the browser
with the cookie of that login, and only so many at once for each hub. A hub that hangs
then does not occupy all threads (:mod:`eilogin.web.limits.slots`).

A double click brings the same artifact twice, and the hub answers it once. The request
that the hub rejects waits while the other one is at the hub. Nothing else waits.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lxml import etree

from eilogin import clock
from eilogin.errors import (
    BindingMissing,
    InNameOf,
    LoginFailed,
    LoginLost,
    MessageExpired,
    PeerBusy,
    PeerUnavailable,
    Refused,
    Unavailable,
)
from eilogin.federation import Trust
from eilogin.participant.login import pending_logins
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.artifact_responses import open_artifact_response
from eilogin.web import environ as env
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.limits.slots import Full, Slots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Artifacts that eilogin resolves for one login: a double click, and one more.
MOST_ARTIFACTS = 3
#: Further calls for one login that may get no answer from the hub. A visitor can reload
#: the page without end.
MOST_UNANSWERED = 7
#: The artifacts that this process resolves now, and the requests that wait for one of
#: those. Counted for each hub, over all sites of the process.
_AT_HUBS = Slots()
#: The SOAP fault code for a fault of the sender (SOAP 1.1, 4.4.1): in the artifact, or
#: in the keys that the hub has of this site.
_OURS = "Client"
#: An artifact counts as being at the hub for this many call time-outs, whatever became
#: of its request.
_CALLS = 2
#: How often a waiting request checks the other one, and the seconds between checks.
_LOOKS, _PAUSE = 10, 0.05
#: How many seconds a request waits for a slot, before a page that tries again.
_PATIENCE = 0.5
#: Number of failed artifacts after which a client network shares slots, seconds for
#: which they count, and number of networks that eilogin remembers.
_FRUITLESS, _LATELY, _REMEMBERED = 3, 60.0, 10_000
#: The slot holder that all networks with failed artifacts share.
_OF_THOSE = "of whom nothing came"


class _FailedArtifacts:
    """The client networks that have brought failed artifacts.

    An attacker who invents artifacts can use many networks and retry at once. A visitor
    whose page reports that no slot is free retries after some seconds.
    """

    def __init__(self) -> None:
        self._by_network: dict[str, tuple[float, ...]] = {}

    def note(self, environ: "WSGIEnvironment") -> None:
        """Count a failed artifact for the network of a request."""
        if len(self._by_network) >= _REMEMBERED:
            self._by_network.clear()
        network = wider(network_here(environ))
        before = self._by_network.get(network, ())
        self._by_network[network] = (*before, clock.now())[-_FRUITLESS:]

    def holder(self, environ: "WSGIEnvironment") -> str:
        """Return the slot holder of a request: its network, or the shared one."""
        network = network_here(environ)
        instants = self._by_network.get(wider(network), ())
        is_one = len(instants) == _FRUITLESS and clock.now() - instants[0] < _LATELY
        return _OF_THOSE if is_one else network


class ArtifactResolver:
    """Resolves artifacts of a participant's hubs; at most ``most`` at once for each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._fruitless = _FailedArtifacts()

    def response(
        self,
        environ: "WSGIEnvironment",
        pending: PendingLogin,
        artifact: str,
        index: int,
    ) -> etree._Element | None:
        """Return the Response of an artifact, in the tree that it came in.

        Return None if another request of the same browser has it by now. Raise
        :class:`eilogin.errors.LoginLost` after too many artifacts for this login,
        :class:`eilogin.errors.PeerBusy` if the hub resolves too many at once, and the
        errors of ``open_artifact_response`` and of the back channel.
        """
        slots = _ArtifactSlots(environ, pending)
        try:
            slots.begin()
            with self._place(environ, pending.hub):
                return _resolved(artifact, index, env.trust(environ), pending.hub)
        except PeerBusy:
            # eilogin sent no ArtifactResolve.
            slots.undo()
            raise
        except Unavailable as error:
            if isinstance(error, PeerUnavailable) and not error.has_answered:
                # The artifact may still be good.
                slots.be_unanswered()
            else:
                # The hub got the artifact, whatever it answered.
                slots.fail()
            raise
        except Refused as error:
            slots.fail()
            self._fruitless.note(environ)
            is_gone = isinstance(error, LoginFailed | LoginLost | MessageExpired)
            if is_gone and self._is_taken(environ, pending, slots):
                return None
            raise

    def _is_taken(
        self, environ: "WSGIEnvironment", pending: PendingLogin, slots: "_ArtifactSlots"
    ) -> bool:
        """Return whether another request has the Response, or gets it in a moment.

        A waiting request occupies a thread too, so it needs a slot.
        """
        if not slots.is_other_at_hub():
            return bool(pending_logins.again(environ, pending).spent_by)
        with self._place(environ, pending.hub):
            return _wait_for_other(environ, pending, slots)

    @contextmanager
    def _place(self, environ: "WSGIEnvironment", hub: str) -> Iterator[None]:
        """Hold a slot for a call to a hub; raise PeerBusy if none becomes free.

        Networks with failed artifacts do not wait, or they would occupy the threads.
        """
        holder = self._fruitless.holder(environ)
        patience = 0.0 if holder == _OF_THOSE else _PATIENCE
        try:
            with _AT_HUBS.one(hub, self._most, holder, patience=patience):
                yield
        except Full as full:
            raise PeerBusy(
                f"artifact: {hub!r} is resolving {full.taken} artifacts at this "
                f"moment, {full.of_one} of them from one client network; eilogin "
                "sends no more. Does the hub answer slowly, or does somebody "
                "forge artifacts?"
            ) from None


class _ArtifactSlots:
    """The artifacts of one login, each in a slot in the store.

    The value of a slot is the instant when the artifact went to the hub, or "" after it
    failed.
    """

    def __init__(self, environ: "WSGIEnvironment", pending: PendingLogin) -> None:
        self._values = env.values(environ)
        self._keys = [f"artifact:{pending.handle}:{n}" for n in range(MOST_ARTIFACTS)]
        self._unanswered = [
            f"unanswered:{pending.handle}:{n}" for n in range(MOST_UNANSWERED)
        ]
        self._until = pending_logins.until(pending)
        self._longest = _CALLS * env.trust(environ).back_channel.timeout
        self._mine = ""
        self._since = f"{clock.now()}"

    def begin(self) -> None:
        """Take a slot, or raise :class:`eilogin.errors.LoginLost`."""
        for key in self._keys:
            if self._values.add(key, self._since, self._until, durable=False):
                self._mine = key
                return
        raise LoginLost(
            f"the browser brought {MOST_ARTIFACTS} artifacts for this login, and "
            "none led to a login; the pending login ends"
        )

    def undo(self) -> None:
        """Free the slot for another artifact."""
        if self._mine:
            self._values.take(self._mine)

    def be_unanswered(self) -> None:
        """Free the slot, as often as a call may get no answer; otherwise keep it."""
        until = self._until
        if any(
            self._values.add(key, self._since, until, durable=False)
            for key in self._unanswered
        ):
            self.undo()
        else:
            self.fail()

    def fail(self) -> None:
        """Keep the slot for an artifact that failed for good."""
        if self._mine:
            until = self._until
            self._values.swap(self._mine, self._since, "", until, durable=False)

    def is_other_at_hub(self) -> bool:
        """Return whether another artifact of this login is at the hub now."""
        instants = (self._values.get(key) for key in self._keys if key != self._mine)
        now = clock.now()
        return any(
            abs(now - float(since)) < self._longest for since in instants if since
        )


def _wait_for_other(
    environ: "WSGIEnvironment", pending: PendingLogin, slots: _ArtifactSlots
) -> bool:
    """Wait while another request is at the hub; return whether it has the Response."""
    for _ in range(_LOOKS):
        is_there = slots.is_other_at_hub()
        if pending_logins.again(environ, pending).spent_by:
            return True
        if not is_there:
            return False
        time.sleep(_PAUSE)
    return False


def _resolved(artifact: str, index: int, trust: Trust, hub: str) -> etree._Element:
    role = trust.hub(hub)
    endpoint = role.artifact_resolution(index)
    if endpoint is None:
        raise BindingMissing(
            f"eilogin cannot resolve an artifact of {hub!r}: its metadata has no "
            f"ArtifactResolutionService over SOAP: {trust.whom_to_ask(hub)}"
        )
    request = messages.ArtifactResolve(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        artifact=artifact,
        destination=endpoint.location,
    )
    element = messages.write_artifact_resolve(request)
    xml_signatures.sign(element, trust.key_for(hub))
    with InNameOf(hub):
        answer = _answer_of_hub(trust, endpoint.location, bindings.wrap_soap(element))
    return open_artifact_response(
        bindings.unwrap_soap(answer),
        keys=role.keys,
        issuer=hub,
        in_response_to=request.id,
        now=clock.now(),
        # Shibboleth signs none if the channel authenticates it; DigiD signs all.
        must_be_signed=(
            trust.own.profile.signs_artifact_responses
            or not endpoint.location.startswith("https:")
        ),
    )


def _answer_of_hub(trust: Trust, location: str, question: bytes) -> bytes:
    """Return the hub's answer; raise LoginFailed for a SOAP fault of the sender."""
    try:
        return trust.back_channel.post(location, question)
    except PeerUnavailable as error:
        if error.fault != _OURS:
            raise
        raise LoginFailed(
            f"the hub rejects the artifact, or does not know this site: {error}", ()
        ) from error
