"""The answers that a tester chooses, to see what a connection makes of them.

``rehearsal = true`` puts the choice on the hub's pages. Each of them really happens:
the message that is sent is such a message, and what is not sent is waited for.
"""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from webob import Response

from eilogin.errors import ConfigurationError, Unavailable
from eilogin.hub.pending_requests import Question
from eilogin.saml import messages
from eilogin.saml.assurance_levels import LEVELS, Classes
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import DS
from eilogin.saml.sector_names import BSN, SOFI, SectorName
from eilogin.saml.signing_keys import SigningKey
from eilogin.sessions import Login
from eilogin.stores import Values

#: The name of the choice in forms and addresses of ours.
FIELD = "rehearsal"
#: The ordinary answer, as forms have it: a field that is empty is none.
ORDINARY = "ordinary"

CANCEL = "cancel"
INACTIVE = "inactive"
NOT_REACHED = "not-reached"
LOWER = "lower"
SECTOR = "sector"
UNKNOWN = "unknown"
EXPIRED = "expired"
SILENT = "silent"
OVER = "over"
OLD = "old"
BROKEN = "broken"
#: What may come of a login, in the order in which a page shows it; beside the ordinary
#: answer.
CHOICES = (
    CANCEL,
    INACTIVE,
    NOT_REACHED,
    LOWER,
    SECTOR,
    UNKNOWN,
    EXPIRED,
    SILENT,
    OVER,
    OLD,
    BROKEN,
)
#: Those for which nobody has to sign in.
WITHOUT_LOGIN = (CANCEL, INACTIVE)

SHA1_LOGOUT = "sha1-logout"
PARTIAL_LOGOUT = "partial-logout"
BROKEN_LOGOUT = "broken-logout"
#: The same of a logout.
OF_LOGOUT = (SHA1_LOGOUT, PARTIAL_LOGOUT, BROKEN_LOGOUT)

#: How long nothing is answered, in seconds: longer than anybody waits who should.
SILENT_FOR = 20.0
#: By how much a message is too late, in seconds: more than clocks may differ.
_LATE = 10 * 60.0

#: What says nothing of how she logged in (SAML authentication context 3.4.25).
_NO_LEVEL = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"

_SIGNATURE = re.compile(rb"(<ds:SignatureValue>)(.)")
_IN_ADDRESS = re.compile(rb"(&Signature=)(.)")
_RSA_SHA1 = f"{DS}rsa-sha1"


def chosen(fields: Mapping[str, str], among: Collection[str] = CHOICES) -> str:
    """What stands in a form or query of ours; "" for the ordinary answer."""
    choice = fields.get(FIELD, "")
    return choice if choice in among else ""


def added(target: str, choice: str) -> str:
    """An address of ours at which a question is gone on with, and the choice."""
    separator = "&" if "?" in target else "?"
    return f"{target}{separator}{urlencode({FIELD: choice})}"


def keep(values: Values, login: Login, choice: str) -> None:
    """Keep a choice for the next answer about a login, if it is one."""
    values.take(_name(login))
    if choice:
        values.add(_name(login), choice, login.ends, durable=False)


def kept(values: Values, login: Login, among: Collection[str] = CHOICES) -> str:
    """What is kept of a kind of choices, or ""."""
    choice = values.get(_name(login)) or ""
    return choice if choice in among else ""


def take(values: Values, login: Login, among: Collection[str] = CHOICES) -> str:
    """The same, and gone: the answer after this one is ordinary again.

    A choice of another kind is kept for that.
    """
    is_for_this = kept(values, login, among)
    return (values.take(_name(login)) or "") if is_for_this else ""


def _name(login: Login) -> str:
    return f"rehearsal:{login.family}"


def changed_assertion(
    question: Question, said: messages.Assertion, classes: Classes
) -> messages.Assertion:
    """An assertion as the tester of this question wants it."""
    if question.rehearsal == LOWER:
        return replace(said, level_class=_lower(question.level, classes))
    if question.rehearsal == SECTOR:
        return replace(said, name_id=_of_another_sector(said.name_id))
    if question.rehearsal == OVER:
        over = said.issued - _LATE
        return replace(
            said,
            not_before=over - _LATE,
            not_on_or_after=over,
            confirmation_ends=over,
        )
    if question.rehearsal == OLD:
        return replace(said, issued=said.issued - _LATE)
    return said


def changed_response(question: Question, said: messages.Response) -> messages.Response:
    """The same for the Response around it."""
    if question.rehearsal == OLD:
        return replace(said, issued=said.issued - _LATE)
    return said


def hold_back(choice: str) -> None:
    """Say nothing for a while, and then nothing that is of use."""
    if choice == SILENT:
        time.sleep(SILENT_FOR)
        raise Unavailable("a tester chose that the back channel does not answer")


def broken(answer: Response) -> Response:
    """An answer over SOAP whose outermost signature does not hold any more."""
    answer.body = _SIGNATURE.sub(_another, answer.body, count=1)
    return answer


def changed_logout(url: str, choice: str, key: SigningKey) -> str:
    """The address that carries a LogoutResponse as the tester wants it.

    Raises :class:`eilogin.errors.ConfigurationError` where our key makes no signature
    of that kind.
    """
    if choice == SHA1_LOGOUT:
        return _signed_with_sha1(url, key)
    if choice == BROKEN_LOGOUT:
        return _IN_ADDRESS.sub(_another, url.encode(), count=1).decode()
    return url


def _signed_with_sha1(url: str, key: SigningKey) -> str:
    """The same message, signed as DigiD signs it (DIGID.md 3.2)."""
    if not isinstance(key.private, RSAPrivateKey):
        raise ConfigurationError(
            "key: expected an RSA key for a rehearsal, because only RSA signs with"
            " rsa-sha1"
        )
    before, _, _ = url.partition("&SigAlg=")
    location, kind, message = before.partition("SAMLResponse=")
    signed = f"{kind}{message}&SigAlg={quote(_RSA_SHA1, safe='')}"
    octets = key.private.sign(signed.encode(), PKCS1v15(), SHA1())  # noqa: S303 - as DigiD
    return f"{location}{signed}&Signature={quote(to_base64(octets), safe='')}"


def _another(found: re.Match[bytes]) -> bytes:
    return found[1] + (b"B" if found[2] == b"A" else b"A")


def _lower(level: str, classes: Classes) -> str:
    """The class of the level below, or one that says none where none is."""
    below = LEVELS[: LEVELS.index(level)]
    return classes.class_of(below[-1]) if below else _NO_LEVEL


def _of_another_sector(name_id: messages.NameID | None) -> messages.NameID:
    """The same number, as if it were one of the other sector."""
    name = SectorName.read((name_id or messages.NameID("")).value)
    other = SOFI if name.sector == BSN else BSN
    return messages.NameID(str(replace(name, sector=other)))
