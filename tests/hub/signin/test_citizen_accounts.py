"""Who can sign in at the hub's own sign-in."""

import json
from dataclasses import replace

import argon2
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import ConfigurationError
from eilogin.hub.signin import citizen_accounts as room
from eilogin.hub.signin.citizen_accounts import (
    DEMO_PASSWORDS,
    Citizen,
    Citizens,
    demo_citizens,
    is_valid_bsn,
    to_json,
)

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WEAK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ANNA = Citizen(
    id="1",
    username="Anna",
    name="Anna de Proef",
    bsn="900000016",
    password=WEAK.hash("geheim"),
    totp_secret=SECRET,
)
ARGON2I = argon2.PasswordHasher(
    time_cost=1, memory_cost=8, parallelism=1, type=argon2.Type.I
).hash("geheim")
STRONGER = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
BRAM = Citizen(
    id="2",
    username="bram",
    name="Bram van den Test",
    bsn="900000028",
    password=WEAK.hash("ook geheim"),
)


@pytest.fixture
def citizens():
    return Citizens([ANNA, BRAM])


class TestAPassword:
    def test_lets_its_citizen_in(self, citizens):
        assert citizens.verify("Anna", "geheim") is ANNA

    def test_may_follow_a_name_in_other_case_and_with_spaces(self, citizens):
        assert citizens.verify("  aNNA ", "geheim") is ANNA

    @pytest.mark.parametrize(
        ("username", "password"),
        [
            pytest.param("anna", "Geheim", id="other case"),
            pytest.param("anna", "", id="empty"),
            pytest.param("anna", "ook geheim", id="another citizen's"),
            pytest.param("nobody", "geheim", id="unknown name"),
            pytest.param("", "", id="nothing at all"),
            pytest.param("anna", "geheim" + " " * 2000, id="far too long"),
        ],
    )
    def test_that_is_not_hers_lets_nobody_in(self, citizens, username, password):
        assert citizens.verify(username, password) is None

    def test_too_long_is_not_taken_by_its_beginning(self):
        long = "x" * 1024
        citizen = Citizen("1", "anna", "Anna", "900000016", WEAK.hash(long))
        assert Citizens([citizen]).verify("anna", long) is citizen
        assert Citizens([citizen]).verify("anna", long + "y") is None

    def test_is_hashed_for_an_unknown_name_too(self, citizens, monkeypatch):
        seen = []
        real = room._HASHER  # noqa: SLF001 - only a look at the clock could tell else

        class Spy:
            def verify(self, hashed, password):
                seen.append(hashed)
                return real.verify(hashed, password)

        monkeypatch.setattr(room, "_HASHER", Spy())
        citizens.verify("nobody", "geheim")
        citizens.verify("anna", "geheim")
        decoy, hers = map(argon2.extract_parameters, seen)
        assert decoy == hers

    def test_of_nobody_is_as_much_work_as_that_of_somebody(self, monkeypatch):
        """Of whom, nobody can tell: where hashes differ, each name has one of them."""
        hers, his = WEAK.hash("geheim"), STRONGER.hash("geheim")
        citizens = [replace(ANNA, password=hers), replace(BRAM, password=his)]
        seen = []

        class Spy:
            def verify(self, hashed, password):
                found = argon2.extract_parameters(hashed)
                seen.append((found.time_cost, found.memory_cost))
                raise argon2.exceptions.VerifyMismatchError

        monkeypatch.setattr(room, "_HASHER", Spy())
        for number in range(40):
            Citizens(citizens).verify(f"nobody-{number}", "x")
            Citizens(citizens).verify(f" NOBODY-{number}", "y")
        assert set(seen) == {(1, 8), (2, 16)}
        assert seen[::2] == seen[1::2], "the same for one name, in every process"

    def test_lets_nobody_in_where_there_are_no_citizens(self):
        assert Citizens([]).verify("nobody", "x") is None


class TestACode:
    @pytest.mark.parametrize(
        ("seconds", "taken"),
        [(-60, False), (-30, True), (0, True), (30, True), (60, False)],
    )
    def test_is_taken_now_and_one_step_around(self, citizens, seconds, taken):
        with time_machine.travel("2026-03-29T01:00:15Z", tick=False) as moment:
            moment.shift(seconds)
            code = citizens.current_code(ANNA)
            moment.shift(-seconds)
            assert citizens.verify_code(ANNA, code) is taken

    def test_is_that_of_rfc_6238(self, citizens):
        # RFC 6238 appendix B, the last six digits, at T = 59 s.
        rfc = Citizen(
            "1", "a", "A", "900000016", "", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        )
        with time_machine.travel(59, tick=False):
            assert citizens.current_code(rfc) == "287082"
            assert citizens.verify_code(rfc, "287 082")

    @pytest.mark.parametrize(
        "code",
        [
            "",
            "12345",
            "1234567",
            "abcdef",
            "\uff11\uff12\uff13\uff14\uff15\uff16",
            "123456\n7",
        ],
    )
    def test_is_six_digits(self, citizens, code):
        assert not citizens.verify_code(ANNA, code)

    def test_is_never_right_for_who_has_none(self, citizens):
        assert not citizens.verify_code(BRAM, "000000")
        secret = room._SECRET_OF_NOBODY  # noqa: SLF001 - one time in a million else
        nobody = replace(ANNA, totp_secret=secret)
        code = citizens.current_code(nobody)
        assert citizens.verify_code(nobody, code)
        assert not citizens.verify_code(BRAM, code)
        assert not citizens.verify_code(None, code)
        assert citizens.current_code(BRAM) == ""


