"""The dearest requests that anybody can send, and what each of them costs.

Each is as large as may be, and as sound as it can be made without a trusted key, so
that it is refused as late as possible. What one costs is told by a process of its own
(:func:`told`): ``python costly.py FOLDER`` makes a federation there, has everything
sent to it, and prints a line of JSON for each request.
"""

import base64
import gc
import itertools
import json
import logging
import os
import re
import resource
import string
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from lxml import etree
from parties import HubParty, Party, new_party_key
from unmeasured import unmeasured
from webob import Request

from eilogin import clock
from eilogin.saml import bindings, messages, safe_xml, xml_encryption
from eilogin.saml.assurance_levels import DIGID
from eilogin.saml.safe_xml import DS, MESSAGE, XENC, XS, XSI, q
from eilogin.saml.signing_keys import SigningKey
from eilogin.testing.in_process_federation import Federation

HUB, UWV, STAD = "inloggen.test", "uwv.test", "stad.test"
#: A request that costs more than this, in seconds of CPU, is sent again: the best of
#: some counts, for this machine is not ours alone.
_SURELY_CHEAP, _TRIES = 0.03, 8
#: Bytes that a message of a whole has beside its filling, and its base64 in a form.
_ROOM = MESSAGE.octets - 8_000
#: What servers take of one header, and of an address.
_HEADER, _ADDRESS = 250_000, 60_000
#: What is told beside these requests: what a good one costs at most, and what is left
#: of many that bring new names.
TWIN, NAMES = "the good twin", "names that nobody uses"
_STRANGERS = 120
FORM = "application/x-www-form-urlencoded"


class Cost(NamedTuple):
    """What a request cost, at its cheapest, and what became of it."""

    name: str
    #: Seconds of CPU.
    cpu: float
    #: Bytes that the process had more, at its peak.
    memory: int
    status: int


def told(folder: Path) -> list[Cost]:
    """What every request costs, in a process that does nothing else."""
    run = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if run.returncode:
        raise AssertionError(run.stderr)
    return [Cost(*json.loads(line)) for line in run.stdout.splitlines()]


# --- what messages are filled with ----------------------------------------------------


def _name(number: int) -> str:
    """A short name, another one for each number."""
    letters = string.ascii_letters
    name = ""
    while True:
        name += letters[number % 52]
        number //= 52
        if not number:
            return name


def _many(
    part: str | Callable[[int], str], most: int = 10**9, room: int = _ROOM
) -> str:
    """As many of these as there is room for, or ``most``."""
    parts: list[str] = []
    for number in range(most):
        one = part if isinstance(part, str) else part(number)
        room -= len(one)
        if room < 0:
            break
        parts.append(one)
    return "".join(parts)


def _attributes(most: int, of: str = '{}=""') -> str:
    return " ".join(of.format(_name(number)) for number in range(most))


_ALL = MESSAGE.elements - 100
_WIDE = MESSAGE.attributes - 1
_TEXT = MESSAGE.text - 1000
#: Types of XML schema that have something to compute, and what they like least.
_TYPES = {
    "NMTOKENS": "a ",
    "IDREFS": "_a ",
    "ENTITIES": "a ",
    "token": "a ",
    "base64Binary": "AAAA",
    "hexBinary": "0",
    "decimal": "1",
    "integer": "1",
    "float": "1",
    "duration": "P1Y",
    "dateTime": "2026-01-01T00:00:00",
    "anyURI": "a:/?%20",
    "QName": "a",
    "language": "a-",
}
_SIGNATURE = (
    f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">'
    "{prefixes}</ds:CanonicalizationMethod><ds:SignatureMethod"
    ' Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>{references}'
    "</ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue>"
    "<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
)
_REFERENCE = (
    '<ds:Reference URI="#{id}"><ds:Transforms>{transforms}</ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>"
)
_TRANSFORMS = (
    f'<ds:Transform Algorithm="{DS}enveloped-signature"/>'
    '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
)


