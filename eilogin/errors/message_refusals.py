"""SAML messages that eilogin rejects, and the peers that sent them."""

from eilogin.errors.configuration_errors import ConfigurationError
from eilogin.errors.error_root import EiloginError


class Refused(EiloginError):
    """eilogin rejected a message or request, and changed nothing."""

    code = "refused"
    status = 400
    #: Whether a verified Response to a request of this browser caused it.
    is_proven: bool = False


class MalformedMessage(Refused):
    """The message does not follow the protocol."""

    code = "message-malformed"
    #: The message of a parser, which may quote the SAML message. No log or traceback
    #: shows it by itself (:func:`eilogin.saml.safe_xml.in_full`).
    parser_said: str = ""


class MessageTooLarge(MalformedMessage):
    """The message is larger, deeper or has more parts than eilogin reads."""

    code = "message-too-large"
    status = 413


class UntrustedSignature(Refused):
    """There is no signature, or none by a key of the expected party."""

    code = "signature-untrusted"


class DecryptionFailed(Refused):
    """An encrypted part is not for us, not encrypted as required, or was changed."""

    code = "decryption-failed"


class NotEncrypted(Refused):
    """A part is in clear text, although an option requires encryption."""

    code = "not-encrypted"


class UnknownPeer(Refused):
    """The message is from, or names, a party that is no member of the federation."""

    code = "peer-unknown"


class BindingMissing(UnknownPeer, ConfigurationError):
    """A peer accepts a message by no binding that eilogin can use here.

    It stops the start if eilogin can do nothing without that message.
    """

    code = "binding-missing"


class AlgorithmMissing(UnknownPeer, ConfigurationError):
    """The metadata of a peer lists only algorithms that eilogin does not support.

    It stops the start if the peer is our hub.
    """

    code = "algorithm-missing"


class EncryptionKeyMissing(Refused):
    """Something must be encrypted for a peer that has no encryption key."""

    code = "encryption-key-missing"


class NotServed(Refused):
    """A participant gets no login, because of an option of this hub or its operator."""

    code = "not-served"


class MessageExpired(Refused):
    """The message is outside the time in which it is valid."""

    code = "message-expired"


class MessageMisdirected(Refused):
    """The message is for another audience, recipient or destination."""

    code = "message-misdirected"


class MessageUnexpected(Refused):
    """A response to a request that this browser did not send."""

    code = "message-unexpected"
    #: Whether it is a participant's LogoutResponse that does not confirm a logout.
    is_refusal: bool = False


class PrincipalUnknown(MessageUnexpected):
    """A peer answered a LogoutRequest that it knows no such session."""

    code = "principal-unknown"


class MessageReplayed(Refused):
    """The message was used before."""

    code = "message-replayed"


class OpinionsDiffer(Refused):
    """Our checks accept a Response, but python3-saml does not: investigate it."""

    code = "opinions-differ"
