"""Options of ini sections: read, refused and described from one declaration."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BeforeValidator, TypeAdapter, ValidationError, model_validator

from eilogin import config
from eilogin.config import (
    UNIX,
    Count,
    Flag,
    Lines,
    Networks,
    Options,
    PathPrefix,
    PublicURL,
    ReadableFile,
    ReadableFiles,
    Seconds,
    Secret,
    Secrets,
    SitePath,
    Size,
    WebAddress,
    attempt,
    describe,
    is_loopback,
    option,
    option_declarations,
    option_reading,
    read,
)
from eilogin.errors import Fault, InvalidOptions


class Sample(Options):
    """One option of each type."""

    hub: str = option("entityID of the hub")
    idle: Seconds = option("how long", default=900.0)
    wait: Seconds = option("how long", default="90s")
    passive: Flag = option("whether", default=False)
    protect: Lines = option("paths", default=(), shown="everything")
    public_url: PublicURL = option("where", default="https://uwv.example")
    prefix: PathPrefix = option("below", default="/eilogin")
    key: ReadableFile | None = option("key", default=None)
    secret: Secret | None = option("secret", default=None)
    secrets: Secrets = option("secrets", default=(), shown="none")
    keep: Size = option("how much", default="1m")
    at_once: Count = option("how many", default=3)
    other_url: PublicURL = option("elsewhere", default="")
    acs: Literal["artifact", "post"] = option("how", default="artifact")

    @model_validator(mode="after")
    def _idle_is_longer_than_wait(self):
        if self.idle < self.wait:
            raise ValueError("idle: should not be shorter than wait")
        return self


class Places(Options):
    """Files and addresses, as a federation has them."""

    files: ReadableFiles = option("files", default=())
    address: WebAddress = option("where", default="")


def sample(file="", **values):
    return read(Sample, {"__file__": str(file)}, {"hub": "x", **values})


def faults(declared, file, section, values):
    return attempt(declared, file, section, values)[1]


def fault_of(**values):
    (fault,) = faults(Sample, "app.ini", "filter:x", {"hub": "x", **values})
    assert (fault.file, fault.section) == ("app.ini", "filter:x")
    return fault


@pytest.fixture
def registry(monkeypatch):
    options_by_name = {}
    monkeypatch.setattr(option_declarations, "REGISTRY", options_by_name)
    monkeypatch.setattr(option_reading, "REGISTRY", options_by_name)
    return options_by_name


class TestAValue:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("idle", "90", 90.0),
            ("idle", " 90s ", 90.0),
            ("idle", "90 sec", 90.0),
            ("idle", "15m", 900.0),
            ("idle", "15min", 900.0),
            ("idle", "2h", 7200.0),
            ("keep", "1500", 1500),
            ("keep", " 500 kB ", 500 * 1024),
            ("keep", "64M", 64 * 1024**2),
            ("keep", "0", 0),
            ("keep", "off", 0),
            ("passive", "true", True),
            ("passive", " Yes ", True),
            ("passive", "on", True),
            ("passive", "1", True),
            ("passive", "off", False),
            ("passive", "0", False),
            ("protect", "\n  /a  basis\n\n  /b off ", ("/a  basis", "/b off")),
            ("public_url", "https://uwv.example.nl/", "https://uwv.example.nl"),
            ("public_url", "https://uwv.example.nl:8443", None),
            ("public_url", "https://example.nl/uwv", None),
            ("public_url", "http://uwv.localhost:6543", None),
            ("public_url", "http://127.0.0.1", None),
            ("public_url", "http://[::1]:80", None),
            ("prefix", "/", ""),
            ("prefix", " /in/log-in ", "/in/log-in"),
            ("acs", "post", "post"),
            ("at_once", "1", 1),
            ("at_once", " 1000 ", 1000),
        ],
    )
    def test_is_read_as_its_type(self, name, text, value):
        expected = text if value is None else value
        assert getattr(sample(**{name: text}), name) == expected

    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("idle", "a day", "a duration such as '90', '90s', '15m' or '2h'"),
            ("idle", "0", "a duration"),
            ("idle", "15 d", "a duration"),
            ("idle", "-1", "a duration"),
            ("idle", "9999999999", "a duration"),
            ("keep", "much", "a size such as '500k' or '1m', at most '64m', or 'off'"),
            ("keep", "65m", "a size"),
            ("keep", "-1", "a size"),
            ("at_once", "0", "a whole number from 1 to 1000"),
            ("at_once", "1001", "a whole number"),
            ("at_once", "10000", "a whole number"),
            ("at_once", "-1", "a whole number"),
            ("at_once", "2.5", "a whole number"),
            ("at_once", "\u0663", "a whole number"),
            ("passive", "maybe", "'true' or 'false'"),
            ("public_url", "uwv.example.nl", "an address such as"),
            ("public_url", "ftp://uwv.example.nl", "an address such as"),
            ("public_url", "https://", "an address such as"),
            ("public_url", "https://uwv.example.nl:99999", "an address such as"),
            ("public_url", "https://uwv.example.nl:0", "an address such as"),
            ("public_url", "https://[::1", "an address such as"),
            ("public_url", "https://me@uwv.example.nl", "an address such as"),
            ("public_url", "https://uwv.example.nl/?a=1", "an address such as"),
            ("public_url", "https://uwv.example.nl/#a", "an address such as"),
            ("public_url", "https://uwv.example.nl/é", "an address such as"),
            ("public_url", "https://uwv.example.nl/a b", "an address such as"),
            ("public_url", "http://uwv.example.nl", "an https address"),
            ("public_url", "http://localhost.example.nl", "an https address"),
            ("prefix", "eilogin", "a path such as '/eilogin'"),
            ("prefix", "/eilogin/", "a path such as"),
            ("prefix", "/../x", "a path such as"),
            ("prefix", "/a//b", "a path such as"),
            ("prefix", "/a%2f", "a path such as"),
            ("acs", "redirect", "'artifact' or 'post'"),
            ("key", " ", "the path of a file"),
        ],
    )
    def test_that_is_wrong_is_shown_with_what_was_expected(self, name, text, expected):
        fault = fault_of(**{name: text})
        assert fault.option == name
        assert fault.found == repr(" ".join(text.split()))
        assert fault.expected.startswith(f"expected {expected}")

    @pytest.mark.parametrize("name", sorted(Sample.model_fields.keys() - {"acs"}))
    def test_of_no_text_is_left_to_pydantic(self, name):
        with pytest.raises(InvalidOptions, match="expected: "):
            read(Sample, {}, {"hub": "x", name: object()})  # type: ignore[dict-item]

    def test_may_be_given_by_a_program_as_what_it_is(self):
        options = sample(idle=90.0, passive=True, protect=("/ off",), key=Path("/x"))
        assert (options.idle, options.passive) == (90.0, True)
        assert (options.protect, options.key) == (("/ off",), Path("/x"))

    def test_too_long_is_shortened(self):
        fault = fault_of(wait="x" * 500)
        assert fault.found == repr("x" * 117 + "...")

    @pytest.mark.parametrize("mark", [" ;", " #"])
    def test_with_what_looks_like_a_comment_says_that_it_is_none(self, mark):
        fault = fault_of(wait=f"90{mark} enough")
        assert fault.expected.endswith(
            f" (an ini file has no comments after a value: '{mark}' is a part of it)"
        )

    def test_of_lines_shows_those_that_are_wrong_and_no_others(self, registry):
        def path(line):
            if not line.startswith("/"):
                raise ValueError("a path")

        def judged(value):
            return config.read_lines(config.split(value), path)

        class Two(Options):
            """Two lines."""

            lines: Annotated[Lines, BeforeValidator(judged)] = option("lines")

        (fault,) = faults(Two, "", "", {"lines": "\n/a\n  x\n/b\ny"})
        assert str(fault) == (
            "lines: expected a path (line 2: 'x'); expected a path (line 4: 'y')"
        )

    @given(st.text(max_size=30))
    @example("1000")
    def test_never_breaks_the_reading(self, text):
        for name in Sample.model_fields:
            for fault in faults(Sample, "", "", {"hub": "x", name: text}):
                # The rule of two options says itself which of them it is about.
                is_rule = fault.expected == "should not be shorter than wait"
                assert fault.option in (("idle",) if is_rule else (name, ""))


class TestAFile:
    def test_is_meant_from_the_folder_of_the_ini_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir("/")
        (tmp_path / "uwv.key").touch()
        assert sample(tmp_path / "app.ini", key=" uwv.key ").key == tmp_path / "uwv.key"

    def test_may_be_absolute(self, tmp_path):
        key = tmp_path / "uwv.key"
        key.touch()
        assert sample("/etc/app.ini", key=str(key)).key == key

    def test_that_is_missing_is_a_fault(self, tmp_path):
        assert "an existing file" in fault_of(key=str(tmp_path / "uwv.key")).expected
        assert "an existing file" in fault_of(key=str(tmp_path)).expected

    def test_that_may_not_be_read_is_a_fault(self, tmp_path, monkeypatch):
        key = tmp_path / "uwv.key"
        key.touch()
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert "this user may read" in fault_of(key=str(key)).expected


class TestASecret:
    def test_is_its_own_value(self):
        assert sample(secret=" gE:heim ").secret.get_secret_value() == b"gE:heim"

    def test_may_stand_in_a_file(self, tmp_path):
        (tmp_path / "secret").write_bytes(b"geheim\n")
        options = sample(tmp_path / "app.ini", secret="file:secret")
        assert options.secret.get_secret_value() == b"geheim"

    def test_may_stand_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("UWV_SECRET", "geheim")
        assert sample(secret="env:UWV_SECRET").secret.get_secret_value() == b"geheim"

    def test_may_come_from_systemd(self, tmp_path, monkeypatch):
        (tmp_path / "uwv").write_bytes(b"geheim")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert sample(secret="credential:uwv").secret.get_secret_value() == b"geheim"

    def test_may_have_older_ones_below_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("UWV_SECRET", "the secret of this year")
        (tmp_path / "old").write_bytes(b"the secret of last year\n")
        options = sample(tmp_path / "a.ini", secrets="env:UWV_SECRET\n\n  file:old\n")
        assert [secret.get_secret_value() for secret in options.secrets] == [
            b"the secret of this year",
            b"the secret of last year",
        ]

    @pytest.mark.parametrize("text", ["too short", "the secret of this year\nshort"])
    def test_of_several_each_is_long_enough(self, text):
        fault = fault_of(secrets=text)
        assert (
            fault.expected
            == "expected secrets of at least 16 bytes, each on its own line"
        )
        assert fault.found == "***"

    @pytest.mark.parametrize(
        ("text", "expected", "found"),
        [
            (
                "env:NO_SUCH_NAME",
                "the environment variable NO_SUCH_NAME to be set",
                "'env:NO_SUCH_NAME'",
            ),
            (
                "file:/no/such/file",
                "a readable file at /no/such/file",
                "'file:/no/such/file'",
            ),
            ("env:no name!", "the environment variable behind 'env:'", "***"),
            ("credential:uwv", "systemd to pass credentials", "***"),
            (" ", "a secret that is not empty", "***"),
        ],
    )
    def test_that_is_not_there_is_a_fault(self, monkeypatch, text, expected, found):
        monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        fault = fault_of(secret=text)
        assert expected in fault.expected
        assert fault.found == found

    def test_is_shown_nowhere(self, monkeypatch):
        options = sample(secret="geheim")
        assert "geheim" not in repr(options) + str(options)
        with pytest.raises(InvalidOptions) as caught:
            read(Sample, {}, {"secret": "geheim", "sekret": "geheim"})
        assert "geheim" not in str(caught.value) + repr(caught.value)
        assert caught.value.__cause__ is None


class TestASection:
    def test_tells_all_its_faults_at_once(self):
        values = {"hubb": "x", "idle": "a day", "acs": "soap"}
        found = {f.option: f for f in faults(Sample, "a.ini", "filter:x", values)}
        assert found.keys() == {"hubb", "hub", "idle", "acs"}
        assert found["hubb"].expected == "unknown option; did you mean 'hub'?"
        assert found["hubb"].found == ""
        assert found["hub"].expected == "is required (entityID of the hub)"

    def test_with_an_option_like_no_other_gets_no_suggestion(self):
        assert fault_of(zzzzzz="1").expected == "unknown option"

    def test_says_whose_option_it_is(self, registry):
        class Others(Options, name="others"):
            zzzzzz: str = config.option("x", default="")
            hubb: str = config.option("x", default="")

        class Main(Others, name="main"):
            only_here: str = config.option("x", default="")

        def told(name):
            return fault_of(**{name: "1"}).expected

        assert told("zzzzzz") == "unknown option; it is an option of 'others'"
        # Which is surer than a name that is like it.
        assert told("hubb") == "unknown option; it is an option of 'others'"
        assert told("only_here") == "unknown option; it is an option of 'main'"

    def test_can_have_options_that_quarrel(self):
        fault = fault_of(idle="60", wait="90")
        assert (fault.option, fault.found) == ("idle", "'60'")
        assert fault.expected == "should not be shorter than wait"

    def test_that_lacks_an_option_reads_well_on_a_terminal(self, registry):
        class Marked(Options):
            """One option."""

            store: str = option("``memory:`` or a file")

        (fault,) = faults(Marked, "", "", {})
        assert fault.expected == "is required (memory: or a file)"

    def test_without_faults_has_none(self):
        assert faults(Sample, "", "", {"hub": "x"}) == []

    def test_is_frozen_once_it_is_read(self):
        with pytest.raises(ValueError, match="frozen"):
            sample().hub = "y"


class TestTheNameOfASection:
    @pytest.fixture
    def named(self, registry):
        class Named(Options, name="named"):
            """Options of an entry point."""

            idle: Seconds = option("how long", default="1m")
            here: str = option("a folder", default="")

        class Main(Options, name="main"):
            """Options of the entry point without a name."""

            idle: Seconds = option("how long", default="1m")

        assert registry == {"named": Named, "main": Main}
        return Named, Main

    def section(self, tmp_path, declared, text, **values):
        ini = tmp_path / "app.ini"
        ini.write_text(text)
        with pytest.raises(InvalidOptions) as caught:
            read(declared, {"__file__": str(ini)}, values)
        (fault,) = caught.value.faults
        assert fault.file == str(ini)
        return fault.section

    def test_is_found_by_its_use_and_values(self, named, tmp_path):
        text = """
