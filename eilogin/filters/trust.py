"""Hold the federation, and publish this participant's own metadata.

*Needs* ``session`` before it. *Reads* ``eilogin.session``. *Writes* ``eilogin.trust``,
``eilogin.address`` and, before Zope, ``eilogin.visible``; a session that was made for
another participant is taken out of environ. *Changes in the answer*: answers
``/eilogin/metadata`` itself, and 404 for addresses below the prefix where nothing is::

    [filter:trust]
    use = egg:eilogin#trust
    public_url = https://uwv.example.nl
    name = UWV
    key = %(here)s/uwv.key
    certificate = %(here)s/uwv.crt
    federation = %(here)s/federation.xml
    federation_certificate = %(here)s/federation.crt
    hub = https://inloggen.example.nl/metadata

It stands before the hub too, with ``role = hub``. A hub of another kind, whose metadata
nobody signs, is trusted for where its file lies::

    federation = %(here)s/keycloak.xml
    federation_unsigned = true

No URL is ever built from a Host
header: ``public_url`` says where this site is.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import SecretBytes, model_validator
from webob import Response

from eilogin import audit
from eilogin.backchannel import BackChannel
from eilogin.errors import (
    LOGOUT_IMPOSSIBLE,
    METADATA_UNSIGNED,
    WEAK_ALGORITHM,
    ConfigurationError,
    HubUnknown,
    NotFound,
    PathRefused,
    PipelineOrder,
)
from eilogin.federation import Federation, MetadataFile, Own, Trust, peers
from eilogin.federation.options import (
    Days,
    FederationFiles,
    LevelClasses,
    RequestedAttributes,
    URIs,
    WeakAlgorithms,
)
from eilogin.federation.own import ADDRESSES, HUB, PARTICIPANT
from eilogin.federation.peers import Remark
from eilogin.saml.algorithms import CBC, RSA_1_5, SHA1_REDIRECT
from eilogin.saml.keys import (
    PublicKey,
    SigningKey,
    certificate_key,
    load_certificate,
)
from eilogin.saml.levels import DIGID
from eilogin.saml.messages import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED
from eilogin.saml.metadata import write_entity
from eilogin.settings import (
    Flag,
    Options,
    PathPrefix,
    PublicURL,
    ReadableFile,
    ReadableFiles,
    Seconds,
    Secret,
    Secrets,
    WebAddress,
    Words,
    option,
    read,
)
from eilogin.visit import zope
from eilogin.web import environ as env
from eilogin.web.pages import Pages
from eilogin.web.requests import Networks, SitePath
from eilogin.web.urls import at, root

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_FORMATS = {
    "persistent": (PERSISTENT,),
    "transient": (TRANSIENT,),
    "email": (EMAIL,),
    "unspecified": (UNSPECIFIED,),
    "any": (),
    "none": (),
}

#: What each weak algorithm opens.
_RISKS = {
    CBC: "who can send us answers may decrypt others, a byte at a time",
    RSA_1_5: "who can send us answers may find the keys of others",
    SHA1_REDIRECT: "the signature of a redirect could be forged",
}


class OwnOptions(Options):
    """The options that say who we are; all of our own metadata comes from them."""

    role: Literal["participant", "hub"] = option(
        "``participant``, or ``hub`` before the hub itself", default=PARTICIPANT
    )
    public_url: PublicURL = option(
        "where visitors find this site: scheme, host and, where it is mounted below "
        "one, path"
    )
    prefix: PathPrefix = option(
        "path below which eilogin's own addresses are",
        default="/eilogin",
        shown="/eilogin (the hub: /)",
    )
    entity_id: str = option(
        "our name in the federation", default="", shown="the address of our metadata"
    )
    name: str = option("our name as people know it", default="", shown="the host name")
    name_en: str = option("the same in English", default="", shown="as ``name``")
    description: str = option("what we do, in one sentence", default="")
    description_en: str = option("the same in English", default="")
    link: SitePath = option(
        "path of our page to which the portal leads",
        default="",
        shown="the first page",
    )
    telephone: str = option("telephone number of our help desk", default="")
    email: str = option("e-mail address of our help desk", default="")
    key: ReadableFile = option(
        "PEM file with our private key: RSA, or, if all peers can verify with it, of "
        "one of the elliptic curves P-256, P-384 and P-521"
    )
    certificate: ReadableFile = option("PEM file with the certificate of that key")
    decryption_key: ReadableFiles = option(
        "PEM files with the private RSA keys that others encrypt for us with, one a "
        "line, the newest first: older ones are still tried",
        default=(),
        shown="``key`` if it is RSA",
    )
    decryption_certificate: ReadableFiles = option(
        "PEM files with the certificates of those keys, in the same order; the first "
        "is published",
        default=(),
        shown="``certificate``",
    )
    secret: Secrets = option(
        "what seals our cookies and the forms that we keep for visitors, one a line, "
        "the newest first: older ones are still read; at least 16 bytes each",
        default=(),
        shown="made of ``key``",
    )
    pseudonym_key: Secret | None = option(
        "secret from which the pseudonyms of citizens in the audit log are made, and "
        "``subject`` where a NameID is a BSN: another one makes every citizen a "
        "stranger to the application",
        default=None,
        shown="made of ``key``",
    )
    back_channel_url: PublicURL | None = option(
        "base of the addresses that servers call (SOAP)",
        default=None,
        shown="as ``public_url``",
    )
    acs: Literal["artifact", "post"] = option(
        "how the hub's answers should come: ``artifact``, fetched over the back "
        "channel, or ``post``, through the browser",
        default="artifact",
    )
    hub_inside: PathPrefix | None = option(
        "``prefix`` of the hub that stands inside of a participant's filters, and has "
        "its citizens signed in by them (``sign_in = above``); ``/`` where it has none",
        default=None,
        shown="none",
    )
    profile: Literal["saml", "digid"] = option(
        "``saml``, or ``digid``: the interface of DigiD to the letter", default="saml"
    )
    name_id_format: Literal[
        "persistent", "transient", "email", "unspecified", "any", "none"
    ] = option(
        "which name of a citizen a participant asks for: ``persistent``, "
        "``transient``, ``email``, ``unspecified``, ``any`` (whichever the hub likes) "
        "or ``none``",
        default="persistent",
        shown="persistent (DigiD: none)",
    )
    requested_attributes: RequestedAttributes = option(
        "the attributes that a participant asks for, one a line; ``required`` behind "
        "those without which it cannot serve",
        default=(),
        shown="none",
    )
    entity_categories: URIs = option(
        "what kind of service a participant is, or (the hub) which kinds get what they "
        "ask for: URIs of entity categories, one a line",
        default=(),
        shown="none",
    )

    @model_validator(mode="after")
    def _leaves_room_for_the_application(self) -> "OwnOptions":
        if self.role == PARTICIPANT and not self.prefix:
            raise ValueError("prefix: expected a path such as '/eilogin'")
        return self

    @model_validator(mode="after")
    def _key_matches_certificate(self) -> "OwnOptions":
        try:
            _ = self.signing_key
        except ConfigurationError as error:
            raise ValueError(f"key, certificate: {error}") from None
        return self

    @model_validator(mode="after")
    def _decryption_keys_match_certificates(self) -> "OwnOptions":
        if len(self.decryption_key) != len(self.decryption_certificate):
            raise ValueError(
                "decryption_key, decryption_certificate: expected as many of the one as"
                " of the other"
            )
        try:
            _ = self.decryption_keys
        except ConfigurationError as error:
            raise ValueError(
                f"decryption_key, decryption_certificate: {error}"
            ) from None
        return self

    @model_validator(mode="after")
    def _hub_asks_for_nothing(self) -> "OwnOptions":
        for name in ("name_id_format", "requested_attributes"):
            if self.role == HUB and name in self.model_fields_set:
                raise ValueError(f"{name}: is for participants; the hub asks nobody")
        return self

    @model_validator(mode="after")
    def _profile_is_kept_to_the_letter(self) -> "OwnOptions":
        if self.profile != "digid":
            return self
        if self.acs != "artifact":
            raise ValueError(
                "acs: expected 'artifact': DigiD knows no other way (profile = digid)"
            )
        if self.name_id_format != "none" and "name_id_format" in self.model_fields_set:
            raise ValueError(
                "name_id_format: expected 'none': DigiD gives the name that it gives"
                " (profile = digid)"
            )
        if not _encrypts(self.signing_key):
            raise ValueError("key: expected RSA, which is all that DigiD knows")
        for name in _NOT_OF_DIGID:
            if name in self.model_fields_set:
                raise ValueError(f"{name}: is nothing that DigiD knows of")
        return self

    @cached_property
    def signing_key(self) -> SigningKey:
        """The key and its certificate, or ConfigurationError where they differ."""
        key = _load_pair(self.key, self.certificate)
        return replace(key, is_digid=True) if self.profile == "digid" else key

    @cached_property
    def decryption_keys(self) -> Sequence[SigningKey]:
        """What others encrypt for us with, the newest first; or ConfigurationError."""
        files = zip(self.decryption_key, self.decryption_certificate, strict=True)
        found = tuple(_load_pair(*pair) for pair in files)
        if not all(map(_encrypts, found)):
            raise ConfigurationError("expected RSA keys: no other encrypts")
        return found or tuple(filter(_encrypts, (self.signing_key,)))


def _encrypts(key: SigningKey) -> bool:
    return isinstance(key.private, RSAPrivateKey)


def _load_pair(key: Path, certificate: Path) -> SigningKey:
    return SigningKey.load(key.read_bytes(), certificate.read_bytes())


#: Options whose subject is not there in DigiD's interface.
_NOT_OF_DIGID = ("requested_attributes", "entity_categories", "level_classes")


class TrustOptions(OwnOptions, name="trust"):
    """What ``[filter:…] use = egg:eilogin#trust`` understands."""

    federation: FederationFiles = option(
        "file with the federation's metadata, signed by its operator; or several, one "
        "a line; behind a file may stand the one with the certificate of who signs it"
    )
    federation_certificate: ReadableFile | None = option(
        "PEM file with the operator's certificate, for files that have none behind "
        "them; only its key is used",
        default=None,
        shown="required unless unsigned",
    )
    federation_unsigned: Flag = option(
        "whether the metadata is believed as it lies there, signed or not; whoever can "
        "write the file then decides whom we trust",
        default=False,
    )
    federation_validity: Days = option(
        "how long the metadata may be valid from now on, such as ``30d``: without a "
        "validUntil, or with a later one, it is refused; ``off`` takes any",
        default=None,
        shown="off",
    )
    hub: Words = option(
        "entityID of the hub; of several hubs those that a visitor may choose from, "
        "the usual one first, or ``all``",
        default=(),
        shown="the federation's only hub",
    )
    discovery: WebAddress = option(
        "address of the discovery service that lets a visitor choose her hub",
        default="",
        shown="a page of ours",
    )
    level_classes: LevelClasses = option(
        "which AuthnContext classes say which level: a level and its classes, the "
        "preferred one first, on a line",
        default=DIGID,
        shown="those of DigiD",
    )
    accept_weak: WeakAlgorithms = option(
        "weak algorithms that are taken all the same: ``cbc`` and ``rsa-1.5`` for what "
        "is encrypted for us, ``sha1-redirect`` for redirects signed with SHA-1",
        default=frozenset(),
        shown="none",
    )
    back_channel_ca: ReadableFile | None = option(
        "PEM file with the authorities that certify our peers' back channels",
        default=None,
        shown="the system's",
    )
    back_channel_proxy: str | None = option(
        "address of the proxy that the back channel goes through",
        default=None,
        shown="none",
    )
    tls_client_certificate: ReadableFile | None = option(
        "PEM file with the certificate that we show on the back channel",
        default=None,
        shown="none",
    )
    tls_client_key: ReadableFile | None = option(
        "PEM file with the key of that certificate", default=None, shown="none"
    )
    trusted_proxies: Networks = option(
        "addresses of our own proxies, whose X-Forwarded-For is believed",
        default=(),
        shown="none",
    )
    path_style: Literal["plain", "zope"] = option(
        "``zope`` before an application in Zope: a proxy of ours writes paths as "
        "``/VirtualHostBase/…/VirtualHostRoot/…``",
        default="plain",
    )
    back_channel_timeout: Seconds = option(
        "how long a peer may take to answer on the back channel", default="5s"
    )

    @model_validator(mode="after")
    def _metadata_has_somebody_who_vouches(self) -> "TrustOptions":
        has_own = all(file.certificate for file in self.federation)
        if not (has_own or self.federation_certificate or self.federation_unsigned):
            raise ValueError(
                "federation_certificate: is required (PEM file with the operator's"
                " certificate); where nobody signs the metadata write"
                " 'federation_unsigned = true': whoever can write its file then decides"
                " whom we trust"
            )
        if self.federation_certificate is not None and self.federation_unsigned:
            raise ValueError(
                "federation_certificate, federation_unsigned: expected one of them: is"
                " the metadata signed by its operator, or not?"
            )
        return self

    @model_validator(mode="after")
    def _client_certificate_has_its_key(self) -> "TrustOptions":
        if (self.tls_client_certificate is None) != (self.tls_client_key is None):
            raise ValueError(
                "tls_client_certificate, tls_client_key: expected both, or none"
            )
        return self


