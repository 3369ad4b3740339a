"""Faulty Responses that a tester chooses (``rehearsal = true``)."""

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
from eilogin.hub.pending_authn_requests import PendingAuthnRequest
from eilogin.saml import messages
from eilogin.saml.assurance_levels import LEVELS, Classes
from eilogin.saml.printable_text import to_base64
from eilogin.saml.safe_xml import DS
from eilogin.saml.sector_names import BSN, SOFI, SectorName
from eilogin.saml.signing_keys import SigningKey
from eilogin.sessions import Login
from eilogin.stores import Values

FIELD = "rehearsal"
#: The ordinary Response in a form: an empty field is no choice.
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
#: Choices for a login, in the order of the page.
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
WITHOUT_LOGIN = (CANCEL, INACTIVE)

SHA1_LOGOUT = "sha1-logout"
PARTIAL_LOGOUT = "partial-logout"
BROKEN_LOGOUT = "broken-logout"
OF_LOGOUT = (SHA1_LOGOUT, PARTIAL_LOGOUT, BROKEN_LOGOUT)

#: Seconds: longer than a participant should wait.
SILENT_FOR = 20.0
#: Seconds: more than clocks may differ.
_LATE = 10 * 60.0

#: A class without a level (SAML authentication context 3.4.25).
_NO_LEVEL = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"

_SIGNATURE = re.compile(rb"(<ds:SignatureValue>)(.)")
_IN_ADDRESS = re.compile(rb"(&Signature=)(.)")
_RSA_SHA1 = f"{DS}rsa-sha1"


def chosen(fields: Mapping[str, str], among: Collection[str] = CHOICES) -> str:
    """Return the choice in a form or query; "" for the ordinary Response."""
    choice = fields.get(FIELD, "")
    return choice if choice in among else ""


def added(target: str, choice: str) -> str:
    """Add a choice to an address."""
    separator = "&" if "?" in target else "?"
    return f"{target}{separator}{urlencode({FIELD: choice})}"


def store(values: Values, login: Login, choice: str) -> None:
    """Store a choice for the next message about a session."""
    values.take(_name(login))
    if choice:
        values.add(_name(login), choice, login.ends, durable=False)


def stored(values: Values, login: Login, among: Collection[str] = CHOICES) -> str:
    """Return the stored choice if it is one of ``among``, or ""."""
    choice = values.get(_name(login)) or ""
    return choice if choice in among else ""


def take(values: Values, login: Login, among: Collection[str] = CHOICES) -> str:
    """Return and remove the stored choice, if one of ``among``."""
    is_for_this = stored(values, login, among)
    return (values.take(_name(login)) or "") if is_for_this else ""


def _name(login: Login) -> str:
    return f"rehearsal:{login.family}"


def changed_assertion(
    pending: PendingAuthnRequest, assertion: messages.Assertion, classes: Classes
) -> messages.Assertion:
    """Change an Assertion as the tester chose."""
    if pending.rehearsal == LOWER:
        return replace(assertion, level_class=_lower(pending.level, classes))
    if pending.rehearsal == SECTOR:
        return replace(assertion, name_id=_of_another_sector(assertion.name_id))
    if pending.rehearsal == OVER:
        over = assertion.issued - _LATE
        return replace(
            assertion,
            not_before=over - _LATE,
            not_on_or_after=over,
            confirmation_ends=over,
        )
    if pending.rehearsal == OLD:
        return replace(assertion, issued=assertion.issued - _LATE)
    return assertion


def changed_response(
    pending: PendingAuthnRequest, response: messages.Response
) -> messages.Response:
    """Change the Response as the tester chose."""
    if pending.rehearsal == OLD:
        return replace(response, issued=response.issued - _LATE)
    return response


def hold_back(choice: str) -> None:
    """Answer nothing for a while, and then fail."""
    if choice == SILENT:
        time.sleep(SILENT_FOR)
        raise Unavailable("a tester chose that the back channel does not answer")


def broken(answer: Response) -> Response:
    """Break the outermost signature of a SOAP answer."""
    answer.body = _SIGNATURE.sub(_another, answer.body, count=1)
    return answer


def changed_logout(url: str, choice: str, key: SigningKey) -> str:
    """Change the URL of a LogoutResponse; ConfigurationError without an RSA key."""
    if choice == SHA1_LOGOUT:
        return _signed_with_sha1(url, key)
    if choice == BROKEN_LOGOUT:
        return _IN_ADDRESS.sub(_another, url.encode(), count=1).decode()
    return url


def _signed_with_sha1(url: str, key: SigningKey) -> str:
    # As DigiD does (DigiD 3.2).
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


def _another(match: re.Match[bytes]) -> bytes:
    return match[1] + (b"B" if match[2] == b"A" else b"A")


def _lower(level: str, classes: Classes) -> str:
    lower = LEVELS[: LEVELS.index(level)]
    return classes.class_of(lower[-1]) if lower else _NO_LEVEL


def _of_another_sector(name_id: messages.NameID | None) -> messages.NameID:
    name = SectorName.read((name_id or messages.NameID("")).value)
    other = SOFI if name.sector == BSN else BSN
    return messages.NameID(str(replace(name, sector=other)))
