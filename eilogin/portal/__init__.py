"""The portal in MijnOverheid's place: the federation's services, as tiles.

What belongs here: the WSGI app ``egg:eilogin#portal`` and its page. It stands behind
a participant's filters and is a participant like any other.
"""

from eilogin.portal.portal_app import make_portal as make_portal
