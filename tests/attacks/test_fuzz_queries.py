"""Parameters of signed messages permuted, repeated, re-encoded, and put among others.

What is accepted says what was signed, to the letter, and has the RelayState that came
with it (Attacks G5 and G6). Each spelling of each parameter by itself, and lists of
changes that hypothesis makes; ``contrib/fuzz/fuzz_redirects.py`` goes on for longer.
"""

import io
from functools import partial
from itertools import permutations
from types import SimpleNamespace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import SPELLINGS, respelled

from eilogin.errors import MalformedMessage, Refused
from eilogin.saml import bindings, messages
from eilogin.saml.bindings import redirect_url
from eilogin.saml.safe_xml import serialize
from eilogin.saml.signing_keys import CURVES, SigningKey, new_key_pair
from eilogin.saml.xml_signatures import method_of, sign, sign_octets
from eilogin.web.inbound_messages import receive
from eilogin.web.visit import Visit

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
SLO = "https://uwv.example.nl/eilogin/slo"
EVIL = "admin"

fixed = partial(settings, derandomize=True, database=None)

STATES = ("", "a1b2", "/mijn?jaar=2026&x=é +%/")


def logout_request(name="q7Xw2", identifier="_l1"):
    request = messages.LogoutRequest(
        identifier, NOW, HUB, messages.NameID(name), SLO, ("_s1",)
    )
    return messages.write_logout_request(request)


def logout_response():
    response = messages.LogoutResponse("_l2", NOW, HUB, messages.Status(), "_l0", SLO)
    return messages.write_logout_response(response)


@pytest.fixture(scope="module", params=["rsa", "curve"])
def key(request):
    if request.param == "rsa":
        return SigningKey.load(*new_key_pair("hub"))
    private = ec.generate_private_key(CURVES[0]())
    return SigningKey.load(*new_key_pair("hub", private=private))


@pytest.fixture(scope="module")
def stranger():
    return SigningKey.load(*new_key_pair("stranger"))


def query_of(kind, element, state, key):
    return urlsplit(redirect_url(SLO, kind, serialize(element), state, key)).query


@pytest.fixture(scope="module")
def queries(key):
    """What was signed, as kind, XML and RelayState, and the query of each."""
    signed = [
        ("SAMLRequest", logout_request()),
        ("SAMLResponse", logout_response()),
    ]
    return {
        (kind, serialize(element), state): query_of(kind, element, state, key)
        for kind, element in signed
        for state in STATES
    }


@pytest.fixture(scope="module")
def evil(stranger):
    """Parameters of a query in which a stranger says what she wants."""
    query = query_of("SAMLRequest", logout_request(EVIL, "_evil"), "theirs", stranger)
    return query.split("&")


def received(key, query):
    """What the address makes of a query: kind, XML and RelayState."""
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": query}
    found = receive(Visit(environ), lambda _: SimpleNamespace(keys=[key.public]))
    return found.kind, serialize(found.element), found.relay_state


def outcome(key, queries, query):
    """``accepted``, or the code of the refusal."""
    try:
        found = received(key, query)
    except Refused as error:
        return error.code
    assert found in queries, "accepted, and nobody signed it"
    assert EVIL.encode() not in found[1]
    return "accepted"


# --- one change ---------------------------------------------------------------------


def test_the_good_twin_is_accepted_in_any_order_and_among_others(key, queries):
    for said, query in queries.items():
        parts = query.split("&")
        for order in permutations(parts):
            assert received(key, "&".join(order)) == said
        assert received(key, f"lang=nl&{query}&x=%26SAMLRequest%3D") == said


def test_a_good_twin_may_have_escapes_in_lower_case(key, queries):
    """As AD FS signs it: what was signed is what came."""
    (kind, octets, _), query = next(iter(queries.items()))
    packed = query.partition("&")[0].partition("=")[2]
    lower = packed.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
    signed = f"{kind}={lower}&SigAlg={quote(method_of(key), safe='').lower()}"
    signature = bindings.to_base64(sign_octets(key, signed.encode()))
    query = f"{signed}&Signature={quote(signature, safe='')}"
    assert received(key, query) == (kind, octets, "")


