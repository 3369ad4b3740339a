"""``eilogin check``: its exit code, its notes, and what it prints for programs."""

import json

import pytest
from manual_blocks import MANUAL

from eilogin.cli.checks.check_notes import KEYS

NOTE = "[app:other]: no filter of eilogin is in front of it"


@pytest.fixture
def unguarded(site):
    """One application without filters: a note, and no fault."""
    site.change("\n[app:app]", "\n[app:other]\nuse = app\n\n[app:app]")
    return site


@pytest.fixture
def found(site, run):
    """What ``--json`` prints, and the exit code."""

    def read(*options):
        result = run("check", site.file, "--json", *options)
        return json.loads(result.stdout), result.exit_code

    return read


class TestStrict:
    @pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
    def test_exits_with_1_for_a_note(self, unguarded, run, options):
        assert run("check", unguarded.file, *options).exit_code == 0
        assert run("check", unguarded.file, "--strict", *options).exit_code == 1

    def test_exits_with_0_where_there_is_none(self, site, run):
        assert run("check", site.file, "--strict").exit_code == 0


def test_shows_notes_beside_faults(unguarded, run):
    unguarded.set("filter:uwv-eilogin", idle="a day")
    result = run("check", unguarded.file)
    assert f"note: {NOTE}" in result.stdout
    assert "[filter:uwv-eilogin] idle: found 'a day'" in result.stderr


class TestJSON:
    def test_is_an_empty_list_where_all_is_in_order(self, found):
        assert found() == ([], 0)

    def test_has_the_same_keys_for_each_finding(self, unguarded, found):
        unguarded.set("filter:uwv-eilogin", idle="a day")
        records, code = found()
        assert code == 1
        assert {tuple(record) for record in records} == {KEYS}
        fault = next(one for one in records if one["kind"] == "fault")
        assert fault == {
            "file": str(unguarded.file),
            "section": "filter:uwv-eilogin",
            "option": "idle",
            "kind": "fault",
            "code": "options-invalid",
            "text": fault["text"],
        }
        assert fault["text"].startswith("found 'a day'; expected a duration")
        note = next(one for one in records if one["section"] == "app:other")
        assert (note["kind"], note["code"]) == ("note", "unguarded")

    def test_names_the_code_of_an_error_of_metadata(self, site, found):
        site.set("filter:g-trust", federation="%(here)s/paste.ini")
        records, _ = found()
        assert [one["code"] for one in records if one["section"] == "filter:g-trust"]
        assert "metadata-unusable" in {one["code"] for one in records}

    def test_has_the_steps_that_are_left(self, site, found):
        site.set("filter:uwv-eilogin", federation="%(here)s/to-come.xml")
        records, _ = found()
        assert "step" in {one["kind"] for one in records}

    def test_is_in_the_manual_with_each_key(self):
        page = (MANUAL / "production/index.rst").read_text()
        assert [key for key in KEYS if f"``{key}``" not in page] == []
