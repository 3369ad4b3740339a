"""Describe how a member differs from its earlier record, and what needs approval.

Changed metadata can hand over logins in three ways. An entity can take the place of
another (keys, scopes of a hub, a new hub role), receive its messages (addresses,
encryption key), or escape a rule of the operator. These changes need approval, except a
key beside an old one, as in each rollover.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eilogin.errors import MalformedMessage
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.metadata import (
    NO_SSO,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Role,
    ServiceProvider,
)
from eilogin.saml.metadata.metadata_addresses import web_host
from eilogin.saml.printable_text import first_of, short
from eilogin.saml.signing_keys import (
    PublicKey,
    encryption_key,
    fingerprints,
    public_key,
)

#: In the order of the report.
GONE = "Members gone"
ADDED = "Members added"
LEFT_OUT = "Members left out"
ROLES = "Roles"
KEYS = "Keys that sign"
ENCRYPTION = "Keys to encrypt with"
ADDRESSES = "Addresses"
SCOPES = "Scopes"
RULED = "Rules of the operator"
ASKED = "Requested attributes"
OTHER = "Other"
VALIDITY = "Validity"
KINDS = (
    *(GONE, ADDED, LEFT_OUT, ROLES, KEYS, ENCRYPTION, ADDRESSES, SCOPES, RULED),
    *(ASKED, OTHER, VALIDITY),
)

#: The most items of a new member, items of a change, and characters of an item. The
#: approver must see the whole change, but no metadata may make a log endless.
_NAMED, _CHANGED, _SHOWN = 5, 100, 200

_ADDRESSES = {
    "assertion_consumers": "Responses to logins (ACS)",
    "discovery_responses": "choices of a hub (discovery)",
    "single_sign_ons": "login requests (SSO)",
    "artifact_resolutions": "artifacts (ArtifactResolutionService)",
    "activity_services": "activity reports (ActivityService)",
    "single_logouts": "logouts (SLO)",
}

_LOOKED_AT = {
    *("entity_id", "service_provider", "identity_provider", "valid_until"),
    *("sso_domain", "required_level", "released", "entity_categories"),
    *("signing_certificates", "encryption_certificates", "scopes"),
    *("attribute_services", *_ADDRESSES),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, as a line of text."""

    kind: str
    entity_id: str
    text: str
    waits: bool = False

    def __str__(self) -> str:
        return f"{plain(self.entity_id)}: {self.text}" if self.entity_id else self.text


def differences(
    old: EntityDescriptor, new: EntityDescriptor, *, is_our_hub: bool
) -> Iterator[Change]:
    """Yield each change but of the end; ``is_our_hub``: our visitors go there."""
    for kind, text, waits in _differences(old, new, is_our_hub=is_our_hub):
        yield Change(kind, new.entity_id, text, waits)


def introduced(entity: EntityDescriptor) -> str:
    """Describe a new member."""
    roles = [
        _introduced(what, role)
        for what, role in (
            ("hub", entity.identity_provider),
            ("participant", entity.service_provider),
        )
        if role is not None
    ]
    name = entity.name("en")
    called = f"'{words(name)}', " if name != entity.entity_id else ""
    return called + ("; ".join(roles) or "without a role that eilogin knows")


def plain(text: str) -> str:
    """Escape foreign text for a terminal: ASCII, at most 200 characters."""
    escaped = text[: _SHOWN + 1].encode("ascii", "backslashreplace").decode()
    return _short("".join(c if c.isprintable() else "?" for c in escaped))


def words(text: str) -> str:
    """Make foreign text printable and short, without a turn of its direction."""
    return _short("".join(c if c.isprintable() else "?" for c in text[: _SHOWN + 1]))


def key_ids(role: Role) -> frozenset[bytes]:
    """The IDs of the keys of a role."""
    return frozenset(_by_key(role.signing_certificates, public_key))


def origins(role: Role) -> frozenset[str]:
    """Scheme, host and port of all addresses of a role."""
    return frozenset().union(*(_origins(one) for one in _all_addresses(role).values()))


def shared(
    known: Iterable[str], new: Iterable[str], read: Callable[[str], PublicKey]
) -> tuple[str, ...]:
    """The known certificates whose keys are among the new ones."""
    still = _by_key(new, read)
    return tuple(text for key, text in _by_key(known, read).items() if key in still)


def stricter(known: EntityDescriptor, new: EntityDescriptor) -> dict[str, Any]:
    """The fields in which the operator's rules are stricter than before."""
    found: dict[str, Any] = {}
    if new.sso_domain == NO_SSO:
        found["sso_domain"] = NO_SSO
    if _height(new.required_level) > _height(known.required_level):
        found["required_level"] = new.required_level
    if _is_within(new.released, known.released):
        found["released"] = new.released
    return found


_Difference = tuple[str, str, bool]
_T = TypeVar("_T")


