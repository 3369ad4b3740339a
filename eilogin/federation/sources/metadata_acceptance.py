"""Decide whether octets are acceptable metadata: readable, signed, and in time."""

from collections.abc import Sequence

from eilogin import clock
from eilogin.errors import (
    MalformedMessage,
    MetadataExpired,
    MetadataLifetime,
    MetadataUntrusted,
    MetadataUnusable,
    PeerUnusable,
    Refused,
    UntrustedSignature,
)
from eilogin.saml.message_checks import SKEW
from eilogin.saml.messages import write_instant
from eilogin.saml.metadata import (
    FederationMetadata,
    read_federation,
    read_unsigned,
)
from eilogin.saml.metadata.member_cache import MemberCache
from eilogin.saml.metadata.metadata_texts import in_full_with_cure
from eilogin.saml.printable_text import CONTROL
from eilogin.saml.signing_keys import PublicKey


def read_acceptable(  # noqa: PLR0913 - each of them is one thing that is known
    name: str,
    octets: bytes,
    keys: Sequence[PublicKey] | None,
    longest_validity: float | None,
    *,
    on_loopback: bool,
    cache: MemberCache | None = None,
) -> FederationMetadata:
    """Verify and parse the octets of metadata that came from ``name``.

    ``longest_validity`` is in seconds from now, None for no limit. ``cache`` has
    members of earlier metadata. Raises
    ConfigurationError that names the source: MetadataUnusable (unreadable),
    MetadataUntrusted (signature), MetadataExpired, MetadataLifetime (too long), or
    PeerUnusable (its only member is unusable).
    """
    try:
        if keys is None:
            metadata = read_unsigned(octets, on_loopback=on_loopback)
        else:
            metadata = read_federation(
                octets, keys, on_loopback=on_loopback, cache=cache
            )
    except PeerUnusable as error:
        raise type(error)(f"{name}: {error}") from error
    except UntrustedSignature as error:
        raise MetadataUntrusted(
            f"{name}: {error}; expected a signature that matches"
            " 'federation_certificate', or the certificate on its own line. Ask the"
            " operator for the right certificate"
        ) from error
    except Refused as error:
        fault = (
            in_full_with_cure(error)
            if isinstance(error, MalformedMessage)
            else str(error)
        )
        # It may quote foreign text.
        fault = CONTROL.sub(" ", fault)
        hint = _html_hint(octets)
        raise MetadataUnusable(
            f"{name}: {fault}; expected SAML metadata{hint}. Ask the operator for it"
        ) from error
    _require_in_time(name, metadata.valid_until, longest_validity)
    return metadata


def _html_hint(octets: bytes) -> str:
    start = octets.lstrip()[:100].lower()
    is_html = start.startswith((b"<!doctype html", b"<html"))
    return ", but this looks like a page of HTML" if is_html else ""


def _require_in_time(
    name: str, valid_until: float | None, longest_validity: float | None
) -> None:
    now = clock.now()
    if valid_until is not None and now >= valid_until + SKEW:
        expiry_text, now_text = map(write_instant, (valid_until, now))
        raise MetadataExpired(
            f"{name}: this metadata expired at {expiry_text}, and the time here is"
            f" {now_text}; ask the operator for newer metadata"
        )
    if longest_validity is None:
        return
    latest = now + longest_validity
    if valid_until is None or valid_until > latest + SKEW:
        fault = (
            "has no validUntil"
            if valid_until is None
            else f"is valid until {write_instant(valid_until)}"
        )
        raise MetadataLifetime(
            f"{name}: this metadata {fault}; expected a validUntil on its root, by"
            f" {write_instant(latest)} at the latest (federation_validity). Ask the"
            " operator"
        )
