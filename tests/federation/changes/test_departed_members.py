"""Who was a member once is kept, until it comes back."""

import pytest

from eilogin import atomic_files
from eilogin.errors import ConfigurationError
from eilogin.federation import Membership
from eilogin.federation.changes import departed_members
from eilogin.federation.changes.departed_members import departed_of, note_departed
from eilogin.federation.state.state_folder import SiteFolder
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata


def of(*names, text=""):
    members = [
        EntityDescriptor(entity_id=name, names={"nl": text} if text else {})
        for name in names
    ]
    return Membership(FederationMetadata(tuple(members), None, "", None))


@pytest.fixture
def folder(tmp_path):
    folder = SiteFolder(tmp_path / "site")
    folder.prepare()
    return folder


def test_nobody_has_gone_at_first(folder):
    assert [*departed_of(folder)] == []
    note_departed(folder, of("urn:a"), of("urn:a", "urn:b"))
    assert [*folder.path.iterdir()] == [], "nothing is written for nothing"


def test_departed_member_is_recorded_until_it_returns(folder):
    note_departed(folder, of("urn:a", "urn:b", text="A"), of("urn:b"))
    note_departed(folder, of("urn:b"), of("urn:b"))
    [gone] = departed_of(folder).values()
    assert gone.names == {"nl": "A"}
    note_departed(folder, of("urn:b"), of("urn:b", "urn:a"))
    assert [*departed_of(folder)] == []


def test_second_departure_replaces_the_record_of_the_first(folder):
    note_departed(folder, of("urn:a", text="A"), of())
    note_departed(folder, of("urn:a", text="B"), of())
    [gone] = departed_of(folder).values()
    assert gone.names == {"nl": "B"}


def test_of_too_many_the_last_are_kept(folder, monkeypatch):
    monkeypatch.setattr(departed_members, "_MOST", 2)
    note_departed(folder, of("urn:a"), of())
    note_departed(folder, of("urn:b", "urn:c"), of())
    assert [*departed_of(folder)] == ["urn:b", "urn:c"]


def test_another_version_reads_what_it_knows_of_it(folder):
    """Nobody is forgotten by an update, which makes an index anew."""
    note_departed(folder, of("urn:a", "urn:b", text="A"), of())
    path = folder.path / "departed.jsonl"
    text = path.read_bytes().replace(b'{"entity_id"', b'{"later": [1], "entity_id"')
    path.write_bytes(text)
    assert b"later" in text
    assert departed_of(folder)["urn:a"].names == {"nl": "A"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\xff\n", "cannot read a line without an entityID"),
        (b'"urn:a"\t{"entity_id"\n', "cannot read 'urn:a'"),
        (b'"urn:a"\n', "cannot read 'urn:a'"),
    ],
)
def test_reports_an_unreadable_record_of_a_departed_member(folder, text, told):
    (folder.path / "departed.jsonl").write_bytes(text)
    with pytest.raises(ConfigurationError, match=rf"departed\.jsonl: {told}; expected"):
        departed_of(folder).get("urn:a")


def test_unreadable_record_is_kept_when_another_member_departs(folder):
    path = folder.path / "departed.jsonl"
    path.write_bytes(b'"urn:a"\t{}\n')
    note_departed(folder, of("urn:b"), of())
    assert [*departed_of(folder)] == ["urn:a", "urn:b"]
    assert path.read_bytes().startswith(b'"urn:a"\t{}\n')


def test_it_is_said_where_it_is_no_file(folder):
    (folder.path / "departed.jsonl").mkdir()
    with pytest.raises(ConfigurationError, match=r"departed\.jsonl: Is a directory"):
        departed_of(folder)


def test_it_is_said_where_it_cannot_be_kept(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files, "write", full)
    with pytest.raises(ConfigurationError, match=r"departed\.jsonl: No space left"):
        note_departed(folder, of("urn:a"), of())
