"""Files and folders in a value."""

import os

import pytest
from sample_options import Places, fault_of, sample

from eilogin.config import read
from eilogin.errors import InvalidOptions


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


class TestPlaces:
    def read(self, tmp_path, **values):
        return read(Places, {"__file__": str(tmp_path / "app.ini")}, values)

    def test_are_files_one_a_line_from_the_folder_of_the_ini_file(self, tmp_path):
        for name in ("a.xml", "b c.xml"):
            (tmp_path / name).touch()
        files = self.read(tmp_path, files="\n a.xml\n\n b c.xml\n").files
        assert files == (tmp_path / "a.xml", tmp_path / "b c.xml")

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
