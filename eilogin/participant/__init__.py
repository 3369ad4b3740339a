"""A participant: who may see a path, the login at the hub, the logout, and the rest.

The filters of a participant call this package; they decide when. It imports nothing of
the hub, as the hub imports nothing of it. What both need is in ``web``.

By module:

``digid_profile``
    What ``profile = digid`` is at a participant (DigiD 1 to 6 and 8).
``guard``
    Who may pass to a page: what its rule needs, and what is answered in its
    place.
``inner_hub``
    A hub that stands inside of our filters, and has its citizens signed in by
    them.
``inner_hub_logouts``
    Logouts of somebody of which not all at a hub inside may know.
``logout_hint``
    The logout hint: a sealed cookie with which a browser can log out at its hub.
``session_end``
    End the session of a visitor here, though nobody has logged out.
``shared_trust_decisions``
    Decisions on changes of the federation, which all nodes of a site share.
``subject_names``
    Who somebody is here: her NameID, or an attribute that serves in its place.
``application``
    The application behind the filters: its cookies, its sessions and its own
    logout.
``expiry``
    The end of a session in time: the warning before it, and what keeps it alive.
``forms``
    POST replay: keep a form whose session has expired, and send it after the
    login.
``injection``
    Add one element to a page of the application while it streams by.
``login``
    Start a login: from a page without a session to the AuthnRequest at the hub.
``logout``
    Single logout at a participant: started here, received, and retried.
``policy``
    Decide which path of a site needs which login.
``response``
    Finish a login: from the hub's Response to a session, or to the page of an
    error.
"""
