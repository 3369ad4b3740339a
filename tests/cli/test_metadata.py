import pytest
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.saml.keys import new_key_pair
from eilogin.saml.xml import parse, validate

ONE_SITE = """
[filter:mine]
use = egg:eilogin#trust
public_url = https://mine.test
name = Mijn
key = %(here)s/mine.key
certificate = %(here)s/mine.crt
federation = %(here)s/not-there-yet.xml
federation_certificate = %(here)s/not-there-yet.crt
"""
ANOTHER = ONE_SITE.replace("mine", "other")


@pytest.fixture
def run(tmp_path):
    for name in ("mine", "other"):
        key, certificate = new_key_pair(name)
        (tmp_path / f"{name}.key").write_bytes(key)
        (tmp_path / f"{name}.crt").write_bytes(certificate)

    def call(text, *arguments):
        file = tmp_path / "app.ini"
        file.write_text(text)
        return CliRunner().invoke(main, ["metadata", str(file), *arguments])

    return call


def test_prints_the_metadata_before_there_is_a_federation(run):
    result = run(ONE_SITE)
    assert result.exit_code == 0
    document = parse(result.stdout_bytes)
    validate(document, "metadata")
    assert document.get("entityID") == "https://mine.test/eilogin/metadata"


def test_asks_which_site_where_there_are_several(run):
    result = run(ONE_SITE + ANOTHER)
    assert result.exit_code == 1
    assert "filter:mine, filter:other" in result.output


def test_takes_the_section_that_is_named(run):
    result = run(ONE_SITE + ANOTHER, "--section", "filter:other")
    entity_id = parse(result.stdout_bytes).get("entityID")
    assert entity_id == "https://other.test/eilogin/metadata"


@pytest.mark.parametrize("section", ["filter:gone", "mine"])
def test_a_section_that_is_none_is_told(run, section):
    result = run(ONE_SITE, "--section", section)
    assert result.exit_code == 1
    assert "takes one of: filter:mine" in result.output


def test_a_file_without_sites_is_told(run):
    assert (
        "takes one of: none" in run("[server:main]\nuse = egg:waitress#main\n").output
    )


def test_every_fault_of_the_section_is_told(run):
    result = run(ONE_SITE.replace("https://", "http://").replace("crt", "cert"))
    assert result.exit_code == 1
    assert "public_url" in result.output
    assert "certificate" in result.output


def test_a_file_that_is_not_there_is_told(tmp_path):
    result = CliRunner().invoke(main, ["metadata", str(tmp_path / "gone.ini")])
    assert result.exit_code == 1
    assert "gone.ini" in result.output
