"""The WSGI filters, one a module; they meet only in the ini file and in environ.

A filter decides, and has options and a PasteDeploy factory. Code that two filters
share does not belong here, but in ``participant``, ``web`` or below.

``appsession``
    Gives the application a session of its own, which ends with the login.
``appsession_options``
    The options of ``appsession``.
``identity``
    Tells the application who the visitor is, and removes forged identities.
``identity_options``
    The options of ``identity``, and the sources of an identity.
``login``
    Sends anonymous visitors to the hub, and receives the Response.
``login_options``
    The options of ``login``.
``logout``
    Starts and receives logouts.
``logout_options``
    The options of ``logout``.
``participant``
    All filters of a participant in the right order, from one section.
``session``
    Finds the visitor's session, applies its limits, and puts it in environ.
``session_options``
    The options of ``session``.
``trust``
    Holds the federation, and publishes the metadata of this participant.
"""
