"""``profile = digid``: what an operator may not ask for, and who is whom."""

import re
from dataclasses import replace

import pytest
from webob import Request

from eilogin.config import read
from eilogin.errors import InvalidOptions, PeerBusy
from eilogin.federation import Own
from eilogin.federation.local.local_entity import PARTICIPANT
from eilogin.federation.local.local_keys import OwnKey
from eilogin.federation.local.profiles import DIGID_PROFILE, SAML_PROFILE
from eilogin.filters.participant import ParticipantOptions
from eilogin.participant.digid_profile import (
    cancel_texts,
    error_texts,
    is_failure,
    is_time_to_renew,
    name_id_of,
    named,
)
from eilogin.saml.messages import NameID
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.sessions import Login, Subject

HUB = "https://inloggen.test/metadata"
ANNA = "s00000000:900000016"
WRONG = {
    "keep_alive = 5m": "keep_alive: expected '10m' to '15m'",
    "keep_alive = 16m": "keep_alive: expected '10m' to '15m'",
    "idle = 20m": "idle: expected at most '15m'",
    "comparison = exact": "comparison: expected 'minimum'",
    "comparison = none": "comparison: expected 'minimum'",
    "subject = attribute:uid": "subject: expected 'name-id'",
    "subject = name-id attribute:uid": "subject: expected 'name-id'",
    "silent = true": "silent: expected 'false'",
    "unsolicited = true": "unsolicited: expected 'false'",
    "require_attributes = mail": "require_attributes: expected no value",
    "acs = post": "acs: expected 'artifact'",
}


@pytest.fixture
def said(tmp_path):
    key, certificate = new_key_pair("uwv.test")
    (tmp_path / "uwv.key").write_bytes(key)
    (tmp_path / "uwv.crt").write_bytes(certificate)
    return {
        "store": "memory:",
        "public_url": "https://uwv.test",
        "key": str(tmp_path / "uwv.key"),
        "certificate": str(tmp_path / "uwv.crt"),
        "federation": str(tmp_path / "uwv.crt"),
        "federation_unsigned": "true",
        "profile": "digid",
    }


def pair(line):
    name, _, value = line.partition(" = ")
    return {name: value}


@pytest.mark.parametrize(("line", "told"), WRONG.items())
def test_an_option_that_contradicts_it_is_a_fault_at_start(said, line, told):
    name, _, expected = told.partition(": ")
    found = line.partition(" = ")[2]
    words = f"{name}: found '{found}'; {expected}"
    with pytest.raises(InvalidOptions, match=re.escape(words)):
        read(ParticipantOptions, {}, {**said, **pair(line)})
    assert read(ParticipantOptions, {}, {**said, **pair(line), "profile": "saml"})


@pytest.mark.parametrize("line", ["keep_alive = 10m", "keep_alive = 15m", "idle = 15m"])
def test_the_limits_themselves_are_none(said, line):
    assert read(ParticipantOptions, {}, {**said, **pair(line)})


def test_all_faults_are_told_at_once(said):
    wrong = {"idle": "1h", "silent": "true"}
    with pytest.raises(InvalidOptions, match=r"idle: .*; silent: .*profile = digid"):
        read(ParticipantOptions, {}, {**said, **wrong})


@pytest.mark.parametrize("sectors", ["", "s00000002", "bsn", "s00000000 x"])
def test_only_known_sectors_can_be_taken(said, sectors):
    with pytest.raises(InvalidOptions, match="one or more of s00000000, s00000001"):
        read(ParticipantOptions, {}, {**said, "sectors": sectors})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("line", ["keep_alive = 5m", "idle = 20m"])
def test_filters_of_their_own_log_nobody_in(witness, eilogin_federation, caplog, line):
    federation = eilogin_federation(
        {"uwv.test": witness}, options={"uwv.test": pair(line)}
    )
    trusting = federation.apps["uwv.test"].app
    own = replace(trusting.trust.own, profile=DIGID_PROFILE)
    trusting.trust = replace(trusting.trust, own=own)
    for path in ("/mijn", "/eilogin/login?next=/mijn"):
        answer = Request.blank(f"https://uwv.test{path}").get_response(federation)
        assert answer.status_int == 500
        assert WRONG[line] in caplog.text
        caplog.clear()
    assert witness.seen == []


