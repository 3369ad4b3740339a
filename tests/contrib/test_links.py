"""Links and file names of the pages exist, and README.rst leads to every page."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docutils import nodes
from docutils.core import publish_doctree

HOUSE = Path(__file__).parents[2]
README = HOUSE / "README.rst"
TOP = [README, HOUSE / "CHANGES.rst", HOUSE / "SECURITY.rst"]
PAGES = sorted([*TOP, *(HOUSE / "contrib").rglob("*.rst")])
#: Who opens the README should have read it to the end.
_LONGEST = 350


@cache
def tree_of(page):
    """A page that is read without a remark."""
    return publish_doctree(
        page.read_text(encoding="utf-8"),
        source_path=str(page),
        settings_overrides={"halt_level": 2},
    )


def links_of(page):
    """What a page refers to: (the address as it is written, file, anchor)."""
    for reference in tree_of(page).findall(nodes.reference):
        uri = reference.get("refuri", "")
        parts = urlsplit(uri)
        if uri and not parts.scheme:
            file = page.parent / unquote(parts.path) if parts.path else page
            yield uri, file.resolve(), parts.fragment


def is_there(file, anchor):
    if not anchor:
        return file.exists()
    return file.suffix == ".rst" and file.exists() and anchor in tree_of(file).ids


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
class TestAPage:
    def test_links_to_what_is_there(self, page):
        broken = [uri for uri, *target in links_of(page) if not is_there(*target)]
        assert broken == []

    def test_names_files_that_are_there(self, page):
        named = re.findall(
            r"``((?:contrib|tests|eilogin|\.ci)/[\w./-]+)", page.read_text("utf-8")
        )
        # A recipe has NAME for the name of a new file.
        real = [name for name in named if "NAME" not in name]
        assert [name for name in real if not (HOUSE / name).exists()] == []


def reachable_from(start):
    """Return the pages that a reader finds by links alone."""
    found, left = {start}, [start]
    while left:
        for _, file, _ in links_of(left.pop()):
            if file.suffix == ".rst" and file.exists() and file not in found:
                found.add(file)
                left.append(file)
    return found


def test_the_readme_leads_to_every_page_of_the_manual():
    unreachable = set(PAGES) - reachable_from(README)
    assert sorted(str(page.relative_to(HOUSE)) for page in unreachable) == []


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= _LONGEST


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.rst"
    page.write_text(
        "Page\n====\n\n`a <gone.rst>`__ `b <page.rst#gone>`__ `c <#page>`__ `d <.>`__"
    )
    found = [uri for uri, *target in links_of(page) if not is_there(*target)]
    assert found == ["gone.rst", "page.rst#gone"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_a_page_has_no_marks_of_a_merge(page):
    assert not re.search(r"^(?:<{7}|>{7}) ", page.read_text("utf-8"), re.MULTILINE)
