"""The metadata of other stacks, each in its own way of writing.

The texts are made up after what INTEROP tells of each stack: no file of theirs is here.
"""

import textwrap
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from eilogin import clock
from eilogin.errors import PeerUnusable, PeerWithoutKeys
from eilogin.saml.bindings import ARTIFACT, POST, REDIRECT, SOAP
from eilogin.saml.metadata import AttributeService, Logo, read_unsigned
from eilogin.saml.printable_text import to_base64
from eilogin.saml.signing_keys import certificate_ends
from eilogin.saml.xml_encryption import EncryptionMethod

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
AES_256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"


def certificate(key, days=-1, until=365):
    """The text of a certificate for a key, valid from and until so many days off."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    today = clock.utc(clock.now()).replace(microsecond=0)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today + timedelta(days=days))
        .not_valid_after(today + timedelta(days=until))
        .sign(key, hashes.SHA256())
    )
    return to_base64(made.public_bytes(Encoding.DER))


@pytest.fixture(scope="session")
def elliptic():
    return certificate(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def strange():
    return certificate(ec.generate_private_key(ec.SECP256K1()))


@pytest.fixture(scope="session")
def short():
    return certificate(rsa.generate_private_key(65537, 1024))  # noqa: S505 - to refuse


@pytest.fixture
def signing_certificate(hub_key):
    return hub_key.certificate_text


@pytest.fixture
def other_certificate(other_key):
    return other_key.certificate_text


def tabbed(text):
    """A certificate as some write it: in lines, with a tab before each."""
    return "\n" + "\n".join(f"\t\t\t{line}" for line in textwrap.wrap(text, 64)) + "\n"


def read(text):
    return read_unsigned(text.encode(), on_loopback=True)


def only(text):
    """The one entity of a text in which nothing need be passed over."""
    metadata = read(text)
    assert metadata.remarks == ()
    assert metadata.left_out == {}
    (entity,) = metadata.entities
    return entity


def test_mod_auth_mellon(signing_certificate):
    entity = only(f"""\
