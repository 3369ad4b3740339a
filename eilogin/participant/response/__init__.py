"""From the Response of the hub to a session, or to the page of an error.

* ``artifact_resolution``: resolves an artifact (SAML bindings 3.6).
* ``assertion_consumer``: ``/eilogin/acs``.
* ``failed_logins``: answers after a login that failed.
* ``login_errors``: error pages of a login.
* ``login_restart``: starts a lost login again, once.
* ``name_id_formats``: checks the format of a NameID.
* ``pending_responses``: keeps a Response until the browser fetches it.
* ``required_encryption``: the option ``require_encryption``.
* ``response_intake``: receives a Response and verifies it.
* ``scoped_values``: drops values with a foreign scope.
* ``session_creation``: creates the session.
"""
