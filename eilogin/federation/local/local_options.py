"""The options of ``egg:eilogin#trust`` that describe this site, and its ``Own``."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urljoin

from pydantic import SecretBytes, ValidationInfo, field_validator, model_validator

from eilogin.config import (
    Folder,
    LongSecret,
    OptionNote,
    PathPrefix,
    PublicURL,
    ReadableFile,
    Secrets,
    Topic,
    exposed_files,
    option,
)
from eilogin.errors import ConfigurationError, Fault
from eilogin.federation.local.accessibility import (
    Accessibility,
)
from eilogin.federation.local.key_folder import KeyFolder
from eilogin.federation.local.local_entity import ADDRESSES, HUB, Own
from eilogin.federation.local.local_keys import (
    OwnKey,
    key_files,
    load_pair,
    pair_faults,
    signing_as,
)
from eilogin.federation.local.option_values import RequestedAttributes, URIs
from eilogin.federation.local.profiles import PROFILES
from eilogin.federation.local.site_options import SiteOptions
from eilogin.saml import bindings
from eilogin.saml.messages import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED

_FORMATS = {
    "persistent": (PERSISTENT,),
    "transient": (TRANSIENT,),
    "email": (EMAIL,),
    "unspecified": (UNSPECIFIED,),
    "any": (),
    "none": (),
}

#: Required without `keys`.
_FILES = {
    "key": "a PEM file with our private key",
    "certificate": "a PEM file with the certificate of our key",
}


class OwnOptions(SiteOptions):
    """The options that say who we are; all of our own metadata comes from them."""

    keys: Folder | None = option(
        "Names a folder with several keys, in place of ``key`` and "
        "``certificate``. Each key is a pair of files, NAME.key and "
        "NAME.crt; ``keys.ini`` in the folder says when each is in use.",
        default=None,
        shown="none",
    )
    key: ReadableFile | None = option(
        "Names the PEM file with the private key of this site. RSA; or "
        "P-256, P-384 or P-521 if all peers can verify with an elliptic "
        "curve.",
        default=None,
        shown="required unless ``keys``",
    )
    certificate: ReadableFile | None = option(
        "Names the PEM file with the certificate of ``key``.",
        default=None,
        shown="required unless ``keys``",
    )
    secret: Secrets = option(
        "Seals cookies and kept forms with this secret. List several, one "
        "on each line: eilogin writes with the first and reads with all. At "
        "least 16 bytes each; the value itself, ``env:NAME``, ``file:PATH`` "
        "or ``credential:NAME``.",
        default=(),
        shown="derived from ``key``; required with ``keys``",
    )
    pseudonym_key: LongSecret | None = option(
        "Derives the pseudonyms in the audit log from this secret, and also "
        "``subject`` if the NameID is a BSN. If you change it, the "
        "application no longer recognises its users. At least 16 bytes; the "
        "value itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``.",
        default=None,
        shown="derived from ``key``; required with ``keys``",
    )
    back_channel_url: PublicURL | None = option(
        "Sets the base of the addresses that other servers call (SOAP). Use "
        "it if they reach this site by another host than browsers do.",
        default=None,
        shown="as ``public_url``",
    )
    acs: Literal["artifact", "post"] = option(
        "Chooses how the hub sends its Response: ``artifact`` over the back "
        "channel, or ``post`` through the browser.",
        default="artifact",
    )
    hub_inside: PathPrefix | None = option(
        "Says that a hub stands behind these filters, and gives its "
        "``prefix`` (``/`` if it has none). That hub has ``sign_in = "
        "above``: these filters sign its citizens in.",
        default=None,
        shown="none",
    )
    profile: Literal["saml", "digid"] = option(
        "Chooses the interface: ``saml``, or ``digid`` for exactly the "
        "interface of DigiD.",
        default="saml",
    )
    name_id_format: Literal[
        "persistent", "transient", "email", "unspecified", "any", "none"
    ] = option(
        "Chooses the NameID format that a participant asks for: "
        "``persistent``, ``transient``, ``email`` or ``unspecified``. With "
        "``any`` the hub chooses; with ``none`` the AuthnRequest has no "
        "NameIDPolicy.",
        default="persistent",
        shown="``persistent``; with ``profile = digid`` ``none``",
    )
    requested_attributes: RequestedAttributes = option(
        "Lists the attributes that a participant asks for, one on each "
        "line. Write ``required`` behind an attribute that the application "
        "cannot do without.",
        default=(),
        shown="none",
    )
    entity_categories: URIs = option(
        "Lists URIs of entity categories, one on each line. At a "
        "participant: its own categories. At a hub: the categories of "
        "participants that get the attributes they ask for.",
        default=(),
        shown="none",
    )

    @field_validator("key", "certificate")
    @classmethod
    def _is_there(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        # Separate, to report its faults with those of others.
        values = info.data
        if value is None and "keys" in values and values["keys"] is None:
            raise ValueError(f"{_FILES[str(info.field_name)]}, or 'keys'")
        return value

    @model_validator(mode="after")
    def _has_a_key(self) -> "OwnOptions":
        if self.keys is not None and (self.key or self.certificate):
            raise ValueError("keys: expected either 'keys', or 'key' and 'certificate'")
        for name in ("secret", "pseudonym_key"):
            if self.keys is not None and not getattr(self, name):
                raise ValueError(
                    f"{name}: is required with 'keys', because a value derived from"
                    " a key would change with the key ('eilogin keys new' writes"
                    " it)"
                )
        try:
            _ = self.own_keys
        except ConfigurationError as error:
            name = "keys" if self.keys else "key, certificate"
            raise ValueError(f"{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _hub_asks_for_nothing(self) -> "OwnOptions":
        for name in ("name_id_format", "requested_attributes"):
            if self.role == HUB and name in self.model_fields_set:
                raise ValueError(
                    f"{name}: is only for participants; a hub sends no AuthnRequest"
                )
        return self

    @model_validator(mode="after")
    def _require_options_of_profile(self) -> "OwnOptions":
        option_names, profile = self.model_fields_set, PROFILES[self.profile]
        if self.acs == "post" and bindings.POST not in profile.response_bindings:
            raise ValueError(
                "acs: expected 'artifact', because DigiD answers only by artifact"
                " (profile = digid)"
            )
        has_format = "name_id_format" in option_names and self.name_id_format != "none"
        if has_format and profile.hub_chooses_name_id:
            raise ValueError(
                "name_id_format: expected 'none', because DigiD chooses the format"
                " (profile = digid)"
            )
        # A folder is checked at each read.
        has_other_keys = self.keys is None and not all(k.is_rsa for k in self.own_keys)
        if has_other_keys and profile.requires_rsa:
            raise ValueError("key: expected an RSA key, because DigiD accepts RSA only")
        for name in filter(option_names.__contains__, profile.refused_options):
            raise ValueError(
                f"{name}: is not allowed with 'profile = digid', because DigiD has"
                " no such thing"
            )
        return self

    @cached_property
    def own_keys(self) -> Sequence[OwnKey]:
        """Our keys; of a folder as at each use. Raises ConfigurationError."""
        profile = PROFILES[self.profile]
        if self.keys is not None:
            return KeyFolder(self.keys, site=entity_id_of(self), profile=profile)
        if not (self.key and self.certificate):
            return ()
        pair = load_pair(self.key, self.certificate)
        return signing_as([OwnKey.of(pair, path=self.certificate)], profile)

    @classmethod
    def hidden_faults(cls, file: str, values: Mapping[str, str]) -> Iterator[Fault]:
        """See the base class; checks that key and certificate match."""
        yield from super().hidden_faults(file, values)
        yield from pair_faults(Path(file).absolute().parent, values)

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        for name, path in (("key", self.key), ("keys", self.keys)):
            yield from exposed_files(name, key_files(path), Topic.KEY_FILE)
        for name in ("secret", "pseudonym_key"):
            yield from exposed_files(name, self.named_files(name), Topic.SECRET_FILE)


def own_of(options: OwnOptions) -> Own:
    """Build our own entity from the options."""
    name = options.name or options.public_url.split("//", 1)[1]
    return Own(
        role=options.role,
        public_url=options.public_url,
        prefix=prefix_of(options),
        keys=options.own_keys,
        entity_id=entity_id_of(options),
        back_channel_url=options.back_channel_url or options.public_url,
        acs=options.acs,
        names=_by_language(name, options.name_en),
        descriptions=_by_language(options.description, options.description_en),
        keywords=_by_language(options.keywords, options.keywords_en),
        link=urljoin(f"{options.public_url}/", options.link),
        telephone=options.telephone,
        email=options.email,
        templates=options.templates,
        logo=options.logo,
        accent=options.accent,
        footer=tuple(
            (label, urljoin(f"{options.public_url}/", address))
            for label, address in options.footer
        ),
        accessibility=_accessibility_of(options),
        hub_inside=options.hub_inside,
        secrets=tuple(secret.get_secret_value() for secret in options.secret),
        pseudonym_key=_secret_of(options.pseudonym_key),
        profile=PROFILES[options.profile],
        name_id_formats=_formats_of(options),
        asks_for_any_name=options.name_id_format == "any",
        requested_attributes=tuple(a.name for a in options.requested_attributes),
        required_attributes=frozenset(
            a.name for a in options.requested_attributes if a.is_required
        ),
        entity_categories=frozenset(options.entity_categories),
    )


def _accessibility_of(options: OwnOptions) -> Accessibility | None:
    day = options.accessibility_date
    if not options.accessibility_status or day is None:
        return None
    return Accessibility(
        status=options.accessibility_status,
        contact=options.accessibility_contact or f"mailto:{options.email}",
        date=day,
        report=options.accessibility_report,
        gaps={
            language: gaps
            for language, gaps in (
                ("nl", options.accessibility_gaps),
                ("en", options.accessibility_gaps_en),
            )
            if gaps
        },
        appeal=options.accessibility_appeal,
    )


def entity_id_of(options: OwnOptions) -> str:
    """Our entityID: by default the address of our metadata."""
    place = ADDRESSES[options.role]["metadata"]
    return options.entity_id or options.public_url + prefix_of(options) + place


def prefix_of(options: OwnOptions) -> str:
    """The path above our addresses; by default none for a hub."""
    has_prefix = options.role != HUB or "prefix" in options.model_fields_set
    return options.prefix if has_prefix else ""


def _secret_of(secret: SecretBytes | None) -> bytes:
    return b"" if secret is None else secret.get_secret_value()


def _formats_of(options: OwnOptions) -> tuple[str, ...]:
    if options.role == HUB or PROFILES[options.profile].hub_chooses_name_id:
        return ()
    return _FORMATS[options.name_id_format]


_T = TypeVar("_T")


def _by_language(dutch: _T, english: _T) -> Mapping[str, _T]:
    texts = {"nl": dutch, "en": english or dutch}
    return {language: text for language, text in texts.items() if text}
