"""The local entity: its names, addresses, keys and the options that declare them.

What belongs here, by module:

``accent_colours``
    The accent colour of a site: its shades in both themes, and their contrast.
``accessibility``
    The content of the accessibility statement, from the options.
``appearance``
    The types of the options ``logo``, ``accent`` and ``footer``.
``key_folder``
    The keys of a folder as they are there now: a key that is put there needs no
    restart.
``local_entity``
    This party's own identity: its names, its key, and its addresses.
``local_keys``
    Our own keys: which of them has its turn, by the date at each use.
``local_options``
    The options that say who we are, and what comes of them: :class:`Own`.
``option_values``
    What options say about a federation: their lines, read into values.
"""
