from dataclasses import replace

import pytest

from eilogin.sessions import Login, Participant, Subject

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
ANNA = Subject(HUB, UWV, "anna-at-uwv")
LOGIN = Login(
    who=ANNA,
    level="basis",
    started=1000.0,
    ends=8200.0,
    confirmed=1000.0,
    attributes={"bsn": ["900000016"], "name": ["Anna"]},
    session_index="_1",
    family="secret",
)


class TestSubject:
    def test_what_is_absent_means_its_default(self):
        said = Subject(HUB, UWV, "anna-at-uwv", UNSPECIFIED, HUB, UWV)
        assert ANNA.label() == said.label()
        assert replace(ANNA, format="").label() == said.label()

    @pytest.mark.parametrize(
        "change",
        [
            {"issuer": "https://other.test/metadata"},
            {"audience": "https://stad.test/metadata"},
            {"name_id": "bram-at-uwv"},
            {"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
            {"name_qualifier": "x"},
            {"sp_name_qualifier": "x"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_another_one_has_another_label(self, change):
        assert replace(ANNA, **change).label() != ANNA.label()

    def test_a_session_has_a_label_of_its_own(self):
        assert len({ANNA.label(), ANNA.label("_1"), ANNA.label("_2")}) == 3

    def test_is_another_one_for_the_hubs_sessions(self):
        own = {ANNA.label(), ANNA.label("_1")}
        assert len({ANNA.told_label(), ANNA.told_label("_1")} | own) == 4

    def test_parts_do_not_run_into_each_other(self):
        assert Subject("ab", "c", "x").label() != Subject("a", "bc", "x").label()

    def test_shows_nobody_in_its_repr(self):
        assert "anna" not in repr(ANNA)


class TestLogin:
    def test_is_the_same_after_the_store(self):
        stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
        assert stored == replace(LOGIN, key="key", seen=1234.5)

    def test_keeps_neither_key_nor_seen_in_its_text(self):
        text = replace(LOGIN, key="the-key", seen=77.5).to_json()
        assert "the-key" not in text
        assert "77.5" not in text

    def test_tells_its_instants_as_aware_datetimes(self):
        assert LOGIN.since.isoformat() == "1970-01-01T00:16:40+00:00"
        assert LOGIN.until.isoformat() == "1970-01-01T02:16:40+00:00"

    def test_is_found_by_subject_and_by_session_index(self):
        assert LOGIN.labels() == (ANNA.label(), ANNA.label("_1"))
        assert replace(LOGIN, session_index=None).labels() == (ANNA.label(),)

    def test_shows_no_secret_in_its_repr(self):
        shown = repr(replace(LOGIN, key="the-key"))
        for secret in ("900000016", "anna-at-uwv", "secret", "the-key"):
            assert secret not in shown

    def test_a_level_once_proven_stays_proven(self):
        proven = replace(LOGIN, level="midden")
        newer = replace(LOGIN, confirmed=2000.0)
        assert proven.confirmed_by(newer).level == "midden"
        assert LOGIN.confirmed_by(replace(newer, level="midden")).level == "midden"
        assert proven.confirmed_by(newer).confirmed == 2000.0

    def test_ends_when_the_newer_confirmation_says(self):
        assert LOGIN.confirmed_by(replace(LOGIN, ends=5000.0)).ends == 5000.0

    def test_ends_as_it_would_have_where_the_newer_says_nothing(self):
        assert LOGIN.confirmed_by(replace(LOGIN, ends=float("inf"))).ends == 8200.0


def test_a_participant_is_the_same_after_the_store():
    told = Participant(UWV, ANNA, "_1", 1000.0)
    assert Participant.from_json(told.to_json()) == told
