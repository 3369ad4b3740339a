"""Single sign-on at the hub: from an AuthnRequest to the Response.

How a visitor proves who they are is in ``signin``. The modules:

``activity_intake``
    The address for activity reports of participants.
``artifact_endpoint``
    Artifacts, and the ArtifactResponse for each.
``authn_request_intake``
    Check an AuthnRequest, and find where the Response goes.
``response_writing``
    Write, sign and encrypt the Response and its Assertion.
``session_reuse``
    Decide whether a session satisfies an AuthnRequest.
``single_sign_on``
    The addresses ``/sso`` and ``/artifact``.
"""
