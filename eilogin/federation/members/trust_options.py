"""The options that select trusted parties, and functions that build their values.

The other options of ``trust`` are in the bases: ``OwnOptions`` and ``SiteOptions``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from eilogin.config import (
    Flag,
    MetricsToken,
    Networks,
    NewFolder,
    OptionNote,
    ReadableFile,
    ReadableFiles,
    Seconds,
    Topic,
    WebAddress,
    Words,
    exposed_files,
    is_loopback,
    option,
    placed,
)
from eilogin.errors import ConfigurationError, Fault
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.local.local_options import OwnOptions
from eilogin.federation.local.option_values import (
    Days,
    Interval,
    LevelClasses,
    Percent,
    WeakAlgorithms,
)
from eilogin.federation.local.profiles import PROFILES
from eilogin.federation.members import hub_requirements
from eilogin.federation.sources.source_lines import (
    FederationAddress,
    FederationFile,
    FederationLine,
    FederationLines,
)
from eilogin.http_client import BackChannel, ClientCertificate
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.signing_keys import PublicKey, certificate_key, load_certificate


class TrustOptions(OwnOptions, name="trust"):
    """Options of ``[filter:…] use = egg:eilogin#trust``."""

    federation: FederationLines = option(
        "Names the sources of the federation's metadata, one on each line. "
        "A source is a file, a folder (its ``*.xml``), an https address, or "
        "``mdq:`` and the address of a Metadata Query server. Behind a "
        "source stand the files with the certificates that may sign it, and "
        "then its settings: ``validity=14d``, ``longest=80MB``, "
        "``unsigned=true``, ``timeout=10s``, ``proxy=URL``, ``ca=FILE``. "
        "Further settings choose members: ``role=hub`` or "
        "``role=participant``, ``entity=PATTERN``, ``registrar=URI``, "
        "``category=URI``, and ``include=`` or ``exclude=`` with an "
        "entityID or a FILE of them."
    )
    federation_certificate: ReadableFiles | None = option(
        "Names the PEM file with the certificate of the metadata's signer, "
        "for lines of ``federation`` without one. List several, one on each "
        "line. eilogin uses only the public key.",
        default=None,
        shown="required unless unsigned",
    )
    federation_unsigned: Flag = option(
        "Accepts metadata files without a signature. Anybody who can write "
        "such a file decides whom this site trusts.",
        default=False,
    )
    federation_validity: Days = option(
        "Rejects metadata that is valid for longer than this, or without a "
        "``validUntil``. Days, such as ``30d``; ``off`` accepts any.",
        default=None,
        shown="off",
    )
    federation_folder: NewFolder | None = option(
        "Keeps the last good metadata in this folder, and refreshes it "
        "while the site runs. A start works even if a source is down. "
        "eilogin then rejects metadata that is older than the active copy. "
        "If the folder is missing, eilogin makes it.",
        default=None,
        shown="none: eilogin reads the sources only at start",
    )
    federation_refresh: Interval = option(
        "Sets how often eilogin fetches the sources again, or sooner if the "
        "metadata says so. It reads files on this machine as soon as they "
        "change. Duration of at least ``1m``; ``off`` never refreshes.",
        default="1h",
    )
    federation_changes: Percent = option(
        "Limits how many percent of the members one refresh may remove or "
        "change. A larger change waits for ``eilogin trust approve``. 1 to "
        "100; ``off`` sets no limit.",
        default="25",
    )
    four_eyes: Flag = option(
        "Requires two people to approve a pending change, each as a system "
        "user of their own.",
        False,
    )
    hub: Words = option(
        "Names the entityID of the hub. With several, visitors choose one; "
        "write the usual one first. ``all`` offers every hub of the "
        "federation.",
        default=(),
        shown="the federation's only hub",
    )
    discovery: WebAddress = option(
        "Names the address of the discovery service where a visitor chooses their hub.",
        default="",
        shown="a page of eilogin",
    )
    level_classes: LevelClasses = option(
        "Maps AuthnContext classes to levels. Each line has a level and its "
        "classes, the preferred class first.",
        default=DIGID,
        shown="those of DigiD",
    )
    accept_weak: WeakAlgorithms = option(
        "Accepts weak algorithms: ``cbc`` (inside a signed message) and "
        "``rsa-1.5`` for decryption, ``sha1-redirect`` for a LogoutResponse "
        "by redirect that is signed with SHA-1.",
        default=frozenset(),
        shown="none",
    )
    back_channel_ca: ReadableFile | None = option(
        "Names the PEM file with the authorities that certify the https "
        "servers of peers.",
        default=None,
        shown="the system's",
    )
    back_channel_proxy: str | None = option(
        "Sends back-channel requests through this proxy, except those to "
        "this machine (loopback). Address, such as ``http://proxy:3128``.",
        default=None,
        shown="none",
    )
    tls_client_certificate: ReadableFile | None = option(
        "Names the PEM file with the TLS client certificate for the back "
        "channel. Needs ``tls_client_key``.",
        default=None,
        shown="none",
    )
    tls_client_key: ReadableFile | None = option(
        "Names the PEM file with the private key of that certificate.",
        default=None,
        shown="none",
    )
    trusted_proxies: Networks = option(
        "Lists the addresses or networks of your own proxies, such as "
        "``127.0.0.1 10.0.0.0/8``. eilogin reads X-Forwarded-For from these "
        "only, and at most ten in a row. ``unix`` means a proxy that uses a "
        "Unix socket.",
        default=(),
        shown="none",
    )
    path_style: Literal["plain", "zope"] = option(
        "Says how the application reads paths. Use ``zope`` for an "
        "application in Zope, such as Plone. ``protect`` then guards every "
        "path by which Zope finds a page, and your proxy may write "
        "``/VirtualHostBase/…/VirtualHostRoot/…``.",
        default="plain",
    )
    back_channel_timeout: Seconds = option(
        "Limits how long a peer may take to answer on the back channel. "
        "Duration, such as ``5s``.",
        default="5s",
    )
    metrics_token: MetricsToken | None = option(
        "Publishes the metrics of a participant at ``/eilogin/metrics`` for "
        "Prometheus. The client sends this secret (``Authorization: Bearer "
        "…``); without it the address answers 404. At least 16 bytes; the "
        "value itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``.",
        default=None,
        shown="none",
    )

    @model_validator(mode="after")
    def _hub_has_numbers_of_its_own(self) -> "TrustOptions":
        if self.role == HUB and self.metrics_token is not None:
            raise ValueError(
                "metrics_token: is not allowed with 'role = hub'; set it in the"
                " hub's own section (egg:eilogin#hub)"
            )
        return self

    @model_validator(mode="after")
    def _require_source_of_trust(self) -> "TrustOptions":
        has_own = all(
            line.certificates or _is_marked_unsigned(line) for line in self.federation
        )
        if not (has_own or self.federation_certificate or self.federation_unsigned):
            raise ValueError(
                "federation_certificate: is required (PEM file with the operator's"
                " certificate). If the metadata has no signature, set"
                " 'federation_unsigned = true': then anybody who can write its file"
                " decides whom this site trusts"
            )
        if self.federation_certificate is not None and self.federation_unsigned:
            raise ValueError(
                "federation_certificate, federation_unsigned: expected only one of"
                " them, because the metadata is either signed or not"
            )
        return self

    @model_validator(mode="after")
    def _require_signed_for_digid(self) -> "TrustOptions":
        if self.role != HUB or not PROFILES[self.profile].requires_signed_metadata:
            return self
        reason = (
            "on a hub with 'profile = digid', because DigiD accepts only signed"
            " metadata"
        )
        if self.federation_unsigned:
            raise ValueError(f"federation_unsigned: expected 'false' {reason}")
        for line in filter(_is_marked_unsigned, self.federation):
            raise ValueError(
                f"federation: expected no 'unsigned=true' behind '{line}' {reason}"
            )
        return self

    @model_validator(mode="after")
    def _require_signed_downloads(self) -> "TrustOptions":
        for line in self.federation:
            if not isinstance(line, FederationAddress):
                continue
            if not line.certificates and self.federation_certificate is None:
                raise ValueError(
                    "federation: expected the certificate of its signer behind"
                    f" '{line}': metadata from a URL must be signed"
                )
            if line.is_query and self.role == HUB:
                raise ValueError(
                    f"federation: expected no '{line}' on a hub, because a hub"
                    " cannot know for which participants to query"
                )
            if line.is_query and (not self.hub or hub_requirements.ALL in self.hub):
                raise ValueError(
                    f"hub: is required (entityID of the hub) with '{line}', because"
                    " eilogin queries it for that entity"
                )
        return self

    @model_validator(mode="after")
    def _client_certificate_has_its_key(self) -> "TrustOptions":
        if (self.tls_client_certificate is None) != (self.tls_client_key is None):
            raise ValueError(
                "tls_client_certificate, tls_client_key: expected both, or neither"
            )
        return self

    def faults(self) -> Iterator[Fault]:
        """See the base class."""
        yield from super().faults()
        try:
            back_channel_of(self)
        except ConfigurationError as error:
            # The message names its options.
            option_name, expected = placed(type(self), str(error))
            yield Fault("", "", option_name, "", expected)

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        if any(network.prefixlen == 0 for network in self.trusted_proxies):
            text = (
                "trusts every address, so a visitor can forge their address with "
                "X-Forwarded-For; expected only the address of the proxy, such as "
                "127.0.0.1"
            )
            yield OptionNote("trusted_proxies", text)
        if PROFILES[self.profile].has_sector_numbers and self.role != HUB:
            yield from _without_certificates(self)
        if self.tls_client_key is not None:
            key = self.tls_client_key
            yield from exposed_files("tls_client_key", [key], Topic.KEY_FILE)


