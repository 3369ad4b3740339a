"""No member has metadata published that Shibboleth refuses, whatever it sends.

It would drop the whole federation for it. Metadata is changed at random, by a seed, in
the ways that sloppy and hostile people would; what ``add`` accepts of it has to be
loaded by the real shibd, which validates.
"""

import random
import time
from copy import deepcopy

import pytest
from key_pairs import key_pair
from lxml import etree
from shibboleth import complaints, require_shibboleth
from sloppy import ENTITY_ID, rich

from eilogin.errors import EiloginError
from eilogin.registry import read_member
from eilogin.saml.metadata import sign_federation
from eilogin.saml.signing_keys import SigningKey

pytestmark = pytest.mark.real

CERTIFICATE = key_pair("operator")[1]
#: Changed members of one seed.
MANY = 80

TEXTS = (
    *("", " ", "x y", "not base64!", "%zz", "http://[", "-1", "true", "maybe", "é"),
    *("::", "urn:", "#", "?", "mailto:a b", "<>", "99999999999", "a\u2028b"),
)
ATTRIBUTES = (
    *("ID", "Id", "index", "use", "contactType", "width", "regexp", "validUntil"),
    *("isDefault", "isRequired", "Location", "errorURL", "Name", "NameFormat"),
    "{http://www.w3.org/XML/1998/namespace}lang",
    "{http://www.w3.org/XML/1998/namespace}id",
    "{http://www.w3.org/XML/1998/namespace}space",
    "{http://www.w3.org/2001/XMLSchema-instance}type",
    "{http://www.w3.org/2001/XMLSchema-instance}nil",
    "{urn:oasis:names:tc:SAML:attribute:ext}OriginalIssuer",
    "{urn:x}y",
)
TYPES = ("xs:string", "xs:integer", "md:EndpointType", "none:Type")
ELEMENTS = (
    '<Foo xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>',
    '<x xmlns="urn:x"><Logo xmlns="urn:oasis:names:tc:SAML:metadata:ui"/></x>',
    '<Response xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>',
    '<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>',
    '<Attribute xmlns="urn:oasis:names:tc:SAML:2.0:assertion" Name=""/>',
    '<SourceID xmlns="urn:oasis:names:tc:SAML:profiles:v1metadata">zz</SourceID>',
    '<OCSPResponse xmlns="http://www.w3.org/2009/xmldsig11#">!</OCSPResponse>',
    '<EndpointReference xmlns="http://www.w3.org/2005/08/addressing"/>',
    '<KeyName xmlns="http://www.w3.org/2000/09/xmldsig#"/>',
    '<Extensions xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>',
    '<Keywords xmlns="urn:oasis:names:tc:SAML:metadata:ui" xml:lang="en"/>',
    '<RegistrationInfo xmlns="urn:oasis:names:tc:SAML:metadata:rpi"/>',
    '<KeySize xmlns="http://www.w3.org/2001/04/xmlenc#">x</KeySize>',
    '<KeyAuthority xmlns="urn:mace:shibboleth:metadata:1.0"/>',
    '<Scope xmlns="urn:mace:shibboleth:metadata:1.0">x</Scope>',
    '<SigningMethod xmlns="urn:oasis:names:tc:SAML:metadata:algsupport"/>',
)


def changed(seeded):
    """The metadata with one to three things otherwise, and what they are."""
    root = etree.fromstring(rich())
    done = []
    for _ in range(seeded.choice((1, 1, 2, 3))):
        part = seeded.choice(list(root.iter()))
        change = seeded.choice(CHANGES)
        if part is not root or change not in (_remove, _repeat, _move):
            done.append((change.__name__, part.tag, change(seeded, part, root)))
    return root, done


def _text(seeded, part, _):
    part.text = seeded.choice(TEXTS)
    return part.text


def _remove(_, part, __):
    part.getparent().remove(part)


def _repeat(_, part, __):
    part.addnext(deepcopy(part))


def _set(seeded, part, _):
    name = seeded.choice([*ATTRIBUTES, *part.attrib])
    part.set(name, seeded.choice(TYPES if name.endswith("type") else TEXTS))
    return name, part.get(name)


def _unset(seeded, part, _):
    name = seeded.choice([*part.attrib] or ["none"])
    part.attrib.pop(name, None)
    return name


def _insert(seeded, part, _):
    element = seeded.choice(ELEMENTS)
    part.insert(seeded.randrange(len(part) + 1), etree.fromstring(element))
    return element


def _move(seeded, part, root):
    inside = set(part.iter())
    other = seeded.choice([one for one in root.iter() if one not in inside])
    other.insert(seeded.randrange(len(other) + 1), part)
    return other.tag


CHANGES = (_text, _remove, _repeat, _set, _unset, _insert, _move)


@pytest.fixture
def told(tmp_path):
    """What shibd says against a federation of these."""
    require_shibboleth()
    key = SigningKey.load(*key_pair("operator"))

    def sign(members):
        octets = sign_federation(
            [deepcopy(member.element) for member, _ in members],
            name="Proef",
            publisher="Proef",
            valid_until=time.time() + 86_400,
            key=key,
        )
        return complaints(tmp_path, octets, CERTIFICATE)

    return sign


def to_blame(told, members):
    """Those of members whom shibd refuses, each with what it says."""
    said = told(members) if members else []
    if not said:
        return []
    if len(members) == 1:
        return [(members[0][1], said[0])]
    half = len(members) // 2
    return to_blame(told, members[:half]) + to_blame(told, members[half:])


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_is_accepted_is_refused_by_shibboleth(told, seed):
    seeded = random.Random(seed)  # noqa: S311 - the same in each run
    accepted = []
    for number in range(MANY):
        root, done = changed(seeded)
        # What it is called is no part of this: each is another member.
        root.set("entityID", f"{ENTITY_ID}/{number}")
        try:
            member = read_member("x", etree.tostring(root), on_loopback=False)
        except EiloginError:
            continue
        if not member.fault:
            accepted.append((member, done))
    assert len(accepted) > MANY // 4
    assert to_blame(told, accepted) == []
