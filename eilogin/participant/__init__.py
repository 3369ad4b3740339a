"""A participant: access to its paths, the login at the hub, the logout, and the rest.

This package and the hub import nothing of each other, only ``web``.

* ``digid_profile``: the rules of ``profile = digid`` (DigiD 1 to 6 and 8).
* ``access_control``: decides whether a request may pass to the application.
* ``inner_hub``: passes logouts to a hub inside the filters.
* ``inner_hub_logouts``: notes logouts that such a hub has not delivered.
* ``inner_logout``: the filter ``logout``, as ``login`` around it calls it.
* ``logout_hint``: a cookie with which a browser can log out at its hub.
* ``session_end``: ends a session here without a logout.
* ``shared_trust_decisions``: shares decisions among nodes.
* ``subject_names``: identifies a visitor by NameID or attribute.
* ``application``: the application's cookies, sessions and logout.
* ``expiry``: the warning before a session ends, and the keep-alive.
* ``forms``: POST replay.
* ``injection``: adds one element to a page while it streams.
* ``login``: from a page without a session to the AuthnRequest.
* ``logout``: single logout: started here, received, and retried.
* ``policy``: decides which path needs which login.
* ``response``: from the Response to a session, or to an error page.
"""
