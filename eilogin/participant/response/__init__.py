"""Finish a login: from the hub's Response to a session, or to the page of an error.

What belongs here, by module:

``artifact_resolution``
    What an artifact stands for, fetched from the hub (SAML bindings 3.6).
``assertion_consumer``
    ``/eilogin/acs``: the hub's answer to a login, and what comes of it.
``failed_logins``
    The hub says that there is no login: what the visitor sees, and her way
    back.
``login_errors``
    What a visitor reads where a login, or a page that needs one, ends in an
    error.
``login_restart``
    A login that is lost begins anew, once, by itself.
``name_id_formats``
    Whether a hub names visitors in the format that was asked for.
``pending_responses``
    Answers of a hub that wait until the browser comes for them, and how it
    does.
``required_encryption``
    The option ``require_encryption``: what a hub must not tell in clear text.
``response_intake``
    The hub's answer to a login, from the request that carries it to what was
    signed.
``scoped_values``
    Values with a scope, such as ``anna@stad.nl``, which only the hub of it may
    give.
``session_creation``
    From what the hub signed to a session of this visitor, and on to her page.
"""