@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
def test_no_other_spelling_of_a_parameter_says_something_else(key, queries, spelling):
    for query in queries.values():
        parts = query.split("&")
        for number, part in enumerate(parts):
            name, equals, value = part.partition("=")
            for place in range(0, len(value), 37):
                other = SPELLINGS[spelling](name, equals, value, place)
                changed = [*parts[:number], other, *parts[number + 1 :]]
                outcome(key, queries, "&".join(changed))


@pytest.mark.parametrize("spelling", [None, *range(len(SPELLINGS))])
def test_no_second_parameter_is_taken_in_any_spelling(key, queries, evil, spelling):
    """The attack on Keycloak and python3-saml: one reader takes another of the two."""
    for query in queries.values():
        for part in evil:
            name, equals, value = part.partition("=")
            other = part
            if spelling is not None:
                other = SPELLINGS[spelling](name, equals, value, len(name) // 2)
            for whole in (f"{other}&{query}", f"{query}&{other}"):
                outcome(key, queries, whole)


def encoded(name):
    return f"%{ord(name[0]):02x}{name[1:]}"


@pytest.mark.parametrize("name", ["SAMLRequest", "RelayState", "SigAlg", "Signature"])
@pytest.mark.parametrize("spelled", [str, str.lower, str.upper, encoded])
def test_a_second_parameter_is_refused(key, queries, name, spelled):
    query = queries[next(said for said in queries if said[2])]
    assert outcome(key, queries, query) == "accepted"
    with pytest.raises(MalformedMessage):
        received(key, f"{query}&{spelled(name)}=x")


# --- lists of changes -----------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.integers(0, len(SPELLINGS) + 3), st.integers(0, 400), st.integers(0, 400)
    ),
    min_size=1,
    max_size=8,
)


@fixed(max_examples=400)
@given(number=st.integers(0, 5), steps=steps)
def test_accepted_query_equals_the_signed_query(key, queries, evil, number, steps):
    whole = list(queries.values())
    # Parameters of another query too, each of them well signed in its own.
    others = [*evil, *whole[number - 1].split("&")]
    outcome(key, queries, respelled(whole[number], steps, others))


@fixed(max_examples=300)
@given(steps=steps)
def test_a_form_says_what_it_says_to_every_reader(key, steps):
    """By POST the message is signed itself; its parameters are read in one way."""
    element = logout_request()
    sign(element, key)
    body = urlencode(bindings.post_fields("SAMLRequest", serialize(element), "a b"))
    body = respelled(body, steps, ["SAMLRequest=PGEvPg%3D%3D", "RelayState=theirs"])
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(body.encode())),
        "wsgi.input": io.BytesIO(body.encode()),
    }
    try:
        found = receive(Visit(environ), lambda _: SimpleNamespace(keys=[key.public]))
    except Refused:
        return
    read = messages.read_logout_request(found.element)
    assert (read.id, read.name_id.value) == ("_l1", "q7Xw2")
    # By another reader of forms, which takes the first or the last of two.
    pairs = parse_qsl(body, keep_blank_values=True)
    said = [value for name, value in pairs if name == "RelayState"]
    assert [found.relay_state] == (said or [""])


@fixed(max_examples=300)
@given(steps=steps)
def test_an_artifact_says_what_it_says_to_every_reader(steps):
    artifact = bindings.new_artifact(HUB, 1)
    query = urlsplit(bindings.artifact_url(SLO, artifact, "a1 b2")).query
    query = respelled(query, steps, [f"SAMLart={bindings.new_artifact(HUB)}", "x=y"])
    try:
        text, state = bindings.read_artifact_query(query)
        found = bindings.read_artifact(text)
    except MalformedMessage:
        return
    pairs = parse_qsl(query, keep_blank_values=True)
    assert [value for name, value in pairs if name == "SAMLart"] == [text]
    said = [value for name, value in pairs if name == "RelayState"]
    assert [state] == (said or [""])
    assert found.source_id == bindings.source_id(HUB)


@fixed(max_examples=300)
@given(
    at=st.integers(0, 2**12),
    length=st.integers(0, 3),
    instead=st.sampled_from("&=%;+#?\0 \n\xe9") | st.text(max_size=3),
)
def test_no_characters_in_other_places_say_something_else(
    key, queries, at, length, instead
):
    for query in queries.values():
        place = at % len(query)
        changed = query[:place] + instead + query[place + length :]
        # As WSGI hands it over.
        outcome(key, queries, changed.encode().decode("latin-1"))
