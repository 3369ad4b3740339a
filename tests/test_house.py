"""The house keeps its own rules, as far as no tool checks them."""

import ast
import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

import eilogin
from eilogin.cli import main
from eilogin.cli.commands.options_command import as_rst
from eilogin.cli.inifiles import entry_points
from eilogin.web.pipeline.pipeline_parts import provided

HOUSE = Path(eilogin.__file__).parent
OPTIONS = HOUSE.parent / "contrib/manual/reference/options.rst"
PACKAGES = sorted(path.parent for path in HOUSE.rglob("__init__.py"))
FILTERS = sorted(
    file
    for file in (HOUSE / "filters").glob("*.py")
    if file.name != "__init__.py" and not file.stem.endswith("_options")
)


def docstring(file):
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_says_in_a_paragraph_what_belongs_there(package):
    text = docstring(package / "__init__.py")
    title, _, paragraph = text.partition("\n\n")
    assert title.endswith("."), text
    assert len(paragraph) > 60, text


@pytest.mark.parametrize("file", FILTERS, ids=lambda path: path.stem)
def test_a_filter_says_how_it_is_used_and_what_it_does_to_environ(file):
    text = " ".join(docstring(file).split())
    for word in ("*needs*", "*reads*", "*writes*", "*changes in the answer*"):
        assert word in text.lower(), f"{file.name} does not say: {word}"
    assert "use = egg:eilogin" in text


def test_the_map_of_the_house_names_every_room():
    text = eilogin.__doc__ or ""
    rooms = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py"}
    rooms |= {path.name for path in PACKAGES if path.parent == HOUSE}
    for room in rooms - {"__init__", "__main__"}:
        assert room in text, room


def test_the_map_of_the_test_support_names_every_module_once():
    support = HOUSE.parent / "tests/support"
    page = (support / "README.rst").read_text("utf-8")
    named = re.findall(r"^``([\w.]+)`` ", page, re.MULTILINE)
    modules = [
        ".".join(path.relative_to(support).with_suffix("").parts)
        for path in support.rglob("*.py")
        if not path.name.startswith("test_")
    ]
    assert sorted(named) == sorted(name.removesuffix(".__init__") for name in modules)


CITED = [
    file
    for folder in ("eilogin", "tests", "contrib", ".ci")
    for file in sorted((HOUSE.parent / folder).rglob("*"))
    if file.suffix in {".py", ".rst", ".cfg", ".html"} and file.is_file()
]


def test_cites_only_sources_that_the_project_has():
    """Facts that stand in no standard are in contrib/sources.rst, by section."""
    sources = (HOUSE.parent / "contrib/sources.rst").read_text("utf-8")
    sections = set(re.findall(r"^DigiD \d(?:\.\d)?(?=:)", sources, re.MULTILINE))
    sections |= {f"Attacks {name}" for name in re.findall(r"\b[GI]\d+\b", sources)}
    missing = set()
    for file in CITED:
        text = " ".join(file.read_text("utf-8").split())
        cited = re.findall(r"DigiD \d(?:\.\d)?\b(?!\.?\w)|Attacks [GI]\d+", text)
        missing |= {(str(file), name) for name in cited if name not in sections}
        pages = re.findall(r"\b[A-Z]{4,}\.md\b", text)
        missing |= {(str(file), page) for page in pages}
    assert sorted(missing) == []


def test_commands_to_copy_are_written_for_a_shell():
    """A path in them is a word of :func:`eilogin.shell_quoting.typed`."""
    verbs = "|".join(main.commands)
    pasted = re.compile(rf"(?:eilogin (?:{verbs})|chmod|chown)\b[a-z -]*\{{")
    for file in HOUSE.rglob("*.py"):
        match = pasted.search(file.read_text(encoding="utf-8"))
        assert not match, f"{file}: {match}"


def test_every_paste_entry_point_can_be_loaded():
    for point in distribution("eilogin").entry_points:
        if point.group.startswith("paste."):
            assert callable(point.load()), point


def test_a_participant_takes_the_options_of_its_filters_and_no_others():
    declared = entry_points.declared()
    parts = provided("main")
    fields = [declared[part.eilogin_part].model_fields.keys() for part in parts]
    assert declared["main"].model_fields.keys() == set().union(*fields)
    assert sum(map(len, fields)) == len(set().union(*fields)), "one name, two meanings"


@pytest.mark.parametrize("name", sorted(entry_points.declared().keys() - {"main"}))
def test_the_manual_has_the_options_as_they_are_declared(name):
    text = OPTIONS.read_text(encoding="utf-8")
    assert as_rst(entry_points.declared()[name]) in text, (
        f"put the list of 'eilogin options {name} --rst' into {OPTIONS.name}"
    )
