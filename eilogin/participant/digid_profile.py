"""The rules of ``profile = digid`` at a participant (DigiD 1 to 6 and 8).

DigiD's NameID is a citizen's number, so a pseudonym names the citizen to the
application and in the store. The number is an attribute of the login: the application
gets it only if an option asks for it, and a LogoutRequest to DigiD contains it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from eilogin.config import Words
from eilogin.errors import (
    LoginFailed,
    MessageExpired,
    PeerUnavailable,
    Refused,
    SectorRefused,
    Unavailable,
)
from eilogin.federation import Own, Trust
from eilogin.saml.messages import Assertion, NameID
from eilogin.saml.sector_names import BSN, NUMBERS, SectorName
from eilogin.sessions import Login, Subject


def is_failure(error: Refused | Unavailable) -> bool:
    """Return whether an error of a login ends the session here (8, point 10)."""
    # An unproven message does not, or anybody could end a session.
    always = (LoginFailed, MessageExpired, PeerUnavailable)
    return isinstance(error, always) or (isinstance(error, Refused) and error.is_proven)


def _sectors(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words or not {*words} <= NUMBERS.keys():
        raise ValueError(f"one or more of {', '.join(NUMBERS)}")
    return words


Sectors = Annotated[Words, AfterValidator(_sectors)]
ONLY_BSN = (BSN,)


class Identified(NamedTuple):
    """The citizen of an assertion, and their attributes."""

    who: Subject
    attributes: Mapping[str, Sequence[str]]


def identified(
    trust: Trust, assertion: Assertion, sectors: Sequence[str]
) -> Identified:
    """Return the citizen of an assertion; SectorRefused does not name the number."""
    name_id = assertion.name_id or NameID("")
    try:
        name = SectorName.read(name_id.value)
    except ValueError as error:
        raise _refused(trust, assertion, f"the NameID {error}", sectors) from None
    if name.sector not in sectors:
        fault = f"the NameID is a {NUMBERS[name.sector]} number ({name.sector})"
        raise _refused(trust, assertion, fault, sectors)
    who = _subject(trust.own, name, assertion.issuer)
    return Identified(who, {NUMBERS[name.sector]: [name.number]})


def _refused(
    trust: Trust, assertion: Assertion, fault: str, sectors: Sequence[str]
) -> SectorRefused:
    return SectorRefused(
        f"{fault}; expected one of {', '.join(sectors)} (sectors):"
        f" {trust.whom_to_ask(assertion.issuer)}"
    )


def _subject(own: Own, name: SectorName, issuer: str) -> Subject:
    named = NameID(own.subject(str(name)))
    return Subject.named(named, issuer=issuer, audience=own.entity_id)


def named(own: Own, name_id: NameID, issuer: str) -> Subject | None:
    """Return the visitor of a LogoutRequest, or None; DigiD demands an exact match."""
    if not own.profile.has_sector_numbers:
        return Subject.named(name_id, issuer=issuer, audience=own.entity_id)
    try:
        return _subject(own, SectorName.read(name_id.value), issuer)
    except ValueError:
        return None


def name_id_of(own: Own, login: Login) -> NameID:
    """Return the NameID by which the hub knows the session of a login."""
    if not own.profile.has_sector_numbers:
        return (login.named or login.who).as_name_id()
    names = (
        str(SectorName(sector, values[0]))
        for sector, name in NUMBERS.items()
        if (values := login.attributes.get(name))
    )
    name = next(names, "")
    # A login from before the profile was chosen keeps its NameID.
    return NameID(name) if name else login.who.as_name_id()


#: From this level on, DigiD requires a login every time (2.3).
NEVER_SHARED = "substantieel"


#: Least and most seconds between confirmations; the most also limit inactivity (2.2).
_EARLIEST, _LATEST = 600.0, 900.0


def is_time_to_renew(age: float, after: float) -> bool:
    """Return whether eilogin may ask DigiD to keep a session alive (2.2).

    ``age`` and ``after`` are seconds since the last confirmation.
    """
    # Later, DigiD would prompt the visitor.
    return after <= age <= _LATEST


def login_faults(  # noqa: PLR0913 - options, each by its name
    *,
    keep_alive: float,
    comparison: str,
    subject: Sequence[str],
    silent: bool,
    unsolicited: bool,
    require_attributes: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Yield options of ``login`` that contradict the profile, with expected values."""
    if not _EARLIEST <= keep_alive <= _LATEST:
        yield "keep_alive", "expected '10m' to '15m': DigiD allows no other duration"
    if comparison != "minimum":
        yield "comparison", "expected 'minimum': DigiD supports no other comparison"
    if tuple(subject) != ("name-id",):
        yield "subject", "expected 'name-id': DigiD identifies citizens by NameID only"
    if silent:
        yield "silent", "expected 'false': DigiD supports no passive login"
    if require_attributes:
        yield "require_attributes", "expected no value: DigiD sends no attributes"
    if unsolicited:
        yield (
            "unsolicited",
            "expected 'false': DigiD sends no Response without an AuthnRequest",
        )


def session_faults(idle: float) -> Iterator[tuple[str, str]]:
    """Yield options of ``session`` that contradict the profile."""
    if idle > _LATEST:
        yield "idle", "expected at most '15m': DigiD allows no longer session"


#: Literal texts of Logius's checklists (6), and an English translation.
_ERRORS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cl7": {
            "nl": "Er is een fout opgetreden in de communicatie met DigiD. Probeert u "
            "het later nogmaals. Indien deze fout blijft aanhouden, kijk dan op de "
            "website https://www.digid.nl voor de laatste informatie.",
            "en": "An error has occurred in the communication with DigiD. Please try "
            "again later. If this error persists, look at the website "
            "https://www.digid.nl for the latest information.",
        },
        "tvs": {
            "nl": "Inloggen bij deze organisatie is niet gelukt. Probeert u het later "
            "nog een keer. Lukt het nog steeds niet? Log in bij Mijn DigiD. Zo "
            "controleert u of uw DigiD goed werkt. Mogelijk is er een storing bij de "
            "organisatie waar u inlogt.",
            "en": "Logging in to this organisation did not work. Please try again "
            "later. Does it still not work? Log in to My DigiD. That is how you check "
            "whether your DigiD works. There may be a fault at the organisation where "
            "you log in.",
        },
    }
)
#: Values of ``error_text`` for these texts.
TEXTS = tuple(_ERRORS)
_CANCELLED = {
    "nl": "U heeft het inloggen met DigiD geannuleerd.",
    "en": "You cancelled logging in with DigiD.",
}
#: Follows if a cancelled login ended a session.
ENDED: Mapping[str, str] = MappingProxyType(
    {"nl": "U bent uitgelogd.", "en": "You have been logged out."}
)


def error_texts(text: str, text_en: str) -> Mapping[str, str]:
    """Return the text of a failed login by language."""
    preset = _ERRORS.get(text or "cl7")
    texts = preset or {"nl": text, "en": text}
    return {**texts, "en": text_en} if text_en else texts


def text_in(texts: Mapping[str, str], language: str) -> str:
    """Return the text in a language, or else in English."""
    return texts.get(language) or texts["en"]


def cancel_texts(text: str, text_en: str) -> Mapping[str, str]:
    """Return the text of a cancelled login by language."""
    texts = {"nl": text, "en": text} if text else _CANCELLED
    return {**texts, "en": text_en} if text_en else texts
