"""Single sign-on at the hub: from an AuthnRequest to the Response.

What belongs here, by module:

``activity_intake``
    Activity reports: a participant reports to the hub that a visitor is active
    there.
``authn_request_intake``
    From an AuthnRequest, whose signature holds, to a question that can be
    answered.
``response_writing``
    The answer to a question as XML: a login, or why there is none (SAML core
    3.3.3).
``single_sign_on``
    Single sign-on at the hub: from an AuthnRequest to the answer that leaves.
"""
