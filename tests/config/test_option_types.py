"""Numbers, flags, words, lines and networks in a value."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from sample_options import Sample, fault_of, faults, sample

from eilogin import config
from eilogin.config import UNIX, Lines, Networks, Options, option, read
from eilogin.errors import InvalidOptions


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


def test_the_option_says_what_networks_look_like():
    adapter = TypeAdapter(Networks)
    networks = (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert adapter.validate_python("10.0.0.0/8 ::1") == networks
    assert adapter.validate_python(networks) == networks
    assert adapter.validate_python("unix ::1") == (UNIX, networks[1])
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
