"""POST replay: keep a form whose session has expired, and send it after the login.

Forms with a live session do not belong here. By module:

``kept_forms``
    Store a form for an hour, sealed for its visitor and browser.
``post_replay``
    Keep such a form of a request, and send it again after one click.
"""