def own_of(options: OwnOptions) -> Own:
    """Who we are, as the options say it."""
    is_hub = options.role == HUB
    prefix = options.prefix
    if is_hub and "prefix" not in options.model_fields_set:
        prefix = ""
    own_metadata = options.public_url + prefix + ADDRESSES[options.role]["metadata"]
    name = options.name or options.public_url.split("//", 1)[1]
    return Own(
        role=options.role,
        public_url=options.public_url,
        prefix=prefix,
        key=options.signing_key,
        entity_id=options.entity_id or own_metadata,
        back_channel_url=options.back_channel_url or options.public_url,
        acs=options.acs,
        names=_by_language(name, options.name_en),
        descriptions=_by_language(options.description, options.description_en),
        link=at(options.public_url, options.link or root(options.public_url)),
        telephone=options.telephone,
        email=options.email,
        hub_inside=options.hub_inside,
        secrets=tuple(secret.get_secret_value() for secret in options.secret),
        pseudonym_key=_secret_of(options.pseudonym_key),
        decryption_keys=options.decryption_keys,
        profile=options.profile,
        name_id_formats=_formats_of(options),
        asks_for_any_name=options.name_id_format == "any",
        requested_attributes=tuple(a.name for a in options.requested_attributes),
        required_attributes=frozenset(
            a.name for a in options.requested_attributes if a.is_required
        ),
        entity_categories=frozenset(options.entity_categories),
    )


