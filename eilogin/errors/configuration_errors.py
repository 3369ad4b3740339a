"""Errors for the administrator. They stop the start."""

from collections.abc import Sequence
from dataclasses import dataclass

from eilogin.errors.error_root import EiloginError


class ConfigurationError(EiloginError):
    """The configuration cannot work; nothing is served."""

    code = "configuration"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in an ini file: where it is, what was found, what was expected."""

    #: Path of the ini file, or "" where it is not known.
    file: str
    #: Section without brackets, such as ``filter:eilogin``, or "".
    section: str
    #: Name of the option, or "" where the section as a whole is meant.
    option: str
    #: The value in the file, without secrets, or "".
    found: str
    #: The expected value, or the action to take.
    expected: str
    #: The stable name of its cause.
    code: str = "options-invalid"

    def __str__(self) -> str:
        place = f"[{self.section}]" if self.section else ""
        where = " ".join(part for part in (place, self.option) if part)
        return ": ".join(part for part in (self.file, where, self.told) if part)

    @property
    def told(self) -> str:
        """The found and the expected value, without the place."""
        found = f"found {self.found}; " if self.found else ""
        return f"{found}{self.expected}"


class InvalidOptions(ConfigurationError):
    """Options that cannot be used, all of them told at once."""

    code = "options-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        #: Every fault that was found.
        self.faults = tuple(faults)
        count = len(self.faults)
        head = f"{count} fault{'' if count == 1 else 's'} in the configuration:"
        super().__init__("\n  ".join([head, *map(str, self.faults)]))


class PipelineOrder(ConfigurationError):
    """A filter stands where its neighbours cannot work with it."""

    code = "pipeline-order"


class MountMismatch(ConfigurationError):
    """The server mounts the application elsewhere than ``public_url`` says."""

    code = "mount-mismatch"


class MetadataUnusable(ConfigurationError):
    """A file that should hold SAML metadata, and holds none that can be read."""

    code = "metadata-unusable"


class MetadataUnavailable(ConfigurationError):
    """Metadata that does not come from the address where it should lie."""

    code = "metadata-unavailable"


class MetadataUntrusted(ConfigurationError):
    """Metadata that its operator did not sign, or that nothing vouches for."""

    code = "metadata-untrusted"


class MetadataExpired(ConfigurationError):
    """Metadata whose validUntil is over."""

    code = "metadata-expired"


class MetadataOlder(ConfigurationError):
    """Metadata that was made before what we have of it, or does not say when."""

    code = "metadata-older"


class MetadataLifetime(ConfigurationError):
    """Metadata that lasts longer than is taken, or does not say how long."""

    code = "metadata-lifetime"


class HubUnknown(ConfigurationError):
    """The metadata does not say who our hub is, or does not know whom we call so."""

    code = "hub-unknown"


class PeerUnusable(ConfigurationError):
    """The metadata of one party cannot be used; it is left out of the federation."""

    code = "peer-unusable"
    #: Whether it would be a hub.
    is_hub = False
    #: Its registration authority, or "", and its entity categories.
    registrar = ""
    categories: frozenset[str] = frozenset()
    #: Where one source has several that are called so, the same of each.
    alternatives: "tuple[PeerUnusable, ...]" = ()


class PeerWithoutKeys(PeerUnusable):
    """The metadata of one party has no key that its messages could be checked with."""

    code = "peer-without-keys"
