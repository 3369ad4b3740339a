"""Telling participants of a logout through the citizen's browser (SAML profiles 4.4).

For those whom no message from server to server has reached. The hub's page shows a
small frame for each: it leads to the participant with a LogoutRequest, and comes back
to the hub's ``/slo`` with its LogoutResponse, which is noted in the store. No cookie
arrives in such a frame, so a participant finds the session by what the request names.
One that does not come back stops no other, and nobody waits for it longer than a while:
who has confirmed is looked up when the citizen goes on, and all others are named to
her. The pages, and the requests that the frames bring, are for the browser in which she
was logged in (:mod:`eilogin.hub.browser_proof`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from webob import Response

from eilogin import audit, clock
from eilogin.errors import MessageUnexpected, Refused, UnknownPeer
from eilogin.federation import Trust
from eilogin.hub.browser_proof import KEPT_FOR, brings_proof, proof_brought
from eilogin.hub.propagation import (
    Propagation,
    Told,
    is_partial,
    require_done,
)
from eilogin.saml import messages
from eilogin.saml.metadata import Endpoint
from eilogin.web import environ as env
from eilogin.web.inbound import Inbound
from eilogin.web.outbound import send_through_browser
from eilogin.web.pages import Pages, language_of, note_refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The parameters of ``/slo`` that are no SAML: show the truth, go back with it, and
#: send one participant its request.
LOOK, CONTINUE, TELL = "look", "continue", "tell"


class Back(NamedTuple):
    """To whom a logout is answered."""

    entity_id: str
    request_id: str
    relay_state: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A logout that has not reached all; the store keeps it for its pages."""

    #: Names it in the addresses of its pages.
    handle: str
    #: Who is told through the browser, by the ID of the LogoutRequest.
    asked: Mapping[str, Told] = field(default_factory=dict)
    #: entityIDs of who cannot be told.
    unreached: Sequence[str] = ()
    #: Who asked for it; None where the citizen did, on the hub's own page.
    back: Back | None = None
    #: Whether another logout or hub has told some, and nobody knows whom it reached.
    is_overtaken: bool = False
    #: Where she goes on to after it, a path of this site, if that is not ``back``.
    target: str = ""
    #: What her browser's cookie says.
    proof: str = field(default="", repr=False)

    def to_json(self) -> str:
        """JSON text, as the store keeps it."""
        asked = {request_id: told.as_json() for request_id, told in self.asked.items()}
        rest = [self.back, self.is_overtaken, self.target, self.proof]
        return json.dumps([asked, self.unreached, *rest])

    @classmethod
    def from_json(cls, handle: str, text: str) -> "Unfinished":
        """The value of which :meth:`to_json` made this."""
        asked, unreached, back, *rest = json.loads(text)
        return cls(
            handle,
            {request_id: Told.from_json(told) for request_id, told in asked.items()},
            tuple(unreached),
            back and Back(*back),
            *rest,
        )

    def without(self, confirmed: Iterable[str]) -> "Unfinished":
        """The same after some have confirmed, by the IDs of their LogoutRequests."""
        done = set(confirmed)
        left = {one: told for one, told in self.asked.items() if one not in done}
        return replace(self, asked=left)

    @property
    def missed(self) -> Sequence[str]:
        """Who has not confirmed, by entityID, each once, sorted."""
        asked = {told.entity_id for told in self.asked.values()}
        return sorted({*self.unreached, *asked})


