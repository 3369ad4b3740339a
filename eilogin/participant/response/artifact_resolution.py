"""Resolve an artifact to a Response at the hub (SAML bindings 3.6).

Anybody can invent an artifact, but to resolve it costs a signature, a call and a
thread. So eilogin resolves only few for each login, for the browser with its cookie,
and limits the simultaneous calls to a hub, which may hang. After a double click, the
same artifact comes twice: the request that the hub rejects waits for the other one.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

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
from eilogin.federation import Peer, Trust
from eilogin.participant.login import pending_logins
from eilogin.participant.login.pending_logins import PendingLogin
from eilogin.saml import bindings, messages, xml_signatures
from eilogin.saml.artifact_responses import open_artifact_response
from eilogin.saml.metadata import IdentityProvider
from eilogin.web.limits.client_network import network_here, wider
from eilogin.web.limits.slots import Full, Slots
from eilogin.web.visit import Visit

#: Most artifacts for one login: two of a double click, and one more.
MOST_ARTIFACTS = 3
#: Most unanswered calls for one login: a visitor can reload without end.
MOST_UNANSWERED = 7
#: Slots for calls to hubs of all sites in this process.
_AT_HUBS = Slots()
#: The SOAP fault of a sender (SOAP 1.1, 4.4.1): our artifact or key is wrong.
_SENDER_FAULT = "Client"
#: Time-outs of a call for which an artifact counts as being at the hub.
_CALLS = 2
#: Checks by a waiting request, and seconds between them.
_CHECKS, _PAUSE = 10, 0.05
#: Seconds of waiting for a slot, before a page that retries.
_PATIENCE = 0.5
#: After so many failed artifacts, in so many seconds, a network shares its slots with
#: such networks. The last number is the most networks remembered.
_MOST_FAILED, _FAILED_FOR, _REMEMBERED = 3, 60.0, 10_000
#: The holder of the slots that these networks share.
_FAILING_NETWORKS = "of whom nothing came"


class _FailedArtifacts:
    """Client networks with failed artifacts; an attacker can use many of them."""

    def __init__(self) -> None:
        self._by_network: dict[str, tuple[float, ...]] = {}

    def note(self, visit: Visit) -> None:
        if len(self._by_network) >= _REMEMBERED:
            self._by_network.clear()
        network = wider(network_here(visit))
        earlier = self._by_network.get(network, ())
        self._by_network[network] = (*earlier, clock.now())[-_MOST_FAILED:]

    def holder(self, visit: Visit) -> str:
        network = network_here(visit)
        instants = self._by_network.get(wider(network), ())
        has_failed = (
            len(instants) == _MOST_FAILED and clock.now() - instants[0] < _FAILED_FOR
        )
        return _FAILING_NETWORKS if has_failed else network


class ResolvedArtifact(NamedTuple):
    """The Response of an artifact, and the hub that resolved it."""

    response: etree._Element
    hub: Peer[IdentityProvider]


class ArtifactResolver:
    """Resolves artifacts of a participant's hubs; at most ``most`` at once for each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed = _FailedArtifacts()

    def response(
        self,
        visit: Visit,
        pending: PendingLogin,
        artifact: str,
        index: int,
    ) -> ResolvedArtifact | None:
        """Return the Response of an artifact, within its ArtifactResponse.

        None if another request of the browser has it. Raise LoginLost after too many,
        PeerBusy, and the errors of ``open_artifact_response`` and the back channel.
        """
        slots = _ArtifactSlots(visit, pending)
        try:
            slots.take()
            with self._slot(visit, pending.hub):
                return _resolved(artifact, index, visit.trust, pending.hub)
        except PeerBusy:
            # eilogin sent no ArtifactResolve.
            slots.release()
            raise
        except Unavailable as error:
            if isinstance(error, PeerUnavailable) and not error.has_answered:
                # The artifact may still be good.
                slots.mark_unanswered()
            else:
                # The hub resolves an artifact only once.
                slots.mark_failed()
            raise
        except Refused as error:
            slots.mark_failed()
            self._failed.note(visit)
            may_be_resolved = isinstance(
                error, LoginFailed | LoginLost | MessageExpired
            )
            if may_be_resolved and self._has_other_request(visit, pending, slots):
                return None
            raise

    def _has_other_request(
        self, visit: Visit, pending: PendingLogin, slots: "_ArtifactSlots"
    ) -> bool:
        if not slots.is_other_at_hub():
            return bool(pending_logins.again(visit, pending).spent_by)
        # A waiting request occupies a thread too.
        with self._slot(visit, pending.hub):
            return _wait_for_other(visit, pending, slots)

    @contextmanager
    def _slot(self, visit: Visit, hub: str) -> Iterator[None]:
        # Networks with failed artifacts do not wait, or they could occupy all threads.
        holder = self._failed.holder(visit)
        patience = 0.0 if holder == _FAILING_NETWORKS else _PATIENCE
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
    """The slots of a login, each with the instant of a call, or "" if it failed."""

    def __init__(self, visit: Visit, pending: PendingLogin) -> None:
        self._values = visit.values
        self._keys = [f"artifact:{pending.handle}:{n}" for n in range(MOST_ARTIFACTS)]
        self._unanswered = [
            f"unanswered:{pending.handle}:{n}" for n in range(MOST_UNANSWERED)
        ]
        self._until = pending_logins.until(pending)
        self._longest = _CALLS * visit.trust.back_channel.timeout
        self._own_key = ""
        self._since = f"{clock.now()}"

    def take(self) -> None:
        for key in self._keys:
            if self._values.add(key, self._since, self._until, durable=False):
                self._own_key = key
                return
        raise LoginLost(
            f"the browser brought {MOST_ARTIFACTS} artifacts for this login, and "
            "none led to a login; the pending login ends"
        )

    def release(self) -> None:
        if self._own_key:
            self._values.take(self._own_key)

    def mark_unanswered(self) -> None:
        until = self._until
        if any(
            self._values.add(key, self._since, until, durable=False)
            for key in self._unanswered
        ):
            self.release()
        else:
            self.mark_failed()

    def mark_failed(self) -> None:
        if self._own_key:
            until = self._until
            self._values.swap(self._own_key, self._since, "", until, durable=False)

    def is_other_at_hub(self) -> bool:
        instants = (self._values.get(key) for key in self._keys if key != self._own_key)
        now = clock.now()
        return any(
            abs(now - float(since)) < self._longest for since in instants if since
        )


def _wait_for_other(visit: Visit, pending: PendingLogin, slots: _ArtifactSlots) -> bool:
    for _ in range(_CHECKS):
        is_at_hub = slots.is_other_at_hub()
        if pending_logins.again(visit, pending).spent_by:
            return True
        if not is_at_hub:
            return False
        time.sleep(_PAUSE)
    return False


def _resolved(artifact: str, index: int, trust: Trust, hub: str) -> ResolvedArtifact:
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
    response = open_artifact_response(
        bindings.unwrap_soap(answer),
        keys=role.keys,
        issuer=hub,
        in_response_to=request.id,
        now=clock.now(),
        # Shibboleth does not sign it if TLS authenticates the hub; DigiD always does.
        must_be_signed=(
            trust.own.profile.signs_artifact_responses
            or not endpoint.location.startswith("https:")
        ),
    )
    return ResolvedArtifact(response, peer)


def _answer_of_hub(trust: Trust, location: str, resolve: bytes) -> bytes:
    try:
        return trust.back_channel.post(location, resolve)
    except PeerUnavailable as error:
        if error.fault != _SENDER_FAULT:
            raise
        raise LoginFailed(
            f"the hub rejects the artifact, or does not know this site: {error}", ()
        ) from error