[DEFAULT]
debug = true
[filter:one]
use = egg:eilogin#named
idle = many
[filter:two]
use = egg:eilogin#named
idle = lots
[filter:three]
use = egg:eilogin
idle = lots
"""
        options, main = named
        assert self.section(tmp_path, options, text, idle="lots") == "filter:two"
        assert self.section(tmp_path, main, text, idle="lots") == "filter:three"

    def test_is_found_where_paste_replaced_something(self, named, tmp_path):
        text = """
[filter:one]
use = egg:eilogin#named
idle = many
here = %(here)s/var
"""
        found = self.section(tmp_path, named[0], text, idle="many", here="/x/var")
        assert found == "filter:one"

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(
                "[filter:a]\nuse = egg:eilogin#named\nidle = many\n"
                "[filter:b]\nuse = egg:eilogin#named\nidle = many\n",
                id="two that fit",
            ),
            pytest.param("[filter:a]\nuse = egg:eilogin#named\n", id="none that fits"),
            pytest.param("idle = many\n", id="no ini file"),
            pytest.param("[filter:a]\nuse = egg:other\nidle = many\n", id="another's"),
        ],
    )
    def test_is_left_out_where_it_is_not_clear(self, named, tmp_path, text):
        assert self.section(tmp_path, named[0], text, idle="many") == ""

    def test_is_left_out_where_the_file_is_not_known(self, named):
        with pytest.raises(InvalidOptions) as caught:
            read(named[0], {}, {"idle": "many"})
        (fault,) = caught.value.faults
        expected = "expected a duration such as '90', '90s', '15m' or '2h'"
        assert fault == Fault("", "", "idle", "'many'", expected)
        assert "1 fault in the configuration:\n  idle: found 'many'" in str(
            caught.value
        )


class TestADeclaration:
    def test_is_described_as_it_would_stand_in_an_ini_file(self):
        described = {d.name: d.default for d in describe(Sample)}
        assert described == {
            "hub": "required",
            "idle": "15m",
            "wait": "90s",
            "passive": "false",
            "protect": "everything",
            "public_url": "https://uwv.example",
            "prefix": "/eilogin",
            "key": "",
            "secret": "",
            "secrets": "none",
            "keep": "1m",
            "at_once": "3",
            "other_url": "",
            "acs": "artifact",
        }
        assert describe(Sample)[0].meaning == "entityID of the hub"

    def test_tells_a_default_from_words_for_one(self):
        literal = {d.name for d in describe(Sample) if d.is_literal}
        no = {"hub", "protect", "key", "secret", "secrets", "other_url"}
        assert literal == Sample.model_fields.keys() - no

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (7200.0, "2h"),
            (5400.0, "90m"),
            (90.0, "90s"),
            (0.5, "0.5s"),
            (True, "true"),
        ],
    )
    def test_of_a_default_reads_like_a_person_would_write_it(
        self, value, text, registry
    ):
        kind = Flag if value is True else Seconds

        class One(Options):
            """One option."""

            it: kind = option("it", default=value)

        assert describe(One)[0].default == text


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("UWV.Localhost.", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_what_can_only_be_this_machine(host, expected):
    assert is_loopback(host) is expected


class TestPlaces:
    def read(self, tmp_path, **values):
        return read(Places, {"__file__": str(tmp_path / "app.ini")}, values)

    def test_are_files_one_a_line_from_the_folder_of_the_ini_file(self, tmp_path):
        for name in ("a.xml", "b c.xml"):
            (tmp_path / name).touch()
        found = self.read(tmp_path, files="\n a.xml\n\n b c.xml\n").files
        assert found == (tmp_path / "a.xml", tmp_path / "b c.xml")

    def test_of_files_that_are_not_there_are_told_line_by_line(self, tmp_path):
        (tmp_path / "a.xml").touch()
        with pytest.raises(InvalidOptions) as caught:
            self.read(tmp_path, files="a.xml\nb.xml\n")
        (fault,) = caught.value.faults
        assert fault.expected == "expected an existing file (line 2: 'b.xml')"

    def test_of_no_file_are_told(self, tmp_path):
        with pytest.raises(InvalidOptions, match="the path of a file, or several"):
            self.read(tmp_path, files="\n")

    @pytest.mark.parametrize(
        "address",
        ["https://ds.test/", "https://ds.test/a?b=c&d=", "http://x.localhost"],
    )
    def test_are_addresses_as_they_stand(self, tmp_path, address):
        assert self.read(tmp_path, address=f" {address} ").address == address
        assert Places(address=address).address == address

    @pytest.mark.parametrize(
        "address",
        ["ds.test", "http://ds.test/", "https://ds.test/?a b", "https://ds.test/?#"],
    )
    def test_are_no_other_addresses(self, tmp_path, address):
        with pytest.raises(InvalidOptions, match=r"an (https )?address"):
            self.read(tmp_path, address=address)

    @pytest.mark.parametrize("name", ["files", "address"])
    def test_of_no_text_are_left_to_pydantic(self, name):
        with pytest.raises(InvalidOptions, match="expected: "):
            read(Places, {}, {name: object()})  # type: ignore[dict-item]


class TestNamesThatAreClose:
    def test_are_one_where_no_more_are_wanted(self):
        told = config.did_you_mean("hub-x", ["hub-1", "hub-2", "uwv"])
        assert told in ("; did you mean 'hub-1'?", "; did you mean 'hub-2'?")

    def test_are_as_many_as_are_wanted(self):
        told = config.did_you_mean("hub-x", ["hub-1", "hub-2", "uwv"], most=3)
        assert sorted(told[15:-1].split(" or ")) == ["'hub-1'", "'hub-2'"]

    def test_are_as_close_as_is_wanted(self):
        assert config.did_you_mean("hub-x", ["hub-1"], cutoff=0.8).endswith("-1'?")
        assert config.did_you_mean("hub-x", ["hub-1"], cutoff=0.81) == ""

    def test_are_first_those_that_begin_so(self):
        names = ["federation_folder", "federation", "federation_certificate"]
        told = config.did_you_mean("federation_cert", names)
        assert told == "; did you mean 'federation_certificate'?"

    def test_are_none_of_none(self):
        assert config.did_you_mean("hub", []) == ""

    @pytest.mark.parametrize(
        ("name", "is_close"),
        [
            ("http://uwv.example.nl/eilogin/metadata", True),
            ("https://uwv.example.nl", True),
            ("https://www.uwv.example.nl/eilogin/metadata", True),
            ("https://uwvv.example.nl/eilogin/metadata", True),
            ("https://uwv.example.com/eilogin/metadata", True),
            ("https://svb.example.nl/eilogin/metadata", False),
            ("https://duo.test/eilogin/metadata", False),
        ],
    )
    def test_of_addresses_have_hosts_that_are_close(self, name, is_close):
        known = "https://uwv.example.nl/eilogin/metadata"
        told = f"; did you mean '{known}'?" if is_close else ""
        assert config.did_you_mean(name, [known]) == told


# --- what a value may be -----------------------------------------------------


def test_an_option_holds_a_path_of_this_site():
    adapter = TypeAdapter(SitePath)
    assert adapter.validate_python("/café?a=b") == "/caf%C3%A9?a=b"
    for value in ("", "mijn", "//evil.example", "https://evil.example/", "/a/../b"):
        with pytest.raises(ValidationError, match="a path of this site, such as"):
            adapter.validate_python(value)


def test_the_option_says_what_networks_look_like():
    adapter = TypeAdapter(Networks)
    found = (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert adapter.validate_python("10.0.0.0/8 ::1") == found
    assert adapter.validate_python(found) == found
    assert adapter.validate_python("unix ::1") == (UNIX, found[1])
    for value in ("10.0.0.1/8", "unix:/run/proxy.sock"):
        with pytest.raises(ValidationError, match=r"such as .* or 'unix'"):
            adapter.validate_python(value)


def test_words_are_told_once_each_and_are_no_slips():
    assert config.words_of(" a\n b  a") == ("a", "b")
    assert config.words_of(("a,",)) == ("a,",), "what was read already"
    with pytest.raises(ValueError, match="names with blanks between them, found 'a,'"):
        config.words_of("a, b")
    assert config.names_of("a b a") == ("a", "b")
    assert config.names_of(("a",)) == ("a",)
    for slip in ("a,", "a="):
        with pytest.raises(ValueError, match=f"names with blanks .* found '{slip}'"):
            config.names_of(f"b {slip}")
