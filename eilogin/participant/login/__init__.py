"""Start a login: from a page without a session to the AuthnRequest at the hub.

* ``authn_requests``: send the browser to the hub.
* ``cancelled_login``: return a visitor who cancelled.
* ``hub_choice``: choose the hub of a login.
* ``hub_key_probe``: find out whether a hub accepts a key.
* ``hub_reachability``: check that a hub is reachable.
* ``idle_end_reason``: report that the session was idle.
* ``login_address``: ``/eilogin/login`` and ``/eilogin/discovery``.
* ``login_required``: answer a request without a login.
* ``passive_login``: ask the hub with IsPassive.
* ``pending_logins``: sealed cookies from AuthnRequest to Response.
* ``return_targets``: check the page to which a visitor returns.
"""
