"""``eilogin trust``: the active metadata of a site, and its pending changes.

* ``trust_command``: the commands.
* ``trust_decisions``: approves or rejects pending changes.
* ``site_refresh``: ``eilogin trust refresh`` fetches the sources of a site now.
* ``trust_reports``: describes the active metadata and the pending changes.
* ``trust_sites``: the sites of an ini file that keep a state of their federation.
"""
