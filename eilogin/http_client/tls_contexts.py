"""Check the proxy and the TLS files at the start, and load the files."""

import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from eilogin.config import without_password
from eilogin.errors import ConfigurationError
from eilogin.http_client.peer_urls import host_and_port, named


class ClientCertificate(NamedTuple):
    """The PEM files of our TLS client certificate and its key."""

    certificate: Path
    key: Path


@cache
def _system_context() -> ssl.SSLContext:
    # Loading takes 10 ms, so all back channels share one.
    return ssl.create_default_context()


def tls_context(
    ca_file: Path | None,
    client_certificate: ClientCertificate | None,
    ca_option: str,
) -> ssl.SSLContext:
    """Load the certificates of the authorities, and our own.

    Raises ConfigurationError, so that a wrong file stops the start.
    """
    if ca_file is None and client_certificate is None:
        return _system_context()
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"{ca_option}: found '{ca_file}'; expected certificates in a PEM file:"
            f" {error}"
        ) from error
    if client_certificate is not None:
        try:
            # Nobody is there to type a pass phrase.
            context.load_cert_chain(*client_certificate, password=_no_pass_phrase)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "tls_client_certificate, tls_client_key: found"
                f" '{client_certificate.certificate}' and '{client_certificate.key}';"
                f" expected PEM files with a certificate and its key: {error}"
            ) from error
    return context


def checked_proxy(url: str, option: str) -> str:
    """Return the URL of a proxy, or raise ConfigurationError."""
    try:
        host_and_port(url)
    except ValueError:
        raise ConfigurationError(
            f"{option}: found {without_password(url)!r}; expected an address"
            " such as 'http://proxy.example.nl:3128'"
        ) from None
    if urlsplit(url).username is not None:
        # urllib3 would ignore the user, and each call would fail.
        raise ConfigurationError(
            f"{option}: found '{named(url)}' with a user; expected a proxy "
            "without a password"
        )
    return url


def _no_pass_phrase() -> str:
    raise ValueError("the key has a pass phrase; expected one without")
