"""A LogoutRequest: its NameID, SessionIndexes, reason and extensions."""

from dataclasses import replace

import pytest
from example_messages import LOGOUT_REQUEST, extensions

from eilogin.errors import DecryptionFailed, MalformedMessage
from eilogin.saml.messages import read_logout_request, write_logout_request
from eilogin.saml.safe_xml import parse, q, serialize, validate
from eilogin.saml.xml_encryption import Decrypter, encrypt


@pytest.mark.parametrize(
    ("name", "is_asynchronous"),
    [
        ("{urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo}Asynchronous", True),
        ("{urn:x-test}Asynchronous", False),
    ],
)
def test_a_logout_request_may_have_extensions_before_its_name(name, is_asynchronous):
    """Shibboleth's says that it wants no answer."""
    element = write_logout_request(LOGOUT_REQUEST)
    element.insert(1, extensions(name))
    validate(element, "protocol")
    asynchronous = replace(LOGOUT_REQUEST, is_asynchronous=is_asynchronous)
    assert read_logout_request(element) == asynchronous


class TestEncryptedLogoutRequests:
    def test_name_somebody_to_the_holder_of_the_key_alone(self, hub_key, other_key):
        octets = serialize(write_logout_request(LOGOUT_REQUEST, hub_key.public))
        assert b"q7Xw2" not in octets
        element = parse(octets)
        validate(element, "protocol")
        both = Decrypter([other_key.private, hub_key.private])
        assert read_logout_request(element, both) == LOGOUT_REQUEST
        with pytest.raises(DecryptionFailed):
            read_logout_request(element, Decrypter([other_key.private]))
        with pytest.raises(DecryptionFailed, match="use an RSA key"):
            read_logout_request(element)

    def test_name_nobody_in_clear_beside_it(self, hub_key):
        element = write_logout_request(LOGOUT_REQUEST)
        name_id = element.find(q("saml:NameID"))
        hidden = encrypt(
            write_logout_request(LOGOUT_REQUEST).find(q("saml:NameID")),
            "saml:EncryptedID",
            hub_key.public,
        )
        name_id.addnext(hidden)
        with pytest.raises(MalformedMessage, match="both a NameID and an EncryptedID"):
            read_logout_request(element, Decrypter([hub_key.private]))


def test_reads_an_empty_reason_of_a_logout_request_as_absent():
    """Every client of pysaml2 sends one (sources.rst, Peers)."""
    element = write_logout_request(LOGOUT_REQUEST)
    element.set("Reason", "")
    validate(element, "protocol")
    assert read_logout_request(element) == replace(LOGOUT_REQUEST, reason="")


def test_rejects_a_reason_that_holds_control_characters():
    element = write_logout_request(LOGOUT_REQUEST)
    element.set("Reason", "a\nb")
    with pytest.raises(MalformedMessage):
        read_logout_request(element)


def test_a_logout_request_names_somebody():
    element = write_logout_request(LOGOUT_REQUEST)
    element.remove(element.find(q("saml:NameID")))
    with pytest.raises(MalformedMessage, match="has no NameID"):
        read_logout_request(element)


def test_a_logout_request_names_at_most_a_hundred_sessions():
    indexes = tuple(f"_{number}" for number in range(100))
    request = replace(LOGOUT_REQUEST, session_indexes=indexes)
    assert read_logout_request(write_logout_request(request)) == request
    too_many = replace(request, session_indexes=(*indexes, "_100"))
    with pytest.raises(MalformedMessage):
        read_logout_request(write_logout_request(too_many))