def _differences(
    old: EntityDescriptor, new: EntityDescriptor, *, is_our_hub: bool
) -> Iterator[_Difference]:
    yield from _of_role(
        "hub", old.identity_provider, new.identity_provider, is_ours=is_our_hub
    )
    yield from _of_role("participant", old.service_provider, new.service_provider)
    yield from _ruled(old, new)
    yield from _asked(old, new)
    yield from _others("", old, new)


def _of_role(
    what: str, old: Role | None, new: Role | None, *, is_ours: bool = False
) -> Iterator[_Difference]:
    if old is None or new is None:
        if new is not None:
            # A mere participant could now assert the identity of a visitor.
            told = f"is a {what} now: {_introduced(what, new)}"
            yield ROLES, told, isinstance(new, IdentityProvider)
        if old is not None:
            ours = ", and it is ours" if is_ours else ""
            yield ROLES, f"is no longer a {what}{ours}", is_ours
        return
    yield from _signing(what, old, new)
    yield from _encryption(what, old, new)
    yield from _addresses(what, old, new)
    if isinstance(old, IdentityProvider) and isinstance(new, IdentityProvider):
        yield from _scopes(old.scopes, new.scopes)
    yield from _others(f"{what}: ", old, new)


# --- keys ---------------------------------------------------------------------------


