"""The forgeries themselves: each is refused for its trick, and not for a mess.

A forgery that claims to be signed is, as others see it: xmlsec verifies it, or at least
what was signed is somewhere in the message and the signature covers that. And where our
schemas are not asked, what is left refuses it all the same.
"""

import base64
from dataclasses import replace
from types import SimpleNamespace

import pytest
import xmlsec
from forging import INSIDE, ROOT, UNTRUSTED
from forging.answers import ANSWERS, GOOD, LATE, Asked
from forging.artifacts import ARTIFACTS
from forging.documents import DOCUMENTS, LARGEST, SIZES, SPLITS
from forging.encrypted import ENCRYPTED
from forging.shapes import SHAPES
from forging.signatures import SIGNATURES
from forging.signing import canonical, digest, public_pem
from lxml import etree
from parties import HubParty, new_party_key

from eilogin import clock
from eilogin.errors import Refused, UntrustedSignature
from eilogin.saml import messages, safe_xml
from eilogin.saml.response_checks import Expected, accept
from eilogin.saml.xml_signatures import RSA_SHA256, verify_octets

HUB, UWV = "https://hub.example/metadata", "https://uwv.example/metadata"
OUTSIDE = "http://127.0.0.1:9/"
ACS = "https://uwv.example/eilogin/acs"


@pytest.fixture(scope="module")
def hub():
    own = SimpleNamespace(entity_id=HUB, key=new_party_key("hub"))
    return HubParty(SimpleNamespace(own=own))


@pytest.fixture(scope="module")
def message(hub):
    stranger, member = new_party_key("stranger"), new_party_key("member")

    def make(place):
        request = messages.AuthnRequest(
            id=messages.new_id(), issued=clock.now(), issuer=UWV, acs_url=ACS
        )
        asked = Asked(hub, request, "", "mallory", place, stranger=stranger)
        return replace(asked, member=member, outside=OUTSIDE).message("koningin")

    return make


def in_each_place(*families, only=lambda forgery: True):
    return [
        pytest.param(forgery, place, id=f"{forgery}-{place}")
        for family in families
        for forgery in family
        for place in forgery.places
        if only(forgery)
    ]


def verifies(octets, key):
    """Whether xmlsec, which runs any transform, verifies the first signature."""
    parser = etree.XMLParser(load_dtd=False, no_network=True)
    tree = etree.fromstring(octets, parser)
    xmlsec.tree.add_ids(tree, ["ID", "Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(public_pem(key), xmlsec.KeyFormat.PEM)
    try:
        context.verify(next(tree.iter(safe_xml.q("ds:Signature"))))
    except xmlsec.Error:
        return False
    return True


@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_the_good_message_verifies(message, place):
    good = message(place)
    assert verifies(good.octets, good.key)
    assert not verifies(good.octets, good.stranger)


@pytest.mark.parametrize(
    ("forgery", "place"),
    in_each_place(
        SIGNATURES, DOCUMENTS, SPLITS, LARGEST, only=lambda forgery: forgery.holds
    ),
)
def test_forgery_marked_as_signed_passes_xmlsec(message, forgery, place):
    good = message(place)
    assert verifies(forgery.make(good), good.key)


def covers_something(octets, key):
    """Whether a signature by a key covers any element of the message."""
    tree = etree.fromstring(octets)
    hashed = set()
    for element in tree.iter("*"):
        hashed.add(digest(canonical(element)))
        bare = etree.fromstring(safe_xml.serialize(element))
        for signature in bare.findall(safe_xml.q("ds:Signature")):
            bare.remove(signature)
        hashed.add(digest(canonical(bare)))
    return any(
        info.findtext(f".//{safe_xml.q('ds:DigestValue')}") in hashed
        and _is_signed(info, key)
        for info in tree.iter(safe_xml.q("ds:SignedInfo"))
    )


def _is_signed(info, key):
    value = info.getparent().findtext(safe_xml.q("ds:SignatureValue")) or ""
    octets = base64.b64decode(value)
    try:
        verify_octets([key.public], canonical(info), octets, RSA_SHA256)
    except UntrustedSignature:
        return False
    return True


@pytest.mark.parametrize(
    ("forgery", "place"),
    in_each_place(
        SHAPES,
        only=lambda forgery: (
            forgery.kind in {"signature-wrapping", "attribute-pollution"}
            and forgery.reasons != (UNTRUSTED,)
        ),
    ),
)
def test_wrapping_forgery_keeps_the_signed_original(message, forgery, place):
    good = message(place)
    octets = forgery.make(good)
    assert covers_something(octets, good.key)
    assert b"koningin" in octets


def judged(hub, octets, request_id):
    """The assertion in an answer, by all our checks but for the schema."""
    expected = Expected(
        request_id=request_id,
        acs_url=ACS,
        audience=UWV,
        issuer=HUB,
        keys=[hub.key.public],
        now=clock.now(),
        destination_required=True,
    )
    return accept(safe_xml.parse(octets), expected)


@pytest.fixture
def without_schemas(monkeypatch):
    monkeypatch.setattr(
        "eilogin.saml.response_checks.validate", lambda element, schema: None
    )


@pytest.mark.usefixtures("without_schemas")
@pytest.mark.parametrize(("forgery", "place"), in_each_place(SHAPES, SIGNATURES))
def test_it_is_refused_though_no_schema_is_asked(message, hub, forgery, place):
    good = message(place)
    request_id = good.root.get("InResponseTo")
    octets = forgery.make(good)
    with pytest.raises(Refused):
        judged(hub, octets, request_id)


@pytest.mark.usefixtures("without_schemas")
@pytest.mark.parametrize("place", [INSIDE, ROOT])
def test_the_good_one_is_taken_though_no_schema_is_asked(message, hub, place):
    good = message(place)
    found = judged(hub, good.octets, good.root.get("InResponseTo"))
    assert found.name_id.value == "mallory"


def test_there_are_many_and_each_has_a_name_of_its_own():
    bad = (SHAPES, SIGNATURES, DOCUMENTS, SIZES, ANSWERS, LATE, ENCRYPTED, ARTIFACTS)
    names = [forgery.name for family in bad for forgery in family]
    assert len(names) > 500
    assert len(set(names)) == len(names)
    assert all(each.rule == "good" for each in (*SPLITS, *LARGEST, *GOOD))
