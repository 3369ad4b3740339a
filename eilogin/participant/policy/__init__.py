"""Decide which path of a site needs which login.

What belongs here, by module:

``attribute_access``
    Who is kept out by what the hub told of her, or did not tell.
``attribute_conditions``
    What a line of ``protect`` says of attributes: what the hub must have told
    of her.
``multipart_heads``
    The heads of the parts of a form with files (``multipart/form-data``, RFC
    7578).
``path_limits``
    Stricter limits of some paths: ``idle=`` and ``max_age=`` in a line of
    ``protect``.
``path_rules``
    Who may see which path: the lines of ``protect``, and the rule that holds.
``path_variants``
    Paths as the application will read them, in each of the ways in which it
    may.
``zope_paths``
    What is particular to an application that runs in Zope (``path_style =
    zope``).
"""
