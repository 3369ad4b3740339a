"""SOAP envelopes as attackers write them, around any message that is signed itself.

A reader and who verifies must mean the same element: the one in the one Body.
"""

from dataclasses import dataclass, field

from eilogin.saml import safe_xml
from forging import MALFORMED, TOO_LARGE, UNTRUSTED, Family

SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
WSSE = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)

ENVELOPES = Family("soap", reasons=(MALFORMED,))
#: Odd, and as good as any.
GOOD = Family("soap")


@dataclass(frozen=True)
class Enveloped:
    """A signed message that would be taken, and one that is not signed."""

    octets: bytes
    evil: bytes = field(repr=False)

    def within(
        self, *bodies: bytes, header: bytes = b"", uri: str = safe_xml.SOAP
    ) -> bytes:
        """An envelope with a Body for each of ``bodies``."""
        inside = b"".join(b"<s:Body>" + body + b"</s:Body>" for body in bodies)
        return enveloped(header + inside, uri)


def enveloped(inside: bytes, uri: str = safe_xml.SOAP) -> bytes:
    begin = f'<s:Envelope xmlns:s="{uri}">'.encode()
    return begin + inside + b"</s:Envelope>"


@ENVELOPES("soap-none")
def no_envelope(message: Enveloped) -> bytes:
    return message.octets


@ENVELOPES("soap-empty-post")
def nothing(message: Enveloped) -> bytes:
    return b""


@ENVELOPES("soap-1.2")
def newer(message: Enveloped) -> bytes:
    return message.within(message.octets, uri=SOAP_12)


@ENVELOPES("soap-other-namespace")
def of_another_vocabulary(message: Enveloped) -> bytes:
    return message.within(message.octets, uri="urn:x")


@ENVELOPES("soap-no-namespace")
def of_no_vocabulary(message: Enveloped) -> bytes:
    return b"<Envelope><Body>" + message.octets + b"</Body></Envelope>"


@ENVELOPES("soap-no-body")
def no_body(message: Enveloped) -> bytes:
    return enveloped(b"")


@ENVELOPES("soap-header-alone")
def header_alone(message: Enveloped) -> bytes:
    return enveloped(b"<s:Header>" + message.octets + b"</s:Header>")


@ENVELOPES("soap-body-empty")
def body_empty(message: Enveloped) -> bytes:
    return message.within(b"")


@ENVELOPES("soap-body-text")
def body_of_text(message: Enveloped) -> bytes:
    return message.within(b"log her out")


@ENVELOPES("soap-two-messages")
def evil_behind(message: Enveloped) -> bytes:
    return message.within(message.octets + message.evil)


@ENVELOPES("soap-two-messages-evil-first")
def evil_before(message: Enveloped) -> bytes:
    return message.within(message.evil + message.octets)


@ENVELOPES("soap-two-bodies")
def body_behind(message: Enveloped) -> bytes:
    return message.within(message.octets, message.evil)


@ENVELOPES("soap-two-bodies-evil-first")
def body_before(message: Enveloped) -> bytes:
    return message.within(message.evil, message.octets)


@ENVELOPES("soap-two-headers")
def two_headers(message: Enveloped) -> bytes:
    header = b"<s:Header/><s:Header>" + message.evil + b"</s:Header>"
    return message.within(message.octets, header=header)


@ENVELOPES("soap-header-behind")
def header_behind(message: Enveloped) -> bytes:
    body = b"<s:Body>" + message.octets + b"</s:Body>"
    return enveloped(body + b"<s:Header/>")


@ENVELOPES("soap-behind-the-body")
def behind_the_body(message: Enveloped) -> bytes:
    body = b"<s:Body>" + message.octets + b"</s:Body>"
    return enveloped(body + message.evil)


@ENVELOPES("soap-signed-in-header", reasons=(UNTRUSTED,))
def signed_in_the_header(message: Enveloped) -> bytes:
    """Signature wrapping: what is signed stands where nobody looks."""
    header = b"<s:Header>" + message.octets + b"</s:Header>"
    return message.within(message.evil, header=header)