def _secret_of(secret: SecretBytes | None) -> bytes:
    return b"" if secret is None else secret.get_secret_value()


def _formats_of(options: OwnOptions) -> tuple[str, ...]:
    if options.role == HUB or options.profile == "digid":
        return ()
    return _FORMATS[options.name_id_format]


def _by_language(dutch: str, english: str) -> Mapping[str, str]:
    texts = {"nl": dutch, "en": english or dutch}
    return {language: text for language, text in texts.items() if text}


def trust_of(options: TrustOptions) -> Trust:
    """Who we are and whom we trust, as the options say it; what is odd goes to the log.

    Raises :class:`eilogin.errors.ConfigurationError` where the metadata cannot be
    used, does not say who the hub is, or lacks what we need of it.
    """
    own = own_of(options)
    federation = federation_of(options)
    trust = Trust(
        own,
        federation,
        back_channel_of(options),
        _hubs_of(options, own, federation),
        options.trusted_proxies,
        options.path_style,
        options.level_classes,
        options.accept_weak,
        options.discovery,
    )
    for remark in remarks_on(options, own, federation, trust.hub_ids):
        _log.warning("%s: %s", own.entity_id, remark)
    return trust


def federation_of(options: TrustOptions) -> Federation:
    """The federation, from the files that the options name.

    Raises a :class:`eilogin.errors.ConfigurationError` that names the file.
    """
    usual = operator_keys(options)
    files = [
        MetadataFile(f.path, _keys_in(f.certificate) if f.certificate else usual)
        for f in options.federation
    ]
    return Federation.from_files(files, options.federation_validity)