class Frames:
    """The pages and messages of logouts that go on in the browser."""

    def __init__(self, pages: Pages, propagation: Propagation) -> None:
        self._pages = pages
        self._propagation = propagation

    def begin(
        self,
        environ: "WSGIEnvironment",
        begun: Unfinished,
        missed: Sequence[Told],
    ) -> Unfinished:
        """A logout that goes on in the browser for those whom SOAP has ``missed``.

        ``begun`` says all else of it. One that has begun by its ``handle`` goes on as
        it is: its page was reloaded.
        """
        trust = env.trust(environ)
        asked = [
            one
            for one in missed
            if not one.is_partial
            and one.subject.has_name_id
            and self._endpoint(trust, one) is not None
        ]
        each_apart = [each for one in asked for each in _one_by_one(one)]
        handle = begun.handle
        unfinished = replace(
            begun,
            asked={messages.new_id(): one for one in each_apart},
            unreached=[one.entity_id for one in missed if one not in asked],
            # Whom a hub that is told by us has not reached, nobody here knows either.
            is_overtaken=begun.is_overtaken or any(one.is_partial for one in missed),
        )
        values, until = env.values(environ), clock.now() + KEPT_FOR
        for request_id in unfinished.asked:
            values.add(_asked(request_id), handle, until, durable=False)
        values.add(_key(handle), unfinished.to_json(), until, durable=False)
        return self._as_of_now(environ, handle)

    def unseen(self, environ: "WSGIEnvironment") -> str | None:
        """The handle of one in this browser of which she has not seen the end."""
        values, proof = env.values(environ), proof_brought(environ)
        handle = values.get(_in_browser(proof)) if proof else None
        is_known = handle is not None and values.get(_key(handle)) is not None
        return handle if is_known else None

    def find(self, environ: "WSGIEnvironment", handle: str) -> Unfinished:
        """One that is under way in this browser, and whom it has not reached by now.

        She sees it now, or goes on with it.
        """
        unfinished = self._as_of_now(environ, handle)
        _require_hers(environ, unfinished)
        env.values(environ).take(_in_browser(unfinished.proof))
        return unfinished

    def _as_of_now(self, environ: "WSGIEnvironment", handle: str) -> Unfinished:
        values = env.values(environ)
        stored = values.get(_key(handle))
        if stored is None:
            raise MessageUnexpected("this logout is over")
        unfinished = Unfinished.from_json(handle, stored)
        done = [one for one in unfinished.asked if values.get(_done(one)) is not None]
        left = unfinished.without(done)
        is_partial = any(values.get(_partial(one)) is not None for one in left.asked)
        return replace(left, is_overtaken=left.is_overtaken or is_partial)

    def page(
        self,
        environ: "WSGIEnvironment",
        unfinished: Unfinished,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """The page whose frames tell those who are left."""
        trust, language = env.trust(environ), language_of(environ)
        mark, until = _in_browser(unfinished.proof), clock.now() + KEPT_FOR
        env.values(environ).add(mark, unfinished.handle, until, durable=False)
        endpoints = [self._endpoint(trust, told) for told in unfinished.asked.values()]
        frames: dict[str, list[str]] = {}
        for request_id, told in unfinished.asked.items():
            way = address(trust, TELL, request_id)
            frames.setdefault(told.entity_id, []).append(way)
        return self._pages.page(
            environ,
            "logging_out.html",
            headers=headers,
            of_another=bool(unfinished.target),
            frames=[endpoint.location for endpoint in endpoints if endpoint],
            script="frames.js",
            services=[
                (trust.federation.name_of(entity_id, language), ways)
                for entity_id, ways in frames.items()
            ],
            name=_left(trust, unfinished, language),
            look_url=address(trust, LOOK, unfinished.handle),
        )

    def tell(self, environ: "WSGIEnvironment", request_id: str) -> Response:
        """What a frame shows first: the way to a participant, with its request."""
        trust, unfinished = env.trust(environ), self._asking(environ, request_id)
        _require_hers(environ, unfinished)
        told = unfinished.asked[request_id]
        endpoint = self._endpoint(trust, told)
        if endpoint is None:
            raise UnknownPeer(f"{told.entity_id!r} takes no logout any more")
        return send_through_browser(
            environ,
            self._pages,
            endpoint,
            "SAMLRequest",
            self._propagation.request(trust, told, endpoint, request_id),
            key=trust.key_for(told.entity_id),
            framed_by=trust.own.public_url,
        )

    def answered(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """A participant's LogoutResponse, which is noted (SAML profiles 4.4.3.3)."""
        response = messages.read_logout_response(inbound.element)
        request_id = response.in_response_to
        told = self._asking(environ, request_id).asked[request_id]
        destination = env.trust(environ).own.url("slo")
        try:
            require_done(response, told, request_id, destination)
        except Refused as error:
            error.peer = told.entity_id
            reference = note_refusal(error, "logout.delivered", environ)
            return self._pages.page(
                environ,
                "logged_out_in_frame.html",
                status=error.status,
                confirmed=False,
                reference=reference,
                telephone=env.trust(environ).own.telephone,
            )
        until = clock.now() + KEPT_FOR
        if is_partial(response.status):
            env.values(environ).add(_partial(request_id), "", until, durable=False)
            return self._pages.page(
                environ, "logged_out_in_frame.html", confirmed=False
            )
        if env.values(environ).add(_done(request_id), "", until, durable=False):
            audit.event("logout.delivered", peer=told.entity_id)
        return self._pages.page(environ, "logged_out_in_frame.html", confirmed=True)

    def _asking(self, environ: "WSGIEnvironment", request_id: str) -> Unfinished:
        """In which logout somebody was asked, by the ID of the LogoutRequest."""
        handle = env.values(environ).get(_asked(request_id)) or ""
        stored = env.values(environ).get(_key(handle))
        if stored is None:
            raise MessageUnexpected("nobody was asked to log out by this message")
        return Unfinished.from_json(handle, stored)

    def _endpoint(self, trust: Trust, told: Told) -> Endpoint | None:
        """Where a participant takes a LogoutRequest through the browser, if it does."""
        try:
            _, role = trust.participant(told.entity_id)
        except UnknownPeer:
            return None
        wanted = self._propagation.ways.in_browser(
            trust.own, told.entity_id, told.subject.name_id
        )
        return role.single_logout(*wanted)


def _require_hers(environ: "WSGIEnvironment", unfinished: Unfinished) -> None:
    """Who else has the address learns nothing: neither where she is, nor her names."""
    if not brings_proof(environ, unfinished.proof):
        raise MessageUnexpected("a logout of another browser, or its cookie is gone")


def address(trust: Trust, what: str, name: str) -> str:
    """The address of ours for one of the parameters, such as :data:`LOOK`."""
    return f"{trust.own.url('slo')}?{urlencode({what: name})}"


def _one_by_one(told: Told) -> Sequence[Told]:
    """What is told, each session in a message and a frame of its own.

    mod_auth_mellon ends one session for a message that names several, the oldest that
    has this NameID, and says that it is done; for a message about a later one it does
    not look any further. So the oldest comes first.
    """
    indexes = told.session_indexes
    return [replace(told, session_indexes=(each,)) for each in indexes] or [told]


def _left(trust: Trust, unfinished: Unfinished, language: str) -> str:
    """The name of the participant at which she has logged out by now, or ""."""
    back = unfinished.back
    if back is None or back.entity_id in unfinished.missed:
        return ""
    return trust.federation.name_of(back.entity_id, language)


def _key(name: str) -> str:
    return f"unfinished-logout:{name}"


def _in_browser(proof: str) -> str:
    return f"unseen-logout:{proof}"


def _asked(request_id: str) -> str:
    return f"asked-logout:{request_id}"


def _done(request_id: str) -> str:
    return f"confirmed-logout:{request_id}"


def _partial(request_id: str) -> str:
    return f"partial-logout:{request_id}"
