"""The sources of metadata that the options name, and the federation in them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eilogin.federation.members.membership import Membership
from eilogin.federation.members.trust_options import (
    TrustOptions,
    client_certificate_of,
    is_on_loopback,
    keys_for,
)
from eilogin.federation.sources.metadata_downloads import MetadataClient, MetadataURL
from eilogin.federation.sources.metadata_sources import (
    LONGEST,
    MetadataFile,
    MetadataSource,
    files_in,
)
from eilogin.federation.sources.source_lines import (
    FederationAddress,
    FederationFile,
    FederationLine,
)
from eilogin.http_client import OptionNames
from eilogin.saml.signing_keys import PublicKey


def federation_of(options: TrustOptions) -> Membership:
    """The federation in the sources now; ConfigurationError names the faulty source."""
    return Membership.from_files(sources_of(options), options.federation_validity)


def sources_of(options: TrustOptions) -> list[MetadataSource]:
    """The sources that the options name; ConfigurationError names a bad certificate."""
    sources: list[MetadataSource] = []
    # Responders come last: eilogin asks them only for members that no file has.
    for line in sorted(options.federation, key=_is_query):
        keys = keys_for(line, options)
        if isinstance(line, FederationFile):
            sources += _files_of(line, keys, options)
        else:
            # The options require a certificate for addresses.
            sources += _fetched_from(line, keys or (), options)
    return sources


def _files_of(
    line: FederationFile, keys: Sequence[PublicKey] | None, options: TrustOptions
) -> Iterator[MetadataFile]:
    folder = line.path if line.path.is_dir() else None
    paths = files_in(folder) if folder else [line.path]
    for path in paths:
        yield MetadataFile(
            path,
            keys,
            line.longest or LONGEST,
            folder,
            validity=line.validity,
            filters=line.choice,
            on_loopback=is_on_loopback(options),
        )


def _is_query(line: FederationLine) -> bool:
    return isinstance(line, FederationAddress) and line.is_query


def _fetched_from(
    line: FederationAddress, keys: Sequence[PublicKey], options: TrustOptions
) -> Iterator[MetadataURL]:
    usual_ca, usual_proxy = line.ca is None, line.proxy is None
    client = MetadataClient(
        ca_file=options.back_channel_ca if usual_ca else line.ca,
        client_certificate=client_certificate_of(options),
        proxy=(options.back_channel_proxy if usual_proxy else line.proxy) or None,
        timeout=line.timeout or options.back_channel_timeout,
        longest=line.longest or LONGEST,
        option_names=OptionNames(
            "back_channel_ca" if usual_ca else "'ca=' of 'federation'",
            "back_channel_proxy" if usual_proxy else "'proxy=' of 'federation'",
        ),
    )
    if line.is_query:
        sources = [
            MetadataURL.of_entity(line.url, hub, keys, client) for hub in options.hub
        ]
    else:
        sources = [MetadataURL(line.url, keys, client)]
    for source in sources:
        yield replace(
            source,
            validity=line.validity,
            filters=line.choice,
            on_loopback=is_on_loopback(options),
        )
