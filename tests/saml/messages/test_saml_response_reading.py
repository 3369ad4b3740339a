"""A Response, with and without Issuer and assertions."""

from example_messages import RESPONSE

from eilogin.saml.messages import read_response, write_response
from eilogin.saml.safe_xml import q


def test_a_response_without_an_issuer_has_an_empty_one():
    element = write_response(RESPONSE, None)
    element.remove(element.find(q("saml:Issuer")))
    assert read_response(element).issuer == ""
