"""The lines of the option ``federation``."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.config import Options, attempt, option
from eilogin.federation.sources.member_filters import MemberFilters
from eilogin.federation.sources.source_lines import (
    FederationAddress,
    FederationFile,
    FederationLines,
)

ALL = "https://md.example.nl/all.xml"
MEGABYTE = 1024**2


class Sample(Options):
    federation: FederationLines = option("files", default=())


def read(*lines):
    text = "\n".join(lines)
    options, faults = attempt(Sample, "app.ini", "filter:x", {"federation": text})
    assert not faults, faults
    return options.federation


def fault(*lines):
    text = "\n".join(lines)
    _, (found,) = attempt(Sample, "app.ini", "filter:x", {"federation": text})
    return str(found)


@pytest.fixture
def there(tmp_path):
    """The paths of files that are there."""

    def make(*names):
        for name in names:
            (tmp_path / name).touch()
        return [tmp_path / name for name in names]

    return make


class TestASource:
    def test_has_certificates_behind_it_or_none(self, there):
        one, crt, blanks = there("one.xml", "one.crt", "with blanks.xml")
        assert read(str(one), f" {one}   {crt}", str(blanks)) == (
            FederationFile(one),
            FederationFile(one, certificates=(crt,)),
            FederationFile(blanks),
        )

    def test_may_have_several_of_them_for_a_rollover(self, there):
        one, old, new = there("one.xml", "our old.crt", "our new.crt")
        both = (old, new)
        assert read(f"{one} {old} {new}", f"{ALL} {old}  {new}") == (
            FederationFile(one, certificates=both),
            FederationAddress(ALL, certificates=both),
        )

    def test_and_its_certificates_may_have_blanks_in_their_paths(self, there):
        one, crt = there("our federation.xml", "our operator.crt")
        assert read(f"{one} {crt}") == (FederationFile(one, certificates=(crt,)),)

    def test_may_have_what_looks_like_a_setting_in_its_path(self, there):
        (odd,) = there("of role=hub")
        assert read(str(odd)) == (FederationFile(odd),)

    def test_may_be_a_folder(self, tmp_path, there):
        (crt,) = there("one.crt")
        assert read(f"{tmp_path} {crt} role=hub") == (
            FederationFile(
                tmp_path, certificates=(crt,), choice=MemberFilters(role="hub")
            ),
        )

    def test_may_be_a_responder(self):
        line = FederationAddress("https://mdq.example.nl/", is_query=True)
        assert read("mdq:https://mdq.example.nl/") == (line,)
        assert str(line) == "mdq:https://mdq.example.nl/"

    @pytest.mark.parametrize(
        "line", ["{0}/no.xml", "{0}/no.xml {0}/one.xml", "{0}/no.xml role=hub"]
    )
    def test_must_be_there(self, tmp_path, there, line):
        there("one.xml")
        told = fault(line.format(tmp_path))
        assert "expected an existing file or folder, or an https address" in told

    def test_must_have_its_certificate_there(self, tmp_path, there):
        (one,) = there("one.xml")
        told = fault(f"{one} {tmp_path}/gone.crt")
        expected = "an existing file with a certificate, or NAME=VALUE, and not"
        assert f"expected {expected} '{tmp_path}/gone.crt' (line 1: " in told

    def test_is_looked_for_among_those_that_are_there(self, tmp_path, there):
        one, crt, _ = there("our federation.xml", "operator.crt", "ca.pem")
        told = fault(f"{tmp_path}/our federaton.xml {crt}")
        assert "or an https address; did you mean 'our federation.xml'? (li" in told
        told = fault(f"{one} {tmp_path}/operater.crt {crt}")
        assert f"{crt}'; did you mean 'operator.crt'? (line 1: " in told
        there("app.py")
        assert "did you mean" not in fault(f"{tmp_path}/app.xml {crt}")
        told = fault(f"{ALL} ca={tmp_path}/ca.pam")
        assert f"'ca=' an existing file, and not '{tmp_path}/ca.pam'; did y" in told

    @pytest.mark.parametrize(
        ("line", "hint"),
        [
            ("htps://md.example.nl/all.xml", "; did you mean 'https'?"),
            ("MDQ:/md.example.nl", "; did you mean 'mdq'?"),
            ("ftp://md.example.nl/all.xml", "or a path"),
        ],
    )
    def test_of_another_scheme_is_told(self, line, hint):
        told = fault(line)
        assert (
            "expected an https address, 'mdq:' and an https address, or a path"
        ) in told
        assert hint in told

    def test_is_needed(self):
        assert "the path of a file" in fault(" ", " ")

    def test_that_is_a_folder_must_be_one_that_can_be_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert "a folder that this user can read" in fault(str(tmp_path))


class TestASetting:
    def test_says_how_a_source_is_taken(self, there):
        ca, one = there("our ca.pem", "one.xml")
        line = f"{ALL} validity=14d timeout=10s longest=120MB proxy=off ca={ca}"
        (found,) = read(line)
        assert found == FederationAddress(
            ALL,
            validity=14 * 86_400.0,
            timeout=10.0,
            longest=120 * MEGABYTE,
            proxy="",
            ca=ca,
        )
        (found,) = read(f"{one}  unsigned=true   validity=off longest=500k")
        assert found == FederationFile(
            one, is_unsigned=True, validity=math.inf, longest=500 * 1024
        )
        (found,) = read(f"{ALL} proxy=http://proxy.example.nl:3128")
        assert found.proxy == "http://proxy.example.nl:3128"

    def test_says_who_is_wanted(self, there):
        (names,) = there("our names.txt")
        words = (
            "role=participant entity=https://*.nl/* entity=urn:nl:* registrar=http://a"
            " registrar=http://b category=http://c include=urn:nl:one"
        )
        (found,) = read(f"{ALL} {words} include={names} exclude=urn:nl:two")
        assert found.choice == MemberFilters(
            role="participant",
            entities=("https://*.nl/*", "urn:nl:*"),
            registrars=("http://a", "http://b"),
            categories=("http://c",),
            include=("urn:nl:one", names),
            exclude=("urn:nl:two",),
        )

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ("validiti=14d", "and not 'validiti'; did you mean 'validity'?"),
            ("Role=hub", "and not 'Role'; did you mean 'role'?"),
            ("roles=hub", "one of validity, longest, unsigned, timeout, proxy, ca, r"),
            ("validity=14", "behind 'validity=' a number of days such as '30d', or"),
            ("validity=14", "or 'off', and not '14' (line 1: "),
            ("validity = 14d", "expected NAME=VALUE, without spaces around the '='"),
            ("role=hub validity = 14d", "without spaces around the '='"),
            ("validity=", "without spaces around the '='"),
            ("validity=1d validity=2d", "expected 'validity=' once"),
            ("role=hub role=hub", "expected 'role=' once"),
            ("timeout=soon", "behind 'timeout=' a duration such as '90'"),
            (
                "longest=201MB",
                "a size such as '80MB', at most '200MB', and not '201MB'",
            ),
            ("longest=0", "a size such as '80MB'"),
            ("longest=lots", "a size such as '80MB'"),
            ("proxy=proxy:3128", "behind 'proxy=' an address such as 'http://proxy."),
            ("proxy=http://[", "behind 'proxy=' an address such as 'http://proxy."),
            ("ca=gone.pem", "behind 'ca=' an existing file, and not 'gone.pem'"),
            (
                "unsigned=true",
                ("no 'unsigned=' behind an address: metadata from a URL must be s"),
            ),
            (
                "role=hubs",
                "'hub' or 'participant', and not 'hubs'; did you mean 'hub'? (line 1",
            ),
            ("entity=a b", "an entityID, in which '*' stands for any characters"),
            ("registrar=surf", "behind 'registrar=' a URI such as"),
            ("category=research", "behind 'category=' a URI such as"),
            (
                "include=gone.txt",
                ("an entityID, or an existing file with one on each line"),
            ),
        ],
    )
    def test_that_cannot_be_is_told(self, said, told):
        assert told in fault(f"{ALL} {said}")

    def test_that_cannot_be_shows_no_password(self):
        told = fault(f"{ALL} proxy=ftp://anna:geheim@proxy.example.nl")
        assert "and not 'ftp://***@proxy.example.nl'" in told
        assert "geheim" not in told

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            (
                "timeout=5s",
                ("no 'timeout=' behind a file or folder: eilogin fetches nothing"),
            ),
            ("proxy=off", "no 'proxy=' behind a file or folder"),
            ("unsigned=maybe", "behind 'unsigned=' 'true' or 'false', and not 'maybe'"),
            (
                "{crt} unsigned=true",
                "either a certificate or 'unsigned=true' behind it",
            ),
        ],
    )
    def test_that_cannot_be_of_a_file_is_told(self, there, said, told):
        one, crt = there("one.xml", "one.crt")
        assert told in fault(f"{one} {said.format(crt=crt)}")

    def test_that_cannot_be_is_told_with_its_line_and_no_other(self, there):
        (one,) = there("one.xml")
        told = fault(str(one), f"{ALL} role=hub", f"{one} role=no")
        assert "(line 3: " in told
        assert "(line 1: " not in told


WORDS = [
    "one.xml",
    "https://a.nl/x",
    "mdq:https://a.nl",
    "role=hub",
    "role=",
    "=",
    "a=b",
    "validity=1d",
    "\x00",
    "longest=9MB",
    "include=urn:x",
    "include=x",
    "proxy=off",
    "ca=",
    "unsigned=yes",
    "entity=*",
    "http://[",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=9), max_size=7).map(" ".join))
def test_any_federation_text_gives_options_or_faults(text):
    options, faults = attempt(Sample, "app.ini", "filter:x", {"federation": text})
    assert (options is None) == bool(faults)
    assert all(one.expected.startswith("expected ") for one in faults)


def test_parsed_federation_lines_stay_unchanged():
    lines = (FederationFile(Path("federation.xml")),)
    assert Sample.model_validate({"federation": lines}).federation == lines
