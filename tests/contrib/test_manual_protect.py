"""The pages on protecting an application say what eilogin does."""

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL, blocks, with_changes

from eilogin.cli.checking import check
from eilogin.cli.inifile import IniFile
from eilogin.cli.members import own_of_part, parts_of
from eilogin.federation import Own
from eilogin.federation.own_keys import OwnKey
from eilogin.saml.keys import SigningKey, new_key_pair
from eilogin.saml.metadata import write_federation
from eilogin.visit.rules import Rules

WHOLE, ONE_BY_ONE = (
    blocks("protect/index.rst", title, "ini")[0]
    for title in ("A whole ini file", "The filters one by one")
)
COMPOSITE = blocks("protect/index.rst", "Several applications on one host", "ini")[0]


def rows_of(page, section):
    """The cells of the tables of a section, row by row, without their heads."""
    text = (MANUAL / page).read_text()
    tree = publish_doctree(text, settings_overrides={"halt_level": 2})
    (place,) = (
        one
        for one in tree.findall(nodes.section)
        if one.next_node(nodes.title).astext() == section
    )
    return [
        [entry.astext() for entry in row.findall(nodes.entry)]
        for body in place.findall(nodes.tbody)
        for row in body.findall(nodes.row)
    ]


def rules_of(text):
    return Rules.parse(text.splitlines()[1:])


# --- the ini files --------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Write an ini file, with the code, key and federation that it names."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "paths.py").write_text("def make(loader, global_conf, **paths): ...\n")
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite/__init__.py").touch()
    (tmp_path / "mysite/wsgi.py").write_text("application = None\n")
    key, certificate = new_key_pair("uwv")
    (tmp_path / "uwv.key").write_bytes(key)
    (tmp_path / "uwv.crt").write_bytes(certificate)

    def write(text):
        path = tmp_path / "site.ini"
        path.write_text(text)
        ini = IniFile.read(path)
        (part,) = (
            part
            for part in parts_of(ini)
            if part.title in ("filter:eilogin", "filter:trust")
        )
        _write_federation(tmp_path, own_of_part(ini, part))
        return path

    return write


def _write_federation(folder, own):
    operator, hub_key = new_key_pair("operator"), new_key_pair("hub")
    (folder / "federation.crt").write_bytes(operator[1])
    url = "https://inloggen.example.nl"
    hub = Own(
        "hub",
        url,
        "",
        (OwnKey.of(SigningKey.load(*hub_key)),),
        entity_id=f"{url}/metadata",
        back_channel_url=url,
    )
    octets = write_federation(
        [own.descriptor(), hub.descriptor()],
        name="",
        valid_until=4e9,
        key=SigningKey.load(*operator),
    )
    (folder / "federation.xml").write_bytes(octets)


def one_by_one():
    """The whole file with five filters in the place of one."""
    server = WHOLE[: WHOLE.index("[pipeline:main]")]
    app = WHOLE[WHOLE.index("[app:myapp]") :]
    return f"{server}{ONE_BY_ONE}\n\n{app}"


def with_composite():
    """The whole file with two applications on the host."""
    _, behind = WHOLE.split("[filter:eilogin]")
    server = WHOLE[: WHOLE.index("[pipeline:main]")]
    # Paste itself is not among what the tests need.
    composite = with_changes(
        COMPOSITE, {"use = egg:Paste#urlmap": "paste.composite_factory = paths:make"}
    )
    more = "\n\n[app:archief]\nuse = egg:eilogin#wsgi\napp = mysite.wsgi:application"
    return f"{server}{composite}\n\n[filter:eilogin]{behind}{more}\npath = %(here)s\n"


@pytest.mark.parametrize(
    "text",
    [WHOLE, one_by_one(), with_composite()],
    ids=["whole", "five filters", "composite"],
)
def test_an_ini_file_of_the_page_has_no_fault(site, text):
    found = check(IniFile.read(site(text)))
    assert [str(fault) for fault in found.faults] == []
    assert not {"no-limits", "no-proxies"} & {note.code for note in found.remarks}


# --- paths ----------------------------------------------------------------------------

FIRST, EXACT, METHODS, FRESH, ATTRIBUTES = blocks("protect/paths.rst", language="ini")


def test_the_table_says_what_a_path_needs():
    rules = rules_of(FIRST)
    rows = rows_of("protect/paths.rst", "Which line fits a path")
    assert len(rows) == 8
    for path, need, _ in rows:
        assert rules.rule_for(path).need == need, path


def test_an_exact_line_protects_one_page():
    rules = rules_of(EXACT)
    needs = {path: rules.rule_for(path).need for path in ("/mijn", "/mijn/", "/mijn/x")}
    assert needs == {"/mijn": "basis", "/mijn/": "basis", "/mijn/x": "optional"}


def test_a_line_with_methods_opens_no_other_method():
    rules = rules_of(METHODS)
    asked = [("/api/zaken", "GET"), ("/api/zaken", "HEAD"), ("/api/zaken", "POST")]
    asked += [("/hooks", "POST"), ("/hooks", "GET")]
    found = [rules.rule_for(*one).need for one in asked]
    assert found == ["basis", "basis", "midden", "off", "basis"]


def test_the_other_lines_can_be_read():
    assert rules_of(FRESH).rule_for("/mijn/bezwaar").max_age == 600
    assert rules_of(ATTRIBUTES).attributes == {"role", "urn:oid:2.5.4.10"}
