"""The identity provider in DigiD's place: sign-in, federation session, logout.

What belongs here: the hub as a WSGI app of its own and its pages. What does not: what
a participant needs too (``web``, ``sessions``, ``saml``); the hub stands behind the
filters ``session`` and ``trust`` like any participant.
"""

from eilogin.hub.hub_app import Hub as Hub
from eilogin.hub.hub_app import make_hub as make_hub
