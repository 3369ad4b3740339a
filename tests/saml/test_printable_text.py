import pytest

from eilogin.saml import bindings
from eilogin.saml.metadata import Endpoint, bindings_of
from eilogin.saml.printable_text import first_of, short, some


@pytest.mark.parametrize(
    ("uri", "last_part"),
    [
        (bindings.POST, "HTTP-POST"),
        (bindings.SOAP, "SOAP"),
        ("urn:oasis:names:tc:SAML:2.0:status:AuthnFailed", "AuthnFailed"),
        ("Success", "Success"),
        ("", ""),
    ],
)
def test_of_a_uri_people_say_the_last_part(uri, last_part):
    assert short(uri) == last_part


@pytest.mark.parametrize(
    ("names", "joined"), [("", ""), ("a", "a"), ("ab", "a, b"), ("abc", "a, b, …")]
)
def test_of_many_the_first_few_are_told(names, joined):
    assert some(tuple(names), 2) == joined


def test_of_many_lines_it_is_told_how_many_more_there_are():
    assert first_of("ab", 2) == ["a", "b"]
    assert first_of("abcde", 2) == ["a", "b", "and 3 more"]


def test_of_endpoints_each_binding_is_told_once():
    endpoints = [
        Endpoint(binding, f"https://a.test/{n}")
        for n, binding in enumerate((bindings.POST, bindings.SOAP, bindings.POST))
    ]
    assert bindings_of(endpoints) == "HTTP-POST, SOAP"
    assert bindings_of([]) == "none"
