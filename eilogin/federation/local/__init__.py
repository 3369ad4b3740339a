"""The local entity: its names, addresses, keys and the options that declare them.

Nothing about other members belongs here. Modules:

``accent_colours``
    The accent colour of a site: its shades in both themes, and their contrast.
``accessibility``
    The content of the accessibility statement, from the options.
``appearance``
    The types of the options ``logo``, ``accent`` and ``footer``.
``key_folder``
    A folder of keys that may change while a site runs.
``local_entity``
    :class:`Own`: names, keys and addresses of this entity.
``local_keys``
    Our own keys, and which of them signs at a given date.
``local_options``
    The options of the local entity.
``profiles``
    The interfaces that an entity can follow, SAML or DigiD: what differs in each.
``option_values``
    Convert the lines of federation options into values.
``site_options``
    The options that say how a site presents itself.
"""
