"""Write keys, certificates and secrets, and change files."""

import os
import secrets
import shutil
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from eilogin.atomic_files import PUBLIC, SECRET, create, write
from eilogin.cli.terminal.key_kinds import KEY_KINDS
from eilogin.errors import ConfigurationError
from eilogin.saml.signing_keys import PrivateKey, new_key_pair

#: Bytes of a secret, the size of the hash that uses it.
_SECRET = 32

_CURVES = dict(zip(KEY_KINDS[1:], (ec.SECP256R1, ec.SECP384R1), strict=True))
#: Bits of an RSA key; NIST SP 800-57 wants no 2048 bits after 2030.
_RSA_BITS = 3072
#: Days of validity of a new site's certificate: five years.
SITE_DAYS = 1825

#: RFC 5280 appendix A: the longest common name.
_COMMON_NAME = 64


def write_new(path: Path, octets: bytes) -> None:
    """Write a new file; raise ``ConfigurationError`` if it exists."""
    try:
        create(path, octets, mode=PUBLIC)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{path}: exists already; eilogin does not overwrite it"
        ) from error


def rewrite(path: Path, octets: bytes, *, old_octets: bytes) -> None:
    """Replace the contents of a file; keep its mode and owner, also behind a link.

    Raises ``ConfigurationError`` if the contents are no longer ``old_octets``.
    """
    path = path.resolve()
    old_stat = path.stat()
    # No other program gives its files this name.
    new_file = path.with_name(f".{path.name}.eilogin")
    write(new_file, octets, mode=SECRET)
    try:
        if os.geteuid() == 0:
            os.chown(new_file, old_stat.st_uid, old_stat.st_gid)
        new_file.chmod(stat.S_IMODE(old_stat.st_mode))
        if path.read_bytes() != old_octets:
            raise ConfigurationError(
                f"{path}: another program changed it meanwhile; "
                "eilogin did not overwrite it"
            )
        new_file.replace(path)
    finally:
        new_file.unlink(missing_ok=True)


def copied(path: Path) -> Path:
    """Copy a file beside it, and return the path of the copy."""
    path = path.resolve()
    name, number = f"{path.name}.before-eilogin", 1
    while path.with_name(name).exists():
        number += 1
        name = f"{path.name}.before-eilogin-{number}"
    return Path(shutil.copy2(path, path.with_name(name)))


def new_private(kind: str) -> PrivateKey:
    """Make a private key of one of ``KEY_KINDS``."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)


def write_key_pair(
    key: Path,
    certificate: Path,
    name: str,
    *,
    private: PrivateKey | None = None,
    days: int = 3650,
) -> None:
    """Write a key, new or ``private``, and its certificate, valid for ``days``."""
    key_pem, certificate_pem = new_key_pair(name[:_COMMON_NAME], days, private)
    # The key comes last: a command that is killed between the two leaves no key.
    write(certificate, certificate_pem, mode=PUBLIC)
    write(key, key_pem, mode=SECRET)


def new_secret() -> bytes:
    """Make a random secret, as one line."""
    return secrets.token_hex(_SECRET).encode() + b"\n"
