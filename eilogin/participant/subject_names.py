"""Who somebody is here: her NameID, or an attribute that serves in its place.

Where an attribute serves, she is known by its name and value at this hub: the same
citizen at each login, though the hub may give her another NameID each time, or none.
No message of the hub can name her by it; by the NameID that came along it can. Where
none did, single logout cannot reach her session from there, nor start here.

The application knows her by the value alone where nothing else can have the same: one
hub, and one way in which it names her. Else it gets the way and the hub too
(:func:`for_application`).
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


#: The type of the option ``subject``.
SubjectSources = Annotated[Words, AfterValidator(_sources)]


#: The formats of a NameID that have a word of their own.
_WORDS = {
    format_: short(format_) for format_ in (UNSPECIFIED, PERSISTENT, TRANSIENT, EMAIL)
}
#: What may stand in a format or an entityID as it is; not what parts them.
_PLAIN = ":/?#[]@$&'()*+,;="


def for_application(trust: Trust, who: Subject, sources: Sequence[str]) -> str:
    """Who somebody is to the application; no two are the same.

    The value alone, where no other one can be the same. ``VALUE!FORMAT!HUB`` if another
    hub of ours, or another of ``sources``, could have the same value, and if the NameID
    is of another format than was asked for. ``VALUE!FORMAT!HUB!DOMAIN`` if the hub says
    that the name is of another domain than its own (NameQualifier), and, with no
    domain, for a value that could be mistaken for one of these. It depends on nothing
    but these and the options, so it is the same at every login.
    """
    hub = quote(who.issuer, _PLAIN)
    domain = "" if who.name_qualifier == who.issuer else who.name_qualifier
    is_only_way = len(trust.hub_ids) == 1 and len(sources) == 1
    is_other = is_of_other_format(trust, who)
    looks_composed = f"!{hub}!" in f"{who.name_id}!"
    if is_only_way and not is_other and not domain and not looks_composed:
        return who.name_id
    parts = [who.name_id, _kind(who.format), hub]
    # A value that looks like one of these is not taken for it.
    if domain or (is_only_way and not is_other):
        parts.append(quote(domain, _PLAIN))
    return "!".join(parts)


def asked_format(trust: Trust) -> str:
    """The format of NameID that our questions ask for; "" where any may come."""
    wanted = trust.own.name_id_format
    return "" if wanted == UNSPECIFIED else wanted


def is_unspecified(who: Subject) -> bool:
    """Whether the hub does not say how a NameID is meant (SAML core 8.3.1)."""
    return who.format == UNSPECIFIED


def is_of_other_format(trust: Trust, who: Subject) -> bool:
    """Whether a NameID says that it is of another format than was asked for."""
    if not who.has_name_id or is_unspecified(who):
        return False
    return asked_format(trust) not in ("", who.format)


def _kind(format_: str) -> str:
    """How a name is meant, in a word where it has one; never the same for two."""
    prefix = "" if format_.startswith(BY_ATTRIBUTE) else ":"
    return _WORDS.get(format_) or f"{prefix}{quote(format_, _PLAIN)}"


def also_of(assertion: Assertion, who: Subject) -> Subject | None:
    """By what the hub names her too, where an attribute says who she is here."""
    if who.has_name_id or assertion.name_id is None:
        return None
    return _named(assertion.name_id, assertion.issuer, who.audience)


def subject_of(trust: Trust, assertion: Assertion, sources: Sequence[str]) -> Subject:
    """Whom an assertion means: by the first of ``sources`` that it has.

    An attribute names her by its one value, which is in one line. Raises
    :class:`eilogin.errors.SubjectMissing` where it has none of them.
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