def _without_certificates(options: TrustOptions) -> Iterator[OptionNote]:
    """Note settings that DigiD's own back channel needs, unless on a laptop."""
    if options.pseudonym_key is None:
        text = (
            "'subject' depends on 'key', so the application will not recognise "
            "its citizens after the next key; expected a pseudonym_key"
        )
        yield OptionNote("pseudonym_key", text)
    if is_on_loopback(options):
        return
    if options.tls_client_key is None:
        text = (
            "DigiD's back channel rejects a client without a certificate; expected "
            "one of PKIoverheid"
        )
        yield OptionNote("tls_client_certificate", text)
    if options.back_channel_ca is None:
        text = (
            "DigiD's back channel has a certificate of the private root of "
            "PKIoverheid, which this system does not know; expected a file with "
            "that root"
        )
        yield OptionNote("back_channel_ca", text)


def keys_for(line: FederationLine, options: TrustOptions) -> Sequence[PublicKey] | None:
    """The keys that may sign a source, or None; raises ConfigurationError."""
    if line.certificates:
        return [*map(_key_in, line.certificates)]
    return None if _is_marked_unsigned(line) else operator_keys(options)


def _is_marked_unsigned(line: FederationLine) -> bool:
    return isinstance(line, FederationFile) and line.is_unsigned


