"""The services of the federation as the portal lists them.

All data of a member is text here: cleaned, shortened, and without markup. A link leads
to a web address in the metadata. A logo is a PNG or SVG image.
"""

import base64
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eilogin import clock
from eilogin.federation import Membership, Trust
from eilogin.saml.message_checks import SKEW
from eilogin.saml.metadata import EntityDescriptor
from eilogin.saml.metadata.metadata_addresses import web_host
from eilogin.saml.metadata.metadata_texts import clean
from eilogin.web.pages.translations import LANGUAGES

#: From this many services on, the page has a search and categories.
MANY = 12
_MOST_CATEGORIES = 12
#: Most characters of texts, and most keywords of a service.
_LONGEST_NAME, _LONGEST_DESCRIPTION, _LONGEST_KEYWORD = 100, 240, 40
_MOST_KEYWORDS = 20
#: Most characters of a language (BCP 47), such as "nl-NL".
_LONGEST_TAG = 35
#: Most languages of a service that the search covers.
_MOST_LANGUAGES = 10
#: Most characters of a search.
LONGEST_SEARCH = 100
#: Seconds for which the portal lists an expired service.
_LISTED_FOR = 7 * 24 * 3600.0
#: Octets of a hash in an address.
_ID_SIZE = 12
#: Characters that turn the direction of text, also of other texts on the page.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_IMAGE_TYPES = ("image/png", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class ServiceLogo:
    """An image, as the portal sends it."""

    content_type: str
    octets: bytes

    @property
    def version(self) -> str:
        """A hash of the image."""
        return _short(self.octets)


@dataclass(frozen=True, slots=True)
class PortalService:
    """One service in one language; each text may be ""."""

    #: Its name in addresses and cookies.
    id: str
    entity_id: str
    name: str
    description: str
    #: "" for the language of the page.
    description_language: str
    #: Its page for visitors.
    address: str
    initial: str
    categories: frozenset[str]
    #: For sorting, and for searches in the name.
    folded_name: str
    #: All texts that a search covers.
    folded_text: str
    #: Whether its metadata is valid; otherwise nobody can log in there.
    is_valid: bool


@dataclass(frozen=True, slots=True)
class ServiceCategory:
    """A keyword that several services share."""

    key: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class PortalServices:
    """All other participants, in one language, sorted by name."""

    trust: Trust
    all: Sequence[PortalService]
    by_id: Mapping[str, PortalService]
    categories: Sequence[ServiceCategory]
    #: The next expiry of a service or its tile (POSIX timestamp).
    until: float
    language: str
    #: Logos that a page has shown, by entityID.
    _versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, trust: Trust, language: str) -> "PortalServices":
        """Read the services from the metadata."""
        federation, listed = trust.federation, [*_listed(trust)]
        labels: dict[str, Counter[str]] = {}
        services: list[PortalService] = []
        for entity, is_valid in listed:
            keywords = dict(_keywords_of(federation, entity.entity_id, language))
            for key, label in keywords.items():
                labels.setdefault(key, Counter())[label] += 1
            categories = frozenset(keywords)
            services.append(
                _service(federation, entity, language, categories, is_valid=is_valid)
            )
        services.sort(key=lambda service: (service.folded_name, service.entity_id))
        return cls(
            trust,
            services,
            # If two have the same ID, which nobody can arrange, the first counts.
            {service.id: service for service in reversed(services)},
            _categories(labels) if len(services) >= MANY else (),
            min(_expiry_instants(listed), default=float("inf")),
            language,
        )

    @property
    def are_many(self) -> bool:
        """Whether the page needs a search."""
        return len(self.all) >= MANY

    def matching(self, search: str, category: str) -> Sequence[PortalService]:
        """Return the services of a category that contain all words of a search.

        Services with all words in their name come first.
        """
        words, key = fold(search).split(), fold(category)
        services = [
            service
            for service in self.all
            if (not key or key in service.categories)
            and all(word in service.folded_text for word in words)
        ]
        if words:
            services.sort(
                key=lambda service: not all(w in service.folded_name for w in words)
            )
        return services

    def logo_of(self, service: PortalService) -> "ServiceLogo | None":
        """Return the logo of a service, or None."""
        uri = self.trust.federation.logo_of(service.entity_id, self.language)
        return _logo_in(uri)

    def logo_version_of(self, service: PortalService) -> str:
        """Return a hash of the logo, or "", cached when a page first shows it."""
        version = self._versions.get(service.entity_id)
        if version is None:
            logo = self.logo_of(service)
            version = logo.version if logo else ""
            self._versions[service.entity_id] = version
        return version

    def label_of(self, category: str) -> str:
        """Return a category in the usual spelling of the services."""
        key = fold(category)
        return next((c.label for c in self.categories if c.key == key), category)