<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    entityID="http://mellon.localhost:8080/mellon/metadata">
  <SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
      protocolSupportEnumeration="{SAMLP}">
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{signing_certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <SingleLogoutService Binding="{SOAP}"
        Location="http://mellon.localhost:8080/mellon/logout"/>
    <SingleLogoutService Binding="{REDIRECT}"
        Location="http://mellon.localhost:8080/mellon/logout"/>
    <NameIDFormat>{TRANSIENT}</NameIDFormat>
    <AssertionConsumerService index="0" isDefault="true" Binding="{POST}"
        Location="http://mellon.localhost:8080/mellon/postResponse"/>
    <AssertionConsumerService index="1" Binding="{ARTIFACT}"
        Location="http://mellon.localhost:8080/mellon/artifactResponse"/>
    <AssertionConsumerService index="2" Binding="{BINDINGS}:PAOS"
        Location="http://mellon.localhost:8080/mellon/paosResponse"/>
  </SPSSODescriptor>
</EntityDescriptor>
""")
    role = entity.service_provider
    assert role.signing_certificates == (signing_certificate,)
    assert role.encryption_certificates == ()
    assert role.consumer().binding == POST
    assert role.single_logout(SOAP, REDIRECT).binding == SOAP
    assert role.name_id_formats == (TRANSIENT,)
    assert role.authn_requests_signed
    assert role.want_assertions_signed


def test_a_shibboleth_service_provider(signing_certificate, other_certificate):
    base = "https://shib.example.nl/Shibboleth.sso"
    entity = only(f"""\
<!--
This is example metadata only. Do *NOT* supply it as is.
 -->
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
    ID="_4a" entityID="https://shib.example.nl/shibboleth">
  <md:Extensions xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport">
    <alg:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>
    <alg:SigningMethod MinKeySize="2048" Algorithm="urn:x-test:rsa"/>
  </md:Extensions>
  <md:SPSSODescriptor AuthnRequestsSigned="1"
      protocolSupportEnumeration="{SAMLP} urn:oasis:names:tc:SAML:1.1:protocol">
    <md:Extensions>
      <init:RequestInitiator
          xmlns:init="urn:oasis:names:tc:SAML:profiles:SSO:request-init"
          Binding="urn:oasis:names:tc:SAML:profiles:SSO:request-init"
          Location="{base}/Login"/>
      <idpdisc:DiscoveryResponse
          xmlns:idpdisc="urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
          Binding="urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
          Location="{base}/Login" index=" +1 "/>
    </md:Extensions>
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
        <ds:KeyName>shib.example.nl</ds:KeyName>
        <ds:X509Data>
          <ds:X509SubjectName>CN=shib.example.nl</ds:X509SubjectName>
          <ds:X509Certificate>{tabbed(signing_certificate)}</ds:X509Certificate>
        </ds:X509Data>
      </ds:KeyInfo>
    </md:KeyDescriptor>
    <md:KeyDescriptor use="encryption">
      <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
        <ds:X509Certificate>{tabbed(other_certificate)}</ds:X509Certificate>
      </ds:X509Data></ds:KeyInfo>
      <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes128-gcm"/>
      <md:EncryptionMethod Algorithm="{AES_256_GCM}"/>
      <md:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep">
        <ds:DigestMethod xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
            Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
      </md:EncryptionMethod>
    </md:KeyDescriptor>
    <md:ArtifactResolutionService Binding="{SOAP}" index="1"
        Location="{base}/Artifact/SOAP"/>
    <md:SingleLogoutService Binding="{SOAP}" Location="{base}/SLO/SOAP"/>
    <md:SingleLogoutService Binding="{REDIRECT}" Location="{base}/SLO/Redirect"/>
    <md:SingleLogoutService Binding="{POST}" Location="{base}/SLO/POST"/>
    <md:SingleLogoutService Binding="{ARTIFACT}" Location="{base}/SLO/Artifact"/>
    <md:ManageNameIDService Binding="{SOAP}" Location="{base}/NIM/SOAP"/>
    <md:AssertionConsumerService index="1" Binding="{POST}" Location="{base}/SAML2"/>
    <md:AssertionConsumerService index="2" Binding="{POST}-SimpleSign"
        Location="{base}/SAML2/POST-SimpleSign"/>
    <md:AssertionConsumerService index="3" Binding="{BINDINGS}:PAOS"
        Location="{base}/SAML2/ECP"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
""")
    role = entity.service_provider
    assert role.signing_certificates == (signing_certificate,)
    assert role.encryption_certificates == (other_certificate,)
    assert role.encryption_methods == (
        EncryptionMethod("http://www.w3.org/2009/xmlenc11#aes128-gcm"),
        EncryptionMethod(AES_256_GCM),
        EncryptionMethod(
            "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            digest="http://www.w3.org/2001/04/xmlenc#sha256",
        ),
    )
    assert not role.names_keys
    assert role.name_id_formats == ()
    assert role.authn_requests_signed
    assert role.single_logout(REDIRECT).location == f"{base}/SLO/Redirect"
    assert role.discovery_responses[0].index == 1
    assert entity.signing_methods == ("urn:x-test:rsa",)


def test_a_shibboleth_identity_provider(signing_certificate, other_certificate):
    base = "https://idp.example.nl/idp/profile"
    entity = only(f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- several comments -->
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"
    xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"
    entityID="https://idp.example.nl/idp/shibboleth">
  <IDPSSODescriptor
      protocolSupportEnumeration="{SAMLP} urn:mace:shibboleth:1.0">
    <Extensions>
      <shibmd:Scope regexp="false">example.nl</shibmd:Scope>
      <!-- <mdui:UIInfo/> -->
      <mdui:UIInfo><mdui:DisplayName xml:lang="en">Example</mdui:DisplayName>
        <mdui:Logo height="80" width="80">https://idp.example.nl/logo.png</mdui:Logo>
      </mdui:UIInfo>
    </Extensions>
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{signing_certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{other_certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <KeyDescriptor use="encryption"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{other_certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <ArtifactResolutionService index="2" Binding="{SOAP}"
        Location="https://idp.example.nl:8443/idp/profile/SAML2/SOAP/Artifact"/>
    <!-- <SingleLogoutService/> -->
    <SingleSignOnService Binding="urn:mace:shibboleth:1.0:profiles:AuthnRequest"
        Location="{base}/Shibboleth/SSO"/>
    <SingleSignOnService Binding="{POST}" Location="{base}/SAML2/POST/SSO"/>
    <SingleSignOnService Binding="{REDIRECT}" Location="{base}/SAML2/Redirect/SSO"/>
  </IDPSSODescriptor>
  <AttributeAuthorityDescriptor protocolSupportEnumeration="{SAMLP}">
    <AttributeService Binding="{SOAP}" Location="{base}/SAML2/SOAP/AttributeQuery"/>
  </AttributeAuthorityDescriptor>
</EntityDescriptor>
""")
    role = entity.identity_provider
    assert len(role.keys) == 2
    assert role.single_sign_on(REDIRECT).location.endswith("Redirect/SSO")
    assert role.single_logout(REDIRECT, POST, SOAP) is None
    assert role.artifact_resolution(2).binding == SOAP
    assert role.scopes == {"example.nl"}
    assert entity.service_provider is None
    assert entity.name("nl") == "Example"
    assert entity.logos == (Logo("https://idp.example.nl/logo.png", 80, 80),)


