"""How far a long piece of work is, at a terminal and elsewhere."""

import pytest
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.cli.terminal import progress_bar
from eilogin.saml.metadata import EntityDescriptor, write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair


@pytest.fixture
def read(tmp_path):
    """Has a command read metadata of three parties; gives what it said of that."""
    path = tmp_path / "federation.xml"
    pair = new_key_pair("federation.test")
    operator = SigningKey.load(*pair)
    for name, octets in zip(("site.key", "site.crt"), pair, strict=True):
        (tmp_path / name).write_bytes(octets)
        (tmp_path / name).chmod(0o600)
    members = [EntityDescriptor(entity_id=f"https://{n}.test/") for n in range(3)]
    path.write_bytes(write_federation(members, name="", valid_until=4e9, key=operator))
    ini = tmp_path / "site.ini"
    ini.write_text(
        "[app:main]\nuse = egg:eilogin#portal\nfilter-with = eilogin\n"
        "[filter:eilogin]\nuse = egg:eilogin\nstore = memory:\npublic_url = https://site.test\n"
        "key = %(here)s/site.key\ncertificate = %(here)s/site.crt\n"
        f"federation = {path}\nfederation_unsigned = true\n"
    )

    def run():
        return CliRunner().invoke(main, ["check", str(ini)]).stderr

    return run


@pytest.fixture
def terminal(monkeypatch):
    kind = "click.testing._NamedTextIOWrapper.isatty"
    monkeypatch.setattr(kind, lambda self: True, raising=False)


@pytest.mark.usefixtures("terminal")
def test_the_members_that_are_read_are_counted_at_a_terminal(read, monkeypatch):
    assert "Reading" not in read(), "they are few"
    monkeypatch.setattr(progress_bar, "_MANY", 3)
    assert "Reading the members of the federation" in read()
    assert "100%" in read()


def test_elsewhere_nobody_counts(read, monkeypatch):
    monkeypatch.setattr(progress_bar, "_MANY", 3)
    assert "Reading" not in read()
