"""Refresh the metadata of the federation while a site runs.

* ``active_metadata``: the active state, its sources and copies.
* ``metadata_refresh``: refreshes the active state, member by member.
* ``option_changes``: activates the earlier metadata under new options.
* ``refresh_process``: refreshes in a process of its own.
* ``refresh_schedule``: starts refreshes when due, and uses a new state.
* ``refresh_tries``: when eilogin tries again.
* ``source_records``: the record of each source.
* ``usable_hubs``: the hubs that new metadata must have.
"""
