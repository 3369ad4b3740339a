"""Who was a member once is kept, until it comes back."""

import pytest

from eilogin.errors import ConfigurationError
from eilogin.federation import Federation, departed
from eilogin.federation.departed import departed_of, note_departed
from eilogin.federation.folder import SiteFolder
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata


def of(*names, text=""):
    members = [
        EntityDescriptor(entity_id=name, names={"nl": text} if text else {})
        for name in names
    ]
    return Federation(FederationMetadata(tuple(members), None, "", None))


@pytest.fixture
def folder(tmp_path):
    folder = SiteFolder(tmp_path / "site")
    folder.prepare()
    return folder


def test_nobody_has_gone_at_first(folder):
    assert [*departed_of(folder).members] == []
    note_departed(folder, of("urn:a"), of("urn:a", "urn:b"))
    assert [*folder.path.iterdir()] == [], "nothing is written for nothing"


def test_who_goes_is_kept_as_it_was_until_it_comes_back(folder):
    note_departed(folder, of("urn:a", "urn:b", text="A"), of("urn:b"))
    note_departed(folder, of("urn:b"), of("urn:b"))
    [gone] = departed_of(folder).members.values()
    assert gone.names == {"nl": "A"}
    note_departed(folder, of("urn:b"), of("urn:b", "urn:a"))
    assert [*departed_of(folder).members] == []


def test_who_goes_again_is_kept_as_it_was_last(folder):
    note_departed(folder, of("urn:a", text="A"), of())
    note_departed(folder, of("urn:a", text="B"), of())
    [gone] = departed_of(folder).members.values()
    assert gone.names == {"nl": "B"}


def test_of_too_many_the_last_are_kept(folder, monkeypatch):
    monkeypatch.setattr(departed, "_MOST", 2)
    note_departed(folder, of("urn:a"), of())
    note_departed(folder, of("urn:b", "urn:c"), of())
    assert [*departed_of(folder).members] == ["urn:b", "urn:c"]


def test_what_another_version_has_kept_is_nothing(folder):
    (folder.path / "departed").write_bytes(b"eilogin index of another one")
    assert [*departed_of(folder).members] == []


def test_it_is_said_where_it_cannot_be_kept(folder):
    folder.path.rename(folder.path.with_name("elsewhere"))
    with pytest.raises(ConfigurationError, match=r"federation_folder: .*departed"):
        note_departed(folder, of("urn:a"), of())
