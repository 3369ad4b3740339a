import copy
import json
import operator
import pickle
import zlib
from dataclasses import asdict, replace

import pytest

from eilogin.saml.messages import NameID
from eilogin.sessions import Login, Participant, Subject
from eilogin.sessions.session_records import _FREQUENT, UNREADABLE

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
    def test_absent_subject_fields_have_their_default(self):
        explicit = Subject(HUB, UWV, "anna-at-uwv", UNSPECIFIED, HUB, UWV)
        assert ANNA.label() == explicit.label()
        assert replace(ANNA, format="").label() == explicit.label()

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
        assert len({ANNA.hub_label(), ANNA.hub_label("_1")} | own) == 4

    def test_parts_do_not_run_into_each_other(self):
        assert Subject("ab", "c", "x").label() != Subject("a", "bc", "x").label()

    def test_shows_nobody_in_its_repr(self):
        assert "anna" not in repr(ANNA)

    @pytest.mark.parametrize(
        "name_id",
        [
            NameID("anna"),
            NameID("anna", UNSPECIFIED),
            NameID("anna", name_qualifier=HUB),
            NameID("anna", UNSPECIFIED, HUB, UWV),
            NameID("anna", "", HUB, "x"),
        ],
    )
    def test_keeps_a_name_id_as_it_came_in_every_record(self, name_id):
        who = Subject.named(name_id, issuer=HUB, audience=UWV)
        login = replace(LOGIN, who=who, also=who)
        stored = Login.from_json(login.to_json(), "key", 1234.5)
        participant = Participant.from_json(Participant(UWV, who, "_1", 0.0).to_json())
        for subject in (who, stored.who, stored.also, participant.subject):
            assert subject.as_name_id() == name_id

    def test_is_the_same_one_however_its_name_id_came(self):
        names = (NameID("x"), NameID("x", UNSPECIFIED, HUB, UWV))
        subject, other_subject = (
            Subject.named(n, issuer=HUB, audience=UWV) for n in names
        )
        assert subject == other_subject
        assert hash(subject) == hash(other_subject)
        assert subject.label() == other_subject.label()

    def test_of_an_older_version_is_named_as_it_was_then(self):
        old = {"issuer": HUB, "audience": UWV, "name_id": "anna"}
        assert Subject.from_parts(old).as_name_id() == NameID("anna", UNSPECIFIED)
        assert "sent" not in Subject.from_parts(old).as_json()

    @pytest.mark.parametrize("sent", ["ab", ["a", "b"], ["a", "b", 1], 3, [1] * 4])
    def test_with_another_name_id_than_we_write_is_unreadable(self, sent):
        record = {**ANNA.as_json(), "sent": sent}
        with pytest.raises(UNREADABLE):
            Subject.from_parts(record)