def test_pysaml2(signing_certificate):
    """Prefixes of its own, no use, and an algorithm list that begins with SHA-1."""
    entity = only(f"""\
<?xml version='1.0' encoding='UTF-8'?>
<ns0:EntityDescriptor xmlns:ns0="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ns1="urn:oasis:names:tc:SAML:metadata:algsupport"
    xmlns:ns2="http://www.w3.org/2000/09/xmldsig#"
    entityID="http://idp.localhost:8088/idp.xml">
  <ns0:Extensions>
    <ns1:SigningMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/>
    <ns1:SigningMethod
        Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
    <ns1:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>
  </ns0:Extensions>
  <ns0:IDPSSODescriptor WantAuthnRequestsSigned="true"
      protocolSupportEnumeration="{SAMLP}">
    <ns0:KeyDescriptor><ns2:KeyInfo><ns2:X509Data>
      <ns2:X509Certificate>{signing_certificate}</ns2:X509Certificate>
    </ns2:X509Data></ns2:KeyInfo></ns0:KeyDescriptor>
    <ns0:ArtifactResolutionService Binding="{SOAP}" index="1"
        Location="http://idp.localhost:8088/ars"/>
    <ns0:SingleLogoutService Binding="{SOAP}"
        Location="http://idp.localhost:8088/slo/soap"/>
    <ns0:SingleLogoutService Binding="{REDIRECT}"
        Location="http://idp.localhost:8088/slo/redirect"/>
    <ns0:SingleSignOnService Binding="{REDIRECT}"
        Location="http://idp.localhost:8088/sso/redirect"/>
  </ns0:IDPSSODescriptor>
</ns0:EntityDescriptor>
""")
    role = entity.identity_provider
    assert (
        role.signing_certificates
        == role.encryption_certificates
        == (signing_certificate,)
    )
    assert role.want_authn_requests_signed
    assert role.single_logout(SOAP).location.endswith("/slo/soap")


