"""An example of each SAML message, and edits of its XML."""

from lxml import etree

from eilogin.saml.messages import (
    PARTIAL_LOGOUT,
    PERSISTENT,
    RESPONDER,
    ActivityReport,
    ArtifactResolve,
    ArtifactResponse,
    Assertion,
    AuthnRequest,
    LogoutRequest,
    LogoutResponse,
    NameID,
    Response,
    Status,
)
from eilogin.saml.safe_xml import q

NOW = 1_767_268_800.0
HUB = "https://inloggen.example.nl/metadata"
UWV = "https://uwv.example.nl/eilogin/metadata"
BASIS = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
AUTHN_REQUEST = AuthnRequest(
    id="_q1",
    issued=NOW,
    issuer=UWV,
    destination="https://inloggen.example.nl/sso",
    force_authn=True,
    is_passive=True,
    acs_url="https://uwv.example.nl/eilogin/acs",
    protocol_binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    comparison="exact",
    level_classes=(BASIS,),
    name_id_format=PERSISTENT,
    allow_create=False,
    provider_name="UWV",
    consumer_service_index=2,
)
ASSERTION = Assertion(
    id="_a1",
    issued=NOW,
    issuer=HUB,
    name_id=NameID("q7Xw2", PERSISTENT, HUB, UWV),
    recipient="https://uwv.example.nl/eilogin/acs",
    in_response_to="_q1",
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=((UWV, HUB), (UWV,)),
    authn_instant=NOW - 0.5,
    session_index="_s1",
    session_ends=NOW + 7200,
    level_class=BASIS,
    attributes={"naam": ["Merel"], "urn:oid:2.5.4.42": ["Merel", "Élodie", ""]},
)
RESPONSE = Response("_r1", NOW, HUB, Status(), "_q1", "https://uwv.example.nl/acs")
LOGOUT_REQUEST = LogoutRequest(
    id="_l1",
    issued=NOW,
    issuer=HUB,
    name_id=NameID("q7Xw2"),
    destination="https://uwv.example.nl/eilogin/slo",
    session_indexes=("_s1", "_s2"),
    not_on_or_after=NOW + 120,
    reason="urn:oasis:names:tc:SAML:2.0:logout:user",
)
LOGOUT_RESPONSE = LogoutResponse(
    "_m1", NOW, UWV, Status((RESPONDER, PARTIAL_LOGOUT), "niet overal"), "_l1", HUB
)
ACTIVITY_REPORT = ActivityReport("_a1", NOW, UWV, NameID("q7"), "_s1", NOW - 90, HUB)
ARTIFACT_RESOLVE = ArtifactResolve("_x1", NOW, UWV, "AAQAAA==", HUB)
ARTIFACT_RESPONSE = ArtifactResponse("_y1", NOW, HUB, Status(), "_x1")


def extensions(name):
    extensions = etree.Element(q("samlp:Extensions"))
    etree.SubElement(extensions, name)
    return extensions


def drop(path):
    def edit(assertion):
        element = assertion.find(path)
        element.getparent().remove(element)

    return edit


def double(path):
    def edit(assertion):
        element = assertion.find(path)
        element.addnext(element.__copy__())

    return edit
