"""A member's metadata with all that a careful one has, and slips that others make."""

import base64
from collections.abc import Mapping
from textwrap import dedent
from urllib.parse import quote

from key_pairs import key_pair

ENTITY_ID = "https://rich.test/md"
#: A pixel in each form that a logo may have.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAA"
    "SUVORK5CYII="
)


def _drawing(inside: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'.encode()


DRAWING = base64.b64encode(_drawing("<path d='M0 0h1v1z'/>")).decode()
_SCRIPT = base64.b64encode(_drawing("<script>alert(1)</script>")).decode()
_WITH_BRACKETS = quote(_drawing("<text>[UWV]</text>"), safe="[]")


def certificate() -> str:
    """The certificate of the member, as it stands in metadata."""
    return "".join(key_pair("site")[1].decode().split("\n")[1:-2])


def rich(**slips: str) -> bytes:
    """The metadata; by the words of it that differ, what stands there (:data:`SLIPS`).

    A slip ``a=b`` is spelt as in :func:`with_slip`.
    """
    text = _RICH.replace("CERTIFICATE", certificate())
    for was, becomes in slips.items():
        assert was in text, was
        text = text.replace(was, becomes)
    return text.encode()


def with_slip(name: str) -> bytes:
    """The metadata with one of :data:`SLIPS`."""
    return rich(**dict([SLIPS[name]]))


_RICH = dedent("""\
    <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
        xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"
        xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
        xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xmlns:xs="http://www.w3.org/2001/XMLSchema"
        xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"
        xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute"
        xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport"
        xmlns:init="urn:oasis:names:tc:SAML:profiles:SSO:request-init"
        xmlns:idpdisc="urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
        xmlns:remd="http://refeds.org/metadata"
        entityID="https://rich.test/md">
    <md:Extensions>
    <mdattr:EntityAttributes><saml:Attribute Name="http://macedir.org/entity-category">
    <saml:AttributeValue xsi:type="xs:string">https://refeds.org/category/x</saml:AttributeValue>
    </saml:Attribute></mdattr:EntityAttributes>
    <alg:SigningMethod MinKeySize="2048"
        Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
    <shibmd:Scope regexp="false">rich.test</shibmd:Scope>
    </md:Extensions>
    <md:SPSSODescriptor AuthnRequestsSigned="true"
        protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:Extensions>
    <mdui:UIInfo><mdui:DisplayName xml:lang="en">Rich</mdui:DisplayName>
    <mdui:Description xml:lang="en">All there is</mdui:Description>
    <mdui:Keywords xml:lang="en">a b c</mdui:Keywords>
    <mdui:Logo height="16" width="16">https://rich.test/logo.png</mdui:Logo>
    <mdui:InformationURL xml:lang="en">https://rich.test/info</mdui:InformationURL>
    </mdui:UIInfo>
    <init:RequestInitiator Location="https://rich.test/Login"
        Binding="urn:oasis:names:tc:SAML:profiles:SSO:request-init"/>
    <idpdisc:DiscoveryResponse Location="https://rich.test/Disco" index="1"
        Binding="urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"/>
    </md:Extensions>
    <md:KeyDescriptor><ds:KeyInfo><ds:KeyName>rich</ds:KeyName><ds:X509Data>
    <ds:X509Certificate>CERTIFICATE</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleLogoutService Location="https://rich.test/slo"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP"/>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
    <md:AssertionConsumerService Location="https://rich.test/acs" index="1"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
    <md:AttributeConsumingService index="1">
    <md:ServiceName xml:lang="en">Rich service</md:ServiceName>
    <md:ServiceDescription xml:lang="en">What it does</md:ServiceDescription>
    <md:RequestedAttribute Name="urn:oid:0.9.2342.19200300.100.1.3"/>
    </md:AttributeConsumingService>
    </md:SPSSODescriptor>
    <md:Organization>
    <md:OrganizationName xml:lang="en">Rich</md:OrganizationName>
    <md:OrganizationDisplayName xml:lang="en">Rich Org</md:OrganizationDisplayName>
    <md:OrganizationURL xml:lang="en">https://rich.test/</md:OrganizationURL>
    </md:Organization>
    <md:ContactPerson contactType="technical" remd:contactType="urn:x">
    <md:GivenName>G</md:GivenName>
    <md:EmailAddress>mailto:help@rich.test</md:EmailAddress>
    </md:ContactPerson>
    </md:EntityDescriptor>
    """)

_LOGO = ">https://rich.test/logo.png<"
_END_OF_EXTENSIONS = "</shibmd:Scope>\n"
_FEDERATION = "http://docs.oasis-open.org/wsfed/federation/200706"

#: What is mended, by a word for it: what stands there, and what instead.
SLIPS: Mapping[str, tuple[str, str]] = {
    "ServiceName without text": (">Rich service<", "><"),
    "ServiceName with blanks": (">Rich service<", "> \n <"),
    "ServiceDescription": (">What it does<", "><"),
    "OrganizationName": (">Rich<", "><"),
    "OrganizationURL": (">https://rich.test/</md:Org", "></md:Org"),
    "OrganizationName without language": (
        'OrganizationName xml:lang="en"',
        "OrganizationName",
    ),
    "DisplayName without language": ('DisplayName xml:lang="en"', "DisplayName"),
    "Description": (">All there is<", "><"),
    "Keywords": (">a b c<", "><"),
    "InformationURL": (">https://rich.test/info<", "><"),
    "Logo without text": (_LOGO, "><"),
    "Logo without size": ('Logo height="16" width="16"', "Logo"),
    "Logo with a script": (_LOGO, f">data:image/svg+xml;base64,{_SCRIPT}<"),
    "Logo that is no URI": (_LOGO, f">data:image/svg+xml,{_WITH_BRACKETS}<"),
    "Logo that is no image": (_LOGO, ">data:image/png;base64,PHN2Zy8+<"),
    "Logo that is huge": (_LOGO, f">data:image/png;base64,{'A' * 70_000}<"),
    "GivenName": (">G<", "><"),
    "EmailAddress": (">mailto:help@rich.test<", "><"),
    "contactType": ('="technical"', '="webmaster"'),
    "NameIDFormat": (
        ">urn:oasis:names:tc:SAML:2.0:nameid-format:persistent<",
        "><",
    ),
    "KeyName": (">rich<", "><"),
    "Scope without regexp": (' regexp="false"', ""),
    "Scope with an element": (">rich.test<", "><x/><"),
    "RequestInitiator": (
        '"https://rich.test/Login"\n',
        '"https://rich.test/Login" index="x"\n',
    ),
    "DiscoveryResponse": ('Disco" index="1"', 'Disco"'),
    "AttributeConsumingService": (
        '<md:RequestedAttribute Name="urn:oid:0.9.2342.19200300.100.1.3"/>',
        "",
    ),
    "RequestedAttribute": (
        '<md:RequestedAttribute Name="urn:oid:0.9.2342.19200300.100.1.3"/>',
        '<md:RequestedAttribute Name=""/>',
    ),
    "a role of AD FS": (
        "<md:SPSSODescriptor",
        (
            f'<md:RoleDescriptor xmlns:fed="{_FEDERATION}" xsi:type="fed:SecurityToken'
            f'ServiceType" protocolSupportEnumeration="{_FEDERATION}"/>\n'
            "<md:SPSSODescriptor"
        ),
    ),
    "a type of others": ('"xs:string"', '"remd:type"'),
    "where a schema is": (
        "<md:Organization>",
        '<md:Organization xsi:schemaLocation="urn:x http://evil.test/x.xsd">',
    ),
    "SourceID": (
        _END_OF_EXTENSIONS,
        (
            f'{_END_OF_EXTENSIONS}<SourceID xmlns="urn:oasis:names:tc:SAML:profiles:'
            'v1metadata">no hex</SourceID>'
        ),
    ),
    "a message": (
        _END_OF_EXTENSIONS,
        (
            f'{_END_OF_EXTENSIONS}<x xmlns="urn:x"><Response xmlns="urn:oasis:names:tc:'
            'SAML:2.0:protocol"/></x>'
        ),
    ),
    "an attribute of others": (
        "<md:Organization>",
        (
            '<md:Organization xmlns:ext="urn:oasis:names:tc:SAML:attribute:ext"'
            ' ext:OriginalIssuer="%zz">'
        ),
    ),
    "KeyDescriptor behind all": (
        "</md:SPSSODescriptor>",
        (
            '<md:KeyDescriptor use="encryption"><ds:KeyInfo><ds:KeyName>n</ds:KeyName>'
            "</ds:KeyInfo></md:KeyDescriptor></md:SPSSODescriptor>"
        ),
    ),
    "ServiceDescription before its name": (
        '<md:ServiceName xml:lang="en">Rich service</md:ServiceName>',
        (
            '<md:ServiceDescription xml:lang="nl">Wat</md:ServiceDescription>'
            '<md:ServiceName xml:lang="en">Rich service</md:ServiceName>'
        ),
    ),
    "a role without what it is for": (
        "<md:SPSSODescriptor",
        (
            "<md:AttributeAuthorityDescriptor protocolSupportEnumeration="
            '"urn:oasis:names:tc:SAML:2.0:protocol"/><md:SPSSODescriptor'
        ),
    ),
    "xml:id": ("<md:Organization>", '<md:Organization xml:id="x">'),
}
