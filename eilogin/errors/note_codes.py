"""Codes of notes, which stop nothing."""

#: Codes of the notes of ``eilogin check`` and of warnings in the log.
#: The hub has no address for a logout, or its Responses contain no usable NameID. A
#: certificate is not valid yet, has expired, or expires soon. eilogin trusts unsigned
#: metadata, accepts a weak algorithm, or skipped a part of a peer's metadata. Metadata
#: is an older copy, was not refreshed, is quarantined, or is read only once. Metadata
#: is valid for years.
LOGOUT_IMPOSSIBLE = "logout-impossible"


CERTIFICATE_BEGINS = "certificate-begins"


CERTIFICATE_EXPIRED = "certificate-expired"


CERTIFICATE_ENDS = "certificate-ends"


METADATA_UNSIGNED = "metadata-unsigned"


WEAK_ALGORITHM = "weak-algorithm"


METADATA_PASSED_OVER = "metadata-passed-over"


METADATA_COPY = "metadata-copy"


METADATA_NOT_REFRESHED = "metadata-not-refreshed"


METADATA_WAITS = "metadata-waits"


METADATA_READ_ONCE = "metadata-read-once"


METADATA_LONG_LIVED = "metadata-long-lived"


NOTES = (
    LOGOUT_IMPOSSIBLE,
    CERTIFICATE_BEGINS,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_ENDS,
    METADATA_UNSIGNED,
    WEAK_ALGORITHM,
    METADATA_PASSED_OVER,
    METADATA_COPY,
    METADATA_NOT_REFRESHED,
    METADATA_WAITS,
    METADATA_READ_ONCE,
    METADATA_LONG_LIVED,
)
