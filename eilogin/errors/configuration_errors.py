"""Errors for the administrator, which stop the start."""

from collections.abc import Sequence
from dataclasses import dataclass

from eilogin.errors.error_root import EiloginError


class ConfigurationError(EiloginError):
    """The configuration cannot work; eilogin does not start."""

    code = "configuration"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in an ini file: where it is, what was found, what was expected."""

    #: Path of the ini file, or "".
    file: str
    #: Without brackets, such as ``filter:eilogin``, or "".
    section: str
    #: Name of the option, or "" for the whole section.
    option: str
    #: The value in the file, without secrets, or "".
    found: str
    #: The expected value, or the action to take.
    expected: str
    code: str = "options-invalid"

    def __str__(self) -> str:
        place = f"[{self.section}]" if self.section else ""
        position = " ".join(part for part in (place, self.option) if part)
        return ": ".join(part for part in (self.file, position, self.told) if part)

    @property
    def told(self) -> str:
        """The found and the expected value, without the place."""
        value_found = f"found {self.found}; " if self.found else ""
        return f"{value_found}{self.expected}"


class InvalidOptions(ConfigurationError):
    """Invalid options, all in one report."""

    code = "options-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        head = f"{count} fault{'' if count == 1 else 's'} in the configuration:"
        super().__init__("\n  ".join([head, *map(str, self.faults)]))


class PipelineOrder(ConfigurationError):
    """A filter is at a wrong place in the pipeline."""

    code = "pipeline-order"


class MountMismatch(ConfigurationError):
    """The server mounts the application elsewhere than ``public_url`` says."""

    code = "mount-mismatch"


class MetadataUnusable(ConfigurationError):
    """A metadata file contains no SAML metadata that eilogin can read."""

    code = "metadata-unusable"


class MetadataUnavailable(ConfigurationError):
    """The address of the metadata does not return it."""

    code = "metadata-unavailable"


class MetadataUntrusted(ConfigurationError):
    """The operator did not sign the metadata, or nothing proves its origin."""

    code = "metadata-untrusted"


class MetadataExpired(ConfigurationError):
    """The validUntil of the metadata is in the past."""

    code = "metadata-expired"


class MetadataOlder(ConfigurationError):
    """The metadata is older than the active copy, or does not state its age."""

    code = "metadata-older"


class MetadataLifetime(ConfigurationError):
    """The metadata is valid for longer than allowed, or does not state for how long."""

    code = "metadata-lifetime"


class HubUnknown(ConfigurationError):
    """The metadata does not name our hub, or does not contain the configured hub."""

    code = "hub-unknown"


class PeerUnusable(ConfigurationError):
    """The metadata of one party is unusable; the federation does not include it."""

    code = "peer-unusable"
    #: Whether the party would be a hub.
    is_hub = False
    #: The registration authority of the party, or "", and its entity categories.
    registrar = ""
    categories: frozenset[str] = frozenset()
    #: The error of each, if one source has several entities of this entityID.
    alternatives: "tuple[PeerUnusable, ...]" = ()


class PeerWithoutKeys(PeerUnusable):
    """The metadata of one party has no key to verify its messages."""

    code = "peer-without-keys"