class TestABSN:
    @pytest.mark.parametrize("text", ["900000016", "111222333", "123456782"])
    def test_that_passes_the_eleven_check(self, text):
        assert is_valid_bsn(text)

    @pytest.mark.parametrize(
        "text",
        [
            "900000017",
            "000000000",
            "11122233",
            "1112223330",
            "11122233x",
            "",
            "111222333\n",
            "\uff11\uff11\uff11\uff12\uff12\uff12\uff13\uff13\uff13",
        ],
    )
    def test_that_does_not(self, text):
        assert not is_valid_bsn(text)

    @given(st.sampled_from(["900000016", "111222333"]), st.integers(0, 8), st.data())
    def test_with_one_wrong_digit_never_passes(self, text, place, data):
        digit = data.draw(st.sampled_from(sorted(set("0123456789") - {text[place]})))
        assert not is_valid_bsn(text[:place] + digit + text[place + 1 :])


class TestTheFile:
    def test_gives_back_what_was_written(self, tmp_path):
        path = tmp_path / "citizens.json"
        path.write_bytes(to_json([ANNA, BRAM]))
        assert list(Citizens.load(path)) == [ANNA, BRAM]

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            pytest.param({"bsn": "900000017"}, "eleven-check", id="bsn"),
            pytest.param(
                {"sofi": "900000017"}, "sofi: expected nine digits", id="sofi"
            ),
            pytest.param({"username": " "}, "username is required", id="no name"),
            pytest.param({"password": "geheim"}, "Argon2id hash", id="clear password"),
            pytest.param({"password": ARGON2I}, "Argon2id hash", id="argon2i"),
            pytest.param({"totp_secret": "geheim!"}, "base32", id="no base32"),
            pytest.param({"totp_secret": "JBSWY3DP" * 3}, "base32", id="short secret"),
            pytest.param({"colour": "blue"}, "unknown field colour", id="unknown"),
            pytest.param(
                {"id": 1}, ("an object whose values are all texts"), id="a number"
            ),
        ],
    )
    def test_with_a_wrong_citizen_is_refused(self, tmp_path, change, says):
        path = tmp_path / "citizens.json"
        path.write_bytes(to_json([ANNA, BRAM]))
        entries = json.loads(path.read_text())
        entries[1].update(change)
        path.write_text(json.dumps(entries))
        with pytest.raises(ConfigurationError, match=says) as caught:
            Citizens.load(path)
        assert str(caught.value).startswith(f"{path}: citizen 2: ")
        for value in ("900000017", "geheim"):
            assert value not in str(caught.value)

    def test_may_hold_a_citizen_without_any_number(self, tmp_path):
        path = tmp_path / "citizens.json"
        entry = json.loads(to_json([ANNA]))[0]
        del entry["bsn"]
        path.write_text(json.dumps([entry]))
        [citizen] = Citizens.load(path)
        assert not {"bsn", "sofi"} & citizen.attributes.keys()

    def test_may_hold_who_has_a_sofi_number_alone(self, tmp_path):
        path = tmp_path / "citizens.json"
        entry = json.loads(to_json([ANNA]))[0]
        del entry["bsn"]
        path.write_text(json.dumps([{**entry, "sofi": "900000053"}]))
        [citizen] = Citizens.load(path)
        assert citizen.attributes["sofi"] == ["900000053"]
        assert "bsn" not in citizen.attributes

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            pytest.param("[", "not a JSON file", id="not JSON"),
            pytest.param(
                '[\n {"id": x}]', r"JSON file \(line 2, column 9\); expected", id="slip"
            ),
            pytest.param(
                b'["\xff"]', "not a JSON file; expected", id="another encoding"
            ),
            pytest.param("{}", "a JSON list of citizens", id="not a list"),
            pytest.param("[1]", "citizen 1: expected an object", id="not an object"),
        ],
    )
    def test_of_another_shape_is_refused(self, tmp_path, text, says):
        path = tmp_path / "citizens.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigurationError, match=says):
            Citizens.load(path)

    def test_that_is_missing_is_refused_by_its_name(self, tmp_path):
        with pytest.raises(ConfigurationError, match=r"citizens\.json: No such file"):
            Citizens.load(tmp_path / "citizens.json")

    @pytest.mark.parametrize("same", ["id", "username"])
    def test_with_two_of_the_same_is_refused(self, tmp_path, same):
        path = tmp_path / "citizens.json"
        path.write_bytes(to_json([ANNA, BRAM]))
        entries = json.loads(path.read_text())
        entries[1][same] = entries[0][same].lower()
        path.write_text(json.dumps(entries))
        told = f"citizens 1 and 2 have the same {same}"
        with pytest.raises(ConfigurationError, match=told):
            Citizens.load(path)


class TestTheDemo:
    def test_has_citizens_who_can_sign_in(self, tmp_path):
        path = tmp_path / "citizens.json"
        path.write_bytes(to_json(demo_citizens()))
        loaded = Citizens.load(path)
        assert len(list(loaded)) == len(DEMO_PASSWORDS) == 3
        for username, password in DEMO_PASSWORDS.items():
            citizen = loaded.verify(username, password)
            assert citizen is not None
            assert loaded.verify_code(citizen, loaded.current_code(citizen))

    def test_has_test_bsns_that_pass(self):
        bsns = [c.bsn for c in demo_citizens()]
        assert all(is_valid_bsn(bsn) and bsn.startswith("9000") for bsn in bsns)
        assert len(set(bsns)) == len(bsns)


def test_no_repr_tells_a_secret(citizens):
    for text in (repr(ANNA), repr(citizens), str(ANNA)):
        for secret in (ANNA.bsn, ANNA.password, SECRET):
            assert secret not in text
    assert "Anna" in repr(ANNA)
    assert repr(citizens) == "<Citizens: 2>"
