"""The call to python3-saml, which checks each Response a second time.

Our own checks come first, and are complete. Then python3-saml checks the same octets
with other code (its own rules, xmlsec for the signatures). So a fault in one of them is
not enough to let somebody in.

The other library alone does not suffice. It does not limit its input, and xmlsec runs
the transforms of a signature before it verifies it. One message with an XSLT could hold
a thread for hours. :func:`eilogin.saml.xml_signatures.check_structure` rejects such
messages first.

It checks a Response or a clear assertion with a signature of its own. It cannot check
one that only a signed ArtifactResponse covers, nor an encrypted one: it decrypts inside
the tree, where prefixes change and signatures of good peers break (sources.rst,
Peers). It does not know encrypted attributes. :func:`can_judge` says whether it can
check a Response.
"""

import base64
import math
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from eilogin import clock
from eilogin.errors import Busy, MalformedMessage, OpinionsDiffer
from eilogin.saml.message_checks import SKEW
from eilogin.saml.messages import read_instant
from eilogin.saml.printable_text import collapsed
from eilogin.saml.safe_xml import SAML, SAMLP, XENC, q, serialize, sparingly, validate
from eilogin.saml.xml_signatures import is_signed

try:
    from onelogin.saml2 import response as onelogin
    from onelogin.saml2.settings import OneLogin_Saml2_Settings
except Exception as error:  # noqa: BLE001 - xmlsec's own, which cannot be imported then
    raise ImportError(
        f"python3-saml does not work: {error}. Found lxml {version('lxml')} and"
        f" xmlsec {version('xmlsec')}; expected lxml 6 and xmlsec 1.3.16 or later,"
        " built on the same libxml2. Run: pip install 'lxml>=6,<7'"
        " 'xmlsec>=1.3.16,<1.4'"
    ) from None


@dataclass(frozen=True)
class SecondOpinion:
    """python3-saml's settings for the two parties; made once and kept."""

    #: entityID of the participant.
    entity_id: str
    #: Its AssertionConsumerService, at which the answers arrive.
    acs_url: str
    hub_entity_id: str
    #: The hub's SingleSignOnService.
    hub_sso_url: str
    #: The hub's signing certificates: base64 of DER, as in its metadata.
    hub_certificates: Sequence[str] = field(repr=False)

    def confirm(self, octets: bytes, request_id: str) -> None:
        """Have python3-saml judge an answer that our own checks have accepted.

        ``octets`` are a samlp:Response document, untouched: as it came by POST, or
        cut out of an ArtifactResponse by :func:`standalone`.
        ``request_id`` is the ID of the AuthnRequest. Raises OpinionsDiffer, with
        python3-saml's name for the reason, where it refuses.
        """
        try:
            sparingly(lambda: self._judge(octets, request_id), len(octets))
        except (Busy, Warning):
            # It judged nothing. A Warning is an exception where the process wants that
            # (PYTHONWARNINGS=error), and then a fault of this process.
            raise
        except Exception as error:  # noqa: BLE001 (whatever it raises, it is no yes)
            # Its own words may quote values.
            raise OpinionsDiffer(
                f"python3-saml rejects a message that eilogin accepts: {_reason(error)}"
            ) from None

    def _judge(self, octets: bytes, request_id: str) -> None:
        response = _Response(self._settings, base64.b64encode(octets))
        response.is_valid(self._request, request_id, raise_exceptions=True)

    @cached_property
    def _request(self) -> dict[str, str]:
        """The request as python3-saml wants it: from our own address, never a Host."""
        url = urlsplit(self.acs_url)
        return {
            "https": "on" if url.scheme == "https" else "off",
            "http_host": url.netloc,
            "script_name": url.path,
        }

    @cached_property
    def _settings(self) -> Any:
        return OneLogin_Saml2_Settings(
            {
                "strict": True,
                "sp": {
                    "entityId": self.entity_id,
                    "assertionConsumerService": {"url": self.acs_url},
                },
                "idp": {
                    "entityId": self.hub_entity_id,
                    "singleSignOnService": {"url": self.hub_sso_url},
                    "x509certMulti": {"signing": list(self.hub_certificates)},
                },
                "security": {
                    "allowSingleLabelDomains": True,
                    "rejectDeprecatedAlgorithm": True,
                    # A login answer without attributes is a login answer. Which of
                    # Response and assertion is signed is the hub's choice; an answer
                    # in which neither is, is refused.
                    "wantAttributeStatement": False,
                    "requestedAuthnContext": False,
                },
            }
        )


def can_judge(response: etree._Element) -> bool:
    """Whether a samlp:Response is one that python3-saml can be asked about.

    It, or the assertion in it, must be signed itself: where only the ArtifactResponse
    around it is, python3-saml has nothing to verify. And nothing in it is encrypted but
    what stands in Advice, which nobody opens.
    """
    if _encrypted(response):
        return False
    assertions = response.findall(q("saml:Assertion"))
    return any(is_signed(element) for element in (response, *assertions))