def _signing(what: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = old.signing_certificates, new.signing_certificates
    if before == after:
        return
    olds, news = _by_key(before, public_key), _by_key(after, public_key)
    if not olds.keys() & news.keys():
        told = f"{what}: all keys are replaced: {_known_by(before)}"
        yield KEYS, f"{told}; now {_known_by(after)}", True
        return
    for kind, text in _keys_of_both(what, olds, news):
        yield KEYS, f"{what}: {kind} {text}", False


def _encryption(what: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = old.encryption_certificates, new.encryption_certificates
    if before == after:
        return
    olds, news = _by_key(before, encryption_key), _by_key(after, encryption_key)
    # In a rollover, the next key may first sign, then serve both uses.
    known = olds.keys() | _by_key(old.signing_certificates, encryption_key).keys()
    if olds and not news:
        told = "has no encryption key now, so messages to it are readable for others"
        yield ENCRYPTION, f"{what}: {told}; before: {_known_by(before)}", True
    elif olds and not known & news.keys():
        told = f"all keys are replaced: {_known_by(before)}; now {_known_by(after)}"
        yield ENCRYPTION, f"{what}: {told}", True
    else:
        for kind, text in _keys_of_both(what, olds, news):
            yield ENCRYPTION, f"{what}: {kind} {text}", False


def _keys_of_both(
    what: str, olds: Mapping[bytes, str], news: Mapping[bytes, str]
) -> Iterator[tuple[str, str]]:
    added = [text for key, text in news.items() if key not in olds]
    gone = [text for key, text in olds.items() if key not in news]
    for text in added:
        yield "key added:", _fingerprints(text)
    for text in gone:
        yield "key gone:", _fingerprints(text)
    if not added and not gone:
        yield "the same keys,", f"in other certificates: {_known_by([*news.values()])}"


def _by_key(
    certificates: Iterable[str], read: Callable[[str], PublicKey]
) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for text in certificates:
        try:
            key = read(text)
        except MalformedMessage:
            continue
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found.setdefault(octets, text)
    return found


def _known_by(certificates: Sequence[str], most: int = _CHANGED) -> str:
    first = [*map(_fingerprints, certificates[:most])]
    return _some([*first, *certificates[most:]], most)


def _fingerprints(certificate: str) -> str:
    try:
        return fingerprints(certificate)
    except MalformedMessage as error:
        return str(error)


# --- addresses ----------------------------------------------------------------------


def _addresses(what: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = _all_addresses(old), _all_addresses(new)
    for name, goes_there in _ADDRESSES.items():
        olds, news = before.get(name, ()), after.get(name, ())
        if olds == news:
            continue
        # The first address of a kind may be at a known origin.
        usual = _origins(olds) or origins(old)
        if moved := _origins(news) - usual:
            told = f"go to {_some(sorted(moved))}; before: {_some(sorted(usual))}"
            yield ADDRESSES, f"{what}: {goes_there} {told}", True
        else:
            yield ADDRESSES, f"{what}: {goes_there}: {_at_the_same(olds, news)}", False


def _all_addresses(role: Role) -> dict[str, Sequence[Endpoint]]:
    return {name: getattr(role, name) for name in _ADDRESSES if hasattr(role, name)}


def _origins(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    urls = ((one.location, one.response_location) for one in endpoints)
    return frozenset(_origin(url) for pair in urls for url in pair if url)


def _origin(url: str) -> str:
    """The origin of a URL; an ambiguous one counts as a whole: no other shares it."""
    host = web_host(url)
    if not host:
        return plain(url)
    parts = urlsplit(url)
    port = "" if parts.port in (None, _USUAL_PORT[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


_USUAL_PORT = {"http": 80, "https": 443}


def _at_the_same(olds: Sequence[Endpoint], news: Sequence[Endpoint]) -> str:
    before, after = (set(map(_place, ends)) for ends in (olds, news))
    if before == after:
        return "the same in another order, or with another default"
    return _more_and_less(before, after, _written)


def _place(endpoint: Endpoint) -> tuple[str, str, str]:
    return endpoint.binding, endpoint.location, endpoint.response_location


def _written(place: tuple[str, str, str]) -> str:
    binding, location, response_location = place
    behind = f" (answers {plain(response_location)})" if response_location else ""
    return f"{plain(short(binding))} {plain(location)}{behind}"


# --- what a hub may say, and what it gives ------------------------------------------


def _scopes(
    old: frozenset[str] | None, new: frozenset[str] | None
) -> Iterator[_Difference]:
    if old == new:
        return
    if new is None:
        yield SCOPES, f"any from now on; before: {_listed(old)}", True
    elif old is None:
        yield SCOPES, f"from now on only {_listed(new)}; before: any", False
    else:
        yield SCOPES, _more_and_less(old, new, words), bool(new - old)


def _ruled(old: EntityDescriptor, new: EntityDescriptor) -> Iterator[_Difference]:
    if old.sso_domain != new.sso_domain:
        domains = (words(one.sso_domain) or "the usual one" for one in (new, old))
        told = "shares a session within the SSO domain: {}; before: {}"
        yield RULED, told.format(*domains), new.sso_domain != NO_SSO
    if old.required_level != new.required_level:
        levels = [one.required_level for one in (new, old)]
        told = "needs the level: {}; before: {}"
        named = (words(level) or "none" for level in levels)
        yield RULED, told.format(*named), _height(levels[0]) < _height(levels[1])
    if old.released != new.released:
        told = f"may get {_listed(new.released)}; before: {_listed(old.released)}"
        yield RULED, told, not _is_within(new.released, old.released)


def _height(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


def _asked(old: EntityDescriptor, new: EntityDescriptor) -> Iterator[_Difference]:
    if old.service_provider and new.service_provider:
        yield from _requests(old.service_provider, new.service_provider, new.released)
    if old.entity_categories != new.entity_categories:
        before, after = old.entity_categories, new.entity_categories
        told = f"entity categories: {_more_and_less(before, after, words)}"
        yield ASKED, told, bool(after - before)


def _requests(
    old: ServiceProvider, new: ServiceProvider, released: Collection[str] | None
) -> Iterator[_Difference]:
    before, after = _requested(old), _requested(new)
    if before != after:
        # Attributes that the operator forbids have no effect.
        more = after - before
        gets = more if released is None else more.intersection(released)
        yield ASKED, f"attributes: {_more_and_less(before, after, words)}", bool(gets)
    elif old.attribute_services != new.attribute_services:
        yield ASKED, "the same attributes, in other lists", False


def _requested(role: ServiceProvider) -> frozenset[str]:
    lists = ((*one.requested, *one.required) for one in role.attribute_services)
    return frozenset(name for names in lists for name in names)


def _is_within(names: Collection[str] | None, others: Collection[str] | None) -> bool:
    return others is None or (names is not None and set(names) <= set(others))


# --- all the rest -------------------------------------------------------------------


def _others(what: str, old: Any, new: Any) -> Iterator[_Difference]:
    """Compare the fields that cannot take anything from anybody."""
    for name in sorted({f.name for one in (old, new) for f in fields(one)}):
        if name in _LOOKED_AT:
            continue
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            told = f"{what}{name.replace('_', ' ')}: {_told(before, after)}"
            yield OTHER, told, False


def _told(before: Any, after: Any) -> str:
    if isinstance(before, bool) and isinstance(after, bool):
        return "yes, before: no" if after else "no, before: yes"
    olds, news = set(_items(before)), set(_items(after))
    if olds == news:
        return "the same in another order"
    return _more_and_less(olds, news, words)


def _items(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{key} '{one}'" for key, one in value.items())
    elif isinstance(value, tuple | frozenset):
        yield from (_item(one) for one in value)
    else:
        yield str(value)


def _item(value: Any) -> str:
    if not is_dataclass(value):
        return str(value)
    return " ".join(filter(None, (str(getattr(value, f.name)) for f in fields(value))))


def _introduced(what: str, role: Role) -> str:
    at = _some(sorted(origins(role)), _NAMED) or "nowhere"
    keys = _known_by(role.signing_certificates, _NAMED)
    return f"{what} at {at}; keys: {keys or 'none'}"


def _listed(names: Collection[str] | None) -> str:
    return "anything" if names is None else _some(sorted(map(words, names))) or "none"


def _more_and_less(
    before: Collection[_T], after: Collection[_T], write: Callable[[_T], str]
) -> str:
    told = []
    more, less = set(after) - set(before), set(before) - set(after)
    for what, found in (("new", more), ("no more", less)):
        if found:
            told.append(f"{what}: {_some(sorted(map(write, found)))}")
    return "; ".join(told)


def _some(texts: Sequence[str], most: int = _CHANGED) -> str:
    return ", ".join(first_of(texts, most))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
