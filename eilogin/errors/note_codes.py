"""Codes of notes, which stop nothing."""

#: Codes of what ``eilogin check`` notes, and the log warns of: our hub has no address
#: for a logout, its answers may name nobody who could be logged out, a certificate is
#: not valid yet, has expired or will soon, metadata is trusted that nobody signed, a
#: weak algorithm is taken, something in a peer's metadata was passed over, a copy from
#: before stands in for metadata that did not come, and metadata is good for years.
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