def signature(  # noqa: PLR0913 - its parts
    identifier: str,
    *,
    references: int = 1,
    transforms: str = _TRANSFORMS,
    value: str = "AAAA",
    key_info: str = "<ds:KeyName>x</ds:KeyName>",
    prefixes: str = "",
) -> str:
    """A signature by nobody, of the shape that it should have but for what is said."""
    one = _REFERENCE.format(id=identifier, transforms=transforms)
    return _SIGNATURE.format(
        references=one * references, value=value, key_info=key_info, prefixes=prefixes
    )


def fillings(room: int = _ROOM) -> Iterator[tuple[str, str]]:
    """What may stand wherever other vocabularies may: Extensions, a StatusDetail …

    Those that take no more than so many bytes.
    """
    every = (_shapes, _namespaces, _for_the_schema, _texts, _signatures)
    found = itertools.chain.from_iterable(kind() for kind in every)
    return ((name, text) for name, text in found if len(text) <= room)


def _shapes() -> Iterator[tuple[str, str]]:
    yield "elements", _many("<a/>", _ALL)
    yield "elements and texts", _many("<a/>" + "t" * 40, _ALL)
    yield "elements beyond the cap", _many("<a/>")
    yield "attributes", _many(f"<a {_attributes(_WIDE)}/>", 290)
    yield "attributes beyond the cap", _many(f"<a {_attributes(_WIDE)}/>")
    yield "attributes of one element", f"<a {_attributes(40_000)}/>"
    yield "depth", _many("<a>" * 30 + "</a>" * 30, 160)
    yield "depth beyond the cap", "<a>" * 30_000 + "</a>" * 30_000
    yield (
        "identifiers",
        _many(
            lambda i: (
                f'<a ID="{_name(4 * i)}" Id="{_name(4 * i + 1)}"'
                f' id="{_name(4 * i + 2)}" xml:id="{_name(4 * i + 3)}"/>'
            ),
            2_380,
        ),
    )
    yield "the same identifier", _many('<a ID="x"/>', _ALL)


def _namespaces() -> Iterator[tuple[str, str]]:
    yield "namespaces", _many(lambda i: f'<a xmlns:{_name(i)}="u:{i}"/>', 480)
    yield "namespaces beyond the cap", _many(lambda i: f'<a xmlns:n{i}="u:{i}"/>')
    declared = _attributes(480, 'xmlns:{0}="u:{0}"')
    used = _many(lambda i: f"<{_name(i % 480)}:y/>", 4_300)
    yield "namespaces around all", f"<a {declared}>{used}</a>"
    again = _many('<p:a xmlns:p="u:1"><p:b xmlns:p="u:2"/></p:a>', 240)
    yield "a prefix declared anew", again
    long = "u:" + "x" * 240
    yield "a long namespace", f'<a xmlns="{long}">{_many("<b/>", 4_000)}</a>'
    yield "a namespace beyond the cap", f'<a xmlns="u:{"x" * _TEXT}"/>' * 2
    yield "what looks like namespaces", f"<a>{'xmlns:' * (_TEXT // 6)}</a>"


