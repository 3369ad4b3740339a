"""TLS: certificates, and gunicorn that lets in who shows one of ours."""

import datetime as dt
import ipaddress
import subprocess
import sys
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from real_parts import wait_until_it_listens
from unmeasured import unmeasured


def certificate(folder, name, issuer=None, *, hosts=("localhost",)):
    """Files NAME.crt and NAME.key, signed by ``issuer`` or by itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    names = [x509.DNSName(h) for h in hosts]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issuer is None,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    signer, signing_key = issuer or (None, key)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        # Years: a stopped clock may lie far behind that of OpenSSL.
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signing_key.public_key()
            ),
            False,
        )
        .sign(signing_key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return built, key


@contextmanager
def serving(folder, ini, certificate, port):
    """Serve a file of a folder with a certificate there, until the end of the block."""
    log = folder / "gunicorn.log"
    command = [
        *(sys.executable, "-m", "gunicorn", "--paste", f"{ini}.ini"),
        *("-k", "gthread", "-b", f"127.0.0.1:{port}"),
        *("--certfile", f"{certificate}.crt", "--keyfile", f"{certificate}.key"),
        *("--ca-certs", "ours.crt", "--cert-reqs", "2"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=folder, env=unmeasured(), stdout=output, stderr=output
        ) as process,
    ):
        try:
            wait_until_it_listens(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(30)
