"""A signed Response with its assertion, and xmlsec beside us."""

import xmlsec
from lxml import etree

from eilogin.saml.safe_xml import q, serialize
from eilogin.saml.xml_signatures import EXCLUSIVE_C14N, sign

NAMESPACES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
)
ASSERTION = (
    '<saml:Assertion ID="_a" Version="2.0" IssueInstant="2024-01-01T00:00:00Z">'
    "<saml:Issuer>https://hub.test</saml:Issuer>"
    "<saml:Subject><saml:NameID>merel</saml:NameID></saml:Subject></saml:Assertion>"
)
RESPONSE = (
    f'<samlp:Response {NAMESPACES} ID="_r" Version="2.0"'
    ' IssueInstant="2024-01-01T00:00:00Z"><saml:Issuer>https://hub.test</saml:Issuer>'
    '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"'
    f"/></samlp:Status>{ASSERTION}</samlp:Response>"
)
DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
INCLUSIVE = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"


def assertion_of(response):
    return response.find(q("saml:Assertion"))


def signature_of(element):
    return element.find(q("ds:Signature"))


def signed_response(key, *, assertion=True, response=True, text=RESPONSE):
    root = etree.fromstring(text)
    if assertion:
        sign(assertion_of(root), key)
    if response:
        sign(root, key)
    return serialize(root)


def verified_by_xmlsec(octets, certificate):
    root = etree.fromstring(octets)
    xmlsec.tree.add_ids(root, ["ID"])
    count = 0
    for node in root.iter(q("ds:Signature")):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
        context.verify(node)
        count += 1
    return count


class Foreign:
    """A Response of which another stack (xmlsec) signed the assertion."""

    def __init__(self, pair, text=RESPONSE):
        self.pair = pair
        self.root = etree.fromstring(text)

    def signed(self, method="RSA_SHA256", digest="SHA256", prefixes="", key_name=""):
        target = assertion_of(self.root)
        node = xmlsec.template.create(
            target,
            xmlsec.Transform.EXCL_C14N,
            getattr(xmlsec.Transform, method),
            ns="dsig",
        )
        target.insert(1, node)
        reference = xmlsec.template.add_reference(
            node, getattr(xmlsec.Transform, digest), uri="#_a"
        )
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
        exclusive = xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        if prefixes:
            c14n = node.find(f".//{q('ds:CanonicalizationMethod')}")
            for element in (exclusive, c14n):
                etree.SubElement(
                    element,
                    INCLUSIVE,
                    PrefixList=prefixes,
                    nsmap={"ec": EXCLUSIVE_C14N},
                )
        info = xmlsec.template.ensure_key_info(node)
        if key_name:
            etree.SubElement(info, q("ds:KeyName")).text = key_name
            value = etree.SubElement(info, q("ds:KeyValue"))
            value = etree.SubElement(value, q("ds:RSAKeyValue"))
            etree.SubElement(value, q("ds:Modulus")).text = "AQAB"
            etree.SubElement(value, q("ds:Exponent")).text = "AQAB"
        xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(info))
        xmlsec.tree.add_ids(self.root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self.pair[0], xmlsec.KeyFormat.PEM)
        context.key.load_cert_from_memory(self.pair[1], xmlsec.KeyFormat.CERT_PEM)
        context.sign(node)
        return serialize(self.root)


def within(node, name):
    return node.find(f".//{q(name)}")


def set_algorithm(name, uri):
    return lambda node: within(node, name).set("Algorithm", uri)


def transform(position, uri):
    return lambda node: within(node, "ds:Transforms")[position].set("Algorithm", uri)
