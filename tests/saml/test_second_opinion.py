"""The second opinion: python3-saml behind its one door."""

import re
import runpy
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from types import ModuleType

import pytest
import time_machine
from lxml import etree
from onelogin.saml2 import response as onelogin

from eilogin.errors import Busy, OpinionsDiffer
from eilogin.saml import safe_xml, second_opinion
from eilogin.saml.safe_xml import parse, q, serialize
from eilogin.saml.second_opinion import SecondOpinion, can_judge, standalone
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import encrypt
from eilogin.saml.xml_signatures import sign

ACS = "https://uwv.example.nl:8443/eilogin/acs"
ANSWER = f"""\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0"
 IssueInstant="2026-01-01T12:00:00Z" Destination="{ACS}" InResponseTo="_q">\
<saml:Issuer>https://hub.test</saml:Issuer><samlp:Status>\
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>\
<saml:Assertion ID="_a" Version="2.0" IssueInstant="2026-01-01T12:00:00Z">\
<saml:Issuer>https://hub.test</saml:Issuer><saml:Subject>\
<saml:NameID>999991772</saml:NameID>\
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<saml:SubjectConfirmationData Recipient="{ACS}" InResponseTo="_q"
 NotOnOrAfter="2026-01-01T12:02:00Z"/></saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore="2026-01-01T11:58:00Z" NotOnOrAfter="2026-01-01T12:02:00Z">\
<saml:AudienceRestriction><saml:Audience>https://uwv.example.nl</saml:Audience>\
</saml:AudienceRestriction></saml:Conditions>\
<saml:AuthnStatement AuthnInstant="2026-01-01T12:00:00Z"><saml:AuthnContext>\
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password\
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
</saml:Assertion></samlp:Response>"""


@pytest.fixture(scope="module")
def key():
    return SigningKey.load(*new_key_pair("hub.test"))


@pytest.fixture(scope="module")
def rolled():
    """The key that the hub had before."""
    return SigningKey.load(*new_key_pair("hub.test"))


@pytest.fixture(scope="module")
def opinion(key, rolled):
    return SecondOpinion(
        entity_id="https://uwv.example.nl",
        acs_url=ACS,
        hub_entity_id="https://hub.test",
        hub_sso_url="https://inloggen.localhost:8080/sso",
        hub_certificates=(rolled.certificate_text, key.certificate_text),
    )


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel("2026-01-01T12:00:30Z", tick=False):
        yield


def answer(key, *signs, text=ANSWER):
    root = etree.fromstring(text)
    for name in signs:
        element = root if name == "response" else root.find(q("saml:Assertion"))
        sign(element, key)
    return serialize(root)


@pytest.mark.parametrize(
    "signs", [("assertion",), ("response",), ("assertion", "response")], ids="+".join
)
def test_it_agrees_with_a_good_answer(opinion, key, rolled, signs):
    opinion.confirm(answer(key, *signs), "_q")
    opinion.confirm(answer(rolled, *signs), "_q")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(("uwv.example.nl</", "a.test</"), "WRONG_AUDIENCE", id="audience"),
        pytest.param((f'Destination="{ACS}', 'Destination="https://a.test'),
                     "WRONG_DESTINATION", id="destination"),
        pytest.param((':8443/eilogin/acs" I', ':8444/eilogin/acs" I'),
                     "WRONG_DESTINATION", id="port"),
        pytest.param((f'Recipient="{ACS}"', 'Recipient="https://a.test"'),
                     "WRONG_SUBJECTCONFIRMATION", id="recipient"),
        pytest.param(("hub.test</saml:Issuer><samlp", "a.test</saml:Issuer><samlp"),
                     "WRONG_ISSUER", id="issuer"),
        pytest.param(('InResponseTo="_q">', 'InResponseTo="_p">'),
                     "WRONG_INRESPONSETO", id="request"),
        pytest.param(("status:Success", "status:Responder"),
                     "STATUS_CODE_IS_NOT_SUCCESS", id="status"),
        pytest.param(('Version="2.0"', 'Version="1.1"'),
                     "UNSUPPORTED_SAML_VERSION", id="version"),
        pytest.param(("<saml:Conditions", "<saml:Unknown/><saml:Conditions"),
                     "INVALID_XML_FORMAT", id="schema"),
    ],
)  # fmt: skip
def test_it_refuses_and_says_why(opinion, key, change, reason):
    text = ANSWER.replace(*change)
    assert text != ANSWER
    with pytest.raises(OpinionsDiffer) as caught:
        opinion.confirm(answer(key, "assertion", text=text), "_q")
    assert str(caught.value).endswith(f": {reason}")
    assert "999991772" not in str(caught.value)


def test_it_refuses_another_key(opinion):
    stranger = SigningKey.load(*new_key_pair("hub.test"))
    with pytest.raises(OpinionsDiffer, match="INVALID_SIGNATURE"):
        opinion.confirm(answer(stranger, "assertion"), "_q")


