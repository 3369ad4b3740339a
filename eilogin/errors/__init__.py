"""Errors: each has an HTTP status and a stable code.

There are three families, for three readers:

* :class:`ConfigurationError` is for the administrator, and stops the start.
* :class:`Refused` rejects something that came from outside. The visitor gets a page
  with a reference number; the log has the cause under the same number.
* :class:`Unavailable` means that a store or a peer does not answer now.

The ``code`` of an error never changes: log lines, audit events and tests rely on it.
The message is for the log and may quote a value. It never holds a key, a password, a
BSN or an assertion. ``web.pages.page_rendering`` chooses the template of the page.
``web/templates/error.html`` chooses its sentences by the code; their texts are in
``web/locale``. Import errors from this package:

* ``error_context``: add to an error the peer that sent the message.
* ``login_refusals``: logins that fail, or give the application too little.
* ``request_refusals``: requests: forms, paths, methods.
* ``message_refusals``: SAML messages, and the peers that sent them.
* ``configuration_errors``: errors that stop the start.
* ``unavailability``: a store or a peer does not answer.
* ``error_root``: the root of all errors.
* ``note_codes``: codes of notes, which stop nothing.
"""

from eilogin.errors.configuration_errors import (
    ConfigurationError,
    Fault,
    HubUnknown,
    InvalidOptions,
    MetadataExpired,
    MetadataLifetime,
    MetadataOlder,
    MetadataUnavailable,
    MetadataUntrusted,
    MetadataUnusable,
    MountMismatch,
    PeerUnusable,
    PeerWithoutKeys,
    PipelineOrder,
)
from eilogin.errors.error_context import InNameOf, Proven
from eilogin.errors.error_root import EiloginError
from eilogin.errors.login_refusals import (
    AttributeMissing,
    AttributeRefused,
    CookiesRefused,
    Help,
    IdentityMissing,
    LevelTooLow,
    LoginEnded,
    LoginFailed,
    LoginLoops,
    LoginLost,
    ProofTooOld,
    SectorRefused,
    SubjectChanged,
    SubjectMissing,
)
from eilogin.errors.message_refusals import (
    AlgorithmMissing,
    BindingMissing,
    DecryptionFailed,
    EncryptionKeyMissing,
    MalformedMessage,
    MessageExpired,
    MessageMisdirected,
    MessageReplayed,
    MessageTooLarge,
    MessageUnexpected,
    NotEncrypted,
    NotServed,
    OpinionsDiffer,
    PrincipalUnknown,
    Refused,
    UnknownPeer,
    UntrustedSignature,
)
from eilogin.errors.note_codes import (
    CERTIFICATE_BEGINS,
    CERTIFICATE_ENDS,
    CERTIFICATE_EXPIRED,
    LOGOUT_IMPOSSIBLE,
    METADATA_COPY,
    METADATA_LONG_LIVED,
    METADATA_NOT_REFRESHED,
    METADATA_PASSED_OVER,
    METADATA_READ_ONCE,
    METADATA_UNSIGNED,
    METADATA_WAITS,
    NOTES,
    WEAK_ALGORITHM,
)
from eilogin.errors.request_refusals import (
    CrossSite,
    FormLost,
    FormOfAnother,
    FormRefused,
    FormSent,
    MethodNotAllowed,
    NotFound,
    PathRefused,
)
from eilogin.errors.unavailability import (
    Busy,
    PeerBusy,
    PeerUnavailable,
    StoreUnavailable,
    Unavailable,
)

__all__ = [
    "CERTIFICATE_BEGINS",
    "CERTIFICATE_ENDS",
    "CERTIFICATE_EXPIRED",
    "LOGOUT_IMPOSSIBLE",
    "METADATA_COPY",
    "METADATA_LONG_LIVED",
    "METADATA_NOT_REFRESHED",
    "METADATA_PASSED_OVER",
    "METADATA_READ_ONCE",
    "METADATA_UNSIGNED",
    "METADATA_WAITS",
    "NOTES",
    "WEAK_ALGORITHM",
    "AlgorithmMissing",
    "AttributeMissing",
    "AttributeRefused",
    "BindingMissing",
    "Busy",
    "ConfigurationError",
    "CookiesRefused",
    "CrossSite",
    "DecryptionFailed",
    "EiloginError",
    "EncryptionKeyMissing",
    "Fault",
    "FormLost",
    "FormOfAnother",
    "FormRefused",
    "FormSent",
    "Help",
    "HubUnknown",
    "IdentityMissing",
    "InNameOf",
    "InvalidOptions",
    "LevelTooLow",
    "LoginEnded",
    "LoginFailed",
    "LoginLoops",
    "LoginLost",
    "MalformedMessage",
    "MessageExpired",
    "MessageMisdirected",
    "MessageReplayed",
    "MessageTooLarge",
    "MessageUnexpected",
    "MetadataExpired",
    "MetadataLifetime",
    "MetadataOlder",
    "MetadataUnavailable",
    "MetadataUntrusted",
    "MetadataUnusable",
    "MethodNotAllowed",
    "MountMismatch",
    "NotEncrypted",
    "NotFound",
    "NotServed",
    "OpinionsDiffer",
    "PathRefused",
    "PeerBusy",
    "PeerUnavailable",
    "PeerUnusable",
    "PeerWithoutKeys",
    "PipelineOrder",
    "PrincipalUnknown",
    "ProofTooOld",
    "Proven",
    "Refused",
    "SectorRefused",
    "StoreUnavailable",
    "SubjectChanged",
    "SubjectMissing",
    "Unavailable",
    "UnknownPeer",
    "UntrustedSignature",
]