def fold(text: str) -> str:
    """Remove the differences that a search ignores: case and accents."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())


def id_of(entity_id: str) -> str:
    """Return the ID of an entityID in an address."""
    return _short(entity_id.encode("utf-8", "surrogatepass"))


def _short(octets: bytes) -> str:
    digest = hashlib.sha256(octets).digest()
    return base64.urlsafe_b64encode(digest[:_ID_SIZE]).decode()


def _listed(trust: Trust) -> Iterator[tuple[EntityDescriptor, bool]]:
    federation, oldest = trust.federation, clock.now() - SKEW - _LISTED_FOR
    for entity in federation.entities:
        if entity.service_provider and entity.entity_id != trust.own.entity_id:
            yield entity, True
    for entity in federation.expired:
        is_recent = entity.valid_until is not None and entity.valid_until > oldest
        if entity.service_provider and is_recent:
            yield entity, False


def _expiry_instants(
    listed: Iterable[tuple[EntityDescriptor, bool]],
) -> Iterator[float]:
    for entity, is_valid in listed:
        if entity.valid_until is not None:
            yield entity.valid_until + SKEW + (0.0 if is_valid else _LISTED_FOR)


def _service(
    federation: Membership,
    entity: EntityDescriptor,
    language: str,
    categories: frozenset[str],
    *,
    is_valid: bool,
) -> PortalService:
    entity_id = entity.entity_id
    name = shortened(federation.name_of(entity_id, language), _LONGEST_NAME)
    description = shortened(entity.description(language), _LONGEST_DESCRIPTION)
    found_in = entity.description_language(language)
    address = entity.information_url(language)
    return PortalService(
        id=id_of(entity_id),
        entity_id=entity_id,
        name=name,
        description=description,
        description_language=_tag(found_in, language),
        address=address if web_host(address) else "",
        initial=_initial(name),
        categories=categories,
        folded_name=fold(name),
        folded_text=fold(" ".join(_texts(federation, entity, name))),
        is_valid=is_valid,
    )


def _tag(found_in: str, language: str) -> str:
    is_other = found_in != language and len(found_in) <= _LONGEST_TAG
    return found_in if is_other else ""


def _texts(
    federation: Membership, entity: EntityDescriptor, name: str
) -> Iterator[str]:
    yield name
    for texts, longest in (
        (entity.names, _LONGEST_NAME),
        (entity.descriptions, _LONGEST_DESCRIPTION),
    ):
        for text in list(texts.values())[:_MOST_LANGUAGES]:
            yield shortened(text, longest)
    for language in LANGUAGES:
        for _, label in _keywords_of(federation, entity.entity_id, language):
            yield label


def _keywords_of(
    federation: Membership, entity_id: str, language: str
) -> Iterator[tuple[str, str]]:
    for keyword in federation.keywords_of(entity_id, language)[:_MOST_KEYWORDS]:
        label = _DIRECTION.sub("", clean(keyword))
        key = fold(label)
        if key and len(label) <= _LONGEST_KEYWORD:
            yield key, label


def _categories(labels: Mapping[str, Counter[str]]) -> Sequence[ServiceCategory]:
    categories = (
        ServiceCategory(key, spelt.most_common(1)[0][0], spelt.total())
        for key, spelt in labels.items()
    )
    shared = sorted(
        (category for category in categories if category.count > 1),
        key=lambda category: (-category.count, category.key),
    )
    return sorted(shared[:_MOST_CATEGORIES], key=lambda category: category.key)


def shortened(text: str, longest: int) -> str:
    """Return a text on one line; "…" marks where it is cut."""
    text = _DIRECTION.sub("", clean(text))
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _initial(name: str) -> str:
    return next((c.upper()[:1] for c in name if c.isalnum()), "")


def _logo_in(uri: str) -> ServiceLogo | None:
    """Return the image of a ``data:`` address in base64 (RFC 2397), or None."""
    head, _, data = uri.partition(",")
    kind, _, coding = head.removeprefix("data:").partition(";")
    if kind not in _IMAGE_TYPES or coding != "base64":
        return None
    try:
        return ServiceLogo(kind, base64.b64decode(data, validate=True))
    except ValueError:
        return None
