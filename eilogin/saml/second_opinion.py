"""The call to python3-saml, which checks each Response a second time.

Our own checks come first, and are complete. python3-saml checks the same octets with
other code and xmlsec, so one fault does not let anybody in. It does not suffice alone:
it does not limit its input, and xmlsec runs the transforms of a signature before it
verifies it. One XSLT could hold a thread for hours.
:func:`eilogin.saml.xml_signatures.check_structure` rejects it first.

python3-saml cannot check a Response that only a signed ArtifactResponse covers, nor
encrypted attributes. It decrypts an assertion inside the tree, where prefixes change
and valid signatures break (sources.rst, Peers).
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
    """The settings of python3-saml for the two parties, made once."""

    entity_id: str
    #: The participant's AssertionConsumerService.
    acs_url: str
    hub_entity_id: str
    hub_sso_url: str
    #: Base64 of DER.
    hub_certificates: Sequence[str] = field(repr=False)

    def confirm(self, octets: bytes, request_id: str) -> None:
        """Have python3-saml check a Response that our own checks have accepted.

        ``octets`` are an unchanged samlp:Response document: by POST, or by
        :func:`standalone`. Raises OpinionsDiffer, with python3-saml's reason, for a
        rejection.
        """
        try:
            sparingly(lambda: self._check(octets, request_id), len(octets))
        except (Busy, Warning):
            # These are no rejection. With PYTHONWARNINGS=error, a Warning is an
            # exception.
            raise
        except Exception as error:  # noqa: BLE001 (whatever it raises, it is no yes)
            # Its own text may quote values.
            raise OpinionsDiffer(
                f"python3-saml rejects a message that eilogin accepts: {_reason(error)}"
            ) from None

    def _check(self, octets: bytes, request_id: str) -> None:
        response = _Response(self._settings, base64.b64encode(octets))
        response.is_valid(self._request, request_id, raise_exceptions=True)

    @cached_property
    def _request(self) -> dict[str, str]:
        # Our own address, never a Host header.
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
                    # A Response needs no attributes. The hub signs Response or
                    # assertion; without either, the Response is rejected.
                    "wantAttributeStatement": False,
                    "requestedAuthnContext": False,
                },
            }
        )


def can_judge(response: etree._Element) -> bool:
    """Whether python3-saml can check a samlp:Response.

    The Response or its assertion must be signed itself, and nothing encrypted except in
    Advice, which nobody decrypts.
    """
    if _encrypted(response):
        return False
    assertions = response.findall(q("saml:Assertion"))
    return any(is_signed(element) for element in (response, *assertions))


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
    """Return the Response in an ArtifactResponse as a document of its own.

    It keeps every namespace in scope, so signatures inside stay valid.
    """
    return serialize(response)


# --- python3-saml, with schemas and XPaths compiled once ------------------------------


class _CompiledXML(onelogin.OneLogin_Saml2_XML):  # type: ignore[misc]
    @staticmethod
    def validate_xml(xml: Any, schema: str, debug: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Return the element, or a text if it is invalid, as the original does."""
        name = schema.removeprefix("saml-schema-").removesuffix("-2.0.xsd")
        try:
            validate(xml, name)
        except MalformedMessage:
            return "invalid_xml"
        return xml

    @staticmethod
    def query(dom: Any, query: str, context: Any = None, tagid: Any = None) -> Any:
        """Return the nodes that ``query`` finds; ``tagid`` is a variable in it."""
        source = dom if context is None else context
        path = _path(query)
        return path(source) if tagid is None else path(source, tagid=tagid)


@lru_cache(maxsize=100)
def _path(query: str) -> etree.XPath:
    return etree.XPath(query, namespaces=onelogin.OneLogin_Saml2_Constants.NSMAP)


class _LenientUtils(onelogin.OneLogin_Saml2_Utils):  # type: ignore[misc]
    """python3-saml's utilities, with our skew instead of 300 or 0 seconds."""

    @staticmethod
    def now() -> int:
        """Return the present instant, less our skew."""
        # The original calls utcnow, which warns since Python 3.12.
        return int(clock.now() - SKEW)

    @staticmethod
    def parse_SAML_to_time(timestr: str) -> int:  # noqa: N802 - its name
        """Parse an instant without its fraction; strptime takes eight times as long."""
        return math.floor(read_instant(timestr))


# Two names in the functions of ``OneLogin_Saml2_Response`` are bound to ours: for each
# message, the original compiles the schema again, in half of its time, and each XPath.
# Nothing changes in place for an application that uses python3-saml.
_SCOPE = {
    **vars(onelogin),
    "OneLogin_Saml2_XML": _CompiledXML,
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


_ReboundResponse = type(
    "_ReboundResponse",
    (onelogin.OneLogin_Saml2_Response,),
    {
        name: _rebound(member)
        for name, member in vars(onelogin.OneLogin_Saml2_Response).items()
        if isinstance(member, types.FunctionType)
    },
)


class _Response(_ReboundResponse):  # type: ignore[misc, valid-type]
    """python3-saml's Response, with values as the standards define them.

    The original counts assertions in Advice too (SAML core 2.6.1), and does not strip
    the white space around an ``xs:anyURI``.
    """

    def _query_assertion(self, xpath_expr: str) -> list[etree._Element]:
        """Return the nodes of a path in the assertion, outside its Advice."""
        nodes = super()._query_assertion(xpath_expr)
        return [node for node in nodes if not _is_advice(node)]

    def validate_num_assertions(self) -> bool:
        """Whether there is one assertion, outside Advice."""
        return len(_assertions(self.document)) == 1

    def get_audiences(self) -> list[str]:
        """Return the audiences of the assertion."""
        return [collapsed(audience) for audience in super().get_audiences()]

    def get_issuers(self) -> list[str]:
        """Return the Issuers of the Response and of the assertion."""
        return list({collapsed(issuer) for issuer in super().get_issuers()})


def _reason(error: Exception) -> str:
    code = getattr(error, "code", None)
    names = vars(type(error)).items()
    return next(
        (n for n, c in names if n.isupper() and c == code), type(error).__name__
    )
