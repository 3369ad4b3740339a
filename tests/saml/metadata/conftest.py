"""A participant, a hub, and readers of their metadata."""

from dataclasses import replace

import pytest
from sloppy import PIXEL
from written_metadata import (
    AES_256_GCM,
    ARTIFACT,
    HUB,
    MGF1_SHA256,
    POST,
    REDIRECT,
    RSA_OAEP,
    RSA_OAEP_11,
    SHA512,
    SOAP,
    TOMORROW,
    UWV,
)

from eilogin.saml.metadata import (
    IDPDISC,
    AttributeService,
    Contact,
    Endpoint,
    EntityDescriptor,
    IdentityProvider,
    Logo,
    ServiceProvider,
    read_federation,
    write_entity,
)
from eilogin.saml.safe_xml import METADATA, parse, serialize
from eilogin.saml.xml_encryption import EncryptionMethod
from eilogin.saml.xml_signatures import RSA_SHA256, SHA256, sign


@pytest.fixture
def participant(other_key):
    return EntityDescriptor(
        entity_id=f"{UWV}/eilogin/metadata",
        service_provider=ServiceProvider(
            signing_certificates=(other_key.certificate_text,),
            encryption_certificates=(other_key.certificate_text,),
            encryption_methods=(
                EncryptionMethod(AES_256_GCM),
                EncryptionMethod(RSA_OAEP_11, digest=SHA256, mask=MGF1_SHA256),
                EncryptionMethod(RSA_OAEP),
            ),
            digest_methods=(SHA512,),
            signing_methods=("urn:x-test:of-the-role",),
            assertion_consumers=(
                Endpoint(POST, f"{UWV}/eilogin/acs", index=0),
                Endpoint(ARTIFACT, f"{UWV}/eilogin/acs", index=1, is_default=True),
            ),
            single_logouts=(
                Endpoint(REDIRECT, f"{UWV}/eilogin/slo", f"{UWV}/eilogin/slo/done"),
                Endpoint(SOAP, f"{UWV}:8443/eilogin/slo/soap"),
            ),
            name_id_formats=("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",),
            attribute_services=(
                AttributeService(("naam", "urn:oid:2.5.4.42"), frozenset({"naam"})),
                AttributeService(("mail",), index=3, is_default=True),
            ),
            discovery_responses=(Endpoint(IDPDISC, f"{UWV}/eilogin/disc", index=0),),
            authn_requests_signed=True,
            want_assertions_signed=True,
        ),
        names={"nl": "Mijn UWV", "en": "My UWV"},
        descriptions={"nl": "Uw uitkering"},
        information_urls={"nl": "https://www.uwv.example.nl/"},
        keywords={"nl": "werk uitkering ziek+zijn", "en": "work"},
        logos=(
            Logo(f"data:image/png;base64,{PIXEL}", 1, 1),
            Logo("https://www.uwv.example.nl/logo.svg", 80, 40, "nl"),
        ),
        contacts=(
            Contact("technical", "UWV", "beheer@uwv.example.nl", "+31 20 123 45 67"),
            Contact("support"),
            Contact("other", email="vragen@uwv.example.nl"),
        ),
        entity_categories=frozenset({"https://example.nl/b", "https://example.nl/a"}),
        digest_methods=(SHA256,),
        signing_methods=(RSA_SHA256, "urn:x-test:newer"),
        valid_until=TOMORROW,
    )


@pytest.fixture
def hub(hub_key):
    return EntityDescriptor(
        entity_id=f"{HUB}/metadata",
        identity_provider=IdentityProvider(
            signing_certificates=(hub_key.certificate_text,),
            single_sign_ons=(
                Endpoint(REDIRECT, f"{HUB}/sso"),
                Endpoint(POST, f"{HUB}/sso"),
            ),
            single_logouts=(Endpoint(REDIRECT, f"{HUB}/slo"),),
            artifact_resolutions=(Endpoint(SOAP, f"{HUB}/artifact", index=0),),
            want_authn_requests_signed=True,
            names_keys=True,
        ),
        supported_categories=frozenset({"https://example.nl/a"}),
    )


@pytest.fixture
def hub_that_takes_reports(hub):
    there = (Endpoint(SOAP, f"{HUB}/activity"),)
    role = replace(hub.identity_provider, activity_services=there)
    return replace(hub, identity_provider=role)


@pytest.fixture
def read(hub_key):
    """Read what the operator signed; here the operator has the hub's key."""

    def read(octets, **options):
        return read_federation(octets, [hub_key.public], **options)

    return read


@pytest.fixture
def read_edited(hub_key, read, participant):
    """Read a participant's metadata that the operator changed before signing."""

    def read_edited(edit, descriptor=participant, **options):
        root = parse(write_entity(descriptor), METADATA)
        edit(root)
        root.set("ID", "_signed")
        sign(root, hub_key)
        (entity,) = read(serialize(root), **options).entities
        return entity

    return read_edited