def _hubs_of(
    options: TrustOptions, own: Own, federation: Federation
) -> tuple[str, ...]:
    if own.role == HUB:
        return (own.entity_id,)
    try:
        return peers.our_hubs(own, options.hub, federation)
    except HubUnknown as error:
        files = ", ".join(map(str, options.federation))
        raise HubUnknown(f"{files}: {error}") from error


def remarks_on(
    options: TrustOptions, own: Own, federation: Federation, hubs: Sequence[str]
) -> Iterator[Remark]:
    """What stops nothing, and somebody should know: of ``hubs``, that can be used."""
    files = ", ".join(str(f) for f in options.federation if not f.certificate)
    if options.federation_unsigned and files:
        text = f"{files} is not signed: whoever can write it decides whom we trust"
        yield Remark("federation_unsigned", METADATA_UNSIGNED, text)
    for name in sorted(options.accept_weak):
        text = f"{name} is taken: {_RISKS[name]}"
        yield Remark("accept_weak", WEAK_ALGORITHM, text)
    is_named = own.name_id_formats or own.asks_for_any_name or own.is_digid
    if own.role != HUB and not is_named:
        text = (
            "where the hub's answer names nobody, only attributes say who she is, and"
            " single logout is impossible: neither side can tell whom to log out"
        )
        yield Remark("name_id_format", LOGOUT_IMPOSSIBLE, text)
    yield from peers.remarks(own, federation, hubs)


