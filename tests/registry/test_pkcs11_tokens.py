"""A federation that is signed by a key on a token, which never leaves it."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from real_parts import unavailable

from eilogin.cli import main
from eilogin.errors import ConfigurationError
from eilogin.registry.pkcs11_tokens import token_key
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    Endpoint,
    EntityDescriptor,
    ServiceProvider,
    read_federation,
    write_entity,
)
from eilogin.saml.signing_keys import (
    SigningKey,
    certificate_key,
    load_certificate,
    new_key_pair,
)

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "1234"

pytestmark = pytest.mark.real


def tool(*words):
    command = ["softhsm2-util", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="session")
def token(tmp_path_factory):
    """A folder with certificates of the keys on a token.

    One for all tests: a process gets to know a library of tokens once.
    """
    if not LIBRARY.exists():
        unavailable("softhsm2 is missing")
    try:
        import pkcs11  # noqa: F401, PLC0415
    except ImportError:
        unavailable("python-pkcs11 is missing")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        pins = ("--pin", PIN, "--so-pin", PIN)
        tool("--init-token", "--free", "--label", "operator", *pins)
        keys = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP384R1()),
            "één": ec.generate_private_key(ec.SECP384R1()),
        }
        for number, (name, key) in enumerate(keys.items(), 1):
            pem, certificate = new_key_pair("operator", private=key)
            (folder / f"{name}.crt").write_bytes(certificate)
            file = folder / f"{name}.key"
            file.write_bytes(pem)
            at = ("--token", "operator", "--label", name, "--id", f"0{number}")
            tool("--import", file, *at, "--pin", PIN)
            file.unlink()
        yield folder


def uri(name):
    return f"pkcs11:token=operator;object={name}?module-path={LIBRARY}"


def public_key(token, name):
    return certificate_key(load_certificate((token / f"{name}.crt").read_bytes()))


@pytest.fixture
def run(tmp_path):
    def call(command, *words, code=0):
        asked = ["federation", command, str(tmp_path / "fed"), *map(str, words)]
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def site(tmp_path):
    """A file with the metadata of a participant."""
    key = SigningKey.load(*new_key_pair("site"))
    role = ServiceProvider(
        signing_certificates=(key.certificate_text,),
        assertion_consumers=(
            Endpoint(bindings.POST, "https://site.test/acs", index=0),
        ),
    )
    path = tmp_path / "site.xml"
    path.write_bytes(
        write_entity(
            EntityDescriptor(entity_id="https://site.test", service_provider=role), key
        )
    )
    return path


@pytest.fixture
def begin(token, run, site, monkeypatch):
    """A federation whose operator has a key on the token."""

    def make(kind, *, place=None, pin=PIN):
        monkeypatch.setenv("PIN", pin)
        files = ("--key", place or uri(kind), "--certificate", token / f"{kind}.crt")
        run("init", "--name", "Proef", *files, "--pin", "env:PIN")
        run("add", site, "--yes")

    return make


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_signature_by_pkcs11_key_verifies(begin, run, token, tmp_path, kind):
    begin(kind)
    run("sign")
    run("publish", tmp_path / "www")
    files = [path for path in (tmp_path / "www").rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        metadata = read_federation(path.read_bytes(), [public_key(token, kind)])
        assert [e.entity_id for e in metadata.entities] == ["https://site.test"]
    assert "everything in order" in run("verify")


def test_the_next_key_may_be_there_too(begin, run, token, tmp_path):
    begin("rsa")
    run("sign")
    certificate = ("--certificate", token / "ec.crt")
    run("rollover", "--start", "--key", uri("één"), *certificate)
    before = (tmp_path / "fed/federation.ini").read_bytes()
    told = run("rollover", "--switch", "--anyway", code=1)
    assert "found a key that does not belong to" in told or "the token says" in told
    assert (tmp_path / "fed/federation.ini").read_bytes() == before
    (tmp_path / "fed/rollover.ini").unlink()
    run("rollover", "--start", "--key", uri("ec"), *certificate)
    run("rollover", "--switch", "--anyway")
    run("sign")
    octets = (tmp_path / "fed/metadata.xml").read_bytes()
    assert read_federation(octets, [public_key(token, "ec")])


def test_a_key_is_named_by_its_id_too(begin, run):
    begin("ec", place=f"pkcs11:token=operator;id=%02?module-path={LIBRARY}")
    run("sign")


def test_a_name_may_have_any_letter_in_it(begin, run):
    begin("één", place=uri("%C3%A9%C3%A9n"))
    run("sign")


def test_another_key_of_the_token_signs_nothing(begin, run):
    begin("ec", place=uri("één"))
    assert "found a key that does not belong to" in run("sign", code=1)


@pytest.mark.parametrize(
    ("place", "pin", "says"),
    [
        (uri("rsa"), "4321", "the token says PinIncorrect"),
        (uri("none"), PIN, "the token says NoSuchKey"),
        (
            uri("rsa").replace("n=operator", "n=other"),
            PIN,
            "the token says NoSuchToken",
        ),
        (uri("rsa") + ".gone", PIN, "the token says"),
        (
            "pkcs11:object=rsa",
            PIN,
            "expected pkcs11:token=NAME;object=NAME?module-path",
        ),
        (uri("rsa") + f"&pin-value={PIN}", PIN, "found pin-value; a PIN is 'pin'"),
        (uri("ec"), PIN, "the token says"),
    ],
)
def test_error_names_pkcs11_problem_without_the_pin(  # noqa: PLR0913, PLR0917 - fixtures
    begin, run, tmp_path, place, pin, says
):
    begin("rsa", place=place, pin=pin)
    told = run("sign", code=1)
    assert says in told
    assert PIN not in told
    assert not (tmp_path / "fed/metadata.xml").exists()


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_key_stays_where_it_is(token, kind):
    with token_key(uri(kind), PIN, public_key(token, kind)) as key:
        assert copy.copy(key) is copy.deepcopy(key) is key
        assert key.key_size == public_key(token, kind).key_size
        with pytest.raises(NotImplementedError, match="on a token"):
            key.private_numbers()


def test_without_the_library_for_tokens_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    expected = pytest.raises(ConfigurationError, match=r"'eilogin\[pkcs11\]'")
    with expected, token_key(uri("rsa"), PIN, None):
        pass
