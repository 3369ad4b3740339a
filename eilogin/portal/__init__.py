"""The portal in MijnOverheid's place: the federation's services, as tiles.

The WSGI app ``egg:eilogin#portal`` stands behind a participant's filters.

* ``portal_app``: the page with every service.
* ``portal_services``: the services as the portal lists them.
* ``service_reachability``: services that are not reachable now.
* ``visited_services``: the last visited services, in a cookie.
"""

from eilogin.portal.portal_app import make_portal as make_portal
