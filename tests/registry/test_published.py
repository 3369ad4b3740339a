"""What an operator publishes is loaded by Shibboleth, whatever members have sent.

One member whose metadata it refuses would shut out all others: it drops the whole.
"""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from key_pairs import key_pair
from microsoft import adfs_metadata, entra_metadata
from shibboleth import complaints, require_shibboleth
from sloppy import ENTITY_ID, SLIPS, rich, with_slip

from eilogin.cli import main
from eilogin.saml.metadata import sign_federation
from eilogin.saml.safe_xml import parse
from eilogin.saml.signing_keys import SigningKey

pytestmark = pytest.mark.real

CERTIFICATE = key_pair("operator")[1]


@pytest.fixture(autouse=True)
def _is_there():
    require_shibboleth()


@pytest.fixture
def run(tmp_path):
    def call(command, *arguments):
        words = ["federation", command, str(tmp_path / "fed"), *map(str, arguments)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.output

    for kind, octets in zip(("key", "crt"), key_pair("operator"), strict=True):
        (tmp_path / f"operator.{kind}").write_bytes(octets)
    files = [tmp_path / f"operator.{kind}" for kind in ("key", "crt")]
    call("init", "--name", "Proef", "--key", files[0], "--certificate", files[1])
    return call


def test_with_every_slip_that_members_make(run, tmp_path):
    for number, name in enumerate(SLIPS):
        own_id = f"https://rich.test/{number}".encode()
        octets = with_slip(name).replace(
            f'entityID="{ENTITY_ID}"'.encode(), b'entityID="%b"' % own_id
        )
        path = tmp_path / "came.xml"
        path.write_bytes(octets)
        run("add", path, "--without-proof", "test", "--yes")
    run("sign")
    run("publish", tmp_path / "www")
    metadata = (tmp_path / "www/metadata.xml").read_bytes()
    assert metadata.count(b"<md:EntityDescriptor") == len(SLIPS)
    assert complaints(tmp_path, metadata, CERTIFICATE) == []
    answers = sorted(Path(tmp_path / "www/entities").glob("http*"))
    assert len(answers) == len(SLIPS)
    octets = answers[0].read_bytes()
    assert complaints(tmp_path, octets, CERTIFICATE) == []


def test_with_ad_fs_and_entra_id_in_it(run, tmp_path):
    """Their roles of WS-Federation are in no schema that Shibboleth has."""
    key = SigningKey.load(*key_pair("adfs"))
    for octets in (adfs_metadata(key), entra_metadata(key)):
        path = tmp_path / "came.xml"
        path.write_bytes(octets)
        told = run("add", path, "--yes")
        assert told.count("mended        line ") >= 2
        assert "RoleDescriptor was removed: no SAML schema knows its type" in told
        assert "proof         it has signed its metadata with its key" in told
    run("sign")
    metadata = (tmp_path / "fed/metadata.xml").read_bytes()
    assert metadata.count(b"<md:IDPSSODescriptor") == 2
    assert b"RoleDescriptor" not in metadata
    assert complaints(tmp_path, metadata, CERTIFICATE) == []
    assert "nothing has changed since the last signature" in run("diff"), (
        "its prefixes are not"
    )


@pytest.mark.parametrize(
    "name",
    [
        "ServiceName without text",
        "KeyName",
        "Scope without regexp",
        "Logo without size",
    ],
)
def test_shibboleth_rejects_unrepaired_metadata(tmp_path, name):
    """Also for what its schema adds, which was not there when it was signed."""
    metadata = sign_federation(
        [parse(rich()), parse(with_slip(name))],
        name="Proef",
        publisher="Proef",
        valid_until=time.time() + 86_400,
        key=SigningKey.load(*key_pair("operator")),
    )
    assert complaints(tmp_path, metadata, CERTIFICATE)
