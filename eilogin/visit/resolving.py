"""What an artifact stands for, fetched from the hub (SAML bindings 3.6).

To invent an artifact costs nobody anything; to ask the hub about it costs us a
signature, a call, and a thread for as long as it takes. So a login under way gets few
of them, whoever brings one for it has that login's cookie, and of one hub only so much
is asked at a time that a hub which hangs does not take all threads along.

A click that comes twice brings the same artifact twice, and the hub knows it once. The
one that it is refused to waits for the other, while that is at the hub; nobody waits
for anything else.
"""

import threading
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
    Refused,
    Unavailable,
)
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.answers import open_artifact_response
from eilogin.visit import under_way
from eilogin.visit.under_way import PendingLogin
from eilogin.visit.whereabouts import network_here
from eilogin.web import environ as env

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Artifacts that the hub is asked about for one login: a double click, and one more.
MOST_ARTIFACTS = 3
#: Artifacts of one hub that a process asks about at a time; half of that for who come
#: from one network, so that none has others wait. Nobody waits for a place in a thread:
#: the page that says so comes back by itself.
MOST_AT_ONCE = 8
#: For how many times as long as a call takes one is thought to be at the hub still,
#: whatever became of who brought it.
_CALLS = 2
#: How often, and how many seconds apart, who waits for it looks.
_LOOKS, _PAUSE = 10, 0.05


class Resolver:
    """Fetches the answers of one participant's hubs; asks one hub ``most`` at once."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._lock = threading.Lock()
        #: By hub, the network of who brought each that is there now.
        self._at_hub: dict[str, list[str]] = {}

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
        what :func:`eilogin.saml.answers.open_artifact_response` and the back channel
        raise.
        """
        brought = _Brought(environ, pending)
        with self._place(environ, pending.hub):
            try:
                brought.begin()
                return _resolved(artifact, index, env.trust(environ), pending.hub)
            except Unavailable:
                # It may be good still.
                brought.undo()
                raise
            except Refused as error:
                brought.fail()
                is_gone = isinstance(error, LoginFailed | LoginLost | MessageExpired)
                if is_gone and _is_taken(environ, pending, brought):
                    return None
                raise

    @contextmanager
    def _place(self, environ: "WSGIEnvironment", hub: str) -> Iterator[None]:
        """One of the places for questions to a hub, or PeerBusy: nobody waits."""
        network = network_here(environ)
        with self._lock:
            there = self._at_hub.setdefault(hub, [])
            of_one = there.count(network)
            if len(there) >= self._most or of_one >= self._most // 2:
                raise PeerBusy(
                    f"{len(there)} artifacts are at {hub!r} at this moment, {of_one} of"
                    " them from one network, and no more are taken there: does it"
                    " answer slowly, or does somebody invent them?"
                )
            there.append(network)
        try:
            yield
        finally:
            with self._lock:
                there.remove(network)


class _Brought:
    """The artifacts that were brought for one login, each in a place in the store.

    There stands since when it is at the hub, or nothing once it has failed.
    """

    def __init__(self, environ: "WSGIEnvironment", pending: PendingLogin) -> None:
        self._values = env.values(environ)
        self._keys = [f"artifact:{pending.handle}:{n}" for n in range(MOST_ARTIFACTS)]
        self._until = under_way.until(pending)
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
            f"{MOST_ARTIFACTS} artifacts were brought for this login, and no login came"
            " of them: it is over"
        )

    def undo(self) -> None:
        """Leave the place to another one."""
        if self._mine:
            self._values.take(self._mine)

    def fail(self) -> None:
        """Keep the place, for an artifact of which nothing comes any more."""
        if self._mine:
            until = self._until
            self._values.swap(self._mine, self._since, "", until, durable=False)

    def is_other_at_hub(self) -> bool:
        """Whether another one is at the hub now."""
        others = (self._values.get(key) for key in self._keys if key != self._mine)
        now = clock.now()
        return any(abs(now - float(one)) < self._longest for one in others if one)


def _is_taken(
    environ: "WSGIEnvironment", pending: PendingLogin, brought: _Brought
) -> bool:
    """Whether another request has the answer, or gets it in a moment."""
    for _ in range(_LOOKS):
        if under_way.again(environ, pending).spent_by:
            return True
        if not brought.is_other_at_hub():
            return False
        time.sleep(_PAUSE)
    return False


def _resolved(artifact: str, index: int, trust: Trust, hub: str) -> etree._Element:
    role = trust.hub(hub)
    endpoint = role.artifact_resolution(index)
    if endpoint is None:
        raise BindingMissing(
            f"an artifact of {hub!r} cannot be resolved: its metadata has no "
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
    signatures.sign(element, trust.key_for(hub))
    with InNameOf(hub):
        answer = trust.back_channel.post(endpoint.location, bindings.wrap_soap(element))
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
