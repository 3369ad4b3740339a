"""AD FS and Entra ID as hubs: their metadata and their answers, in our own words.

The texts are ours. They have what is particular of those of Microsoft: two roles of
WS-Federation by ``xsi:type``, a list of claims at the role, a signature at the root,
and an entityID that is no address of the server.
"""

from dataclasses import replace
from uuid import UUID

from parties import HubParty

from eilogin.saml import messages, safe_xml, xml_signatures

ADFS = "http://adfs.voorbeeld.test/adfs/services/trust"
TENANT = UUID("0f3c1a5e-6a3b-4c1d-9e0f-1b2c3d4e5f60")
ENTRA = f"https://sts.windows.test/{TENANT}/"

#: How claims are called.
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
EMAIL, UPN, NAME = (f"{CLAIMS}/{name}" for name in ("emailaddress", "upn", "name"))
#: The class of login of who is known by Kerberos in the office.
WINDOWS = "urn:federation:authentication:windows"

_SAML2 = "urn:oasis:names:tc:SAML:2.0"
_EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_WSFED = (
    "http://docs.oasis-open.org/wsfed/federation/200706"
    " http://docs.oasis-open.org/ws-sx/ws-trust/200512"
    " http://schemas.xmlsoap.org/ws/2005/02/trust"
)


def adfs_metadata(key):
    """Write the ``FederationMetadata.xml`` of AD FS."""
    site = "https://adfs.voorbeeld.test/adfs"
    formats = "".join(
        f"<NameIDFormat>{uri}</NameIDFormat>"
        for uri in (
            _EMAIL_FORMAT,
            f"{_SAML2}:nameid-format:persistent",
            f"{_SAML2}:nameid-format:transient",
        )
    )
    logouts = _services("SingleLogoutService", f"{site}/ls/", "Redirect", "POST")
    logins = logouts.replace("Logout", "SignOn")
    consumers = "".join(
        f'<AssertionConsumerService Binding="{_SAML2}:bindings:HTTP-{binding}"'
        f' Location="{site}/ls/" index="{index}"{default}/>'
        for index, (binding, default) in enumerate(
            [("POST", ' isDefault="true"'), ("Artifact", ""), ("Redirect", "")]
        )
    )
    claims = "".join(
        f'<Attribute xmlns="{safe_xml.SAML}" Name="{name}" FriendlyName="{friendly}"'
        f' NameFormat="{_SAML2}:attrname-format:uri"/>'
        for name, friendly in ((EMAIL, "E-Mail Address"), (UPN, "UPN"))
    )
    keys = _key(key, "encryption") + _key(key, "signing")
    return _signed(
        key,
        ADFS,
        _role_of_application(key, f"{site}/ls/", display=' ServiceDisplayName="AD FS"')
        + _role_of_token_service(key, f"{site}/services/trust", f"{site}/ls/")
        + f'<SPSSODescriptor WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{safe_xml.SAMLP}">'
        f"{keys}{logouts}{formats}{consumers}"
        "</SPSSODescriptor>"
        f'<IDPSSODescriptor protocolSupportEnumeration="{safe_xml.SAMLP}">'
        f"{keys}{logouts}{formats}{logins}{claims}</IDPSSODescriptor>"
        '<ContactPerson contactType="support"><EmailAddress>beheer@voorbeeld.test'
        "</EmailAddress></ContactPerson>",
    )


def entra_metadata(key, *more):
    """Write the metadata of a tenant of Entra ID; ``more`` are its next keys."""
    login = f"https://login.microsoftonline.test/{TENANT}"
    keys = "".join(_key(one, "signing") for one in (key, *more))
    return _signed(
        key,
        ENTRA,
        _role_of_token_service(key, f"{login}/wsfed", f"{login}/wsfed")
        + _role_of_application(key, f"{login}/wsfed")
        + f'<IDPSSODescriptor protocolSupportEnumeration="{safe_xml.SAMLP}">{keys}'
        f"{_services('SingleLogoutService', f'{login}/saml2', 'Redirect')}"
        f"{_services('SingleSignOnService', f'{login}/saml2', 'Redirect', 'POST')}"
        "</IDPSSODescriptor>",
    )