def operator_keys(options: TrustOptions) -> Sequence[PublicKey] | None:
    """The key with which the federation's operator signs; None where nobody does.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the file.
    """
    path = options.federation_certificate
    return None if path is None else _keys_in(path)


def _keys_in(path: Path) -> Sequence[PublicKey]:
    """The key of a certificate of an operator's; see :func:`operator_keys`."""
    try:
        return [certificate_key(load_certificate(path.read_bytes()))]
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def back_channel_of(options: TrustOptions) -> BackChannel:
    """The way to our peers' SOAP addresses, as the options say it.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the file or the proxy.
    """
    certificate, key = options.tls_client_certificate, options.tls_client_key
    return BackChannel(
        ca_file=options.back_channel_ca,
        client_certificate=(certificate, key) if certificate and key else None,
        proxy=options.back_channel_proxy,
        timeout=options.back_channel_timeout,
    )


class TrustFilter:
    """The filter; ``trust`` is who we are and whom we trust."""

    def __init__(self, app: "WSGIApplication", trust: Trust) -> None:
        self.app = app
        self.trust = trust
        self.pages = Pages()
        self._entity_id = trust.own.entity_id
        self._addresses = trust.own.by_path
        self._below_prefix = trust.own.prefix + "/"
        self._is_in_zope = trust.path_style == "zope"
        self._metadata = write_entity(trust.own.descriptor(), trust.own.key)
        audit.event("configuration.loaded", peer=trust.own.entity_id)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Put the federation in environ, and pass on."""
        environ[env.TRUST] = self.trust
        try:
            path = (
                self._path_in_zope(environ)
                if self._is_in_zope
                else environ.get("PATH_INFO", "")
            )
            login = env.session_or_none(environ)
            if login is not None and login.audience != self._entity_id:
                # Of another site that keeps its sessions in the same store.
                environ[env.SESSION] = None
        except (PathRefused, PipelineOrder) as error:
            refusal = self._refused(environ, error, "path")
            return refusal(environ, start_response)
        address = environ[env.ADDRESS] = self._addresses.get(path)
        if address == "metadata":
            return self._own_metadata()(environ, start_response)
        if address is None and path.startswith(self._below_prefix):
            return self._nothing_here(environ)(environ, start_response)
        return self.app(environ, start_response)

    def _path_in_zope(self, environ: "WSGIEnvironment") -> str:
        """The path below ``public_url``, as WSGI has it; PathRefused."""
        seen = zope.visible(environ, self.trust.own.mount, self.trust.trusted_proxies)
        environ[env.VISIBLE] = seen
        return seen.below

    def _own_metadata(self) -> Response:
        return Response(
            body=self._metadata, content_type="application/samlmetadata+xml"
        )

    def _nothing_here(self, environ: "WSGIEnvironment") -> Response:
        error = NotFound("no address of eilogin below its prefix")
        return self._refused(environ, error, "address")

    def _refused(
        self, environ: "WSGIEnvironment", error: Exception, event: str
    ) -> Response:
        website = root(self.trust.own.public_url)
        return self.pages.refuse(environ, error, event=event, again=website)


def make_trust(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> TrustFilter:
    """PasteDeploy's factory for ``egg:eilogin#trust``."""
    options = read(TrustOptions, global_conf, local_conf)
    return TrustFilter(app, trust_of(options))
