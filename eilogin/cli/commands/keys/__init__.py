"""``eilogin keys``: make, list and check the keys of a site.

``keys_command``
    The group of these commands.
``new_key``
    ``eilogin keys new``: plan the next key, and print the steps.
``new_key_files``
    Write a key, its certificate, and the folder with the keys of a site.
``key_check``
    ``eilogin keys ready``: check whether peers know the keys.
``key_calendar``
    ``eilogin keys calendar``: the dates of keys and certificates.
``key_list``
    ``eilogin keys list``: the keys, and the use of each now.
``site_arguments``
    The arguments that commands for one site share.
"""
