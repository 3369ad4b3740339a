"""What a hub answers for an artifact, over the back channel, as it should not.

``make`` is given a :class:`Resolved`: the ArtifactResolve that was asked, and the login
that it is about. It gives what the hub answers with.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml
from forging import MALFORMED, UNTRUSTED, Family, Message
from forging.answers import EXPIRED, FAILED, UNEXPECTED, UNKNOWN, Asked

ARTIFACTS = Family("artifact")
#: Odd, and to be taken.
GOOD = Family("artifact", rule="good", holds=True)


@dataclass(frozen=True)
class Resolved:
    """A question that the hub was asked, and what it says of the login."""

    asked: Asked
    resolve: messages.ArtifactResolve

    def root(self, carried: Any = None, **changes: Any) -> Any:
        """An ArtifactResponse that is not signed; ``carried`` is None for a good one.

        False carries nothing.
        """
        value = messages.ArtifactResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.asked.hub.entity_id,
            status=messages.Status(),
            in_response_to=self.resolve.id,
        )
        if carried is None:
            carried = self.asked.made()[1]
        element = None if carried is False else carried
        return messages.write_artifact_response(replace(value, **changes), element)

    def answer(self, carried: Any = None, **changes: Any) -> bytes:
        """The same, signed, in its envelope."""
        signed = self.asked.hub.signed(self.root(carried, **changes))
        return bindings.wrap_soap(signed)

    def carries(self, octets: bytes) -> bytes:
        """A good ArtifactResponse with an answer of the login that was made before."""
        return self.answer(etree.fromstring(octets))

    def message(self, wanted: str) -> Message:
        """A good one, for the families that fit any message."""
        root = self.asked.hub.signed(self.root())

        def evil() -> Any:
            return self.root(replace(self.asked, name=wanted).made()[1])

        return Message(
            root=root,
            covered=root,
            key=self.asked.hub.key,
            stranger=self.asked.stranger,
            member=self.asked.member,
            evil=evil,
            outside=self.asked.outside,
            wrap=_wrapped,
        )


def _wrapped(octets: bytes) -> bytes:
    begin, end = bindings.wrap_soap(etree.Element("x")).split(b"<x/>")
    return begin + octets + end


def _wrong(name: str, reason: str, **changes: Any) -> None:
    """Another value in the ArtifactResponse, which is signed."""

    @ARTIFACTS(name, reasons=(reason,))
    def wrong(resolved: Resolved) -> bytes:
        said = {k: v(resolved) if callable(v) else v for k, v in changes.items()}
        return resolved.answer(**said)


_wrong("ar-irt-missing", UNEXPECTED, in_response_to="")
_wrong("ar-irt-other", UNEXPECTED, in_response_to="_nobody")
_wrong("ar-irt-of-login", UNEXPECTED, in_response_to=lambda r: r.asked.request.id)
_wrong("ar-irt-cut-off", UNEXPECTED, in_response_to=lambda r: r.resolve.id[:-1])
_wrong("ar-issuer-other", UNKNOWN, issuer="https://attacker.test/")
_wrong("ar-issuer-member", UNKNOWN, issuer=lambda r: r.asked.other[0])
_wrong("ar-issuer-ourselves", UNKNOWN, issuer=lambda r: r.asked.request.issuer)
_wrong("ar-old", EXPIRED, issued=lambda r: r.resolve.issued - 600)
_wrong("ar-future", EXPIRED, issued=lambda r: r.resolve.issued + 600)
for _name, _codes in (
    ("requester", (messages.REQUESTER,)),
    ("denied", (messages.REQUESTER, messages.REQUEST_DENIED)),
    ("unknown", ("urn:example:x",)),
    ("in-upper-case", (messages.SUCCESS.upper(),)),
):
    _wrong(f"ar-status-{_name}", FAILED, status=messages.Status(_codes))
_wrong("ar-carries-nothing", EXPIRED, carried=False)


def _edited(name: str, edit: Callable[[Any], None], reason: str = MALFORMED) -> None:
    @ARTIFACTS(name, reasons=(reason,))
    def edited(resolved: Resolved) -> bytes:
        root = resolved.root()
        edit(root)
        return bindings.wrap_soap(resolved.asked.hub.signed(root))


def _without(name: str) -> Callable[[Any], None]:
    return lambda root: root.remove(root.find(safe_xml.q(name)))


def _twice(name: str) -> Callable[[Any], None]:
    def edit(root: Any) -> None:
        found = root.find(safe_xml.q(name))
        again = etree.fromstring(safe_xml.serialize(found))
        for each in again.iter():
            if each.get("ID"):
                each.set("ID", messages.new_id())
        found.addnext(again)

    return edit


_edited("ar-issuer-missing", _without("saml:Issuer"))
_edited("ar-status-missing", _without("samlp:Status"))
_edited("ar-status-twice", _twice("samlp:Status"))
_edited("ar-two-responses", _twice("samlp:Response"))
_edited("ar-version", lambda root: root.set("Version", "1.1"))
_edited("ar-without-version", lambda root: root.attrib.pop("Version"))
_edited("ar-id-is-a-number", lambda root: root.set("ID", "1"))
_edited("ar-issuer-twice", _twice("saml:Issuer"))
_edited("ar-local-time", lambda root: root.set("IssueInstant", "2026-01-01T00:00:00"))


def _carries(name: str, reason: str, make: Callable[[Resolved], Any]) -> None:
    """Something that is no answer to a login, in a good ArtifactResponse."""

    @ARTIFACTS(name, reasons=(reason,) if reason else ())
    def carries(resolved: Resolved) -> bytes:
        return resolved.answer(make(resolved))


def _assertion(resolved: Resolved) -> Any:
    return resolved.asked.made()[0]


def _signed_by(
    key: Callable[[Asked], Any], *, assertion: bool = False
) -> Callable[[Resolved], Any]:
    """A Response that another one has signed, and the hub around it."""

    def make(resolved: Resolved) -> Any:
        party = type(resolved.asked.hub).__new__(type(resolved.asked.hub))
        party.key = key(resolved.asked)
        inner, root = resolved.asked.made()
        party.signed(inner if assertion else root)
        return root

    return make


_carries("ar-carries-an-assertion", MALFORMED, _assertion)
_carries("ar-carries-an-artifact-response", MALFORMED, lambda r: r.root())
_carries(
    "ar-carries-a-logout-response",
    MALFORMED,
    lambda r: r.asked.hub.logout_response(r.asked.request),
)
_carries(
    "ar-carries-a-question",
    MALFORMED,
    lambda r: messages.write_authn_request(r.asked.request),
)
_carries("ar-carries-what-no-schema-knows", "", lambda _: etree.Element("{urn:x}x"))
_carries("ar-response-by-stranger", UNTRUSTED, _signed_by(lambda a: a.stranger))
_carries("ar-response-by-member", UNTRUSTED, _signed_by(lambda a: a.member))
_carries(
    "ar-assertion-by-stranger",
    UNTRUSTED,
    _signed_by(lambda a: a.stranger, assertion=True),
)


@ARTIFACTS("ar-unsigned-around-signed", reasons=(UNTRUSTED,))
def unsigned_around_signed(resolved: Resolved) -> bytes:
    """A good signed Response in what anybody could have put around it."""
    signed = resolved.asked.hub.signed(resolved.asked.made()[1])
    return bindings.wrap_soap(resolved.root(signed))


@ARTIFACTS("ar-unsigned-around-signed-assertion", reasons=(UNTRUSTED,))
def unsigned_around_assertion(resolved: Resolved) -> bytes:
    assertion, root = resolved.asked.made()
    resolved.asked.hub.signed(assertion)
    return bindings.wrap_soap(resolved.root(root))


def _around(key: Callable[[Asked], Any]) -> Callable[[Resolved], bytes]:
    """A good signed Response in what another one has signed."""

    def make(resolved: Resolved) -> bytes:
        signed = resolved.asked.hub.signed(resolved.asked.made()[1])
        root = resolved.root(signed)
        party = type(resolved.asked.hub).__new__(type(resolved.asked.hub))
        party.key = key(resolved.asked)
        return bindings.wrap_soap(party.signed(root))

    return make


ARTIFACTS("ar-by-stranger", reasons=(UNTRUSTED,))(_around(lambda a: a.stranger))
ARTIFACTS("ar-by-member", reasons=(UNTRUSTED,))(_around(lambda a: a.member))


@ARTIFACTS("ar-response-alone", reasons=(MALFORMED,))
def response_alone(resolved: Resolved) -> bytes:
    """A signed Response, and no ArtifactResponse."""
    return bindings.wrap_soap(etree.fromstring(resolved.asked.answer()))


@ARTIFACTS("ar-is-the-question", reasons=(MALFORMED, UNTRUSTED))
def the_question(resolved: Resolved) -> bytes:
    """What was asked, sent back."""
    return bindings.wrap_soap(messages.write_artifact_resolve(resolved.resolve))


@ARTIFACTS("ar-in-no-envelope", reasons=(MALFORMED,))
def no_envelope(resolved: Resolved) -> bytes:
    return safe_xml.serialize(resolved.asked.hub.signed(resolved.root()))


# --- odd, and good --------------------------------------------------------------------


def _taken(name: str, make: Callable[[Resolved], bytes]) -> None:
    GOOD(name)(make)


def _inner(resolved: Resolved, *, assertion: bool) -> Any:
    inner, root = resolved.asked.made()
    resolved.asked.hub.signed(inner if assertion else root)
    return root


def _as_digid(resolved: Resolved) -> bytes:
    """No Destination in the Response, as DigiD sends it."""
    _, root = resolved.asked.made(envelope={"destination": ""})
    return resolved.answer(root)


_taken("ar-plain", lambda r: r.answer())
_taken("ar-response-signed-too", lambda r: r.answer(_inner(r, assertion=False)))
_taken("ar-assertion-signed-too", lambda r: r.answer(_inner(r, assertion=True)))
_taken("ar-no-destination", _as_digid)
_taken(
    "ar-status-message",
    lambda r: r.answer(status=messages.Status(message="Fine")),
)
