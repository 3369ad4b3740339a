"""Describe why a connection to a peer failed, and which option may fix it."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3.exceptions import ConnectTimeoutError, ProxyError

from eilogin.http_client.peer_urls import named

#: Faults that no authority can fix (X509_V_ERR_… of OpenSSL): not valid yet, expired,
#: for another name, for another address.
_CERTIFICATE_FAULTS = frozenset((9, 10, 62, 64))


#: TLS alerts of a peer that requires a client certificate, or another one.
_CLIENT_CERTIFICATE_ALERTS = frozenset(
    (
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_UNKNOWN_CA",
    )
)


#: OpenSSL's errors for a response that is not TLS.
_NO_TLS = frozenset(
    ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
)


#: Errors if a peer closed the connection before it answered.
HUNG_UP = (
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLSyscallError,
    ssl.SSLEOFError,
    # Python 3.11, before the handshake
    ssl.SSLZeroReturnError,
)


class OptionNames(NamedTuple):
    """The options that set the authorities and the proxy of a back channel."""

    ca: str
    proxy: str


USUAL_OPTIONS = OptionNames("back_channel_ca", "back_channel_proxy")


@dataclass(frozen=True, slots=True)
class ConnectionFailures:
    """Describe failures of the calls that one back channel makes."""

    option_names: OptionNames
    #: The authorities; None for the system's.
    ca_file: Path | None
    #: The client certificate.
    certificate: Path | None
    proxy: str | None

    def describe(self, url: str, error: BaseException) -> str:
        """Describe a failure, and name the option that may fix it."""
        if isinstance(error, ProxyError):
            proxy = self.proxy or ""
            description = self.describe(proxy, error.original_error)
            return (
                f"is behind {self.option_names.proxy} ({named(proxy)}), which"
                f" {description}"
            )
        causes = list(causes_of(error))
        if description := next(filter(None, map(self._describe_tls, causes)), ""):
            return description
        for cause in causes:
            if isinstance(cause, HUNG_UP):
                # TLS 1.3 rejects a certificate after the handshake; the alert may be
                # lost.
                tls = urlsplit(url).scheme == "https"
                perhaps = (
                    f" Perhaps it {self._client_certificate_rejected()}" if tls else ""
                )
                return f"closed the connection without an answer: {error}.{perhaps}"
            if isinstance(cause, ConnectionRefusedError):
                return f"refuses connections: {cause}"
        if isinstance(error, ConnectTimeoutError):  # its own text names our class
            return f"does not answer: {error.__cause__}"
        return f"does not answer: {error}"

    def _describe_tls(self, cause: BaseException) -> str:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self._untrusted_certificate(cause)
        reason = cause.reason if isinstance(cause, ssl.SSLError) else ""
        if reason in _CLIENT_CERTIFICATE_ALERTS:
            return f"{self._client_certificate_rejected()} ({reason})"
        if reason in _NO_TLS:
            return (
                f"answers, but not with TLS ({reason}): does it have a "
                "certificate, and is this the https port? Ask its administrator"
            )
        return ""

    def _untrusted_certificate(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code in _CERTIFICATE_FAULTS:
            return (
                "has a certificate that is not valid for it: "
                f"{error.verify_message}; ask its administrator for a valid one"
            )
        authorities = (
            f" ({self.ca_file})" if self.ca_file else ", the system's authorities"
        )
        return (
            f"has a certificate that no authority in {self.option_names.ca}"
            f"{authorities} has signed: {error.verify_message}; ask its administrator"
            " which authority signs it"
        )

    def _client_certificate_rejected(self) -> str:
        if self.certificate is None:
            cure = "asks for a client certificate: set tls_client_certificate"
        else:
            cure = f"rejects our tls_client_certificate ({self.certificate})"
        return f"{cure}; ask its administrator which certificates it accepts"


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes; urllib3 passes some of them as an argument."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = (
            argument for argument in cause.args if isinstance(argument, BaseException)
        )
        cause = cause.__cause__ or cause.__context__ or next(inner, None)
