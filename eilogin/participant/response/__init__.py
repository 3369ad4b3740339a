"""The end of a login: from the hub's Response to a session, or to an error page.

``artifact_resolution``
    Resolves an artifact to a Response at the hub (SAML bindings 3.6).
``assertion_consumer``
    The AssertionConsumerService ``/eilogin/acs``.
``failed_logins``
    Pages and redirects after a login that failed.
``login_errors``
    The pages of errors of a login.
``login_restart``
    Starts a lost login again, once.
``name_id_formats``
    Checks the format of a NameID.
``pending_responses``
    Responses that wait until the browser fetches them.
``required_encryption``
    The option ``require_encryption``.
``response_intake``
    Receives a Response, and verifies it.
``scoped_values``
    Drops attribute values with a foreign scope.
``session_creation``
    Creates the session, and redirects to the page.
"""
