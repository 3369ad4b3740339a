"""Decide which path of a site needs which login.

The answer to a request that lacks this login is the job of ``login``. By module:

``attribute_access``
    Refuse visitors by the attributes that the hub sent.
``attribute_conditions``
    Conditions on attributes in a line of ``protect``.
``multipart_heads``
    Read the heads of the parts of a form with files (RFC 7578).
``path_limits``
    The limits ``idle=`` and ``max_age=`` of a line of ``protect``.
``path_rules``
    Find the rule of a request among the lines of ``protect``.
``path_variants``
    List all readings of a path that an application may use.
``rule_lines``
    Parse one line of ``protect``.
``strictest_rule``
    The rule of a path, and the strictest of several rules.
``zope_paths``
    Paths and forms of an application in Zope (``path_style = zope``).
"""
