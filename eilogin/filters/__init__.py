"""The WSGI filters, one a module; they meet only in the ini file and in environ.

A filter decides, and has options and a PasteDeploy factory. Code that two filters share
belongs in ``participant``, ``web`` or below.

* ``appsession``: gives the application a session, which ends with the login.
* ``appsession_options``: the options of ``appsession``.
* ``identity``: tells the application who the visitor is.
* ``identity_options``: the options of ``identity``, and the sources of an identity.
* ``login``: sends anonymous visitors to the hub, and receives the Response.
* ``login_options``: the options of ``login``.
* ``logout``: starts and receives logouts.
* ``logout_options``: the options of ``logout``.
* ``participant``: all filters of a participant, from one section.
* ``session``: finds the visitor's session, and applies its limits.
* ``session_options``: the options of ``session``.
* ``trust``: holds the federation, and publishes this participant's metadata.

The options of ``trust`` are in ``federation.members.trust_options`` and its bases.
"""
