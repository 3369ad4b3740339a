"""Artifacts, and questions for what they stand for (ArtifactResolve), as attackers do.

Over SOAP to the hub, signed by the participant that the artifact was made for; and
artifacts alone, as they come to a participant in a browser.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree
from parties import Party

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.messages import NameID
from eilogin.saml.printable_text import to_base64
from forging import MALFORMED, UNTRUSTED, Family
from forging.trees import NEAR, behind, gone, having, made, node, worded

EXPIRED, MISDIRECTED = "message-expired", "message-misdirected"
UNKNOWN_PEER = "peer-unknown"

RESOLVES = Family("artifact-resolve", reasons=(MALFORMED,))


@dataclass(frozen=True)
class Resolve:
    """What a participant may ask for an artifact that it was brought."""

    sender: Party
    member: Party
    #: entityID of the hub, and where it resolves.
    hub: str
    destination: str
    artifact: str = field(repr=False)

    def element(self, **changes: Any) -> etree._Element:
        """A good ArtifactResolve, but for ``changes``; not signed yet."""
        request = messages.ArtifactResolve(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=self.sender.entity_id,
            artifact=self.artifact,
            destination=self.destination,
        )
        return messages.write_artifact_resolve(replace(request, **changes))


for _name, _said in {
    "ar-version-1.1": {"Version": "1.1"},
    "ar-version-missing": {"Version": None},
    "ar-id-bad": {"ID": "1 2"},
    "ar-id-huge": {"ID": "_" + "a" * 256},
    "ar-issueinstant-missing": {"IssueInstant": None},
    "ar-issueinstant-garbage": {"IssueInstant": "now"},
    "ar-issueinstant-local": {"IssueInstant": "2026-01-31T12:00:00"},
    "ar-unknown-attribute": {"Also": "x"},
    "ar-destination-control": {"Destination": "https://x.test/\x85"},
}.items():
    RESOLVES(_name)(lambda ask, said=_said: having(ask.element(), **said))

for _name, _seconds in {
    "ar-old": -600,
    "ar-old-a-second": -181,
    "ar-future": 600,
}.items():
    RESOLVES(_name, reasons=(EXPIRED,))(
        lambda ask, seconds=_seconds: ask.element(issued=clock.now() + seconds)
    )

for _name, _change in NEAR.items():
    RESOLVES(f"ar-destination-{_name}", reasons=(MISDIRECTED,))(
        lambda ask, change=_change: ask.element(destination=change(ask.destination))
    )


@RESOLVES("ar-issuer-missing")
def issuer_missing(ask: Resolve) -> etree._Element:
    return gone(ask.element(), "saml:Issuer")


@RESOLVES("ar-issuer-empty")
def issuer_empty(ask: Resolve) -> etree._Element:
    return worded(ask.element(), "saml:Issuer", "")


@RESOLVES("ar-issuer-unknown", reasons=(UNKNOWN_PEER,))
def issuer_unknown(ask: Resolve) -> etree._Element:
    return ask.element(issuer="https://nobody.test/metadata")


@RESOLVES("ar-issuer-member", reasons=(UNTRUSTED,))
def issuer_member(ask: Resolve) -> etree._Element:
    return ask.element(issuer=ask.member.entity_id)


@RESOLVES("ar-issuer-hub", reasons=(UNKNOWN_PEER,))
def issuer_hub(ask: Resolve) -> etree._Element:
    return ask.element(issuer=ask.hub)


@RESOLVES("ar-two-issuers")
def two_issuers(ask: Resolve) -> etree._Element:
    other = made("saml:Issuer", ask.member.entity_id)
    return behind(ask.element(), "saml:Issuer", other)


@RESOLVES("ar-artifact-missing")
def no_artifact(ask: Resolve) -> etree._Element:
    return gone(ask.element(), "samlp:Artifact")


@RESOLVES("ar-artifact-empty")
def empty_artifact(ask: Resolve) -> etree._Element:
    return worded(ask.element(), "samlp:Artifact", " ")


@RESOLVES("ar-artifact-huge")
def huge_artifact(ask: Resolve) -> etree._Element:
    return worded(ask.element(), "samlp:Artifact", "A" * 1025)


@RESOLVES("ar-two-artifacts")
def two_artifacts(ask: Resolve) -> etree._Element:
    other = made("samlp:Artifact", bindings.new_artifact(ask.hub))
    return behind(ask.element(), "samlp:Artifact", other)


@RESOLVES("ar-artifact-element")
def artifact_holds_an_element(ask: Resolve) -> etree._Element:
    root = ask.element()
    node(root, "samlp:Artifact").append(made("samlp:Artifact", ask.artifact))
    return root


@RESOLVES("ar-unknown-child")
def unknown_child(ask: Resolve) -> etree._Element:
    root = ask.element()
    etree.SubElement(root, "{urn:x}Also")
    return root


@RESOLVES("ar-other-namespace")
def of_another_vocabulary(ask: Resolve) -> etree._Element:
    root = ask.element()
    root.tag = "{urn:oasis:names:tc:SAML:1.0:protocol}ArtifactResolve"
    return root


@RESOLVES("ar-is-logoutrequest")
def a_logout(ask: Resolve) -> etree._Element:
    return ask.sender.logout_request(NameID("x"), ask.destination)


@RESOLVES("ar-is-artifactresponse")
def an_answer(ask: Resolve) -> etree._Element:
    return messages.write_artifact_response(
        messages.ArtifactResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=ask.sender.entity_id,
            status=messages.Status(),
            in_response_to="_x",
        ),
        None,
    )


@RESOLVES("ar-is-assertionidrequest")
def for_an_assertion(ask: Resolve) -> etree._Element:
    """Another message of SAML that asks for what was said."""
    root = ask.element()
    root.tag = safe_xml.q("samlp:AssertionIDRequest")
    node(root, "samlp:Artifact").tag = safe_xml.q("saml:AssertionIDRef")
    return root


# --- artifacts ----------------------------------------------------------------------


def _changed(artifact: str, change: Callable[[bytearray], Any]) -> str:
    octets = bytearray(base64.b64decode(artifact))
    changed = change(octets)
    return to_base64(bytes(octets if changed is None else changed))


def _set(place: int, *values: int) -> Callable[[bytearray], Any]:
    def change(octets: bytearray) -> None:
        octets[place : place + len(values)] = bytes(values)

    return change


def _octets(change: Callable[[bytearray], Any]) -> Callable[[str], str]:
    return lambda artifact: _changed(artifact, change)


def _other_bits(artifact: str) -> str:
    """The same octets, where the bits that belong to none of them are not zero."""
    assert artifact.endswith("=")
    head, last = artifact[:-2], artifact[-2]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return head + letters[letters.index(last) | 1] + "="


#: Of a good artifact something that is none: not 44 octets, or of another type.
SHAPES: Mapping[str, Callable[[str], str]] = {
    "art-43-octets": _octets(lambda octets: octets[:-1]),
    "art-45-octets": _octets(lambda octets: octets + b"\0"),
    "art-nothing": lambda _: "",
    "art-two-octets": lambda _: to_base64(b"\0\4"),
    "art-type-1": _octets(_set(0, 0, 1)),
    "art-type-2": _octets(_set(0, 0, 2)),
    "art-type-3": _octets(_set(0, 0, 3)),
    "art-type-5": _octets(_set(0, 0, 5)),
    "art-type-other-order": _octets(_set(0, 4, 0)),
    "art-not-base64": lambda artifact: artifact.replace("A", "*", 1),
    "art-base64-junk": lambda artifact: f"{artifact[:8]} {artifact[8:]}",
    "art-base64-cut": lambda artifact: artifact[:-1],
    "art-base64-padded": lambda artifact: artifact + "====",
    "art-base64-nul": lambda artifact: artifact + "\0",
    "art-base64-other-bits": _other_bits,
    "art-huge": lambda artifact: artifact[:56] + "A" * 4_000,
    "art-xml": lambda _: "<samlp:Artifact/>",
    "art-sql": lambda _: "' OR 1=1 --",
}


#: Well made, and of another: the SourceID of nobody we know.
SOURCES: Mapping[str, Callable[[str], str]] = {
    "art-source-nobody": _octets(_set(4, *bytes(20))),
    "art-source-other": _octets(_set(4, *bindings.source_id("https://other.test/"))),
    "art-source-a-bit": _octets(lambda octets: _flip(octets, 4)),
}

#: Well made, of this hub, and for nothing.
HANDLES: Mapping[str, Callable[[str], str]] = {
    "art-handle-other": _octets(_set(24, *bytes(20))),
    "art-handle-a-bit": _octets(lambda octets: _flip(octets, 43)),
    "art-index-other": _octets(_set(2, 0, 1)),
    "art-index-large": _octets(_set(2, 255, 255)),
}


def _flip(octets: bytearray, place: int) -> None:
    octets[place] ^= 1
