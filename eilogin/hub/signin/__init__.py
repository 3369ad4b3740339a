"""Sign a citizen in: by a password and a code, at another hub, or by a rehearsal.

* ``citizen_accounts``: The citizens; the check of a password and a code.
* ``code_step_up``: A step-up by the code alone, after a sign-in with the password.
* ``credential_check``: Check a sign-in form, within the limits for attempts.
* ``hashing_threads``: Threads for the hashes of passwords.
* ``hub_login_service``: The hub as the LoginService of a request.
* ``known_browsers``: The cookie of a browser in which a citizen has signed in before.
* ``password_signin``: The address of the sign-in page: read its form, make the session.
* ``rehearsal``: Faulty Responses that a tester chooses.
* ``signin_attempts``: Limits of the attempts at passwords and codes.
* ``signin_page``: Show the sign-in page.
* ``signin_request``: A sign-in with the AuthnRequest that it is for.
* ``upstream_signin``: Sign-in at another hub, as its participant.
"""
