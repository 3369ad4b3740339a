"""Whether the files that members come from look as they did."""

import pytest

from eilogin.federation.sources.local_files import fingerprint_of
from eilogin.federation.sources.member_filters import MemberFilters
from eilogin.federation.sources.source_lines import FederationAddress, FederationFile


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "all.xml"
    path.write_text("<a/>")
    return path


def test_unchanged_file_has_the_same_fingerprint(file):
    assert fingerprint_of([FederationFile(file)]) == fingerprint_of(
        [FederationFile(file)]
    )


def test_a_file_of_as_many_bytes_in_its_place_looks_otherwise(file):
    before = fingerprint_of([FederationFile(file)])
    fresh = file.with_name("fresh")
    fresh.write_text("<b/>")
    fresh.replace(file)
    assert fingerprint_of([FederationFile(file)]) != before


def test_a_file_that_is_gone_looks_otherwise_and_like_none(file):
    before = fingerprint_of([FederationFile(file)])
    file.unlink()
    assert "" != fingerprint_of([FederationFile(file)]) != before


def test_a_folder_looks_otherwise_with_another_file_in_it(file, tmp_path):
    line = FederationFile(tmp_path)
    fingerprints = {fingerprint_of([line])}
    (tmp_path / "more.xml").write_text("<a/>")
    fingerprints.add(fingerprint_of([line]))
    for path in tmp_path.iterdir():
        path.unlink()
    fingerprints.add(fingerprint_of([line]))
    assert len(fingerprints) == 3


def test_of_an_address_nothing_is_here_but_the_lists_behind_it(file):
    url = "https://federation.test/all.xml"
    assert fingerprint_of([FederationAddress(url=url)]) == ""
    wanted = MemberFilters(include=(file,), exclude=("https://uwv.test/",))
    line = FederationAddress(url=url, choice=wanted)
    before = fingerprint_of([line])
    file.write_text("https://stad.test/")
    assert "" != fingerprint_of([line]) != before
