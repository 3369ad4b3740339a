"""The metadata of a federation: read as a whole, and looked up in."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree
from measuring import Bench, Row, Size, Variant

from eilogin import clock
from eilogin.federation import Federation, Own
from eilogin.saml.keys import SigningKey, new_key_pair
from eilogin.saml.metadata import read_federation, write_federation
from eilogin.saml.xml import canonical, q

_FEW, _MANY = 10, 1_000
_YEAR = 365 * 86_400.0


def _metadata(count: int, key: SigningKey) -> bytes:
    """Signed metadata of so many participants, each as eilogin describes itself."""
    own = Own(
        role="participant",
        public_url="https://uwv.example.nl",
        prefix="/eilogin",
        key=key,
        entity_id="",
        back_channel_url="https://uwv.example.nl",
        names={"nl": "UWV", "en": "UWV"},
        descriptions={"nl": "Werk en inkomen", "en": "Work and income"},
        email="helpdesk@uwv.example.nl",
    )
    described = own.descriptor()
    return write_federation(
        [replace(described, entity_id=_entity_id(n)) for n in range(count)],
        name="Benchmark",
        valid_until=clock.now() + _YEAR,
        key=key,
    )


def _entity_id(number: int) -> str:
    return f"https://participant-{number}.example.nl/eilogin/metadata"


@contextmanager
def _reading(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = SigningKey.load(*new_key_pair("federation.test"))
    octets = _metadata(size.of(_MANY), key)
    yield {
        "read": Variant(lambda: Federation(read_federation(octets, [key.public]))),
        "floor": Variant(_verified_at_least(octets, key)),
    }


def _verified_at_least(octets: bytes, key: SigningKey) -> Callable[[], object]:
    """Parse, canonicalise, digest, RSA; nothing is read."""
    public = key.public

    def verify() -> None:
        root = etree.fromstring(octets, etree.XMLParser(huge_tree=True))
        signature = root.find(q("ds:Signature"))
        info = canonical(signature[0])
        root.remove(signature)
        digest = hashlib.sha256(canonical(root)).digest()
        said = signature[0].findtext(f"{q('ds:Reference')}/{q('ds:DigestValue')}")
        assert base64.b64decode(said) == digest
        value = base64.b64decode(signature[1].text)
        public.verify(value, info, PKCS1v15(), hashes.SHA256())

    return verify


@contextmanager
def _looking_up(folder: Path, size: Size) -> Iterator[Mapping[str, Variant]]:
    key = SigningKey.load(*new_key_pair("federation.test"))
    yield {
        "many": Variant(_look_up(size.of(_MANY), key)),
        "few": Variant(_look_up(_FEW, key)),
    }


def _look_up(count: int, key: SigningKey) -> Callable[[], object]:
    """The keys of one member of ``count``, as every message of it asks for them."""
    federation = Federation(read_federation(_metadata(count, key), [key.public]))
    wanted = _entity_id(count // 2)

    def look_up() -> object:
        role = federation.entity(wanted).service_provider
        return role and role.keys

    return look_up


BENCHES = (
    Bench(
        name="metadata",
        what=f"signed metadata of {_MANY} entities read and indexed, beside parsing it "
        "and verifying its signature",
        rows=(
            Row(
                name=f"metadata of {_MANY} entities read",
                this="read",
                floor="floor",
                goal=2.0,
            ),
        ),
        setting=_reading,
    ),
    Bench(
        name="look-up",
        what=f"the keys of a member looked up, among {_MANY} and among {_FEW}",
        rows=(
            Row(
                name=f"key looked up, {_MANY} against {_FEW}",
                this="many",
                floor="few",
                # "The same", as far as that can be measured.
                goal=1.1,
            ),
        ),
        setting=_looking_up,
    ),
)