def test_lemonldap(signing_certificate, other_certificate):
    """Three roles in one descriptor, each with its keys; a ResponseLocation."""
    keys = f"""
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{tabbed(signing_certificate)}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <KeyDescriptor use="encryption"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{tabbed(other_certificate)}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>"""
    base = "https://auth.example.nl/saml"
    entity = only(f"""\
<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    entityID="{base}/metadata">
  <IDPSSODescriptor WantAuthnRequestsSigned="true"
      protocolSupportEnumeration="{SAMLP}">{keys}
    <ArtifactResolutionService isDefault="1" index="0" Binding="{SOAP}"
        Location="{base}/artifact"/>
    <SingleLogoutService Binding="{REDIRECT}" Location="{base}/singleLogout"
        ResponseLocation="{base}/singleLogoutReturn"/>
    <SingleLogoutService Binding="{SOAP}" Location="{base}/singleLogoutSOAP"/>
    <NameIDFormat>{EMAIL}</NameIDFormat>
    <NameIDFormat>{TRANSIENT}</NameIDFormat>
    <SingleSignOnService Binding="{REDIRECT}" Location="{base}/singleSignOn"/>
    <SingleSignOnService Binding="{ARTIFACT}" Location="{base}/singleSignOnArtifact"/>
  </IDPSSODescriptor>
  <SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="0"
      protocolSupportEnumeration="{SAMLP}">{keys}
    <SingleLogoutService Binding="{REDIRECT}" Location="{base}/proxySingleLogout"
        ResponseLocation="{base}/proxySingleLogoutReturn"/>
    <NameIDFormat>{EMAIL}</NameIDFormat>
    <AssertionConsumerService isDefault="true" index="0" Binding="{ARTIFACT}"
        Location="{base}/proxySingleSignOnArtifact"/>
  </SPSSODescriptor>
  <AttributeAuthorityDescriptor protocolSupportEnumeration="{SAMLP}">{keys}
    <AttributeService Binding="{SOAP}" Location="{base}/AA/SOAP"/>
  </AttributeAuthorityDescriptor>
  <Organization>
    <OrganizationName xml:lang="en">Example</OrganizationName>
    <OrganizationDisplayName xml:lang="en">Example</OrganizationDisplayName>
    <OrganizationURL xml:lang="en">http://www.example.nl</OrganizationURL>
  </Organization>
</EntityDescriptor>
""")
    hub, participant = entity.identity_provider, entity.service_provider
    for role in (hub, participant):
        assert role.signing_certificates == (signing_certificate,)
        assert role.encryption_certificates == (other_certificate,)
    logout = hub.single_logout(REDIRECT)
    assert logout.for_answers == f"{base}/singleLogoutReturn"
    assert hub.single_logout(SOAP).for_answers == f"{base}/singleLogoutSOAP"
    assert not participant.authn_requests_signed
    assert not participant.want_assertions_signed


def test_samlp(signing_certificate):
    """No XML declaration, no NameIDFormat of the list that counts, and attributes."""
    entity = only(f"""\
<EntityDescriptor entityID="urn:idp.example.nl"
    xmlns="urn:oasis:names:tc:SAML:2.0:metadata">
  <IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">
    <KeyDescriptor use="signing">
      <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
        <X509Certificate>{signing_certificate}</X509Certificate>
      </X509Data></KeyInfo>
    </KeyDescriptor>
    <SingleLogoutService Binding="{REDIRECT}" Location="https://idp.example.nl/out"/>
    <SingleLogoutService Binding="{POST}" Location="https://idp.example.nl/out"/>
    <NameIDFormat>{EMAIL}</NameIDFormat>
    <SingleSignOnService Binding="{REDIRECT}" Location="https://idp.example.nl/in"/>
    <Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
        NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
        FriendlyName="Name" xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>
  </IDPSSODescriptor>
</EntityDescriptor>""")
    assert entity.entity_id == "urn:idp.example.nl"
    role = entity.identity_provider
    assert not role.want_authn_requests_signed
    assert role.encryption_keys == ()
    assert role.artifact_resolutions == ()


def test_keycloak(signing_certificate):
    """Names of keys, an index of a default, and every binding at one address."""
    base = "https://sso.example.nl/realms/demo/protocol/saml"
    slo = "".join(
        f'<md:SingleLogoutService Binding="{binding}" Location="{base}"/>'
        for binding in (POST, REDIRECT, ARTIFACT, SOAP)
    )
    sso = "".join(
        f'<md:SingleSignOnService Binding="{binding}" Location="{base}"/>'
        for binding in (POST, REDIRECT, SOAP, ARTIFACT)
    )
    entity = only(f"""\
<md:EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    entityID="https://sso.example.nl/realms/demo"><md:IDPSSODescriptor
    WantAuthnRequestsSigned="true" protocolSupportEnumeration="{SAMLP}">
    <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:KeyName>QW8_zR</ds:KeyName>
    <ds:X509Data><ds:X509Certificate>{signing_certificate}</ds:X509Certificate></ds:X509Data>
    </ds:KeyInfo></md:KeyDescriptor><md:ArtifactResolutionService
    Binding="{SOAP}" Location="{base}/resolve" index="0"/>{slo}
    <md:NameIDFormat>{TRANSIENT}</md:NameIDFormat>{sso}
    </md:IDPSSODescriptor></md:EntityDescriptor>""")
    role = entity.identity_provider
    assert role.single_sign_on(REDIRECT).location == base
    assert role.single_logout(SOAP).location == base
    assert role.artifact_resolution(0).location == f"{base}/resolve"


