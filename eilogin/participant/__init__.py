"""A participant: access to its paths, the login at the hub, the logout, and the rest.

The filters of a participant decide when to call this package. It imports nothing of the
hub, and the hub imports nothing of it. Code that both need is in ``web``.

By module:

``digid_profile``
    The rules of ``profile = digid`` at a participant (DigiD 1 to 6 and 8).
``guard``
    Decides whether a visitor may pass to a page, and answers otherwise.
``inner_hub``
    Passes logouts to a hub inside the filters.
``inner_hub_logouts``
    Notes logouts that a hub inside has not delivered to all its participants.
``logout_hint``
    The logout hint: a sealed cookie with which a browser can log out at its hub.
``session_end``
    Ends the session of a visitor here without a logout.
``shared_trust_decisions``
    Shares decisions on changes of the federation among the nodes of a site.
``subject_names``
    Identifies a visitor by the NameID, or by an attribute instead.
``application``
    The application behind the filters: its cookies, its sessions and its own logout.
``expiry``
    The end of a session in time: the warning before it, and the keep-alive.
``forms``
    POST replay: keeps a form whose session has expired, and sends it after login.
``injection``
    Adds one element to a page of the application while it streams.
``login``
    Starts a login: from a page without a session to the AuthnRequest at the hub.
``logout``
    Single logout at a participant: started here, received, and retried.
``policy``
    Decides which path of a site needs which login.
``response``
    Finishes a login: from the hub's Response to a session, or to an error page.
"""