#: Nothing in the Advice of the assertion of an answer is read.
_OUTSIDE_ADVICE = (
    "[not(ancestor::saml:Advice[parent::saml:Assertion/parent::samlp:Response])]"
)
_XPATH_NAMES = {"saml": SAML, "samlp": SAMLP, "xenc": XENC}
_is_advice = etree.XPath(
    f"not(self::*{_OUTSIDE_ADVICE})", namespaces=_XPATH_NAMES, regexp=False
)
_encrypted = etree.XPath(
    f"boolean(descendant::xenc:EncryptedData{_OUTSIDE_ADVICE})",
    namespaces=_XPATH_NAMES,
    regexp=False,
)
_assertions = etree.XPath(
    f"//saml:Assertion{_OUTSIDE_ADVICE} | //saml:EncryptedAssertion{_OUTSIDE_ADVICE}",
    namespaces=_XPATH_NAMES,
    regexp=False,
)


def standalone(response: etree._Element) -> bytes:
    """A Response in an ArtifactResponse as a document of its own, to be judged.

    The signatures inside hold as they did: it keeps every namespace that was in scope.
    """
    return serialize(response)


# --- what python3-saml does anew for each message -------------------------------------


class _KeptXML(onelogin.OneLogin_Saml2_XML):  # type: ignore[misc]
    """python3-saml's XML, with schemas and XPaths that are compiled already."""

    @staticmethod
    def validate_xml(xml: Any, schema: str, debug: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Keep its contract: give the element, or a word where it is not valid."""
        name = schema.removeprefix("saml-schema-").removesuffix("-2.0.xsd")
        try:
            validate(xml, name)
        except MalformedMessage:
            return "invalid_xml"
        return xml

    @staticmethod
    def query(dom: Any, query: str, context: Any = None, tagid: Any = None) -> Any:
        """The nodes that ``query`` finds, ``tagid`` being a variable in it."""
        source = dom if context is None else context
        path = _path(query)
        return path(source) if tagid is None else path(source, tagid=tagid)


@lru_cache(maxsize=100)
def _path(query: str) -> etree.XPath:
    return etree.XPath(query, namespaces=onelogin.OneLogin_Saml2_Constants.NSMAP)


class _LenientUtils(onelogin.OneLogin_Saml2_Utils):  # type: ignore[misc]
    """python3-saml's utilities, with a clock that gives an end of validity our skew.

    It has a skew of 300 seconds itself for Conditions, and none for
    SubjectConfirmationData.
    """

    @staticmethod
    def now() -> int:
        """The present instant, less our skew."""
        # By our own clock. Its own calls utcnow, which warns in Python 3.12 and later.
        return int(clock.now() - SKEW)

    @staticmethod
    def parse_SAML_to_time(timestr: str) -> int:  # noqa: N802 - its name
        """An instant without its fraction; strptime takes eight times as long."""
        return math.floor(read_instant(timestr))


# ``OneLogin_Saml2_Response`` with two of its names bound to ours. For each message it
# compiles the schema again, which is half its time, and each XPath at each use; it
# offers no way to pass them in. This runs its code with other globals rather than
# changing it in place, so an application in this process that uses python3-saml notices
# nothing.
_SCOPE = {
    **vars(onelogin),
    "OneLogin_Saml2_XML": _KeptXML,
    "OneLogin_Saml2_Utils": _LenientUtils,
}


def _rebound(function: types.FunctionType) -> types.FunctionType:
    inner = getattr(function, "__wrapped__", None)
    if inner is not None:
        decorated: types.FunctionType = onelogin.return_false_on_exception(
            _rebound(inner)
        )
        return decorated
    return types.FunctionType(
        function.__code__,
        _SCOPE,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


_Unread = type(
    "_Unread",
    (onelogin.OneLogin_Saml2_Response,),
    {
        name: _rebound(member)
        for name, member in vars(onelogin.OneLogin_Saml2_Response).items()
        if isinstance(member, types.FunctionType)
    },
)


class _Response(_Unread):  # type: ignore[misc, valid-type]
    """python3-saml's Response, which reads values as the standards have them.

    By itself it takes the assertions in Advice (SAML core 2.6.1) for assertions of the
    answer, and white space around an ``xs:anyURI`` for a part of its value.
    """

    def _query_assertion(self, xpath_expr: str) -> list[etree._Element]:
        """Return the nodes that a path finds in the assertion, outside its Advice."""
        found = super()._query_assertion(xpath_expr)
        return [node for node in found if not _is_advice(node)]

    def validate_num_assertions(self) -> bool:
        """Whether there is one assertion, beside those in its Advice."""
        return len(_assertions(self.document)) == 1

    def get_audiences(self) -> list[str]:
        """The audiences of the assertion."""
        return [collapsed(audience) for audience in super().get_audiences()]

    def get_issuers(self) -> list[str]:
        """The Issuers of the Response and of the assertion."""
        return list({collapsed(issuer) for issuer in super().get_issuers()})


def _reason(error: Exception) -> str:
    """python3-saml's name for what is wrong, such as ``WRONG_AUDIENCE``."""
    code = getattr(error, "code", None)
    names = vars(type(error)).items()
    return next(
        (n for n, c in names if n.isupper() and c == code), type(error).__name__
    )
