"""Resolve an artifact to a Response at the hub (SAML bindings 3.6).

Anybody can invent an artifact, but resolving costs a signature, a call, and a thread.
So eilogin resolves few for a login, only for the browser with its cookie, and only so
many at once for each hub, which may hang.

A double click brings an artifact twice, and the hub answers once. Only the rejected
request waits for the other one.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

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
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.limits.slots import Full, Slots
from eilogin.web.visit import Visit

#: For one login: a double click, and one more.
MOST_ARTIFACTS = 3
#: Unanswered calls for one login: a visitor can reload the page without end.
MOST_UNANSWERED = 7
#: Artifacts at hubs, and requests that wait, over all sites.
_AT_HUBS = Slots()
#: A fault of the sender (SOAP 1.1, 4.4.1): in the artifact, or our keys.
_OURS = "Client"
#: Call time-outs for which an artifact counts as being at the hub.
_CALLS = 2
#: Checks of a waiting request, and seconds between them.
_LOOKS, _PAUSE = 10, 0.05
#: Seconds of waiting for a slot, before a page that retries.
_PATIENCE = 0.5
#: Failed artifacts after which a network shares slots, seconds for which they count,
#: and networks remembered.
_FRUITLESS, _LATELY, _REMEMBERED = 3, 60.0, 10_000
_OF_THOSE = "of whom nothing came"


class _FailedArtifacts:
    """Client networks with failed artifacts.

    An attacker can use many networks and retry at once; a visitor's page waits.
    """

    def __init__(self) -> None:
        self._by_network: dict[str, tuple[float, ...]] = {}

    def note(self, visit: Visit) -> None:
        if len(self._by_network) >= _REMEMBERED:
            self._by_network.clear()
        network = wider(network_here(visit))
        before = self._by_network.get(network, ())
        self._by_network[network] = (*before, clock.now())[-_FRUITLESS:]

    def holder(self, visit: Visit) -> str:
        network = network_here(visit)
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
        visit: Visit,
        pending: PendingLogin,
        artifact: str,
        index: int,
    ) -> etree._Element | None:
        """Return the Response of an artifact, in the tree that it came in.

        None if another request of the browser has it. Raise LoginLost after too many
        artifacts, PeerBusy, and errors of ``open_artifact_response`` and the back
        channel.
        """
        slots = _ArtifactSlots(visit, pending)
        try:
            slots.begin()
            with self._place(visit, pending.hub):
                return _resolved(artifact, index, visit.trust, pending.hub)
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
            self._fruitless.note(visit)
            is_gone = isinstance(error, LoginFailed | LoginLost | MessageExpired)
            if is_gone and self._is_taken(visit, pending, slots):
                return None
            raise

    def _is_taken(
        self, visit: Visit, pending: PendingLogin, slots: "_ArtifactSlots"
    ) -> bool:
        """Return whether another request has the Response, or gets it in a moment."""
        if not slots.is_other_at_hub():
            return bool(pending_logins.again(visit, pending).spent_by)
        # A waiting request occupies a thread too.
        with self._place(visit, pending.hub):
            return _wait_for_other(visit, pending, slots)

    @contextmanager
    def _place(self, visit: Visit, hub: str) -> Iterator[None]:
        """Hold a slot for a call to a hub, or raise PeerBusy.

        Networks with failed artifacts do not wait, or they would occupy the threads.
        """
        holder = self._fruitless.holder(visit)
        patience = 0.0 if holder == _OF_THOSE else _PATIENCE
        try:
            with _AT_HUBS.hold(hub, self._most, holder, patience=patience):
                yield
        except Full as full:
            raise PeerBusy(
                f"artifact: {hub!r} is resolving {full.in_use} artifacts at this "
                f"moment, {full.of_client} of them from one client network; eilogin "
                "sends no more. Does the hub answer slowly, or does somebody "
                "forge artifacts?"
            ) from None


class _ArtifactSlots:
    """The artifacts of one login, in slots with the instant of the call, or ""."""

    def __init__(self, visit: Visit, pending: PendingLogin) -> None:
        self._values = visit.values
        self._keys = [f"artifact:{pending.handle}:{n}" for n in range(MOST_ARTIFACTS)]
        self._unanswered = [
            f"unanswered:{pending.handle}:{n}" for n in range(MOST_UNANSWERED)
        ]
        self._until = pending_logins.until(pending)
        self._longest = _CALLS * visit.trust.back_channel.timeout
        self._mine = ""
        self._since = f"{clock.now()}"

    def begin(self) -> None:
        for key in self._keys:
            if self._values.add(key, self._since, self._until, durable=False):
                self._mine = key
                return
        raise LoginLost(
            f"the browser brought {MOST_ARTIFACTS} artifacts for this login, and "
            "none led to a login; the pending login ends"
        )

    def undo(self) -> None:
        if self._mine:
            self._values.take(self._mine)

    def be_unanswered(self) -> None:
        until = self._until
        if any(
            self._values.add(key, self._since, until, durable=False)
            for key in self._unanswered
        ):
            self.undo()
        else:
            self.fail()

    def fail(self) -> None:
        if self._mine:
            until = self._until
            self._values.swap(self._mine, self._since, "", until, durable=False)

    def is_other_at_hub(self) -> bool:
        instants = (self._values.get(key) for key in self._keys if key != self._mine)
        now = clock.now()
        return any(
            abs(now - float(since)) < self._longest for since in instants if since
        )


def _wait_for_other(visit: Visit, pending: PendingLogin, slots: _ArtifactSlots) -> bool:
    for _ in range(_LOOKS):
        is_there = slots.is_other_at_hub()
        if pending_logins.again(visit, pending).spent_by:
            return True
        if not is_there:
            return False
        time.sleep(_PAUSE)
    return False


def _resolved(artifact: str, index: int, trust: Trust, hub: str) -> etree._Element:
    peer = trust.hub_peer(hub)
    role = peer.role
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
    xml_signatures.sign(element, trust.key_for(peer))
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
    try:
        return trust.back_channel.post(location, question)
    except PeerUnavailable as error:
        if error.fault != _OURS:
            raise
        raise LoginFailed(
            f"the hub rejects the artifact, or does not know this site: {error}", ()
        ) from error
