"""``eilogin keys``: make, list and check the keys of a site, and list their dates.

* ``new_key``: ``eilogin keys new`` plans the next key, and prints the steps.
* ``new_key_files``: writes a key, its certificate, and the folder of keys.
* ``key_calendar``: ``eilogin keys calendar`` lists dates of keys and certificates.
* ``key_list``: ``eilogin keys list`` lists the keys, and the use of each now.
* ``key_ready``: ``eilogin keys ready`` checks whether peers know the keys.
* ``site_arguments``: reads the site for commands with FILE and --section.
"""
