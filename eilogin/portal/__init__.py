"""The portal in MijnOverheid's place: the federation's services, as tiles.

The WSGI app ``egg:eilogin#portal`` stands behind a participant's filters and is a
participant like any other. The modules:

``portal_app``
    The page from which a citizen goes to every service.
``portal_services``
    The services of the federation as the portal lists them.
``service_reachability``
    Services that are not reachable at the moment.
``visited_services``
    The services that a visitor went to last, in a cookie of the portal.
"""

from eilogin.portal.portal_app import make_portal as make_portal
