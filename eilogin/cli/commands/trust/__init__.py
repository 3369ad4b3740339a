"""``eilogin trust``: the active metadata of a site, and its pending changes.

``trust_command``
    The group of these commands, and each command.
``trust_decisions``
    Approve or reject pending changes.
``site_refresh``
    ``eilogin trust refresh``: fetch the sources of a site now.
``trust_reports``
    The active metadata and the pending changes, in words.
``trust_sites``
    The sites of an ini file that keep a state of their federation.
"""
