"""The options that say whom we trust, and what each of them brings.

With those of :mod:`eilogin.federation.own_options` they are the options of
``egg:eilogin#trust``. They stand here because more than that filter reads them: the
checks before a start, and the commands that make metadata.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from eilogin.backchannel import BackChannel
from eilogin.errors import ConfigurationError
from eilogin.federation import peers
from eilogin.federation.members import Federation, MetadataFile, MetadataSource
from eilogin.federation.options import (
    Days,
    FederationAddress,
    FederationFile,
    FederationFiles,
    LevelClasses,
    WeakAlgorithms,
)
from eilogin.federation.own import HUB
from eilogin.federation.own_options import OwnOptions
from eilogin.federation.sources import MetadataURL, Web
from eilogin.saml.keys import PublicKey, certificate_key, load_certificate
from eilogin.saml.levels import DIGID
from eilogin.settings import (
    Flag,
    Folder,
    Networks,
    ReadableFile,
    Seconds,
    WebAddress,
    Words,
    is_loopback,
    option,
)


class TrustOptions(OwnOptions, name="trust"):
    """What ``[filter:…] use = egg:eilogin#trust`` understands."""

    federation: FederationFiles = option(
        "file with the federation's metadata, signed by its operator; or several, one "
        "a line; behind a file may stand the one with the certificate of who signs it; "
        "for a file may stand an https address, or ``mdq:`` and that of a responder "
        "that is asked for each ``hub``"
    )
    federation_certificate: ReadableFile | None = option(
        "PEM file with the operator's certificate, for files that have none behind "
        "them; only its key is used",
        default=None,
        shown="required unless unsigned",
    )
    federation_unsigned: Flag = option(
        "whether the metadata is believed as it lies there, signed or not; whoever can "
        "write the file then decides whom we trust",
        default=False,
    )
    federation_validity: Days = option(
        "how long the metadata may be valid from now on, such as ``30d``: without a "
        "validUntil, or with a later one, it is refused; ``off`` takes any",
        default=None,
        shown="off",
    )
    federation_copies: Folder | None = option(
        "folder where the last good copy of what was fetched is kept, for a start "
        "while its address is down; nothing that is older is taken after that",
        default=None,
        shown="none",
    )
    hub: Words = option(
        "entityID of the hub; of several hubs those that a visitor may choose from, "
        "the usual one first, or ``all``",
        default=(),
        shown="the federation's only hub",
    )
    discovery: WebAddress = option(
        "address of the discovery service that lets a visitor choose her hub",
        default="",
        shown="a page of ours",
    )
    level_classes: LevelClasses = option(
        "which AuthnContext classes say which level: a level and its classes, the "
        "preferred one first, on a line",
        default=DIGID,
        shown="those of DigiD",
    )
    accept_weak: WeakAlgorithms = option(
        "weak algorithms that are taken all the same: ``cbc`` (where a signature is "
        "around it) and ``rsa-1.5`` for what is encrypted for us, ``sha1-redirect`` "
        "for the redirect that answers a logout, signed with SHA-1",
        default=frozenset(),
        shown="none",
    )
    back_channel_ca: ReadableFile | None = option(
        "PEM file with the authorities that certify our peers' back channels",
        default=None,
        shown="the system's",
    )
    back_channel_proxy: str | None = option(
        "address of the proxy that the back channel goes through, but for what is on "
        "this machine (loopback)",
        default=None,
        shown="none",
    )
    tls_client_certificate: ReadableFile | None = option(
        "PEM file with the certificate that we show on the back channel",
        default=None,
        shown="none",
    )
    tls_client_key: ReadableFile | None = option(
        "PEM file with the key of that certificate", default=None, shown="none"
    )
    trusted_proxies: Networks = option(
        "addresses of our own proxies, whose X-Forwarded-For is believed; ``unix`` is "
        "one that speaks to us over a Unix socket",
        default=(),
        shown="none",
    )
    path_style: Literal["plain", "zope"] = option(
        "``zope`` before an application in Zope: a proxy of ours writes paths as "
        "``/VirtualHostBase/…/VirtualHostRoot/…``",
        default="plain",
    )
    back_channel_timeout: Seconds = option(
        "how long a peer may take to answer on the back channel", default="5s"
    )

    @model_validator(mode="after")
    def _metadata_has_somebody_who_vouches(self) -> "TrustOptions":
        has_own = all(file.certificate for file in self.federation)
        if not (has_own or self.federation_certificate or self.federation_unsigned):
            raise ValueError(
                "federation_certificate: is required (PEM file with the operator's"
                " certificate); where nobody signs the metadata write"
                " 'federation_unsigned = true': whoever can write its file then decides"
                " whom we trust"
            )
        if self.federation_certificate is not None and self.federation_unsigned:
            raise ValueError(
                "federation_certificate, federation_unsigned: expected one of them: is"
                " the metadata signed by its operator, or not?"
            )
        return self

    @model_validator(mode="after")
    def _digid_takes_what_is_signed(self) -> "TrustOptions":
        if self.role == HUB and self.profile == "digid" and self.federation_unsigned:
            raise ValueError(
                "federation_unsigned: expected 'false' on a hub with 'profile = digid':"
                " DigiD takes no metadata that is not signed"
            )
        return self

    @model_validator(mode="after")
    def _what_is_fetched_is_signed(self) -> "TrustOptions":
        for line in self.federation:
            if not isinstance(line, FederationAddress):
                continue
            if line.certificate is None and self.federation_certificate is None:
                raise ValueError(
                    f"federation: expected behind '{line}' the certificate of who signs"
                    " it: what is fetched is never believed unsigned"
                )
            if line.is_query and self.role == HUB:
                raise ValueError(
                    f"federation: expected no '{line}' on a hub: nobody says beforehand"
                    " which participants it should be asked for"
                )
            if line.is_query and (not self.hub or peers.ALL in self.hub):
                raise ValueError(
                    f"hub: is required (entityID of the hub) where '{line}' is to be"
                    " asked for it"
                )
        return self

    @model_validator(mode="after")
    def _client_certificate_has_its_key(self) -> "TrustOptions":
        if (self.tls_client_certificate is None) != (self.tls_client_key is None):
            raise ValueError(
                "tls_client_certificate, tls_client_key: expected both, or none"
            )
        return self


