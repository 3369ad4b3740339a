"""Our own keys in a folder: what they say, and which has its turn."""

from dataclasses import replace

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec

from eilogin import clock
from eilogin.errors import ConfigurationError
from eilogin.federation.local import key_folder
from eilogin.federation.local.key_folder import KeyFolder
from eilogin.federation.local.local_keys import (
    OwnKey,
    in_turn,
    published,
    read_instant,
    read_keys,
    write_turn,
)
from eilogin.federation.local.profiles import DIGID_PROFILE
from eilogin.saml.signing_keys import fingerprints, new_key_pair

DAY = 86400.0
NOVEMBER, DECEMBER, JANUARY = map(
    read_instant, ("2026-11-01", "2026-12-01", "2027-01-01")
)


@pytest.fixture(scope="module")
def made():
    """Pairs by name, made once: of 2026 for two years."""
    begins = read_instant("2026-01-01")
    return {
        "old": new_key_pair("old", 730, begins=begins),
        "new": new_key_pair("new", 730, begins=begins),
        "ec": new_key_pair(
            "ec", 730, ec.generate_private_key(ec.SECP256R1()), begins=begins
        ),
    }


@pytest.fixture
def folder(tmp_path, made):
    """A folder with pairs by name, and ``keys.ini``."""

    def make(*names, said="", **files):
        for name in names:
            for ending, octets in zip((".key", ".crt"), made[name], strict=True):
                (tmp_path / f"{name}{ending}").write_bytes(octets)
        if said:
            (tmp_path / "keys.ini").write_text(said)
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return make


@pytest.fixture
def key_at(key):
    def make(name, begins, ends, **changes):
        return replace(OwnKey.of(key), name=name, begins=begins, ends=ends, **changes)

    return make


class TestTheTurn:
    def test_is_of_the_one_that_began_last(self, key_at):
        keys = [key_at("old", 0, 100), key_at("new", 50, 200)]
        assert in_turn(keys, 49).name == "old"
        assert in_turn(keys, 50).name == "new"
        assert in_turn(keys, 150).name == "new"

    def test_goes_on_where_all_are_over_and_begins_early_where_none_has_begun(
        self, key_at
    ):
        keys = [key_at("old", 10, 100), key_at("new", 150, 200)]
        assert in_turn(keys, 0).name == "old"
        assert in_turn(keys, 120).name == "old"
        assert in_turn(keys, 300).name == "new"

    def test_goes_back_where_the_last_one_is_over_first(self, key_at):
        keys = [key_at("old", 0, 300), key_at("short", 50, 60)]
        assert in_turn(keys, 70).name == "old"

    def test_is_nobodys_where_there_is_none(self):
        assert in_turn((), 0) is None
        assert published((), 0) == ()

    def test_says_what_is_published_the_one_that_signs_first(self, key_at):
        keys = [
            key_at("over", 0, 10),
            key_at("past", 5, 100),
            key_at("now", 20, 100),
            key_at("next", 90, 200),
        ]
        assert [one.name for one in published(keys, 50)] == ["now", "next", "past"]

    def test_leaves_the_one_that_signs_in_even_where_it_is_over(self, key_at):
        assert [k.name for k in published([key_at("only", 0, 10)], 50)] == ["only"]


