"""The identity provider in DigiD's place: sign-in, single sign-on and single logout.

The hub is a WSGI app of its own, with its own pages. It stands behind the filters
``session`` and ``trust`` like any participant. What a participant needs too is in
``web``, ``sessions`` or ``saml``.

By module:

``browser_proof``
    By what the browser is known in which a citizen has logged out.
``hub_app``
    The hub as a WSGI app: its options, its addresses, its own page.
``hub_worker``
    What a hub does where no visitor waits for it: it tells again who was not
    reached.
``participant_certificates``
    Which certificates of a hub's participants end soon: told in time, to log and
    metric.
``pending_requests``
    Pending logins: AuthnRequests of participants that the hub has not answered
    yet.
``digid``
    The hub with ``profile = digid``: it does what DigiD does (DIGID.md 1 to 3).
``logout``
    Single logout at the hub: end sessions, notify participants, show the receipt.
``participants``
    What the hub knows of each participant: names, attributes, levels and
    bindings.
``signin``
    Sign a citizen in: by a password and a code, at another hub, or by a
    rehearsal.
``sso``
    Single sign-on at the hub: from an AuthnRequest to the Response.
"""

from eilogin.hub.hub_app import Hub as Hub
from eilogin.hub.hub_app import make_hub as make_hub
