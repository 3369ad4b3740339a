"""A good message of each kind, from which tests and fuzzers depart."""

from eilogin.saml import messages
from eilogin.saml.assurance_levels import DIGID

NOW = 1_767_268_800.0  # 2026-01-01T12:00:00Z
HUB = "https://inloggen.example.nl/metadata"
PARTICIPANT = "https://uwv.example.nl/eilogin/metadata"
ACS = "https://uwv.example.nl/eilogin/acs"
SLO = "https://uwv.example.nl/eilogin/slo"
SSO = "https://inloggen.example.nl/sso"
REQUEST = "_b1e2a3f4"
RESOLVE = "_c5d6e7f8"

ASSERTION = messages.Assertion(
    id="_a1",
    issued=NOW,
    issuer=HUB,
    name_id=messages.NameID("q7Xw2", messages.PERSISTENT),
    recipient=ACS,
    in_response_to=REQUEST,
    confirmation_ends=NOW + 120,
    not_before=NOW - 120,
    not_on_or_after=NOW + 120,
    audiences=((PARTICIPANT,),),
    authn_instant=NOW - 30,
    session_index="_s1",
    session_ends=NOW + 7200,
    level_class=DIGID.class_of("basis"),
    attributes={"naam": ["Merel de Vries"], "urn:oid:2.5.4.42": ["Merel", "Élodie"]},
)
RESPONSE = messages.Response("_r1", NOW, HUB, messages.Status(), REQUEST, ACS)
REFUSAL = messages.Response(
    "_r2",
    NOW,
    HUB,
    messages.Status((messages.RESPONDER, messages.AUTHN_FAILED), "geannuleerd"),
    REQUEST,
    ACS,
)
AUTHN_REQUEST = messages.AuthnRequest(
    REQUEST,
    NOW,
    PARTICIPANT,
    SSO,
    force_authn=True,
    acs_url=ACS,
    level_classes=(DIGID.class_of("midden"),),
    provider_name="UWV",
    consumer_service_index=1,
)
LOGOUT_REQUEST = messages.LogoutRequest(
    "_l1",
    NOW,
    HUB,
    messages.NameID("q7Xw2", messages.PERSISTENT),
    SLO,
    session_indexes=("_s1", "_s2"),
    not_on_or_after=NOW + 300,
    is_asynchronous=True,
)
LOGOUT_RESPONSE = messages.LogoutResponse(
    "_l2", NOW, HUB, messages.Status(), "_l0", SLO
)
ARTIFACT_RESOLVE = messages.ArtifactResolve(
    RESOLVE,
    NOW,
    PARTICIPANT,
    "AAQAAMh48/1oXIM+sDo7Dh2qMp1HM4IF5DaRNmDj6RdUmllwn9jJHyEgIi8=",
)
ARTIFACT_RESPONSE = messages.ArtifactResponse(
    "_ar1", NOW, HUB, messages.Status(), RESOLVE
)
