"""Describe how a member differs from its earlier record, and what needs approval.

Changed metadata can hand over logins in three ways. An entity can take the place of
another (keys, scopes of a hub, a new hub role), receive its messages (addresses,
encryption key), or escape a rule of the operator. These changes need approval, except a
key beside an old one, as in each rollover.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple, TypeVar
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

#: The most items of a new member, items of a change, and characters of an item. An
#: approver must see a whole change, but metadata must not make a log endless.
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
    """Yield the changes, but not of validity; ``is_our_hub``: visitors log in there."""
    for difference in _differences(old, new, is_our_hub=is_our_hub):
        yield Change(difference.kind, new.entity_id, difference.text, difference.waits)


def introduced(entity: EntityDescriptor) -> str:
    """Describe a new member."""
    roles = [
        _introduced(label, role)
        for label, role in (
            ("hub", entity.identity_provider),
            ("participant", entity.service_provider),
        )
        if role is not None
    ]
    name = entity.name("en")
    quoted_name = f"'{words(name)}', " if name != entity.entity_id else ""
    return quoted_name + ("; ".join(roles) or "without a role that eilogin knows")


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
    return frozenset().union(
        *(_origins(endpoints) for endpoints in _all_addresses(role).values())
    )


def shared(
    old: Iterable[str], new: Iterable[str], read: Callable[[str], PublicKey]
) -> tuple[str, ...]:
    """The known certificates whose keys are among the new ones."""
    shared_keys = _by_key(new, read)
    return tuple(text for key, text in _by_key(old, read).items() if key in shared_keys)


def stricter(old: EntityDescriptor, new: EntityDescriptor) -> dict[str, Any]:
    """The fields in which the operator's rules are stricter than before."""
    fields_of_rules: dict[str, Any] = {}
    if new.sso_domain == NO_SSO:
        fields_of_rules["sso_domain"] = NO_SSO
    if _height(new.required_level) > _height(old.required_level):
        fields_of_rules["required_level"] = new.required_level
    if _is_within(new.released, old.released):
        fields_of_rules["released"] = new.released
    return fields_of_rules


_T = TypeVar("_T")


class _Difference(NamedTuple):
    kind: str
    text: str
    waits: bool = False


def _differences(
    old: EntityDescriptor, new: EntityDescriptor, *, is_our_hub: bool
) -> Iterator[_Difference]:
    yield from _of_role(
        "hub", old.identity_provider, new.identity_provider, is_ours=is_our_hub
    )
    yield from _of_role("participant", old.service_provider, new.service_provider)
    yield from _ruled(old, new)
    yield from _requested_attributes(old, new)
    yield from _other_fields("", old, new)


def _of_role(
    label: str, old: Role | None, new: Role | None, *, is_ours: bool = False
) -> Iterator[_Difference]:
    if old is None or new is None:
        if new is not None:
            # A mere participant could now assert the identity of a visitor.
            text = f"is a {label} now: {_introduced(label, new)}"
            yield _Difference(ROLES, text, waits=isinstance(new, IdentityProvider))
        if old is not None:
            suffix = ", and it is ours" if is_ours else ""
            yield _Difference(ROLES, f"is no longer a {label}{suffix}", waits=is_ours)
        return
    yield from _signing(label, old, new)
    yield from _encryption(label, old, new)
    yield from _addresses(label, old, new)
    if isinstance(old, IdentityProvider) and isinstance(new, IdentityProvider):
        yield from _scopes(old.scopes, new.scopes)
    yield from _other_fields(f"{label}: ", old, new)


# --- keys ---------------------------------------------------------------------------


