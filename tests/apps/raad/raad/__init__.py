"""An add-on of a Plone site: what the manual has against acquisition, and two views."""
