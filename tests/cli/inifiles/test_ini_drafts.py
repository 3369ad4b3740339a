"""The ini lines of a site that joins a federation."""

from pathlib import Path

import pytest

from eilogin.cli.inifiles import ini_drafts
from eilogin.cli.inifiles.ini_drafts import Draft
from eilogin.federation.local.profiles import PROFILES, Profile


@pytest.fixture
def party_lines():
    def written(**values):
        draft = Draft(
            ini=Path("site.ini"),
            folder=Path(),
            public_url="https://mijn.example.nl",
            name="Mijn",
            federation="federation.xml",
            operator_certificate=Path("operator.crt"),
            **values,
        )
        return list(draft.party_lines())

    return written


def profile_lines(lines):
    return [line for line in lines if line.startswith("profile")]


def test_leaves_out_the_default_profile(party_lines):
    assert profile_lines(party_lines()) == []


def test_names_any_other_profile(party_lines, monkeypatch):
    third = {**PROFILES, "third": Profile()}
    monkeypatch.setattr(ini_drafts, "PROFILES", third)
    for name in ("digid", "third"):
        assert profile_lines(party_lines(profile=name)) == [f"profile = {name}"]


def test_says_what_the_key_of_digid_needs(party_lines, monkeypatch):
    third = {**PROFILES, "third": Profile()}
    monkeypatch.setattr(ini_drafts, "PROFILES", third)
    comment = "# For DigiD: a certificate of PKIoverheid for that key."
    assert comment in party_lines(profile="digid")
    assert comment not in party_lines(profile="third")