class TestAFolder:
    def test_has_the_turns_that_are_said_and_else_those_of_certificates(self, folder):
        said = "[old]\nuntil = 2027-01-01\n\n[new]\nfrom = 2026-12-01T03:00Z\n"
        old, new = read_keys(folder("old", "new", said=said))
        assert (old.name, old.begins, old.ends) == (
            "old",
            read_instant("2026-01-01"),
            JANUARY,
        )
        assert (new.name, new.begins) == ("new", DECEMBER + 3 * 3600)
        assert new.ends == read_instant("2028-01-01")
        assert old.signs
        assert old.encrypts

    def test_needs_no_calendar_for_one(self, folder):
        (old,) = read_keys(folder("old"))
        assert old.name == "old"

    def test_has_keys_for_one_use(self, folder):
        said = "[old]\nuse = encryption\n[new]\nuse = signing\n"
        keys = {
            one.name: one for one in read_keys(folder("old", "new", "ec", said=said))
        }
        assert (keys["old"].signs, keys["old"].encrypts) == (False, True)
        assert (keys["new"].signs, keys["new"].encrypts) == (True, False)
        assert (keys["ec"].signs, keys["ec"].encrypts) == (True, False)

    def test_reads_what_was_written(self, folder):
        said = write_turn("old", NOVEMBER, JANUARY) + write_turn(
            "new", DECEMBER + 60, JANUARY, "signing"
        )
        assert "from = 2026-11-01\n" in said
        old, new = read_keys(folder("old", "new", said=said))
        assert (old.begins, old.ends) == (NOVEMBER, JANUARY)
        assert (new.begins, new.use) == (DECEMBER + 60, "signing")

    @pytest.mark.parametrize(
        ("said", "says"),
        [
            (
                "[old]\nfrom = soon\n",
                (r"\[old\] from: found 'soon'; expected a day such as '2026-12-"),
            ),
            ("[old]\nfrom = soon\n", r"found 'soon'"),
            (
                "[old]\nuntil = 2026-02-30\n",
                (r"\[old\] until: found '2026-02-30'; expected a day"),
            ),
            (
                "[old]\ntill = 2026-02-01\n",
                (r"till: unknown option; expected one of from, until, use"),
            ),
            ("[old]\nuse = both of them\n", "found 'both of them'"),
            ("[ec]\nuse = encryption\n", "expected an RSA key"),
            (
                "[old]\nfrom = 2020-01-01\n",
                "which begins at 2026-01",
            ),
            (
                "[old]\nuntil = 2040-01-01\n",
                "which ends at 2028-01",
            ),
            (
                "[old]\nfrom = 2026-12-01\nuntil = 2026-12-01\n",
                "found 2026-12-01 and 2026-12-01",
            ),
            (
                "[gone]\nfrom = 2026-12-01\n",
                (r"\[gone\]: found no such key; expected the files gone.key"),
            ),
            ("from = 2026-12-01\n", "keys.ini"),
            ("[old]\nfrom = 2026-12-01\n[old]\n", "already exists"),
        ],
    )
    def test_says_what_is_wrong_in_its_calendar(self, folder, said, says):
        with pytest.raises(ConfigurationError, match=says) as raised:
            read_keys(folder("old", "ec", said=said))
        assert "keys.ini" in str(raised.value)

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            ({"alone_key": "x"}, "alone.key: found no alone.crt beside it"),
            ({"alone_crt": "x"}, "alone.crt: found no alone.key beside it"),
            ({"a_key": "x", "a_crt": "x"}, "a.key' and '.*a.crt': not a private key"),
            ({"a b_key": "x", "a b_crt": "x"}, "expected letters, digits"),
        ],
    )
    def test_says_what_is_wrong_with_its_files(self, folder, files, says):
        with pytest.raises(ConfigurationError, match=says):
            read_keys(folder("old", **files))

    def test_tells_everything_that_is_wrong_at_once(self, folder):
        said = "[old]\nfrom = x\nuntil = y\n[new]\nuse = z\n"
        with pytest.raises(ConfigurationError) as raised:
            read_keys(folder("old", "new", said=said))
        assert all(f"'{found}'" in str(raised.value) for found in "xyz")

    def test_has_a_key_that_signs(self, folder):
        with pytest.raises(ConfigurationError, match="found no signing key"):
            read_keys(folder("old", said="[old]\nuse = encryption\n"))

    def test_has_one_at_all(self, folder):
        with pytest.raises(ConfigurationError, match="among 0"):
            read_keys(folder())

    def test_has_not_so_many_that_one_message_takes_long(self, folder):
        files = {f"n{n}{end}": "x" for n in range(33) for end in ("_key", "_crt")}
        with pytest.raises(
            ConfigurationError, match=("found 33 keys; expected at most 32")
        ):
            read_keys(folder(**files))


class TestWhoWeAre:
    @pytest.fixture
    def own(self, folder, make_own):
        said = (
            "[old]\nuntil = 2027-01-01\n[new]\nfrom = 2026-12-01\nuntil = 2027-06-01\n"
        )
        return make_own(keys=read_keys(folder("old", "new", said=said)))

    @pytest.mark.parametrize(
        ("now", "names"),
        [
            (NOVEMBER, ["old", "new"]),
            (DECEMBER, ["new", "old"]),
            (JANUARY, ["new"]),
        ],
    )
    def test_changes_by_date_and_all_that_are_not_over_are_published(
        self, own, now, names
    ):
        with time_machine.travel(now, tick=False):
            subjects = [
                key.certificate.subject.rfc4514_string() for key in own.published_keys
            ]
            assert subjects == [f"CN={name}" for name in names]
            assert own.key is own.published_keys[0]
            assert own.decryption_keys[0] is own.key
            assert len(own.decryption_keys) == 2
            role = own.descriptor().service_provider
            assert len(role.signing_certificates) == len(names)
            assert role.encryption_certificates == (own.key.certificate_text,)

    def test_names_a_key_that_only_encrypts_ahead(self, folder, make_own):
        said = (
            "[old]\nuse = encryption\nuntil = 2027-01-01\n"
            "[new]\nuse = encryption\nfrom = 2026-12-01\n[ec]\nuse = signing\n"
        )
        own = make_own(keys=read_keys(folder("old", "new", "ec", said=said)))
        seen = []
        for now in (NOVEMBER, DECEMBER, JANUARY):
            with time_machine.travel(now, tick=False):
                role = own.descriptor().service_provider
                assert role.encryption_certificates == tuple(
                    key.certificate_text for key in own.encryption_keys
                )
                seen.append(
                    [
                        key.certificate.subject.rfc4514_string()
                        for key in own.encryption_keys
                    ]
                )
        assert seen == [["CN=old", "CN=new"], ["CN=new"], ["CN=new"]]

    def test_keeps_pseudonyms_and_secrets_over_a_rollover(self, own):
        with time_machine.travel(NOVEMBER, tick=False):
            before = own.pseudonym("x"), [*own.sealing_secrets]
        again = replace(own)
        with time_machine.travel(JANUARY, tick=False):
            assert (again.pseudonym("x"), [*again.sealing_secrets]) == before


