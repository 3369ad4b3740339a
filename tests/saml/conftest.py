"""Keys that are made once, and a good login answer from which tests depart."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from good_messages import ACS, ASSERTION, HUB, NOW, PARTICIPANT, REQUEST, RESPONSE
from lxml import etree

from eilogin.saml.messages import (
    ArtifactResponse,
    Assertion,
    Response,
    Status,
    write_artifact_response,
    write_assertion,
    write_response,
)
from eilogin.saml.response_checks import Expected
from eilogin.saml.safe_xml import parse, serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import encrypt
from eilogin.saml.xml_signatures import sign

ARTIFACT_RESPONSE = ArtifactResponse(
    id="_ar1", issued=NOW, issuer=HUB, status=Status(), in_response_to="_resolve"
)


@dataclass(frozen=True)
class Answer:
    """A login answer that is not written yet; ``with_`` methods give another one."""

    key: SigningKey
    assertion: Assertion | None = ASSERTION
    response: Response = RESPONSE
    #: What is signed: any of "assertion", "response", "artifact".
    signs: frozenset[str] = frozenset({"assertion"})
    #: Whom the assertion is encrypted for, after it was signed.
    reader: RSAPublicKey | None = None

    def with_assertion(self, **changes: object) -> "Answer":
        return replace(self, assertion=replace(ASSERTION, **changes))

    def with_response(self, **changes: object) -> "Answer":
        return replace(self, response=replace(self.response, **changes))

    def signed(self, *parts: str) -> "Answer":
        return replace(self, signs=frozenset(parts))

    def for_reader(self, key: SigningKey) -> "Answer":
        return replace(self, reader=key.public)

    def by(self, key: SigningKey) -> "Answer":
        return replace(self, key=key)

    def element(
        self,
        edit_assertion: Callable[[etree._Element], object] = id,
        edit_response: Callable[[etree._Element], object] = id,
    ) -> etree._Element:
        """The Response as it was received; the edits are made before signing."""
        assertion = None
        if self.assertion is not None:
            assertion = write_assertion(self.assertion)
            edit_assertion(assertion)
            if "assertion" in self.signs:
                sign(assertion, self.key)
            if self.reader is not None:
                assertion = encrypt(assertion, "saml:EncryptedAssertion", self.reader)
        response = write_response(self.response, assertion)
        edit_response(response)
        if "response" in self.signs:
            sign(response, self.key)
        return parse(serialize(response))

    def in_artifact_response(self, **changes: object) -> etree._Element:
        """The ArtifactResponse as it was received."""
        outer = write_artifact_response(
            replace(ARTIFACT_RESPONSE, **changes), self.element()
        )
        if "artifact" in self.signs:
            sign(outer, self.key)
        return parse(serialize(outer))


def _new_key(name: str) -> SigningKey:
    return SigningKey.load(*new_key_pair(name))


@pytest.fixture(scope="session")
def hub_key() -> SigningKey:
    return _new_key("hub")


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    """The key of another member of the federation."""
    return _new_key("other")


@pytest.fixture(scope="session")
def reader_key() -> SigningKey:
    """The key with which the participant decrypts."""
    return _new_key("reader")


@pytest.fixture
def answer(hub_key) -> Answer:
    return Answer(hub_key)


@pytest.fixture
def expected(hub_key) -> Expected:
    return Expected(
        request_id=REQUEST,
        acs_url=ACS,
        audience=PARTICIPANT,
        issuer=HUB,
        keys=[hub_key.public],
        now=NOW,
        destination_required=True,
    )