class MicrosoftParty(HubParty):
    """A hub that answers as they do: the Response is signed, and the assertion too."""

    def __init__(self, trust, key, entity_id):
        super().__init__(trust, key)
        self.entity_id = entity_id

    def answer(self, request, name_id, claims, **changes):
        """Write a Response about a visitor of this name, with claims by their Names."""
        assertion = messages.read_assertion(self.assertion(request))
        said = {
            "name_id": name_id,
            "attributes": claims,
            # As long as a token lasts there, and no end of the session.
            "not_before": assertion.issued,
            "not_on_or_after": assertion.issued + 3600,
            "confirmation_ends": assertion.issued + 300,
            "session_ends": None,
            "session_index": assertion.id,
            "level_class": f"{_SAML2}:ac:classes:PasswordProtectedTransport",
        }
        element = messages.write_assertion(replace(assertion, **{**said, **changes}))
        return self.signed(self.response(request, self.signed(element)))


def _signed(key, entity_id, inside):
    root = safe_xml.parse_canonical(
        f'<EntityDescriptor xmlns="{safe_xml.MD}" ID="_{TENANT}"'
        f' entityID="{entity_id}">'
        f"{inside}</EntityDescriptor>".encode()
    )
    xml_signatures.sign(root, key)
    return safe_xml.serialize(root)


def _role_of_token_service(key, service, passive):
    return (
        _role("SecurityTokenServiceType")
        + _key(key, "signing")
        + f'<fed:TokenTypesOffered><fed:TokenType Uri="{_SAML2}:assertion"/>'
        '<fed:TokenType Uri="urn:oasis:names:tc:SAML:1.0:assertion"/>'
        f"</fed:TokenTypesOffered>{_claims('Offered')}"
        f"{_endpoint('fed:SecurityTokenServiceEndpoint', service)}"
        f"{_endpoint('fed:PassiveRequestorEndpoint', passive)}</RoleDescriptor>"
    )


def _role_of_application(key, passive, display=""):
    return (
        _role("ApplicationServiceType", display)
        + _key(key, "encryption")
        + f"{_claims('Requested')}"
        f"<fed:TargetScopes>{_reference(passive)}</fed:TargetScopes>"
        f"{_endpoint('fed:ApplicationServiceEndpoint', passive)}"
        f"{_endpoint('fed:PassiveRequestorEndpoint', passive)}</RoleDescriptor>"
    )


def _role(kind, more=""):
    return (
        f'<RoleDescriptor xmlns:xsi="{safe_xml.XSI}" xsi:type="fed:{kind}"'
        ' xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"'
        f' protocolSupportEnumeration="{_WSFED}"{more}>'
    )


def _claims(word):
    types = "".join(
        f'<auth:ClaimType Uri="{name}" Optional="true"'
        ' xmlns:auth="http://docs.oasis-open.org/wsfed/authorization/200706">'
        f"<auth:DisplayName>{name.rpartition('/')[2]}</auth:DisplayName>"
        "</auth:ClaimType>"
        for name in (EMAIL, UPN, NAME)
    )
    return f"<fed:ClaimTypes{word}>{types}</fed:ClaimTypes{word}>"


def _endpoint(name, address):
    return f"<{name}>{_reference(address)}</{name}>"


def _reference(address):
    return (
        '<wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        f"<wsa:Address>{address}</wsa:Address></wsa:EndpointReference>"
    )


def _services(name, address, *bindings):
    return "".join(
        f'<{name} Binding="{_SAML2}:bindings:HTTP-{binding}" Location="{address}"/>'
        for binding in bindings
    )


def _key(key, use):
    return (
        f'<KeyDescriptor use="{use}"><KeyInfo xmlns="{safe_xml.DS}"><X509Data>'
        f"<X509Certificate>{key.certificate_text}</X509Certificate></X509Data>"
        "</KeyInfo></KeyDescriptor>"
    )