def _signing(label: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = old.signing_certificates, new.signing_certificates
    if before == after:
        return
    old_keys, new_keys = _by_key(before, public_key), _by_key(after, public_key)
    if not old_keys.keys() & new_keys.keys():
        text = f"{label}: all keys are replaced: {_fingerprints_of(before)}"
        yield _Difference(KEYS, f"{text}; now {_fingerprints_of(after)}", waits=True)
        return
    for text in _key_changes(old_keys, new_keys):
        yield _Difference(KEYS, f"{label}: {text}")


def _encryption(label: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = old.encryption_certificates, new.encryption_certificates
    if before == after:
        return
    old_keys, new_keys = _by_key(before, encryption_key), _by_key(after, encryption_key)
    # In a rollover, the next key may first sign, then serve both uses.
    usable = old_keys.keys() | _by_key(old.signing_certificates, encryption_key).keys()
    if old_keys and not new_keys:
        text = (
            "has no encryption key now, so messages to it are readable for others; "
            f"before: {_fingerprints_of(before)}"
        )
        yield _Difference(ENCRYPTION, f"{label}: {text}", waits=True)
    elif old_keys and not usable & new_keys.keys():
        text = (
            f"all keys are replaced: {_fingerprints_of(before)}; "
            f"now {_fingerprints_of(after)}"
        )
        yield _Difference(ENCRYPTION, f"{label}: {text}", waits=True)
    else:
        for text in _key_changes(old_keys, new_keys):
            yield _Difference(ENCRYPTION, f"{label}: {text}")


def _key_changes(
    old_keys: Mapping[bytes, str], new_keys: Mapping[bytes, str]
) -> Iterator[str]:
    added = [text for key, text in new_keys.items() if key not in old_keys]
    removed = [text for key, text in old_keys.items() if key not in new_keys]
    for certificate in added:
        yield f"key added: {_fingerprints(certificate)}"
    for certificate in removed:
        yield f"key gone: {_fingerprints(certificate)}"
    if not added and not removed:
        certificates = [*new_keys.values()]
        yield f"the same keys, in other certificates: {_fingerprints_of(certificates)}"


def _by_key(
    certificates: Iterable[str], read: Callable[[str], PublicKey]
) -> dict[bytes, str]:
    by_key: dict[bytes, str] = {}
    for text in certificates:
        try:
            key = read(text)
        except MalformedMessage:
            continue
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        by_key.setdefault(octets, text)
    return by_key


def _fingerprints_of(certificates: Sequence[str], most: int = _CHANGED) -> str:
    first = [*map(_fingerprints, certificates[:most])]
    return _some([*first, *certificates[most:]], most)


def _fingerprints(certificate: str) -> str:
    try:
        return fingerprints(certificate)
    except MalformedMessage as error:
        return str(error)


# --- addresses ----------------------------------------------------------------------


def _addresses(label: str, old: Role, new: Role) -> Iterator[_Difference]:
    before, after = _all_addresses(old), _all_addresses(new)
    for name, goes_there in _ADDRESSES.items():
        old_endpoints, new_endpoints = before.get(name, ()), after.get(name, ())
        if old_endpoints == new_endpoints:
            continue
        # The first address of a kind may be at a known origin.
        old_origins = _origins(old_endpoints) or origins(old)
        if moved := _origins(new_endpoints) - old_origins:
            text = f"go to {_some(sorted(moved))}; before: {_some(sorted(old_origins))}"
            yield _Difference(ADDRESSES, f"{label}: {goes_there} {text}", waits=True)
        else:
            yield _Difference(
                ADDRESSES,
                f"{label}: {goes_there}: {_at_the_same(old_endpoints, new_endpoints)}",
            )


def _all_addresses(role: Role) -> dict[str, Sequence[Endpoint]]:
    return {name: getattr(role, name) for name in _ADDRESSES if hasattr(role, name)}


def _origins(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    urls = ((endpoint.location, endpoint.response_location) for endpoint in endpoints)
    return frozenset(_origin(url) for pair in urls for url in pair if url)


def _origin(url: str) -> str:
    """The origin of a URL, or the whole URL if it is ambiguous."""
    host = web_host(url)
    if not host:
        return plain(url)
    parts = urlsplit(url)
    port = "" if parts.port in (None, _USUAL_PORT[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


_USUAL_PORT = {"http": 80, "https": 443}


def _at_the_same(
    old_endpoints: Sequence[Endpoint], new_endpoints: Sequence[Endpoint]
) -> str:
    before, after = (
        set(map(_without_index, endpoints))
        for endpoints in (old_endpoints, new_endpoints)
    )
    if before == after:
        return "the same in another order, or with another default"
    return _more_and_less(before, after, _written)


def _without_index(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, index=None, is_default=None)


def _written(endpoint: Endpoint) -> str:
    answers = plain(endpoint.response_location)
    suffix = f" (answers {answers})" if answers else ""
    return f"{plain(short(endpoint.binding))} {plain(endpoint.location)}{suffix}"


# --- scopes, rules and attributes -----------------------------------------------------


def _scopes(
    old: frozenset[str] | None, new: frozenset[str] | None
) -> Iterator[_Difference]:
    if old == new:
        return
    if new is None:
        yield _Difference(
            SCOPES, f"any from now on; before: {_listed(old)}", waits=True
        )
    elif old is None:
        yield _Difference(SCOPES, f"from now on only {_listed(new)}; before: any")
    else:
        text, waits = _more_and_less(old, new, words), bool(new - old)
        yield _Difference(SCOPES, text, waits=waits)


def _ruled(old: EntityDescriptor, new: EntityDescriptor) -> Iterator[_Difference]:
    if old.sso_domain != new.sso_domain:
        domains = (words(entity.sso_domain) or "the usual one" for entity in (new, old))
        text = "shares a session within the SSO domain: {}; before: {}"
        yield _Difference(RULED, text.format(*domains), waits=new.sso_domain != NO_SSO)
    if old.required_level != new.required_level:
        levels = [entity.required_level for entity in (new, old)]
        text = "needs the level: {}; before: {}"
        named = (words(level) or "none" for level in levels)
        yield _Difference(
            RULED, text.format(*named), waits=_height(levels[0]) < _height(levels[1])
        )
    if old.released != new.released:
        text = f"may get {_listed(new.released)}; before: {_listed(old.released)}"
        yield _Difference(RULED, text, waits=not _is_within(new.released, old.released))


def _height(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


def _requested_attributes(
    old: EntityDescriptor, new: EntityDescriptor
) -> Iterator[_Difference]:
    if old.service_provider and new.service_provider:
        yield from _requests(old.service_provider, new.service_provider, new.released)
    if old.entity_categories != new.entity_categories:
        before, after = old.entity_categories, new.entity_categories
        text = f"entity categories: {_more_and_less(before, after, words)}"
        yield _Difference(ASKED, text, waits=bool(after - before))


def _requests(
    old: ServiceProvider, new: ServiceProvider, released: Collection[str] | None
) -> Iterator[_Difference]:
    before, after = _attribute_names(old), _attribute_names(new)
    if before != after:
        # Attributes that the operator forbids have no effect.
        more = after - before
        gets = more if released is None else more.intersection(released)
        text = f"attributes: {_more_and_less(before, after, words)}"
        yield _Difference(ASKED, text, waits=bool(gets))
    elif old.attribute_services != new.attribute_services:
        yield _Difference(ASKED, "the same attributes, in other lists")


def _attribute_names(role: ServiceProvider) -> frozenset[str]:
    lists = (
        (*service.requested, *service.required) for service in role.attribute_services
    )
    return frozenset(name for names in lists for name in names)


def _is_within(names: Collection[str] | None, limit: Collection[str] | None) -> bool:
    return limit is None or (names is not None and set(names) <= set(limit))


# --- other fields ---------------------------------------------------------------------


def _other_fields(label: str, old: Any, new: Any) -> Iterator[_Difference]:
    """Compare the fields that cannot take anything from anybody."""
    for name in sorted({f.name for record in (old, new) for f in fields(record)}):
        if name in _LOOKED_AT:
            continue
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            text = f"{label}{name.replace('_', ' ')}: {_changed_value(before, after)}"
            yield _Difference(OTHER, text)


def _changed_value(before: Any, after: Any) -> str:
    if isinstance(before, bool) and isinstance(after, bool):
        return "yes, before: no" if after else "no, before: yes"
    old_items, new_items = set(_items(before)), set(_items(after))
    if old_items == new_items:
        return "the same in another order"
    return _more_and_less(old_items, new_items, words)


def _items(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{key} '{item}'" for key, item in value.items())
    elif isinstance(value, tuple | frozenset):
        yield from (_item(item) for item in value)
    else:
        yield str(value)


def _item(value: Any) -> str:
    if not is_dataclass(value):
        return str(value)
    return " ".join(filter(None, (str(getattr(value, f.name)) for f in fields(value))))


def _introduced(label: str, role: Role) -> str:
    at = _some(sorted(origins(role)), _NAMED) or "nowhere"
    keys = _fingerprints_of(role.signing_certificates, _NAMED)
    return f"{label} at {at}; keys: {keys or 'none'}"


def _listed(names: Collection[str] | None) -> str:
    return "anything" if names is None else _some(sorted(map(words, names))) or "none"


def _more_and_less(
    before: Collection[_T], after: Collection[_T], write: Callable[[_T], str]
) -> str:
    parts = []
    more, less = set(after) - set(before), set(before) - set(after)
    for label, items in (("new", more), ("no more", less)):
        if items:
            parts.append(f"{label}: {_some(sorted(map(write, items)))}")
    return "; ".join(parts)


def _some(texts: Sequence[str], most: int = _CHANGED) -> str:
    return ", ".join(first_of(texts, most))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
