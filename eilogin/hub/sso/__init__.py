"""Single sign-on at the hub: from an AuthnRequest to the Response.

* ``activity_intake``: The address for activity reports of participants.
* ``artifact_endpoint``: Artifacts, and the ArtifactResponse for each.
* ``artifact_resolving``: The address ``/artifact``.
* ``authn_request_intake``: Check an AuthnRequest; find where the Response goes.
* ``existing_session_page``: The page before the Response about the session.
* ``participant_request``: An AuthnRequest with the metadata of its issuer.
* ``response_delivery``: Send a Response by POST, or by an artifact for it.
* ``response_writing``: Write, sign and encrypt the Response and its Assertion.
* ``session_reuse``: Decide whether a session satisfies an AuthnRequest.
* ``single_sign_on``: The address ``/sso``: from an AuthnRequest to its Response.
* ``sso_steps``: The steps of single sign-on that differ between profiles.
"""
