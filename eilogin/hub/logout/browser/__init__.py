"""Notify participants of a logout through the citizen's browser.

What belongs here, by module:

``browser_logout``
    Telling participants of a logout through the citizen's browser (SAML
    profiles 4.4).
``logout_frames``
    Telling participants of a logout in hidden frames of one page of the hub.
``logout_redirects``
    Telling participants of a logout one after another, in the citizen's own
    window.
``upstream_logout``
    Telling participants of a logout from above, in the browser that brings it.
"""