class TestLogin:
    @pytest.fixture
    def stored(self):
        login = replace(LOGIN, proven={"basis": 1.0})
        return Login.from_json(login.to_json(), "key", 1234.5)

    def test_shares_the_texts_that_others_have_too(self, stored):
        other = Login.from_json(LOGIN.to_json(), "other key", 1234.5)
        for text_of in (
            lambda login: login.level,
            lambda login: login.audience,
            lambda login: login.who.issuer,
            lambda login: login.who.audience,
            lambda login: login.who.format,
        ):
            assert text_of(stored) is text_of(other)

    @pytest.mark.parametrize("change", [
        lambda proven: proven.update(midden=2.0),
        lambda proven: proven.pop("basis"),
        lambda proven: proven.clear(),
        lambda proven: proven.setdefault("midden", 2.0),
        lambda proven: proven.popitem(),
        lambda proven: operator.setitem(proven, "midden", 2.0),
        lambda proven: operator.delitem(proven, "basis"),
        lambda proven: operator.ior(proven, {"midden": 2.0}),
    ])  # fmt: skip
    def test_that_was_read_cannot_be_changed(self, stored, change):
        """Another request may hold it too."""
        with pytest.raises(TypeError, match="cannot be changed"):
            change(stored.proven)
        assert stored.proven == {"basis": 1.0}

    @pytest.mark.parametrize("copied", [
        copy.copy,
        copy.deepcopy,
        lambda login: pickle.loads(pickle.dumps(login)),  # noqa: S301 - our own
        lambda login: Login.from_json(login.to_json(), "key", 1234.5),
    ])  # fmt: skip
    def test_that_was_read_can_be_copied_and_is_a_key(self, stored, copied):
        other = copied(stored)
        assert other == stored
        assert {stored: 1}[other] == 1
        assert len({stored, replace(stored, family="other")}) == 2

    def test_is_the_same_after_the_store(self):
        stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
        assert stored == replace(LOGIN, key="key", seen=1234.5)

    def test_is_the_same_though_an_attribute_says_who_she_is(self):
        by_mail = replace(ANNA, name_id="anna@x", format="attribute:mail")
        login = replace(LOGIN, who=by_mail, also=ANNA, subject="anna@x!attribute:mail")
        stored = Login.from_json(login.to_json(), "key", 1234.5)
        assert stored == replace(login, key="key", seen=1234.5)
        assert stored.subject == "anna@x!attribute:mail"
        assert (stored.also, stored.named) == (ANNA, ANNA)
        assert stored.other_labels() == (ANNA.label(), ANNA.label("_1"))
        assert replace(stored, session_index=None).other_labels() == (ANNA.label(),)

    def test_is_named_by_what_the_hub_says(self):
        assert LOGIN.named == ANNA
        assert LOGIN.other_labels() == ()
        assert replace(LOGIN, who=replace(ANNA, format="attribute:x")).named is None

    def test_has_all_its_values_whichever_is_asked_for_first(self):
        for name in ("who", "attributes", "family", "proven", "subject", "audience"):
            stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
            assert getattr(stored, name) == getattr(LOGIN, name)

    def test_has_no_other_values(self):
        stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
        with pytest.raises(AttributeError, match="password"):
            _ = stored.password

    @pytest.mark.parametrize("change", [
        lambda values: values.append("x"),
        lambda values: values.clear(),
        lambda values: values.extend(["x"]),
        lambda values: values.insert(0, "x"),
        lambda values: values.pop(),
        lambda values: values.remove(values[0]),
        lambda values: values.reverse(),
        lambda values: values.sort(),
        lambda values: operator.setitem(values, 0, "x"),
        lambda values: operator.delitem(values, 0),
        lambda values: operator.iadd(values, ["x"]),
        lambda values: operator.imul(values, 2),
    ])  # fmt: skip
    def test_attributes_of_a_read_login_cannot_be_changed(self, change):
        stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
        with pytest.raises(TypeError, match="cannot be changed"):
            change(stored.attributes["bsn"])
        with pytest.raises(TypeError, match="cannot be changed"):
            stored.attributes["mail"] = ["x"]
        assert stored.attributes == LOGIN.attributes

    @pytest.mark.parametrize("copied", [
        copy.copy,
        copy.deepcopy,
        lambda attributes: pickle.loads(pickle.dumps(attributes)),  # noqa: S301 - our own
        lambda attributes: json.loads(json.dumps(attributes)),
    ])  # fmt: skip
    def test_copy_of_attributes_is_a_plain_dictionary(self, copied):
        stored = Login.from_json(LOGIN.to_json(), "key", 1234.5)
        other = copied(stored.attributes)
        assert type(other) is dict
        assert other == LOGIN.attributes
        other["mail"] = copied(stored.attributes["bsn"])
        other["mail"].append("x")
        assert stored.attributes == LOGIN.attributes

    def test_of_a_later_version_is_read_without_what_is_new(self):
        _, first, rest = LOGIN.to_json().split("\n")
        # A new field may have the name of one inside another.
        body = f'{first[:-1]},"new"]\n{{"new":1,"issuer":2,"format":null,{rest[1:]}'
        later = f"{zlib.crc32(body.encode())}\n{body}"
        assert replace(Login.from_json(later, "", 0.0), key="") == LOGIN

    def test_with_a_bit_that_flipped_is_none(self):
        text = LOGIN.to_json()
        for place in range(len(text)):
            other = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
            with pytest.raises(UNREADABLE):
                Login.from_json(other, "key", 1234.5)
            with pytest.raises(UNREADABLE):
                Login.from_json(text[:place], "key", 1234.5)

    @pytest.mark.parametrize(
        "change",
        [
            {"first": "[" * 200_000},
            {"first": '{"level": "basis"}'},
            {"first": "[1]"},
            {"first": '[true,"basis",2.0,1.0,"a","p",""]'},
            {"first": '[NaN,"basis",2.0,1.0,"a","p",""]'},
            {"first": '[0,"basis",2.0,1.0,"a","p",""]'},
            {"ends": "tomorrow"},
            {"confirmed": None},
            {"level": "highest"},
            {"level": ["basis"]},
            {"subject": 900000016},
            {"rest": ""},
            {"rest": "[]"},
            {"rest": "[" * 200_000},
            {"who": "anna"},
            {"who": {"name_id": "anna"}},
            {"who": {**asdict(ANNA), "name_id": ["anna"]}},
            {"attributes": []},
            {"attributes": {"bsn": "900000016"}},
            {"attributes": {"bsn": [900000016]}},
            {"started": "yesterday"},
            {"session_index": 1},
            {"proven": ["basis"]},
            {"proven": {"basis": "now"}},
            {"ahead": None},
            {"family": None},
            {"left": [7]},
            {"left": 7},
        ],
        ids=lambda change: str(change)[:40],
    )
    def test_that_is_something_else_is_found_out_at_once(self, change):
        _, first, rest = LOGIN.to_json().split("\n")
        named = dict(zip(_FREQUENT, json.loads(first)[1:], strict=True))
        named.update((name, change[name]) for name in change if name in named)
        other = {name: change[name] for name in change if name not in named}
        first = other.pop("first", json.dumps([1, *named.values()]))
        rest = other.pop("rest", json.dumps({**json.loads(rest), **other}))
        body = f"{first}\n{rest}"
        text = f"{zlib.crc32(body.encode())}\n{body}"
        with pytest.raises(UNREADABLE):
            Login.from_json(text, "key", 1234.5)

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

    @pytest.mark.parametrize("seconds", [(5.0, 0.0), (0.0, 5.0)])
    def test_knows_a_clock_by_the_answer_that_was_quickest(self, seconds):
        before, newer = (replace(LOGIN, ahead=ahead) for ahead in seconds)
        assert before.confirmed_by(newer).ahead == 5.0


def test_a_participant_is_the_same_after_the_store():
    participant = Participant(UWV, ANNA, "_1", 1000.0)
    assert Participant.from_json(participant.to_json()) == participant
    assert Participant.from_json('{"new":1,' + participant.to_json()[1:]) == participant
    out = replace(participant, is_out=True)
    assert Participant.from_json(out.to_json()) == out


@pytest.mark.parametrize(
    "change",
    [
        {"entity_id": ["https://uwv.test"]},
        {"entity_id": None},
        {"subject": 7},
        {"subject": {"name_id": "anna"}},
        {"subject": {**asdict(ANNA), "issuer": None}},
        {"session_index": 1},
        {"since": "now"},
        {"is_out": 1},
    ],
    ids=str,
)
def test_a_participant_that_is_something_else_is_found_out(change):
    participant = Participant(UWV, ANNA, "_1", 1000.0)
    text = json.dumps({**asdict(participant), **change})
    with pytest.raises(UNREADABLE):
        Participant.from_json(text)
