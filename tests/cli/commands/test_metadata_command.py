import pytest
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.saml.safe_xml import parse, q, validate
from eilogin.saml.signing_keys import new_key_pair

ONE_SITE = """
[filter:mine]
use = egg:eilogin#trust
public_url = https://mine.test
name = Mijn plek
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
    assert result.stdout.endswith(">\n")


class TestForDigid:
    def test_is_signed_and_holds_what_digid_wants_alone(self, run):
        result = run(ONE_SITE, "--profile", "digid")
        assert result.exit_code == 0, result.output
        document = parse(result.stdout_bytes)
        validate(document, "metadata")
        assert document.find(q("ds:Signature")) is not None
        (role,) = document.findall(q("md:SPSSODescriptor"))
        (key,) = role.findall(q("md:KeyDescriptor"))
        assert key.get("use") == "signing"
        assert key.find(f".//{q('ds:KeyName')}") is not None
        assert b"Mijn plek" not in result.stdout_bytes
        assert b"cacheDuration" not in result.stdout_bytes

    def test_is_not_there_for_what_digid_cannot_do(self, run):
        text = ONE_SITE + "acs = post\n"
        result = run(text, "--profile", "digid")
        assert result.exit_code == 1
        assert "acs: found 'post'; expected 'artifact', because DigiD" in result.output

    def test_is_what_the_file_says_where_nothing_is_said(self, run):
        digid = run(ONE_SITE + "profile = digid\n").stdout_bytes
        assert b"KeyName" in digid
        plain = run(ONE_SITE + "profile = digid\n", "--profile", "saml").stdout_bytes
        assert b"KeyName" not in plain


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