def test_it_refuses_what_was_changed(opinion, key):
    octets = answer(key, "assertion").replace(b"999991772", b"999990019")
    with pytest.raises(OpinionsDiffer, match="INVALID_SIGNATURE"):
        opinion.confirm(octets, "_q")


def test_it_refuses_what_is_not_signed(opinion):
    with pytest.raises(OpinionsDiffer, match="NO_SIGNATURE_FOUND"):
        opinion.confirm(ANSWER.encode(), "_q")


@pytest.mark.parametrize("octets", [b"", b"<a", b"<a/>", b"\xff"])
def test_it_refuses_what_is_no_answer(opinion, octets):
    with pytest.raises(OpinionsDiffer):
        opinion.confirm(octets, "_q")


def test_settings_that_it_does_not_like_are_a_refusal_too(key):
    opinion = SecondOpinion("", ACS, "https://hub.test", "https://hub.test/sso", ())
    with pytest.raises(OpinionsDiffer, match="SETTINGS_INVALID"):
        opinion.confirm(answer(key, "assertion"), "_q")


@pytest.mark.parametrize(
    ("instant", "is_taken"),
    [
        ("2026-01-01T12:02:59Z", True),
        ("2026-01-01T12:03:00Z", False),
        ("2026-01-01T12:03:01Z", False),
    ],
)
def test_it_puts_up_with_the_same_skew_as_we_do(opinion, key, instant, is_taken):
    octets = answer(key, "assertion")
    with time_machine.travel(instant, tick=False):
        if is_taken:
            opinion.confirm(octets, "_q")
            return
        with pytest.raises(OpinionsDiffer, match="WRONG_SUBJECTCONFIRMATION"):
            opinion.confirm(octets, "_q")


def test_it_warns_of_nothing(opinion, key):
    with warnings.catch_warnings():
        # As PYTHONWARNINGS=error has it.
        warnings.simplefilter("error")
        opinion.confirm(answer(key, "assertion"), "_q")


def test_a_warning_is_no_opinion(opinion, key, monkeypatch):
    def warn(*_):
        raise DeprecationWarning("some function of another package")

    monkeypatch.setattr(onelogin.OneLogin_Saml2_XML, "to_etree", warn)
    with pytest.raises(DeprecationWarning):
        opinion.confirm(answer(key, "assertion"), "_q")


def test_it_compiles_no_schema_for_a_message(opinion, key, monkeypatch):
    octets = answer(key, "assertion")
    opinion.confirm(octets, "_q")
    monkeypatch.setattr(onelogin.OneLogin_Saml2_XML, "_schema_class", None)
    monkeypatch.setattr(safe_xml, "_Schema", None)
    opinion.confirm(octets, "_q")


def test_others_who_use_python3_saml_notice_nothing(opinion, key):
    opinion.confirm(answer(key, "assertion"), "_q")
    names = onelogin.OneLogin_Saml2_Response.is_valid.__globals__
    assert names["OneLogin_Saml2_XML"] is onelogin.OneLogin_Saml2_XML
    assert names["OneLogin_Saml2_Utils"] is onelogin.OneLogin_Saml2_Utils
    assert onelogin.OneLogin_Saml2_XML.__module__ == "onelogin.saml2.xml_utils"


def test_threads_may_ask_at_once(opinion, key):
    good, bad = answer(key, "assertion"), ANSWER.encode()

    def is_confirmed(octets):
        try:
            opinion.confirm(octets, "_q")
        except OpinionsDiffer:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(is_confirmed, [good, bad] * 20)) == [True, False] * 20


def in_artifact_response(response):
    return parse(
        b'<samlp:ArtifactResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        b' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
        b' xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_ar">'
        + response.replace(b' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', b"")
        + b" tail</samlp:ArtifactResponse>"
    )[0]


@pytest.mark.parametrize("signs", ["assertion", "response"])
def test_a_response_taken_out_of_an_artifact_response_can_be_judged(
    opinion, key, signs
):
    response = in_artifact_response(answer(key, signs))
    assert can_judge(response)
    opinion.confirm(standalone(response), "_q")


@pytest.mark.parametrize(
    ("name", "wrapper"),
    [
        ("saml:Assertion", "saml:EncryptedAssertion"),
        ("saml:NameID", "saml:EncryptedID"),
        ("saml:Attribute", "saml:EncryptedAttribute"),
    ],
)
@pytest.mark.parametrize("signs", ["assertion", "response"])
def test_response_with_encrypted_part_cannot_be_judged(key, name, wrapper, signs):
    attribute = (
        '<saml:AttributeStatement><saml:Attribute Name="a"/></saml:AttributeStatement>'
        "</saml:Assertion>"
    )
    root = etree.fromstring(ANSWER.replace("</saml:Assertion>", attribute))
    part = next(root.iter(q(name)))
    part.getparent().replace(part, encrypt(part, wrapper, key.public))
    signed = root if signs == "response" else root.find(q("saml:Assertion"))
    if signed is not None:
        sign(signed, key)
    assert not can_judge(parse(serialize(root)))


