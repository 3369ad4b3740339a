"""Notify participants of a logout through the visitor's browser.

Elsewhere belong messages over SOAP (``logout_propagation``) and the endpoints
(``single_logout``). By module:

``browser_logout``
    The common part of both ways (SAML profiles 4.4).
``logout_frames``
    Notify participants in hidden frames of one page of the hub.
``logout_redirects``
    Notify participants one after another, in the visitor's own window.
``upstream_logout``
    Notify participants of a logout from above, in the browser that brings it.
"""