def participant(keys, more="", entity_id="https://sp.example.nl"):
    """A participant's metadata with certificates, and more at its end."""
    described = "".join(
        f"<KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        f"{text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>"
        for use, text in keys
    )
    return f"""\
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{entity_id}">
  <SPSSODescriptor protocolSupportEnumeration="{SAMLP}">{described}
    <AssertionConsumerService index="0" Binding="{POST}"
        Location="https://sp.example.nl/acs"/>{more}
  </SPSSODescriptor>
</EntityDescriptor>"""


SIGNING, ENCRYPTION, BOTH = ' use="signing"', ' use="encryption"', ""


class TestKeys:
    @pytest.mark.parametrize("bad", ["strange", "short", "AAAA", ""])
    def test_that_we_cannot_use_are_passed_over_beside_one_that_we_can(
        self, signing_certificate, bad, request
    ):
        text = request.getfixturevalue(bad) if bad.isalpha() and bad.islower() else bad
        metadata = read(
            participant([(SIGNING, text), (BOTH, text), (SIGNING, signing_certificate)])
        )
        role = metadata.entities[0].service_provider
        assert role.signing_certificates == (signing_certificate,)
        assert role.encryption_certificates == ()
        assert len(metadata.remarks) == 3
        assert all("https://sp.example.nl" in remark for remark in metadata.remarks)
        assert "eilogin skips a key for encryption" in metadata.remarks[-1]

    def test_for_encryption_that_we_cannot_use_are_no_reason_to_refuse(
        self, signing_certificate, elliptic
    ):
        metadata = read(
            participant([(SIGNING, signing_certificate), (ENCRYPTION, elliptic)])
        )
        assert metadata.entities[0].service_provider.encryption_keys == ()
        assert "RSA" in metadata.remarks[0]

    def test_for_signatures_may_be_of_an_elliptic_curve(
        self, signing_certificate, elliptic
    ):
        metadata = read(participant([(BOTH, elliptic), (BOTH, signing_certificate)]))
        role = metadata.entities[0].service_provider
        assert role.signing_certificates == (elliptic, signing_certificate)
        # Nobody encrypts with the first.
        assert role.encryption_certificates == (signing_certificate,)
        assert [
            remark.partition(": eilogin skips a key for ")[2][:10]
            for remark in metadata.remarks
        ] == ["encryption"]

    @pytest.mark.parametrize(
        "keys", [[], [(ENCRYPTION, "signing_certificate")], [(SIGNING, "short")]]
    )
    def test_there_must_be_one(self, keys, request):
        certificates = [(use, request.getfixturevalue(name)) for use, name in keys]
        with pytest.raises(PeerWithoutKeys, match=r"'https://sp\.example\.nl'.*Ask"):
            read(participant(certificates))

    def test_of_a_chain_only_the_first_is_the_partys(
        self, signing_certificate, other_certificate
    ):
        chain = (
            f"{signing_certificate}</ds:X509Certificate>"
            f"<ds:X509Certificate>{other_certificate}"
        )
        role = only(participant([(SIGNING, chain)])).service_provider
        assert role.signing_certificates == (signing_certificate,)

    def test_may_be_of_a_certificate_that_has_expired(self, other_key):
        text = certificate(other_key.private, days=-30, until=-1)
        role = only(participant([(SIGNING, text)])).service_provider
        assert role.keys[0] == other_key.public
        assert certificate_ends(text) < clock.now()


class TestAnAddress:
    def test_for_a_binding_that_we_do_not_speak_may_be_anything(
        self, signing_certificate
    ):
        more = f"""
    <AssertionConsumerService index="1" Binding="{BINDINGS}:PAOS"
        Location="http://sp.example.nl/paos"/>"""
        metadata = read(participant([(SIGNING, signing_certificate)], more))
        assert len(metadata.entities[0].service_provider.assertion_consumers) == 1
        assert metadata.remarks == (
            (
                "entity 'https://sp.example.nl': eilogin skips an"
                " AssertionConsumerService: the address is not https (or http on"
                " loopback), or has no plain host name: 'http://sp.example.nl/paos'"
            ),
        )

    @pytest.mark.parametrize(
        "address",
        ["http://sp.example.nl/artifact", "javascript:alert(1)", "/artifact", ""],
    )
    def test_that_is_not_https_is_skipped_where_there_is_another(
        self, signing_certificate, address
    ):
        more = f"""
    <AssertionConsumerService index="1" isDefault="true" Binding="{ARTIFACT}"
        Location="{address}"/>"""
        metadata = read(participant([(SIGNING, signing_certificate)], more))
        (entity,) = metadata.entities
        (consumer,) = entity.service_provider.assertion_consumers
        assert entity.service_provider.consumer() == consumer
        assert consumer.location.startswith("https:")
        (remark,) = metadata.remarks
        assert remark.startswith(
            "entity 'https://sp.example.nl': eilogin skips an address"
        )
        assert "AssertionConsumerService by HTTP-Artifact" in remark
        assert remark.endswith(repr(address))

    @pytest.mark.parametrize("binding", [POST, ARTIFACT])
    def test_that_is_the_only_one_of_its_service_has_to_be_https(
        self, signing_certificate, binding
    ):
        text = participant([(SIGNING, signing_certificate)])
        text = text.replace('Location="https:', 'Location="http:').replace(
            POST, binding
        )
        with pytest.raises(
            PeerUnusable, match=r"Consumer.*not https.*; ask its administrator"
        ):
            read(text)


class TestAnAggregate:
    def test_may_be_nested_and_have_parties_of_other_protocols(
        self, signing_certificate, other_certificate
    ):
        first = participant([(BOTH, signing_certificate)])
        second = participant(
            [(BOTH, other_certificate)], entity_id="https://two.example.nl"
        )
        metadata = read(f"""\
<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" Name="outer"
    cacheDuration="PT6H">
  <Extensions><x:Anything xmlns:x="urn:x-test"><x:More/></x:Anything></Extensions>
  {first}
  <EntitiesDescriptor Name="inner">{second}
    <EntityDescriptor entityID="https://old.example.nl">
      <IDPSSODescriptor
          protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol">
        <SingleSignOnService Binding="urn:mace:shibboleth:1.0:profiles:AuthnRequest"
            Location="http://old.example.nl/sso"/>
      </IDPSSODescriptor>
    </EntityDescriptor>
  </EntitiesDescriptor>
</EntitiesDescriptor>""")
        assert [e.entity_id for e in metadata.entities] == [
            "https://sp.example.nl",
            "https://two.example.nl",
            "https://old.example.nl",
        ]
        assert metadata.entities[2].identity_provider is None
        assert metadata.is_aggregate

    def test_of_a_party_twice_has_none_of_both(self, signing_certificate):
        text = participant([(BOTH, signing_certificate)])
        with pytest.raises(PeerUnusable, match="occurs 2 times"):
            read(
                '<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">'
                f"{text}{text}</EntitiesDescriptor>"
            )


def test_reads_requested_and_required_attributes(signing_certificate):
    more = """
    <AttributeConsumingService index="1">
      <ServiceName xml:lang="en">Example</ServiceName>
      <RequestedAttribute Name="urn:oid:2.5.4.42" isRequired="1"
          NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"/>
      <RequestedAttribute Name="mail" FriendlyName="mail" isRequired="false"/>
      <RequestedAttribute Name="rol"/>
    </AttributeConsumingService>"""
    role = only(participant([(BOTH, signing_certificate)], more)).service_provider
    assert role.attribute_services == (
        AttributeService(
            ("urn:oid:2.5.4.42", "mail", "rol"), frozenset({"urn:oid:2.5.4.42"}), 1
        ),
    )


class TestWhatIsAskedForByLists:
    @pytest.fixture
    def role(self, signing_certificate):
        lists = "".join(
            f"""
    <AttributeConsumingService index="{index}"{default}>
      <ServiceName xml:lang="en">Example</ServiceName>
      <RequestedAttribute Name="{name}"/>
    </AttributeConsumingService>"""
            for index, default, name in [
                (1, ' isDefault="false"', "no"),
                (5, "", "first"),
                (2, ' isDefault="1"', "default"),
            ]
        )
        return only(participant([(BOTH, signing_certificate)], lists)).service_provider

    @pytest.mark.parametrize(
        ("index", "name"),
        [(None, "default"), (1, "no"), (5, "first"), (2, "default"), (9, "default")],
    )
    def test_is_in_the_one_that_is_named_or_else_the_default(self, role, index, name):
        assert role.attribute_service(index).requested == (name,)

    def test_is_nothing_where_there_is_none(self, signing_certificate):
        role = only(participant([(BOTH, signing_certificate)], "")).service_provider
        assert role.attribute_service() is None
        assert role.attribute_service(1) is None


def test_algorithms_of_a_role_override_those_of_its_entity(signing_certificate):
    of_both = """
  <Extensions xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport">
    <alg:DigestMethod Algorithm="urn:x-test:digest"/>
    <alg:SigningMethod Algorithm="urn:x-test:signature"/>
  </Extensions>"""
    of_role = of_both.replace("urn:x-test:", "urn:x-test:role-")
    start, end = participant([(BOTH, signing_certificate)], "").split(
        "<SPSSODescriptor", 1
    )
    tag, rest = end.split(">", 1)
    entity = only(f"{start}{of_both}<SPSSODescriptor{tag}>{of_role}{rest}")
    assert entity.algorithms(entity.service_provider) == (
        ("urn:x-test:role-signature",),
        ("urn:x-test:role-digest",),
    )
    entity = only(f"{start}{of_both}<SPSSODescriptor{tag}>{rest}")
    assert entity.algorithms(entity.service_provider) == (
        ("urn:x-test:signature",),
        ("urn:x-test:digest",),
    )


def test_administrator_to_ask_comes_from_contact_person(signing_certificate):
    def ask(contacts):
        text = participant([(BOTH, signing_certificate)])
        end = "</EntityDescriptor>"
        return only(text.replace(end, contacts + end)).whom_to_ask

    assert ask("") == "the administrator of 'https://sp.example.nl'"
    assert ask('<ContactPerson contactType="technical"/>').startswith(
        "the administrator of"
    )
    support = """
  <ContactPerson contactType="support"><Company>Example</Company>
    <TelephoneNumber>088 123 45 67</TelephoneNumber></ContactPerson>"""
    technical = """
  <ContactPerson contactType="technical">
    <EmailAddress>mailto:beheer@example.nl</EmailAddress></ContactPerson>"""
    assert ask(support) == "Example 088 123 45 67"
    assert ask(support + technical) == "beheer@example.nl"


@pytest.mark.parametrize(
    ("around", "within", "scopes"),
    [
        ("", "", None),
        (
            "<s:Scope>Stad.NL</s:Scope>",
            "<s:Scope>uwv.nl</s:Scope>",
            {"stad.nl", "uwv.nl"},
        ),
        ('<s:Scope regexp=" 0 ">\n stad.nl\n</s:Scope>', "", {"stad.nl"}),
        ("", "<s:Scope>Gemeente-Súdwest.nl</s:Scope>", {"xn--gemeente-sdwest-cvb.nl"}),
        ("", f"<s:Scope>{'a' * 64}.nl</s:Scope>", {f"{'a' * 64}.nl"}),
        ("", '<s:Scope regexp="true">.*</s:Scope>', set()),
        ("", '<s:Scope regexp="yes">uwv.nl</s:Scope>', set()),
    ],
)
def test_scopes_stand_at_the_role_or_around_it_and_are_text(
    signing_certificate, around, within, scopes
):
    entity = only(f"""\
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    xmlns:s="urn:mace:shibboleth:metadata:1.0" entityID="https://idp.example.nl/">
  <Extensions>{around}<s:Other/></Extensions>
  <IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">
    <Extensions>{within}<s:Other/></Extensions>
    <KeyDescriptor><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{signing_certificate}</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="{POST}" Location="https://idp.example.nl/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>
""")
    assert entity.identity_provider.scopes == scopes