def unsigned_lines(options: TrustOptions) -> Mapping[str, Sequence[FederationLine]]:
    """The lines without a required signature, by option."""
    marked = [line for line in options.federation if _is_marked_unsigned(line)]
    unmarked = [
        line
        for line in options.federation
        if options.federation_unsigned and line not in marked and not line.certificates
    ]
    by_option = {"federation": marked, "federation_unsigned": unmarked}
    return {option: lines for option, lines in by_option.items() if lines}


def is_on_loopback(options: TrustOptions) -> bool:
    """Whether an address of this site is on loopback."""
    # Otherwise metadata must name no address there: a service on loopback, such as an
    # agent or a store, may trust every request.
    own = (options.public_url, options.back_channel_url or "")
    return any(is_loopback(urlsplit(url).hostname or "") for url in own)


def sources_in_words(options: TrustOptions) -> str:
    """The sources, for an error message."""
    return ", ".join(map(str, options.federation))


def operator_keys(options: TrustOptions) -> Sequence[PublicKey] | None:
    """The keys of the federation's operator, or None; raises ConfigurationError."""
    paths = options.federation_certificate
    return None if paths is None else [*map(_key_in, paths)]


def _key_in(path: Path) -> PublicKey:
    try:
        return certificate_key(load_certificate(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def back_channel_of(options: TrustOptions) -> BackChannel:
    """The back channel to our peers; raises ConfigurationError."""
    return BackChannel(
        ca_file=options.back_channel_ca,
        client_certificate=client_certificate_of(options),
        proxy=options.back_channel_proxy,
        timeout=options.back_channel_timeout,
    )


def client_certificate_of(options: TrustOptions) -> ClientCertificate | None:
    """Return the files of our TLS client certificate and its key, or None."""
    certificate, key = options.tls_client_certificate, options.tls_client_key
    return ClientCertificate(certificate, key) if certificate and key else None
