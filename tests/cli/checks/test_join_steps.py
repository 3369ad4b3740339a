"""What a site that is no member yet has to do, in its order."""

import re

import pytest

UWV = "filter:uwv-eilogin"


@pytest.fixture
def steps(site, run):
    """The steps that are left, a line each, as somebody reads it."""

    def read():
        output = run("check", site.file).output
        _, _, told = output.partition("The steps that are left, in this order:\n")
        return re.split(r"(?m)^\d+\. ", told)[1:]

    return read


def test_nothing_is_left_for_members(steps):
    assert steps() == []


def test_the_operator_has_to_know_us_first(site, steps):
    site.set(UWV, entity_id="urn:new")
    send, wait, again = steps()
    assert "send your metadata to the operator" in send
    command = f"eilogin metadata {site.file} --section {UWV} > uwv.localhost.xml"
    assert command in send
    assert re.search(r"SHA-256 [0-9a-f]{64}", send)
    assert "wait until the operator has added you" in wait
    assert f"{site.var}/federation.xml" in wait
    assert f"eilogin check {site.file}" in again


def test_a_command_is_copied_whatever_the_file_is_called(site, run):
    site.set(UWV, entity_id="urn:new")
    file = site.file.rename(site.file.with_name("my site.ini"))
    told = run("check", file).output
    assert f"eilogin metadata '{file}' --section {UWV} > uwv.localhost.xml\n" in told
    assert f"eilogin check '{file}'\n" in told


def test_steps_for_operator_files_follow_sending_the_metadata(site, steps):
    for name in ("federation.xml", "federation.crt"):
        (site.var / name).unlink()
    sent, certificate, metadata = steps()[-4:-1]
    assert "send your metadata" in sent
    assert f"{site.var}/federation.crt" in certificate
    assert "fingerprint" in certificate
    assert f"{site.var}/federation.xml" in metadata


def test_where_there_is_no_operator_each_party_gets_the_metadata(site, steps):
    site.set(UWV, federation="%(here)s/peer.xml", federation_certificate=None)
    site.set(UWV, federation_unsigned="true")
    sent, metadata, _ = steps()
    assert "send your metadata to each party with metadata in 'federation'" in sent
    assert "get the metadata of that party and put it into" in metadata
    assert "operator" not in sent + metadata


def test_present_certificate_needs_no_step(site, steps):
    (site.var / "federation.xml").unlink()
    assert "federation.crt" not in "".join(steps())


def test_before_all_else_there_has_to_be_a_key(site, steps):
    site.set(UWV, key="%(here)s/new.key", certificate="%(here)s/new.crt")
    make, send, *_ = steps()
    assert f"eilogin join --wrap {site.file}" in make
    # Each site of a file into a file of its own.
    assert send.strip().endswith(f"--section {UWV} > uwv.localhost.xml")


def test_steps_write_metadata_without_a_valid_public_url(site, steps):
    for address in (None, "http://[uwv"):
        site.set(UWV, key="%(here)s/new.key", certificate="%(here)s/new.crt")
        site.set(UWV, public_url=address)
        assert "> metadata.xml" in "".join(steps())


def test_steps_request_the_value_of_a_missing_federation_option(site, steps):
    site.set(UWV, federation=None)
    assert any("for the option 'federation'" in step for step in steps())


def test_a_server_that_does_not_start_says_it_too(site, run):
    (site.var / "federation.xml").unlink()
    result = run("serve", site.file)
    assert result.exit_code == 1
    assert "The steps that are left, in this order:" in result.output