class TestAFolderWhileWeRun:
    @pytest.fixture
    def keys(self, folder, monkeypatch):
        """The keys of a folder that is looked at whenever somebody needs one."""
        monkeypatch.setattr(key_folder, "EVERY", 0.0)
        return KeyFolder(folder("old"), site="uwv")

    def names(self, keys):
        return [key.name for key in keys]

    def test_has_the_keys_that_are_put_there_and_not_those_that_are_gone(
        self, keys, folder
    ):
        assert self.names(keys) == ["old"]
        place = folder("new", said="[new]\nfrom = 2026-12-01\n")
        assert self.names(keys) == ["old", "new"]
        assert (len(keys), keys[1].name, len(keys[:1])) == (2, "new", 1)
        for ending in ("key", "crt"):
            (place / f"old.{ending}").unlink()
        assert self.names(keys) == ["new"]

    def test_tells_both_logs_what_has_changed(self, keys, folder, events, caplog):
        old = fingerprints(keys[0].pair.certificate_text)
        place = folder("new", said="[old]\nuntil = 2027-01-01\n")
        new = fingerprints(keys[1].pair.certificate_text)
        (place / "nothing").touch()
        assert self.names(keys) == ["old", "new"]
        for ending in ("key", "crt"):
            (place / f"old.{ending}").unlink()
        (place / "keys.ini").unlink()
        assert self.names(keys) == ["new"]
        first, second = events("keys.changed")
        assert first["peer"] == "uwv"
        assert first["changes"] == [
            f"new ({new}) was added",
            f"old ({old}) has other dates or another use",
        ]
        assert second["changes"] == [f"old ({old}) was removed"]
        assert f"uwv: keys: old ({old}) was removed" in caplog.messages

    def test_goes_by_another_turn_of_a_key(self, keys, folder):
        folder(said="[old]\nuntil = 2027-01-01\n")
        assert keys[0].ends == JANUARY

    def test_keeps_its_keys_while_something_is_wrong_there(self, keys, folder, caplog):
        place = folder(new_key="x")
        assert self.names(keys) == ["old"]
        assert not caplog.records, "the other half of a pair may be on its way"
        assert self.names(keys) == self.names(keys) == ["old"]
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert "new.key: found no new.crt beside it" in record.getMessage()
        (place / "new.key").unlink()
        folder("new")
        assert self.names(keys) == ["new", "old"]

    def test_has_a_key_once_it_may_be_read(self, keys, folder, monkeypatch):
        """As where root has put it there, and then gives it to our user."""
        with monkeypatch.context() as patch:
            patch.setattr(key_folder, "read_keys", self.cannot_be_read)
            file = folder("new") / "new.key"
            assert self.names(keys) == ["old"]
        written = file.stat().st_ctime_ns
        # The clock of a file system may tick seldom.
        while file.stat().st_ctime_ns == written:
            file.chmod(0o600)
        assert self.names(keys) == ["new", "old"]

    def cannot_be_read(self, folder):
        raise ConfigurationError(f"{folder}: cannot be read")

    def test_keeps_them_without_the_folder(self, keys, folder, caplog):
        place = folder()
        place.rename(place.with_name("elsewhere"))
        assert self.names(keys) == self.names(keys) == ["old"]
        assert f"{place}: cannot read it: No such file or directory" in caplog.text

    def test_is_read_again_after_what_was_our_own_fault(
        self, keys, folder, monkeypatch
    ):
        with monkeypatch.context() as patch:
            patch.setattr(key_folder, "read_keys", self.cannot_be_read)
            folder("new")
            assert self.names(keys) == ["old"]
        assert self.names(keys) == ["old"], "not at each look"
        monkeypatch.setattr(keys, "_again", 0.0)
        assert self.names(keys) == ["new", "old"]

    def test_is_looked_at_once_a_second(self, keys, folder, monkeypatch):
        monkeypatch.setattr(key_folder, "EVERY", 60.0)
        assert self.names(keys) == ["old"]
        folder("new")
        assert self.names(keys) == ["old"]

    def test_has_nothing_that_digid_does_not_know(self, folder, monkeypatch, caplog):
        monkeypatch.setattr(key_folder, "EVERY", 0.0)
        keys = KeyFolder(folder("old"), profile=DIGID_PROFILE)
        folder("ec")
        assert self.names(keys) == self.names(keys) == ["old"]
        assert "found keys that are not RSA: ec" in caplog.text
        assert keys[0].pair.names_key


def test_an_instant_is_in_utc_whatever_the_zone_is_here(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    assert clock.utc(read_instant("2026-12-01")).isoformat() == (
        "2026-12-01T00:00:00+00:00"
    )
    assert read_instant("2026-12-01T00:00:30Z") == DECEMBER + 30
