"""Keys that sign."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from eilogin.saml.signing_keys import CURVES, SigningKey, new_key_pair


@pytest.fixture(scope="module")
def pair():
    return new_key_pair("hub.test")


@pytest.fixture(scope="module")
def key(pair):
    return SigningKey.load(*pair)


@pytest.fixture(scope="module")
def other():
    return SigningKey.load(*new_key_pair("other.test"))


@pytest.fixture(scope="module", params=CURVES, ids=lambda curve: curve.name)
def its(request):
    """The pair of an elliptic key, in PEM."""
    private = ec.generate_private_key(request.param())
    return new_key_pair("curve.test", private=private)


@pytest.fixture(scope="module")
def curve(its):
    return SigningKey.load(*its)
