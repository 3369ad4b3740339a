"""The portal in MijnOverheid's place: the federation's services, as tiles.

What belongs here: the WSGI app ``egg:eilogin#portal`` and its page. It stands behind
a participant's filters and is a participant like any other.

By module:

``portal_app``
    The page from which a citizen goes to every service: ``egg:eilogin#portal``.
``portal_services``
    The services of the federation as the portal lists them.
``service_reachability``
    Services that are not reachable at the moment, as far as this server knows.
``visited_services``
    The services that a visitor went to last, kept in a cookie of the portal.
"""

from eilogin.portal.portal_app import make_portal as make_portal
