"""Start a login: from a page without a session to the AuthnRequest at the hub.

The Response of the hub is the job of ``response``. By module:

``authn_requests``
    Send the browser to the hub with an AuthnRequest.
``cancelled_login``
    Return a visitor who cancelled to the page where the login began.
``hub_choice``
    Choose the hub of a login, by page, cookie or discovery service.
``hub_key_probe``
    Find out whether a hub accepts a signing key of this site.
``hub_reachability``
    Check that a hub is reachable before the visitor is sent to it.
``idle_notice``
    Tell the visitor and the hub that the session was idle for too long.
``login_address``
    The addresses ``/eilogin/login`` and ``/eilogin/discovery``.
``login_required``
    Answer a request for a page whose login is missing.
``passive_login``
    Ask the hub with IsPassive whether it knows an anonymous visitor.
``pending_logins``
    Pending logins: sealed cookies from the AuthnRequest to the Response.
``return_targets``
    Check the page of this site to which a visitor returns.
"""
