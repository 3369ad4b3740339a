"""Identify a visitor by the NameID, or by an attribute instead.

The name and value of an attribute at this hub identify the visitor, even if the NameID
changes or is missing. Messages of the hub, and so single logout, need a NameID.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator

from eilogin.config import Words
from eilogin.errors import SubjectMissing
from eilogin.federation import Trust
from eilogin.saml.messages import (
    EMAIL,
    PERSISTENT,
    TRANSIENT,
    UNSPECIFIED,
    Assertion,
    NameID,
)
from eilogin.saml.printable_text import CONTROL, short
from eilogin.sessions import Subject
from eilogin.sessions.session_records import BY_ATTRIBUTE

NAME_ID = "name-id"


def _sources(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        kind, _, name = word.partition(":")
        if word != NAME_ID and (f"{kind}:" != BY_ATTRIBUTE or not name):
            raise ValueError("'name-id' or 'attribute:NAME', or several in order")
    if not words:
        raise ValueError("'name-id' or 'attribute:NAME', or several in order")
    return words


SubjectSources = Annotated[Words, AfterValidator(_sources)]


#: NameID formats with a short name.
_WORDS = {
    format_: short(format_) for format_ in (UNSPECIFIED, PERSISTENT, TRANSIENT, EMAIL)
}
#: Characters of a format or entityID that are not quoted; ``!`` separates the parts.
_PLAIN = ":/?#[]@$&'()*+,;="


def for_application(trust: Trust, who: Subject, sources: Sequence[str]) -> str:
    """Return the name of a visitor for the application; no two visitors share one.

    * ``VALUE``, if no other visitor can have it.
    * ``VALUE!FORMAT!HUB``, if another trusted hub or source could have it, or the
      NameID has another format than the requested one.
    * ``VALUE!FORMAT!HUB!DOMAIN``, if the hub names another domain than its own
      (NameQualifier); with an empty domain, for a value that looks like one of these.

    It depends on nothing else, so it is the same at each login.
    """
    hub = quote(who.issuer, _PLAIN)
    domain = "" if who.name_qualifier == who.issuer else who.name_qualifier
    is_only_way = len(trust.hub_ids) == 1 and len(sources) == 1
    is_other = is_of_other_format(trust, who)
    looks_composed = f"!{hub}!" in f"{who.name_id}!"
    if is_only_way and not is_other and not domain and not looks_composed:
        return who.name_id
    parts = [who.name_id, _kind(who.format), hub]
    if domain or (is_only_way and not is_other):
        parts.append(quote(domain, _PLAIN))
    return "!".join(parts)


def requested_format(trust: Trust) -> str:
    """Return the NameID format of our AuthnRequests; "" if any is allowed."""
    requested = trust.own.name_id_format
    return "" if requested == UNSPECIFIED else requested


def is_unspecified(who: Subject) -> bool:
    """Return whether the hub leaves the format of a NameID open (SAML core 8.3.1)."""
    return who.format == UNSPECIFIED


def is_of_other_format(trust: Trust, who: Subject) -> bool:
    """Return whether a NameID declares another format than the requested one."""
    if not who.has_name_id or is_unspecified(who):
        return False
    return requested_format(trust) not in ("", who.format)


def _kind(format_: str) -> str:
    prefix = "" if format_.startswith(BY_ATTRIBUTE) else ":"
    return _WORDS.get(format_) or f"{prefix}{quote(format_, _PLAIN)}"


def also_of(assertion: Assertion, who: Subject) -> Subject | None:
    """Return the NameID of a visitor whom an attribute identifies, or None."""
    if who.has_name_id or assertion.name_id is None:
        return None
    return _named(assertion.name_id, assertion.issuer, who.audience)


def subject_of(trust: Trust, assertion: Assertion, sources: Sequence[str]) -> Subject:
    """Return the visitor of an assertion, or raise SubjectMissing.

    The first of ``sources`` counts that is in it; an attribute has exactly one value.
    """
    for source in sources:
        who = _by(source, assertion, trust.own.entity_id)
        if who is not None:
            return who
    sent = [] if assertion.name_id is None else [NAME_ID]
    sent += (f"attribute:{name}" for name in sorted(assertion.attributes))
    raise SubjectMissing(
        f"the Response of {assertion.issuer!r} does not identify the visitor: it "
        f"has {', '.join(sent) or 'neither NameID nor attributes'}; expected "
        f"{' or '.join(sources)} with one value (subject): "
        f"{trust.whom_to_ask(assertion.issuer)}"
    )


def _by(source: str, assertion: Assertion, audience: str) -> Subject | None:
    issuer = assertion.issuer
    if source == NAME_ID:
        if assertion.name_id is None:
            return None
        return _named(assertion.name_id, issuer, audience)
    values = assertion.attributes.get(source.removeprefix(BY_ATTRIBUTE), ())
    if len(values) != 1 or not values[0].strip() or CONTROL.search(values[0]):
        return None
    return Subject(issuer, audience, values[0], source)


def _named(name_id: NameID, issuer: str, audience: str) -> Subject:
    return Subject.named(name_id, issuer=issuer, audience=audience)