def _for_the_schema() -> Iterator[tuple[str, str]]:
    """It knows every element of SAML, wherever that is."""
    yield "faults of the schema", _many("<saml:Assertion/>", _ALL)
    yield "more faults", _many(f"<saml:Issuer {_attributes(_WIDE)}/>", 290)
    path = "x" * 500
    yield (
        "faults far down",
        f"<{path}>" * 30 + _many("<saml:Assertion/>", 150) + f"</{path}>" * 30,
    )
    yield "types that are none", _value('<saml:AttributeValue xsi:type="xs:x"/>')
    yield (
        "values that are none",
        _value('<saml:AttributeValue xsi:type="xs:int">x</saml:AttributeValue>'),
    )
    for kind, text in _TYPES.items():
        value = text * (_TEXT // len(text))
        typed = f'<saml:AttributeValue xsi:type="xs:{kind}">{value}'
        yield f"a long {kind}", _attribute(f"{typed}</saml:AttributeValue>")


def _texts() -> Iterator[tuple[str, str]]:
    yield "a text", f"<a>{'x' * _TEXT}</a><a>{'x' * _TEXT}</a>"
    yield "a text beyond the cap", f"<a>{'x' * (_ROOM - 10)}</a>"
    yield "white space", " " * _TEXT + "<a/>" + "\n" * _TEXT
    yield "white space in tags", f"<a {' ' * _ROOM}/>"
    yield "comments", _many("<!---->")
    yield "a long comment", f"<!--{'x' * (_ROOM - 10)}-->"
    yield "sections", f"<a>{'<![CDATA[a]]>a' * (_TEXT // 14)}</a>"
    yield "references to characters", f"<a>{'&#65;' * (_ROOM // 6)}</a>"
    yield "what looks like entities", f"<a>{'&amp;lol;' * (_TEXT // 5)}</a>"
    yield "an entity that nobody knows", "&lol;" * (_ROOM // 5)
    yield "a doctype", "<!DOCTYPE a [" + "<!ENTITY b 'b'>" * 10_000 + "]>"
    yield "instructions", "<?a?>" * (_ROOM // 5)
    yield "quotes", f"<a b='{chr(34) * (_TEXT - 10)}' c='{'>' * (_TEXT - 10)}'/>"


def _signatures() -> Iterator[tuple[str, str]]:
    yield "signatures", _many(signature("_m"), 1_000)
    signed = '<saml:Assertion ID="{0}">{1}</saml:Assertion>'
    yield (
        "assertions with signatures",
        _many(lambda i: signed.format(f"_{i}", signature(f"_{i}")), 370),
    )
    yield "references", signed.format("_s", signature("_s", references=400))
    many = signature("_s", transforms=_many(_TRANSFORMS, 1_000))
    yield "transforms", signed.format("_s", many)
    listed = " ".join(map(_name, range(30_000)))
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{exclusive}" PrefixList="{listed}"/>'
    yield "prefixes", signed.format("_s", signature("_s", prefixes=listed))
    numbers = "A" * _TEXT
    yield "a signature of a book", signed.format("_s", signature("_s", value=numbers))
    certificate = "<ds:X509Certificate>AAAA</ds:X509Certificate>"
    certificates = f"<ds:X509Data>{_many(certificate, _ALL)}</ds:X509Data>"
    yield "certificates", signed.format("_s", signature("_s", key_info=certificates))
    modulus = (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{numbers}</ds:Modulus>"
        "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
    )
    yield "a huge modulus", signed.format("_s", signature("_s", key_info=modulus))
    yield "encrypted keys", _many(f'<xenc:EncryptedKey xmlns:xenc="{XENC}"/>', 480)
    yield "encrypted assertions", _many("<saml:EncryptedAssertion/>", _ALL)


def _attribute(values: str) -> str:
    return f'<saml:Attribute Name="a">{values}</saml:Attribute>'


def _value(one: str) -> str:
    return _attribute(_many(one, _ALL))


# --- messages -------------------------------------------------------------------------


@dataclass
class Sites:
    """A federation, and strangers who send to it."""

    folder: Path
    federation: Federation = field(init=False)
    stranger: SigningKey = field(init=False)
    #: What the hub answers over the back channel; None for what it has to say.
    peer: bytes | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"a page"]

        self.federation = Federation(
            self.folder,
            {UWV: app, STAD: app},
            options={STAD: {"acs": "post"}, UWV: {"protect": "=/ optional"}},
        )
        self.hub = HubParty(self.federation.trusts[HUB])
        self._real_hub = self.federation.apps[HUB]
        self.federation.apps[HUB] = self._speak
        self.member = Party(self.federation.trusts[UWV])
        self.stranger = new_party_key("stranger")

    def _speak(self, environ, start_response):
        if self.peer is None or environ["PATH_INFO"] != "/artifact":
            return self._real_hub(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [self.peer]

    def question(self, host: str) -> "Question":
        """A login that is under way in a browser of the attacker's own."""
        browser = self.federation.browser()
        browser.stops_before = "SAMLRequest="
        browser.visit(f"https://{host}/mijn")
        received = bindings.read_redirect(urlsplit(browser.url).query)
        request = messages.read_authn_request(safe_xml.parse(received.octets))
        return Question(host, browser, request, received.relay_state)


class Question(NamedTuple):
    host: str
    browser: object
    request: messages.AuthnRequest
    handle: str

    @property
    def cookies(self) -> dict[str, str]:
        cookies = self.browser.cookies(self.host)
        return {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}


class Sent(NamedTuple):
    """A request; ``peer`` is what the hub answers over the back channel meanwhile."""

    name: str
    url: str
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    peer: bytes | None = None


def requests(sites: Sites) -> Iterator[Sent]:
    """All of them, with the least first."""
    yield from _messages(sites)
    yield from _encrypted(sites)
    yield from _parameters(sites)
    yield from _headers(sites)
    yield from _forms(sites)


def _messages(sites: Sites) -> Iterator[Sent]:
    """Every filling in every message, by the ways on which it can come."""
    by_post = sites.question(STAD)
    stranger = Party(sites.federation.trusts[UWV], sites.stranger)
    as_hub = HubParty(sites.federation.trusts[HUB], sites.stranger)
    answer = as_hub.answer(by_post.request)
    # Its assertion is her own, and true; but she is not where it says.
    own = sites.hub.answer(by_post.request, confirmation_ends=clock.now() - 3600)
    for name, filling in fillings():
        detail = f"<samlp:StatusDetail>{filling}</samlp:StatusDetail>"
        for kind, response in (("an answer", answer), ("an answer of hers", own)):
            octets = _filled(response, "</samlp:Status>", detail)
            yield _posted(f"{name} in {kind}", by_post, "SAMLResponse", octets)
        by_artifact = sites.question(UWV)
        carried = _filled(_resolved(as_hub, answer), "</samlp:Status>", detail)
        yield Sent(
            f"{name} in what an artifact stands for",
            bindings.artifact_url(
                f"https://{UWV}/eilogin/acs", sites.hub.artifact(), by_artifact.handle
            ),
            headers=by_artifact.cookies,
            peer=b"<e:Envelope xmlns:e='%b'><e:Body>%b</e:Body></e:Envelope>"
            % (safe_xml.SOAP.encode(), carried),
        )
        yield from _to_hub(name, filling, stranger)
        yield from _logouts(name, filling, as_hub)


def _to_hub(name: str, filling: str, stranger: Party) -> Iterator[Sent]:
    """As a participant that is none sends it."""
    question = messages.AuthnRequest(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=stranger.entity_id,
        destination=f"https://{HUB}/sso",
        acs_url=f"https://{UWV}/eilogin/acs",
        protocol_binding=bindings.POST,
        level_classes=(DIGID.class_of("basis"),),
    )
    asked = messages.write_authn_request(question)
    extensions = f"<samlp:Extensions>{_wrapped(filling)}</samlp:Extensions>"
    yield from _by_redirect(
        f"{name} in a question",
        f"https://{HUB}/sso",
        _filled(asked, "</saml:Issuer>", extensions),
    )
    octets = _filled(stranger.signed(asked), "</ds:Signature>", extensions)
    yield Sent(
        f"{name} in a question by POST",
        f"https://{HUB}/sso",
        _form("SAMLRequest", octets, "x"),
        {"Content-Type": FORM},
    )
    resolve = messages.write_artifact_resolve(
        messages.ArtifactResolve(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=stranger.entity_id,
            artifact=bindings.new_artifact("https://inloggen.test/metadata"),
            destination=f"https://{HUB}/artifact",
        )
    )
    octets = _filled(stranger.signed(resolve), "</ds:Signature>", extensions)
    yield _by_soap(
        f"{name} in a question about an artifact", f"https://{HUB}/artifact", octets
    )


def _logouts(name: str, filling: str, as_hub: HubParty) -> Iterator[Sent]:
    """To a participant, as a hub that is none sends it; and to the hub."""
    extensions = f"<samlp:Extensions>{_wrapped(filling)}</samlp:Extensions>"
    slo = f"https://{STAD}/eilogin/slo"
    request = as_hub.logout_request(messages.NameID("x"), slo)
    yield from _by_redirect(
        f"{name} in a logout", slo, _filled(request, "</saml:Issuer>", extensions)
    )
    octets = _filled(as_hub.signed(request), "</ds:Signature>", extensions)
    yield _by_soap(f"{name} in a logout over SOAP", f"{slo}/soap", octets)


def _wrapped(filling: str) -> str:
    """Of a namespace of its own, as some places demand."""
    return f'<x:x xmlns:x="u:x">{filling}</x:x>'


def _filled(element: etree._Element, after: str, filling: str) -> bytes:
    text = safe_xml.serialize(element).decode()
    space = f' xmlns:xsi="{XSI}" xmlns:xs="{XS}" xmlns:ds="{DS}" ID='
    text = text.replace(" ID=", space, 1)
    if after.startswith("</samlp:Status>"):
        return text.replace(after, filling + after, 1).encode()
    return text.replace(after, after + filling, 1).encode()


def _resolved(as_hub: HubParty, carried: etree._Element) -> etree._Element:
    response = messages.ArtifactResponse(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=as_hub.entity_id,
        status=messages.Status(),
        in_response_to=messages.new_id(),
    )
    copy = etree.fromstring(safe_xml.serialize(carried))
    return as_hub.signed(messages.write_artifact_response(response, copy))


def _posted(name: str, question: Question, kind: str, octets: bytes) -> Sent:
    return Sent(
        name,
        question.request.acs_url,
        _form(kind, octets, question.handle),
        {"Content-Type": FORM, **question.cookies},
    )


def _form(kind: str, octets: bytes, handle: str) -> bytes:
    text = base64.b64encode(octets)
    for one, escaped in ((b"+", b"%2B"), (b"/", b"%2F"), (b"=", b"%3D")):
        text = text.replace(one, escaped)
    return b"%b=%b&RelayState=%b" % (kind.encode(), text, quote(handle).encode())


def _by_redirect(name: str, url: str, octets: bytes) -> Iterator[Sent]:
    """With a signature that nobody made, where there is room for it in an address."""
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(octets) + deflate.flush()
    query = urlencode(
        {
            "SAMLRequest": base64.b64encode(packed),
            "SigAlg": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "Signature": base64.b64encode(bytes(256)),
        }
    )
    if len(query) <= bindings.LONGEST_QUERY:
        yield Sent(name, f"{url}?{query}")


def _by_soap(name: str, url: str, octets: bytes) -> Sent:
    envelope = f"<e:Envelope xmlns:e='{safe_xml.SOAP}'><e:Body>".encode()
    body = envelope + octets + b"</e:Body></e:Envelope>"
    return Sent(name, url, body, {"Content-Type": "text/xml"})


def _encrypted(sites: Sites) -> Iterator[Sent]:
    """Ciphertexts that anybody can make, of what was never good."""
    question = sites.question(STAD)
    ours = sites.federation.trusts[STAD].own.key.public
    evil = sites.hub.assertion(question.request)

    def posted(name: str, wrapper: etree._Element) -> Sent:
        response = sites.hub.response(question.request, wrapper)
        return _posted(name, question, "SAMLResponse", safe_xml.serialize(response))

    def sealed(element: etree._Element) -> etree._Element:
        return xml_encryption.encrypt(element, "saml:EncryptedAssertion", ours)

    for name, filling in fillings(_TEXT * 3 // 4 - 3_000):
        with suppress(etree.XMLSyntaxError):
            advice = f"<saml:Advice>{_wrapped(filling)}</saml:Advice>"
            octets = _filled(evil, "</saml:Conditions>", advice)
            yield posted(
                f"{name} in what is encrypted", sealed(etree.fromstring(octets))
            )
    for name, copies in (("keys", 2), ("many keys", 200)):
        wrapper = sealed(evil)
        [key] = wrapper.iter(q("xenc:EncryptedKey"))
        for _ in range(copies):
            key.addnext(etree.fromstring(safe_xml.serialize(key)))
        yield posted(f"{name} in an answer", wrapper)
    for name, place in (("a long key", 0), ("a long text", 1)):
        wrapper = sealed(evil)
        wrapper.findall(f".//{q('xenc:CipherValue')}")[place].text = "A" * _TEXT
        yield posted(f"{name} in an answer", wrapper)
    wrapper = sealed(evil)
    method = next(wrapper.iterfind(f".//{q('xenc:EncryptedKey')}/*"))
    etree.SubElement(method, q("xenc:OAEPparams")).text = "A" * _TEXT
    yield posted("a long label in an answer", wrapper)


#: What makes a query or a form dear, whoever reads it.
_PARAMETERS = {
    "parameters": "a=b&" * 4_000,
    "names": "&".join(f"{_name(i)}=" for i in range(5_000)),
    "ampersands": "&" * 16_000,
    "equals": "a" + "=" * 16_000,
    "escapes": "%53" * 5_000 + "=1",
    "escapes that are none": "SAMLRequest=" + "%" * 16_000,
    "escapes of spaces in a name": "%20" * 5_000 + "SAMLRequest=a",
    "a relay state": "SAMLResponse=AAAA&RelayState=" + "a" * 16_000,
    "semicolons": ";" * 16_000,
    "not ASCII": "%c3%a9" * 2_600,
    "plus": "+" * 16_000,
    "base64": "SAMLRequest=" + "A" * 16_000,
    "line breaks": "SAMLRequest=" + "%0A" * 5_000,
    "an artifact": "SAMLart=" + "A" * 16_000,
    "a way on": "next=" + "/" * 16_000,
    "another way on": "next=/" + "%2e./" * 3_000,
    "a way on with a query": "next=/?" + "next=/%3F" * 1_500,
    "an entity": "entityID=" + "x" * 16_000,
    "a level": "level=" + "m" * 16_000,
    "a question": "question=" + "q" * 16_000,
}
_OWN = ("login", "acs", "logout", "slo")
_OF_HUB = ("login", "sso", "slo", "")
#: Beyond those that are read: how many bytes a bomb would inflate to.
_BOMB = 12_000_000


def _parameters(sites: Sites) -> Iterator[Sent]:
    for name, text in _PARAMETERS.items():
        for path in _OWN:
            yield Sent(f"{name} at {path}", f"https://{STAD}/eilogin/{path}?{text}")
        for path in _OF_HUB:
            yield Sent(f"{name} at the hub's {path}", f"https://{HUB}/{path}?{text}")
    deflate = zlib.compressobj(9, wbits=-15)
    bomb = deflate.compress(bytes(_BOMB)) + deflate.flush()
    packed = quote(base64.b64encode(bomb))
    for name, url in (("slo", f"{STAD}/eilogin/slo"), ("the hub's sso", f"{HUB}/sso")):
        yield Sent(f"a bomb at {name}", f"https://{url}?SAMLRequest={packed}")


def _headers(sites: Sites) -> Iterator[Sent]:
    """What is no message, and comes with every request."""
    question = sites.question(STAD)
    first = next(iter(question.cookies.values()))
    long, many = "x" * _HEADER, "a=b; " * (_HEADER // 5)
    junk = {
        "Cookie": {
            "long": f"__Host-eilogin={long}",
            "many": many,
            "of our names": "; ".join(
                f"__Host-eilogin-login-{i}=x" for i in range(9000)
            ),
            "the same": "__Host-eilogin=x; " * (_HEADER // 18),
            "not ours": '"{[=;' * (_HEADER // 5),
            "quotes": '"' * _HEADER,
            "blanks": " ;" * (_HEADER // 2),
            "one of ours, longer": f"{first}{'A' * (_HEADER - len(first))}",
        },
        "Accept-Language": {
            "long": long,
            "many": "nl-NL;q=0.5," * (_HEADER // 12),
            "quality": "nl;q=" + "0" * (_HEADER - 9),
            "blanks": " " * _HEADER,
            "commas": "," * _HEADER,
        },
        "X-Forwarded-For": {
            "many": "10.0.0.1, " * (_HEADER // 10),
            "colons": ":" * _HEADER,
            "brackets": "[" * _HEADER,
            "digits": "1" * _HEADER,
        },
        "Origin": {"long": "https://" + long, "brackets": "https://" + "[" * _HEADER},
        "Referer": {"long": "https://" + long, "at": "https://" + "@" * _HEADER},
        "Sec-Fetch-Site": {"long": long},
        "Accept": {"long": "text/html," * (_HEADER // 10)},
        "Content-Type": {"long": "multipart/form-data;" * (_HEADER // 20)},
        "If-None-Match": {"many": '"a", ' * (_HEADER // 5)},
        "Connection": {"many": "x-remote-user, " * (_HEADER // 15)},
    }
    for header, texts in junk.items():
        for name, text in texts.items():
            for url in (f"https://{UWV}/", f"https://{STAD}/mijn", f"https://{HUB}/"):
                yield Sent(f"{header} {name} at {url}", url, b"", {header: text})
    for name, path in {
        "segments": "/a" * (_ADDRESS // 2),
        "slashes": "/" * _ADDRESS,
        "dots": "/." * (_ADDRESS // 2),
        "escapes": "/%41" * (_ADDRESS // 4),
        "escapes twice": "/%2541" * (_ADDRESS // 6),
        "semicolons": "/" + ";" * _ADDRESS,
        "namespaces": "/++a++" * (_ADDRESS // 6),
        "views": "/@@" * (_ADDRESS // 3),
        "blanks": "/%20" * (_ADDRESS // 4),
        "virtual hosts": "/VirtualHostBase" * (_ADDRESS // 16),
        "not UTF-8": "/%ff" * (_ADDRESS // 4),
    }.items():
        for host in (STAD, HUB):
            yield Sent(f"a path of {name} at {host}", f"https://{host}{path}")


def _forms(sites: Sites) -> Iterator[Sent]:
    """Bodies as long as anything of ours reads, or as a server takes."""
    urls = [f"https://{STAD}/eilogin/{path}" for path in ("acs", "slo", "logout")]
    urls += [f"https://{HUB}/{path}" for path in ("login", "sso", "slo/soap")]
    for name, text in {
        "parameters": "a=b&" * 99_000,
        "ampersands": "&" * bindings.LONGEST_FORM,
        "base64": "SAMLResponse=" + "A" * 390_000,
        "escapes": "SAMLResponse=" + "%41" * 40_000 + "A" * 270_000,
        "escapes beyond the cap": "SAMLResponse=" + "%41" * 130_000,
        "escapes that are none": "SAMLResponse=" + "%" * 390_000,
        "line breaks": "SAMLResponse=" + "%0D%0AAAAAAAAAAAAA" * 20_000,
        "names with escapes": "%53AMLResponse=&" * 24_000,
        "one long name": "S" * bindings.LONGEST_FORM,
        "octets": "\0" * bindings.LONGEST_FORM,
        "a small form": "username=" + "u" * 9_000,
        "a small form of names": "&".join(f"{_name(i)}=1" for i in range(2_000)),
        "a password": "username=anna&password=" + "p" * 9_000,
        "too much": "x" * 5_000_000,
    }.items():
        octets = text.encode()
        for url in urls:
            headers = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin"}
            yield Sent(f"a form of {name} at {url}", url, octets, headers)


# --- what they cost -------------------------------------------------------------------


def _send(sites: Sites, sent: Sent) -> int:
    """Send one, and read the answer whole; its status."""
    request = Request.blank(sent.url, method="POST" if sent.body else "GET")
    request.body_file = BytesIO(sent.body)
    request.content_length = len(sent.body)
    request.headers.update(sent.headers)
    status = []

    def start_response(line, headers, exc_info=None):
        status.append(int(line[:3]))

    sites.peer = sent.peer
    answer = sites.federation(request.environ, start_response)
    b"".join(answer)
    return status[0]


def _cost(sites: Sites, name: str, make: Callable[[], Sent]) -> Cost:
    best, status = 1e9, 0
    before = _memory_from_here()
    for _ in range(_TRIES):
        sent = make()
        begun = time.process_time()
        status = _send(sites, sent)
        best = min(best, time.process_time() - begun)
        if best < _SURELY_CHEAP:
            break
    return Cost(name, best, _most_memory() - before, status)


def _twin(sites: Sites) -> Sent:
    """An answer that is good, and as large as any: somebody in two thousand groups."""
    question = sites.question(STAD)
    groups = {
        f"urn:oid:1.3.6.1.4.1.5923.1.5.1.{one}": [
            f"cn=group-{one}-{other},ou=groups,dc=example" for other in range(20)
        ]
        for one in range(95)
    }
    answer = sites.hub.answer(question.request, attributes=groups)
    return _posted(TWIN, question, "SAMLResponse", safe_xml.serialize(answer))


def _names(sites: Sites) -> Iterator[Cost]:
    """What is left in memory of many messages of which none has a name of another."""
    question = sites.question(STAD)
    response = sites.hub.response(question.request, None)
    assertion = sites.hub.assertion(question.request)
    stranger = HubParty(sites.federation.trusts[HUB], sites.stranger)
    signed = stranger.response(question.request, stranger.signed(assertion))
    names = itertools.count()

    def elements() -> Sent:
        filling = _many(lambda _: f"<n{next(names):030x}/>", 4_000)
        detail = f"<samlp:StatusDetail>{filling}</samlp:StatusDetail>"
        octets = _filled(response, "</samlp:Status>", detail)
        return _posted(f"{NAMES}, in elements", question, "SAMLResponse", octets)

    def attributes(most: int) -> str:
        long = "x" * (most // _WIDE - 40)
        return "".join(f' n{next(names):030x}{long}=""' for _ in range(_WIDE - 10))

    def inside() -> Sent:
        """Of what is signed, which is an element of the message."""
        text, tag = safe_xml.serialize(signed).decode(), "<saml:Assertion"
        octets = text.replace(tag, tag + attributes(60_000), 1).encode()
        return _posted(f"{NAMES}, in an assertion", question, "SAMLResponse", octets)

    def by_soap() -> Sent:
        octets = (
            f'<samlp:LogoutRequest xmlns:samlp="{safe_xml.SAMLP}"{attributes(200_000)}>'
            f'<saml:Issuer xmlns:saml="{safe_xml.SAML}">'
            f"{sites.hub.entity_id}</saml:Issuer>"
            "</samlp:LogoutRequest>"
        )
        address = f"https://{STAD}/eilogin/slo/soap"
        return _by_soap(f"{NAMES}, over SOAP", address, octets.encode())

    for make in (elements, inside, by_soap):
        gc.collect()
        gc.freeze()
        before = _memory_from_here()
        for _ in range(_STRANGERS):
            sent = make()
            status = _send(sites, sent)
            # A request refers to itself; here its names alone are asked about.
            gc.collect()
        yield Cost(sent.name, 0.0, _most_memory() - before, status)


def _memory_from_here() -> int:
    """Bytes that this process has in memory now; its peak is counted from here on.

    Where the system does not let it, from its start.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _most_memory()


def _most_memory() -> int:
    """Bytes that this process had in memory at its peak."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(folder: str) -> None:
    # What is logged is made all the same.
    logging.basicConfig(filename=os.devnull, level=logging.INFO)
    sites = Sites(Path(folder))
    for warm in (_messages, _forms):
        _send(sites, next(warm(sites)))
    _tell(_cost(sites, TWIN, partial(_twin, sites)))
    for sent in requests(sites):
        _tell(_cost(sites, sent.name, partial(_same, sent)))
    for cost in _names(sites):
        _tell(cost)


def _same(sent: Sent) -> Sent:
    return sent


def _tell(cost: Cost) -> None:
    sys.stdout.write(json.dumps(cost) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
