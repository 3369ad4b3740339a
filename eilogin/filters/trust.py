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

It stands before the hub too, with ``role = hub``. No URL is ever built from a Host
header: ``public_url`` says where this site is.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import model_validator
from webob import Response

from eilogin import audit
from eilogin.backchannel import BackChannel
from eilogin.errors import ConfigurationError, NotFound, PathRefused, PipelineOrder
from eilogin.federation import Federation, Own, Trust
from eilogin.federation.own import ADDRESSES, HUB, PARTICIPANT
from eilogin.saml.keys import SigningKey, load_certificate, rsa_public_key
from eilogin.saml.metadata import write_entity
from eilogin.settings import (
    Options,
    PathPrefix,
    PublicURL,
    ReadableFile,
    Seconds,
    Secrets,
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
    key: ReadableFile = option("PEM file with our private RSA key")
    certificate: ReadableFile = option("PEM file with the certificate of that key")
    secret: Secrets = option(
        "what seals our cookies and the forms that we keep for visitors, one a line, "
        "the newest first: older ones are still read; at least 16 bytes each",
        default=(),
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

    @cached_property
    def signing_key(self) -> SigningKey:
        """The key and its certificate, or ConfigurationError where they differ."""
        return SigningKey.load(self.key.read_bytes(), self.certificate.read_bytes())


class TrustOptions(OwnOptions, name="trust"):
    """What ``[filter:…] use = egg:eilogin#trust`` understands."""

    federation: ReadableFile = option(
        "file with the federation's metadata, signed by its operator"
    )
    federation_certificate: ReadableFile = option(
        "PEM file with the operator's certificate; only its key is used"
    )
    hub: str = option(
        "entityID of the hub", default="", shown="the federation's only hub"
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
        secrets=tuple(secret.get_secret_value() for secret in options.secret),
    )


def _by_language(dutch: str, english: str) -> Mapping[str, str]:
    texts = {"nl": dutch, "en": english or dutch}
    return {language: text for language, text in texts.items() if text}


def trust_of(options: TrustOptions) -> Trust:
    """Who we are and whom we trust, as the options say it.

    Raises :class:`eilogin.errors.ConfigurationError` where the metadata cannot be
    used, or does not say who the hub is.
    """
    own = own_of(options)
    federation = Federation.from_file(options.federation, [operator_key(options)])
    hub = own.entity_id if own.role == HUB else options.hub or federation.only_hub()
    if hub is None:
        raise ConfigurationError(
            f"{options.federation}: has more than one hub, or none; "
            "the option 'hub' should name the entityID of ours"
        )
    return Trust(
        own,
        federation,
        back_channel_of(options),
        (hub,),
        options.trusted_proxies,
        options.path_style,
    )


def operator_key(options: TrustOptions) -> RSAPublicKey:
    """The key with which the federation's operator signs.

    Raises :class:`eilogin.errors.ConfigurationError`, naming the file.
    """
    path = options.federation_certificate
    try:
        return rsa_public_key(load_certificate(path.read_bytes()))
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
