"""How the question goes to the hub: over which binding, and in which words."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hub_speaker import Citizen, changes, hub_changes, own_changes

from eilogin.errors import InvalidOptions
from eilogin.federation.local.local_keys import OwnKey
from eilogin.filters.login import make_login
from eilogin.saml import bindings, messages, safe_xml, xml_signatures
from eilogin.saml.assurance_levels import DIGID, LEVELS, Classes
from eilogin.saml.metadata import Endpoint
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_encryption import encrypt

STAD = "https://stad.test/mijn"
SSO = "https://inloggen.test/sso"
REDIRECT, POST = Endpoint(bindings.REDIRECT, SSO), Endpoint(bindings.POST, SSO)
SOAP = Endpoint(bindings.SOAP, SSO)


@pytest.fixture
def citizen(clock, witness, eilogin_federation, hub_of):
    """A citizen of a participant with these options."""

    def make(**options):
        said = {"acs": "post", **options}
        federation = eilogin_federation(
            {"stad.test": witness}, options={"stad.test": said}
        )
        return Citizen(federation, hub_of(federation))

    return make


def asked_over(citizen):
    return "POST" if citizen.waiting.forms else "Redirect"


# --- the binding ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "has", "taken"),
    [
        ("auto", (POST, REDIRECT), "Redirect"),
        ("auto", (SOAP, POST), "POST"),
        ("redirect", (POST, REDIRECT), "Redirect"),
        ("post", (REDIRECT, POST), "POST"),
    ],
)
def test_a_question_goes_over_what_is_wanted_and_the_hub_has(
    citizen, wanted, has, taken
):
    visitor = citizen(request_binding=wanted)
    hub_changes(visitor.federation, "stad.test", single_sign_ons=has)
    visitor.browser.visit(STAD)
    assert asked_over(visitor) == taken
    question = visitor.question()
    assert question[0].destination == SSO
    visitor.bring(visitor.hub.answer(question[0]), question)
    assert visitor.browser.url == STAD


def test_a_question_by_post_is_signed_itself(citizen):
    visitor = citizen(request_binding="post")
    visitor.browser.visit(STAD)
    received = bindings.read_post(visitor.waiting.forms[-1])
    key = visitor.federation.trusts["stad.test"].own.key.private.public_key()
    signed = xml_signatures.signed(safe_xml.parse(received.octets), [key])
    assert messages.read_authn_request(signed).issuer.startswith("https://stad.test/")


@pytest.mark.parametrize("wanted", ["redirect", "post"])
def test_our_own_hub_takes_either(eilogin_federation, clock, witness, wanted):
    options = {"stad.test": {"request_binding": wanted}}
    browser = eilogin_federation({"stad.test": witness}, options=options).browser()
    browser.visit(STAD)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == STAD
    assert witness.environ["eilogin.session"].level == "basis"


@pytest.mark.parametrize(
    ("wanted", "has", "told"),
    [
        ("redirect", (POST,), r"for HTTP-Redirect .* its metadata has HTTP-POST: ask"),
        ("post", (REDIRECT,), r"for HTTP-POST .* its metadata has HTTP-Redirect: ask"),
        ("auto", (SOAP,), r"HTTP-Redirect or HTTP-POST .* its metadata has SOAP: ask"),
        ("auto", (), r"its metadata has none: ask"),
    ],
)
def test_a_hub_without_the_binding_is_told_of(citizen, caplog, wanted, has, told):
    visitor = citizen(request_binding=wanted)
    hub_changes(visitor.federation, "stad.test", single_sign_ons=has)
    visitor.browser.visit(STAD)
    assert visitor.browser.page.status_int == 400
    line = next(m for m in caplog.messages if "(binding-missing):" in m)
    assert re.search(told, line)
    assert "https://inloggen.test/metadata" in line


# --- the level ------------------------------------------------------------------

REACHING_MIDDEN = tuple(DIGID.class_of(level) for level in LEVELS[1:])


@pytest.mark.parametrize(
    ("comparison", "classes"),
    [
        ("minimum", REACHING_MIDDEN[:1]),
        ("exact", REACHING_MIDDEN),
        ("none", ()),
    ],
)
def test_a_level_is_asked_for_in_the_words_that_the_hub_knows(
    citizen, comparison, classes
):
    visitor = citizen(comparison=comparison, protect="/ midden")
    request, _ = visitor.begin(STAD)
    assert request.level_classes == classes
    assert not classes or request.comparison == comparison


@pytest.mark.parametrize("comparison", ["minimum", "exact", "none"])
@pytest.mark.parametrize("level", LEVELS)
def test_level_of_assertion_is_checked_for_every_comparison(citizen, comparison, level):
    visitor = citizen(comparison=comparison, protect="/ midden")
    question = visitor.begin(STAD)
    answer = visitor.hub.answer(question[0], level_class=DIGID.class_of(level))
    visitor.bring(answer, question)
    assert (visitor.browser.page.status_int == 403) == (level == "basis")


def test_a_level_that_no_class_says_is_asked_for_by_the_next_one(citizen):
    visitor = citizen(protect="/ midden")
    classes = Classes({"substantieel": ("urn:s",), "hoog": ("urn:h",)})
    changes(visitor.federation, "stad.test", classes=classes)
    request, _ = visitor.begin(STAD)
    assert request.level_classes == ("urn:s",)


def test_a_level_that_can_never_be_reached_is_told_of_and_not_asked_for(
    citizen, caplog
):
    visitor = citizen(protect="/ midden", comparison="none")
    changes(visitor.federation, "stad.test", classes=Classes({"basis": ("urn:b",)}))
    visitor.browser.visit(STAD)
    assert visitor.browser.page.status_int == 500
    assert not visitor.was_asked()
    assert (
        "no line of level_classes has a class for 'midden' or a higher" in caplog.text
    )


# --- the NameID -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name_id_format"),
    [("transient", messages.TRANSIENT), ("none", ""), ("email", messages.EMAIL)],
)
def test_the_name_of_a_citizen_is_asked_for_as_our_metadata_says(
    citizen, option, name_id_format
):
    request, _ = citizen(name_id_format=option).begin(STAD)
    assert request.name_id_format == name_id_format


@pytest.mark.parametrize(
    ("option", "policy"), [("any", {"AllowCreate": "true"}), ("none", None)]
)
def test_a_policy_need_name_no_format_and_need_not_be_there(citizen, option, policy):
    visitor = citizen(name_id_format=option)
    visitor.begin(STAD)
    url = next(u for u in visitor.browser.trail if "SAMLRequest=" in u)
    octets = bindings.read_redirect(urlsplit(url).query).octets
    found = safe_xml.parse(octets).find(safe_xml.q("samlp:NameIDPolicy"))
    assert (None if found is None else dict(found.attrib)) == policy


@pytest.mark.parametrize(
    "name_id_format",
    ["", messages.PERSISTENT, "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos",
     "https://example.org/formats/badge"],
    ids=["none", "persistent", "kerberos", "of their own"],
)  # fmt: skip
def test_a_name_of_any_format_logs_in(citizen, witness, name_id_format):
    visitor = citizen(name_id_format="any")
    name_id = messages.NameID("q7Xw2", name_id_format)
    visitor.log_in(STAD, name_id=name_id)
    login = witness.environ["eilogin.session"]
    found = login.who.as_name_id()
    assert (found.value, found.format or messages.UNSPECIFIED) == (
        name_id.value,
        name_id_format or messages.UNSPECIFIED,
    )


# --- algorithms -----------------------------------------------------------------

RSA_SHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"


@pytest.mark.parametrize("binding", [REDIRECT, POST])
def test_a_question_is_signed_as_the_metadata_of_the_hub_wants_it(citizen, binding):
    visitor = citizen()
    hub_changes(
        visitor.federation,
        "stad.test",
        single_sign_ons=(binding,),
        signing_methods=("urn:x-test:newer", RSA_SHA512),
    )
    visitor.browser.visit(STAD)
    if binding is REDIRECT:
        (url,) = [u for u in visitor.browser.trail if "SAMLRequest=" in u]
        assert bindings.read_redirect(urlsplit(url).query).algorithm == RSA_SHA512
    else:
        octets = bindings.read_post(visitor.waiting.forms[-1]).octets
        method = next(safe_xml.parse(octets).iter(safe_xml.q("ds:SignatureMethod")))
        assert method.get("Algorithm") == RSA_SHA512


def test_a_hub_that_takes_no_algorithm_of_ours_is_told_of(citizen, caplog):
    visitor = citizen()
    hub_changes(visitor.federation, "stad.test", signing_methods=("urn:x-test:newer",))
    visitor.browser.visit(STAD)
    assert visitor.browser.page.status_int == 400
    assert not visitor.was_asked()
    line = next(m for m in caplog.messages if "(algorithm-missing):" in m)
    assert "lists the signature algorithms urn:x-test:newer" in line
    assert "rsa-sha256" in line


def test_the_answer_of_a_hub_may_be_signed_by_an_elliptic_key(citizen, witness):
    visitor = citizen()
    private = ec.generate_private_key(ec.SECP384R1())
    key = SigningKey.load(*new_key_pair("hub", private=private))
    hub_changes(
        visitor.federation, "stad.test", signing_certificates=(key.certificate_text,)
    )
    question = visitor.begin(STAD)
    # By the key of before nobody gets in.
    visitor.bring(visitor.hub.answer(question[0]), question)
    assert visitor.browser.page.status_int == 400
    visitor.hub.key = key
    visitor.log_in(STAD)
    assert witness.environ["REMOTE_USER"] == "anna"


# --- answers of which only the assertion is signed ------------------------------


def test_an_answer_that_is_not_signed_itself_can_be_refused(citizen, witness, caplog):
    visitor = citizen(want_response_signed="true")
    question = visitor.begin(STAD)
    visitor.bring(visitor.hub.answer(question[0]), question)
    assert visitor.browser.page.status_int == 400
    assert "the hub signed the assertion and not the Response" in caplog.text
    assert "(signature-untrusted)" in caplog.text
    assert witness.seen == []
    visitor.bring(visitor.hub.signed(visitor.hub.answer(question[0])), question)
    assert witness.environ["REMOTE_USER"] == "anna"


def test_an_answer_by_artifact_is_signed_around_it(
    clock, witness, eilogin_federation, hub_of
):
    federation = eilogin_federation(
        {"stad.test": witness}, options={"stad.test": {"want_response_signed": "yes"}}
    )
    browser = federation.browser()
    browser.visit(STAD)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert browser.url == STAD


def test_an_answer_is_taken_where_its_assertion_is_signed_unless_we_want_more(
    citizen, witness
):
    citizen().log_in(STAD)
    assert witness.environ["REMOTE_USER"] == "anna"


# --- answers that are encrypted -------------------------------------------------


@pytest.fixture
def encrypted():
    def answer(hub, request, key):
        assertion = hub.signed(hub.assertion(request))
        public = key.private.public_key()
        wrapped = encrypt(assertion, "saml:EncryptedAssertion", public)
        return hub.response(request, wrapped)

    return answer


@pytest.mark.parametrize("which", [0, 1], ids=["newest", "older"])
def test_an_encrypted_answer_is_opened_by_each_of_our_keys(
    citizen, encrypted, witness, attacker_key, which
):
    visitor = citizen()
    keys = (visitor.federation.trusts["stad.test"].own.key, attacker_key)
    ours = [OwnKey.of(keys[0]), replace(OwnKey.of(keys[1]), use="encryption")]
    own_changes(visitor.federation, "stad.test", keys=ours)
    question = visitor.begin(STAD)
    visitor.bring(encrypted(visitor.hub, question[0], keys[which]), question)
    assert visitor.browser.url == STAD
    assert witness.environ["REMOTE_USER"] == "anna"


def test_an_answer_that_is_encrypted_for_another_is_refused(
    citizen, encrypted, witness, attacker_key, caplog
):
    visitor = citizen()
    question = visitor.begin(STAD)
    visitor.bring(encrypted(visitor.hub, question[0], attacker_key), question)
    assert visitor.browser.page.status_int == 400
    assert "(decryption-failed):" in caplog.text
    assert witness.seen == []


def partly(*names):
    """Make an answer with these parts encrypted, inside of a clear assertion."""

    def answer(hub, request, key):
        assertion = hub.assertion(request, name_id=messages.NameID("anna"))
        public = key.private.public_key()
        for name, wrapper in (
            ("saml:NameID", "saml:EncryptedID"),
            ("saml:Attribute", "saml:EncryptedAttribute"),
        ):
            if name in names:
                (found,) = assertion.iter(safe_xml.q(name))
                found.addprevious(encrypt(found, wrapper, public))
                found.getparent().remove(found)
        return hub.response(request, hub.signed(assertion))

    return answer


IN_CLEAR = partly()
NAME, ATTRIBUTES = partly("saml:NameID"), partly("saml:Attribute")
BOTH_PARTS = partly("saml:NameID", "saml:Attribute")


@pytest.mark.parametrize(
    ("required", "make", "lacking"),
    [
        ("assertion", IN_CLEAR, "the assertion"),
        ("assertion", BOTH_PARTS, "the assertion"),
        ("attributes", IN_CLEAR, "an attribute"),
        ("attributes", NAME, "an attribute"),
        ("attributes", ATTRIBUTES, ""),
        ("name-id", IN_CLEAR, "a NameID"),
        ("name-id", ATTRIBUTES, "a NameID"),
        ("name-id", NAME, ""),
        ("name-id attributes", NAME, "an attribute"),
        ("name-id attributes", ATTRIBUTES, "a NameID"),
        ("name-id attributes", BOTH_PARTS, ""),
    ],
)
def test_rejects_an_answer_in_clear_text_if_it_must_be_encrypted(  # noqa: PLR0913, PLR0917
    citizen, witness, caplog, required, make, lacking
):
    visitor = citizen(require_encryption=required)
    key = visitor.federation.trusts["stad.test"].own.key
    question = visitor.begin(STAD)
    visitor.bring(make(visitor.hub, question[0], key), question)
    if not lacking:
        assert witness.environ["REMOTE_USER"] == "anna"
        assert witness.environ["eilogin.session"].attributes == {"name": ["Anna"]}
        return
    assert visitor.browser.page.status_int == 400
    assert witness.seen == []
    line = next(m for m in caplog.messages if "(not-encrypted):" in m)
    assert f"the hub did not encrypt {lacking}" in line
    assert "anna" not in line.lower()


@pytest.mark.parametrize("required", ["assertion", "attributes", "name-id"])
def test_an_encrypted_assertion_covers_all_that_must_be_encrypted(
    citizen, encrypted, witness, required
):
    visitor = citizen(require_encryption=required)
    key = visitor.federation.trusts["stad.test"].own.key
    question = visitor.begin(STAD)
    visitor.bring(encrypted(visitor.hub, question[0], key), question)
    assert witness.environ["REMOTE_USER"] == "anna"


@pytest.mark.parametrize("acs", ["artifact", "post"])
@pytest.mark.parametrize(
    ("encrypt", "is_enough"),
    [("https://stad.test/eilogin/metadata required", True), ("off", False)],
)
def test_our_hub_encrypts_for_a_participant_that_requires_it(  # noqa: PLR0913, PLR0917
    clock, witness, eilogin_federation, acs, encrypt, is_enough
):
    federation = eilogin_federation(
        {"stad.test": witness},
        options={"stad.test": {"acs": acs, "require_encryption": "assertion"}},
        hub_options={"encrypt": encrypt},
    )
    browser = federation.browser()
    browser.visit(STAD)
    browser.press("Inloggen", username="anna", password="demo-anna")
    assert (browser.url == STAD) == is_enough
    assert bool(witness.seen) == is_enough


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("request_binding", "soap"),
        ("comparison", "better"),
        ("require_encryption", "assertion everything"),
        ("name_id_mismatch", "accept"),
    ],
)
def test_options_that_cannot_be_used_are_refused(witness, option, text):
    with pytest.raises(InvalidOptions, match=option):
        make_login(witness, {}, **{option: text})
