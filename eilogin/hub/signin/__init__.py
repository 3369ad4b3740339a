"""Sign a citizen in: by a password and a code, at another hub, or by a rehearsal.

What belongs here, by module:

``citizens``
    The citizens whom the hub's own sign-in knows: a JSON file, read at start.
``code_step_up``
    A step-up by the code alone, for a visitor who has proven the password
    before.
``known_browsers``
    The browsers in which a citizen has signed in before.
``password_signin``
    The hub's own sign-in: a username, a password and, for a higher level, a
    code.
``rehearsal``
    The answers that a tester chooses, to see what a connection makes of them.
``signin_attempts``
    The tries at passwords and codes, counted over all processes of the hub.
``upstream_signin``
    A sign-in that is taken from another hub: this one stands behind a
    participant.
"""
