"""What can go wrong: one root, and data, an HTTP status and a stable code on each.

Three families, because three people read them:

* :class:`ConfigurationError` is for the sysadmin, and stops the start;
* :class:`Refused` is what somebody sent and we do not take: the visitor gets a calm
  page with a reference number, the log gets the cause under the same number;
* :class:`Unavailable` is something that we need and that does not answer now.

The ``code`` of an error never changes: log lines, audit events and tests rely on it.
The message is for the log and may say what was found; it never holds a key, a
password, a BSN or an assertion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal


class EiloginError(Exception):
    """The root of all errors that eilogin raises on purpose."""

    #: Stable name of the cause, in logs and audit events.
    code: ClassVar[str] = "internal"
    #: HTTP status of the page that the visitor gets.
    status: ClassVar[int] = 500
    #: entityID of the party in whose name the message came that is refused, or that
    #: does not answer, or "".
    peer: str = ""
    #: The reference number under which it is in log and audit log already, or "".
    reference: str = ""


# --- for the sysadmin -----------------------------------------------------------


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
    #: What stands there, without secrets; "" where nothing does.
    found: str
    #: What should stand there, or what to do.
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
    #: Who took it in, or "", and of which entity categories it says that it is.
    registrar = ""
    categories: frozenset[str] = frozenset()
    #: Where one source has several that are called so, the same of each.
    alternatives: "tuple[PeerUnusable, ...]" = ()


class PeerWithoutKeys(PeerUnusable):
    """The metadata of one party has no key that its messages could be checked with."""

    code = "peer-without-keys"


# --- what somebody sent, and we do not take -------------------------------------


class Refused(EiloginError):
    """A message or request that is not taken; nothing was changed by it."""

    code = "refused"
    status = 400
    #: Whether it is what a peer said in answer to a question of this very browser.
    is_proven: bool = False


class InNameOf:
    """``with InNameOf(peer):`` has what is refused inside say whose message it was.

    And what does not answer inside, who that is.

    The log then says whom to ask: see ``note_refusal``.
    """

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Refused | Unavailable):
            error.peer = error.peer or self._peer


class Proven:
    """``with Proven():`` stands around what is done with an answer of the hub's own.

    It has verified as such, and answers what this very browser brought. Whatever is
    refused inside is then a failure of that login; but not where what it carries
    answers another question, or was used already.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_another = isinstance(error, LoginLost | MessageUnexpected)
        if isinstance(error, Refused) and not is_another:
            error.is_proven = True


class MalformedMessage(Refused):
    """Not what the protocol says it should look like."""

    code = "message-malformed"
    #: What a parser said of it, which may quote it: no log or traceback shows that of
    #: itself (:func:`eilogin.saml.safe_xml.in_full`).
    parser_said: str = ""


class MessageTooLarge(MalformedMessage):
    """Larger, deeper or with more parts than we read."""

    code = "message-too-large"
    status = 413


class UntrustedSignature(Refused):
    """No signature, or not by a key of the party that should have signed."""

    code = "signature-untrusted"


class DecryptionFailed(Refused):
    """Encrypted, and not for us, not as we take it, or changed since."""

    code = "decryption-failed"


class NotEncrypted(Refused):
    """A part in clear text that an option requires to be encrypted."""

    code = "not-encrypted"


class UnknownPeer(Refused):
    """Sent by, or naming, a party that is not a member of the federation."""

    code = "peer-unknown"


class BindingMissing(UnknownPeer, ConfigurationError):
    """A peer that takes a message over no binding that can be used here.

    Where we can do nothing without that, it stops the start.
    """

    code = "binding-missing"


class AlgorithmMissing(UnknownPeer, ConfigurationError):
    """A peer whose metadata lists only algorithms that we do not have.

    Where it is our hub, that stops the start.
    """

    code = "algorithm-missing"


class EncryptionKeyMissing(Refused):
    """A peer for which something must be encrypted, and that has no key for that."""

    code = "encryption-key-missing"


class NotServed(Refused):
    """A participant that an option of this hub, or its operator, leaves without one."""

    code = "not-served"


class MessageExpired(Refused):
    """Outside of the time in which the message may be used."""

    code = "message-expired"


class MessageMisdirected(Refused):
    """Made for another audience, recipient or destination."""

    code = "message-misdirected"


class MessageUnexpected(Refused):
    """An answer to a question that this browser did not ask."""

    code = "message-unexpected"
    #: Whether it is a participant's own answer to a LogoutRequest of ours, with a
    #: status that does not confirm the logout.
    is_refusal: bool = False


class PrincipalUnknown(MessageUnexpected):
    """Who is asked to log somebody out says that it knows no such session."""

    code = "principal-unknown"


class MessageReplayed(Refused):
    """Used before."""

    code = "message-replayed"


class OpinionsDiffer(Refused):
    """Our checks accept an answer and python3-saml does not: a fault to look into."""

    code = "opinions-differ"


#: What may help whom the hub does not log in (:class:`LoginFailed`).
Help = Literal["", "level", "organisation"]


