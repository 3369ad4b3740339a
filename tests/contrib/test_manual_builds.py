"""Sphinx builds the manual without a warning, and finds dead links."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from manual_blocks import block

pytestmark = pytest.mark.any_python

HOUSE = Path(__file__).parents[2]


def build(house, folder, builder="html"):
    """Build a manual as its conf.py says: with warnings as errors.

    A second builder does not read the pages in ``folder`` again.
    """
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n"]
    source = house / "contrib" / "manual"
    return subprocess.run(
        [*command, "-b", builder, "-d", folder / "trees", source, folder / builder],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder for what Sphinx makes of the manual."""
    return tmp_path_factory.mktemp("manual")


@pytest.fixture(scope="module")
def html(built):
    """Return the folder with the HTML of the manual."""
    ran = build(HOUSE, built)
    assert (ran.stderr, ran.returncode) == ("", 0)
    return built / "html"


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the pages, which a test may change."""
    house = tmp_path / "house"
    house.mkdir()
    shutil.copytree(HOUSE / "contrib", house / "contrib")
    for file in [*HOUSE.glob("*.rst"), HOUSE / "paste.ini"]:
        shutil.copy(file, house)
    return house


def test_links_lead_from_html_to_html(html):
    page = (html / "contrib/manual/index.html").read_text("utf-8")
    assert 'href="glossary.html"' in page
    assert 'href="../../SECURITY.html"' in page
    links = re.findall(r'href="([^"]+)"', page)
    assert [one for one in links if ".rst" in one] == []


def test_an_anchor_of_the_glossary_is_kept(html):
    assert 'id="single-logout"' in (html / "contrib/manual/glossary.html").read_text()


def test_has_a_search(html):
    assert "quarantin" in (html / "searchindex.js").read_text("utf-8")


def test_the_root_leads_to_the_map(html):
    assert "contrib/manual/index.html" in (html / "index.html").read_text("utf-8")


#: A link that leads to no page, and what Sphinx says of it.
DEAD = {
    "gone.rst": "no such page: gone.rst",
    "glossary.rst#gone": "no such anchor: glossary.rst#gone",
    "#gone": "no such anchor: #gone",
    "pictures/gone.png": "no such page: pictures/gone.png",
}


def test_refuses_dead_links_and_a_page_that_the_map_does_not_list(copy, tmp_path):
    links = "".join(f"\n`A link <{link}>`__\n" for link in DEAD)
    (copy / "contrib/manual/unlisted.rst").write_text(f"Unlisted\n========\n{links}")
    # Sphinx resolves the links for every builder. This one writes nothing.
    ran = build(copy, tmp_path, "dummy")
    assert ran.returncode != 0
    assert [said for said in DEAD.values() if said not in ran.stderr] == []
    assert "unlisted.rst: WARNING: document isn't included" in ran.stderr


def test_man_pages_build(built):
    ran = build(HOUSE, built, "man")
    assert (ran.stderr, ran.returncode) == ("", 0)
    man = built / "man"
    assert ".SH EILOGIN CHECK" in (man / "eilogin.1").read_text("utf-8").upper()
    assert "max_session" in (man / "eilogin.ini.5").read_text("utf-8")


def test_the_manual_says_how_to_build_it():
    """With the options of this test and of CI."""
    install, html, man = block("../contributing.rst", "Build the manual").splitlines()
    assert install == ".venv/bin/pip install -e '.[docs]'"
    gate = (HOUSE / ".ci" / "run").read_text("utf-8")
    for line in (html, man):
        assert line.replace("sphinx-build -W", "sphinx-build -q -W") in gate
