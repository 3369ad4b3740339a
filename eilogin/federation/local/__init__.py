"""The local entity: its names, addresses, keys and the options that declare them.

* ``accent_colours``: the accent colour, its shades and contrast.
* ``accessibility``: the accessibility statement.
* ``appearance``: types of the options ``logo``, ``accent`` and ``footer``.
* ``key_folder``: a folder of keys that may change.
* ``local_entity``: :class:`Own`, this entity.
* ``local_keys``: our keys, and which of them signs at a given date.
* ``local_options``: the options of the local entity.
* ``option_values``: types of options of ``trust``, such as durations and levels.
* ``profiles``: the differences between SAML and DigiD.
* ``site_options``: the options for what visitors see.
"""
