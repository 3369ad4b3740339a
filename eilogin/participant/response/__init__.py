"""From the Response of the hub to a session, or to the page of an error.

Pending logins and AuthnRequests are :mod:`eilogin.participant.login`.

``artifact_resolution``
    Resolves an artifact to a Response at the hub (SAML bindings 3.6).
``assertion_consumer``
    The AssertionConsumerService ``/eilogin/acs``.
``failed_logins``
    Pages and redirects after a login that failed.
``login_errors``
    Error pages of a login, and of a page that needs one.
``login_restart``
    Starts a lost login again, once.
``name_id_formats``
    Checks the format of a NameID.
``pending_responses``
    Keeps a Response until the browser fetches it.
``required_encryption``
    The option ``require_encryption``.
``response_intake``
    Receives a Response and verifies it.
``scoped_values``
    Drops attribute values with a foreign scope.
``session_creation``
    Creates the session and redirects to the page.
"""
