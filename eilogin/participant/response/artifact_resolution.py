"""What an artifact stands for, fetched from the hub (SAML bindings 3.6).

To invent an artifact costs nobody anything; to ask the hub about it costs us a
signature, a call, and a thread for as long as it takes. So a login under way gets few
of them, whoever brings one for it has that login's cookie, and of one hub only so much
is asked at a time that a hub which hangs does not take all threads along
(:mod:`eilogin.web.limits.slots`).

A click that comes twice brings the same artifact twice, and the hub knows it once. The
one that it is refused to waits for the other, while that is at the hub; nobody waits
for anything else.
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

#: Artifacts that the hub is asked about for one login: a double click, and one more.
MOST_ARTIFACTS = 3
#: Calls for one login besides those, to which no answer of the hub comes: she loads the
#: page again, and somebody may do so without end.
MOST_UNANSWERED = 7
#: The artifacts that this process asks about now, and who waits for one of those, by
#: hub, at whichever of the sites that it serves.
_AT_HUBS = Slots()
#: What a SOAP fault calls a fault of who asks (SOAP 1.1, 4.4.1): of the artifact, or of
#: the keys that the hub knows us by.
_OURS = "Client"
#: For how many times as long as a call takes one is thought to be at the hub still,
#: whatever became of who brought it.
_CALLS = 2
#: How often, and how many seconds apart, who waits for it looks.
_LOOKS, _PAUSE = 10, 0.05
#: How many seconds a request waits for a slot, before a page that tries again.
_PATIENCE = 0.5
#: Artifacts of one network of which nothing came lately, and for how many seconds that
#: is; and how many networks are remembered for it.
_FRUITLESS, _LATELY, _REMEMBERED = 3, 60.0, 10_000
#: Whose places are those of all networks of which nothing came: they share them.
_OF_THOSE = "of whom nothing came"


class _FailedArtifacts:
    """The networks that have brought artifacts of which nothing came.

    Who invents them has as many networks as she likes, and comes again at once; a
    visitor, who is told that no place is free, does so after some seconds.
    """

    def __init__(self) -> None:
        self._by_network: dict[str, tuple[float, ...]] = {}

    def note(self, environ: "WSGIEnvironment") -> None:
        """One more of the network of a request."""
        if len(self._by_network) >= _REMEMBERED:
            self._by_network.clear()
        network = wider(network_here(environ))
        before = self._by_network.get(network, ())
        self._by_network[network] = (*before, clock.now())[-_FRUITLESS:]

    def holder(self, environ: "WSGIEnvironment") -> str:
        """Whose a place is that a request takes: its network's, or of all of these."""
        network = network_here(environ)
        instants = self._by_network.get(wider(network), ())
        is_one = len(instants) == _FRUITLESS and clock.now() - instants[0] < _LATELY
        return _OF_THOSE if is_one else network


class ArtifactResolver:
    """Fetches the answers of one participant's hubs; asks one hub ``most`` at once."""

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
        """The Response that an artifact stands for, in the tree that it came in.

        None where another request of the same browser has it by now. Raises
        :class:`eilogin.errors.LoginLost` where too many were brought for this login,
        :class:`eilogin.errors.PeerBusy` where the hub is asked about too many, and
        what ``open_artifact_response`` and the back channel
        raise.
        """
        slots = _ArtifactSlots(environ, pending)
        try:
            slots.begin()
            with self._place(environ, pending.hub):
                return _resolved(artifact, index, env.trust(environ), pending.hub)
        except PeerBusy:
            # Nobody was asked about it.
            slots.undo()
            raise
        except Unavailable as error:
            if isinstance(error, PeerUnavailable) and not error.has_answered:
                # It may be good still.
                slots.be_unanswered()
            else:
                # Whatever the hub says, it has had it.
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
        """Whether another request has the answer, or gets it in a moment.

        Who waits for that holds a thread too, and so needs a place.
        """
        if not slots.is_other_at_hub():
            return bool(pending_logins.again(environ, pending).spent_by)
        with self._place(environ, pending.hub):
            return _wait_for_other(environ, pending, slots)

    @contextmanager
    def _place(self, environ: "WSGIEnvironment", hub: str) -> Iterator[None]:
        """Hold a slot for a question to a hub; raise PeerBusy if none comes free.

        Networks that invent artifacts do not wait: they would hold the threads.
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
    """The artifacts that were brought for one login, each in a place in the store.

    There stands since when it is at the hub, or nothing once it has failed.
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
        """Take a place, or raise :class:`eilogin.errors.LoginLost`."""
        for key in self._keys:
            if self._values.add(key, self._since, self._until, durable=False):
                self._mine = key
                return
        raise LoginLost(
            f"the browser brought {MOST_ARTIFACTS} artifacts for this login, and "
            "none led to a login; the pending login ends"
        )

    def undo(self) -> None:
        """Leave the place to another one."""
        if self._mine:
            self._values.take(self._mine)

    def be_unanswered(self) -> None:
        """Leave the place to another one, as often as a call may go unanswered."""
        until = self._until
        if any(
            self._values.add(key, self._since, until, durable=False)
            for key in self._unanswered
        ):
            self.undo()
        else:
            self.fail()

    def fail(self) -> None:
        """Keep the place, for an artifact of which nothing comes any more."""
        if self._mine:
            until = self._until
            self._values.swap(self._mine, self._since, "", until, durable=False)

    def is_other_at_hub(self) -> bool:
        """Whether another one is at the hub now."""
        instants = (self._values.get(key) for key in self._keys if key != self._mine)
        now = clock.now()
        return any(
            abs(now - float(since)) < self._longest for since in instants if since
        )


def _wait_for_other(
    environ: "WSGIEnvironment", pending: PendingLogin, slots: _ArtifactSlots
) -> bool:
    """Wait for another request, while it is at the hub; whether it has the answer."""
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
        # Shibboleth signs none where the channel tells whose it is; DigiD signs all.
        must_be_signed=(
            trust.own.is_digid or not endpoint.location.startswith("https:")
        ),
    )


def _answer_of_hub(trust: Trust, location: str, question: bytes) -> bytes:
    """What the hub answers; LoginFailed where it says that it cannot be answered."""
    try:
        return trust.back_channel.post(location, question)
    except PeerUnavailable as error:
        if error.fault != _OURS:
            raise
        raise LoginFailed(
            f"the hub rejects the artifact, or does not know this site: {error}", ()
        ) from error