class LoginFailed(Refused):
    """The hub answered that there is no login; ``status_codes`` say why.

    ``status_codes`` are the URIs of the StatusCode elements, outermost first (SAML
    core 3.2.2.2). ``helps`` is what may help her: ``"level"``, another way of logging
    in; ``"organisation"``, whoever runs the site, for she can do nothing; or ``""``, to
    try again.
    """

    code = "login-failed"

    def __init__(
        self, message: str, status_codes: Sequence[str], helps: Help = ""
    ) -> None:
        super().__init__(message)
        self.status_codes = tuple(status_codes)
        self.helps = helps


class LevelTooLow(Refused):
    """The hub confirmed a lower level than was asked for."""

    code = "level-too-low"
    status = 403


class ProofTooOld(Refused):
    """A fresh proof was asked for (ForceAuthn), and the hub gave an older one."""

    code = "proof-too-old"
    status = 403

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        #: Path and query of the page that needs it, "" where that is not known.
        self.target = target


class IdentityMissing(Refused):
    """The login says nothing of what the application must know."""

    code = "identity-missing"
    status = 403


class AttributeMissing(Refused):
    """The hub says nothing of the citizen that is needed here: an attribute is missing.

    At a login by ``require_attributes``, on a path by a line of ``protect``.
    """

    code = "attribute-missing"
    status = 403

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: The names of what is missing.
        self.names = tuple(names)


class AttributeRefused(Refused):
    """The hub says something else of the citizen than a line of ``protect`` needs."""

    code = "attribute-refused"
    status = 403


class SubjectMissing(Refused):
    """The hub confirmed somebody, and does not say whom in a way that is taken here."""

    code = "subject-missing"
    status = 403


class SectorRefused(Refused):
    """DigiD names somebody by a number that is not taken here, or that is none."""

    code = "sector-refused"
    status = 403


class SubjectChanged(Refused):
    """DigiD names somebody else than is logged in here: that session is ended."""

    code = "subject-changed"
    status = 403


class LoginEnded(Refused):
    """The citizen logged out while this answer was on its way."""

    code = "login-ended"


class LoginLost(Refused):
    """The login that an answer belongs to is not known in this browser any more."""

    code = "login-lost"

    def __init__(self, message: str, handle: str = "") -> None:
        super().__init__(message)
        #: The RelayState of the login that is lost, where that may begin anew, or "".
        self.handle = handle


class CookiesRefused(LoginLost):
    """A browser that was given cookies at the start of a login, and brings none."""

    code = "cookies-refused"


class LoginLoops(Refused):
    """A login that succeeds again and again, and does not lead to its page.

    403 says that to repeat the request will not help (RFC 9110 15.5.4). It is no 5xx,
    for which a proxy might take this server out of service for everybody.
    """

    code = "login-loops"
    status = 403

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        #: The likely cause, as :mod:`eilogin.web.limits.login_loops` names it.
        self.cause = cause


class FormLost(Refused):
    """A form that was kept for after a login, and is not there any more."""

    code = "form-lost"
    status = 410


class FormOfAnother(Refused):
    """A form that another citizen had sent before this one logged in."""

    code = "form-of-another"
    status = 403


class FormSent(Refused):
    """A form that was kept for after a login, and was sent again already."""

    code = "form-sent"
    status = 409


class PathRefused(Refused):
    """A path that could mean one thing to us and another to the application."""

    code = "path-refused"


class FormRefused(PathRefused):
    """A form that could make the application call something that the path hides."""

    code = "form-refused"


class CrossSite(Refused):
    """A form that was sent from the page of another site."""

    code = "cross-site"
    status = 403


class NotFound(Refused):
    """An address under the prefix where nothing is."""

    code = "not-found"
    status = 404


class MethodNotAllowed(Refused):
    """An address that does not take this HTTP method."""

    code = "method-not-allowed"
    status = 405

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        #: The methods that it does take, as the header ``Allow`` names them.
        self.allowed = tuple(allowed)


# --- what we need and that does not answer --------------------------------------


class Unavailable(EiloginError):
    """Something that is needed does not answer now; trying again may help."""

    code = "unavailable"
    status = 503


class StoreUnavailable(Unavailable):
    """The store does not answer, so nobody is logged in by accident."""

    code = "store-unavailable"


class Busy(Unavailable):
    """As much of this is done already as may be at a time, or as the machine can do."""

    code = "busy"


class PeerBusy(Unavailable):
    """A peer is asked about as much as may be at a time already."""

    code = "peer-busy"


class PeerUnavailable(Unavailable):
    """A peer does not answer on the back channel, or not with what was asked."""

    code = "peer-unavailable"
    status = 502
    #: Whether it did answer, and no gateway before it: what was asked is used up then.
    has_answered: bool = False
    #: Who is at fault, as a SOAP fault says: ``Client`` or ``Server``; or "".
    fault: str = ""
    #: Whether it answered a SOAP message with an HTML page, and with a status from 400
    #: to 499 that does not pass by itself: it accepts no SOAP there (mod_auth_mellon).
    is_page: bool = False


# --- what stops nothing ---------------------------------------------------------

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