@pytest.mark.parametrize(
    ("age", "is_time"), [(599, False), (600, True), (900, True), (901, False)]
)
def test_digid_is_asked_again_between_ten_and_fifteen_minutes(age, is_time):
    assert is_time_to_renew(age, 600.0) is is_time


def test_the_texts_are_those_of_the_checklists_to_the_letter():
    assert error_texts("", "")["nl"] == (
        "Er is een fout opgetreden in de communicatie met DigiD. Probeert u het later "
        "nogmaals. Indien deze fout blijft aanhouden, kijk dan op de website "
        "https://www.digid.nl voor de laatste informatie."
    )
    assert error_texts("cl7", "") == error_texts("", "")
    assert error_texts("tvs", "")["nl"] == (
        "Inloggen bij deze organisatie is niet gelukt. Probeert u het later nog een "
        "keer. Lukt het nog steeds niet? Log in bij Mijn DigiD. Zo controleert u of uw "
        "DigiD goed werkt. Mogelijk is er een storing bij de organisatie waar u inlogt."
    )
    assert error_texts("Bel ons.", "") == {"nl": "Bel ons.", "en": "Bel ons."}
    assert error_texts("Bel ons.", "Call us.")["en"] == "Call us."
    assert cancel_texts("", "")["nl"] == "U heeft het inloggen met DigiD geannuleerd."
    assert cancel_texts("Weg.", "Gone.") == {"nl": "Weg.", "en": "Gone."}


@pytest.fixture(scope="module")
def own():
    return Own(
        role=PARTICIPANT,
        public_url="https://uwv.test",
        prefix="/eilogin",
        keys=(OwnKey.of(SigningKey.load(*new_key_pair("uwv.test"))),),
        entity_id="https://uwv.test/eilogin/metadata",
        back_channel_url="https://uwv.test",
        profile=DIGID_PROFILE,
    )


def login_of(who, **attributes):
    return Login(who, "basis", 0.0, 1.0, 0.0, attributes=attributes)


def test_a_logout_request_finds_whom_a_login_made(own):
    who = named(own, NameID(ANNA), HUB)
    assert who == named(own, NameID(ANNA), HUB)
    assert ANNA not in repr(who.as_name_id().value)
    # No key of the store can be found by trying all numbers.
    plain = Subject.named(NameID(ANNA), issuer=HUB, audience=own.entity_id)
    assert who.label() != plain.label()
    assert who != named(own, NameID("s00000000:900000028"), HUB)
    assert who != named(own, NameID(ANNA.replace("0:", "1:", 1)), HUB)
    assert named(own, NameID("S00000000:900000016"), HUB) is None
    assert named(own, NameID("q7"), HUB) is None
    saml = replace(own, profile=SAML_PROFILE)
    assert named(saml, NameID("q7"), HUB).name_id == "q7"


def test_we_name_her_to_digid_as_it_named_her(own):
    who = named(own, NameID(ANNA), HUB)
    assert name_id_of(own, login_of(who, bsn=["900000016"])) == NameID(ANNA)
    sofi = NameID(ANNA.replace("0:", "1:", 1))
    assert name_id_of(own, login_of(who, sofi=["900000016"])) == sofi


def test_a_login_from_before_is_named_as_it_came(own):
    who = Subject.named(NameID(ANNA), issuer=HUB, audience=own.entity_id)
    assert name_id_of(own, login_of(who)).value == ANNA
    saml = replace(own, profile=SAML_PROFILE)
    assert name_id_of(saml, login_of(who, bsn=["1"])) == who.as_name_id()


# --- an answer by which a session ends ------------------------------------------------


def test_an_artifact_that_is_not_resolved_for_others_are_is_no_answer_of_digid():
    assert not is_failure(PeerBusy("eight are there"))
