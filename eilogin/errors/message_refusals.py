"""SAML messages that eilogin rejects, and the peers that sent them."""

from eilogin.errors.configuration_errors import ConfigurationError
from eilogin.errors.error_root import EiloginError


class Refused(EiloginError):
    """A message or request that is not taken; nothing was changed by it."""

    code = "refused"
    status = 400
    #: Whether it is what a peer said in answer to a question of this very browser.
    is_proven: bool = False


class MalformedMessage(Refused):
    """Not what the protocol says it should look like."""

    code = "message-malformed"
    #: The message of a parser, which may quote the SAML message. No log or traceback
    #: shows it by itself (:func:`eilogin.saml.safe_xml.in_full`).
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
    """A peer answers a LogoutRequest: it knows no such session."""

    code = "principal-unknown"


class MessageReplayed(Refused):
    """Used before."""

    code = "message-replayed"


class OpinionsDiffer(Refused):
    """Our checks accept an answer and python3-saml does not: a fault to look into."""

    code = "opinions-differ"
