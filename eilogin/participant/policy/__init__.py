"""Decide which path of a site needs which login.

* ``attribute_access``: refuse visitors by attributes.
* ``attribute_conditions``: conditions on attributes in a rule.
* ``multipart_heads``: the heads of a form with files (RFC 7578).
* ``path_limits``: ``idle=`` and ``max_age=``.
* ``path_rules``: find the rule of a request.
* ``path_variants``: all readings of a path.
* ``rule_lines``: parse one line of ``protect``.
* ``strictest_rule``: ``PathRule``, and the strictest of several rules.
* ``zope_paths``: paths and forms of Zope (``path_style = zope``).
"""