def federation_of(options: TrustOptions, *, keeps: bool = False) -> Federation:
    """The federation, from the files and addresses that the options name.

    With ``keeps`` a copy is kept of what is fetched, where an option says so. Raises a
    :class:`eilogin.errors.ConfigurationError` that names the file or the address.
    """
    usual = operator_keys(options)
    sources: list[MetadataSource] = []
    # Of a responder is asked what no file says.
    for line in sorted(options.federation, key=_is_query):
        keys = _keys_in(line.certificate) if line.certificate else usual
        if isinstance(line, FederationFile):
            here = _is_on_loopback(options)
            sources.append(MetadataFile(line.path, keys, on_loopback=here))
        else:
            # The options have seen to it that somebody signs.
            sources += _fetched_from(line, keys or (), options, keeps=keeps)
    return Federation.from_files(sources, options.federation_validity)


def _is_on_loopback(options: TrustOptions) -> bool:
    """Whether this site is on this machine alone, at one of its addresses at least.

    Peers elsewhere, and whoever makes their metadata, have no business here: what
    listens on loopback, such as an agent or a store, may do as it is told.
    """
    own = (options.public_url, options.back_channel_url or "")
    return any(is_loopback(urlsplit(url).hostname or "") for url in own)


def _is_query(line: FederationFile | FederationAddress) -> bool:
    return isinstance(line, FederationAddress) and line.is_query


def _fetched_from(
    line: FederationAddress,
    keys: Sequence[PublicKey],
    options: TrustOptions,
    *,
    keeps: bool,
) -> Iterator[MetadataURL]:
    web = Web(
        ca_file=options.back_channel_ca,
        client_certificate=_client_certificate(options),
        proxy=options.back_channel_proxy,
        timeout=options.back_channel_timeout,
    )
    if line.is_query:
        found = [MetadataURL.of_entity(line.url, hub, keys, web) for hub in options.hub]
    else:
        found = [MetadataURL(line.url, keys, web)]
    for source in found:
        yield replace(
            source,
            copies=options.federation_copies,
            keeps=keeps,
            on_loopback=_is_on_loopback(options),
        )


def said_in(options: TrustOptions) -> str:
    """Where the metadata comes from, for an error about it."""
    return ", ".join(map(str, options.federation))


def operator_keys(options: TrustOptions) -> Sequence[PublicKey] | None:
    """The key with which the federation's operator signs; None where nobody does.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the file.
    """
    path = options.federation_certificate
    return None if path is None else _keys_in(path)


def _keys_in(path: Path) -> Sequence[PublicKey]:
    """The key of a certificate of an operator's; see :func:`operator_keys`."""
    try:
        return [certificate_key(load_certificate(path.read_bytes()))]
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def back_channel_of(options: TrustOptions) -> BackChannel:
    """The way to our peers' SOAP addresses, as the options say it.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the file or the proxy.
    """
    return BackChannel(
        ca_file=options.back_channel_ca,
        client_certificate=_client_certificate(options),
        proxy=options.back_channel_proxy,
        timeout=options.back_channel_timeout,
    )


def _client_certificate(options: TrustOptions) -> tuple[Path, Path] | None:
    certificate, key = options.tls_client_certificate, options.tls_client_key
    return (certificate, key) if certificate and key else None