@ENVELOPES("soap-signed-one-deeper")
def wrapped(message: Enveloped) -> bytes:
    return message.within(b'<x:All xmlns:x="urn:x">' + message.octets + b"</x:All>")


@ENVELOPES("soap-envelope-in-body")
def nested(message: Enveloped) -> bytes:
    return message.within(message.within(message.octets))


@ENVELOPES("soap-must-understand")
def must_be_understood(message: Enveloped) -> bytes:
    header = b'<s:Header><x:Also xmlns:x="urn:x" s:mustUnderstand="1"/></s:Header>'
    return message.within(message.octets, header=header)


@ENVELOPES("soap-must-understand-true")
def must_be_understood_in_words(message: Enveloped) -> bytes:
    header = b'<s:Header><x:Also xmlns:x="urn:x" s:mustUnderstand="true"/></s:Header>'
    return message.within(message.octets, header=header)


@ENVELOPES("soap-signature-in-header")
def signature_in_the_header(message: Enveloped) -> bytes:
    """As WS-Security has it: an evil message, and a signature that is elsewhere."""
    begin = message.octets.index(b"<ds:Signature")
    end = message.octets.index(b"</ds:Signature>") + len(b"</ds:Signature>")
    signature = message.octets[begin:end]
    header = (
        f'<s:Header><w:Security xmlns:w="{WSSE}">'.encode()
        + signature
        + b"</w:Security></s:Header>"
    )
    return message.within(message.evil, header=header)


@ENVELOPES("soap-fault")
def a_fault(message: Enveloped) -> bytes:
    fault = b"<s:Fault><faultcode>s:Client</faultcode><faultstring/></s:Fault>"
    return message.within(fault)


@ENVELOPES("soap-oversize", reasons=(TOO_LARGE,))
def too_large(message: Enveloped) -> bytes:
    return message.within(message.octets) + b" " * 400_000


@ENVELOPES("soap-oversize-in-header", reasons=(TOO_LARGE,))
def too_large_a_header(message: Enveloped) -> bytes:
    header = b"<s:Header><x>" + b"x" * 262_144 + b"</x></s:Header>"
    return message.within(message.octets, header=header)


@ENVELOPES("soap-doctype")
def with_a_doctype(message: Enveloped) -> bytes:
    return b"<!DOCTYPE s:Envelope>" + message.within(message.octets)


@ENVELOPES("soap-utf-16")
def in_utf_16(message: Enveloped) -> bytes:
    return message.within(message.octets).decode().encode("utf-16")


@ENVELOPES("soap-multipart")
def with_attachments(message: Enveloped) -> bytes:
    head = b"--x\r\nContent-Type: text/xml\r\n\r\n"
    return head + message.within(message.octets) + b"\r\n--x--\r\n"


@ENVELOPES("soap-in-a-form")
def in_a_form(message: Enveloped) -> bytes:
    """As a page of another site can have a browser send it (text/plain)."""
    return b"x=" + message.within(message.octets)


@ENVELOPES("soap-two-envelopes")
def two_envelopes(message: Enveloped) -> bytes:
    return message.within(message.octets) + message.within(message.evil)


@ENVELOPES("soap-include")
def included(message: Enveloped) -> bytes:
    """XOP: the message is said to be in an attachment."""
    return message.within(
        b'<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/>'
    )


@GOOD("soap-ok")
def as_we_write_it(message: Enveloped) -> bytes:
    return message.within(message.octets)


@GOOD("soap-ok-header")
def with_an_empty_header(message: Enveloped) -> bytes:
    return message.within(message.octets, header=b"<s:Header/>")


@GOOD("soap-ok-need-not-understand")
def with_what_need_not_be_understood(message: Enveloped) -> bytes:
    header = (
        b'<s:Header><x:Also xmlns:x="urn:x" s:mustUnderstand="0">'
        + message.evil
        + b"</x:Also></s:Header>"
    )
    return message.within(message.octets, header=header)


@GOOD("soap-ok-declaration-and-spaces")
def with_a_declaration(message: Enveloped) -> bytes:
    text = b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    return text + message.within(b"\n  " + message.octets + b"\n  ") + b"\n"