def in_advice(*, encrypted_for=None):
    """The answer, with another assertion in the Advice of its own."""
    root = etree.fromstring(ANSWER)
    assertion = root.find(q("saml:Assertion"))
    other = deepcopy(assertion)
    other.set("ID", "_other")
    # None of this holds, and nothing of it is read.
    for element in other.iter(q("saml:Issuer"), q("saml:Audience")):
        element.text = "https://evil.test"
    other.remove(other.find(q("saml:AuthnStatement")))
    advice = etree.Element(q("saml:Advice"))
    advice.append(other)
    if encrypted_for:
        advice[:] = [encrypt(other, "saml:EncryptedAssertion", encrypted_for.public)]
    assertion.find(q("saml:Conditions")).addnext(advice)
    return serialize(root).decode()


SPACED = (
    ANSWER.replace("<saml:Issuer>", "<saml:Issuer>\n  ")
    .replace("</saml:Audience>", "\n</saml:Audience>")
    .replace("<saml:AuthnContextClassRef>", "<saml:AuthnContextClassRef> ")
)
CONFIRMED_ELSEWHERE = re.sub(
    "(<saml:SubjectConfirmation .*</saml:SubjectConfirmation>)",
    lambda match: match[0].replace(ACS, "https://evil.test/") + match[0],
    ANSWER,
    flags=re.DOTALL,
)


@pytest.mark.parametrize("signs", ["assertion", "response"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda key: in_advice(), id="advice"),
        pytest.param(lambda key: in_advice(encrypted_for=key), id="encrypted-advice"),
        pytest.param(lambda key: SPACED, id="white-space"),
        pytest.param(lambda key: CONFIRMED_ELSEWHERE, id="two-confirmations"),
    ],
)
def test_it_agrees_with_answers_of_other_products(opinion, key, make, signs):
    text = make(key)
    assert text != ANSWER
    octets = answer(key, signs, text=text)
    assert can_judge(parse(octets))
    opinion.confirm(octets, "_q")


def test_it_agrees_with_an_answer_without_issuer_around_it(opinion, key):
    text = ANSWER.replace("<saml:Issuer>https://hub.test</saml:Issuer>", "", 1)
    opinion.confirm(answer(key, "assertion", text=text), "_q")


@pytest.mark.parametrize("signs", ["assertion", "response"])
def test_it_refuses_an_assertion_that_is_no_advice(opinion, key, signs):
    other = re.search("<saml:Assertion.*</saml:Assertion>", ANSWER, re.DOTALL)[0]
    other = other.replace('ID="_a"', 'ID="_other"')
    advice = f"<saml:Advice>{other}</saml:Advice>"
    text = ANSWER.replace(
        "</saml:Issuer><samlp:Status>",
        f"</saml:Issuer><samlp:Extensions>{advice}</samlp:Extensions><samlp:Status>",
    )
    assert text != ANSWER
    with pytest.raises(OpinionsDiffer, match="WRONG_NUMBER_OF_ASSERTIONS"):
        opinion.confirm(answer(key, signs, text=text), "_q")


@pytest.mark.parametrize("signs", ["assertion", "response"])
def test_an_answer_that_names_nobody_can_be_judged(opinion, key, signs):
    text = ANSWER.replace("<saml:NameID>999991772</saml:NameID>", "")
    octets = answer(key, signs, text=text)
    assert can_judge(parse(octets))
    opinion.confirm(octets, "_q")


def test_response_signed_only_by_artifact_response_cannot_be_judged():
    assert not can_judge(in_artifact_response(ANSWER.encode()))


def test_without_a_thread_for_it_there_is_none(opinion, monkeypatch):
    """That is no opinion which differs: nothing was looked at."""
    monkeypatch.setattr(safe_xml, "_MOST_WITH_NEW_NAMES", -1)

    def none_left(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with pytest.raises(Busy):
        opinion.confirm(ANSWER.encode(), "_q")


class Mismatched(ModuleType):
    """A package that cannot be imported: xmlsec raises this as it is loaded."""

    def __getattr__(self, name):
        raise RuntimeError(-1, "lxml & xmlsec libxml2 library version mismatch")


def test_versions_that_do_not_go_together_are_told_with_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "onelogin.saml2", Mismatched("onelogin.saml2"))
    with pytest.raises(ImportError, match="version mismatch") as caught:
        runpy.run_path(second_opinion.__file__)
    assert "pip install 'lxml>=6,<7' 'xmlsec>=1.3.16,<1.4'" in str(caught.value)
    assert f"Found lxml {etree.__version__}" in str(caught.value)
